//! The digest: when it is due, and the data that goes into it.

use crate::chart::Picture;
use crate::config::{Config, ServerConfig, SlackSink};
use crate::cycle::charts::DrawnDay;
use crate::cycle::clock::cycle_instant;
use crate::cycle::closed::closed_incidents;
use crate::cycle::deliver::{Trigger, deliver};
use crate::cycle::poll::missing_streams::load_unlisted_streams;
use crate::cycle::poll::same_server::load_same_servers;
use crate::cycle::poll::servers::{mark_unconfigured, watched_servers};
use crate::cycle::stats::{budget_series, digest_entry, load_with_week_before, watched_streams};
use crate::cycle::stored_message::{from_row, to_row};
use crate::cycle::{Context, CycleError, CycleOptions, lock_database};
use crate::decide::digest_period;
use crate::detect::KeptSilences;
use crate::model::{
    DAY, Incident, MINUTE, Rule, SAMPLE_LOOKBACK, ServerName, Span, StreamId, Timestamp, Transition,
};
use crate::notify::Message;
use crate::notify::digest::{Day, ServerDay, digest};
use crate::notify::grouping::named_incidents;
use crate::store::{self, Database, MessageKind, NewMessage, Note, Placement, Store};

/// The maximum number of days without a digest that are counted: ten years, of a clock that was wrong.
const MAX_MISSED_PERIODS: usize = 3_650;

/// What a digest says once after an upgrade.
const CONFIDENCE_NOTE: &str = "`confidence = 0.95` is now the default of the bounce and complaint rates: they notify only of what chance does \
     not explain. For the plain threshold of before set `confidence = \"off\"` under [rules.bounce_rate] and [rules.spam_rate].";

/// What happened to a digest, with the end of its period.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DigestOutcome {
    /// It was written, and sent or left in the outbox.
    Sent(Timestamp, Message),
    /// The digest of this period was written before.
    AlreadySent(Timestamp, Message),
    /// No period has ended since the first start.
    NotDue,
}

/// Writes the digest that is due at `now`, if any. Returns whether it did.
pub(crate) async fn write_due_digest(
    context: &Context,
    now: Timestamp,
) -> Result<bool, store::Error> {
    let due = due_digest(&context.config, &context.store, now).await?;
    let Some((period, last)) = due else {
        return Ok(false);
    };
    if context.config.confidence_by_default {
        let note = Note {
            at: period.until - MINUTE,
            server: ServerName(String::new()),
            text: CONFIDENCE_NOTE.to_owned(),
        };
        let write = move |s: &mut Database| s.save_note_of_upgrade(&note);
        context.store.call(write).await?;
    }
    let built = build_digest(context, period, Some(last), now).await?;
    let (row, pictures) = (built.row, built.pictures);
    context
        .store
        .call(move |s| s.save_illustrated_digest(period, (&row, &pictures), false, now))
        .await
}

/// Returns the period of the digest that is due at `now`, and the end of the last period that was reported, or the first start.
pub(crate) async fn due_digest(
    config: &Config,
    store: &Store,
    now: Timestamp,
) -> Result<Option<(Span, Timestamp)>, store::Error> {
    let (first, last) = store
        .call(|s| Ok((s.first_start_at()?, s.last_digest()?)))
        .await?;
    let last = last.map(|digest| digest.until);
    Ok(first.and_then(|first| {
        let period = digest_period::due(now, config.time_zone, config.digest_at, first, last)?;
        Some((period, last.unwrap_or(first)))
    }))
}

/// Sends the digest of the latest ended period, if it was not sent yet, or `again`.
pub(crate) async fn send_digest(
    context: &Context,
    options: CycleOptions,
    again: bool,
) -> Result<DigestOutcome, CycleError> {
    let (config, store) = (&context.config, &context.store);
    let trigger = Trigger::Cycle {
        began: crate::clock::now(),
    };
    let _lock = lock_database(store, &config.store).await?;
    let now = cycle_instant(context, options).await?;
    if again {
        let period = latest_period(config, now);
        let built = build_digest(context, period, None, now).await?;
        let (row, pictures) = (built.row, built.pictures);
        store
            .call(move |s| s.save_illustrated_digest(period, (&row, &pictures), true, now))
            .await?;
        deliver(context, trigger, now).await?;
        return Ok(DigestOutcome::Sent(period.until, built.message));
    }
    let is_new = write_due_digest(context, now).await?;
    deliver(context, trigger, now).await?;
    let last = store.call(|s| s.last_digest()).await?;
    Ok(match last {
        Some(digest) if is_new => DigestOutcome::Sent(digest.until, from_row(&digest.message)),
        Some(digest) => DigestOutcome::AlreadySent(digest.until, from_row(&digest.message)),
        None => DigestOutcome::NotDue,
    })
}

/// Returns the digest of the latest ended period, as it would read now. Stores and sends nothing.
pub(crate) async fn preview_digest(
    context: &Context,
    options: CycleOptions,
) -> Result<(Span, Message), CycleError> {
    let now = match options.now {
        Some(_) => cycle_instant(context, options).await?,
        None => crate::clock::now(),
    };
    let period = latest_period(&context.config, now);
    let built = build_digest(context, period, None, now).await?;
    Ok((period, built.message))
}

fn latest_period(config: &Config, now: Timestamp) -> Span {
    digest_period::latest_period(now, config.time_zone, config.digest_at)
}

/// A digest, its row, which names its incidents, and the pictures below it.
struct BuiltDigest {
    message: Message,
    row: NewMessage,
    pictures: Vec<NewMessage>,
}

/// Builds the digest of `period`. `last` is the end of the last period that was reported, or the first start.
async fn build_digest(
    context: &Context,
    period: Span,
    last: Option<Timestamp>,
    now: Timestamp,
) -> Result<BuiltDigest, store::Error> {
    let (config, store) = (&context.config, &context.store);
    let (missing_streams, misnamed_streams) = load_unlisted_streams(config, store).await?;
    let mut data = Day {
        missed: missed_periods(config, period, last),
        mutes: store.call(move |s| s.mutes(now)).await?,
        same_servers: load_same_servers(config, store).await?,
        missing_streams,
        misnamed_streams,
        closed: store
            .call(|s| {
                let states = s.server_states()?;
                closed_incidents(s, &states)
            })
            .await?,
        ..Day::default()
    };
    add_news(store, &mut data, (period, last), now).await?;
    let series = budget_series(config, store).await?;
    let mut drawn = DrawnDay::load(store, period).await?;
    for (server, streams) in watched_streams(config, store).await? {
        let name = server.name.clone();
        let read = move |s: &mut Database| {
            let losses = s.delivery_incidents(&name, period.until - SAMPLE_LOOKBACK)?;
            let (open, identity) = (s.open_incidents(&name)?, s.server_identity(&name)?);
            Ok((open, identity, losses, s.learned(&name)?))
        };
        let (open, identity, losses, learned) = store.call(read).await?;
        let mut silences = KeptSilences::new(learned);
        let sandbox = identity.is_some_and(|server| server.is_sandbox());
        let rules = config.rules_for(&server);
        let rules = rules.with(|rules| rules.sandbox = sandbox);
        let streams = uncounted(&data, &server.name, streams);
        let same = data.same_servers.iter();
        let same_as = same
            .filter_map(|same| same.counted_as(&server.name.0))
            .next();
        let mut entry = ServerDay {
            same_as: same_as.map(|name| name.to_string()),
            name: server.name.to_string(),
            blind: blind_since(store, &server, &open, now).await?,
            sandbox,
            own_domains_missing: server.own_domains.is_empty()
                && rules.is_enabled(Rule::SpamComplaintExternal)
                && !server.name.is_account(),
            ..ServerDay::default()
        };
        for stream in &streams {
            let history = load_with_week_before(store, &server.name, stream, period).await?;
            let rules = rules.for_stream(stream);
            let known = (&mut silences, &losses[..], series);
            let of_stream = digest_entry(&history, stream, period, rules, known);
            entry.streams.push(of_stream);
        }
        data.open.extend(open);
        let is_repeated = entry.same_as.is_some() && streams.is_empty();
        if !server.name.is_account() && !is_repeated {
            let days = &entry.streams;
            drawn.add_server(store, &server.name, streams, days).await?;
        }
        // The account has no mail: it is worth a line only where it cannot be seen.
        if !server.name.is_account() || entry.blind.is_some() {
            data.servers.push(entry);
        }
    }
    data.hours = drawn.sent_by_hour();
    // Of several servers, and of those that were taken out of the configuration.
    let all = store.call(Database::all_open_incidents).await?;
    let is_known = |incident: &Incident| data.open.iter().any(|i| i.id == incident.id);
    let others: Vec<Incident> = all.into_iter().filter(|i| !is_known(i)).collect();
    data.open.extend(others);
    mark_unconfigured(
        data.open.iter_mut().chain(&mut data.closed),
        &watched_servers(config, store).await?,
    );
    follow_ended(store, &mut data).await?;
    data.open.sort_by_key(|i| std::cmp::Reverse(i.severity));
    let message = digest(&data, period, context.style());
    let reported = data.transitions.iter().map(|t| &t.incident);
    let row = NewMessage {
        incidents: named_incidents(&message, data.open.iter().chain(reported)),
        ..to_row(MessageKind::Digest, &message)
    };
    let pictures = match shows_pictures(config) {
        true => drawn.pictures(config.time_zone),
        false => Vec::new(),
    };
    Ok(BuiltDigest {
        message,
        row,
        pictures: pictures.iter().map(picture_row).collect(),
    })
}

/// Returns the streams of a server that are not in `data` already, under another name of the same server.
pub(crate) fn uncounted(
    data: &Day,
    server: &ServerName,
    mut streams: Vec<StreamId>,
) -> Vec<StreamId> {
    for same in &data.same_servers {
        let Some(first) = same.counted_as(&server.0) else {
            continue;
        };
        let mut counted = data.servers.iter().filter(|entry| entry.name == first.0);
        if let Some(counted) = counted.next() {
            streams.retain(|id| {
                counted
                    .streams
                    .iter()
                    .all(|s| s.stream.as_ref() != Some(id))
            });
        }
    }
    streams
}

/// Returns whether there is a thread in which pictures can be shown, and somebody wants them.
pub(crate) fn shows_pictures(config: &Config) -> bool {
    cfg!(feature = "charts")
        && config.slack.pictures
        && matches!(config.slack.sink, SlackSink::Bot { .. })
}

/// Returns the row of a picture: what it shows is frozen, and drawn when it is uploaded.
fn picture_row(picture: &Picture) -> NewMessage {
    NewMessage {
        kind: MessageKind::Picture,
        incident: None,
        incidents: Vec::new(),
        channel: String::new(),
        text: picture.draw().alt_text(),
        body: serde_json::to_string(picture).unwrap_or_default(),
        placement: Placement::default(),
    }
}

/// Adds what was recorded since the last digest, whether or not its periods are named as missed: transitions, notes, and the first
/// start if it lies in the period.
///
/// Steps are those that were recorded since that digest was written, up to the writing of this one: each is told once, however late
/// it was judged or the digest written, and what ended while it was being written is not told as open or as anything else.
async fn add_news(
    store: &Store,
    data: &mut Day,
    (period, last): (Span, Option<Timestamp>),
    now: Timestamp,
) -> Result<(), store::Error> {
    let first = store.call(|s| s.first_start_at()).await?;
    data.installed_at = first.filter(|at| period.contains(*at));
    let since = last.map_or(period.from, |last| last.min(period.from));
    let is_again = last.is_none();
    let read = move |s: &mut Database| {
        let before = s.digest_written_at(since)?.filter(|at| *at < period.until);
        let own = match is_again {
            true => s.digest_written_at(period.until)?,
            false => None,
        };
        let until = own.unwrap_or(now).max(period.until);
        let after = |at: Timestamp| Timestamp(at.0 + 1);
        s.transitions(Span::new(before.map_or(since, after), after(until)))
    };
    let rows = store.call(read).await?;
    data.transitions = rows.into_iter().map(|row| row.transition).collect();
    let news = Span::new(since, period.until);
    let notes = store.call(move |s| s.notes(news)).await?.into_iter();
    data.notes = notes
        .map(|note| (note.server.to_string(), note.text))
        .collect();
    Ok(())
}

/// Sets the incidents of the steps of `data` that are not open to what they are now: one may have ended without a step, or after the
/// digest was first written. What is open elsewhere, on a server that is not watched here, is left out: nobody knows its end yet.
async fn follow_ended(store: &Store, data: &mut Day) -> Result<(), store::Error> {
    let mut ended: Vec<String> = Vec::new();
    for step in &data.transitions {
        let id = &step.incident.id;
        if !ended.contains(id) && !data.open.iter().any(|open| open.id == *id) {
            ended.push(id.clone());
        }
    }
    for id in ended {
        let of = id.clone();
        let Some(now) = store.call(move |s| s.incident(&of)).await? else {
            continue;
        };
        let is_of = |step: &Transition| step.incident.id == id;
        if now.is_open() {
            data.transitions.retain(|step| !is_of(step));
        } else if let Some(last) = data.transitions.iter_mut().rev().find(|step| is_of(step)) {
            last.incident = now;
        }
    }
    Ok(())
}

/// Returns since when a server cannot be seen, and why.
async fn blind_since(
    store: &Store,
    server: &ServerConfig,
    open: &[Incident],
    now: Timestamp,
) -> Result<Option<(Timestamp, String)>, store::Error> {
    if !open.iter().any(|i| i.rule.is_of_server()) {
        return Ok(None);
    }
    let name = server.name.clone();
    let state = store.call(move |s| s.server_state(&name, now)).await?;
    let since = state.incomplete_since;
    Ok(since.map(|since| (since, state.reason.unwrap_or_default())))
}

/// Returns the ends of the periods between `last` and `period` that no digest reported, oldest first.
fn missed_periods(config: &Config, period: Span, last: Option<Timestamp>) -> Vec<Timestamp> {
    let (zone, time) = (config.time_zone, config.digest_at);
    let mut missed = Vec::new();
    let mut before = digest_period::previous_period(period, zone, time);
    while last.is_some_and(|last| before.until > last + DAY / 48)
        && missed.len() < MAX_MISSED_PERIODS
    {
        missed.push(before.until);
        before = digest_period::previous_period(before, zone, time);
    }
    missed.reverse();
    missed
}
