//! Several servers and several channels: one that fails stops no other.

use hushwatch::model::Span;
use hushwatch::sim::postmark::{Profile, StreamType};
use hushwatch::sim::{Fault, Plan};
use serde_json::json;

use crate::store::needs_a_file;
use crate::words::{assert_line, bare, title};
use crate::world::{Cycle, Process, World, at};

const OTHER: &str =
    "[[server]]\nname = \"other\"\ntoken_env = \"OTHER_TOKEN\"\nchannel = \"C0OTHER\"\n";

#[test]
fn a_server_that_fails_and_a_channel_that_is_gone_stop_nobody_else() {
    for process in [Process::One, Process::New] {
        let mut world = World::new(process, OTHER);
        let other = world.postmark.server("other");
        world.env("OTHER_TOKEN", &other.token());
        let span = Span::new(at("2026-03-01T00:00:00Z"), at("2026-03-04T00:00:00Z"));
        world
            .shop
            .generate("outbound", span, &Profile::constant(60.0).without_bounces());
        world.shop.bounce_wave(
            "outbound",
            Span::new(at("2026-03-03T11:00:00Z"), span.until),
            0.4,
            "Blocked",
        );
        world.cycle(at("2026-03-03T10:00:00Z"));
        other.always(Fault::Status(503));
        world.cycle(at("2026-03-03T11:00:00Z"));
        let cycle = world.cycle(at("2026-03-03T12:00:00Z"));
        assert_eq!(cycle.code, 1);
        assert_eq!(
            cycle.steps(),
            ["blind opened", "bounce_rate opened"],
            "{}",
            cycle.report
        );
        let reachable: Vec<_> = cycle.report["servers"]
            .as_array()
            .expect("servers")
            .iter()
            .map(|s| s["reachable"].clone())
            .collect();
        assert_eq!(reachable, [json!(false), json!(true)]);
        assert_eq!(
            cycle.report["notices"],
            json!({"sent": 2, "pending": 0, "given_up": 0}),
            "where the other channel is not there, the default one stands in"
        );
        let alerts = world.alerts();
        let bounced = "🟠 WARN shop/outbound: 19 of 47 recipients bounced in the last hour (40%)";
        assert!(
            alerts.len() == 2 && alerts.iter().any(|a| a == bounced),
            "{alerts:?}"
        );
        assert!(alerts.iter().any(|a| a.contains(" other: ")), "{alerts:?}");
        world.slack.add_channel("C0OTHER");
        other.clear_faults();
        world.cycle(at("2026-03-03T13:00:00Z"));
        let posted = world.slack.take();
        let shown = posted.iter().map(|m| (&*m.channel, title(&m.plain)));
        let of_other: Vec<_> = shown
            .filter(|(_, title)| title.contains(" other: "))
            .collect();
        let over = "✅ RESOLVED other: hushwatch can read its mail again";
        assert_eq!(
            of_other,
            [("C0OPERATORS", over)],
            "in the channel that stood in"
        );
    }
}

#[test]
fn a_token_file_is_read_anew_each_cycle() {
    let file = "[[server]]\nname = \"other\"\ntoken_file = \"TOKEN\"\n";
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    let mut world = World::new(
        Process::One,
        &file.replace("TOKEN", &path.display().to_string()),
    );
    let other = world.postmark.server("other");
    let missing = world.cycle(at("2026-03-03T10:00:00Z"));
    assert_eq!(
        (missing.code, missing.steps()),
        (1, vec!["blind opened".to_owned()])
    );
    std::fs::write(&path, format!("{}\n", other.token())).expect("written");
    let there = world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!(
        (there.code, there.steps()),
        (0, vec!["blind resolved".to_owned()]),
        "{}",
        there.report
    );
    let said = world.slack.take();
    let plain = said[0].plain.replace(&path.display().to_string(), "<file>");
    assert_line(
        &plain,
        "→ Put a valid token of this server into <file>, then check it: hushwatch doctor",
    );
    let first = said
        .iter()
        .filter_map(|message| message.plain.lines().next());
    assert_eq!(
        first.collect::<Vec<_>>(),
        [
            "🔴 WAKE other: the API token is missing or refused, hushwatch cannot see this server's mail",
            "✅ RESOLVED other: hushwatch can read its mail again",
        ]
    );
}

#[test]
fn a_server_none_of_whose_streams_is_there_is_not_called_seen() {
    let mut world = World::new(Process::New, "");
    let file = world.folder.path().join("monitor.toml");
    let text = std::fs::read_to_string(&file).expect("read");
    std::fs::write(&file, format!("{text}streams = [\"outbond\"]\n")).expect("written");
    let cycle = world.cycle(at("2026-03-03T10:00:00Z"));
    assert_eq!(cycle.code, 1);
    assert_line(
        &cycle.stderr,
        "WARN shop: none of its `streams` exists, or all are archived: nothing is watched; correct `streams`, or leave it out to watch every stream server=shop",
    );
    std::fs::write(&file, format!("{text}streams = []\n")).expect("written");
    assert_eq!(world.run(&["config", "check"]).code, 2);
}

/// Each digest and `status` name it; the log would repeat it each hour.
#[test]
fn a_named_stream_that_there_is_not_is_logged_when_that_is_new() {
    let mut world = World::new(Process::New, "");
    let file = world.folder.path().join("monitor.toml");
    let text = std::fs::read_to_string(&file).expect("read");
    let name = |streams: &str| {
        std::fs::write(&file, format!("{text}streams = {streams}\n")).expect("written");
    };
    let warning = |id: &str| format!("WARN shop: stream `{id}` of `streams` does not exist");
    name("[\"outbound\", \"receits\"]");
    let first = world.cycle(at("2026-03-03T10:00:00Z"));
    let says = |cycle: &Cycle, id: &str| {
        let mut lines = cycle.stderr.lines().map(bare);
        lines.any(|line| line.starts_with(&warning(id)))
    };
    assert!(says(&first, "receits"), "{}", first.stderr);
    let again = world.cycle(at("2026-03-03T11:00:00Z"));
    assert!(!says(&again, "receits"), "{}", again.stderr);
    assert_eq!(again.errors(), first.errors());
    assert_eq!(again.errors().len(), 1, "{:?}", again.errors());
    name("[\"outbound\", \"receits\", \"newsletter\"]");
    let more = world.cycle(at("2026-03-03T12:00:00Z"));
    assert!(says(&more, "newsletter"), "{}", more.stderr);
    assert!(!says(&more, "receits"), "{}", more.stderr);
    name("[\"outbound\"]");
    let without = world.cycle(at("2026-03-03T13:00:00Z"));
    assert_eq!(without.errors(), Vec::<String>::new());
    name("[\"outbound\", \"receits\"]");
    let anew = world.cycle(at("2026-03-03T14:00:00Z"));
    assert!(says(&anew, "receits"), "{}", anew.stderr);
}

#[test]
fn the_incident_of_an_archived_stream_ends() {
    let mut world = World::new(Process::One, "");
    let span = Span::new(at("2026-02-01T00:00:00Z"), at("2026-03-03T10:00:00Z"));
    let profile = Profile::constant(20.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    world.shop.add_stream("news", StreamType::Transactional);
    let on = Span::new(span.from, at("2026-03-04T00:00:00Z"));
    world.shop.generate("news", on, &profile);
    world.hours("2026-03-03T09:00:00Z", "2026-03-03T14:00:00Z");
    assert!(!world.alerts().is_empty());
    world
        .shop
        .archive_stream("outbound", at("2026-03-03T14:30:00Z"));
    let cycle = world.cycle(at("2026-03-03T15:00:00Z"));
    assert_eq!(
        world.alerts(),
        ["☑ CLOSED shop/outbound: no longer watched, the stream or its server is gone or left out"]
    );
    assert_eq!(cycle.report["open_incidents"], serde_json::json!([]));
}

#[test]
fn an_empty_list_of_streams_drops_none_and_is_no_complete_poll() {
    let mut world = World::new(Process::New, "");
    let span = Span::new(at("2026-03-02T10:00:00Z"), at("2026-03-03T17:00:00Z"));
    let profile = Profile::constant(20.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    let before = world.cycle(at("2026-03-03T10:00:00Z"));
    assert_eq!(before.code, 0, "{}", before.stderr);
    let nothing = Plan::always(Fault::Nothing).on("/message-streams");
    world.shop.fail(nothing);
    // The list is read every six hours.
    let empty = world.cycle(at("2026-03-03T16:00:00Z"));
    assert_eq!(empty.code, 1, "{}", empty.report);
    assert_eq!(
        empty.errors(),
        [
            "shop: Postmark listed no stream at all, though 2 were known; look whether the server still has them"
        ]
    );
    assert_eq!(
        empty.stream("outbound")["covered_until"],
        "2026-03-03T16:00:00Z",
        "what is known is read on"
    );
    world.shop.clear_faults();
    let back = world.cycle(at("2026-03-03T17:00:00Z"));
    assert_eq!(back.code, 0, "{}", back.stderr);
}

#[test]
fn a_server_without_streams_is_complete_and_said_to_be_one() {
    let mut world = World::new(Process::New, "");
    let nothing = Plan::always(Fault::Nothing).on("/message-streams");
    world.shop.fail(nothing);
    let cycle = world.cycle(at("2026-03-03T10:00:00Z"));
    assert_eq!(cycle.code, 0, "{}", cycle.stderr);
    assert_line(
        &cycle.stderr,
        "WARN Postmark listed no stream at all: nothing is watched server=shop",
    );
}

#[test]
fn a_check_by_hand_asks_again_where_a_server_could_not_be_seen() {
    if needs_a_file("asking again at the same instant") {
        return;
    }
    let mut world = World::new(Process::New, "");
    world.shop.always(Fault::Status(503));
    assert_eq!(world.cycle(at("2026-03-03T10:00:00Z")).code, 1);
    world.shop.clear_faults();
    assert_eq!(world.cycle(at("2026-03-03T10:00:00Z")).code, 0);
}
