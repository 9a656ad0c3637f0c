//! The courses of the rules that count bounces, complaints and suppressions.

use crate::model::{
    BounceClass, DAY, Evidence, HOUR, IncidentState, LastingExcess, RateEvidence, RateUnit, Rule,
    Rules, Severity, Span, Suppressed, Timestamp,
};
use crate::notify::samples::incidents::{Course, Plan};
use crate::notify::samples::{march, minutes};

/// Returns what `rule`, with the settings that it has by itself, says of that many recipients of so many hours. A test asks the rule.
fn rate(
    rule: Rule,
    (numerator, denominator): (u64, u64),
    hours: u32,
    interval: (f64, f64),
    classes: &[(BounceClass, u64)],
) -> RateEvidence {
    let Rules {
        bounce_rate,
        spam_rate,
        ..
    } = Rules::default();
    let (threshold, floor) = match (rule, hours) {
        (Rule::SpamRate, _) => (spam_rate.threshold, spam_rate.min_denominator),
        (Rule::HardBounceWake, 24) => (0.05, 101),
        (Rule::HardBounceWake, _) => (0.05, bounce_rate.min_denominator),
        _ => (bounce_rate.threshold, bounce_rate.min_denominator),
    };
    let domains: &[(&str, u64)] = match numerator {
        0 => &[],
        1..6 => &[("example.com", 2), ("example.net", 2)],
        _ => &[("example.com", 9), ("example.net", 5), ("example.org", 1)],
    };
    RateEvidence {
        window: HOUR * hours,
        covered: HOUR * hours,
        until: None,
        newest_at: None,
        wave: None,
        mail_sent: None,
        unit: RateUnit::Recipients,
        numerator,
        denominator,
        floor,
        threshold,
        usual: Some(threshold / 2.0),
        interval,
        classes: classes.to_vec(),
        domains: domains.iter().map(|(d, n)| ((*d).to_owned(), *n)).collect(),
        left_out: 0,
        lasting: None,
        sent_since: None,
        last_sent: Some(march(3, 9, 58)),
        last_delivered: Some(march(3, 9, 56)),
    }
}

pub(super) fn hard_bounce_wake() -> Course {
    let hard = |n, d, interval| {
        let classes: &[_] = match n {
            0 => &[],
            n => &[(BounceClass::Hard, n)],
        };
        Evidence::Rate(rate(Rule::HardBounceWake, (n, d), 24, interval, classes))
    };
    Plan {
        rule: Rule::HardBounceWake,
        about: "So many addresses do not exist that Postmark may suspend the sender.",
        id: "h3wp9s4d",
        stream: Some("broadcast"),
        severity: Severity::Wake,
        opened_at: march(3, 10, 0),
        escalated: None,
        evidence: [
            hard(19, 212, (0.055, 0.136)),
            hard(71, 640, (0.088, 0.138)),
            hard(2, 590, (0.0004, 0.012)),
        ],
        over_at: [march(4, 14, 0), march(4, 15, 0)],
    }
    .course()
    .variant(
        "after the bounces",
        "How an open incident reads once nothing has bounced since.",
        |i| {
            let wave = Span::new(march(3, 10, 4), march(3, 10, 52));
            let hard = [(BounceClass::Hard, 15)];
            let mut rate = rate(Rule::HardBounceWake, (15, 35), 1, (0.263, 0.606), &hard);
            rate.until = Some(march(3, 11, 0));
            rate.newest_at = Some(wave.until);
            rate.wave = Some(wave);
            i.evidence = Evidence::Rate(rate);
            i.opened_at = march(3, 11, 0);
            i.judged_at = march(4, 11, 0);
            i.problem = Some(wave);
            i.last_event_at = Some(wave.until);
        },
    )
    .variant(
        "of mail that was sent before",
        "Sent when most of the mail that bounced was sent long before.",
        |i| {
            if let Evidence::Rate(rate) = &mut i.evidence {
                rate.until = Some(i.judged_at);
                rate.mail_sent = Some(Span::new(march(1, 9, 0), march(1, 9, 40)));
            }
        },
    )
}

pub(super) fn bounce_rate() -> Course {
    let four = [(BounceClass::Hard, 4)];
    let many = [(BounceClass::Hard, 15), (BounceClass::Blocked, 3)];
    Plan {
        rule: Rule::BounceRate,
        about: "More mail bounces than `rules.bounce_rate.threshold` allows.",
        id: "fp8xrr3b",
        stream: Some("outbound"),
        severity: Severity::Warn,
        opened_at: march(3, 10, 0),
        escalated: None,
        evidence: [
            Evidence::Rate(rate(Rule::BounceRate, (4, 47), 1, (0.024, 0.204), &four)),
            Evidence::Rate(rate(Rule::BounceRate, (18, 47), 1, (0.245, 0.536), &many)),
            Evidence::Rate(rate(Rule::BounceRate, (0, 56), 1, (0.0, 0.064), &[])),
        ],
        over_at: [march(3, 13, 0), march(3, 14, 0)],
    }
    .course()
    .variant(
        "refused by the receivers",
        "Sent when most of the bounces are refusals.",
        |i| {
            let classes = [(BounceClass::Blocked, 6)];
            let mut rate = rate(Rule::BounceRate, (6, 47), 1, (0.048, 0.257), &classes);
            rate.domains = vec![("example.com".to_owned(), 6)];
            i.evidence = Evidence::Rate(rate);
        },
    )
    .variant(
        "an excess that lasts",
        "Sent when days together show what no hour does: 40 mails a day, of which three bounce.",
        |i| {
            let hard = [(BounceClass::Hard, 19)];
            let mut rate = rate(Rule::BounceRate, (19, 240), 6 * 24, (0.048, 0.121), &hard);
            let wave = Span::new(march(3, 10, 0) - 6 * DAY + HOUR, march(3, 9, 12));
            rate.wave = Some(wave);
            rate.lasting = Some(LastingExcess {
                evidence: 6.2,
                limit: 5.4,
                usual_at_most: 0.0078,
            });
            i.problem = Some(wave);
            i.evidence = Evidence::Rate(rate);
        },
    )
    .variant(
        "partly read",
        "Sent when the rule is broken on the part of its window that could be read.",
        |i| {
            if let Evidence::Rate(rate) = &mut i.evidence {
                rate.covered = minutes(40);
            }
        },
    )
    .variant(
        "back within bounds",
        "How an open incident reads before an hour within bounds has passed.",
        |i| {
            i.judged_at = march(3, 13, 0);
            i.state = IncidentState::Open {
                within_since: Some(march(3, 13, 0)),
            };
        },
    )
    .variant(
        "returned",
        "Sent when it is back after people were told of its end.",
        |i| {
            i.first_opened_at = Some(i.opened_at);
            (i.opened_at, i.judged_at) = (march(3, 16, 0), march(3, 16, 0));
        },
    )
}

pub(super) fn spam_rate() -> Course {
    let spam = |n: u64, d, interval| {
        let mut rate = rate(Rule::SpamRate, (n, d), 24, interval, &[]);
        rate.domains = vec![];
        Evidence::Rate(rate)
    };
    Plan {
        rule: Rule::SpamRate,
        about: "More recipients report spam than `rules.spam_rate.threshold` allows.",
        id: "s2kc7m1x",
        stream: Some("broadcast"),
        severity: Severity::Warn,
        opened_at: march(3, 10, 0),
        escalated: None,
        evidence: [
            spam(3, 812, (0.0008, 0.0108)),
            spam(9, 1034, (0.004, 0.0164)),
            spam(0, 798, (0.0, 0.0046)),
        ],
        over_at: [march(5, 9, 0), march(5, 10, 0)],
    }
    .course()
}

fn events(times: &[Timestamp], recipients: &[&str], class: BounceClass) -> Evidence {
    Evidence::Events {
        times: times.to_vec(),
        recipient: recipients.first().copied().unwrap_or_default().to_owned(),
        recipients: recipients.iter().map(|r| (*r).to_owned()).collect(),
        class,
        message: Some("21895802-5d50-442b-b039-27cf5b462c54".to_owned()),
        tag: Some("password-reset".to_owned()),
    }
}

pub(super) fn spam_complaint_external() -> Course {
    let one = events(
        &[march(3, 9, 42)],
        &["jane@example.org"],
        BounceClass::Complaint,
    );
    Plan {
        rule: Rule::SpamComplaintExternal,
        about: "Somebody outside `own_domains` reported a message as spam.",
        id: "c9tz4b6r",
        stream: Some("broadcast"),
        severity: Severity::Wake,
        opened_at: march(3, 10, 0),
        escalated: None,
        evidence: [one.clone(), one.clone(), one],
        over_at: [march(4, 10, 0), march(4, 10, 0)],
    }
    .course()
    .variant("several", "Sent when a poll finds several.", |i| {
        i.evidence = events(
            &[march(3, 9, 12), march(3, 9, 30), march(3, 9, 42)],
            &["jane@example.org", "kim@example.net"],
            BounceClass::Complaint,
        );
    })
}

pub(super) fn operator_bounce() -> Course {
    let one = events(&[march(3, 9, 42)], &["ops@example.com"], BounceClass::Hard);
    Plan {
        rule: Rule::OperatorBounce,
        about: "Mail to one of `operator_addresses` bounced.",
        id: "o4yh8e5w",
        stream: Some("outbound"),
        severity: Severity::Wake,
        opened_at: march(3, 10, 0),
        escalated: None,
        evidence: [one.clone(), one.clone(), one],
        over_at: [march(4, 10, 0), march(4, 10, 0)],
    }
    .course()
    .variant(
        "several addresses",
        "Sent when several of them bounced.",
        |i| {
            let recipients = ["ops@example.com", "dev@example.com", "office@example.com"];
            let times = [march(3, 9, 12), march(3, 9, 30), march(3, 9, 42)];
            i.evidence = events(&times, &recipients, BounceClass::Blocked);
        },
    )
    .variant(
        "a temporary bounce",
        "Sent when the receiver refused for now.",
        |i| {
            i.evidence = events(&[march(3, 9, 42)], &["ops@example.com"], BounceClass::Soft);
        },
    )
}

fn listed(addresses: &[(&str, &str)], asked_at: Timestamp) -> Evidence {
    let suppressed = |(address, reason): &(&str, &str)| Suppressed {
        address: (*address).to_owned(),
        reason: (*reason).to_owned(),
        since: Some(march(2, 9, 14)),
    };
    Evidence::Suppressed {
        addresses: addresses.iter().map(suppressed).collect(),
        asked_at: Some(asked_at),
    }
}

pub(super) fn suppressed_address() -> Course {
    let hard = ("ops@example.com", "HardBounce");
    Plan {
        rule: Rule::SuppressedAddress,
        about: "Postmark no longer sends to one of `operator_addresses`.",
        id: "p6jn3v8q",
        stream: Some("outbound"),
        severity: Severity::Warn,
        opened_at: march(3, 10, 0),
        escalated: None,
        evidence: [
            listed(&[hard], march(3, 10, 0)),
            listed(&[hard], march(4, 10, 0)),
            listed(&[], march(4, 16, 0)),
        ],
        over_at: [march(4, 16, 0), march(4, 16, 0)],
    }
    .course()
    .variant(
        "after a complaint",
        "Sent when the owner of the address reported spam.",
        |i| i.evidence = listed(&[("ops@example.com", "SpamComplaint")], march(3, 10, 0)),
    )
    .variant(
        "several addresses",
        "Sent when several of them are suppressed.",
        |i| {
            let dev = ("dev@example.com", "ManualSuppression");
            i.evidence = listed(&[("ops@example.com", "HardBounce"), dev], march(3, 10, 0));
            i.judged_at = i.opened_at + DAY / 24;
        },
    )
}
