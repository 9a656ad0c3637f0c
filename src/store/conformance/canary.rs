//! The canary's own mails.

use crate::model::{CanaryMail, CanaryOutcome, HOUR};
use crate::store::Database;

use super::T0;

pub(super) fn mails_come_back_newest_first_and_a_later_word_replaces_an_earlier_one(
    b: &mut Database,
) {
    let mail = |hours: u32, outcome: CanaryOutcome| CanaryMail {
        sent_at: T0 + HOUR * hours,
        id: Some(format!("m{hours}")),
        delivered_at: (outcome == CanaryOutcome::Delivered).then(|| T0 + HOUR * hours),
        outcome,
    };
    let refused = CanaryOutcome::Refused("no sender".to_owned());
    let all = [
        mail(2, refused),
        mail(1, CanaryOutcome::Delivered),
        mail(0, CanaryOutcome::Bounced),
    ];
    b.save_canary_mail(&mail(1, CanaryOutcome::Pending))
        .expect("saved");
    for mail in &all {
        b.save_canary_mail(mail).expect("saved");
    }
    assert_eq!(b.canary_mails(10).expect("read"), all);
    let newest = b.canary_mails(1).expect("read");
    assert_eq!(newest, all[..2], "and the last that was delivered");
    // A clock that was wrong takes back what it dated after now.
    b.rewind(T0 + HOUR).expect("rewound");
    assert_eq!(b.canary_mails(10).expect("read"), all[1..]);
    b.prune(T0 + HOUR, T0).expect("pruned");
    assert_eq!(b.canary_mails(10).expect("read"), all[1..2]);
}
