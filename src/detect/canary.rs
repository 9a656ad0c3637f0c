//! The canary: what its own mail says of the path, where no other mail does.

use std::time::Duration;

use crate::model::{
    CanaryEvidence, CanaryMail, CanaryOutcome, Evidence, Finding, HOUR, Rule, Severity, Timestamp,
    Verdict,
};

/// How long a mail may take to be delivered. Postmark delivers within seconds; the hour is that between two polls.
const MAX_DELIVERY_TIME: Duration = HOUR;
/// How much later than it is due a mail may be before nothing is known any more.
const MAX_LATENESS: Duration = Duration::from_secs(3 * 3_600);
/// So many mails in a row that Postmark did not confirm are a path that does not work; one or two may be its answer that was lost.
const MIN_UNCONFIRMED: usize = 3;

/// Returns the finding of `canary` at `at`, from its `mails`, the newest first, of which one is due `every` so long.
pub fn evaluate_canary(mails: &[CanaryMail], every: Duration, at: Timestamp) -> Finding {
    let past = || mails.iter().filter(|mail| mail.sent_at <= at);
    let known = past().find_map(|mail| Some((mail, verdict(mail, at)?)));
    let fresh = known.filter(|(mail, _)| at.since(mail.sent_at) <= every + MAX_LATENESS);
    let last_delivered = past().filter_map(|mail| mail.delivered_at).max();
    let unconfirmed: Vec<&CanaryMail> = past().take_while(|mail| is_unconfirmed(mail)).collect();
    let unconfirmed = unconfirmed
        .last()
        .filter(|_| fresh.is_none() && unconfirmed.len() >= MIN_UNCONFIRMED);
    let evidence = CanaryEvidence {
        sent_at: fresh
            .map(|(mail, _)| mail.sent_at)
            .or(unconfirmed.map(|first| first.sent_at)),
        outcome: fresh.map_or(CanaryOutcome::Pending, |(mail, _)| mail.outcome.clone()),
        message: fresh.and_then(|(mail, _)| mail.id.clone()),
        last_delivered,
    };
    let verdict = match (fresh, unconfirmed) {
        (Some((_, verdict)), _) => verdict,
        (None, Some(_)) => Verdict::Breach,
        (None, None) => Verdict::Unknown,
    };
    Finding::new(
        Rule::Canary,
        verdict,
        Severity::Warn,
        Evidence::Canary(evidence),
    )
}

/// Whether nobody knows whether Postmark took a mail.
fn is_unconfirmed(mail: &CanaryMail) -> bool {
    mail.outcome == CanaryOutcome::Pending && mail.id.is_none()
}

/// Returns what a mail says; `None` of one that may still be delivered, or of which nobody knows whether Postmark took it.
fn verdict(mail: &CanaryMail, at: Timestamp) -> Option<Verdict> {
    match &mail.outcome {
        CanaryOutcome::Delivered => Some(Verdict::Within),
        CanaryOutcome::Bounced | CanaryOutcome::Refused(_) => Some(Verdict::Breach),
        CanaryOutcome::Pending => {
            let is_late = at.since(mail.sent_at) >= MAX_DELIVERY_TIME;
            (mail.id.is_some() && is_late).then_some(Verdict::Breach)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MINUTE;

    const T: Timestamp = Timestamp::from_secs(1_772_539_200);

    fn mail(minutes_ago: u32, outcome: CanaryOutcome) -> CanaryMail {
        let sent_at = T - minutes_ago * MINUTE;
        let is_refused = matches!(outcome, CanaryOutcome::Refused(_));
        CanaryMail {
            sent_at,
            id: (!is_refused).then(|| "b7bc2f4a".to_owned()),
            delivered_at: (outcome == CanaryOutcome::Delivered).then(|| sent_at + MINUTE),
            outcome,
        }
    }

    fn verdict_of(mails: &[CanaryMail]) -> Verdict {
        evaluate_canary(mails, HOUR, T).verdict
    }

    #[test]
    fn the_newest_mail_that_says_anything_decides() {
        use CanaryOutcome::{Bounced, Delivered, Pending, Refused};
        let refused = || Refused("the token".to_owned());
        for (mails, expected) in [
            (vec![], Verdict::Unknown),
            (vec![mail(0, Pending)], Verdict::Unknown),
            (vec![mail(0, Pending), mail(60, Delivered)], Verdict::Within),
            (vec![mail(0, Pending), mail(60, Pending)], Verdict::Breach),
            (vec![mail(5, Pending), mail(60, Bounced)], Verdict::Breach),
            (
                vec![mail(0, refused()), mail(60, Delivered)],
                Verdict::Breach,
            ),
            (
                vec![mail(5, Delivered), mail(60, refused())],
                Verdict::Within,
            ),
            (vec![mail(300, Delivered)], Verdict::Unknown),
            (vec![mail(300, Bounced)], Verdict::Unknown),
        ] {
            assert_eq!(verdict_of(&mails), expected, "{mails:?}");
        }
    }

    #[test]
    fn a_mail_without_an_answer_says_nothing() {
        let unanswered = CanaryMail {
            id: None,
            ..mail(90, CanaryOutcome::Pending)
        };
        assert_eq!(verdict_of(&[unanswered]), Verdict::Unknown);
    }

    #[test]
    fn mails_that_postmark_never_confirms_are_a_path_that_does_not_work() {
        let tried = |hours_ago: u32| CanaryMail {
            id: None,
            ..mail(60 * hours_ago, CanaryOutcome::Pending)
        };
        let before = mail(300, CanaryOutcome::Delivered);
        let of = |hours: &[u32]| {
            let tried = hours.iter().map(|hours_ago| tried(*hours_ago));
            let mails: Vec<CanaryMail> = tried.chain([before.clone()]).collect();
            evaluate_canary(&mails, HOUR, T)
        };
        assert_eq!(of(&[0, 1]).verdict, Verdict::Unknown);
        let found = of(&[0, 1, 2, 3, 4]);
        assert_eq!(found.verdict, Verdict::Breach);
        let Evidence::Canary(evidence) = found.evidence else {
            panic!("another rule");
        };
        assert_eq!(evidence.sent_at, Some(T - 240 * MINUTE));
        assert_eq!(evidence.message, None);
        assert_eq!(evidence.last_delivered, before.delivered_at);
    }
}
