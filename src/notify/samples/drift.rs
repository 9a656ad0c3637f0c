//! The courses of the rules of what changes slowly: refused mail, recipient domains that block, the DNS.

use crate::model::{
    BlockingDomain, DAY, DnsDriftEvidence, DnsFault, DomainBlocksEvidence, Evidence, Rule,
    ServerName, Severity, SmtpErrorEvidence, Span, Timestamp,
};
use crate::notify::samples::incidents::{Course, Plan};
use crate::notify::samples::march;

fn refused(errors: u64, at: Timestamp, risen_at: Option<Timestamp>) -> Evidence {
    // Midnight in New York.
    let from = (at - DAY / 24 * 5).floor(DAY) + DAY / 24 * 5;
    Evidence::SmtpErrors(SmtpErrorEvidence {
        day: Span::new(from, at),
        errors,
        sent: 1_204,
        usual: 0,
        usual_high: 3,
        limit: 10,
        risen_at,
        asked_at: Some(at),
    })
}

pub(super) fn smtp_errors() -> Course {
    let (opened, worst) = (march(3, 11, 0), march(3, 17, 0));
    Plan {
        rule: Rule::SmtpErrors,
        about: "Postmark refuses far more mail sent by SMTP than usual, before it becomes a message.",
        id: "r5tq8m2e",
        stream: None,
        severity: Severity::Warn,
        opened_at: opened,
        escalated: None,
        evidence: [
            refused(86, opened, Some(opened)),
            refused(340, worst, Some(worst)),
            refused(1, march(4, 11, 0), None),
        ],
        over_at: [march(4, 5, 0), march(4, 5, 0)],
    }
    .course()
    .variant(
        "never before",
        "Sent where none were refused in four weeks.",
        |i| {
            if let Evidence::SmtpErrors(errors) = &mut i.evidence {
                errors.usual_high = 0;
            }
        },
    )
}

fn blocks(domains: &[(&str, u64, f64, u64)], at: Timestamp) -> Evidence {
    let domain = |(name, blocked, expected, usual_high): &(&str, u64, f64, u64)| BlockingDomain {
        domain: (*name).to_owned(),
        blocked: *blocked,
        expected: *expected,
        usual_high: *usual_high,
        chance: 3.7e-9,
    };
    Evidence::DomainBlocks(DomainBlocksEvidence {
        window: Span::before(at, DAY),
        domains: domains.iter().map(domain).collect(),
        sent: 1_204,
        days: 28,
        told: Vec::new(),
        staying: Vec::new(),
    })
}

pub(super) fn domain_blocks() -> Course {
    let (opened, over) = (march(3, 10, 0), march(5, 8, 0));
    Plan {
        rule: Rule::DomainBlocks,
        about: "A recipient domain blocks more mail than it did before.",
        id: "b6yk4n7z",
        stream: Some("outbound"),
        severity: Severity::Warn,
        opened_at: opened,
        escalated: None,
        evidence: [
            blocks(&[("example.org", 7, 0.0, 0)], opened),
            blocks(&[("example.org", 31, 0.4, 1)], march(4, 10, 0)),
            blocks(&[], over),
        ],
        over_at: [over, over],
    }
    .course()
    .variant(
        "several domains",
        "Sent when several domains began to block.",
        |i| {
            let domains = [("example.org", 12, 1.6, 3), ("example.net", 5, 0.0, 0)];
            i.evidence = blocks(&domains, i.judged_at);
        },
    )
}

fn records(broken: &[(&str, &str)], at: Timestamp) -> Evidence {
    let fault = |(record, why): &(&str, &str)| DnsFault {
        record: (*record).to_owned(),
        why: (*why).to_owned(),
        since: march(3, 9, 0),
        last_good: Some(march(2, 9, 0)),
    };
    Evidence::DnsDrift(DnsDriftEvidence {
        broken: broken.iter().map(fault).collect(),
        watched: 3,
        asked_at: Some(at),
    })
}

pub(super) fn dns_drift() -> Course {
    let (opened, over) = (march(3, 10, 0), march(4, 15, 0));
    let key = ("DKIM key at selector pm", "is gone");
    let course = Plan {
        rule: Rule::DnsDrift,
        about: "A DNS record that the mail of a domain needs was good, and is broken.",
        id: "d7np2x5c",
        stream: Some("example.com"),
        severity: Severity::Warn,
        opened_at: opened,
        escalated: None,
        evidence: [
            records(&[key], opened),
            records(&[key], march(4, 10, 0)),
            records(&[], over),
        ],
        over_at: [over, over],
    };
    let course = course
        .course()
        .variant(
            "a weaker policy",
            "Sent when a DMARC policy asks for nothing any more.",
            |i| {
                let fell = ("DMARC policy", "fell from reject to none");
                i.evidence = records(&[fell], i.judged_at);
            },
        )
        .variant(
            "several records",
            "Sent when several of them are broken.",
            |i| {
                let path = (
                    "Return-Path",
                    "pm-bounces.example.com has no CNAME to pm.mtasv.net",
                );
                let policy = ("DMARC policy", "is gone");
                i.evidence = records(&[key, path, policy], i.judged_at);
            },
        );
    course.at_server(ServerName::DNS)
}
