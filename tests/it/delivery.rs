//! A message of which nobody knows whether Slack took it.

use std::time::Duration;

use hushwatch::clock;
use hushwatch::internals::{self, LookupResult, Secret, Sink};
use hushwatch::model::{HOUR, MINUTE, Timestamp};
use hushwatch::sim::postmark::Mail;
use hushwatch::sim::slack::{CHANNEL, Fault, Slack};
use hushwatch::sim::{self, Plan};
use serde_json::json;

use crate::words::{assert_line, title};
use crate::world::{Cycle, Process, World, at, without_times};

/// One alert, which met `fault` when it was sent.
fn after(fault: impl Into<Fault>, prepare: impl FnOnce(&mut World)) -> World {
    let mut world = World::new(Process::New, "");
    prepare(&mut world);
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    let fault = Plan::next(1, fault);
    world.slack.fail(fault.clone().on("chat.postMessage"));
    world.slack.fail(fault.on("/services"));
    let cycle = world.cycle(first());
    assert_eq!(pending(&cycle), 1, "{}", cycle.stderr);
    world.slack.clear_faults();
    world
}

fn by_webhook(world: &mut World) {
    world.env("SLACK_BOT_TOKEN", "");
    world.env("SLACK_OPERATOR_DM_CHANNEL", "");
    world.env("SLACK_WEBHOOK_URL", &world.slack.webhook_url());
}

fn first() -> Timestamp {
    at("2026-03-03T10:00:00Z")
}

fn pending(cycle: &Cycle) -> u64 {
    cycle.report["notices"]["pending"]
        .as_u64()
        .expect("a count")
}

/// The next cycle, which must leave nothing pending; what it said.
fn next(world: &mut World) -> String {
    let cycle = world.cycle(first() + HOUR);
    assert_eq!(pending(&cycle), 0, "{}", cycle.stderr);
    cycle.stderr
}

#[test]
fn what_slack_took_without_an_answer_is_found_and_not_sent_again() {
    for fault in [Fault::AcceptThenReset, Fault::AcceptThenHang] {
        let mut world = after(fault, |_| {});
        let said = next(&mut world);
        assert_eq!(world.alerts().len(), 1);
        assert_eq!(world.slack.count("chat.postMessage"), 1);
        assert!(!said.contains("twice"), "{said}");
        next(&mut world);
        assert_eq!(world.slack.count("history"), 1, "it is settled");
    }
}

#[test]
fn what_slack_did_not_take_is_looked_up_and_sent() {
    for fault in [sim::Fault::Reset, sim::Fault::Hang] {
        let mut world = after(fault, |_| {});
        next(&mut world);
        assert_eq!(world.alerts().len(), 1);
        assert_eq!(world.slack.count("history"), 1);
    }
}

#[test]
fn a_direct_message_is_looked_up_in_its_conversation() {
    let mut world = after(Fault::AcceptThenReset, |world| {
        world.slack.add_channel("U0OPERATOR");
        world.env("SLACK_OPERATOR_DM_CHANNEL", "U0OPERATOR");
        let first = world.run(&["digest", "--force", "--now", "2026-03-03T09:00:00Z"]);
        assert_eq!(first.code, 0, "{}", first.stderr);
        assert_eq!(world.slack.take().len(), 1, "it landed in D0OPERATOR");
    });
    next(&mut world);
    assert_eq!(world.alerts().len(), 1);
    assert_eq!(world.slack.count("history?channel=D0OPERATOR"), 1);
}

#[test]
fn where_it_cannot_be_looked_up_it_is_sent_again_under_its_incident_and_the_remedy_is_named() {
    for webhook in [false, true] {
        let mut world = after(Fault::AcceptThenReset, |world| {
            world.slack.show_history(false);
            if webhook {
                by_webhook(world);
            }
        });
        let said = next(&mut world);
        let sent = world.slack.take();
        assert_eq!(sent.len(), 2);
        assert_eq!(sent[0].plain, sent[1].plain);
        assert_eq!(
            sent[0].plain,
            "🔴 WAKE shop: the API token is missing or refused, hushwatch cannot see this server's mail\nSince 10:00 (1 poll): failed to list the message streams: Postmark refused the server token (\"Request does not contain a valid Server token.\").\nMail may be fine if the app sends with another token; the missed hours are read once this one works.\n→ Put a valid token of this server into POSTMARK_SERVER_TOKEN and restart hushwatch, then check it: hushwatch doctor\nhushwatch explain jbvczyrw · Tue 3 Mar 10:00 UTC"
        );
        let why = match webhook {
            false => {
                "cannot read the channel's history: `missing_scope`; it needs channels:history"
            }
            true => "an incoming webhook cannot read messages",
        };
        let doubt = format!(
            "WARN cannot confirm whether a previous attempt was delivered; the message may appear twice ({why}). A bot token with the \
             scope channels:history (groups:history, im:history) avoids that"
        );
        assert_line(&said, &doubt);
    }
}

#[test]
fn a_webhook_that_accepts_in_other_words_than_slacks_gets_each_message_once() {
    let answers = [
        (200, r#"{"ok":true}"#),
        (201, "created"),
        (204, ""),
        (200, ""),
    ];
    for (status, body) in answers {
        let mut world = World::new(Process::New, "");
        by_webhook(&mut world);
        world.slack.set_webhook_answer(status, body);
        world.env("POSTMARK_SERVER_TOKEN", "wrong");
        let cycle = world.cycle(first());
        assert_eq!((cycle.code, pending(&cycle)), (1, 0), "{}", cycle.stderr);
        world.env("POSTMARK_SERVER_TOKEN", &world.shop.token());
        let cycle = world.cycle(first() + HOUR);
        assert_eq!((cycle.code, pending(&cycle)), (0, 0), "{}", cycle.stderr);
        assert_eq!(
            world.alerts(),
            [
                "🔴 WAKE shop: the API token is missing or refused, hushwatch cannot see this server's mail",
                "✅ RESOLVED shop: hushwatch can read its mail again"
            ],
            "{status} {body}"
        );
    }
}

#[test]
fn a_web_page_in_place_of_a_webhook_is_no_acceptance() {
    let mut world = World::new(Process::New, "");
    by_webhook(&mut world);
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    world.slack.always(sim::Fault::Html(200));
    let cycle = world.cycle(first());
    assert_eq!((cycle.code, pending(&cycle)), (1, 1), "{}", cycle.stderr);
    assert_line(
        &cycle.stderr,
        "WARN an attempt to send a message failed class=Permanent error=cannot post to Slack: a web page answered instead of Slack; check the address, and the proxy if there is one",
    );
    world.slack.clear_faults();
    let said = next(&mut world);
    assert_eq!(world.alerts().len(), 1);
    assert!(!said.contains("twice"), "it is no doubt: {said}");
}

fn given_up(cycle: &Cycle) -> u64 {
    cycle.report["notices"]["given_up"]
        .as_u64()
        .expect("a count")
}

/// An alert through a webhook that takes messages and never answers, and whose next cycle is still to come.
fn unconfirmed_twice() -> World {
    let mut world = World::new(Process::New, "");
    by_webhook(&mut world);
    world.env("HUSHWATCH_HEARTBEAT__URL", &world.slack.heartbeat_url());
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    world
        .slack
        .fail(Plan::next(2, Fault::AcceptThenReset).on("/services"));
    let cycle = world.cycle(first());
    assert_eq!((pending(&cycle), given_up(&cycle)), (1, 0));
    assert_eq!(world.slack.count("/services"), 1, "once in a cycle");
    world
}

#[test]
fn what_is_not_confirmed_twice_is_given_up_and_the_next_message_and_the_digest_name_it() {
    let mut world = unconfirmed_twice();
    let pings = world.slack.pings().len();
    let cycle = world.cycle(first() + HOUR);
    assert_eq!((cycle.code, pending(&cycle)), (1, 0), "{}", cycle.stderr);
    assert_eq!(given_up(&cycle), 1, "{}", cycle.report);
    assert_eq!(world.slack.pings().len(), pings, "no heartbeat");
    assert_line(&cycle.stderr, "WARN no heartbeat: a message was given up");
    let sent = world.slack.take();
    assert_eq!(sent.len(), 2, "once, and once more");
    let incident = cycle.report["open_incidents"][0]["incident"].as_str();
    let incident = incident.expect("an id");
    let explained = world.run(&["explain", incident]);
    let text = explained.report.as_str().unwrap_or_default();
    assert_line(
        &without_times(text),
        "<time> \"🔴 WAKE shop: the API token is missing or refused, hushwatch cannot see this server's mail\": given up: never confirmed, it may have been posted",
    );

    world.env("POSTMARK_SERVER_TOKEN", &world.shop.token());
    let cycle = world.cycle(first() + HOUR * 2);
    assert_eq!((cycle.code, given_up(&cycle)), (0, 0), "{}", cycle.stderr);
    assert_eq!(world.slack.pings().len(), pings + 1);
    let resolved = &world.slack.take()[..];
    assert_eq!(resolved.len(), 1, "{resolved:?}");
    assert_line(
        &resolved[0].plain,
        "Slack never confirmed an earlier message, so it may be missing here: 🔴 WAKE shop (hushwatch explain jbvczyrw)",
    );

    world.hours("2026-03-03T13:00:00Z", "2026-03-04T09:00:00Z");
    let digest = world.slack.take();
    assert_eq!(digest.len(), 1, "{digest:?}");
    assert_line(
        &digest[0].plain,
        "Slack never confirmed an earlier message, so it may be missing here: 🔴 WAKE shop (hushwatch explain jbvczyrw)",
    );
}

#[test]
fn what_is_given_up_lets_the_next_message_through_in_the_same_cycle() {
    let mut world = unconfirmed_twice();
    world.env("POSTMARK_SERVER_TOKEN", &world.shop.token());
    let cycle = world.cycle(first() + HOUR);
    assert_eq!((pending(&cycle), given_up(&cycle)), (0, 1));
    let sent = world.slack.take();
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert_eq!(
        title(&sent[2].plain),
        "✅ RESOLVED shop: hushwatch can read its mail again"
    );
    assert_line(
        &sent[2].plain,
        "Slack never confirmed an earlier message, so it may be missing here: 🔴 WAKE shop (hushwatch explain jbvczyrw)",
    );
}

#[test]
fn where_the_history_can_be_read_nothing_is_given_up() {
    let mut world = World::new(Process::New, "");
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    world
        .slack
        .fail(Plan::always(sim::Fault::Reset).on("chat.postMessage"));
    for hour in 0..4 {
        let cycle = world.cycle(first() + HOUR * hour);
        assert_eq!((pending(&cycle), given_up(&cycle)), (1, 0));
    }
    world.slack.clear_faults();
    let cycle = world.cycle(first() + HOUR * 4);
    assert_eq!(pending(&cycle), 0, "{}", cycle.stderr);
    assert_eq!(world.alerts().len(), 1);
}

#[test]
fn while_slack_cannot_be_asked_a_fresh_doubt_waits() {
    let mut world = after(Fault::AcceptThenReset, |_| {});
    world
        .slack
        .fail(Plan::always(sim::Fault::Status(503)).on("history"));
    let cycle = world.cycle(first() + HOUR);
    assert_eq!((cycle.code, pending(&cycle)), (1, 1), "{}", cycle.stderr);
    assert_eq!(world.slack.count("chat.postMessage"), 1);
    world.slack.clear_faults();
    next(&mut world);
    assert_eq!(world.alerts().len(), 1);
}

#[test]
fn what_waits_for_an_answer_holds_back_its_own_incident_and_no_other() {
    let mut world = after(Fault::AcceptThenReset, |_| {});
    assert_eq!(world.alerts().len(), 1, "blind, of unknown fate");
    world.env("POSTMARK_SERVER_TOKEN", &world.shop.token());
    let complaint = first() + MINUTE * 20;
    let mail = Mail::new("outbound", complaint, "someone@example.net");
    world
        .shop
        .push(mail.bounced("SpamComplaint", complaint + MINUTE));
    let paused = sim::Fault::TooMany {
        retry_after: Some("3000".to_owned()),
    };
    world.slack.fail(Plan::always(paused).on("history"));
    let cycle = world.cycle(first() + HOUR);
    assert_eq!(
        pending(&cycle),
        2,
        "blind opened and resolved: {}",
        cycle.stderr
    );
    assert_eq!(
        world.alerts(),
        ["🔴 WAKE shop/outbound: s***@example.net reported a message as spam"]
    );
    world.slack.clear_faults();
    let cycle = world.cycle(first() + HOUR * 2);
    assert_eq!(pending(&cycle), 0, "{}", cycle.stderr);
    assert_eq!(
        world.alerts(),
        ["✅ RESOLVED shop: hushwatch can read its mail again"]
    );
}

#[test]
fn metadata_that_slack_refuses_do_not_keep_a_message_back() {
    let mut world = World::new(Process::New, "");
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    world
        .slack
        .next(1, Fault::slack_error("invalid_metadata_format"));
    let cycle = world.cycle(first());
    assert_eq!(pending(&cycle), 0, "{}", cycle.stderr);
    let sent = world.slack.take();
    assert_eq!((sent.len(), sent[0].metadata.clone()), (1, None));
}

/// A bot's client, in a channel where `noise` messages of others came after ours.
async fn busy(noise: usize) -> (Slack, internals::Slack) {
    let channel = Slack::start().expect("slack");
    channel.set_now(clock::now());
    let sink = Sink::Bot {
        token: Secret::new(&channel.bot_token()).expect("not empty"),
        base_url: channel.base_url(),
    };
    let client = internals::Slack::new(sink, Duration::from_secs(5)).expect("a client");
    let ours = json!({"text": "ours", "metadata": {"event_type": "hushwatch", "event_payload": {"delivery": "key"}}});
    let others = json!({"text": "key"});
    for payload in std::iter::once(&ours).chain(std::iter::repeat_n(&others, noise)) {
        let posted = client.post(Some(CHANNEL), payload).await;
        posted.expect("posted");
    }
    (channel, client)
}

#[tokio::test]
async fn a_history_is_read_page_by_page_up_to_a_limit() {
    let since = clock::now() - MINUTE;
    for (noise, pages) in [(0, 1), (99, 1), (100, 2), (250, 3)] {
        let (channel, client) = busy(noise).await;
        let trace = client.find(CHANNEL, None, "key", since).await;
        assert!(
            matches!(trace, Ok(LookupResult::Found(_))),
            "{noise}: {trace:?}"
        );
        assert_eq!(channel.count("history"), pages);
    }
    let (channel, client) = busy(1_000).await;
    let trace = client.find(CHANNEL, None, "key", since).await;
    assert!(
        matches!(trace, Ok(LookupResult::Unreadable(_))),
        "{trace:?}"
    );
    assert_eq!(channel.count("history"), 10);
}

#[tokio::test]
async fn what_is_older_than_the_attempt_or_bears_another_key_is_not_it() {
    let (_channel, client) = busy(150).await;
    let (before, after) = (clock::now() - MINUTE, clock::now() + MINUTE);
    assert_eq!(
        client.find(CHANNEL, None, "key", after).await,
        Ok(LookupResult::Absent)
    );
    assert_eq!(
        client.find(CHANNEL, None, "other", before).await,
        Ok(LookupResult::Absent)
    );
}

#[tokio::test]
async fn a_name_or_a_user_has_no_history() {
    let (_channel, client) = busy(0).await;
    for place in ["#operators", "U0OPERATOR", ""] {
        let trace = client.find(place, None, "key", clock::now()).await;
        let hidden = matches!(&trace, Ok(LookupResult::Unreadable(why)) if why.contains("channel_not_found"));
        assert!(hidden, "{trace:?}");
    }
}
