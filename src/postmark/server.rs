//! What can be asked of one Postmark server.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::SemaphorePermit;

use super::caller::{Caller, TokenKind};
use super::client::Shared;
use super::error::{Error, ErrorKind};
use super::exchange::Request;
use super::{PAGE, convert, eastern, quote, sender};
use crate::model::{Bounce, Mail, Proof, Span, StreamId, Tag, Timestamp};
use crate::secret::Secret;

/// The maximum length of a list in bytes: an item is about 1 KiB; 500 of them, with wild metadata, stay far below.
pub(super) const MAX_LIST_BYTES: usize = 32 << 20;
/// Details hold the whole source of a message, of which nothing is used; larger ones are dropped.
const MAX_DETAILS_BYTES: usize = 2 << 20;

pub struct Server(pub(super) Caller);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    pub id: StreamId,
    /// Postmark's `MessageStreamType`, such as `Transactional` or `Broadcasts`; empty where it gave none.
    pub kind: String,
}

/// The outbound streams of a server that are not archived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamList {
    /// Postmark's number of the server; `None` where no stream bears it.
    pub server_id: Option<i64>,
    /// In Postmark's order.
    pub streams: Vec<Stream>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// In the order of the answer, newest first. May hold items a little outside the asked span, and items of the page before.
    pub items: Vec<T>,
    /// How many there are in all, on every page; from [`super::MAX_RESULTS`] on: at least so many.
    pub total: u64,
}

/// How many messages a span holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// From [`super::MAX_RESULTS`] on: at least so many.
    pub total: u64,
    /// When the newest of them was sent; `None` where there is none.
    pub newest: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    pub proof: Proof,
    pub recipients: Vec<String>,
    pub tag: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInfo {
    pub id: i64,
    /// What its owner calls it; text from outside.
    pub name: String,
    /// Postmark's `DeliveryType`: `Live`, or `Sandbox` where nothing is delivered; `None` where it gave none.
    pub delivery: Option<String>,
}

impl ServerInfo {
    /// Returns whether it is a Sandbox, which delivers nothing.
    pub fn is_sandbox(&self) -> bool {
        self.delivery.as_deref().is_some_and(is_sandbox)
    }
}

/// Returns whether a `DeliveryType` is that of a Sandbox.
pub fn is_sandbox(delivery: &str) -> bool {
    delivery == "Sandbox"
}

impl Server {
    pub(super) fn new(shared: Arc<Shared>, token: Secret) -> Self {
        Self(Caller::new(shared, TokenKind::Server, token))
    }

    /// Returns what the server says of itself, without the tokens it shows. One request.
    ///
    /// # Errors
    /// Any [`ErrorKind`] but `NotFound`.
    pub async fn info(&self) -> Result<ServerInfo, Error> {
        let doing = "read what the server says of itself";
        let request = self.0.request(doing, "/server", "");
        self.0.fetch(&request, convert::info).await
    }

    /// Returns the domains from which the newest `number` messages of `stream` in `span` were sent, each once, in the form
    /// of the DNS. One request; `number` is at most [`PAGE`].
    pub async fn senders(
        &self,
        stream: &StreamId,
        span: Span,
        number: u32,
    ) -> Result<BTreeSet<String>, Error> {
        let what = ("read the senders", "/messages/outbound");
        let request = self.list(what, Some(stream), (number, 0), &eastern::bounds(span));
        self.0.fetch(&request, sender::domains).await
    }

    /// Returns a turn to keep the items of several pages in memory, where one is free; without it each page is to be stored before
    /// the next is asked for.
    pub fn turn_to_keep(&self) -> Option<SemaphorePermit<'_>> {
        self.0.shared.keep.try_acquire().ok()
    }

    /// Returns the last answer's own date, to the second; `None` before there was one.
    pub fn last_date(&self) -> Option<Timestamp> {
        self.0.last_date()
    }

    /// Returns the outbound streams that are not archived, and whose they are. One request.
    ///
    /// # Errors
    /// Any [`ErrorKind`] but `NotFound`.
    pub async fn streams(&self) -> Result<StreamList, Error> {
        let doing = "list the message streams";
        let request = self.0.request(doing, "/message-streams", "");
        let request = request.query("MessageStreamType", "All");
        let request = request.query("IncludeArchivedStreams", false);
        self.0.fetch(&request, convert::streams).await
    }

    /// Returns one page of the messages which `stream` received in `span`, skipping the newest `offset`. One request.
    ///
    /// Asks a little more than `span`: whole seconds, and the whole of the hour that autumn repeats in `America/New_York`.
    /// `offset` + [`PAGE`] above [`super::MAX_RESULTS`] is refused by Postmark.
    ///
    /// # Errors
    /// Any [`ErrorKind`] but `NotFound`; an unknown stream is `Refused` with code 1226.
    pub async fn messages(
        &self,
        stream: &StreamId,
        span: Span,
        offset: u32,
    ) -> Result<Page<Mail>, Error> {
        let what = ("list the messages", "/messages/outbound");
        let request = self.list(what, Some(stream), (PAGE, offset), &eastern::bounds(span));
        let decode = |body: &[u8]| convert::messages(body, stream);
        self.0.fetch(&request, decode).await
    }

    /// Returns how many messages `stream` received in `span`, of all tags or of one. One request.
    ///
    /// Counts exactly `span`, where its bounds are full seconds and it holds all or nothing of each time that is asked for as
    /// a [whole](super::whole).
    ///
    /// # Errors
    /// Those of [`Server::messages`]; `Malformed` where a count above zero comes without a message.
    pub async fn count(
        &self,
        stream: &StreamId,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<Count, Error> {
        let what = ("count the messages", "/messages/outbound");
        let request = self.list(what, Some(stream), (1, 0), &eastern::exact(span));
        let request = request.query_if_some("tag", tag);
        let decode = |body: &[u8]| convert::count(body, stream);
        self.0.fetch(&request, decode).await
    }

    /// Returns `number` messages which `stream` received in `span`, skipping the newest `offset`. One request.
    ///
    /// The bounds are those of [`Server::count`]; `offset` + `number` must not exceed [`super::MAX_RESULTS`].
    pub async fn some(
        &self,
        stream: &StreamId,
        span: Span,
        offset: u32,
        number: u32,
    ) -> Result<Vec<Mail>, Error> {
        let what = ("read messages", "/messages/outbound");
        let request = self.list(what, Some(stream), (number, offset), &eastern::exact(span));
        let decode = |body: &[u8]| convert::messages(body, stream);
        Ok(self.0.fetch(&request, decode).await?.items)
    }

    /// Returns one page of the bounces and complaints of `stream` dated in `span`, skipping the newest `offset`. One request.
    ///
    /// The bounds are those of [`Server::messages`].
    pub async fn bounces(
        &self,
        stream: &StreamId,
        span: Span,
        offset: u32,
    ) -> Result<Page<Bounce>, Error> {
        let what = ("list the bounces", "/bounces");
        let request = self.list(what, Some(stream), (PAGE, offset), &eastern::bounds(span));
        let decode = |body: &[u8]| convert::bounces(body, stream);
        self.0.fetch(&request, decode).await
    }

    /// Returns the details of the message with this `MessageID`. One request; the answer may be a megabyte.
    ///
    /// # Errors
    /// `NotFound` for a message unknown or beyond retention (without a request where `id` cannot be one), `TooLarge` above
    /// 2 MiB; else any [`ErrorKind`].
    pub async fn details(&self, id: &str) -> Result<Details, Error> {
        let request = self.details_request(id)?.max_bytes(MAX_DETAILS_BYTES);
        self.0.fetch(&request, convert::details).await
    }

    pub(super) fn details_request(&self, id: &str) -> Result<Request<'_>, Error> {
        const DOING: &str = "read the details of a message";
        if !is_message_id(id) {
            return Err(Error::new(DOING, ErrorKind::NotFound));
        }
        Ok(self.0.request(DOING, "/messages/outbound/{id}/details", id))
    }

    pub fn requests(&self) -> u64 {
        self.0.requests()
    }

    /// Allows `max` requests in all, those sent so far included: then a failed one is not tried again.
    pub fn allow(&self, max: u64) {
        self.0.allow(max);
    }

    /// Returns a request for `count` items of a list, skipping the newest `offset`. Parameter names in lower case, as
    /// documented: Postmark was seen to ignore others.
    pub(super) fn list<'a>(
        &self,
        (doing, path): (&str, &'static str),
        stream: Option<&'a StreamId>,
        (count, offset): (u32, u32),
        filters: &[(&str, Option<String>)],
    ) -> Request<'a> {
        let doing = match stream {
            Some(stream) => format!("{doing} of stream `{}`", quote::clean(&stream.0)),
            None => doing.to_owned(),
        };
        let request = self.0.request(doing, path, "").max_bytes(MAX_LIST_BYTES);
        let mut request = request.query("count", count).query("offset", offset);
        for (name, value) in filters {
            request = request.query_if_some(name, value.as_ref());
        }
        request
            .query_if_some("messagestream", stream)
            .stream(stream)
    }
}

/// Whether a message can have this `MessageID`: only such a one is asked for, since `..` would lead elsewhere in a path.
pub fn is_message_id(id: &str) -> bool {
    (1..=100).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
