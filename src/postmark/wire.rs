//! Postmark's JSON, as tolerant as safe: what is not read is not named, everything may be absent or `null`. What must be
//! there is demanded in `convert`, which can say what is missing without quoting the answer.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The maximum number of items of a list: what was asked for. An empty item is three bytes on the wire and a hundred times that here, so
/// the limit of bytes alone would let a small lie fill the memory.
const MAX_ITEMS: usize = super::PAGE as usize;
/// The maximum number of entries of a list within an item; Postmark allows 50 recipients in all.
const MAX_ENTRIES: usize = 1_000;

/// An answer that is not what was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    /// Postmark's `ErrorCode`.
    pub(super) code: i64,
    /// Its `Message`, raw.
    pub(super) message: Option<String>,
}

/// Returns the envelope that `body` is, if it is one of an error.
pub(super) fn envelope(body: &[u8]) -> Option<Envelope> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Raw {
        error_code: Integer,
        message: Option<String>,
    }
    let raw: Raw = serde_json::from_slice(body).ok()?;
    let code = raw.error_code.wrapped().filter(|code| *code != 0)?;
    Some(Envelope {
        code,
        message: raw.message,
    })
}

/// A page of `/messages/outbound`, `/bounces` or `/servers`. The last holds live tokens: it has no `Debug`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", bound = "T: Deserialize<'de>")]
pub(super) struct List<T> {
    pub(super) total_count: Option<Integer>,
    #[serde(default, deserialize_with = "list")]
    pub(super) messages: Option<Vec<T>>,
    #[serde(default, deserialize_with = "list")]
    pub(super) bounces: Option<Vec<T>>,
    #[serde(default, deserialize_with = "list")]
    pub(super) servers: Option<Vec<T>>,
}

/// `/message-streams`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Streams {
    #[serde(default, deserialize_with = "list")]
    pub(super) message_streams: Option<Vec<Stream>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Stream {
    #[serde(rename = "ID")]
    pub(super) id: Option<String>,
    #[serde(rename = "ServerID")]
    pub(super) server_id: Option<Integer>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) message_stream_type: String,
    pub(super) archived_at: Option<String>,
}

/// `/server`, without the live tokens that it shows.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OwnServer {
    #[serde(rename = "ID")]
    pub(super) id: Option<Integer>,
    pub(super) name: Option<String>,
    pub(super) delivery_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccountServer {
    #[serde(rename = "ID")]
    pub(super) id: Option<Integer>,
    pub(super) name: Option<String>,
    #[serde(default, deserialize_with = "entries")]
    pub(super) api_tokens: Vec<String>,
    pub(super) delivery_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Sender {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) from: String,
}

/// An item of `/messages/outbound`, and most of the details of one message.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Message {
    #[serde(rename = "MessageID")]
    pub(super) id: Option<String>,
    pub(super) received_at: Option<String>,
    pub(super) status: Option<String>,
    pub(super) tag: Option<String>,
    #[serde(default, deserialize_with = "entries")]
    pub(super) recipients: Vec<String>,
    #[serde(default, deserialize_with = "entries")]
    pub(super) to: Vec<Address>,
    #[serde(default, deserialize_with = "entries")]
    pub(super) cc: Vec<Address>,
    #[serde(default, deserialize_with = "entries")]
    pub(super) bcc: Vec<Address>,
    /// Only in details.
    #[serde(default, deserialize_with = "entries")]
    pub(super) message_events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Address {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) email: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Event {
    #[serde(rename = "Type")]
    pub(super) kind: Option<String>,
    pub(super) received_at: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Bounce {
    #[serde(rename = "ID")]
    pub(super) id: Option<Integer>,
    #[serde(rename = "Type")]
    pub(super) kind: Option<String>,
    pub(super) bounced_at: Option<String>,
    #[serde(rename = "MessageID")]
    pub(super) message_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) email: String,
    pub(super) tag: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) description: String,
}

/// A whole number, which Postmark's clients type now as a number and now as a string.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Integer {
    Signed(i64),
    Unsigned(u64),
    Text(String),
}

impl Integer {
    pub(super) fn count(&self) -> Option<u64> {
        match self {
            Self::Signed(n) => u64::try_from(*n).ok(),
            Self::Unsigned(n) => Some(*n),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }

    /// As an id. Above `i64::MAX` it wraps into the negative: still one number for one id, which is all that ids are for.
    pub(super) fn wrapped(&self) -> Option<i64> {
        match self {
            Self::Signed(n) => Some(*n),
            Self::Unsigned(n) => Some(n.cast_signed()),
            Self::Text(text) => {
                let text = text.trim();
                let wrapped = || text.parse().ok().map(u64::cast_signed);
                text.parse().ok().or_else(wrapped)
            }
        }
    }
}

/// `null` is as good as absent.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A list of items, if there is one.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_option(AtMost(MAX_ITEMS, PhantomData))
}

/// A list within an item; `null` is as good as empty.
pub(super) fn entries<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let entries = deserializer.deserialize_option(AtMost(MAX_ENTRIES, PhantomData))?;
    Ok(entries.unwrap_or_default())
}

/// Reads a list or `null`, and stops where the list goes on beyond so many.
pub(super) struct AtMost<T>(pub(super) usize, pub(super) PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for AtMost<T> {
    type Value = Option<Vec<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {}", self.0)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            if list.len() == self.0 {
                return Err(A::Error::invalid_length(list.len() + 1, &self));
            }
            list.push(item);
        }
        Ok(Some(list))
    }
}
