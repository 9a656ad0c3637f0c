//! What people say of incidents, and what is learned from the time of these.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{DAY, Evidence, HOUR, History, Incident, IncidentState, Rule, Span, Timestamp};

/// Whether an incident was one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Something was wrong.
    Real,
    /// Nothing was wrong.
    FalseAlarm,
}

impl Judgement {
    /// The word in JSON and database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::FalseAlarm => "false_alarm",
        }
    }

    /// The judgement of a stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Real, Self::FalseAlarm]
            .into_iter()
            .find(|judgement| judgement.name() == name)
    }
}

/// What a person said of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// What it was.
    pub judgement: Judgement,
    /// Who said so.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// The time of an incident of which a person said what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkedTime {
    /// Its incident, which is over.
    pub incident: String,
    /// The rule that it had last.
    pub rule: Rule,
    /// From its beginning to the first instant at which it was seen to be over.
    pub span: Span,
    /// What was said.
    pub feedback: Feedback,
}

impl Rule {
    /// Whether it learns from when a stream sends mail.
    pub const fn learns_from_sending(self) -> bool {
        matches!(self, Self::SendSilence | Self::SendDrop)
    }

    /// Whether it learns which share of a stream's mail bounces, or is complained about.
    pub const fn learns_from_bounces(self) -> bool {
        matches!(self, Self::BounceRate | Self::SpamRate)
    }

    /// Whether it learns from what becomes of a stream's sampled mail.
    pub const fn learns_from_delivery(self) -> bool {
        matches!(self, Self::DeliverySilence | Self::DeliveryDrop)
    }
}

impl Evidence {
    /// Returns when the first message was sent of what it says is not delivered.
    fn lost_since(&self) -> Option<Timestamp> {
        match self {
            Self::Delivery(_) | Self::DeliveryDrop(_) => self.began_at(),
            _ => None,
        }
    }

    /// Returns when what it says is wrong began, where it knows more of that than when it was judged.
    pub fn began_at(&self) -> Option<Timestamp> {
        if let Some(burst) = self.overdue_burst() {
            return Some(burst.due_at);
        }
        match self {
            Self::Rate(rate) => rate.wave.map(|wave| wave.from),
            Self::Silence(silence) => Some(silence.gap.from),
            Self::Drop(drop) => Some(drop.window.from),
            Self::Delivery(delivery) => delivery.since,
            Self::DeliveryDrop(drop) => Some(drop.since),
            Self::Canary(canary) => canary.sent_at,
            Self::Suppressed { addresses, .. } => addresses.iter().filter_map(|s| s.since).min(),
            _ => None,
        }
    }
}

impl Incident {
    /// Returns the time up to `at` of which it says that mail is not delivered; `None` of another rule.
    pub fn loss_span(&self, at: Timestamp) -> Option<Span> {
        if !self.rule.learns_from_delivery() {
            return None;
        }
        let seen = self.worst.as_ref().unwrap_or(&self.evidence);
        let begins = self.began_at.or(seen.lost_since());
        let from = begins.map_or(self.opened_at, |begins| begins.min(self.opened_at));
        let until = match self.state {
            IncidentState::Open { .. } => at,
            IncidentState::Resolved { at: ended, .. } => self.recovered_at.unwrap_or(ended).min(at),
        };
        Some(Span::new(from, until.max(from)))
    }

    /// Returns the share of the mail that is lost, where it is open and a part still arrives; else 0.
    pub fn lost_share(&self) -> f64 {
        match &self.evidence {
            Evidence::DeliveryDrop(drop) if self.is_open() && drop.by_list => {
                (1.0 - drop.share()).clamp(0.05, 0.95)
            }
            Evidence::DeliveryDrop(drop) if self.is_open() && drop.delivered > 0 => {
                1.0 - drop.share()
            }
            Evidence::Delivery(run) if self.is_open() => {
                run.share_before.map_or(0.0, |share| 1.0 - share)
            }
            _ => 0.0,
        }
    }

    /// Returns the time that a verdict on it is about; `None` while it is open, and where its rule does not learn.
    pub fn marked_span(&self) -> Option<Span> {
        let IncidentState::Resolved { at, .. } = self.state else {
            return None;
        };
        let worst = self.worst.as_ref().unwrap_or(&self.evidence);
        let from = match worst {
            Evidence::Silence(silence) if self.was_low() => {
                let began = self.returned_at().unwrap_or_else(|| self.first_began());
                silence.gap.from.min(began)
            }
            Evidence::Silence(silence) => silence.gap.from,
            Evidence::Drop(drop) => drop.missing_burst.map_or(drop.window.from, |b| b.due_at),
            Evidence::Delivery(delivery) => delivery.since.unwrap_or(self.opened_at),
            Evidence::DeliveryDrop(drop) => drop.since,
            // What was over within a day teaches nothing of what is usual.
            Evidence::Rate(_) => self.problem.filter(|of| of.length() >= DAY)?.from,
            _ => return None,
        };
        // One that had been a drop before it was a silence began no later than it opened.
        let from = from.min(self.opened_at);
        let over = self.recovered_at.unwrap_or(at);
        // The mail between its end and the instant that was sure of it is as usual.
        let until = match worst {
            Evidence::Silence(silence) if !self.was_low() => silence.gap.until.min(over),
            Evidence::Silence(silence) => self
                .low_until()
                .map_or(over, |low| low.max(silence.gap.until).min(over)),
            _ => self.low_until().map_or(over, |low| low.min(over)),
        };
        Some(Span::new(from, until.max(from)))
    }

    /// Returns whether a drop that became worse was less mail before, or after, it was none at all.
    pub fn was_low(&self) -> bool {
        let stopped_at = match self.worst.as_ref().unwrap_or(&self.evidence) {
            Evidence::Silence(silence) => Some(silence.gap.from),
            Evidence::Delivery(delivery) => delivery.since,
            _ => return false,
        };
        let ended_low = matches!(self.rule, Rule::SendDrop | Rule::DeliveryDrop);
        let began_before = |at: Timestamp| match self.problem {
            // What is known of the sample moves its beginning by some minutes.
            Some(problem) => problem.from + HOUR <= at,
            None => self.opened_at < at,
        };
        ended_low || stopped_at.is_some_and(began_before)
    }

    /// Returns when the volume was last low of a drop that is over; `None` of anything else, and where that is not known.
    pub fn low_until(&self) -> Option<Timestamp> {
        match &self.evidence {
            Evidence::Drop(drop) if !self.is_open() && !self.is_unwatched() => drop.low_until,
            _ => None,
        }
    }
}

impl History {
    /// Returns what is known at `at` of when mail was sent, without the outages that people called real and the times in which the
    /// account could send nothing.
    pub fn without_outages(&self, at: Timestamp) -> Cow<'_, Self> {
        let real = self.marked_sending(Judgement::Real, at);
        self.without(Judgement::Real, real.chain(self.inactive_spans()))
    }

    /// Returns this, the past before `until`, without the part of each outage called real that lies in it: what is learned from ends at a
    /// midnight, and an outage may go on beyond it.
    pub fn past_without_outages(&self, until: Timestamp) -> Cow<'_, Self> {
        let real = self.of_sending(Judgement::Real).map(|marked| marked.span);
        let begun = real.filter(|span| span.from < until);
        let end = |span| self.mail_after(span).map_or(until, |next| next.min(until));
        let times = begun.map(|span| Span::new(span.from, end(span)));
        self.without(Judgement::Real, times.chain(self.inactive_spans()))
    }

    /// Returns the same without the times of false alarms.
    pub fn without_false_alarms(&self, at: Timestamp) -> Cow<'_, Self> {
        let judgement = Judgement::FalseAlarm;
        self.without(judgement, self.marked_sending(judgement, at))
    }

    /// Returns the longest gap within a time that was called a false alarm and was over before `at`, as far as hourly counts
    /// reach back.
    pub fn longest_false_alarm(&self, at: Timestamp) -> Option<Duration> {
        let times = self.marked_sending(Judgement::FalseAlarm, at);
        times.filter_map(|time| self.longest_gap_in(time)).max()
    }

    /// Returns when the last time ended that was called a false alarm and was over before `at`.
    pub fn last_false_alarm(&self, at: Timestamp) -> Option<Timestamp> {
        let times = self.marked_sending(Judgement::FalseAlarm, at);
        times.map(|time| time.until).max()
    }

    /// Returns the times in which mail was not delivered and of which this was said.
    pub fn marked_delivery(&self, judgement: Judgement) -> Vec<Span> {
        let marked = self.marked.iter();
        let marked =
            marked.filter(|m| m.rule.learns_from_delivery() && m.feedback.judgement == judgement);
        marked.map(|m| m.span).collect()
    }

    /// Returns the history in which these times are unknown; nothing is marked with this judgement any more.
    fn without(&self, judgement: Judgement, times: impl Iterator<Item = Span>) -> Cow<'_, Self> {
        let times: Vec<Span> = times.collect();
        if times.is_empty() {
            return Cow::Borrowed(self);
        }
        let messages = times.iter().fold(self.messages.clone(), |messages, time| {
            messages.without(*time)
        });
        let is_other = |marked: &&MarkedTime| marked.feedback.judgement != judgement;
        Cow::Owned(Self {
            first_seen_at: self.first_seen_at,
            installed_at: self.installed_at,
            messages,
            inactive: self.inactive.clone(),
            counted: self.counted.clone(),
            hours: self.hours.clone(),
            sent: self.sent.clone(),
            marked: self.marked.iter().filter(is_other).cloned().collect(),
            ..Self::default()
        })
    }

    /// Returns the times of too little mail of which this was said and that were over before `at`, each up to the mail after it.
    fn marked_sending(&self, judgement: Judgement, at: Timestamp) -> impl Iterator<Item = Span> {
        let times = self.of_sending(judgement).map(|marked| marked.span);
        let times = times.filter_map(|span| Some(Span::new(span.from, self.mail_after(span)?)));
        times.filter(move |time| time.until < at)
    }

    /// Returns the times of too little mail of which this was said.
    fn of_sending(&self, judgement: Judgement) -> impl Iterator<Item = &MarkedTime> {
        let marked = self.marked.iter();
        marked.filter(move |m| m.rule.learns_from_sending() && m.feedback.judgement == judgement)
    }

    /// Returns when mail was sent again after `span`: at its end where its last hour has some; `None` where none was sent since.
    pub fn mail_after(&self, span: Span) -> Option<Timestamp> {
        let next = self.hours.partition_point(|h| h.last_at < span.until);
        let next = self.hours.get(next)?.first_at;
        Some(next.max(span.until))
    }

    fn inactive_spans(&self) -> impl Iterator<Item = Span> {
        self.inactive.spans().iter().copied()
    }

    /// Returns the longest time between two hours with mail, as far as it lies in `span`, less that in which none was due.
    fn longest_gap_in(&self, span: Span) -> Option<Duration> {
        let first = self.hours.partition_point(|h| h.last_at < span.from);
        let end = self.hours.partition_point(|h| h.first_at <= span.until);
        let pairs = self.hours[first..end.max(first)].windows(2);
        pairs
            .map(|pair| self.longest_due(Span::new(pair[0].last_at, pair[1].first_at)))
            .max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Coverage, HOUR, HourCount};

    fn at(hours: u32) -> Timestamp {
        Timestamp::from_secs(1_772_496_000) + HOUR * hours
    }

    /// Mail every hour but from 10:00 to 16:00; what was told of it was over at 16:00.
    fn history(judgement: Judgement) -> History {
        let hours = (0..10).chain(16..24).map(|hour| HourCount {
            start: at(hour),
            sent: 1,
            first_at: at(hour),
            last_at: at(hour),
        });
        History {
            first_seen_at: Some(at(0)),
            messages: Coverage::from_spans([Span::new(at(0), at(24))]),
            hours: hours.collect(),
            marked: vec![MarkedTime {
                incident: "ektn6n35".to_owned(),
                rule: Rule::SendSilence,
                span: Span::new(at(9), at(14)),
                feedback: Feedback {
                    judgement,
                    by: "ops".to_owned(),
                    at: at(20),
                },
            }],
            ..History::default()
        }
    }

    #[test]
    fn a_real_outage_is_unknown_up_to_the_mail_that_ended_it() {
        let history = history(Judgement::Real);
        let learned = history.without_outages(at(24));
        let holes = learned.messages.holes(Span::new(at(0), at(24)));
        assert_eq!(holes, [Span::new(at(9), at(16))]);
        assert_eq!(learned.marked, [], "it is left out once");
        assert_eq!(*history.without_false_alarms(at(24)), history);
        assert_eq!(history.longest_false_alarm(at(24)), None);
    }

    #[test]
    fn a_false_alarm_is_learned_from_and_known_once_it_is_over() {
        let history = history(Judgement::FalseAlarm);
        assert_eq!(*history.without_outages(at(24)), history);
        assert_eq!(history.longest_false_alarm(at(16)), None);
        assert_eq!(history.longest_false_alarm(at(24)), Some(7 * HOUR));
    }

    #[test]
    fn what_no_mail_has_ended_is_still_judged() {
        let mut history = history(Judgement::Real);
        history.hours.truncate(10);
        assert_eq!(*history.without_outages(at(24)), history);
    }

    #[test]
    fn a_false_alarm_ages_with_the_counts_that_show_it() {
        let mut history = history(Judgement::FalseAlarm);
        history.hours.drain(..12);
        assert_eq!(history.longest_false_alarm(at(24)), None);
    }
}
