//! The course of an incident of the canary.

use crate::model::{
    CanaryEvidence, CanaryOutcome, Evidence, Rule, ServerName, Severity, Timestamp,
};
use crate::notify::samples::incidents::{Course, Plan};
use crate::notify::samples::march;

fn sent(sent_at: Timestamp, outcome: CanaryOutcome, last_delivered: Timestamp) -> Evidence {
    let is_refused = matches!(outcome, CanaryOutcome::Refused(_));
    let id = "6f1a3c44-9d1b-4b4e-9d6e-2c5f2b7c8e10";
    Evidence::Canary(CanaryEvidence {
        sent_at: Some(sent_at),
        outcome,
        message: (!is_refused).then(|| id.to_owned()),
        last_delivered: Some(last_delivered),
    })
}

pub(super) fn canary() -> Course {
    let course = Plan {
        rule: Rule::Canary,
        about: "The test mail of `[canary]` is refused, or not delivered within an hour.",
        id: "c2nr7yws",
        stream: None,
        severity: Severity::Warn,
        opened_at: march(4, 12, 0),
        escalated: None,
        evidence: [
            sent(march(4, 11, 0), CanaryOutcome::Pending, march(4, 10, 1)),
            sent(march(5, 11, 0), CanaryOutcome::Pending, march(4, 10, 1)),
            sent(march(5, 13, 0), CanaryOutcome::Delivered, march(5, 13, 1)),
        ],
        over_at: [march(5, 14, 0), march(5, 14, 0)],
    };
    let refused = || {
        let why = "failed to send the canary's mail: Postmark refused with status 422, code 400 (\"The 'From' address you supplied is not a Sender Signature on your account.\")";
        CanaryOutcome::Refused(why.to_owned())
    };
    let course = course
        .course()
        .variant(
            "refused",
            "Sent at the first test mail that Postmark does not take.",
            |i| i.evidence = sent(march(4, 12, 0), refused(), march(4, 11, 1)),
        )
        .variant("bounced", "Sent when the test mail bounced.", |i| {
            i.evidence = sent(march(4, 11, 0), CanaryOutcome::Bounced, march(4, 10, 1));
        });
    course.at_server(ServerName::CANARY)
}
