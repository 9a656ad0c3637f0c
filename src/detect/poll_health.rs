//! Whether we can see a server at all. Judged only where a cycle took place.

use std::time::Duration;

use crate::model::{Evidence, Finding, Rule, Severity, Timestamp, Verdict};

/// Cycles in a row without a complete poll that are blindness; one may be a hiccup.
const BLIND_CYCLES: u64 = 2;
/// So long after the first of them a person is wanted.
const WAKE_AFTER: Duration = Duration::from_secs(6 * 3600);

/// How the poll of one server went, seen over its last cycles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PollHealth {
    /// Everything of the period was read.
    Complete,
    /// Not everything was read.
    Incomplete {
        /// The first cycle in a row that was not complete.
        since: Timestamp,
        /// How many in a row, this one included.
        cycles: u64,
        /// Why, in one line.
        reason: String,
        /// Whether the token is missing or refused: that is told at once.
        token: bool,
        /// Whether Postmark answered, and there was more mail than the requests of a poll can read.
        limited: bool,
        /// Postmark's error code, where it refused for a reason of the account.
        account: Option<i64>,
    },
}

/// The findings of `account_inactive` and `blind` at the instant of a cycle.
pub fn evaluate_server(health: &PollHealth, at: Timestamp) -> Vec<Finding> {
    let finding = |rule, verdict, severity, evidence: &Evidence| Finding {
        rule,
        stream: None,
        tag: None,
        verdict,
        severity,
        evidence: evidence.clone(),
    };
    let PollHealth::Incomplete {
        since,
        cycles,
        reason,
        token,
        limited,
        account,
    } = health
    else {
        let evidence = Evidence::Blind {
            since: at,
            cycles: 0,
            reason: String::new(),
            token: false,
            limited: false,
        };
        let within = |rule| finding(rule, Verdict::Within, Severity::Warn, &evidence);
        return vec![within(Rule::AccountInactive), within(Rule::Blind)];
    };
    let evidence = Evidence::Blind {
        since: *since,
        cycles: *cycles,
        reason: reason.clone(),
        token: *token,
        limited: *limited,
    };
    let verdict = |breach| {
        if breach {
            Verdict::Breach
        } else {
            Verdict::Unresolved
        }
    };
    let inactive = verdict(account.is_some());
    let blind = verdict(*token || *cycles >= BLIND_CYCLES);
    let severity = if *token || at.since(*since) >= WAKE_AFTER {
        Severity::Wake
    } else {
        Severity::Warn
    };
    vec![
        finding(Rule::AccountInactive, inactive, Severity::Wake, &evidence),
        finding(Rule::Blind, blind, severity, &evidence),
    ]
}
