//! Mail was sent, and of the mail that was followed none is delivered.
//!
//! Each followed message without news weighs by how unlikely that is at its age, in this stream: −log of the share of
//! its mail that was not delivered at that age. A minute says little where greylisting is common and much where it is not.
//! A message that bounced, for whatever reason, weighs as one that has no news although it settled long ago. The
//! weights of an unbroken row of such messages, the newest ones, are added up (a sequential test of the kind of A. Wald,
//! "Sequential tests of statistical hypotheses", Annals of Mathematical Statistics 16, 1945) until chance explains them
//! less often than the budget allows.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{
    BounceType, DAY, Evidence, Finding, HOUR, History, MINUTE, Rule, Rules, SAMPLE_LOOKBACK,
    SampledMessage, Severity, Span, StreamId, Timestamp, Verdict,
};

/// Part of the budget of false silence alarms that goes to silence of delivery.
const SHARE: f64 = 0.025;
/// Younger mail may still be on its way.
const SETTLED: Duration = Duration::from_secs(2 * 3600);
/// The newest mail tells enough.
const LEARNED_MAIL: usize = 20_000;
/// So many messages of mail in general are believed in before anything is known of this stream.
const PRIOR: f64 = 20.0;
/// And so many undelivered that follow one another, at the rate of chance.
const PRIOR_ROWS: f64 = 5.0;
/// The maximum number of undelivered messages in a row that teach: more of them are a breakdown, not the stream's habit.
const MAX_LEARNED_ROW: usize = 6;
/// Mail in general: the share not delivered once a message is so old; 97% of it arrives. Of young mail nothing much is
/// believed, since where greylisting is the rule many messages in a row have no news.
const IN_GENERAL: [(Duration, f64); 4] = [
    (Duration::from_secs(3600), 0.03),
    (Duration::from_secs(300), 0.35),
    (Duration::from_secs(60), 0.5),
    (Duration::ZERO, 0.9),
];
/// At this age it is looked at whether undelivered messages follow one another more often than by chance, and how many
/// there are.
const TELLING: Duration = HOUR;
/// Postmark may be that late to tell of a delivery.
const EVENT_LAG: Duration = Duration::from_secs(60);
/// A row needs this many.
const FEWEST: usize = 3;
/// A message this old has usually been delivered, greylisting included.
const DUE_AFTER: Duration = Duration::from_secs(45 * 60);
/// So many overdue or bounced are worth a closer look.
const SUSPICIOUS: usize = 3;
/// Older mail says nothing of the present.
const LOOKBACK: Duration = Duration::from_secs(30 * 86_400);
/// What is suspicious is younger.
const SUSPICIOUS_LOOKBACK: Duration = Duration::from_secs(2 * 86_400);

/// How fast and how surely a stream delivers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Delivery {
    /// Delays of delivered mail, ascending.
    delays: Vec<Duration>,
    /// Ages up to which mail without news was known to have none, ascending; of what bounced, all ages.
    without: Vec<Duration>,
    /// How much likelier than by chance one that is late or bounced follows another.
    clustered: f64,
    threshold: f64,
}

/// What is known of one followed message at an instant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    Delivered,
    Bounced,
    /// None up to this age.
    None(Duration),
    /// One recipient's bounce was listed before anybody looked whether others have it.
    Unread,
}

impl Delivery {
    /// Learns from the mail that had settled by `until`; `series` share the budget.
    pub(super) fn learn(history: &History, until: Timestamp, rules: &Rules, series: usize) -> Self {
        let settled = Span::new(until - SAMPLE_LOOKBACK, until - SETTLED);
        let mail = within(&history.followed, settled);
        let mail = &mail[mail.len().saturating_sub(LEARNED_MAIL)..];
        let span = mail
            .first()
            .map_or(DAY, |m| until.since(m.sent_at))
            .max(DAY);
        let per_year = (mail.len() as f64 / span.as_secs_f64() * 365.25 * 86_400.0).max(52.0);
        // Undelivered mail at the end may be the silence that is to be judged: it teaches nothing.
        let proven = mail.iter().rposition(|m| news(m, until) == News::Delivered);
        let mail = &mail[..proven.map_or(0, |last| last + 1)];
        let (mut delays, mut without) = (Vec::new(), Vec::new());
        let (mut late, mut pairs, mut before, mut row) = (0u32, 0u32, false, 0usize);
        for message in mail {
            let news = news(message, until);
            let age = match news {
                News::Unread => continue,
                News::Bounced => Duration::MAX,
                News::Delivered => message
                    .delivered_at
                    .map_or(Duration::ZERO, |at| at.since(message.sent_at)),
                News::None(age) => age,
            };
            if news == News::Delivered {
                delays.push(age);
                row = 0;
            } else if row == MAX_LEARNED_ROW {
                continue;
            } else {
                without.push(age);
                row += 1;
            }
            let is_late = age > TELLING;
            late += u32::from(is_late);
            pairs += u32::from(is_late && before);
            before = is_late;
        }
        delays.sort_unstable();
        without.sort_unstable();
        let budget = rules.silence.false_alarms_per_year * SHARE / series.max(1) as f64;
        let mut learned = Self {
            delays,
            without,
            clustered: 1.0,
            threshold: (per_year / budget).max(2.0).ln(),
        };
        let by_chance = learned.share_without(TELLING);
        let followed = (f64::from(pairs) + PRIOR_ROWS * by_chance) / (f64::from(late) + PRIOR_ROWS);
        learned.clustered = (followed / by_chance).max(1.0);
        learned
    }

    /// The share of this stream's mail that is not delivered at this age.
    fn share_without(&self, age: Duration) -> f64 {
        let later = self.delays.len() - self.delays.partition_point(|delay| *delay <= age);
        let never = self.without.len() - self.without.partition_point(|known| *known < age);
        let in_general = IN_GENERAL
            .iter()
            .find(|(from, _)| age >= *from)
            .map_or(0.9, |(_, share)| *share);
        let seen = (self.delays.len() + never) as f64;
        ((later + never) as f64 + PRIOR * in_general) / (seen + PRIOR)
    }

    /// How unlikely a row of undelivered messages is, newest first or oldest first alike.
    fn weight(&self, row: impl Iterator<Item = News>) -> f64 {
        row.enumerate()
            .map(|(place, news)| {
                let share = match news {
                    News::None(age) => self.share_without(age.saturating_sub(EVENT_LAG)),
                    _ => self.share_without(TELLING),
                };
                let share = if place == 0 {
                    share
                } else {
                    share * self.clustered
                };
                -share.min(1.0).ln()
            })
            .sum()
    }

    /// How many in a row are needed once they are old.
    fn needed(&self) -> u64 {
        let many = std::iter::repeat_n(News::None(12 * HOUR), 100);
        let enough = (FEWEST..100).find(|n| self.weight(many.clone().take(*n)) > self.threshold);
        enough.unwrap_or(100) as u64
    }

    /// The finding of `delivery_silence` at `at`.
    pub(super) fn judge(&self, history: &History, stream: &StreamId, at: Timestamp) -> Finding {
        let recent = within(&history.followed, Span::before(at, LOOKBACK));
        let known = || recent.iter().rev().map(|mail| (mail, news(mail, at)));
        let row: Vec<(&SampledMessage, News)> = known()
            .take_while(|(_, news)| *news != News::Delivered)
            .filter(|(_, news)| match news {
                News::None(age) => *age > EVENT_LAG,
                news => *news == News::Bounced,
            })
            .collect();
        let proven = known()
            .find(|(_, news)| *news == News::Delivered)
            .map(|(mail, _)| mail.sent_at);
        let weight = self.weight(row.iter().map(|(_, news)| *news));
        let overdue = row.iter().any(|(_, news)| is_overdue(*news));
        let bounced = || row.iter().filter(|(_, news)| *news == News::Bounced);
        let verdict = if row.len() >= FEWEST && weight > self.threshold {
            Verdict::Breach
        } else if overdue {
            Verdict::Unresolved
        } else if proven.is_some() {
            Verdict::Within
        } else {
            Verdict::Unknown
        };
        Finding {
            rule: Rule::DeliverySilence,
            stream: Some(stream.clone()),
            tag: None,
            verdict,
            severity: Severity::Wake,
            evidence: Evidence::Delivery {
                unproven: row.len() as u64,
                bounced: bounced().count() as u64,
                reasons: reasons(bounced().map(|(mail, _)| *mail)),
                needed: self.needed(),
                queued: row.iter().filter(|(mail, _)| mail.queued).count() as u64,
                since: row.last().map(|(mail, _)| mail.sent_at),
                last_proven_sent: proven,
                last_delivered: history.last_delivered(at + MINUTE),
            },
        }
    }
}

/// The followed mail sent in `span`.
fn within(followed: &[SampledMessage], span: Span) -> &[SampledMessage] {
    let from = followed.partition_point(|mail| mail.sent_at < span.from);
    let until = followed.partition_point(|mail| mail.sent_at < span.until);
    &followed[from..until.max(from)]
}

/// Postmark's types of these bounces with their numbers, the most frequent first.
fn reasons<'f>(bounced: impl Iterator<Item = &'f SampledMessage>) -> Vec<(String, u64)> {
    let mut types: BTreeMap<BounceType, u64> = BTreeMap::new();
    for kind in bounced.filter_map(|mail| mail.bounce) {
        *types.entry(kind).or_default() += 1;
    }
    let mut types: Vec<(BounceType, u64)> = types.into_iter().collect();
    types.sort_by_key(|(_, number)| Reverse(*number));
    let named = |(kind, number): (BounceType, u64)| (kind.name().to_owned(), number);
    types.into_iter().map(named).collect()
}

/// Whether it should have been delivered by now.
fn is_overdue(news: News) -> bool {
    match news {
        News::Bounced => true,
        News::None(age) => age >= DUE_AFTER,
        News::Delivered | News::Unread => false,
    }
}

fn news(mail: &SampledMessage, at: Timestamp) -> News {
    let by_then = |when: Option<Timestamp>| when.is_some_and(|when| when <= at);
    if by_then(mail.delivered_at) {
        News::Delivered
    } else if by_then(mail.bounced_at) {
        match mail.checked_at {
            Some(_) => News::Bounced,
            None => News::Unread,
        }
    } else if mail.delivered_at.is_some() {
        // Known to have come later than `at`: it had been looked at, in hindsight, at every instant before.
        News::None(at.since(mail.sent_at))
    } else {
        let known_until = mail.checked_at.unwrap_or(mail.sent_at).min(at);
        News::None(known_until.since(mail.sent_at))
    }
}

/// Whether so much is overdue that the rest of a cycle's requests should go into looking closer.
pub fn is_suspicious(followed: &[SampledMessage], at: Timestamp) -> bool {
    let recent = within(followed, Span::before(at, SUSPICIOUS_LOOKBACK));
    let overdue = recent
        .iter()
        .rev()
        .map(|mail| news(mail, at))
        .take_while(|news| *news != News::Delivered)
        .filter(|news| matches!(news, News::None(_) | News::Bounced))
        .count();
    overdue >= SUSPICIOUS
}

/// How many of the followed messages sent in `span` should have been delivered by its end, where none of them was.
pub fn undelivered(followed: &[SampledMessage], span: Span) -> Option<u64> {
    let mail = within(followed, span).iter();
    let known: Vec<News> = mail.map(|mail| news(mail, span.until)).collect();
    let overdue = known.iter().filter(|news| is_overdue(**news)).count() as u64;
    (overdue > 0 && !known.contains(&News::Delivered)).then_some(overdue)
}

#[cfg(test)]
mod tests;
