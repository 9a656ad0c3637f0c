//! Servers found by the token of the account.

use hushwatch::model::Span;
use hushwatch::sim::Fault;
use hushwatch::sim::postmark::Profile;
use serde_json::json;

use crate::words::{assert_line, is_digest};
use crate::world::{Cycle, Process, World, at, both};

const TOKEN: &str = "account-token-that-nobody-may-see";

/// A world whose account holds `shop` and two others that send all the time.
pub(crate) fn world(process: Process, file: &str) -> World {
    let mut world = World::new(process, "");
    std::fs::write(world.folder.path().join("monitor.toml"), file).expect("written");
    world.env("POSTMARK_SERVER_TOKEN", "");
    world.env("POSTMARK_ACCOUNT_TOKEN", TOKEN);
    world.postmark.set_account_token(TOKEN);
    for name in ["shop", "alpha", "beta"] {
        sends(&world, name);
    }
    world
}

pub(crate) fn sends(world: &World, name: &str) {
    let span = Span::new(at("2026-02-25T00:00:00Z"), at("2026-03-05T00:00:00Z"));
    let profile = Profile::constant(30.0).without_bounces();
    world
        .postmark
        .server(name)
        .generate("outbound", span, &profile);
}

/// The digest of the day after.
pub(crate) fn next_digest(world: &mut World) -> String {
    world.set_aside("before what is tested");
    world.cycle(at("2026-03-04T10:00:00Z"));
    let sent = world.slack.take();
    let digest = sent.into_iter().find(|m| is_digest(&m.plain));
    digest.expect("a digest").plain
}

pub(crate) fn names(cycle: &Cycle) -> Vec<String> {
    let servers = cycle.report["servers"].as_array().expect("servers");
    servers
        .iter()
        .map(|s| s["name"].as_str().expect("a name").to_owned())
        .collect()
}

fn every_server_of_the_account_is_watched_and_who_comes_and_goes_is_noted(process: Process) {
    let mut world = world(process, "[postmark]\nignore_servers = [\"beta\"]\n");
    let first = world.cycle(at("2026-03-03T10:00:00Z"));
    assert_eq!(first.code, 0, "{} {}", first.report, first.stderr);
    assert_eq!(names(&first), ["alpha", "shop", "(account)"]);
    world.cycle(at("2026-03-03T11:00:00Z"));
    world.postmark.delete_server("alpha");
    sends(&world, "gamma");
    let changed = world.cycle(at("2026-03-03T12:00:00Z"));
    assert_eq!(
        (changed.code, names(&changed)),
        (0, vec!["gamma".into(), "shop".into(), "(account)".into()])
    );
    assert_eq!(
        world.alerts(),
        [""; 0],
        "a server that is deleted is no silence"
    );
    world.cycle(at("2026-03-04T10:00:00Z"));
    let digest = world.slack.take().remove(0).plain;
    insta::assert_snapshot!("digest_of_servers_that_come_and_go", digest);
}

fn an_incident_of_a_server_that_left_ends(process: Process) {
    let mut world = world(process, "");
    let wave = Span::new(at("2026-03-03T10:00:00Z"), at("2026-03-04T00:00:00Z"));
    world
        .postmark
        .server("alpha")
        .bounce_wave("outbound", wave, 0.5, "Blocked");
    world.cycle(at("2026-03-03T10:00:00Z"));
    world.cycle(at("2026-03-03T12:00:00Z"));
    assert_eq!(world.alerts().len(), 1);
    world.postmark.delete_server("alpha");
    let cycle = world.cycle(at("2026-03-03T13:00:00Z"));
    assert_eq!(cycle.steps(), ["bounce_rate resolved"], "{}", cycle.report);
    assert_eq!(
        world.alerts(),
        [
            "☑ CLOSED alpha/outbound: no longer watched, the stream or its server is gone or left out"
        ]
    );
    assert_eq!(cycle.report["open_incidents"], json!([]));
}

fn what_is_open_ends_with_the_token_of_the_account(process: Process) {
    let mut world = world(process, "");
    let wave = Span::new(at("2026-03-03T10:00:00Z"), at("2026-03-04T00:00:00Z"));
    let alpha = world.postmark.server("alpha");
    alpha.bounce_wave("outbound", wave, 0.5, "Blocked");
    world.cycle(at("2026-03-03T10:00:00Z"));
    world.cycle(at("2026-03-03T12:00:00Z"));
    world.env("POSTMARK_ACCOUNT_TOKEN", "no-such-token");
    world.cycle(at("2026-03-03T13:00:00Z"));
    assert_eq!(world.alerts().len(), 2);
    world.env("POSTMARK_SERVER_TOKEN", &world.shop.token());
    world.env("POSTMARK_ACCOUNT_TOKEN", "");
    // Another process may have the token, and polls every two hours at the most.
    world.cycle(at("2026-03-03T14:00:00Z"));
    assert_eq!(world.alerts(), [""; 0]);
    let last = world.hours("2026-03-03T15:00:00Z", "2026-03-03T18:00:00Z");
    assert_eq!(last.report["open_incidents"], json!([]));
    assert_eq!(
        world.alerts(),
        [
            "☑ CLOSED Postmark account: no longer watched, no account token is set",
            "☑ CLOSED alpha/outbound: no longer watched, the stream or its server is gone or left out",
        ]
    );
}

fn an_incident_of_a_server_that_left_while_muted_ends_with_the_mute(process: Process) {
    let mut world = world(process, "");
    let wave = Span::new(at("2026-03-03T10:00:00Z"), at("2026-03-04T00:00:00Z"));
    world
        .postmark
        .server("alpha")
        .bounce_wave("outbound", wave, 0.5, "Blocked");
    world.cycle(at("2026-03-03T10:00:00Z"));
    world.cycle(at("2026-03-03T12:00:00Z"));
    assert_eq!(world.alerts().len(), 1);
    let muted = world.run(&[
        "mute",
        "--for",
        "3h",
        "--reason",
        "it moves",
        "--now",
        "2026-03-03T12:00:00Z",
    ]);
    assert_eq!(muted.code, 0, "{}", muted.stderr);
    world.postmark.delete_server("alpha");
    world.hours("2026-03-03T13:00:00Z", "2026-03-03T14:00:00Z");
    assert_eq!(world.alerts(), [""; 0]);
    world.cycle(at("2026-03-03T15:00:00Z"));
    assert_eq!(
        world.alerts(),
        ["☑ CLOSED mute ended: 1 incident ended meanwhile"]
    );
    world.cycle(at("2026-03-03T16:00:00Z"));
    assert_eq!(world.alerts(), [""; 0], "once");
}

fn an_archived_stream_is_a_note_and_no_silence(process: Process) {
    let mut world = world(process, "");
    world.hours("2026-03-03T09:00:00Z", "2026-03-03T11:00:00Z");
    world
        .postmark
        .server("alpha")
        .archive_stream("outbound", at("2026-03-03T11:30:00Z"));
    world.hours("2026-03-03T12:00:00Z", "2026-03-04T09:00:00Z");
    let sent: Vec<String> = world.slack.take().into_iter().map(|m| m.plain).collect();
    insta::assert_snapshot!("digest_of_an_archived_stream", sent.join("\n\n"));
}

fn a_server_of_the_file_says_more_of_one_of_the_account(process: Process) {
    let file = "[[server]]\nname = \"alpha\"\nstreams = [\"outbound\"]\nchannel = \"C0OTHER\"\n";
    let mut world = world(process, file);
    let cycle = world.cycle(at("2026-03-03T10:00:00Z"));
    assert_eq!(cycle.code, 0, "{} {}", cycle.report, cycle.stderr);
    assert_eq!(names(&cycle), ["alpha", "beta", "shop", "(account)"]);
    let streams = |place: usize| {
        cycle.report["servers"][place]["streams"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!((streams(0), streams(1)), (Some(1), Some(2)));
}

fn an_account_that_does_not_answer_is_one_incident_and_blinds_no_server(process: Process) {
    let mut world = world(process, "");
    world.cycle(at("2026-03-03T10:00:00Z"));
    world.env("POSTMARK_ACCOUNT_TOKEN", "another");
    let refused = world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!(
        (refused.code, refused.steps()),
        (1, vec!["blind opened".to_owned()]),
        "{}",
        refused.report
    );
    assert_eq!(
        world.alerts(),
        [
            "🔴 WAKE Postmark account: the account token is missing or refused, hushwatch cannot see the mail of alpha, beta and shop"
        ]
    );
    world.env("POSTMARK_ACCOUNT_TOKEN", TOKEN);
    let back = world.cycle(at("2026-03-03T12:00:00Z"));
    assert_eq!(
        (back.code, back.steps()),
        (0, vec!["blind resolved".to_owned()]),
        "{}",
        back.report
    );
    assert_eq!(
        world.posted(),
        ["✅ RESOLVED Postmark account: its servers are watched again"]
    );
}

fn an_account_that_cannot_be_listed_stays_in_sight(process: Process) {
    let mut world = world(process, "");
    world.cycle(at("2026-03-03T10:00:00Z"));
    world.env("POSTMARK_ACCOUNT_TOKEN", "another");
    world.cycle(at("2026-03-03T11:00:00Z"));
    let status = world.run(&["status", "--json"]).report;
    let open = status["open_incidents"].as_array().expect("incidents");
    assert_eq!(open.len(), 1, "{status}");
    assert_eq!(
        (&open[0]["server"], &open[0]["rule"]),
        (&json!("(account)"), &json!("blind"))
    );
    let soon = ["--now", "2026-03-03T12:10:00Z"];
    let status = world.run(&["status", soon[0], soon[1]]).report;
    let text = status.as_str().expect("text");
    assert_line(text, "Open incidents: 1");
    assert_line(
        text,
        "(account): LAST POLL NOT COMPLETE: failed to list the servers of the account: Postmark refused the account token (\"Request does not contain a valid Account token.\"); check that POSTMARK_ACCOUNT_TOKEN is the token of the account, not of a server, and still valid",
    );
    // A new process knows no token of its servers, so none is polled.
    if process == Process::New {
        assert_line(
            text,
            "alpha: NOT POLLED since Tue 3 Mar 10:00: nothing is known of it since then",
        );
        let json = world.run(&["status", "--json", soon[0], soon[1]]).report;
        let servers = json["servers"].as_array().expect("servers");
        let alpha = servers.iter().find(|server| server["name"] == "alpha");
        let alpha = alpha.expect("alpha");
        assert_eq!(
            (&alpha["complete"], &alpha["last_polled_at"]),
            (&json!(false), &json!("2026-03-03T10:00:00Z"))
        );
    }
    world.set_aside("before what is tested");
    let digest = next_digest(&mut world);
    insta::assert_snapshot!("digest_of_an_unlisted_account", digest);
}

fn an_account_that_can_be_listed_is_no_line_of_the_digest(process: Process) {
    let mut world = world(process, "");
    world.hours("2026-03-03T10:00:00Z", "2026-03-03T11:00:00Z");
    let digest = next_digest(&mut world);
    assert!(!digest.contains("(account)"), "{digest}");
}

fn an_empty_list_of_servers_drops_nobody(process: Process) {
    let mut world = world(process, "");
    world.cycle(at("2026-03-03T10:00:00Z"));
    world
        .postmark
        .fail(hushwatch::sim::Plan::always(Fault::Nothing).on("/servers?"));
    let empty = world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!(empty.code, 1, "{}", empty.report);
    assert_eq!(
        empty.errors(),
        [
            "Postmark listed no server at all, though 3 were known; if they were all deleted, unset the account's token"
        ]
    );
    world.postmark.clear_faults();
    let back = world.cycle(at("2026-03-03T12:00:00Z"));
    assert_eq!((back.code, names(&back).len()), (0, 4), "{}", back.report);
    let digest = next_digest(&mut world);
    for news in ["no longer in the account", "is new in the account"] {
        assert!(!digest.contains(news), "{digest}");
    }
}

fn the_servers_of_another_account_replace_none_before_a_day(process: Process) {
    let mut world = world(process, "");
    world.cycle(at("2026-03-03T10:00:00Z"));
    sends(&world, "staging");
    for name in ["shop", "alpha", "beta"] {
        world.postmark.delete_server(name);
    }
    let foreign = world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!(foreign.code, 1, "{}", foreign.report);
    let why = "Postmark listed 1 server, and none of the 3 that were known: the token is that of another account; put the former token \
               back, or wait a day to watch these servers instead";
    assert!(
        foreign.errors().iter().any(|line| line == why),
        "{:?}",
        foreign.errors()
    );
    assert!(!names(&foreign).contains(&"staging".to_owned()));
    world.hours("2026-03-03T12:00:00Z", "2026-03-04T10:00:00Z");
    let believed = world.cycle(at("2026-03-04T11:00:00Z"));
    assert_eq!(names(&believed), ["staging", "(account)"]);
    assert_eq!(believed.code, 0, "{}", believed.report);
    world.set_aside("before what is tested");
}

fn an_account_of_which_no_server_is_watched_is_told(process: Process) {
    let ignored = "[postmark]\nignore_servers = [\"shop\", \"alpha\", \"beta\"]\n";
    for (file, why) in [
        (
            "",
            "the account has no server; create one at Postmark, or use the token of the account that has them",
        ),
        (
            ignored,
            "the account has no server but those that `ignore_servers` leaves out; leave one of them in",
        ),
    ] {
        let mut world = world(process, file);
        if file.is_empty() {
            let empty = hushwatch::sim::Plan::always(Fault::Nothing).on("/servers?");
            world.postmark.fail(empty);
        }
        let cycle = world.cycle(at("2026-03-03T10:00:00Z"));
        assert_eq!(
            (cycle.code, names(&cycle)),
            (1, vec!["(account)".to_owned()])
        );
        assert_eq!(cycle.errors(), [why]);
        assert_eq!(cycle.report["readiness"]["ready"], false);
        world.cycle(at("2026-03-03T11:00:00Z"));
        assert_eq!(
            world.alerts(),
            ["🟠 WARN Postmark account: no server is watched"]
        );
    }
}

/// The tokens come with the list: a process that never had it polls none.
#[test]
fn a_new_process_that_cannot_list_the_account_says_whose_mail_it_cannot_see() {
    let mut world = world(Process::New, "");
    world.cycle(at("2026-03-03T10:00:00Z"));
    world
        .postmark
        .fail(hushwatch::sim::Plan::always(Fault::Status(503)).on("/servers?"));
    world.hours("2026-03-03T11:00:00Z", "2026-03-03T12:00:00Z");
    assert_eq!(
        world.alerts(),
        ["🟠 WARN Postmark account: hushwatch cannot see the mail of alpha, beta and shop"]
    );
    world.postmark.clear_faults();
    world.cycle(at("2026-03-03T13:00:00Z"));
    assert_eq!(
        world.posted(),
        ["✅ RESOLVED Postmark account: its servers are watched again"]
    );
}

#[test]
fn a_server_of_the_file_is_found_in_the_account_though_its_letters_differ() {
    let mut world = world(Process::One, "[[server]]\nname = \"Shop\"\n");
    let cycle = world.cycle(at("2026-03-03T10:00:00Z"));
    assert_eq!(cycle.code, 0, "{} {}", cycle.report, cycle.stderr);
    assert_eq!(names(&cycle), ["Shop", "alpha", "beta", "(account)"]);
}

fn a_server_that_the_file_calls_otherwise_is_one_server(process: Process) {
    let file = "[[server]]\nname = \"mine\"\ntoken_env = \"SHOP_TOKEN\"\n";
    let mut world = world(process, file);
    world.env("SHOP_TOKEN", &world.shop.token());
    let cycle = world.cycle(at("2026-03-03T10:00:00Z"));
    assert_eq!(cycle.code, 0, "{} {}", cycle.report, cycle.stderr);
    assert_eq!(names(&cycle), ["mine", "alpha", "beta", "(account)"]);
    let mut watched = names(&world.run(&["status", "--json"]));
    watched.sort();
    assert_eq!(watched, ["(account)", "alpha", "beta", "mine"]);
}

both! {
    an_account_that_cannot_be_listed_stays_in_sight
    an_account_that_can_be_listed_is_no_line_of_the_digest
    an_empty_list_of_servers_drops_nobody
    an_account_of_which_no_server_is_watched_is_told
    the_servers_of_another_account_replace_none_before_a_day
    a_server_that_the_file_calls_otherwise_is_one_server
    every_server_of_the_account_is_watched_and_who_comes_and_goes_is_noted
    an_incident_of_a_server_that_left_ends
    what_is_open_ends_with_the_token_of_the_account
    an_incident_of_a_server_that_left_while_muted_ends_with_the_mute
    an_archived_stream_is_a_note_and_no_silence
    a_server_of_the_file_says_more_of_one_of_the_account
    an_account_that_does_not_answer_is_one_incident_and_blinds_no_server
}

#[test]
fn a_daemon_polls_the_servers_it_knows_while_the_list_cannot_be_read() {
    let mut world = world(Process::One, "");
    world.cycle(at("2026-03-03T10:00:00Z"));
    world
        .postmark
        .fail(hushwatch::sim::Plan::always(Fault::Status(503)).on("/servers?"));
    let cycle = world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!(cycle.code, 1);
    let complete: Vec<_> = cycle.report["servers"]
        .as_array()
        .expect("servers")
        .iter()
        .map(|s| s["complete"].clone())
        .collect();
    assert_eq!(
        complete,
        [json!(true), json!(true), json!(true), json!(false)]
    );
}

#[test]
fn no_token_of_the_list_is_written_anywhere() {
    let mut world = world(Process::New, "");
    world.env("RUST_LOG", "trace");
    let cycle = world.cycle(at("2026-03-03T10:00:00Z"));
    assert_eq!(cycle.code, 0);
    let database = std::fs::read(world.folder.path().join("hushwatch.db"));
    let written = [
        cycle.report.to_string(),
        cycle.stderr,
        String::from_utf8_lossy(&database.unwrap_or_default()).into_owned(),
    ];
    for name in ["shop", "alpha", "beta"] {
        let token = world.postmark.server(name).token();
        assert!(
            written.iter().all(|text| !text.contains(&token)),
            "the token of {name}"
        );
    }
    assert!(written.iter().all(|text| !text.contains(TOKEN)));
}
