//! What only a file can get wrong.

use std::path::Path;

use crate::model::History;
use crate::store::{CycleCommit, CycleLock, Database, Error, Problem};

use super::{T0, at, history, mail, message, save, sent, shop, shop_outbound, span};

fn refused(path: &Path) -> Error {
    match Database::open_sqlite(path) {
        Ok(_) => panic!("{} must not open", path.display()),
        Err(error) => error,
    }
}

/// Names of what lies in the folder of `path`.
fn beside(path: &Path) -> Vec<String> {
    let folder = path.parent().expect("a folder").read_dir().expect("read");
    folder
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}

#[test]
fn what_was_stored_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hushwatch.db");
    let mut first = Database::open_sqlite(&path).expect("created");
    save(&mut first, &[mail("m1", at(5))], None);
    first.server_state(&shop(), T0).expect("started");
    drop(first);
    let mut second = Database::open_sqlite(&path).expect("opened again");
    assert_eq!(sent(&mut second, 0, 1), 1);
    assert_eq!(second.first_start_at().expect("read"), Some(T0));
}

#[test]
fn two_processes_may_work_on_one_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hushwatch.db");
    let mut one = Database::open_sqlite(&path).expect("created");
    let mut other = Database::open_sqlite(&path).expect("opened");
    save(&mut one, &[mail("m1", at(5))], None);
    assert_eq!(
        save(&mut other, &[mail("m1", at(5)), mail("m2", at(6))], None),
        [1]
    );
    assert_eq!(sent(&mut one, 0, 1), 2);
}

#[test]
fn a_schema_that_became_newer_takes_no_judgement() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hushwatch.db");
    let mut opened = Database::open_sqlite(&path).expect("created");
    opened.check_schema().expect("it is ours");
    let newer = rusqlite::Connection::open(&path).expect("opened");
    let sql = "UPDATE schema SET least = 99; PRAGMA user_version = 99;";
    newer.execute_batch(sql).expect("written");
    let judgement = CycleCommit {
        messages: vec![message("late")],
        ..CycleCommit::default()
    };
    for refused in [opened.check_schema(), opened.commit(&judgement)] {
        let refused = refused.expect_err("it is newer");
        assert!(refused.is_of_newer_schema(), "{refused}");
    }
    assert_eq!(opened.count_pending().expect("rows"), 0);
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("newer.db");
    let newer = rusqlite::Connection::open(&path).expect("created");
    newer
        .execute_batch("CREATE TABLE future (x); PRAGMA user_version = 99;")
        .expect("written");
    drop(newer);
    let before = std::fs::read(&path).expect("read");
    let error = refused(&path);
    assert!(
        matches!(error.problem(), Problem::Newer { found: 99, .. }),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).expect("read"), before);
}

#[test]
fn a_newer_schema_that_this_version_may_read_is_used_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("newer.db");
    drop(Database::open_sqlite(&path).expect("created"));
    let newer = rusqlite::Connection::open(&path).expect("opened");
    newer
        .execute_batch("ALTER TABLE messages ADD COLUMN future INTEGER; PRAGMA user_version = 99;")
        .expect("brought to a newer schema");
    let mut store = Database::open_sqlite(&path).expect("opened all the same");
    save(&mut store, &[mail("m1", at(5))], None);
    assert_eq!(sent(&mut store, 0, 1), 1);
    let version: i64 = newer
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .expect("read");
    assert_eq!(version, 99);
}

#[test]
fn what_the_first_schema_left_in_the_air_is_in_doubt() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hushwatch.db");
    let old = rusqlite::Connection::open(&path).expect("created");
    old.execute_batch(include_str!("../sqlite/migrations/0001_main.sql"))
        .expect("the first schema");
    let row = "INSERT INTO outbox (created_at, kind, channel, text, body, state, unknown, claimed_at) VALUES";
    old.execute_batch(&format!(
        "{row} (1, 'alert', '', 'taken', '', 'sending', 0, 1000);
         {row} (2, 'alert', '', 'unsettled', '', 'pending', 1, 2000);
         {row} (3, 'alert', '', 'new', '', 'pending', 0, NULL);
         PRAGMA user_version = 1;"
    ))
    .expect("written");
    drop(old);
    let mut store = Database::open_sqlite(&path).expect("brought up to date");
    let rows = store.due_rows(T0, std::time::Duration::ZERO).expect("read");
    let doubts: Vec<_> = rows
        .iter()
        .map(|r| r.unconfirmed.map(|d| d.since.0))
        .collect();
    assert_eq!(doubts, [Some(1000), Some(2000), None]);
    assert!(rows.iter().all(|row| row.key.len() >= 16), "{rows:?}");
    assert_ne!(rows[0].key, rows[1].key);
}

#[test]
fn what_the_first_schema_knew_of_tags_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hushwatch.db");
    let old = rusqlite::Connection::open(&path).expect("created");
    old.execute_batch(include_str!("../sqlite/migrations/0001_main.sql"))
        .expect("the first schema");
    let from = T0.0;
    old.execute_batch(&format!(
        "INSERT INTO streams (key, server, id, watched) VALUES (1, 'shop', 'outbound', 1);
         INSERT INTO tags (key, name) VALUES (7, 'receipt');
         INSERT INTO messages (stream, id, sent_at, queued, tag)
             WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 29)
             SELECT 1, 'm' || i, {from} + i * 240000, 0, 7 FROM n;
         INSERT INTO messages (stream, id, sent_at, queued) VALUES (1, 'untagged', {from} + 5000, 0);
         INSERT INTO minutes VALUES (1, {from}, 2, {from} + 5000);
         INSERT INTO hours VALUES (1, {from}, 16, {from}, {from} + 3600000);
         PRAGMA user_version = 1;"
    ))
    .expect("written");
    drop(old);
    let mut store = Database::open_sqlite(&path).expect("brought up to date");
    let range = span(0, 7200);
    let tags = store
        .history_with_tags(&shop_outbound(), range, &[])
        .expect("read")
        .tags;
    let History { hours, sent, .. } = &tags["receipt"];
    let by_hour: Vec<_> = hours
        .iter()
        .map(|h| (h.sent, h.first_at, h.last_at))
        .collect();
    assert_eq!(by_hour, [(15, at(0), at(3360)), (15, at(3600), at(6960))]);
    assert_eq!(sent.count(range), 30);
    let all = history(&mut store, range, &[]);
    assert_eq!((all.sent.count(range), all.hours.len()), (2, 1));
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    for bytes in [b"hello".to_vec(), vec![b'#'; 5000]] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, &bytes).expect("written");
        let error = refused(&path);
        assert!(matches!(error.problem(), Problem::Damaged(_)), "{error}");
        assert!(error.to_string().contains("notes.txt"), "{error}");
        assert_eq!(std::fs::read(&path).expect("read"), bytes);
        assert_eq!(beside(&path), ["notes.txt"]);
    }
}

#[test]
fn a_folder_that_is_missing_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("missing").join("hushwatch.db");
    let error = refused(&path);
    assert!(matches!(error.problem(), Problem::NoFolder(_)), "{error}");
    let (file, missing) = (path.display(), folder.path().join("missing"));
    let said = format!(
        "failed to open the database {file}: there is no folder {}; create it, or change `store.path`",
        missing.display()
    );
    assert_eq!(error.to_string(), said);
    let error = CycleLock::try_take(&path).expect_err("no folder for the lock");
    assert!(matches!(error.problem(), Problem::Unopenable(_)), "{error}");
}

/// `SQLite` repeats the path, which was named already.
#[test]
fn what_cannot_be_opened_is_named_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = refused(folder.path());
    let said = format!(
        "failed to open the database {}: it is a folder; check `store.path` and who may write there",
        folder.path().display()
    );
    assert_eq!(error.to_string(), said);
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
    let text = Some("unable to open database file: /data/h.db".to_owned());
    let problem = Problem::from(rusqlite::Error::SqliteFailure(code, text));
    let once = Problem::Unopenable("unable to open database file".to_owned());
    assert_eq!(problem, once);
}

#[test]
fn one_cycle_at_a_time_holds_the_lock() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hushwatch.db");
    let take = || CycleLock::try_take(&path).expect("asked");
    let first = take();
    assert!(first.is_some());
    assert!(take().is_none(), "held");
    drop(first);
    assert!(take().is_some(), "free again");
}
