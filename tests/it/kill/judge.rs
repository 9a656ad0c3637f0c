//! What Slack posted against the tape of events.

use hushwatch::sim::slack::Received;

use crate::kill::course::{Door, Log, first_line};

/// What a course came to.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Repeats of what nobody could know to have been posted.
    pub(crate) repeats: usize,
    /// What may not be.
    pub(crate) faults: Vec<String>,
}

/// Judges one course, in which `events` and nothing else was to be told.
pub(crate) fn judge(log: &Log, events: &[&str]) -> Verdict {
    let mut verdict = Verdict::default();
    for event in events {
        let told: Vec<&Received> = log.posted.iter().filter(|m| tells(m, event)).collect();
        if told.is_empty() {
            verdict.faults.push(format!("lost: {event}"));
        }
        if told.iter().any(|m| m.plain != told[0].plain) {
            verdict.faults.push(format!(
                "told in two ways: {event}: {:?}",
                told.iter().map(|m| &m.plain).collect::<Vec<_>>()
            ));
        }
    }
    for (place, message) in log.posted.iter().enumerate() {
        let line = first_line(&message.plain);
        if events.iter().filter(|e| tells(message, e)).count() != 1 {
            verdict.faults.push(format!("told of nothing: {line}"));
        }
        match earlier(log, place) {
            Some(before) if could_be_known(log, before, &line) => {
                verdict.faults.push(format!("repeated: {line}"));
            }
            Some(_) => verdict.repeats += 1,
            None => {}
        }
    }
    verdict.faults.extend(forgotten(log));
    verdict
}

fn tells(message: &Received, event: &str) -> bool {
    message
        .plain
        .lines()
        .next()
        .is_some_and(|line| line.contains(event))
}

/// The last message before `place` that is the same.
fn earlier(log: &Log, place: usize) -> Option<usize> {
    (0..place)
        .rev()
        .find(|i| log.posted[*i].plain == log.posted[place].plain)
}

/// Whether the sender could know that the message at `place` was posted: it had an answer and the time to write it down,
/// or a history to look into.
fn could_be_known(log: &Log, place: usize, line: &str) -> bool {
    let died_unwitting = log
        .deaths
        .iter()
        .any(|d| d.posted == place + 1 && d.pending.iter().any(|p| p == line));
    log.door == Door::Bot || !(place < log.unanswered || died_unwitting)
}

/// What was committed when a process died, and did not come to its end.
fn forgotten(log: &Log) -> Vec<String> {
    let mut faults = Vec::new();
    for death in &log.deaths {
        let untold = |line: &&String| {
            let mut posted = log.posted.iter();
            !posted.any(|m| first_line(&m.plain) == **line)
        };
        let lost = death.incidents.iter();
        let lost = lost.filter(|id| !log.end.incidents.contains(id));
        faults.extend(lost.map(|id| format!("incident forgotten: {id}")));
        if !log.end.steps.starts_with(&death.steps) {
            faults.push(format!("steps rewritten: {:?}", death.steps));
        }
        let untold = death.pending.iter().filter(untold);
        faults.extend(untold.map(|line| format!("committed and never told: {line}")));
    }
    let left = log.end.pending.iter();
    faults.extend(left.map(|line| format!("still pending: {line}")));
    faults
}
