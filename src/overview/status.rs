//! What `status` shows: every watched server and stream as of the last cycle, and what is open and waits now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::config::{Config, ServerConfig, hold, quiet_until};
use crate::cycle::closed::closed_incidents;
use crate::cycle::digest::uncounted;
use crate::cycle::poll::missing_streams::find_missing_streams;
use crate::cycle::poll::same_server::find_same_servers;
use crate::cycle::poll::servers::{mark_unconfigured, watched_servers};
use crate::cycle::readiness::{Sight, is_overdue, is_refused, judge_readiness};
use crate::cycle::report::stream_view;
use crate::cycle::stats::{StreamStats, budget_series, digest_entry, read_with_week_before};
use crate::detect::{KeptSilences, Silence};
use crate::model::{
    DAY, History, Incident, MissingStreams, Mute, Rule, Rules, SAMPLE_LOOKBACK, SameServer,
    ServerName, Span, StreamId, Tag, Timestamp, Transition, WaitingMessages,
};
use crate::notify::digest::{Day, JudgedDay, ServerDay, StreamDay, judge_day};
use crate::output::readiness::Readiness;
use crate::output::status::{CanaryStatus, ServerStatus, StatusReport, StreamStatus, TagStatus};
use crate::store::{self, Database, ServerIdentity, ServerState, Store};

/// Reads what is stored of every watched server, as of the last cycle; mutes and what waits as they are at `now`, or by the clock.
pub(crate) async fn collect_status(
    config: &Config,
    store: &Store,
    now: Option<Timestamp>,
) -> Result<StatusReport, store::Error> {
    let present = Present::read(config, store, now).await?;
    let servers = collect_servers(config, store, &present).await?;
    Ok(present.status_of(config, &servers))
}

/// What is known without a look at any mail, and changes between two cycles too. It is read quickly.
#[derive(Clone, Debug)]
pub(crate) struct Present {
    pub now: Timestamp,
    watched: Vec<Arc<ServerConfig>>,
    states: BTreeMap<ServerName, ServerState>,
    /// All that is open, of servers that are not watched too.
    open: Vec<Incident>,
    /// What a person closed, and may go on.
    closed: Vec<Incident>,
    pub same_servers: Vec<SameServer>,
    pub missing_streams: Vec<MissingStreams>,
    /// Servers of which Postmark delivers nothing.
    pub sandboxes: BTreeSet<ServerName>,
    mutes: Vec<Mute>,
    pending: u64,
    held: usize,
    oldest_pending_at: Option<Timestamp>,
    waiting: Vec<WaitingMessages>,
    /// `None` where there is no canary.
    canary: Option<CanaryStatus>,
}

/// How many of the canary's mails are looked at: those of two days, one an hour.
const MAX_CANARY_MAILS: i64 = 48;

/// Which cycle the servers were last polled in: with another one, what is known of their mail may be another.
pub(crate) type Generation = (Option<Timestamp>, i64, usize);

impl Present {
    pub(crate) async fn read(
        config: &Config,
        store: &Store,
        now: Option<Timestamp>,
    ) -> Result<Self, store::Error> {
        let watched = watched_servers(config, store).await?;
        let present = now.unwrap_or_else(clock::now);
        let quiet_hours = config.quiet_hours.clone();
        let canary_every = config.canary.as_ref().map(|canary| canary.every);
        let read = move |s: &mut Database| {
            let states = s.server_states()?;
            let now = last_cycle(&states).map_or(present, |last| last.max(present));
            let hold = hold(&quiet_hours, now);
            let (mut open, identities) = (s.all_open_incidents()?, s.server_identities()?);
            let canary = match canary_every {
                Some(every) => {
                    let mails = s.canary_mails(MAX_CANARY_MAILS)?;
                    Some(CanaryStatus::new(&mails, every, now))
                }
                None => None,
            };
            let mut closed = closed_incidents(s, &states)?;
            mark_unconfigured(open.iter_mut().chain(&mut closed), &watched);
            let sandboxes = identities.iter().filter(|(_, server)| server.is_sandbox());
            Ok(Self {
                now,
                same_servers: find_same_servers(&watched, &identities, &open),
                missing_streams: find_missing_streams(&watched, &s.stream_lists()?),
                sandboxes: sandboxes.map(|(name, _)| name.clone()).collect(),
                watched,
                states,
                open,
                closed,
                mutes: s.mutes(now)?,
                pending: s.count_pending()?,
                held: s.held_rows(hold)?.rows.len(),
                oldest_pending_at: s.oldest_undelivered(hold)?,
                waiting: s.waiting_messages(hold, clock::now())?,
                canary,
            })
        };
        store.call(read).await
    }

    pub(crate) fn generation(&self) -> Generation {
        let last = self.states.values().filter_map(|state| state.last_cycle_at);
        let sum = last.fold(0, |sum: i64, at| sum.wrapping_add(at.0));
        (last_cycle(&self.states), sum, self.states.len())
    }

    pub(crate) fn watched(&self) -> &[Arc<ServerConfig>] {
        &self.watched
    }

    /// Returns it with what is known of the polls of each server now.
    pub(super) fn with_states(self, states: BTreeMap<ServerName, ServerState>) -> Self {
        Self { states, ..self }
    }

    pub(crate) fn state(&self, server: &ServerName) -> Option<&ServerState> {
        self.states.get(server)
    }

    /// Whether a poll of a server was due since its last one that was not made, though others were polled: of one that the account
    /// lists that cannot be asked, or that another process left alone; or two were, where none is polled. Where monitoring is
    /// switched off, nothing is known of any.
    pub(crate) fn is_overdue(&self, config: &Config, server: &ServerName) -> bool {
        let polled_at = self.state(server).and_then(|state| state.last_cycle_at);
        if !config.enabled {
            return polled_at.is_some();
        }
        let Some(polled_at) = polled_at else {
            return false;
        };
        let (schedule, longest) = (&config.schedule, config.postmark.longest_poll());
        let is_left_out = |due: Timestamp| {
            // While a cycle runs, some of its polls are still to come.
            Some(due) <= self.last_cycle_at() && due + longest < self.now
        };
        schedule.next(polled_at).is_some_and(is_left_out)
            || is_overdue(schedule, polled_at, longest, self.now)
    }

    /// Returns when the next poll is; `None` where none is to come.
    pub(super) fn next_poll_at(&self, config: &Config) -> Option<Timestamp> {
        let next = config.schedule.next(self.now);
        next.filter(|_| config.enabled)
    }

    /// Returns when the last cycle was; `None` before the first.
    pub(crate) fn last_cycle_at(&self) -> Option<Timestamp> {
        last_cycle(&self.states)
    }

    /// Returns how many messages wait that nothing holds back, and since when the oldest of them does.
    pub(super) fn undelivered(&self) -> (u64, Option<Timestamp>) {
        let waiting = self.pending.saturating_sub(self.held as u64);
        (waiting, self.oldest_pending_at)
    }

    /// Returns why Slack refuses messages until somebody changes the credential or the channel.
    pub(super) fn refusals(&self) -> Vec<String> {
        let refused = self.waiting.iter().filter(|of| is_refused(of));
        let why = refused.filter_map(|of| of.reason.last_failure());
        why.map(str::to_owned).collect()
    }

    /// Returns whether hushwatch does its work.
    pub(crate) fn readiness(&self, config: &Config) -> Readiness {
        let sight = Sight {
            config,
            states: &self.states,
            open: &self.open,
            mutes: &self.mutes,
            now: self.now,
        };
        judge_readiness(&sight, self.names(), self.oldest_pending_at, &self.waiting)
    }

    fn names(&self) -> impl Iterator<Item = &ServerName> {
        self.watched.iter().map(|server| &server.name)
    }

    /// Returns the status, with what was collected of the servers' mail.
    pub(crate) fn status_of(&self, config: &Config, servers: &CollectedServers) -> StatusReport {
        let as_of_now = |status: &ServerStatus| {
            let is_overdue = self.is_overdue(config, &status.name);
            ServerStatus {
                is_overdue,
                complete: status.complete && !is_overdue,
                ..status.clone()
            }
        };
        StatusReport {
            enabled: config.enabled,
            quiet_until: quiet_until(&config.quiet_hours, self.now),
            last_cycle_at: servers.last_cycle_at,
            servers: servers.servers.iter().map(as_of_now).collect(),
            open: self.in_order(&self.open),
            closed: self.closed(),
            now: self.now,
            same_servers: self.same_servers.clone(),
            missing_streams: self.missing_streams.clone(),
            day: self.judge_day(servers),
            readiness: self.readiness(config),
            mutes: self.mutes.clone(),
            pending: self.pending,
            held: self.held,
            oldest_pending_at: self.oldest_pending_at,
            waiting: self.waiting.clone(),
            canary: self.canary.clone().map(|canary| CanaryStatus {
                next_due_at: canary.next_due_at.filter(|_| config.enabled),
                ..canary
            }),
        }
        .without_vain_promises()
    }

    /// Returns what is muted, or will be.
    pub(super) fn mutes(&self) -> &[Mute] {
        &self.mutes
    }

    /// Returns what a person closed, and may go on.
    pub(super) fn closed(&self) -> Vec<Incident> {
        self.in_order(&self.closed)
    }

    /// Returns how the last 24 hours were, but for the incidents, as the digest says it.
    pub(crate) fn judge_day(&self, servers: &CollectedServers) -> JudgedDay {
        let days = servers.days.as_ref();
        let days = days.filter(|_| servers.last_cycle_at.is_some());
        let mut data = Day {
            servers: days.map_or_else(Vec::new, |days| days.servers.clone()),
            transitions: days.map_or_else(Vec::new, |days| days.transitions.clone()),
            open: self.in_order(&self.open),
            closed: self.closed(),
            same_servers: self.same_servers.clone(),
            missing_streams: self.missing_streams.clone(),
            ..Day::default()
        };
        for day in &mut data.servers {
            day.blind = self.blind_since(&day.name);
        }
        // The account has no mail: it counts only where it cannot be seen.
        let account = ServerName::ACCOUNT;
        data.servers
            .retain(|day| day.name != account || day.blind.is_some());
        JudgedDay {
            is_known: days.is_some(),
            ..judge_day(&data)
        }
    }

    /// Returns since when people know that a server cannot be seen, and why.
    fn blind_since(&self, server: &str) -> Option<(Timestamp, String)> {
        let mut open = self.open.iter();
        let is_open = open.any(|i| i.server.0 == server && i.rule.is_of_server());
        let state = self
            .states
            .get(&ServerName::from(server))
            .filter(|_| is_open)?;
        Some((
            state.incomplete_since?,
            state.reason.clone().unwrap_or_default(),
        ))
    }

    /// Returns `incidents` in the order of the watched servers; then those that are of several, and last those of servers that are not
    /// configured.
    fn in_order(&self, incidents: &[Incident]) -> Vec<Incident> {
        let places: BTreeMap<&ServerName, usize> = self.names().zip(0..).collect();
        let place = |incident: &Incident| {
            let place = places.get(&incident.server).copied();
            (incident.unconfigured, place.unwrap_or(usize::MAX))
        };
        let key = |i: &Incident| (place(i), i.stream.clone(), i.tag.clone(), i.rule.name());
        let mut incidents = incidents.to_vec();
        incidents.sort_by_cached_key(key);
        incidents
    }
}

fn last_cycle(states: &BTreeMap<ServerName, ServerState>) -> Option<Timestamp> {
    states
        .values()
        .filter_map(|state| state.last_cycle_at)
        .max()
}

/// What is known of the mail of every watched server, as of a cycle. It takes a while to collect.
#[derive(Clone, Debug)]
pub(crate) struct CollectedServers {
    pub last_cycle_at: Option<Timestamp>,
    pub servers: Vec<ServerStatus>,
    /// What their mail did in the 24 hours before that cycle; `None` where it was not looked at.
    days: Option<Days>,
}

/// What the mail of the servers did in a day, and the steps of incidents since it began.
#[derive(Clone, Debug)]
struct Days {
    servers: Vec<ServerDay>,
    transitions: Vec<Transition>,
}

/// Returns what is known of the servers without a look at their mail. It is read quickly, however many there are.
pub(crate) async fn name_servers(
    store: &Store,
    present: &Present,
) -> Result<CollectedServers, store::Error> {
    let identities = store.call(Database::server_identities).await?;
    let servers = present.names().map(|name| {
        let state = present.states.get(name).cloned().unwrap_or_default();
        server_status(name, state, identities.get(name).copied())
    });
    Ok(CollectedServers {
        last_cycle_at: last_cycle(&present.states),
        servers: servers.collect(),
        days: None,
    })
}

/// Collects what is known of the servers' mail, a server at a time.
pub(crate) async fn collect_servers(
    config: &Config,
    store: &Store,
    present: &Present,
) -> Result<CollectedServers, store::Error> {
    let last_cycle_at = last_cycle(&present.states);
    let at = last_cycle_at.unwrap_or_else(clock::now);
    let series = budget_series(config, store).await?;
    let mut collected = name_servers(store, present).await?;
    // Which streams are those of another name already.
    let mut data = Day {
        same_servers: present.same_servers.clone(),
        ..Day::default()
    };
    for (server, status) in present.watched.iter().zip(&mut collected.servers) {
        let is_sandbox = status.sandbox;
        let rules = config.rules_for(server);
        let name = server.name.clone();
        let read =
            move |s: &mut Database| stream_statuses(s, (&name, is_sandbox), &rules, at, series);
        let (statuses, mut days): (Vec<StreamStatus>, Vec<StreamDay>) =
            store.call(read).await?.into_iter().unzip();
        let ids = statuses.iter().map(|status| status.counts.id.clone());
        let counted = uncounted(&data, &server.name, ids.collect());
        days.retain(|day| day.stream.as_ref().is_some_and(|id| counted.contains(id)));
        let polled_at = present
            .state(&server.name)
            .and_then(|state| state.last_cycle_at);
        let longest = config.postmark.longest_poll();
        if let Some(polled_at) = polled_at.filter(|polled_at| at.since(*polled_at) <= longest) {
            // Of one cycle: what came after its own poll is not missing.
            let holes = days
                .iter_mut()
                .flat_map(|day| [&mut day.unknown, &mut day.bounces_unread]);
            holes.for_each(|holes| holes.retain(|hole| hole.from < polled_at));
        }
        let same = data.same_servers.iter();
        let same_as = same
            .filter_map(|same| same.counted_as(&server.name.0))
            .next();
        let day = ServerDay {
            same_as: same_as.map(|name| name.to_string()),
            name: server.name.to_string(),
            streams: days,
            sandbox: is_sandbox,
            ..ServerDay::default()
        };
        data.servers.push(day);
        // While its first poll runs, a part of the history is no figure.
        status.streams = status.polled.then_some(statuses);
    }
    let since = Span::new(at - DAY, Timestamp::MAX);
    let steps = store.call(move |s| s.transitions(since)).await?;
    collected.days = Some(Days {
        servers: data.servers,
        transitions: steps.into_iter().map(|row| row.transition).collect(),
    });
    Ok(collected)
}

/// Returns the status of a server whose mail was not read.
fn server_status(
    name: &ServerName,
    state: ServerState,
    identity: Option<ServerIdentity>,
) -> ServerStatus {
    let is_polled = state.last_cycle_at.is_some();
    ServerStatus {
        name: name.clone(),
        polled: is_polled,
        complete: is_polled && state.incomplete_since.is_none(),
        last_polled_at: state.last_cycle_at,
        is_overdue: false,
        reason: state.reason,
        last_complete_at: state.last_complete_at,
        number: identity.map(|server| server.number),
        sandbox: identity.is_some_and(|server| server.is_sandbox()),
        streams: None,
    }
}

/// Reads and learns what is known of a server's streams, and what each did in the 24 hours before `at`.
fn stream_statuses(
    s: &mut Database,
    (server, is_sandbox): (&ServerName, bool),
    rules: &Rules,
    at: Timestamp,
    series: usize,
) -> Result<Vec<(StreamStatus, StreamDay)>, store::Error> {
    let day = Span::before(at, DAY);
    let losses = s.delivery_incidents(server, at - SAMPLE_LOOKBACK)?;
    let of_day = rules.clone().with(|rules| rules.sandbox = is_sandbox);
    let mut silences = KeptSilences::new(s.learned(server)?);
    let mut streams = Vec::new();
    for stream in s.watched_streams(server)? {
        let history = read_with_week_before(s, server, &stream, day)?;
        let (rules, of_day) = (rules.for_stream(&stream), of_day.for_stream(&stream));
        let silence = silences.of_stream(&stream, &history, at, rules, series);
        let known = (&mut silences, &losses[..], series);
        let entry = digest_entry(&history, &stream, day, of_day, known);
        let mut status = stream_status(&stream, &history, at, rules, (&silence, entry.unnoticed));
        if status.is_judged {
            let of_tags = silences.of_tags(&stream, &history, at, rules, series);
            status.tags = tag_statuses(&history, at, of_tags);
        }
        streams.push((status, entry));
    }
    Ok(streams)
}

/// Returns the status of a stream at `at`, but for its tags; `unnoticed` is how long a stop goes unnoticed, where that is known already.
fn stream_status(
    id: &StreamId,
    history: &History,
    at: Timestamp,
    rules: &Rules,
    (silence, unnoticed): (&Silence, Option<Duration>),
) -> StreamStatus {
    let learning = silence.is_learning(history, at);
    let delay = || unnoticed.or_else(|| silence.worst_detection_delay(history, at));
    let is_judged = rules.is_enabled(Rule::SendSilence);
    let day = StreamStats::from_history(history, Span::before(at, DAY));
    let score = silence.score(history, at).filter(|_| is_judged);
    StreamStatus {
        counts: stream_view(id, history, &day, at),
        silence_score: score.map(|(score, _)| score),
        silence_limit: score.map(|(_, limit)| limit),
        bounce_rate: day.bounce_rate(),
        last_sent: history.last_sent(at),
        last_delivered: history.last_delivered(at),
        learning,
        detection_delay: (!learning && is_judged).then(delay).flatten(),
        is_judged,
        tags: Vec::new(),
    }
}

fn tag_statuses(history: &History, at: Timestamp, of_tags: Vec<(Tag, Silence)>) -> Vec<TagStatus> {
    let status = |(tag, silence): (Tag, Silence)| {
        let of_tag = &history.tags[&tag];
        TagStatus {
            last_sent: of_tag.last_sent(at),
            detection_delay: silence.worst_detection_delay(of_tag, at),
            tag,
        }
    };
    of_tags.into_iter().map(status).collect()
}

/// Returns `named` or the time of the machine's clock, but never an instant before the last cycle: mutes may end between
/// two cycles.
pub(crate) async fn view_instant(
    store: &Store,
    named: Option<Timestamp>,
) -> Result<Timestamp, store::Error> {
    let present = named.unwrap_or_else(clock::now);
    Ok(last_cycle_or_now(store).await?.max(present))
}

/// Returns the instant of the last cycle, or the time of the machine's clock before the first.
pub(crate) async fn last_cycle_or_now(store: &Store) -> Result<Timestamp, store::Error> {
    let last = store.call(|s| s.last_cycle_at()).await?;
    Ok(last.unwrap_or_else(clock::now))
}
