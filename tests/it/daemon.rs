//! The daemon, as systemd sees it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hushwatch::model::{HOUR, Span, Timestamp};
use hushwatch::sim::postmark::Profile;

use crate::words::bare;
use crate::world::{Process, World, wait_until};

#[test]
fn it_polls_at_once_signals_ready_beats_and_ends_cleanly_on_sigterm() {
    let mut world = World::new(Process::New, "");
    let now = hushwatch::clock::now();
    world.postmark.set_now(now);
    world.shop.generate(
        "outbound",
        Span::new(now - 5 * HOUR, now),
        &Profile::constant(20.0).without_bounces(),
    );
    let notify = world.folder.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&notify).expect("bound");
    socket.set_nonblocking(true).expect("set");
    world.env("NOTIFY_SOCKET", &notify.display().to_string());
    world.env("HUSHWATCH_HEARTBEAT__URL", &world.slack.heartbeat_url());
    let mut daemon = world.start_daemon(Stdio::null());
    let mut said = [0; 256];
    wait_until("ready", || socket.recv(&mut said.clone()).is_ok());
    wait_until("the heartbeat", || !world.slack.pings().is_empty());
    assert!(world.shop.count("/messages/outbound") > 0);
    let term = Command::new("kill")
        .args(["-TERM", &daemon.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(term.success());
    let asked = Instant::now();
    let status = daemon.wait().expect("ended");
    assert!(status.success(), "{status}");
    assert!(asked.elapsed() < Duration::from_secs(20));
    let _ = socket.recv(&mut said);
    let status = world.run(&["status", "--json"]);
    assert_eq!(
        status.report["servers"][0]["complete"], true,
        "{}",
        status.stderr
    );
}

#[test]
fn a_supervisor_that_cannot_be_reached_is_logged() {
    let mut world = World::new(Process::New, "");
    world.env("FLAG_POSTMARK_DELIVERY_MONITOR", "0");
    let gone = world.folder.path().join("gone").display().to_string();
    for (socket, why) in [
        (gone.as_str(), "No such file or directory (os error 2)"),
        (
            "@hushwatch-nobody-listens",
            "Connection refused (os error 111)",
        ),
    ] {
        world.env("NOTIFY_SOCKET", socket);
        let mut daemon = world.start_daemon(Stdio::piped());
        let mut log = BufReader::new(daemon.stderr.take().expect("piped")).lines();
        let warning = log.find_map(|line| {
            let line = line.expect("text");
            line.contains("NOTIFY_SOCKET").then_some(line)
        });
        daemon.kill().expect("killed");
        daemon.wait().expect("ended");
        let warning = warning.expect("a line");
        let said = format!("WARN failed to tell the supervisor \"READY=1\" (NOTIFY_SOCKET): {why}");
        assert_eq!(bare(&warning), said);
    }
}

#[test]
fn a_heartbeat_is_withheld_while_a_server_is_not_seen_and_nobody_was_notified() {
    let mut world = World::new(Process::New, "");
    world.env("HUSHWATCH_HEARTBEAT__URL", &world.slack.heartbeat_url());
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    let at = |hour: u32| Timestamp::parse("2026-03-03T10:00:00Z").expect("valid") + HOUR * hour;
    world.cycle(at(0));
    assert_eq!(world.slack.pings().len(), 0, "reported in this very cycle");
    world.cycle(at(1));
    assert_eq!(
        world.slack.pings().len(),
        1,
        "reported in an earlier cycle: one dead token does not silence the heartbeat"
    );
    assert_eq!(
        world.posted(),
        [
            "🔴 WAKE shop: the API token is missing or refused, hushwatch cannot see this server's mail",
        ]
    );
}
