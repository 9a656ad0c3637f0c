//! What a stream did in a span of time, for `check`, `status` and the digest.

mod delivered;
mod failed;

use std::sync::Arc;

use crate::chart::DeliveredTotal;
use crate::config::{Config, ServerConfig};
use crate::cycle::poll::servers::watched_servers;
use crate::detect::interval::clopper_pearson;
use crate::detect::{self, KeptSilences, chance_breaches, sample_outcome, undelivered};
use crate::evaluate::known_losses;
use crate::model::{
    BounceClass, DAY, HOUR, History, Incident, MINUTE, Rule, Rules, SampleOutcome, ServerName,
    Span, StreamId, StreamKey, Timestamp, UsualDelivery,
};
use crate::notify::digest::StreamDay;
use crate::store::{self, Database, Store};

use delivered::{SentMail, WeighedSample, is_below};
use failed::{unusual_failures, weeks_before};

/// Weeks that a day is compared with.
const WEEKS_COMPARED: u32 = 4;
/// Fewer covered weeks say nothing of what is usual.
const MIN_WEEKS_COMPARED: usize = 2;
/// Fewer bounces make no rate.
const MIN_BOUNCES: u64 = 2;
/// A healthy stream has at most this part of the threshold: a day above the threshold is unusual where it surely has more, ...
const HEALTHY_SHARE: f64 = 0.5;
/// ... at this level: of a stream with just that part once in 200 days.
const BOUNCE_CONFIDENCE: f64 = 0.99;
/// Fewer complaints make no rate.
const MIN_COMPLAINTS: u64 = 2;

/// Counts of one span, in messages where nothing else is said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StreamStats {
    pub sent: u64,
    pub bounced: u64,
    /// Messages that bounced in the span and were sent before it.
    pub bounced_late: u64,
    /// Recipients of messages sent in the span that bounced in it, in whatever class; messages where nothing is known of recipients.
    pub failed: u64,
    pub complaints: u64,
    /// Recipients sent to; `None` where nothing is known of the recipients of the stream's mail.
    pub recipients: Option<u64>,
    /// Recipients that bounced in the span, of each message.
    pub recipients_bounced: u64,
    /// Those of them whose message was sent before it.
    pub recipients_bounced_late: u64,
    pub recipients_complained: u64,
    /// Those of them whose message was sent before the span.
    pub recipients_complained_late: u64,
    /// Messages delivered: exact where every message was sampled, else estimated from the sample; `None` where that says nothing yet, or
    /// nothing of some hours.
    pub delivered: Option<u64>,
    /// The 95% interval of that number. Of hours of which the sample says nothing it reaches from none to all.
    pub delivered_range: Option<(u64, u64)>,
    /// Messages of those hours.
    pub unsampled: u64,
    /// Whether `delivered` is exact.
    pub is_delivered_exact: bool,
    pub sampled: u64,
    /// Sampled messages of which anything is known.
    pub read: u64,
    pub proven: u64,
    /// Recipients that bounced or complained in the span, of each message.
    pub classes: Vec<(BounceClass, u64)>,
}

impl StreamStats {
    pub(crate) fn from_history(history: &History, span: Span) -> Self {
        let whole = [span];
        // A count that the span cuts has no part in it: how much of it lies within is not known.
        let sent = history.sent.count(history.whole_counts_within(span));
        let marked = history.bounced_in(&whole, |m| m.class.counts());
        let bounced = marked.messages;
        let mail = SentMail::from_history(history, span, sent);
        let sample = history.sampled.iter();
        let sample = sample.filter(|mail| span.contains(mail.sent_at));
        let sampled = sample.clone().count() as u64;
        let read = sample.clone().filter(|mail| mail.is_read()).count() as u64;
        let proven = sample.filter(|mail| mail.delivered_at.is_some()).count() as u64;
        let outcome = sample_outcome(&history.sampled, span);
        let is_delivered_exact = sampled == sent && read == sampled;
        let (delivered, delivered_range, unsampled) = if is_delivered_exact {
            (Some(proven), Some((proven, proven)), 0)
        } else if outcome.settled() > 0 {
            let weighed = WeighedSample::from_history(history, span);
            (
                Some(mail.delivered(&weighed)).filter(|_| weighed.unknown == 0),
                Some(mail.delivered_range(&weighed)),
                weighed.unknown,
            )
        } else {
            (None, None, 0)
        };
        let marked_as = |class| history.bounced_in(&whole, |m| m.class == class);
        let class = |class| (class, marked_as(class).recipients);
        let complained = marked_as(BounceClass::Complaint);
        Self {
            sent,
            bounced,
            bounced_late: marked.sent_outside,
            failed: match mail.recipients {
                Some(_) => mail.failed_recipients,
                None => mail.failed,
            },
            complaints: complained.messages,
            recipients: mail.recipients,
            recipients_bounced: marked.recipients,
            recipients_bounced_late: marked.recipients_outside,
            recipients_complained: complained.recipients,
            recipients_complained_late: complained.recipients_outside,
            delivered,
            delivered_range,
            unsampled,
            is_delivered_exact,
            sampled,
            read,
            proven,
            classes: BounceClass::ALL
                .into_iter()
                .map(class)
                .filter(|(_, n)| *n > 0)
                .collect(),
        }
    }

    /// Recipients sent to or bounced in the span; messages where nothing is known of their recipients.
    fn bounce_denominator(&self) -> u64 {
        match self.recipients {
            Some(recipients) => recipients + self.recipients_bounced_late,
            None => self.sent + self.bounced_late,
        }
    }

    /// How many of them bounced in it, and of how many.
    fn bounce_counts(&self) -> (u64, u64) {
        let bounced = self
            .recipients
            .map_or(self.bounced, |_| self.recipients_bounced);
        (bounced, self.bounce_denominator().max(bounced))
    }

    /// The share of them that bounced in it.
    pub(crate) fn bounce_rate(&self) -> f64 {
        let (bounced, of) = self.bounce_counts();
        bounced as f64 / of.max(1) as f64
    }

    /// Whether a stream that is as far below `threshold` as a healthy one would hardly ever have so many; one bounce is no rate.
    fn bounces_are_no_chance(&self, threshold: f64) -> bool {
        let (bounced, of) = self.bounce_counts();
        let (low, _) = clopper_pearson(bounced, of, BOUNCE_CONFIDENCE);
        bounced >= MIN_BOUNCES && low > threshold * HEALTHY_SHARE
    }

    /// The share of the recipients sent to or complaining in the span that complained in it; of messages, where nothing is known of their
    /// recipients.
    fn complaint_rate(&self) -> f64 {
        let of = match self.recipients {
            Some(recipients) => recipients + self.recipients_complained_late,
            None => self.sent,
        };
        let complained = self.recipients_complained;
        complained as f64 / of.max(complained).max(1) as f64
    }
}

/// Returns the number of series that share the budget of false silence alarms, at least 1.
pub(crate) async fn budget_series(config: &Config, store: &Store) -> Result<usize, store::Error> {
    let streams = store.call(Database::active_streams).await?;
    let rules = streams.iter().map(|key| {
        let of_server = config.rules_by_name(key.server());
        (key.server(), of_server.for_stream(key.stream()))
    });
    Ok(detect::budget_series(rules))
}

/// Returns what became of the sampled mail sent in `span`, as known at `until`. The types of its bounces need not be known.
pub(crate) fn outcome_at(history: &History, span: Span, until: Timestamp) -> SampleOutcome {
    let sampled = &history.sampled;
    let from = sampled.partition_point(|mail| mail.sent_at < span.from);
    let end = sampled.partition_point(|mail| mail.sent_at < span.until);
    let outcome = sample_outcome(&sampled[from..end.max(from)], Span::new(span.from, until));
    // Without the types it is not known which bounces the list has: all, where it has any.
    let unlisted = match SentMail::from_history(history, span, 0).failed {
        0 => outcome.bounced,
        _ => 0,
    };
    SampleOutcome {
        unlisted,
        ..outcome
    }
}

/// Returns how many of the `sent` messages of `span` were delivered, by that of its mail or of mail like it; where it says nothing, all that
/// did not bounce.
pub(crate) fn delivered_of(
    history: &History,
    span: Span,
    sent: u64,
    outcome: SampleOutcome,
) -> u64 {
    let mail = SentMail::from_history(history, span, sent);
    mail.delivered(&WeighedSample::even(outcome))
}

/// Returns how many of the messages sent in `span` were delivered, for the caption of a picture.
pub(crate) fn delivered_total(history: &History, span: Span) -> DeliveredTotal {
    let day = StreamStats::from_history(history, span);
    to_total(&day)
}

/// Returns the same of what a digest says of a stream.
pub(crate) fn total_of_day(day: &StreamDay) -> DeliveredTotal {
    to_total(&StreamStats {
        sent: day.sent,
        delivered: day.delivered,
        delivered_range: day.delivered_range,
        is_delivered_exact: day.delivered_exact,
        unsampled: day.unsampled,
        ..StreamStats::default()
    })
}

fn to_total(stats: &StreamStats) -> DeliveredTotal {
    let (low, high) = stats.delivered_range.unwrap_or((0, stats.sent));
    DeliveredTotal {
        number: stats.delivered,
        low,
        high,
        is_exact: stats.is_delivered_exact,
    }
}

/// Returns what is known of one stream and its tags, exact in `span` and in the same span a week before.
pub(crate) async fn load_with_week_before(
    store: &Store,
    server: &ServerName,
    stream: &StreamId,
    span: Span,
) -> Result<History, store::Error> {
    let (server, stream) = (server.clone(), stream.clone());
    let read = move |s: &mut Database| read_with_week_before(s, &server, &stream, span);
    store.call(read).await
}

/// Reads the same.
pub(crate) fn read_with_week_before(
    s: &mut Database,
    server: &ServerName,
    stream: &StreamId,
    span: Span,
) -> Result<History, store::Error> {
    let key = StreamKey::new(server, stream);
    let before = week_before(span);
    let range = Span::new(before.from, span.until);
    let cuts = [span.from, span.until, before.from, before.until];
    let mut history = s.history_with_tags(&key, range, &cuts)?;
    history.failed_before = s.failed_messages(&key, weeks_before(span))?;
    Ok(history)
}

fn week_before(span: Span) -> Span {
    Span::new(span.from - 7 * DAY, span.until - 7 * DAY)
}

/// Returns the watched servers, each with its watched streams.
pub(crate) async fn watched_streams(
    config: &Config,
    store: &Store,
) -> Result<Vec<(Arc<ServerConfig>, Vec<StreamId>)>, store::Error> {
    let mut watched = Vec::new();
    for server in watched_servers(config, store).await? {
        let name = server.name.clone();
        let streams = store.call(move |s| s.watched_streams(&name)).await?;
        watched.push((server, streams));
    }
    Ok(watched)
}

/// Returns a stream's part of the digest of `period`. `normal` knows what is normal of its server; `losses` are the incidents of that which
/// say that mail was not delivered; `series` share the budget of false alarms.
pub(crate) fn digest_entry(
    history: &History,
    stream: &StreamId,
    period: Span,
    rules: &Rules,
    (normal, losses, series): (&mut KeptSilences, &[Incident], usize),
) -> StreamDay {
    let losses = &known_losses(losses, history, stream, period.until);
    let of_delivery = (history, losses.as_slice());
    let today = normal.delivery_today(stream, of_delivery, period.until, rules, series);
    let usual = today.usual;
    let silence = normal.of_stream(stream, history, period.until, rules, series);
    let stats = StreamStats::from_history(history, period);
    let bounce_rate = stats.bounce_rate();
    let before = week_before(period);
    let is_seen = |span: Span| {
        history.first_seen_at.is_some_and(|b| b <= span.from) && history.messages.covers(span)
    };
    let is_judged = rules.is_enabled(Rule::SendSilence);
    let learning = is_judged && silence.is_learning(history, period.until);
    // Of what cannot be read nothing is promised.
    let is_read = history.messages.covers(Span::before(period.until, MINUTE));
    let unnoticed = || silence.worst_detection_delay(history, period.until);
    let rate = &rules.bounce_rate;
    let is_exceeded = bounce_rate > rate.threshold
        && stats.bounce_denominator() >= rate.min_denominator
        && stats.bounces_are_no_chance(rate.threshold);
    let is_chance = bounce_rate > rate.threshold && rules.is_enabled(Rule::BounceRate);
    let chance_day = (is_chance && !is_exceeded).then(|| stats.bounce_counts());
    let chance_day = chance_day.filter(|(bounced, _)| *bounced >= MIN_BOUNCES);
    let complaint_rate = stats.complaint_rate();
    let spam = rules.spam_rate.threshold;
    let is_complained_of = complaint_rate > spam
        && (stats.recipients_complained >= MIN_COMPLAINTS
            || (stats.recipients_complained > 0 && complaints_last(history, period, spam)));
    let sample = sample_outcome(&history.sampled, period);
    let is_lost = |usual: &UsualDelivery| is_below(history, losses, period, usual.share);
    let without_bounces = history.messages.minus(&history.bounces);
    let without_bounces = without_bounces.parts(history.since_beginning(period));
    StreamDay {
        stream: Some(stream.clone()),
        sent: stats.sent,
        sent_week_before: is_seen(before).then(|| history.sent.count(before)),
        usual_sent: usual_sent(history, period),
        delivered: stats.delivered,
        delivered_range: stats.delivered_range,
        unsampled: stats.unsampled,
        delivered_exact: stats.is_delivered_exact,
        sample,
        usual_delivered: Some(usual).filter(is_lost),
        unproven: (stats.read > 0 && stats.proven == 0).then_some(stats.read),
        unread: (stats.sampled > 0 && stats.read == 0).then_some(stats.sampled),
        recipients: stats.recipients,
        classes: stats.classes,
        bounced: stats.recipients_bounced,
        failed: stats.failed,
        unusual_failures: unusual_failures(history, losses, period, rate.threshold),
        unconfirmed: today
            .unconfirmed
            .map(|of| (of.sampled, period.until.since(of.since))),
        undelivered: undelivered(&history.sampled, period),
        bounce_rate,
        chance_day,
        exceeded_threshold: is_exceeded.then_some(rate.threshold),
        complaint_rate,
        exceeded_complaints: is_complained_of.then_some(rules.spam_rate.threshold),
        chance_bounces: chance_breaches(history, rules, Rule::BounceRate, period),
        chance_complaints: chance_breaches(history, rules, Rule::SpamRate, period),
        unknown: history.messages.holes(history.since_beginning(period)),
        bounces_unread: without_bounces.collect(),
        // A stream that never had mail has no silence to learn.
        learning: learning && !history.hours.is_empty(),
        unnoticed: (is_judged && !learning && is_read)
            .then(unnoticed)
            .flatten(),
    }
}

/// Returns whether complaints of the week up to the end of `period` are several, and more than chance explains: one a day is many of a
/// stream of a few messages.
fn complaints_last(history: &History, period: Span, threshold: f64) -> bool {
    let week = [Span::before(period.until, 7 * DAY)];
    let complained = history.bounced_in(&week, |event| event.class == BounceClass::Complaint);
    let sent = history.recipients_in(&week);
    let sent = sent.map_or_else(|| history.sent_in(&week), |sent| sent.recipients);
    let of = sent.max(complained.recipients);
    let (low, _) = clopper_pearson(complained.recipients, of, BOUNCE_CONFIDENCE);
    complained.recipients >= MIN_COMPLAINTS && low > threshold
}

/// Returns the fewest messages that the same day of the week had in the weeks before, and the most that any day had; `None`
/// where too little of that time was read, and where the account could send nothing in a part of `period`.
fn usual_sent(history: &History, period: Span) -> Option<(u64, u64)> {
    let begins = history.first_seen_at?;
    if !history.is_due_throughout(period) {
        return None;
    }
    let days_before = |days: u32| Span::new(period.from - DAY * days, period.until - DAY * days);
    let sent = |days: u32| {
        let day = days_before(days);
        let is_seen = begins <= day.from && history.messages.covers(day);
        // A day on which the account could send nothing is no usual one.
        (is_seen && history.is_due_throughout(day)).then(|| history.sent_by_hours(day))
    };
    let same_day: Vec<u64> = (1..=WEEKS_COMPARED)
        .filter_map(|week| sent(7 * week))
        .collect();
    let most = (1..=7 * WEEKS_COMPARED).filter_map(sent).max()?;
    let least = same_day.iter().copied().min()?;
    (same_day.len() >= MIN_WEEKS_COMPARED).then_some((least, most))
}

/// The first Monday 10:00 UTC at or after `at`. 1970-01-05 was a Monday.
pub(crate) fn next_monday_at_ten(at: Timestamp) -> Timestamp {
    let monday = Timestamp::from_secs(4 * 86_400) + 10 * HOUR;
    let weeks = at.since(monday).as_secs().div_ceil(7 * 86_400);
    monday + 7 * DAY * u32::try_from(weeks).unwrap_or(0)
}

#[cfg(test)]
mod tests;
