//! Addresses to which Postmark sends nothing any more, and taking one off the list.

use std::marker::PhantomData;

use reqwest::Method;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use crate::model::{StreamId, Timestamp, rfc3339};
use crate::postmark::convert::{self, Flaw};
use crate::postmark::error::{Error, ErrorKind};
use crate::postmark::exchange::Request;
use crate::postmark::search::readable_time;
use crate::postmark::server::{MAX_LIST_BYTES, Server};
use crate::postmark::{quote, wire};

/// The maximum number of entries of one list: it is not paged, and more would not fit into memory beside it.
const MAX_SUPPRESSIONS: usize = 250_000;

/// Which suppressions are asked for; each field that is `Some` narrows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SuppressionFilter {
    pub address: Option<String>,
    /// `HardBounce`, `SpamComplaint` or `ManualSuppression`.
    pub reason: Option<String>,
}

/// An address to which a stream sends nothing, as scripts read it. All text is from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suppression {
    pub address: String,
    /// `HardBounce`, `SpamComplaint`, `ManualSuppression`, or what Postmark may add.
    pub reason: String,
    /// Who caused it: `Recipient`, `Customer` or `Admin`.
    pub origin: String,
    #[serde(serialize_with = "rfc3339")]
    pub since: Option<Timestamp>,
}

/// What Postmark answered to the wish to take an address off a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// `Deleted` or `Failed`.
    pub status: String,
    /// Why not, in Postmark's words.
    pub message: Option<String>,
}

impl Removal {
    pub fn is_done(&self) -> bool {
        self.status == "Deleted"
    }
}

impl Server {
    /// Returns the addresses to which `stream` sends nothing, in Postmark's order. One request; the whole list comes at once.
    ///
    /// # Errors
    /// `NotFound` without a request where `stream` cannot be one; `TooLarge` above 32 MiB; else any [`ErrorKind`].
    pub async fn suppressions(
        &self,
        stream: &StreamId,
        filter: &SuppressionFilter,
    ) -> Result<Vec<Suppression>, Error> {
        let path = "/message-streams/{id}/suppressions/dump";
        let request = self
            .stream_request(stream, "list the suppressions", path)?
            .query_if_some("SuppressionReason", filter.reason.as_ref())
            .query_if_some("EmailAddress", filter.address.as_ref());
        self.0.fetch(&request, list).await
    }

    /// Takes `address` off the list of `stream`. One request.
    ///
    /// # Errors
    /// As [`Server::suppressions`]. That Postmark will not take it off is no error, but [`Removal`].
    pub async fn unsuppress(&self, stream: &StreamId, address: &str) -> Result<Removal, Error> {
        let path = "/message-streams/{id}/suppressions/delete";
        let body = json!({ "Suppressions": [{ "EmailAddress": address }] }).to_string();
        let request = self
            .stream_request(stream, "take an address off the list", path)?
            .change(Method::POST, body);
        self.0.fetch(&request, removal).await
    }

    /// Activates the address that a bounce made inactive, and returns what Postmark answered. One request.
    ///
    /// # Errors
    /// `Refused` with code 1003 where that is not possible; else any [`ErrorKind`].
    pub async fn activate(&self, bounce: i64) -> Result<String, Error> {
        // An id above `i64::MAX` was wrapped when it was read.
        let id = bounce.cast_unsigned().to_string();
        let doing = "activate the address of a bounce";
        let request = self.0.request(doing, "/bounces/{id}/activate", &id);
        let request = request.change(Method::PUT, String::new());
        self.0.fetch(&request, activated).await
    }

    fn stream_request<'a>(
        &self,
        stream: &'a StreamId,
        doing: &str,
        path: &'static str,
    ) -> Result<Request<'a>, Error> {
        let doing = format!("{doing} of stream `{}`", quote::clean(&stream.0));
        // Such a part of a path leads elsewhere.
        if matches!(stream.0.as_str(), "" | "." | "..") {
            return Err(Error::new(&doing, ErrorKind::NotFound));
        }
        let request = self.0.request(doing, path, &stream.0);
        Ok(request.stream(Some(stream)).max_bytes(MAX_LIST_BYTES))
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
    deserializer.deserialize_option(wire::AtMost(MAX_SUPPRESSIONS, PhantomData))
}

/// A list without its entries is no empty list.
pub(super) fn list(body: &[u8]) -> Result<Vec<Suppression>, Flaw> {
    let answer: Dump = convert::json(body)?;
    let entries = answer.suppressions.ok_or("a list without Suppressions")?;
    let suppression = |entry: Entry| {
        let address = convert::optional(entry.email_address.as_deref());
        Ok(Suppression {
            address: address.ok_or("a suppression without EmailAddress")?,
            reason: convert::truncate(entry.suppression_reason),
            origin: convert::truncate(entry.origin),
            since: readable_time(entry.created_at.as_deref()),
        })
    };
    entries.into_iter().map(suppression).collect()
}

/// The one answer to one wish.
pub(super) fn removal(body: &[u8]) -> Result<Removal, Flaw> {
    let answer: Dump = convert::json(body)?;
    let entry = answer.suppressions.and_then(|all| all.into_iter().next());
    let entry = entry.ok_or("no answer to what was asked")?;
    let status = convert::optional(entry.status.as_deref());
    Ok(Removal {
        status: status.ok_or("an answer without Status")?,
        message: convert::optional(entry.message.as_deref()),
    })
}

pub(super) fn activated(body: &[u8]) -> Result<String, Flaw> {
    let answer: Entry = convert::json(body)?;
    convert::optional(answer.message.as_deref()).ok_or("an answer without Message")
}
