//! Postmark to store: streams, new messages, bounces, proof of delivery. One failing server or stream stops no other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::config::ServerConfig;
use crate::cycle::Context;
use crate::cycle::collect::budget::{Budget, Stop, share};
use crate::cycle::collect::lister::Lister;
use crate::detect::{PollHealth, sample};
use crate::model::{
    DAY, HOUR, Kind, MINUTE, ServerName, StreamId, StreamKey, Timestamp, UNSETTLED,
};
use crate::postmark::{ErrorKind, Server};
use crate::store::{self, PollRow, ServerState};

/// What the previous poll may not have seen yet is asked again.
pub(crate) const OVERLAP: Duration = UNSETTLED;
/// So many listings without any answer, each retried: nobody is there, and other streams need not ask.
const GIVE_UP_AFTER: u32 = 2;
/// Requests for proof that a healthy stream takes, at most.
const HEALTHY: u64 = sample::HEALTHY as u64;
/// Instants of the schedule in an hour at which counts are cut, at most: each costs a request.
const MOST_CUTS_AN_HOUR: u64 = 2;

/// How the poll of one server went.
#[derive(Clone, Debug)]
pub(crate) struct Polled {
    /// Which server, as it is set up.
    pub server: Arc<ServerConfig>,
    /// Its state after this poll.
    pub state: ServerState,
    /// Its state before.
    pub before: ServerState,
    /// Whether it can be seen.
    pub sight: PollHealth,
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
pub(crate) struct Trouble {
    /// What makes the cycle incomplete.
    pub(crate) fatal: Vec<String>,
    /// What does not.
    pub(crate) minor: Vec<String>,
    pub(crate) token: bool,
    /// Whether anything else than the limit of requests makes it so.
    pub(crate) failed: bool,
    pub(crate) account: Option<i64>,
    pub(crate) unanswered: u32,
    /// Whether there was any answer to this token.
    pub(crate) reachable: bool,
}

impl Trouble {
    pub(crate) fn note(&mut self, stop: &Stop) {
        self.heed(stop);
        self.failed |= !matches!(stop, Stop::Limit(_));
        self.fatal.push(stop.to_string());
    }

    /// What could not be read of old history.
    fn note_old(&mut self, stop: &Stop) {
        self.heed(stop);
        self.minor
            .push(format!("history before the first start: {stop}"));
    }

    /// What is not owed.
    pub(crate) fn note_minor(&mut self, stop: &Stop) {
        self.heed(stop);
        self.minor.push(stop.to_string());
    }

    fn heed(&mut self, stop: &Stop) {
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
    pub(crate) const fn is_over(&self) -> bool {
        self.token || self.account.is_some() || self.unanswered >= GIVE_UP_AFTER
    }
}

impl Polled {
    /// The server's name.
    pub(crate) fn name(&self) -> &ServerName {
        &self.server.name
    }
}

impl Context {
    /// Polls one server at `now`, until `deadline` at the latest: what was committed by then stays.
    pub(crate) async fn poll(
        &self,
        server: &Arc<ServerConfig>,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Polled, store::Error> {
        let name = server.name.clone();
        let of = name.clone();
        let before = self.store.call(move |s| s.server_state(&of, now)).await?;
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
        let streams = self.store.call(move |s| s.watched_streams(&of)).await?;
        Ok(polled(
            Arc::clone(server),
            before,
            now,
            requests,
            streams,
            trouble,
        ))
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
        let mut budget = Budget::new(api, self.config.postmark.requests_per_poll);
        let streams = match self.list_streams(server, api, now, trouble).await {
            Ok(streams) => streams,
            Err(Stop::Store(error)) => return Err(error),
            Err(stop) => {
                trouble.note(&stop);
                return Ok(());
            }
        };
        trouble.reachable = true;
        budget.serve(streams.len());
        let mut lister = self.lister(server, api, before, now);
        self.read_new(server, &mut lister, &streams, before, &budget, trouble)
            .await?;
        self.count_tags(server, &mut lister, &budget, trouble)
            .await?;
        let asked = api.requests();
        self.read_old(&mut lister, &streams, before, &budget, trouble)
            .await?;
        budget.close(asked);
        // Nothing of the present was covered where the newest window of old history could not be read.
        if before.first_start_at == now && trouble.fatal.is_empty() {
            trouble.fatal.append(
                &mut self
                    .uncovered(&server.name, &streams, now, &trouble.minor)
                    .await?,
            );
        }
        self.prove_all(server, &mut lister, &streams, &budget, trouble)
            .await?;
        self.check_addresses(server, api, &streams, &budget, now, trouble)
            .await?;
        lister.say_what_was_counted();
        Ok(())
    }

    fn lister<'a>(
        &'a self,
        server: &'a ServerConfig,
        api: &'a Server,
        before: &ServerState,
        now: Timestamp,
    ) -> Lister<'a> {
        Lister {
            store: &self.store,
            api,
            server: &server.name,
            now,
            instants: self.judged_instants(before, now),
            draw_from: before
                .last_cycle_at
                .map_or(now - HOUR, |last| last - OVERLAP),
            sure_from: now,
            unsure: Vec::new(),
            recount: None,
            candidates: BTreeMap::new(),
            read: BTreeMap::new(),
            notes: Vec::new(),
        }
    }

    /// The instants of the schedule since the last complete cycle: a window of a rule begins or ends there. Where they are
    /// many, only full hours are told apart.
    fn judged_instants(&self, before: &ServerState, now: Timestamp) -> Vec<Timestamp> {
        let since = before.last_complete_at.unwrap_or(now).max(now - DAY);
        let instants = self.config.schedule.instants(since - HOUR, now);
        let hours = now.since(since).as_secs() / 3600 + 2;
        if instants.len() as u64 > MOST_CUTS_AN_HOUR * hours {
            return Vec::new();
        }
        instants
    }

    /// Reads what is missing of the time before the first start.
    async fn read_old(
        &self,
        lister: &mut Lister<'_>,
        streams: &[StreamId],
        before: &ServerState,
        budget: &Budget<'_>,
        trouble: &mut Trouble,
    ) -> Result<(), store::Error> {
        // History begins with the oldest message that is found, however old it is.
        lister.sure_from = Timestamp::MIN;
        let until = Instant::now() + self.config.postmark.backfill_time;
        let allowance = budget.open(until);
        for stream in streams {
            if trouble.is_over() {
                break;
            }
            let read = self.backfill(lister, stream, before.first_start_at, allowance);
            match read.await {
                Ok(()) => {}
                Err(Stop::Store(error)) => return Err(error),
                Err(stop) => trouble.note_old(&stop),
            }
        }
        Ok(())
    }

    /// Looks for proof of delivery with what is left of the budget, each stream in its turn.
    async fn prove_all(
        &self,
        server: &ServerConfig,
        lister: &mut Lister<'_>,
        streams: &[StreamId],
        budget: &Budget<'_>,
        trouble: &mut Trouble,
    ) -> Result<(), store::Error> {
        for (place, stream) in streams.iter().enumerate() {
            let others = (streams.len() - place - 1) as u64;
            let left = budget.left();
            if trouble.is_over() || left == 0 {
                break;
            }
            let left = share(left, HEALTHY, HEALTHY * others).min(left);
            if left > 1
                && let Err(stop) = lister.draw(stream).await
            {
                trouble.note_minor(&stop);
            }
            let candidates = lister.candidates.remove(stream).unwrap_or_default();
            let left = left.min(budget.left());
            let minor = self.prove(server, lister.api, stream, candidates, left, lister.now);
            trouble.minor.extend(minor.await?);
        }
        Ok(())
    }

    pub(crate) async fn coverage(
        &self,
        server: &ServerName,
        stream: &StreamId,
        kind: Kind,
    ) -> Result<crate::model::Coverage, store::Error> {
        let key = StreamKey::new(server, stream);
        self.store.call(move |s| s.coverage(&key, kind)).await
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

/// What a poll came to.
pub(crate) fn polled(
    server: Arc<ServerConfig>,
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
        PollHealth::Complete
    } else {
        let since = before.incomplete_since.unwrap_or(now);
        // Again within a minute is the same cycle: somebody tries, or two processes run.
        let again = before.last_cycle_at.is_some_and(|last| now < last + MINUTE);
        let repeated = again && before.incomplete_cycles > 0;
        state.incomplete_since = Some(since);
        state.incomplete_cycles = before.incomplete_cycles + u64::from(!repeated);
        state.reason.clone_from(&reason);
        PollHealth::Incomplete {
            since,
            cycles: state.incomplete_cycles,
            reason: reason.clone().unwrap_or_default(),
            token: trouble.token,
            limited: trouble.reachable && !trouble.failed,
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
        server,
        state,
        before,
        sight,
        row,
        reachable: trouble.reachable,
        streams,
        errors,
    }
}
