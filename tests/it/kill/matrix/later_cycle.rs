//! A daemon that is killed in a later cycle than its first: nothing of what it knew was in its memory alone.

use std::time::Duration;

use hushwatch::clock;
use hushwatch::model::{HOUR, MINUTE, Span, Timestamp};
use hushwatch::sim::postmark::{Mail, Profile};

use crate::kill::crash_plan::{RunLog, SlackAccess, open, stored_state};
use crate::kill::crash_point::{
    Moment, Runner, Service, cycle, hold_answer, kill_process, release_answers, request_count,
    spawn,
};
use crate::kill::invariants::check_invariants;
use crate::kill::scenario::{EXPECTED_MESSAGES, with_long_timeouts};
use crate::store::end_leases;
use crate::world::{Process, World, wait_until};

#[test]
fn a_daemon_that_is_killed_in_a_later_cycle_tells_everything_and_repeats_only_the_unknowable() {
    let soon = Moment::Answered(Duration::from_millis(2));
    let plans = [
        (SlackAccess::Bot, Service::Postmark, 3, Moment::Received),
        (SlackAccess::Bot, Service::Slack, 0, Moment::Received),
        (SlackAccess::Bot, Service::Slack, 1, Moment::Taken),
        (
            SlackAccess::BotWithoutHistory,
            Service::Slack,
            1,
            Moment::Taken,
        ),
        (SlackAccess::Webhook, Service::Slack, 0, soon),
    ];
    let plans = plans.map(|plan| std::thread::spawn(move || (run_plan(plan), plan)));
    for (log, plan) in plans.map(|c| c.join().expect("played")) {
        let found = check_invariants(&log, &EXPECTED_MESSAGES[1..5]);
        assert_eq!(found.violations, Vec::<String>::new(), "{plan:?}");
    }
}

fn run_plan((access, service, nth, moment): (SlackAccess, Service, u32, Moment)) -> RunLog {
    let mut world = quiet(clock::now());
    open(&mut world, access);
    let daemon = spawn(&world, Runner::Daemon);
    wait_until("the end of a cycle", || world.slack.pings().len() > 1);
    let first = request_count(&world, service);
    hold_answer(&world, service, nth, moment);
    reveal(&world, clock::now());
    wait_until("the request", || {
        request_count(&world, service) > first + nth as usize
    });
    if let Moment::Answered(delay) = moment {
        std::thread::sleep(delay);
    }
    kill_process(daemon);
    world.slack.finish().expect("settled");
    release_answers(&world);
    end_leases(&world);
    let crashes = vec![stored_state(&world)];
    for _ in 0..2 {
        cycle(&world, Runner::Daemon);
    }
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

/// A world that rings every second and has nothing to tell.
fn quiet(now: Timestamp) -> World {
    // Not due before tomorrow.
    let digest_at = (now - HOUR).to_string();
    let file = format!(
        "schedule = \"* * * * * *\"\n[digest]\nat = \"{}\"\n",
        &digest_at[11..16]
    );
    let mut world = World::new(Process::New, &file);
    with_long_timeouts(&mut world);
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
