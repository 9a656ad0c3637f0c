//! Secrets in the wrong place: a value that as a whole looks like a token or a webhook URL is refused in every key but its own,
//! before anything could print it or send it to somebody else.

use figment::value::{Dict, Value};

use crate::config::keys::SPECIAL;
use crate::config::layers::{PREFIX, find};
use crate::config::server::{ACCOUNT_TOKEN, is_variable_name};
use crate::config::{ConfigProblem, Sources};
use crate::sentry::Dsn;

/// A kind of secret that is known by its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SecretKind {
    /// A UUID.
    PostmarkToken,
    /// `xoxb-…` and its siblings, `xapp-…`.
    SlackToken,
    /// A URL below `hooks.slack.com`.
    SlackWebhook,
    /// The URL of a `PostgreSQL` database, which may hold a password.
    DatabaseUrl,
    /// `https://KEY@HOST/PROJECT`.
    SentryDsn,
    /// `sntrys_…`, `sntryu_…`: a token of Sentry's API.
    SentryToken,
    /// `whsec_…` (Standard Webhooks) or `tk_…` (ntfy): what a sink signs or logs in with.
    SinkSecret,
}

/// The variables without the prefix that are read, and what each may hold.
const VARIABLES: [(&str, Option<SecretKind>); 12] = [
    ("POSTMARK_SERVER_TOKEN", Some(SecretKind::PostmarkToken)),
    (ACCOUNT_TOKEN, Some(SecretKind::PostmarkToken)),
    ("SLACK_BOT_TOKEN", Some(SecretKind::SlackToken)),
    ("SLACK_WEBHOOK_URL", Some(SecretKind::SlackWebhook)),
    ("SLACK_OPERATOR_DM_CHANNEL", None),
    ("DATABASE_URL", Some(SecretKind::DatabaseUrl)),
    ("POSTMARK_ALERT_MIN_DENOMINATOR_BOUNCE", None),
    ("POSTMARK_ALERT_MIN_DENOMINATOR_SPAM", None),
    ("FLAG_POSTMARK_DELIVERY_MONITOR", None),
    ("SENTRY_DSN", Some(SecretKind::SentryDsn)),
    ("SENTRY_AUTH_TOKEN", Some(SecretKind::SentryToken)),
    ("SENTRY_ENVIRONMENT", None),
];

/// What the secrets of sinks by Standard Webhooks and of ntfy begin with.
pub(super) const SINK_PREFIXES: [&str; 2] = ["whsec_", "tk_"];

impl SecretKind {
    /// What the secret of a sink may look like: the keys of Opsgenie look like tokens of Postmark.
    pub(super) const OF_SINKS: &[Self] = &[Self::PostmarkToken, Self::SinkSecret];

    /// Returns the kind that `text` as a whole looks like, with or without quotes around it; also where a whole assignment or header was
    /// pasted.
    pub(super) fn of_value(text: &str) -> Option<Self> {
        let outside = |c: char| c.is_whitespace() || "'\"`<>".contains(c);
        let text = text.trim_matches(outside);
        let assigned = text.split_once('=');
        let assigned = assigned.filter(|(name, _)| !name.is_empty() && is_variable_name(name));
        let text = assigned.map_or(text, |(_, value)| value.trim_matches(outside));
        let text = text.strip_prefix("Bearer ").unwrap_or(text);
        if is_uuid(text) {
            Some(Self::PostmarkToken)
        } else if is_slack_token(text) {
            Some(Self::SlackToken)
        } else if is_slack_webhook(text) {
            Some(Self::SlackWebhook)
        } else if Dsn::is_like(text) {
            Some(Self::SentryDsn)
        } else if is_sentry_token(text) {
            Some(Self::SentryToken)
        } else if is_sink_secret(text) {
            Some(Self::SinkSecret)
        } else {
            is_database_url(text).then_some(Self::DatabaseUrl)
        }
    }

    /// Returns what it is, after an article.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::PostmarkToken => "a Postmark token",
            Self::SlackToken => "a Slack token",
            Self::SlackWebhook => "a Slack webhook URL",
            Self::DatabaseUrl => "a database URL",
            Self::SentryDsn => "a Sentry DSN",
            Self::SentryToken => "a Sentry token",
            Self::SinkSecret => "a secret of a sink",
        }
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::PostmarkToken => {
                "remove it there, and set POSTMARK_SERVER_TOKEN, or the variable or file that `token_env` or `token_file` names"
            }
            Self::SlackToken => "remove it there, and set SLACK_BOT_TOKEN",
            Self::SlackWebhook => "remove it there, and set SLACK_WEBHOOK_URL",
            Self::DatabaseUrl => "remove it there, and set HUSHWATCH_DATABASE_URL",
            Self::SentryDsn => "remove it there, and set SENTRY_DSN",
            Self::SentryToken => "remove it there, and set SENTRY_AUTH_TOKEN",
            Self::SinkSecret => {
                "remove it there, and set the variable or file that `secret_env`, `secret_file`, `token_env` or `token_file` of its \
                 [[sink]] names"
            }
        }
    }

    fn problem(self, subject: &str) -> ConfigProblem {
        let what = format!("{subject} holds {}", self.name());
        ConfigProblem::new(what, self.remedy())
    }
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |part: &&str| part.bytes().all(|b| b.is_ascii_hexdigit());
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(is_hex)
}

fn is_slack_token(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let text = text.strip_prefix("xoxe.").unwrap_or(&text);
    let (kind, rest) = text.split_once('-').unwrap_or_default();
    let is_kind = match kind.strip_prefix("xox") {
        // As a word, "xoxo" may begin a name.
        Some("o") => rest.starts_with(|c: char| c.is_ascii_digit()),
        Some(letter) => letter.len() == 1,
        None => kind == "xapp",
    };
    is_kind && !rest.is_empty() && !rest.contains(char::is_whitespace)
}

fn is_sentry_token(text: &str) -> bool {
    let rest = text
        .strip_prefix("sntrys_")
        .or_else(|| text.strip_prefix("sntryu_"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}

/// Whether it is what a sink signs or logs in with: both kinds are a prefix and at least 24 characters.
fn is_sink_secret(text: &str) -> bool {
    const MIN_CHARS: usize = 24;
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let rest = SINK_PREFIXES.iter().find_map(|p| text.strip_prefix(p));
    rest.is_some_and(|rest| rest.len() >= MIN_CHARS && rest.chars().all(is_part))
}

fn is_database_url(text: &str) -> bool {
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
    ["postgres", "postgresql"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
}

fn is_slack_webhook(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let rest = lower.split_once("://").map_or(&*lower, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    matches!(host, "hooks.slack.com" | "hooks.slack-gov.com") && !path.is_empty()
}

/// Returns a problem for each secret that is not where it belongs: in the file, which is `own` and is called `shown`, and in
/// each variable that is read.
pub(super) fn misplaced_secrets(
    shown: &str,
    own: Option<&Dict>,
    sources: &Sources,
) -> Vec<ConfigProblem> {
    let mut problems = Vec::new();
    if let Some(own) = own {
        in_table(own, shown, "", &mut problems);
    }
    let prefixed = |name: &&String| name.starts_with(PREFIX);
    let prefixed = sources.env.keys().filter(prefixed);
    let prefixed = prefixed.map(|name| {
        let is_special = SPECIAL.contains(&name.as_str());
        (name.as_str(), is_special.then_some(SecretKind::DatabaseUrl))
    });
    for (name, allowed) in VARIABLES.into_iter().chain(prefixed) {
        let subject = format!("{name}:");
        in_variable(sources, name, allowed.as_slice(), &subject, &mut problems);
    }
    for (place, name) in named_variables(own) {
        let is_known = VARIABLES.contains(&(name, Some(SecretKind::PostmarkToken)));
        if !is_known && SecretKind::of_value(name).is_none() {
            let subject = format!("{shown}: {place} names a variable that");
            let allowed = match place.starts_with("`sink`") {
                true => SecretKind::OF_SINKS,
                false => &[SecretKind::PostmarkToken],
            };
            in_variable(sources, name, allowed, &subject, &mut problems);
        }
    }
    problems
}

/// Refuses free text that people are shown, and that holds a secret as one of its words; `subject` is its option. A UUID is one
/// only where it is all of the text: the ids of messages look the same.
///
/// # Errors
/// Which kind of secret it is, and where that belongs; never the value.
pub fn refuse_secret_in_text(subject: &str, text: &str) -> Result<(), ConfigProblem> {
    let mut in_words = text.split_whitespace().filter_map(SecretKind::of_value);
    let in_words = in_words.find(|kind| *kind != SecretKind::PostmarkToken);
    match in_words.or_else(|| SecretKind::of_value(text)) {
        Some(kind) => Err(kind.problem(subject)),
        None => Ok(()),
    }
}

/// Returns the variables that the file names for secrets, after the key that names each.
fn named_variables(own: Option<&Dict>) -> Vec<(String, &str)> {
    let list = |table: &'static str| match own.and_then(|own| find(own, table)) {
        Some(Value::Array(_, items)) => items.as_slice(),
        _ => &[],
    };
    let of_lists = ["server", "sink"].into_iter().flat_map(|table| {
        let items = list(table).iter().enumerate();
        items.map(move |(index, item)| (format!("`{table}` number {} ", index + 1), item))
    });
    let canary = own.and_then(|own| find(own, "canary"));
    let tables = of_lists.chain(canary.map(|canary| ("`canary` ".to_owned(), canary)));
    let mut named = Vec::new();
    for (place, table) in tables {
        if let Value::Dict(_, table) = table {
            let keys = table.iter().filter(|(key, _)| key.ends_with("_env"));
            let names =
                keys.filter_map(|(key, name)| Some((format!("{place}`{key}`"), name.as_str()?)));
            named.extend(names);
        }
    }
    named
}

fn in_variable(
    sources: &Sources,
    name: &str,
    allowed: &[SecretKind],
    subject: &str,
    problems: &mut Vec<ConfigProblem>,
) {
    let value = sources.var(name).unwrap_or_default();
    let found = value.split(',').find_map(SecretKind::of_value);
    let found = found.filter(|kind| !allowed.contains(kind));
    problems.extend(found.map(|kind| kind.problem(subject)));
}

/// Looks through a table of the file. `place` is where it stands, as it is named to people.
fn in_table(table: &Dict, shown: &str, place: &str, problems: &mut Vec<ConfigProblem>) {
    for (key, value) in table {
        if let Some(kind) = SecretKind::of_value(key) {
            problems.push(kind.problem(&format!("{shown}: {place}a key")));
            continue;
        }
        in_value(value, shown, &format!("{place}`{key}`"), problems);
    }
}

fn in_value(value: &Value, shown: &str, place: &str, problems: &mut Vec<ConfigProblem>) {
    match value {
        Value::String(_, text) => {
            let found = text.split(',').find_map(SecretKind::of_value);
            problems.extend(found.map(|kind| kind.problem(&format!("{shown}: {place}"))));
        }
        Value::Dict(_, table) => in_table(table, shown, &format!("{place} "), problems),
        Value::Array(_, items) => {
            for (index, item) in items.iter().enumerate() {
                let place = match item {
                    Value::Dict(..) => format!("{place} number {}", index + 1),
                    _ => place.to_owned(),
                };
                in_value(item, shown, &place, problems);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::{KEYS, SERVER_KEYS};
    use crate::config::{TokenSource, load};

    #[test]
    fn free_text_may_hold_the_id_of_a_message_but_no_secret() {
        let id = "883953f4-6105-42a2-a16a-77a8eac79483";
        let refused = |text: &str| refuse_secret_in_text("`--reason`", text).is_err();
        assert!(!refused(&format!("as asked in message {id}")));
        assert!(!refused("the customer moves house"));
        assert!(refused(id));
        assert!(refused(&format!("as in {id}, with xoxb-sesame")));
        assert!(refused("see https://hooks.slack.com/services/T1/B1/sesame"));
        let why = refuse_secret_in_text("`--reason`", "with xoxb-sesame");
        assert_eq!(
            why.expect_err("a token").to_string(),
            "`--reason` holds a Slack token; remove it there, and set SLACK_BOT_TOKEN"
        );
    }

    #[test]
    fn a_secret_is_known_by_its_whole_shape() {
        use SecretKind::{
            DatabaseUrl, PostmarkToken, SentryDsn, SentryToken, SinkSecret, SlackToken,
            SlackWebhook,
        };
        for (text, kind) in [
            ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", Some(PostmarkToken)),
            (
                " \"6BA7B810-9DAD-11D1-80B4-00C04FD430C8\"\n",
                Some(PostmarkToken),
            ),
            ("postgres://u:secret@db.example.com/x", Some(DatabaseUrl)),
            ("https://abc@o1.ingest.de.sentry.io/45", Some(SentryDsn)),
            ("sntrys_abc", Some(SentryToken)),
            ("sntryu_", None),
            ("xoxb-1", Some(SlackToken)),
            ("XOXP-1-2-abc", Some(SlackToken)),
            ("xoxe.xoxp-1-abc", Some(SlackToken)),
            ("xapp-1-A0EXAMPLE-1-abc", Some(SlackToken)),
            (
                "https://hooks.slack.com/services/T0EXAMPLE/B0EXAMPLE/abc",
                Some(SlackWebhook),
            ),
            (
                "hooks.slack.com/services/T0EXAMPLE/B0EXAMPLE/abc",
                Some(SlackWebhook),
            ),
            (
                "https://HOOKS.slack-gov.com:443/workflows/T0EXAMPLE/1",
                Some(SlackWebhook),
            ),
            ("https://hooks.slack.com", None),
            ("https://hooks.slack.com/", None),
            (
                "https://hc-ping.com/6ba7b810-9dad-11d1-80b4-00c04fd430c8",
                None,
            ),
            ("6ba7b810-9dad-11d1-80b4-00c04fd430c", None),
            ("6ba7b8109dad11d180b400c04fd430c8", None),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", Some(SinkSecret)),
            ("tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2", Some(SinkSecret)),
            ("tk_welcome", None),
            ("whsec_", None),
            ("xoxo-team", None),
            ("xoxb", None),
            ("xoxb-", None),
            ("shop", None),
            ("C0123456789", None),
            ("", None),
        ] {
            assert_eq!(SecretKind::of_value(text), kind, "{text}");
        }
    }
    const SECRETS: [(&str, &str); 7] = [
        (
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            "POSTMARK_SERVER_TOKEN",
        ),
        ("xoxb-1-canary", "SLACK_BOT_TOKEN"),
        (
            "https://hooks.slack.com/services/T0EXAMPLE/B0EXAMPLE/canary",
            "SLACK_WEBHOOK_URL",
        ),
        (
            "postgres://u:canary@db.example.com/x",
            "HUSHWATCH_DATABASE_URL",
        ),
        ("https://canary@o1.ingest.sentry.io/45", "SENTRY_DSN"),
        ("sntrys_canary", "SENTRY_AUTH_TOKEN"),
        ("tk_canaryMfKQ9r8GKYqrTwjUPD8ILPZ", "of its [[sink]] names"),
    ];

    fn refused(file: &str, env: &[(&str, &str)], secret: &str, right: &str) -> String {
        let (_folder, sources) = Sources::of_file(file, env);
        let problems = load(&sources).expect_err("a problem");
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let said = lines.join("\n");
        assert!(!said.contains(secret), "{said}");
        assert!(said.contains(right), "{said}");
        said
    }

    #[test]
    fn a_secret_is_refused_in_every_key_but_its_own() {
        for (secret, right) in SECRETS {
            for key in KEYS.iter() {
                let variable = format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "__"));
                let said = refused("", &[(&variable, secret)], secret, right);
                assert!(said.starts_with(&format!("{variable}: holds a ")), "{said}");
                let said = refused(&format!("{key} = \"{secret}\""), &[], secret, right);
                let last = key.rsplit('.').next().expect("a name");
                assert!(said.contains(&format!("`{last}` holds a ")), "{said}");
            }
            for key in SERVER_KEYS.iter().chain(&["token"]) {
                for value in [
                    format!("\"{secret}\""),
                    format!("[\"example.com\", \"{secret}\"]"),
                ] {
                    let said = refused(&format!("[[server]]\n{key} = {value}"), &[], secret, right);
                    let place = format!("`server` number 1 `{key}` holds a ");
                    assert!(said.contains(&place), "{said}");
                }
            }
            let own = "HUSHWATCH_DATABASE_URL";
            for (name, _) in VARIABLES.iter().chain(&[(own, None)]) {
                let also_right = [
                    ("POSTMARK_SERVER_TOKEN", ACCOUNT_TOKEN),
                    ("HUSHWATCH_DATABASE_URL", "DATABASE_URL"),
                ];
                if *name != right && !also_right.contains(&(right, *name)) {
                    let said = refused("", &[(name, secret)], secret, right);
                    assert!(said.starts_with(&format!("{name}: holds a ")), "{said}");
                }
            }
            refused(&format!("\"{secret}\" = 1"), &[], secret, right);
        }
    }

    #[test]
    fn a_variable_that_is_named_for_a_token_holds_no_other_secret() {
        let file = "[[server]]\nname = \"shop\"\ntoken_env = \"TOKEN_SHOP\"";
        for (secret, right) in &SECRETS[1..] {
            let said = refused(file, &[("TOKEN_SHOP", secret)], secret, right);
            assert!(
                said.contains("`server` number 1 `token_env` names a variable that holds a "),
                "{said}"
            );
        }
    }

    #[test]
    fn a_secret_in_its_own_place_is_taken() {
        let [(token, _), (bot, _), (webhook, _), _, (dsn, _), ..] = SECRETS;
        for env in [
            vec![
                ("POSTMARK_SERVER_TOKEN", token),
                ("SLACK_WEBHOOK_URL", webhook),
                ("SENTRY_DSN", dsn),
            ],
            vec![
                (ACCOUNT_TOKEN, token),
                ("SLACK_BOT_TOKEN", bot),
                ("SLACK_OPERATOR_DM_CHANNEL", "C0123456789"),
            ],
        ] {
            load(&Sources::of_env(&env)).expect("valid");
        }
    }

    #[test]
    fn a_token_file_with_another_secret_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let source = TokenSource::File(path.clone());
        for (secret, _) in &SECRETS[1..] {
            std::fs::write(&path, secret).expect("written");
            let error = source.read().expect_err("another secret").to_string();
            assert!(
                error.contains("holds a ") && !error.contains(secret),
                "{error}"
            );
        }
    }
}
