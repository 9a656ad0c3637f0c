//! What is known of a stream, for judging: aggregates, and rows only where a window cuts a minute.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::{
    BlockedRecipient, BounceClass, BounceEvent, BounceType, CountedSpan, CumulativeCounts, HOUR,
    HOURS_KEPT, History, HourCount, Kind, KnownRecipients, MIN_TAG_MESSAGES, MINUTE, MarkedTime,
    OlderBlocks, PackedWeeks, SAMPLE_LOOKBACK, SampledMessage, Span, StreamKey, TAG_LOOKBACK, Tag,
    Timestamp, WEEK, merge_hours,
};
use crate::store::{Database, Error};

use super::feedback::load_marked;
use super::id::id_from_bytes;
use super::incidents::load_refused;
use super::tags::ALL_MAIL;
use super::weekly::{self, Owner};
use super::{Row, Session, address_checks, counts, coverage, packed_samples, values};

/// How far the details of a message and the list of bounces may differ on when a bounce happened, in milliseconds.
const SAME_BOUNCE_WITHIN_MS: i64 = 10 * 60 * 1000;
/// The maximum number of older blocks that are read: those of a large sender fill days, not weeks.
const MAX_OLDER_BLOCKS: i64 = 50_000;

impl Database {
    /// Returns what is known of a stream, without its tags; counts are exact at each of `cuts`, and at every full minute of
    /// `range`.
    pub fn history(
        &mut self,
        stream: &StreamKey,
        range: Span,
        cuts: &[Timestamp],
    ) -> Result<History, Error> {
        self.read_stream(stream, |s, key| {
            load(s, stream, key, (range, cuts), Reach::of_judging(range))
        })
    }

    /// Returns of the same what lies in `range`: no hours, and no sampled mail, of before.
    pub fn history_within(&mut self, stream: &StreamKey, range: Span) -> Result<History, Error> {
        self.read_stream(stream, |s, key| {
            load(s, stream, key, (range, &[]), Reach::within(range))
        })
    }

    /// Returns of the same what says when mail was sent, and how much: without bounces, sampled mail and addresses.
    pub fn sending_history(
        &mut self,
        stream: &StreamKey,
        range: Span,
        cuts: &[Timestamp],
    ) -> Result<History, Error> {
        self.read_stream(stream, |s, key| {
            load_sending(s, stream, key, (range, cuts), kept(range.until))
        })
    }

    /// Returns the sampled mail that was sent in `range`.
    pub fn sampled_mail(
        &mut self,
        stream: &StreamKey,
        range: Span,
    ) -> Result<Vec<SampledMessage>, Error> {
        self.read_stream(stream, |s, key| {
            load_samples(s, key, range, range).map(|(sampled, _)| sampled)
        })
    }

    /// Returns the same with the history of each tag that was used of late. Tags of a few messages are left out.
    pub fn history_with_tags(
        &mut self,
        stream: &StreamKey,
        range: Span,
        cuts: &[Timestamp],
    ) -> Result<History, Error> {
        self.read_stream(stream, |s, key| {
            let mut history = load(s, stream, key, (range, cuts), Reach::of_judging(range))?;
            let marked = load_marked(s, stream)?;
            let used = used_tags(s, key, range)?;
            let refused = match used.is_empty() {
                true => Vec::new(),
                false => load_refused(s, stream.server())?,
            };
            for (tag, name) in used {
                let counted = counts::load(s, key, tag, kept(range.until))?;
                let (hours, packed) = load_hours(s, key, tag, kept(range.until), &counted)?;
                let (sent, _) = load_counts(s, key, tag, range, cuts, &counted)?;
                let (tag, mut of_tag) = (Tag(name), history.for_tag(hours, sent, counted));
                of_tag.packed = packed;
                of_tag.inactive = of_tag.inactive_times(&refused);
                of_tag.marked = marked_of(&marked, Some(&tag));
                history.tags.insert(tag, of_tag);
            }
            Ok(history)
        })
    }

    /// Returns the bounces and complaints of a stream in `span`, in order of time.
    pub fn bounces_in(
        &mut self,
        stream: &StreamKey,
        span: Span,
    ) -> Result<Vec<BounceEvent>, Error> {
        self.read_stream(stream, |s, key| load_bounce_events(s, key, span))
    }

    /// Returns the recipients of the listed mail of a stream in `span`, by the hours of the clock.
    pub fn recipients_by_hours(
        &mut self,
        stream: &StreamKey,
        span: Span,
    ) -> Result<KnownRecipients, Error> {
        let hours: Vec<(Timestamp, Sent)> = self.read_stream(stream, |s, key| {
            s.rows(
                "SELECT at - at % 3600000, CAST(sum(sent) AS BIGINT), CAST(sum(recipients) AS BIGINT) FROM minutes
                 WHERE stream = ?1 AND tag = ?2 AND at >= ?3 AND at < ?4 AND recipients >= sent
                 GROUP BY at - at % 3600000 ORDER BY 1",
                &values![key, ALL_MAIL, span.from, span.until.floor(MINUTE)],
                |row| Ok((row.get(0)?, Sent::new(row.get(1)?, row.get(2)?))),
            )
        })?;
        Ok(known_recipients(hours.iter().copied()))
    }

    /// Returns what recipient domains blocked in `span`: the newest, where they are too many.
    pub fn older_blocks(&mut self, stream: &StreamKey, span: Span) -> Result<OlderBlocks, Error> {
        self.read_stream(stream, |s, key| {
            let mut blocks = s.rows(
                "SELECT at, recipient FROM bounces WHERE stream = ?1 AND at >= ?2 AND at < ?3 AND class = 'blocked'
                 ORDER BY at DESC, id DESC LIMIT ?4",
                &values![key, span.from, span.until, MAX_OLDER_BLOCKS],
                |row| {
                    let (at, recipient) = (row.get(0)?, row.get(1)?);
                    Ok(BlockedRecipient { at, recipient })
                },
            )?;
            blocks.reverse();
            let is_cut = blocks.len() as i64 == MAX_OLDER_BLOCKS;
            let oldest = blocks.first().filter(|_| is_cut).map(|block| block.at);
            Ok(OlderBlocks {
                // Of the oldest instant some may be missing.
                since: oldest.map_or(Some(span.from), |at| Some(Timestamp(at.0 + 1))),
                judged_from: None,
                blocks,
            })
        })
    }
}

/// The time of which a history tells what does not only say what happened in its range.
#[derive(Clone, Copy)]
struct Reach {
    hours: Span,
    sampled: Span,
}

impl Reach {
    /// As far back as judging `range` looks.
    fn of_judging(range: Span) -> Self {
        Self {
            hours: kept(range.until),
            sampled: Span::new(range.from - SAMPLE_LOOKBACK, range.until),
        }
    }

    fn within(range: Span) -> Self {
        Self {
            hours: Span::new(range.from.floor(HOUR), range.until),
            sampled: range,
        }
    }
}

fn load(
    s: &mut dyn Session,
    stream: &StreamKey,
    key: i64,
    (range, cuts): (Span, &[Timestamp]),
    reach: Reach,
) -> Result<History, Error> {
    let (sampled, packed_samples) = load_samples(s, key, reach.sampled, range)?;
    Ok(History {
        bounces: coverage::load(s, key, Kind::Bounces)?,
        bounce_events: load_bounce_events(s, key, range)?,
        sampled,
        packed_samples,
        checks: address_checks::load(s, key)?,
        ..load_sending(s, stream, key, (range, cuts), reach.hours)?
    })
}

fn load_sending(
    s: &mut dyn Session,
    stream: &StreamKey,
    key: i64,
    (range, cuts): (Span, &[Timestamp]),
    hours: Span,
) -> Result<History, Error> {
    let counted = counts::load(s, key, ALL_MAIL, kept(range.until))?;
    let (first_seen_at, installed_at) = load_beginning(s, stream, key)?;
    let (sent, recipients) = load_counts(s, key, ALL_MAIL, range, cuts, &counted)?;
    let (hours, packed) = load_hours(s, key, ALL_MAIL, hours, &counted)?;
    let mut history = History {
        first_seen_at,
        installed_at,
        messages: coverage::load(s, key, Kind::Messages)?,
        hours,
        packed,
        sent,
        recipients,
        counted,
        marked: marked_of(&load_marked(s, stream)?, None),
        ..History::default()
    };
    history.inactive = history.inactive_times(&load_refused(s, stream.server())?);
    Ok(history)
}

/// Returns the times that were of all mail, and of a tag where it is asked for.
fn marked_of(marked: &[(Option<Tag>, MarkedTime)], tag: Option<&Tag>) -> Vec<MarkedTime> {
    let of = marked
        .iter()
        .filter(|(of, _)| of.is_none() || of.as_ref() == tag);
    of.map(|(_, time)| time.clone()).collect()
}

/// Returns the keys and names of the tags that were used of late, without those of a few messages.
fn used_tags(s: &mut dyn Session, stream: i64, range: Span) -> Result<Vec<(i64, String)>, Error> {
    s.rows(
        "SELECT h.tag, t.name FROM
             (SELECT tag, sent FROM hours WHERE stream = ?1 AND tag > 0 AND at >= ?2 AND at < ?3
              UNION ALL SELECT tag, sent FROM counted WHERE stream = ?1 AND tag > 0 AND from_at >= ?2 AND from_at < ?3) h
         JOIN tags t ON t.key = h.tag GROUP BY h.tag, t.name HAVING sum(h.sent) >= ?4",
        &values![stream, range.from - TAG_LOOKBACK, range.until, MIN_TAG_MESSAGES],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Returns when history begins, which is the oldest message seen or the server's first start, and the latter.
pub(super) fn load_beginning(
    s: &mut dyn Session,
    stream: &StreamKey,
    key: i64,
) -> Result<(Option<Timestamp>, Option<Timestamp>), Error> {
    let found = s.first(
        "SELECT CASE WHEN t.oldest_sent_at < s.first_start_at THEN t.oldest_sent_at ELSE s.first_start_at END,
             s.first_start_at FROM servers s, streams t WHERE s.name = ?1 AND t.key = ?2",
        &values![&stream.server().0, key],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(found.unzip())
}

/// Returns the hours of one tag, or of all mail, that begin in `span`, and what is known of their weeks.
pub(super) fn load_hours(
    s: &mut dyn Session,
    stream: i64,
    tag: i64,
    span: Span,
    counted: &[CountedSpan],
) -> Result<(Vec<HourCount>, PackedWeeks), Error> {
    let tag = Some(tag);
    let mut listed = weekly::load::<HourCount>(s, Owner { stream, tag }, span, span)?;
    // A week with mail that was only counted has other hours than those that were packed.
    let is_listed = |week: Timestamp| {
        let next = counted.partition_point(|c| c.span.until <= week);
        counted.get(next).is_none_or(|c| c.span.from >= week + WEEK)
    };
    let is_due = listed.is_due();
    listed.digests.retain(|(week, _)| is_listed(*week));
    let packed = PackedWeeks::new(listed.digests, is_due);
    Ok((merge_hours(listed.rows, counted), packed))
}

/// Returns the time of which hours are told.
pub(super) fn kept(until: Timestamp) -> Span {
    Span::new(until - HOURS_KEPT, until)
}

/// Whole minutes and counted spans stand at their last message; a minute that a cut divides is told message by message.
fn load_counts(
    s: &mut dyn Session,
    stream: i64,
    tag: i64,
    range: Span,
    cuts: &[Timestamp],
    counted: &[CountedSpan],
) -> Result<(CumulativeCounts, KnownRecipients), Error> {
    let divided: BTreeSet<Timestamp> = [range.from, range.until]
        .iter()
        .chain(cuts)
        .filter(|cut| cut.floor(MINUTE) != **cut)
        .map(|cut| cut.floor(MINUTE))
        .collect();
    let whole: Vec<(Timestamp, Timestamp, Sent)> = s.rows(
        "SELECT at, last_at, sent, recipients FROM minutes WHERE stream = ?1 AND tag = ?2 AND at >= ?3 AND at < ?4 ORDER BY at",
        &values![stream, tag, range.from.floor(MINUTE), range.until],
        |row| Ok((row.get(0)?, row.get(1)?, Sent::new(row.get(2)?, row.get(3)?))),
    )?;
    let mut counts: BTreeMap<Timestamp, Sent> = whole
        .into_iter()
        .filter(|(at, _, _)| !divided.contains(at))
        .map(|(_, last, sent)| (last, sent))
        .collect();
    for minute in divided {
        for (at, recipients) in s.rows(
            "SELECT sent_at, recipients FROM messages WHERE stream = ?1 AND sent_at >= ?2 AND sent_at < ?3 AND ?4 IN (0, tag)",
            &values![stream, minute, minute + MINUTE, tag],
            |row| Ok((row.get::<Timestamp>(0)?, row.get(1)?)),
        )? {
            counts.entry(at).or_default().add(Sent::new(1, recipients));
        }
    }
    let range = Span::new(range.from.floor(MINUTE), range.until);
    for (last, sent) in counted.iter().filter_map(|c| Some((c.last_at?, c.sent))) {
        if range.contains(last) {
            counts.entry(last).or_default().add(Sent::new(sent, 0));
        }
    }
    let counts = counts.iter().map(|(at, sent)| (*at, *sent));
    let sent = counts.clone().map(|(at, sent)| (at, sent.messages));
    Ok((
        CumulativeCounts::from_counts(sent),
        known_recipients(counts),
    ))
}

fn known_recipients(counts: impl Iterator<Item = (Timestamp, Sent)> + Clone) -> KnownRecipients {
    let of_known = counts.clone().map(|(at, sent)| (at, sent.of_known));
    KnownRecipients {
        recipients: CumulativeCounts::from_counts(counts.map(|(at, sent)| (at, sent.recipients))),
        messages: CumulativeCounts::from_counts(of_known),
    }
}

/// Messages that stand at one instant.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    messages: u64,
    /// Those whose recipients are known.
    of_known: u64,
    /// The recipients of these.
    recipients: u64,
}

impl Sent {
    /// From a row: every message has a recipient, so where there are fewer, some are not known.
    const fn new(messages: u64, recipients: u64) -> Self {
        let is_known = recipients >= messages;
        Self {
            messages,
            of_known: if is_known { messages } else { 0 },
            recipients: if is_known { recipients } else { 0 },
        }
    }

    const fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.of_known += other.of_known;
        self.recipients += other.recipients;
    }
}

pub(super) fn load_bounce_events(
    s: &mut dyn Session,
    stream: i64,
    range: Span,
) -> Result<Vec<BounceEvent>, Error> {
    s.rows(
        "SELECT b.at, b.message, b.id, b.sent_at, b.class, b.recipient, t.name FROM bounces b
         LEFT JOIN tags t ON t.key = b.tag WHERE b.stream = ?1 AND b.at >= ?2 AND b.at < ?3 ORDER BY b.at, b.id",
        &values![stream, range.from, range.until],
        |row| {
            let id: i64 = row.get(2)?;
            let message: Option<Vec<u8>> = row.get(1)?;
            Ok(BounceEvent {
                at: row.get(0)?,
                message: message
                    .map_or_else(|| format!("bounce {id}"), |bytes| id_from_bytes(&bytes)),
                sent_at: row.get(3)?,
                class: BounceClass::from_name(&row.get::<String>(4)?),
                recipient: row.get(5)?,
                tag: row.get(6)?,
            })
        },
    )
}

/// Returns the sampled mail that was sent in `sent`, with what bounces of `range` say of it, and what is known of its weeks.
fn load_samples(
    s: &mut dyn Session,
    stream: i64,
    sent: Span,
    range: Span,
) -> Result<(Vec<SampledMessage>, PackedWeeks), Error> {
    let delivered = packed_samples::load_delivered(s, stream, sent)?;
    // Details date a bounce on their own, and do not tell its type.
    let mut others = s.rows(
        "SELECT sent_at, checked_at, delivered_at, bounced_at, queued,
             CASE WHEN bounced_at IS NOT NULL THEN (SELECT b.type FROM bounces b
                 WHERE b.stream = followed.stream AND b.at >= followed.bounced_at - ?4 AND b.at <= followed.bounced_at + ?4
                     AND b.message = followed.message AND b.class NOT IN ('complaint', 'ignored')
                 ORDER BY b.at, b.id LIMIT 1) END, message, open
         FROM followed WHERE stream = ?1 AND sent_at >= ?2 AND sent_at < ?3 AND delivered_at IS NULL ORDER BY sent_at",
        &values![stream, sent.from, sent.until, SAME_BOUNCE_WITHIN_MS],
        |row| {
            let sample = read_sample(row)?;
            let unreadable = !row.get::<bool>(7)? && !sample.is_read();
            let sample = SampledMessage {
                unreadable,
                ..sample
            };
            Ok((row.get::<Vec<u8>>(6)?, sample))
        },
    )?;
    let has_no_news = |sample: &SampledMessage| sample.bounced_at.is_none();
    if others.iter().any(|(_, sample)| has_no_news(sample)) {
        let listed = load_listed_bounces(s, stream, range)?;
        for (message, sample) in others.iter_mut().filter(|(_, s)| has_no_news(s)) {
            if let Some((at, bounce)) = listed.get(message) {
                sample.listed_bounce_at = Some(*at);
                sample.bounce = *bounce;
            }
        }
    }
    let is_due = delivered.is_due();
    let packed = PackedWeeks::new(delivered.digests, is_due);
    let mut sampled = delivered.rows;
    sampled.extend(others.into_iter().map(|(_, sample)| sample));
    // Two lists in order, which a stable sort merges.
    sampled.sort();
    Ok((sampled, packed))
}

/// When a message first bounced by the list, and how.
type ListedBounces = HashMap<Vec<u8>, (Timestamp, Option<BounceType>)>;

/// Returns the first bounce that is listed in `range` of each sampled message whose details tell of no news.
fn load_listed_bounces(
    s: &mut dyn Session,
    stream: i64,
    range: Span,
) -> Result<ListedBounces, Error> {
    // In this order, since bounces of the range are few and each message is found by its key. A join lets PostgreSQL compare each with
    // each, which it does as long as it has no statistics of the tables.
    let rows = s.rows(
        "SELECT b.message, b.at, b.type FROM bounces b
         WHERE b.stream = ?1 AND b.at >= ?2 AND b.at < ?3 AND b.class NOT IN ('complaint', 'ignored')
             AND (SELECT count(*) FROM followed f
                 WHERE f.stream = b.stream AND f.message = b.message AND f.delivered_at IS NULL AND f.bounced_at IS NULL) = 1
         ORDER BY b.at DESC, b.id DESC",
        &values![stream, range.from, range.until],
        |row| {
            let bounce = BounceType::from_name(&row.get::<String>(2)?);
            Ok((row.get(0)?, (row.get(1)?, bounce)))
        },
    )?;
    Ok(rows.into_iter().collect())
}

/// Reads a sampled message, whose sixth column is the type of its bounce.
pub(super) fn read_sample(row: &dyn Row) -> Result<SampledMessage, Error> {
    let bounce: Option<String> = row.get(5)?;
    Ok(SampledMessage {
        sent_at: row.get(0)?,
        checked_at: row.get(1)?,
        delivered_at: row.get(2)?,
        bounced_at: row.get(3)?,
        queued: row.get(4)?,
        bounce: bounce.and_then(|name| BounceType::from_name(&name)),
        listed_bounce_at: None,
        unreadable: false,
    })
}
