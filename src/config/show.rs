//! `config show`: every key, its value, and where it came from.

use std::fmt::Write;

use figment::value::{Dict, Value};

use crate::config::keys::{KEYS, SECRET};
use crate::config::layers::{find, layers, leaves};
use crate::config::rules::describe_tuning;
use crate::config::{Config, SlackSink, Sources, TokenSource, values};
use crate::model::{Rules, ServerName};

/// Every effective value and its origin, a line each; secrets as `***`.
pub fn show(config: &Config, sources: &Sources) -> String {
    let mut text = String::new();
    let Ok((layers, _)) = layers(sources) else {
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
            TokenSource::Env { name, value, .. } => {
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
        let ignored: Vec<&str> = server
            .ignored_streams
            .iter()
            .map(|id| id.0.as_str())
            .collect();
        let _ = writeln!(text, "server {name}: ignore_streams = {ignored:?}");
        let _ = writeln!(text, "server {name}: channel = {channel}");
        for (key, own) in [
            ("wake_channel", &server.wake_channel),
            ("wake_mention", &server.wake_mention),
        ] {
            if let Some(own) = own {
                let _ = writeln!(text, "server {name}: {key} = {own}");
            }
        }
        show_own_rules(&mut text, &layers.merged, name);
    }
    for quiet in tables(layers.merged.get("quiet")) {
        let value = |key| quiet.find_ref(key).and_then(|v| values::text(v).ok());
        let keys = ["schedule", "for", "time_zone"].into_iter();
        let set = keys.filter_map(|key| Some(format!("{key} = {}", value(key)?)));
        let _ = writeln!(text, "quiet: {}", set.collect::<Vec<_>>().join(", "));
    }
    for sink in &config.sinks {
        let (name, kind, credential) = (&sink.name, sink.kind.name(), &sink.credential);
        let _ = writeln!(text, "sink {name}: {kind} at ***, {credential}");
    }
    if config.account.is_some() {
        let _ = writeln!(
            text,
            "account: token *** from POSTMARK_ACCOUNT_TOKEN, all its servers are watched"
        );
    }
    let sentry = config.sentry.as_ref();
    let dsn = sentry.map_or("(not set)", |_| "DSN *** from SENTRY_DSN");
    let _ = writeln!(text, "sentry: {dsn}");
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

/// Writes what a server and its streams set of the rules, a line each.
fn show_own_rules(text: &mut String, merged: &Dict, name: &ServerName) {
    let is_of_server = |server: &&Value| {
        let own = server.find_ref("name").map(values::text);
        own.is_some_and(|own| own.as_ref() == Ok(&name.0))
    };
    let Some(server) = tables(merged.get("server")).iter().find(is_of_server) else {
        return;
    };
    let mut show = |place: &str, rules: Option<&Value>| {
        for key in rules
            .and_then(Value::as_dict)
            .map_or_else(Vec::new, |r| leaves(r, ""))
        {
            let value = rules.and_then(|r| values::text(r.find_ref(&key)?).ok());
            let value = value.unwrap_or_default();
            let _ = writeln!(text, "{place}: rules.{key} = {value}");
        }
    };
    show(&format!("server {name}"), server.find_ref("rules"));
    for stream in tables(server.find_ref("stream")) {
        let id = stream.find_ref("id").and_then(|id| values::text(id).ok());
        let place = format!("server {name}, stream {}", id.unwrap_or_default());
        show(&place, stream.find_ref("rules"));
    }
}

fn tables(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(_, tables)) => tables,
        _ => &[],
    }
}

/// Returns what is off and what has another severity, for everything, a server and a stream, a line each.
pub fn describe_rules(config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |place: &str, rules: &Rules, base: &str| {
        let tuning = describe_tuning(rules);
        if tuning != base {
            let tuning = if tuning.is_empty() {
                "as they come"
            } else {
                &tuning
            };
            lines.push(format!("{place}: {tuning}"));
        }
    };
    let common = describe_tuning(&config.rules);
    add("rules", &config.rules, "");
    for server in &config.servers {
        let Some(own) = &server.rules else { continue };
        add(&format!("rules of {}", server.name), own, &common);
        for (stream, rules) in &own.streams {
            let place = format!("rules of {}/{stream}", server.name);
            add(&place, rules, &describe_tuning(own));
        }
    }
    lines
}
