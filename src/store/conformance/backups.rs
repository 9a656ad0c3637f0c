//! A copy of the file, made while others write, and put back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use crate::store::{AttemptResult, CycleCommit, Database, Error, Problem, back_up, restore};

use super::copies::full;
use super::{T0, at, mail, message, save, sent};

struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("read");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<String> = names.map(|n| n.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// A database with so many messages of mail at `name`, closed.
    fn with_mail(&self, name: &str, messages: usize) {
        let mut open = Database::open_sqlite(&self.path(name)).expect("created");
        let mails: Vec<_> = (0..messages)
            .map(|n| mail(&format!("m{n}"), at(5)))
            .collect();
        save(&mut open, &mails, None);
    }

    fn mail_in(&self, name: &str) -> u64 {
        let mut open = Database::open_sqlite(&self.path(name)).expect("opened");
        sent(&mut open, 0, 1)
    }
}

fn refused(done: Result<impl std::fmt::Debug, Error>) -> String {
    let error = done.expect_err("it must be refused");
    assert!(matches!(error.problem(), Problem::Refused(_)), "{error}");
    error.to_string()
}

#[test]
fn a_backup_is_whole_while_another_process_writes() {
    let scene = Scene::new();
    let path = scene.path("hushwatch.db");
    full(&path);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = Database::open_sqlite(&path).expect("opened");
            let mut nth = 0;
            while !ended.load(Ordering::Relaxed) {
                nth += 1;
                save(&mut writer, &[mail(&format!("w{nth}"), at(5))], None);
            }
        });
        for _ in 0..5 {
            let facts = back_up(&path, &scene.path("backup.db")).expect("a backup");
            assert_eq!(
                (facts.schema, facts.pending),
                (crate::store::sql::schema::NEWEST, 1)
            );
            assert_eq!(facts.open_incidents, 2);
            assert!(
                facts.last_cycle_at.is_some() && facts.bytes > 100_000,
                "{facts:?}"
            );
        }
        ended.store(true, Ordering::Relaxed);
    });
    let backup = fs::metadata(scene.path("backup.db")).expect("there");
    assert_eq!(backup.permissions().mode() & 0o777, 0o600);
    let beside = scene
        .names()
        .into_iter()
        .filter(|name| name.starts_with("backup"));
    assert_eq!(
        beside.collect::<Vec<_>>(),
        ["backup.db"],
        "one file is all of it"
    );
}

#[test]
fn a_backup_that_cannot_be_written_leaves_the_last_one() {
    let scene = Scene::new();
    scene.with_mail("hushwatch.db", 1);
    fs::create_dir(scene.path("backup.db.unfinished")).expect("in the way");
    fs::write(scene.path("backup.db"), "the last one").expect("written");
    let error =
        back_up(&scene.path("hushwatch.db"), &scene.path("backup.db")).expect_err("in the way");
    assert!(error.to_string().contains("back up "), "{error}");
    let last = fs::read(scene.path("backup.db")).expect("read");
    assert_eq!(last, b"the last one");
    let error = back_up(&scene.path("hushwatch.db"), &scene.path("none/backup.db"));
    let error = error.expect_err("no folder").to_string();
    assert!(error.contains("no such folder; create it"), "{error}");
}

#[test]
fn a_backup_takes_the_place_of_the_database_which_is_kept() {
    let scene = Scene::new();
    let (place, backup) = (scene.path("hushwatch.db"), scene.path("backup.db"));
    scene.with_mail("hushwatch.db", 3);
    back_up(&place, &backup).expect("a backup");
    scene.with_mail("hushwatch.db", 8);
    let why = refused(restore(&backup, &place, false));
    assert!(why.contains("use --force"), "{why}");
    let restored = restore(&backup, &place, true).expect("restored");
    let kept = restored.replaced.expect("kept");
    assert_eq!(kept, scene.path("hushwatch.db.before-restore"));
    assert_eq!(scene.mail_in("hushwatch.db"), 3);
    assert_eq!(scene.mail_in("hushwatch.db.before-restore"), 8);
    assert_eq!(
        fs::metadata(&place).expect("there").permissions().mode() & 0o777,
        0o600
    );
    let again = restore(&backup, &place, true).expect("restored");
    assert_eq!(
        again.replaced,
        Some(scene.path("hushwatch.db.before-restore-2"))
    );
}

/// What `cp` or `litestream restore` leaves: the file of the past and the log of the present, which `SQLite` would play into it.
#[test]
fn a_log_that_was_left_is_not_played_into_the_restored_file() {
    let scene = Scene::new();
    let (place, backup) = (scene.path("hushwatch.db"), scene.path("backup.db"));
    scene.with_mail("open.db", 3);
    back_up(&scene.path("open.db"), &backup).expect("a backup");
    let mut open = Database::open_sqlite(&scene.path("open.db")).expect("opened");
    save(&mut open, &[mail("late", at(5))], None);
    for is_there in [false, true] {
        for suffix in ["-wal", "-shm"] {
            let (from, to) = (format!("open.db{suffix}"), format!("hushwatch.db{suffix}"));
            fs::copy(scene.path(&from), scene.path(&to)).expect("copied");
        }
        if is_there {
            fs::copy(scene.path("open.db"), &place).expect("copied");
        }
        restore(&backup, &place, true).expect("restored");
        assert_eq!(scene.mail_in("hushwatch.db"), 3, "{is_there}");
        fs::remove_file(&place).expect("removed");
    }
    let log = scene.path("backup.db-wal");
    fs::copy(scene.path("open.db-wal"), &log).expect("copied");
    let why = refused(restore(&backup, &place, true));
    assert!(why.contains("backup.db-wal lies beside it"), "{why}");
    assert!(log.exists() && !place.exists(), "nothing was touched");
}

#[test]
fn a_database_that_is_open_elsewhere_is_not_replaced() {
    let scene = Scene::new();
    let (place, backup) = (scene.path("hushwatch.db"), scene.path("backup.db"));
    scene.with_mail("hushwatch.db", 3);
    back_up(&place, &backup).expect("a backup");
    let idle = Database::open_sqlite(&place).expect("opened");
    let error = restore(&backup, &place, true).expect_err("a daemon has it");
    assert!(
        error.to_string().contains("stop `hushwatch run`"),
        "{error}"
    );
    drop(idle);
    assert!(!scene.path("hushwatch.db.before-restore").exists());
    restore(&backup, &place, true).expect("nobody has it");
}

#[test]
fn a_damaged_database_is_replaced_by_a_whole_one_and_never_the_other_way() {
    let scene = Scene::new();
    let (place, backup) = (scene.path("hushwatch.db"), scene.path("backup.db"));
    scene.with_mail("hushwatch.db", 3);
    back_up(&place, &backup).expect("a backup");
    let whole = fs::read(&backup).expect("read");
    let mut damaged = whole.clone();
    damaged[4096..8192].fill(0xaa);
    fs::write(&place, &damaged).expect("written");
    restore(&backup, &place, true).expect("restored");
    assert_eq!(scene.mail_in("hushwatch.db"), 3);
    let cut = &whole[..whole.len() / 2];
    for (bytes, what) in [(&damaged[..], "damaged"), (cut, "cut"), (b"hello", "text")] {
        fs::write(scene.path("bad.db"), bytes).expect("written");
        let why = refused(restore(&scene.path("bad.db"), &place, true));
        assert!(
            why.contains("it is damaged or no database"),
            "{what}: {why}"
        );
        assert_eq!(scene.mail_in("hushwatch.db"), 3, "{what}");
    }
}

#[test]
fn what_is_no_database_of_ours_is_refused() {
    let scene = Scene::new();
    let place = scene.path("hushwatch.db");
    let other = Connection::open(scene.path("other.db")).expect("created");
    other
        .execute_batch("CREATE TABLE servers (x)")
        .expect("written");
    drop(other);
    scene.with_mail("newer.db", 1);
    let newer = Connection::open(scene.path("newer.db")).expect("opened");
    let sql =
        "UPDATE schema SET least = 99; PRAGMA user_version = 99; PRAGMA journal_mode = DELETE;";
    newer.execute_batch(sql).expect("written");
    drop(newer);
    let of = |name: &str| {
        restore(&scene.path(name), &place, true)
            .expect_err("refused")
            .to_string()
    };
    assert!(
        of("other.db").contains("no database of hushwatch"),
        "{}",
        of("other.db")
    );
    assert!(
        of("newer.db").contains("use the newer hushwatch"),
        "{}",
        of("newer.db")
    );
    assert!(of("none.db").contains("no such file"), "{}", of("none.db"));
    assert!(of(".").contains("it is no file"), "{}", of("."));
    assert!(!place.exists());
}

/// The backup of an older version is brought up to date, and the file itself is left as it is.
#[test]
fn a_backup_of_an_older_version_is_restored() {
    let scene = Scene::new();
    let old = Connection::open(scene.path("old.db")).expect("created");
    old.pragma_update(None, "foreign_keys", false).expect("set");
    let dump = include_str!("../../../tests/data/upgrade/0347048.sql");
    old.execute_batch(dump).expect("the dump is read");
    drop(old);
    let facts = back_up(&scene.path("old.db"), &scene.path("backup.db")).expect("a backup");
    assert_eq!(facts.schema, 9);
    let before = fs::read(scene.path("backup.db")).expect("read");
    let place = scene.path("hushwatch.db");
    let restored = restore(&scene.path("backup.db"), &place, false).expect("restored");
    assert_eq!((restored.facts.schema, restored.in_doubt), (9, 1));
    assert_eq!(fs::read(scene.path("backup.db")).expect("read"), before);
    Database::open_sqlite(&place).expect("up to date");
    // Litestream's own tables are in the file that it restores.
    let file = Connection::open(scene.path("backup.db")).expect("opened");
    let sql = "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER); CREATE TABLE _litestream_lock (id INTEGER);";
    file.execute_batch(sql).expect("written");
    drop(file);
    restore(&scene.path("backup.db"), &place, true).expect("restored all the same");
    Database::open_sqlite(&place).expect("opened all the same");
}

fn pending(open: &mut Database) -> Vec<crate::store::OutboxRow> {
    open.due_rows(at(10_000), Duration::ZERO).expect("read")
}

#[test]
fn what_waited_when_the_backup_was_made_may_have_been_sent_since() {
    let scene = Scene::new();
    let (place, backup) = (scene.path("hushwatch.db"), scene.path("backup.db"));
    let mut open = Database::open_sqlite(&place).expect("created");
    let commit = CycleCommit {
        at: Some(T0),
        messages: vec![message("accepted"), message("waits")],
        ..CycleCommit::default()
    };
    open.commit(&commit).expect("stored");
    let first = pending(&mut open)[0].seq;
    assert!(
        open.claim_row(first, at(1), Duration::ZERO)
            .expect("claimed")
    );
    let accepted = AttemptResult::Accepted {
        channel: None,
        ts: None,
    };
    open.record_attempt(first, at(1), at(2), &accepted)
        .expect("recorded");
    back_up(&place, &backup).expect("a backup");
    assert!(
        pending(&mut open)
            .iter()
            .all(|row| row.unconfirmed.is_none())
    );
    drop(open);
    let restored = restore(&backup, &place, true).expect("restored");
    assert_eq!(restored.in_doubt, 1);
    let mut open = Database::open_sqlite(&place).expect("opened");
    let rows = pending(&mut open);
    assert_eq!(rows.len(), 1, "what was accepted never comes back");
    let doubt = rows[0].unconfirmed.expect("in doubt");
    assert_eq!((doubt.since, doubt.unanswered), (rows[0].created_at, 0));
}

#[test]
fn the_file_itself_and_a_link_to_it_are_no_backup_of_it() {
    let scene = Scene::new();
    scene.with_mail("hushwatch.db", 1);
    let (place, link) = (scene.path("hushwatch.db"), scene.path("link.db"));
    std::os::unix::fs::symlink(&place, &link).expect("linked");
    for file in [Path::new(&place), &link] {
        let why = refused(restore(file, &place, true));
        assert!(why.contains("the file to restore from"), "{why}");
    }
    assert_eq!(scene.mail_in("hushwatch.db"), 1);
    // Where the database is a link, its file is replaced and the link stays.
    let backup = scene.path("backup.db");
    back_up(&link, &backup).expect("a backup");
    scene.with_mail("hushwatch.db", 4);
    restore(&backup, &link, true).expect("restored");
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(scene.mail_in("hushwatch.db"), 1);
}
