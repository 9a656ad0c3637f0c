//! Postmark to store: streams, new messages, bounces, proof of delivery. One failing server or stream stops no other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::app::listing::{Lister, Stop};
use crate::config::ServerConfig;
use crate::detect::Sight;
use crate::model::{HOUR, Kind, MINUTE, ServerName, StreamId, Timestamp};
use crate::postmark::{ErrorKind, Server};
use crate::store::{self, PollRow, ServerState};

/// What the previous poll may not have seen yet is asked again.
pub(super) const OVERLAP: Duration = Duration::from_secs(15 * 60);
/// So many listings without any answer, each retried: nobody is there, and other streams need not ask.
const GIVE_UP_AFTER: u32 = 2;

/// How the poll of one server went.
#[derive(Clone, Debug)]
pub(super) struct Polled {
    /// Which server, as it is set up.
    pub server: Arc<ServerConfig>,
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
pub(super) struct Trouble {
    /// What makes the cycle incomplete.
    pub(super) fatal: Vec<String>,
    /// What does not.
    pub(super) minor: Vec<String>,
    pub(super) token: bool,
    pub(super) account: Option<i64>,
    pub(super) unanswered: u32,
    /// Whether there was any answer to this token.
    pub(super) reachable: bool,
}

impl Trouble {
    pub(super) fn note(&mut self, stop: &Stop) {
        self.heed(stop);
        self.fatal.push(stop.to_string());
    }

    /// What could not be read of old history.
    fn note_old(&mut self, stop: &Stop) {
        self.heed(stop);
        self.minor
            .push(format!("history before the first start: {stop}"));
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
    pub(super) const fn is_over(&self) -> bool {
        self.token || self.account.is_some() || self.unanswered >= GIVE_UP_AFTER
    }
}

impl Polled {
    /// The server's name.
    pub(super) fn name(&self) -> &ServerName {
        &self.server.name
    }
}

impl App {
    /// Polls one server at `now`, until `deadline` at the latest: what was committed by then stays.
    pub(super) async fn poll(
        &self,
        server: &Arc<ServerConfig>,
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
        let streams = match self.list_streams(server, api, now, trouble).await {
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
            sure_from: now,
            unsure: Vec::new(),
            candidates: BTreeMap::new(),
        };
        self.list_new(server, &mut lister, &streams, before, now, trouble)
            .await?;
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

/// What a poll came to.
pub(super) fn polled(
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
