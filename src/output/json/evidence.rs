//! What an incident rests on, as scripts read it: instants in RFC 3339, lengths of time in seconds.

use serde_json::{Value, json};

use crate::model::{Evidence, Span, Timestamp};

/// The fields that hold an instant, or a list of them.
const INSTANTS: [&str; 17] = [
    "asked_at",
    "due_at",
    "former_seen_at",
    "from",
    "last_at",
    "last_delivered",
    "last_good",
    "last_proven_sent",
    "last_sent",
    "newest_at",
    "newest_late",
    "newest_lost",
    "risen_at",
    "sent_at",
    "since",
    "times",
    "until",
];

/// `evidence` under the name of its kind. No address in it is masked.
pub(crate) fn evidence_json(evidence: &Evidence) -> Value {
    for_scripts(json!(evidence))
}

/// A span by its first instant and the first after it.
pub(crate) fn span_json(span: &Span) -> Value {
    for_scripts(json!(span))
}

/// The stored form with its instants and lengths of time as scripts read them.
fn for_scripts(stored: Value) -> Value {
    match stored {
        Value::Array(items) => items.into_iter().map(for_scripts).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| match value.get("secs") {
                Some(secs) => (format!("{name}_s"), secs.clone()),
                None if INSTANTS.contains(&name.as_str()) => (name, rfc3339(value)),
                None => (name, for_scripts(value)),
            })
            .collect(),
        other => other,
    }
}

fn rfc3339(stored: Value) -> Value {
    match stored {
        Value::Array(items) => items.into_iter().map(rfc3339).collect(),
        Value::Number(millis) => millis
            .as_i64()
            .map_or(Value::Null, |millis| json!(Timestamp(millis).to_string())),
        other => other,
    }
}

#[cfg(test)]
mod tests;
