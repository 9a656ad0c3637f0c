//! A later step of an incident is an edit and a reply, or a message posted anew: a cycle that is killed at any of their requests
//! loses none of them, and shows none twice that could be known.

use std::time::Duration;

use hushwatch::model::HOUR;
use hushwatch::sim::slack::{CHANNEL, Shown};

use crate::kill::crash_plan::{SlackAccess, open, stored_state};
use crate::kill::crash_point::{CrashPoint, Moment, Runner, Service, cycle, run_until_crash};
use crate::kill::matrix::instant;
use crate::kill::scenario::with_long_timeouts;
use crate::world::{Process, World};

#[test]
fn a_cycle_that_is_killed_at_an_edit_or_a_reply_shows_the_end_once_and_replies_to_it() {
    let mut scenario = World::new(Process::New, "");
    with_long_timeouts(&mut scenario);
    scenario.env("POSTMARK_SERVER_TOKEN", "wrong");
    scenario.cycle(instant());
    let opened = scenario.slack.messages();
    assert_eq!(opened.len(), 1, "{opened:?}");
    let mut crashes = 0;
    for access in [SlackAccess::Bot, SlackAccess::BotWithoutHistory] {
        for is_deleted in [false, true] {
            for nth in 0..2 {
                let moments = [
                    Moment::Received,
                    Moment::Taken,
                    Moment::Answered(Duration::ZERO),
                ];
                for moment in moments {
                    let mut world = scenario.fork_with_slack();
                    open(&mut world, access);
                    if is_deleted {
                        world.slack.delete_message(&opened[0].ts);
                    }
                    crashes += usize::from(ended(&mut world, nth, moment));
                    let what = format!("{access:?} {is_deleted} {nth} {moment:?}");
                    check(&world, access, is_deleted, &what);
                }
            }
        }
    }
    assert!(crashes >= 20, "{crashes} crashes");
}

/// The cycle in which the incident ends, killed at the `nth` request to Slack, and two whole ones; whether it was killed.
fn ended(world: &mut World, nth: u32, moment: Moment) -> bool {
    let token = world.shop.token();
    world.env("POSTMARK_SERVER_TOKEN", &token);
    let end = instant() + HOUR;
    let strike = CrashPoint::Request(Service::Slack, nth, moment);
    let is_killed = run_until_crash(world, Runner::Check(end), strike);
    for hours in 1..3 {
        cycle(world, Runner::Check(end + HOUR * hours));
    }
    is_killed
}

fn check(world: &World, access: SlackAccess, is_deleted: bool, what: &str) {
    let shown = world.slack.channel(CHANNEL);
    world.set_aside("seen as the channel shows it");
    let most = match access {
        SlackAccess::Bot => 1,
        // Nobody can know whether what was not answered had been posted.
        _ => 2,
    };
    let posts = if is_deleted { 1..=most } else { 1..=1 };
    assert!(posts.contains(&shown.len()), "{what}: {shown:#?}");
    for message in &shown {
        let is_over = message.title().starts_with("✅ RESOLVED ");
        assert!(is_over, "{what}: {message:?}");
    }
    let replies: usize = shown.iter().map(|m: &Shown| m.replies.len()).sum();
    let expected = if is_deleted { 0..=0 } else { 1..=most };
    assert!(expected.contains(&replies), "{what}: {shown:#?}");
    let pending = stored_state(world).pending;
    assert_eq!(pending, Vec::<String>::new(), "{what}");
}

/// A cycle that reads an answer, killed at each of its requests to Slack: the answer is applied once, and nobody is notified of it.
#[test]
fn a_cycle_that_is_killed_while_it_reads_an_answer_applies_it_once() {
    let mut scenario = World::new(Process::New, "[slack]\nreactions = true\n");
    with_long_timeouts(&mut scenario);
    scenario.env("POSTMARK_SERVER_TOKEN", "wrong");
    scenario.slack.add_user("U0AMY", "Amy Example");
    scenario.cycle(instant());
    let opened = scenario.slack.messages();
    assert_eq!(opened.len(), 1, "{opened:?}");
    scenario.slack.react(&opened[0].ts, "eyes", "U0AMY");
    let mut crashes = 0;
    for nth in 0..4 {
        for moment in [
            Moment::Received,
            Moment::Taken,
            Moment::Answered(Duration::ZERO),
        ] {
            let mut world = scenario.fork_with_slack();
            open(&mut world, SlackAccess::Bot);
            let next = Runner::Check(instant() + HOUR);
            let strike = CrashPoint::Request(Service::Slack, nth, moment);
            crashes += usize::from(run_until_crash(&world, next, strike));
            for hours in 2..4 {
                cycle(&world, Runner::Check(instant() + HOUR * hours));
            }
            let what = format!("{nth} {moment:?}");
            let shown = world.slack.channel(CHANNEL);
            world.set_aside("seen as the channel shows it");
            assert_eq!(shown.len(), 1, "{what}: {shown:#?}");
            let line = "👀 Acknowledged by Amy Example, ";
            let said = shown[0].message.plain.matches(line).count();
            assert_eq!((said, shown[0].replies.len()), (1, 0), "{what}: {shown:#?}");
            let stored = stored_state(&world);
            assert_eq!(stored.pending, Vec::<String>::new(), "{what}");
            assert_eq!(stored.incidents.len(), 1, "{what}");
        }
    }
    assert!(crashes >= 10, "{crashes} crashes");
}
