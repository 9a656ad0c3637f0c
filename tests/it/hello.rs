//! The first message: once for each database, after everything was read or reported as unseen.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use hushwatch::model::Span;
use hushwatch::sim::postmark::{Profile, StreamType};
use hushwatch::sim::{Fault, Plan};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::words::title;
use crate::world::{HELLO, Process, World, at, both};

const FIRST: &str = "2026-03-03T10:00:00Z";
const SECOND: &str = "2026-03-03T11:00:00Z";
const THIRD: &str = "2026-03-03T12:00:00Z";
const ON: &str = "[slack]\nhello = true\n";
const TWO: &str =
    "[slack]\nhello = true\n[[server]]\nname = \"other\"\ntoken_env = \"OTHER_TOKEN\"\n";

/// A world that greets, with six weeks of mail in office hours.
fn world(process: Process, file: &str) -> World {
    let world = World::new(process, file);
    let span = Span::new(at("2026-01-20T00:00:00Z"), at("2026-03-05T00:00:00Z"));
    let office = Profile::weekly(|hour| match (hour / 24, hour % 24) {
        (0..=4, 7..=18) => 40.0,
        _ => 3.0,
    });
    let office = office.without_bounces();
    world.shop.generate("outbound", span, &office);
    world
}

fn greeted(world: &World) -> usize {
    let posted = world.posted();
    let hello = posted.iter().filter(|line| line.starts_with("👋 "));
    hello.count()
}

both! {
    a_new_database_is_greeted_once the_rest_is_waited_for_or_reported_as_unseen one_server_under_two_names_counts_once
    a_stream_that_there_is_not_is_said_wherever_its_owner_looks
}

fn a_new_database_is_greeted_once(process: Process) {
    let mut world = world(process, ON);
    world.shop.add_stream("broadcast", StreamType::Broadcasts);
    world.cycle(at(FIRST));
    let sent: Vec<String> = world.slack.take().into_iter().map(|m| m.plain).collect();
    assert_eq!(sent.len(), 1, "{sent:#?}");
    insta::assert_snapshot!("hello", sent[0]);
    world.cycle(at(SECOND));
    assert_eq!(world.posted(), Vec::<String>::new());
}

fn the_rest_is_waited_for_or_reported_as_unseen(process: Process) {
    let mut world = world(process, TWO);
    let other = world.postmark.server("other");
    world.env("OTHER_TOKEN", &other.token());
    other.fail(Plan::always(Fault::Status(503)));
    world.cycle(at(FIRST));
    assert_eq!(world.posted(), Vec::<String>::new(), "it may be there soon");
    world.cycle(at(SECOND));
    let sent: Vec<String> = world.slack.take().into_iter().map(|m| m.plain).collect();
    assert_eq!(sent.len(), 2, "{sent:#?}");
    assert_eq!(
        title(&sent[0]),
        "🟠 WARN other: hushwatch cannot read this server's mail from Postmark"
    );
    // In the order in which they were first polled, which may be either.
    let hello = sent[1].replace("\nshop, other\n", "\nother, shop\n");
    insta::assert_snapshot!("hello_with_one_unseen", hello);
    other.clear_faults();
    world.cycle(at(THIRD));
    assert_eq!(greeted(&world), 0);
}

#[test]
fn nobody_is_greeted_before_anything_was_read() {
    let mut world = world(Process::New, ON);
    world.env("POSTMARK_SERVER_TOKEN", "not-a-token");
    for instant in [FIRST, SECOND] {
        world.cycle(at(instant));
        assert_eq!(greeted(&world), 0, "{instant}");
    }
    let token = world.shop.token();
    world.env("POSTMARK_SERVER_TOKEN", &token);
    world.cycle(at(THIRD));
    assert_eq!(greeted(&world), 1);
}

#[test]
fn where_it_is_off_nobody_is_greeted_later_either() {
    let mut world = World::new(Process::New, "");
    world.cycle(at(FIRST));
    world.env(HELLO, "true");
    world.cycle(at(SECOND));
    assert_eq!(world.posted(), Vec::<String>::new());
}

#[test]
fn a_dyno_that_loses_its_file_greets_nobody() {
    let mut world = World::new(Process::New, ON);
    world.env("DYNO", "worker.1");
    world.cycle(at(FIRST));
    let wanted = usize::from(world.database().is_some());
    assert_eq!(greeted(&world), wanted);
}

#[test]
fn a_file_that_was_lost_greets_again_and_says_so() {
    if crate::store::needs_a_file("the file is removed") {
        return;
    }
    let mut world = World::new(Process::New, ON);
    world.cycle(at(FIRST));
    assert_eq!(greeted(&world), 1);
    std::fs::remove_file(world.folder.path().join("hushwatch.db")).expect("removed");
    world.cycle(at(SECOND));
    let sent: Vec<String> = world.slack.take().into_iter().map(|m| m.plain).collect();
    assert_eq!(sent.len(), 1, "{sent:#?}");
    insta::assert_snapshot!("hello_anew", sent[0]);
}

#[test]
fn a_hello_that_slack_refused_is_sent_later() {
    let mut world = World::new(Process::New, ON);
    let down = Plan::always(Fault::Status(503));
    world.slack.fail(down.on("chat.postMessage"));
    assert_eq!(world.cycle(at(FIRST)).code, 1);
    world.slack.clear_faults();
    world.cycle(at(SECOND));
    assert_eq!(greeted(&world), 1);
}

#[test]
fn check_on_a_terminal_says_the_same() {
    let world = world(Process::New, ON);
    world.postmark.set_now(at(FIRST));
    let check = ["check", "--now", FIRST];
    let shown = on_terminal(&world, &check).replace("\r\n", "\n");
    let sent: Vec<String> = world.slack.take().into_iter().map(|m| m.plain).collect();
    assert_eq!(sent.len(), 1, "{sent:#?}");
    assert!(shown.contains(&sent[0]), "{shown}\n{sent:#?}");
    world.postmark.set_now(at(SECOND));
    let again = on_terminal(&world, &["check", "--now", SECOND]);
    assert!(!again.contains("👋"), "{again}");
}

/// What a terminal shows of the standard output of the built binary with these arguments.
fn on_terminal(world: &World, args: &[&str]) -> String {
    let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&keyboard).expect("granted");
    unlockpt(&keyboard).expect("unlocked");
    let name = ptsname(&keyboard, Vec::new()).expect("a name");
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let screen = rustix::fs::open(&name, flags, Mode::empty()).expect("opened");
    let mut command = world.command(args);
    command.stdout(Stdio::from(screen)).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    // The last end of the terminal that this process holds: reading ends when the child does.
    drop(command);
    let mut shown = Vec::new();
    // Linux reports the end of a terminal as an error.
    let _ = File::from(keyboard).read_to_end(&mut shown);
    assert!(child.wait().expect("it ends").success());
    String::from_utf8_lossy(&shown).into_owned()
}

/// Two tokens in two variables that turn out to be of one Postmark server.
fn one_server_under_two_names_counts_once(process: Process) {
    let mut world = world(process, TWO);
    let token = world.shop.token();
    world.env("OTHER_TOKEN", &token);
    let cycle = world.cycle(at(FIRST));
    assert_eq!(cycle.code, 0, "{}", cycle.report);
    let sent: Vec<String> = world.slack.take().into_iter().map(|m| m.plain).collect();
    assert_eq!(sent.len(), 1, "{sent:#?}");
    let alone = {
        let mut alone = self::world(process, ON);
        alone.cycle(at(FIRST));
        alone.slack.take()[0].plain.clone()
    };
    let known = |text: &str| {
        let first = text.lines().next().expect("a line");
        first.split_once(": ").expect("a colon").1.to_owned()
    };
    assert_eq!(known(&sent[0]), known(&alone));
    assert!(
        sent[0].starts_with("👋 hushwatch is watching 1 server: 2 streams, "),
        "{sent:#?}"
    );
    let twice = "shop and other are the same Postmark server (number 9708911): its mail counts once, but it is polled and alerted on under each name";
    let swapped = twice.replace("shop and other", "other and shop");
    let says = |text: &str| text.contains(twice) || text.contains(&swapped);
    assert!(says(&sent[0]), "{sent:#?}");
    let status = world.transcript(&["status"]);
    assert!(says(&status), "{status}");
    let digest = world.cycle(at("2026-03-04T09:00:00Z"));
    assert_eq!(digest.code, 0, "{}", digest.report);
    let sent: Vec<String> = world.slack.take().into_iter().map(|m| m.plain).collect();
    let digest = sent.iter().find(|text| text.starts_with("📋"));
    let digest = digest.expect("a digest");
    assert!(
        digest.contains("1 server is watched under several names"),
        "{digest}"
    );
    assert!(says(digest), "{digest}");
    assert!(
        digest.contains(": the same Postmark server as "),
        "{digest}"
    );
    assert_eq!(digest.matches(" sent (").count(), 1, "{digest}");
}

/// A slip in the name of a stream: who made it believes that the stream is watched.
fn a_stream_that_there_is_not_is_said_wherever_its_owner_looks(process: Process) {
    let mut world = world(process, ON);
    world.shop.add_stream("receipts", StreamType::Transactional);
    let file = world.folder.path().join("monitor.toml");
    let text = std::fs::read_to_string(&file).expect("read");
    let with = |streams: &str| format!("{text}streams = {streams}\n");
    std::fs::write(&file, with("[\"outbound\", \"receits\"]")).expect("written");
    let cycle = world.cycle(at(FIRST));
    assert_eq!(cycle.code, 0, "{}", cycle.report);
    let said = "shop: `receits` in `streams` does not exist or is archived, so nothing watches it; there is `";
    let hello = world.slack.take()[0].plain.clone();
    assert!(
        hello.contains(said) && hello.contains("`receipts`"),
        "{hello}"
    );
    let status = world.transcript(&["status"]);
    assert!(status.contains(said), "{status}");
    let status = world.transcript(&["status", "--json"]);
    assert!(status.contains("\"missing_streams\""), "{status}");
    let report = world.folder.path().join("report.html");
    let written = world.run(&["report", "--html", &report.display().to_string()]);
    assert_eq!(written.code, 0, "{}", written.stderr);
    let page = std::fs::read_to_string(&report).expect("read");
    let verdict = "but 1 stream named in `streams` does not exist";
    assert!(page.contains(said) && page.contains(verdict), "{page}");
    world.cycle(at("2026-03-04T09:00:00Z"));
    let sent: Vec<String> = world.slack.take().into_iter().map(|m| m.plain).collect();
    let digest = sent.iter().find(|text| text.starts_with("📋"));
    let digest = digest.expect("a digest");
    assert!(
        title(digest).contains("1 stream named in `streams` does not exist"),
        "{digest}"
    );
    assert!(digest.contains(said), "{digest}");
    // Another process, with the name corrected: it says nothing of what it did not ask for yet.
    std::fs::write(&file, with("[\"outbound\", \"receipts\"]")).expect("written");
    let status = world.transcript(&["status"]);
    assert!(!status.contains("does not exist"), "{status}");
}
