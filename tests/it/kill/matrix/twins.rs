//! Two processes on one database, of which one dies in a delivery: the other goes on with it.

use hushwatch::clock;
use hushwatch::model::HOUR;

use crate::kill::course::{Door, Log, left_behind, open};
use crate::kill::judge::judge;
use crate::kill::matrix::instant;
use crate::kill::stage::{EVENTS, stage};
use crate::kill::strike::{Moment, Runner, Service, arm, cycle, end, seen, spawn, until};
use crate::world::World;

#[test]
fn two_processes_of_which_one_dies_tell_everything_and_repeat_only_the_unknowable() {
    if crate::store::needs_a_file("two processes that take turns by the lock of a file") {
        return;
    }
    let stage = stage(instant());
    for (door, moment) in [
        (Door::Bot, Moment::Taken),
        (Door::Bot, Moment::Received),
        (Door::Webhook, Moment::Taken),
    ] {
        for nth in 0..3 {
            let log = play(&stage, door, nth, moment);
            let verdict = judge(&log, &EVENTS);
            assert_eq!(
                verdict.faults,
                Vec::<String>::new(),
                "{door:?} {moment:?} {nth}"
            );
        }
    }
}

fn play(stage: &World, door: Door, nth: u32, moment: Moment) -> Log {
    let mut world = stage.fork();
    open(&mut world, door);
    world.slack.set_now(clock::now());
    world.postmark.take_requests();
    arm(&world, Service::Slack, nth, moment);
    let now = Runner::Check(instant());
    let dies = spawn(&world, now);
    until("the first to begin", || seen(&world, Service::Postmark) > 0);
    let mut lives = spawn(&world, now);
    until("the request", || {
        seen(&world, Service::Slack) > nth as usize
    });
    end(dies);
    let deaths = vec![left_behind(&world)];
    let status = lives.wait().expect("a child");
    assert_eq!(status.code(), Some(0), "the twin delivers the rest");
    cycle(&world, Runner::Check(instant() + HOUR));
    Log {
        door,
        posted: world.slack.messages(),
        unanswered: 0,
        deaths,
        end: left_behind(&world),
        requests: [0; 3],
        lookups: world.slack.count("history"),
    }
}
