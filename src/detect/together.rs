//! Several streams as one: what stops everywhere at once is noticed by the mail of all of them, sooner than by that of each.
//!
//! The gaps between the mail of any of the streams are judged like those of one stream that has all of it. What they have in
//! common (nights, holidays, one queue) is so learned from their own past. To merge what each says of itself, as independent
//! evidence (the product of e-values), would take every holiday for a stop.

use std::collections::BTreeSet;

use crate::detect::rhythm::Rhythm;
use crate::detect::silence::Silence;
use crate::model::{
    DAY, Evidence, Finding, History, HourCount, Span, StreamKey, Timestamp, Verdict, add_hours,
};

/// A stream counts among those that stopped if it had mail within this long before the last mail of all.
const ACTIVE_DAYS: u32 = 28;
/// A stream with more than this share of the mail is all of it, and is watched anyway.
const MAX_SHARE_OF_ONE: f64 = 0.9;
/// One hour of a stream counts for no more than this many times its median hour with mail: a burst is no share.
const MAX_HOUR_FACTOR: u64 = 10;

/// The mail of several streams, merged.
#[derive(Clone, Debug, Default)]
pub struct Together {
    joint: History,
    members: Vec<Member>,
}

#[derive(Clone, Debug)]
struct Member {
    stream: StreamKey,
    /// The incidents that people judged, each of this stream or of several.
    marked: Vec<String>,
    /// The first and the last mail of each hour with mail, in order.
    hours: Vec<Span>,
    /// Messages on each day with mail, in order; of hours far beyond the usual a part.
    days: Vec<(Timestamp, u64)>,
    rhythm: Rhythm,
}

impl Together {
    /// Merges one more stream; one that never had mail adds nothing.
    pub fn add(&mut self, stream: StreamKey, history: &History) {
        let (Some(first_seen_at), false) = (history.first_seen_at, history.hours.is_empty()) else {
            return;
        };
        // Of the time before a stream began it is known that it sent nothing.
        let mut seen = history.messages.clone();
        seen.insert(Span::new(Timestamp::MIN, first_seen_at));
        let joint = &mut self.joint;
        joint.messages = match self.members.is_empty() {
            true => seen,
            false => joint.messages.intersect(&seen),
        };
        // A part of them says nothing of all.
        for time in history.inactive.spans() {
            joint.inactive.insert(*time);
        }
        let first = joint.first_seen_at.unwrap_or(first_seen_at);
        joint.first_seen_at = Some(first.min(first_seen_at));
        joint.hours = add_hours(
            std::mem::take(&mut joint.hours),
            history.hours.iter().copied(),
        );
        joint.packed.join(&history.hours, &history.packed);
        joint.sent = joint.sent.merge(&history.sent);
        // What was said of the stop of one stream is nothing of the others.
        for marked in &history.marked {
            let shared = self
                .members
                .iter()
                .any(|m| m.marked.contains(&marked.incident));
            let known = joint.marked.iter().any(|m| m.incident == marked.incident);
            if shared && !known {
                joint.marked.push(marked.clone());
            }
        }
        let marked = history.marked.iter().map(|marked| marked.incident.clone());
        let hours = history.hours.iter();
        let hours = hours.map(|hour| Span::new(hour.first_at, hour.last_at));
        self.members.push(Member {
            marked: marked.collect(),
            stream,
            hours: hours.collect(),
            days: days(&history.hours),
            rhythm: Rhythm::new(&history.hours),
        });
    }

    /// Returns the number of servers that the streams are of.
    pub fn server_count(&self) -> usize {
        let servers = self.members.iter().map(|member| member.stream.server());
        servers.collect::<BTreeSet<_>>().len()
    }

    /// What is known of the mail of all of them, as of one stream; `None` for fewer than two.
    pub fn joint(&self) -> Option<&History> {
        (self.members.len() > 1).then_some(&self.joint)
    }

    /// Returns the finding of `send_silence` about all of them at `at`; `None` where no two of them send.
    pub(super) fn evaluate(&self, silence: &Silence, at: Timestamp) -> Option<Finding> {
        let streams = self.active_streams(at)?;
        let mut finding = silence.evaluate(&self.joint, None, at);
        if let Evidence::Silence(evidence) = &mut finding.evidence {
            if finding.verdict == Verdict::Breach {
                evidence.not_due = self.not_due(&streams, evidence.gap);
            }
            evidence.streams = streams;
        }
        Some(finding)
    }

    /// Returns the streams without any mail after `since`, up to `at`.
    pub fn silent_since(&self, since: Timestamp, at: Timestamp) -> Vec<StreamKey> {
        let is_silent = |member: &&Member| {
            let first = member.hours.partition_point(|hour| hour.until <= since);
            member.hours.get(first).is_none_or(|hour| hour.from > at)
        };
        let silent = self.members.iter().filter(is_silent);
        silent.map(|member| member.stream.clone()).collect()
    }

    /// Returns those of `streams` that usually have no mail at the time of `gap`.
    fn not_due(&self, streams: &[StreamKey], gap: Span) -> Vec<StreamKey> {
        let streams: BTreeSet<&StreamKey> = streams.iter().collect();
        let is_early = |m: &&Member| streams.contains(&m.stream) && !m.rhythm.is_due(gap);
        let early = self.members.iter().filter(is_early);
        early.map(|member| member.stream.clone()).collect()
    }

    /// Returns the streams that send, of which none has nearly all of the mail; `None` for fewer than two.
    fn active_streams(&self, at: Timestamp) -> Option<Vec<StreamKey>> {
        let last = self.joint.last_sent(at)?;
        let window = Span::new((last - DAY * ACTIVE_DAYS).floor(DAY), last + DAY);
        let of_member = |member: &Member| {
            let days = member.days.iter().filter(|(day, _)| window.contains(*day));
            (
                member.stream.clone(),
                days.map(|(_, sent)| sent).sum::<u64>(),
            )
        };
        let active: Vec<(StreamKey, u64)> = self.members.iter().map(of_member).collect();
        let total: u64 = active.iter().map(|(_, sent)| sent).sum();
        let largest = active.iter().map(|(_, sent)| *sent).max()?;
        if largest as f64 > MAX_SHARE_OF_ONE * total as f64 {
            return None;
        }
        let active = active.into_iter().filter(|(_, sent)| *sent > 0);
        Some(active.map(|(stream, _)| stream).collect())
    }
}

fn days(hours: &[HourCount]) -> Vec<(Timestamp, u64)> {
    let mut counts: Vec<u64> = hours.iter().map(|hour| hour.sent).collect();
    let middle = counts.len() / 2;
    let (_, median, _) = counts.select_nth_unstable(middle);
    let most = median.saturating_mul(MAX_HOUR_FACTOR);
    let mut days: Vec<(Timestamp, u64)> = Vec::new();
    for hour in hours {
        let (day, sent) = (hour.start.floor(DAY), hour.sent.min(most));
        match days.last_mut() {
            Some((last, count)) if *last == day => *count += sent,
            _ => days.push((day, sent)),
        }
    }
    days
}
