//! Postmark to store: streams, new messages, bounces, proof of delivery. One failing server or stream stops no other.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::app::listing::{Allowance, Lister, Stop};
use crate::config::ServerConfig;
use crate::detect::Sight;
use crate::model::{HOUR, Kind, MINUTE, ServerName, Span, StreamId, Timestamp};
use crate::postmark::{ErrorKind, Server};
use crate::store::{self, PollRow, ServerState};

/// What the previous poll may not have seen yet is asked again.
const OVERLAP: Duration = Duration::from_secs(15 * 60);
/// Postmark keeps messages for so long at least, by plan.
const SHORTEST_RETENTION: Duration = Duration::from_secs(7 * 86_400);
/// What Postmark's bounds are told in.
const SECOND: Duration = Duration::from_secs(1);
/// Requests for new messages and bounces of one server in one cycle.
const HARD_STOP: u64 = 200;
/// Postmark's code for a token that may not list streams.
const NO_STREAMS_PERMISSION: i64 = 1220;
/// Streams of one server that are watched, at most: Postmark itself allows ten.
const MOST_STREAMS: usize = 100;
/// So many listings without any answer, each retried: nobody is there, and other streams need not ask.
const GIVE_UP_AFTER: u32 = 2;

/// How the poll of one server went.
#[derive(Clone, Debug)]
pub(super) struct Polled {
    /// Which server.
    pub name: ServerName,
    /// Its state after this poll.
    pub state: ServerState,
    /// Its state before.
    pub before: ServerState,
    /// Whether it can be seen.
    pub sight: Sight,
    /// The poll itself.
    pub row: PollRow,
    /// Whether Postmark gave any answer to this token.
    pub reachable: bool,
    /// The streams that are watched.
    pub streams: Vec<StreamId>,
    /// Everything that went wrong, a line each.
    pub errors: Vec<String>,
}

/// What goes wrong while a server is polled.
#[derive(Default)]
struct Trouble {
    /// What makes the cycle incomplete.
    fatal: Vec<String>,
    /// What does not.
    minor: Vec<String>,
    token: bool,
    account: Option<i64>,
    unanswered: u32,
    /// Whether there was any answer to this token.
    reachable: bool,
}

impl Trouble {
    fn note(&mut self, stop: &Stop) {
        self.weigh(stop);
        self.fatal.push(stop.to_string());
    }

    /// What could not be read of old history.
    fn note_old(&mut self, stop: &Stop) {
        self.weigh(stop);
        self.minor
            .push(format!("history before the first start: {stop}"));
    }

    fn weigh(&mut self, stop: &Stop) {
        if let Stop::Postmark(error) = stop {
            match error.kind() {
                ErrorKind::TokenRefused => self.token = true,
                ErrorKind::AccountInactive(code) => self.account = Some(code),
                ErrorKind::TooMany => self.unanswered = GIVE_UP_AFTER,
                ErrorKind::Unreachable(_) => self.unanswered += 1,
                _ => {}
            }
        }
    }

    /// Whether nothing further need be asked of this server.
    const fn is_over(&self) -> bool {
        self.token || self.account.is_some() || self.unanswered >= GIVE_UP_AFTER
    }
}

impl App {
    /// Polls one server at `now`, until `deadline` at the latest: what was committed by then stays.
    pub(super) async fn poll(
        &self,
        server: &ServerConfig,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Polled, store::Error> {
        let name = server.name.clone();
        let of = name.clone();
        let before = self.store.call(move |s| s.server(&of, now)).await?;
        let mut trouble = Trouble::default();
        let mut requests = 0;
        match server.token.read() {
            Err(problem) => {
                trouble.token = true;
                trouble.fatal.push(problem.to_string());
            }
            Ok(token) => {
                let api = self.postmark.server(token);
                let asked = self.ask(server, &api, &before, now, &mut trouble);
                match timeout_at(deadline, asked).await {
                    Ok(asked) => asked?,
                    Err(_) => trouble.fatal.push(format!(
                        "{name}: this cycle's time is over, the next cycles go on; look why Postmark is slow, or raise `postmark.poll_time`"
                    )),
                }
                requests = api.requests();
            }
        }
        let of = name.clone();
        let streams = self.store.call(move |s| s.streams(&of)).await?;
        Ok(polled(name, before, now, requests, streams, trouble))
    }

    /// Asks everything of one server.
    async fn ask(
        &self,
        server: &ServerConfig,
        api: &Server,
        before: &ServerState,
        now: Timestamp,
        trouble: &mut Trouble,
    ) -> Result<(), store::Error> {
        let streams = match self.list_streams(server, api, trouble).await {
            Ok(streams) => streams,
            Err(Stop::Store(error)) => return Err(error),
            Err(stop) => {
                trouble.note(&stop);
                return Ok(());
            }
        };
        trouble.reachable = true;
        let mut lister = Lister {
            store: &self.store,
            api,
            server: &server.name,
            draw_from: before
                .last_cycle_at
                .map_or(now - HOUR, |last| last - OVERLAP),
            sure_from: now - SHORTEST_RETENTION,
            unsure: Vec::new(),
            candidates: BTreeMap::new(),
        };
        let mut allowance = Allowance {
            requests: HARD_STOP,
            deadline: None,
        };
        let mut sure: BTreeMap<StreamId, Timestamp> = BTreeMap::new();
        for kind in Kind::ALL {
            for stream in &streams {
                if trouble.is_over() {
                    break;
                }
                let coverage = self.coverage(&server.name, stream, kind).await?;
                let since = before.first_start_at.max(now - self.config.store.keep);
                let spans = new_spans(&coverage, since, now);
                let sure_from = match sure.get(stream) {
                    Some(known) => Ok(*known),
                    None => self.sure_from(server, api, stream, &spans, now).await,
                };
                lister.sure_from = match sure_from {
                    Ok(sure_from) => sure_from,
                    Err(Stop::Store(error)) => return Err(error),
                    Err(stop) => {
                        trouble.note(&stop);
                        continue;
                    }
                };
                sure.insert(stream.clone(), lister.sure_from);
                for span in spans.into_iter().rev() {
                    match lister.list(stream, kind, span, &mut allowance).await {
                        Ok(()) => {}
                        Err(Stop::Store(error)) => return Err(error),
                        Err(stop) => {
                            trouble.note(&stop);
                            break;
                        }
                    }
                }
            }
        }
        // History begins with the oldest message that is found, however old it is.
        lister.sure_from = Timestamp::MIN;
        let until = Instant::now() + self.config.postmark.backfill_time;
        for stream in &streams {
            if trouble.is_over() {
                break;
            }
            match self
                .backfill(&mut lister, stream, before.first_start_at, now, until)
                .await
            {
                Ok(()) => {}
                Err(Stop::Store(error)) => return Err(error),
                Err(stop) => trouble.note_old(&stop),
            }
        }
        // Nothing of the present was covered where the newest window of old history could not be read.
        if before.first_start_at == now && trouble.fatal.is_empty() {
            trouble.fatal.append(
                &mut self
                    .uncovered(&server.name, &streams, now, &trouble.minor)
                    .await?,
            );
        }
        for stream in &streams {
            if trouble.is_over() {
                break;
            }
            let candidates = lister.candidates.remove(stream).unwrap_or_default();
            let minor = self.prove(server, api, stream, candidates, now).await?;
            trouble.minor.extend(minor);
        }
        Ok(())
    }

    async fn list_streams(
        &self,
        server: &ServerConfig,
        api: &Server,
        trouble: &mut Trouble,
    ) -> Result<Vec<StreamId>, Stop> {
        let listed = match api.streams().await {
            Ok(streams) => streams.into_iter().map(|s| s.id).collect(),
            Err(error) => match error.kind() {
                ErrorKind::Refused {
                    code: Some(NO_STREAMS_PERMISSION),
                    ..
                } => {
                    trouble
                        .minor
                        .push(format!("{}: this token may not list streams", server.name));
                    server
                        .streams
                        .clone()
                        .unwrap_or_else(|| vec![StreamId::from("outbound")])
                }
                _ => return Err(error.into()),
            },
        };
        let wanted = |id: &StreamId| server.streams.as_ref().is_none_or(|only| only.contains(id));
        let mut streams: Vec<StreamId> = listed.into_iter().filter(wanted).collect();
        if streams.len() > MOST_STREAMS {
            trouble.fatal.push(format!(
                "{}: has {} streams, and only the first {MOST_STREAMS} are watched; name those that matter in `streams`",
                server.name,
                streams.len()
            ));
            streams.truncate(MOST_STREAMS);
        }
        for missing in server
            .streams
            .iter()
            .flatten()
            .filter(|id| !streams.contains(id))
        {
            trouble.minor.push(format!(
                "{}: stream `{missing}` of `streams` is not there, or archived",
                server.name
            ));
        }
        if streams.is_empty() && server.streams.is_some() {
            let nothing = format!(
                "{}: none of its `streams` is there, or all are archived: nothing is watched",
                server.name
            );
            trouble.fatal.push(nothing);
        }
        let (name, saved) = (server.name.clone(), streams.clone());
        self.store
            .call(move |s| s.save_streams(&name, &saved))
            .await?;
        Ok(streams)
    }

    /// From when on Postmark is sure to have all there was: an empty answer about older time may mean that it forgot, unless
    /// it still has the last message from before.
    async fn sure_from(
        &self,
        server: &ServerConfig,
        api: &Server,
        stream: &StreamId,
        spans: &[Span],
        now: Timestamp,
    ) -> Result<Timestamp, Stop> {
        let sure = now - SHORTEST_RETENTION;
        let Some(from) = spans.first().map(|s| s.from).filter(|from| *from < sure) else {
            return Ok(sure);
        };
        let (name, id) = (server.name.clone(), stream.clone());
        let history = move |s: &mut dyn store::Backend| {
            s.history(&name, &id, Span::before(from, HOUR), &[from])
        };
        let Some(last) = self.store.call(history).await?.last_sent(from) else {
            return Ok(sure);
        };
        let second = last.floor(SECOND);
        let page = api
            .messages(stream, Span::new(second, second + SECOND), 0)
            .await?;
        Ok(if page.total > 0 { Timestamp::MIN } else { sure })
    }

    pub(super) async fn coverage(
        &self,
        server: &ServerName,
        stream: &StreamId,
        kind: Kind,
    ) -> Result<crate::model::Coverage, store::Error> {
        let (server, stream) = (server.clone(), stream.clone());
        self.store
            .call(move |s| s.coverage(&server, &stream, kind))
            .await
    }

    /// On a first start, which streams could not be read up to the present, and why.
    async fn uncovered(
        &self,
        server: &ServerName,
        streams: &[StreamId],
        now: Timestamp,
        why: &[String],
    ) -> Result<Vec<String>, store::Error> {
        for kind in Kind::ALL {
            for stream in streams {
                if self.coverage(server, stream, kind).await?.end() != Some(now) {
                    let unread = format!("{} of {server}/{stream} could not be read", kind.name());
                    return Ok(if why.is_empty() {
                        vec![unread]
                    } else {
                        why.to_vec()
                    });
                }
            }
        }
        Ok(Vec::new())
    }
}

/// What is to be listed of the time from `since` on: what was not covered, and the end of what was.
fn new_spans(coverage: &crate::model::Coverage, since: Timestamp, now: Timestamp) -> Vec<Span> {
    let since = Span::new(since, now);
    let mut wanted = crate::model::Coverage::of(coverage.holes(since));
    if let Some(end) = coverage.end().filter(|end| *end < now) {
        wanted.insert(Span::new(end - OVERLAP, now));
    }
    wanted.spans().to_vec()
}

fn polled(
    name: ServerName,
    before: ServerState,
    now: Timestamp,
    requests: u64,
    streams: Vec<StreamId>,
    trouble: Trouble,
) -> Polled {
    let complete = trouble.fatal.is_empty();
    let reason = trouble.fatal.first().cloned();
    let mut state = ServerState {
        last_cycle_at: Some(now),
        ..before.clone()
    };
    let sight = if complete {
        state.last_complete_at = Some(now);
        state.incomplete_since = None;
        state.incomplete_cycles = 0;
        state.reason = None;
        Sight::Complete
    } else {
        let since = before.incomplete_since.unwrap_or(now);
        // Again within a minute is the same cycle: somebody tries, or two processes run.
        let again = before.last_cycle_at.is_some_and(|last| now < last + MINUTE);
        let repeated = again && before.incomplete_cycles > 0;
        state.incomplete_since = Some(since);
        state.incomplete_cycles = before.incomplete_cycles + u64::from(!repeated);
        state.reason.clone_from(&reason);
        Sight::Incomplete {
            since,
            cycles: state.incomplete_cycles,
            reason: reason.clone().unwrap_or_default(),
            token: trouble.token,
            account: trouble.account,
        }
    };
    let errors = trouble.fatal.into_iter().chain(trouble.minor).collect();
    let row = PollRow {
        at: now,
        requests,
        complete,
        reason,
    };
    Polled {
        name,
        state,
        before,
        sight,
        row,
        reachable: trouble.reachable,
        streams,
        errors,
    }
}
