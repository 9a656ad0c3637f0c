//! One server of Postmark under several names here: it is polled so often, and told of so often.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::commands::doctor::check::Check;
use crate::config::ServerConfig;

const NAME: &str = "same_server";

/// Names each of Postmark's numbers that several watched servers share. Those that watch no stream in common may be meant so:
/// two teams, each with its streams and its channel.
pub(crate) fn checks(watched: &[(i64, Arc<ServerConfig>)]) -> Vec<Check> {
    let mut by_id: BTreeMap<i64, Vec<&ServerConfig>> = BTreeMap::new();
    for (id, server) in watched {
        by_id.entry(*id).or_default().push(server);
    }
    let shared = by_id.into_iter().filter(|(_, of)| {
        let mut each = of.iter().enumerate();
        each.any(|(place, a)| of[..place].iter().any(|b| overlap(a, b)))
    });
    shared.map(|(id, of)| told(id, &of)).collect()
}

fn told(id: i64, of: &[&ServerConfig]) -> Check {
    let names: Vec<&str> = of.iter().map(|server| server.name.0.as_str()).collect();
    let text = format!(
        "{} are one server of Postmark (id {id}): it is polled {} times, and so often is told what is wrong there",
        names.join(", "),
        of.len()
    );
    let remedy =
        "take out all [[server]] but one, or check whether one of them was to have another token";
    Check::warn(NAME, text, remedy)
}

/// Whether both watch a stream in common.
fn overlap(a: &ServerConfig, b: &ServerConfig) -> bool {
    match (&a.streams, &b.streams) {
        (Some(a), Some(b)) => a.iter().any(|id| b.contains(id)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TokenSource;
    use crate::model::StreamId;

    fn server(id: i64, name: &str, streams: &[&str]) -> (i64, Arc<ServerConfig>) {
        let mut server = ServerConfig::new(name, TokenSource::Account(None));
        let ids = streams.iter().map(|id| StreamId((*id).to_owned()));
        server.streams = (!streams.is_empty()).then(|| ids.collect());
        (id, Arc::new(server))
    }

    fn lines(watched: &[(i64, Arc<ServerConfig>)]) -> Vec<String> {
        checks(watched).iter().map(Check::to_line).collect()
    }

    #[test]
    fn one_server_under_two_names_is_told_unless_each_has_its_own_streams() {
        let shop = server(1, "shop", &[]);
        assert_eq!(lines(&[shop.clone(), server(2, "blog", &[])]), [""; 0]);
        let told = lines(&[
            shop,
            server(2, "blog", &[]),
            server(1, "store", &["outbound"]),
        ]);
        assert_eq!(told.len(), 1);
        assert!(
            told[0].starts_with("! shop, store are one server of Postmark (id 1)"),
            "{told:?}"
        );
        let apart = [server(1, "a", &["outbound"]), server(1, "b", &["receipts"])];
        assert_eq!(lines(&apart), [""; 0]);
    }
}
