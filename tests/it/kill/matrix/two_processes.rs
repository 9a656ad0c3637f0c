//! Two processes on one database, of which one dies in a delivery: the other goes on with it.

use hushwatch::clock;
use hushwatch::model::HOUR;

use crate::kill::crash_plan::{RunLog, SlackAccess, open, stored_state};
use crate::kill::crash_point::{
    Moment, Runner, Service, cycle, hold_answer, kill_process, request_count, spawn,
};
use crate::kill::invariants::check_invariants;
use crate::kill::matrix::instant;
use crate::kill::scenario::{EXPECTED_MESSAGES, scenario};
use crate::world::{World, wait_until};

#[test]
fn two_processes_of_which_one_dies_tell_everything_and_repeat_only_the_unknowable() {
    if crate::store::needs_a_file("two processes that take turns by the lock of a file") {
        return;
    }
    let scenario = scenario(instant());
    for (access, moment) in [
        (SlackAccess::Bot, Moment::Taken),
        (SlackAccess::Bot, Moment::Received),
        (SlackAccess::Webhook, Moment::Taken),
    ] {
        for nth in 0..3 {
            let log = run_plan(&scenario, access, nth, moment);
            let found = check_invariants(&log, &EXPECTED_MESSAGES);
            assert_eq!(
                found.violations,
                Vec::<String>::new(),
                "{access:?} {moment:?} {nth}"
            );
        }
    }
}

fn run_plan(scenario: &World, access: SlackAccess, nth: u32, moment: Moment) -> RunLog {
    let mut world = scenario.fork();
    open(&mut world, access);
    world.slack.set_now(clock::now());
    world.postmark.take_requests();
    hold_answer(&world, Service::Slack, nth, moment);
    let now = Runner::Check(instant());
    let dies = spawn(&world, now);
    wait_until("the first to begin", || {
        request_count(&world, Service::Postmark) > 0
    });
    let mut lives = spawn(&world, now);
    wait_until("the request", || {
        request_count(&world, Service::Slack) > nth as usize
    });
    kill_process(dies);
    let crashes = vec![stored_state(&world)];
    let status = lives.wait().expect("a child");
    assert_eq!(status.code(), Some(0), "the twin delivers the rest");
    cycle(&world, Runner::Check(instant() + HOUR));
    RunLog {
        access,
        posted: world.slack.messages(),
        files: world.slack.files(),
        unanswered: 0,
        crashes,
        end: stored_state(&world),
        requests: [0; 3],
        lookups: world.slack.count("history"),
    }
}
