//! `[[sink]]`: where incidents go beside Slack.

mod table;

use std::fmt;
use std::path::PathBuf;

use crate::config::load::Reader;
use crate::config::misplaced::SecretKind;
use crate::config::problem::{ConfigProblem, ConfigWarning, Invalid};
use crate::config::server::ACCOUNT_TOKEN;
use crate::config::sink::table::{goes_through_postmark, read_sink};
use crate::config::token::read_secret;
use crate::config::{ServerConfig, Sources};
use crate::model::{Incident, Rule, ServerName, Severity};
use crate::secret::Secret;
use crate::sink::{Destination, MailRoute, SinkKind};

/// A sink: where it is, and which incidents it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkConfig {
    /// Unique; names it in the outbox, in messages and in metrics.
    pub name: String,
    pub kind: SinkKind,
    pub url: Secret,
    pub credential: Credential,
    /// From whom and to whom, for mail alone.
    pub envelope: Option<MailRoute>,
    /// The rules that it gets; empty for all.
    pub rules: Vec<Rule>,
    /// The severities; empty for all.
    pub severities: Vec<Severity>,
    /// The servers; empty for all.
    pub servers: Vec<ServerName>,
}

/// Where the secret of a sink comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    None,
    /// An environment variable, as it was at the start.
    Variable {
        name: String,
        value: Option<Secret>,
    },
    /// A file, read at each use.
    File(PathBuf),
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no secret"),
            Self::Variable {
                name,
                value: Some(_),
            } => write!(f, "secret *** from {name}"),
            Self::Variable { name, value: None } => write!(f, "secret not set ({name})"),
            Self::File(path) => write!(f, "secret from {}", path.display()),
        }
    }
}

impl Credential {
    /// Returns the secret, now; `None` where none is configured.
    ///
    /// # Errors
    /// Where the variable or the file is missing, unreadable or empty.
    pub fn read(&self) -> Result<Option<Secret>, String> {
        match self {
            Self::None => Ok(None),
            Self::Variable { name, value } => match value {
                Some(value) => Ok(Some(value.clone())),
                None => Err(format!("its secret is missing: set {name}")),
            },
            Self::File(path) => {
                let remedy = "put the secret of the sink there";
                read_secret(path, SecretKind::OF_SINKS, remedy).map(Some)
            }
        }
    }
}

impl SinkConfig {
    /// Returns whether it gets what wakes somebody, such as that hushwatch itself cannot work.
    pub fn takes_wakes(&self) -> bool {
        self.severities.is_empty() || self.severities.contains(&Severity::Wake)
    }

    /// Returns whether it gets an incident. One of several servers is, where any of them is chosen.
    pub fn wants(&self, incident: &Incident) -> bool {
        let is_chosen = |server: &ServerName| self.servers.contains(server);
        (self.rules.is_empty() || self.rules.contains(&incident.rule))
            && (self.severities.is_empty() || self.severities.contains(&incident.severity))
            && (self.servers.is_empty()
                || is_chosen(&incident.server)
                || incident
                    .evidence
                    .streams()
                    .iter()
                    .any(|stream| is_chosen(stream.server())))
    }

    /// Returns the channel of its messages in the outbox, which no channel of Slack's can be called.
    pub fn channel(&self) -> String {
        format!("{SINK_CHANNEL}{}", self.name)
    }

    /// Returns where it is, with its secret.
    ///
    /// # Errors
    /// As [`Credential::read`].
    pub fn destination(&self) -> Result<Destination, String> {
        let [variable, file] = self.kind.credential_keys();
        Ok(Destination {
            kind: self.kind,
            url: self.url.clone(),
            credential: self.credential.read()?,
            credential_key: match self.credential {
                Credential::File(_) => file,
                Credential::None | Credential::Variable { .. } => variable,
            },
            envelope: self.envelope.clone(),
        })
    }
}

/// What the channel of a sink's messages begins with.
pub const SINK_CHANNEL: &str = "sink:";

impl Reader {
    /// Reads every `[[sink]]`.
    /// Reads each `[[sink]]`. Without a token of the account, it can only choose from the configured `servers`.
    pub(super) fn sinks(&mut self, sources: &Sources, servers: &[ServerConfig]) -> Vec<SinkConfig> {
        let is_whole = sources.var(ACCOUNT_TOKEN).is_none() && !servers.is_empty();
        let is_unknown = |name: &&ServerName| is_whole && servers.iter().all(|s| s.name != **name);
        let mut sinks: Vec<SinkConfig> = Vec::new();
        for (subject, sink) in self.tables("sink", |table| read_sink(table, sources)) {
            if sinks.iter().any(|other| other.name == sink.name) {
                let what = format!("has the name `{}` of another one", sink.name);
                let invalid = Invalid::new(what, "give each its own name");
                self.problems
                    .push(ConfigProblem::invalid(&subject, &invalid));
                continue;
            }
            let unknown = sink.servers.iter().filter(is_unknown);
            self.warnings
                .extend(unknown.map(|server| ConfigWarning::UnknownServerOfSink {
                    sink: sink.name.clone(),
                    server: server.0.clone(),
                }));
            if goes_through_postmark(&sink) {
                let name = sink.name.clone();
                self.warnings.push(ConfigWarning::SinkThroughPostmark(name));
            }
            sinks.push(sink);
        }
        sinks
    }
}
