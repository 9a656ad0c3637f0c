//! One message for each incident, as the channel shows it: posted once, edited by every later step, with a reply for each.

use hushwatch::model::{MINUTE, Span};
use hushwatch::sim::postmark::{Mail, Profile};
use hushwatch::sim::slack::{CHANNEL, Fault, Shown};
use hushwatch::sim::{self, Plan};

use crate::words::{assert_line, is_digest};
use crate::world::{Process, World, at};

/// The last hour in which Postmark answers, and the first hours of what its silence becomes.
const SEEN: &str = "2026-03-03T10:00:00Z";
const FAILED: &str = "2026-03-03T11:00:00Z";
const OPENED: &str = "2026-03-03T12:00:00Z";
const ESCALATED: &str = "2026-03-03T17:00:00Z";
const REMINDED: &str = "2026-03-04T12:00:00Z";
const RESOLVED: &str = "2026-03-04T13:00:00Z";

/// A world in which Postmark stops to answer: a warning in the second hour of it.
fn opened(file: &str) -> World {
    let mut world = World::new(Process::One, file);
    world.cycle(at(SEEN));
    fail(&world);
    world.cycle(at(FAILED));
    world
}

fn fail(world: &World) {
    let down = Plan::always(sim::Fault::Status(503));
    world.postmark.fail(down);
}

/// The messages of a channel that are no digests.
fn channel(world: &World, id: &str) -> Vec<Shown> {
    world.set_aside("seen as the channel shows it");
    let mut shown = world.slack.channel(id);
    shown.retain(|message| !is_digest(message.title()));
    shown
}

fn only(world: &World) -> Shown {
    let mut shown = channel(world, CHANNEL);
    assert_eq!(shown.len(), 1, "{shown:#?}");
    shown.remove(0)
}

fn replies(message: &Shown) -> Vec<(bool, String)> {
    let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    let replies = message.replies.iter();
    replies.map(|r| (r.broadcast, first(&r.plain))).collect()
}

#[test]
fn an_incident_is_one_message_from_its_beginning_to_its_end() {
    let mut world = opened("");
    world.cycle(at(OPENED));
    let message = only(&world);
    assert_eq!(
        message.title(),
        "🟠 WARN shop: hushwatch cannot read this server's mail from Postmark"
    );
    assert_eq!((message.edits, message.replies.len()), (0, 0));

    world.cycle(at(ESCALATED));
    let message = only(&world);
    assert_eq!(
        message.title(),
        "🔴 WAKE shop: hushwatch cannot read this server's mail from Postmark"
    );
    assert_line(&message.message.plain, "Course: opened 12:00, worse 17:00.");
    let [(true, worse)] = &replies(&message)[..] else {
        panic!("one reply, broadcast: {message:?}");
    };
    assert_eq!(
        worse,
        "🔴 WAKE worse shop: hushwatch cannot read this server's mail from Postmark"
    );

    world.cycle(at(REMINDED));
    let message = only(&world);
    assert_eq!(
        message.title(),
        "🔴 WAKE still shop: hushwatch cannot read this server's mail from Postmark, day 2"
    );
    assert_eq!((message.edits, replies(&message)[1].0), (2, false));

    world.postmark.clear_faults();
    world.cycle(at(RESOLVED));
    let message = only(&world);
    assert_eq!(
        message.title(),
        "✅ RESOLVED shop: hushwatch can read its mail again, after 26 h"
    );
    let (broadcast, last) = &replies(&message)[2];
    assert!(broadcast, "it was a wake: {last}");
    assert_eq!((message.edits, message.replies.len()), (3, 3));
    world.cycle(at("2026-03-04T14:00:00Z"));
    assert_eq!(only(&world), message, "it is reported once");
}

#[test]
fn a_warning_ends_without_a_broadcast() {
    let mut world = opened("");
    world.cycle(at(OPENED));
    world.postmark.clear_faults();
    world.cycle(at("2026-03-03T13:00:00Z"));
    let message = only(&world);
    assert!(message.title().starts_with("✅ RESOLVED "), "{message:?}");
    assert_eq!(replies(&message).len(), 1);
    assert!(!replies(&message)[0].0);
}

#[test]
fn a_message_that_takes_no_edits_is_posted_anew_with_its_course() {
    for how in ["deleted", "edit window", "unknown error", "no threads"] {
        let mut world = opened("");
        world.cycle(at(OPENED));
        let first = only(&world).message.ts;
        let (update, post) = ("chat.update", "chat.postMessage");
        let refuse = |error, on| {
            let refusal = Plan::next(1, Fault::slack_error(error));
            world.slack.fail(refusal.on(on));
        };
        match how {
            "deleted" => world.slack.delete_message(&first),
            "edit window" => world.slack.allow_edits(false),
            "unknown error" => refuse("an_error_of_tomorrow", update),
            _ => refuse("restricted_action_thread_locked", post),
        }
        assert_eq!(world.cycle(at(ESCALATED)).report["notices"]["pending"], 0);
        let shown = channel(&world, CHANNEL);
        let anew = shown.last().expect("a message");
        assert!(
            anew.title().starts_with("🔴 WAKE shop: "),
            "{how}: {anew:?}"
        );
        let course = "Course: opened 12:00, worse 17:00.";
        assert_line(&anew.message.plain, course);
        assert!(anew.message.ts != first && anew.replies.is_empty(), "{how}");

        world.slack.allow_edits(true);
        world.postmark.clear_faults();
        world.cycle(at("2026-03-03T18:00:00Z"));
        let shown = channel(&world, CHANNEL);
        assert_eq!(shown.len(), if how == "deleted" { 1 } else { 2 });
        let end = shown.last().expect("a message");
        assert!(end.title().starts_with("✅ RESOLVED "), "{how}: {end:?}");
        assert_eq!((end.edits, end.replies.len()), (1, 1), "{how}: it goes on");
    }
}

/// An edit, or the reply after it, that Slack does not take holds back no other incident, and is posted by itself in the end.
#[test]
fn what_slack_does_not_take_of_one_message_holds_back_no_other() {
    for (method, fault) in [
        ("chat.update", sim::Fault::Status(500)),
        ("chat.update", sim::Fault::Hang),
        ("chat.update", sim::Fault::Html(200)),
    ] {
        let mut world = World::new(Process::One, "");
        let span = Span::new(at("2026-03-03T00:00:00Z"), at("2026-03-05T00:00:00Z"));
        let mail = Profile::constant(30.0).without_bounces();
        world.shop.generate("outbound", span, &mail);
        world.cycle(at(SEEN));
        fail(&world);
        world.cycle(at(FAILED));
        world.cycle(at(OPENED));
        let blind = only(&world);
        world
            .slack
            .fail(Plan::always(Fault::Wire(fault.clone())).on(method));
        world.postmark.clear_faults();
        world.cycle(at("2026-03-03T13:00:00Z"));
        // What opens later stands behind the edit that waits.
        let sent = at("2026-03-03T13:20:00Z");
        let mail = Mail::new("outbound", sent, "ops@example.com");
        world.shop.push(mail.bounced("HardBounce", sent + MINUTE));
        world.cycle(at("2026-03-03T14:00:00Z"));
        let shown = channel(&world, CHANNEL);
        let titles: Vec<&str> = shown.iter().map(Shown::title).collect();
        assert_eq!(
            titles,
            [
                "🟠 WARN shop: hushwatch cannot read this server's mail from Postmark",
                "🔴 WAKE shop/outbound: mail to the operator address ops@example.com bounced (hard)",
                "🟠 WARN shop/outbound: 1 of 37 recipients bounced in the last hour (2.7%)"
            ],
            "{fault:?}"
        );
        for hour in 15..18 {
            world.cycle(at(&format!("2026-03-03T{hour}:00:00Z")));
        }
        let shown = channel(&world, CHANNEL);
        let ended = shown
            .iter()
            .filter(|m| m.title().starts_with("✅ RESOLVED shop: "));
        assert_eq!(ended.count(), 1, "{fault:?}: {shown:#?}");
        assert!(
            shown.iter().any(|m| m.message.ts == blind.message.ts),
            "{fault:?}"
        );
    }
}

#[test]
fn an_edit_and_its_reply_are_each_seen_once_whatever_fails_between_them() {
    let faults = [
        ("chat.update", Fault::Wire(sim::Fault::Status(503))),
        ("chat.update", Fault::AcceptThenReset),
        ("chat.postMessage", Fault::Wire(sim::Fault::Status(503))),
        ("chat.postMessage", Fault::Wire(sim::Fault::Reset)),
        ("chat.postMessage", Fault::AcceptThenReset),
    ];
    for (method, fault) in faults {
        let mut world = opened("");
        world.cycle(at(OPENED));
        world.slack.fail(Plan::always(fault.clone()).on(method));
        let cycle = world.cycle(at(ESCALATED));
        assert_eq!(cycle.report["notices"]["pending"], 1, "{method} {fault:?}");
        let edits = only(&world).edits;
        world.slack.clear_faults();
        let cycle = world.cycle(at("2026-03-03T18:00:00Z"));
        assert_eq!(cycle.report["notices"]["pending"], 0, "{method} {fault:?}");
        let message = only(&world);
        assert!(message.title().starts_with("🔴 WAKE "), "{message:?}");
        assert_eq!(message.replies.len(), 1, "{method} {fault:?}: {message:?}");
        if method == "chat.postMessage" {
            assert_eq!((edits, message.edits), (1, 1), "{fault:?}: it was recorded");
        }
    }
}

#[test]
fn an_incident_that_was_reported_before_the_upgrade_is_posted_anew_at_its_next_change() {
    if crate::store::needs_a_file("an older database") {
        return;
    }
    let mut world = opened("");
    world.cycle(at(OPENED));
    let path = world.folder.path().join("hushwatch.db");
    let store = rusqlite::Connection::open(path).expect("a database");
    let sql = "UPDATE outbox SET thread = NULL";
    store.execute(sql, ()).expect("written");
    world.cycle(at(ESCALATED));
    let shown = channel(&world, CHANNEL);
    assert_eq!(shown.len(), 2, "{shown:#?}");
    let course = "Course: opened 12:00, worse 17:00.";
    assert_line(&shown[1].message.plain, course);
    world.cycle(at(REMINDED));
    assert_eq!(channel(&world, CHANNEL)[1].replies.len(), 1);
}

#[test]
fn a_webhook_tells_that_it_opened_got_worse_and_ended() {
    let mut world = World::new(Process::One, "");
    world.env("SLACK_BOT_TOKEN", "");
    world.env("SLACK_WEBHOOK_URL", &world.slack.webhook_url());
    world.cycle(at(SEEN));
    fail(&world);
    for instant in [FAILED, OPENED, ESCALATED, REMINDED] {
        world.cycle(at(instant));
    }
    world.postmark.clear_faults();
    let resolved = world.cycle(at(RESOLVED));
    let id = resolved.report["transitions"][0]["incident"].clone();
    let id = id.as_str().expect("an id");
    let posted = world.slack.take();
    let alerts = posted
        .iter()
        .filter(|m| m.plain.contains(id) && m.blocks.len() > 1);
    let alerts: Vec<&str> = alerts
        .map(|m| m.plain.lines().next().unwrap_or_default())
        .filter(|line| !is_digest(line))
        .collect();
    assert_eq!(
        alerts,
        [
            "🟠 WARN shop: hushwatch cannot read this server's mail from Postmark",
            "🔴 WAKE worse shop: hushwatch cannot read this server's mail from Postmark",
            "✅ RESOLVED shop: hushwatch can read its mail again"
        ]
    );
}

#[test]
fn several_at_once_are_one_message_in_which_the_ended_ones_are_marked() {
    let mut world = World::new(Process::One, "");
    let (start, end) = (at("2026-03-02T00:00:00Z"), at("2026-03-04T00:00:00Z"));
    let profile = Profile::constant(30.0).without_bounces();
    for n in 0..4 {
        let stream = format!("stream-{n}");
        let until = ["2026-03-03T12:00:00Z", "2026-03-03T15:00:00Z"][n % 2];
        let wave = Span::new(at(SEEN), at(until));
        world
            .shop
            .generate(&stream, Span::new(start, end), &profile);
        world.shop.bounce_wave(&stream, wave, 0.3, "Blocked");
    }
    world.hours(SEEN, OPENED);
    let message = only(&world);
    assert_eq!(message.title(), "🟠 WARN 4 streams: bounce rate is high");
    world.hours("2026-03-03T13:00:00Z", "2026-03-03T15:00:00Z");
    let message = only(&world);
    assert_eq!(
        message.title(),
        "🟠 WARN 2 of 4 streams: bounce rate is high"
    );
    let lines = &message.message.plain;
    assert_eq!(
        lines.matches("\n✅ RESOLVED shop/stream-").count(),
        2,
        "{lines}"
    );
    assert_eq!(
        lines.matches("\n🟠 WARN shop/stream-").count(),
        2,
        "{lines}"
    );
    assert_eq!(message.replies.len(), 1, "{message:#?}");
    world.hours("2026-03-03T16:00:00Z", "2026-03-03T18:00:00Z");
    let message = only(&world);
    assert_eq!(
        message.title(),
        "✅ RESOLVED 4 streams: bounce rate is back to normal, after 4 h 42 min"
    );
    assert_eq!(message.replies.len(), 2, "{message:#?}");
}

const WAKES: &str = "C0WAKES";

fn waking(process: Process) -> World {
    let file = "[slack]\nwake_channel = \"C0WAKES\"\nwake_mention = \"S0OPERATORS\"\n";
    let world = World::new(process, file);
    world.slack.add_channel(WAKES);
    world
}

/// How often a message mentions somebody: in its text and in its blocks.
fn mentions(message: &Shown) -> usize {
    let replies = message.replies.iter().flat_map(|r| &r.markup);
    let markup = message.message.markup.iter().chain(replies);
    markup.filter(|m| m.contains("S0OPERATORS")).count()
}

#[test]
fn what_wakes_is_reported_where_people_are_woken_and_mentions_them_once() {
    let mut world = waking(Process::One);
    let token = world.shop.token();
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    world.cycle(at(SEEN));
    assert_eq!(channel(&world, CHANNEL), []);
    let first = channel(&world, WAKES);
    assert_eq!((first.len(), mentions(&first[0])), (1, 2), "{first:#?}");
    let mention = ["<!subteam^S0OPERATORS>", "<usergroup S0OPERATORS>"];
    assert_eq!(first[0].message.markup, mention);
    world.env("POSTMARK_SERVER_TOKEN", &token);
    world.cycle(at(FAILED));
    let ended = channel(&world, WAKES);
    assert!(ended[0].title().starts_with("✅ RESOLVED "), "{ended:#?}");
    assert_eq!((ended.len(), mentions(&ended[0])), (1, 0), "{ended:#?}");
    assert!(replies(&ended[0])[0].0, "{ended:#?}");
    assert_eq!(channel(&world, CHANNEL), []);
}

#[test]
fn a_warning_that_becomes_a_wake_is_reported_in_both_channels_to_its_end() {
    let mut world = waking(Process::One);
    world.cycle(at(SEEN));
    fail(&world);
    world.cycle(at(FAILED));
    world.cycle(at(OPENED));
    assert_eq!(
        (mentions(&only(&world)), channel(&world, WAKES)),
        (0, vec![])
    );
    world.cycle(at(ESCALATED));
    let (old, new) = (only(&world), channel(&world, WAKES));
    assert!(old.title().starts_with("🔴 WAKE shop: "), "{old:#?}");
    assert_eq!((mentions(&old), replies(&old)[0].0), (0, true), "{old:#?}");
    assert_eq!((new.len(), mentions(&new[0])), (1, 2), "{new:#?}");
    assert!(new[0].title().starts_with("🔴 WAKE shop: "), "{new:#?}");
    world.postmark.clear_faults();
    world.cycle(at("2026-03-03T18:00:00Z"));
    for shown in [only(&world), channel(&world, WAKES).remove(0)] {
        assert!(shown.title().starts_with("✅ RESOLVED "), "{shown:#?}");
        let last = replies(&shown).pop().expect("a reply");
        assert!(last.0, "{shown:#?}");
    }
}

#[test]
fn a_warning_that_becomes_a_wake_mentions_in_its_broadcast_where_there_is_one_channel() {
    let mut world = opened("[slack]\nwake_mention = \"S0OPERATORS\"\n");
    for instant in [OPENED, ESCALATED, REMINDED] {
        world.cycle(at(instant));
    }
    let message = only(&world);
    assert_eq!(mentions(&message), 2, "{message:#?}");
    let markup = &message.replies[0].markup;
    assert_eq!(markup.len(), 2, "{message:#?}");
}

#[test]
fn a_wake_channel_that_refuses_is_named_in_the_log_and_the_same_cycle_tells_in_the_usual_one() {
    let mut world = waking(Process::New);
    world.slack.remove_channel(WAKES);
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    let cycle = world.cycle(at(SEEN));
    assert_line(
        &cycle.stderr,
        "ERROR this channel does not take messages; the next attempt goes to the channel of the server or the default one. Check `wake_channel`, and `channel` of [[server]], and invite the app channel=\"C0WAKES\" rows=1",
    );
    assert_eq!(cycle.report["notices"]["pending"], 0, "{}", cycle.stderr);
    let message = only(&world);
    assert!(message.title().starts_with("🔴 WAKE "), "{message:#?}");
    assert_eq!((mentions(&message), message.replies.len()), (2, 0));
    let token = world.shop.token();
    world.env("POSTMARK_SERVER_TOKEN", &token);
    world.cycle(at(OPENED));
    let ended = only(&world);
    assert!(ended.title().starts_with("✅ RESOLVED "), "{ended:#?}");
}

#[test]
fn an_archived_channel_of_a_server_loses_no_alert() {
    let mut world = World::new(Process::New, "");
    let file = world.folder.path().join("monitor.toml");
    let text = std::fs::read_to_string(&file).expect("read");
    std::fs::write(&file, format!("{text}channel = \"C0SHOP\"\n")).expect("written");
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    let cycle = world.cycle(at(SEEN));
    assert_eq!(cycle.report["notices"]["pending"], 0, "{}", cycle.stderr);
    assert!(
        only(&world).title().starts_with("🔴 WAKE shop"),
        "{:#?}",
        only(&world)
    );
    world.set_aside("before what is tested");
}

#[test]
fn whom_to_wake_is_checked_and_a_test_of_it_is_sent() {
    let secret = "xoxb-1234567890-abcdefghijkl";
    for (key, value) in [
        ("WAKE_CHANNEL", "https://example.com/hooks/1"),
        ("WAKE_CHANNEL", "@ops"),
        ("WAKE_CHANNEL", secret),
        ("WAKE_MENTION", "everyone"),
        ("WAKE_MENTION", "@ops"),
        ("WAKE_MENTION", secret),
    ] {
        let mut world = World::new(Process::New, "");
        world.env(&format!("HUSHWATCH_SLACK__{key}"), value);
        let refused = world.run(&["check"]);
        assert_eq!(refused.code, 2, "{key} {value}");
        let said = refused.stderr + refused.report.as_str().unwrap_or_default();
        assert!(
            said.contains(key) || said.contains(&key.to_lowercase()),
            "{said}"
        );
        assert!(!said.contains(value), "{said}");
    }
    let world = waking(Process::New);
    let said = world.run(&["doctor", "--send-test"]);
    let text = said.report.as_str().unwrap_or_default().to_owned() + &said.stderr;
    assert_line(&text, "✓ Test message sent to C0OPERATORS");
    assert_line(&text, "✓ Wake test sent to C0WAKES");
    let wake = channel(&world, WAKES);
    assert_eq!((wake.len(), mentions(&wake[0])), (1, 2), "{wake:#?}");
    assert_eq!(mentions(&only(&world)), 0);
}

/// Slack answers again after it was down from `from` on, in the cycle in which the incident ends.
fn outage(world: &mut World, from: &str) -> Shown {
    let down = Plan::always(sim::Fault::Status(503));
    for instant in [OPENED, ESCALATED, REMINDED] {
        if instant == from {
            world.slack.fail(down.clone());
        }
        world.cycle(at(instant));
    }
    world.slack.clear_faults();
    world.postmark.clear_faults();
    let cycle = world.cycle(at(RESOLVED));
    assert_eq!(cycle.report["notices"]["pending"], 0);
    only(world)
}

#[test]
fn what_waited_through_an_outage_of_slack_is_one_message_with_its_course() {
    let course = "Course: opened Tue 3 Mar 12:00, worse Tue 3 Mar 17:00, resolved 13:00.";
    let message = outage(&mut opened(""), OPENED);
    assert!(message.title().starts_with("✅ RESOLVED "), "{message:#?}");
    assert_line(&message.message.plain, course);
    assert_eq!((message.edits, message.replies.len()), (0, 0));

    let message = outage(&mut opened(""), ESCALATED);
    assert!(message.title().starts_with("✅ RESOLVED "), "{message:#?}");
    assert_eq!((message.edits, message.replies.len()), (1, 1));
    assert_line(&message.replies[0].plain, course);
    assert!(message.replies[0].broadcast, "{message:#?}");

    let mut world = World::new(Process::One, "");
    world.env("SLACK_BOT_TOKEN", "");
    world.env("SLACK_WEBHOOK_URL", &world.slack.webhook_url());
    world.cycle(at(SEEN));
    fail(&world);
    world.cycle(at(FAILED));
    let message = outage(&mut world, OPENED);
    assert_line(&message.message.plain, course);
}
