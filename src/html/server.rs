//! One server: its streams, each with its pictures and their figures.

use maud::{Markup, PreEscaped, html};

use crate::chart::{ChartStep, VolumeChart, to_inline_svg};
use crate::html::incident::incident_list;
use crate::html::layout::{badge, document, slug};
use crate::html::{Medium, ServerPageView, StreamDetail};
use crate::notify::alert::Style;
use crate::text::format::{count, format_day, format_duration, format_time, format_time_or_never};
use crate::text::sanitize::clean;

/// Returns the page of one server.
pub fn server_page(view: &ServerPageView, style: Style) -> String {
    let body = html! {
        main #main {
            (server_heading(view, true))
            (server_body(view, style, Medium::Page))
        }
    };
    document(
        &format!("{} – hushwatch", view.name),
        Medium::Page,
        true,
        &body,
    )
}

fn server_heading(view: &ServerPageView, is_page: bool) -> Markup {
    let name = clean(&view.name.0);
    html! {
        @if is_page { h1 { (badge(view.health)) " " (name) } }
        @else { h3 { (badge(view.health)) " " (name) } }
        @if !view.note.is_empty() { p { (clean(&view.note)) } }
    }
}

/// Returns a server within the overview.
pub(super) fn server_article(view: &ServerPageView, style: Style, medium: Medium) -> Markup {
    html! {
        article.server id=(format!("server-{}", slug(&view.name.0))) {
            (server_heading(view, false))
            (server_streams(view, style, false))
            @if medium == Medium::Page { p { a href=(super::layout::server_address(&view.name.0, medium)) { "Incidents of " (clean(&view.name.0)) } } }
        }
    }
}

fn server_body(view: &ServerPageView, style: Style, medium: Medium) -> Markup {
    html! {
        (server_streams(view, style, true))
        section aria-labelledby="open" {
            h2 #open { "Open incidents" }
            @if view.open.is_empty() { p { "None." } }
            @else { (incident_list(&view.open, &[], style, medium)) }
        }
        section aria-labelledby="past" {
            h2 #past { "Past incidents" }
            @if view.past.is_empty() { p { "None in this time." } }
            @else { (incident_list(&view.past, &[], style, medium)) }
        }
    }
}

fn server_streams(view: &ServerPageView, style: Style, is_page: bool) -> Markup {
    html! {
        @if view.streams.is_empty() { p { "Nothing is known of its streams yet." } }
        @for stream in &view.streams { (stream_section(view, stream, style, is_page)) }
    }
}

fn stream_section(
    view: &ServerPageView,
    stream: &StreamDetail,
    style: Style,
    is_page: bool,
) -> Markup {
    let id = format!("{}-{}", slug(&view.name.0), slug(&stream.id.0));
    html! {
        section.stream aria-labelledby=(format!("{id}-name")) {
            @if is_page { h2 id=(format!("{id}-name")) { (stream_name(view, stream)) } }
            @else { h4 id=(format!("{id}-name")) { (stream_name(view, stream)) } }
            @if stream.last_sent.is_none() { p { "No mail was ever seen on it." } }
            @else { (stream_figures(view, stream, &id, style)) }
        }
    }
}

fn stream_figures(view: &ServerPageView, stream: &StreamDetail, id: &str, style: Style) -> Markup {
    let time = |at| format_time_or_never(at, style.zone);
    let next = view
        .next_poll_at
        .map_or_else(|| "unknown".to_owned(), |at| format_time(at, style.zone));
    html! {
        dl {
            div { dt { "Last message" } dd { (time(stream.last_sent)) } }
            div { dt { "Last proven delivery" } dd { (time(stream.last_delivered)) } }
            div { dt { "If mail stopped" } dd { (notice(stream)) } }
            div { dt { "Next poll" } dd { (next) " " (style.zone.name()) } }
        }
        div.charts {
            (figure(&stream.day, &format!("{id}-day")))
            (figure(&stream.season, &format!("{id}-season")))
        }
    }
}

fn stream_name(view: &ServerPageView, stream: &StreamDetail) -> Markup {
    html! { (badge(stream.health)) " " (clean(&view.name.0)) "/" (clean(&stream.id.0)) }
}

/// Returns how soon a stop would be noticed.
fn notice(stream: &StreamDetail) -> String {
    match stream.detection_delay {
        _ if !stream.is_stopped && stream.closed_stop.is_some() => {
            clean(stream.closed_stop.as_deref().unwrap_or_default())
        }
        _ if stream.is_stopped => "it has stopped".to_owned(),
        _ if stream.is_unseen => "nobody would hear of it before it is read again".to_owned(),
        _ if stream.last_sent.is_none() => "no mail yet that could stop".to_owned(),
        _ if !stream.is_judged => "nobody would hear of it: send_silence is off".to_owned(),
        _ if stream.is_learning => "still learning when it sends".to_owned(),
        Some(delay) => format!("you would hear within {}", format_duration(delay)),
        None => "too little mail to notice it within 45 days".to_owned(),
    }
}

fn figure(chart: &VolumeChart, id: &str) -> Markup {
    html! {
        figure {
            (PreEscaped(to_inline_svg(&chart.draw(), id)))
            (figures(chart))
        }
    }
}

/// Returns the figures of a picture as a table.
pub(super) fn figures(chart: &VolumeChart) -> Markup {
    let (what, heading) = match chart.step {
        ChartStep::Hour => ("by hour", "Hour"),
        ChartStep::Day => ("by day", "Day"),
    };
    let time = |at| match chart.step {
        ChartStep::Hour => format_time(at, chart.zone),
        ChartStep::Day => format_day(at, chart.zone),
    };
    html! {
        details {
            summary { "The same in figures, " (what) }
            div.scroll tabindex="0" role="group" aria-label=(format!("Figures {what}")) {
                table {
                    thead { tr {
                        th scope="col" { (heading) " (" (chart.zone.name()) ")" }
                        th scope="col" { "Sent" }
                        th scope="col" { "Usual" }
                        th scope="col" { "Delivered" }
                        th scope="col" { "Bounced" }
                    } }
                    tbody { @for bar in &chart.bars { tr {
                        th scope="row" { (time(bar.span.from)) }
                        @match bar.sent {
                            None => { td { "not seen" } }
                            Some(sent) if bar.has_holes => { td { (count(sent)) ", not all seen" } }
                            Some(sent) => { td { (count(sent)) } }
                        }
                        td { @match bar.usual { Some((low, high)) => { (count(low)) "–" (count(high)) } None => "?" } }
                        td { (bar.delivered_text()) }
                        td { (bar.bounced_text()) }
                    } } }
                }
            }
        }
    }
}
