//! An hourly `check` against the script that one would put into cron instead: CPU of both, with their start.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hushwatch::model::{HOUR, Timestamp};

use crate::footprint::command;
use crate::peer::{Peer, Wish};
use crate::{Figure, line};

const SCRIPT: &str = include_str!("cron.py");
/// Messages an hour, with the part of the script's CPU that a check may take, and over how many hours that is measured.
const RATES: [(u32, f64, u32); 3] = [
    (10, 1.0 / 25.0, 24),
    (400, 1.0 / 25.0, 12),
    (4000, 1.0 / 12.0, 6),
];
/// Of the kernel's clock, by which a process knows what its children took.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) fn cron() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("cron.py");
    std::fs::write(&script, SCRIPT).expect("written");
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_client = Command::new(&python)
        .args(["-c", "import postmarker"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !has_client {
        return line(
            "a check against a cron script",
            "not measured: `pip install postmarker`, and name its interpreter by PYTHON",
            &[],
        );
    }
    for (rate, goal, hours) in RATES {
        let (ours, theirs) = measure(&python, &script, rate, hours);
        let ratio = ours / theirs;
        line(
            &format!("a check against a cron script, {rate} messages an hour"),
            &format!(
                "{:.1} ms, {:.1} ms of CPU  (1/{:.1})",
                ours * 1e3,
                theirs * 1e3,
                1.0 / ratio
            ),
            &[
                Figure::measure(ours * 1e3, "ms").part("check"),
                Figure::measure(theirs * 1e3, "ms").part("script"),
                Figure::ratio(ratio)
                    .part("check against script")
                    .goal(Some(goal)),
            ],
        );
    }
}

/// CPU seconds of one check, and of one run of the script, in the same hours.
fn measure(python: &str, script: &Path, rate: u32, hours: u32) -> (f64, f64) {
    let now = Timestamp::from_secs(1_772_532_000);
    let mut peer = Peer::start(&Wish {
        now,
        servers: 1,
        last_hour: rate,
        before: rate,
        delay: Duration::ZERO,
        tls: false,
    });
    let folder = tempfile::tempdir().expect("a folder");
    let check = |peer: &mut Peer, at: Timestamp| {
        peer.set_now(at);
        let mut check = command(
            folder.path(),
            &peer.url,
            &peer.token,
            &["check", "--now", &at.to_string()],
        );
        assert!(check.status().expect("runs").success(), "a check at {at}");
    };
    // The first reads what is known of the time before.
    check(&mut peer, now - HOUR * hours);
    let (mut ours, mut theirs) = (0.0, 0.0);
    for hour in (0..hours).rev() {
        let at = now - HOUR * hour;
        let before = children();
        check(&mut peer, at);
        ours += children() - before;
        let before = children();
        let status = Command::new(python)
            .arg(script)
            .current_dir(script.parent().expect("a folder"))
            .env("URL", format!("{}/", peer.url))
            .env("POSTMARK_SERVER_TOKEN", &peer.token)
            .env("NOW_MS", at.0.to_string())
            .stdout(Stdio::null())
            .status();
        assert!(status.expect("runs").success(), "the script at {at}");
        theirs += children() - before;
    }
    (ours / f64::from(hours), theirs / f64::from(hours))
}

/// User and system time of the children that were waited for, in seconds.
fn children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks: f64 = fields[13..15]
        .iter()
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum();
    ticks / TICKS_PER_SECOND
}
