//! Where a process crashes: at a request that a service received, or at a write to the database.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hushwatch::model::Timestamp;
use hushwatch::sim::slack::Fault;
use hushwatch::sim::{self, Plan};

use crate::kill::scenario::wal_length;
use crate::store::end_leases;
use crate::world::{World, wait_until};

/// What the last daemon said, in the world's folder.
const DAEMON_LOG: &str = "daemon.log";

/// The signal that ends a process which writes beyond the limit of a file's size. As with SIGKILL, none of its code runs.
const SIGXFSZ: i32 = 25;
/// Units of `ulimit -f` (POSIX), in bytes.
const ULIMIT_UNIT_BYTES: u64 = 512;
/// A crash may come so many bytes before the one that was named: the head of the log, and what `ulimit` rounds away.
pub(crate) const LIMIT_ROUNDING_BYTES: u64 = 32 + ULIMIT_UNIT_BYTES;
/// What a page takes in `SQLite`'s write-ahead log.
pub(crate) const WAL_FRAME_BYTES: u64 = 24 + 4096;

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Postmark,
    Slack,
    Heartbeat,
}

/// When, of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It came in; nothing came of it, and no answer went out.
    Received,
    /// Slack posted the message, and no answer went out.
    Taken,
    /// So long after the answer.
    Answered(Duration),
}

/// Where a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CrashPoint {
    /// SIGKILL at a request, counted from 0 for each service.
    Request(Service, u32, Moment),
    /// At the first byte that makes the write-ahead log so much longer than it was: within a page, so that each limit falls
    /// between other commits. On a server, at an instant that it stands for.
    Write(u64),
}

/// What runs a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    /// `check`, which takes this for the present.
    Check(Timestamp),
    /// The daemon, on the machine's clock.
    Daemon,
}

/// Starts a process that is to crash at a point, and returns whether it did. A process that ends its cycle first survived.
pub(crate) fn run_until_crash(world: &World, runner: Runner, strike: CrashPoint) -> bool {
    let before = |service| request_count(world, service);
    let (struck_at, delay) = match strike {
        CrashPoint::Request(service, nth, moment) => {
            let first = before(service);
            hold_answer(world, service, nth, moment);
            let delay = match moment {
                Moment::Answered(delay) => delay,
                _ => Duration::ZERO,
            };
            (Some((service, first + nth as usize)), delay)
        }
        CrashPoint::Write(_) => (None, Duration::ZERO),
    };
    let pings = world.slack.pings().len();
    let mut process = spawn_under(world, runner, strike);
    let began = Instant::now();
    let deadline = began + Duration::from_secs(60);
    let died = loop {
        if let Some(status) = process.try_wait().expect("a child") {
            break status.signal() == Some(SIGXFSZ);
        }
        if struck_at.is_some_and(|(service, nth)| request_count(world, service) > nth) {
            std::thread::sleep(delay);
            break kill_process(process);
        }
        if runner == Runner::Daemon && is_over(world, pings) {
            kill_process(process);
            break false;
        }
        if world.database().is_some()
            && matches!(strike, CrashPoint::Write(at) if began.elapsed() >= instant_of(at))
        {
            break kill_process(process);
        }
        assert!(Instant::now() < deadline, "{strike:?} did not come");
        std::thread::sleep(Duration::from_micros(300));
    };
    // What the dead one had sent may still be on its way.
    world.slack.finish().expect("settled");
    release_answers(world);
    end_leases(world);
    died
}

/// Within the time that a cycle takes, and a little beyond.
fn instant_of(byte: u64) -> Duration {
    Duration::from_micros(byte / 2)
}

/// Whether a daemon has ended a cycle since it was started with so many heartbeats: with one that gives a message up there
/// is no heartbeat, and its log alone says so.
fn is_over(world: &World, pings: usize) -> bool {
    let log = std::fs::read_to_string(world.folder.path().join(DAEMON_LOG));
    world.slack.pings().len() > pings || log.is_ok_and(|log| log.contains("cycle of "))
}

/// A cycle to its end.
pub(crate) fn cycle(world: &World, runner: Runner) {
    let pings = world.slack.pings().len();
    let mut process = spawn(world, runner);
    if runner == Runner::Daemon {
        wait_until("the end of the cycle", || is_over(world, pings));
        let id = process.id().to_string();
        let term = Command::new("kill").args(["-TERM", &id]).status();
        assert!(term.expect("kill runs").success());
    }
    let status = process.wait().expect("a child");
    assert!(status.code().is_some(), "{status}");
}

/// How many requests a service saw.
pub(crate) fn request_count(world: &World, service: Service) -> usize {
    match service {
        Service::Postmark => world.postmark.count(""),
        Service::Slack => ["/api/", "/services/", "/upload/"]
            .map(|path| world.slack.count(path))
            .iter()
            .sum(),
        Service::Heartbeat => world.slack.count("/heartbeat"),
    }
}

/// Makes the service keep what `moment` does not let out, at its request `nth` from now on.
pub(crate) fn hold_answer(world: &World, service: Service, nth: u32, moment: Moment) {
    let fault = match moment {
        Moment::Received => Fault::Wire(sim::Fault::Hang),
        Moment::Taken => Fault::AcceptThenHang,
        Moment::Answered(_) => return,
    };
    match service {
        Service::Postmark => {
            world
                .postmark
                .fail(Plan::next(1, sim::Fault::Hang).after(nth));
        }
        Service::Slack => world.slack.fail(Plan::next(1, fault).after(nth)),
        Service::Heartbeat => world.slack.fail_pings(Plan::next(1, fault).after(nth)),
    }
}

/// Ends what `arm` began; an outage that was there before is put back by who made it.
pub(crate) fn release_answers(world: &World) {
    world.postmark.clear_faults();
    world.slack.clear_faults();
}

/// Starts a process that nothing kills.
pub(crate) fn spawn(world: &World, runner: Runner) -> Child {
    spawn_under(world, runner, CrashPoint::Write(u64::MAX))
}

fn spawn_under(world: &World, runner: Runner, strike: CrashPoint) -> Child {
    let now;
    let args: &[&str] = match runner {
        Runner::Check(at) => {
            world.postmark.set_now(at);
            now = at.to_string();
            &["check", "--now", &now]
        }
        Runner::Daemon => {
            world.postmark.set_now(hushwatch::clock::now());
            &["run"]
        }
    };
    world.slack.set_now(hushwatch::clock::now());
    let mut command = match strike {
        CrashPoint::Write(beyond) if beyond < u64::MAX && world.database().is_none() => {
            limited(world, args, beyond)
        }
        _ => world.command(args),
    };
    let log = match runner {
        Runner::Check(_) => Stdio::null(),
        Runner::Daemon => {
            let log = std::fs::File::create(world.folder.path().join(DAEMON_LOG));
            Stdio::from(log.expect("a file"))
        }
    };
    let command = command.stdout(Stdio::null()).stderr(log);
    command.spawn().expect("started")
}

/// The command under a shell's limit on the size of files, and without core dumps.
fn limited(world: &World, args: &[&str], beyond: u64) -> Command {
    let bare = world.command(args);
    let limit = (wal_length(world) + beyond) / ULIMIT_UNIT_BYTES;
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg(format!(
            "ulimit -c 0; ulimit -f {limit}; exec \"$0\" \"$@\""
        ))
        .arg(bare.get_program())
        .args(bare.get_args())
        .current_dir(world.folder.path())
        .env_clear();
    command.envs(bare.get_envs().filter_map(|(k, v)| Some((k, v?))));
    command
}

/// SIGKILL.
pub(crate) fn kill_process(mut process: Child) -> bool {
    process.kill().expect("killed");
    process.wait().expect("ended");
    true
}
