//! Everything that is watched: the verdict first, then what is open, then every server, the worst first.

use maud::{Markup, html};

use crate::html::incident::incident_list;
use crate::html::layout::{badge, document, server_address, slug};
use crate::html::server::server_article;
use crate::html::{Health, Medium, OverviewView, ServerRow};
use crate::model::{Mute, Span, Timestamp};
use crate::notify::describe::{SWITCHED_OFF, describe_missing_streams, describe_same_server};
use crate::notify::mute::mute_line;
use crate::text::format::{count, format_length, format_time, format_time_or_never, plural};
use crate::text::sanitize::clean;
use crate::text::sparkline::sparkline;

/// The maximum number of lines of what is unusual.
const MAX_UNUSUAL: usize = 10;
/// The maximum number of mutes that are shown.
const MAX_MUTES: usize = 8;

/// Returns the overview, as a page or as a file.
pub fn overview_page(view: &OverviewView) -> String {
    let (health, verdict) = verdict(view);
    let (wakes, warns) = view.open_counts;
    let more = (wakes + warns).saturating_sub(view.open.len() as u64);
    let body = html! {
        header {
            h1 { "hushwatch" }
            p.verdict { (badge(health)) " " (verdict) }
            @for same in &view.same_servers { p { (clean(&describe_same_server(same))) "." } }
            @for of in &view.missing_streams { p { (clean(&describe_missing_streams(of))) "." } }
            (unusual(view))
            (facts(view))
        }
        main #main {
            @if view.medium == Medium::Page { (filter_form(view)) }
            @if !view.open.is_empty() {
                section aria-labelledby="open" {
                    h2 #open { "Open incidents" }
                    (incident_list(&view.open, &view.explained, view.style, view.medium))
                    @if more > 0 { p { "And " (count(more)) " more, named with their servers below." } }
                }
            }
            section aria-labelledby="servers" {
                h2 #servers { "Servers" }
                @if view.servers.is_empty() { p { (nothing(view)) } }
                (rows(view))
                @for server in &view.details { (server_article(server, view.style, view.medium)) }
            }
            section aria-labelledby="past" {
                h2 #past { "Past incidents" }
                @if view.past.is_empty() { p { "None in this time." } }
                @else { (incident_list(&view.past, &view.explained, view.style, view.medium)) }
            }
        }
        footer { p {
            "Nothing on this page can be changed. A hatched time was not seen, and is not zero. "
            "The band of what is usual holds eight of ten such hours of the four weeks before."
        } }
    };
    document("hushwatch", view.medium, false, &body)
}

/// Returns how everything is, in a state and a sentence.
fn verdict(view: &OverviewView) -> (Health, String) {
    let worst = view.servers.iter().map(|server| server.health).min();
    let servers = plural(view.total as u64, "server");
    let (wakes, warns) = view.open_counts;
    if view.is_off {
        let open = match wakes + warns {
            0 => String::new(),
            open => format!("; open then: {}", plural(open, "incident")),
        };
        return (Health::Unseen, format!("{SWITCHED_OFF}{open}"));
    }
    if view.last_cycle_at.is_none() {
        return (
            Health::Learning,
            format!("{servers}, no cycle yet: nothing was read so far"),
        );
    }
    if wakes + warns == 0 {
        return without_incident(view, worst);
    }
    let beside = match view.day.beside() {
        None => String::new(),
        Some(needs_a_look) => format!("; beside them, {needs_a_look}"),
    };
    match (wakes, warns) {
        (0, _) => {
            let open = plural(warns, "incident");
            (Health::Warn, format!("{open} open{beside}"))
        }
        (_, 0) => {
            let open = plural(wakes, "incident");
            (Health::Wake, format!("{open} open{beside}"))
        }
        (_, _) => {
            let all = plural(wakes + warns, "incident");
            let text = format!("{all} open: {wakes} WAKE, {warns} WARN{beside}");
            (Health::Wake, text)
        }
    }
}

/// Returns the same where no incident is open. What the digest would name keeps it from being fine.
fn without_incident(view: &OverviewView, worst: Option<Health>) -> (Health, String) {
    let servers = plural(view.total as u64, "server");
    let day = &view.day;
    match day.doubt() {
        Some(doubt) if !day.unusual.is_empty() || day.closed > 0 => {
            (Health::Look, format!("no incident is open, but {doubt}"))
        }
        Some(doubt) if !day.needs_a_look.is_empty() => {
            (Health::Unseen, format!("no problem found, but {doubt}"))
        }
        _ if view.unseen > 0 => {
            let unseen = plural(view.unseen as u64, "server");
            let text = format!("no problem found, but {unseen} could not be read");
            (Health::Unseen, text)
        }
        Some(doubt) => (Health::Unseen, format!("no problem found, but {doubt}")),
        // Not of a single incident, which is over, or a mute that is planned.
        None if view.mutes.iter().any(|mute| mutes_news(mute, view.at)) => (
            Health::Look,
            format!("no incident is open, {servers}, but alerts are muted"),
        ),
        None if !day.is_known => {
            let still = "the last 24 hours are still being read";
            let text = format!("no incident is open, {servers}; {still}");
            (Health::Learning, text)
        }
        None if worst == Some(Health::Learning) => (
            Health::Learning,
            format!("no incident is open, {servers}; some are still being learned"),
        ),
        None => (Health::Fine, format!("no incident is open, {servers}")),
    }
}

/// Whether a mute keeps back what is found from now on.
fn mutes_news(mute: &Mute, now: Timestamp) -> bool {
    mute.incident.is_none() && mute.runs_at(now)
}

/// Returns what is unusual though no incident says so, a line for each reason; of many, the first ones.
fn unusual(view: &OverviewView) -> Markup {
    let lines: Vec<String> = view.day.lines().collect();
    let more = lines.len().saturating_sub(MAX_UNUSUAL);
    html! {
        @for line in lines.iter().take(MAX_UNUSUAL) { p { (clean(line)) } }
        @if more > 0 { p { "And " (count(more as u64)) " more." } }
    }
}

fn facts(view: &OverviewView) -> Markup {
    let zone = view.style.zone;
    let ago = |at: Timestamp| {
        format!(
            "{} ({} ago)",
            format_time(at, zone),
            format_length(Span::new(at, view.at))
        )
    };
    let delivery = &view.delivery;
    let waiting = match (delivery.waiting, delivery.waiting_since) {
        (0, _) => "nothing waits".to_owned(),
        (waiting, None) => plural(waiting, "message") + " waiting",
        (waiting, Some(since)) => format!(
            "{} waiting since {}",
            plural(waiting, "message"),
            ago(since)
        ),
    };
    let next_unknown = if view.is_off { "none" } else { "unknown" };
    html! {
        dl.facts {
            div { dt { "As of" } dd { (format_time(view.at, zone)) " " (zone.name()) } }
            div { dt { "Last cycle" } dd { (view.last_cycle_at.map_or_else(|| "none yet".to_owned(), ago)) } }
            div { dt { "Next poll" } dd { (view.next_poll_at.map_or_else(|| next_unknown.to_owned(), |at| format_time(at, zone))) } }
            div { dt { "Slack last accepted a message" } dd { (delivery.last_accepted_at.map_or_else(|| "never".to_owned(), ago)) ", " (waiting) } }
            @for why in &delivery.refusals {
                div { dt { "Not delivered" } dd { (clean(why)) } }
            }
            @for mute in view.mutes.iter().take(MAX_MUTES) {
                div { dt { "Muted" } dd { (clean(&mute_line(mute, view.at, zone))) } }
            }
            @if view.mutes.len() > MAX_MUTES {
                div { dt { "Muted" } dd { (count((view.mutes.len() - MAX_MUTES) as u64)) " more: hushwatch mute --list" } }
            }
            @if let Some(until) = view.quiet_until {
                div { dt { "Quiet hours" } dd { "until " (format_time(until, zone)) ": warnings wait" } }
            }
        }
    }
}

fn filter_form(view: &OverviewView) -> Markup {
    html! {
        form.filter method="get" action="/" role="search" {
            label for="q" { "Servers whose name has" }
            input #q type="search" name="q" value=(clean(&view.filter)) maxlength="100";
            button type="submit" { "Filter" }
            @if !view.filter.is_empty() {
                span { (count(view.servers.len() as u64)) " of " (plural(view.total as u64, "server")) " " }
                a href="/" { "show all" }
            }
        }
    }
}

fn nothing(view: &OverviewView) -> String {
    match view.filter.is_empty() {
        true => "No server is watched yet.".to_owned(),
        false => format!("No server has “{}” in its name.", clean(&view.filter)),
    }
}

/// Returns a table of the servers; one that is shown whole below is only named in it where there are several.
fn rows(view: &OverviewView) -> Markup {
    if view.servers.len() < 2 && !view.details.is_empty() {
        return html! {};
    }
    html! {
        div.scroll tabindex="0" role="group" aria-label="Servers" {
            table.servers {
                thead { tr {
                    th scope="col" { "State" }
                    th scope="col" { "Server" }
                    th scope="col" { "Sent in 24 full hours" }
                    th scope="col" { "By hour" }
                    th scope="col" { "Last message" }
                } }
                tbody { @for server in &view.servers { (row(server, view)) } }
            }
        }
    }
}

fn row(server: &ServerRow, view: &OverviewView) -> Markup {
    let is_known = server.hours.iter().any(Option::is_some);
    let sent: u64 = server.hours.iter().flatten().sum();
    let last = server
        .streams
        .iter()
        .filter_map(|stream| stream.last_sent)
        .max();
    let is_shown = view.details.iter().any(|detail| detail.name == server.name);
    let address = match (view.medium, is_shown) {
        (Medium::Page, true) => Some(format!("#server-{}", slug(&server.name.0))),
        (Medium::File, false) => None,
        (medium, _) => Some(server_address(&server.name.0, medium)),
    };
    html! { tr {
        td { (badge(server.health)) }
        th scope="row" {
            @match address { Some(address) => a href=(address) { (clean(&server.name.0)) }, None => (clean(&server.name.0)) }
            @if !server.note.is_empty() { br; small { (clean(&server.note)) } }
        }
        td.number { @if is_known { (count(sent)) } @else { "not seen" } }
        td { span.spark aria-hidden="true" { (sparkline(&server.hours)) } }
        td { (format_time_or_never(last, view.style.zone)) }
    } }
}
