//! Polling and storing 100,000 messages, against the bare floor.

use std::sync::Arc;
use std::time::Duration;

use hushwatch::internals::{Context, CycleOptions, Notifier, Sources, load_config, run_cycle};
use hushwatch::model::{HOUR, Timestamp};

use crate::peer::{Peer, Wish};
use crate::{Figure, cpu, floor, line};

const MESSAGES: u32 = 100_000;
/// Of the CPU of the floor.
const CPU_GOAL: f64 = 0.9;
const MEGABYTES_GOAL: f64 = 50.0;

pub(crate) fn store() {
    let now = Timestamp::from_secs(1_772_532_000);
    let mut peer = Peer::start(&Wish {
        now,
        servers: 1,
        last_hour: MESSAGES,
        before: 0,
        delay: Duration::ZERO,
        tls: false,
    });
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hushwatch.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let env = [
        ("POSTMARK_SERVER_TOKEN", peer.token.clone()),
        ("HUSHWATCH_POSTMARK__BASE_URL", peer.url.clone()),
        ("HUSHWATCH_POSTMARK__REQUESTS_PER_POLL", "1000".to_owned()),
        ("HUSHWATCH_STORE__PATH", path.display().to_string()),
    ];
    let sources = Sources {
        file: None,
        env: env.map(|(k, v)| (k.to_owned(), v)).into(),
    };
    let config = load_config(&sources).expect("a valid configuration");
    let notifier = Notifier::new(&config.slack, std::io::sink()).expect("a notifier");
    let app = Arc::new(Context::open(config, notifier).expect("an app"));
    let cycle = |at: Timestamp| {
        let options = CycleOptions {
            now: Some(at),
            scheduled: false,
        };
        let report = runtime.block_on(run_cycle(&app, options)).expect("a cycle");
        serde_json::to_value(&report).expect("JSON")
    };
    peer.set_now(now - HOUR);
    cycle(now - HOUR);
    peer.set_now(now);
    let before = cpu();
    let report = cycle(now);
    let ours = cpu() - before;
    let streams = &report["servers"][0]["streams"];
    let sent: u64 = streams
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|s| s["sent"].as_u64())
        .sum();
    let size = std::fs::metadata(&path).expect("a database").len();
    let floor = floor::measure(&runtime, &peer, now);
    line(
        &format!("CPU of polling, storing and evaluating {sent} messages"),
        &format!("{:.2} s", ours.as_secs_f64()),
        &[Figure::measure(ours.as_secs_f64(), "s")],
    );
    line(
        &format!(
            "  floor: parsing and inserting the same {} in one loop",
            floor.messages
        ),
        &format!("{:.2} s", floor.cpu.as_secs_f64()),
        &[Figure::measure(floor.cpu.as_secs_f64(), "s")],
    );
    let ratio = ours.as_secs_f64() / floor.cpu.as_secs_f64();
    line(
        "  storing against the floor",
        &format!("{ratio:.2} x"),
        &[Figure::ratio(ratio).goal(Some(CPU_GOAL))],
    );
    let megabytes = size as f64 / sent.max(1) as f64;
    line(
        "database per million messages",
        &format!("{megabytes:.0} MB"),
        &[Figure::count(megabytes, "MB").goal(Some(MEGABYTES_GOAL))],
    );
}
