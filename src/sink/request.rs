//! The request that brings one transition to a sink. Pure.
//!
//! Sources: Standard Webhooks; `PagerDuty` "Events API v2"; Opsgenie "Alert API"; ntfy "Publish as JSON".

use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::{Severity, Timestamp};
use crate::sink::signature::{read_key, sign};
use crate::sink::{Destination, SinkKind};
use crate::text::sanitize::truncate;

/// The maximum length of a `PagerDuty` summary and of an Opsgenie message, in characters.
const MAX_SUMMARY_CHARS: usize = 1_024;
const MAX_OPSGENIE_MESSAGE_CHARS: usize = 130;
/// The maximum length of Opsgenie's description, in characters.
const MAX_OPSGENIE_DESCRIPTION_CHARS: usize = 15_000;
/// The maximum length of a message of ntfy that it does not turn into an attachment, in bytes.
const MAX_NTFY_BYTES: usize = 4_096;

/// A request that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub url: Url,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// What a request is made from besides the destination.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event<'e> {
    /// The same at every attempt.
    pub key: &'e str,
    /// The frozen JSON of a transition.
    pub body: &'e str,
    /// The time of the attempt.
    pub at: Timestamp,
}

/// What happened, as the frozen JSON says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    Opened,
    Escalated,
    Reminded,
    /// Somebody takes care of it.
    Acknowledged,
    Resolved,
}

/// Returns what the frozen JSON of a step says that happened; `None` where it is none.
pub fn happened(body: &str) -> Option<Happened> {
    Fields::read(body).ok().map(|fields| fields.transition)
}

/// What the other kinds need of a transition.
#[derive(Debug, Deserialize)]
pub(super) struct Fields {
    /// None in an alert of hushwatch itself.
    incident: Option<String>,
    /// In such an alert what it is about; without it, which earlier versions stored, it is known by its time.
    outage: Option<String>,
    at: String,
    transition: Happened,
    pub severity: Severity,
    rule: Option<String>,
    server: Option<String>,
    stream: Option<String>,
    pub text: String,
}

impl Fields {
    /// Reads the frozen JSON.
    pub(super) fn read(body: &str) -> Result<Self, String> {
        serde_json::from_str(body).map_err(|_| "the stored message is no step".to_owned())
    }

    pub(super) fn headline(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    pub(super) fn is_over(&self) -> bool {
        self.transition == Happened::Resolved
    }

    /// Returns by which id its steps belong together.
    pub(super) fn thread(&self) -> String {
        let time = || {
            self.at
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .collect()
        };
        let id = self.incident.as_ref().or(self.outage.as_ref());
        id.cloned().unwrap_or_else(time)
    }

    fn rule(&self) -> &str {
        self.rule.as_deref().unwrap_or("hushwatch")
    }

    fn source(&self) -> &str {
        self.server.as_deref().unwrap_or("all servers")
    }
}

/// Returns the requests, to be made in this order, or why there is none: a wrong URL, a missing or wrong credential, a body that is no
/// transition. Where there are several, each is known by its key, so that all of them can be repeated.
pub(super) fn build(to: &Destination, event: Event<'_>) -> Result<Vec<Request>, String> {
    let url = Url::parse(to.url.expose()).map_err(|_| "its `url` is not one".to_owned())?;
    if to.kind == SinkKind::Webhook {
        return Ok(vec![webhook(to, url, event)?]);
    }
    let fields = Fields::read(event.body)?;
    let details: Value = serde_json::from_str(event.body).unwrap_or_default();
    let credential = to.credential.as_ref().map(|credential| credential.expose());
    match to.kind {
        SinkKind::Webhook | SinkKind::PagerDuty => {
            let key = credential.ok_or("it has no routing key")?;
            Ok(vec![pagerduty(url, key, &fields, &details)])
        }
        SinkKind::Opsgenie => {
            let key = credential.ok_or("it has no API key")?;
            Ok(opsgenie(&url, key, &fields, &details))
        }
        SinkKind::Ntfy => Ok(vec![ntfy(url, credential, &fields)?]),
        SinkKind::Email => Err("it is no web service".to_owned()),
    }
}

fn webhook(to: &Destination, url: Url, event: Event<'_>) -> Result<Request, String> {
    let id = format!("msg_{}", event.key);
    let at = event.at.0.div_euclid(1_000);
    let mut headers = vec![
        ("idempotency-key", id.clone()),
        ("webhook-id", id.clone()),
        ("webhook-timestamp", at.to_string()),
    ];
    if let Some(secret) = &to.credential {
        let key = read_key(secret.expose())
            .ok_or("its secret is not `whsec_` and 24 to 64 bytes in base64")?;
        headers.push(("webhook-signature", sign(&key, &id, at, event.body)));
    }
    let body = event.body.to_owned();
    Ok(Request { url, headers, body })
}

/// A further trigger under the key of an open alert overwrites it: a warning that becomes a wake raises the severity of what is there.
fn pagerduty(mut url: Url, key: &str, fields: &Fields, details: &Value) -> Request {
    if !url.path().ends_with("/enqueue") {
        url.set_path("/v2/enqueue");
    }
    let action = match fields.transition {
        Happened::Opened | Happened::Escalated | Happened::Reminded => "trigger",
        Happened::Acknowledged => "acknowledge",
        Happened::Resolved => "resolve",
    };
    let mut body = json!({
        "routing_key": key,
        "event_action": action,
        "dedup_key": dedup_key(fields),
    });
    if action == "trigger" {
        body["payload"] = json!({
            "summary": truncate(fields.headline(), MAX_SUMMARY_CHARS),
            "source": fields.source(),
            "severity": match fields.severity {
                Severity::Wake => "critical",
                Severity::Warn => "warning",
            },
            "timestamp": fields.at,
            "class": fields.rule(),
            "custom_details": details,
        });
        // It must be a text, where it is there at all.
        if let Some(stream) = &fields.stream {
            body["payload"]["component"] = json!(stream);
        }
        body["client"] = json!("hushwatch");
    }
    Request {
        url,
        headers: Vec::new(),
        body: body.to_string(),
    }
}

/// A second creation under the alias of an open alert only counts up: it neither raises the priority nor calls anybody. So a warning and
/// a wake have an alias each, and what may have been a warning is closed once its wake is open.
fn opsgenie(url: &Url, key: &str, fields: &Fields, details: &Value) -> Vec<Request> {
    let warning = dedup_key(fields);
    let alias = match fields.severity {
        Severity::Warn => warning.clone(),
        Severity::Wake => format!("{warning}-wake"),
    };
    let may_have_been_warned =
        fields.severity == Severity::Wake && fields.transition != Happened::Opened;
    let action = match fields.transition {
        Happened::Opened | Happened::Escalated | Happened::Reminded => None,
        Happened::Acknowledged => Some("acknowledge"),
        Happened::Resolved => Some("close"),
    };
    let first = match action {
        None => opsgenie_request(url, key, "", &opsgenie_alert(&alias, fields, details)),
        Some(action) => opsgenie_action(url, key, &alias, action, fields),
    };
    let of_warning = may_have_been_warned
        .then(|| opsgenie_action(url, key, &warning, action.unwrap_or("close"), fields));
    [first].into_iter().chain(of_warning).collect()
}

fn opsgenie_alert(alias: &str, fields: &Fields, details: &Value) -> Value {
    let texts = details.as_object().into_iter().flatten();
    let texts = texts.filter(|(key, value)| *key != "text" && !value.is_null());
    let texts = texts.map(|(key, value)| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        (key.clone(), Value::String(text))
    });
    json!({
        "message": truncate(fields.headline(), MAX_OPSGENIE_MESSAGE_CHARS),
        "alias": alias,
        "description": truncate(&fields.text, MAX_OPSGENIE_DESCRIPTION_CHARS),
        "priority": match fields.severity {
            Severity::Wake => "P1",
            Severity::Warn => "P3",
        },
        "entity": fields.source(),
        "source": "hushwatch",
        "tags": [fields.rule(), fields.severity.name()],
        "details": texts.collect::<serde_json::Map<_, _>>(),
    })
}

fn opsgenie_action(url: &Url, key: &str, alias: &str, action: &str, fields: &Fields) -> Request {
    let note = json!({ "source": "hushwatch", "note": fields.headline() });
    let mut request = opsgenie_request(url, key, &format!("/{alias}/{action}"), &note);
    request.url.set_query(Some("identifierType=alias"));
    request
}

/// Returns a request to what is at `path` below the alerts.
fn opsgenie_request(url: &Url, key: &str, path: &str, body: &Value) -> Request {
    let mut url = url.clone();
    let base = url.path().trim_end_matches('/');
    let base = base.strip_suffix("/v2/alerts").unwrap_or(base).to_owned();
    url.set_path(&format!("{base}/v2/alerts{path}"));
    Request {
        url,
        headers: vec![("authorization", format!("GenieKey {key}"))],
        body: body.to_string(),
    }
}

/// Returns the topic of ntfy that is the last part of the path, and what is before it; `None` where there is none.
pub fn ntfy_topic(url: &Url) -> Option<(&str, &str)> {
    let path = url.path().trim_end_matches('/');
    let (base, topic) = path.rsplit_once('/').unwrap_or(("", path));
    (!topic.is_empty()).then_some((base, topic))
}

/// As JSON a message is published at the path above its topic.
fn ntfy(mut url: Url, token: Option<&str>, fields: &Fields) -> Result<Request, String> {
    let Some((base, topic)) = ntfy_topic(&url) else {
        return Err("its `url` does not end with a topic".to_owned());
    };
    let (base, topic) = (base.to_owned(), topic.to_owned());
    url.set_path(&format!("{base}/"));
    let (priority, tag) = match (fields.is_over(), fields.severity) {
        (true, _) => (3, "white_check_mark"),
        (false, Severity::Wake) => (5, "rotating_light"),
        (false, Severity::Warn) => (4, "warning"),
    };
    // The tag is shown as the emoji with which the headline begins.
    let headline = fields.headline();
    let title = headline.split_once(' ').map_or(headline, |(_, rest)| rest);
    let rest: Vec<&str> = fields.text.lines().skip(1).collect();
    let mut message = rest.join("\n");
    while message.len() > MAX_NTFY_BYTES {
        message.pop();
    }
    let body = json!({
        "topic": topic, "title": title, "message": message, "priority": priority, "tags": [tag],
    });
    let token = token.map(|token| ("authorization", format!("Bearer {token}")));
    Ok(Request {
        url,
        headers: token.into_iter().collect(),
        body: body.to_string(),
    })
}

fn dedup_key(fields: &Fields) -> String {
    format!("hushwatch-{}", fields.thread())
}
