use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::model::{
    AccountReach, BlindEvidence, BounceClass, DeliveryEvidence, DropEvidence, HOUR, RateEvidence,
    RateUnit, SilenceEvidence, Suppressed,
};

const T: Timestamp = Timestamp(1_772_532_000_000);

/// One of each kind, with everything in it.
fn all() -> Vec<Evidence> {
    let span = Span::before(T, HOUR);
    let rate = RateEvidence {
        window: HOUR,
        covered: HOUR - Duration::from_millis(1),
        until: Some(T),
        newest_at: Some(T),
        wave: Some(span),
        mail_sent: Some(span),
        unit: RateUnit::EstimatedRecipients,
        numerator: 3,
        denominator: 100,
        floor: 10,
        threshold: 0.01,
        usual: Some(0.005),
        interval: (0.006, 0.085),
        classes: vec![(BounceClass::Hard, 3)],
        domains: vec![("example.com".to_owned(), 3)],
        left_out: 0,
        lasting: None,
        sent_since: Some(40),
        last_sent: Some(T),
        last_delivered: Some(T),
    };
    let address = "ops@example.com".to_owned();
    vec![
        Evidence::Rate(rate),
        Evidence::Silence(SilenceEvidence {
            last_sent: Some(T),
            gap: span,
            ended_gaps: Vec::new(),
            expected: 30.0,
            surprise: 9.0,
            threshold: 8.0,
            longest_before: 2.0,
            times_a_year: 0.1,
            false_alarms_per_year: 4.0,
            missing_burst: None,
            streams: Vec::new(),
            not_due: Vec::new(),
            silent: Vec::new(),
        }),
        Evidence::Drop(DropEvidence {
            window: span,
            sent: 2,
            expected: 40.0,
            evidence: 9.0,
            limit: 8.0,
            times_a_year: 0.1,
            false_alarms_per_year: 4.0,
            low_until: None,
            missing_burst: None,
            settled: None,
            streams: Vec::new(),
        }),
        Evidence::Delivery(DeliveryEvidence {
            unproven: 5,
            bounced: 3,
            reasons: vec![("DMARCPolicy".to_owned(), 3)],
            listed: None,
            needed: 3,
            share_before: Some(0.4),
            queued: 1,
            since: Some(T),
            newest_lost: Some(T),
            newest_late: Some(T),
            again: None,
            last_proven_sent: Some(T),
            last_delivered: Some(T),
        }),
        Evidence::Events {
            times: vec![T],
            recipient: address.clone(),
            recipients: vec![address.clone()],
            class: BounceClass::Hard,
            message: None,
            tag: None,
        },
        Evidence::Suppressed {
            addresses: vec![Suppressed {
                address,
                reason: "HardBounce".to_owned(),
                since: Some(T),
            }],
            asked_at: Some(T),
        },
        Evidence::Blind(BlindEvidence {
            since: T,
            cycles: 2,
            reason: "no answer".to_owned(),
            token: false,
            limited: true,
            only_bounces: false,
            token_place: None,
            account: AccountReach::Without(vec!["shop".into()]),
        }),
    ]
}

/// The paths of all values; one that holds a length of time in seconds by its name without the unit.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if fields.contains_key("secs") => {
            found.insert(path.to_owned());
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.strip_suffix("_s").unwrap_or(name);
                paths(value, &format!("{path}/{name}"), found);
            }
        }
        Value::Array(values) => values.iter().for_each(|v| paths(v, path, found)),
        _ => {
            found.insert(path.to_owned());
        }
    }
}

#[test]
fn all_that_is_stored_is_told() {
    for evidence in all() {
        let (mut stored, mut told) = (BTreeSet::new(), BTreeSet::new());
        paths(&json!(evidence), "", &mut stored);
        paths(&evidence_json(&evidence), "", &mut told);
        assert_eq!(told, stored);
    }
}

#[test]
fn instants_are_rfc_3339_and_lengths_are_seconds() {
    for evidence in all() {
        let told = evidence_json(&evidence).to_string();
        assert!(!told.contains("nanos") && !told.contains("1772"), "{told}");
        let has_instant = told.contains("\"2026-03-03T1");
        assert!(has_instant, "{told}");
    }
    let rate = evidence_json(&all()[0]);
    assert_eq!(rate["rate"]["window_s"], 3600);
    assert_eq!(rate["rate"]["covered_s"], 3599);
}
