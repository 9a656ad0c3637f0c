//! One Postmark server under several names here, which is polled and reported once for each.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::commands::doctor::check::Check;
use crate::config::ServerConfig;

const NAME: &str = "same_server";

/// Returns a warning for each Postmark server that several configured ones share, unless they have no stream in common: two
/// teams may each watch their streams and have their channel.
pub(crate) fn checks(watched: &[(i64, Arc<ServerConfig>)]) -> Vec<Check> {
    let mut by_id: BTreeMap<i64, Vec<&ServerConfig>> = BTreeMap::new();
    for (id, server) in watched {
        by_id.entry(*id).or_default().push(server);
    }
    let shared = by_id.into_iter().filter(|(_, of)| {
        let mut pairs = of.iter().enumerate();
        pairs.any(|(index, a)| of[..index].iter().any(|b| overlap(a, b)))
    });
    shared
        .map(|(id, servers)| duplicate_check(id, &servers))
        .collect()
}

fn duplicate_check(id: i64, servers: &[&ServerConfig]) -> Check {
    let names: Vec<&str> = servers.iter().map(|s| s.name.0.as_str()).collect();
    let (last, first) = names.split_last().unwrap_or((&"", &[][..]));
    let times = match names.len() {
        2 => "twice".to_owned(),
        times => format!("{times} times"),
    };
    let text = format!(
        "{} and {last} are the same Postmark server (id {id}): it is polled {times} and alerts are duplicated",
        first.join(", ")
    );
    let remedy = "keep one of these [[server]], or correct the token of the others";
    Check::warn(NAME, text, remedy)
}

fn overlap(a: &ServerConfig, b: &ServerConfig) -> bool {
    let both = |id| a.watches(id) && b.watches(id);
    let named = a.streams.as_ref().or(b.streams.as_ref());
    named.is_none_or(|ids| ids.iter().any(both))
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
    fn one_server_under_two_names_warns_unless_each_has_its_own_streams() {
        let shop = server(1, "shop", &[]);
        assert_eq!(lines(&[shop.clone(), server(2, "blog", &[])]), [""; 0]);
        let found = lines(&[
            shop,
            server(2, "blog", &[]),
            server(1, "store", &["outbound"]),
        ]);
        assert_eq!(
            found,
            [
                "! shop and store are the same Postmark server (id 1): it is polled twice and alerts are duplicated; keep one of these \
                 [[server]], or correct the token of the others"
            ]
        );
        let apart = [server(1, "a", &["outbound"]), server(1, "b", &["receipts"])];
        assert_eq!(lines(&apart), [""; 0]);
    }
}
