//! One server walked through its instants: what is true at each, and what becomes of its incidents. Pure.
//!
//! The one path from history to transitions: a cycle, its catch-up and a replay differ in the instants that they hand in.

mod follow;
mod gap;
mod replay;

pub use gap::{began_and_ended, quiet_reminders};
pub use replay::Replay;

use std::collections::{BTreeMap, BTreeSet};

use crate::decide::{Book, Key, Policy, Unmuted};
use crate::detect::{self, Judge, Sight};
use crate::model::{Finding, History, Rules, Step, StreamId, Timestamp, Transition};

/// Walks one server from instant to instant.
#[derive(Debug)]
pub struct Walk {
    policy: Policy,
    judge: Judge,
}

impl Walk {
    /// Under these rules, of which `series` streams of the whole installation share the budget of false silence alarms.
    pub fn new(policy: Policy, rules: Rules, series: usize) -> Self {
        Self {
            policy,
            judge: Judge::new(rules, series),
        }
    }

    /// The steps at one instant, on what had happened before it.
    pub fn step(
        &mut self,
        book: &mut Book,
        histories: &BTreeMap<StreamId, History>,
        at: Timestamp,
    ) -> Vec<Transition> {
        let findings: Vec<Finding> = histories
            .iter()
            .flat_map(|(stream, history)| self.judge.judge(history, stream, at))
            .collect();
        let watched: BTreeSet<Key> = findings.iter().map(Key::of).collect();
        let mut transitions = book.weigh(&self.policy, findings, at);
        transitions.extend(book.retire(&self.policy, &watched, at));
        transitions
    }

    /// The steps of a cycle at `now`, which judges the instants before it first.
    pub fn cycle(
        &mut self,
        book: &mut Book,
        sight: &Sight,
        histories: &BTreeMap<StreamId, History>,
        missed: &[Timestamp],
        now: Timestamp,
    ) -> Vec<Transition> {
        // The server's own rules come first: what a gap hid is judged as seen now, no longer blind.
        let findings = detect::judge_server(sight, now);
        let kept: BTreeSet<Key> = findings
            .iter()
            .flat_map(|finding| book.kept_back(&Key::of(finding)))
            .collect();
        let kept: Vec<Key> = kept.into_iter().collect();
        let mut transitions = book.weigh(&self.policy, findings, now);
        let over = transitions.iter().any(|t| t.step == Step::Resolved);
        for at in missed.iter().chain([&now]) {
            transitions.extend(self.step(book, histories, *at));
        }
        if over {
            let told = book.release(&self.policy, &kept, &transitions, now);
            transitions.extend(told);
        }
        transitions.sort_by_key(|t| t.at);
        transitions
    }

    /// What the end of a mute has to tell after a cycle at `now`.
    pub fn unmute(&self, book: &mut Book, now: Timestamp) -> Unmuted {
        book.unmute(&self.policy, now)
    }
}
