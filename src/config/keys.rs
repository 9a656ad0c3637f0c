//! Which keys there are, and which one a misspelt key was meant to be.

use std::sync::LazyLock;

/// The documented defaults, the lowest layer: documentation cannot drift from them.
///
/// The shipped file leaves `store.path` commented out: a copy of it must not look like an explicit choice.
pub(super) static BUILT_IN: LazyLock<String> =
    LazyLock::new(|| include_str!("../../monitor.toml").replace("\n# path = ", "\npath = "));

/// Every scalar key, in the order of the built-in file, which has them all.
pub(super) static KEYS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let (mut keys, mut section) = (Vec::new(), String::new());
    for line in BUILT_IN.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.replace(']', ".");
        } else if let Some((key, _)) = line.split_once(" = ") {
            keys.push(format!("{section}{key}"));
        }
    }
    keys
});

/// Every key of a `[[server]]`.
pub(super) const SERVER_KEYS: &[&str] = &[
    "name",
    "token_env",
    "token_file",
    "own_domains",
    "operator_addresses",
    "streams",
    "ignore_streams",
    "channel",
    "wake_channel",
    "wake_mention",
    "rules",
    "stream",
];

/// Every key of a `[[quiet]]`.
pub(super) const QUIET_KEYS: &[&str] = &["schedule", "for", "time_zone"];

/// Every key of a `[[sink]]`.
pub(super) const SINK_KEYS: &[&str] = &[
    "name",
    "type",
    "url",
    "secret_env",
    "secret_file",
    "routing_key_env",
    "routing_key_file",
    "api_key_env",
    "api_key_file",
    "token_env",
    "token_file",
    "username",
    "password_env",
    "password_file",
    "from",
    "to",
    "rules",
    "severities",
    "servers",
];

/// Every key of a `[[server.stream]]`.
pub(super) const STREAM_KEYS: &[&str] = &["id", "rules"];

/// Keys whose value is not shown.
pub(super) const SECRET: &[&str] = &["heartbeat.url"];

/// Variables that bear the prefix and are no keys.
pub(super) const SPECIAL: &[&str] = &["HUSHWATCH_DATABASE_URL"];

/// How like a valid key a wrong one must be for it to be suggested, of at most 1.5.
const MIN_LIKENESS: f64 = 1.2;

/// Returns the valid key most like `wrong`, if one is near enough to be what was meant.
pub fn nearest<'k>(wrong: &str, valid: &'k [impl AsRef<str>]) -> Option<&'k str> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |key: &str| {
        strsim::jaro_winkler(wrong, key) + 0.5 * strsim::jaro_winkler(&last(wrong), &last(key))
    };
    let valid = valid.iter().map(AsRef::as_ref);
    let best = valid.map(|key| (likeness(key), key));
    let (likeness, key) = best.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (likeness >= MIN_LIKENESS).then_some(key)
}

/// Returns the remedy for a key that does not exist, but that people expect.
pub(super) fn known_mistake(wrong: &str) -> Option<&'static str> {
    let (section, key) = wrong.rsplit_once('.').unwrap_or(("", wrong));
    Some(match (section, key) {
        ("quiet", _) => "write each as its own [[quiet]] table",
        ("sink" | "sinks", _) | ("", "sinks") => "write each as its own [[sink]] table",
        ("", "servers") | ("server", _) => "write each server as its own [[server]] table",
        ("" | "slack", "channel" | "channels") => {
            "set the environment variable SLACK_OPERATOR_DM_CHANNEL, or `channel` in a [[server]]"
        }
        ("" | "slack", "webhook_url" | "webhook" | "url") => {
            "set the environment variable SLACK_WEBHOOK_URL; secrets are not read from the file"
        }
        ("slack", "bot_token" | "token") => {
            "set the environment variable SLACK_BOT_TOKEN; secrets are not read from the file"
        }
        ("" | "postmark", "server_token" | "token") => {
            "set the environment variable POSTMARK_SERVER_TOKEN; secrets are not read from the file"
        }
        ("postmark", "account_token") => {
            "set the environment variable POSTMARK_ACCOUNT_TOKEN; secrets are not read from the file"
        }
        ("store", "url" | "database" | "database_url") => {
            "set the environment variable HUSHWATCH_DATABASE_URL; secrets are not read from the file"
        }
        ("" | "sentry", "dsn" | "sentry_dsn") | ("sentry", "url") => {
            "set the environment variable SENTRY_DSN; secrets are not read from the file"
        }
        ("", "timezone" | "tz") => "write `time_zone`",
        _ => return None,
    })
}

/// Returns the remedy for a key that is none of `valid`.
pub(super) fn unknown_key_remedy(wrong: &str, valid: &[impl AsRef<str>]) -> String {
    match nearest(wrong, valid) {
        Some(key) => format!("did you mean `{key}`?"),
        None => "remove it; docs/configuration.md lists every key".to_owned(),
    }
}
