//! The course of one incident of each rule, and of its variants.

use crate::model::{
    BounceClass, DAY, Evidence, HOUR, Incident, IncidentState, RateEvidence, Rule, ServerName,
    Severity, Span, Step, Suppressed, Timestamp, Transition,
};
use crate::notify::samples::{march, minutes};

/// What happens to one rule: for each step a title, when it is sent, and the step.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    /// The rule.
    pub rule: Rule,
    /// What it watches for, in a sentence.
    pub about: &'static str,
    /// The steps: opened, escalated, reminded, resolved; then variants.
    pub steps: Vec<(&'static str, &'static str, Transition)>,
}

const OPENED: &str = "Sent when the rule is broken.";
const ESCALATED: &str = "Sent when a warning becomes urgent.";
const REMINDED: &str = "Sent every 24 hours while the incident is open.";
const RESOLVED: &str = "Sent when it is over.";

/// What differs from rule to rule.
struct Plan<'p> {
    rule: Rule,
    about: &'static str,
    id: &'p str,
    stream: Option<&'p str>,
    severity: Severity,
    opened_at: Timestamp,
    /// Evidence as it opened, a day later, and as it ended.
    evidence: [Evidence; 3],
    over_at: Timestamp,
}

/// Returns the course of every rule, in the order of [`Rule::ALL`].
pub(crate) fn courses() -> Vec<Course> {
    vec![
        account_inactive(),
        blind(),
        send_silence(),
        send_drop(),
        delivery_silence(),
        hard_bounce_wake(),
        bounce_rate(),
        spam_rate(),
        spam_complaint_external(),
        operator_bounce(),
        suppressed_address(),
    ]
}

impl Plan<'_> {
    fn incident(&self) -> Incident {
        Incident {
            id: self.id.to_owned(),
            server: "shop".into(),
            stream: self.stream.map(Into::into),
            tag: None,
            rule: self.rule,
            severity: self.severity,
            opened_at: self.opened_at,
            state: IncidentState::Open { within_since: None },
            judged_at: self.opened_at,
            notified: true,
            notification_deferred: false,
            suppressed_until: None,
            last_reminder_at: self.opened_at,
            last_event_at: None,
            events: 0,
            evidence: self.evidence[0].clone(),
        }
    }

    fn course(&self) -> Course {
        let opened = self.incident();
        let later = |hours: u32, severity| Incident {
            severity,
            judged_at: self.opened_at + HOUR * hours,
            evidence: self.evidence[1].clone(),
            ..opened.clone()
        };
        let resolved = Incident {
            state: IncidentState::Resolved {
                at: self.over_at,
                unwatched: false,
            },
            judged_at: self.over_at,
            evidence: self.evidence[2].clone(),
            ..opened.clone()
        };
        let steps = vec![
            ("opened", OPENED, taken(Step::Opened, &opened)),
            (
                "escalated",
                ESCALATED,
                taken(Step::Escalated, &later(6, Severity::Wake)),
            ),
            (
                "reminded",
                REMINDED,
                taken(Step::Reminded, &later(24, self.severity)),
            ),
            ("resolved", RESOLVED, taken(Step::Resolved, &resolved)),
        ];
        Course {
            rule: self.rule,
            about: self.about,
            steps,
        }
    }
}

impl Course {
    /// Adds the opening of the same incident with other evidence.
    fn variant(
        mut self,
        title: &'static str,
        when: &'static str,
        change: impl Fn(&mut Incident),
    ) -> Self {
        let (_, _, opened) = &self.steps[0];
        let mut incident = opened.incident.clone();
        change(&mut incident);
        let step = match incident.state {
            IncidentState::Open { .. } => Step::Opened,
            IncidentState::Resolved { .. } => Step::Resolved,
        };
        self.steps.push((title, when, taken(step, &incident)));
        self
    }
}

fn taken(step: Step, incident: &Incident) -> Transition {
    Transition {
        at: incident.judged_at,
        incident: incident.clone(),
        step,
        notified: true,
    }
}

fn sight(since: Timestamp, cycles: u64, reason: &str, token: bool, limited: bool) -> Evidence {
    Evidence::Blind {
        since,
        cycles,
        reason: reason.to_owned(),
        token,
        limited,
    }
}

fn account_inactive() -> Course {
    let reason = "failed to list the message streams: Postmark refuses the account or server (code 413) (\"Your account is not active.\"); see the account's status in Postmark";
    let evidence = |cycles| sight(march(4, 10, 0), cycles, reason, false, false);
    Plan {
        rule: Rule::AccountInactive,
        about: "Postmark refuses the account: nothing is sent until it is active again.",
        id: "a7mq2c9t",
        stream: None,
        severity: Severity::Wake,
        opened_at: march(4, 11, 0),
        evidence: [
            evidence(2),
            evidence(25),
            sight(march(5, 14, 0), 0, "", false, false),
        ],
        over_at: march(5, 14, 0),
    }
    .course()
}

fn blind() -> Course {
    let down = "failed to list messages: Postmark is in trouble (status 503) (\"Postmark API is offline for maintenance.\"); see https://status.postmarkapp.com";
    let evidence = |cycles| sight(march(4, 18, 0), cycles, down, false, false);
    let opened_at = march(4, 19, 0);
    Plan {
        rule: Rule::Blind,
        about: "hushwatch cannot read a server's mail, so it cannot say whether mail flows.",
        id: "k1eg8ng7",
        stream: None,
        severity: Severity::Warn,
        opened_at,
        evidence: [
            evidence(2),
            evidence(26),
            sight(march(5, 21, 0), 0, "", false, false),
        ],
        over_at: march(5, 21, 0),
    }
    .course()
    .variant(
        "token refused",
        "Sent at the first poll that the server's token does not open.",
        |i| {
            i.severity = Severity::Wake;
            i.evidence = sight(
                march(4, 19, 0),
                1,
                "failed to list the message streams: Postmark refused the server token (\"Bad or missing Server API token.\"); check that it is the token of a server, not of the account, and still valid",
                true,
                false,
            );
        },
    )
    .variant(
        "too much mail for the requests of a poll",
        "Sent at the second poll in a row that did not reach its end.",
        |i| {
            i.evidence = sight(
                march(4, 18, 0),
                2,
                "messages of shop/outbound: more than this cycle's requests can read; the next cycles go on; where this happens again, raise `postmark.requests_per_poll`",
                false,
                true,
            );
        },
    )
    .variant(
        "account token refused",
        "Sent at the first poll that the account's token does not open.",
        |i| {
            i.server = ServerName::ACCOUNT.into();
            i.severity = Severity::Wake;
            i.evidence = sight(
                march(4, 19, 0),
                1,
                "failed to list the servers: Postmark refused the account token (\"Bad or missing Account API token.\"); check that POSTMARK_ACCOUNT_TOKEN is the token of the account, not of a server, and still valid",
                true,
                false,
            );
        },
    )
    .variant(
        "account not answering",
        "Sent at the second poll in a row that could not list the account's servers.",
        |i| i.server = ServerName::ACCOUNT.into(),
    )
}

fn silence(last: Timestamp, until: Timestamp, expected: f64, surprise: f64) -> Evidence {
    Evidence::Silence {
        last_sent: Some(last),
        gap: Span::new(last, until),
        expected,
        surprise,
        threshold: 13.8,
        longest_before: 11.5,
        times_a_year: 0.024,
        false_alarms_per_year: 4.0,
    }
}

fn send_silence() -> Course {
    let last = march(4, 9, 57);
    let tag = "password-reset";
    Plan {
        rule: Rule::SendSilence,
        about: "Nothing was sent where the stream's own history expects mail.",
        id: "ektn6n35",
        stream: Some("outbound"),
        severity: Severity::Warn,
        opened_at: march(4, 11, 0),
        evidence: [
            silence(last, march(4, 11, 0), 59.3, 15.2),
            silence(last, march(5, 11, 0), 1423.0, 38.3),
            Evidence::Silence {
                last_sent: Some(march(5, 16, 58)),
                gap: Span::new(march(5, 16, 58), march(5, 17, 0)),
                expected: 1.8,
                surprise: 0.1,
                threshold: 13.8,
                longest_before: 11.5,
                times_a_year: 500.0,
                false_alarms_per_year: 4.0,
            },
        ],
        over_at: march(5, 17, 0),
    }
    .course()
    .variant(
        "of one tag",
        "Sent when one kind of mail stops while the rest of the stream flows.",
        move |i| i.tag = Some(tag.into()),
    )
    .variant(
        "some mail since",
        "Sent when the incident is told late and some mail has gone out meanwhile.",
        |i| i.judged_at = march(4, 12, 0),
    )
    .variant(
        "no longer watched",
        "Sent when a tag or stream with an open incident is no longer in use.",
        move |i| {
            i.tag = Some(tag.into());
            i.judged_at = march(31, 11, 0);
            i.state = IncidentState::Resolved {
                at: march(31, 11, 0),
                unwatched: true,
            };
        },
    )
}

fn send_drop() -> Course {
    let drop = |window, sent, expected| Evidence::Drop {
        window,
        sent,
        expected,
        evidence: 21.4,
        limit: 14.2,
        times_a_year: 0.3,
        false_alarms_per_year: 4.0,
    };
    Plan {
        rule: Rule::SendDrop,
        about: "Far less is sent than the stream's own history expects.",
        id: "r5vd0y2k",
        stream: Some("outbound"),
        severity: Severity::Warn,
        opened_at: march(4, 11, 0),
        evidence: [
            drop(Span::new(march(4, 6, 0), march(4, 11, 0)), 38, 301.0),
            drop(Span::new(march(4, 6, 0), march(5, 11, 0)), 124, 1560.4),
            drop(Span::new(march(5, 16, 0), march(5, 18, 0)), 118, 121.7),
        ],
        over_at: march(5, 18, 0),
    }
    .course()
}

fn delivery(unproven: u64, queued: u64, since: Timestamp, proven: Option<Timestamp>) -> Evidence {
    Evidence::Delivery {
        unproven,
        needed: 4,
        queued,
        since: Some(since),
        last_proven_sent: proven,
        last_delivered: proven.map(|at| at + minutes(1)),
    }
}

fn delivery_silence() -> Course {
    let since = march(4, 8, 27);
    Plan {
        rule: Rule::DeliverySilence,
        about: "Mail is sent, and none of the sampled messages is delivered.",
        id: "xx7zqdh7",
        stream: Some("outbound"),
        severity: Severity::Wake,
        opened_at: march(4, 9, 0),
        evidence: [
            delivery(4, 0, since, Some(march(4, 7, 36))),
            delivery(97, 0, since, Some(march(4, 7, 36))),
            delivery(0, 0, since, Some(march(5, 11, 52))),
        ],
        over_at: march(5, 12, 0),
    }
    .course()
    .variant(
        "stays in Postmark's queue",
        "Sent when Postmark accepts mail and does not send it on.",
        move |i| i.evidence = delivery(4, 4, since, Some(march(4, 7, 36))),
    )
}

fn rate(
    (numerator, denominator): (u64, u64),
    hours: u32,
    threshold: f64,
    interval: (f64, f64),
    classes: &[(BounceClass, u64)],
) -> RateEvidence {
    let domains: &[(&str, u64)] = match numerator {
        0 => &[],
        1..6 => &[("example.com", 2), ("example.net", 2)],
        _ => &[("example.com", 9), ("example.net", 5), ("example.org", 1)],
    };
    RateEvidence {
        window: HOUR * hours,
        covered: HOUR * hours,
        numerator,
        denominator,
        floor: 10,
        threshold,
        interval,
        classes: classes.to_vec(),
        domains: domains.iter().map(|(d, n)| ((*d).to_owned(), *n)).collect(),
        last_sent: Some(march(3, 9, 58)),
        last_delivered: Some(march(3, 9, 56)),
    }
}

fn hard_bounce_wake() -> Course {
    let hard = |n, d, interval| {
        let classes: &[_] = match n {
            0 => &[],
            n => &[(BounceClass::Hard, n)],
        };
        Evidence::Rate(rate((n, d), 24, 0.05, interval, classes))
    };
    Plan {
        rule: Rule::HardBounceWake,
        about: "So many addresses do not exist that Postmark may suspend the sender.",
        id: "h3wp9s4d",
        stream: Some("broadcast"),
        severity: Severity::Wake,
        opened_at: march(3, 10, 0),
        evidence: [
            hard(19, 212, (0.055, 0.136)),
            hard(71, 640, (0.088, 0.138)),
            hard(2, 590, (0.0004, 0.012)),
        ],
        over_at: march(4, 15, 0),
    }
    .course()
}

fn bounce_rate() -> Course {
    let four = [(BounceClass::Hard, 4)];
    let many = [(BounceClass::Hard, 15), (BounceClass::Blocked, 3)];
    Plan {
        rule: Rule::BounceRate,
        about: "More mail bounces than `rules.bounce_rate.threshold` allows.",
        id: "fp8xrr3b",
        stream: Some("outbound"),
        severity: Severity::Warn,
        opened_at: march(3, 10, 0),
        evidence: [
            Evidence::Rate(rate((4, 47), 1, 0.01, (0.024, 0.204), &four)),
            Evidence::Rate(rate((18, 47), 1, 0.01, (0.245, 0.536), &many)),
            Evidence::Rate(rate((0, 56), 1, 0.01, (0.0, 0.064), &[])),
        ],
        over_at: march(3, 14, 0),
    }
    .course()
    .variant(
        "refused by the receivers",
        "Sent when most of the bounces are refusals.",
        |i| {
            let classes = [(BounceClass::Blocked, 6)];
            let mut rate = rate((6, 47), 1, 0.01, (0.048, 0.257), &classes);
            rate.domains = vec![("example.com".to_owned(), 6)];
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
}

fn spam_rate() -> Course {
    let spam = |n: u64, d, interval| {
        let mut rate = rate((n, d), 24, 0.001, interval, &[]);
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
        evidence: [
            spam(3, 812, (0.0008, 0.0108)),
            spam(9, 1034, (0.004, 0.0165)),
            spam(0, 798, (0.0, 0.0046)),
        ],
        over_at: march(5, 10, 0),
    }
    .course()
}

fn events(times: &[Timestamp], recipients: &[&str], class: BounceClass) -> Evidence {
    Evidence::Events {
        times: times.to_vec(),
        recipient: recipients.first().copied().unwrap_or_default().to_owned(),
        recipients: recipients.iter().map(|r| (*r).to_owned()).collect(),
        class,
    }
}

fn spam_complaint_external() -> Course {
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
        evidence: [one.clone(), one.clone(), one],
        over_at: march(4, 10, 0),
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

fn operator_bounce() -> Course {
    let one = events(&[march(3, 9, 42)], &["ops@example.com"], BounceClass::Hard);
    Plan {
        rule: Rule::OperatorBounce,
        about: "Mail to one of `operator_addresses` bounced.",
        id: "o4yh8e5w",
        stream: Some("outbound"),
        severity: Severity::Wake,
        opened_at: march(3, 10, 0),
        evidence: [one.clone(), one.clone(), one],
        over_at: march(4, 10, 0),
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

fn suppressed_address() -> Course {
    let hard = ("ops@example.com", "HardBounce");
    Plan {
        rule: Rule::SuppressedAddress,
        about: "Postmark no longer sends to one of `operator_addresses`.",
        id: "p6jn3v8q",
        stream: Some("outbound"),
        severity: Severity::Warn,
        opened_at: march(3, 10, 0),
        evidence: [
            listed(&[hard], march(3, 10, 0)),
            listed(&[hard], march(4, 10, 0)),
            listed(&[], march(4, 16, 0)),
        ],
        over_at: march(4, 16, 0),
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
