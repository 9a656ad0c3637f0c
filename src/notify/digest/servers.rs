//! What each server did, in lines of its own.

use crate::model::{BounceClass, Incident, ServerName, Span};
use crate::notify::alert::Style;
use crate::notify::context::split_remedy;
use crate::notify::describe::SANDBOX;
use crate::notify::digest::{ServerDay, StreamDay};
use crate::text::format::{
    approx_percent, count, format_duration, plural, short_range, short_time,
};

/// The maximum number of unread spans that are named.
const MAX_HOLES: usize = 3;

/// Returns the lines of one server: what could not be read, then a line per stream that sent or was expected to.
pub(crate) fn server_lines(
    server: &ServerDay,
    period: Span,
    several: bool,
    style: Style,
) -> Vec<String> {
    let mut lines = Vec::new();
    let server_name = match server.name.as_str() {
        ServerName::ACCOUNT => "Postmark account",
        name => name,
    };
    if let Some(name) = &server.same_as {
        lines.push(format!("{server_name}: the same Postmark server as {name}"));
    } else if server.streams.is_empty() && server.blind.is_none() {
        lines.push(format!("{server_name}: not read yet"));
    }
    if let Some((since, reason)) = &server.blind {
        lines.push(format!(
            "{server_name}: could not be read since {} ({})",
            short_time(*since, period.until, style.zone),
            split_remedy(reason).0
        ));
    }
    if server.sandbox {
        lines.push(format!("{server_name}: {SANDBOX}"));
    }
    let streams = server.streams.iter().filter(|stream| !is_idle(stream));
    for stream in streams {
        let id = stream.stream.as_ref().map_or("", |s| s.0.as_str());
        let name = if several {
            format!("{}/{id}", server.name)
        } else {
            id.to_owned()
        };
        lines.extend(stream_lines(&name, stream, period, style));
    }
    if !server.streams.is_empty() && server.streams.iter().all(is_idle) {
        lines.push(format!("{}: nothing sent", server.name));
    }
    lines
}

/// Returns whether the stream neither sent nor was expected to: it is worth no line.
fn is_idle(stream: &StreamDay) -> bool {
    let sent_before = stream.sent_week_before.is_some_and(|sent| sent > 0);
    stream.sent == 0 && stream.classes.is_empty() && stream.unknown.is_empty() && !sent_before
}

fn stream_lines(name: &str, stream: &StreamDay, period: Span, style: Style) -> Vec<String> {
    if stream.unknown == [period] {
        return vec![format!(
            "{name}: unknown, nothing of this day could be read"
        )];
    }
    let no_bounces = stream.bounces_unread == [period];
    let mut lines = vec![stream_line(name, stream, no_bounces)];
    let kinds = [
        ("not read", stream.unknown.as_slice()),
        (
            "bounces and complaints not read",
            stream.bounces_unread.as_slice(),
        ),
    ];
    for (what, holes) in kinds {
        if holes.is_empty() || holes == [period] {
            continue;
        }
        let holes = holes
            .iter()
            .map(|hole| short_range(*hole, period.until, style.zone));
        lines.push(format!(
            "{name}: {what}: {}",
            crate::text::elide::elide(holes, MAX_HOLES)
        ));
    }
    lines
}

/// Returns what is not watched on a server, and how fast a stop is noticed: hints that do not change from day to day.
/// A stream whose mail has stopped, as one of the incidents in `standing` says, is left out: open, or closed by a person.
pub(crate) fn hint_lines<'i>(
    server: &ServerDay,
    standing: &(impl Iterator<Item = &'i Incident> + Clone),
) -> Vec<String> {
    let mut lines = Vec::new();
    let learning: Vec<&str> = server
        .streams
        .iter()
        .filter(|s| s.learning)
        .filter_map(|s| Some(s.stream.as_ref()?.0.as_str()))
        .collect();
    if !learning.is_empty() {
        lines.push(format!(
            "{}: still learning what is normal for {}, so it does not report silence there yet",
            server.name,
            learning.join(", ")
        ));
    }
    let delays: Vec<String> = server
        .streams
        .iter()
        .filter_map(|s| {
            let stream = s.stream.as_ref()?;
            let mut standing = standing.clone();
            let is_stopped = standing.any(|i| i.says_stopped(&server.name, stream));
            // Of a server that cannot be read nothing is promised.
            if is_stopped || server.blind.is_some() {
                return None;
            }
            Some(format!("{stream} within {}", format_duration(s.unnoticed?)))
        })
        .collect();
    if !delays.is_empty() {
        lines.push(format!(
            "{}: if mail stopped, you would hear of {}",
            server.name,
            delays.join(", ")
        ));
    }
    if server.own_domains_missing {
        lines.push(format!(
            "{}: `own_domains` is empty, so spam complaints from outside are not reported at once",
            server.name
        ));
    }
    lines
}

fn stream_line(name: &str, stream: &StreamDay, no_bounces: bool) -> String {
    let week_before = match stream.sent_week_before {
        Some(before) => format!(" ({} a week ago)", count(before)),
        None => String::new(),
    };
    if stream.sent == 0 && stream.classes.is_empty() {
        return format!("{name}: nothing sent{week_before}");
    }
    let delivered = delivered(stream);
    let mut parts = vec![
        format!("{name}: {} sent{week_before}", count(stream.sent)),
        delivered,
    ];
    if no_bounces {
        parts.push("bounces and complaints not read".to_owned());
        return parts.join(" · ");
    }
    parts.push(bounces(stream));
    parts.extend(other_failures(&stream.classes));
    let complaints = stream.count_of(BounceClass::Complaint);
    parts.push(plural(complaints, "complaint"));
    parts.join(" · ")
}

/// Returns ` (82 not known)`: why no number is told.
pub(crate) fn not_known(messages: u64) -> String {
    match messages {
        0 => String::new(),
        messages => format!(" ({} not known)", count(messages)),
    }
}

fn delivered(stream: &StreamDay) -> String {
    if let Some(sampled) = stream.unproven {
        return format!("none of {} delivered", plural(sampled, "sampled message"));
    }
    let Some(delivered) = stream.delivered else {
        return match (stream.unread, stream.delivered_range) {
            (Some(_), _) => "delivery unknown".to_owned(),
            // Of some hours nothing was sampled.
            (None, Some((low, high))) => format!(
                "{} to {} delivered{}",
                count(low),
                count(high),
                not_known(stream.unsampled)
            ),
            (None, None) => "delivery not known yet".to_owned(),
        };
    };
    let number = count(delivered);
    match stream.delivered_range {
        _ if stream.delivered_exact => format!("{number} delivered"),
        Some((low, high)) => {
            format!(
                "about {number} delivered ({} to {})",
                count(low),
                count(high)
            )
        }
        _ => format!("about {number} delivered"),
    }
}

/// Returns ` of 826 recipients`, of which a share is, where they are not as many as the messages beside it.
pub(crate) fn of_recipients(sent: u64, recipients: Option<u64>) -> String {
    match recipients.filter(|recipients| *recipients != sent) {
        Some(recipients) => format!(" of {}", plural(recipients, "recipient")),
        None => String::new(),
    }
}

/// Returns the bounces that count: `22 hard bounces (2.8%)`, `22 bounces (2.8%): 18 hard, 4 blocked`, `0 bounces`.
fn bounces(stream: &StreamDay) -> String {
    let share = approx_percent(stream.bounce_rate);
    let share = format!("{share}{}", of_recipients(stream.sent, stream.recipients));
    let counting: Vec<(&str, u64)> = stream
        .classes
        .iter()
        .filter(|(class, _)| class.counts())
        .map(|(class, n)| (class.name(), *n))
        .collect();
    match counting.as_slice() {
        [] if stream.bounced == 0 => "0 bounces".to_owned(),
        [(class, n)] if *n == stream.bounced => {
            format!("{} ({share})", plural(*n, &format!("{class} bounce")))
        }
        _ => {
            let classes = counting
                .iter()
                .map(|(class, n)| format!("{} {class}", count(*n)));
            let classes: Vec<String> = classes.collect();
            let bounced = plural(stream.bounced, "bounce");
            format!("{bounced} ({share}): {}", classes.join(", "))
        }
    }
}

/// Returns the failures that are no bounces: temporary ones, refused requests and types that this version does not know.
pub(crate) fn other_failures(classes: &[(BounceClass, u64)]) -> Vec<String> {
    let count_of = |class: BounceClass| {
        let found = classes.iter().find(|(of, _)| *of == class);
        found.map_or(0, |(_, n)| *n)
    };
    [
        (BounceClass::Soft, "temporary bounce"),
        (BounceClass::Api, "failed API request"),
        (BounceClass::Other, "bounce of unknown type"),
    ]
    .iter()
    .filter_map(|(class, noun)| match count_of(*class) {
        0 => None,
        1 => Some(format!("1 {noun}")),
        n if *class == BounceClass::Other => Some(format!("{} bounces of unknown type", count(n))),
        n => Some(plural(n, noun)),
    })
    .collect()
}
