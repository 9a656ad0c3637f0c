//! The fault matrix: every fault of Postmark and of Slack, alone and in pairs, against what must hold of each.
//!
//! A part of it runs with every `cargo test`; all of it with `HUSHWATCH_MATRIX=full cargo test --test it matrix`.

mod cases;
mod endpoints;
mod later_change;
mod scenario;
mod stored_state;

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::world::Process;
use cases::{Case, ExpectedAlert, ExpectedDelivery, SlackCase, Timing};
use hushwatch::sim::{Fault, Plan};
use scenario::{FAULTY_HOURS, FIRST_HOURS, FaultScenario, HEALTHY_HOURS};

/// Runs at the same time: most of the slow ones wait.
const MAX_CONCURRENT_RUNS: usize = 6;
/// What a fault can be confined to: all of it, each endpoint, and the second page of a list.
const PARTS: [&str; 6] = [
    "",
    "/message-streams",
    "/messages/outbound?",
    "/bounces?",
    "/details",
    "offset=500",
];

fn is_full() -> bool {
    std::env::var("HUSHWATCH_MATRIX").is_ok_and(|value| value == "full")
}

/// Counts of the full run, past the capture of a test that passes.
fn report(text: &str) {
    if is_full() {
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

/// Every run of the whole matrix, or those at every `step`th place, and none that costs time-outs.
fn chosen<T>(all: Vec<T>, step: usize, is_slow: impl Fn(&T) -> bool) -> Vec<T> {
    if is_full() {
        return all;
    }
    all.into_iter()
        .filter(|one| !is_slow(one))
        .step_by(step)
        .collect()
}

/// Runs each in a thread of a few, and fails with everything that did not hold.
fn run_all<T: Sync>(what: &str, runs: &[T], run: impl Fn(&T) -> Vec<String> + Sync) {
    let started = std::time::Instant::now();
    scenario::baseline();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..MAX_CONCURRENT_RUNS.min(runs.len()) {
            scope.spawn(|| {
                while let Some(one) = runs.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let found = run(one);
                    wrong.lock().expect("nobody panics with it").extend(found);
                }
            });
        }
    });
    endpoints::assert_nothing_was_sent();
    let wrong = wrong.into_inner().expect("nobody panics with it");
    report(&format!(
        "matrix: {what}: {} runs in {:?}, {} facts broken",
        runs.len(),
        started.elapsed(),
        wrong.len()
    ));
    let posted = &wrong[..wrong.len().min(30)];
    assert!(wrong.is_empty(), "{}", posted.join("\n"));
}

/// A Postmark fault that strikes `part` in both cycles.
fn postmark_fault(case: &Case, part: &str, process: Process) -> Vec<String> {
    let mut scenario = FaultScenario::new(format!("{} on `{part}`", case.name), process);
    scenario.fail_postmark(&case.strike, part, None);
    let meaning = case.expected_on(part);
    for instant in FAULTY_HOURS {
        let cycle =
            scenario.cycle_during_fault(instant, i32::from(meaning != ExpectedAlert::Harmless));
        scenario.expect_alert(meaning, &cycle, instant);
        for (stream, kind, path) in [
            ("outbound", "messages", "/messages/outbound?"),
            ("outbound", "bounces", "/bounces?"),
            ("news", "messages", "offset=500"),
        ] {
            let unread = meaning != ExpectedAlert::Harmless
                && (part.is_empty() || part == "/message-streams" || part == path);
            let covered_ms = scenario.stored_state().covered_ms(stream, kind);
            scenario.expect_that(!unread || covered_ms == scenario::before(), || {
                format!("{kind} of {stream} are covered_ms up to {covered_ms} at {instant}")
            });
        }
    }
    scenario.end_fault(false);
    scenario.expect_recovery();
    scenario.end()
}

/// A Postmark fault that strikes the first two cycles of all.
fn first_start(case: &Case, part: &str) -> Vec<String> {
    let mut scenario = FaultScenario::fresh(
        format!("{} on `{part}` from the start", case.name),
        Process::One,
    );
    scenario.fail_postmark(&case.strike, part, None);
    let meaning = case.expected_on(part);
    for instant in FIRST_HOURS {
        let cycle =
            scenario.cycle_during_fault(instant, i32::from(meaning != ExpectedAlert::Harmless));
        scenario.expect_alert(meaning, &cycle, instant);
    }
    scenario.end_fault(false);
    scenario.expect_recovery_over(&[&FAULTY_HOURS[..], &HEALTHY_HOURS[..]].concat());
    scenario.end()
}

/// A Postmark fault that strikes one request of `part`: what may pass is asked again at once.
fn postmark_hiccup(case: &Case, part: &str) -> Vec<String> {
    let mut scenario = FaultScenario::new(format!("{} once on `{part}`", case.name), Process::One);
    scenario.fail_postmark(&case.strike, part, Some(1));
    let is_over = case.passing || case.expected_on(part) == ExpectedAlert::Harmless;
    scenario.cycle_during_fault(FAULTY_HOURS[0], i32::from(!is_over));
    scenario.end_fault(false);
    scenario.cycle_during_fault(FAULTY_HOURS[1], 0);
    scenario.expect_recovery();
    scenario.end()
}

/// A Slack fault in both cycles.
fn slack_fault(case: &SlackCase, is_webhook: bool, process: Process) -> Vec<String> {
    let door = if is_webhook { "webhook" } else { "bot" };
    let mut scenario = FaultScenario::new(format!("Slack {} by {door}", case.name), process);
    if is_webhook {
        scenario.use_webhook();
    }
    scenario.fail_slack(&case.strike, case.fate, is_webhook);
    let gives_up = is_webhook && case.is_unconfirmed();
    for instant in FAULTY_HOURS {
        let before = scenario.world.slack.messages().len();
        let cycle = scenario
            .cycle_during_fault(instant, i32::from(case.fate != ExpectedDelivery::Accepted));
        let sent = scenario.world.slack.messages().len() - before;
        let notices = &cycle.report["notices"];
        let left = (notices["pending"].as_u64(), notices["given_up"].as_u64());
        let is_first = instant == FAULTY_HOURS[0];
        let waits = if gives_up && !is_first {
            (Some(0), Some(1))
        } else {
            (Some(1), Some(0))
        };
        let (accepted, expected) = match case.fate {
            ExpectedDelivery::Accepted => (usize::from(is_first), (Some(0), Some(0))),
            ExpectedDelivery::Refused => (0, waits),
            ExpectedDelivery::Unknowable => (sent.min(1), waits),
        };
        scenario.expect_that(sent == accepted && left == expected, || {
            format!(
                "{sent} accepted, {left:?} pending and given up at {instant}: {}",
                cycle.report
            )
        });
    }
    scenario.given_up = usize::from(gives_up);
    scenario.end_fault(is_webhook);
    scenario.expect_recovery();
    scenario.end()
}

/// Two faults at once: of two endpoints of Postmark, or of Postmark and Slack.
fn pair(one: &(Case, &'static str), other: &Other) -> Vec<String> {
    let (case, part) = one;
    let mut scenario = FaultScenario::new(
        format!("{} on `{part}` with {other:?}", case.name),
        Process::One,
    );
    let mut meanings = vec![case.expected_on(part)];
    scenario.fail_postmark(&case.strike, part, None);
    match other {
        Other::Postmark(second, other) => {
            scenario.fail_postmark(&second.strike, other, None);
            meanings.push(second.expected_on(other));
        }
        Other::Slack(second) => scenario.fail_slack(&second.strike, second.fate, false),
    }
    let blinds = meanings
        .iter()
        .any(|meaning| *meaning != ExpectedAlert::Harmless);
    let holds_up =
        matches!(other, Other::Slack(second) if second.fate != ExpectedDelivery::Accepted);
    for instant in FAULTY_HOURS {
        let cycle = scenario.checked_cycle(instant);
        let pending = cycle.report["notices"]["pending"].as_u64().unwrap_or(0);
        scenario.expect_that(pending == 0 || holds_up, || {
            format!("{pending} pending at {instant}")
        });
        let code = i32::from(blinds || pending > 0);
        scenario.expect_that(cycle.code == code, || {
            format!(
                "exit {} instead of {code} at {instant}: {}",
                cycle.code, cycle.report["errors"]
            )
        });
    }
    scenario.end_fault(false);
    scenario.expect_recovery();
    scenario.end()
}

#[derive(Clone, Debug)]
enum Other {
    Postmark(Case, &'static str),
    Slack(SlackCase),
}

#[test]
fn matrix_every_fault_of_postmark_is_seen_reported_and_repaired() {
    if crate::store::needs_a_file("faults, on copies of a file") {
        return;
    }
    let mut runs = Vec::new();
    for case in cases::postmark() {
        let parts = match case.strike {
            Timing::Fault(_) => &PARTS[..],
            Timing::BadEndpoint(_) => &PARTS[..1],
        };
        runs.extend(parts.iter().map(|part| (case.clone(), *part)));
    }
    let runs = chosen(runs, 13, |(case, _)| case.slow);
    run_all("faults of Postmark in two cycles", &runs, |(case, part)| {
        postmark_fault(case, part, Process::One)
    });
}

#[test]
fn matrix_a_first_start_amid_faults_reads_the_past_when_they_end() {
    if crate::store::needs_a_file("faults, on copies of a file") {
        return;
    }
    let mut runs = Vec::new();
    for case in cases::postmark() {
        let parts = match case.strike {
            // There is no second page of that past.
            Timing::Fault(_) => &PARTS[..PARTS.len() - 1],
            Timing::BadEndpoint(_) => &PARTS[..1],
        };
        runs.extend(parts.iter().map(|part| (case.clone(), *part)));
    }
    let runs = chosen(runs, 23, |(case, _)| case.slow);
    run_all("first starts amid faults", &runs, |(case, part)| {
        first_start(case, part)
    });
}

#[test]
fn matrix_one_bad_answer_of_postmark_is_asked_again_where_it_may_pass() {
    if crate::store::needs_a_file("faults, on copies of a file") {
        return;
    }
    let mut runs = Vec::new();
    for case in cases::postmark() {
        if matches!(case.strike, Timing::Fault(_)) {
            runs.extend(PARTS[1..].iter().map(|part| (case.clone(), *part)));
        }
    }
    let runs = chosen(runs, 29, |(case, _)| case.slow);
    run_all("single bad answers of Postmark", &runs, |(case, part)| {
        postmark_hiccup(case, part)
    });
}

#[test]
fn matrix_every_fault_of_slack_keeps_the_message_for_later() {
    if crate::store::needs_a_file("faults, on copies of a file") {
        return;
    }
    let all = cases::slack();
    let runs: Vec<_> = all
        .into_iter()
        .flat_map(|case| [(case.clone(), false), (case, true)])
        .filter(|(case, is_webhook)| !(*is_webhook && case.fools_a_webhook()))
        .collect();
    let runs = chosen(runs, 11, |(case, _)| case.slow);
    run_all("faults of Slack", &runs, |(case, is_webhook)| {
        slack_fault(case, *is_webhook, Process::One)
    });
}

#[test]
fn matrix_faults_in_pairs() {
    if crate::store::needs_a_file("faults, on copies of a file") {
        return;
    }
    let seed = std::env::var("HUSHWATCH_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    let mut draw = fastrand::Rng::with_seed(seed);
    let (of_postmark, of_slack) = (cases::postmark(), cases::slack());
    let mut runs = Vec::new();
    for _ in 0..if is_full() { 240 } else { 90 } {
        let mut case = || of_postmark[draw.usize(..of_postmark.len())].clone();
        let (first, second) = (case(), case());
        let slack = of_slack[draw.usize(..of_slack.len())].clone();
        let at = draw.usize(1..PARTS.len());
        let part = if matches!(first.strike, Timing::BadEndpoint(_)) {
            ""
        } else {
            PARTS[at]
        };
        let elsewhere = PARTS[1 + at % (PARTS.len() - 1)];
        let is_place = matches!(second.strike, Timing::BadEndpoint(_));
        let other = if draw.bool() && !is_place {
            Other::Postmark(second, elsewhere)
        } else {
            Other::Slack(slack)
        };
        runs.push(((first, part), other));
    }
    let runs = chosen(runs, 12, |((first, _), other)| {
        first.slow
            || matches!(other, Other::Postmark(second, _) if second.slow)
            || matches!(other, Other::Slack(second) if second.slow)
    });
    run_all(
        &format!("pairs of faults, seed {seed}"),
        &runs,
        |(one, other)| pair(one, other),
    );
}

#[test]
fn matrix_an_answer_of_postmark_cut_at_any_byte_is_no_answer() {
    if crate::store::needs_a_file("faults, on copies of a file") {
        return;
    }
    let mut scenario = FaultScenario::new("cut".to_owned(), Process::One);
    let paths = [
        (
            "/message-streams",
            "/message-streams?MessageStreamType=All&IncludeArchivedStreams=false",
        ),
        (
            "messagestream=broadcast",
            "/messages/outbound?count=500&offset=0&messagestream=broadcast",
        ),
    ];
    let mut cuts = 0;
    for (part, path) in paths {
        let length = scenario.length_of(path);
        for end in (0..length).step_by(if is_full() { 1 } else { 1 + length / 12 }) {
            scenario.world.shop.clear_faults();
            scenario.fail_postmark(&Timing::Fault(Fault::Cut(end)), part, None);
            let cycle = scenario.cycle_during_fault(FAULTY_HOURS[0], 1);
            scenario.expect_alert(ExpectedAlert::Harmless, &cycle, FAULTY_HOURS[0]);
            cuts += 1;
        }
    }
    report(&format!(
        "matrix: {cuts} places where an answer of Postmark is cut"
    ));
    scenario.end_fault(false);
    scenario.cycle_during_fault(FAULTY_HOURS[0], 0);
    scenario.cycle_during_fault(FAULTY_HOURS[1], 0);
    scenario.expect_recovery();
    assert_eq!(scenario.end(), Vec::<String>::new());
}

#[test]
fn matrix_an_answer_of_slack_cut_at_any_byte_keeps_the_message_pending() {
    if crate::store::needs_a_file("faults, on copies of a file") {
        return;
    }
    let mut scenario = FaultScenario::new("cut".to_owned(), Process::One);
    let length =
        r#"{"channel":"C0OPERATORS","message":{"text":""},"ok":true,"ts":"1.000001"}"#.len();
    for end in (0..length).step_by(if is_full() { 1 } else { 9 }) {
        scenario.world.slack.clear_faults();
        scenario.fail_slack(
            &Timing::Fault(Fault::Cut(end).into()),
            ExpectedDelivery::Unknowable,
            false,
        );
        scenario.cycle_during_fault(FAULTY_HOURS[0], 1);
    }
    report(&format!(
        "matrix: {length} places where an answer of Slack is cut"
    ));
    scenario.attempts_unknown = length;
    scenario.end_fault(false);
    scenario.cycle_during_fault(FAULTY_HOURS[0], 0);
    scenario.cycle_during_fault(FAULTY_HOURS[1], 0);
    scenario.expect_recovery();
    assert_eq!(scenario.end(), Vec::<String>::new());
}

#[test]
fn matrix_a_heartbeat_that_fails_changes_nothing() {
    if crate::store::needs_a_file("faults, on copies of a file") {
        return;
    }
    let mut scenario = FaultScenario::fresh("heartbeat".to_owned(), Process::One);
    let url = scenario.world.slack.heartbeat_url();
    scenario.world.env("HUSHWATCH_HEARTBEAT__URL", &url);
    for case in cases::postmark().into_iter().filter(|case| !case.slow) {
        // A redirect of a heartbeat is followed, without the secret.
        let fault = match case.strike {
            Timing::BadEndpoint(_) | Timing::Fault(Fault::Redirect(_)) => continue,
            Timing::Fault(fault) => fault,
        };
        scenario.world.slack.clear_faults();
        scenario.world.slack.fail_pings(Plan::always(fault));
        scenario.cycle_during_fault(FIRST_HOURS[0], 0);
    }
    scenario.end_fault(false);
    scenario
        .expect_recovery_over(&[&FIRST_HOURS[1..], &FAULTY_HOURS[..], &HEALTHY_HOURS[..]].concat());
    assert_eq!(scenario.end(), Vec::<String>::new());
}

#[test]
fn matrix_faults_between_processes_of_their_own() {
    if crate::store::needs_a_file("faults, on copies of a file") {
        return;
    }
    let wanted = [
        "cut at 20",
        "401",
        "gzip bomb",
        "SelfSigned",
        "422 code 412",
        "429 for 7",
    ];
    let runs: Vec<Case> = cases::postmark()
        .into_iter()
        .filter(|case| wanted.contains(&case.name.as_str()))
        .collect();
    let runs = chosen(runs, 3, |_| false);
    run_all(
        "faults of Postmark, a process for each cycle",
        &runs,
        |case| postmark_fault(case, "", Process::New),
    );
    let wanted = ["reset", "reset after posting", "500", "NoTls"];
    let runs: Vec<SlackCase> = cases::slack()
        .into_iter()
        .filter(|case| wanted.contains(&case.name.as_str()))
        .collect();
    let runs = chosen(runs, 2, |_| false);
    run_all("faults of Slack, a process for each cycle", &runs, |case| {
        slack_fault(case, false, Process::New)
    });
}
