//! Incidents: in a list, and one by itself.

use maud::{Markup, html};

use crate::chart::to_inline_svg;
use crate::html::layout::{badge, document, incident_address, slug};
use crate::html::server::figures;
use crate::html::{Health, IncidentPageView, Medium};
use crate::model::{Incident, IncidentState, MINUTE, Severity};
use crate::notify::alert::Style;
use crate::notify::answered::person;
use crate::notify::closed::closed_phrase;
use crate::notify::context::worst_phrase;
use crate::notify::describe::describe_dated;
use crate::notify::location::location;
use crate::notify::phrase::problem_name;
use crate::notify::problem_span::{lasted, since_when, unread_phrase, whole_span};
use crate::text::format::{format_date_time, format_time};
use crate::text::sanitize::clean;

/// Returns the page of one incident.
pub fn incident_page(view: &IncidentPageView) -> String {
    let incident = &view.incident;
    let title = format!("{}: {}", location(incident), problem_name(incident.rule));
    let mark = match (view.may_go_on, incident.is_open()) {
        (true, _) => badge(Health::Look),
        (false, true) => badge(health_of(incident)),
        (false, false) => over_badge(incident),
    };
    let body = html! {
        main #main {
            h1 { (mark) " " (clean(&title)) }
            p { (summary(incident, view.style)) }
            @if let Some(chart) = &view.chart {
                figure {
                    (maud::PreEscaped(to_inline_svg(&chart.draw(), "chart")))
                    (figures(chart))
                }
            }
            (explanation(&view.explained))
        }
    };
    document(&format!("{title} – hushwatch"), Medium::Page, true, &body)
}

/// Returns how an incident is: what is over is fine again.
pub(super) fn health_of(incident: &Incident) -> Health {
    match (incident.is_open(), incident.severity) {
        (false, _) => Health::Fine,
        (true, Severity::Warn) => Health::Warn,
        (true, Severity::Wake) => Health::Wake,
    }
}

/// Returns what is or was wrong, and when.
fn summary(incident: &Incident, style: Style) -> String {
    let span = whole_span(incident);
    let from = format_date_time(span.from, style.zone);
    if incident.is_open() {
        let since = since_when(incident, |at| format_date_time(at, style.zone));
        let problem = describe_dated(incident, style);
        let by = incident.acknowledged.as_ref().map(|a| person(&a.by));
        let by = by.map_or_else(String::new, |by| format!("; acknowledged by {by}"));
        let zone = style.zone.name();
        let unread = unread_phrase(incident, incident.judged_at, style);
        let unread = unread.map_or_else(String::new, |unread| format!("; {unread}"));
        return clean(&format!("{problem}, since {since} {zone}{unread}{by}"));
    }
    let worst = worst_phrase(incident).map_or_else(String::new, |worst| format!("; {worst}"));
    if let (Some(closed), IncidentState::Resolved { at, .. }) =
        (closed_phrase(incident), incident.state)
    {
        let at = format_time(at, style.zone);
        let zone = style.zone.name();
        return clean(&format!(
            "{closed} {at}, it had stood since {from} {zone}{worst}"
        ));
    }
    let ended = match () {
        () if incident.rule.is_of_events() => "expired",
        () if incident.was_seen_to_end() => "resolved",
        () => "ended",
    };
    if span.length() < MINUTE {
        // Of one bounce, or of some of one moment.
        let zone = style.zone.name();
        return clean(&format!("{ended}: it happened at {from} {zone}{worst}"));
    }
    let until = format_time(span.until, style.zone);
    let zone = style.zone.name();
    let unread = unread_phrase(incident, span.until, style);
    let worst = unread.map_or_else(String::new, |unread| format!("; {unread}")) + &worst;
    if let Some(returned_at) = incident.returned_at() {
        let returned = format_time(returned_at, style.zone);
        return clean(&format!(
            "{ended}: it was there from {from} to {until} {zone}, with a pause until it returned {returned}{worst}"
        ));
    }
    let length = lasted(incident, span);
    clean(&format!(
        "{ended}: it lasted {length}, from {from} to {until} {zone}{worst}"
    ))
}

/// Returns the word by which an incident that does not stand is marked.
const fn end_of(incident: &Incident) -> &'static str {
    match incident.closed_by {
        Some(_) => "closed",
        None if incident.rule.is_of_events() => "expired",
        None => "over",
    }
}

/// Returns the mark of an incident that does not stand: nothing says that its stream is well.
fn over_badge(incident: &Incident) -> Markup {
    let severity = incident.severity.name().to_uppercase();
    html! { span.badge.over { span aria-hidden="true" { "✓" } " " (severity) ", " (end_of(incident)) } }
}

/// Returns what `explain` says.
fn explanation(lines: &[String]) -> Markup {
    let text: Vec<String> = lines
        .iter()
        .map(|line| {
            let rest = line.trim_start_matches(' ');
            format!("{}{}", &line[..line.len() - rest.len()], clean(rest))
        })
        .collect();
    html! { pre.explain tabindex="0" aria-label="What explain says" { (text.join("\n")) } }
}

/// Returns a list of incidents, each with what `explain` says of it where that is at hand.
pub(super) fn incident_list(
    incidents: &[Incident],
    explained: &[(String, Vec<String>)],
    style: Style,
    medium: Medium,
) -> Markup {
    html! {
        ul.incidents {
            @for incident in incidents {
                @let lines = explained.iter().find(|(id, _)| *id == incident.id);
                li id=(format!("incident-{}", slug(&incident.id))) {
                    @if incident.is_open() { (badge(health_of(incident))) " " }
                    @else { (over_badge(incident)) " " }
                    strong { (clean(&location(incident))) } ": "
                    @if !incident.is_open() { (problem_name(incident.rule)) ", " }
                    (summary(incident, style)) " "
                    @match (medium, lines) {
                        (Medium::Page, _) => a href=(incident_address(&incident.id, medium)) { "explain " (incident.id) },
                        (Medium::File, Some((_, lines))) => details { summary { "explain " (incident.id) } (explanation(lines)) },
                        (Medium::File, None) => code { "hushwatch explain " (incident.id) },
                    }
                }
            }
        }
    }
}
