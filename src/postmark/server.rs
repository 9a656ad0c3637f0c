//! What can be asked of one Postmark server.

use std::collections::BTreeSet;
use std::sync::Arc;

use reqwest::Url;

use super::caller::{Caller, TokenOf};
use super::client::Shared;
use super::convert;
use super::error::{Error, ErrorKind};
use super::exchange::Ask;
use super::{PAGE, eastern, quote, sender};
use crate::model::{Bounce, Mail, Proof, Span, StreamId, Tag, Timestamp};
use crate::secret::Secret;

const MIB: usize = 1 << 20;
/// A list item is about 1 KiB; 500 of them, with wild metadata, stay far below.
pub(super) const LIST_LIMIT: usize = 32 * MIB;
/// Details hold the whole source of a message, of which nothing is used; larger ones are dropped.
const DETAILS_LIMIT: usize = 2 * MIB;
/// For answers that are small by nature.
pub(super) const SMALL_LIMIT: usize = 4 * MIB;

/// One Postmark server, seen through its token.
pub struct Server(Caller);

/// An outbound message stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The id by which it is asked for.
    pub id: StreamId,
    /// What its owner calls it; text from outside.
    pub name: String,
    /// Postmark's `MessageStreamType`, such as `Transactional` or `Broadcasts`; empty where it gave none.
    pub kind: String,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// In the order of the answer, newest first. May hold items a little outside the asked span, and items of the page before.
    pub items: Vec<T>,
    /// How many there are in all, on every page; from [`super::CAP`] on: at least so many.
    pub total: u64,
}

/// How many messages a span holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many; from [`super::CAP`] on: at least so many.
    pub total: u64,
    /// When the newest of them was sent; `None` where there is none.
    pub newest: Option<Timestamp>,
}

/// What the details of a message tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// Whether and when it was delivered or bounced.
    pub proof: Proof,
    /// Every recipient.
    pub recipients: Vec<String>,
    /// Its tag, if it has one.
    pub tag: Option<String>,
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Postmark's number of it.
    pub id: i64,
    /// What its owner calls it; text from outside.
    pub name: String,
    /// Postmark's `DeliveryType`: `Live`, or `Sandbox` where nothing is delivered; `None` where it gave none.
    pub delivery: Option<String>,
}

impl Server {
    pub(super) fn new(shared: Arc<Shared>, token: Secret) -> Self {
        Self(Caller::new(shared, TokenOf::Server, token))
    }

    /// What the server says of itself, without the tokens it shows. One request.
    ///
    /// # Errors
    /// Any [`ErrorKind`] but `NotFound`.
    pub async fn about(&self) -> Result<About, Error> {
        let ask = Ask {
            doing: "read what the server says of itself".to_owned(),
            path: "/server",
            stream: None,
            url: self.0.url(&["server"], &[]),
            limit: SMALL_LIMIT,
        };
        self.0.fetch(&ask, convert::about).await
    }

    /// The domains from which the newest `number` messages of `stream` in `span` were sent, each once, in the form of the
    /// DNS. One request; `number` is at most [`PAGE`].
    ///
    /// # Errors
    /// Those of [`Server::messages`].
    pub async fn senders(
        &self,
        stream: &StreamId,
        span: Span,
        number: u32,
    ) -> Result<BTreeSet<String>, Error> {
        let path = ["messages", "outbound"];
        let ask = Ask {
            doing: format!("read who sends by stream `{}`", quote::clean(&stream.0)),
            path: "/messages/outbound",
            stream: Some(stream),
            url: self.list_url(&path, stream, eastern::bounds(span), (number, 0)),
            limit: LIST_LIMIT,
        };
        self.0.fetch(&ask, sender::domains).await
    }

    /// The last answer's own date, to the second; `None` before there was one.
    pub fn dated(&self) -> Option<Timestamp> {
        self.0.dated()
    }

    /// The outbound streams that are not archived, in Postmark's order. One request.
    ///
    /// # Errors
    /// Any [`ErrorKind`] but `NotFound`.
    pub async fn streams(&self) -> Result<Vec<Stream>, Error> {
        let url = self.0.url(
            &["message-streams"],
            &[
                ("MessageStreamType", "All"),
                ("IncludeArchivedStreams", "false"),
            ],
        );
        let ask = Ask {
            doing: "list the message streams".to_owned(),
            path: "/message-streams",
            stream: None,
            url,
            limit: SMALL_LIMIT,
        };
        self.0.fetch(&ask, convert::streams).await
    }

    /// One page of the messages which `stream` received in `span`, skipping the newest `offset`. One request.
    ///
    /// Asks a little more than `span`: whole seconds, and the whole of the hour that autumn repeats in `America/New_York`.
    /// `offset` + [`PAGE`] above [`super::CAP`] is refused by Postmark.
    ///
    /// # Errors
    /// Any [`ErrorKind`] but `NotFound`; an unknown stream is `Refused` with code 1226.
    pub async fn messages(
        &self,
        stream: &StreamId,
        span: Span,
        offset: u32,
    ) -> Result<Page<Mail>, Error> {
        let ask = Ask {
            doing: format!("list the messages of stream `{}`", quote::clean(&stream.0)),
            path: "/messages/outbound",
            stream: Some(stream),
            url: self.list_url(
                &["messages", "outbound"],
                stream,
                eastern::bounds(span),
                (PAGE, offset),
            ),
            limit: LIST_LIMIT,
        };
        self.0
            .fetch(&ask, |body| convert::messages(body, stream))
            .await
    }

    /// How many messages `stream` received in `span`, of all tags or of one. One request.
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
        let path = ["messages", "outbound"];
        let mut url = self.list_url(&path, stream, eastern::exact(span), (1, 0));
        if let Some(tag) = tag {
            url.query_pairs_mut().append_pair("tag", &tag.0);
        }
        let ask = Ask {
            doing: format!("count the messages of stream `{}`", quote::clean(&stream.0)),
            path: "/messages/outbound",
            stream: Some(stream),
            url,
            limit: LIST_LIMIT,
        };
        self.0
            .fetch(&ask, |body| convert::count(body, stream))
            .await
    }

    /// `number` messages which `stream` received in `span`, skipping the newest `offset`. One request.
    ///
    /// The bounds are those of [`Server::count`]; `offset` + `number` must not exceed [`super::CAP`].
    ///
    /// # Errors
    /// Those of [`Server::messages`].
    pub async fn some(
        &self,
        stream: &StreamId,
        span: Span,
        offset: u32,
        number: u32,
    ) -> Result<Vec<Mail>, Error> {
        let path = ["messages", "outbound"];
        let ask = Ask {
            doing: format!("read messages of stream `{}`", quote::clean(&stream.0)),
            path: "/messages/outbound",
            stream: Some(stream),
            url: self.list_url(&path, stream, eastern::exact(span), (number, offset)),
            limit: LIST_LIMIT,
        };
        let page = self.0.fetch(&ask, |body| convert::messages(body, stream));
        Ok(page.await?.items)
    }

    /// One page of the bounces and complaints of `stream` dated in `span`, skipping the newest `offset`. One request.
    ///
    /// The bounds are those of [`Server::messages`].
    ///
    /// # Errors
    /// Those of [`Server::messages`].
    pub async fn bounces(
        &self,
        stream: &StreamId,
        span: Span,
        offset: u32,
    ) -> Result<Page<Bounce>, Error> {
        let ask = Ask {
            doing: format!("list the bounces of stream `{}`", quote::clean(&stream.0)),
            path: "/bounces",
            stream: Some(stream),
            url: self.list_url(&["bounces"], stream, eastern::bounds(span), (PAGE, offset)),
            limit: LIST_LIMIT,
        };
        self.0
            .fetch(&ask, |body| convert::bounces(body, stream))
            .await
    }

    /// The details of the message with this `MessageID`. One request; the answer may be a megabyte.
    ///
    /// # Errors
    /// `NotFound` for a message unknown or beyond retention (without a request where `id` cannot be one), `TooLarge` above
    /// 2 MiB; else any [`ErrorKind`].
    pub async fn details(&self, id: &str) -> Result<Details, Error> {
        const DOING: &str = "read the details of a message";
        if !is_message_id(id) {
            return Err(Error::new(DOING, ErrorKind::NotFound));
        }
        let ask = Ask {
            doing: DOING.to_owned(),
            path: "/messages/outbound/{id}/details",
            stream: None,
            url: self.0.url(&["messages", "outbound", id, "details"], &[]),
            limit: DETAILS_LIMIT,
        };
        self.0.fetch(&ask, convert::details).await
    }

    /// How it asks.
    pub(super) const fn caller(&self) -> &Caller {
        &self.0
    }

    /// Requests sent so far, every attempt counted.
    pub fn requests(&self) -> u64 {
        self.0.requests()
    }

    /// Lets there be `most` requests in all, those sent so far included: then a failed one is not tried again.
    pub fn allow(&self, most: u64) {
        self.0.allow(most);
    }

    /// Parameter names in lower case, as documented: Postmark was seen to ignore others.
    fn list_url(
        &self,
        path: &[&str],
        stream: &StreamId,
        (from, to): (String, String),
        (count, offset): (u32, u32),
    ) -> Url {
        self.0.url(
            path,
            &[
                ("count", &count.to_string()),
                ("offset", &offset.to_string()),
                ("fromdate", &from),
                ("todate", &to),
                ("messagestream", &stream.0),
            ],
        )
    }
}

/// Whether a message can have this `MessageID`: only such a one is asked for, since `..` would lead elsewhere in a path.
pub fn is_message_id(id: &str) -> bool {
    (1..=100).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
