//! A database file that another process deletes or replaces while it is open.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::store::{Database, Error, Problem};

use super::{at, mail, save, sent};

/// An open database with one message, a copy of it made at that time, and one message more.
struct Scene {
    folder: TempDir,
    open: Database,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let open = Database::open_sqlite(&folder.path().join("hushwatch.db")).expect("created");
        let mut scene = Self { folder, open };
        scene.save("before");
        scene.copy("backup.db");
        for nth in 0..50 {
            scene.save(&format!("after-{nth}"));
        }
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn save(&mut self, id: &str) {
        save(&mut self.open, &[mail(id, at(5))], None);
    }

    fn copy(&self, name: &str) {
        let open = Connection::open(self.path("hushwatch.db")).expect("opened");
        let copy = self.path(name).display().to_string();
        open.execute("VACUUM INTO ?1", [copy]).expect("copied");
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).expect("renamed");
    }

    fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }
}

fn integrity(path: &Path) -> String {
    let file = Connection::open(path).expect("opened");
    let sql = "PRAGMA integrity_check";
    file.query_row(sql, [], |row| row.get(0)).expect("checked")
}

fn recovered(open: &mut Database) -> String {
    let recovered = Database::recover_file(open).expect("a usable file");
    recovered.expect("another file")
}

/// Makes an index of the file at `path` miss a row of its table, which opening it does not show.
fn damage(path: &Path) {
    let file = Connection::open(path).expect("opened");
    file.execute_batch(
        "CREATE TABLE damaged (a INTEGER); CREATE INDEX damaged_by_a ON damaged (a); PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = sql || ' WHERE a > 5' WHERE name = 'damaged_by_a'; PRAGMA writable_schema = RESET;
         INSERT INTO damaged VALUES (1); PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, ' WHERE a > 5', '') WHERE name = 'damaged_by_a';",
    )
    .expect("damaged");
}

#[test]
fn a_replaced_file_is_not_mixed_with_the_log_of_the_previous_one() {
    let mut scene = Scene::new();
    assert!(scene.exists("hushwatch.db-wal"), "a log is there");
    scene.rename("backup.db", "hushwatch.db");
    assert!(recovered(&mut scene.open).contains("was put in place"));
    assert_eq!(sent(&mut scene.open, 0, 1), 1, "what the backup held");
    scene.save("later");
    assert_eq!(sent(&mut scene.open, 0, 1), 2);
    assert_eq!(integrity(&scene.path("hushwatch.db")), "ok");
    let again = Database::recover_file(&mut scene.open).expect("usable");
    assert_eq!(again, None, "told once");
}

#[test]
fn a_file_that_was_moved_aside_keeps_what_its_log_held() {
    for is_replaced in [true, false] {
        let mut scene = Scene::new();
        scene.rename("hushwatch.db", "aside.db");
        if is_replaced {
            scene.rename("backup.db", "hushwatch.db");
        }
        recovered(&mut scene.open);
        let mut aside = Database::open_sqlite(&scene.path("aside.db")).expect("whole");
        assert_eq!(sent(&mut aside, 0, 1), 51);
    }
}

#[test]
fn a_file_that_is_put_in_place_is_closed_to_others() {
    let mut scene = Scene::new();
    let others = fs::Permissions::from_mode(0o644);
    fs::set_permissions(scene.path("backup.db"), others).expect("set");
    scene.rename("backup.db", "hushwatch.db");
    recovered(&mut scene.open);
    scene.save("later");
    for suffix in ["", "-wal", "-shm"] {
        let file = fs::metadata(scene.path(&format!("hushwatch.db{suffix}"))).expect("there");
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "{suffix}");
    }
}

#[test]
fn a_replaced_file_keeps_the_log_that_came_with_it() {
    let mut scene = Scene::new();
    let mut other = Database::open_sqlite(&scene.path("backup.db")).expect("opened");
    save(&mut other, &[mail("logged", at(6))], None);
    for suffix in ["", "-wal", "-shm"] {
        let copy = format!("copy.db{suffix}");
        fs::copy(scene.path(&format!("backup.db{suffix}")), scene.path(&copy)).expect("copied");
        scene.rename(&copy, &format!("hushwatch.db{suffix}"));
    }
    drop(other);
    recovered(&mut scene.open);
    assert_eq!(sent(&mut scene.open, 0, 1), 2);
    assert_eq!(integrity(&scene.path("hushwatch.db")), "ok");
}

#[test]
fn a_damaged_file_is_refused_and_left_alone_until_a_whole_one_is_there() {
    let mut scene = Scene::new();
    scene.copy("whole.db");
    damage(&scene.path("backup.db"));
    let bytes = fs::read(scene.path("backup.db")).expect("read");
    scene.rename("backup.db", "hushwatch.db");
    let path = scene.path("hushwatch.db");
    for _ in 0..2 {
        let refused: Error = Database::recover_file(&mut scene.open).expect_err("damaged");
        assert!(
            matches!(refused.problem(), Problem::Damaged(_)),
            "{refused}"
        );
        for part in [
            &path.display().to_string(),
            "damaged_by_a",
            "restore a copy",
        ] {
            assert!(refused.to_string().contains(part), "{part}: {refused}");
        }
        let step = scene.open.count_pending().expect_err("no file is used");
        assert_eq!(step, refused);
        assert_eq!(fs::read(&path).expect("read"), bytes);
    }
    scene.rename("whole.db", "hushwatch.db");
    assert!(recovered(&mut scene.open).contains("was put in place"));
    assert_eq!(sent(&mut scene.open, 0, 1), 51);
}

#[test]
fn a_damaged_file_that_is_moved_away_makes_room_for_a_new_one() {
    let mut scene = Scene::new();
    damage(&scene.path("backup.db"));
    scene.rename("backup.db", "hushwatch.db");
    Database::recover_file(&mut scene.open).expect_err("damaged");
    scene.rename("hushwatch.db", "aside.db");
    assert!(recovered(&mut scene.open).contains("a new one was created"));
    assert_eq!(sent(&mut scene.open, 0, 1), 0);
}

#[test]
fn a_deleted_file_is_written_back_whole() {
    let mut scene = Scene::new();
    for suffix in ["", "-wal", "-shm"] {
        let path = scene.path(&format!("hushwatch.db{suffix}"));
        fs::remove_file(path).expect("removed");
    }
    assert!(recovered(&mut scene.open).contains("was written back whole"));
    assert_eq!(sent(&mut scene.open, 0, 1), 51);
    assert_eq!(integrity(&scene.path("hushwatch.db")), "ok");
}

#[test]
fn a_deleted_file_that_cannot_be_written_back_is_not_given_up() {
    let mut scene = Scene::new();
    fs::remove_file(scene.path("hushwatch.db")).expect("removed");
    let blocked = scene.path("hushwatch.db-copy");
    fs::create_dir(&blocked).expect("in the way");
    fs::write(blocked.join("file"), "").expect("in the way");
    Database::recover_file(&mut scene.open).expect_err("something is in the way");
    assert_eq!(sent(&mut scene.open, 0, 1), 51, "the open file goes on");
    fs::remove_dir_all(&blocked).expect("removed");
    recovered(&mut scene.open);
    assert_eq!(sent(&mut scene.open, 0, 1), 51);
}
