//! What is wrong with a configuration, and what a valid one should be warned of; each with its remedy.
//!
//! None of them repeats a value: it may be a secret in the wrong variable.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

use crate::database::{Address, AddressError};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {remedy}")]
pub struct ConfigProblem {
    /// Where it is, which key, and why: `monitor.toml: `mode` is not valid`.
    pub what: String,
    pub remedy: String,
}

impl ConfigProblem {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: one_line(&what.into()),
            remedy: one_line(&remedy.into()),
        }
    }

    /// A value that cannot be used: `subject` names the source and the key.
    pub(super) fn invalid(subject: &str, invalid: &Invalid) -> Self {
        Self::new(format!("{subject} {}", invalid.why), &invalid.remedy)
    }
}

/// Replaces control characters: a key may hold anything, and a problem is one line on a terminal.
fn one_line(text: &str) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(visible).collect()
}

/// Why a value cannot be used, as the end of a sentence that begins with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    why: String,
    remedy: String,
}

impl Invalid {
    pub(super) fn new(why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            remedy: remedy.into(),
        }
    }

    /// Returns the same with another remedy.
    pub(super) fn with_remedy(self, remedy: &str) -> Self {
        Self::new(self.why, remedy)
    }

    /// Returns the same of a part of what is named before it.
    pub(super) fn of_part(self, part: &str) -> Self {
        Self {
            why: format!("{part} {}", self.why),
            ..self
        }
    }

    /// Returns the same of `key` of a table that is named before it.
    pub(super) fn within(self, key: &str) -> Self {
        Self {
            why: format!("has a `{key}` that {}", self.why),
            ..self
        }
    }
}

impl From<String> for Invalid {
    /// From what a valid value is, such as `must be true or false`.
    fn from(requirement: String) -> Self {
        Self::new("is not valid", format!("it {requirement}"))
    }
}

impl From<AddressError> for Invalid {
    fn from(error: AddressError) -> Self {
        Self::new(error.why, error.remedy)
    }
}

/// Something that is not wrong, but that the operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigWarning {
    /// Messages are printed, since no destination in Slack is set.
    NoSlack,
    /// `slack.wake_channel` is set, and no bot that could post there.
    UnusedWakeChannel,
    /// The server of this name has this key, and no bot that could post there.
    UnusedChannel { server: String, key: &'static str },
    /// The schedule of `key` has no seconds, and is read as `expression`.
    FiveFields { key: String, expression: String },
    /// `schedule` polls more often than once a minute.
    EverySecond,
    /// A channel for a bot is set, and no bot.
    ChannelWithoutBot,
    /// The variable that switches monitoring off is neither true nor false.
    UnknownFlag,
    /// The mail of the sink of this name goes through Postmark, which is what is watched.
    SinkThroughPostmark(String),
    /// The sink of this name chooses a server that there is not.
    UnknownServerOfSink { sink: String, server: String },
    /// The data is on the disk of a Heroku dyno, which is emptied at least once a day.
    EphemeralDisk,
    /// The certificate of the database's server is not checked.
    UnverifiedDatabase(Address),
    /// The connection to the database is not encrypted.
    UnencryptedDatabase(Address),
    /// `DATABASE_URL` names a database that this build cannot use.
    UnusedDatabase { why: &'static str, path: PathBuf },
    /// An explicit `store.path`, which `by` names, wins over `DATABASE_URL`.
    OverruledDatabase { by: String, path: PathBuf },
    /// The URL of the database has an option that is not known here.
    UnknownDatabaseOption {
        variable: &'static str,
        option: String,
    },
}

impl ConfigWarning {
    /// Returns what the operator should know, without the remedy.
    pub fn what(&self) -> String {
        match self {
            Self::NoSlack => {
                "NO SLACK: neither SLACK_BOT_TOKEN nor SLACK_WEBHOOK_URL is set, so messages are only printed here"
                    .to_owned()
            }
            Self::UnusedWakeChannel => {
                "`slack.wake_channel` is not used: only a bot can post to another channel, and SLACK_BOT_TOKEN is not set"
                    .to_owned()
            }
            Self::UnusedChannel { server, key } => format!(
                "`{key}` of [[server]] `{}` is not used: only a bot can post to another channel, and SLACK_BOT_TOKEN is not set",
                one_line(server)
            ),
            Self::FiveFields { key, expression } => format!(
                "{key} has five fields, so the seconds are taken for 0: it is read as \"{expression}\""
            ),
            Self::EverySecond => {
                "`schedule` polls more than once a minute: its first field is the second".to_owned()
            }
            Self::ChannelWithoutBot => {
                "SLACK_OPERATOR_DM_CHANNEL is not used: only a bot can post to it, and SLACK_BOT_TOKEN is not set"
                    .to_owned()
            }
            Self::UnknownFlag => {
                "FLAG_POSTMARK_DELIVERY_MONITOR is neither true nor false, so monitoring is on"
                    .to_owned()
            }
            Self::SinkThroughPostmark(name) => format!(
                "sink `{name}` sends its mail through Postmark: when Postmark sends nothing, nobody gets this mail either"
            ),
            Self::UnknownServerOfSink { sink, server } => format!(
                "sink `{sink}` has `servers` with {server:?}, and no [[server]] is called so: it gets nothing of it"
            ),
            Self::EphemeralDisk => {
                "THE DATA WILL BE LOST: a dyno's disk is emptied at least once a day, and with it the history, open incidents \
                 and unsent messages"
                    .to_owned()
            }
            Self::UnverifiedDatabase(address) => format!(
                "THE DATABASE IS NOT VERIFIED: the connection to {address} is encrypted, but its certificate is not checked, so \
                 anyone in between can read and change everything"
            ),
            Self::UnencryptedDatabase(address) => format!(
                "THE DATABASE IS NOT ENCRYPTED: anyone in between can read everything that is sent to {address}, including the \
                 password"
            ),
            Self::UnusedDatabase { why, path } => format!(
                "DATABASE_URL is not used: {why}, so the data goes to the file {}",
                path.display()
            ),
            Self::OverruledDatabase { by, path } => format!(
                "DATABASE_URL is not used: {} decides, so the data goes to the file {}",
                one_line(by),
                path.display()
            ),
            Self::UnknownDatabaseOption { variable, option } => {
                format!("{variable}: unknown option `{}` is ignored", one_line(option))
            }
        }
    }

    /// Returns what to do about it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::NoSlack => {
                "set SLACK_WEBHOOK_URL, or SLACK_BOT_TOKEN and SLACK_OPERATOR_DM_CHANNEL"
            }
            Self::UnusedWakeChannel => {
                "set SLACK_BOT_TOKEN and SLACK_OPERATOR_DM_CHANNEL, or remove `wake_channel`"
            }
            Self::UnusedChannel { .. } => {
                "set SLACK_BOT_TOKEN and SLACK_OPERATOR_DM_CHANNEL, or remove it"
            }
            Self::EverySecond => "write 0 there, such as \"0 */5 * * * *\" for every five minutes",
            Self::ChannelWithoutBot => "set SLACK_BOT_TOKEN, or unset it",
            Self::UnknownFlag => "set it to 0 to switch monitoring off, or unset it",
            Self::FiveFields { .. } => "write it so, with the seconds first",
            Self::SinkThroughPostmark(_) => "give it the `url` of another mail server",
            Self::UnknownServerOfSink { .. } => "correct the name, or remove it",
            Self::EphemeralDisk => {
                "attach Heroku Postgres and use a build with `--features full`, which reads its DATABASE_URL"
            }
            Self::UnverifiedDatabase(_) => {
                "set `store.tls` to \"verify-full\", with `store.ca_file` if the server's certificate is your own"
            }
            Self::UnencryptedDatabase(_) => "set `store.tls` to \"verify-full\"",
            Self::UnusedDatabase { .. } => {
                "set HUSHWATCH_DATABASE_URL to use a database of its own"
            }
            Self::OverruledDatabase { .. } => {
                "set HUSHWATCH_DATABASE_URL to the same URL to use that database, or to `none` to keep to the file"
            }
            Self::UnknownDatabaseOption { .. } => {
                "correct its name, or ignore this if another program needs it"
            }
        }
    }
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what(), self.remedy())
    }
}

/// The remedy for a file that is closed to this process's user.
pub(super) const UNREADABLE: &str = "let this user read it, or run this with sudo";

/// Returns why a file cannot be read, in the words of a person.
pub fn io_reason(kind: ErrorKind) -> String {
    match kind {
        ErrorKind::NotFound => "no such file".to_owned(),
        ErrorKind::NotADirectory => "no such folder".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        ErrorKind::FileTooLarge => "it is too large".to_owned(),
        ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        kind => kind.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    /// What is said of a file, with the name of its folder left out.
    fn said(file: &str) -> String {
        let (folder, sources) = Sources::of_file(file, &[]);
        let problems = load(&sources).expect_err("a problem");
        let folder = format!("{}/", folder.path().display());
        let lines = problems.iter().map(|p| p.to_string().replace(&folder, ""));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn each_wrong_value_is_named_with_its_remedy() {
        for (file, expected) in [
            (
                "[rules.bounce_rate]\ntreshold = 0.1",
                "monitor.toml: unknown key `rules.bounce_rate.treshold`; did you mean `rules.bounce_rate.threshold`?",
            ),
            (
                "scheduel = \"x\"",
                "monitor.toml: unknown key `scheduel`; did you mean `schedule`?",
            ),
            (
                "color = \"blue\"",
                "monitor.toml: unknown key `color`; remove it; docs/configuration.md lists every key",
            ),
            (
                "[[servers]]\nname = \"a\"",
                "monitor.toml: unknown key `servers`; write each server as its own [[server]] table",
            ),
            (
                "[slack]\nchannel = \"#ops\"",
                "monitor.toml: unknown key `slack.channel`; set the environment variable SLACK_OPERATOR_DM_CHANNEL, or `channel` in a \
                 [[server]]",
            ),
            (
                "[slack]\nwebhook_url = \"canary\"",
                "monitor.toml: unknown key `slack.webhook_url`; set the environment variable SLACK_WEBHOOK_URL; secrets are not read \
                 from the file",
            ),
            (
                "mode = \"loud\"",
                "monitor.toml: `mode` is not valid; it must be \"alert\" or \"digest\"",
            ),
            (
                "schedule = \"every hour\"",
                "monitor.toml: `schedule` is not a cron expression with seconds; write six fields (second, minute, hour, day, month, weekday), such as \"0 0 * * * *\" (every full hour, UTC)",
            ),
            (
                "schedule = \"0 0 0 31 2 *\"",
                "monitor.toml: `schedule` names a date that does not come every year; write six fields (second, minute, hour, day, month, weekday), such as \
                 \"0 0 * * * *\" (every full hour, UTC)",
            ),
            (
                "time_zone = \"Mars\"",
                "monitor.toml: `time_zone` is not valid; it must be a time zone, such as \"UTC\" or \"Europe/Berlin\"",
            ),
            (
                "time_zone = \"PST\"",
                "monitor.toml: `time_zone` is an abbreviation, which several zones share; name the zone by its city, such as \"UTC\" or \
                 \"Europe/Berlin\"",
            ),
            (
                "time_zone = \"EST\"",
                "monitor.toml: `time_zone` is an abbreviation that has no summer time; name the zone by its city, such as \
                 \"America/New_York\", \"America/Denver\" or \"Pacific/Honolulu\"",
            ),
            (
                "[store]\npath = \"~/hushwatch.db\"",
                "monitor.toml: `store.path` begins with what only a shell replaces by the home folder; write the whole path, such as \
                 /home/ops/hushwatch.db",
            ),
            (
                "[store]\nca_file = \"$HOME/ca.pem\"",
                "monitor.toml: `store.ca_file` begins with what only a shell replaces by the home folder; write the whole path, such as \
                 /home/ops/hushwatch.db",
            ),
            (
                "[[server]]\nname = \"a\"\ntoken_file = \"~/shop.token\"",
                "monitor.toml: [[server]] number 1 has a `token_file` that begins with what only a shell replaces by the home folder; \
                 write the whole path, such as /home/ops/postmark.token",
            ),
            (
                "[rules.spam_rate]\nconfidence = \"95%\"",
                "monitor.toml: `rules.spam_rate.confidence` is written as a percentage; write a share instead, such as 0.95 for 95%",
            ),
            (
                "[rules.spam_rate]\nthreshold = 1.5",
                "monitor.toml: `rules.spam_rate.threshold` is not valid; it must be a share above 0 and below 1, such as 0.01 for 1%",
            ),
            (
                "[rules.spam_rate]\nthreshold = \"1%\"",
                "monitor.toml: `rules.spam_rate.threshold` is written as a percentage; write a share instead, such as 0.01 for 1%",
            ),
            (
                "[rules.spam_rate]\nwindow = \"soon\"",
                "monitor.toml: `rules.spam_rate.window` is not valid; it is not a duration; write a duration such as 90s, 1h30m or 45d",
            ),
            (
                "[digest]\nat = \"9 o'clock\"",
                "monitor.toml: `digest.at` is not valid; it must be a time of day such as \"09:00\"",
            ),
            (
                "[postmark]\nbase_url = \"http://example.com\"",
                "monitor.toml: `postmark.base_url` is not valid; it must begin with https:// (http only on loopback): tokens are sent \
                 there",
            ),
            (
                "[retry]\nattempts = 0",
                "monitor.toml: `retry.attempts` is not valid; it must be a whole number from 1 to 20",
            ),
            (
                "[[server]]\nname = \"a\"\ntokn_env = \"A\"",
                "monitor.toml: [[server]] number 1 has an unknown key `tokn_env`; did you mean `token_env`?",
            ),
            (
                "[[server]]\nname = \"a\"\nstreams = []",
                "monitor.toml: [[server]] number 1 has an empty `streams`, so nothing would be watched; remove `streams` to watch all of \
                 them, or name some",
            ),
            (
                "[[server]]\nname = \"a\"\noperator_addresses = [\"ops\"]",
                "monitor.toml: [[server]] number 1 has \"ops\" in `operator_addresses`, which is not an address; write whole addresses \
                 such as ops@example.com, each as a text of its own",
            ),
            (
                "[[server]]\ntoken_env = \"A\"",
                "monitor.toml: [[server]] number 1 has no `name`; add one, such as name = \"shop\"",
            ),
            (
                "[[server]]\nname = \"a\"\ntoken_env = \"A\"\ntoken_file = \"b\"",
                "monitor.toml: [[server]] number 1 has both `token_env` and `token_file`; keep one of them",
            ),
            (
                "[[server]]\nname = \"a\"\ntoken_env = \"A\"\n[[server]]\nname = \"a\"\ntoken_env = \"B\"",
                "monitor.toml: two [[server]] are called `a`; give each its own `name`",
            ),
            (
                "[server]\nname = \"a\"",
                "monitor.toml: unknown key `server.name`; write each server as its own [[server]] table\n\
                 monitor.toml: `server` is not a list of tables; write each server as its own [[server]] table",
            ),
            (
                "[[server]]\nname = \"a\"\n[[server]]\nname = \"b\"\ntoken_env = \"B\"",
                "monitor.toml: [[server]] number 1 names no token; add `token_env` or `token_file`, or set POSTMARK_ACCOUNT_TOKEN for all \
                 servers",
            ),
        ] {
            assert_eq!(said(file), expected, "{file}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let sources = Sources {
            file: Some(folder.path().join("none.toml")),
            ..Sources::default()
        };
        let found = load(&sources).expect_err("no file");
        let expected = format!(
            "{}/none.toml: cannot be read: no such file; put it there, or name another with `--config`",
            folder.path().display()
        );
        assert_eq!(
            found.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [expected]
        );
    }

    #[test]
    fn each_warning_reads_alone_and_ends_with_its_remedy() {
        let url = "postgres://db.example.com/app";
        let (address, _) = Address::parse(url).expect("a valid URL");
        let warnings = [
            ConfigWarning::NoSlack,
            ConfigWarning::SinkThroughPostmark("mail".to_owned()),
            ConfigWarning::UnknownServerOfSink {
                sink: "pager".to_owned(),
                server: "shopp".to_owned(),
            },
            ConfigWarning::EphemeralDisk,
            ConfigWarning::UnverifiedDatabase(address.clone()),
            ConfigWarning::UnencryptedDatabase(address),
            ConfigWarning::UnusedDatabase {
                why: "it is not a PostgreSQL URL (postgres://…)",
                path: PathBuf::from("hushwatch.db"),
            },
            ConfigWarning::OverruledDatabase {
                by: "HUSHWATCH_STORE__PATH".to_owned(),
                path: PathBuf::from("/var/lib/mail.db"),
            },
            ConfigWarning::UnknownDatabaseOption {
                variable: "DATABASE_URL",
                option: "pool".to_owned(),
            },
        ];
        assert_eq!(
            warnings.map(|warning| warning.to_string()),
            [
                "NO SLACK: neither SLACK_BOT_TOKEN nor SLACK_WEBHOOK_URL is set, so messages are only printed here; set \
                 SLACK_WEBHOOK_URL, or SLACK_BOT_TOKEN and SLACK_OPERATOR_DM_CHANNEL",
                "sink `mail` sends its mail through Postmark: when Postmark sends nothing, nobody gets this mail either; give it the `url` \
                 of another mail server",
                "sink `pager` has `servers` with \"shopp\", and no [[server]] is called so: it gets nothing of it; correct the name, or remove it",
                "THE DATA WILL BE LOST: a dyno's disk is emptied at least once a day, and with it the history, open incidents and \
                 unsent messages; attach Heroku Postgres and use a build with `--features full`, which reads its DATABASE_URL",
                "THE DATABASE IS NOT VERIFIED: the connection to the PostgreSQL database app at db.example.com:5432 is encrypted, but \
                 its certificate is not checked, so anyone in between can read and change everything; set `store.tls` to \
                 \"verify-full\", with `store.ca_file` if the server's certificate is your own",
                "THE DATABASE IS NOT ENCRYPTED: anyone in between can read everything that is sent to the PostgreSQL database app at \
                 db.example.com:5432, including the password; set `store.tls` to \"verify-full\"",
                "DATABASE_URL is not used: it is not a PostgreSQL URL (postgres://…), so the data goes to the file hushwatch.db; set \
                 HUSHWATCH_DATABASE_URL to use a database of its own",
                "DATABASE_URL is not used: HUSHWATCH_STORE__PATH decides, so the data goes to the file /var/lib/mail.db; set \
                 HUSHWATCH_DATABASE_URL to the same URL to use that database, or to `none` to keep to the file",
                "DATABASE_URL: unknown option `pool` is ignored; correct its name, or ignore this if another program needs it",
            ]
        );
    }
}
