//! One line of a file of events.

use std::borrow::Cow;

use serde::Deserialize;

use crate::events_file::EXAMPLE;
use crate::model::{BounceType, Timestamp};

/// Longest quotation of a value, in characters: a line may be a megabyte.
const MAX_QUOTE_CHARS: usize = 100;
/// No message was sent before or after: a value beyond is a mistake of units.
const POSSIBLE_INSTANTS: (Timestamp, Timestamp) = (
    Timestamp::from_secs(631_152_000),
    Timestamp::from_secs(4_102_444_800),
);

/// A text of the line, as it stands there: few have anything escaped in them.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Wire<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    server: Text<'a>,
    stream: Text<'a>,
    sent_at: Text<'a>,
    delivered_at: Option<Text<'a>>,
    bounced_at: Option<Text<'a>>,
    bounce_type: Option<Text<'a>>,
    complained_at: Option<Text<'a>>,
    tag: Option<Text<'a>>,
    recipient: Option<Text<'a>>,
}

/// One message and what became of it.
pub(crate) struct EventLine<'a> {
    pub id: Cow<'a, str>,
    pub server: Cow<'a, str>,
    pub stream: Cow<'a, str>,
    pub sent_at: Timestamp,
    pub delivered_at: Option<Timestamp>,
    pub bounce: Option<(Timestamp, Option<BounceType>)>,
    pub complained_at: Option<Timestamp>,
    pub tag: Option<Cow<'a, str>>,
    pub recipient: Option<Cow<'a, str>>,
}

/// Reads a line; says what is wrong with it.
pub(crate) fn parse(text: &[u8]) -> Result<EventLine<'_>, String> {
    let wire: Wire<'_> = serde_json::from_slice(text).map_err(|error| {
        // serde_json counts lines too, but it was handed one.
        let what = error.to_string();
        let what = shortened(what.split(" at line ").next().unwrap_or_default());
        format!(
            "{what} (column {}); a line looks like {EXAMPLE}",
            error.column()
        )
    })?;
    for (key, value) in [
        ("id", &wire.id),
        ("server", &wire.server),
        ("stream", &wire.stream),
    ] {
        if value.0.trim().is_empty() {
            return Err(format!("`{key}` is empty"));
        }
    }
    let sent_at = instant("sent_at", &wire.sent_at.0)?;
    let later = |key: &str, value: &Option<Text<'_>>| match value {
        None => Ok(None),
        Some(text) => match instant(key, &text.0)? {
            at if at < sent_at => Err(format!("`{key}` {at} is before `sent_at` {sent_at}")),
            at => Ok(Some(at)),
        },
    };
    let bounce = match (later("bounced_at", &wire.bounced_at)?, &wire.bounce_type) {
        (Some(at), Some(kind)) => Some((at, BounceType::from_name(&kind.0))),
        (None, None) => None,
        (Some(_), None) => {
            return Err(
                "`bounced_at` without `bounce_type`; name Postmark's type, such as \"HardBounce\""
                    .to_owned(),
            );
        }
        (None, Some(_)) => return Err("`bounce_type` without `bounced_at`".to_owned()),
    };
    Ok(EventLine {
        sent_at,
        delivered_at: later("delivered_at", &wire.delivered_at)?,
        bounce,
        complained_at: later("complained_at", &wire.complained_at)?,
        id: wire.id.0,
        server: wire.server.0,
        stream: wire.stream.0,
        tag: wire.tag.map(|tag| tag.0).filter(|tag| !tag.is_empty()),
        recipient: wire.recipient.map(|recipient| recipient.0),
    })
}

fn instant(key: &str, text: &str) -> Result<Timestamp, String> {
    let at = Timestamp::parse(text).ok_or_else(|| {
        let text = quoted(text);
        format!("`{key}` {text} is no RFC 3339 time, such as 2026-03-02T10:00:00Z")
    })?;
    if at < POSSIBLE_INSTANTS.0 || at >= POSSIBLE_INSTANTS.1 {
        return Err(format!(
            "`{key}` {at} cannot be; Postmark's mail lies between {} and {}",
            POSSIBLE_INSTANTS.0, POSSIBLE_INSTANTS.1
        ));
    }
    Ok(at)
}

/// A value of the file, as it stands in an error.
pub(crate) fn quoted(value: &str) -> String {
    format!("{:?}", shortened(value))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTE_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
