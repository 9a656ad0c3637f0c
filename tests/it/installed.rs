//! Beside an installed service, and from cron: what the operator's shell or cron gives the binary is little.

mod owners;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::words::bare;
use crate::world::{Process, World, wait_until};

/// A user that owns nothing on any machine.
const NOBODY: u32 = 65_534;
const ROOT: &str = "SERVICE_ROOT_FOR_TESTS";

/// Returns the user's name on this machine, or the number.
fn name(user: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let is_it = fields.get(2).is_some_and(|id| **id == user.to_string());
        is_it.then(|| fields[0].to_owned())
    });
    named.unwrap_or_else(|| user.to_string())
}

/// A machine on which the service of a world is installed, seen from an empty folder.
struct Machine {
    world: World,
    root: tempfile::TempDir,
    /// The user of the service: another one than that of the test, where the test may become it.
    user: u32,
}

impl Machine {
    fn new() -> Self {
        let world = World::new(Process::New, "");
        world.postmark.set_now(hushwatch::clock::now());
        let root = tempfile::tempdir().expect("a folder");
        let me = root.path().metadata().expect("there").uid();
        let user = if me == 0 { NOBODY } else { me };
        let machine = Self { world, root, user };
        for folder in [
            "",
            "etc",
            "etc/hushwatch",
            "etc/default",
            "var",
            "var/lib",
            "empty",
        ] {
            let path = machine.path(folder);
            fs::create_dir_all(&path).expect("made");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
        }
        fs::create_dir(machine.path("var/lib/hushwatch")).expect("made");
        machine.give("var/lib/hushwatch");
        // A link where it can be: a copy is a hundred megabytes.
        let (built, own) = (env!("CARGO_BIN_EXE_hushwatch"), machine.path("hushwatch"));
        let linked = fs::hard_link(built, &own);
        linked
            .or_else(|_| fs::copy(built, &own).map(|_| ()))
            .expect("copied");
        let configuration = machine.path("etc/hushwatch/monitor.toml");
        let text = fs::read_to_string(machine.world.folder.path().join("monitor.toml"));
        let text = text.expect("read").replace(
            "token_env = \"POSTMARK_SERVER_TOKEN\"",
            "token_file = \"shop.token\"",
        );
        fs::write(configuration, text).expect("written");
        fs::write(
            machine.path("etc/hushwatch/shop.token"),
            machine.world.shop.token(),
        )
        .expect("written");
        machine.give("etc/hushwatch/shop.token");
        let kept = |name: &String| {
            !matches!(
                name.as_str(),
                "POSTMARK_SERVER_TOKEN" | "HUSHWATCH_STORE__PATH"
            )
        };
        let env = machine
            .world
            .variables()
            .iter()
            .filter(|(name, _)| kept(name));
        let lines: String = env
            .map(|(name, value)| format!("{name}=\"{value}\"\n"))
            .collect();
        fs::write(machine.path("etc/default/hushwatch"), lines).expect("written");
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn give(&self, path: &str) {
        let path = self.path(path);
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
        if self.is_root() {
            chown(path, Some(self.user), Some(self.user)).expect("given");
        }
    }

    fn is_root(&self) -> bool {
        self.user == NOBODY
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.path("hushwatch"));
        command.args(args).env_clear().env(ROOT, self.root.path());
        command.current_dir(self.path("empty"));
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        loop {
            match self.command(args).output() {
                // A copy that is still open in a child that another test starts just now.
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                ended => return ended.expect("the binary runs"),
            }
        }
    }

    fn owners(&self) -> BTreeMap<String, u32> {
        let entries = fs::read_dir(self.path("var/lib/hushwatch")).expect("read");
        let owner = |entry: fs::DirEntry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, entry.metadata().expect("there").uid())
        };
        entries
            .map(|entry| owner(entry.expect("an entry")))
            .collect()
    }
}

fn stderr(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines()
        .map(|line| format!("{}\n", bare(line)))
        .collect()
}

#[test]
fn who_operates_an_installed_service_works_on_its_data_as_its_user() {
    // The tests' cluster lets nobody else in.
    if crate::store::needs_a_file("what another user may do") {
        return;
    }
    let machine = Machine::new();
    let line = format!(
        "INFO working on the service that is installed here, as its user {}: {}\n",
        machine.user,
        machine.path("etc/hushwatch/monitor.toml").display()
    );
    for args in [
        &["check"][..],
        &["status"],
        &["mute", "--for", "1h", "--reason", "a move"],
        &["mute", "--list"],
        &["incidents"],
        &["messages"],
        &["config", "check"],
    ] {
        let output = machine.run(args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {said}");
        assert!(said.starts_with(&line), "{args:?}: {said}");
    }
    let status = machine.run(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).expect("JSON alone");
    assert_eq!(status["servers"][0]["name"], "shop");
    assert_eq!(status["mutes"][0]["reason"], "a move");
    let owners = machine.owners();
    assert!(owners.contains_key("hushwatch.db"), "{owners:?}");
    assert!(
        owners.values().all(|owner| *owner == machine.user),
        "{owners:?}"
    );
    assert_eq!(
        fs::read_dir(machine.path("empty")).expect("read").count(),
        0
    );
    machine
        .world
        .set_aside("what is tested is where it came from");
}

#[test]
fn what_is_said_explicitly_wins_over_the_installed_service() {
    let machine = Machine::new();
    let no_database = |output: &Output| {
        let said = stderr(output);
        assert!(!said.contains("working on the service"), "{said}");
        said
    };
    let mut named = machine.command(&["status"]);
    named.env("HUSHWATCH_STORE__PATH", "none.db");
    let said = no_database(&named.output().expect("runs"));
    assert!(
        said.ends_with("was left alone, because HUSHWATCH_STORE__PATH is set\n"),
        "{said}"
    );
    fs::write(machine.path("empty/monitor.toml"), "time_zone = \"UTC\"").expect("written");
    let said = no_database(&machine.run(&["status"]));
    assert!(
        said.ends_with("was left alone, because there is a monitor.toml in this folder\n"),
        "{said}"
    );
    let file = machine.path("empty/monitor.toml").display().to_string();
    let said = no_database(&machine.run(&["status", "--config", &file]));
    assert!(
        said.ends_with("was left alone, because --config is given\n"),
        "{said}"
    );
    fs::remove_file(file).expect("removed");
    for args in [
        &["completions", "bash"][..],
        &["sentry-rule", "--org", "o", "--project", "p"],
    ] {
        no_database(&machine.run(args));
    }
}

#[test]
fn who_may_not_see_the_data_is_told_of_it_and_who_has_no_service_that_there_is_none() {
    let machine = Machine::new();
    if machine.is_root() {
        let mut other = machine.command(&["status"]);
        other.uid(NOBODY - 1);
        let said = stderr(&other.output().expect("runs"));
        let file = machine.path("etc/hushwatch/monitor.toml");
        let line = format!(
            "of the service that is installed here ({}) only root and its user {NOBODY} may see the data: try it with sudo\n",
            file.display()
        );
        assert!(said.ends_with(&line), "{said}");
    }
    fs::remove_dir(machine.path("var/lib/hushwatch")).expect("removed");
    let said = stderr(&machine.run(&["status"]));
    let line = "HUSHWATCH_STORE__PATH; no service is installed here (/etc/hushwatch, /var/lib/hushwatch)\n";
    assert!(said.ends_with(line), "{said}");
}

#[test]
fn a_line_of_its_environment_that_sets_nothing_is_named() {
    let machine = Machine::new();
    let file = machine.path("etc/default/hushwatch");
    let text = fs::read_to_string(&file).expect("read");
    fs::write(&file, format!("# Tokens\nexport SHOP_TOKEN=x\n{text}")).expect("written");
    let said = stderr(&machine.run(&["status"]));
    let line = format!(
        "WARN line 2 of {} sets nothing: it is not NAME=value; write it so, without `export`\n",
        file.display()
    );
    assert!(said.contains(&line), "{said}");
    assert!(!said.contains("line 1 "), "{said}");
}

#[test]
fn a_file_of_the_service_that_its_user_may_not_read_is_named_with_the_remedy() {
    let machine = Machine::new();
    if !machine.is_root() {
        return;
    }
    let as_service = || {
        let mut command = machine.command(&["status"]);
        command.uid(NOBODY).gid(NOBODY);
        stderr(&command.output().expect("the binary runs"))
    };
    for (file, beginning) in [
        (
            "etc/default/hushwatch",
            format!("cannot work on the service that is installed here as its user {NOBODY}: "),
        ),
        ("etc/hushwatch/monitor.toml", String::new()),
    ] {
        let path = machine.path(file);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        let said = as_service();
        let line = format!(
            "hushwatch: {beginning}{0}: cannot be read: permission denied; as root: chgrp {NOBODY} {0} && chmod 640 {0}\n",
            path.display()
        );
        assert!(said.ends_with(&line), "{said}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
    }
    // Root becomes that user, who may not write where root may.
    let closed = machine.path("etc/check.log").display().to_string();
    let said = stderr(&machine.run(&["check", "--log-file", &closed]));
    let line = format!(
        "hushwatch: --log-file {closed}: permission denied; name a file in a folder that the user {NOBODY} of the service that is installed here may write to\n"
    );
    assert!(said.ends_with(&line), "{said}");
}

#[test]
fn half_an_installation_ends_in_one_line_with_the_remedy_and_no_restart() {
    let machine = Machine::new();
    fs::write(
        machine.path("etc/default/hushwatch"),
        "#POSTMARK_SERVER_TOKEN=\n",
    )
    .expect("written");
    fs::write(machine.path("etc/hushwatch/monitor.toml"), "#[[server]]\n").expect("written");
    let file = machine
        .path("etc/hushwatch/monitor.toml")
        .display()
        .to_string();
    // The unit's own call, which names its file.
    for args in [&["run", "--config", &file][..], &["check"]] {
        let output = machine.run(args);
        assert_eq!(output.status.code(), Some(2));
        let said = stderr(&output);
        let line = format!(
            "hushwatch: nothing is set: {file} sets nothing, there is no POSTMARK_SERVER_TOKEN and no Slack; set POSTMARK_SERVER_TOKEN and SLACK_WEBHOOK_URL in /etc/default/hushwatch, or name servers in that file\n"
        );
        assert!(said.ends_with(&line), "{said}");
    }
    assert_eq!(machine.owners(), BTreeMap::new());
}

#[test]
fn the_line_for_cron_needs_nothing_of_a_login_and_prints_nothing() {
    let machine = Machine::new();
    let crontab = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/crontab"));
    let crontab = crontab.expect("read");
    let line = crontab
        .lines()
        .find(|line| line.starts_with("0 * * * * "))
        .expect("a line");
    let command = line.trim_start_matches("0 * * * * ");
    assert!(
        !command.contains('%'),
        "cron makes a new line of it: {command}"
    );
    let home = machine.path("home");
    fs::create_dir_all(home.join("hushwatch")).expect("made");
    let program = machine.path("hushwatch").display().to_string();
    let command = command.replace("/usr/local/bin/hushwatch", &program);
    assert!(command.contains(&program), "{command}");
    // What cron sets, and the lines above in the crontab.
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &command]).env_clear().current_dir(&home);
    shell
        .env("HOME", &home)
        .env("LOGNAME", "ops")
        .env("PATH", "/usr/bin:/bin")
        .env("SHELL", "/bin/sh");
    let unset = |name: &String| name.as_str() != "HUSHWATCH_STORE__PATH";
    shell.envs(
        machine
            .world
            .variables()
            .iter()
            .filter(|(name, _)| unset(name)),
    );
    shell.env(ROOT, machine.path("empty"));
    for runs in 1..=2 {
        let output = shell.output().expect("runs");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(
            (output.stdout.len(), output.stderr.len()),
            (0, 0),
            "{output:?}"
        );
        let log = fs::read_to_string(home.join("hushwatch/check.log")).expect("written");
        assert_eq!(log.matches(" complete: ").count(), runs, "{log}");
        assert!(!log.contains('\u{1b}'), "no colours in a file: {log}");
    }
    // What ends it is in the log, too: nobody reads what cron would mail.
    shell.env("HUSHWATCH_SCHEDULE", "hourly");
    let output = shell.output().expect("runs");
    assert_eq!(
        (output.status.code(), output.stderr.len()),
        (Some(2), 0),
        "{output:?}"
    );
    let log = fs::read_to_string(home.join("hushwatch/check.log")).expect("written");
    assert!(
        log.trim_end()
            .lines()
            .last()
            .is_some_and(|line| line.contains("ERROR HUSHWATCH_SCHEDULE")),
        "{log}"
    );
    let mode = fs::metadata(home.join("hushwatch/check.log"))
        .expect("there")
        .mode()
        & 0o777;
    assert_eq!(mode, 0o600);
}

#[test]
fn a_log_file_that_cannot_be_written_is_wrong_usage() {
    let world = World::new(Process::New, "");
    let output = world.run(&["check", "--log-file", "missing/check.log"]);
    assert_eq!(output.code, 2);
    assert_eq!(
        output.stderr,
        "hushwatch: --log-file missing/check.log: no such file; name a file in a folder that this user may write to\n"
    );
    assert_eq!(world.postmark.requests().len(), 0);
}

/// A device that takes nothing, as a full disk.
#[test]
fn a_log_that_its_file_does_not_take_goes_to_standard_error() {
    let mut world = World::new(Process::New, "");
    world.env("HUSHWATCH_SCHEDULE", "never");
    let output = world.run(&["check", "--log-file", "/dev/full"]);
    assert_eq!(output.code, 2);
    let (first, log) = output.stderr.split_once('\n').expect("lines");
    assert_eq!(
        first,
        "hushwatch: cannot write the log to --log-file: no storage space; it goes to standard error"
    );
    assert!(log.contains("ERROR HUSHWATCH_SCHEDULE"), "{log}");
    let said = output.stderr.matches("cannot write the log");
    assert_eq!(said.count(), 1, "{}", output.stderr);
}

#[test]
fn a_healthcheck_says_whether_the_daemon_lives() {
    let mut world = World::new(Process::New, "");
    world.postmark.set_now(hushwatch::clock::now());
    let ended = world.run(&["healthcheck"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("there is no page to ask"),
        "{}",
        ended.stderr
    );
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = free.local_addr().expect("bound").port();
    drop(free);
    world.env("HUSHWATCH_PAGE__LISTEN", &format!("127.0.0.1:{port}"));
    let ended = world.run(&["healthcheck"]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.ends_with("is `hushwatch run` running?\n"),
        "{}",
        ended.stderr
    );
    let null = std::process::Stdio::null;
    let mut daemon = world.start_daemon(null());
    wait_until("ready", || world.run(&["healthcheck", "--ready"]).code == 0);
    let ended = world.run(&["healthcheck"]);
    daemon.kill().expect("killed");
    daemon.wait().expect("ended");
    assert_eq!((ended.code, ended.report), (0, "alive\n".into()));
}
