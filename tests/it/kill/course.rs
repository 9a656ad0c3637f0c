//! One course of deaths and cycles, and all that can be seen of it from outside.

use std::path::Path;

use hushwatch::model::HOUR;
use hushwatch::sim::slack::{Fault, Received};
use hushwatch::sim::{self, Plan};
use rusqlite::Connection;

use crate::kill::strike::{FRAME, Runner, Service, Strike, cycle, seen, strike};
use crate::store::texts;
use crate::world::World;

/// By which door messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// A bot that may read the channel.
    Bot,
    /// A bot that may only post.
    BotWithoutHistory,
    /// An incoming webhook.
    Webhook,
}

/// What is wrong with Slack until the deaths are over, and one cycle longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outage {
    None,
    /// 500: nothing is posted.
    Refuses,
    /// 429 without a `Retry-After`: nothing is posted.
    Limits,
    /// Everything is posted, and no answer comes.
    TakesAndResets,
}

/// When `check` comes again after a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// For the same instant.
    AtOnce,
    /// An hour later, as from cron.
    AnHour,
}

/// What happens.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    pub(crate) runner: Runner,
    pub(crate) door: Door,
    pub(crate) outage: Outage,
    pub(crate) strikes: Vec<Strike>,
    pub(crate) after: After,
}

/// What a process left behind when it died.
#[derive(Debug)]
pub(crate) struct Death {
    /// Messages that Slack had posted by then.
    pub(crate) posted: usize,
    /// First lines of the messages that were written and not yet known to be accepted.
    pub(crate) pending: Vec<String>,
    /// Incidents that were committed.
    pub(crate) incidents: Vec<String>,
    /// Transactions that it left in the write-ahead log.
    pub(crate) commits: usize,
    /// Their steps, each with its instant and whether it is told, in the order of judging.
    pub(crate) steps: Vec<String>,
}

/// What came of a course.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) door: Door,
    /// Everything Slack posted, in order.
    pub(crate) posted: Vec<Received>,
    /// So many of them, from the first on, were posted while no answer went out.
    pub(crate) unanswered: usize,
    pub(crate) deaths: Vec<Death>,
    /// As a death, at the end of the last cycle.
    pub(crate) end: Death,
    /// Requests to Postmark, Slack and the heartbeat, up to the end of the first cycle after the deaths.
    pub(crate) requests: [usize; 3],
    /// How often a history was read.
    pub(crate) lookups: usize,
}

/// Plays `course` on a copy of `stage`, whose database `sabotage` may have changed.
pub(crate) fn play(stage: &World, course: &Course, sabotage: &str) -> Log {
    let mut world = stage.fork();
    open(&mut world, course.door);
    sabotage_store(&world, sabotage);
    world.postmark.take_requests();
    let mut deaths = Vec::new();
    let mut runner = course.runner;
    for one in &course.strikes {
        begin(&world, course.outage);
        if strike(&world, runner, *one) {
            deaths.push(left_behind(&world));
        }
        if course.after == After::AnHour {
            runner = later(runner);
        }
    }
    if course.outage != Outage::None {
        begin(&world, course.outage);
        cycle(&world, runner);
        runner = later(runner);
        world.slack.clear_faults();
    }
    let unanswered = match course.outage {
        Outage::TakesAndResets => world.slack.messages().len(),
        _ => 0,
    };
    cycle(&world, runner);
    let requests = [Service::Postmark, Service::Slack, Service::Heartbeat];
    let requests = requests.map(|service| seen(&world, service));
    cycle(&world, later(runner));
    Log {
        door: course.door,
        posted: world.slack.messages(),
        unanswered,
        deaths,
        end: left_behind(&world),
        requests,
        lookups: world.slack.count("history"),
    }
}

/// Sets the world up for `door`.
pub(crate) fn open(world: &mut World, door: Door) {
    world.env("HUSHWATCH_HEARTBEAT__URL", &world.slack.heartbeat_url());
    world.slack.show_history(door == Door::Bot);
    if door == Door::Webhook {
        world.env("SLACK_BOT_TOKEN", "");
        world.env("SLACK_OPERATOR_DM_CHANNEL", "");
        world.env("SLACK_WEBHOOK_URL", &world.slack.webhook_url());
    }
}

fn begin(world: &World, outage: Outage) {
    match outage {
        Outage::None => {}
        Outage::Refuses => world.slack.always(sim::Fault::Status(500)),
        Outage::Limits => world
            .slack
            .always(sim::Fault::TooMany { retry_after: None }),
        Outage::TakesAndResets => {
            for door in ["chat.postMessage", "/services"] {
                world
                    .slack
                    .fail(Plan::always(Fault::AcceptThenReset).on(door));
            }
            world
                .slack
                .fail(Plan::always(sim::Fault::Reset).on("history"));
        }
    }
}

/// `check` comes from cron: every hour.
fn later(runner: Runner) -> Runner {
    match runner {
        Runner::Check(at) => Runner::Check(at + HOUR),
        Runner::Daemon => Runner::Daemon,
    }
}

fn sabotage_store(world: &World, sql: &str) {
    if !sql.is_empty() {
        let path = world.folder.path().join("hushwatch.db");
        let store = Connection::open(path).expect("a database");
        store.execute_batch(sql).expect("valid SQL");
    }
}

/// What a process that died, or ended, left in the database.
pub(crate) fn left_behind(world: &World) -> Death {
    let read = |sql: &str| match world.database() {
        Some(url) => texts(url, sql),
        None => left_in_file(world, sql),
    };
    let pending = read("SELECT text FROM outbox WHERE state IN ('pending', 'sending')");
    Death {
        posted: world.slack.messages().len(),
        pending: pending.iter().map(|text| first_line(text)).collect(),
        incidents: read("SELECT id FROM incidents"),
        commits: commits(&world.folder.path().join("hushwatch.db-wal")),
        steps: read(
            "SELECT at || ' ' || incident || ' ' || step || ' ' || told FROM transitions ORDER BY seq",
        ),
    }
}

/// Read from a copy: the next process must find the files as the dead one left them.
fn left_in_file(world: &World, sql: &str) -> Vec<String> {
    let copy = tempfile::tempdir().expect("a folder");
    for name in ["hushwatch.db", "hushwatch.db-wal"] {
        let from = world.folder.path().join(name);
        if from.exists() {
            std::fs::copy(from, copy.path().join(name)).expect("copied");
        }
    }
    let store = Connection::open(copy.path().join("hushwatch.db")).expect("a database");
    let mut select = store.prepare(sql).expect("valid SQL");
    let rows = select.query_map((), |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("text")).collect()
}

/// Counts the frames that end a transaction: those which say how large the database is after them (its "WAL file
/// format"). What is left of an older log has other salts.
fn commits(log: &Path) -> usize {
    let log = std::fs::read(log).unwrap_or_default();
    let Some((head, frames)) = log.split_at_checked(32) else {
        return 0;
    };
    let frames = frames.chunks_exact(FRAME as usize);
    let current = frames.take_while(|frame| frame[8..16] == head[16..24]);
    current.filter(|frame| frame[4..8] != [0; 4]).count()
}

/// By which a message is known.
pub(crate) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
