//! The page of `run`: its memory, what its requests cost the cycles, and a thousand servers.
//!
//! With `HUSHWATCH_BENCH_DATABASE_URL` the cycles are those on that `PostgreSQL` database.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use hushwatch::model::Timestamp;

use crate::footprint::{command, settled, status};
use crate::peer::{ACCOUNT_TOKEN, Peer, Wish};
use crate::{Figure, line};

const SERVERS: u32 = 1000;
/// What the page may cost of memory, in MB.
const MEMORY_GOAL: f64 = 1.0;
/// How long the page of [`SERVERS`] servers may take, in milliseconds.
const PAGE_GOAL_MS: f64 = 100.0;
/// How long cycles are watched, with requests and without.
const WATCHED: Duration = Duration::from_secs(60);
const REQUESTS_A_SECOND: u32 = 200;

pub(crate) fn page() {
    memory();
    load();
    thousand();
}

/// A daemon with its log.
struct Daemon {
    child: Child,
    url: String,
    log: Receiver<(Instant, Timestamp, String)>,
}

impl Daemon {
    fn start(folder: &Path, peer: &Peer, env: &[(&str, &str)], has_page: bool) -> Self {
        let mut run = command(folder, &peer.url, &peer.token, &["run"]);
        if has_page {
            run.env("HUSHWATCH_PAGE__LISTEN", "127.0.0.1:0");
        }
        let mut child = run
            .envs(env.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let (told, log) = channel();
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = told.send((Instant::now(), hushwatch::clock::now(), line));
            }
        });
        let mut daemon = Self {
            child,
            url: String::new(),
            log,
        };
        if has_page {
            let line = daemon.wait_for("the page is at ");
            daemon.url = line.trim_end_matches('/').to_owned();
        }
        daemon
    }

    /// Waits for a line with `what`, and returns what follows it.
    fn wait_for(&self, what: &str) -> String {
        let mut lines = self.log.iter().map(|(_, _, line)| line);
        let found = lines.find_map(|line| line.split_once(what).map(|(_, rest)| rest.to_owned()));
        found.expect("the daemon goes on")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wish(servers: u32) -> Wish {
    Wish {
        now: hushwatch::clock::now().floor(Duration::from_secs(1)),
        servers,
        last_hour: 5,
        before: 5,
        delay: Duration::ZERO,
        tls: false,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn client() -> reqwest::Client {
    hushwatch::internals::install_provider();
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
}

async fn get(client: &reqwest::Client, url: &str) -> usize {
    let answer = client.get(url).send().await.expect("an answer");
    let answer = answer.error_for_status().expect("a good answer");
    answer.bytes().await.expect("a body").len()
}

fn memory() {
    let peer = Peer::start(&wish(1));
    let measure = |has_page: bool, asked: bool| {
        let folder = tempfile::tempdir().expect("a folder");
        let daemon = Daemon::start(folder.path(), &peer, &[], has_page);
        daemon.wait_for("cycle of");
        if asked {
            let client = client();
            runtime().block_on(async {
                for path in ["/", "/metrics", "/api/status", "/api/recent-deliveries"] {
                    get(&client, &format!("{}{path}", daemon.url)).await;
                }
            });
        }
        settled(&daemon.child);
        status(&daemon.child, "VmRSS") as f64 / 1e3
    };
    let off = measure(false, false);
    line(
        "memory of the idle daemon without a page",
        &format!("{off:.1} MB"),
        &[Figure::measure(off, "MB")],
    );
    for (what, asked) in [
        ("  with the page on", false),
        ("  with the page on, after it was asked", true),
    ] {
        let on = measure(true, asked);
        let more = Figure::measure(on - off, "MB")
            .part("more than without")
            .goal(Some(MEMORY_GOAL));
        line(
            what,
            &format!("{on:.1} MB ({:+.2} MB)", on - off),
            &[Figure::measure(on, "MB"), more],
        );
    }
}

/// How late cycles end after the instant they stand for, with requests and without.
fn load() {
    let peer = Peer::start(&wish(20));
    let folder = tempfile::tempdir().expect("a folder");
    let database = std::env::var("HUSHWATCH_BENCH_DATABASE_URL").unwrap_or_default();
    let env = [
        ("POSTMARK_SERVER_TOKEN", ""),
        ("POSTMARK_ACCOUNT_TOKEN", ACCOUNT_TOKEN),
        ("HUSHWATCH_SCHEDULE", "*/3 * * * * *"),
        ("HUSHWATCH_DATABASE_URL", database.as_str()),
    ];
    let daemon = Daemon::start(folder.path(), &peer, &env, true);
    daemon.wait_for("cycle of");
    let store = if database.is_empty() {
        "SQLite"
    } else {
        "PostgreSQL"
    };
    for (what, rate) in [
        ("alone", 0),
        ("with 200 requests a second", REQUESTS_A_SECOND),
    ] {
        let answered = ask(&daemon.url, rate);
        let mut late: Vec<f64> = daemon
            .log
            .try_iter()
            .filter_map(|line| lateness(&line))
            .collect();
        late.sort_by(f64::total_cmp);
        let (median, last) = (late[late.len() / 2], late[late.len() - 1]);
        line(
            &format!("{store}, a cycle of 20 servers every 3 s for a minute, {what}"),
            &format!(
                "ends after {median:.2} s (median), {last:.2} s (longest), {} cycles, {answered} answers",
                late.len()
            ),
            &[
                Figure::measure(median, "s").part("median"),
                Figure::measure(last, "s").part("longest"),
                Figure::count(late.len() as f64, "cycles").part("cycles"),
                Figure::count(answered as f64, "answers").part("answers"),
            ],
        );
    }
}

/// Seconds from the instant of a cycle to its end, by a line of the log.
fn lateness((_, at, line): &(Instant, Timestamp, String)) -> Option<f64> {
    let (_, rest) = line.split_once("cycle of ")?;
    let instant = Timestamp::parse(rest.split(' ').next()?)?;
    Some((at.0 - instant.0) as f64 / 1e3)
}

/// Sends requests for [`WATCHED`], each at its time whether others are answered or not; how many were answered.
fn ask(url: &str, a_second: u32) -> usize {
    let paths = [
        "/",
        "/metrics",
        "/api/status",
        "/api/recent-deliveries",
        "/api/incidents",
        "/readyz",
    ];
    runtime().block_on(async {
        let client = client();
        let (started, mut requests) = (Instant::now(), tokio::task::JoinSet::new());
        let mut sent = 0;
        while started.elapsed() < WATCHED {
            tokio::time::sleep(Duration::from_millis(5)).await;
            while f64::from(sent) < started.elapsed().as_secs_f64() * f64::from(a_second) {
                let url = format!("{url}{}", paths[sent as usize % paths.len()]);
                let client = client.clone();
                requests.spawn(async move {
                    client
                        .get(url)
                        .send()
                        .await
                        .is_ok_and(|a| a.status().is_success())
                });
                sent += 1;
            }
        }
        requests
            .join_all()
            .await
            .into_iter()
            .filter(|ok| *ok)
            .count()
    })
}

fn thousand() {
    let peer = Peer::start(&wish(SERVERS));
    let folder = tempfile::tempdir().expect("a folder");
    let env = [
        ("POSTMARK_SERVER_TOKEN", ""),
        ("POSTMARK_ACCOUNT_TOKEN", ACCOUNT_TOKEN),
        ("HUSHWATCH_SCHEDULE", "0 0 0 1 1 *"),
    ];
    let daemon = Daemon::start(folder.path(), &peer, &env, true);
    daemon.wait_for("cycle of");
    let client = client();
    runtime().block_on(async {
        for (what, path, goal) in [
            ("first, from the store", "/", Some(PAGE_GOAL_MS)),
            ("again, after a second", "/", None),
            ("its JSON", "/api/status", None),
            ("its metrics", "/metrics", None),
        ] {
            tokio::time::sleep(Duration::from_millis(1_200)).await;
            let started = Instant::now();
            let bytes = get(&client, &format!("{}{path}", daemon.url)).await;
            let took = started.elapsed().as_secs_f64() * 1e3;
            line(
                &format!("the page of {SERVERS} servers, {what}"),
                &format!("{took:.0} ms, {} kB", bytes / 1000),
                &[
                    Figure::measure(took, "ms").goal(goal),
                    Figure::count(bytes as f64 / 1e3, "kB").part("size"),
                ],
            );
        }
    });
}
