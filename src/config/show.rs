//! `config show`: every key, its value, and where it came from.

use std::fmt::Write;

use crate::config::keys::{KEYS, SECRET};
use crate::config::layers::{find, layers};
use crate::config::{Config, SlackSink, Sources, TokenSource, values};

/// Every effective value and its origin, a line each; secrets as `***`.
pub fn show(config: &Config, sources: &Sources) -> String {
    let mut text = String::new();
    let Ok(layers) = layers(sources) else {
        return text;
    };
    for key in KEYS.iter() {
        let value = find(&layers.merged, key)
            .and_then(|v| {
                let list = || values::texts(v).map(|items| items.join(", "));
                values::text(v).or_else(|_| list()).ok()
            })
            .unwrap_or_default();
        let shown = match value.as_str() {
            "" => "(not set)",
            _ if SECRET.contains(&key.as_str()) => "***",
            value => value,
        };
        let from = layers.origin(key);
        let _ = writeln!(text, "{key} = {shown}    ({from})");
    }
    let _ = writeln!(text, "data: {} ({})", config.store, config.store.decided_by);
    for server in &config.servers {
        let token = match &server.token {
            TokenSource::Env { name, value } => {
                let shown = value.as_ref().map_or("(not set)", |_| "***");
                format!("{shown} from {name}")
            }
            TokenSource::File(path) => format!("*** from file {}", path.display()),
            TokenSource::Account(_) => "*** from the account".to_owned(),
        };
        let _ = writeln!(text, "server {}: token {token}", server.name);
        let streams = match &server.streams {
            Some(ids) => Vec::from_iter(ids.iter().map(|id| id.0.as_str())).join(", "),
            None => "all that Postmark lists".to_owned(),
        };
        let channel = server.channel.as_deref().unwrap_or("(the common one)");
        let (name, own, operators) = (
            &server.name,
            &server.own_domains,
            &server.operator_addresses,
        );
        let _ = writeln!(text, "server {name}: own_domains = {own:?}");
        let _ = writeln!(text, "server {name}: operator_addresses = {operators:?}");
        let _ = writeln!(text, "server {name}: streams = {streams}");
        let _ = writeln!(text, "server {name}: channel = {channel}");
    }
    if config.account.is_some() {
        let _ = writeln!(
            text,
            "account: token *** from POSTMARK_ACCOUNT_TOKEN, all its servers are watched"
        );
    }
    let slack = match &config.slack.sink {
        SlackSink::Bot { channel, .. } => {
            format!("bot token *** from SLACK_BOT_TOKEN, channel {channel}")
        }
        SlackSink::Webhook(_) => "webhook *** from SLACK_WEBHOOK_URL".to_owned(),
        SlackSink::Print => "(not set): messages are printed".to_owned(),
    };
    let _ = writeln!(text, "slack: {slack}");
    text
}
