//! Pictures in the digest's thread.

use std::collections::BTreeSet;

use hushwatch::model::Span;
use hushwatch::sim::postmark::Profile;
use hushwatch::sim::slack::{Fault, SharedFile};
use hushwatch::sim::{self, Plan};

use crate::words::{assert_line, bare, is_digest};
use crate::world::{Cycle, Process, World, at, both};

both! {
    the_digest_is_followed_by_a_picture_in_its_thread
    a_picture_that_is_refused_is_given_up_after_two_cycles_and_holds_nothing_up
    a_picture_waits_for_its_digest
}

/// A world that shows pictures, up to an hour before its digest.
fn world(process: Process, file: &str) -> World {
    let mut world = World::new(process, file);
    world.env("HUSHWATCH_SLACK__PICTURES", "true");
    let span = Span::new(at("2026-02-20T00:00:00Z"), at("2026-03-05T00:00:00Z"));
    let mail = Profile::constant(40.0).without_bounces();
    world.shop.generate("outbound", span, &mail);
    for hour in ["2026-03-02T12:00:00Z", "2026-03-03T08:00:00Z"] {
        world.cycle(at(hour));
    }
    world
}

/// The cycle in which the digest is due.
fn digest(world: &mut World) -> Cycle {
    world.cycle(at("2026-03-03T09:00:00Z"))
}

fn assert_clean(cycle: &Cycle) {
    assert_eq!(cycle.code, 0, "{}", cycle.stderr);
    assert_eq!(cycle.report["notices"]["pending"], 0, "{}", cycle.report);
}

/// Asserts that the files are these, each a PNG in the thread of the digest.
fn assert_shown(world: &World, titles: &[&str]) {
    let messages = world.slack.messages();
    let digest = messages
        .iter()
        .find(|m| is_digest(&m.plain))
        .expect("a digest");
    let files: Vec<SharedFile> = world.slack.files();
    let shown: Vec<&str> = files.iter().map(|file| file.title.as_str()).collect();
    assert_eq!(shown, titles);
    for file in &files {
        assert_eq!(file.thread_ts.as_deref(), Some(digest.ts.as_str()));
        assert!(
            file.bytes.starts_with(b"\x89PNG") && file.name.ends_with(".png"),
            "{}",
            file.name
        );
        assert!(
            file.alt_text
                .starts_with(&format!("{}. Mon 2 Mar 09:00", file.title)),
            "{}",
            file.alt_text
        );
    }
}

fn the_digest_is_followed_by_a_picture_in_its_thread(process: Process) {
    let mut world = world(process, "");
    let cycle = digest(&mut world);
    assert_clean(&cycle);
    assert_shown(&world, &["shop: mail by hour"]);
    let text = &world.slack.messages()[0].plain;
    assert!(
        text.contains("24 h ") && text.contains('█') && !text.contains('░'),
        "{text}"
    );
    world.cycle(at("2026-03-03T10:00:00Z"));
    assert_eq!(world.slack.files().len(), 1, "once");
}

/// As in India every day, where 09:00 is half past an hour of UTC.
#[test]
fn a_picture_has_the_figures_of_its_digest_where_that_is_due_within_an_hour() {
    let mut world = world(Process::New, "[digest]\nat = \"09:30\"");
    world.cycle(at("2026-03-03T09:30:00Z"));
    let text = world.slack.messages()[0].plain.clone();
    let line = text.lines().find(|line| line.starts_with("outbound: "));
    let sent = line.and_then(|line| line.strip_prefix("outbound: ")?.split(" sent").next());
    let sent = sent.expect("a number");
    let alt = world.slack.files()[0].alt_text.clone();
    let said = format!("Mon 2 Mar 09:30 to Tue 3 Mar 09:30 UTC: {sent} sent · ");
    assert!(alt.contains(&said), "{alt}\n{text}");
    let delivered = alt.split(" · ").nth(1).expect("what was delivered");
    assert!(text.contains(delivered), "{alt}\n{text}");
    assert!(
        !alt.contains("not seen") && !text.contains('░'),
        "{alt}\n{text}"
    );
}

#[test]
fn several_servers_have_a_heat_map_too() {
    let two = "[[server]]\nname = \"blog\"\ntoken_env = \"NOT_SET\"";
    let mut world = world(Process::New, two);
    digest(&mut world);
    assert_shown(&world, &["2 servers: mail by hour", "2 servers by hour"]);
    let map = &world.slack.files()[1];
    assert_eq!(
        map.alt_text,
        "2 servers by hour. Mon 2 Mar 09:00 to Tue 3 Mar 09:00 UTC: WAKE on blog; 1 server with hours that were not seen"
    );
    world.set_aside("a server without a token is reported");
}

fn a_picture_that_is_refused_is_given_up_after_two_cycles_and_holds_nothing_up(process: Process) {
    let faults: [Fault; 5] = [
        Fault::slack_error("file_uploads_disabled"),
        Fault::slack_error("not_in_channel"),
        sim::Fault::Status(503).into(),
        sim::Fault::TooMany {
            retry_after: Some("3600".to_owned()),
        }
        .into(),
        sim::Fault::Reset.into(),
    ];
    let mut said = BTreeSet::new();
    for fault in faults {
        for step in ["getUploadURLExternal", "/upload/", "completeUploadExternal"] {
            let mut world = world(process, "");
            world.slack.fail(Plan::always(fault.clone()).on(step));
            let cycle = digest(&mut world);
            assert_clean(&cycle);
            assert!(
                !cycle.stderr.contains("gave up"),
                "{fault:?} {step}: {}",
                cycle.stderr
            );
            // An alert is not held up by it, whatever Slack asked the picture to wait.
            world
                .shop
                .add_complaints("outbound", at("2026-03-03T09:30:00Z"), 1, "example.net");
            let cycle = world.cycle(at("2026-03-03T10:00:00Z"));
            assert_clean(&cycle);
            if process == Process::New {
                said.extend(given_up(&cycle));
            }
            let tried = world.slack.count(step);
            world.slack.clear_faults();
            assert_clean(&world.cycle(at("2026-03-03T11:00:00Z")));
            assert_eq!(
                world.slack.count(step),
                tried,
                "{fault:?} {step}: it is given up"
            );
            assert_eq!(world.slack.files(), []);
            let posted = world.slack.messages();
            assert_eq!(posted.len(), 2, "the digest and the alert: {posted:#?}");
            assert_eq!(
                posted[1].plain,
                "🔴 WAKE shop/outbound: u***@example.net reported a message as spam\nReported at 09:30. Postmark sends nothing more to those who reported it.\nMessage c21088bc-e8e2-4a1d-82c2-89205be4b2ef: open it in Postmark\n→ Find the mail that was reported: hushwatch message c21088bc-e8e2-4a1d-82c2-89205be4b2ef --server shop\nhushwatch explain k6qgnkye · Tue 3 Mar 10:00 UTC"
            );
        }
    }
    if process == Process::New {
        let said: Vec<String> = said.into_iter().collect();
        insta::assert_snapshot!("pictures_given_up", said.join("\n"));
    }
}

/// What the log says of pictures that are not tried again.
fn given_up(cycle: &Cycle) -> Vec<String> {
    let lines = cycle.stderr.lines().map(bare);
    let lines = lines.filter(|line| line.contains("picture"));
    // What follows are words of the network.
    let ours = |line: &str| match line.split_once("error sending request") {
        Some((ours, _)) => format!("{ours}…"),
        None => line.to_owned(),
    };
    lines.map(ours).collect()
}

#[test]
fn a_missing_scope_is_said_once_in_the_log_and_by_doctor() {
    let mut world = world(Process::New, "");
    world.slack.allow_uploads(false);
    let mut said = Vec::new();
    for (day, hour) in [(3, 9), (3, 10), (3, 11), (4, 9), (4, 10), (4, 11)] {
        let cycle = world.cycle(at(&format!("2026-03-{day:02}T{hour:02}:00:00Z")));
        assert_clean(&cycle);
        let lines = cycle
            .stderr
            .lines()
            .filter(|line| line.contains("files:write"));
        said.extend(lines.map(str::to_owned));
    }
    assert_eq!(
        bare(&said.join("\n")),
        "WARN gave up a picture of the digest; the digest itself is complete why=\"cannot upload the picture: `missing_scope`; give the app the scope files:write and install it again, or set slack.pictures = false\""
    );
    world.set_aside("the digests");
    let doctor = world.run(&["doctor"]);
    let doctor = doctor.report.as_str().expect("text").to_owned();
    assert_line(
        &doctor,
        "! The digest comes without pictures: the Slack app may not upload files; give the app the scope files:write, or set slack.pictures = false",
    );
    world.env("HUSHWATCH_SLACK__PICTURES", "false");
    let doctor = world.run(&["doctor"]);
    let doctor = doctor.report.as_str().expect("text").to_owned();
    assert!(!doctor.contains("files:write"), "{doctor}");
}

fn a_picture_waits_for_its_digest(process: Process) {
    let mut world = world(process, "");
    world.slack.always(sim::Fault::Status(503));
    let cycle = digest(&mut world);
    assert_eq!(
        cycle.report["notices"]["pending"], 1,
        "the digest alone: {}",
        cycle.report
    );
    for hour in 10..14 {
        world.cycle(at(&format!("2026-03-03T{hour}:00:00Z")));
    }
    assert_eq!(world.slack.count("getUpload"), 0, "there is no thread yet");
    world.slack.clear_faults();
    assert_clean(&world.cycle(at("2026-03-03T14:00:00Z")));
    // What it shows is the day of the digest.
    assert_shown(&world, &["shop: mail by hour"]);
}

#[test]
fn nothing_is_uploaded_by_webhook_or_where_pictures_are_off() {
    let mut by_webhook = world(Process::New, "");
    by_webhook.env("SLACK_BOT_TOKEN", "");
    by_webhook.env("SLACK_OPERATOR_DM_CHANNEL", "");
    by_webhook.env("SLACK_WEBHOOK_URL", &by_webhook.slack.webhook_url());
    let mut off = world(Process::New, "");
    off.env("HUSHWATCH_SLACK__PICTURES", "false");
    for mut world in [by_webhook, off] {
        assert_clean(&digest(&mut world));
        assert_eq!(world.slack.messages().len(), 1);
        assert_eq!(
            (world.slack.count("files."), world.slack.files()),
            (0, Vec::new())
        );
    }
}
