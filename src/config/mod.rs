//! `monitor.toml` and the environment, checked: a [`Config`] makes sense, and everything wrong is told at once.

mod canary;
mod database;
mod doctor;
mod environment_file;
mod heartbeat;
mod installed;
mod keys;
mod layers;
mod load;
mod misplaced;
mod names;
mod page;
mod problem;
mod quiet;
mod rules;
mod schedule;
mod sentry;
mod server;
mod services;
mod show;
mod sink;
mod tables;
#[cfg(test)]
mod tests;
mod token;
mod values;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::NaiveTime;

use crate::database::Address;
use crate::heartbeat::Heartbeat;
use crate::model::{MisnamedStream, Rules, ServerName, StreamId};
use crate::retry;
use crate::secret::Secret;
use crate::sentry::SentrySettings;

pub use installed::InstalledService;
pub use keys::nearest;
pub use load::{Sources, load};
pub use misplaced::refuse_secret_in_text;
pub use problem::{ConfigProblem, ConfigWarning, io_reason};
pub use quiet::{QuietHours, hold, quiet_until};
pub use schedule::Schedule;
pub use show::{describe_rules, show};
#[cfg(test)]
pub use sink::Credential;
pub use sink::{SINK_CHANNEL, SinkConfig};
pub use token::{TokenProblem, TokenSource};

pub use crate::tls::is_loopback;

/// What waits for the digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: every alert is told at once.
    Alert,
    /// Warnings.
    Digest,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ServerConfig {
    pub name: ServerName,
    /// Where its token is read from, each cycle.
    pub token: TokenSource,
    /// Complaints from these domains do not wake.
    pub own_domains: Vec<String>,
    /// A bounce of one of these addresses wakes.
    pub operator_addresses: Vec<String>,
    /// Only these streams; `None` for every outbound one.
    pub streams: Option<Vec<StreamId>>,
    /// Not these streams.
    pub ignored_streams: Vec<StreamId>,
    /// Where its messages go; `None` for the common channel.
    pub channel: Option<String>,
    /// Where those that wake go; `None` for the common one.
    pub wake_channel: Option<String>,
    /// Who is mentioned in them: `here`, `channel`, or the id of a user or of a user group; `None` for the common ones.
    pub wake_mention: Option<String>,
    /// Its own settings of rules, and those of its streams; `None` where it has those of the whole file.
    pub rules: Option<Rules>,
}

impl ServerConfig {
    /// Whether the file does not leave this stream out.
    pub fn watches(&self, stream: &StreamId) -> bool {
        let is_chosen = self
            .streams
            .as_ref()
            .is_none_or(|only| only.contains(stream));
        is_chosen && !self.ignored_streams.contains(stream)
    }

    /// Returns what the file leaves out or gives rules of its own, and is none of the streams that Postmark listed; nothing where it
    /// listed none.
    pub fn misnamed_streams(&self, listed: &[StreamId]) -> Vec<MisnamedStream> {
        let ignored = self.ignored_streams.iter();
        let own = self.rules.iter().flat_map(|rules| rules.streams.keys());
        let named = ignored
            .map(|id| (id, "`ignore_streams`"))
            .chain(own.map(|id| (id, "[[server.stream]]")));
        let valid: Vec<&str> = listed.iter().map(|id| id.0.as_str()).collect();
        let misnamed = named.filter(|(id, _)| !listed.is_empty() && !listed.contains(id));
        let misnamed = misnamed.map(|(id, key)| MisnamedStream {
            server: self.name.clone(),
            id: id.clone(),
            key,
            nearest: keys::nearest(&id.0, &valid).map(StreamId::from),
        });
        misnamed.collect()
    }

    /// Whether both may watch the same stream, where they are the same Postmark server: two teams may each watch their own.
    pub fn overlaps(&self, other: &Self) -> bool {
        let both = |id| self.watches(id) && other.watches(id);
        let named = self.streams.as_ref().or(other.streams.as_ref());
        named.is_none_or(|ids| ids.iter().any(both))
    }
}

/// How Postmark is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct PostmarkSettings {
    /// Without a trailing slash.
    pub base_url: String,
    /// Per server and cycle.
    pub requests_per_poll: u32,
    /// For one answer.
    pub timeout: Duration,
    /// For everything but old history, in one cycle of all servers.
    pub poll_time: Duration,
    pub backfill_time: Duration,
}

impl PostmarkSettings {
    /// How long the polls of one cycle may take, with old history.
    pub fn longest_poll(&self) -> Duration {
        self.poll_time + self.backfill_time
    }
}

/// Where messages go.
#[derive(Clone, Debug, PartialEq)]
pub enum SlackSink {
    /// `chat.postMessage`.
    Bot {
        token: Secret,
        channel: String,
    },
    Webhook(Secret),
    /// Nowhere but the terminal.
    Print,
}

/// How Slack is told.
#[derive(Clone, Debug, PartialEq)]
pub struct SlackSettings {
    /// Without a trailing slash.
    pub base_url: String,
    pub mask_addresses: bool,
    /// Whether the digest is followed by pictures in its thread, where a bot may upload them.
    pub pictures: bool,
    pub pace: Duration,
    /// For one answer.
    pub timeout: Duration,
    /// Where messages that wake go; `None` where the others go.
    pub wake_channel: Option<String>,
    /// Who is mentioned in them; `None` for nobody.
    pub wake_mention: Option<String>,
    /// Whether the first message of a database is sent.
    pub hello: bool,
    /// Whether what people answer by emoji is read.
    pub reactions: bool,
    pub sink: SlackSink,
}

/// Where what was seen is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreSettings {
    /// The `SQLite` file.
    pub path: PathBuf,
    /// The `SQLite` file which is not made yet, and in place of which an empty database is read.
    pub not_made: Option<PathBuf>,
    /// The `PostgreSQL` database that is used instead.
    pub database: Option<Address>,
    /// The database of `DATABASE_URL` which an explicit `store.path` wins over.
    pub unused: Option<Address>,
    /// The variable or key that decides between them, as it is named to people.
    pub decided_by: String,
    /// What else was looked at, or was not, as it is told where there is no data; `None` where there is nothing to tell.
    pub elsewhere: Option<String>,
    /// Where systemd keeps the state of this service; `None` elsewhere.
    pub state_directory: Option<PathBuf>,
    /// Where something small may lie if neither that nor the folder of the database can be written: folders that others may write,
    /// too, the best first.
    pub last_resorts: Vec<PathBuf>,
    /// How long rows of single messages are kept.
    pub keep: Duration,
    /// After so long without a sign of life, other processes on the same database take over what one works on.
    pub lease: Duration,
}

impl StoreSettings {
    /// The same, in a database that ends with this process.
    #[must_use]
    pub fn in_memory(&self) -> Self {
        Self {
            path: PathBuf::from(":memory:"),
            not_made: None,
            database: None,
            unused: None,
            ..self.clone()
        }
    }

    /// An empty one that ends with this process, and is told of as what it stands for: the file that is not made yet.
    #[must_use]
    pub fn in_place_of_file(&self) -> Self {
        Self {
            not_made: Some(self.path.clone()),
            ..self.in_memory()
        }
    }
}

impl fmt::Display for StoreSettings {
    /// Where the data is, without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.database, &self.not_made) {
            (Some(address), _) => write!(f, "schema hushwatch of {address}"),
            (None, Some(path)) => write!(
                f,
                "the SQLite file {} (not made yet; the first `hushwatch check` or `hushwatch run` makes it)",
                path.display()
            ),
            (None, None) => write!(f, "the SQLite file {}", self.path.display()),
        }
    }
}

/// Where an SMTP relay is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelaySettings {
    pub host: String,
    pub port: u16,
    /// Whether the user named it; else it may be that nobody sends by it.
    pub is_named: bool,
}

/// What `doctor` looks at besides what is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct DoctorSettings {
    /// Selectors of DKIM keys beside Postmark's own.
    pub dkim_selectors: Vec<String>,
    pub return_path: String,
    /// The SMTP relay; `None` where nobody sends by it.
    pub smtp: Option<RelaySettings>,
    /// The DNS resolver that is asked; `None` for the system's.
    pub resolver: Option<SocketAddr>,
    /// Postmark's status page, without a trailing slash.
    pub status_url: String,
}

/// The page that `run` serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageSettings {
    pub listen: SocketAddr,
    /// Names and addresses, in lower case, that a request may call this machine by, beside loopback and that of `listen`.
    pub hosts: Vec<String>,
    /// Holds the token that every request must bear, but those that ask for a word; `None` where none need bear one.
    pub token_file: Option<PathBuf>,
}

/// Mail of our own, by which a path without traffic is tried.
#[derive(Clone, Debug, PartialEq)]
pub struct CanarySettings {
    /// The token of the server that sends it.
    pub token: TokenSource,
    pub stream: StreamId,
    /// An address.
    pub from: String,
    /// An address.
    pub to: String,
    /// How often one is sent; from an hour to a day.
    pub every: Duration,
}

/// Everything that can be set, valid.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub mode: Mode,
    pub schedule: Schedule,
    /// Whether `confidence` of a rate is the built-in one: it was `off` in earlier versions.
    pub confidence_by_default: bool,
    /// For the digest, and for what people read.
    pub time_zone: crate::model::Zone,
    pub postmark: PostmarkSettings,
    pub retry: retry::RetryPolicy,
    /// Those of the file; at least one, unless the account's are watched.
    pub servers: Vec<ServerConfig>,
    /// Where the token of the account is read from, all of whose servers are watched.
    pub account: Option<TokenSource>,
    /// Servers of the account that are not watched, by name.
    pub ignored: Vec<String>,
    pub slack: SlackSettings,
    /// Common to all servers; see [`Config::rules_for`].
    pub rules: Rules,
    /// The hours in which warnings wait.
    pub quiet_hours: Vec<QuietHours>,
    /// Where incidents are told beside Slack.
    pub sinks: Vec<SinkConfig>,
    /// Local time of the digest.
    pub digest_at: NaiveTime,
    pub store: StoreSettings,
    /// Where others learn whether cycles are good.
    pub heartbeat: Option<Heartbeat>,
    /// Where Sentry learns of cycles and tokens; `None` where no DSN is set.
    pub sentry: Option<SentrySettings>,
    pub doctor: DoctorSettings,
    /// The canary; `None` for none.
    pub canary: Option<CanarySettings>,
    /// The page; `None` for none.
    pub page: Option<PageSettings>,
    /// `FLAG_POSTMARK_DELIVERY_MONITOR`.
    pub enabled: bool,
    /// What is not wrong, but should be known.
    pub warnings: Vec<ConfigWarning>,
}

impl Config {
    /// The rules with what is particular to one server.
    pub fn rules_for(&self, server: &ServerConfig) -> Rules {
        let rules = server.rules.as_ref().unwrap_or(&self.rules);
        rules.clone().with(|rules| {
            rules.own_domains.clone_from(&server.own_domains);
            rules
                .operator_addresses
                .clone_from(&server.operator_addresses);
        })
    }

    /// Returns a line for each secret of a sink or of the canary that is missing now, with what follows.
    pub fn missing_secrets(&self) -> Vec<String> {
        let sinks = self.sinks.iter().filter_map(|sink| {
            let why = sink.credential.read().err()?;
            let name = &sink.name;
            Some(format!("sink `{name}`: {why}; until then it gets nothing"))
        });
        let canary = self.canary.iter().filter_map(|canary| {
            let why = canary.token.read().err()?;
            Some(format!("canary: {why}; until then none is sent"))
        });
        sinks.chain(canary).collect()
    }

    /// Which rules are on, and with what settings, on the server of that name; those of all where the configuration does not name it.
    pub fn rules_by_name(&self, server: &ServerName) -> &Rules {
        let named = self.servers.iter().find(|s| s.name == *server);
        named.and_then(|s| s.rules.as_ref()).unwrap_or(&self.rules)
    }
}
