//! The first message of a database: what is watched, how much of it is known, how soon a stop would be noticed, and what is wrong
//! already.

use std::time::Duration;

use crate::model::{
    DAY, HOUR, Incident, MisnamedStream, MissingStreams, SameServer, StreamId, Timestamp,
};
use crate::notify::alert::Style;
use crate::notify::describe::{
    SANDBOX, describe_missing_streams, describe_open_at, describe_same_server,
};
use crate::notify::digest::by_cause;
use crate::notify::location::location;
use crate::notify::misnamed::describe_misnamed_stream;
use crate::notify::{Level, Message};
use crate::text::elide::elide;
use crate::text::format::{count, format_duration, format_time, plural, short_time};

/// The maximum number of servers, and of streams in a list, that are named.
const MAX_NAMES: usize = 5;
/// The maximum number of streams whose delay is named one by one.
const MAX_DELAYS: usize = 3;
/// The maximum number of incidents that are named.
const MAX_INCIDENTS: usize = 3;
/// The maximum number of lines of what is unusual.
const MAX_UNUSUAL: usize = 3;
/// The bounds by which the delays of many streams are counted.
const DELAY_BOUNDS: [Duration; 5] = [
    HOUR.saturating_mul(2),
    HOUR.saturating_mul(6),
    DAY,
    DAY.saturating_mul(7),
    DAY.saturating_mul(45),
];

/// What is said of a database that takes the place of another.
const ANEW: &str = "This database replaces one that was lost: its incidents, mutes and judgements are lost; the history was read \
     from Postmark again.";

/// What the first message tells of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hello {
    pub servers: Vec<WatchedServer>,
    pub open: Vec<Incident>,
    /// What is unusual of the last day though no incident says so, a line each.
    pub unusual: Vec<String>,
    /// Servers of [`servers`](Self::servers) that have several names; their mail is under the first one only.
    pub same_servers: Vec<SameServer>,
    /// Servers of which the configuration names streams that there are not.
    pub missing_streams: Vec<MissingStreams>,
    /// Streams that the configuration leaves out or gives rules, and that there are not.
    pub misnamed_streams: Vec<MisnamedStream>,
    /// When the first digest comes.
    pub digest_at: Timestamp,
    /// Whether the database takes the place of one that was lost.
    pub is_anew: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct WatchedServer {
    pub name: String,
    /// Whether Postmark delivers nothing of what it sends.
    pub is_sandbox: bool,
    pub streams: Vec<WatchedStream>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct WatchedStream {
    pub stream: StreamId,
    /// When the oldest message was sent that is known; `None` where none is.
    pub since: Option<Timestamp>,
    /// Messages that are known.
    pub messages: u64,
    /// Whether older history is still to be read.
    pub is_partly_read: bool,
    pub stop: Stop,
}

/// How soon a stop of a stream would be noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Noticed {
        /// After a stop on a Monday at 10:00, local time.
        monday: Duration,
        /// At worst, as at night; `None` for more than 45 days.
        worst: Option<Duration>,
    },
    /// Not within 45 days.
    TooSparse,
    /// Its history is too short.
    Learning,
    /// `send_silence` is off.
    Off,
    /// There was no mail that could stop.
    NoMail,
    /// Its server cannot be read, as is said of it.
    Unread,
}

/// Returns the first message, written at `now`.
pub fn hello(hello: &Hello, now: Timestamp, style: Style) -> Message {
    let streams = streams(hello);
    let what = match hello.servers.as_slice() {
        [server] => server.name.clone(),
        servers => {
            let names = hello.same_servers.iter().map(|same| same.names.len());
            let repeated: usize = names.map(|names| names.saturating_sub(1)).sum();
            plural(servers.len().saturating_sub(repeated) as u64, "server")
        }
    };
    let headline = format!("👋 hushwatch is watching {what}: {}", known(&streams, now));
    let mut lines = server_lines(hello);
    if hello.is_anew {
        lines.push(ANEW.to_owned());
    }
    if streams.iter().any(|(_, stream)| stream.is_partly_read) {
        lines.push("Older history is still to be read; the next polls read it.".to_owned());
    }
    lines.extend(stop_line(&going_streams(hello)));
    lines.extend(problem_lines(hello, now, style));
    lines.push(outlook(hello, now, style));
    let footer = format!(
        "hushwatch status · {} {}",
        format_time(now, style.zone),
        style.zone.name()
    );
    Message::new(Level::Info, &headline, lines, &footer)
}

/// Returns the names of several servers, and which deliver nothing.
fn server_lines(hello: &Hello) -> Vec<String> {
    let name = |server: &WatchedServer| server.name.clone();
    let names = elide(hello.servers.iter().map(name), MAX_NAMES);
    let sandboxes = hello.servers.iter().filter(|server| server.is_sandbox);
    let sandboxes = elide(sandboxes.map(name), MAX_NAMES);
    let mut lines = Vec::new();
    if hello.servers.len() > 1 {
        lines.push(names);
    }
    if !sandboxes.is_empty() {
        lines.push(format!("{sandboxes}: {SANDBOX}."));
    }
    let same = hello.same_servers.iter().map(describe_same_server);
    let missing = hello.missing_streams.iter().map(describe_missing_streams);
    let misnamed = hello.misnamed_streams.iter().map(describe_misnamed_stream);
    let lists = same.chain(missing).chain(misnamed);
    lines.extend(lists.map(|line| match line.ends_with('?') {
        true => format!("⚠ {line}"),
        false => format!("⚠ {line}."),
    }));
    lines
}

/// Returns every stream with its name: of several servers, with that of its server.
fn streams(hello: &Hello) -> Vec<(String, &WatchedStream)> {
    streams_where(hello, |_, _| true)
}

/// Returns those whose mail has not stopped yet, as far as the open incidents say.
fn going_streams(hello: &Hello) -> Vec<(String, &WatchedStream)> {
    streams_where(hello, |server, stream| {
        let mut open = hello.open.iter();
        !open.any(|i| i.says_stopped(&server.name, &stream.stream))
    })
}

fn streams_where(
    hello: &Hello,
    is_wanted: impl Fn(&WatchedServer, &WatchedStream) -> bool,
) -> Vec<(String, &WatchedStream)> {
    let has_several = hello.servers.len() > 1;
    let mut streams = Vec::new();
    for server in &hello.servers {
        for stream in server.streams.iter().filter(|s| is_wanted(server, s)) {
            let name = match has_several {
                true => format!("{}/{}", server.name, stream.stream),
                false => stream.stream.to_string(),
            };
            streams.push((name, stream));
        }
    }
    streams
}

/// Returns `2 streams, 45 days of history (29,019 messages)`.
fn known(streams: &[(String, &WatchedStream)], now: Timestamp) -> String {
    let total = plural(streams.len() as u64, "stream");
    let messages: u64 = streams.iter().map(|(_, stream)| stream.messages).sum();
    let Some(since) = streams.iter().filter_map(|(_, stream)| stream.since).min() else {
        return format!("{total}, no mail yet");
    };
    let known = now.since(since);
    let known = match known.as_secs() / DAY.as_secs() {
        0 | 1 => format_duration(known),
        days => format!("{days} days"),
    };
    format!(
        "{total}, {known} of history ({})",
        plural(messages, "message")
    )
}

/// Returns how soon a stop would be noticed, and where it would not be.
fn stop_line(streams: &[(String, &WatchedStream)]) -> Option<String> {
    let mut noticed = Vec::new();
    for (name, stream) in streams {
        if let Stop::Noticed { monday, worst } = stream.stop {
            noticed.push((monday, worst, name.as_str()));
        }
    }
    noticed.sort_unstable();
    let names_of = |stop: Stop| {
        let of = streams.iter().filter(|(_, stream)| stream.stop == stop);
        let names: Vec<String> = of.map(|(name, _)| name.clone()).collect();
        (!names.is_empty()).then(|| elide(names, MAX_NAMES))
    };
    let learning = names_of(Stop::Learning).map(|names| {
        format!("Still learning what is normal, so silence is not reported yet: {names}.")
    });
    let sparse = names_of(Stop::TooSparse)
        .map(|names| format!("Too little mail to notice a stop within 45 days: {names}."));
    let off = names_of(Stop::Off)
        .map(|names| format!("`send_silence` is off, so a stop is not reported: {names}."));
    let is_empty = !streams.is_empty()
        && streams
            .iter()
            .all(|(_, stream)| stream.stop == Stop::NoMail);
    let none = is_empty.then(|| "Silence is reported once there is mail that can stop.".to_owned());
    let sentences = [delay_sentence(&noticed), learning, sparse, off, none];
    let sentences: Vec<String> = sentences.into_iter().flatten().collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

/// Returns when people would hear of a stop of each of these streams, which are sorted by that; `None` where there are none.
fn delay_sentence(noticed: &[(Duration, Option<Duration>, &str)]) -> Option<String> {
    let notified = match noticed {
        [] => return None,
        [(monday, worst, name)] => {
            let worst = match worst {
                Some(worst) if worst > monday => {
                    format!("; at worst within {}", format_duration(*worst))
                }
                _ => String::new(),
            };
            let monday = format_duration(*monday);
            return Some(format!(
                "If {name} stopped on a Monday at 10:00, you would hear within {monday}{worst}."
            ));
        }
        few if few.len() <= MAX_DELAYS => {
            let delay = |(monday, _, name): &(Duration, _, &str)| {
                format!("{name} within {}", format_duration(*monday))
            };
            few.iter().map(delay).collect::<Vec<_>>().join(", ")
        }
        many => by_bounds(many),
    };
    Some(format!(
        "If mail stopped on a Monday at 10:00, you would hear of {notified}."
    ))
}

/// Returns `60 streams within 2 h, 12 within 24 h`.
fn by_bounds(noticed: &[(Duration, Option<Duration>, &str)]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut notified = 0;
    for bound in DELAY_BOUNDS {
        let within = noticed.partition_point(|(monday, ..)| *monday <= bound);
        let more = (within - notified) as u64;
        if more > 0 {
            let number = match parts.is_empty() {
                true => plural(more, "stream"),
                false => count(more),
            };
            parts.push(format!("{number} within {}", format_duration(bound)));
        }
        notified = within;
    }
    parts.join(", ")
}

/// Returns a line for each of the first open incidents, and for what else needs a look.
fn problem_lines(hello: &Hello, now: Timestamp, style: Style) -> Vec<String> {
    let line = |incident: &Incident| {
        format!(
            "{} {}: {} · hushwatch explain {}",
            Level::from(incident.severity).sign(),
            location(incident),
            describe_open_at(incident, now, style),
            incident.id
        )
    };
    let open = by_cause(&hello.open);
    let causes = open.iter().map(|(cause, _)| *cause);
    let mut lines: Vec<String> = causes.take(MAX_INCIDENTS).map(line).collect();
    let rest = open.len().saturating_sub(MAX_INCIDENTS);
    if rest > 0 {
        lines.push(format!("… and {rest} more: hushwatch status"));
    }
    lines.extend(hello.unusual.iter().take(MAX_UNUSUAL).cloned());
    let rest = hello.unusual.len().saturating_sub(MAX_UNUSUAL);
    if rest > 0 {
        lines.push(format!("… and {rest} more: hushwatch digest --print"));
    }
    lines
}

/// Returns whether something is wrong already, and when the first digest comes.
fn outlook(hello: &Hello, now: Timestamp, style: Style) -> String {
    let state = match by_cause(&hello.open).len() as u64 {
        0 => "No incident is open.".to_owned(),
        open => format!("{} already.", plural(open, "open incident")),
    };
    let digest_at = short_time(hello.digest_at, now, style.zone);
    format!("{state} The first daily digest comes {digest_at}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Rule;
    use crate::notify::samples::{STYLE, course_of};

    fn watching(open: Vec<Incident>) -> String {
        let stream = |id: &str| WatchedStream {
            stream: id.into(),
            since: Some(Timestamp::from_secs(1_700_000_000)),
            messages: 100,
            is_partly_read: false,
            stop: Stop::Noticed {
                monday: HOUR,
                worst: None,
            },
        };
        let shop = WatchedServer {
            name: "shop".to_owned(),
            is_sandbox: false,
            streams: vec![stream("outbound"), stream("broadcast")],
        };
        let data = Hello {
            servers: vec![shop],
            open,
            ..Hello::default()
        };
        hello(&data, Timestamp::from_secs(1_700_086_400), STYLE).to_text()
    }

    #[test]
    fn of_a_stream_whose_mail_has_stopped_nothing_is_promised() {
        let text = watching(Vec::new());
        assert!(text.contains("outbound within 1 h"), "{text}");
        let stop = course_of(Rule::SendSilence).step("opened").incident.clone();
        let text = watching(vec![stop]);
        assert!(!text.contains("outbound within 1 h"), "{text}");
        assert!(text.contains("If broadcast stopped on a Monday"), "{text}");
        assert!(text.contains("2 streams"), "{text}");
    }
}
