//! A daemon that is killed in a later cycle than its first: nothing of what it knew was in its memory alone.

use std::time::Duration;

use hushwatch::clock;
use hushwatch::model::{HOUR, MINUTE, Span, Timestamp};
use hushwatch::sim::postmark::{Mail, Profile};

use crate::kill::course::{Door, Log, left_behind, open};
use crate::kill::judge::judge;
use crate::kill::stage::{EVENTS, be_patient};
use crate::kill::strike::{Moment, Runner, Service, arm, cycle, disarm, end, seen, spawn, until};
use crate::world::{Process, World};

#[test]
fn a_daemon_that_is_killed_in_a_later_cycle_tells_everything_and_repeats_only_the_unknowable() {
    let soon = Moment::Answered(Duration::from_millis(2));
    let courses = [
        (Door::Bot, Service::Postmark, 3, Moment::Received),
        (Door::Bot, Service::Slack, 0, Moment::Received),
        (Door::Bot, Service::Slack, 1, Moment::Taken),
        (Door::BotWithoutHistory, Service::Slack, 1, Moment::Taken),
        (Door::Webhook, Service::Slack, 0, soon),
    ];
    let courses = courses.map(|course| std::thread::spawn(move || (play(course), course)));
    for (log, course) in courses.map(|c| c.join().expect("played")) {
        let verdict = judge(&log, &EVENTS[1..5]);
        assert_eq!(verdict.faults, Vec::<String>::new(), "{course:?}");
    }
}

fn play((door, service, nth, moment): (Door, Service, u32, Moment)) -> Log {
    let mut world = quiet(clock::now());
    open(&mut world, door);
    let daemon = spawn(&world, Runner::Daemon);
    until("the end of a cycle", || world.slack.pings().len() > 1);
    let first = seen(&world, service);
    arm(&world, service, nth, moment);
    reveal(&world, clock::now());
    until("the request", || {
        seen(&world, service) > first + nth as usize
    });
    if let Moment::Answered(delay) = moment {
        std::thread::sleep(delay);
    }
    end(daemon);
    world.slack.finish().expect("settled");
    disarm(&world);
    let deaths = vec![left_behind(&world)];
    for _ in 0..2 {
        cycle(&world, Runner::Daemon);
    }
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

/// A world that rings every second and has nothing to tell.
fn quiet(now: Timestamp) -> World {
    // Not due before tomorrow.
    let digest_at = (now - HOUR).to_string();
    let file = format!(
        "schedule = \"* * * * * *\"\n[digest]\nat = \"{}\"\n",
        &digest_at[11..16]
    );
    let mut world = World::new(Process::New, &file);
    be_patient(&mut world);
    let span = Span::new(now - HOUR * 20, now + HOUR);
    let mail = Profile::constant(30.0).without_bounces();
    world.shop.generate("outbound", span, &mail);
    for minutes in [30, 1] {
        let cycle = world.cycle(now - MINUTE * minutes);
        assert_eq!((cycle.code, cycle.steps()), (0, vec![]), "{}", cycle.stderr);
    }
    world
}

/// What happened some minutes ago is seen only now, as by a slow index.
fn reveal(world: &World, now: Timestamp) {
    let sent = now - MINUTE * 13;
    let mail = |to: &str| Mail::new("outbound", sent, to);
    for (to, kind) in [
        ("someone@example.net", "SpamComplaint"),
        ("ops@example.com", "HardBounce"),
    ] {
        let bounced = sent + MINUTE;
        world.shop.push(mail(to).bounced(kind, bounced));
    }
}
