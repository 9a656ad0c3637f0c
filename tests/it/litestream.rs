//! The real Litestream beside hushwatch, through a kill and a restore; `.ci/extra litestream` installs it and names it in
//! `HUSHWATCH_LITESTREAM`. Without that nothing is tested here.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hushwatch::model::{HOUR, Timestamp};
use hushwatch::sim::{Fault, Plan};

use crate::backup::{STOPPED, path, stopping};
use crate::store::needs_a_file;
use crate::world::{Process, World, at};

/// Litestream, replicating the database of a world to a folder until it is killed.
struct Litestream {
    program: PathBuf,
    child: Child,
    replica: String,
}

impl Litestream {
    /// `None` where there is none to test with.
    fn beside(world: &World) -> Option<Self> {
        let program = PathBuf::from(std::env::var_os("HUSHWATCH_LITESTREAM")?);
        if needs_a_file("Litestream copies a file") {
            return None;
        }
        let replica = format!("file://{}", path(world, "replica"));
        let child = Command::new(&program)
            .args(["replicate", &path(world, "hushwatch.db"), &replica])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Some(Self {
            program,
            child: child.expect("Litestream starts"),
            replica,
        })
    }

    /// Restores what was replicated to `file`. Returns whether there was something.
    fn restore(&self, file: &str) -> bool {
        for suffix in ["", "-wal", "-shm", "-txid"] {
            let _ = std::fs::remove_file(format!("{file}{suffix}"));
        }
        let restored = Command::new(&self.program)
            .args(["restore", "-o", file, &self.replica])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        restored.expect("Litestream runs").success()
    }

    /// Waits until the replica knows of the cycle at `instant`.
    fn wait_for(&self, world: &World, instant: Timestamp) {
        let (probe, deadline) = (
            path(world, "probe.db"),
            Instant::now() + Duration::from_secs(60),
        );
        loop {
            if self.restore(&probe) && last_cycle(&probe) == Some(instant.0) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "the cycle at {instant} was not replicated"
            );
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// As `kill -9` or a power cut.
    fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }
}

impl Drop for Litestream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn last_cycle(file: &str) -> Option<i64> {
    let file = rusqlite::Connection::open(file).ok()?;
    let sql = "SELECT max(last_cycle_at) FROM servers";
    file.query_row(sql, [], |row| row.get(0)).ok()
}

/// A machine that is gone with its disk.
fn lose(world: &World) {
    for suffix in ["", "-wal", "-shm", "-lock", "-reserve"] {
        let _ = std::fs::remove_file(path(world, &format!("hushwatch.db{suffix}")));
    }
    let _ = std::fs::remove_dir_all(path(world, ".hushwatch.db-litestream"));
}

/// Each cycle completes while Litestream reads along: nobody is locked out.
fn complete_cycles(world: &mut World, from: &str, until: &str) {
    let (mut now, until) = (at(from), at(until));
    while now <= until {
        let cycle = world.cycle(now);
        assert_eq!(cycle.code, 0, "{now}: {}", cycle.stderr);
        now = now + HOUR;
    }
}

fn restore_from(litestream: &Litestream, world: &World) {
    let restored = path(world, "restored.db");
    assert!(litestream.restore(&restored), "there is a replica");
    let ended = world.run(&["restore", &restored]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn an_incident_that_was_told_is_not_told_again_and_its_end_is() {
    let mut world = stopping(Process::New);
    let Some(mut litestream) = Litestream::beside(&world) else {
        return;
    };
    complete_cycles(&mut world, "2026-03-03T08:00:00Z", "2026-03-03T10:00:00Z");
    let posted = world.alerts();
    assert!(
        posted.len() == 1 && posted[0].starts_with(STOPPED),
        "{posted:#?}"
    );
    litestream.wait_for(&world, at("2026-03-03T10:00:00Z"));
    let refused = world.run(&[
        "copy",
        "--from",
        &path(&world, "hushwatch.db"),
        "--to",
        &path(&world, "new.db"),
    ]);
    assert!(
        refused.stderr.contains("another process has it open"),
        "{}",
        refused.stderr
    );
    litestream.kill();
    lose(&world);
    restore_from(&litestream, &world);
    complete_cycles(&mut world, "2026-03-03T11:00:00Z", "2026-03-03T13:00:00Z");
    assert_eq!(
        world.posted(),
        Vec::<String>::new(),
        "nothing is told twice"
    );
    complete_cycles(&mut world, "2026-03-03T14:00:00Z", "2026-03-03T18:00:00Z");
    assert_eq!(
        world.alerts(),
        ["✅ RESOLVED shop/outbound: mail is being sent again"]
    );
}

/// The last second is what Litestream loses: here the acceptance of a message that waited before.
#[test]
fn a_message_whose_acceptance_was_lost_is_found_in_slack() {
    let mut world = stopping(Process::New);
    let Some(mut litestream) = Litestream::beside(&world) else {
        return;
    };
    world
        .slack
        .fail(Plan::always(Fault::Status(503)).on("chat.postMessage"));
    world.hours("2026-03-03T08:00:00Z", "2026-03-03T10:00:00Z");
    litestream.wait_for(&world, at("2026-03-03T10:00:00Z"));
    litestream.kill();
    world.slack.clear_faults();
    world.cycle(at("2026-03-03T11:00:00Z"));
    let posted = world.alerts();
    assert!(
        posted.len() == 1 && posted[0].starts_with(STOPPED),
        "{posted:#?}"
    );
    lose(&world);
    restore_from(&litestream, &world);
    complete_cycles(&mut world, "2026-03-03T12:00:00Z", "2026-03-03T13:00:00Z");
    assert_eq!(
        world.posted(),
        Vec::<String>::new(),
        "nothing is told twice"
    );
}

/// Its tables and its folder are no concern of ours, before a restore and after it; a second Litestream goes on with the restored file.
#[test]
fn litestream_goes_on_with_a_restored_file() {
    let mut world = stopping(Process::New);
    let Some(mut litestream) = Litestream::beside(&world) else {
        return;
    };
    complete_cycles(&mut world, "2026-03-03T08:00:00Z", "2026-03-03T09:00:00Z");
    litestream.wait_for(&world, at("2026-03-03T09:00:00Z"));
    litestream.kill();
    lose(&world);
    restore_from(&litestream, &world);
    let again = Litestream::beside(&world).expect("there is one");
    complete_cycles(&mut world, "2026-03-03T10:00:00Z", "2026-03-03T11:00:00Z");
    again.wait_for(&world, at("2026-03-03T11:00:00Z"));
    let posted = world.alerts();
    assert!(
        posted.len() == 1 && posted[0].starts_with(STOPPED),
        "{posted:#?}"
    );
    let file = rusqlite::Connection::open(path(&world, "hushwatch.db")).expect("opened");
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_litestream\\_%' ESCAPE '\\'";
    let own: i64 = file.query_row(sql, [], |row| row.get(0)).expect("counted");
    assert!(own >= 2, "it was there");
}
