//! The daily digest: the verdict first, then what needs a look, then every server, or one line for many quiet ones.

mod fleet;
mod incidents;
mod servers;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{BounceClass, Incident, Mute, Severity, Span, StreamId, Timestamp, Transition};
use crate::notify::alert::Style;
use crate::notify::mute::line;
use crate::notify::{Message, Tone};
use crate::text::format::{format_day, format_range, format_time, plural};

use fleet::grouped;
use incidents::{ended, open};
use servers::server_lines;

/// So many servers are told each in lines of its own; of more, those only that need a look.
const TOLD_IN_FULL: usize = 5;
/// Names in a line that stands for many.
const NAMED: usize = 8;

/// What one stream did in a period.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamDay {
    /// Which stream.
    pub stream: Option<StreamId>,
    /// Messages sent.
    pub sent: u64,
    /// Messages sent in the same period a week before; `None` where that was not covered.
    pub sent_week_before: Option<u64>,
    /// Messages delivered: exact, or estimated as sent less bounced.
    pub delivered: u64,
    /// Whether `delivered` is exact.
    pub delivered_exact: bool,
    /// How many were followed, where none of them is proven delivered: then nothing is estimated.
    pub unproven: Option<u64>,
    /// Distinct messages by class of bounce or complaint.
    pub classes: Vec<(BounceClass, u64)>,
    /// Messages with a counting bounce.
    pub bounced: u64,
    /// Their share of the messages sent or bounced.
    pub bounce_rate: f64,
    /// What of the period was not covered.
    pub unknown: Vec<Span>,
    /// Whether silence is still being learned.
    pub learning: bool,
    /// How long a stop would go unnoticed at worst.
    pub unnoticed: Option<Duration>,
}

/// What one server did in a period.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerDay {
    /// Which server.
    pub name: String,
    /// Its streams.
    pub streams: Vec<StreamDay>,
    /// Since when it cannot be seen, and why.
    pub blind: Option<(Timestamp, String)>,
    /// Whether `own_domains` is empty, and `spam_complaint_external` off.
    pub own_domains_missing: bool,
}

/// What a digest tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Day {
    /// Each server.
    pub servers: Vec<ServerDay>,
    /// Steps judged in the period.
    pub transitions: Vec<Transition>,
    /// Incidents open now.
    pub open: Vec<Incident>,
    /// Ends of periods for which no digest was written.
    pub missed: Vec<Timestamp>,
    /// Who came and who went: a server, and what is worth a line of it.
    pub notes: Vec<(String, String)>,
    /// What is muted now.
    pub mutes: Vec<Mute>,
    /// The first start, where it lies in the period: history began anew then.
    pub installed_at: Option<Timestamp>,
}

/// The digest of `period`.
pub fn digest(data: &Day, period: Span, style: Style) -> Message {
    let mut lines = Vec::new();
    lines.extend(open(&data.open, style));
    lines.extend(ended(data, style));
    lines.extend(mutes(&data.mutes, style));
    if data.servers.len() <= TOLD_IN_FULL {
        for server in &data.servers {
            lines.extend(server_lines(server, period, data.servers.len() > 1, style));
        }
    } else {
        lines.extend(grouped(data, period, style));
    }
    lines.extend(notes(&data.notes));
    if !data.missed.is_empty() {
        let days: Vec<String> = data
            .missed
            .iter()
            .map(|at| format_day(*at, style.zone))
            .collect();
        lines.push(format!(
            "No digest was sent for the day up to {}",
            days.join(", ")
        ));
    }
    if let Some(at) = data.installed_at {
        lines.push(format!(
            "This database begins at {}: of the time before, hushwatch knows only what Postmark still had",
            format_time(at, style.zone)
        ));
    }
    let footer = format!("{} {}", format_range(period, style.zone), style.zone.name());
    Message::new(tone(data), &headline(data, period, style), lines, &footer)
}

/// Who came and who went: a line for each kind of news. One without a server is of hushwatch itself.
fn notes(notes: &[(String, String)]) -> Vec<String> {
    let mut by_text: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (server, text) in notes {
        by_text.entry(text).or_default().push(server);
    }
    let line = |(text, servers): (&str, Vec<&str>)| match servers.as_slice() {
        [""] => text.to_owned(),
        [server] => format!("{server}: {text}"),
        servers => {
            let named = servers.iter().take(NAMED).copied().collect::<Vec<_>>();
            let more = servers.len() - named.len();
            let rest = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!(
                "{} ({}{rest}): each {text}",
                plural(servers.len() as u64, "server"),
                named.join(", ")
            )
        }
    };
    by_text.into_iter().map(line).collect()
}

/// What nobody is told of for now; of many, the first.
fn mutes(mutes: &[Mute], style: Style) -> impl Iterator<Item = String> {
    let told = mutes.iter().take(NAMED);
    let lines = told.map(move |mute| format!("Muted: {}", line(mute, style.zone)));
    let more = mutes.len().saturating_sub(NAMED);
    let rest = (more > 0).then(|| format!("Muted: {more} more, see `hushwatch mute --list`"));
    lines.chain(rest)
}

fn tone(data: &Day) -> Tone {
    match data.open.iter().map(|i| i.severity).max() {
        Some(Severity::Wake) => Tone::Wake,
        Some(Severity::Warn) => Tone::Warn,
        None if data.servers.iter().any(has_unknown) => Tone::Info,
        None => Tone::Good,
    }
}

fn headline(data: &Day, period: Span, style: Style) -> String {
    let sent: u64 = data
        .servers
        .iter()
        .flat_map(|s| &s.streams)
        .map(|s| s.sent)
        .sum();
    let verdict = match data.open.len() {
        1 => "1 thing needs a look".to_owned(),
        2.. => format!("{} things need a look", data.open.len()),
        0 if data.servers.iter().any(has_unknown) => {
            "nothing found, but not everything was seen".to_owned()
        }
        0 if !data.transitions.is_empty() => {
            let ids: BTreeSet<&str> = data
                .transitions
                .iter()
                .map(|t| t.incident.id.as_str())
                .collect();
            format!(
                "nothing open, {} ended",
                plural(ids.len() as u64, "incident")
            )
        }
        0 if sent == 0 => "all quiet, nothing was sent".to_owned(),
        0 => "all normal".to_owned(),
    };
    format!(
        "digest for {}: {verdict}, {} sent",
        format_day(period.from, style.zone),
        plural(sent, "message")
    )
}

fn has_unknown(server: &ServerDay) -> bool {
    let streams = &server.streams;
    server.blind.is_some() || streams.is_empty() || streams.iter().any(|s| !s.unknown.is_empty())
}

/// The first few, and how many there are besides.
fn named(names: impl IntoIterator<Item = String>) -> String {
    let names: Vec<String> = names.into_iter().collect();
    let first = names.iter().take(NAMED).cloned().collect::<Vec<_>>();
    match names.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
