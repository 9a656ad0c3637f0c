//! Replays past mail through the evaluator of the live path.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use crate::commands::backtest::DeliveryKnowledge;
use serde_json::json;

use crate::config::{Config, Mode, Schedule};
use crate::decide::Policy;
use crate::evaluate::Replay;
use crate::events_file::{EventsFile, EventsFileError};
use crate::model::{
    DAY, History, MessageOutcome, Rules, ServerName, StreamId, Timestamp, Transition,
};
use crate::notify::alert::{Style, alert};
use crate::output::json::TransitionView;

/// How long before the first reported poll the replay begins, so that what was already open is not reported as new.
pub(crate) const WARM_UP: std::time::Duration = std::time::Duration::from_secs(8 * 86_400);

/// What is to be replayed.
#[derive(Clone, Copy, Debug)]
pub struct ReplayRange {
    /// The first poll that is reported.
    pub from: Option<Timestamp>,
    /// The last one.
    pub until: Option<Timestamp>,
}

/// Why there was no replay.
#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    /// The file cannot be opened.
    #[error("cannot read the events file {path}: {source}")]
    Open {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file says something that cannot be.
    #[error("the events file {path}: {source}")]
    Events {
        /// Which file.
        path: String,
        /// What is wrong.
        source: EventsFileError,
    },
    /// Postmark did not answer everything.
    #[error("cannot replay {server}: {why}")]
    Postmark {
        /// Which server.
        server: ServerName,
        /// What could not be read.
        why: String,
    },
    /// The store in memory.
    #[error(transparent)]
    Setup(#[from] crate::cycle::SetupError),
    /// The store in memory.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// Nothing lies in the range.
    #[error("{0}")]
    Range(String),
}

/// The streams of each server: what is known of them, and for the sample what became of all their mail.
pub(crate) type Servers = BTreeMap<ServerName, BTreeMap<StreamId, (History, Vec<MessageOutcome>)>>;

/// Past mail, ready to be replayed.
pub struct ReplayInput {
    pub(crate) servers: Servers,
    pub(crate) proof: DeliveryKnowledge,
    pub(crate) polls: Vec<Timestamp>,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) first: Timestamp,
    pub(crate) messages: u64,
}

impl ReplayInput {
    /// Reads an events file; `progress` is called with the number of bytes read.
    ///
    /// # Errors
    /// Where the file cannot be read, or `range` holds nothing.
    pub fn from_file(
        config: &Config,
        path: &Path,
        range: ReplayRange,
        proof: DeliveryKnowledge,
        progress: impl FnMut(usize),
    ) -> Result<Self, BacktestError> {
        let name = || path.display().to_string();
        let file = File::open(path).map_err(|source| BacktestError::Open {
            path: name(),
            source,
        })?;
        let reader = BufReader::with_capacity(1 << 18, file);
        let events =
            EventsFile::read(reader, progress).map_err(|source| BacktestError::Events {
                path: name(),
                source,
            })?;
        let (first, last) = events.range().unwrap_or_default();
        let until = range.until.unwrap_or_else(|| last + DAY / 24);
        let from = reported_from(config, range, first);
        check_range(first, from, until)?;
        let polls = polls(&config.schedule, first.max(from - WARM_UP), until);
        let end = polls.last().copied().unwrap_or(until).max(until);
        let messages = events.messages;
        let streams = |streams: BTreeMap<StreamId, crate::events_file::StreamEvents>| {
            let ready = |(id, events): (StreamId, crate::events_file::StreamEvents)| {
                let history = events.history(end, proof == DeliveryKnowledge::Full);
                (id, (history, events.into_mail()))
            };
            streams.into_iter().map(ready).collect()
        };
        Ok(Self {
            servers: events
                .servers
                .into_iter()
                .map(|(name, of)| (name, streams(of)))
                .collect(),
            proof,
            polls,
            from,
            until,
            first,
            messages,
        })
    }

    pub(crate) fn deliveries(&self) -> &'static str {
        match self.proof {
            DeliveryKnowledge::Unknown => {
                "deliveries are not known, so delivery_silence is not evaluated"
            }
            DeliveryKnowledge::Full => "every delivery is known, as it happened",
            DeliveryKnowledge::Sample => "only the deliveries of the live sample are known",
        }
    }

    /// Returns the number of polls of all servers together.
    pub fn polls(&self) -> usize {
        self.polls.len() * self.servers.len()
    }

    /// Replays every server and returns the steps from the first reported poll on, in order.
    pub fn replay(
        &self,
        config: &Config,
        confidence: Option<f64>,
        mut progress: impl FnMut(),
    ) -> Vec<Transition> {
        let series = self.servers.values().map(BTreeMap::len).sum();
        let mut transitions = Vec::new();
        for (name, streams) in &self.servers {
            let rules = rules(config, name, confidence);
            let sampled = match self.proof {
                DeliveryKnowledge::Full | DeliveryKnowledge::Unknown => BTreeMap::new(),
                DeliveryKnowledge::Sample => streams
                    .iter()
                    .map(|(id, (_, mail))| (id.clone(), mail.as_slice()))
                    .collect(),
            };
            let replay = Replay {
                server: name.clone(),
                policy: Policy::new(config.mode == Mode::Digest, &rules),
                rules,
                series,
                histories: streams
                    .iter()
                    .map(|(id, (history, _))| (id.clone(), history.clone()))
                    .collect(),
                sampled,
            };
            transitions.extend(replay.run(&self.polls, &mut progress));
        }
        transitions.retain(|t| t.at >= self.from);
        transitions.sort_by_key(|t| t.at);
        transitions
    }
}

/// Returns the transitions as JSON, one per line.
pub fn to_json(transitions: &[Transition], style: Style) -> String {
    let line = |t: &Transition| {
        let text = alert(t, style).to_text();
        format!("{}\n", json!(TransitionView::new(t, &text)))
    };
    transitions.iter().map(line).collect()
}

/// Returns the rules of a server: its own where the configuration names it.
fn rules(config: &Config, name: &ServerName, confidence: Option<f64>) -> Rules {
    let server = config.servers.iter().find(|s| s.name == *name);
    let mut rules = server.map_or_else(|| config.rules.clone(), |s| config.rules_for(s));
    if confidence.is_some() {
        rules.bounce_rate.confidence = confidence;
        rules.spam_rate.confidence = confidence;
    }
    rules
}

/// Returns the first instant that is reported; nothing is known of the time before the first message.
pub(crate) fn reported_from(config: &Config, range: ReplayRange, first: Timestamp) -> Timestamp {
    let learned = first + config.rules.silence.min_history;
    range.from.map_or(learned, |from| from.max(first))
}

pub(crate) fn check_range(
    first: Timestamp,
    from: Timestamp,
    until: Timestamp,
) -> Result<(), BacktestError> {
    if until <= first {
        return Err(BacktestError::Range(format!(
            "there is no history before {until}: the first message was sent at {first}"
        )));
    }
    if until < from {
        return Err(BacktestError::Range(format!(
            "the range from {from} until {until} holds no poll; history begins at {first}, and without --from its first \
             `silence.min_history` is only learned from"
        )));
    }
    Ok(())
}

/// Returns the instants of `schedule` after `after`, up to `until`.
pub(crate) fn polls(schedule: &Schedule, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    std::iter::successors(schedule.next(after), |at| schedule.next(*at))
        .take_while(|at| *at <= until)
        .collect()
}
