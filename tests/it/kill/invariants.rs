//! What Slack posted against the scenario of events.

use hushwatch::sim::slack::Received;

use crate::kill::crash_plan::{RunLog, SlackAccess, first_line};

/// What a plan came to.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    /// Repeats of what nobody could know to have been posted.
    pub(crate) repeats: usize,
    /// What may not be.
    pub(crate) violations: Vec<String>,
}

/// Judges one plan, in which `events` and nothing else was to be reported.
pub(crate) fn check_invariants(log: &RunLog, events: &[&str]) -> Violations {
    let mut found = Violations::default();
    for event in events {
        let sent: Vec<&Received> = log.posted.iter().filter(|m| mentions(m, event)).collect();
        if sent.is_empty() {
            found.violations.push(format!("lost: {event}"));
        }
        if sent.iter().any(|m| m.plain != sent[0].plain) {
            found.violations.push(format!(
                "reported in two ways: {event}: {:?}",
                sent.iter().map(|m| &m.plain).collect::<Vec<_>>()
            ));
        }
    }
    for (place, message) in log.posted.iter().enumerate() {
        let line = first_line(&message.plain);
        if events.iter().filter(|e| mentions(message, e)).count() != 1 {
            found.violations.push(format!("reported nothing: {line}"));
        }
        match earlier_duplicate(log, place) {
            Some(before) if was_knowable(log, before, &line) => {
                found.violations.push(format!("repeated: {line}"));
            }
            Some(_) => found.repeats += 1,
            None => {}
        }
    }
    found.violations.extend(lost_after_crash(log));
    found.violations.extend(misplaced_pictures(log));
    found
}

/// A picture is shown below the digest, no more often than it is tried, and once where nothing went wrong.
fn misplaced_pictures(log: &RunLog) -> Vec<String> {
    let digests = log.posted.iter().filter(|m| mentions(m, "digest"));
    let digests: Vec<Option<&str>> = digests.map(|m| Some(m.ts.as_str())).collect();
    let mut violations = Vec::new();
    for file in &log.files {
        if !digests.contains(&file.thread_ts.as_deref()) {
            violations.push(format!(
                "a picture below {:?}: {}",
                file.thread_ts, file.title
            ));
        }
        let shown = log
            .files
            .iter()
            .filter(|other| other.name == file.name)
            .count();
        let most = if log.crashes.is_empty() { 1 } else { 2 };
        if shown > most {
            violations.push(format!("a picture {shown} times: {}", file.title));
        }
    }
    violations
}

fn mentions(message: &Received, event: &str) -> bool {
    message
        .plain
        .lines()
        .next()
        .is_some_and(|line| line.contains(event))
}

/// The last message before `place` that is the same.
fn earlier_duplicate(log: &RunLog, place: usize) -> Option<usize> {
    (0..place)
        .rev()
        .find(|i| log.posted[*i].plain == log.posted[place].plain)
}

/// Whether the sender could know that the message at `place` was posted: it had an answer and the time to write it down,
/// or a history to look into.
fn was_knowable(log: &RunLog, place: usize, line: &str) -> bool {
    let died_before_recording = log
        .crashes
        .iter()
        .any(|d| d.posted == place + 1 && d.pending.iter().any(|p| p == line));
    log.access == SlackAccess::Bot || !(place < log.unanswered || died_before_recording)
}

/// What was committed when a process died, and did not come to its end.
fn lost_after_crash(log: &RunLog) -> Vec<String> {
    let mut violations = Vec::new();
    for crash in &log.crashes {
        let untold = |line: &&String| {
            let mut posted = log.posted.iter();
            !posted.any(|m| first_line(&m.plain) == **line)
        };
        let lost = crash.incidents.iter();
        let lost = lost.filter(|id| !log.end.incidents.contains(id));
        violations.extend(lost.map(|id| format!("incident lost_after_crash: {id}")));
        if !log.end.steps.starts_with(&crash.steps) {
            violations.push(format!("steps rewritten: {:?}", crash.steps));
        }
        let untold = crash.pending.iter().filter(untold);
        violations.extend(untold.map(|line| format!("committed and never told: {line}")));
    }
    let left = log.end.pending.iter();
    violations.extend(left.map(|line| format!("still pending: {line}")));
    violations
}
