//! Polls one server: its streams, new mail, old history, the delivery sample. A failing stream stops no other.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::config::{Schedule, ServerConfig};
use crate::cycle::Context;
use crate::cycle::clock::{ClockSkew, MAX_POSTMARK_SKEW};
use crate::cycle::collect::address_checks::check_addresses;
use crate::cycle::collect::backfill::backfill_streams;
use crate::cycle::collect::delivery_sample::sample_deliveries;
use crate::cycle::collect::errors::PollErrors;
use crate::cycle::collect::new_mail::read_new_mail;
use crate::cycle::collect::reader::ServerReader;
#[cfg(feature = "doctor")]
use crate::cycle::collect::senders::read_senders;
use crate::cycle::collect::statistics::read_statistics;
use crate::cycle::collect::tags::count_tags;
use crate::cycle::poll::outcome::PollOutcome;
use crate::cycle::poll::renamed::follow_new_name;
use crate::cycle::poll::stream_list::{FormerList, is_any_quiet, save_fetch, settings_digest};
use crate::cycle::poll::streams::list_streams;
use crate::model::{DAY, HOUR, Kind, Rule, Span, StreamId, Timestamp};
use crate::store::{self, Database, ServerState, Store};

/// The maximum number of scheduled instants in an hour at which counts are cut, since each cut costs a request.
const MAX_BOUNDARIES_PER_HOUR: u64 = 2;
/// What the list of streams costs, which the mail may show to be needed.
const LIST_REQUESTS: u64 = 1;

pub(crate) async fn load_state(
    store: &Store,
    server: &ServerConfig,
    now: Timestamp,
) -> Result<ServerState, store::Error> {
    let name = server.name.clone();
    store.call(move |s| s.server_state(&name, now)).await
}

/// What a poll read of a server, beside what it stored.
#[derive(Default)]
struct Reading {
    requests: u64,
    postmark_date: Option<Timestamp>,
    needs_list: bool,
    errors: PollErrors,
}

/// Polls one server, until `deadline` at the latest. What is stored by then stays.
pub(crate) async fn poll_server(
    context: &Context,
    server: &Arc<ServerConfig>,
    now: Timestamp,
    deadline: Instant,
) -> Result<PollOutcome, store::Error> {
    let store = &context.store;
    let api = server.token.read().map(|token| {
        let digest = settings_digest(context, server, &token);
        (digest, context.postmark.server(token))
    });
    let errors = match &api {
        Ok((_, api)) => follow_new_name(context, server, api, deadline, now).await?,
        Err(_) => PollErrors::default(),
    };
    let previous_state = load_state(store, server, now).await?;
    let reading = match api {
        Err(problem) => Reading {
            errors: PollErrors::unreadable_token(problem.to_string()),
            ..Reading::default()
        },
        Ok((_, api)) if !errors.blocking.is_empty() => Reading {
            requests: api.requests(),
            postmark_date: api.last_date(),
            errors,
            ..Reading::default()
        },
        Ok((digest, api)) => {
            let mut reader = ServerReader::new(
                store,
                &api,
                &server.name,
                context.config.postmark.requests_per_poll,
                &previous_state,
                (
                    count_boundaries(&context.config.schedule, &previous_state, now),
                    polls_due(&context.config.schedule, &previous_state, now),
                ),
                now,
            );
            let read = read_server(context, server, &mut reader, &previous_state, &digest);
            match timeout_at(deadline, read).await {
                Ok(read) => read?,
                Err(_) => reader.errors.blocking.push(format!(
                    "{}: this cycle's time is over, the next cycles go on; look why Postmark is slow, or raise `postmark.poll_time`",
                    server.name
                )),
            }
            Reading {
                requests: api.requests(),
                postmark_date: api.last_date(),
                needs_list: reader.needs_list,
                errors: reader.errors,
            }
        }
    };
    let name = server.name.clone();
    let read =
        move |s: &mut Database| Ok((s.watched_streams(&name)?, s.streams_judged_from(&name)?));
    let (streams, judged_from) = store.call(read).await?;
    let (server, requests) = (Arc::clone(server), reading.requests);
    Ok(PollOutcome {
        postmark_date: reading.postmark_date,
        needs_list: reading.needs_list,
        judged_from,
        ..PollOutcome::new(
            server,
            previous_state,
            &context.config.schedule,
            now,
            requests,
            streams,
            reading.errors,
        )
    })
}

/// Reads everything of one server that its budget and its errors allow.
async fn read_server(
    context: &Context,
    server: &ServerConfig,
    reader: &mut ServerReader<'_>,
    previous_state: &ServerState,
    settings_digest: &str,
) -> Result<(), store::Error> {
    let Some(streams) = read_mail(context, server, reader, previous_state, settings_digest).await?
    else {
        return Ok(());
    };
    let first_start = previous_state.first_start_at.min(reader.now);
    let oldest_kept = reader.now - context.config.store.keep;
    count_tags(reader).await?;
    let history = Span::new((oldest_kept + HOUR).ceil(HOUR), first_start);
    let backfill_deadline = Instant::now() + context.config.postmark.backfill_time;
    backfill_streams(reader, &streams, history, backfill_deadline).await?;
    // On a first start, the newest hours are part of the history: the poll is complete only if they were read.
    if first_start == reader.now
        && reader.errors.blocking.is_empty()
        && let Some(what) = find_uncovered(reader, &streams).await?
    {
        let mut reasons = mem::take(&mut reader.errors.warnings);
        if reasons.is_empty() {
            reasons.push(format!("{what} could not be read"));
        }
        reader.errors.blocking = reasons;
    }
    sample_deliveries(reader, &streams).await?;
    check_addresses(reader, &streams, &server.operator_addresses).await?;
    let rules = context.config.rules_for(server);
    if rules.is_enabled(Rule::SmtpErrors) {
        read_statistics(reader, first_start).await?;
    }
    #[cfg(feature = "doctor")]
    if rules.is_enabled(Rule::DnsDrift) {
        read_senders(reader, &streams, first_start).await?;
    }
    reader.log_counts();
    Ok(())
}

/// Reads the new mail of every stream that is watched, and returns these streams; `None` where nothing more of the server can be read.
///
/// The list of streams is fetched first, unless that of an earlier poll holds. Then it is fetched once the mail shows that it must be: a
/// stream is quiet, Postmark does not know one, or the first answer is none.
async fn read_mail(
    context: &Context,
    server: &ServerConfig,
    reader: &mut ServerReader<'_>,
    previous_state: &ServerState,
    settings_digest: &str,
) -> Result<Option<Vec<StreamId>>, store::Error> {
    let (store, now) = (&context.store, reader.now);
    let former = FormerList::load(store, &server.name).await?;
    let known = former.streams_if_it_holds(settings_digest, previous_state, now);
    let mut read = Vec::new();
    if let Some(known) = known {
        let since = since(context, reader, previous_state);
        let unread = read_by_former_list(reader, &known, since).await?;
        let must_stop = unread.is_empty() && reader.errors.should_stop();
        let must_list =
            !unread.is_empty() || is_any_quiet(store, &server.name, previous_state, now).await?;
        if must_stop || !must_list {
            return Ok(Some(known));
        }
        read = known;
        read.retain(|id| !unread.contains(id));
        reader.needs_list = !read.is_empty();
    }
    let Some(listed) = fetch_list(context, server, reader, settings_digest, &former).await? else {
        return Ok(None);
    };
    let mut unread = listed.clone();
    unread.retain(|id| !read.contains(id));
    read_new_mail(reader, &unread, since(context, reader, previous_state)).await?;
    Ok(Some(listed))
}

/// Reads the new mail of the streams of an earlier list, and leaves what a new list costs. Returns the streams that are to be read
/// again once that was fetched.
async fn read_by_former_list(
    reader: &mut ServerReader<'_>,
    streams: &[StreamId],
    since: Timestamp,
) -> Result<Vec<StreamId>, store::Error> {
    reader.use_former_list();
    reader.budget.ensure_minimum(streams.len());
    reader.budget.reserve(LIST_REQUESTS);
    let unread = read_new_mail(reader, streams, since).await;
    reader.budget.release(LIST_REQUESTS);
    unread
}

/// Returns since when mail is new.
fn since(context: &Context, reader: &ServerReader<'_>, previous_state: &ServerState) -> Timestamp {
    let first_start = previous_state.first_start_at.min(reader.now);
    first_start.max(reader.now - context.config.store.keep)
}

/// Fetches the list of streams, and returns those that are watched; `None` where nothing more of the server can be read.
async fn fetch_list(
    context: &Context,
    server: &ServerConfig,
    reader: &mut ServerReader<'_>,
    settings_digest: &str,
    former: &FormerList,
) -> Result<Option<Vec<StreamId>>, store::Error> {
    let (store, asked) = (&context.store, Instant::now().into_std());
    let listed = list_streams(context, server, reader.api, former).await;
    let date = reader.api.last_date();
    reader.errors.skew = ClockSkew::find(store, asked, date).await?;
    if reader.errors.skew.is_some() {
        // Nothing is stored: what is new in the list is so to the first poll with a clock that is right.
        return Ok(None);
    }
    // Of what is later than the present, as `--now` may name it, nothing can be known.
    if let Some(date) = date.filter(|date| reader.now > *date + MAX_POSTMARK_SKEW) {
        reader.now = date;
    }
    let (listing, errors) = match listed {
        Ok(listed) => listed,
        Err(error) => {
            reader.errors.record(Err(error))?;
            return Ok(None);
        }
    };
    let is_flawless = errors.blocking.is_empty() && errors.warnings.is_empty();
    reader.errors.merge(errors);
    reader.errors.reachable = true;
    let Some(listing) = listing else {
        return Ok(None);
    };
    listing
        .save(store, &server.name, former, reader.now)
        .await?;
    if is_flawless {
        save_fetch(store, &server.name, settings_digest, reader.now).await?;
    }
    reader.use_fetched_list();
    reader.budget.ensure_minimum(listing.watched.len());
    Ok(Some(listing.watched))
}

/// Returns the scheduled instants since the last complete poll: a rule's window begins or ends there. None where they are
/// many; then only full hours are told apart.
fn count_boundaries(
    schedule: &Schedule,
    previous_state: &ServerState,
    now: Timestamp,
) -> Vec<Timestamp> {
    let since = previous_state.last_complete_at.unwrap_or(now);
    let since = since.max(now - DAY);
    let instants = schedule.instants(since - HOUR, now);
    let hours = now.since(since).as_secs() / 3600 + 2;
    if instants.len() as u64 > MAX_BOUNDARIES_PER_HOUR * hours {
        return Vec::new();
    }
    instants
}

/// Returns how many polls this one stands for: it and those that were due since the last complete one, of a day at most.
fn polls_due(schedule: &Schedule, previous_state: &ServerState, now: Timestamp) -> usize {
    let begin = previous_state.first_start_at.min(now);
    let since = previous_state.last_complete_at.unwrap_or(begin);
    let due = schedule.instants(since.max(now - DAY), now + Duration::from_millis(1));
    due.len().max(1)
}

/// Returns what is not covered up to the present, such as `messages of shop/outbound`; `None` where all is.
async fn find_uncovered(
    reader: &ServerReader<'_>,
    streams: &[StreamId],
) -> Result<Option<String>, store::Error> {
    for kind in Kind::ALL {
        for stream in streams {
            if reader.coverage(stream, kind).await?.end() < Some(reader.now) {
                let (kind, server) = (kind.name(), reader.server);
                return Ok(Some(format!("{kind} of {server}/{stream}")));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_stands_for_those_that_were_due_since_the_last_complete_one() {
        let hourly: Schedule = "0 0 * * * *".parse().expect("valid");
        let at = |minutes: u32| Timestamp::from_secs(1_772_532_000) + HOUR / 60 * minutes;
        let polls = |complete: Option<u32>, now: u32| {
            let state = ServerState {
                first_start_at: at(0),
                last_complete_at: complete.map(at),
                ..ServerState::default()
            };
            polls_due(&hourly, &state, at(now))
        };
        assert_eq!(polls(Some(60), 120), 1);
        assert_eq!(polls(Some(61), 122), 1, "a little late");
        assert_eq!(polls(Some(60), 63), 1, "by hand");
        assert_eq!(polls(Some(60), 480), 7, "six failed");
        assert_eq!(polls(Some(60), 60 + 72 * 60), 24, "of a day at most");
        assert_eq!(polls(None, 180), 3, "none was complete yet");
        assert_eq!(polls(None, 0), 1, "the first");
    }
}
