//! Replays a past poll by poll, as if every poll had been made and answered.

use std::collections::BTreeMap;

use crate::decide::{IncidentLog, Policy};
use crate::evaluate::Evaluator;
use crate::evaluate::sample_replay::SampleReplay;
use crate::model::{History, MessageOutcome, ServerName, StreamId, Timestamp, Transition};

/// The past of one server, and how to evaluate it.
#[derive(Debug)]
pub struct Replay<'a> {
    pub server: ServerName,
    pub policy: Policy,
    /// The number of streams in the installation that share the budget of false silence alarms.
    pub series: usize,
    /// The history of each stream, from its beginning to the end of the replay.
    pub histories: BTreeMap<StreamId, History>,
    /// All mail of the streams whose deliveries are sampled as a live installation would.
    pub sampled: BTreeMap<StreamId, &'a [MessageOutcome]>,
}

impl Replay<'_> {
    /// Returns the transitions of polls at the instants `polls`, in order; calls `progress` after each.
    pub fn run(mut self, polls: &[Timestamp], mut progress: impl FnMut()) -> Vec<Transition> {
        let mut evaluator = Evaluator::new(self.policy, self.series);
        let mut log = IncidentLog::new(self.server, []);
        let mut followers: BTreeMap<&StreamId, SampleReplay<'_>> = self
            .sampled
            .iter()
            .map(|(stream, mail)| (stream, SampleReplay::new(mail)))
            .collect();
        let mut transitions = Vec::new();
        for at in polls {
            for (stream, follower) in &mut followers {
                if let Some(history) = self.histories.get_mut(*stream) {
                    follower.poll(&mut history.sampled, *at);
                }
            }
            transitions.extend(evaluator.evaluate_at(&mut log, &self.histories, *at));
            progress();
        }
        transitions
    }
}
