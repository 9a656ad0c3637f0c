//! One `[[sink]]` table, checked.

use figment::value::Dict;
use reqwest::Url;

use crate::config::keys::{SINK_KEYS, unknown_key_remedy};
use crate::config::misplaced::SINK_PREFIXES;
use crate::config::problem::Invalid;
use crate::config::server::is_variable_name;
use crate::config::services::{Service, is_mail};
use crate::config::sink::{Credential, SinkConfig};
use crate::config::{Sources, names, values};
use crate::model::{Rule, ServerName, Severity};
use crate::secret::Secret;
use crate::sink::{MailRoute, SinkKind, ntfy_topic, read_key};
use crate::tls::is_loopback;

/// The maximum length of a name, in characters.
const MAX_NAME_CHARS: usize = 40;
const NAME_REMEDY: &str =
    "give it a name of lower-case letters, digits and hyphens, such as name = \"pager\"";
const TYPE_REMEDY: &str = "write one of webhook, pagerduty, opsgenie, ntfy, email";
const ADDRESS_REMEDY: &str = "write a whole address such as ops@example.com";
const TO_REMEDY: &str = "name who is to read it, as in to = [\"ops@example.com\"]";
/// The keys that only mail has.
const ENVELOPE_KEYS: [&str; 3] = ["from", "to", "username"];

/// Reads one `[[sink]]`.
pub(super) fn read_sink(table: &Dict, sources: &Sources) -> Result<SinkConfig, Vec<Invalid>> {
    let is_unknown = |key: &&String| !SINK_KEYS.contains(&key.as_str());
    let unknown = table.keys().filter(is_unknown).map(|key| {
        let remedy = unknown_key_remedy(key, SINK_KEYS);
        Invalid::new(format!("has an unknown key `{key}`"), remedy)
    });
    let mut problems: Vec<Invalid> = unknown.collect();
    let name = note(read_name(table), &mut problems);
    let kind = note(read_kind(table), &mut problems);
    let rules = note(choice(table, "rules", read_rule), &mut problems);
    let severities = note(choice(table, "severities", read_severity), &mut problems);
    let server = |name: &str| Ok(ServerName::from(name));
    let servers = note(choice(table, "servers", server), &mut problems);
    let url = kind.and_then(|kind| note(read_url(table, kind), &mut problems));
    let credential =
        kind.and_then(|kind| note(read_credential(table, kind, sources), &mut problems));
    let envelope = kind.and_then(|kind| note(read_envelope(table, kind), &mut problems));
    match (
        name, kind, url, credential, envelope, rules, severities, servers,
    ) {
        (
            Some(name),
            Some(kind),
            Some(url),
            Some(credential),
            Some(envelope),
            Some(rules),
            Some(severities),
            Some(servers),
        ) if problems.is_empty() => Ok(SinkConfig {
            name,
            kind,
            url,
            credential,
            envelope,
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
    let parsed = Url::parse(text.trim()).ok();
    let is_valid = |url: &Url| match kind {
        SinkKind::Email => is_mail(url) && url.host_str().is_some(),
        _ => url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url.as_str())),
    };
    match parsed.as_ref().and_then(Service::from_url) {
        Some(Service::Sink(other)) if other != kind => {
            let what = format!("has the `url` of another type than {}", kind.name());
            let remedy = format!("write type = \"{}\"", other.name());
            return Err(Invalid::new(what, remedy));
        }
        Some(service @ (Service::Healthchecks | Service::Sentry)) => {
            return Err(service.misplaced().within("url"));
        }
        _ => {}
    }
    if let Some(url) = parsed.as_ref().filter(|_| kind == SinkKind::Email)
        && (!url.username().is_empty() || url.password().is_some())
    {
        return Err(Invalid::new(
            "has a `url` with a user name or a password",
            "write `username`, and `password_env` or `password_file`",
        ));
    }
    match (parsed.filter(is_valid), Secret::new(text.trim())) {
        (Some(url), Some(_)) if kind == SinkKind::Ntfy && ntfy_topic(&url).is_none() => {
            let what = "has a `url` that does not end with a topic";
            Err(Invalid::new(what, url_remedy(kind)))
        }
        (Some(_), Some(url)) => Ok(url),
        // Its value is not repeated: it may hold a secret.
        _ => {
            let what = match kind {
                SinkKind::Email => "has a `url` that is not the address of a mail server",
                _ => "has a `url` that is not an https address",
            };
            Err(Invalid::new(what, url_remedy(kind)))
        }
    }
}

/// Returns whether the mail of a sink goes through the server that is watched.
pub(super) fn goes_through_postmark(sink: &SinkConfig) -> bool {
    let url = Url::parse(sink.url.expose()).ok();
    let host = url.as_ref().and_then(Url::host_str);
    sink.kind == SinkKind::Email && host.is_some_and(|host| host.ends_with("postmarkapp.com"))
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
        SinkKind::Email => {
            "write a mail server other than the one that is watched, such as url = \"smtps://mail.example.com\" (TLS, port 465) or \
             \"smtp://mail.example.com\" (STARTTLS, port 587)"
        }
    }
}

/// Whether the name of a variable that is not set looks like the key itself: those of `PagerDuty`, ntfy and Standard Webhooks are made
/// of letters, digits and underscores.
fn is_like_key(name: &str, sources: &Sources) -> bool {
    const MIN_KEY_CHARS: usize = 20;
    let is_long = name.len() >= MIN_KEY_CHARS && name.contains(|c: char| c.is_ascii_digit());
    let has_prefix = SINK_PREFIXES.iter().any(|p| name.starts_with(p));
    sources.var(name).is_none() && (has_prefix || (is_long && !name.contains('_')))
}

fn read_credential(table: &Dict, kind: SinkKind, sources: &Sources) -> Result<Credential, Invalid> {
    let [env, file] = kind.credential_keys();
    let all = SinkKind::ALL.map(SinkKind::credential_keys);
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
        (Some(name), None) if is_variable_name(&name) && !is_like_key(&name, sources) => {
            Credential::Variable {
                value: sources.env.get(&name).and_then(|value| Secret::new(value)),
                name,
            }
        }
        // Its value is not repeated: it may be the secret itself.
        (Some(_), None) => {
            let what = format!("has a `{env}` that is not the name of an environment variable");
            return Err(Invalid::new(
                what,
                "put the secret into a variable, and its name here",
            ));
        }
        (None, Some(path)) => {
            let path = values::path(path).map_err(|why| why.within(file))?;
            Credential::File(sources.secret_file(path))
        }
        (None, None) if matches!(kind, SinkKind::Webhook | SinkKind::Ntfy | SinkKind::Email) => {
            Credential::None
        }
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

/// Reads from whom mail comes and to whom it goes; `None` for every other kind.
fn read_envelope(table: &Dict, kind: SinkKind) -> Result<Option<MailRoute>, Invalid> {
    if kind != SinkKind::Email {
        let strange = ENVELOPE_KEYS
            .into_iter()
            .find(|key| table.contains_key(*key));
        return match strange {
            None => Ok(None),
            Some(key) => {
                let what = format!("has `{key}`, which only a sink of type email takes");
                Err(Invalid::new(what, "remove it, or write type = \"email\""))
            }
        };
    }
    if !cfg!(feature = "email") {
        return Err(Invalid::new(
            "is of type email, which this build cannot send",
            "use a package, or a build with `--features full`",
        ));
    }
    let address = |key: &str, text: &str| {
        let invalid = || {
            Invalid::new(
                format!("has a `{key}` that is not an address"),
                ADDRESS_REMEDY,
            )
        };
        names::address(text).ok_or_else(invalid)
    };
    let from = match table.get("from") {
        Some(value) => values::text(value).map_err(|why| Invalid::from(why).within("from"))?,
        None => return Err(Invalid::new("has no `from`", ADDRESS_REMEDY)),
    };
    let to = list(table, "to", TO_REMEDY, |text| address("to", text))?;
    if to.is_empty() {
        return Err(Invalid::new("has no `to`", TO_REMEDY));
    }
    let username = table.get("username").map(values::text).transpose();
    let username = username.map_err(|why| Invalid::from(why).within("username"))?;
    let has_password = kind
        .credential_keys()
        .iter()
        .any(|key| table.contains_key(*key));
    if username.is_some() != has_password {
        return Err(Invalid::new(
            "has one of `username` and a password, and not the other",
            "write both, or none where the server needs no login",
        ));
    }
    Ok(Some(MailRoute {
        from: address("from", &from)?,
        to,
        username,
    }))
}

/// Reads a list that chooses what is sent: without it, all of them are.
fn choice<T>(
    table: &Dict,
    key: &str,
    read: impl Fn(&str) -> Result<T, Invalid>,
) -> Result<Vec<T>, Invalid> {
    let remedy = format!("remove `{key}` for all of them, or name some");
    list(table, key, &remedy, read)
}

/// Reads a list, which is empty where there is none. One that is there and empty is refused with `remedy`.
fn list<T>(
    table: &Dict,
    key: &str,
    remedy: &str,
    read: impl Fn(&str) -> Result<T, Invalid>,
) -> Result<Vec<T>, Invalid> {
    let Some(value) = table.get(key) else {
        return Ok(Vec::new());
    };
    let texts = values::texts(value).map_err(|why| Invalid::from(why).within(key))?;
    if texts.is_empty() {
        let what = format!("has an empty `{key}`, so nothing would be sent");
        return Err(Invalid::new(what, remedy));
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
            "has `severities` with what is no severity",
            "write warn, wake or both",
        )
    })
}
