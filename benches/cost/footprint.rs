//! The built binary as a process: its size, its start, its memory.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hushwatch::model::{HOUR, Timestamp};

use crate::line;
use crate::peer::{Peer, Wish};

const BINARY: &str = env!("CARGO_BIN_EXE_hushwatch");
/// The machine's root certificates, as most systems have them.
const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

pub(crate) fn size() {
    let size = std::fs::metadata(BINARY).expect("built").len();
    line(
        "the binary, stripped, with the features of this run",
        &format!("{:.2} MB", size as f64 / 1e6),
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
    line(
        "start to first request, median of 15",
        &format!("{:.1} ms", took[7].as_secs_f64() * 1e3),
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
        let peak = settled(&child);
        line(
            &format!("memory over TLS, {what}: idle after the cycle"),
            &megabytes(&child, "VmRSS"),
        );
        line("  peak", &format!("{:.1} MB", peak as f64 / 1e3));
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

fn megabytes(child: &Child, field: &str) -> String {
    format!("{:.1} MB", status(child, field) as f64 / 1e3)
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
