//! Mail was sent, and of the mail that was followed none is delivered.

use std::time::Duration;

use crate::model::{
    Evidence, Finding, Followed, History, MINUTE, Rule, Severity, Span, StreamId, Timestamp,
    Verdict,
};

/// A message this old has usually been delivered, greylisting included.
const DUE_AFTER: Duration = Duration::from_secs(45 * 60);
/// So many in a row without news: with 1.5% of healthy mail unproven at that age, once in some years of five a poll.
const NEEDED: u64 = 3;
/// Older mail says nothing of the present.
const LOOKBACK: Duration = Duration::from_secs(2 * 86_400);

/// What is known of one followed message at an instant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    Delivered,
    Bounced,
    /// Old enough to have news, and without.
    Overdue,
    /// Too young, or not looked at since it was.
    NotYet,
}

/// The finding of `delivery_silence` at `at`.
pub(super) fn judge(history: &History, stream: &StreamId, at: Timestamp) -> Finding {
    let recent = recent(&history.followed, at);
    let news: Vec<(&Followed, News)> = recent
        .iter()
        .rev()
        .map(|mail| (mail, news(mail, at)))
        .collect();
    // A bounce is news of the path too, but neither proves delivery nor its absence: it is passed over.
    let row: Vec<&Followed> = news
        .iter()
        .take_while(|(_, news)| *news != News::Delivered)
        .filter(|(_, news)| *news == News::Overdue)
        .map(|(mail, _)| *mail)
        .collect();
    let proven = news
        .iter()
        .find(|(_, news)| *news == News::Delivered)
        .map(|(mail, _)| mail.sent_at);
    let verdict = match (row.len() as u64, proven) {
        (NEEDED.., _) => Verdict::Breach,
        (1.., _) => Verdict::Holding,
        (0, Some(_)) => Verdict::Within,
        (0, None) => Verdict::Unknown,
    };
    Finding {
        rule: Rule::DeliverySilence,
        stream: Some(stream.clone()),
        verdict,
        severity: Severity::Wake,
        evidence: Evidence::Delivery {
            unproven: row.len() as u64,
            needed: NEEDED,
            queued: row.iter().filter(|mail| mail.queued).count() as u64,
            since: row.last().map(|mail| mail.sent_at),
            last_proven_sent: proven,
            last_delivered: history.last_delivered(at + MINUTE),
        },
    }
}

fn recent(followed: &[Followed], at: Timestamp) -> &[Followed] {
    let span = Span::before(at, LOOKBACK);
    let from = followed.partition_point(|mail| mail.sent_at < span.from);
    let until = followed.partition_point(|mail| mail.sent_at < span.until);
    &followed[from..until.max(from)]
}

fn news(mail: &Followed, at: Timestamp) -> News {
    let by_then = |when: Option<Timestamp>| when.is_some_and(|when| when <= at);
    if by_then(mail.delivered_at) {
        News::Delivered
    } else if by_then(mail.bounced_at) {
        News::Bounced
    } else if mail.delivered_at.is_some() {
        // Known to have come later than `at`: it had been looked at, in hindsight, at every instant before.
        if at.since(mail.sent_at) >= DUE_AFTER {
            News::Overdue
        } else {
            News::NotYet
        }
    } else {
        let known_until = mail.checked_at.unwrap_or(mail.sent_at).min(at);
        if known_until.since(mail.sent_at) >= DUE_AFTER {
            News::Overdue
        } else {
            News::NotYet
        }
    }
}

/// Whether so much is overdue that the rest of a cycle's requests should go into looking closer.
pub fn is_suspicious(followed: &[Followed], at: Timestamp) -> bool {
    let recent = recent(followed, at);
    let overdue = recent
        .iter()
        .rev()
        .map(|mail| news(mail, at))
        .take_while(|news| *news != News::Delivered)
        .filter(|news| matches!(news, News::Overdue | News::NotYet))
        .count();
    overdue as u64 >= NEEDED
}
