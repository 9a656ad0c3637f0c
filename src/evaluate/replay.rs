//! A past replayed poll by poll, as if every poll had been made and answered.

use std::collections::BTreeMap;

use crate::decide::{Book, Policy};
use crate::evaluate::Walk;
use crate::evaluate::follow::Follower;
use crate::model::{Fate, History, Rules, ServerName, StreamId, Timestamp, Transition};

/// One server's past.
#[derive(Debug)]
pub struct Replay<'a> {
    /// The server.
    pub server: ServerName,
    /// What is told.
    pub policy: Policy,
    /// Its rules.
    pub rules: Rules,
    /// How many streams of the installation share the budget of false silence alarms.
    pub series: usize,
    /// What is known of each stream, from its beginning to the end of the replay.
    pub histories: BTreeMap<StreamId, History>,
    /// Streams whose deliveries are not known but sampled, as live: all of their mail.
    pub sampled: BTreeMap<StreamId, &'a [Fate]>,
}

impl Replay<'_> {
    /// The steps of polls at `polls`, in order; `progress` is called after each of them.
    pub fn run(mut self, polls: &[Timestamp], mut progress: impl FnMut()) -> Vec<Transition> {
        let mut walk = Walk::new(self.policy, self.rules, self.series);
        let mut book = Book::new(self.server, []);
        let mut followers: BTreeMap<&StreamId, Follower<'_>> = self
            .sampled
            .iter()
            .map(|(stream, mail)| (stream, Follower::new(mail)))
            .collect();
        let mut transitions = Vec::new();
        for at in polls {
            for (stream, follower) in &mut followers {
                if let Some(history) = self.histories.get_mut(*stream) {
                    follower.poll(&mut history.followed, *at);
                }
            }
            transitions.extend(walk.step(&mut book, &self.histories, *at));
            progress();
        }
        transitions
    }
}
