//! What survives that the machine of the database fails.

use crate::model::ServerName;
use crate::store::Database;
use crate::store::sql::Scope;

/// Returns whether a commit in `scope` waits for the disk.
fn waits_for_the_disk(b: &mut Database, scope: Scope<'_>) -> bool {
    let (sql, waiting) = match b {
        Database::Sqlite(_) => (
            "SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous",
            "2",
        ),
        #[cfg(feature = "postgres")]
        Database::Postgres(_) => ("SELECT current_setting('synchronous_commit')", "on"),
    };
    let set = b.write(scope, |s| s.one(sql, &[], |row| row.get::<String>(0)));
    set.expect("read") == waiting
}

pub(super) fn what_was_decided_waits_for_the_disk_and_what_is_read_again_does_not(
    b: &mut Database,
) {
    let shop = ServerName("shop".to_owned());
    for _ in 0..2 {
        assert!(waits_for_the_disk(b, Scope::All));
        assert!(!waits_for_the_disk(b, Scope::Server(&shop)));
    }
    let end_with_the_machine = matches!(b, Database::Sqlite(_));
    assert_eq!(waits_for_the_disk(b, Scope::Leases), !end_with_the_machine);
}
