//! The first message of a database.

use crate::model::Timestamp;
use crate::store::sql::Scope;
use crate::store::sql::hello::mark_anew;
use crate::store::{Database, DueHello};

use super::{LEASE, T0, message};

const DUE: Option<DueHello> = Some(DueHello { is_anew: false });

pub(super) fn a_new_database_greets_once(b: &mut Database) {
    assert_eq!(b.due_hello().expect("read"), DUE);
    let hello = message("hello");
    assert!(b.save_hello(Some(&hello), T0).expect("stored"));
    assert_eq!(b.due_hello().expect("read"), None);
    assert!(!b.save_hello(Some(&hello), T0).expect("asked"));
    let rows = b.due_rows(Timestamp::MAX, LEASE).expect("read");
    assert_eq!(rows.len(), 1, "{rows:?}");
}

pub(super) fn a_hello_that_nobody_wants_is_not_due_again(b: &mut Database) {
    assert!(b.save_hello(None, T0).expect("stored"));
    assert_eq!(b.due_hello().expect("read"), None);
    assert!(!b.save_hello(Some(&message("hello")), T0).expect("asked"));
    assert_eq!(b.due_rows(Timestamp::MAX, LEASE).expect("read"), []);
}

pub(super) fn a_database_that_began_anew_says_so(b: &mut Database) {
    b.write(Scope::All, mark_anew).expect("stored");
    let due = Some(DueHello { is_anew: true });
    assert_eq!(b.due_hello().expect("read"), due);
    assert!(b.save_hello(Some(&message("hello")), T0).expect("stored"));
    assert_eq!(b.due_hello().expect("read"), None);
}

/// A file in whose place there was another: its disk reserve is still there.
#[test]
fn a_file_beside_the_reserve_of_another_began_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hushwatch.db");
    let is_anew = |path| {
        let mut database = Database::open_sqlite(path).expect("opened");
        database.due_hello().expect("read").map(|due| due.is_anew)
    };
    assert_eq!(is_anew(&path), Some(false), "the first one");
    let reserve = folder.path().join("hushwatch.db-reserve");
    std::fs::write(reserve, "").expect("written");
    assert_eq!(is_anew(&path), Some(false), "it is still the first one");
    std::fs::remove_file(&path).expect("removed");
    assert_eq!(is_anew(&path), Some(true));
    assert_eq!(is_anew(&path), Some(true), "until it says so");
}
