//! A crash plan, and the run log of all that can be observed from outside.

use std::path::Path;

use hushwatch::model::HOUR;
use hushwatch::sim::slack::{Fault, Received, SharedFile};
use hushwatch::sim::{self, Plan};
use rusqlite::Connection;

use crate::kill::crash_point::{
    CrashPoint, Runner, Service, WAL_FRAME_BYTES, cycle, request_count, run_until_crash,
};
use crate::store::texts;
use crate::world::World;

/// How Slack is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlackAccess {
    /// A bot that may read the channel.
    Bot,
    /// A bot that may only post.
    BotWithoutHistory,
    /// An incoming webhook.
    Webhook,
}

/// How Slack fails during the crashes and for one cycle after them.
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

/// The instant of the first `check` after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    /// The same instant.
    AtOnce,
    /// An hour later, as from cron.
    AnHourLater,
}

/// Where and how a run crashes.
#[derive(Clone, Debug)]
pub(crate) struct CrashPlan {
    pub(crate) runner: Runner,
    pub(crate) access: SlackAccess,
    pub(crate) outage: Outage,
    pub(crate) crash_points: Vec<CrashPoint>,
    pub(crate) after: Restart,
}

/// What was stored and posted when a process crashed or ended.
#[derive(Debug)]
pub(crate) struct StoredState {
    /// Messages that Slack had posted by then.
    pub(crate) posted: usize,
    /// First lines of the messages that were written and not yet known to be accepted.
    pub(crate) pending: Vec<String>,
    /// Incidents that were committed.
    pub(crate) incidents: Vec<String>,
    /// Transactions that it left in the write-ahead log.
    pub(crate) commits: usize,
    /// Their transitions, each with its instant and whether it was notified, in order.
    pub(crate) steps: Vec<String>,
}

/// The result of a crash plan.
#[derive(Debug)]
pub(crate) struct RunLog {
    pub(crate) access: SlackAccess,
    /// Everything Slack posted, in order.
    pub(crate) posted: Vec<Received>,
    /// Every picture that Slack shows, in order.
    pub(crate) files: Vec<SharedFile>,
    /// The number of them, from the first on, that were posted while no answer went out.
    pub(crate) unanswered: usize,
    pub(crate) crashes: Vec<StoredState>,
    /// The same at the end of the last cycle.
    pub(crate) end: StoredState,
    /// Requests to Postmark, Slack and the heartbeat, up to the end of the first cycle after the crashes.
    pub(crate) requests: [usize; 3],
    /// How often a history was read.
    pub(crate) lookups: usize,
}

/// Plays `plan` on a copy of `stage`, whose database `broken_by` may have changed.
pub(crate) fn run_plan(scenario: &World, plan: &CrashPlan, broken_by: &str) -> RunLog {
    let mut world = scenario.fork();
    open(&mut world, plan.access);
    break_outbox(&world, broken_by);
    world.postmark.take_requests();
    let mut crashes = Vec::new();
    let mut runner = plan.runner;
    for one in &plan.crash_points {
        start_outage(&world, plan.outage);
        if run_until_crash(&world, runner, *one) {
            crashes.push(stored_state(&world));
        }
        if plan.after == Restart::AnHourLater {
            runner = next_hour(runner);
        }
    }
    if plan.outage != Outage::None {
        start_outage(&world, plan.outage);
        cycle(&world, runner);
        runner = next_hour(runner);
        world.slack.clear_faults();
    }
    let unanswered = match plan.outage {
        Outage::TakesAndResets => world.slack.messages().len(),
        _ => 0,
    };
    cycle(&world, runner);
    let requests = [Service::Postmark, Service::Slack, Service::Heartbeat];
    let requests = requests.map(|service| request_count(&world, service));
    cycle(&world, next_hour(runner));
    RunLog {
        access: plan.access,
        posted: world.slack.messages(),
        files: world.slack.files(),
        unanswered,
        crashes,
        end: stored_state(&world),
        requests,
        lookups: world.slack.count("history"),
    }
}

/// Sets the world up for `access`.
pub(crate) fn open(world: &mut World, access: SlackAccess) {
    world.env("HUSHWATCH_HEARTBEAT__URL", &world.slack.heartbeat_url());
    world.slack.show_history(access == SlackAccess::Bot);
    if access == SlackAccess::Webhook {
        world.env("SLACK_BOT_TOKEN", "");
        world.env("SLACK_OPERATOR_DM_CHANNEL", "");
        world.env("SLACK_WEBHOOK_URL", &world.slack.webhook_url());
    }
}

fn start_outage(world: &World, outage: Outage) {
    match outage {
        Outage::None => {}
        Outage::Refuses => world.slack.always(sim::Fault::Status(500)),
        Outage::Limits => world
            .slack
            .always(sim::Fault::TooMany { retry_after: None }),
        Outage::TakesAndResets => {
            for access in ["chat.postMessage", "/services"] {
                world
                    .slack
                    .fail(Plan::always(Fault::AcceptThenReset).on(access));
            }
            world
                .slack
                .fail(Plan::always(sim::Fault::Reset).on("history"));
        }
    }
}

/// `check` comes from cron: every hour.
fn next_hour(runner: Runner) -> Runner {
    match runner {
        Runner::Check(at) => Runner::Check(at + HOUR),
        Runner::Daemon => Runner::Daemon,
    }
}

fn break_outbox(world: &World, sql: &str) {
    if !sql.is_empty() {
        let path = world.folder.path().join("hushwatch.db");
        let store = Connection::open(path).expect("a database");
        store.execute_batch(sql).expect("valid SQL");
    }
}

/// Returns what a process that crashed or ended left in the database.
pub(crate) fn stored_state(world: &World) -> StoredState {
    let read = |sql: &str| match world.database() {
        Some(url) => texts(url, sql),
        None => rows_in_file(world, sql),
    };
    // A picture may be given up.
    let pending =
        read("SELECT text FROM outbox WHERE state IN ('pending', 'sending') AND kind <> 'picture'");
    StoredState {
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
pub(crate) fn rows_in_file(world: &World, sql: &str) -> Vec<String> {
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
    let frames = frames.chunks_exact(WAL_FRAME_BYTES as usize);
    let current = frames.take_while(|frame| frame[8..16] == head[16..24]);
    current.filter(|frame| frame[4..8] != [0; 4]).count()
}

/// Returns the line that identifies a message.
pub(crate) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
