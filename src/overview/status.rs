//! What `status` shows: every watched server and stream as of the last cycle, and what is open and waits now.

use std::sync::Arc;

use crate::clock;
use crate::config::{Config, ServerConfig};
use crate::cycle::readiness::readiness;
use crate::cycle::report::stream_view;
use crate::cycle::stats::{StreamStats, budget_series, load_with_week_before, watched_streams};
use crate::detect::Silence;
use crate::model::{DAY, History, Rule, Rules, ServerName, Span, StreamId, Tag, Timestamp};
use crate::output::status::{ServerStatus, StatusReport, StreamStatus, TagStatus};
use crate::store::{self, Store};

/// Reads what is stored of every watched server.
pub(crate) async fn collect_status(
    config: &Config,
    store: &Store,
    now: Option<Timestamp>,
) -> Result<StatusReport, store::Error> {
    let at = last_cycle_or_now(store).await?;
    let present = view_instant(store, now).await?;
    let series = budget_series(store).await?;
    let (mut servers, mut open) = (Vec::new(), Vec::new());
    for (server, streams) in watched_streams(config, store).await? {
        servers.push(server_status(config, store, &server, &streams, at, series).await?);
        let name = server.name.clone();
        open.extend(store.call(move |s| s.open_incidents(&name)).await?);
    }
    let all = ServerName::from(ServerName::ALL_SERVERS);
    open.extend(store.call(move |s| s.open_incidents(&all)).await?);
    let waiting =
        move |s: &mut store::Database| Ok((s.count_pending()?, s.muted_rows(present)?.len()));
    let (pending, held) = store.call(waiting).await?;
    Ok(StatusReport {
        last_cycle_at: store.call(|s| s.last_cycle_at()).await?,
        servers,
        open,
        mutes: store.call(move |s| s.mutes(present)).await?,
        pending,
        held,
        readiness: readiness(config, store, present).await?,
    })
}

async fn server_status(
    config: &Config,
    store: &Store,
    server: &Arc<ServerConfig>,
    streams: &[StreamId],
    at: Timestamp,
    series: usize,
) -> Result<ServerStatus, store::Error> {
    let name = server.name.clone();
    let read = move |s: &mut store::Database| Ok((s.polls(&name, 1)?, s.server_identity(&name)?));
    let (polls, identity) = store.call(read).await?;
    let rules = config.rules_for(server);
    let mut statuses = Vec::new();
    for stream in streams {
        let last_day = Span::before(at, DAY);
        let history = load_with_week_before(store, &server.name, stream, last_day).await?;
        statuses.push(stream_status(
            stream,
            &history,
            at,
            rules.for_stream(stream),
            series,
        ));
    }
    let last = polls.first();
    Ok(ServerStatus {
        name: server.name.clone(),
        polled: last.is_some(),
        complete: last.is_some_and(|poll| poll.complete),
        reason: last.and_then(|poll| poll.reason.clone()),
        number: identity.map(|server| server.number),
        sandbox: identity.is_some_and(|server| server.is_sandbox()),
        streams: statuses,
    })
}

/// Returns the status of a stream at `at`; `series` share the budget of false alarms.
fn stream_status(
    id: &StreamId,
    history: &History,
    at: Timestamp,
    rules: &Rules,
    series: usize,
) -> StreamStatus {
    let silence = Silence::for_stream(history, at, rules, series);
    let learning = silence.is_learning(history, at);
    let delay = || silence.worst_detection_delay(history, at);
    let is_judged = rules.is_enabled(Rule::SendSilence);
    let day = StreamStats::from_history(history, Span::before(at, DAY));
    StreamStatus {
        counts: stream_view(id, history, &day, at),
        bounce_rate: day.bounce_rate(),
        last_sent: history.last_sent(at),
        last_delivered: history.last_delivered(at),
        learning,
        detection_delay: (!learning && is_judged).then(delay).flatten(),
        is_judged,
        tags: if is_judged {
            tag_statuses(history, at, rules, series)
        } else {
            Vec::new()
        },
    }
}

fn tag_statuses(history: &History, at: Timestamp, rules: &Rules, series: usize) -> Vec<TagStatus> {
    let status = |(tag, silence): (Tag, Silence)| {
        let of_tag = &history.tags[&tag];
        TagStatus {
            last_sent: of_tag.last_sent(at),
            detection_delay: silence.worst_detection_delay(of_tag, at),
            tag,
        }
    };
    let silences = Silence::for_tags(history, at, rules, series);
    silences.into_iter().map(status).collect()
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
