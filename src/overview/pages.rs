//! What the page and the report show, read by few statements however many servers there are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::chart::ChartStep;
use crate::config::{Config, ServerConfig, hold, quiet_until};
use crate::cycle::charts::{
    ChartSubject, MailByHour, load_mail, shown_until, since, volume_chart, volume_chart_by,
};
use crate::cycle::poll::servers::watched_servers;
use crate::cycle::readiness::readiness;
use crate::cycle::stats::budget_series;
use crate::detect::Silence;
use crate::html::{
    DeliveryView, Health, IncidentPageView, Medium, OverviewView, ServerPageView, ServerRow,
    StreamDetail, StreamRow,
};
use crate::model::{
    DAY, HOUR, History, Incident, Rule, ServerName, Severity, Span, StreamId, StreamKey, Timestamp,
};
use crate::notify::alert::Style;
use crate::notify::context::{problem_span, split_remedy};
use crate::notify::describe::describe_open;
use crate::output::explain::explain;
use crate::overview::worst::worst_open;
use crate::overview::{last_cycle_or_now, load_report, view_instant};
use crate::store::{self, Database, ServerState, Store, StreamFigures};
use crate::text::format::short_time;

/// How far back pictures and past incidents go where nothing else is asked for.
pub(crate) const DEFAULT_SEASON: Duration = Duration::from_secs(45 * 86_400);
/// The maximum number of servers that a page shows whole; a thousand would take it seconds.
const MAX_DETAILS_ON_PAGE: usize = 6;
/// The same of a file.
const MAX_DETAILS_IN_FILE: usize = 50;
/// The maximum number of open incidents that are listed.
const MAX_OPEN: usize = 100;
/// The maximum number of past incidents that are listed.
const MAX_PAST: usize = 50;

/// How a stop of a stream is noticed: whether it is still learned, and after how long at worst.
#[derive(Clone, Copy, Debug)]
struct Notice {
    is_learning: bool,
    delay: Option<Duration>,
}

/// How soon stops are noticed, as of the last cycle: learning it takes longer than reading everything else.
#[derive(Debug, Default)]
pub(crate) struct Notices(Mutex<BTreeMap<StreamKey, (Timestamp, Notice)>>);

impl Notices {
    fn get(&self, stream: &StreamKey, at: Timestamp) -> Option<Notice> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(stream).filter(|(of, _)| *of == at.floor(DAY));
        found.map(|(_, notice)| *notice)
    }

    fn put(&self, stream: StreamKey, at: Timestamp, notice: Notice) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(stream, (at.floor(DAY), notice));
    }
}

/// What is the same for all that is read for one page.
struct Reading<'r> {
    config: &'r Config,
    store: &'r Store,
    notices: &'r Notices,
    style: Style,
    now: Timestamp,
    /// The present, or the last cycle.
    cycle_at: Timestamp,
    season: Span,
    incidents: Vec<Incident>,
    /// Where the worst open incident of each server stands among them.
    worst: BTreeMap<ServerName, usize>,
    states: BTreeMap<ServerName, ServerState>,
    /// Servers that the last two polls did not see, with their last complete one.
    unseen: BTreeMap<ServerName, Option<Timestamp>>,
    series: usize,
}

impl<'r> Reading<'r> {
    async fn new(
        config: &'r Config,
        store: &'r Store,
        notices: &'r Notices,
        season: Duration,
    ) -> Result<Self, store::Error> {
        let now = view_instant(store, None).await?;
        let last = store.call(|s| s.last_cycle_at()).await?;
        let until = shown_until(last, now);
        let season = Span::new((until - season).floor(HOUR), until);
        let read =
            move |s: &mut Database| Ok((s.incidents_since(season.from)?, s.server_states()?));
        let (incidents, states) = store.call(read).await?;
        let unseen = readiness(config, store, now).await?.unseen.into_iter();
        Ok(Self {
            worst: worst_open(&incidents),
            config,
            store,
            notices,
            style: Style {
                zone: config.time_zone,
                mask: config.slack.mask_addresses,
            },
            now,
            cycle_at: last_cycle_or_now(store).await?,
            season,
            incidents,
            states,
            unseen: unseen.map(|s| (s.server, s.last_complete_at)).collect(),
            series: budget_series(store).await?,
        })
    }

    /// Returns how a server is, and why.
    fn health(&self, server: &ServerName) -> (Health, String) {
        if let Some(worst) = self
            .worst
            .get(server)
            .and_then(|at| self.incidents.get(*at))
        {
            return (
                of_severity(worst.severity),
                describe_open(worst, self.style),
            );
        }
        match self.states.get(server) {
            Some(state) if state.incomplete_since.is_some() => {
                let since = state.incomplete_since.unwrap_or(self.now);
                let since = short_time(since, self.now, self.style.zone);
                let reason = state.reason.as_deref().unwrap_or_default();
                (
                    Health::Unseen,
                    format!("not read since {since}: {}", split_remedy(reason).0),
                )
            }
            Some(state) if state.last_complete_at.is_some() => {
                let Some(Some(last)) = self.unseen.get(server) else {
                    return (Health::Fine, String::new());
                };
                let last = short_time(*last, self.now, self.style.zone);
                (Health::Unseen, format!("last read {last}"))
            }
            _ => (Health::Learning, "not polled yet".to_owned()),
        }
    }

    /// Returns the row of a server, whose streams have these `figures`.
    fn row(&self, server: &ServerName, figures: &[&StreamFigures]) -> ServerRow {
        let (health, note) = self.health(server);
        let day = self.day();
        let mut hours: Option<Vec<Option<u64>>> = None;
        let mut streams = Vec::new();
        for figures in figures {
            let own = hours_of(figures, day);
            streams.push(StreamRow {
                id: figures.stream.stream().clone(),
                last_sent: figures.last_sent,
                sent: own.iter().flatten().sum(),
            });
            hours = Some(match hours {
                None => own,
                Some(sum) => {
                    let pairs = sum.into_iter().zip(own);
                    pairs.map(|(a, b)| a.zip(b).map(|(a, b)| a + b)).collect()
                }
            });
        }
        ServerRow {
            name: server.clone(),
            health,
            note,
            streams,
            hours: hours.unwrap_or_else(|| vec![None; 24]),
        }
    }

    fn day(&self) -> Span {
        Span::new(self.season.until - DAY, self.season.until)
    }

    async fn detail(
        &self,
        server: &ServerConfig,
        streams: Vec<StreamId>,
    ) -> Result<ServerPageView, store::Error> {
        let (health, note) = self.health(&server.name);
        let mut details = Vec::new();
        for stream in streams {
            details.push(self.stream(server, stream, health).await?);
        }
        // The worst first; one without any mail says nothing.
        details.sort_by_key(|stream| (stream.health, stream.last_sent.is_none()));
        let own = |is_open: bool| {
            let incidents = self.incidents.iter();
            let own = incidents.filter(|i| concerns(i, &server.name, None));
            own.filter(move |i| i.is_open() == is_open).cloned()
        };
        Ok(ServerPageView {
            name: server.name.clone(),
            health,
            note,
            streams: details,
            next_poll_at: self.config.schedule.next(self.now),
            open: own(true).collect(),
            past: own(false).rev().take(MAX_PAST).collect(),
        })
    }

    async fn stream(
        &self,
        server: &ServerConfig,
        stream: StreamId,
        of_server: Health,
    ) -> Result<StreamDetail, store::Error> {
        let key = StreamKey::new(&server.name, &stream);
        let season = self.season;
        let (of, hours_from) = (key.clone(), since(season));
        let read = move |s: &mut Database| s.charted_history(&of, hours_from, season);
        let history = self.store.call(read).await?;
        let last_sent = history.last_sent(self.now);
        let last_delivered = history.last_delivered(self.now);
        let notice = self.notice(server, &key).await?;
        let subject = ChartSubject {
            server: server.name.clone(),
            streams: vec![stream.clone()],
            is_one_stream: true,
        };
        let open = self.incidents.iter().filter(|i| i.is_open());
        let own = open.filter(|i| concerns(i, &server.name, Some(&stream)));
        let worst = own.map(|i| of_severity(i.severity)).min();
        let mut open = self.incidents.iter().filter(|i| i.is_open());
        let is_stopped = open.any(|i| i.is_stop_of(&server.name.0, &stream));
        let is_judged = self
            .config
            .rules_for(server)
            .for_stream(&stream)
            .is_enabled(Rule::SendSilence);
        let health = worst.unwrap_or(match of_server {
            Health::Unseen => Health::Unseen,
            _ if notice.is_learning && is_judged && last_sent.is_some() => Health::Learning,
            _ => Health::Fine,
        });
        let mail = MailByHour::from_histories(&[history], season);
        let zone = self.style.zone;
        let chart =
            |span, step| volume_chart_by(&subject, &mail, &self.incidents, (span, step), zone);
        Ok(StreamDetail {
            id: stream.clone(),
            health,
            last_sent,
            last_delivered,
            detection_delay: notice.delay,
            is_learning: notice.is_learning,
            is_judged,
            is_stopped,
            day: chart(self.day(), ChartStep::Hour),
            season: chart(season, ChartStep::Day),
        })
    }

    /// Returns how a stop would be noticed; what is learned of a stream is kept for the day.
    async fn notice(&self, server: &ServerConfig, key: &StreamKey) -> Result<Notice, store::Error> {
        if let Some(known) = self.notices.get(key, self.cycle_at) {
            return Ok(known);
        }
        let (at, of) = (self.cycle_at, key.clone());
        let read = move |s: &mut Database| s.history_with_tags(&of, Span::new(at, at), &[]);
        let history: History = self.store.call(read).await?;
        let rules = self.config.rules_for(server);
        let rules = rules.for_stream(key.stream());
        let silence = Silence::for_stream(&history, at, rules, self.series);
        let is_learning = silence.is_learning(&history, at);
        let is_judged = rules.is_enabled(Rule::SendSilence) && !is_learning;
        let delay = is_judged.then(|| silence.worst_detection_delay(&history, at));
        let notice = Notice {
            is_learning,
            delay: delay.flatten(),
        };
        self.notices.put(key.clone(), at, notice);
        Ok(notice)
    }

    async fn delivery(&self) -> Result<DeliveryView, store::Error> {
        let hold = hold(&self.config.quiet_hours, self.now);
        let read = move |s: &mut Database| {
            let held = s.held_rows(hold)?.rows.len() as u64;
            Ok(DeliveryView {
                last_accepted_at: s.last_accepted_at()?,
                waiting: s.count_pending()?.saturating_sub(held),
                waiting_since: s.oldest_undelivered(hold)?,
            })
        };
        self.store.call(read).await
    }
}

/// Reads everything that is watched; of many servers, those whose names have `filter` in them.
pub(crate) async fn load_overview(
    config: &Config,
    store: &Store,
    notices: &Notices,
    medium: Medium,
    (filter, season): (&str, Duration),
) -> Result<OverviewView, store::Error> {
    let reading = Reading::new(config, store, notices, season).await?;
    let day = reading.day();
    let figures = store.call(move |s| s.stream_figures(day)).await?;
    let mut by_server: BTreeMap<&ServerName, Vec<&StreamFigures>> = BTreeMap::new();
    for one in &figures {
        by_server.entry(one.stream.server()).or_default().push(one);
    }
    let figures_of = |name| by_server.get(name).map_or(&[][..], Vec::as_slice);
    let watched = watched_servers(config, store).await?;
    let mut by_name: BTreeMap<&ServerName, &Arc<ServerConfig>> = BTreeMap::new();
    for server in &watched {
        by_name.insert(&server.name, server);
    }
    let wanted = filter.to_lowercase();
    let total = watched
        .iter()
        .filter(|server| !server.name.is_account())
        .count();
    let unseen = watched.iter().filter(|server| !server.name.is_account());
    let unseen = unseen.filter(|server| reading.health(&server.name).0 == Health::Unseen);
    let unseen = unseen.count();
    let mut rows: Vec<ServerRow> = watched
        .iter()
        .filter(|server| server.name.0.to_lowercase().contains(&wanted))
        .map(|server| reading.row(&server.name, figures_of(&server.name)))
        // The account has no mail: it is worth a row only where something is wrong with it.
        .filter(|row| !row.name.is_account() || row.health < Health::Learning)
        .collect();
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
    let mut open: Vec<Incident> = reading
        .incidents
        .iter()
        .filter(|i| i.is_open())
        .cloned()
        .collect();
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
            if let Some(report) = load_report(store, &incident.id, None).await? {
                explained.push((incident.id.clone(), explain(&report, reading.style)));
            }
        }
    }
    Ok(OverviewView {
        at: reading.now,
        style: reading.style,
        medium,
        last_cycle_at: store.call(|s| s.last_cycle_at()).await?,
        next_poll_at: config.schedule.next(reading.now),
        delivery: reading.delivery().await?,
        quiet_until: quiet_until(&config.quiet_hours, reading.now),
        servers: rows,
        total,
        unseen,
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
    notices: &Notices,
    name: &ServerName,
) -> Result<Option<ServerPageView>, store::Error> {
    let watched = watched_servers(config, store).await?;
    let Some(server) = watched.iter().find(|server| server.name == *name) else {
        return Ok(None);
    };
    let reading = Reading::new(config, store, notices, DEFAULT_SEASON).await?;
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
    let Some(report) = load_report(store, id, None).await? else {
        return Ok(None);
    };
    let style = Style {
        zone: config.time_zone,
        mask: config.slack.mask_addresses,
    };
    let incident = report.incident.clone();
    let last = store.call(|s| s.last_cycle_at()).await?;
    let now = view_instant(store, None).await?;
    let problem = problem_span(&incident);
    let until = (problem.until + DAY).ceil(HOUR).min(shown_until(last, now));
    let span = Span::new((problem.from - DAY).floor(HOUR), until);
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
        explained: explain(&report, style),
        chart,
        style,
    }))
}

/// Returns the messages of each hour of `day`; `None` where one was not seen as a whole.
fn hours_of(figures: &StreamFigures, day: Span) -> Vec<Option<u64>> {
    let begins = figures.first_seen_at.unwrap_or(Timestamp::MAX);
    let hours = (0..24u32).map(|hour| {
        let from = day.from + HOUR * hour;
        Span::new(from, from + HOUR)
    });
    let mut sent = vec![0; 24];
    for (at, number) in &figures.sent {
        let place = at.since(day.from).as_secs() / 3600;
        if let Some(sum) = sent.get_mut(usize::try_from(place).unwrap_or(usize::MAX)) {
            *sum += number;
        }
    }
    let seen = |hour: Span| begins <= hour.from && figures.seen.covers(hour);
    hours
        .zip(sent)
        .map(|(hour, sent)| seen(hour).then_some(sent))
        .collect()
}

/// Returns whether an incident is of a server, and of its stream where one is named.
fn concerns(incident: &Incident, server: &ServerName, stream: Option<&StreamId>) -> bool {
    let subject = ChartSubject {
        server: server.clone(),
        streams: stream.into_iter().cloned().collect(),
        is_one_stream: stream.is_some(),
    };
    subject.concerns(incident)
        && (stream.is_none() || incident.stream.is_some() || incident.rule == Rule::SendSilence)
}

const fn of_severity(severity: Severity) -> Health {
    match severity {
        Severity::Warn => Health::Warn,
        Severity::Wake => Health::Wake,
    }
}
