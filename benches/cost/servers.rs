//! One cycle of a thousand servers, each answer after 150 ms.

use std::time::{Duration, Instant};

use hushwatch::model::{HOUR, Timestamp};

use crate::footprint::command;
use crate::line;
use crate::peer::{ACCOUNT_TOKEN, Peer, Wish};

const SERVERS: u32 = 1000;

pub(crate) fn thousand() {
    let now = Timestamp::from_secs(1_772_532_000);
    let mut peer = Peer::start(&Wish {
        now,
        servers: SERVERS,
        last_hour: 5,
        before: 5,
        delay: Duration::from_millis(150),
        tls: false,
    });
    let folder = tempfile::tempdir().expect("a folder");
    for (what, now) in [("first", now - HOUR), ("next", now)] {
        peer.set_now(now);
        let started = Instant::now();
        let mut check = command(
            folder.path(),
            &peer.url,
            "",
            &["check", "--json", "--now", &now.to_string()],
        );
        check.env_remove("POSTMARK_SERVER_TOKEN");
        check.env("POSTMARK_ACCOUNT_TOKEN", ACCOUNT_TOKEN);
        let output = check
            .stdout(std::process::Stdio::piped())
            .output()
            .expect("runs");
        let took = started.elapsed();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let servers = report["servers"].as_array().expect("servers");
        let requests: u64 = servers.iter().filter_map(|s| s["requests"].as_u64()).sum();
        line(
            &format!("the {what} cycle of {SERVERS} servers, 150 ms an answer"),
            &format!(
                "{:.1} s, {requests} requests, complete: {}",
                took.as_secs_f64(),
                report["complete"]
            ),
        );
    }
}
