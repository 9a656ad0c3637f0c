//! Several streams as one: what stops or falls everywhere at once is noticed by the mail of all of them, sooner than by that of each.
//!
//! The gaps between the mail of any of the streams, and its volume, are judged like those of one stream that has all of it. What they have in
//! common (nights, holidays, one queue) is so learned from their own past. To merge what each says of itself, as independent
//! evidence (the product of e-values), would take every holiday for a stop.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::detect::drop;
use crate::detect::level_shift::LevelShift;
use crate::detect::rhythm::Rhythm;
use crate::detect::silence::Silence;
use crate::model::{
    DAY, Evidence, Finding, HOUR, History, HourCount, Rule, Rules, Span, StreamKey, Timestamp,
    Verdict, WEEK, add_hours,
};

/// A stream counts among those that stopped if it had mail within this long before the last mail of all.
const ACTIVE_DAYS: u32 = 28;
/// A stream with more than this share of the mail is all of it, and is watched anyway.
const MAX_SHARE_OF_ONE: f64 = 0.9;
/// One hour of a stream counts for no more than this many times its median hour with mail: a burst is no share.
const MAX_HOUR_FACTOR: u64 = 10;

/// A stream fell with others where it sent no more than this share of what it did at the same times of the weeks before ...
const MAX_FALLEN_SHARE: f64 = 0.5;
/// ... of which as many as these are looked at ...
const WEEKS_BEFORE: u32 = 4;
/// ... and where that was as many messages.
const MIN_FALLEN_EXPECTED: f64 = 1.0;
/// What lacks more than this share of what all lack is told by itself: a stream, or of streams of several servers one of these.
const MAX_LACKING_SHARE: f64 = 0.75;

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
    /// Whether `send_drop` is on.
    judges_drops: bool,
    /// The hours with mail, in order.
    hours: Vec<MailHour>,
    /// Messages on each day with mail, in order; of hours far beyond the usual a part.
    days: Vec<(Timestamp, u64)>,
    rhythm: Rhythm,
}

/// The mail of one hour, in 16 bytes: of thousands of streams there are many.
#[derive(Clone, Copy, Debug)]
struct MailHour {
    first_at: Timestamp,
    /// From the first to the last message.
    millis: u32,
    sent: u32,
}

impl MailHour {
    fn new(hour: &HourCount) -> Self {
        let length = hour.last_at.since(hour.first_at).as_millis();
        Self {
            first_at: hour.first_at,
            millis: u32::try_from(length).unwrap_or(u32::MAX),
            sent: u32::try_from(hour.sent).unwrap_or(u32::MAX),
        }
    }

    fn last_at(self) -> Timestamp {
        self.first_at + Duration::from_millis(self.millis.into())
    }
}

impl Together {
    /// Merges one more stream; one that never had mail adds nothing.
    pub fn add(&mut self, stream: StreamKey, history: &History, rules: &Rules) {
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
        self.members.push(Member {
            marked: marked.collect(),
            stream,
            judges_drops: rules.is_enabled(Rule::SendDrop),
            hours: history.hours.iter().map(MailHour::new).collect(),
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

    /// Returns the findings of `send_silence` and `send_drop` about all of them at `at`; none where no two of them send.
    pub(super) fn evaluate(
        &self,
        silence: &Silence,
        rules: &Rules,
        level: (Option<&LevelShift>, f64),
        at: Timestamp,
    ) -> Vec<Finding> {
        let Some(streams) = self.active_streams(at) else {
            return Vec::new();
        };
        let mut stop = silence.evaluate(&self.joint, None, at);
        // A burst is of one of them.
        let mut fall = drop::evaluate_volume(&self.joint, at, rules, silence, level);
        if let Evidence::Drop(evidence) = &mut fall.evidence {
            evidence.streams.clone_from(&streams);
            if fall.verdict == Verdict::Breach {
                match self.fallen(&streams, evidence.window) {
                    Some(fallen) => evidence.streams = fallen,
                    None => fall.verdict = Verdict::Unresolved,
                }
            }
        }
        if let Evidence::Silence(evidence) = &mut stop.evidence {
            if stop.verdict == Verdict::Breach {
                evidence.not_due = self.not_due(&streams, evidence.gap);
            }
            evidence.streams = streams;
        }
        vec![stop, fall]
    }

    /// Returns those of `streams` that sent far less in `window` than in the weeks before; `None` where it is one alone that lacks
    /// nearly all that is lacking.
    fn fallen(&self, streams: &[StreamKey], window: Span) -> Option<Vec<StreamKey>> {
        let members = self.members.iter();
        let members = members.filter(|m| m.judges_drops && streams.contains(&m.stream));
        let lacking = members.filter_map(|member| Some((&member.stream, member.lacking(window)?)));
        let lacking: Vec<(&StreamKey, f64)> = lacking.collect();
        let is_of_servers = self.server_count() > 1;
        let of_all: f64 = lacking.iter().map(|(_, lacks)| lacks).sum();
        let mut by_place: BTreeMap<_, f64> = BTreeMap::new();
        for (stream, lacks) in &lacking {
            let place = (
                stream.server(),
                Some(stream.stream()).filter(|_| !is_of_servers),
            );
            *by_place.entry(place).or_default() += lacks;
        }
        let is_of_one = by_place
            .values()
            .any(|lacks| *lacks > MAX_LACKING_SHARE * of_all);
        let fallen = lacking.iter().map(|(stream, _)| (*stream).clone());
        (by_place.len() > 1 && !is_of_one).then(|| fallen.collect())
    }

    /// Returns the streams without any mail after `since`, up to `at`.
    pub fn silent_since(&self, since: Timestamp, at: Timestamp) -> Vec<StreamKey> {
        let is_silent = |member: &&Member| {
            let first = member.hours.partition_point(|hour| hour.last_at() <= since);
            let next = member.hours.get(first);
            next.is_none_or(|hour| hour.first_at > at)
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

impl Member {
    /// Returns how many messages it lacks in `window` against the mean of the same times of the weeks before; `None` where that is no
    /// fall of its volume.
    fn lacking(&self, window: Span) -> Option<f64> {
        let first = self.hours.first()?.first_at;
        let window = Span::new(window.from, window.until.floor(HOUR));
        let weeks = window.length().as_secs().div_ceil(WEEK.as_secs());
        let weeks = u32::try_from(weeks).unwrap_or(u32::MAX);
        let before = (0..WEEKS_BEFORE).map(|n| WEEK.saturating_mul(weeks.saturating_add(n)));
        let before = before.map(|back| Span::new(window.from - back, window.until - back));
        let known = before.filter(|span| span.from >= first);
        let before: Vec<f64> = known.map(|span| self.sent_in(span) as f64).collect();
        let usual = before.iter().sum::<f64>() / before.len().max(1) as f64;
        let sent = self.sent_in(window) as f64;
        let is_fallen = usual >= MIN_FALLEN_EXPECTED && sent <= MAX_FALLEN_SHARE * usual;
        is_fallen.then_some(usual - sent)
    }

    /// Returns the messages of the hours of the clock that begin within `span`.
    fn sent_in(&self, span: Span) -> u64 {
        let start = |hour: &MailHour| hour.first_at.floor(HOUR);
        let place = |at| self.hours.partition_point(|hour| start(hour) < at);
        let (from, until) = (place(span.from), place(span.until));
        let hours = self.hours[from..until.max(from)].iter();
        hours.map(|hour| u64::from(hour.sent)).sum()
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
