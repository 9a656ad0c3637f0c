//! Sampled mail that is not delivered, as all the rules say it.

use super::*;

fn sampled_message(sent_at: Timestamp, checked_at: Timestamp, delivered: bool) -> SampledMessage {
    let delivered_at = delivered.then_some(sent_at + MINUTE);
    SampledMessage {
        sent_at,
        checked_at: Some(checked_at),
        delivered_at,
        bounced_at: None,
        bounce: None,
        listed_bounce_at: None,
        queued: false,
        unreadable: false,
    }
}

#[test]
fn three_overdue_in_a_row_are_delivery_silence_and_one_delivered_after_them_is_not() {
    let at = start() + DAY;
    let verdict = |delivered: &[bool]| {
        let mail = delivered.iter().enumerate().map(|(i, d)| {
            sampled_message(
                at - 4 * HOUR + MINUTE * 20 * u32::try_from(i).expect("few"),
                at,
                *d,
            )
        });
        let history = History {
            sampled: mail.collect(),
            ..history([], at)
        };
        find(&history, at, &Rules::default(), Rule::DeliverySilence).verdict
    };
    assert_eq!(verdict(&[]), Verdict::Unknown);
    assert_eq!(verdict(&[true, true, true]), Verdict::Within);
    assert_eq!(verdict(&[true, false, false]), Verdict::Unresolved);
    assert_eq!(verdict(&[true, false, false, false]), Verdict::Breach);
    assert_eq!(verdict(&[false, false, false, true]), Verdict::Within);
}

#[test]
fn mail_that_nobody_looked_at_since_it_was_due_is_not_overdue() {
    let at = start() + DAY;
    let mail = (0..5).map(|i| {
        sampled_message(
            at - 4 * HOUR + MINUTE * i,
            at - 4 * HOUR + MINUTE * 10,
            false,
        )
    });
    let history = History {
        sampled: mail.collect(),
        ..history([], at)
    };
    assert_eq!(
        find(&history, at, &Rules::default(), Rule::DeliverySilence).verdict,
        Verdict::Unknown
    );
}
