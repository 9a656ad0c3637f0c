//! What Postmark's statistics said of refused mail.

use crate::model::{DAY, HOUR, ServerName, SmtpErrorDay};
use crate::store::Database;

use super::{T0, shop};

fn day(days: u32, errors: u64, asked_hours: u32) -> SmtpErrorDay {
    SmtpErrorDay {
        day: T0 + DAY * days,
        errors,
        sent: 7,
        risen_at: (errors > 0).then(|| T0 + HOUR * asked_hours),
        asked_at: T0 + HOUR * asked_hours,
    }
}

pub(super) fn days_come_back_in_order_and_a_later_reading_replaces_an_earlier_one(
    b: &mut Database,
) {
    assert_eq!(b.smtp_error_days(&shop()).expect("read"), []);
    let other = ServerName::from("other");
    b.save_smtp_error_days(&shop(), &[day(1, 0, 30), day(0, 3, 30)])
        .expect("saved");
    b.save_smtp_error_days(&other, &[day(0, 1, 10)])
        .expect("saved");
    b.save_smtp_error_days(&shop(), &[day(1, 5, 40)])
        .expect("saved");
    let known = [day(0, 3, 30), day(1, 5, 40)];
    assert_eq!(b.smtp_error_days(&shop()).expect("read"), known);
    // A clock that was wrong takes back what it asked, and old days go with the rows.
    b.rewind(T0 + HOUR * 30).expect("rewound");
    assert_eq!(b.smtp_error_days(&shop()).expect("read"), known[..1]);
    assert_eq!(b.smtp_error_days(&other).expect("read").len(), 1);
    b.prune(T0 + DAY, T0).expect("pruned");
    assert_eq!(b.smtp_error_days(&shop()).expect("read"), []);
}

pub(super) fn days_go_with_the_name_of_their_server(b: &mut Database) {
    let (old, new) = (shop(), ServerName::from("store"));
    b.save_account_servers(&[(old.clone(), 1)], T0, |_| Vec::new())
        .expect("saved");
    b.save_smtp_error_days(&old, &[day(0, 3, 1)])
        .expect("saved");
    b.save_account_servers(&[(new.clone(), 1)], T0, |_| Vec::new())
        .expect("saved");
    assert_eq!(b.smtp_error_days(&old).expect("read"), []);
    assert_eq!(b.smtp_error_days(&new).expect("read"), [day(0, 3, 1)]);
}
