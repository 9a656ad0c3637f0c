//! A year of hourly polls over a million messages: how long the replay takes, beside merely reading the file.
//!
//! `cargo bench --bench replay`; with `-- --json` it prints an object for each figure.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

#[path = "cost/rows.rs"]
mod rows;

use std::io::Write;
use std::process::Command;
use std::time::Instant;

use hushwatch::internals::EventsFile;
use hushwatch::model::{MINUTE, Timestamp};

use rows::Figure;

const MESSAGES: u64 = 1_000_000;
const YEAR_S: u64 = 365 * 86_400;
/// Seconds that the whole replay may take.
const GOAL_S: f64 = 0.5;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.ndjson");
    write_events(&path);
    let size = std::fs::metadata(&path).expect("written").len();
    let reading = Instant::now();
    let text = std::fs::read(&path).expect("read");
    let values = text.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    let floor = values
        .filter(|l| serde_json::from_slice::<serde_json::Value>(l).is_ok())
        .count();
    let floor_s = reading.elapsed().as_secs_f64();
    drop(text);
    let parsing = Instant::now();
    let events = EventsFile::read(
        std::io::BufReader::new(std::fs::File::open(&path).expect("open")),
        |_| (),
    )
    .expect("valid");
    let parse_s = parsing.elapsed().as_secs_f64();
    let messages = events.messages;
    drop(events);
    for proof in ["full", "sample"] {
        let replaying = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_hushwatch"))
            .current_dir(folder.path())
            .env_clear()
            .args([
                "backtest",
                path.to_str().expect("text"),
                "--format",
                "json",
                "--proof",
                proof,
                "--from",
                "2025-01-02T00:00:00Z",
            ])
            .output()
            .expect("runs");
        let replay_s = replaying.elapsed().as_secs_f64();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let steps = output.stdout.iter().filter(|b| **b == b'\n').count();
        show(
            &format!("backtest --proof {proof}, parsing included ({steps} steps)"),
            replay_s,
            parse_s,
            Figure::count(steps as f64, "steps").part("steps"),
            Some(GOAL_S),
        );
    }
    show(
        &format!(
            "EventsFile::read of {messages} messages, {} MB",
            size / 1_000_000
        ),
        parse_s,
        parse_s,
        Figure::count(messages as f64, "messages").part("messages"),
        None,
    );
    show(
        &format!("serde_json::Value of the same {floor} lines"),
        floor_s,
        parse_s,
        Figure::count(floor as f64, "lines").part("lines"),
        None,
    );
}

fn show(what: &str, seconds: f64, parse: f64, things: Figure, goal: Option<f64>) {
    let ratio = seconds / parse;
    rows::line(
        what,
        &format!("{seconds:>7.2} s {ratio:>6.1} x parsing"),
        &[
            Figure::measure(seconds, "s").goal(goal),
            Figure::ratio(ratio).part("against parsing"),
            things,
        ],
    );
}

/// Office hours and quiet nights, by a generator of its own so that the same file comes every time.
fn write_events(path: &std::path::Path) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).expect("created"));
    let start = Timestamp::parse("2025-01-01T00:00:00Z").expect("valid");
    let mut state = 7u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1u64 << 31) as f64
    };
    let mut at = 0.0;
    for n in 0..MESSAGES {
        let hour = (at / 3600.0) as u64 % 24;
        let busy = if (8..18).contains(&hour) { 2.0 } else { 0.2857 };
        at += -(1.0 - random()).ln() * YEAR_S as f64 / MESSAGES as f64 / busy;
        let sent_at = start + std::time::Duration::from_millis((at * 1000.0) as u64);
        let delivered = sent_at + MINUTE / 10;
        writeln!(
            file,
            "{{\"id\":\"{n:032x}\",\"server\":\"shop\",\"stream\":\"outbound\",\"sent_at\":\"{sent_at}\",\"delivered_at\":\"{delivered}\",\"bounced_at\":null,\"bounce_type\":null,\"complained_at\":null}}"
        )
        .expect("written");
    }
}
