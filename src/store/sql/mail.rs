//! Messages and bounces as they are listed, and the aggregates over them.

use std::collections::BTreeMap;

use crate::model::{Bounce, HOUR, Kind, MINUTE, Mail, Span, StreamKey, Timestamp};
use crate::store::{Database, Error};

use super::bounced_mail::{find_sendings, link_earlier_bounces};
use super::id::Id;
use super::session::as_slices;
use super::tags::{ALL_MAIL, Tags};
use super::{Session, Value, counts, coverage, values};

impl Database {
    /// Stores messages, and returns the positions of those that were new. A known message changes no count; one in a span that was counted is
    /// left out. `covered` is claimed in the same transaction.
    pub fn save_messages(
        &mut self,
        stream: &StreamKey,
        mails: &[Mail],
        covered: Option<Span>,
    ) -> Result<Vec<usize>, Error> {
        self.write_stream(stream, |s, key| {
            let tags = Tags::resolve(s, mails.iter().map(|mail| mail.tag.as_deref()))?;
            let listed = listed(s, key, mails)?;
            let counted = insert_messages(s, key, mails, &listed, &tags)?;
            if !counted.is_empty() {
                count_new(s, key, mails, &counted, &tags)?;
                let new = counted.iter().map(|place| &mails[*place]);
                link_earlier_bounces(s, key, new)?;
            }
            if let Some(span) = covered {
                coverage::claim(s, key, Kind::Messages, span)?;
            }
            Ok(counted)
        })
    }

    /// Stores bounces, and returns the positions of those that were new. A known bounce changes no count. `covered` is claimed in the same
    /// transaction.
    pub fn save_bounces(
        &mut self,
        stream: &StreamKey,
        bounces: &[Bounce],
        covered: Option<Span>,
    ) -> Result<Vec<usize>, Error> {
        self.write_stream(stream, |s, key| {
            let tags = Tags::resolve(s, bounces.iter().map(|bounce| bounce.tag.as_deref()))?;
            let ids: Vec<Option<Id>> = bounces
                .iter()
                .map(|bounce| bounce.message.as_deref().map(Id::from_text))
                .collect();
            let sendings = find_sendings(s, key, bounces)?;
            let rows: Vec<_> = bounces
                .iter()
                .zip(&ids)
                .map(|(bounce, id)| {
                    let id = id.as_ref().map(Id::as_bytes);
                    values![
                        key,
                        bounce.id,
                        id,
                        &bounce.kind,
                        bounce.class().name(),
                        bounce.at,
                        id.and_then(|id| sendings.get(id)).copied(),
                        &bounce.recipient,
                        tags.key(bounce.tag.as_deref()),
                        &bounce.description,
                    ]
                })
                .collect();
            let changed = s.execute_each(
                "INSERT INTO bounces (stream, id, message, type, class, at, sent_at, recipient, tag, description)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                 ON CONFLICT (stream, id) DO NOTHING",
                &rows,
            )?;
            if let Some(span) = covered {
                coverage::claim(s, key, Kind::Bounces, span)?;
            }
            Ok(inserted(&changed).collect())
        })
    }
}

/// The places of the messages that may have a row, in order of time as the rows lie: none of those that were counted.
fn listed(s: &mut dyn Session, stream: i64, mails: &[Mail]) -> Result<Vec<usize>, Error> {
    let sent = || mails.iter().map(|mail| mail.sent_at);
    let (Some(first), Some(last)) = (sent().min(), sent().max()) else {
        return Ok(Vec::new());
    };
    let until = Timestamp(last.0.saturating_add(1));
    let counted = counts::load(s, stream, ALL_MAIL, Span::new(first, until))?;
    let is_counted = |mail: &Mail| counted.iter().any(|c| c.span.contains(mail.sent_at));
    let all = mails.iter().enumerate();
    let mut listed: Vec<_> = all.filter(|(_, mail)| !is_counted(mail)).collect();
    listed.sort_by_key(|(_, mail)| mail.sent_at);
    Ok(listed.into_iter().map(|(place, _)| place).collect())
}

fn insert_messages(
    s: &mut dyn Session,
    stream: i64,
    mails: &[Mail],
    listed: &[usize],
    tags: &Tags<'_>,
) -> Result<Vec<usize>, Error> {
    let mails = || listed.iter().map(|place| &mails[*place]);
    let ids: Vec<Id> = mails().map(|mail| Id::from_text(&mail.id)).collect();
    let rows: Vec<_> = mails()
        .zip(&ids)
        .map(|(mail, id)| {
            values![
                stream,
                mail.sent_at,
                id.as_bytes(),
                tags.key(mail.tag.as_deref()),
                mail.recipient_count(),
            ]
        })
        .collect();
    let new = s.insert_new(
        "INSERT INTO messages (stream, sent_at, id, tag, recipients) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (stream, sent_at, id) DO NOTHING",
        &as_slices(&rows),
        ("id", 2),
    )?;
    let new = listed.iter().zip(new).filter(|(_, is_new)| *is_new);
    let mut new: Vec<usize> = new.map(|(place, _)| *place).collect();
    new.sort_unstable();
    Ok(new)
}

/// Returns the positions of the runs of an insertion that added their row.
fn inserted(changed: &[u64]) -> impl Iterator<Item = usize> {
    let runs = changed.iter().enumerate();
    runs.filter(|(_, changed)| **changed == 1)
        .map(|(place, _)| place)
}

/// Adds newly stored messages to the aggregates, of all mail and of each tag.
fn count_new(
    s: &mut dyn Session,
    stream: i64,
    mails: &[Mail],
    new: &[usize],
    tags: &Tags<'_>,
) -> Result<(), Error> {
    let mut sent: BTreeMap<i64, Vec<&Mail>> = BTreeMap::new();
    for mail in new.iter().map(|place| &mails[*place]) {
        sent.entry(ALL_MAIL).or_default().push(mail);
        if let Some(tag) = tags.key(mail.tag.as_deref()) {
            sent.entry(tag).or_default().push(mail);
        }
    }
    count(s, stream, &sent)?;
    match sent.values().flatten().map(|mail| mail.sent_at).min() {
        Some(oldest) => saw(s, stream, oldest),
        None => Ok(()),
    }
}

/// History begins with the oldest message.
pub(super) fn saw(s: &mut dyn Session, stream: i64, oldest: Timestamp) -> Result<(), Error> {
    s.execute(
        "UPDATE streams SET oldest_sent_at = ?2 WHERE key = ?1 AND (oldest_sent_at IS NULL OR oldest_sent_at > ?2)",
        &values![stream, oldest],
    )
}

/// The messages of a minute or an hour.
#[derive(Clone, Copy)]
struct Bucket {
    sent: u64,
    recipients: u64,
    first_at: Timestamp,
    last_at: Timestamp,
}

fn count(s: &mut dyn Session, stream: i64, sent: &BTreeMap<i64, Vec<&Mail>>) -> Result<(), Error> {
    let mut minutes: BTreeMap<(i64, Timestamp), Bucket> = BTreeMap::new();
    let mut hours = minutes.clone();
    for (tag, sent) in sent {
        for mail in sent {
            let at = mail.sent_at;
            for (buckets, every) in [(&mut minutes, MINUTE), (&mut hours, HOUR)] {
                let key = (*tag, at.floor(every));
                let bucket = buckets.entry(key).or_insert(Bucket {
                    sent: 0,
                    recipients: 0,
                    first_at: at,
                    last_at: at,
                });
                bucket.sent += 1;
                bucket.recipients += mail.recipient_count();
                bucket.first_at = bucket.first_at.min(at);
                bucket.last_at = bucket.last_at.max(at);
            }
        }
    }
    let rows: Vec<[Value<'_>; 6]> = minutes
        .iter()
        .map(|((tag, at), b)| values![stream, *tag, *at, b.sent, b.last_at, b.recipients])
        .collect();
    s.insert_all(
        "INSERT INTO minutes (stream, tag, at, sent, last_at, recipients) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (stream, tag, at) DO UPDATE SET sent = minutes.sent + excluded.sent,
             recipients = CASE WHEN minutes.recipients >= minutes.sent THEN minutes.recipients + excluded.recipients ELSE 0 END,
             last_at = CASE WHEN excluded.last_at > minutes.last_at THEN excluded.last_at ELSE minutes.last_at END",
        &as_slices(&rows),
    )?;
    // An hour outlives its minutes. Where its messages are read again, its minutes are counted anew, and it stays.
    let rows: Vec<[Value<'_>; 6]> = hours
        .iter()
        .map(|((tag, at), b)| values![stream, *tag, *at, b.sent, b.first_at, b.last_at])
        .collect();
    s.insert_all(
        "INSERT INTO hours (stream, tag, at, sent, first_at, last_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (stream, tag, at) DO UPDATE SET sent = CASE WHEN hours.sent > (SELECT sum(m.sent) FROM minutes m
                 WHERE m.stream = hours.stream AND m.tag = hours.tag AND m.at >= hours.at AND m.at < hours.at + 3600000)
             THEN hours.sent ELSE (SELECT CAST(sum(m.sent) AS BIGINT) FROM minutes m
                 WHERE m.stream = hours.stream AND m.tag = hours.tag AND m.at >= hours.at AND m.at < hours.at + 3600000) END,
             first_at = CASE WHEN excluded.first_at < hours.first_at THEN excluded.first_at ELSE hours.first_at END,
             last_at = CASE WHEN excluded.last_at > hours.last_at THEN excluded.last_at ELSE hours.last_at END",
        &as_slices(&rows),
    )
}
