//! Whether we can see a server at all. Judged only where a cycle took place.

use std::time::Duration;

use crate::model::{
    BlindEvidence, Evidence, Finding, Rule, ServerChange, Severity, Timestamp, Verdict,
};

/// Cycles in a row without a complete poll that are blindness; one may be a hiccup.
const BLIND_CYCLES: u64 = 2;
/// This long after the first of them it wakes a person.
const WAKE_AFTER: Duration = Duration::from_secs(6 * 3600);

/// How the poll of one server went, seen over its last cycles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PollHealth {
    Complete,
    Incomplete {
        evidence: Box<BlindEvidence>,
        /// Postmark's error code, where it refused for a reason of the account.
        account: Option<i64>,
        /// The server that answered, where it is another one than before.
        change: Option<ServerChange>,
    },
}

/// The findings of `account_inactive`, `server_changed` and `blind` at the instant of a cycle.
pub fn evaluate_server(health: &PollHealth, at: Timestamp) -> Vec<Finding> {
    let finding = |rule, verdict, severity, evidence: &BlindEvidence| {
        Finding::new(rule, verdict, severity, Evidence::Blind(evidence.clone()))
    };
    let change_finding = |verdict, change| {
        let evidence = Evidence::ServerChange(change);
        Finding::new(Rule::ServerChanged, verdict, Severity::Wake, evidence)
    };
    let PollHealth::Incomplete {
        evidence,
        account,
        change,
    } = health
    else {
        let evidence = BlindEvidence {
            since: at,
            ..BlindEvidence::default()
        };
        let within = |rule| finding(rule, Verdict::Within, Severity::Warn, &evidence);
        return vec![
            within(Rule::AccountInactive),
            change_finding(Verdict::Within, ServerChange::default()),
            within(Rule::Blind),
        ];
    };
    let verdict = |breach| {
        if breach {
            Verdict::Breach
        } else {
            Verdict::Unresolved
        }
    };
    let inactive = verdict(account.is_some());
    // That another server answers is an incident of its own.
    let blind = verdict(change.is_none() && (evidence.token || evidence.cycles >= BLIND_CYCLES));
    let changed = match change {
        Some(change) => change_finding(Verdict::Breach, change.clone()),
        None => change_finding(Verdict::Unknown, ServerChange::default()),
    };
    let severity = if evidence.token || at.since(evidence.since) >= WAKE_AFTER {
        Severity::Wake
    } else {
        Severity::Warn
    };
    vec![
        finding(Rule::AccountInactive, inactive, Severity::Wake, evidence),
        changed,
        finding(Rule::Blind, blind, severity, evidence),
    ]
}
