//! The courses of the rules of what changes slowly: refused mail, recipient domains that block, the DNS.

use crate::model::{DAY, Evidence, Rule, Severity, SmtpErrorEvidence, Span, Timestamp};
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
