//! The first message of a database: when it is due, and what goes into it.

use chrono::{NaiveTime, Weekday};

use crate::config::{ConfigWarning, Mode, ServerConfig};
use crate::cycle::Context;
use crate::cycle::poll::missing_streams::load_unlisted_streams;
use crate::cycle::poll::same_server::load_same_servers;
use crate::cycle::stats::{budget_series, digest_entry, load_with_week_before, watched_streams};
use crate::cycle::stored_message::to_row;
use crate::decide::digest_period::next_time;
use crate::detect::{KeptSilences, Silence};
use crate::model::{
    DAY, HOUR, History, Incident, Mute, Rule, Rules, SAMPLE_LOOKBACK, ServerName, Span, StreamId,
    Timestamp,
};
use crate::notify::Message;
use crate::notify::digest::{Day, ServerDay, StreamDay, unusual_lines};
use crate::notify::hello::{Hello, Stop, WatchedServer, WatchedStream, hello};
use crate::store::{self, Database, MessageKind, ServerState};

/// Writes the first message of this database, unless it was written before, or a server was neither read nor told as blind.
/// Returns it where it is sent.
pub(crate) async fn write_hello(
    context: &Context,
    now: Timestamp,
) -> Result<Option<Message>, store::Error> {
    let store = &context.store;
    let Some(due) = store.call(|s| s.due_hello()).await? else {
        return Ok(None);
    };
    if !is_wanted(context) {
        store.call(move |s| s.save_hello(None, now)).await?;
        return Ok(None);
    }
    let Some(data) = collect(context, now).await? else {
        return Ok(None);
    };
    let data = Hello {
        is_anew: due.is_anew,
        ..data
    };
    let message = hello(&data, now, context.style());
    let row = to_row(MessageKind::Hello, &message);
    let is_first = store.call(move |s| s.save_hello(Some(&row), now)).await?;
    Ok(is_first.then_some(message))
}

/// Returns whether the configuration has it on, and the database outlives this process: elsewhere each start would greet.
fn is_wanted(context: &Context) -> bool {
    let config = &context.config;
    config.slack.hello && !config.warnings.contains(&ConfigWarning::EphemeralDisk)
}

/// Returns what is watched; `None` where not a single server was read, or one was not and nobody was told.
async fn collect(context: &Context, now: Timestamp) -> Result<Option<Hello>, store::Error> {
    let (config, store) = (&context.config, &context.store);
    let mutes = store.call(move |s| s.mutes(now)).await?;
    let series = budget_series(config, store).await?;
    let next_digest = next_time(now, config.time_zone, config.digest_at, |_| true);
    let (missing_streams, misnamed_streams) = load_unlisted_streams(config, store).await?;
    let mut data = Hello {
        digest_at: next_digest,
        same_servers: load_same_servers(config, store).await?,
        missing_streams,
        misnamed_streams,
        ..Hello::default()
    };
    let mut day = Day::default();
    let mut is_anything_read = false;
    for (server, streams) in watched_streams(&context.config, &context.store).await? {
        let name = server.name.clone();
        let load = move |s: &mut Database| {
            Ok((
                s.server_state(&name, now)?,
                s.open_incidents(&name)?,
                s.server_identity(&name)?,
                s.delivery_incidents(&name, now - SAMPLE_LOOKBACK)?,
                s.learned(&name)?,
            ))
        };
        let (state, open, identity, losses, learned) = store.call(load).await?;
        let is_read = is_read(&state);
        if !is_read && !is_reported(&server.name, &open, &mutes, config.mode) {
            return Ok(None);
        }
        data.open.extend(open);
        if server.name.is_account() {
            continue;
        }
        is_anything_read |= is_read;
        let mut watched = WatchedServer {
            name: server.name.to_string(),
            is_sandbox: identity.is_some_and(|server| server.is_sandbox()),
            ..WatchedServer::default()
        };
        let mut silences = KeptSilences::new(learned);
        let mut entry = ServerDay {
            name: server.name.to_string(),
            sandbox: watched.is_sandbox,
            ..ServerDay::default()
        };
        let same = data.same_servers.iter();
        let counted_as = same.filter_map(|same| same.counted_as(&server.name.0));
        let counted_as: Vec<&ServerName> = counted_as.collect();
        for stream in &streams {
            let of_it = |other: &&WatchedServer| counted_as.iter().any(|as_| as_.0 == other.name);
            let mut counted = data.servers.iter().filter(of_it).flat_map(|s| &s.streams);
            if counted.any(|other| other.stream == *stream) {
                continue;
            }
            let reader = StreamReader {
                context,
                server: &server,
                state: &state,
                losses: &losses,
                series,
                now,
            };
            let (of_stream, of_day) = reader.read(stream, &mut silences).await?;
            watched.streams.push(of_stream);
            entry.streams.push(of_day);
        }
        day.servers.push(entry);
        data.servers.push(watched);
    }
    for name in ServerName::NO_SERVERS.map(ServerName::from) {
        data.open
            .extend(store.call(move |s| s.open_incidents(&name)).await?);
    }
    data.open
        .sort_by_key(|incident| std::cmp::Reverse(incident.severity));
    day.open = data.open.clone();
    data.unusual = unusual_lines(&day);
    Ok(is_anything_read.then_some(data))
}

/// Whether the last poll of a server read everything.
const fn is_read(state: &ServerState) -> bool {
    state.last_complete_at.is_some() && state.incomplete_since.is_none()
}

/// Whether people know that a server cannot be seen, or asked not to hear of it.
fn is_reported(name: &ServerName, open: &[Incident], mutes: &[Mute], mode: Mode) -> bool {
    let is_muted = mutes.iter().any(|mute| mute.covers(name, Rule::Blind));
    let mut of_server = open.iter().filter(|incident| incident.rule.is_of_server());
    is_muted || of_server.any(|incident| incident.notified || mode == Mode::Digest)
}

/// What is common to the streams of a server.
struct StreamReader<'r> {
    context: &'r Context,
    server: &'r ServerConfig,
    state: &'r ServerState,
    /// Its incidents about delivery.
    losses: &'r [Incident],
    series: usize,
    now: Timestamp,
}

impl StreamReader<'_> {
    /// Returns what is known of a stream, and what it did in the last day.
    async fn read(
        &self,
        stream: &StreamId,
        silences: &mut KeptSilences,
    ) -> Result<(WatchedStream, StreamDay), store::Error> {
        let (context, now) = (self.context, self.now);
        let (name, day) = (&self.server.name, Span::before(now, DAY));
        let history = load_with_week_before(&context.store, name, stream, day).await?;
        let rules = context.config.rules_for(self.server);
        let rules = rules.for_stream(stream);
        let silence = silences.of_stream(stream, &history, now, rules, self.series);
        let known = (silences, self.losses, self.series);
        let of_day = digest_entry(&history, stream, day, rules, known);
        let kept = now - context.config.store.keep;
        let before_start = Span::new((kept + HOUR).ceil(HOUR), self.state.first_start_at);
        let watched = WatchedStream {
            stream: stream.clone(),
            since: history.hours.first().map(|hour| hour.first_at),
            messages: history.hours.iter().map(|hour| hour.sent).sum(),
            is_partly_read: !history.messages.holes(before_start).is_empty(),
            stop: self.stop(&history, rules, &silence),
        };
        Ok((watched, of_day))
    }

    fn stop(&self, history: &History, rules: &Rules, silence: &Silence) -> Stop {
        let now = self.now;
        if history.hours.is_empty() {
            return Stop::NoMail;
        }
        if !is_read(self.state) {
            return Stop::Unread;
        }
        if !rules.is_enabled(Rule::SendSilence) {
            return Stop::Off;
        }
        if silence.is_learning(history, now) {
            return Stop::Learning;
        }
        let ten = NaiveTime::from_hms_opt(10, 0, 0).unwrap_or_default();
        let zone = self.context.config.time_zone;
        let monday = next_time(now, zone, ten, |day| day == Weekday::Mon);
        match silence.detection_delay(history, monday) {
            Some(monday) => Stop::Noticed {
                monday,
                worst: silence.worst_detection_delay(history, now),
            },
            None => Stop::TooSparse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};
    use crate::cycle::Notifier;
    use crate::model::{Coverage, HourCount, MINUTE};
    use crate::store::Store;

    const NOW: Timestamp = Timestamp::from_secs(1_772_532_000);

    /// Four weeks of mail in every hour, all of it read.
    fn history() -> History {
        let weeks = Span::new(NOW - 28 * DAY, NOW);
        let hours = (0..28 * 24).map(|hour| HourCount {
            start: weeks.from + HOUR * hour,
            sent: 30,
            first_at: weeks.from + HOUR * hour,
            last_at: weeks.from + HOUR * hour + 58 * MINUTE,
        });
        History {
            first_seen_at: Some(weeks.from),
            installed_at: Some(weeks.from),
            messages: Coverage::from_spans([weeks]),
            hours: hours.collect(),
            ..History::default()
        }
    }

    #[test]
    fn of_a_server_that_is_not_read_no_alert_is_promised() {
        let (_folder, sources) = Sources::of_file("", &[]);
        let config = load(&sources).expect("a valid configuration");
        let server = config.servers[0].clone();
        let notifier = Notifier::new(&config.slack, std::io::sink()).expect("a notifier");
        let store = Store::open_sqlite(":memory:".as_ref()).expect("a database");
        let context = Context::with_store(config, notifier, store).expect("a context");
        let stop = |state: &ServerState| {
            let reader = StreamReader {
                context: &context,
                server: &server,
                state,
                losses: &[],
                series: 1,
                now: NOW,
            };
            let (history, rules) = (history(), Rules::default());
            let silence = Silence::for_stream(&history, NOW, &rules, 1);
            reader.stop(&history, &rules, &silence)
        };
        let read = ServerState {
            last_complete_at: Some(NOW),
            ..ServerState::default()
        };
        assert!(matches!(stop(&read), Stop::Noticed { .. }));
        let failing = ServerState {
            incomplete_since: Some(NOW),
            ..read
        };
        assert_eq!(stop(&failing), Stop::Unread);
        assert_eq!(stop(&ServerState::default()), Stop::Unread);
    }
}
