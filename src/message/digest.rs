//! The daily digest: the verdict first, then every server, at most ten lines for a healthy one.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::message::alert::{Style, place, standing, summary};
use crate::message::words::{count, counted, day, from_to, percent, span, when};
use crate::message::{Message, Tone};
use crate::model::{
    BounceClass, Incident, IncidentState, Severity, Span, Step, StreamId, Timestamp, Transition,
};

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
    /// How long a stop on the next Monday at 10:00 would go unnoticed.
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
    /// The first start, where it lies in the period: history began anew then.
    pub started: Option<Timestamp>,
}

/// The digest of `period`.
pub fn digest(data: &Day, period: Span, style: Style) -> Message {
    let mut lines = Vec::new();
    lines.extend(data.open.iter().map(|incident| {
        let since = when(incident.opened_at, style.zone);
        format!(
            "Open since {since}: {} · {} · incident {}",
            place(incident),
            standing(incident, style),
            incident.id
        )
    }));
    lines.extend(ended(data, style));
    for server in &data.servers {
        lines.extend(server_lines(server, period, data.servers.len() > 1, style));
    }
    if !data.missed.is_empty() {
        let days: Vec<String> = data.missed.iter().map(|at| day(*at, style.zone)).collect();
        lines.push(format!(
            "No digest was sent for the day up to {}",
            days.join(", ")
        ));
    }
    if let Some(at) = data.started {
        lines.push(format!(
            "This database begins at {}: of the time before, hushwatch knows only what Postmark still had",
            when(at, style.zone)
        ));
    }
    let footer = format!("{} {}", from_to(period, style.zone), style.zone.name());
    Message::new(tone(data), &headline(data, period, style), lines, &footer)
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
                counted(ids.len() as u64, "incident")
            )
        }
        0 if sent == 0 => "all quiet, nothing was sent".to_owned(),
        0 => "all normal".to_owned(),
    };
    format!(
        "digest for {}: {verdict}, {} sent",
        day(period.from, style.zone),
        counted(sent, "message")
    )
}

fn has_unknown(server: &ServerDay) -> bool {
    let streams = &server.streams;
    server.blind.is_some() || streams.is_empty() || streams.iter().any(|s| !s.unknown.is_empty())
}

/// Incidents that had a step in the period and are not open, a line each: how they were when they stood.
fn ended(data: &Day, style: Style) -> Vec<String> {
    let mut last: Vec<&Transition> = Vec::new();
    for transition in &data.transitions {
        last.retain(|t| t.incident.id != transition.incident.id);
        last.push(transition);
    }
    last.retain(|t| !data.open.iter().any(|open| open.id == t.incident.id));
    last.iter()
        .map(|t| {
            let mut of_it = data
                .transitions
                .iter()
                .filter(|o| o.incident.id == t.incident.id && o.step != Step::Resolved);
            let stood = of_it.next_back().map_or_else(String::new, |o| {
                format!(" · {}", summary(&o.incident, style))
            });
            let kept = if t.incident.told {
                ""
            } else {
                " (not told before)"
            };
            format!(
                "{}: {} from {} to {}{stood}{kept} · incident {}",
                place(&t.incident),
                t.incident.rule,
                when(t.incident.opened_at, style.zone),
                when(ended_at(t), style.zone),
                t.incident.id
            )
        })
        .collect()
}

fn ended_at(last: &Transition) -> Timestamp {
    match last.incident.state {
        IncidentState::Resolved { at, .. } => at,
        IncidentState::Open { .. } => last.at,
    }
}

fn server_lines(server: &ServerDay, period: Span, several: bool, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if server.streams.is_empty() {
        lines.push(format!("{}: nothing is known of it yet", server.name));
    }
    if let Some((since, reason)) = &server.blind {
        lines.push(format!(
            "{}: not seen since {} ({reason})",
            server.name,
            when(*since, style.zone)
        ));
    }
    for stream in &server.streams {
        let id = stream.stream.as_ref().map_or("", |s| s.0.as_str());
        let name = if several {
            format!("{}/{id}", server.name)
        } else {
            id.to_owned()
        };
        if stream.unknown == [period] {
            lines.push(format!("{name}: unknown, nothing of this day was seen"));
            continue;
        }
        lines.push(stream_line(&name, stream));
        if !stream.unknown.is_empty() {
            let unknown: Vec<String> = stream
                .unknown
                .iter()
                .take(3)
                .map(|s| from_to(*s, style.zone))
                .collect();
            lines.push(format!("{name}: unknown {}", unknown.join(", ")));
        }
    }
    let learning: Vec<&StreamDay> = server.streams.iter().filter(|s| s.learning).collect();
    if !learning.is_empty() {
        lines.push(format!(
            "{}: still learning what silence is on {}",
            server.name,
            names(&learning)
        ));
    }
    let noticed: Vec<String> = server
        .streams
        .iter()
        .filter_map(|s| Some(format!("{} {}", s.stream.as_ref()?, span(s.unnoticed?))))
        .collect();
    if !noticed.is_empty() {
        lines.push(format!(
            "A stop on a Monday at 10:00 UTC would be told after: {}",
            noticed.join(", ")
        ));
    }
    if server.own_domains_missing {
        lines.push(format!(
            "{}: `own_domains` is empty, so complaints from outside do not wake anybody",
            server.name
        ));
    }
    lines
}

fn names(streams: &[&StreamDay]) -> String {
    let names: Vec<&str> = streams
        .iter()
        .filter_map(|s| Some(s.stream.as_ref()?.0.as_str()))
        .collect();
    names.join(", ")
}

fn stream_line(name: &str, stream: &StreamDay) -> String {
    if stream.sent == 0 && stream.classes.is_empty() {
        return format!("{name}: nothing sent{}", week_before(stream));
    }
    let delivered = match (stream.unproven, stream.delivered_exact) {
        (Some(followed), _) => format!("none of {followed} followed proven delivered"),
        (None, true) => format!("{} delivered", count(stream.delivered)),
        (None, false) => format!("about {} delivered", count(stream.delivered)),
    };
    let classes: Vec<String> = stream
        .classes
        .iter()
        .filter(|(class, _)| !matches!(class, BounceClass::Complaint | BounceClass::Ignored))
        .map(|(class, n)| format!("{} {}", class.name(), count(*n)))
        .collect();
    let complaints = stream
        .classes
        .iter()
        .find(|(class, _)| *class == BounceClass::Complaint)
        .map_or(0, |(_, n)| *n);
    let by_class = if classes.is_empty() {
        String::new()
    } else {
        format!(": {}", classes.join(", "))
    };
    format!(
        "{name}: {} sent{}, {delivered}, {} bounced ({}{by_class}), {}",
        count(stream.sent),
        week_before(stream),
        count(stream.bounced),
        percent(stream.bounce_rate),
        counted(complaints, "complaint"),
    )
}

fn week_before(stream: &StreamDay) -> String {
    match stream.sent_week_before {
        Some(before) => format!(" ({} a week before)", count(before)),
        None => String::new(),
    }
}
