//! The disk: full, failing, damaged, taken away. Never a silent loss, never an overwritten database.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use hushwatch::model::{HOUR, MINUTE, Span};
use hushwatch::sim::postmark::{Mail, Profile};

use crate::words::{NO_DATABASE, assert_line};
use crate::world::{Process, World, at};

/// A stream that is well until its mail bounces from 10:00 on.
fn world(process: Process) -> World {
    let world = World::new(process, "");
    let span = Span::new(at("2026-03-02T00:00:00Z"), at("2026-03-04T00:00:00Z"));
    let profile = Profile::constant(60.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    let wave = Span::new(at("2026-03-03T10:00:00Z"), span.until);
    world.shop.bounce_wave("outbound", wave, 0.04, "Blocked");
    world
}

fn database(world: &World) -> PathBuf {
    world.folder.path().join("hushwatch.db")
}

#[test]
fn a_damaged_database_is_reported_and_left_as_it_is() {
    if crate::store::needs_a_file("what becomes of a file") {
        return;
    }
    let mut world = world(Process::New);
    world.cycle(at("2026-03-03T09:00:00Z"));
    let path = database(&world);
    let mut bytes = fs::read(&path).expect("read");
    let middle = bytes.len() / 2;
    bytes[100..middle].fill(0x5a);
    fs::write(&path, &bytes).expect("written");
    for notices in [1, 0] {
        let cycle = world.cycle(at("2026-03-03T11:00:00Z"));
        assert_eq!(cycle.code, 1, "{}", cycle.stderr);
        assert_line(
            &world.shown(&cycle.stderr),
            "hushwatch: failed to open the database <folder>/hushwatch.db: the database is damaged (database disk image is malformed); move it aside and start anew, or restore a copy",
        );
        assert!(!cycle.panicked(), "{}", cycle.stderr);
        assert_eq!(cycle.report["complete"], false, "{:#}", cycle.report);
        let errors = cycle.report["errors"].to_string();
        assert!(errors.contains("the database is damaged"), "{errors}");
        let notice = &[NO_DATABASE][..notices];
        assert_eq!(world.alerts(), notice, "by the first process");
        assert_eq!(fs::read(&path).expect("read"), bytes);
    }
}

#[test]
fn a_database_of_a_newer_version_is_reported_and_left_as_it_is() {
    if crate::store::needs_a_file("what becomes of a file") {
        return;
    }
    let mut world = world(Process::New);
    world.cycle(at("2026-03-03T09:00:00Z"));
    let path = database(&world);
    let newer = rusqlite::Connection::open(&path).expect("opened");
    let version = newer.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    let version = version.expect("read");
    newer
        .execute_batch("UPDATE schema SET least = 999; PRAGMA user_version = 999;")
        .expect("as a newer version would");
    drop(newer);
    let bytes = fs::read(&path).expect("read");
    let cycle = world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!(cycle.code, 2, "{}", cycle.stderr);
    let why = format!(
        "hushwatch: failed to open the database <folder>/hushwatch.db: the database has schema 999, this version knows up to {version}; \
         use the newer hushwatch"
    );
    assert_line(&world.shown(&cycle.stderr), &why);
    assert_eq!(world.alerts(), [NO_DATABASE]);
    assert_eq!(fs::read(&path).expect("read"), bytes);
}

#[test]
fn a_write_ahead_log_that_was_cut_costs_at_most_what_it_held() {
    if crate::store::needs_a_file("what becomes of a file") {
        return;
    }
    for keep in [0, 24, 31, 4000, 4152, 9000, 30_000] {
        let mut world = world(Process::New);
        world.cycle(at("2026-03-03T09:00:00Z"));
        crate::kill::scenario::leave_wal_behind(&mut world, at("2026-03-03T11:00:00Z"));
        let log = world.folder.path().join("hushwatch.db-wal");
        let file = fs::OpenOptions::new().write(true).open(&log);
        file.and_then(|f| f.set_len(keep)).expect("cut");
        world.slack.clear_faults();
        let cycle = world.cycle(at("2026-03-03T12:00:00Z"));
        assert_eq!(cycle.code, 0, "{keep}: {}", cycle.stderr);
        assert_eq!(
            world.alerts(),
            [
                "🟠 WARN shop/outbound: 2 of 86 recipients bounced in the last hour (2.3%)",
                "🟠 WARN shop/outbound: 4 of 64 recipients bounced in the last hour (6.2%)"
            ],
            "{keep}"
        );
    }
}

#[test]
fn two_processes_on_one_file_tell_once() {
    if crate::store::needs_a_file("what becomes of a file") {
        return;
    }
    let world = world(Process::New);
    world.postmark.set_now(at("2026-03-03T11:00:00Z"));
    let start = || {
        let mut check = world.command(&["check", "--now", "2026-03-03T11:00:00Z"]);
        check.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    };
    let running: Vec<_> = (0..3).map(|_| start().expect("started")).collect();
    for mut check in running {
        assert!(check.wait().expect("ended").success());
    }
    assert_eq!(
        world.alerts(),
        ["🟠 WARN shop/outbound: 2 of 86 recipients bounced in the last hour (2.3%)"]
    );
}

#[test]
fn a_database_that_is_deleted_under_the_daemon_is_written_back() {
    if crate::store::needs_a_file("what becomes of a file") {
        return;
    }
    let mut world = world(Process::One);
    world.cycle(at("2026-03-03T09:00:00Z"));
    world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!(
        world.alerts(),
        ["🟠 WARN shop/outbound: 2 of 86 recipients bounced in the last hour (2.3%)"]
    );
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(world.folder.path().join(format!("hushwatch.db{suffix}")));
    }
    world.cycle(at("2026-03-03T12:00:00Z"));
    let status = world.run(&["status", "--json"]);
    assert_eq!(status.report["last_cycle_at"], "2026-03-03T12:00:00Z");
    let open = status.report["open_incidents"].as_array().map(Vec::len);
    assert_eq!(open, Some(1), "{}", status.report);
    world.cycle(at("2026-03-03T13:00:00Z"));
    assert_eq!(
        world.alerts(),
        Vec::<String>::new(),
        "nothing was forgotten"
    );
}

#[test]
fn a_database_that_is_replaced_under_the_daemon_is_used() {
    if crate::store::needs_a_file("what becomes of a file") {
        return;
    }
    let mut world = world(Process::One);
    world.cycle(at("2026-03-03T09:00:00Z"));
    let path = database(&world);
    let copy = world.folder.path().join("copy.db");
    let backup = world.run(&["status"]);
    assert_eq!(backup.code, 0);
    fs::copy(&path, &copy).expect("copied");
    world.cycle(at("2026-03-03T11:00:00Z"));
    world.set_aside("before what is tested");
    fs::rename(&copy, &path).expect("replaced");
    let cycle = world.cycle(at("2026-03-03T12:00:00Z"));
    assert_eq!(cycle.code, 0);
    let status = world.run(&["status", "--json"]);
    assert_eq!(status.report["last_cycle_at"], "2026-03-03T12:00:00Z");
    assert_eq!(
        world.posted(),
        ["🟠 WARN shop/outbound: 4 of 64 recipients bounced in the last hour (6.2%)",]
    );
}

#[test]
fn a_disk_that_takes_nothing_is_reported_by_one_notice_and_no_rule_speaks() {
    if crate::store::needs_a_file("what becomes of a file") {
        return;
    }
    let mut world = world(Process::New);
    world.cycle(at("2026-03-03T09:00:00Z"));
    world.postmark.set_now(at("2026-03-03T11:00:00Z"));
    let check = world.command(&["check", "--now", "2026-03-03T11:00:00Z"]);
    // No file may grow beyond a few hundred bytes; the signal that would end the process is ignored.
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
    let mut limited = Command::new("sh");
    limited.args(["-c", script]).arg(check.get_program());
    limited.args(check.get_args()).env_clear();
    limited.envs(check.get_envs().filter_map(|(k, v)| Some((k, v?))));
    limited.current_dir(world.folder.path());
    let output = limited.output().expect("sh runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_line(
        &world.shown(&stderr),
        "hushwatch: failed to open the database <folder>/hushwatch.db: the disk cannot be read or written (disk I/O error); check it, and how much room is on it",
    );
    assert_eq!(world.alerts(), [NO_DATABASE]);
    world.cycle(at("2026-03-03T12:00:00Z"));
    assert_eq!(
        world.alerts(),
        ["🟠 WARN shop/outbound: 4 of 64 recipients bounced in the last hour (6.2%)"],
        "sent once it can be"
    );
}

#[expect(clippy::print_stdout, reason = "whoever runs the tests is to know")]
fn not_run() {
    println!("not run: this machine lets nobody mount a small disk (unshare -Urm)");
}

/// A shell in a world of its own, whose database lies on a disk of 24 MiB.
struct SmallDisk {
    shell: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl SmallDisk {
    /// `None` where the machine lets nobody mount.
    fn new(world: &mut World) -> Option<Self> {
        let disk = world.folder.path().join("disk");
        fs::create_dir(&disk).expect("made");
        let path = disk.join("hushwatch.db");
        world.env("HUSHWATCH_STORE__PATH", &path.display().to_string());
        let check = world.command(&[]);
        let script = "mount -t tmpfs -o size=24m tmpfs disk && echo mounted || exit 1
            while read -r line; do eval \"$line\" 2>>errors; echo \"ended $?\"; done";
        let mut unshare = Command::new("unshare");
        unshare.args(["-Urm", "sh", "-c", script]);
        unshare.current_dir(world.folder.path()).env_clear();
        unshare.envs(check.get_envs().filter_map(|(k, v)| Some((k, v?))));
        unshare.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        unshare.env("HUSHWATCH", check.get_program());
        unshare.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = unshare.stderr(Stdio::null()).spawn().ok()?;
        let input = shell.stdin.take().expect("piped");
        let mut output = BufReader::new(shell.stdout.take().expect("piped"));
        let mut first = String::new();
        output.read_line(&mut first).expect("read");
        let disk = Self {
            shell,
            input,
            output,
        };
        (first.trim() == "mounted").then_some(disk)
    }

    /// The exit code of a command line.
    fn run(&mut self, line: &str) -> i32 {
        writeln!(self.input, "{line}").expect("written");
        loop {
            let mut said = String::new();
            let read = self.output.read_line(&mut said).expect("read");
            assert!(read > 0, "the shell ended at {line}");
            if let Some(code) = said.trim().strip_prefix("ended ") {
                return code.parse().expect("a number");
            }
        }
    }

    fn check(&mut self, world: &World, now: &str) -> i32 {
        world.postmark.set_now(at(now));
        self.run(&format!("$HUSHWATCH check --now {now} >/dev/null"))
    }

    fn fill(&mut self, name: &str) {
        self.run(&format!("cat /dev/zero > disk/{name}"));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

#[test]
fn a_full_disk_costs_its_reserve_first_and_then_speaks_for_itself() {
    if crate::store::needs_a_file("what becomes of a file") {
        return;
    }
    let mut world = world(Process::New);
    let Some(mut disk) = SmallDisk::new(&mut world) else {
        not_run();
        return;
    };
    assert_eq!(disk.check(&world, "2026-03-03T09:00:00Z"), 0);
    assert_eq!(disk.run("test -s disk/hushwatch.db-reserve"), 0);
    disk.fill("filler");
    assert_eq!(disk.check(&world, "2026-03-03T11:00:00Z"), 0, "the reserve");
    assert_eq!(
        world.alerts(),
        ["🟠 WARN shop/outbound: 2 of 86 recipients bounced in the last hour (2.3%)"]
    );
    assert_ne!(
        disk.run("test -e disk/hushwatch.db-reserve"),
        0,
        "it was used"
    );
    disk.fill("more");
    let sent = at("2026-03-03T11:30:00Z");
    let to_operator = Mail::new("outbound", sent, "ops@example.com");
    world
        .shop
        .push(to_operator.bounced("HardBounce", sent + MINUTE));
    assert_eq!(disk.check(&world, "2026-03-03T12:00:00Z"), 1);
    assert_eq!(world.alerts(), [NO_DATABASE]);
    assert_eq!(disk.run("rm disk/filler disk/more"), 0);
    assert_eq!(disk.check(&world, "2026-03-03T13:00:00Z"), 0);
    assert_eq!(
        world.alerts(),
        ["🔴 WAKE shop/outbound: mail to the operator address ops@example.com bounced (hard)"],
        "the rate not again"
    );
    assert_eq!(disk.run("test -s disk/hushwatch.db-reserve"), 0);
    let span = Span::before(at("2026-03-03T13:00:00Z"), HOUR * 4);
    assert!(world.shop.expected("outbound", span).sent > 0);
}

#[test]
fn a_disk_that_is_read_only_is_reported() {
    if crate::store::needs_a_file("what becomes of a file") {
        return;
    }
    let mut world = world(Process::New);
    let Some(mut disk) = SmallDisk::new(&mut world) else {
        not_run();
        return;
    };
    assert_eq!(disk.check(&world, "2026-03-03T09:00:00Z"), 0);
    assert_eq!(disk.run("mount -o remount,ro disk"), 0);
    assert_eq!(disk.check(&world, "2026-03-03T11:00:00Z"), 1);
    assert_eq!(world.alerts(), [NO_DATABASE]);
    assert_eq!(disk.run("mount -o remount,rw disk"), 0);
    assert_eq!(disk.check(&world, "2026-03-03T12:00:00Z"), 0);
    assert_eq!(
        world.alerts(),
        ["🟠 WARN shop/outbound: 4 of 64 recipients bounced in the last hour (6.2%)"]
    );
}
