//! What is known of the operator's own addresses.

use crate::model::{AddressCheck, Suppressed};
use crate::store::Database;

use super::{at, bounce, history, save_bounces, shop_outbound, span};

fn check(address: &str, seconds: i64, reason: Option<&str>) -> AddressCheck {
    AddressCheck {
        address: address.to_owned(),
        at: at(seconds),
        found: reason.map(|reason| Suppressed {
            address: address.to_owned(),
            reason: reason.to_owned(),
            since: Some(at(-500)),
        }),
    }
}

fn save(b: &mut Database, check: &AddressCheck) {
    b.save_address_check(&shop_outbound(), check)
        .expect("saved");
}

fn known(b: &mut Database) -> Vec<AddressCheck> {
    b.address_checks(&shop_outbound()).expect("read")
}

pub(super) fn the_latest_answer_of_each_address_is_kept(b: &mut Database) {
    assert_eq!(known(b), [], "nothing is known of a new stream");
    let (ops, me) = (
        check("ops@example.com", 10, Some("HardBounce")),
        check("me@example.com", 20, None),
    );
    save(b, &ops);
    save(b, &me);
    assert_eq!(known(b), [me.clone(), ops]);
    let later = check("ops@example.com", 30, None);
    save(b, &later);
    assert_eq!(known(b), [me.clone(), later.clone()]);
    assert_eq!(history(b, span(0, 3600), &[]).checks, [me, later]);
}

pub(super) fn the_last_bounce_of_an_address_is_found_whatever_its_capitals(b: &mut Database) {
    let bounces = [
        bounce(1, "HardBounce", None, at(20)),
        bounce(2, "Blocked", None, at(30)),
        bounce(3, "SoftBounce", None, at(40)),
    ];
    save_bounces(b, &bounces);
    let mut last = |address: &str, since| {
        let found = b.last_bounce_to(&shop_outbound(), address, at(since));
        found.expect("read")
    };
    assert_eq!(last(" Gone@Example.com", 0), Some(at(30)));
    assert_eq!(last("gone@example.com", 31), None);
    assert_eq!(last("other@example.com", 0), None);
}

pub(super) fn what_a_wrong_clock_asked_is_forgotten(b: &mut Database) {
    save(b, &check("ops@example.com", 10, None));
    save(b, &check("me@example.com", 500, None));
    b.rewind(at(100)).expect("rewound");
    assert_eq!(known(b), [check("ops@example.com", 10, None)]);
}

pub(super) fn an_answer_is_pruned_with_the_rows(b: &mut Database) {
    save(b, &check("ops@example.com", 10, None));
    b.prune(at(10), at(0)).expect("pruned");
    assert_eq!(known(b).len(), 1);
    b.prune(at(11), at(0)).expect("pruned");
    assert_eq!(known(b), []);
}
