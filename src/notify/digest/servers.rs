//! What each server did, in the lines of its own.

use crate::model::{BounceClass, Span};
use crate::notify::alert::Style;
use crate::notify::digest::{ServerDay, StreamDay};
use crate::text::format::{count, format_duration, format_range, format_time, percent, plural};

/// All that is known of one server; at most ten lines for a healthy one.
pub(crate) fn server_lines(
    server: &ServerDay,
    period: Span,
    several: bool,
    style: Style,
) -> Vec<String> {
    let mut lines = Vec::new();
    if server.streams.is_empty() && server.blind.is_none() {
        lines.push(format!("{}: nothing is known of it yet", server.name));
    }
    if let Some((since, reason)) = &server.blind {
        lines.push(format!(
            "{}: not seen since {} ({reason})",
            server.name,
            format_time(*since, style.zone)
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
                .map(|s| format_range(*s, style.zone))
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
        .filter_map(|s| {
            Some(format!(
                "{} {}",
                s.stream.as_ref()?,
                format_duration(s.unnoticed?)
            ))
        })
        .collect();
    if !noticed.is_empty() {
        lines.push(format!(
            "A stop would be told within: {}",
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
        plural(complaints, "complaint"),
    )
}

fn week_before(stream: &StreamDay) -> String {
    match stream.sent_week_before {
        Some(before) => format!(" ({} a week before)", count(before)),
        None => String::new(),
    }
}
