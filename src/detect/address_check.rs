//! One of the operator's own addresses gets no mail: alarms and test mails to it vanish.

use std::time::Duration;

use crate::model::{
    AddressCheck, DAY, Evidence, Finding, History, Rule, Rules, Severity, Suppressed, Timestamp,
    UNSETTLED, Verdict,
};

/// How often an address is looked up while nothing is wrong.
const CHECK_INTERVAL: Duration = DAY;
/// An older answer does not count.
const MAX_CHECK_AGE: Duration = Duration::from_secs(2 * 86_400);

/// The finding of `suppressed_address` at `at`; none where the rule is off.
pub(super) fn evaluate(history: &History, at: Timestamp, rules: &Rules) -> Option<Finding> {
    let addresses = &rules.operator_addresses;
    if addresses.is_empty() {
        return None;
    }
    let checks = addresses.iter().map(|a| latest_check(&history.checks, a));
    let fresh = checks.map(|check| check.filter(|c| c.at <= at && at.since(c.at) <= MAX_CHECK_AGE));
    let fresh: Vec<Option<&AddressCheck>> = fresh.collect();
    let known: Vec<&AddressCheck> = fresh.iter().copied().flatten().collect();
    let found = known.iter().filter_map(|check| check.found.clone());
    let found: Vec<Suppressed> = found.collect();
    let verdict = match (found.is_empty(), known.len() == fresh.len()) {
        (false, _) => Verdict::Breach,
        (true, true) => Verdict::Within,
        (true, false) => Verdict::Unknown,
    };
    let evidence = Evidence::Suppressed {
        addresses: found,
        asked_at: known.iter().map(|check| check.at).max(),
    };
    Some(Finding::new(
        Rule::SuppressedAddress,
        verdict,
        Severity::Warn,
        evidence,
    ))
}

/// Whether Postmark is to be asked for an address again at `at`: once a day, in each cycle while it is suppressed, and
/// after a bounce of it that the last answer may not have known.
pub fn is_check_due(
    check: Option<&AddressCheck>,
    last_bounce: Option<Timestamp>,
    at: Timestamp,
) -> bool {
    check.is_none_or(|check| {
        let unknown_from = check.at - UNSETTLED;
        check.found.is_some()
            || at.since(check.at) >= CHECK_INTERVAL
            || last_bounce.is_some_and(|bounce| bounce >= unknown_from)
    })
}

/// Returns the check of `address`, whatever its case.
pub fn latest_check<'c>(checks: &'c [AddressCheck], address: &str) -> Option<&'c AddressCheck> {
    let address = address.trim();
    checks
        .iter()
        .find(|check| check.address.trim().eq_ignore_ascii_case(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HOUR, MINUTE};

    const T: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn check(address: &str, at: Timestamp, is_found: bool) -> AddressCheck {
        AddressCheck {
            address: address.to_owned(),
            at,
            found: is_found.then(|| Suppressed {
                address: address.to_owned(),
                reason: "HardBounce".to_owned(),
                since: None,
            }),
        }
    }

    fn verdict(checks: Vec<AddressCheck>, at: Timestamp) -> Option<Verdict> {
        let history = History {
            checks,
            ..History::default()
        };
        let rules = Rules {
            operator_addresses: vec!["ops@example.com".to_owned(), "Me@example.com ".to_owned()],
            ..Rules::default()
        };
        evaluate(&history, at, &rules).map(|finding| finding.verdict)
    }

    #[test]
    fn it_is_within_bounds_only_where_every_address_was_asked_for() {
        let both = |found| {
            vec![
                check("ops@example.com", T, false),
                check("me@example.com", T, found),
            ]
        };
        assert_eq!(verdict(both(false), T), Some(Verdict::Within));
        assert_eq!(verdict(both(true), T + HOUR), Some(Verdict::Breach));
        assert_eq!(verdict(Vec::new(), T), Some(Verdict::Unknown));
        assert_eq!(
            verdict(both(false)[..1].to_vec(), T),
            Some(Verdict::Unknown)
        );
        assert_eq!(verdict(both(true)[1..].to_vec(), T), Some(Verdict::Breach));
    }

    #[test]
    fn an_answer_says_nothing_of_before_it_nor_of_long_after() {
        let both = vec![
            check("ops@example.com", T, true),
            check("me@example.com", T, false),
        ];
        assert_eq!(verdict(both.clone(), T - MINUTE), Some(Verdict::Unknown));
        assert_eq!(verdict(both.clone(), T + 2 * DAY), Some(Verdict::Breach));
        assert_eq!(verdict(both, T + 2 * DAY + MINUTE), Some(Verdict::Unknown));
    }

    #[test]
    fn without_addresses_the_rule_is_off() {
        let (history, rules) = (History::default(), Rules::default());
        assert_eq!(evaluate(&history, T, &rules), None);
    }

    #[test]
    fn it_is_asked_once_a_day_and_when_there_is_a_reason() {
        let (free, found) = (
            check("a@example.com", T, false),
            check("a@example.com", T, true),
        );
        assert!(is_check_due(None, None, T));
        assert!(!is_check_due(Some(&free), None, T + 23 * HOUR));
        assert!(is_check_due(Some(&free), None, T + 24 * HOUR));
        assert!(is_check_due(Some(&found), None, T + HOUR));
        assert!(is_check_due(Some(&free), Some(T + MINUTE), T + HOUR));
        assert!(
            is_check_due(Some(&free), Some(T - MINUTE), T + HOUR),
            "it may have been listed late"
        );
        assert!(!is_check_due(Some(&free), Some(T - HOUR), T + HOUR));
    }
}
