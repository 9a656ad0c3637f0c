//! A write-ahead log beside a database at the start: its own, after a crash, or one that another database left.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::store::sqlite::Sqlite;
use crate::store::{Database, Error, Problem};

use super::{at, mail, save, sent};

/// A folder with the files of a database whose process was killed, and a backup of it from before: `killed.db`, whose
/// messages but one are in `killed.db-wal`, and `backup.db`.
struct Scene(TempDir);

impl Scene {
    fn new() -> Self {
        let scene = Self(tempfile::tempdir().expect("a folder"));
        let path = scene.path("open.db");
        let mut open = Database::open_sqlite(&path).expect("created");
        save(&mut open, &[mail("before", at(5))], None);
        let file = Connection::open(&path).expect("opened");
        let backup = scene.path("backup.db").display().to_string();
        file.execute("VACUUM INTO ?1", [backup]).expect("copied");
        file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .expect("written");
        for nth in 0..50 {
            save(&mut open, &[mail(&format!("after-{nth}"), at(5))], None);
        }
        for suffix in ["", "-wal"] {
            scene.copy(&format!("open.db{suffix}"), &format!("killed.db{suffix}"));
        }
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn copy(&self, from: &str, to: &str) {
        fs::copy(self.path(from), self.path(to)).expect("copied");
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("read")
    }

    /// The messages in a database, which must be whole after it was closed.
    fn messages(&self, name: &str) -> Result<u64, Error> {
        let mut open = Database::open_sqlite(&self.path(name))?;
        let messages = sent(&mut open, 0, 1);
        drop(open);
        let file = Connection::open(self.path(name)).expect("opened");
        let sql = "PRAGMA integrity_check";
        let found: String = file.query_row(sql, [], |row| row.get(0)).expect("checked");
        assert_eq!(found, "ok", "{name}");
        Ok(messages)
    }
}

#[test]
fn the_log_of_a_process_that_was_killed_is_played() {
    let scene = Scene::new();
    assert_eq!(scene.messages("killed.db").expect("opened"), 51);
    assert!(!scene.path("killed.db-wal-stray").exists());
}

#[test]
fn the_log_of_another_database_is_set_aside_and_kept() {
    let scene = Scene::new();
    let log = scene.bytes("killed.db-wal");
    for nth in ["", "-2"] {
        // In place, as a copy of a backup comes.
        scene.copy("backup.db", "killed.db");
        fs::write(scene.path("killed.db-wal"), &log).expect("written");
        assert_eq!(scene.messages("killed.db").expect("opened"), 1);
        let aside = scene.bytes(&format!("killed.db-wal-stray{nth}"));
        assert_eq!(aside, log);
    }
}

#[test]
fn a_look_does_not_mix_them_either() {
    let scene = Scene::new();
    scene.copy("backup.db", "killed.db");
    let look = Sqlite::open_as_it_is(&scene.path("killed.db")).expect("opened");
    assert_eq!(sent(&mut Database::Sqlite(look), 0, 1), 1);
    assert!(scene.path("killed.db-wal-stray").exists());
    assert_eq!(scene.messages("killed.db").expect("opened"), 1);
}

#[test]
fn a_log_without_its_database_is_kept() {
    let scene = Scene::new();
    let log = scene.bytes("killed.db-wal");
    fs::remove_file(scene.path("killed.db")).expect("removed");
    assert_eq!(scene.messages("killed.db").expect("created"), 0);
    assert_eq!(scene.bytes("killed.db-wal-stray"), log);
}

#[test]
fn a_database_that_is_damaged_without_the_log_too_is_left_alone() {
    let scene = Scene::new();
    let mut bytes = scene.bytes("backup.db");
    let half = bytes.len() / 2;
    bytes[200..half].fill(0x5a);
    fs::write(scene.path("killed.db"), &bytes).expect("written");
    let log = scene.bytes("killed.db-wal");
    let refused = scene.messages("killed.db").expect_err("damaged");
    assert!(
        matches!(refused.problem(), Problem::Damaged(_)),
        "{refused}"
    );
    assert_eq!(scene.bytes("killed.db"), bytes);
    assert_eq!(scene.bytes("killed.db-wal"), log);
}

#[test]
fn a_log_in_use_is_left_to_those_who_use_it() {
    let scene = Scene::new();
    let path = scene.path("killed.db");
    let mut one = Database::open_sqlite(&path).expect("opened");
    save(&mut one, &[mail("more", at(5))], None);
    let mut other = Database::open_sqlite(&path).expect("opened");
    assert_eq!(sent(&mut other, 0, 1), 52);
    save(&mut one, &[mail("again", at(5))], None);
    assert_eq!(sent(&mut other, 0, 1), 53);
}
