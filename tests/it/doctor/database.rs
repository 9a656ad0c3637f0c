//! The database and its disk.

use hushwatch::clock;
use hushwatch::internals::CycleLock;
use hushwatch::model::{DAY, HOUR, Span};
use hushwatch::sim::postmark::Profile;

use super::{Said, doctor, world};
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
    doctor(&world, &[]).says("✓ No database <folder>/hushwatch.db yet: the first check creates it, and its folder is writable");
    let missing = world.folder.path().join("missing/hushwatch.db");
    world.env("HUSHWATCH_STORE__PATH", &missing.display().to_string());
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ No database <folder>/missing/hushwatch.db, and none can be created in <folder>/missing: no such folder; create the folder, give it to the user that runs hushwatch, or change `store.path`");
    nothing_rests_on_it(&said);
}

/// Nothing is reported that would have to be read from the database, and that is said once.
fn nothing_rests_on_it(said: &Said) {
    said.says("! Not checked without the database: the last cycle, open incidents, messages that wait, mutes, silence detection, and the rules at your volume; repair the database first, then run `hushwatch doctor` again");
    for start in [
        "✓ No cycle yet",
        "✓ Nothing is muted",
        "✓ No incident is open",
        "✓ No message waits",
        "! Nothing is stored yet",
    ] {
        said.lacks(start);
    }
}

#[test]
fn a_database_is_written_to_and_left_as_it_was() {
    let world = polled();
    let before = bytes(&world);
    let said = doctor(&world, &[]);
    said.says("✓ Database writable: <database>");
    said.says("✓ Last cycle <time> UTC");
    said.passed();
    assert!(before == bytes(&world), "the file changed");
    // A cycle at work holds its own lock, not the database.
    let path = world.folder.path().join("hushwatch.db");
    let lock = CycleLock::try_take(&path).expect("lockable");
    assert!(lock.is_some());
    doctor(&world, &[]).passed();
}

#[test]
fn a_database_in_use_is_reported_and_left_alone() {
    let world = polled();
    let path = world.folder.path().join("hushwatch.db");
    let holder = rusqlite::Connection::open(path).expect("opened");
    holder.execute_batch("BEGIN EXCLUSIVE").expect("held");
    let said = doctor(&world, &[]);
    holder.execute_batch("ROLLBACK").expect("given back");
    assert_eq!(said.code, 1);
    said.says("✗ Database in use: another process holds <database>; try again when it is done");
    said.says("✓ Postmark token valid server=shop id=9708911");
    nothing_rests_on_it(&said);
    doctor(&world, &[]).passed();
}

#[test]
fn a_damaged_or_foreign_database_is_reported_and_left_alone() {
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
    said.says("✗ Database not usable — failed to open the database <folder>/hushwatch.db: the database is damaged (file is not a database); move it aside and start anew, or restore a copy");
    nothing_rests_on_it(&said);
    assert_eq!(before, bytes(&world));
    std::fs::write(&path, b"").expect("written");
    let said = doctor(&world, &[]);
    said.says(
        "! No schema yet in <database>; run `hushwatch migrate`, or let the first check create it",
    );
    assert!(bytes(&world).is_empty(), "none was made");
}

#[test]
fn a_disk_of_a_dyno_is_reported_once() {
    let mut world = on_file();
    world.env("DYNO", "worker.1");
    let said = doctor(&world, &[]);
    said.says("! The disk is a dyno's: it is emptied at least once a day, and with it the history, incidents and unsent messages; attach Heroku Postgres and use a build with `--features full`, which reads its DATABASE_URL");
    said.lacks("! THE DATA");
    said.passed();
}

#[test]
fn a_folder_that_takes_no_file_is_reported() {
    let mut world = on_file();
    let below_a_file = world.folder.path().join("monitor.toml/hushwatch.db");
    world.env("HUSHWATCH_STORE__PATH", &below_a_file.display().to_string());
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ No database <folder>/monitor.toml/hushwatch.db, and none can be created in <folder>/monitor.toml: no such folder; create the folder, give it to the user that runs hushwatch, or change `store.path`");
    said.lacks("✓ The disk");
    nothing_rests_on_it(&said);
    // Nobody can make a file there, be it the administrator.
    if cfg!(target_os = "linux") {
        world.env("HUSHWATCH_STORE__PATH", "/proc/self/status");
        let said = doctor(&world, &[]);
        assert_eq!(said.code, 1);
        // Why, depends on who runs this.
        said.has(
            "✗ Cannot write to the folder of /proc/self/status",
            &[": no such folder; create the folder"],
        );
    }
}

#[test]
fn where_monitoring_is_off_no_poll_was_missed() {
    let mut world = on_file();
    let now = clock::now();
    world.cycle(now - 5 * HOUR);
    world.postmark.set_now(now);
    world.env("FLAG_POSTMARK_DELIVERY_MONITOR", "0");
    let said = doctor(&world, &[]);
    said.has(
        "✓ Last cycle",
        &[": none comes while monitoring is switched off"],
    );
    said.lacks("! Last cycle");
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
    world.env("HUSHWATCH_TIME_ZONE", "Asia/Kolkata");
    doctor(&world, &[]).has(
        "! Last cycle",
        &["Asia/Kolkata: ", "missed since", "hushwatch run"],
    );
}

#[test]
fn a_mute_that_runs_is_reported_with_what_ends_it() {
    let world = polled();
    let said = doctor(&world, &[]);
    said.says("✓ Nothing is muted");
    let mute = |more: &[&str]| {
        let args = [
            "mute",
            "--for",
            "2h",
            "--by",
            "ops",
            "--reason",
            "new relay",
        ];
        let ended = world.run(&[&args, more].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    };
    mute(&[]);
    mute(&["--server", "shop", "--rule", "bounce_rate"]);
    let said = doctor(&world, &[]);
    said.passed();
    said.says(
        "! Everything is muted until <time> UTC by ops (new relay); `hushwatch unmute` ends it",
    );
    said.says("! `bounce_rate` on shop is muted until <time> UTC by ops (new relay); `hushwatch unmute --server shop --rule bounce_rate` ends it");
    assert_eq!(world.run(&["unmute"]).code, 0);
    doctor(&world, &[]).says("✓ Nothing is muted");
}
