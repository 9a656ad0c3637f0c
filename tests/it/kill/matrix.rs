//! Every crash point with every kind of access and outage; and outboxes broken on purpose, which the invariants must detect.

mod first_start;
mod later_change;
mod later_cycle;
mod new_stream;
mod refused_polls;
mod two_processes;

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use hushwatch::model::Timestamp;

use crate::kill::crash_plan::{CrashPlan, Outage, Restart, RunLog, SlackAccess, run_plan};
use crate::kill::crash_point::{
    CrashPoint, LIMIT_ROUNDING_BYTES, Moment, Runner, Service, WAL_FRAME_BYTES,
};
use crate::kill::invariants::check_invariants;
use crate::kill::scenario::{EXPECTED_MESSAGES, scenario};
use crate::store::on_server;
use crate::world::{World, at};

/// Longest wait between an answer and a crash, in microseconds: a step between two requests takes less.
const MAX_DELAY_US: u64 = 12_000;
/// Pages beyond which no cycle of the scenario writes, so that each place to write is reached and some are not.
const MAX_PAGES: u64 = 110;

const ACCESSES: [SlackAccess; 3] = [
    SlackAccess::Bot,
    SlackAccess::BotWithoutHistory,
    SlackAccess::Webhook,
];
const OUTAGES: [Outage; 4] = [
    Outage::None,
    Outage::Refuses,
    Outage::Limits,
    Outage::TakesAndResets,
];

#[test]
fn check_that_is_killed_at_any_request_tells_everything_and_repeats_only_the_unknowable() {
    requests(check(), 50).run_and_report("check, requests");
}

#[test]
fn check_that_is_killed_at_any_write_tells_everything_and_repeats_only_the_unknowable() {
    let tally = writes(check(), 30).run_and_report("check, writes");
    let (first, last) = (tally.commits.first(), tally.commits.last());
    let every = (first.copied().unwrap_or(0)..=last.copied().unwrap_or(0)).collect();
    assert!(
        !is_full() || on_server() || tally.commits == every,
        "a crash follows every transaction: {:?}",
        tally.commits
    );
}

#[test]
fn a_daemon_that_is_killed_at_any_request_tells_everything_and_repeats_only_the_unknowable() {
    requests(Runner::Daemon, 30).run_and_report("run, requests");
}

#[test]
fn a_daemon_that_is_killed_at_any_write_tells_everything_and_repeats_only_the_unknowable() {
    writes(Runner::Daemon, 20).run_and_report("run, writes");
}

#[test]
fn deaths_in_a_row_tell_everything_and_repeat_only_the_unknowable() {
    in_a_row(check(), 15).run_and_report("check, up to four in a row");
    in_a_row(Runner::Daemon, 5).run_and_report("run, up to four in a row");
}

#[test]
fn deaths_change_no_incident_that_is_judged_at_the_same_instants() {
    let (mut matrix, mut random) = (in_a_row(check(), 12), seed());
    matrix.plans.iter_mut().for_each(|plan| {
        plan.after = Restart::AtOnce;
        plan.outage = Outage::None;
        plan.crash_points.truncate(random.usize(1..=4));
    });
    let baseline_steps = baseline(&matrix.scenario, check()).end.steps;
    assert_eq!(baseline_steps.len(), 7, "{baseline_steps:?}");
    for plan in &matrix.plans {
        let log = run_plan(&matrix.scenario, plan, "");
        assert_eq!(log.end.steps, baseline_steps, "{plan:?}");
        assert_eq!(
            check_invariants(&log, &EXPECTED_MESSAGES).violations,
            Vec::<String>::new(),
            "{plan:?}"
        );
    }
}

/// Triggers break the outbox of the unchanged binary; the same invariants have to detect it.
#[test]
fn a_broken_outbox_is_found_out() {
    if crate::store::needs_a_file("triggers in the words of SQLite") {
        return;
    }
    for (broken, fault, sql) in [
        (
            "marks before it sends",
            "lost: ",
            "CREATE TRIGGER broken AFTER UPDATE OF state ON outbox WHEN NEW.state = 'sending'
             BEGIN UPDATE outbox SET state = 'sent' WHERE seq = NEW.seq; END",
        ),
        (
            "never marks",
            "repeated: ",
            "CREATE TRIGGER broken AFTER UPDATE OF state ON outbox WHEN NEW.state = 'sent'
             BEGIN UPDATE outbox SET state = 'pending' WHERE seq = NEW.seq; END",
        ),
        (
            "does not know that it tried",
            "repeated: ",
            "CREATE TRIGGER broken AFTER INSERT ON attempts
             BEGIN UPDATE attempts SET unknown = 0 WHERE outbox = NEW.outbox; END",
        ),
    ] {
        let matrix = requests(check(), 0);
        let at_slack = |c: &&CrashPlan| {
            (c.access, c.outage) == (SlackAccess::Bot, Outage::None)
                && matches!(c.crash_points[0], CrashPoint::Request(Service::Slack, ..))
        };
        let mut plans = matrix.plans.iter().filter(at_slack);
        let found_out = plans.any(|plan| {
            let found =
                check_invariants(&run_plan(&matrix.scenario, plan, sql), &EXPECTED_MESSAGES);
            found.violations.iter().any(|f| f.starts_with(fault))
        });
        assert!(found_out, "an outbox that {broken} passed for a sound one");
    }
}

/// Courses on one scenario.
struct Matrix {
    scenario: World,
    plans: Vec<CrashPlan>,
}

/// What they came to.
#[derive(Default)]
struct Totals {
    points: usize,
    crashes: usize,
    posted: usize,
    repeats: usize,
    lookups: usize,
    /// After how many transactions processes died.
    commits: BTreeSet<usize>,
    violations: Vec<String>,
}

impl Matrix {
    fn run_and_report(&self, name: &str) -> Totals {
        let tally = self.tally();
        let line = format!(
            "kill matrix, {name}: {} plans, {} crashes after {} numbers of transactions, {} messages, {} unknowable repeats, {} lookups, {} lost or repeated for no reason\n",
            tally.points,
            tally.crashes,
            tally.commits.len(),
            tally.posted,
            tally.repeats,
            tally.lookups,
            tally.violations.len()
        );
        // Past the harness, which would keep it back: the counts are wanted of a run that passed, too.
        std::io::stderr()
            .write_all(line.as_bytes())
            .expect("written");
        assert_eq!(tally.violations, Vec::<String>::new());
        assert!(tally.crashes > 0, "nobody died");
        tally
    }

    fn tally(&self) -> Totals {
        let mut tally = Totals::default();
        for plan in &self.plans {
            let log = run_plan(&self.scenario, plan, "");
            let found = check_invariants(&log, &EXPECTED_MESSAGES);
            tally.points += 1;
            tally.crashes += log.crashes.len();
            tally.posted += log.posted.len();
            tally.repeats += found.repeats;
            tally.lookups += log.lookups;
            tally.commits.extend(log.crashes.iter().map(|d| d.commits));
            let violations = found.violations.iter();
            tally
                .violations
                .extend(violations.map(|fault| format!("{fault} ({plan:?})")));
        }
        tally
    }
}

/// A crash at each request of a cycle: before the answer, after Slack took the message, and soon after the answer.
fn requests(runner: Runner, sample: usize) -> Matrix {
    let scenario = set(runner);
    let mut random = seed();
    let [postmark, slack, heartbeat] = baseline(&scenario, runner).requests;
    let mut plans = Vec::new();
    for (service, count) in [
        (Service::Postmark, postmark),
        (Service::Slack, slack),
        (Service::Heartbeat, heartbeat),
    ] {
        for nth in 0..u32::try_from(count).expect("few") {
            let mut moments = vec![
                Moment::Received,
                answered(&mut random),
                answered(&mut random),
            ];
            if service == Service::Slack {
                moments.push(Moment::Taken);
            }
            let crash_points = moments.into_iter();
            let crash_points = crash_points.map(|moment| CrashPoint::Request(service, nth, moment));
            plans.extend(crash_points.flat_map(|s| everywhere(runner, vec![s])));
        }
    }
    // An outage ends a cycle's attempts with the first message, and to be limited is to be refused.
    plans.retain(|c: &CrashPlan| {
        let later = |s: &CrashPoint| matches!(s, CrashPoint::Request(Service::Slack, 2.., _));
        let alike = c.outage == Outage::Limits || c.crash_points.iter().any(later);
        c.outage == Outage::None || !alike
    });
    Matrix {
        scenario,
        plans: drawn(plans, sample, &mut random),
    }
}

/// A crash within each page that a cycle writes to the database: before, in and after every commit.
fn writes(runner: Runner, sample: usize) -> Matrix {
    let mut random = seed();
    let mut plans = Vec::new();
    for page in 0..MAX_PAGES {
        // A limit is rounded down to whole units: a byte before that would leave the page, and its commit, without a crash.
        let byte = random.u64(LIMIT_ROUNDING_BYTES..WAL_FRAME_BYTES);
        let strike = CrashPoint::Write(page * WAL_FRAME_BYTES + byte);
        plans.extend(everywhere(runner, vec![strike]));
    }
    // What the accesses and outages differ in is tried out at every request.
    plans.retain(|c: &CrashPlan| match c.access {
        SlackAccess::Bot => matches!(c.outage, Outage::None | Outage::TakesAndResets),
        SlackAccess::BotWithoutHistory => false,
        SlackAccess::Webhook => c.outage == Outage::None,
    });
    Matrix {
        scenario: set(runner),
        plans: drawn(plans, sample, &mut random),
    }
}

/// Two to four crashes, in the cycle and in those that were to make up for it.
fn in_a_row(runner: Runner, sample: usize) -> Matrix {
    let mut random = seed();
    let mut plans = Vec::new();
    for _ in 0..if is_full() { 15 * sample } else { sample } {
        let crash_points = (0..random.usize(2..=4)).map(|_| any_strike(&mut random));
        plans.push(CrashPlan {
            runner,
            crash_points: crash_points.collect(),
            access: ACCESSES[random.usize(..ACCESSES.len())],
            outage: OUTAGES[random.usize(..OUTAGES.len())],
            after: Restart::AnHourLater,
        });
    }
    Matrix {
        scenario: set(runner),
        plans,
    }
}

fn any_strike(random: &mut fastrand::Rng) -> CrashPoint {
    let moment = match random.u32(..3) {
        0 => Moment::Received,
        1 => Moment::Taken,
        _ => answered(random),
    };
    match random.u32(..4) {
        0 => CrashPoint::Write(random.u64(..MAX_PAGES * WAL_FRAME_BYTES)),
        1 if moment != Moment::Taken => {
            CrashPoint::Request(Service::Postmark, random.u32(..10), moment)
        }
        _ => CrashPoint::Request(Service::Slack, random.u32(..8), moment),
    }
}

fn everywhere(runner: Runner, crash_points: Vec<CrashPoint>) -> impl Iterator<Item = CrashPlan> {
    ACCESSES.into_iter().flat_map(move |access| {
        let crash_points = crash_points.clone();
        OUTAGES.into_iter().map(move |outage| CrashPlan {
            runner,
            access,
            outage,
            crash_points: crash_points.clone(),
            after: Restart::AnHourLater,
        })
    })
}

/// All of `plans`, or `sample` of them in their order where the run is not to be full; none means all.
fn drawn(plans: Vec<CrashPlan>, sample: usize, random: &mut fastrand::Rng) -> Vec<CrashPlan> {
    // On a server, each plan has a database of its own made.
    let sample = if on_server() {
        sample.div_ceil(3)
    } else {
        sample
    };
    if is_full() || sample == 0 {
        return plans;
    }
    let mut places: Vec<usize> = (0..plans.len()).collect();
    random.shuffle(&mut places);
    places.truncate(sample);
    places.sort_unstable();
    let kept = places.into_iter().map(|place| plans[place].clone());
    kept.collect()
}

/// A plan without a crash, which must be faultless.
fn baseline(scenario: &World, runner: Runner) -> RunLog {
    let plan = CrashPlan {
        runner,
        access: SlackAccess::Bot,
        outage: Outage::None,
        crash_points: Vec::new(),
        after: Restart::AtOnce,
    };
    let log = run_plan(scenario, &plan, "");
    assert_eq!(log.files.len(), 1, "the digest has a picture");
    let found = check_invariants(&log, &EXPECTED_MESSAGES);
    assert_eq!((found.repeats, found.violations), (0, Vec::new()));
    log
}

fn answered(random: &mut fastrand::Rng) -> Moment {
    Moment::Answered(Duration::from_micros(random.u64(..MAX_DELAY_US)))
}

/// Whether every point is wanted.
pub(crate) fn is_full() -> bool {
    std::env::var("HUSHWATCH_MATRIX").is_ok_and(|wanted| wanted == "full")
}

/// Where draws come from.
pub(crate) fn seed() -> fastrand::Rng {
    let named = std::env::var("HUSHWATCH_SEED").ok();
    fastrand::Rng::with_seed(named.and_then(|seed| seed.parse().ok()).unwrap_or(1))
}

fn check() -> Runner {
    Runner::Check(instant())
}

/// What `check` takes for the present.
pub(crate) fn instant() -> Timestamp {
    at("2026-03-03T10:00:00Z")
}

fn set(runner: Runner) -> World {
    match runner {
        Runner::Check(now) => scenario(now),
        Runner::Daemon => scenario(hushwatch::clock::now()),
    }
}
