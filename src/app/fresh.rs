//! What is new: messages and bounces since the first start that were not covered yet.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::app::App;
use crate::app::listing::{Allowance, Lister, Stop};
use crate::app::poll::{OVERLAP, Trouble};
use crate::config::ServerConfig;
use crate::model::{Coverage, HOUR, Kind, Span, StreamId, Timestamp};
use crate::postmark::Server;
use crate::store::{self, Backend, ServerState};

/// Postmark keeps messages for so long at least, by plan.
const SHORTEST_RETENTION: Duration = Duration::from_secs(7 * 86_400);
/// What Postmark's bounds are told in.
const SECOND: Duration = Duration::from_secs(1);
/// Requests for new messages and bounces of one server in one cycle.
const HARD_STOP: u64 = 200;

impl App {
    /// Lists what is new of every stream: messages first, then bounces.
    pub(super) async fn list_new(
        &self,
        server: &ServerConfig,
        lister: &mut Lister<'_>,
        streams: &[StreamId],
        before: &ServerState,
        now: Timestamp,
        trouble: &mut Trouble,
    ) -> Result<(), store::Error> {
        let mut allowance = Allowance {
            requests: HARD_STOP,
            deadline: None,
        };
        let mut sure: BTreeMap<StreamId, Timestamp> = BTreeMap::new();
        for kind in Kind::ALL {
            for stream in streams {
                if trouble.is_over() {
                    break;
                }
                let coverage = self.coverage(&server.name, stream, kind).await?;
                let since = before.first_start_at.max(now - self.config.store.keep);
                let spans = new_spans(&coverage, since, now);
                let sure_from = match sure.get(stream) {
                    Some(known) => Ok(*known),
                    None => {
                        self.sure_from(server, lister.api, stream, &spans, now)
                            .await
                    }
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
        Ok(())
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
        let history =
            move |s: &mut dyn Backend| s.history(&name, &id, Span::before(from, HOUR), &[from]);
        let Some(last) = self.store.call(history).await?.last_sent(from) else {
            return Ok(sure);
        };
        let second = last.floor(SECOND);
        let page = api
            .messages(stream, Span::new(second, second + SECOND), 0)
            .await?;
        Ok(if page.total > 0 { Timestamp::MIN } else { sure })
    }
}

/// What is to be listed of the time from `since` on: what was not covered, and the end of what was.
fn new_spans(coverage: &Coverage, since: Timestamp, now: Timestamp) -> Vec<Span> {
    let since = Span::new(since, now);
    let mut wanted = Coverage::of(coverage.holes(since));
    if let Some(end) = coverage.end().filter(|end| *end < now) {
        wanted.insert(Span::new(end - OVERLAP, now));
    }
    wanted.spans().to_vec()
}
