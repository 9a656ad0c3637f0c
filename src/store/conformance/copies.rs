//! A store copied into another, and back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use crate::model::{MINUTE, Timestamp};
use crate::secret::Secret;
use crate::store::sql::tables::TABLES;
use crate::store::{CycleLock, Database, Error, Place, Problem, copy};

use super::{message, shop};

/// The database of the first release, and a row of each kind that later versions keep.
const FIRST_RELEASE: &str = include_str!("../../../tests/data/upgrade/0347048.sql");
const LATER_ROWS: &str = "
    INSERT INTO tags (key, name) VALUES (3, 'receipt'), (9, 'quittung ✉');
    INSERT INTO counted VALUES (1, 0, 1772000000000, 1772003600000, 1234, NULL);
    INSERT INTO packed_hours VALUES (1, 0, 1771459200000, X'00112233445566778899aabbccddeeff', X'00ff');
    INSERT INTO packed_samples VALUES (1, 1771459200000, X'00112233445566778899aabbccddeeff', X'00ff');
    INSERT INTO notes VALUES (4, 1772500000000, 'shop', 'a note');
    INSERT INTO digests VALUES (1772500000000, 1772413600000, 1);
    INSERT INTO feedback VALUES ('jbeqp4ec', 'false_alarm', 'ops', 1772600000000);
    INSERT INTO reactions VALUES (1, 1772600000000, '{}');
    INSERT INTO canary VALUES (1772600000000, NULL, 'pending', NULL, NULL);
    INSERT INTO reported_tokens VALUES ('shop', 1772600000000);
    INSERT INTO smtp_errors VALUES ('shop', 1772514000000, 12, 340, 1772600000000, 1772600000000);
    INSERT INTO rule_starts VALUES ('domain_blocks', 1772600000000);
    INSERT INTO sending_domains VALUES ('shop', 'example.com', 1772600000000);
    INSERT INTO senders_asked VALUES ('shop', 1772600000000);
    INSERT INTO dns_records VALUES ('example.com', 'DMARC policy', 'reject', 2, 1772600000000, NULL, NULL, NULL, 1772600000000);
    INSERT INTO learned VALUES ('shop', 'outbound', 'receipt', 1772600000000, X'00112233445566778899aabbccddeeff', X'0102ff00');
    INSERT INTO learned_deliveries VALUES ('shop', 'outbound', 1772600000000, X'00112233445566778899aabbccddeeff', X'0102ff00');
    UPDATE servers SET streams_listed_at = 1772600000000, streams_listed_for = '00ff';
    UPDATE streams SET judged_from = 1772600000000;
    UPDATE mutes SET reason = 'nul ' || char(0) || ' in it';
    UPDATE sqlite_sequence SET seq = 77 WHERE name = 'outbox';";

fn file(folder: &tempfile::TempDir, name: &str) -> PathBuf {
    folder.path().join(name)
}

/// A database in the newest schema with a row in every table.
pub(super) fn full(path: &Path) {
    let old = Connection::open(path).expect("created");
    old.pragma_update(None, "foreign_keys", false).expect("set");
    old.execute_batch(FIRST_RELEASE).expect("the dump is read");
    drop(old);
    drop(Database::open_sqlite(path).expect("brought up to date"));
    let file = Connection::open(path).expect("opened");
    file.execute_batch(LATER_ROWS).expect("written");
    for table in TABLES {
        let sql = format!("SELECT count(*) FROM {}", table.name);
        let rows: i64 = file.query_row(&sql, [], |row| row.get(0)).expect("counted");
        assert!(rows > 0, "write a row of {} into LATER_ROWS", table.name);
    }
}

fn at_path(path: &Path) -> Place {
    Place::File(path.to_owned())
}

/// Everything in a file, as text, by table.
fn dump(path: &Path) -> Vec<String> {
    let file = Connection::open(path).expect("opened");
    let mut lines = Vec::new();
    for table in TABLES {
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|c| format!("quote({c})"))
            .collect();
        let sql = format!(
            "SELECT '{} ' || {} FROM {} ORDER BY 1",
            table.name,
            columns.join(" || ' ' || "),
            table.name
        );
        let mut statement = file.prepare(&sql).expect("valid");
        let rows = statement.query_map([], |row| row.get(0)).expect("asked");
        lines.extend(rows.map(|row| row.expect("a line")));
    }
    lines
}

/// The number that the next message in a file gets.
fn next_message(path: &Path) -> i64 {
    let mut database = Database::open_sqlite(path).expect("opened");
    database
        .save_hello(Some(&message("next")), super::T0)
        .expect("stored");
    drop(database);
    let file = Connection::open(path).expect("opened");
    let sql = "SELECT max(seq) FROM outbox";
    file.query_row(sql, [], |row| row.get(0)).expect("a row")
}

fn refused(copied: Result<impl std::fmt::Debug, Error>) -> String {
    let error = copied.expect_err("it must be refused");
    assert!(matches!(error.problem(), Problem::Refused(_)), "{error}");
    error.to_string()
}

#[test]
fn a_file_is_copied_into_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (file(&folder, "from.db"), file(&folder, "to.db"));
    full(&from);
    let copied = copy(&at_path(&from), &at_path(&to)).expect("copied");
    assert_eq!(copied.tables.len(), TABLES.len());
    let told: u64 = copied.tables.iter().map(|table| table.rows).sum();
    let lines = dump(&to);
    assert_eq!(told, lines.len() as u64);
    let (lines, others): (Vec<_>, Vec<_>) = lines.into_iter().partition(|l| !l.contains("nul "));
    let (source, in_source): (Vec<_>, Vec<_>) =
        dump(&from).into_iter().partition(|l| !l.contains("nul "));
    assert_eq!(lines, source);
    assert_eq!((others.len(), in_source.len()), (1, 1));
    assert!(others[0].contains('\u{fffd}'), "{others:?}");
    forget_hello(&to);
    assert_eq!(next_message(&to), 78, "no number is drawn twice");
}

/// So that the next message can be the first one.
fn forget_hello(path: &Path) {
    let file = Connection::open(path).expect("opened");
    file.execute("DELETE FROM hello", []).expect("deleted");
}

#[test]
fn what_is_there_is_neither_overwritten_nor_mixed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (file(&folder, "from.db"), file(&folder, "to.db"));
    full(&from);
    let mut used = Database::open_sqlite(&to).expect("created");
    used.server_state(&shop(), super::T0).expect("a row");
    drop(used);
    let before = dump(&to);
    let why = refused(copy(&at_path(&from), &at_path(&to)));
    assert!(
        why.contains("holds data already (in its table servers)"),
        "{why}"
    );
    let why = refused(copy(
        &at_path(&from),
        &at_path(&file(&folder, "none/to.db")),
    ));
    assert!(why.contains("there is no folder"), "{why}");
    assert_eq!(dump(&to), before);
    let why = refused(copy(&at_path(&from), &at_path(&from)));
    assert!(why.contains("the same database"), "{why}");
    let why = refused(copy(&at_path(&file(&folder, "none.db")), &at_path(&to)));
    assert!(why.contains("there is no file"), "{why}");
    assert!(!file(&folder, "none.db").exists());
}

#[test]
fn a_file_that_is_in_use_is_not_copied() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (file(&folder, "from.db"), file(&folder, "to.db"));
    full(&from);
    let idle = Database::open_sqlite(&from).expect("opened");
    let error = copy(&at_path(&from), &at_path(&to)).expect_err("a daemon has it");
    assert!(
        error.to_string().contains("another process has it open"),
        "{error}"
    );
    drop(idle);
    let lock = CycleLock::try_take(&from).expect("asked").expect("free");
    let error = copy(&at_path(&from), &at_path(&to)).expect_err("a cycle has it");
    assert!(
        error.to_string().contains("another process has it open"),
        "{error}"
    );
    drop(lock);
    assert!(!to.exists(), "nothing is left");
    copy(&at_path(&from), &at_path(&to)).expect("free");
}

/// As a daemon on a server has it, which keeps no connection between its cycles.
#[test]
fn a_database_on_which_somebody_has_a_lease_is_not_copied_until_it_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (file(&folder, "from.db"), file(&folder, "to.db"));
    full(&from);
    let hold = |ttl| {
        let mut daemon = Database::open_sqlite(&from).expect("opened");
        let held = daemon.acquire_lease("daemon", "one", ttl, false);
        held.expect("taken");
        daemon.clock().expect("the clock")
    };
    let now = hold(3 * MINUTE);
    let error = copy(&at_path(&from), &at_path(&to)).expect_err("somebody works on it");
    let said = error.to_string();
    let (why, until) = said.rsplit_once(' ').expect("an instant");
    assert_eq!(
        why,
        "failed to copy: a hushwatch works on the database to copy from; stop every one of them, then try again: one that was killed \
         counts as at work until"
    );
    let until = Timestamp::parse(until).expect("an instant");
    assert!(until > now && until <= now + 3 * MINUTE, "{said}");
    assert!(!to.exists(), "nothing is left");
    hold(Duration::ZERO);
    copy(&at_path(&from), &at_path(&to)).expect("nobody does");
}

#[test]
fn a_schema_of_another_version_is_not_copied() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (file(&folder, "from.db"), file(&folder, "to.db"));
    full(&from);
    for (version, remedy) in [(18, "migrate brings it up to date"), (99, "use the newer")] {
        let old = Connection::open(&from).expect("opened");
        old.pragma_update(None, "user_version", version)
            .expect("set");
        drop(old);
        let error = copy(&at_path(&from), &at_path(&to)).expect_err("another version");
        assert!(error.to_string().contains(remedy), "{error}");
        assert!(!to.exists(), "{version}: nothing is left");
    }
}

#[test]
fn a_url_names_a_place_and_shows_no_password() {
    let parse = |url: &str| Place::parse(&Secret::verbatim(url.to_owned()));
    for url in ["/data/a.db", "sqlite:/data/a.db", "sqlite:///data/a.db"] {
        assert_eq!(parse(url), Ok(at_path(Path::new("/data/a.db"))), "{url}");
    }
    assert_eq!(parse("sqlite:a.db"), Ok(at_path(Path::new("a.db"))));
    for url in [
        "",
        "sqlite:",
        ":memory:",
        "mysql://u:hunter2@db/app",
        "https://hunter2",
    ] {
        let why = parse(url).expect_err("no place");
        assert!(
            why.contains("sqlite:PATH") && !why.contains("hunter2"),
            "{why}"
        );
    }
    let shown = match parse("postgres://u:hunter2@db.example.com/app") {
        Ok(place) => format!("{place} {place:?}"),
        Err(why) => why,
    };
    assert!(!shown.contains("hunter2"), "{shown}");
    let why = parse("postgres://u:hunter2@:x/app").expect_err("no host, no port");
    assert!(!why.contains("hunter2"), "{why}");
}

#[cfg(feature = "postgres")]
mod with_a_server {
    use super::*;
    use crate::database::Address;

    fn server(url: &str) -> Place {
        let (address, _) = Address::parse(url).expect("a valid URL");
        Place::Postgres(Box::new(address))
    }

    #[test]
    fn a_file_is_copied_to_a_server_and_back() {
        let Some(cluster) = super::super::cluster::cluster() else {
            return;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let (from, back) = (file(&folder, "from.db"), file(&folder, "back.db"));
        full(&from);
        let url = cluster.database();
        let there = copy(&at_path(&from), &server(&url)).expect("copied");
        let again = refused(copy(&at_path(&from), &server(&url)));
        assert!(again.contains("holds data already"), "{again}");
        // The server draws on after what is there.
        let mut database = super::super::new_postgres(&url);
        let stream = super::super::mail("m1", super::super::T0);
        super::super::save(&mut database, &[stream], None);
        drop(database);
        let other = cluster.database();
        let and_back = copy(&server(&url), &at_path(&back)).expect("copied back");
        let rows = |copied: &crate::store::Copied, name: &str| {
            let mut tables = copied.tables.iter();
            tables.find(|t| t.name == name).map(|table| table.rows)
        };
        assert_eq!(rows(&there, "outbox"), rows(&and_back, "outbox"));
        assert_eq!(
            rows(&there, "messages").map(|n| n + 1),
            rows(&and_back, "messages")
        );
        forget_hello(&back);
        assert_eq!(next_message(&back), 78, "no number is drawn twice");
        copy(&at_path(&from), &server(&other)).expect("copied");
        let once_more = file(&folder, "once-more.db");
        copy(&server(&other), &at_path(&once_more)).expect("copied back");
        let same = |path: &Path| {
            dump(path)
                .into_iter()
                .filter(|l| !l.contains("nul "))
                .collect()
        };
        let (one, other): (Vec<String>, Vec<String>) = (same(&from), same(&once_more));
        assert_eq!(one, other);
    }
}
