//! Every place to die at, with every door and outage; and outboxes broken on purpose, which the judge must find out.

mod first;
mod later;
mod twins;

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use hushwatch::model::Timestamp;

use crate::kill::course::{After, Course, Door, Log, Outage, play};
use crate::kill::judge::judge;
use crate::kill::stage::{EVENTS, stage};
use crate::kill::strike::{FRAME, Moment, Runner, Service, Strike};
use crate::store::on_server;
use crate::world::{World, at};

/// Longest wait between an answer and a death, in microseconds: a step between two requests takes less.
const LONGEST_DELAY: u64 = 12_000;
/// Pages beyond which no cycle of the tape writes, so that each place to write is reached and some are not.
const PAGES: u64 = 110;

const DOORS: [Door; 3] = [Door::Bot, Door::BotWithoutHistory, Door::Webhook];
const OUTAGES: [Outage; 4] = [
    Outage::None,
    Outage::Refuses,
    Outage::Limits,
    Outage::TakesAndResets,
];

#[test]
fn check_that_is_killed_at_any_request_tells_everything_and_repeats_only_the_unknowable() {
    requests(check(), 50).play("check, requests");
}

#[test]
fn check_that_is_killed_at_any_write_tells_everything_and_repeats_only_the_unknowable() {
    let tally = writes(check(), 30).play("check, writes");
    let (first, last) = (tally.commits.first(), tally.commits.last());
    let every = (first.copied().unwrap_or(0)..=last.copied().unwrap_or(0)).collect();
    assert!(
        !is_full() || on_server() || tally.commits == every,
        "a death follows every transaction: {:?}",
        tally.commits
    );
}

#[test]
fn a_daemon_that_is_killed_at_any_request_tells_everything_and_repeats_only_the_unknowable() {
    requests(Runner::Daemon, 30).play("run, requests");
}

#[test]
fn a_daemon_that_is_killed_at_any_write_tells_everything_and_repeats_only_the_unknowable() {
    writes(Runner::Daemon, 20).play("run, writes");
}

#[test]
fn deaths_in_a_row_tell_everything_and_repeat_only_the_unknowable() {
    in_a_row(check(), 15).play("check, up to four in a row");
    in_a_row(Runner::Daemon, 5).play("run, up to four in a row");
}

#[test]
fn deaths_change_no_incident_that_is_judged_at_the_same_instants() {
    let (mut matrix, mut random) = (in_a_row(check(), 12), seed());
    matrix.courses.iter_mut().for_each(|course| {
        course.after = After::AtOnce;
        course.outage = Outage::None;
        course.strikes.truncate(random.usize(1..=4));
    });
    let unharmed = reference(&matrix.stage, check()).end.steps;
    assert_eq!(unharmed.len(), 7, "{unharmed:?}");
    for course in &matrix.courses {
        let log = play(&matrix.stage, course, "");
        assert_eq!(log.end.steps, unharmed, "{course:?}");
        assert_eq!(
            judge(&log, &EVENTS).faults,
            Vec::<String>::new(),
            "{course:?}"
        );
    }
}

/// Triggers make the outbox of the unchanged binary a broken one; the same judge has to see it.
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
        let at_slack = |c: &&Course| {
            (c.door, c.outage) == (Door::Bot, Outage::None)
                && matches!(c.strikes[0], Strike::Request(Service::Slack, ..))
        };
        let mut courses = matrix.courses.iter().filter(at_slack);
        let found_out = courses.any(|course| {
            let verdict = judge(&play(&matrix.stage, course, sql), &EVENTS);
            verdict.faults.iter().any(|f| f.starts_with(fault))
        });
        assert!(found_out, "an outbox that {broken} passed for a sound one");
    }
}

/// Courses on one stage.
struct Matrix {
    stage: World,
    courses: Vec<Course>,
}

/// What they came to.
#[derive(Default)]
struct Tally {
    points: usize,
    deaths: usize,
    told: usize,
    repeats: usize,
    lookups: usize,
    /// After how many transactions processes died.
    commits: BTreeSet<usize>,
    faults: Vec<String>,
}

impl Matrix {
    fn play(&self, name: &str) -> Tally {
        let tally = self.tally();
        let line = format!(
            "kill matrix, {name}: {} courses, {} deaths after {} numbers of transactions, {} messages, {} unknowable repeats, {} lookups, {} lost or repeated for no reason\n",
            tally.points,
            tally.deaths,
            tally.commits.len(),
            tally.told,
            tally.repeats,
            tally.lookups,
            tally.faults.len()
        );
        // Past the harness, which would keep it back: the counts are wanted of a run that passed, too.
        std::io::stderr()
            .write_all(line.as_bytes())
            .expect("written");
        assert_eq!(tally.faults, Vec::<String>::new());
        assert!(tally.deaths > 0, "nobody died");
        tally
    }

    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for course in &self.courses {
            let log = play(&self.stage, course, "");
            let verdict = judge(&log, &EVENTS);
            tally.points += 1;
            tally.deaths += log.deaths.len();
            tally.told += log.posted.len();
            tally.repeats += verdict.repeats;
            tally.lookups += log.lookups;
            tally.commits.extend(log.deaths.iter().map(|d| d.commits));
            let faults = verdict.faults.iter();
            tally
                .faults
                .extend(faults.map(|fault| format!("{fault} ({course:?})")));
        }
        tally
    }
}

/// A death at each request of a cycle: before the answer, after Slack took the message, and soon after the answer.
fn requests(runner: Runner, sample: usize) -> Matrix {
    let stage = set(runner);
    let mut random = seed();
    let [postmark, slack, heartbeat] = reference(&stage, runner).requests;
    let mut courses = Vec::new();
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
            let strikes = moments.into_iter();
            let strikes = strikes.map(|moment| Strike::Request(service, nth, moment));
            courses.extend(strikes.flat_map(|s| everywhere(runner, vec![s])));
        }
    }
    // An outage ends a cycle's attempts with the first message, and to be limited is to be refused.
    courses.retain(|c: &Course| {
        let later = |s: &Strike| matches!(s, Strike::Request(Service::Slack, 2.., _));
        let alike = c.outage == Outage::Limits || c.strikes.iter().any(later);
        c.outage == Outage::None || !alike
    });
    Matrix {
        stage,
        courses: drawn(courses, sample, &mut random),
    }
}

/// A death within each page that a cycle writes to the database: before, in and after every commit.
fn writes(runner: Runner, sample: usize) -> Matrix {
    let mut random = seed();
    let mut courses = Vec::new();
    for page in 0..PAGES {
        let strike = Strike::Write(page * FRAME + random.u64(..FRAME));
        courses.extend(everywhere(runner, vec![strike]));
    }
    // What the doors and outages differ in is tried out at every request.
    courses.retain(|c: &Course| match c.door {
        Door::Bot => matches!(c.outage, Outage::None | Outage::TakesAndResets),
        Door::BotWithoutHistory => false,
        Door::Webhook => c.outage == Outage::None,
    });
    Matrix {
        stage: set(runner),
        courses: drawn(courses, sample, &mut random),
    }
}

/// Two to four deaths, in the cycle and in those that were to make up for it.
fn in_a_row(runner: Runner, sample: usize) -> Matrix {
    let mut random = seed();
    let mut courses = Vec::new();
    for _ in 0..if is_full() { 15 * sample } else { sample } {
        let strikes = (0..random.usize(2..=4)).map(|_| any_strike(&mut random));
        courses.push(Course {
            runner,
            strikes: strikes.collect(),
            door: DOORS[random.usize(..DOORS.len())],
            outage: OUTAGES[random.usize(..OUTAGES.len())],
            after: After::AnHour,
        });
    }
    Matrix {
        stage: set(runner),
        courses,
    }
}

fn any_strike(random: &mut fastrand::Rng) -> Strike {
    let moment = match random.u32(..3) {
        0 => Moment::Received,
        1 => Moment::Taken,
        _ => answered(random),
    };
    match random.u32(..4) {
        0 => Strike::Write(random.u64(..PAGES * FRAME)),
        1 if moment != Moment::Taken => {
            Strike::Request(Service::Postmark, random.u32(..10), moment)
        }
        _ => Strike::Request(Service::Slack, random.u32(..8), moment),
    }
}

fn everywhere(runner: Runner, strikes: Vec<Strike>) -> impl Iterator<Item = Course> {
    DOORS.into_iter().flat_map(move |door| {
        let strikes = strikes.clone();
        OUTAGES.into_iter().map(move |outage| Course {
            runner,
            door,
            outage,
            strikes: strikes.clone(),
            after: After::AnHour,
        })
    })
}

/// All of `courses`, or `sample` of them in their order where the run is not to be full; none means all.
fn drawn(courses: Vec<Course>, sample: usize, random: &mut fastrand::Rng) -> Vec<Course> {
    // On a server, each course waits for the leases of its dead.
    let sample = if on_server() {
        sample.div_ceil(3)
    } else {
        sample
    };
    if is_full() || sample == 0 {
        return courses;
    }
    let mut places: Vec<usize> = (0..courses.len()).collect();
    random.shuffle(&mut places);
    places.truncate(sample);
    places.sort_unstable();
    let kept = places.into_iter().map(|place| courses[place].clone());
    kept.collect()
}

/// A course without a death, which must be faultless.
fn reference(stage: &World, runner: Runner) -> Log {
    let course = Course {
        runner,
        door: Door::Bot,
        outage: Outage::None,
        strikes: Vec::new(),
        after: After::AtOnce,
    };
    let log = play(stage, &course, "");
    let verdict = judge(&log, &EVENTS);
    assert_eq!((verdict.repeats, verdict.faults), (0, Vec::new()));
    log
}

fn answered(random: &mut fastrand::Rng) -> Moment {
    Moment::Answered(Duration::from_micros(random.u64(..LONGEST_DELAY)))
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
        Runner::Check(now) => stage(now),
        Runner::Daemon => stage(hushwatch::clock::now()),
    }
}
