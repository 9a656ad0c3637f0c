//! A recipient domain that began to block: its blocked recipients beside its own past, for the mail that was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::detect::interval::upper_tail;
use crate::model::{
    BlockingDomain, BounceClass, DAY, DomainBlocksEvidence, Evidence, Finding, History, Rule,
    Rules, Severity, Span, Timestamp, Verdict, domain_of,
};

/// The days before the window that tell what is usual: those of [`crate::model::BLOCKS_LOOKBACK`].
const USUAL_DAYS: u32 = 28;
/// Fewer blocked recipients are never a problem.
const MIN_BLOCKED: usize = 3;
/// How improbable so many must be if nothing has changed. There are many domains, and an instant every hour.
const MAX_CHANCE: f64 = 1e-4;
/// So many times what is expected opens an incident, and so many times keep it open.
const OPENS_AT: f64 = 3.0;
const STAYS_ABOVE: f64 = 2.0;
/// The maximum number of domains that the evidence names, and of those that stay beside them.
const MAX_DOMAINS: usize = 10;
const MAX_STAYING: usize = 100;

/// The finding of `domain_blocks` at `at`.
pub(super) fn evaluate(history: &History, at: Timestamp, rules: &Rules) -> Finding {
    let window = Span::before(at, DAY);
    let begins = history.older_blocks.judged_from.unwrap_or(window.from);
    let news = Span::new(window.from.max(begins), window.until);
    let blocked = blocked_by_domain(history, news);
    let several = blocked.iter().filter(|(_, of)| of.len() >= MIN_BLOCKED);
    let several: Vec<(&String, usize)> = several.map(|(name, of)| (name, of.len())).collect();
    let past = match several.is_empty() {
        true => Past::default(),
        false => Past::new(history, window),
    };
    let is_known = past.known >= rules.silence.min_history;
    let judged = several.iter().map(|(name, n)| past.judge(name, *n as u64));
    let mut judged: Vec<(Verdict, BlockingDomain)> = judged.collect();
    judged.sort_by(|(_, a), (_, b)| b.blocked.cmp(&a.blocked).then(a.domain.cmp(&b.domain)));
    let any = |wanted| judged.iter().any(|(verdict, _)| *verdict == wanted);
    let is_seen = history.bounces.covers(history.since_beginning(window));
    let verdict = match judged.is_empty() {
        true if is_seen => Verdict::Within,
        true => Verdict::Unknown,
        false if !is_known => Verdict::Unknown,
        false if any(Verdict::Breach) => Verdict::Breach,
        false if any(Verdict::Unresolved) => Verdict::Unresolved,
        false if is_seen => Verdict::Within,
        false => Verdict::Unknown,
    };
    let (shown, others): (Vec<_>, Vec<_>) = judged.into_iter().partition(|(of, _)| *of == verdict);
    let shown = shown.into_iter().map(|(_, domain)| domain);
    let others = others.into_iter();
    let staying = others.filter(|(of, _)| *of == Verdict::Unresolved);
    let evidence = DomainBlocksEvidence {
        window,
        domains: shown.take(MAX_DOMAINS).collect(),
        sent: history.sent_by_hours(window),
        days: past.known.as_secs() / DAY.as_secs(),
        told: Vec::new(),
        staying: staying.map(|(_, of)| of.domain).take(MAX_STAYING).collect(),
    };
    let evidence = Evidence::DomainBlocks(evidence);
    Finding::new(Rule::DomainBlocks, verdict, Severity::Warn, evidence)
}

/// Returns the domains of which an incident tells: those of the one that is open, else of the one that `finding` would open.
pub(super) fn told(open: &[String], finding: Option<&Finding>) -> Vec<String> {
    match finding {
        Some(Finding {
            verdict: Verdict::Breach,
            evidence: Evidence::DomainBlocks(of),
            ..
        }) if open.is_empty() => of.told_domains(),
        _ => open.to_vec(),
    }
}

/// Returns the recipients that were blocked in `span`, each once, by their domain.
fn blocked_by_domain(history: &History, span: Span) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let older = &history.older_blocks.blocks;
    let from = older.partition_point(|block| block.at < span.from);
    let until = older.partition_point(|block| block.at < span.until);
    let older = older[from..until.max(from)]
        .iter()
        .map(|block| &block.recipient);
    let events = history.bounce_events_in(span).iter();
    let events = events.filter(|event| event.class == BounceClass::Blocked);
    for recipient in older.chain(events.map(|event| &event.recipient)) {
        let recipient = recipient.trim().to_ascii_lowercase();
        let domain = domain_of(&recipient);
        if !domain.is_empty() {
            found.entry(domain).or_default().insert(recipient);
        }
    }
    found
}

/// What is known of the days before the window.
#[derive(Default)]
struct Past {
    /// How much of them is known.
    known: Duration,
    /// The share of the mail of both, or of the time, that lies in the window, whichever is more.
    share: f64,
    /// The blocked recipients of each day, by their domain.
    days: Vec<BTreeMap<String, usize>>,
}

impl Past {
    fn new(history: &History, window: Span) -> Self {
        let begins = history.older_blocks.since.unwrap_or(Timestamp::MIN);
        let first = window.from - USUAL_DAYS * DAY;
        let span = history.since_beginning(Span::new(first.max(begins), window.from));
        let known: Duration = history.bounces.parts(span).map(Span::length).sum();
        let days = (1..=USUAL_DAYS).map(|ago| Span::before(window.until - ago * DAY, DAY));
        let days = days.take_while(|day| day.from >= span.from);
        let days = days.map(|day| {
            let blocked = blocked_by_domain(history, day).into_iter();
            blocked.map(|(domain, of)| (domain, of.len())).collect()
        });
        let (sent_now, sent) = (history.sent_by_hours(window), history.sent_by_hours(span));
        let of_mail = sent_now as f64 / (sent_now + sent).max(1) as f64;
        let of_time = DAY.as_secs_f64() / (DAY + known).as_secs_f64();
        Self {
            known,
            share: of_mail.max(of_time),
            days: days.collect(),
        }
    }

    /// Judges a domain that blocked so many recipients.
    fn judge(&self, domain: &str, blocked: u64) -> (Verdict, BlockingDomain) {
        let of_day = |day: &BTreeMap<String, usize>| day.get(domain).copied().unwrap_or(0) as u64;
        let mut days: Vec<u64> = self.days.iter().map(of_day).collect();
        days.sort_unstable_by(|a, b| b.cmp(a));
        let before: u64 = days.iter().sum();
        // Two such days are what the domain does.
        let usual_high = days.get(1).copied().unwrap_or(0);
        let expected = before as f64 * self.share / (1.0 - self.share).max(f64::EPSILON);
        let chance = match self.share < 1.0 {
            true => upper_tail(blocked, before + blocked, self.share),
            false => 1.0,
        };
        let times = |factor: f64| blocked as f64 > factor * expected;
        let is_new = chance < MAX_CHANCE && blocked > usual_high;
        let verdict = match (is_new && times(OPENS_AT), times(STAYS_ABOVE)) {
            (true, _) => Verdict::Breach,
            (false, true) => Verdict::Unresolved,
            (false, false) => Verdict::Within,
        };
        let domain = BlockingDomain {
            domain: domain.to_owned(),
            blocked,
            expected,
            usual_high,
            chance,
        };
        (verdict, domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        BlockedRecipient, BounceEvent, Coverage, HOUR, HourCount, MINUTE, OlderBlocks,
    };

    const T: Timestamp = Timestamp::from_secs(1_772_539_200);

    /// 40 days with a message an hour, of which so many recipients at a domain were blocked so many hours ago.
    fn history(blocked: &[(u32, u32, &str)]) -> History {
        let begins = T - 40 * DAY;
        let hour = |n: u32| HourCount {
            start: begins + HOUR * n,
            sent: 1,
            first_at: begins + HOUR * n,
            last_at: begins + HOUR * n,
        };
        let blocks = blocked.iter().flat_map(|(hours_ago, n, domain)| {
            (0..*n).map(move |n| BounceEvent {
                at: T - HOUR * *hours_ago + MINUTE,
                message: format!("{hours_ago} {n}"),
                sent_at: None,
                class: BounceClass::Blocked,
                recipient: format!("user{n}@{domain}"),
                tag: None,
            })
        });
        let mut bounce_events: Vec<BounceEvent> = blocks.collect();
        bounce_events.sort_by_key(|event| event.at);
        History {
            first_seen_at: Some(begins),
            messages: Coverage::from_spans([Span::new(begins, T)]),
            bounces: Coverage::from_spans([Span::new(begins, T)]),
            hours: (0..40 * 24).map(hour).collect(),
            bounce_events,
            ..History::default()
        }
    }

    fn finding(history: &History) -> Finding {
        evaluate(history, T, &Rules::default())
    }

    fn verdict(blocked: &[(u32, u32, &str)]) -> Verdict {
        finding(&history(blocked)).verdict
    }

    #[test]
    fn a_domain_breaks_it_that_blocks_more_than_its_own_past() {
        use Verdict::{Breach, Within};
        let ordinary = |n: u32, domain| (1..=28).map(move |day| (day * 24 + 5, n, domain));
        let with = |today: u32, n: u32| {
            let all = ordinary(n, "example.com").chain([(3, today, "example.com")]);
            all.collect::<Vec<_>>()
        };
        for (blocked, expected) in [
            (vec![], Within),
            (vec![(3, 2, "example.com")], Within),
            (vec![(3, 3, "example.com")], Breach),
            // Three in all, each at another domain.
            (vec![(3, 2, "example.com"), (3, 2, "example.net")], Within),
            (with(1, 1), Within),
            (with(4, 4), Within),
            (with(6, 4), Within),
            (with(20, 4), Breach),
        ] {
            assert_eq!(verdict(&blocked), expected, "{blocked:?}");
        }
    }

    #[test]
    fn what_other_domains_do_is_no_past_of_this_one() {
        let others = (1..=28).map(|day| (day * 24 + 5, 9, "example.net"));
        let blocked: Vec<_> = others
            .chain([(3, 3, "example.com"), (2, 9, "example.net")])
            .collect();
        let found = finding(&history(&blocked));
        let Evidence::DomainBlocks(evidence) = &found.evidence else {
            panic!("{found:?}");
        };
        let names: Vec<&str> = evidence
            .domains
            .iter()
            .map(|of| of.domain.as_str())
            .collect();
        assert_eq!(
            (found.verdict, names),
            (Verdict::Breach, vec!["example.com"])
        );
    }

    #[test]
    fn while_another_domain_begins_to_block_the_first_is_not_over() {
        let known = [100, 300, 4].map(|hours_ago| (hours_ago, 8, "example.com"));
        let second = (3, 8, "example.net");
        let found = finding(&history(&[known[0], known[1], known[2], second]));
        let Evidence::DomainBlocks(of) = &found.evidence else {
            panic!("{found:?}");
        };
        assert_eq!(found.verdict, Verdict::Breach);
        assert_eq!(
            (of.told_domains(), &of.staying[..]),
            (
                vec!["example.net".to_owned()],
                &["example.com".to_owned()][..]
            )
        );
    }

    #[test]
    fn a_recipient_counts_once_and_other_bounces_do_not_count() {
        let again = [
            (3, 2, "example.com"),
            (4, 2, "EXAMPLE.com"),
            (5, 1, "example.com"),
        ];
        assert_eq!(verdict(&again), Verdict::Within);
        let mut hard = history(&[(3, 5, "example.com")]);
        for event in &mut hard.bounce_events {
            event.class = BounceClass::Hard;
        }
        assert_eq!(finding(&hard).verdict, Verdict::Within);
    }

    #[test]
    fn two_such_days_are_what_the_domain_does() {
        let today = (3, 8, "example.com");
        assert_eq!(verdict(&[(100, 8, "example.com"), today]), Verdict::Breach);
        let twice = [(100, 8, "example.com"), (300, 8, "example.com"), today];
        assert_eq!(verdict(&twice), Verdict::Unresolved);
    }

    #[test]
    fn more_mail_may_bring_more_blocks() {
        let mut history = history(&[(100, 2, "example.com"), (3, 12, "example.com")]);
        assert_eq!(finding(&history).verdict, Verdict::Breach);
        let last = history.hours.len() - 3;
        history.hours[last].sent = 5_000;
        assert_eq!(finding(&history).verdict, Verdict::Within);
    }

    #[test]
    fn a_short_past_says_nothing_and_what_is_not_covered_is_unknown() {
        let mut young = history(&[(3, 9, "example.com")]);
        young.first_seen_at = Some(T - 5 * DAY);
        assert_eq!(finding(&young).verdict, Verdict::Unknown);
        let mut blind = history(&[]);
        blind.bounces = Coverage::from_spans([Span::new(T - 40 * DAY, T - HOUR)]);
        assert_eq!(finding(&blind).verdict, Verdict::Unknown);
    }

    #[test]
    fn what_happened_before_the_rule_came_is_no_news() {
        let mut history = history(&[(9, 8, "example.com"), (3, 2, "example.com")]);
        history.older_blocks.judged_from = Some(T - 5 * HOUR);
        assert_eq!(finding(&history).verdict, Verdict::Within);
        history.older_blocks.judged_from = Some(T - 10 * HOUR);
        assert_eq!(finding(&history).verdict, Verdict::Breach);
    }

    #[test]
    fn what_is_older_than_the_events_is_a_past_too() {
        let mut history = history(&[(3, 8, "example.com")]);
        let blocks = [300, 100].map(|hours_ago| {
            let blocked = |n: u32| BlockedRecipient {
                at: T - HOUR * hours_ago,
                recipient: format!("user{n}@example.com"),
            };
            (0..8).map(blocked).collect::<Vec<_>>()
        });
        history.older_blocks = OlderBlocks {
            blocks: blocks.concat(),
            ..OlderBlocks::default()
        };
        assert_eq!(finding(&history).verdict, Verdict::Unresolved);
        history.older_blocks.since = Some(T - 4 * DAY);
        assert_eq!(finding(&history).verdict, Verdict::Unknown);
    }
}
