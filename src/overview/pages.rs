//! What the page and the report show, read by few statements however many servers there are.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::{Config, quiet_until};
use crate::cycle::charts::{ChartSubject, load_mail, shown_until, volume_chart};
use crate::cycle::closed::closed_incidents;
use crate::html::{Health, IncidentPageView, Medium, OverviewView, ServerPageView, ServerRow};
use crate::model::{DAY, HOUR, Incident, ServerName, Severity, Span};
use crate::notify::alert::Style;
use crate::notify::problem_span::problem_span;
use crate::output::explain::explain;
use crate::overview::reading::{MAX_PAST, Reading};
use crate::overview::status::{CollectedServers, Present};
use crate::overview::{load_report, view_instant};
use crate::store::{self, Store, StreamFigures};

/// How far back pictures and past incidents go where nothing else is asked for.
pub(crate) const DEFAULT_SEASON: Duration = Duration::from_secs(45 * 86_400);
/// The maximum number of servers that a page shows whole; a thousand would take it seconds.
const MAX_DETAILS_ON_PAGE: usize = 6;
/// The same of a file.
const MAX_DETAILS_IN_FILE: usize = 50;
/// The maximum number of open incidents that are listed.
const MAX_OPEN: usize = 100;

/// Reads everything that is watched; of many servers, those whose names have `filter` in them. `known` is the present, and the
/// mail of the servers, where it was read.
pub(crate) async fn load_overview(
    config: &Config,
    store: &Store,
    medium: Medium,
    (filter, season): (&str, Duration),
    known: (Present, Option<&CollectedServers>),
) -> Result<OverviewView, store::Error> {
    let reading = Reading::new(config, store, season, known).await?;
    let day = reading.day();
    let figures = store.call(move |s| s.stream_figures(day)).await?;
    let mut by_server: BTreeMap<&ServerName, Vec<&StreamFigures>> = BTreeMap::new();
    for one in &figures {
        by_server.entry(one.stream.server()).or_default().push(one);
    }
    let figures_of = |name| by_server.get(name).map_or(&[][..], Vec::as_slice);
    let (mut by_name, mut total, mut unseen) = (BTreeMap::new(), 0, 0);
    let mut rows: Vec<ServerRow> = Vec::new();
    let wanted = filter.to_lowercase();
    for server in reading.present.watched() {
        by_name.insert(&server.name, server);
        let health = reading.health(&server.name);
        let is_unseen = health.0 == Health::Unseen;
        total += usize::from(!server.name.is_account());
        unseen += usize::from(is_unseen && !server.name.is_account());
        if server.name.0.to_lowercase().contains(&wanted) {
            rows.push(reading.row(server, health, figures_of(&server.name)));
        }
    }
    rows.retain(
        // The account has no mail: it is worth a row only where something is wrong with it.
        |row| !row.name.is_account() || row.health < Health::Learning,
    );
    rows.sort_by(|a, b| (a.health, &a.name).cmp(&(b.health, &b.name)));
    let max_details = match medium {
        Medium::Page => MAX_DETAILS_ON_PAGE,
        Medium::File => MAX_DETAILS_IN_FILE,
    };
    let mut details = Vec::new();
    for row in rows.iter().take(max_details) {
        if let Some(server) = by_name.get(&row.name) {
            let streams = row.streams.iter().map(|stream| stream.id.clone()).collect();
            details.push(reading.detail(server, streams).await?);
        }
    }
    let open = reading.incidents.iter().filter(|i| i.is_open()).cloned();
    let mut open: Vec<Incident> = open.collect();
    open.sort_by_key(|i| (i.severity == Severity::Warn, i.opened_at));
    let wakes = open.iter().filter(|i| i.severity == Severity::Wake).count() as u64;
    let open_counts = (wakes, open.len() as u64 - wakes);
    open.truncate(MAX_OPEN);
    let past = reading
        .incidents
        .iter()
        .rev()
        .filter(|i| !i.is_open())
        .take(MAX_PAST);
    let past: Vec<Incident> = past.cloned().collect();
    let mut explained = Vec::new();
    if medium == Medium::File {
        for incident in open.iter().chain(&past) {
            if let Some(report) = load_report(config, store, &incident.id, None).await? {
                explained.push((incident.id.clone(), explain(&report, reading.style)));
            }
        }
    }
    Ok(OverviewView {
        at: reading.present.now,
        is_off: !config.enabled,
        style: reading.style,
        medium,
        last_cycle_at: reading.present.last_cycle_at(),
        next_poll_at: reading.present.next_poll_at(config),
        delivery: reading.delivery().await?,
        quiet_until: quiet_until(&config.quiet_hours, reading.present.now),
        mutes: reading.present.mutes().to_vec(),
        servers: rows,
        total,
        unseen,
        same_servers: reading.present.same_servers.clone(),
        missing_streams: reading.present.missing_streams.clone(),
        day: reading.day_of_all.clone(),
        filter: filter.to_owned(),
        details,
        open,
        open_counts,
        past,
        explained,
    })
}

/// Reads one server; `None` where it is not watched.
pub(crate) async fn load_server_page(
    config: &Config,
    store: &Store,
    name: &ServerName,
    known: (Present, Option<&CollectedServers>),
) -> Result<Option<ServerPageView>, store::Error> {
    let reading = Reading::new(config, store, DEFAULT_SEASON, known).await?;
    let mut watched = reading.present.watched().iter();
    let Some(server) = watched.find(|server| server.name == *name) else {
        return Ok(None);
    };
    let of = name.clone();
    let streams = store.call(move |s| s.watched_streams(&of)).await?;
    reading.detail(server, streams).await.map(Some)
}

/// Reads one incident, with the mail around it; `None` where no incident has this id.
pub(crate) async fn load_incident_page(
    config: &Config,
    store: &Store,
    id: &str,
) -> Result<Option<IncidentPageView>, store::Error> {
    let Some(report) = load_report(config, store, id, None).await? else {
        return Ok(None);
    };
    let style = Style {
        zone: config.time_zone,
        mask: config.slack.mask_addresses,
    };
    let incident = report.incident.clone();
    let standing = store.call(|s| {
        let states = s.server_states()?;
        closed_incidents(s, &states)
    });
    let may_go_on = standing
        .await?
        .iter()
        .any(|closed| closed.id == incident.id)
        && !incident.unconfigured;
    let last = store.call(|s| s.last_cycle_at()).await?;
    let now = view_instant(store, None).await?;
    let problem = problem_span(&incident);
    let until = (problem.until + DAY).ceil(HOUR).min(shown_until(last, now));
    // An address may have been suppressed for years.
    let from = (problem.from - DAY).max(until - DEFAULT_SEASON);
    let span = Span::new(from.floor(HOUR), until);
    let subject = incident.stream.as_ref().map(|stream| ChartSubject {
        server: incident.server.clone(),
        streams: vec![stream.clone()],
        is_one_stream: true,
    });
    let chart = match subject.filter(|_| !span.is_empty()) {
        None => None,
        Some(subject) => {
            let (of, shown) = (subject.clone(), incident.clone());
            let mail = store.call(move |s| load_mail(s, &of, span)).await?;
            Some(volume_chart(&subject, &mail, &[shown], span, style.zone))
        }
    };
    Ok(Some(IncidentPageView {
        incident,
        may_go_on,
        explained: explain(&report, style),
        chart,
        style,
    }))
}
