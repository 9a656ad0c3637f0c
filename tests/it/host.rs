//! What the machine around it does: its files, its signals, its journal, its proxy.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::words::{assert_line, bare};
use crate::world::{Process, World, at, wait_until};

#[test]
fn nobody_else_may_read_what_is_stored() {
    if crate::store::needs_a_file("the mode of a file") {
        return;
    }
    let mut world = World::new(Process::One, "");
    world.cycle(at("2026-03-03T10:00:00Z"));
    let folder = world.folder.path().to_owned();
    let suffixes = ["", "-wal", "-shm", "-lock", "-reserve"];
    let modes = |case: &str| {
        for suffix in suffixes {
            let path = folder.join(format!("hushwatch.db{suffix}"));
            let file = std::fs::metadata(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
            let mode = file.permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{case}: hushwatch.db{suffix} has {mode:o}");
        }
    };
    modes("made");
    std::fs::remove_file(folder.join("hushwatch.db")).expect("deleted");
    world.cycle(at("2026-03-03T11:00:00Z"));
    modes("written back");
    let _ = world.alerts();
}

#[test]
fn a_terminal_that_closes_does_not_end_the_daemon() {
    let mut world = World::new(Process::New, "");
    world.env("HUSHWATCH_HEARTBEAT__URL", &world.slack.heartbeat_url());
    world.postmark.set_now(hushwatch::clock::now());
    let mut daemon = world.start_daemon(Stdio::piped());
    let mut log = BufReader::new(daemon.stderr.take().expect("piped")).lines();
    wait_until("the heartbeat", || !world.slack.pings().is_empty());
    let send = |name: &str| {
        let sent = Command::new("kill")
            .args([name, &daemon.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    };
    send("-HUP");
    let going_on = "INFO the configuration was read again: nothing changed";
    assert!(
        log.any(|line| bare(&line.expect("text")) == going_on),
        "it is logged"
    );
    send("-TERM");
    let rest: Vec<String> = log.map_while(Result::ok).collect();
    assert_line(&rest.join("\n"), "INFO stopped");
    assert_eq!(daemon.wait().expect("ended").code(), Some(0));
    world.set_aside("not what is tested");
}

#[test]
fn the_journal_learns_the_priority_of_each_line() {
    let mut world = World::new(Process::New, "");
    world.env("SLACK_BOT_TOKEN", "");
    let logged = |world: &World| {
        let output = world.run_in_journal(&["check"]);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let warned = logged(&world);
    let is_prefixed = |line: &str| {
        let (start, level) = line.split_at(3);
        let level = level.trim_start().split(' ').next().unwrap_or_default();
        matches!(
            (start, level),
            ("<3>", "ERROR" | "hushwatch:") | ("<4>", "WARN") | ("<6>", "INFO")
        )
    };
    assert_line(
        &world.shown(&warned),
        "<4> WARN NO SLACK: neither SLACK_BOT_TOKEN nor SLACK_WEBHOOK_URL is set, so messages are only printed here; set SLACK_WEBHOOK_URL, or SLACK_BOT_TOKEN and SLACK_OPERATOR_DM_CHANNEL",
    );
    assert_line(
        &world.shown(&warned),
        "<6> INFO the data is in <database> (<key>)",
    );
    for line in warned.lines() {
        assert!(is_prefixed(line), "{line}");
    }
    world.env("HUSHWATCH_MODE", "loud");
    world.env("HUSHWATCH_TIME_ZONE", "Mars");
    let failed = logged(&world);
    assert_eq!(
        failed
            .lines()
            .filter(|line| line.starts_with("<3>"))
            .count(),
        2,
        "{failed}"
    );
    // Inherited from a service, by a process that writes elsewhere.
    world.env("JOURNAL_STREAM", "8:12345");
    let plain = world.run(&["check"]).stderr;
    assert!(!plain.contains("<3>"), "{plain}");
}

#[test]
fn with_nothing_set_there_is_one_line_and_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |args: &[&str], env: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hushwatch"));
        command.args(args).current_dir(folder.path()).env_clear();
        command.env("SERVICE_ROOT_FOR_TESTS", folder.path());
        command.envs(env.iter().copied());
        let output = command.output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    for args in [&["check"][..], &["run"], &["digest"], &["check", "--json"]] {
        for env in [&[][..], &[("POSTMARK_SERVER_TOKEN", " "), ("PATH", "/bin")]] {
            let (code, said) = run(args, env);
            assert_eq!(code, Some(2), "{args:?}: {said}");
            assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
            assert_line(
                &said,
                "hushwatch: nothing is set: there is no monitor.toml in this folder, no POSTMARK_SERVER_TOKEN and no Slack; set POSTMARK_SERVER_TOKEN and SLACK_WEBHOOK_URL, name a file with --config, or try `hushwatch demo`",
            );
        }
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("read").collect();
    assert!(left.is_empty(), "{left:?}");
    // With Slack, the missing token is reported there.
    let world = World::new(Process::New, "");
    let (code, said) = run(
        &["check"],
        &[("SLACK_WEBHOOK_URL", &world.slack.webhook_url())],
    );
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(world.alerts().len(), 1, "{said}");
}

/// A proxy that asks for a login, whatever it is asked.
fn proxy_with_login() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(client.try_clone().expect("cloned")).lines();
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            let answer = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
            let _ = client.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

#[test]
fn a_proxy_that_demands_a_login_is_named() {
    let mut world = World::new(Process::New, "");
    world.env("HTTPS_PROXY", &proxy_with_login());
    world.env(
        "HUSHWATCH_POSTMARK__BASE_URL",
        "https://postmark.example.com",
    );
    world.env(
        "HUSHWATCH_HEARTBEAT__URL",
        "https://heartbeat.example.com/secret",
    );
    world.env("HUSHWATCH_SLACK__BASE_URL", "https://slack.example.com");
    let says = |world: &World, args: &[&str], code: i32, all: &[&str]| {
        let ended = world.run(args);
        let text = format!("{}{}", ended.report, ended.stderr);
        assert_eq!(ended.code, code, "{args:?}: {text}");
        for found in all {
            let named = format!("{found}: the proxy demands a login (status 407); put user");
            assert!(text.contains(&named), "{named}: {text}");
        }
    };
    let (postmark, slack, heartbeat) = (
        "Postmark is not reachable",
        "cannot reach Slack",
        "the heartbeat could not be sent",
    );
    says(&world, &["check"], 1, &[postmark]);
    says(&world, &["doctor"], 1, &[slack, heartbeat]);
    // A refused token is reported at once.
    world.env("HUSHWATCH_POSTMARK__BASE_URL", &world.postmark.base_url());
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    says(&world, &["check"], 1, &[slack]);
    // The heartbeat comes last: where all else is well.
    let mut world = World::new(Process::New, "");
    world.env("HTTPS_PROXY", &proxy_with_login());
    world.env(
        "HUSHWATCH_HEARTBEAT__URL",
        "https://heartbeat.example.com/secret",
    );
    says(&world, &["check"], 0, &[heartbeat]);
    let _ = world.posted();
}
