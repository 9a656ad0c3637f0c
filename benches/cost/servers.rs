//! One cycle of a thousand servers, each answer after 150 ms.

use std::time::{Duration, Instant};

use hushwatch::model::{HOUR, Timestamp};

use crate::footprint::command;
use crate::peer::{ACCOUNT_TOKEN, Peer, Wish};
use crate::{Figure, line};

const SERVERS: u32 = 1000;
/// Requests of a server in a cycle.
const REQUESTS_GOAL: f64 = 6.0;

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
    for (what, now, goal_s) in [("first", now - HOUR, 15.0), ("next", now, 12.0)] {
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
        let took = started.elapsed().as_secs_f64();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let servers = report["servers"].as_array().expect("servers");
        let requests: u64 = servers.iter().filter_map(|s| s["requests"].as_u64()).sum();
        let a_server = requests as f64 / f64::from(SERVERS);
        line(
            &format!("the {what} cycle of {SERVERS} servers, 150 ms an answer"),
            &format!(
                "{took:.1} s, {requests} requests, complete: {}",
                report["complete"]
            ),
            &[
                Figure::measure(took, "s").goal(Some(goal_s)),
                Figure::count(a_server, "requests")
                    .part("of a server")
                    .goal(Some(REQUESTS_GOAL)),
            ],
        );
    }
}
