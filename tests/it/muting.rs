//! What is muted is recorded, reported to nobody, and reported in one message when it ends.

use hushwatch::model::{HOUR, Span, Timestamp};
use hushwatch::sim::postmark::Profile;
use hushwatch::sim::slack::CHANNEL;
use hushwatch::sim::{Fault, Plan};
use serde_json::{Value, json};

use crate::words::is_catch_up;
use crate::world::{Process, World, at, both};

fn noon() -> Timestamp {
    at("2026-03-03T12:00:00Z")
}

/// Sixty an hour, and from 11:00 to 15:00 a wave of bounces.
fn wave(process: Process) -> World {
    wave_with(process, "")
}

fn wave_with(process: Process, file: &str) -> World {
    let mut world = World::new(process, file);
    let span = Span::new(at("2026-03-02T00:00:00Z"), at("2026-03-04T00:00:00Z"));
    let profile = Profile::constant(60.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    let wave = Span::new(noon() - HOUR, noon() + HOUR * 3);
    // Below what wakes: 5% of more than 100.
    world.shop.bounce_wave("outbound", wave, 0.04, "HardBounce");
    world.hours("2026-03-03T09:00:00Z", "2026-03-03T11:00:00Z");
    assert_eq!(world.alerts(), Vec::<String>::new());
    world
}

/// `mute` or `unmute` at an instant; what it printed.
fn said(world: &World, args: &[&str], now: Timestamp) -> (i32, String) {
    let now = now.to_string();
    let ended = world.run(&[args, &["--now", &now]].concat());
    let text = ended.report.as_str().unwrap_or_default().to_owned();
    (ended.code, text + &ended.stderr)
}

fn mute(world: &World, scope: &[&str], span: &str) {
    let rest = ["--for", span, "--reason", "a known list", "--by", "ops"];
    let (code, text) = said(world, &[&["mute"], scope, &rest].concat(), noon() - HOUR);
    assert_eq!(code, 0, "{text}");
}

fn a_mute_holds_over_restarts_and_speaks_at_its_end(process: Process) {
    let mut world = wave(process);
    mute(
        &world,
        &["--server", "shop", "--rule", "bounce_rate"],
        "150m",
    );
    let muted = world.cycle(noon());
    assert_eq!(muted.steps(), ["bounce_rate opened"]);
    assert_eq!(muted.report["transitions"][0]["told"], json!(false));
    assert_eq!(muted.report["mutes"][0]["reason"], json!("a known list"));
    assert_eq!(muted.code, 0, "what is muted is not pending");
    world.cycle(noon() + HOUR);
    assert_eq!(world.alerts(), Vec::<String>::new());
    let over = world.cycle(noon() + HOUR * 2);
    assert_eq!(over.steps(), ["bounce_rate reminded"]);
    assert_eq!(over.report["transitions"][0]["told"], json!(true));
    assert_eq!(
        world.alerts(),
        ["🟠 WARN mute ended: 1 incident still open"]
    );
    assert_eq!(
        world
            .hours("2026-03-03T15:00:00Z", "2026-03-03T18:00:00Z")
            .code,
        0
    );
    // Once it was sent, its end is sent.
    insta::assert_snapshot!("resolved_after_a_mute", world.alerts().join("\n"));
}

fn what_ended_within_its_mute_is_reported_only_if_its_beginning_was(process: Process) {
    let mut world = wave(process);
    mute(&world, &[], "12h");
    world.hours("2026-03-03T12:00:00Z", "2026-03-03T23:00:00Z");
    world.hours("2026-03-04T00:00:00Z", "2026-03-04T02:00:00Z");
    let alerts = world.alerts();
    assert_eq!(alerts, Vec::<String>::new());
    let mut world = wave(process);
    world.cycle(noon());
    assert_eq!(world.alerts().len(), 1);
    let (code, text) = said(&world, &["mute", "--for", "6h", "--reason", "seen"], noon());
    assert_eq!(code, 0, "{text}");
    world.hours("2026-03-03T13:00:00Z", "2026-03-03T17:00:00Z");
    assert_eq!(world.alerts(), Vec::<String>::new());
    world.cycle(noon() + HOUR * 6);
    assert_eq!(
        world.alerts(),
        ["✅ RESOLVED mute ended: 1 incident resolved meanwhile"]
    );
    world.cycle(noon() + HOUR * 7);
    assert_eq!(world.alerts(), Vec::<String>::new(), "once");
}

fn the_emergency_stop_holds_what_was_waiting_already(process: Process) {
    let mut world = wave(process);
    world
        .slack
        .fail(Plan::always(Fault::Status(503)).on("chat.postMessage"));
    assert_eq!(world.cycle(noon()).code, 1, "one message is pending");
    world.slack.clear_faults();
    let (code, _) = said(&world, &["mute", "--for", "1d", "--reason", "stop"], noon());
    assert_eq!(code, 0);
    let cycle = world.cycle(noon() + HOUR);
    assert_eq!(
        cycle.report["notices"],
        json!({"sent": 0, "pending": 0, "given_up": 0})
    );
    assert_eq!(world.alerts(), Vec::<String>::new());
    let (hour, day) = (
        (noon() + HOUR).to_string(),
        (noon() + HOUR * 24).to_string(),
    );
    let said = world.transcripts(&[
        &["status", "--now", &hour],
        &["status", "--now", &day],
        &["unmute", "--now", &hour],
    ]);
    // What failed is told by the machine's clock.
    let lines = said.lines();
    let lines = lines.map(|line| {
        line.split_once(", failing since")
            .map_or(line, |(told, _)| told)
    });
    let said = lines.collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!("status_muted_and_unmuted", said);
    world.cycle(noon() + HOUR * 2);
    insta::assert_snapshot!("sent_after_the_stop", world.alerts().join("\n"));
}

fn what_began_and_ended_while_muted_and_unseen_is_no_catch_up(process: Process) {
    for muted in [false, true] {
        let mut world = wave(process);
        if muted {
            mute(&world, &[], "5h");
        }
        let gap = world.cycle(noon() + HOUR * 6);
        let steps = gap.steps().iter().filter(|s| s.contains("bounce")).count();
        assert_eq!(steps, 2, "it is recorded: {}", gap.report);
        let found = world.alerts();
        assert_eq!(found.iter().any(|t| is_catch_up(t)), !muted, "{found:?}");
    }
}

const NIGHT: &str = "[[quiet]]\nschedule = \"0 0 11 * * *\"\nfor = \"150m\"\n";

fn quiet_hours_hold_warnings_and_speak_at_their_end(process: Process) {
    let mut world = wave_with(process, NIGHT);
    let quiet = world.cycle(noon());
    assert_eq!(quiet.steps(), ["bounce_rate opened"]);
    assert_eq!(quiet.report["transitions"][0]["told"], json!(false));
    assert_eq!(quiet.code, 0, "what waits is not pending");
    let (during, after) = (noon().to_string(), (noon() + HOUR * 3).to_string());
    let mut said =
        world.transcripts(&[&["status", "--now", &during], &["status", "--now", &after]]);
    world.cycle(noon() + HOUR);
    assert_eq!(world.alerts(), Vec::<String>::new());
    world.cycle(noon() + HOUR * 2);
    said.push_str(&format!("\n{}\n", world.alerts().join("\n")));
    world.hours("2026-03-03T15:00:00Z", "2026-03-03T18:00:00Z");
    said.push_str(&world.alerts().join("\n"));
    insta::assert_snapshot!("quiet_hours", said);
    insta::assert_snapshot!("incidents_of_a_quiet_day", listed(&world));
}

/// Hours that begin after a warning was written.
const AFTERNOON: &str = "[[quiet]]\nschedule = \"0 0 13 * * *\"\nfor = \"90m\"\n";

fn a_warning_that_slack_did_not_take_waits_in_quiet_hours_and_a_wake_does_not(process: Process) {
    for severity in ["warn", "wake"] {
        let rule = format!("{AFTERNOON}[rules.bounce_rate]\nseverity = \"{severity}\"\n");
        let mut world = wave_with(process, &rule);
        let down = Plan::always(Fault::Status(503));
        world.slack.fail(down.on("chat.postMessage"));
        assert_eq!(world.cycle(noon()).code, 1, "it is pending");
        world.slack.clear_faults();
        let quiet = world.cycle(noon() + HOUR);
        let none = json!({"sent": 0, "pending": 0, "given_up": 0});
        let is_reported = quiet.report["notices"] != none;
        assert_eq!(is_reported, severity == "wake", "{}", quiet.report);
        assert_eq!(quiet.code, 0, "what waits is not pending");
        let status = world.run(&["status", "--json", "--now", &(noon() + HOUR).to_string()]);
        assert_eq!(status.report["oldest_pending_at"], Value::Null);
        world.cycle(noon() + HOUR * 2);
        assert_eq!(world.alerts().len(), usize::from(is_reported));
        world.cycle(noon() + HOUR * 3);
        let alerts = world.alerts();
        assert_eq!(alerts.len(), usize::from(!is_reported), "once: {alerts:?}");
    }
}

/// What was posted since the last look, whole.
fn texts(world: &World) -> String {
    let posted = world.slack.take();
    let texts: Vec<&str> = posted.iter().map(|m| m.plain.as_str()).collect();
    texts.join("\n")
}

/// Four streams of one server and one of another, of which the same is reported at once while Slack is away.
fn a_group_that_waits(webhook: bool) -> World {
    let mut world = a_group(webhook, 8);
    world.slack.fail(Plan::always(Fault::Status(503)));
    world.hours("2026-03-03T11:00:00Z", "2026-03-03T12:00:00Z");
    world
}

/// The same before it is told; the wave of the other server ends so many hours after noon.
fn a_group(webhook: bool, other_ends: u32) -> World {
    let mut world = World::new(
        Process::One,
        "[[server]]\nname = \"other\"\ntoken_env = \"OTHER_TOKEN\"\n",
    );
    if webhook {
        world.env("SLACK_BOT_TOKEN", "");
        world.env("SLACK_WEBHOOK_URL", &world.slack.webhook_url());
    }
    let other = world.postmark.server("other");
    world.env("OTHER_TOKEN", &other.token());
    let span = Span::new(at("2026-03-02T00:00:00Z"), at("2026-03-04T00:00:00Z"));
    let profile = Profile::constant(30.0).without_bounces();
    let wave = |hours| Span::new(noon() - HOUR * 2, noon() + HOUR * hours);
    for n in 0..4 {
        let stream = format!("stream-{n}");
        world.shop.generate(&stream, span, &profile);
        let hours = if n == 1 { 2 } else { 8 };
        world.shop.bounce_wave(&stream, wave(hours), 0.3, "Blocked");
    }
    other.generate("news", span, &profile);
    other.bounce_wave("news", wave(other_ends), 0.3, "Blocked");
    world.hours("2026-03-03T09:00:00Z", "2026-03-03T10:00:00Z");
    world.set_aside("the hello");
    world
}

/// The message in Slack that tells of several streams, as it is now.
fn group_in_slack(world: &World) -> String {
    let shown = world.slack.channel(CHANNEL).into_iter();
    let mut groups = shown.filter(|shown| shown.title().contains("5 streams: "));
    groups.next().expect("it was posted").message.plain
}

#[test]
fn an_edit_of_a_group_says_at_once_that_what_is_muted_is_over() {
    for waits in [false, true] {
        let mut world = a_group(false, 1);
        world.hours("2026-03-03T11:00:00Z", "2026-03-03T12:00:00Z");
        assert_eq!(world.alerts().len(), 1, "all at once");
        let mute = |world: &World, now| {
            let scope = [
                "mute",
                "--server",
                "other",
                "--until",
                "2026-03-03 19:30",
                "--reason",
                "a move",
            ];
            assert_eq!(said(world, &scope, now).0, 0);
        };
        if waits {
            // What the mute takes back was written before it, and waits.
            world.slack.fail(Plan::always(Fault::Status(503)));
            world.hours("2026-03-03T13:00:00Z", "2026-03-03T17:00:00Z");
            mute(&world, noon() + HOUR * 5);
            world.slack.clear_faults();
            world.cycle(noon() + HOUR * 6);
        } else {
            mute(&world, noon());
            world.hours("2026-03-03T13:00:00Z", "2026-03-03T18:00:00Z");
        }
        let group = group_in_slack(&world);
        assert!(
            group.contains("✅ RESOLVED shop/stream-1: "),
            "{waits}: {group}"
        );
        let over = "✅ RESOLVED other/news: ";
        assert!(
            group.contains(over),
            "an edit notifies nobody; {waits}: {group}"
        );
        let told = texts(&world);
        assert!(
            told.contains("RESOLVED shop/stream-1: ") && !told.contains("other/news"),
            "{waits}: {told}"
        );
        world.hours("2026-03-03T19:00:00Z", "2026-03-03T20:00:00Z");
        let told = texts(&world);
        assert!(told.contains("other/news: "), "{waits}: {told}");
        let group = group_in_slack(&world);
        assert!(
            group.contains("✅ RESOLVED other/news: "),
            "{waits}: {group}"
        );
    }
}

#[test]
fn a_mute_takes_its_incident_out_of_a_catch_up() {
    let mut world = a_group(false, 1);
    world.slack.fail(Plan::always(Fault::Status(503)));
    // No cycle sees how it begins and ends on two of the streams.
    let cycle = world.cycle(noon() + HOUR * 7);
    let pending = cycle.report["notices"]["pending"].as_u64();
    assert!(pending > Some(1), "{}", cycle.report);
    let scope = [
        "mute", "--server", "other", "--for", "150m", "--reason", "a move",
    ];
    assert_eq!(said(&world, &scope, noon() + HOUR * 7).0, 0);
    world.slack.clear_faults();
    let cycle = world.cycle(noon() + HOUR * 8);
    assert_eq!(cycle.report["notices"]["pending"], json!(0));
    let told = texts(&world);
    let one = "catch-up: 1 incident opened and resolved while hushwatch could not read mail";
    assert!(told.contains(one), "{told}");
    assert!(
        told.contains("shop/stream-1: ") && !told.contains("other/news"),
        "{told}"
    );
    world.hours("2026-03-03T21:00:00Z", "2026-03-03T22:00:00Z");
    let told = texts(&world);
    assert!(
        told.contains(one) && told.contains("other/news: "),
        "{told}"
    );
    assert!(!told.contains("shop/stream-1: "), "{told}");
}

#[test]
fn a_mute_takes_its_incident_out_of_a_message_of_several_and_tells_it_at_its_end() {
    for webhook in [false, true] {
        let mut world = a_group_that_waits(webhook);
        let scope = [
            "mute", "--server", "other", "--for", "150m", "--reason", "a move",
        ];
        let (code, text) = said(&world, &scope, noon());
        assert_eq!(code, 0, "{text}");
        world.slack.clear_faults();
        let cycle = world.cycle(noon() + HOUR);
        assert_eq!(
            (cycle.code, &cycle.report["notices"]["pending"]),
            (0, &json!(0))
        );
        insta::assert_snapshot!("a_group_without_what_is_muted", texts(&world));
        world.cycle(noon() + HOUR * 2);
        assert_eq!(world.alerts(), Vec::<String>::new());
        world.cycle(noon() + HOUR * 3);
        insta::assert_snapshot!("what_a_mute_took_out_of_a_group", texts(&world));
    }
}

#[test]
fn by_webhook_what_waits_of_several_incidents_is_one_message() {
    let mut world = a_group_that_waits(true);
    world.hours("2026-03-03T13:00:00Z", "2026-03-03T17:00:00Z");
    world.slack.clear_faults();
    let cycle = world.cycle(noon() + HOUR * 6);
    assert_eq!(
        cycle.report["notices"]["sent"],
        json!(1),
        "{}",
        cycle.report
    );
    insta::assert_snapshot!("what_waited_by_webhook", texts(&world));
}

/// What `incidents` says, and the keys of its JSON.
fn listed(world: &World) -> String {
    let wide = [
        "incidents",
        "--since",
        "2026-03-01",
        "--until",
        "2026-03-05",
    ];
    let json = world.run(&[&wide[..], &["--json"]].concat()).report;
    let mut keys: Vec<&String> = json[0].as_object().expect("an object").keys().collect();
    keys.sort();
    format!("{}\n{keys:?}", world.transcript(&wide))
}

fn a_planned_mute_begins_and_ends_at_its_time(process: Process) {
    let mut world = wave(process);
    let plan = [
        "mute",
        "--from",
        "2026-03-03 12:30",
        "--until",
        "2026-03-03 14:30",
        "--reason",
        "a move",
        "--by",
        "ops",
    ];
    let (code, mut text) = said(&world, &plan, noon() - HOUR);
    assert_eq!(code, 0, "{text}");
    text += &said(&world, &["mute", "--list"], noon() - HOUR).1;
    assert_eq!(world.cycle(noon()).report["mutes"], json!([]));
    assert_eq!(world.alerts().len(), 1, "it has not begun");
    let muted = world.cycle(noon() + HOUR);
    assert_eq!(muted.report["mutes"][0]["planned"], json!(true));
    world.hours("2026-03-03T14:00:00Z", "2026-03-03T18:00:00Z");
    text += &world.alerts().join("\n");
    insta::assert_snapshot!("a_planned_mute", text);
}

#[test]
fn a_plan_that_makes_no_sense_is_refused() {
    let world = wave(Process::New);
    let reason = ["--reason", "a move"];
    let plans: [&[&str]; 6] = [
        &["--from", "2026-03-02", "--for", "2h"],
        &["--from", "2026-03-04", "--until", "2026-03-03 10:00"],
        &["--until", "2026-03-01"],
        &["--from", "2026-03-04"],
        &["--from", "tomorrow", "--for", "2h"],
        &["--until", "2027-03-04"],
    ];
    let refused = plans.map(|plan| {
        let (code, text) = said(&world, &[&["mute"], plan, &reason].concat(), noon());
        format!("{plan:?}: exit {code}\n{text}")
    });
    insta::assert_snapshot!("plans_that_make_no_sense", refused.join("\n"));
    let list = said(&world, &["mute", "--list"], noon());
    assert_eq!(list.1, "nothing is muted\n");
}

both! {
    a_warning_that_slack_did_not_take_waits_in_quiet_hours_and_a_wake_does_not
    quiet_hours_hold_warnings_and_speak_at_their_end
    a_planned_mute_begins_and_ends_at_its_time
    what_began_and_ended_while_muted_and_unseen_is_no_catch_up
    a_mute_holds_over_restarts_and_speaks_at_its_end
    what_ended_within_its_mute_is_reported_only_if_its_beginning_was
    the_emergency_stop_holds_what_was_waiting_already
}

#[test]
fn a_mute_of_one_rule_or_server_is_of_nothing_else() {
    for scope in [["--rule", "spam_rate"], ["--rule", "send_silence"]] {
        let mut world = wave(Process::New);
        mute(&world, &scope, "1d");
        world.cycle(noon());
        assert_eq!(world.alerts().len(), 1, "{scope:?}");
    }
}

#[test]
fn a_new_mute_takes_the_place_of_the_old_and_unmute_ends_only_its_own() {
    let world = wave(Process::New);
    mute(&world, &[], "1d");
    mute(&world, &[], "2h");
    mute(&world, &["--server", "shop"], "3h");
    let list = |world: &World| -> Vec<Value> {
        let now = (noon() - HOUR).to_string();
        let list = world
            .run(&["mute", "--list", "--json", "--now", &now])
            .report;
        list["mutes"].as_array().expect("a list").clone()
    };
    let ends =
        |mutes: &[Value]| -> Vec<Value> { mutes.iter().map(|m| m["until"].clone()).collect() };
    let (two, three) = ("2026-03-03T13:00:00Z", "2026-03-03T14:00:00Z");
    assert_eq!(ends(&list(&world)), [two, three]);
    let now = (noon() - HOUR).to_string();
    let shown = |args: &[&str]| world.transcript(&[args, &["--now", &now]].concat());
    let mut text = vec![
        shown(&["mute", "--list"]),
        shown(&["unmute", "--rule", "spam_rate"]),
        shown(&["unmute", "--server", "shop"]),
    ];
    assert_eq!(ends(&list(&world)), [two]);
    text.push(shown(&["unmute"]));
    assert_eq!(list(&world), [json!(null); 0]);
    text.extend([shown(&["unmute"]), shown(&["mute", "--list"])]);
    insta::assert_snapshot!("unmute", text.join("\n"));
}

#[test]
fn the_digest_names_what_is_muted() {
    let world = wave(Process::New);
    mute(&world, &["--rule", "bounce_rate"], "3d");
    let now = noon().to_string();
    let digest = world.transcript(&["digest", "--print", "--now", &now]);
    insta::assert_snapshot!("digest_with_a_mute", digest);
}

#[test]
fn a_mute_is_confirmed_in_words() {
    let world = wave(Process::New);
    let now = noon().to_string();
    let rest = ["--reason", "a known list", "--by", "ops", "--now", &now];
    let mute = |scope: &[&str]| world.transcript(&[&["mute"], scope, &rest].concat());
    let said = [
        mute(&["--for", "2h"]),
        mute(&["--for", "1h30m", "--rule", "bounce_rate"]),
        mute(&["--for", "1d", "--server", "shop"]),
        mute(&["--for", "60d", "--server", "shop", "--rule", "spam_rate"]),
        world.transcript(&["mute", "--list", "--now", &now]),
    ];
    insta::assert_snapshot!("mute", said.join("\n"));
}

#[test]
fn what_cannot_be_muted_is_said_in_a_line() {
    let world = wave(Process::New);
    let set = ["mute", "--for", "2h", "--reason", "x"];
    let noon = noon().to_string();
    let at_noon = |args: &[&str]| world.transcript(&[args, &["--now", &noon]].concat());
    let said = [
        at_noon(&["mute", "--for", "2h"]),
        at_noon(&["mute", "--reason", "x"]),
        at_noon(&["mute", "--for", "soon", "--reason", "x"]),
        at_noon(&["mute", "--for", "30s", "--reason", "x"]),
        at_noon(&["mute", "--for", "91d", "--reason", "x"]),
        at_noon(&["mute", "--for", "2h", "--reason", " "]),
        at_noon(&[&set[..], &["--rule", "bounce"]].concat()),
        at_noon(&[&set[..], &["--server", "shp"]].concat()),
        at_noon(&["unmute", "--server", "shp"]),
        world.transcript(&[&set[..], &["--now", "2026-03-01T00:00:00Z"]].concat()),
    ];
    assert!(said.iter().all(|said| said.ends_with("[exit code 2]\n")));
    insta::assert_snapshot!("mutes_refused", said.join("\n"));
    let list = world.run(&["mute", "--list", "--json"]).report;
    assert_eq!(list, json!({"mutes": []}), "nothing was changed");
}

#[test]
fn a_reason_moves_no_cursor() {
    let world = wave(Process::New);
    let hostile = "seen\u{9b}2J\u{202e}gnp.exe";
    let set = ["mute", "--for", "2h", "--reason", hostile];
    for args in [
        [&set[..], &["--json"]].concat(),
        vec!["mute", "--list"],
        vec!["mute", "--list", "--json"],
        vec!["status"],
        vec!["status", "--json"],
    ] {
        let now = noon().to_string();
        let ended = world
            .command(&[&args[..], &["--now", &now]].concat())
            .output();
        let found = String::from_utf8(ended.expect("it runs").stdout).expect("text");
        assert!(found.contains("seen"), "{args:?}: {found}");
        assert!(
            !found.contains(['\u{9b}', '\u{202e}']),
            "{args:?}: {found:?}"
        );
    }
}

#[test]
fn muting_makes_no_database() {
    let mut world = World::new(Process::New, "");
    if world.database().is_some() {
        return;
    }
    let path = world.folder.path().join("none.db");
    world.env("HUSHWATCH_STORE__PATH", &path.display().to_string());
    insta::assert_snapshot!(
        "mute_without_a_database",
        world.transcript(&["mute", "--list"])
    );
    assert!(!path.exists());
}

#[test]
fn the_heartbeat_of_a_muted_server_goes_on() {
    for muted in [false, true] {
        let mut world = World::new(Process::New, "");
        world.env("HUSHWATCH_HEARTBEAT__URL", &world.slack.heartbeat_url());
        world.cycle(noon() - HOUR);
        if muted {
            mute(&world, &["--server", "shop"], "1d");
        }
        let before = world.slack.pings().len();
        world.env("POSTMARK_SERVER_TOKEN", "wrong");
        world.cycle(noon());
        let pings = world.slack.pings().len() - before;
        assert_eq!(
            (pings, world.alerts().len()),
            match muted {
                true => (1, 0),
                false => (0, 1),
            }
        );
    }
}
