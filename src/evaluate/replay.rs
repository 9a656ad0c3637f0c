//! Replays a past poll by poll, as if every poll had been made and answered.

use std::collections::BTreeMap;

use crate::decide::{IncidentLog, Policy};
use crate::detect::Together;
use crate::evaluate::Evaluator;
use crate::evaluate::sample_replay::SampleReplay;
use crate::model::{
    History, Incident, MessageOutcome, Rule, ServerName, StreamId, StreamKey, Timestamp, Transition,
};

/// The past of one server, and how to evaluate it.
#[derive(Debug)]
pub struct ServerPast<'a> {
    pub server: ServerName,
    pub policy: Policy,
    /// The history of each stream, from its beginning to the end of the replay.
    pub histories: BTreeMap<StreamId, History>,
    /// All mail of the streams whose deliveries are sampled as a live installation would.
    pub sampled: BTreeMap<StreamId, &'a [MessageOutcome]>,
}

/// The past of an installation, replayed poll by poll.
#[derive(Debug)]
pub struct Replay<'a> {
    servers: Vec<ServerReplay<'a>>,
    /// What is judged of all servers together, where there are several.
    all: Option<(Evaluator, IncidentLog, Together)>,
}

#[derive(Debug)]
struct ServerReplay<'a> {
    evaluator: Evaluator,
    log: IncidentLog,
    histories: BTreeMap<StreamId, History>,
    together: Together,
    followers: BTreeMap<StreamId, SampleReplay<'a>>,
}

impl<'a> Replay<'a> {
    /// Prepares the replay of `servers`. `policy` is that of all of them together, and `series` the number of
    /// [series](crate::detect::budget_series) that share the budget of false silence alarms.
    pub fn new(servers: Vec<ServerPast<'a>>, policy: Policy, series: usize) -> Self {
        let mut joint = Together::default();
        let mut replays = Vec::new();
        for past in servers {
            let evaluator = Evaluator::new(past.policy, series);
            evaluator.join_streams(&mut joint, &past.server, &past.histories);
            let together = evaluator.joined_streams(&past.server, &past.histories);
            let followers = past.sampled.into_iter();
            replays.push(ServerReplay {
                evaluator,
                log: IncidentLog::new(past.server, []),
                histories: past.histories,
                together,
                followers: followers
                    .map(|(stream, mail)| (stream, SampleReplay::new(mail)))
                    .collect(),
            });
        }
        let log = IncidentLog::new(ServerName::ALL_SERVERS.into(), []);
        let all = (replays.len() > 1).then(|| (Evaluator::new(policy, series), log, joint));
        Self {
            servers: replays,
            all,
        }
    }

    /// Returns the transitions of a poll at `at`, which comes after every earlier one.
    pub fn poll(&mut self, at: Timestamp) -> Vec<Transition> {
        let mut transitions = Vec::new();
        let mut stops_together = Vec::new();
        if let Some((evaluator, log, together)) = &mut self.all {
            let stopped = self.servers.iter().flat_map(|s| open_stops(&s.log));
            evaluator.set_stops(Vec::new(), stopped.collect());
            transitions.extend(evaluator.evaluate_together(log, together, at));
            stops_together.extend(log.incidents().cloned());
        }
        for server in &mut self.servers {
            transitions.extend(server.poll(&stops_together, at));
        }
        transitions
    }
}

impl ServerReplay<'_> {
    fn poll(&mut self, stops_together: &[Incident], at: Timestamp) -> Vec<Transition> {
        for (stream, follower) in &mut self.followers {
            if let Some(history) = self.histories.get_mut(stream) {
                follower.poll(&mut history.sampled, at);
            }
        }
        let evaluator = &mut self.evaluator;
        evaluator.set_stops(stops_together.to_vec(), BTreeMap::new());
        evaluator.evaluate_at(&mut self.log, &self.histories, &self.together, at)
    }
}

/// Returns the streams of a server of whose own stop or drop people were told.
fn open_stops(log: &IncidentLog) -> impl Iterator<Item = (StreamKey, Rule)> {
    let is_told = |i: &&Incident| i.is_open() && i.notified && i.tag.is_none();
    let of_sending = |i: &&Incident| i.rule.problem() == Rule::SendSilence;
    let stops = log.incidents().filter(is_told).filter(of_sending);
    stops.filter_map(|i| Some((StreamKey::new(&i.server, i.stream.as_ref()?), i.rule)))
}
