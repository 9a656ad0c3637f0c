//! The server goes away in the middle of a cycle, and comes back.

use hushwatch::model::HOUR;

use crate::cluster::cluster;
use crate::kill::crash_plan::{RunLog, SlackAccess, open, stored_state};
use crate::kill::invariants::check_invariants;
use crate::kill::matrix::{instant, is_full};
use crate::kill::scenario::{EXPECTED_MESSAGES, build_scenario, file};
use crate::postgres::gate::{Cut, Gate};
use crate::postgres::{URL, name, over_tcp};
use crate::store::end_leases;
use crate::words::{NO_DATABASE, title};
use crate::world::{Process, World};

/// Transactions of the cycle of the tape, and some more.
const TRANSACTIONS: usize = 60;

#[test]
fn matrix_a_server_that_goes_away_at_any_transaction_costs_nothing_once_it_is_back() {
    let Some(cluster) = cluster() else { return };
    let mut stage = World::new(Process::New, &file(instant()));
    stage.env(URL, &cluster.database());
    let stage = build_scenario(stage, instant());
    let gate = Gate::to(cluster.port);
    let step = if is_full() { 1 } else { 6 };
    let mut closed = 0;
    for nth in (0..TRANSACTIONS).step_by(step) {
        for cut in [Cut::Before(nth), Cut::After(nth)] {
            let world = stage.fork();
            let (log, was_closed) = play(world, &gate, cut);
            let verdict = check_invariants(&log, &EXPECTED_MESSAGES);
            assert_eq!(verdict.violations, Vec::<String>::new(), "{cut:?}");
            assert_eq!(
                verdict.repeats, 0,
                "{cut:?}: every message could be looked up"
            );
            closed += usize::from(was_closed);
        }
    }
    assert!(closed >= TRANSACTIONS / step, "{closed} were cut");
}

fn play(mut world: World, gate: &Gate, cut: Cut) -> (RunLog, bool) {
    open(&mut world, SlackAccess::Bot);
    let direct = world.database().expect("on a server").to_owned();
    let cluster = cluster().expect("it runs");
    let through = over_tcp(cluster, &name(&direct), "sslmode=disable");
    let through = through.replace(&format!(":{}/", cluster.port), &format!(":{}/", gate.port));
    world.env(URL, &through);
    gate.open(Some(cut));
    let ended = world.cycle(instant());
    let closed = gate.is_closed();
    assert_eq!(ended.code, i32::from(closed), "{cut:?}: {}", ended.stderr);
    let said = ended
        .stderr
        .lines()
        .filter(|l| l.starts_with("hushwatch: "));
    assert_eq!(said.count(), usize::from(closed), "{}", ended.stderr);
    gate.open(None);
    end_leases(&world);
    let crashes = vec![stored_state(&world)];
    for later in [HOUR, HOUR * 2] {
        let cycle = world.cycle(instant() + later);
        assert_eq!(cycle.code, 0, "{cut:?}: {}", cycle.stderr);
    }
    // That it cannot be used stands apart from all other messages.
    let mut posted = world.slack.messages();
    posted.retain(|message| title(&message.plain) != NO_DATABASE);
    let log = RunLog {
        access: SlackAccess::Bot,
        posted,
        files: world.slack.files(),
        unanswered: 0,
        crashes,
        end: stored_state(&world),
        requests: [0; 3],
        lookups: world.slack.count("history"),
    };
    (log, closed)
}
