//! From when to when a problem lasted, which every message, list and page tells alike.

use crate::model::{Evidence, Incident, IncidentState, Span, Timestamp};
use crate::notify::alert::Style;
use crate::notify::context::worst;
use crate::text::format::{format_duration, format_length, length_in_minutes, short_range};

/// Returns since when an incident stands, and when it returned, with `time` for the words of an instant: `09:12, returned 13:05`.
pub(crate) fn since_when(incident: &Incident, time: impl Fn(Timestamp) -> String) -> String {
    let began = incident.first_began();
    let from = problem_span(incident).from.min(began);
    match incident.returned_at() {
        Some(returned_at) => format!("{}, returned {}", time(from), time(returned_at)),
        None => time(from),
    }
}

/// Returns the span in which the problem lasted, which begins before the incident opened and ends before it resolved: of an open one
/// from the first time on, of one that is over the last time that it came.
pub(crate) fn problem_span(incident: &Incident) -> Span {
    let last = last_span(incident);
    match incident.is_open() {
        true => Span::new(last.from.min(incident.first_began()), last.until),
        false => last,
    }
}

/// Returns the span from when it began first, however often it returned, to its end.
pub(crate) fn whole_span(incident: &Incident) -> Span {
    let last = last_span(incident);
    match incident.is_open() || incident.returned_at().is_some() {
        true => Span::new(last.from.min(incident.first_began()), last.until),
        false => last,
    }
}

/// Returns how long `span` of an incident that is over lasted for sure: `14 d`, or `at least 14 d` where it may have ended, or gone on,
/// in time that could not be read.
pub(crate) fn lasted(incident: &Incident, span: Span) -> String {
    match incident.unread {
        None => format_length(span),
        Some(unread) => {
            let unread = length_in_minutes(span.intersect(unread));
            let read = length_in_minutes(span).saturating_sub(unread);
            format!("at least {}", format_duration(read))
        }
    }
}

/// Returns what of the time of an incident could not be read, as it reads at `at`: `Sun 15 Mar 09:00 – Sun 26 Apr 08:00 could not be
/// read`.
pub(crate) fn unread_phrase(incident: &Incident, at: Timestamp, style: Style) -> Option<String> {
    let unread = short_range(incident.unread?, at, style.zone);
    Some(format!("{unread} could not be read"))
}

fn last_span(incident: &Incident) -> Span {
    let resolved_at = match incident.state {
        IncidentState::Resolved { at, .. } => at,
        IncidentState::Open { .. } => incident.judged_at,
    };
    let until = incident.recovered_at.unwrap_or(resolved_at);
    let opened_at = incident.opened_at;
    if let Some(problem) = incident.problem {
        // Once it is over, what came after the last of it was no problem, though it took a while to be sure.
        let until = match incident.is_open() {
            true => until,
            false => problem.until.min(until),
        };
        return Span::new(problem.from.min(opened_at), until);
    }
    if let Some(burst) = worst(incident).overdue_burst() {
        return Span::new(burst.due_at.min(opened_at), until);
    }
    match worst(incident) {
        Evidence::Silence(silence) if incident.was_low() => {
            let began = match incident.returned_at() {
                None => incident.first_began(),
                Some(returned) => returned,
            };
            let low = incident.low_until().map(|low| low.max(silence.gap.until));
            Span::new(
                silence.gap.from.min(began),
                low.map_or(until, |low| low.min(until)),
            )
        }
        Evidence::Silence(silence) if incident.worst.is_some() => {
            // What was read later may have mail of an earlier time.
            let gap = silence.gap;
            Span::new(gap.from, gap.until.min(until).max(gap.from))
        }
        Evidence::Drop(drop) if incident.worst.is_some() => {
            let until = incident.low_until().map_or(until, |low| low.min(until));
            Span::new(drop.window.from.min(opened_at), until)
        }
        Evidence::Delivery(delivery) => {
            Span::new(delivery.since.unwrap_or(opened_at).min(opened_at), until)
        }
        Evidence::DeliveryDrop(drop) => Span::new(drop.since.min(opened_at), until),
        Evidence::Events { times, .. } => {
            let first = times.first().copied();
            let first = first.map_or(opened_at, |first| first.min(opened_at));
            Span::new(first, incident.last_event_at.unwrap_or(first).max(first))
        }
        Evidence::Blind(blind) => Span::new(blind.since.min(opened_at), until),
        // From the first mail that was missing, or address that got none, not from when that was found.
        seen @ (Evidence::Canary(_) | Evidence::Suppressed { .. }) => {
            let began = match incident.returned_at() {
                None => Some(incident.first_began()),
                Some(_) => None,
            };
            let from = began.into_iter().chain(seen.began_at()).min();
            Span::new(from.unwrap_or(opened_at).min(opened_at), until)
        }
        Evidence::DnsDrift(of) => {
            let since = of.broken.iter().map(|fault| fault.since).min();
            Span::new(since.unwrap_or(opened_at).min(opened_at), until)
        }
        // What refused them came to an end between two readings, and it is over when they did not rise for long.
        Evidence::SmtpErrors(errors) => {
            let from = errors.day.from.min(opened_at);
            Span::new(from, errors.risen_at.unwrap_or(until).max(from))
        }
        Evidence::ServerChange(change) => Span::new(
            change.former_seen_at.unwrap_or(opened_at).min(opened_at),
            until,
        ),
        _ => Span::new(opened_at, until),
    }
}

/// Returns the span from when the first problem began to when the last one ended, of those that are over the last time that each came;
/// `None` of no incident.
pub(crate) fn joint_problem_span<'i>(
    incidents: impl Iterator<Item = &'i Incident>,
) -> Option<Span> {
    let spans = incidents.map(problem_span);
    spans.reduce(|a, b| Span::new(a.from.min(b.from), a.until.max(b.until)))
}
