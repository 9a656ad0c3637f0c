//! The built binary as a process: its size, its start, its memory.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hushwatch::model::{HOUR, Timestamp};

use crate::peer::{Peer, Wish};
use crate::{Figure, line};

const BINARY: &str = env!("CARGO_BIN_EXE_hushwatch");
/// The machine's root certificates, as most systems have them.
const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What the binary may weigh with everything that a package ships, and with less.
const SIZE_GOALS: (f64, f64) = (12.0, 9.0);
const START_GOAL_MS: f64 = 5.0;
/// What the idle daemon may hold in memory: all of it, and what is its own alone.
const MEMORY_GOALS: (f64, f64) = (9.0, 2.5);

pub(crate) fn size() {
    let size = std::fs::metadata(BINARY).expect("built").len() as f64 / 1e6;
    let is_full = cfg!(all(feature = "postgres", feature = "doctor"));
    let goal = if is_full { SIZE_GOALS.0 } else { SIZE_GOALS.1 };
    line(
        "the binary, stripped, with the features of this run",
        &format!("{size:.2} MB"),
        &[Figure::count(size, "MB").goal(Some(goal))],
    );
}

/// From the start of the process to its first connection.
pub(crate) fn start() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let folder = tempfile::tempdir().expect("a folder");
    let mut took: Vec<Duration> = (0..15)
        .map(|_| {
            let started = Instant::now();
            let mut child = command(folder.path(), &url, "token", &["check"])
                .spawn()
                .expect("started");
            let connection = listener.accept();
            let took = started.elapsed();
            drop(connection);
            let _ = child.kill();
            let _ = child.wait();
            took
        })
        .collect();
    took.sort();
    let median = took[7].as_secs_f64() * 1e3;
    line(
        "start to first request, median of 15",
        &format!("{median:.1} ms"),
        &[Figure::measure(median, "ms").goal(Some(START_GOAL_MS))],
    );
}

/// Resident memory after a first cycle over TLS, and the peak of a cycle with 25,000 new messages.
pub(crate) fn memory() {
    for (what, messages) in [
        ("10 messages an hour", 10),
        ("25,000 messages in the last hour", 25_000),
    ] {
        let now = now();
        let mut peer = Peer::start(&Wish {
            now,
            servers: 1,
            last_hour: messages,
            before: 10,
            delay: Duration::ZERO,
            tls: true,
        });
        let folder = tempfile::tempdir().expect("a folder");
        let roots = folder.path().join("roots.pem");
        let all = [
            std::fs::read(ROOTS).unwrap_or_default(),
            include_bytes!("../../tests/cluster/server.crt").to_vec(),
        ];
        std::fs::write(&roots, all.concat()).expect("written");
        peer.set_now(now - HOUR);
        let mut first = command(
            folder.path(),
            &peer.url,
            &peer.token,
            &["check", "--now", &(now - HOUR).to_string()],
        );
        let first = first.env("SSL_CERT_FILE", &roots).status().expect("runs");
        assert!(first.success(), "the first cycle over TLS");
        peer.set_now(now);
        let mut run = command(folder.path(), &peer.url, &peer.token, &["run"]);
        let mut child = run.env("SSL_CERT_FILE", &roots).spawn().expect("started");
        let peak = settled(&child) as f64 / 1e3;
        let (resident, own) = (megabytes(&child, "VmRSS"), megabytes(&child, "RssAnon"));
        let goals = Some(MEMORY_GOALS).filter(|_| messages <= 10);
        line(
            &format!("memory over TLS, {what}: idle after the cycle"),
            &format!("{resident:.1} MB, of which {own:.1} MB are its own"),
            &[
                Figure::measure(resident, "MB").goal(goals.map(|(all, _)| all)),
                Figure::measure(own, "MB")
                    .part("its own")
                    .goal(goals.map(|(_, own)| own)),
            ],
        );
        line(
            &format!("  peak of the cycle, {what}"),
            &format!("{peak:.1} MB"),
            &[Figure::measure(peak, "MB")],
        );
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn now() -> Timestamp {
    hushwatch::clock::now().floor(Duration::from_secs(1))
}

/// Waits until the process does nothing any more; its peak, in kB.
pub(crate) fn settled(child: &Child) -> u64 {
    let (mut peak, mut quiet) = (0, 0);
    let mut before = 0;
    while quiet < 8 {
        std::thread::sleep(Duration::from_millis(500));
        let ticks = ticks(child);
        quiet = if ticks == before && ticks > 0 {
            quiet + 1
        } else {
            0
        };
        before = ticks;
        peak = status(child, "VmHWM").max(peak);
    }
    peak
}

/// User and system time, in ticks of the kernel's clock.
fn ticks(child: &Child) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("alive");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    [11, 12]
        .iter()
        .map(|i| fields[*i].parse::<u64>().unwrap_or(0))
        .sum()
}

fn megabytes(child: &Child, field: &str) -> f64 {
    status(child, field) as f64 / 1e3
}

pub(crate) fn status(child: &Child, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("alive");
    let found = text.lines().find(|l| l.starts_with(field));
    let number = found.and_then(|l| l.split_whitespace().nth(1)?.parse().ok());
    number.unwrap_or(0)
}

pub(crate) fn command(folder: &Path, url: &str, token: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("POSTMARK_SERVER_TOKEN", token)
        .env("HUSHWATCH_POSTMARK__BASE_URL", url)
        .env("HUSHWATCH_POSTMARK__REQUESTS_PER_POLL", "1000")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
