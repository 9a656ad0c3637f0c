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

/// The valid key most like `wrong`.
pub(super) fn nearest<'k>(wrong: &str, valid: &[&'k str]) -> &'k str {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |key: &str| {
        strsim::jaro_winkler(wrong, key) + 0.5 * strsim::jaro_winkler(&last(wrong), &last(key))
    };
    valid
        .iter()
        .copied()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .unwrap_or_default()
}
