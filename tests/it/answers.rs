//! What people answer to an incident's message by emoji: acknowledged, muted, closed as real or as a false alarm.

use hushwatch::model::Span;
use hushwatch::sim::postmark::Profile;
use hushwatch::sim::slack::{CHANNEL, Fault, Shown};
use hushwatch::sim::{self, Plan};
use serde_json::Value;

use crate::words::{assert_line, is_digest, title};
use crate::world::{Process, World, at, both};

/// The last hour in which Postmark answers, and the first hours of what its silence becomes.
const SEEN: &str = "2026-03-03T10:00:00Z";
const FAILED: &str = "2026-03-03T11:00:00Z";
const OPENED: &str = "2026-03-03T12:00:00Z";
const ANSWERED: &str = "2026-03-03T13:00:00Z";
const ESCALATED: &str = "2026-03-03T17:00:00Z";
const REMINDED: &str = "2026-03-04T12:00:00Z";
const RESOLVED: &str = "2026-03-04T13:00:00Z";
const ON: &str = "[slack]\nreactions = true\n";
const NOTHING: [&str; 0] = [];
const AMY: &str = "U0AMY";
const BOB: &str = "U0BOB";
/// The user of the bot.
const OWN: &str = "U0EXAMPLE";

/// A world in which Postmark stopped to answer, after the warning of it.
fn opened(process: Process) -> World {
    let mut world = World::new(process, ON);
    world.slack.add_user(AMY, "Amy Example");
    world.slack.add_user(BOB, "<!channel> Bob");
    world.cycle(at(SEEN));
    let down = Plan::always(sim::Fault::Status(503));
    world.postmark.fail(down);
    world.cycle(at(FAILED));
    world.cycle(at(OPENED));
    world
}

fn only(world: &World) -> Shown {
    let mut shown = shown(world);
    assert_eq!(shown.len(), 1, "{shown:#?}");
    shown.remove(0)
}

/// The messages of the channel that are no digests.
fn shown(world: &World) -> Vec<Shown> {
    world.set_aside("seen as the channel shows it");
    let mut shown = world.slack.channel(CHANNEL);
    shown.retain(|message| !is_digest(message.title()));
    shown
}

fn react(world: &World, emoji: &str, user: &str) -> String {
    let ts = only(world).message.ts;
    world.slack.react(&ts, emoji, user);
    ts
}

fn incident(world: &World) -> Value {
    let status = world.run(&["status", "--json"]).report;
    status["open_incidents"][0].clone()
}

both! {
    eyes_acknowledge_until_they_are_taken_away
    no_bell_mutes_the_incident_for_a_day
    a_mute_that_is_taken_back_ends_at_once
    a_false_alarm_is_closed_and_stays_closed_while_nothing_new_happens
}

fn eyes_acknowledge_until_they_are_taken_away(process: Process) {
    let mut world = opened(process);
    let ts = react(&world, "eyes::skin-tone-3", AMY);
    world.cycle(at(ANSWERED));
    let message = only(&world);
    let line = "👀 Acknowledged by Amy Example, 13:00: no more reminders.";
    assert_line(&message.message.plain, line);
    assert_eq!(
        (message.edits, message.replies.len()),
        (1, 0),
        "nobody is notified"
    );
    assert_eq!(incident(&world)["acknowledged_by"], "Amy Example");
    let id = incident(&world)["incident"]
        .as_str()
        .expect("an id")
        .to_owned();
    let explained = world.run(&["explain", &id]).report;
    let explained = explained.as_str().expect("text");
    assert_line(
        explained,
        "Acknowledged by Amy Example, Tue 3 Mar 2026 13:00",
    );
    let status = world.run(&["status"]).report;
    let status = status.as_str().expect("text");
    assert_line(
        status,
        "nbybae71 warn shop since Tue 3 Mar 11:00: hushwatch cannot read this server's mail from Postmark; acknowledged by Amy Example",
    );

    world.cycle(at(ESCALATED));
    let message = only(&world);
    assert!(
        message.title().starts_with("🔴 WAKE "),
        "it is reported that it got worse"
    );
    assert_line(&message.message.plain, line);
    assert_eq!(message.replies.len(), 1);
    let cycle = world.cycle(at(REMINDED));
    assert_eq!(cycle.steps(), ["blind reminded"]);
    assert_eq!(cycle.report["transitions"][0]["told"], false);
    assert_eq!(only(&world).replies.len(), 1, "nobody is reminded");

    world
        .slack
        .take_reaction_away(&ts, "eyes::skin-tone-3", AMY);
    world.postmark.clear_faults();
    world.cycle(at(RESOLVED));
    let message = only(&world);
    assert!(message.title().starts_with("✅ RESOLVED "), "{message:#?}");
    assert!(
        !message.message.plain.contains("Acknowledged"),
        "{message:#?}"
    );
    assert_eq!(message.replies.len(), 2, "its end is reported");
}

fn no_bell_mutes_the_incident_for_a_day(process: Process) {
    let mut world = opened(process);
    react(&world, "no_bell", BOB);
    world.cycle(at(ANSWERED));
    let message = only(&world);
    let line = "🔕 Muted by <!channel> Bob until Wed 4 Mar 13:00.";
    assert_line(&message.message.plain, line);
    assert_eq!(
        message.message.markup,
        Vec::<String>::new(),
        "a name mentions nobody"
    );
    let list = world.run(&["mute", "--list", "--now", ANSWERED]).report;
    let list = list.as_str().expect("text").to_owned();
    assert_line(
        &list,
        "incident nbybae71 (blind on shop) until Wed 4 Mar 13:00 UTC, by <!channel> Bob: answered with no_bell in Slack",
    );
    let cycle = world.cycle(at(ESCALATED));
    assert_eq!(cycle.steps(), ["blind escalated"]);
    assert_eq!(only(&world).replies.len(), 0, "it is muted");
    world.cycle(at(REMINDED));
    assert_eq!(only(&world).replies.len(), 0);
    world.cycle(at(RESOLVED));
    let message = only(&world);
    let [reply] = message.replies.as_slice() else {
        panic!("the end of the mute is told: {message:#?}");
    };
    assert_eq!(
        title(&reply.plain),
        "🔴 WAKE mute ended: 1 incident still open"
    );
    assert!(!message.message.plain.contains("🔕"), "{message:#?}");
    world.cycle(at("2026-03-04T14:00:00Z"));
    assert_eq!(only(&world), message, "the emoji that stands mutes once");
}

fn a_mute_that_is_taken_back_ends_at_once(process: Process) {
    let mut world = opened(process);
    let ts = react(&world, "no_bell", AMY);
    world.cycle(at(ANSWERED));
    world.slack.take_reaction_away(&ts, "no_bell", AMY);
    world.cycle(at(ESCALATED));
    let message = only(&world);
    assert!(message.title().starts_with("🔴 WAKE "), "{message:#?}");
    assert!(!message.message.plain.contains("🔕"), "{message:#?}");
    assert_eq!(
        message.replies.len(),
        1,
        "what is reported is reported again"
    );
}

fn a_false_alarm_is_closed_and_stays_closed_while_nothing_new_happens(process: Process) {
    let mut world = World::new(process, ON);
    world.slack.add_user(AMY, "Amy Example");
    let span = Span::new(at("2026-02-02T00:00:00Z"), at("2026-03-06T00:00:00Z"));
    let profile = Profile::constant(60.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    let wave = Span::new(at(SEEN), span.until);
    world.shop.bounce_wave("outbound", wave, 0.1, "Blocked");
    world.hours("2026-03-03T09:00:00Z", FAILED);
    let message = only(&world);
    let ts = react(&world, "x", AMY);
    let id = incident(&world)["incident"]
        .as_str()
        .expect("an id")
        .to_owned();
    let cycle = world.cycle(at(OPENED));
    let steps = cycle.steps();
    assert_eq!(steps, ["bounce_rate resolved"], "the cycle that read it");
    let closed = only(&world);
    assert_eq!(
        closed.title(),
        "☑ CLOSED shop/outbound: high bounce rate, closed as a false alarm by Amy Example"
    );
    assert_eq!(closed.replies, message.replies, "no further post");
    let explained = world.run(&["explain", &id, "--json"]).report;
    assert_eq!(explained["incident"]["verdict"], "false_alarm");
    assert_eq!(explained["incident"]["verdict_by"], "Amy Example");
    world.slack.take_reaction_away(&ts, "x", AMY);
    world.hours(ANSWERED, "2026-03-04T10:00:00Z");
    assert_eq!(only(&world).title(), closed.title(), "a closing stays");
    let cycle = world.hours("2026-03-04T11:00:00Z", RESOLVED);
    let both = shown(&world);
    assert_eq!(
        both.len(),
        2,
        "a day later it is another incident: {both:#?} {}",
        cycle.report
    );
    assert_eq!(
        both[1].title(),
        "🟠 WARN shop/outbound: 5 recipient domains blocked mail in 24 h: example.org (40), mail.example.com (33), example.com (28) and 2 more, day 2"
    );
    assert_ne!(incident(&world)["incident"], id.as_str());
}

#[test]
fn what_is_real_is_said_of_an_incident_that_is_over_too() {
    let mut world = opened(Process::New);
    world.postmark.clear_faults();
    world.cycle(at(ANSWERED));
    let ended = only(&world);
    assert!(ended.title().starts_with("✅ RESOLVED "), "{ended:#?}");
    react(&world, "white_check_mark", AMY);
    let cycle = world.cycle(at(ESCALATED));
    assert_eq!(cycle.steps(), NOTHING);
    assert_eq!(only(&world), ended, "there is nothing to say");
    let plain = &ended.message.plain;
    let command = plain.lines().last().unwrap_or_default();
    let id = command.split(' ').nth(2).expect("explain and an id");
    let explained = world.run(&["explain", id, "--json"]).report;
    assert_eq!(explained["incident"]["verdict"], "real", "{explained}");
}

#[test]
fn the_bot_and_other_emoji_say_nothing() {
    let mut world = opened(Process::New);
    react(&world, "eyes", OWN);
    react(&world, "tada", AMY);
    world.cycle(at(ANSWERED));
    assert_eq!(only(&world).edits, 0);
    assert_eq!(incident(&world)["acknowledged_by"], Value::Null);
    react(&world, "eyes", "U0NOBODY");
    world.cycle(at("2026-03-03T14:00:00Z"));
    assert_eq!(
        incident(&world)["acknowledged_by"],
        "U0NOBODY",
        "whose name is not known"
    );
}

#[test]
fn who_acknowledges_may_hand_over() {
    let mut world = opened(Process::One);
    let ts = react(&world, "eyes", AMY);
    world.cycle(at(ANSWERED));
    world.slack.react(&ts, "eyes", BOB);
    world.slack.take_reaction_away(&ts, "eyes", AMY);
    world.slack.show_users(false);
    world.cycle(at("2026-03-03T14:00:00Z"));
    let message = only(&world);
    assert_line(
        &message.message.plain,
        "👀 Acknowledged by U0BOB, 13:00: no more reminders.",
    );
}

#[test]
fn without_the_scope_all_works_as_before_and_is_said_once() {
    let mut world = opened(Process::One);
    world.slack.show_reactions(false);
    react(&world, "eyes", AMY);
    world.cycle(at(ANSWERED));
    let asked = world.slack.count("reactions.get");
    world.cycle(at(ESCALATED));
    assert_eq!(
        world.slack.count("reactions.get"),
        asked,
        "not again so soon"
    );
    world.cycle(at(REMINDED));
    assert_eq!(only(&world).replies.len(), 2, "people are reminded");
    let cycle = world.run(&["check", "--now", RESOLVED]);
    assert_line(
        &cycle.stderr,
        "WARN cannot read what people answer to messages by emoji: `missing_scope`; give the app the scope reactions:read and install it again. Everything else works; `slack.reactions = false` stops the attempts",
    );
    let doctor = world.run(&["doctor"]).report;
    let doctor = doctor.as_str().expect("text");
    assert_line(
        doctor,
        "! The Slack app may not read emoji, so nobody can acknowledge, mute or close an incident in Slack: reactions:read is missing; give it the scope reactions:read, and users:read for names, and install it again; or set `slack.reactions = false`",
    );
    world.set_aside("reminders");
}

#[test]
fn answers_that_cannot_be_read_hold_nothing_up() {
    for fault in [
        Fault::from(sim::Fault::Status(500)),
        Fault::from(sim::Fault::Reset),
        Fault::from(sim::Fault::Hang),
        Fault::slack_error("message_not_found"),
        Fault::slack_error("not_in_channel"),
        Fault::slack_error("a_code_of_tomorrow"),
    ] {
        let mut world = opened(Process::New);
        let plan = Plan::always(fault.clone());
        world.slack.fail(plan.on("reactions.get"));
        let cycle = world.cycle(at(ESCALATED));
        assert_eq!(cycle.report["notices"]["pending"], 0, "{fault:?}");
        assert!(only(&world).title().starts_with("🔴 WAKE "), "{fault:?}");
    }
}

#[test]
fn a_message_that_was_deleted_takes_no_answer_back() {
    let mut world = opened(Process::New);
    let ts = react(&world, "eyes", AMY);
    world.cycle(at(ANSWERED));
    world.slack.delete_message(&ts);
    world.cycle(at(ESCALATED));
    let anew = only(&world);
    assert_line(
        &anew.message.plain,
        "👀 Acknowledged by Amy Example, 13:00: no more reminders.",
    );
    world.cycle(at("2026-03-03T18:00:00Z"));
    assert_eq!(incident(&world)["acknowledged_by"], "Amy Example");
}

#[test]
fn a_person_acknowledges_by_command_too() {
    let mut world = opened(Process::New);
    let id = incident(&world)["incident"]
        .as_str()
        .expect("an id")
        .to_owned();
    let ack = |more: &[&str]| {
        let args = ["incident", &id, "--ack", "--by", "amy", "--now", ANSWERED];
        world.run(&[&args[..], more].concat())
    };
    let said = ack(&[]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let text = said.report.as_str().expect("text");
    assert_eq!(
        text,
        format!(
            "acknowledged by amy: {id} blind on shop\nno more reminders; you still hear when it gets worse, and when it ends\n"
        )
    );
    let json = ack(&["--json"]).report;
    assert_eq!(json["acknowledged"]["acknowledged_by"], "amy", "{json}");
    let unknown = world.run(&["incident", "nobody00", "--ack"]);
    assert_eq!(unknown.code, 1, "{}", unknown.stderr);
    let cycle = world.cycle(at(REMINDED));
    assert!(
        cycle.steps().contains(&"blind escalated".to_owned()),
        "{:?}",
        cycle.steps()
    );
    assert_line(
        &only(&world).message.plain,
        "👀 Acknowledged by amy, Tue 3 Mar 13:00: no more reminders.",
    );
    world.postmark.clear_faults();
    world.cycle(at(RESOLVED));
    let over = world.run(&["incident", &id, "--ack", "--now", RESOLVED]);
    assert_eq!(over.code, 1, "{}", over.stderr);
    assert_line(&over.stderr, "hushwatch: incident nbybae71 is not open");
    world.set_aside("its end");
}

#[test]
fn a_mute_that_a_command_ends_is_no_longer_in_the_message() {
    let mut world = opened(Process::New);
    react(&world, "no_bell", BOB);
    world.cycle(at(ANSWERED));
    assert!(only(&world).message.plain.contains("🔕 Muted by "));
    let later = "2026-03-03T14:00:00Z";
    let ended = world.run(&["unmute", "--now", later]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    world.cycle(at(later));
    let message = only(&world);
    assert!(!message.message.plain.contains("🔕"), "{message:#?}");
    assert_eq!((message.edits, message.replies.len()), (2, 0));
    world.cycle(at("2026-03-03T15:00:00Z"));
    assert_eq!(only(&world), message, "the emoji that stands mutes once");
}

#[test]
fn one_answer_to_a_grouped_message_is_of_all_that_it_names() {
    let names = ["one", "two", "three", "four"];
    let servers =
        names.map(|name| format!("[[server]]\nname = \"{name}\"\ntoken_env = \"T_{name}\"\n"));
    let mut world = World::new(Process::New, &(ON.to_owned() + &servers.concat()));
    world.slack.add_user(AMY, "Amy Example");
    for name in names {
        let token = world.postmark.server(name).token();
        world.env(&format!("T_{name}"), &token);
    }
    world.cycle(at(SEEN));
    let down = Plan::always(sim::Fault::Status(503));
    world.postmark.fail(down);
    world.hours(FAILED, OPENED);
    react(&world, "eyes", AMY);
    world.cycle(at(ANSWERED));
    let message = only(&world);
    let line = "👀 Acknowledged by Amy Example, 13:00: no more reminders.";
    assert_line(&message.message.plain, line);
    react(&world, "white_check_mark", AMY);
    world.cycle(at("2026-03-03T14:00:00Z"));
    let message = only(&world);
    assert_eq!(
        message.title(),
        "☑ CLOSED 5 servers: closed as real by Amy Example"
    );
    assert_eq!(message.replies.len(), 0, "{message:#?}");
    let status = world.run(&["status", "--json"]).report;
    assert_eq!(status["open_incidents"], Value::Array(vec![]));
}

#[test]
fn a_closing_is_among_the_steps_of_the_cycle_that_read_it() {
    let mut world = opened(Process::New);
    react(&world, "white_check_mark", AMY);
    let cycle = world.cycle(at(ANSWERED));
    assert_eq!(cycle.steps(), ["blind resolved"], "{}", cycle.report);
    let step = &cycle.report["transitions"][0];
    assert_eq!(
        (&step["told"], &step["at"]),
        (&Value::Bool(false), &ANSWERED.into())
    );
    world.set_aside("seen as the channel shows it");
}

#[test]
fn what_people_answer_is_read_in_the_minutes_between_cycles() {
    let mut world = opened(Process::One);
    react(&world, "eyes", AMY);
    world.minute();
    let message = only(&world);
    // The minute is one of the machine's clock.
    let line = message.message.plain.lines().find(|l| l.starts_with('👀'));
    let words: Vec<&str> = line.expect("a line").split(", ").collect();
    assert_eq!(words[0], "👀 Acknowledged by Amy Example");
    assert!(words[1].ends_with(": no more reminders."), "{words:?}");
    assert_eq!((message.edits, message.replies.len()), (1, 0));
    let reads = world.slack.count("reactions.get");
    world.minute();
    assert_eq!(world.slack.count("reactions.get"), reads + 1);
    assert_eq!(only(&world).edits, 1, "nothing changed");
}

#[test]
fn an_error_that_nobody_foresaw_is_logged_with_what_helps() {
    let mut world = opened(Process::New);
    let odd = Plan::always(Fault::slack_error("an_error_of_tomorrow"));
    world.slack.fail(odd.on("reactions.get"));
    let cycle = world.cycle(at(ANSWERED));
    assert_line(
        &cycle.stderr,
        "WARN cannot read the emoji below a message: Slack answered reactions.get with `an_error_of_tomorrow`; look the error up in Slack's documentation, and check Slack's status page. Everything else works, and each minute tries again; `slack.reactions = false` stops the attempts",
    );
    world.slack.clear_faults();
    react(&world, "eyes", AMY);
    world.cycle(at("2026-03-03T14:00:00Z"));
    assert_eq!(incident(&world)["acknowledged_by"], "Amy Example");
    world.set_aside("seen as the channel shows it");
}
