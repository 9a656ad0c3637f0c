//! `[[sink]]`: where incidents are told beside Slack.

use std::fmt;
use std::path::PathBuf;

use figment::value::{Dict, Value};

use crate::config::keys::{SINK_KEYS, unknown_key_remedy};
use crate::config::load::Reader;
use crate::config::problem::{ConfigProblem, Invalid};
use crate::config::server::is_variable_name;
use crate::config::token::read_secret;
use crate::config::{Sources, values};
use crate::model::{Evidence, Incident, Rule, ServerName, Severity};
use crate::secret::Secret;
use crate::sink::{Destination, SinkKind, read_key};
use crate::tls::is_loopback;

/// The maximum length of a name, in characters.
const MAX_NAME_CHARS: usize = 40;
const NAME_REMEDY: &str =
    "give it a name of lower-case letters, digits and hyphens, such as name = \"pager\"";
const TYPE_REMEDY: &str = "write one of webhook, pagerduty, opsgenie, ntfy";

/// A sink: where it is, and which incidents it is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkConfig {
    /// Unique; names it in the outbox, in messages and in metrics.
    pub name: String,
    pub kind: SinkKind,
    pub url: Secret,
    pub credential: Credential,
    /// The rules that it is told of; empty for all.
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
                read_secret(path, None, "put the secret of the sink there").map(Some)
            }
        }
    }
}

impl SinkConfig {
    /// Returns whether it is told of an incident. One of several servers is, where any of them is chosen.
    pub fn wants(&self, incident: &Incident) -> bool {
        let is_chosen = |server: &ServerName| self.servers.contains(server);
        let of_several = match &incident.evidence {
            Evidence::Silence(silence) => silence.streams.as_slice(),
            _ => &[],
        };
        (self.rules.is_empty() || self.rules.contains(&incident.rule))
            && (self.severities.is_empty() || self.severities.contains(&incident.severity))
            && (self.servers.is_empty()
                || is_chosen(&incident.server)
                || of_several.iter().any(|stream| is_chosen(stream.server())))
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
        Ok(Destination {
            kind: self.kind,
            url: self.url.clone(),
            credential: self.credential.read()?,
        })
    }
}

/// What the channel of a sink's messages begins with.
pub const SINK_CHANNEL: &str = "sink:";

impl Reader {
    /// Reads every `[[sink]]`.
    pub(super) fn sinks(&mut self, sources: &Sources) -> Vec<SinkConfig> {
        let from = self.layers.origin("sink").to_owned();
        let listed = match self.layers.merged.get("sink").cloned() {
            None => return Vec::new(),
            Some(Value::Array(_, listed)) => listed,
            Some(other) => vec![other],
        };
        let mut sinks: Vec<SinkConfig> = Vec::new();
        for (index, value) in listed.iter().enumerate() {
            let subject = format!("{from}: [[sink]] number {}", index + 1);
            let read = match value {
                Value::Dict(_, table) => read_sink(table, sources),
                _ => Err(vec![Invalid::new(
                    "is not a table",
                    "write each as its own [[sink]] table",
                )]),
            };
            match read {
                Ok(sink) if sinks.iter().any(|other| other.name == sink.name) => {
                    let what = format!("has the name `{}` of another one", sink.name);
                    let invalid = Invalid::new(what, "give each its own name");
                    self.problems
                        .push(ConfigProblem::invalid(&subject, &invalid));
                }
                Ok(sink) => sinks.push(sink),
                Err(problems) => {
                    let problem = |invalid| ConfigProblem::invalid(&subject, invalid);
                    self.problems.extend(problems.iter().map(problem));
                }
            }
        }
        sinks
    }
}

fn read_sink(table: &Dict, sources: &Sources) -> Result<SinkConfig, Vec<Invalid>> {
    let is_unknown = |key: &&String| !SINK_KEYS.contains(&key.as_str());
    let unknown = table.keys().filter(is_unknown).map(|key| {
        let remedy = unknown_key_remedy(key, SINK_KEYS);
        Invalid::new(format!("has an unknown key `{key}`"), remedy)
    });
    let mut problems: Vec<Invalid> = unknown.collect();
    let name = note(read_name(table), &mut problems);
    let kind = note(read_kind(table), &mut problems);
    let rules = note(list(table, "rules", read_rule), &mut problems);
    let severities = note(list(table, "severities", read_severity), &mut problems);
    let server = |name: &str| Ok(ServerName::from(name));
    let servers = note(list(table, "servers", server), &mut problems);
    let url = kind.and_then(|kind| note(read_url(table, kind), &mut problems));
    let credential =
        kind.and_then(|kind| note(read_credential(table, kind, sources), &mut problems));
    match (name, kind, url, credential, rules, severities, servers) {
        (
            Some(name),
            Some(kind),
            Some(url),
            Some(credential),
            Some(rules),
            Some(severities),
            Some(servers),
        ) if problems.is_empty() => Ok(SinkConfig {
            name,
            kind,
            url,
            credential,
            rules,
            severities,
            servers,
        }),
        _ => Err(problems),
    }
}

fn note<T>(read: Result<T, Invalid>, problems: &mut Vec<Invalid>) -> Option<T> {
    read.map_err(|invalid| problems.push(invalid)).ok()
}

fn read_name(table: &Dict) -> Result<String, Invalid> {
    let name = table.get("name").map(values::text).transpose();
    let name = name.map_err(|why| Invalid::from(why).within("name"))?;
    let is_name = |name: &String| {
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !name.is_empty() && name.len() <= MAX_NAME_CHARS && name.chars().all(is_allowed)
    };
    match name {
        Some(name) if is_name(&name) => Ok(name),
        Some(_) => Err(Invalid::new("has a `name` that is not one", NAME_REMEDY)),
        None => Err(Invalid::new("has no `name`", NAME_REMEDY)),
    }
}

fn read_kind(table: &Dict) -> Result<SinkKind, Invalid> {
    let Some(value) = table.get("type") else {
        return Err(Invalid::new("has no `type`", TYPE_REMEDY));
    };
    let text = values::text(value).map_err(|why| Invalid::from(why).within("type"))?;
    let found = SinkKind::ALL.into_iter().find(|kind| kind.name() == text);
    found.ok_or_else(|| Invalid::new("has a `type` that is not one", TYPE_REMEDY))
}

fn read_url(table: &Dict, kind: SinkKind) -> Result<Secret, Invalid> {
    let text = match table.get("url") {
        Some(value) => values::text(value).map_err(|why| Invalid::from(why).within("url"))?,
        None => match kind.default_url() {
            Some(url) => url.to_owned(),
            None => return Err(Invalid::new("has no `url`", url_remedy(kind))),
        },
    };
    let parsed = reqwest::Url::parse(text.trim()).ok();
    let is_web = |url: &reqwest::Url| {
        url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url.as_str()))
    };
    let host = parsed.as_ref().and_then(|url| url.host_str());
    let other = host.and_then(kind_of_host).filter(|other| *other != kind);
    if let Some(other) = other {
        let what = format!("has the `url` of another type than {}", kind.name());
        return Err(Invalid::new(
            what,
            format!("write type = \"{}\"", other.name()),
        ));
    }
    match (parsed.filter(is_web), Secret::new(&text)) {
        (Some(_), Some(url)) => Ok(url),
        // Its value is not repeated: it may hold a secret.
        _ => Err(Invalid::new(
            "has a `url` that is not an https address",
            url_remedy(kind),
        )),
    }
}

/// Returns the kind that a well-known host is of.
fn kind_of_host(host: &str) -> Option<SinkKind> {
    let is = |name: &str| {
        host == name
            || host
                .strip_suffix(name)
                .is_some_and(|sub| sub.ends_with('.'))
    };
    if is("pagerduty.com") {
        Some(SinkKind::PagerDuty)
    } else if is("opsgenie.com") {
        Some(SinkKind::Opsgenie)
    } else {
        is("ntfy.sh").then_some(SinkKind::Ntfy)
    }
}

const fn url_remedy(kind: SinkKind) -> &'static str {
    match kind {
        SinkKind::Webhook => {
            "write where it takes a POST, such as url = \"https://alerts.example.com/hushwatch\""
        }
        SinkKind::PagerDuty => {
            "remove it for PagerDuty itself, or write the base of what stands in for it"
        }
        SinkKind::Opsgenie => {
            "remove it for Opsgenie itself, or write the base of what stands in for it, such as https://api.eu.opsgenie.com"
        }
        SinkKind::Ntfy => {
            "write the address of the topic, such as url = \"https://ntfy.example.com/mail\""
        }
    }
}

/// The keys of the secret of a kind: the name of a variable, and a file.
const fn credential_keys(kind: SinkKind) -> [&'static str; 2] {
    match kind {
        SinkKind::Webhook => ["secret_env", "secret_file"],
        SinkKind::PagerDuty => ["routing_key_env", "routing_key_file"],
        SinkKind::Opsgenie => ["api_key_env", "api_key_file"],
        SinkKind::Ntfy => ["token_env", "token_file"],
    }
}

fn read_credential(table: &Dict, kind: SinkKind, sources: &Sources) -> Result<Credential, Invalid> {
    let [env, file] = credential_keys(kind);
    let all = SinkKind::ALL.map(credential_keys);
    let strange = all
        .iter()
        .flatten()
        .find(|key| ![env, file].contains(key) && table.contains_key(**key));
    if let Some(key) = strange {
        let what = format!(
            "has `{key}`, which a sink of type {} does not take",
            kind.name()
        );
        return Err(Invalid::new(what, format!("write `{env}` or `{file}`")));
    }
    let text = |key: &str| {
        let text = table.get(key).map(values::text).transpose();
        text.map_err(|why| Invalid::from(why).within(key))
    };
    let credential = match (text(env)?, text(file)?) {
        (Some(_), Some(_)) => {
            let what = format!("has both `{env}` and `{file}`");
            return Err(Invalid::new(what, "keep one of them"));
        }
        (Some(name), None) if is_variable_name(&name) => Credential::Variable {
            value: sources.env.get(&name).and_then(|value| Secret::new(value)),
            name,
        },
        // Its value is not repeated: it may be the secret itself.
        (Some(_), None) => {
            let what = format!("has a `{env}` that is not the name of an environment variable");
            return Err(Invalid::new(
                what,
                "put the secret into a variable, and its name here",
            ));
        }
        (None, Some(path)) => Credential::File(values::path(path).map_err(|why| why.within(file))?),
        (None, None) if matches!(kind, SinkKind::Webhook | SinkKind::Ntfy) => Credential::None,
        (None, None) => {
            let what = format!("has no `{env}` and no `{file}`");
            return Err(Invalid::new(
                what,
                "put the key into a variable or a file, and name it here",
            ));
        }
    };
    if let (
        SinkKind::Webhook,
        Credential::Variable {
            name,
            value: Some(value),
        },
    ) = (kind, &credential)
        && read_key(value.expose()).is_none()
    {
        let what = format!("names {name}, which is not a signing key");
        return Err(Invalid::new(
            what,
            "put `whsec_` and 24 to 64 random bytes in base64 there",
        ));
    }
    Ok(credential)
}

fn list<T>(
    table: &Dict,
    key: &str,
    read: impl Fn(&str) -> Result<T, Invalid>,
) -> Result<Vec<T>, Invalid> {
    let Some(value) = table.get(key) else {
        return Ok(Vec::new());
    };
    let texts = values::texts(value).map_err(|why| Invalid::from(why).within(key))?;
    if texts.is_empty() {
        let what = format!("has an empty `{key}`, so nothing would be sent");
        return Err(Invalid::new(
            what,
            format!("remove `{key}` for all of them, or name some"),
        ));
    }
    texts.iter().map(|text| read(text)).collect()
}

fn read_rule(text: &str) -> Result<Rule, Invalid> {
    Rule::from_name(text).ok_or_else(|| {
        let what = format!("has `rules` with `{text}`, which is no rule");
        Invalid::new(what, crate::config::rules::unknown_rule_remedy(text))
    })
}

fn read_severity(text: &str) -> Result<Severity, Invalid> {
    let all = [Severity::Warn, Severity::Wake];
    let found = all.into_iter().find(|severity| severity.name() == text);
    found.ok_or_else(|| {
        Invalid::new(
            "has `severities` with something else",
            "write warn, wake or both",
        )
    })
}
