//! What a cycle asks of Postmark, and how often: the list of streams where it may have changed, the rest once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hushwatch::model::{HOUR, Span, Timestamp};
use hushwatch::sim::postmark::{Profile, StreamType};
use hushwatch::sim::{Fault, Plan};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{Cycle, Process, World, at, both};

const STREAMS: &str = "/message-streams";
/// The table that this file counts for.
const TABLE: &str = include_str!("../../docs/requests.md");

/// Sixty an hour on `outbound`.
fn world(process: Process) -> World {
    let world = World::new(process, "");
    generate(&world, "outbound");
    world
}

fn generate(world: &World, stream: &str) {
    let span = Span::new(at("2026-02-02T00:00:00Z"), at("2026-03-05T00:00:00Z"));
    let profile = Profile::constant(60.0).without_bounces();
    world.shop.generate(stream, span, &profile);
}

/// A cycle, and how often it asked for the list of streams.
fn cycle(world: &mut World, now: &str) -> (Cycle, usize) {
    world.postmark.take_requests();
    let cycle = world.cycle(at(now));
    (cycle, world.postmark.count("/message-streams?"))
}

fn streams(cycle: &Cycle) -> Vec<String> {
    let streams = cycle.report["servers"][0]["streams"].as_array();
    let id = |stream: &serde_json::Value| stream["id"].as_str().unwrap_or_default().to_owned();
    streams.expect("streams").iter().map(id).collect()
}

fn the_list_of_streams_is_read_every_six_hours(process: Process) {
    let mut world = world(process);
    let asked: Vec<usize> = (6..20)
        .map(|hour| cycle(&mut world, &format!("2026-03-03T{hour:02}:00:00Z")).1)
        .collect();
    assert_eq!(asked, [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0]);
    world.assert_all_normal(&["Tue 3 Mar"]);
}

fn a_new_stream_is_found_when_the_list_is_due_and_read_from_its_beginning(process: Process) {
    let mut world = world(process);
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T07:00:00Z");
    world.shop.add_stream("news", StreamType::Broadcasts);
    let profile = Profile::constant(60.0).without_bounces();
    let sent = Span::new(at("2026-03-03T07:10:00Z"), at("2026-03-03T11:40:00Z"));
    world.shop.generate("news", sent, &profile);
    let before = world.hours("2026-03-03T08:00:00Z", "2026-03-03T11:00:00Z");
    assert_eq!(streams(&before), ["broadcast", "outbound"]);
    let (found, asked) = cycle(&mut world, "2026-03-03T12:00:00Z");
    assert_eq!(
        (asked, streams(&found)),
        (
            1,
            vec![
                "broadcast".to_owned(),
                "news".to_owned(),
                "outbound".to_owned()
            ]
        )
    );
    let news = found.stream("news");
    let noon = at("2026-03-03T12:00:00Z");
    let truth = world.shop.expected("news", sent).sent;
    assert_eq!(
        (news["sent"].as_u64(), &news["covered_until"]),
        (Some(truth), &noon.to_string().into())
    );
    assert_eq!(found.code, 0, "{}", found.report);
    world.assert_all_normal(&["Tue 3 Mar"]);
}

fn what_bounced_in_a_new_stream_before_it_was_found_is_reported(process: Process) {
    let mut world = world(process);
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T07:00:00Z");
    world.shop.add_stream("news", StreamType::Broadcasts);
    let sent = Span::new(at("2026-03-03T07:10:00Z"), at("2026-03-03T07:50:00Z"));
    let profile = Profile::constant(600.0).without_bounces();
    world.shop.generate("news", sent, &profile);
    world.shop.bounce_wave("news", sent, 0.3, "HardBounce");
    world.hours("2026-03-03T08:00:00Z", "2026-03-03T11:00:00Z");
    assert_eq!(world.alerts(), [""; 0], "nobody knows of it");
    world.cycle(at("2026-03-03T12:00:00Z"));
    let alerts = world.alerts();
    assert!(
        alerts.iter().any(|line| line.contains("shop/news")),
        "{alerts:#?}"
    );
}

fn a_list_of_other_settings_is_not_gone_by(process: Process) {
    if process == Process::One {
        return;
    }
    let mut world = world(process);
    let file = world.folder.path().join("monitor.toml");
    let text = std::fs::read_to_string(&file).expect("read");
    let both = format!("{text}streams = [\"broadcast\", \"outbound\"]\n");
    for (hour, text, watched) in [
        (6, both.clone(), 2),
        (7, both.replace("\"broadcast\"", "\"broadcst\""), 1),
        (8, both.clone(), 2),
    ] {
        std::fs::write(&file, &text).expect("written");
        let (cycle, _) = cycle(&mut world, &format!("2026-03-03T0{hour}:00:00Z"));
        assert_eq!(streams(&cycle).len(), watched, "{text}");
    }
    world.set_aside("the requests are what is tested");
}

fn where_the_list_is_needed_and_not_read_no_stream_is_called_silent(process: Process) {
    let mut world = world(process);
    let news = Span::new(at("2026-02-01T00:00:00Z"), at("2026-03-03T08:10:00Z"));
    world.shop.add_stream("news", StreamType::Broadcasts);
    let profile = Profile::constant(100.0).without_bounces();
    world.shop.generate("news", news, &profile);
    world.hours("2026-03-03T07:00:00Z", "2026-03-03T08:00:00Z");
    world.shop.archive_stream("news", news.until);
    world
        .postmark
        .fail(Plan::always(Fault::Status(503)).on("/message-streams"));
    assert_eq!(world.cycle(at("2026-03-03T09:00:00Z")).code, 1);
    assert_eq!(world.alerts(), [""; 0]);
    world.set_aside("the alerts are what is tested");
}

fn a_stream_that_may_be_called_silent_is_looked_up_at_once(process: Process) {
    let mut world = world(process);
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T08:00:00Z");
    let gone = Span::new(at("2026-03-03T08:10:00Z"), at("2026-03-05T00:00:00Z"));
    world.shop.stop_sending("outbound", gone);
    world.shop.archive_stream("outbound", gone.from);
    let (archived, asked) = cycle(&mut world, "2026-03-03T09:00:00Z");
    assert_eq!(
        (asked, streams(&archived)),
        (1, vec!["broadcast".to_owned()])
    );
    assert_eq!((archived.code, archived.steps()), (0, vec![]));
    let (_, asked) = cycle(&mut world, "2026-03-03T10:00:00Z");
    assert_eq!(asked, 0, "what is left never had mail");
    assert_eq!(world.alerts(), [""; 0]);
}

fn a_stream_that_is_silent_is_asked_for_in_every_cycle(process: Process) {
    let mut world = world(process);
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T08:00:00Z");
    let gone = Span::new(at("2026-03-03T08:10:00Z"), at("2026-03-05T00:00:00Z"));
    world.shop.stop_sending("outbound", gone);
    let (silent, asked) = cycle(&mut world, "2026-03-03T09:00:00Z");
    assert_eq!(
        (asked, silent.steps()),
        (1, vec!["send_silence opened".to_owned()])
    );
    let (_, asked) = cycle(&mut world, "2026-03-03T10:00:00Z");
    assert_eq!(asked, 1);
    assert_eq!(world.alerts().len(), 1);
}

fn a_stream_that_postmark_does_not_know_is_looked_up_at_once(process: Process) {
    let mut world = World::new(process, "");
    world.shop.add_stream("news", StreamType::Broadcasts);
    generate(&world, "outbound");
    generate(&world, "news");
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T08:00:00Z");
    world.shop.remove_stream("news");
    let (cycle, asked) = cycle(&mut world, "2026-03-03T09:00:00Z");
    assert_eq!(
        (asked, streams(&cycle)),
        (1, vec!["broadcast".to_owned(), "outbound".to_owned()])
    );
    assert_eq!(
        (cycle.code, cycle.errors()),
        (0, vec![]),
        "{}",
        cycle.report
    );
    assert_eq!(world.alerts(), [""; 0]);
}

fn after_a_poll_that_was_not_complete_the_list_comes_first(process: Process) {
    let mut world = world(process);
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T07:00:00Z");
    world
        .shop
        .fail(Plan::always(Fault::Status(503)).on("/bounces"));
    let (failed, asked) = cycle(&mut world, "2026-03-03T08:00:00Z");
    assert_eq!((failed.code, asked), (1, 0));
    world.shop.clear_faults();
    let (back, asked) = cycle(&mut world, "2026-03-03T09:00:00Z");
    assert_eq!((back.code, asked), (0, 1));
    let (_, asked) = cycle(&mut world, "2026-03-03T10:00:00Z");
    assert_eq!(asked, 0);
    assert_eq!(world.alerts(), [""; 0]);
}

fn where_nothing_is_answered_the_list_tells_why(process: Process) {
    let mut world = world(process);
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T07:00:00Z");
    world.shop.always(Fault::Status(503));
    let (failed, asked) = cycle(&mut world, "2026-03-03T08:00:00Z");
    assert_eq!((failed.code, asked), (1, 2), "and is tried twice");
    assert_eq!(failed.errors().len(), 1, "{}", failed.report);
    world.postmark.take_requests();
    world.cycle(at("2026-03-03T09:00:00Z"));
    let all = world.postmark.take_requests();
    assert!(all.iter().all(|asked| asked.path == STREAMS), "{all:?}");
    assert_eq!(
        world.alerts(),
        ["🟠 WARN shop: hushwatch cannot read this server's mail from Postmark"]
    );
}

fn other_settings_are_another_list(process: Process) {
    if process == Process::One {
        return;
    }
    let mut world = world(process);
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T07:00:00Z");
    let file = world.folder.path().join("monitor.toml");
    let text = std::fs::read_to_string(&file).expect("read");
    std::fs::write(&file, format!("{text}streams = [\"outbound\"]\n")).expect("written");
    let (cycle, asked) = cycle(&mut world, "2026-03-03T08:00:00Z");
    assert_eq!((asked, streams(&cycle)), (1, vec!["outbound".to_owned()]));
}

both! {
    the_list_of_streams_is_read_every_six_hours
    a_new_stream_is_found_when_the_list_is_due_and_read_from_its_beginning
    what_bounced_in_a_new_stream_before_it_was_found_is_reported
    a_list_of_other_settings_is_not_gone_by
    where_the_list_is_needed_and_not_read_no_stream_is_called_silent
    a_stream_that_may_be_called_silent_is_looked_up_at_once
    a_stream_that_is_silent_is_asked_for_in_every_cycle
    a_stream_that_postmark_does_not_know_is_looked_up_at_once
    after_a_poll_that_was_not_complete_the_list_comes_first
    where_nothing_is_answered_the_list_tells_why
    other_settings_are_another_list
}

#[test]
fn a_small_stream_costs_two_details_and_five_once_one_is_not_delivered() {
    let mut world = World::new(Process::One, "");
    let all = Span::new(at("2026-03-02T00:00:00Z"), at("2026-03-04T00:00:00Z"));
    world
        .shop
        .generate("outbound", all, &Profile::constant(10.0).without_bounces());
    let details = |world: &mut World, now: &str| {
        world.postmark.take_requests();
        world.cycle(at(now));
        world.postmark.count("/details")
    };
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T08:00:00Z");
    assert_eq!(details(&mut world, "2026-03-03T09:00:00Z"), 2);
    world
        .shop
        .stop_delivery("outbound", Span::new(at("2026-03-03T09:00:00Z"), all.until));
    assert_eq!(details(&mut world, "2026-03-03T10:00:00Z"), 5);
    world.set_aside("the requests are what is tested");
}

/// A stream that was there all the time, and whose mail bounced for forty minutes, is chosen at noon; the last cycle before that was
/// at `last`. That at noon may read no bounces.
fn a_stream_is_chosen_at_noon(last: &str, is_complete: bool) {
    let mut world = world(Process::New);
    world.shop.add_stream("news", StreamType::Broadcasts);
    let all = Span::new(at("2026-03-02T00:00:00Z"), at("2026-03-05T00:00:00Z"));
    let profile = Profile::constant(600.0).without_bounces();
    world.shop.generate("news", all, &profile);
    let bounce = |from: &str, until: &str| {
        let span = Span::new(at(from), at(until));
        world.shop.bounce_wave("news", span, 0.1, "HardBounce");
    };
    bounce("2026-03-03T07:10:00Z", "2026-03-03T07:50:00Z");
    bounce("2026-03-03T12:10:00Z", "2026-03-03T12:50:00Z");
    let file = world.folder.path().join("monitor.toml");
    let text = std::fs::read_to_string(&file).expect("read");
    let choose = |streams: &str| {
        std::fs::write(&file, format!("{text}streams = [{streams}]\n")).expect("written");
    };
    choose("\"outbound\"");
    world.hours("2026-03-03T06:00:00Z", last);
    choose("\"news\", \"outbound\"");
    if !is_complete {
        let refused = Plan::always(Fault::Status(503)).on("/bounces");
        world.shop.fail(refused);
    }
    let (chosen, asked) = cycle(&mut world, "2026-03-03T12:00:00Z");
    world.shop.clear_faults();
    let both = ["news", "outbound"].map(str::to_owned).to_vec();
    assert_eq!((asked, streams(&chosen)), (1, both), "{}", chosen.report);
    let none: Vec<String> = Vec::new();
    assert_eq!(chosen.steps(), none, "nothing of before is told");
    world.set_aside("the steps are what is tested");
    let judged = world.cycle(at("2026-03-03T13:00:00Z"));
    let opened = |step: &String| step.ends_with(" opened");
    assert!(judged.steps().iter().any(opened), "{}", judged.report);
    let noon = "2026-03-03T12:00:00Z";
    let steps = judged.report["transitions"].as_array().expect("steps");
    let early = steps.iter().filter(|step| step["at"].as_str() < Some(noon));
    assert_eq!(early.count(), 0, "{}", judged.report);
    world.set_aside("the steps are what is tested");
}

#[test]
fn a_stream_that_is_newly_chosen_is_judged_from_then_on() {
    a_stream_is_chosen_at_noon("2026-03-03T11:00:00Z", true);
}

#[test]
fn a_stream_that_is_newly_chosen_after_a_gap_is_judged_from_then_on() {
    a_stream_is_chosen_at_noon("2026-03-03T07:00:00Z", true);
}

#[test]
fn a_stream_that_is_newly_chosen_by_an_incomplete_poll_is_judged_from_then_on() {
    a_stream_is_chosen_at_noon("2026-03-03T07:00:00Z", false);
}

/// What a request of a cycle is for, as the table calls it.
fn purpose(asked: &hushwatch::sim::ReceivedRequest) -> String {
    let path = asked.path.as_str();
    match (path, asked.query("count")) {
        ("/messages/outbound", Some(count)) => format!("{path}?count={count}"),
        ("/stats/outbound/sends" | "/stats/outbound/bounces", _) => "/stats/outbound/…".to_owned(),
        _ if path.ends_with("/details") => "/messages/outbound/{id}/details".to_owned(),
        _ if path.ends_with("/suppressions/dump") => {
            "/message-streams/{id}/suppressions/dump".to_owned()
        }
        _ => path.to_owned(),
    }
}

/// The requests of some hourly cycles of a server, whose stream `outbound` sends so much, by purpose.
fn count(per_hour: u32) -> Vec<BTreeMap<String, usize>> {
    let mut world = World::new(Process::One, "");
    let all = Span::new(at("2026-03-02T00:00:00Z"), at("2026-03-05T00:00:00Z"));
    if per_hour > 0 {
        world.shop.add_traffic("outbound", all, per_hour, &[]);
    }
    let start = at("2026-03-02T06:00:00Z");
    let mut counts = Vec::new();
    for hour in 0..=24u32 {
        world.postmark.take_requests();
        let now: Timestamp = start + HOUR * hour;
        let cycle = world.cycle(now);
        assert_eq!(cycle.code, 0, "{}", cycle.report);
        let asked = world.postmark.take_requests();
        let twice: BTreeSet<String> = asked.iter().map(|asked| asked.target()).collect();
        assert_eq!(
            twice.len(),
            asked.len(),
            "nothing is asked twice: {asked:?}"
        );
        let mut count = BTreeMap::new();
        for asked in &asked {
            *count.entry(purpose(asked)).or_default() += 1;
        }
        counts.push(count);
    }
    world.set_aside("the requests are what is tested");
    counts
}

/// The numbers of a row of the table, without its last column, which is too large to be counted here.
fn row(purpose: &str) -> Vec<usize> {
    let named = format!("`GET {purpose}`");
    let line = TABLE
        .lines()
        .find(|line| line.starts_with('|') && line.contains(&named));
    let line = line.unwrap_or_else(|| panic!("no row of {purpose}"));
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let numbers = cells[3..7].iter();
    numbers
        .map(|cell| cell.parse().expect("a number"))
        .collect()
}

/// What every cycle asks.
const EVERY_CYCLE: [&str; 3] = [
    "/messages/outbound?count=500",
    "/bounces",
    "/messages/outbound/{id}/details",
];
/// What a day of 24 cycles asks beside it.
const A_DAY: [&str; 3] = [
    STREAMS,
    "/stats/outbound/…",
    "/message-streams/{id}/suppressions/dump",
];

#[test]
fn the_requests_of_a_cycle_are_those_of_the_table() {
    for (column, per_hour) in [0, 10, 400, 4000].into_iter().enumerate() {
        let counts = count(per_hour);
        let known = EVERY_CYCLE.iter().chain(&A_DAY).chain(&["/server"]);
        let known: BTreeSet<&str> = known.copied().collect();
        let asked = counts.iter().flat_map(BTreeMap::keys);
        let unknown: BTreeSet<&String> = asked.filter(|p| !known.contains(p.as_str())).collect();
        assert!(unknown.is_empty(), "not in docs/requests.md: {unknown:?}");
        let of = |hour: usize, purpose: &str| counts[hour].get(purpose).copied().unwrap_or(0);
        let server: usize = (0..counts.len()).map(|hour| of(hour, "/server")).sum();
        assert_eq!(server, 1, "once");
        for purpose in EVERY_CYCLE {
            let wanted = row(purpose)[column];
            // The first reads the history, too.
            let found: BTreeSet<usize> = (1..counts.len()).map(|hour| of(hour, purpose)).collect();
            assert_eq!(
                found.into_iter().collect::<Vec<_>>(),
                [wanted],
                "{purpose} at {per_hour} an hour"
            );
        }
        for purpose in A_DAY {
            let found: usize = (1..=24).map(|hour| of(hour, purpose)).sum();
            assert_eq!(
                found,
                row(purpose)[column],
                "{purpose} at {per_hour} an hour, in a day"
            );
        }
    }
}

/// Passes requests on to Postmark, each after a while, and refuses those that come while too many others are under way.
struct Crowded {
    url: String,
    peak: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
}

const CROWD: usize = 8;
const REFUSAL: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n";

impl Crowded {
    fn start(postmark: &str) -> Self {
        let to = postmark.trim_start_matches("http://").to_owned();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("set");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (peak, refused) = (Arc::default(), Arc::default());
        let crowded = Self { url, peak, refused };
        let (peak, refused) = (Arc::clone(&crowded.peak), Arc::clone(&crowded.refused));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener");
                let under_way = Arc::new(AtomicUsize::new(0));
                while let Ok((client, _)) = listener.accept().await {
                    let counters = [&under_way, &peak, &refused].map(Arc::clone);
                    let to = to.clone();
                    tokio::spawn(async move { pass(client, &to, counters).await });
                }
            });
        });
        crowded
    }

    /// The most requests that were under way, and how many were refused, since this was asked last.
    fn take(&self) -> (usize, usize) {
        let take = |counter: &AtomicUsize| counter.swap(0, Ordering::SeqCst);
        (take(&self.peak), take(&self.refused))
    }
}

async fn pass(client: TcpStream, to: &str, [under_way, peak, refused]: [Arc<AtomicUsize>; 3]) {
    let server = TcpStream::connect(to).await.expect("the simulation");
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let mut request = vec![0; 64 << 10];
    let mut answer = vec![0; 64 << 10];
    loop {
        tokio::select! {
            Ok(n @ 1..) = from_client.read(&mut request) => {
                let others = under_way.fetch_add(1, Ordering::SeqCst);
                peak.fetch_max(others + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
                under_way.fetch_sub(1, Ordering::SeqCst);
                let passed = if others < CROWD {
                    to_server.write_all(&request[..n]).await
                } else {
                    refused.fetch_add(1, Ordering::SeqCst);
                    to_client.write_all(REFUSAL).await
                };
                if passed.is_err() {
                    return;
                }
            }
            Ok(n @ 1..) = from_server.read(&mut answer) => {
                if to_client.write_all(&answer[..n]).await.is_err() {
                    return;
                }
            }
            else => return,
        }
    }
}

#[test]
fn where_postmark_refuses_a_crowd_less_is_asked_at_once_and_nothing_is_lost() {
    let mut world = World::new(Process::One, "");
    let span = Span::new(at("2026-03-02T00:00:00Z"), at("2026-03-04T00:00:00Z"));
    for n in 0..60 {
        let server = world.postmark.server(&format!("client-{n:02}"));
        server.add_traffic("outbound", span, 10, &[]);
    }
    world.postmark.set_account_token("account");
    let crowded = Crowded::start(&world.postmark.base_url());
    let variables = [
        ("POSTMARK_ACCOUNT_TOKEN", "account"),
        ("HUSHWATCH_POSTMARK__BASE_URL", &crowded.url),
        ("HUSHWATCH_POSTMARK__TIMEOUT", "20s"),
        ("HUSHWATCH_RETRY__ATTEMPTS", "8"),
        ("HUSHWATCH_RETRY__INITIAL", "50ms"),
        ("HUSHWATCH_RETRY__LONGEST", "1s"),
    ];
    for (name, value) in variables {
        world.env(name, value);
    }
    let mut cycle = |now: &str| {
        let cycle = world.cycle(at(now));
        assert_eq!(cycle.code, 0, "{}", cycle.report["errors"]);
        let servers = cycle.report["servers"].as_array().expect("servers");
        let sent = servers
            .iter()
            .filter_map(|server| server["streams"].as_array())
            .flatten();
        let sent: u64 = sent.filter_map(|stream| stream["sent"].as_u64()).sum();
        (sent, crowded.take())
    };
    let (_, (peak, refused)) = cycle("2026-03-03T06:00:00Z");
    assert!(peak > CROWD && refused > 0, "it begins with more: {peak}");
    let (sent, (later, _)) = cycle("2026-03-03T07:00:00Z");
    assert_eq!(sent, 60 * 24 * 10);
    assert!(later < peak, "{later} at once, after {peak}");
}
