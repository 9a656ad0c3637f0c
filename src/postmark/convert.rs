//! Body to model. Missing is not zero: a list without its count, or an item without what makes it one, spoils the whole page.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::account::AccountServer;
use super::server::{Count, Details, Page, ServerInfo, Stream, StreamList};
use super::{stamp, wire};
use crate::model::{Bounce, Mail, Proof, Status, StreamId, Timestamp};
use crate::secret::Secret;

/// The maximum length of an id in bytes: Postmark's are UUIDs, and names of streams of at most 30.
const MAX_ID_BYTES: usize = 200;
/// The maximum length of a text of a peer that is kept, in characters; Postmark's own limit of a tag.
const MAX_TEXT_CHARS: usize = 1_000;

/// What is wrong with a body, without quoting it.
pub(super) type Flaw = &'static str;

/// `/message-streams`: the outbound ones that are not archived.
pub(super) fn streams(body: &[u8]) -> Result<StreamList, Flaw> {
    let answer: wire::Streams = json(body)?;
    let flaw = "a list of streams without MessageStreams";
    let mut streams = answer.message_streams.ok_or(flaw)?;
    let ids = streams.iter().filter_map(|s| s.server_id.as_ref());
    let server_id = ids.filter_map(wire::Integer::wrapped).next();
    streams.retain(|s| {
        !s.message_stream_type.eq_ignore_ascii_case("inbound") && s.archived_at.is_none()
    });
    let streams = streams.into_iter().map(stream).collect::<Result<_, _>>()?;
    Ok(StreamList { server_id, streams })
}

/// `/server`.
pub(super) fn info(body: &[u8]) -> Result<ServerInfo, Flaw> {
    let answer: wire::OwnServer = json(body)?;
    let (id, name) = server_name(answer.id.as_ref(), answer.name.as_deref())?;
    let delivery = optional(answer.delivery_type.as_deref());
    Ok(ServerInfo { id, name, delivery })
}

/// A page of `/servers`.
pub(super) fn servers(body: &[u8]) -> Result<Page<AccountServer>, Flaw> {
    page(
        body,
        |list| list.servers,
        |item: wire::AccountServer| {
            let (id, name) = server_name(item.id.as_ref(), item.name.as_deref())?;
            let tokens = item.api_tokens.iter();
            let tokens = tokens.filter_map(|token| Secret::new(token)).collect();
            let delivery = optional(item.delivery_type.as_deref());
            Ok(AccountServer {
                id,
                name,
                tokens,
                delivery,
            })
        },
    )
}

fn server_name(id: Option<&wire::Integer>, name: Option<&str>) -> Result<(i64, String), Flaw> {
    let name = non_empty(name.map(str::trim)).ok_or("a server without Name")?;
    let id = id.and_then(wire::Integer::wrapped);
    let id = id.ok_or("a server without ID")?;
    let name = checked_id(name, "a server whose Name is too long")?;
    Ok((id, name.to_owned()))
}

/// A page of `/messages/outbound`.
pub(super) fn messages(body: &[u8], stream: &StreamId) -> Result<Page<Mail>, Flaw> {
    page(body, |list| list.messages, |item| mail(item, stream))
}

/// The count of `/messages/outbound`, asked for with one item.
pub(super) fn count(body: &[u8], stream: &StreamId) -> Result<Count, Flaw> {
    let page = messages(body, stream)?;
    let newest = page.items.iter().map(|mail| mail.sent_at).max();
    if page.total > 0 && newest.is_none() {
        return Err("a count above zero without a message");
    }
    Ok(Count {
        total: page.total,
        newest: newest.filter(|_| page.total > 0),
    })
}

/// A page of `/bounces`.
pub(super) fn bounces(body: &[u8], stream: &StreamId) -> Result<Page<Bounce>, Flaw> {
    page(body, |list| list.bounces, |item| bounce(item, stream))
}

/// `/messages/outbound/{id}/details`.
pub(super) fn details(body: &[u8]) -> Result<Details, Flaw> {
    let answer: wire::Message = json(body)?;
    non_empty(answer.id.as_deref()).ok_or("details without MessageID")?;
    let first = |kind| first(&answer.message_events, kind);
    Ok(Details {
        proof: Proof {
            delivered_at: first("Delivered")?,
            bounced_at: first("Bounced")?,
            status: status(answer.status.as_deref()),
        },
        tag: optional(answer.tag.as_deref()),
        recipients: recipients(answer),
    })
}

/// The errors of `serde_json` quote the body, which is full of addresses.
pub(super) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Flaw> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        _ if body.trim_ascii().is_empty() => "it is empty",
        Category::Eof | Category::Io => "it is cut short",
        Category::Syntax => "it is not JSON",
        Category::Data => "it is JSON of an unknown shape",
    })
}

pub(super) fn page<W: DeserializeOwned, T>(
    body: &[u8],
    items: impl Fn(wire::List<W>) -> Option<Vec<W>>,
    convert: impl Fn(W) -> Result<T, Flaw>,
) -> Result<Page<T>, Flaw> {
    let list: wire::List<W> = json(body)?;
    let total = list.total_count.as_ref().and_then(wire::Integer::count);
    let total = total.ok_or("a list without TotalCount")?;
    let items = match items(list) {
        Some(items) => items,
        None if total == 0 => Vec::new(),
        None => return Err("a list without items"),
    };
    let items = items.into_iter().map(convert).collect::<Result<_, _>>()?;
    Ok(Page { items, total })
}

fn stream(item: wire::Stream) -> Result<Stream, Flaw> {
    let id = non_empty(item.id.as_deref()).ok_or("a stream without ID")?;
    let id = checked_id(id, "a stream whose ID is too long")?;
    Ok(Stream {
        id: StreamId::from(id),
        kind: item.message_stream_type,
    })
}

fn mail(item: wire::Message, stream: &StreamId) -> Result<Mail, Flaw> {
    let id = non_empty(item.id.as_deref()).ok_or("a message without MessageID")?;
    let id = checked_id(id, "a message whose MessageID is too long")?;
    let at = item.received_at.as_deref();
    Ok(Mail {
        id: id.to_owned(),
        stream: stream.clone(),
        sent_at: time(at, "a message without a readable ReceivedAt")?,
        status: status(item.status.as_deref()),
        tag: optional(item.tag.as_deref()),
        recipients: recipients(item),
    })
}

fn bounce(item: wire::Bounce, stream: &StreamId) -> Result<Bounce, Flaw> {
    let id = item.id.and_then(|id| id.wrapped());
    let kind = non_empty(item.kind.as_deref()).ok_or("a bounce without Type")?;
    let message = non_empty(item.message_id.as_deref());
    let message = message.map(|id| checked_id(id, "a bounce whose MessageID is too long"));
    let at = item.bounced_at.as_deref();
    Ok(Bounce {
        id: id.ok_or("a bounce without ID")?,
        stream: stream.clone(),
        message: message.transpose()?.map(str::to_owned),
        kind: checked_id(kind, "a bounce whose Type is too long")?.to_owned(),
        at: time(at, "a bounce without a readable BouncedAt")?,
        recipient: truncate(item.email),
        tag: optional(item.tag.as_deref()),
        description: truncate(item.description),
    })
}

/// The earliest event of this kind. One without a time is an error: it would look as if nothing had happened.
fn first(events: &[wire::Event], kind: &str) -> Result<Option<Timestamp>, Flaw> {
    let flaw = "an event without a readable ReceivedAt";
    let of_kind = events.iter().filter(|e| e.kind.as_deref() == Some(kind));
    let times = of_kind.map(|event| time(event.received_at.as_deref(), flaw));
    Ok(times.collect::<Result<Vec<_>, _>>()?.into_iter().min())
}

fn status(text: Option<&str>) -> Status {
    match text {
        Some("Queued") => Status::Queued,
        _ => Status::Sent,
    }
}

/// `Recipients`, else whoever the headers name.
pub(super) fn recipients(item: wire::Message) -> Vec<String> {
    let mut recipients = item.recipients;
    if recipients.is_empty() {
        let named = item.to.into_iter().chain(item.cc).chain(item.bcc);
        recipients.extend(named.map(|address| address.email));
    }
    let mut recipients: Vec<String> = recipients.into_iter().map(truncate).collect();
    recipients.retain(|recipient| !recipient.trim().is_empty());
    recipients
}

pub(super) fn time(text: Option<&str>, flaw: Flaw) -> Result<Timestamp, Flaw> {
    text.and_then(stamp::parse).ok_or(flaw)
}

pub(super) fn optional(text: Option<&str>) -> Option<String> {
    non_empty(text).map(|text| truncate(text.to_owned()))
}

/// An id is no longer itself where it is cut: one that is too long spoils the page.
pub(super) fn checked_id(id: &str, flaw: Flaw) -> Result<&str, Flaw> {
    (id.len() <= MAX_ID_BYTES).then_some(id).ok_or(flaw)
}

/// What a person may read, up to its limit.
pub(super) fn truncate(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_TEXT_CHARS) {
        text.truncate(end);
        text.shrink_to_fit();
    }
    text
}

pub(super) fn non_empty(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}
