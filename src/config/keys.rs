//! Which keys there are, and which one a misspelt key was meant to be.

/// Every scalar key.
pub(super) const KEYS: &[&str] = &[
    "mode",
    "schedule",
    "time_zone",
    "postmark.base_url",
    "postmark.requests_per_poll",
    "postmark.timeout",
    "postmark.poll_time",
    "postmark.backfill_time",
    "postmark.ignore_servers",
    "slack.base_url",
    "slack.mask_addresses",
    "slack.pace",
    "slack.timeout",
    "retry.attempts",
    "retry.initial",
    "retry.longest",
    "silence.false_alarms_per_year",
    "silence.min_history",
    "rules.bounce_rate.threshold",
    "rules.bounce_rate.window",
    "rules.bounce_rate.min_denominator",
    "rules.bounce_rate.suppress",
    "rules.bounce_rate.confidence",
    "rules.bounce_rate.severity",
    "rules.spam_rate.threshold",
    "rules.spam_rate.window",
    "rules.spam_rate.min_denominator",
    "rules.spam_rate.suppress",
    "rules.spam_rate.confidence",
    "rules.spam_rate.severity",
    "digest.at",
    "store.path",
    "store.keep",
    "store.lease",
    "store.tls",
    "store.ca_file",
    "heartbeat.url",
    "doctor.dkim_selectors",
    "doctor.return_path",
    "doctor.smtp",
    "doctor.resolver",
    "doctor.status_url",
];

/// Every key of a `[[server]]`.
pub(super) const SERVER_KEYS: &[&str] = &[
    "name",
    "token_env",
    "token_file",
    "own_domains",
    "operator_addresses",
    "streams",
    "channel",
];

/// Keys whose value is not shown.
pub(super) const SECRET: &[&str] = &["heartbeat.url"];

/// Variables that bear the prefix and are no keys.
pub(super) const SPECIAL: &[&str] = &["HUSHWATCH_DATABASE_URL"];

/// How like a valid key a wrong one must be for it to be suggested, of at most 1.5.
const MIN_LIKENESS: f64 = 1.2;

/// Returns the valid key most like `wrong`, if one is near enough to be what was meant.
pub(super) fn nearest<'k>(wrong: &str, valid: &[&'k str]) -> Option<&'k str> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |key: &str| {
        strsim::jaro_winkler(wrong, key) + 0.5 * strsim::jaro_winkler(&last(wrong), &last(key))
    };
    let best = valid.iter().map(|key| (likeness(key), *key));
    let (likeness, key) = best.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (likeness >= MIN_LIKENESS).then_some(key)
}

/// Returns the remedy for a key that does not exist, but that people expect.
pub(super) fn known_mistake(wrong: &str) -> Option<&'static str> {
    let (section, key) = wrong.rsplit_once('.').unwrap_or(("", wrong));
    Some(match (section, key) {
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
        ("", "timezone" | "tz") => "write `time_zone`",
        _ => return None,
    })
}

/// Returns the remedy for an unknown key.
pub(super) fn unknown_key_remedy(wrong: &str, valid: &[&str]) -> String {
    if let Some(remedy) = known_mistake(wrong) {
        return remedy.to_owned();
    }
    match nearest(wrong, valid) {
        Some(key) => format!("did you mean `{key}`?"),
        None => "remove it; docs/configuration.md lists every key".to_owned(),
    }
}
