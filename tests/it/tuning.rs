//! Rules that are switched off, have another severity, or differ on a server or a stream.

use hushwatch::model::{HOUR, MINUTE, Span};
use hushwatch::sim::postmark::{Mail, Profile};

use crate::words::assert_line;
use crate::world::{Process, World, at};

/// A server that sends 60 mails an hour on two streams, until `stop` on one of them.
fn world(file: &str, stop: &str) -> World {
    let world = World::new(Process::New, file);
    let span = Span::new(at("2026-02-02T00:00:00Z"), at("2026-03-05T00:00:00Z"));
    let profile = Profile::constant(60.0).without_bounces();
    for stream in ["outbound", "broadcast"] {
        world.shop.generate(stream, span, &profile);
    }
    let stop = Span::new(at(stop), span.until);
    world.shop.stop_sending("broadcast", stop);
    world
}

/// Adds to the file of a world; what is last in it is its server.
fn add(world: &World, text: &str) {
    let path = world.folder.path().join("monitor.toml");
    let file = std::fs::read_to_string(&path).expect("read");
    std::fs::write(&path, format!("{file}{text}")).expect("written");
}

#[test]
fn a_rule_that_is_switched_off_on_a_stream_ends_there_without_a_message() {
    let mut world = world("", "2026-03-03T08:00:00Z");
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T10:00:00Z");
    assert_eq!(
        world.alerts(),
        ["🔴 WAKE shop/broadcast: no mail sent for 1 h 3 min"]
    );
    add(
        &world,
        "[[server.stream]]\nid = \"broadcast\"\nrules.send_silence.enabled = false\nrules.send_drop.enabled = false\n",
    );
    let cycle = world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!(cycle.steps(), ["send_silence resolved"], "{}", cycle.stderr);
    let resolved = &cycle.report["transitions"][0];
    assert_eq!(resolved["told"], false, "{resolved}");
    let id = resolved["incident"].as_str().expect("an id").to_owned();
    world.hours("2026-03-03T12:00:00Z", "2026-03-03T16:00:00Z");
    assert_eq!(world.alerts(), Vec::<String>::new());
    let explained = world.run(&["explain", &id]);
    let text = explained.report.as_str().expect("text");
    assert_line(
        text,
        "Tue 3 Mar 11:00 resolved (wake, recorded only): no longer watched, its rule was switched off",
    );
    let status = world.run(&["status", "--now", "2026-03-03T16:10:00Z"]);
    let text = status.report.as_str().expect("text");
    assert_line(text, "a stop would not be noticed: `send_silence` is off");
}

/// What is off on a stream that is not watched for silence of any kind.
const ALL_OFF: &str = "rules.send_silence.enabled = false\nrules.send_drop.enabled = false\n\
    rules.delivery_silence.enabled = false\nrules.delivery_drop.enabled = false\n";

#[test]
fn a_stream_without_silence_leaves_its_part_of_the_budget_to_the_others() {
    let threshold = |off: &str| {
        let mut world = world("", "2026-03-03T08:00:00Z");
        add(
            &world,
            &format!("[[server.stream]]\nid = \"outbound\"\n{off}"),
        );
        let cycle = world.hours("2026-03-03T06:00:00Z", "2026-03-03T10:00:00Z");
        assert_eq!(
            world.alerts(),
            ["🔴 WAKE shop/broadcast: no mail sent for 1 h 3 min"],
            "{}",
            cycle.stderr
        );
        let status = world.run(&["status", "--json"]).report;
        let id = status["open_incidents"][0]["incident"].as_str();
        let explained = world.run(&["explain", id.expect("an id"), "--json"]);
        let silence = &explained.report["incident"]["evidence"]["silence"];
        silence["threshold"].as_f64().expect("a threshold")
    };
    let (shared, alone) = (threshold(""), threshold(ALL_OFF));
    assert!(alone < shared, "{alone} {shared}");
}

#[test]
fn a_stream_that_is_left_out_is_not_watched_and_one_that_is_not_there_is_said() {
    let mut world = world("", "2026-03-03T08:00:00Z");
    add(&world, "ignore_streams = [\"broadcast\", \"gone\"]\n");
    let cycle = world.hours("2026-03-03T06:00:00Z", "2026-03-03T12:00:00Z");
    let streams = cycle.report["servers"][0]["streams"].as_array();
    let ids: Vec<&str> = streams
        .expect("streams")
        .iter()
        .filter_map(|stream| stream["id"].as_str())
        .collect();
    assert_eq!(ids, ["outbound"]);
    assert_eq!(world.alerts(), Vec::<String>::new());
    assert_eq!(
        cycle.errors(),
        ["shop: stream `gone` of `ignore_streams` does not exist, or is archived"]
    );
    add(
        &world,
        "[[server.stream]]\nid = \"outbond\"\nrules.send_drop.enabled = false\n",
    );
    let valid = world.run(&["config", "check"]).report;
    let valid = valid.as_str().expect("text");
    let digest = world.run(&["digest", "--print"]).report;
    let digest = digest.as_str().expect("text").to_owned();
    for line in [
        "shop: `gone` in `ignore_streams` does not exist or is archived, so that it has no effect; correct the name, or take it out",
        "shop: `outbond` in [[server.stream]] does not exist or is archived, so that it has no effect; did you mean `outbound`?",
    ] {
        assert!(digest.contains(line), "{digest}");
        // What Postmark listed is read from a file alone.
        let is_known = !crate::store::on_server();
        assert_eq!(
            valid.contains(&format!("note: {line}\n")),
            is_known,
            "{valid}"
        );
    }
}

#[test]
fn a_complaint_is_as_urgent_as_the_user_says() {
    for (file, sign) in [
        ("", "🔴 WAKE"),
        (
            "[rules.spam_complaint_external]\nseverity = \"warn\"",
            "🟠 WARN",
        ),
    ] {
        let mut world = world(file, "2026-03-04T00:00:00Z");
        world.hours("2026-03-03T06:00:00Z", "2026-03-03T07:00:00Z");
        let sent = at("2026-03-03T07:10:00Z");
        let mail = Mail::new("outbound", sent, "someone@example.net");
        world
            .shop
            .push(mail.bounced("SpamComplaint", sent + MINUTE * 20));
        world.cycle(at("2026-03-03T07:00:00Z") + HOUR);
        let posted = world.alerts();
        assert_eq!(posted.len(), 1, "{posted:?}");
        assert!(posted[0].starts_with(sign), "{posted:?}");
    }
}
