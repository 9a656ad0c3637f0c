//! Replays past mail through the evaluator of the live path.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::commands::backtest::DeliveryKnowledge;
use crate::config::{Config, Mode, Schedule, io_reason};
use crate::decide::Policy;
use crate::detect::budget_series;
use crate::evaluate::{Replay, ServerPast};
use crate::events_file::{EventsFile, EventsFileError, StreamEvents};
use crate::model::{
    HOUR, History, MessageOutcome, Rules, ServerName, StreamId, Timestamp, Transition,
};
use crate::notify::alert::{Style, alert};
use crate::output::json::TransitionView;

/// How long before the first reported poll the replay begins, so that what was already open is not reported as new.
const WARM_UP: Duration = Duration::from_secs(8 * 86_400);

/// The polls that the user asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReplayRange {
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum BacktestError {
    #[error("cannot read the events file {path}: {}", io_reason(.source.kind()))]
    Open {
        path: String,
        source: std::io::Error,
    },
    #[error("the events file {path}: {source}")]
    Events {
        path: String,
        source: EventsFileError,
    },
    #[error("cannot replay {server}: {why}")]
    Postmark { server: ServerName, why: String },
    #[error(transparent)]
    Setup(#[from] crate::cycle::SetupError),
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    #[error("{0}")]
    Range(String),
}

pub(super) struct ReplayPeriod {
    pub first: Timestamp,
    pub from: Timestamp,
    pub until: Timestamp,
    /// Every poll, those of the warm-up included.
    pub polls: Vec<Timestamp>,
}

impl ReplayPeriod {
    /// Plans the polls of `range` over a history that begins at `first`. By default they are reported from when history
    /// suffices to evaluate silence, until `latest`.
    pub(super) fn plan(
        config: &Config,
        range: ReplayRange,
        first: Timestamp,
        latest: Timestamp,
    ) -> Result<Self, BacktestError> {
        let until = range.until.unwrap_or(latest);
        let learned = first + config.rules.silence.min_history;
        let from = range.from.map_or(learned, |from| from.max(first));
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
        Ok(Self {
            first,
            from,
            until,
            polls: polls(&config.schedule, first.max(from - WARM_UP), until),
        })
    }
}

/// The streams of each server: what is known of them, and for the sample what became of all their mail.
pub(super) type Servers = BTreeMap<ServerName, BTreeMap<StreamId, (History, Vec<MessageOutcome>)>>;

/// Past mail, ready to be replayed.
pub(super) struct ReplayInput {
    pub servers: Servers,
    pub proof: DeliveryKnowledge,
    pub messages: u64,
    pub period: ReplayPeriod,
}

impl ReplayInput {
    /// Reads an events file; `progress` is called with the number of bytes read.
    pub(super) fn from_file(
        config: &Config,
        path: &Path,
        range: ReplayRange,
        proof: DeliveryKnowledge,
        progress: impl FnMut(usize),
    ) -> Result<Self, BacktestError> {
        let name = || path.display().to_string();
        let unopened = |source| BacktestError::Open {
            path: name(),
            source,
        };
        let unread = |source| BacktestError::Events {
            path: name(),
            source,
        };
        let file = File::open(path).map_err(unopened)?;
        let reader = BufReader::with_capacity(1 << 18, file);
        let events = EventsFile::read(reader, progress).map_err(unread)?;
        let (first, last) = events.range().unwrap_or_default();
        let period = ReplayPeriod::plan(config, range, first, last + HOUR)?;
        let end = period.polls.last().map_or(period.until, |at| *at);
        let end = end.max(period.until);
        let stream = |(id, events): (StreamId, StreamEvents)| {
            let history = events.history(end, proof == DeliveryKnowledge::Full);
            (id, (history, events.mail))
        };
        let mut servers = Servers::new();
        for (name, mut streams) in events.servers {
            let own = config.servers.iter().find(|s| s.name == name);
            streams.retain(|id, _| own.is_none_or(|s| !s.ignored_streams.contains(id)));
            servers.insert(name, streams.into_iter().map(stream).collect());
        }
        Ok(Self {
            servers,
            proof,
            messages: events.messages,
            period,
        })
    }

    pub(super) fn deliveries(&self) -> &'static str {
        match self.proof {
            DeliveryKnowledge::Unknown => {
                "deliveries are not known, so delivery_silence is not evaluated"
            }
            DeliveryKnowledge::Full => "every delivery is known, as it happened",
            DeliveryKnowledge::Sample => "only the deliveries of the live sample are known",
        }
    }

    /// Returns the number of streams of all servers together.
    pub(super) fn streams(&self) -> usize {
        self.servers.values().map(BTreeMap::len).sum()
    }

    /// Returns the number of series that share the budget of false silence alarms.
    pub(super) fn series(&self, config: &Config) -> usize {
        let streams = self.servers.iter().flat_map(|(name, streams)| {
            let of_server = config.rules_by_name(name);
            streams
                .keys()
                .map(move |id| (name, of_server.for_stream(id)))
        });
        budget_series(streams)
    }

    /// Replays every server and returns the steps from the first reported poll on, in order.
    pub(super) fn replay(
        &self,
        config: &Config,
        confidence: Option<f64>,
        mut progress: impl FnMut(),
    ) -> Vec<Transition> {
        let digest_mode = config.mode == Mode::Digest;
        let mut servers = Vec::new();
        for (name, streams) in &self.servers {
            let rules = rules(config, name, confidence);
            let histories = streams.iter().map(|(id, (h, _))| (id.clone(), h.clone()));
            let mail = streams.iter().map(|(id, (_, m))| (id.clone(), &**m));
            let sampled = match self.proof {
                DeliveryKnowledge::Full | DeliveryKnowledge::Unknown => BTreeMap::new(),
                DeliveryKnowledge::Sample => mail.collect(),
            };
            servers.push(ServerPast {
                server: name.clone(),
                policy: Policy::new(digest_mode, rules),
                histories: histories.collect(),
                sampled,
            });
        }
        let policy = Policy::new(digest_mode, config.rules.clone());
        let mut replay = Replay::new(servers, policy, self.series(config));
        let mut transitions = Vec::new();
        for at in &self.period.polls {
            transitions.extend(replay.poll(*at));
            progress();
        }
        transitions.retain(|t| t.at >= self.period.from);
        transitions.sort_by_key(|t| t.at);
        transitions
    }
}

/// Returns the transitions as JSON, one per line.
pub(super) fn to_json(transitions: &[Transition], style: Style) -> String {
    let line = |t: &Transition| {
        let text = alert(t, style).to_text();
        format!("{}\n", json!(TransitionView::new(t, &text)))
    };
    transitions.iter().map(line).collect()
}

/// Returns the rules of a server: its own where the configuration names it.
pub(super) fn rules(config: &Config, name: &ServerName, confidence: Option<f64>) -> Rules {
    let server = config.servers.iter().find(|s| s.name == *name);
    let rules = server.map_or_else(|| config.rules.clone(), |s| config.rules_for(s));
    rules.with(|rules| {
        if confidence.is_some() {
            rules.bounce_rate.confidence = confidence;
            rules.spam_rate.confidence = confidence;
        }
    })
}

/// Returns the instants of `schedule` after `after`, up to `until`.
pub(super) fn polls(schedule: &Schedule, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    std::iter::successors(schedule.next(after), |at| schedule.next(*at))
        .take_while(|at| *at <= until)
        .collect()
}
