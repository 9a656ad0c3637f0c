//! Addresses to which Postmark sends nothing any more, and taking one off the list.

use std::marker::PhantomData;

use reqwest::Method;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use crate::model::{StreamId, Timestamp};
use crate::postmark::convert::{self, Flaw};
use crate::postmark::error::{Error, ErrorKind};
use crate::postmark::exchange::{Ask, Change};
use crate::postmark::search::shown;
use crate::postmark::server::{LIST_LIMIT, SMALL_LIMIT, Server};
use crate::postmark::{quote, wire};

/// Entries of one list at most: it is not paged, and more would not fit into memory beside it.
const MOST: usize = 250_000;

/// Which suppressions are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suppressions {
    /// Of this address alone.
    pub address: Option<String>,
    /// For this reason alone: `HardBounce`, `SpamComplaint` or `ManualSuppression`.
    pub reason: Option<String>,
}

/// An address to which a stream sends nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Which address; text from outside, as all of it.
    pub address: String,
    /// `HardBounce`, `SpamComplaint`, `ManualSuppression`, or what Postmark may add.
    pub reason: String,
    /// Who caused it: `Recipient`, `Customer` or `Admin`.
    pub origin: String,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// What Postmark answered to the wish to take an address off a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Its `Status`: `Deleted` or `Failed`.
    pub status: String,
    /// Why not, in Postmark's words.
    pub message: Option<String>,
}

impl Suppression {
    /// Whether its recipient complained, which nobody but Postmark can lift.
    pub fn is_complaint(&self) -> bool {
        self.reason == "SpamComplaint"
    }
}

impl Removal {
    /// Whether it was done.
    pub fn is_done(&self) -> bool {
        self.status == "Deleted"
    }
}

impl Server {
    /// The addresses to which `stream` sends nothing, in Postmark's order. One request; the whole list comes at once.
    ///
    /// # Errors
    /// `NotFound` without a request where `stream` cannot be one; `TooLarge` above 32 MiB; else any [`ErrorKind`].
    pub async fn suppressions(
        &self,
        stream: &StreamId,
        wanted: &Suppressions,
    ) -> Result<Vec<Suppression>, Error> {
        let mut query = Vec::new();
        if let Some(reason) = &wanted.reason {
            query.push(("SuppressionReason", reason.as_str()));
        }
        if let Some(address) = &wanted.address {
            query.push(("EmailAddress", address.as_str()));
        }
        let ask = self.of_stream(stream, "list the suppressions", "dump", &query)?;
        self.caller().fetch(&ask, list).await
    }

    /// Takes `address` off the list of `stream`. One request.
    ///
    /// # Errors
    /// As [`Server::suppressions`]. That Postmark will not take it off is no error, but [`Removal`].
    pub async fn unsuppress(&self, stream: &StreamId, address: &str) -> Result<Removal, Error> {
        let ask = self.of_stream(stream, "take an address off the list", "delete", &[])?;
        let change = Change {
            method: Method::POST,
            body: json!({ "Suppressions": [{ "EmailAddress": address }] }).to_string(),
        };
        self.caller().change(&ask, change, removal).await
    }

    /// Activates the address that a bounce made inactive; what Postmark answered. One request.
    ///
    /// # Errors
    /// `Refused` with code 1003 where that is not possible; else any [`ErrorKind`].
    pub async fn activate(&self, bounce: i64) -> Result<String, Error> {
        // An id above `i64::MAX` was wrapped when it was read.
        let id = bounce.cast_unsigned().to_string();
        let ask = Ask {
            doing: "activate the address of a bounce".to_owned(),
            path: "/bounces/{id}/activate",
            stream: None,
            url: self.caller().url(&["bounces", &id, "activate"], &[]),
            limit: SMALL_LIMIT,
        };
        let change = Change {
            method: Method::PUT,
            body: String::new(),
        };
        self.caller().change(&ask, change, activated).await
    }

    fn of_stream<'a>(
        &self,
        stream: &'a StreamId,
        doing: &str,
        what: &str,
        query: &[(&str, &str)],
    ) -> Result<Ask<'a>, Error> {
        let doing = format!("{doing} of stream `{}`", quote::clean(&stream.0));
        // Such a part of a path leads elsewhere.
        if matches!(stream.0.as_str(), "" | "." | "..") {
            return Err(Error::new(&doing, ErrorKind::NotFound));
        }
        let path = ["message-streams", &stream.0, "suppressions", what];
        Ok(Ask {
            doing,
            path: "/message-streams/{id}/suppressions",
            stream: Some(stream),
            url: self.caller().url(&path, query),
            limit: LIST_LIMIT,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Dump {
    #[serde(default, deserialize_with = "long_list")]
    suppressions: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    email_address: Option<String>,
    #[serde(default, deserialize_with = "wire::or_default")]
    suppression_reason: String,
    #[serde(default, deserialize_with = "wire::or_default")]
    origin: String,
    created_at: Option<String>,
    status: Option<String>,
    message: Option<String>,
}

fn long_list<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_option(wire::AtMost(MOST, PhantomData))
}

/// A list without its entries is no empty list.
pub(super) fn list(body: &[u8]) -> Result<Vec<Suppression>, Flaw> {
    let answer: Dump = convert::json(body)?;
    let entries = answer.suppressions.ok_or("a list without Suppressions")?;
    let suppression = |entry: Entry| {
        let address = convert::given(entry.email_address.as_deref());
        Ok(Suppression {
            address: convert::cut(
                address
                    .ok_or("a suppression without EmailAddress")?
                    .to_owned(),
            ),
            reason: convert::cut(entry.suppression_reason),
            origin: convert::cut(entry.origin),
            since: shown(entry.created_at.as_deref()),
        })
    };
    entries.into_iter().map(suppression).collect()
}

/// The one answer to one wish.
pub(super) fn removal(body: &[u8]) -> Result<Removal, Flaw> {
    let answer: Dump = convert::json(body)?;
    let entry = answer.suppressions.and_then(|all| all.into_iter().next());
    let entry = entry.ok_or("no answer to what was asked")?;
    let status = convert::given(entry.status.as_deref()).ok_or("an answer without Status")?;
    Ok(Removal {
        status: convert::cut(status.to_owned()),
        message: convert::optional(entry.message.as_deref()),
    })
}

pub(super) fn activated(body: &[u8]) -> Result<String, Flaw> {
    let answer: Entry = convert::json(body)?;
    let message = convert::given(answer.message.as_deref()).ok_or("an answer without Message")?;
    Ok(convert::cut(message.to_owned()))
}
