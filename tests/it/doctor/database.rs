//! The database and its disk.

use std::os::unix::fs::PermissionsExt;

use hushwatch::clock;
use hushwatch::model::{DAY, HOUR, Span};
use hushwatch::sim::postmark::Profile;
use hushwatch::store::CycleLock;

use super::{doctor, world};
use crate::world::World;

/// A world with a file, whatever the other tests run on.
fn on_file() -> World {
    let mut world = world("");
    world.env("HUSHWATCH_DATABASE_URL", "");
    world
}

fn polled() -> World {
    let mut world = on_file();
    let ended = world.cycle(clock::now());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    world
}

fn bytes(world: &World) -> Vec<u8> {
    std::fs::read(world.folder.path().join("hushwatch.db")).expect("a database")
}

#[test]
fn before_the_first_check_only_the_folder_is_tried() {
    let mut world = on_file();
    doctor(&world, &[]).has("✓ No database", &["the first check makes it"]);
    let missing = world.folder.path().join("missing/hushwatch.db");
    world.env("HUSHWATCH_STORE__PATH", &missing.display().to_string());
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.has("✗ No database", &["none can be made in", "`store.path`"]);
}

#[test]
fn a_database_is_written_to_and_left_as_it_was() {
    let world = polled();
    let before = bytes(&world);
    let said = doctor(&world, &[]);
    said.has("✓ Database writable", &["hushwatch.db"]);
    said.has("✓ Last cycle", &[]);
    said.passed();
    assert!(before == bytes(&world), "the file changed");
    // A cycle at work holds its own lock, not the database.
    let path = world.folder.path().join("hushwatch.db");
    let lock = CycleLock::try_take(&path).expect("lockable");
    assert!(lock.is_some());
    doctor(&world, &[]).passed();
}

#[test]
fn a_database_in_use_is_told_and_left_alone() {
    let world = polled();
    let path = world.folder.path().join("hushwatch.db");
    let mut holder = std::process::Command::new("python3")
        .args(["-c", HOLD, &path.display().to_string()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("python3");
    let mut ready = [0; 1];
    let out = holder.stdout.as_mut().expect("piped");
    std::io::Read::read_exact(out, &mut ready).expect("held");
    let said = doctor(&world, &[]);
    drop(holder.stdin.take());
    holder.wait().expect("ended");
    assert_eq!(said.code, 1);
    said.has("✗ Database in use", &["another process"]);
    said.has("✓ Postmark token valid", &[]);
    doctor(&world, &[]).passed();
}

/// Holds a file's write lock until its standard input ends.
const HOLD: &str = "import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute('BEGIN IMMEDIATE')
print('x', flush=True)
sys.stdin.read()";

#[test]
fn a_damaged_or_foreign_database_is_told_and_left_alone() {
    let world = polled();
    let path = world.folder.path().join("hushwatch.db");
    for left in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{left}", path.display()));
    }
    std::fs::write(
        &path,
        b"not a database, but longer than the header of one would be, by far",
    )
    .expect("written");
    let before = bytes(&world);
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.has("✗ Database not usable", &["damaged"]);
    assert_eq!(before, bytes(&world));
    std::fs::write(&path, b"").expect("written");
    let said = doctor(&world, &[]);
    said.has("! No schema yet", &["hushwatch migrate"]);
    assert!(bytes(&world).is_empty(), "none was made");
}

#[test]
fn a_disk_of_a_dyno_is_told_once() {
    let mut world = on_file();
    world.env("DYNO", "worker.1");
    let said = doctor(&world, &[]);
    said.has("! The disk is a dyno's", &["Heroku Postgres"]);
    said.lacks("! THE DATA");
    said.passed();
}

#[test]
fn a_folder_that_takes_no_file_is_told() {
    let world = polled();
    let folder = world.folder.path();
    let mode = |mode| std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode));
    mode(0o555).expect("set");
    // Whoever may write everywhere sees no difference.
    let is_root = std::fs::write(folder.join("probe"), "").is_ok();
    let said = doctor(&world, &[]);
    mode(0o755).expect("set");
    if !is_root {
        assert_eq!(said.code, 1);
        said.has("✗", &["`"]);
    }
}

#[test]
fn polls_that_were_missed_deserve_a_look() {
    let mut world = on_file();
    let now = clock::now();
    world.shop.generate(
        "outbound",
        Span::new(now - 3 * DAY, now - DAY),
        &Profile::constant(2.0).without_bounces(),
    );
    world.cycle(now - 5 * HOUR);
    world.postmark.set_now(now);
    doctor(&world, &[]).has("! Last cycle", &["missed since", "hushwatch run"]);
}
