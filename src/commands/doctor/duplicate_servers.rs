//! One Postmark server under several names here, which is polled and reported once for each.

use std::sync::Arc;

use crate::commands::doctor::check::Check;
use crate::config::ServerConfig;
use crate::cycle::poll::same_server::group_same_servers;
use crate::model::SameServer;

const NAME: &str = "same_server";

/// Returns a warning for each Postmark server that several configured ones share, unless they have no stream in common: two
/// teams may each watch their streams and have their channel.
pub(crate) fn checks(watched: &[(i64, Arc<ServerConfig>)]) -> Vec<Check> {
    let same = group_same_servers(watched);
    same.iter().map(duplicate_check).collect()
}

fn duplicate_check(same: &SameServer) -> Check {
    let names: Vec<&str> = same.names.iter().map(|name| name.0.as_str()).collect();
    let (last, first) = names.split_last().unwrap_or((&"", &[][..]));
    let times = match names.len() {
        2 => "twice".to_owned(),
        times => format!("{times} times"),
    };
    let text = format!(
        "{} and {last} are the same Postmark server (id {}): its mail counts once, but it is polled and alerted on {times}",
        first.join(", "),
        same.number
    );
    let remedy = "keep one of these [[server]], or correct the token of the others";
    Check::warn(NAME, text, remedy)
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
                "! shop and store are the same Postmark server (id 1): its mail counts once, but it is polled and alerted on twice; keep one of \
                 these [[server]], or correct the token of the others"
            ]
        );
        let apart = [server(1, "a", &["outbound"]), server(1, "b", &["receipts"])];
        assert_eq!(lines(&apart), [""; 0]);
    }
}
