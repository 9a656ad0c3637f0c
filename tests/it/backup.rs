//! Backups, and moving from one database to another, as an operator does it.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use hushwatch::model::{HOUR, Span};
use hushwatch::sim::postmark::Profile;
use hushwatch::sim::{Fault, Plan};

use crate::store::needs_a_file;
use crate::world::{Process, World, at, wait_until};

pub(crate) const STOPPED: &str = "🔴 WAKE shop/outbound: no mail sent for";
const DATABASE: &str = "HUSHWATCH_DATABASE_URL";

/// A stream of sixty mails an hour that stops from 08:00 to 14:00, seen up to 07:00.
pub(crate) fn stopping(process: Process) -> World {
    let mut world = World::new(process, "");
    let span = Span::new(at("2026-02-02T00:00:00Z"), at("2026-03-05T00:00:00Z"));
    let profile = Profile::constant(60.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    let stop = Span::new(at("2026-03-03T08:00:00Z"), at("2026-03-03T14:00:00Z"));
    world.shop.stop_sending("outbound", stop);
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T07:00:00Z");
    world.set_aside("before what is tested");
    world
}

pub(crate) fn path(world: &World, name: &str) -> String {
    world.folder.path().join(name).display().to_string()
}

/// Sizes, versions and ages, which differ between runs and releases, as placeholders.
fn steady(world: &World, commands: &[&[&str]]) -> String {
    let text = world.transcripts(commands);
    let lines = text.lines().map(|line| {
        let parts = line.split_once(", schema ").zip(line.split_once(" UTC, "));
        let ago = parts.and_then(|(_, (_, rest))| rest.split_once(" ago; "));
        match (parts, ago) {
            (Some(((_, facts), _)), Some((_, rest))) => {
                let (facts, _) = facts.split_once(" UTC, ").unwrap_or((facts, ""));
                let (_, facts) = facts.split_once("; ").unwrap_or(("", facts));
                format!("<size>, schema <version>; {facts} UTC, <age> ago; {rest}")
            }
            _ => line.to_owned(),
        }
    });
    lines.collect::<Vec<String>>().join("\n")
}

#[test]
fn a_backup_is_made_and_put_back() {
    if needs_a_file("a backup is of a file") {
        return;
    }
    let mut world = stopping(Process::New);
    let (backup, missing) = (path(&world, "backup.db"), path(&world, "none/backup.db"));
    let database = path(&world, "hushwatch.db");
    let mut said = steady(
        &world,
        &[
            &["backup", &backup],
            &["backup", &backup],
            &["backup", &backup, "--force"],
            &["backup", &missing],
            &["backup", &database, "--force"],
            &["backup", &path(&world, ".")],
        ],
    );
    let mode = std::fs::metadata(&backup)
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    said += "\n\n";
    said += &steady(
        &world,
        &[
            &["restore", &backup],
            &["restore", &backup, "--force"],
            &["restore", &missing, "--force"],
            &["restore", &path(&world, "monitor.toml"), "--force"],
            &["restore", &database, "--force"],
        ],
    );
    world.env("HUSHWATCH_STORE__PATH", &path(&world, "new.db"));
    said += "\n\n";
    said += &steady(&world, &[&["backup", &backup], &["restore", &backup]]);
    insta::assert_snapshot!("backup_and_restore", said);
}

#[test]
fn a_running_daemon_is_backed_up_and_not_replaced() {
    if needs_a_file("a backup is of a file") {
        return;
    }
    let mut world = World::new(Process::New, "");
    world.env("HUSHWATCH_HEARTBEAT__URL", &world.slack.heartbeat_url());
    world.postmark.set_now(hushwatch::clock::now());
    let mut daemon = world.start_daemon(Stdio::null());
    wait_until("the heartbeat", || !world.slack.pings().is_empty());
    let backup = path(&world, "backup.db");
    let made = world.run(&["backup", &backup]);
    let replaced = world.run(&["restore", &backup, "--force"]);
    let moved = world.run(&[
        "copy",
        "--from",
        &path(&world, "hushwatch.db"),
        "--to",
        &path(&world, "new.db"),
    ]);
    daemon.kill().expect("killed");
    daemon.wait().expect("ended");
    assert_eq!(made.code, 0, "{}", made.stderr);
    for refused in [replaced, moved] {
        assert_eq!(refused.code, 1, "{}", refused.stderr);
        assert!(
            refused
                .stderr
                .contains("another process has it open; stop `hushwatch run`"),
            "{}",
            refused.stderr
        );
    }
    assert!(!world.folder.path().join("new.db").exists());
    let replaced = world.run(&["restore", &backup, "--force"]);
    assert_eq!(replaced.code, 0, "{}", replaced.stderr);
    world.set_aside("not what is tested");
}

/// The alert waited in the outbox when the backup was made, and was posted afterwards: the restored database does not know.
#[test]
fn what_was_sent_after_the_backup_is_found_in_slack_and_not_sent_again() {
    if needs_a_file("a backup is of a file") {
        return;
    }
    let mut world = stopping(Process::New);
    world
        .slack
        .fail(Plan::always(Fault::Status(503)).on("chat.postMessage"));
    world.hours("2026-03-03T08:00:00Z", "2026-03-03T10:00:00Z");
    let backup = path(&world, "backup.db");
    let made = world.run(&["backup", &backup]);
    let told = made.report.as_str().expect("text");
    assert!(
        told.contains("1 open incident, 2 messages not sent"),
        "{told}"
    );
    world.slack.clear_faults();
    world.cycle(at("2026-03-03T11:00:00Z"));
    let posted = world.alerts();
    assert!(
        posted.len() == 1 && posted[0].starts_with(STOPPED),
        "{posted:#?}"
    );
    let restored = world.run(&["restore", &backup, "--force"]);
    assert_eq!(restored.code, 0, "{}", restored.stderr);
    let told = restored.report.as_str().expect("text");
    assert!(
        told.contains("2 messages were not sent when the backup was made"),
        "{told}"
    );
    world.hours("2026-03-03T11:00:00Z", "2026-03-03T13:00:00Z");
    assert_eq!(
        world.posted(),
        Vec::<String>::new(),
        "neither it nor the digest is sent twice"
    );
    world.hours("2026-03-03T14:00:00Z", "2026-03-03T18:00:00Z");
    assert_eq!(
        world.alerts(),
        ["✅ RESOLVED shop/outbound: mail is being sent again"],
        "and its end is told"
    );
}

/// What was never sent is not in Slack's history, and is sent.
#[test]
fn what_was_not_sent_is_sent_after_a_restore() {
    if needs_a_file("a backup is of a file") {
        return;
    }
    let mut world = stopping(Process::New);
    world
        .slack
        .fail(Plan::always(Fault::Status(503)).on("chat.postMessage"));
    world.hours("2026-03-03T08:00:00Z", "2026-03-03T10:00:00Z");
    let backup = path(&world, "backup.db");
    assert_eq!(world.run(&["backup", &backup]).code, 0);
    world.slack.clear_faults();
    assert_eq!(world.run(&["restore", &backup, "--force"]).code, 0);
    world.cycle(at("2026-03-03T11:00:00Z"));
    let posted = world.alerts();
    assert!(
        posted.len() == 1 && posted[0].starts_with(STOPPED),
        "{posted:#?}"
    );
}

/// An incident that opened after the backup is judged anew from the same mail: the same id.
#[test]
fn what_opened_after_the_backup_is_told_under_the_same_id() {
    if needs_a_file("a backup is of a file") {
        return;
    }
    let mut world = stopping(Process::New);
    let backup = path(&world, "backup.db");
    assert_eq!(world.run(&["backup", &backup]).code, 0);
    let open = |world: &mut World| {
        world.hours("2026-03-03T08:00:00Z", "2026-03-03T10:00:00Z");
        world.set_aside("the same twice");
        let status = world.run(&["status", "--json"]).report;
        status["open_incidents"][0]["incident"].clone()
    };
    let before = open(&mut world);
    assert!(before.is_string(), "{before}");
    assert_eq!(world.run(&["restore", &backup, "--force"]).code, 0);
    assert_eq!(open(&mut world), before);
}

/// The whole move: the old database is left, and the next cycles go on in the new one, whichever they are.
#[test]
fn a_moved_database_goes_on_where_it_was() {
    if needs_a_file("the move begins at a file") {
        return;
    }
    let mut world = stopping(Process::New);
    world.hours("2026-03-03T08:00:00Z", "2026-03-03T10:00:00Z");
    let posted = world.alerts();
    assert!(
        posted.len() == 1 && posted[0].starts_with(STOPPED),
        "{posted:#?}"
    );
    let target = target(&world);
    let moved = world.run(&[
        "copy",
        "--from",
        &path(&world, "hushwatch.db"),
        "--to",
        &target,
    ]);
    assert_eq!(moved.code, 0, "{}", moved.stderr);
    let shown = moved.report.as_str().expect("text").to_owned();
    assert!(shown.contains("each read back and the same"), "{shown}");
    let again = world.run(&[
        "copy",
        "--from",
        &path(&world, "hushwatch.db"),
        "--to",
        &target,
    ]);
    assert_eq!(again.code, 2, "{}", again.stderr);
    assert!(
        again.stderr.contains("holds data already"),
        "{}",
        again.stderr
    );
    go_on_at(&mut world, &target);
    world.hours("2026-03-03T11:00:00Z", "2026-03-03T18:00:00Z");
    assert_eq!(
        world.alerts(),
        ["✅ RESOLVED shop/outbound: mail is being sent again"]
    );
    let back = path(&world, "back.db");
    world.env("MOVED", &target);
    let moved = world.run(&[
        "copy",
        "--from",
        "env:MOVED",
        "--to",
        &format!("sqlite:{back}"),
    ]);
    assert_eq!(moved.code, 0, "{}", moved.stderr);
    go_on_at(&mut world, &back);
    let before = at("2026-03-03T19:00:00Z");
    world.cycle(before);
    assert_eq!(world.alerts(), Vec::<String>::new());
    world.cycle(before + HOUR);
}

/// A new database on a server, where there is one; else a file.
#[cfg(feature = "postgres")]
fn target(world: &World) -> String {
    let cluster = crate::cluster::cluster();
    cluster.map_or_else(|| path(world, "new.db"), |cluster| cluster.database())
}

#[cfg(not(feature = "postgres"))]
fn target(world: &World) -> String {
    path(world, "new.db")
}

fn go_on_at(world: &mut World, place: &str) {
    match place.starts_with("postgres") {
        true => world.env(DATABASE, place),
        false => {
            world.env(DATABASE, "");
            world.env("HUSHWATCH_STORE__PATH", place);
        }
    }
}

#[test]
fn what_cannot_be_copied_is_said_without_a_password() {
    let mut world = World::new(Process::New, "");
    world.env("EMPTY", " ");
    world.env("MYSQL", "mysql://root:hunter2@db.example.com/app");
    let file = path(&world, "none.db");
    let said = world.transcripts(&[
        &[
            "copy",
            "--from",
            "mysql://root:hunter2@db.example.com/app",
            "--to",
            &file,
        ],
        &["copy", "--from", "env:MYSQL", "--to", &file],
        &["copy", "--from", "env:UNSET", "--to", &file],
        &["copy", "--from", "env:EMPTY", "--to", &file],
        &["copy", "--from", &file, "--to", "sqlite:"],
        &["copy", "--from", &file, "--to", &path(&world, "new.db")],
        &["copy", "--from", &file],
    ]);
    let answers = said.lines().filter(|line| !line.starts_with("$ "));
    assert!(
        !answers.clone().any(|line| line.contains("hunter2")),
        "{said}"
    );
    insta::assert_snapshot!("copy_refused", said);
}
