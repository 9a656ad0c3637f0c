//! The DNS of a domain that sends, beside what it was when it was last good. A resolver in trouble changes nothing.

use std::time::Duration;

use crate::model::{
    BrokenRecord, DAY, DnsAnswer, DnsDriftEvidence, DnsFault, DnsRecord, Evidence, Finding,
    GoodRecord, MINUTE, Rule, Severity, StreamId, Timestamp, Verdict,
};

/// How often a domain is looked up while nothing is wrong with it.
const CHECK_INTERVAL: Duration = DAY;
/// How much earlier than it is due it is: cycles do not begin on the second.
const EARLINESS: Duration = MINUTE.saturating_mul(5);
/// An older answer says nothing of the present.
const MAX_AGE: Duration = Duration::from_secs(3 * 86_400);

/// How long the mail comes first after a server's first start.
const FIRST_AFTER: Duration = Duration::from_secs(6 * 3_600);

/// Whether it is to be asked at `at` from which domains a server's mail is sent.
pub fn is_senders_due(asked_at: Option<Timestamp>, first_start: Timestamp, at: Timestamp) -> bool {
    match asked_at {
        Some(asked_at) => at.since(asked_at) + EARLINESS >= CHECK_INTERVAL,
        None => at.since(first_start) + EARLINESS >= FIRST_AFTER,
    }
}

/// Whether a domain with these `records` is to be looked up at `at`: once a day, and in each cycle while one is broken, or was
/// not answered.
pub fn is_lookup_due(records: &[&DnsRecord], at: Timestamp) -> bool {
    let is_due = |record: &&DnsRecord| {
        record.broken.is_some() || at.since(record.asked_at) + EARLINESS >= CHECK_INTERVAL
    };
    records.is_empty() || records.iter().any(is_due)
}

/// Returns a record after an answer at `at`, and what changed of it for the digest, if something did; `None` where nothing was
/// answered.
pub fn join_answer(
    known: Option<&DnsRecord>,
    (domain, record): (&str, &str),
    answer: DnsAnswer,
    at: Timestamp,
) -> Option<(DnsRecord, Option<String>)> {
    let good = known.and_then(|known| known.good.clone());
    let joined = |good, broken| DnsRecord {
        domain: domain.to_owned(),
        record: record.to_owned(),
        good,
        broken,
        asked_at: at,
    };
    let (value, strength) = match (answer, &good) {
        (DnsAnswer::Unknown, _) => return None,
        (DnsAnswer::Spare, _) | (DnsAnswer::Bad(_), None) => {
            return Some((joined(None, None), None));
        }
        (DnsAnswer::Bad(why), Some(_)) => {
            return Some((joined(good.clone(), Some(broken(known, why, at))), None));
        }
        (DnsAnswer::Good { value, strength }, Some(good)) if strength == 0 && good.strength > 0 => {
            let why = format!("fell from {} to {value}", good.value);
            let broken = broken(known, why, at);
            return Some((joined(Some(good.clone()), Some(broken)), None));
        }
        (DnsAnswer::Good { value, strength }, _) => (value, strength),
    };
    let change = good.filter(|good| good.value != value).map(|good| {
        // A key says nothing to people.
        match record.starts_with("DKIM") {
            true => format!("the {record} is another one, and usable"),
            false => format!("the {record} is now {value}; it was {}", good.value),
        }
    });
    let good = GoodRecord {
        value,
        strength,
        seen_at: at,
    };
    Some((joined(Some(good), None), change))
}

fn broken(known: Option<&DnsRecord>, why: String, at: Timestamp) -> BrokenRecord {
    let before = known.and_then(|known| known.broken.as_ref());
    BrokenRecord {
        why,
        since: before.map_or(at, |before| before.since),
        confirmed: before.is_some_and(|before| before.confirmed || before.since < at),
    }
}

/// Returns the record as it is after a person accepted at `at` that it is broken; `None` where there is nothing to accept.
pub fn accept_broken(record: &DnsRecord, at: Timestamp) -> Option<DnsRecord> {
    let was_told = record
        .broken
        .as_ref()
        .is_some_and(|broken| broken.since <= at);
    was_told.then(|| DnsRecord {
        good: None,
        broken: None,
        ..record.clone()
    })
}

/// Returns the finding of `dns_drift` on `domain` at `at`, from its `records`.
pub fn evaluate_dns(domain: &str, records: &[&DnsRecord], at: Timestamp) -> Finding {
    let is_fresh = |record: &&&DnsRecord| at.since(record.asked_at) <= MAX_AGE;
    let fresh: Vec<&&DnsRecord> = records.iter().filter(is_fresh).collect();
    let fault = |record: &&&DnsRecord| {
        let broken = record.broken.as_ref().filter(|broken| broken.confirmed)?;
        Some(DnsFault {
            record: record.record.clone(),
            why: broken.why.clone(),
            since: broken.since,
            last_good: record.good.as_ref().map(|good| good.seen_at),
        })
    };
    let faults: Vec<DnsFault> = fresh.iter().filter_map(fault).collect();
    let is_certain =
        fresh.len() == records.len() && fresh.iter().all(|record| record.broken.is_none());
    let verdict = match (faults.is_empty(), is_certain) {
        (false, _) => Verdict::Breach,
        (true, true) => Verdict::Within,
        (true, false) => Verdict::Unknown,
    };
    let watched = records.iter().filter(|record| record.good.is_some());
    let evidence = Evidence::DnsDrift(DnsDriftEvidence {
        broken: faults,
        watched: watched.count() as u64,
        asked_at: records.iter().map(|record| record.asked_at).min(),
    });
    Finding {
        stream: Some(StreamId(domain.to_owned())),
        ..Finding::new(Rule::DnsDrift, verdict, Severity::Warn, evidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HOUR;

    const T: Timestamp = Timestamp::from_secs(1_772_539_200);
    const DMARC: (&str, &str) = ("example.com", "DMARC policy");

    fn good(value: &str, strength: u8) -> DnsAnswer {
        DnsAnswer::Good {
            value: value.to_owned(),
            strength,
        }
    }

    fn bad() -> DnsAnswer {
        DnsAnswer::Bad("is gone".to_owned())
    }

    /// What is known after answers an hour apart, the verdict after each, and what was said to have changed.
    fn course(answers: &[DnsAnswer]) -> (Vec<Verdict>, Vec<String>) {
        let mut known: Option<DnsRecord> = None;
        let (mut verdicts, mut changes) = (Vec::new(), Vec::new());
        for (hours, answer) in answers.iter().enumerate() {
            let at = T + HOUR * u32::try_from(hours).expect("few");
            if let Some((record, change)) = join_answer(known.as_ref(), DMARC, answer.clone(), at) {
                known = Some(record);
                changes.extend(change);
            }
            let records: Vec<&DnsRecord> = known.iter().collect();
            verdicts.push(evaluate_dns("example.com", &records, at).verdict);
        }
        (verdicts, changes)
    }

    #[test]
    fn what_was_good_and_is_twice_seen_broken_breaks_it() {
        use Verdict::{Breach, Unknown, Within};
        let reject = || good("reject", 2);
        for (answers, expected) in [
            (
                vec![reject(), bad(), bad(), reject()],
                vec![Within, Unknown, Breach, Within],
            ),
            // One answer alone may be a zone that is loaded anew.
            (
                vec![reject(), bad(), reject()],
                vec![Within, Unknown, Within],
            ),
            // What never was good is no drift.
            (vec![bad(), bad(), bad()], vec![Within; 3]),
            (vec![good("none", 0), good("none", 0)], vec![Within; 2]),
            (
                vec![reject(), good("none", 0), good("none", 0)],
                vec![Within, Unknown, Breach],
            ),
            (vec![reject(), DnsAnswer::Spare], vec![Within; 2]),
        ] {
            assert_eq!(course(&answers).0, expected, "{answers:?}");
        }
    }

    #[test]
    fn trouble_of_the_resolver_changes_nothing() {
        use Verdict::{Breach, Unknown, Within};
        let answers = [good("reject", 2), DnsAnswer::Unknown, DnsAnswer::Unknown];
        assert_eq!(course(&answers).0, [Within; 3]);
        let answers = [
            good("reject", 2),
            bad(),
            DnsAnswer::Unknown,
            bad(),
            DnsAnswer::Unknown,
        ];
        assert_eq!(
            course(&answers).0,
            [Within, Unknown, Unknown, Breach, Breach]
        );
        let (known, _) = join_answer(None, DMARC, good("reject", 2), T).expect("an answer");
        let old = evaluate_dns("example.com", &[&known], T + 4 * DAY);
        assert_eq!(old.verdict, Unknown);
    }

    #[test]
    fn a_change_to_another_good_one_is_told_once_and_breaks_nothing() {
        let answers = [
            good("reject", 2),
            good("quarantine", 1),
            good("quarantine", 1),
        ];
        let (verdicts, changes) = course(&answers);
        assert_eq!(verdicts, [Verdict::Within; 3]);
        assert_eq!(
            changes,
            ["the DMARC policy is now quarantine; it was reject"]
        );
    }

    #[test]
    fn what_a_person_accepts_is_no_drift_and_what_comes_next_is_good() {
        let (known, _) = join_answer(None, DMARC, good("reject", 2), T).expect("an answer");
        let none = || good("none", 0);
        let (once, _) = join_answer(Some(&known), DMARC, none(), T + HOUR).expect("an answer");
        assert_eq!(accept_broken(&once, T), None);
        let accepted = accept_broken(&once, T + 2 * HOUR).expect("accepted");
        let (next, change) =
            join_answer(Some(&accepted), DMARC, none(), T + 3 * HOUR).expect("an answer");
        assert_eq!(
            (next.good.map(|good| good.strength), change),
            (Some(0), None)
        );
    }

    #[test]
    fn it_is_looked_up_once_a_day_and_each_time_while_it_is_broken() {
        let (known, _) = join_answer(None, DMARC, good("reject", 2), T).expect("an answer");
        assert!(is_lookup_due(&[], T));
        assert!(!is_lookup_due(&[&known], T + 23 * HOUR));
        assert!(is_lookup_due(&[&known], T + 24 * HOUR - MINUTE));
        let (broken, _) = join_answer(Some(&known), DMARC, bad(), T).expect("an answer");
        assert!(is_lookup_due(&[&known, &broken], T + HOUR));
    }
}
