//! What is read once for a page, and how servers and their streams are by it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::chart::ChartStep;
use crate::config::{Config, ServerConfig};
use crate::cycle::charts::{ChartSubject, MailByHour, shown_until, since, volume_chart_by};
use crate::cycle::poll::servers::mark_unconfigured;
use crate::cycle::stats::budget_series;
use crate::detect::KeptSilences;
use crate::html::{DeliveryView, Health, ServerPageView, ServerRow, StreamDetail, StreamRow};
use crate::model::{
    DAY, HOUR, History, Incident, Mute, Rule, ServerName, Severity, Span, StreamId, StreamKey,
    Timestamp,
};
use crate::notify::alert::Style;
use crate::notify::closed::{closed_standing, closed_stop};
use crate::notify::context::split_remedy;
use crate::notify::describe::{SANDBOX, describe_open_at};
use crate::notify::digest::JudgedDay;
use crate::notify::mute::mute_scope;
use crate::overview::status::{CollectedServers, Present, name_servers};
use crate::overview::worst::worst_open;
use crate::store::{self, Database, Store, StreamFigures};
use crate::text::elide::elide;
use crate::text::format::short_time;

/// The maximum number of streams that are named of those that there are not.
const MAX_MISSING: usize = 3;
/// The maximum number of past incidents that are listed.
pub(super) const MAX_PAST: usize = 50;

/// What is the same for all that is read for one page.
pub(super) struct Reading<'r> {
    config: &'r Config,
    store: &'r Store,
    pub style: Style,
    pub present: Present,
    /// The last cycle, or the present before the first.
    cycle_at: Timestamp,
    season: Span,
    pub incidents: Vec<Incident>,
    /// Where the worst open incident of each server stands among them.
    worst: BTreeMap<ServerName, usize>,
    /// Servers that the last two polls did not see, with their last complete one.
    unseen: BTreeMap<ServerName, Option<Timestamp>>,
    series: usize,
    /// How the last 24 hours were, but for the incidents.
    pub day_of_all: JudgedDay,
    /// What a person closed, and may go on.
    closed: Vec<Incident>,
}

/// How a stop of a stream is noticed: whether it is still learned, and after how long at worst.
struct Notice {
    is_learning: bool,
    delay: Option<Duration>,
}

impl<'r> Reading<'r> {
    pub(super) async fn new(
        config: &'r Config,
        store: &'r Store,
        season: Duration,
        (present, mail): (Present, Option<&CollectedServers>),
    ) -> Result<Self, store::Error> {
        let day_of_all = match mail {
            Some(mail) => present.judge_day(mail),
            None => present.judge_day(&name_servers(store, &present).await?),
        };
        let last = present.last_cycle_at();
        let until = shown_until(last, present.now);
        let season = Span::new((until - season).floor(HOUR), until);
        // How the servers were polled is read anew, after their incidents: of one that has become blind meanwhile nothing is fine.
        let read =
            move |s: &mut Database| Ok((s.incidents_since(season.from)?, s.server_states()?));
        let (mut incidents, states) = store.call(read).await?;
        mark_unconfigured(&mut incidents, present.watched());
        let present = present.with_states(states);
        let unseen = present.readiness(config).unseen.into_iter();
        Ok(Self {
            worst: worst_open(&incidents),
            config,
            store,
            style: Style {
                zone: config.time_zone,
                mask: config.slack.mask_addresses,
            },
            cycle_at: last.unwrap_or(present.now),
            season,
            incidents,
            unseen: unseen.map(|s| (s.server, s.last_complete_at)).collect(),
            series: budget_series(config, store).await?,
            closed: present.closed(),
            present,
            day_of_all,
        })
    }

    /// Returns how a server is, and why; of a Sandbox it also says that.
    pub(super) fn health(&self, server: &ServerName) -> (Health, String) {
        let (health, note) = self.health_of_mail(server);
        (health, self.with_sandbox(server, note))
    }

    fn with_sandbox(&self, server: &ServerName, note: String) -> String {
        match (self.present.sandboxes.contains(server), note.is_empty()) {
            (false, _) => note,
            (true, true) => SANDBOX.to_owned(),
            (true, false) => format!("{note}; {SANDBOX}"),
        }
    }

    /// Says of a server why nobody knows whether its mail flows: it never had any, or too little history.
    fn learning(&self, server: &ServerName, sends: bool) -> (Health, String) {
        let note = match sends {
            true => "still learning when it sends",
            false => "no mail yet",
        };
        (Health::Learning, self.with_sandbox(server, note.to_owned()))
    }

    fn health_of_mail(&self, server: &ServerName) -> (Health, String) {
        if let Some(worst) = self
            .worst
            .get(server)
            .and_then(|at| self.incidents.get(*at))
        {
            return (
                of_severity(worst.severity),
                describe_open_at(worst, self.present.now, self.style),
            );
        }
        let mut same = self.present.same_servers.iter();
        if let Some(name) = same.find_map(|same| same.counted_as(&server.0)) {
            return (
                Health::Unseen,
                format!("its token is that of {name}: what {server} is meant for is not watched"),
            );
        }
        match self.present.state(server) {
            Some(state) if self.present.is_overdue(self.config, server) => {
                let last = state.last_cycle_at.unwrap_or(self.present.now);
                let last = short_time(last, self.present.now, self.style.zone);
                (Health::Unseen, format!("not polled since {last}"))
            }
            Some(state) if state.incomplete_since.is_some() => {
                let since = state.incomplete_since.unwrap_or(self.present.now);
                let since = short_time(since, self.present.now, self.style.zone);
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
                let last = short_time(*last, self.present.now, self.style.zone);
                (Health::Unseen, format!("last read {last}"))
            }
            _ => (Health::Learning, "not polled yet".to_owned()),
        }
    }

    /// Returns how a server is of whose present nothing is wrong: its last 24 hours may say otherwise.
    fn with_day(&self, server: &ServerName, (health, note): (Health, String)) -> (Health, String) {
        let day = &self.day_of_all;
        let mut unusual = day.unusual.iter();
        let mut missing = self.present.missing_streams.iter();
        let (health, why) = if health != Health::Fine {
            return (health, note);
        } else if let Some(closed) = self.closed_of(server, None).next() {
            let why = closed_standing(closed, self.present.now, self.style);
            (Health::Look, why.unwrap_or_default())
        } else if let Some(stream) = unusual.find(|stream| stream.server == server.0) {
            let reason = stream.reasons.first().map_or("", String::as_str);
            (Health::Look, format!("{}: {reason}", stream.stream))
        } else if let Some(of) = missing.find(|of| of.server == *server) {
            let ids = of.missing.iter().map(ToString::to_string);
            let ids = elide(ids, MAX_MISSING);
            (
                Health::Unseen,
                format!("not watched, since it does not exist: {ids}"),
            )
        } else if day.unread.contains(&server.0) {
            let why = "not everything of the last 24 h could be read";
            (Health::Unseen, why.to_owned())
        } else if !day.is_known {
            let why = "its last 24 h are still being read";
            (Health::Learning, why.to_owned())
        } else if let Some(mute) = self.mute_of(server) {
            let until = short_time(mute.until, self.present.now, self.style.zone);
            let why = format!("muted: {} until {until}", mute_scope(mute));
            (Health::Look, why)
        } else {
            return (health, note);
        };
        (health, self.with_sandbox(server, why))
    }

    /// Returns the mute that keeps back whatever is found of a server from now on.
    fn mute_of(&self, server: &ServerName) -> Option<&Mute> {
        let mut mutes = self.present.mutes().iter();
        mutes.find(|mute| {
            let is_here = mute.server.as_ref().is_none_or(|of| of == server);
            let is_of_all = mute.incident.is_none() && mute.rule.is_none();
            is_here && is_of_all && mute.runs_at(self.present.now)
        })
    }

    /// Whether nothing is known of the present of a server, whatever is told of it.
    fn is_unseen(&self, server: &ServerName) -> bool {
        let state = self.present.state(server);
        let is_incomplete = state.is_some_and(|state| state.incomplete_since.is_some());
        let is_overdue = self.present.is_overdue(self.config, server);
        is_incomplete || is_overdue || self.unseen.contains_key(server)
    }

    /// Whether the history of every stream that sends is too short to tell that it stopped, or none sends.
    fn is_learning(&self, server: &ServerConfig, figures: &[&StreamFigures]) -> bool {
        let rules = self.config.rules_for(server);
        let is_short = |stream: &StreamFigures| {
            let rules = rules.for_stream(stream.stream.stream());
            let first = stream.first_seen_at.unwrap_or(self.cycle_at);
            let is_judged = rules.is_enabled(Rule::SendSilence);
            is_judged && self.cycle_at.since(first) < rules.silence.min_history
        };
        let mut sending = figures.iter().filter(|stream| stream.last_sent.is_some());
        sending.all(|stream| is_short(stream))
    }

    /// Returns the row of a server that is so, whose streams have these `figures`.
    pub(super) fn row(
        &self,
        server: &ServerConfig,
        (health, note): (Health, String),
        figures: &[&StreamFigures],
    ) -> ServerRow {
        let (health, note) = match self.with_day(&server.name, (health, note)) {
            (Health::Fine, _) if self.is_learning(server, figures) => {
                let sends = figures.iter().any(|stream| stream.last_sent.is_some());
                self.learning(&server.name, sends)
            }
            as_it_is => as_it_is,
        };
        let day = self.day();
        let mut hours: Option<Vec<Option<u64>>> = None;
        let mut streams = Vec::new();
        // A stream that never had mail begins with the first start: before it nothing is known of it, and of the others it is.
        let sends = figures.iter().any(|stream| stream.last_sent.is_some());
        for figures in figures {
            let own = hours_of(figures, day);
            streams.push(StreamRow {
                id: figures.stream.stream().clone(),
                last_sent: figures.last_sent,
                sent: own.iter().flatten().sum(),
            });
            if sends && figures.last_sent.is_none() {
                continue;
            }
            hours = Some(match hours {
                None => own,
                Some(sum) => {
                    let pairs = sum.into_iter().zip(own);
                    pairs.map(|(a, b)| a.zip(b).map(|(a, b)| a + b)).collect()
                }
            });
        }
        ServerRow {
            name: server.name.clone(),
            health,
            note,
            streams,
            hours: hours.unwrap_or_else(|| vec![None; 24]),
        }
    }

    pub(super) fn day(&self) -> Span {
        Span::new(self.season.until - DAY, self.season.until)
    }

    pub(super) async fn detail(
        &self,
        server: &ServerConfig,
        streams: Vec<StreamId>,
    ) -> Result<ServerPageView, store::Error> {
        let health = self.health(&server.name);
        let (mut health, mut note) = self.with_day(&server.name, health);
        let mut details = Vec::new();
        for stream in streams {
            details.push(self.stream(server, stream).await?);
        }
        let mut sending = details.iter().filter(|stream| stream.last_sent.is_some());
        let sends = sending.clone().next().is_some();
        if health == Health::Fine && sending.all(|s| s.health == Health::Learning) {
            (health, note) = self.learning(&server.name, sends);
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
            next_poll_at: self.present.next_poll_at(self.config),
            open: own(true).collect(),
            past: own(false).rev().take(MAX_PAST).collect(),
        })
    }

    async fn stream(
        &self,
        server: &ServerConfig,
        stream: StreamId,
    ) -> Result<StreamDetail, store::Error> {
        let key = StreamKey::new(&server.name, &stream);
        let season = self.season;
        let (of, hours_from) = (key.clone(), since(season));
        // The last mail may be of the hour that no picture shows yet.
        let known = Span::new(season.from, season.until.max(self.present.now));
        let read = move |s: &mut Database| s.charted_history(&of, hours_from, known);
        let history = self.store.call(read).await?;
        let last_sent = history.hours.iter().map(|hour| hour.last_at).max();
        let last_delivered = history.last_delivered(self.present.now);
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
        let is_stopped = open.any(|i| i.says_stopped(&server.name.0, &stream));
        let mut closed = self.closed_of(&server.name, Some(&stream));
        let closed_stop = closed.clone().find_map(|i| {
            let is_stop = i.says_stopped(&server.name.0, &stream);
            let closed = closed_stop(i, last_sent, self.present.now, self.style);
            closed.filter(|_| is_stop)
        });
        let is_judged = self
            .config
            .rules_for(server)
            .for_stream(&stream)
            .is_enabled(Rule::SendSilence);
        let is_unseen = self.is_unseen(&server.name);
        let state = self.present.state(&server.name);
        // While its first poll runs, a part of the history says nothing.
        let is_unread = state.is_none_or(|state| state.last_complete_at.is_none());
        let is_learning = notice.is_learning || is_unread;
        let health = worst.unwrap_or(match is_unseen {
            true => Health::Unseen,
            _ if closed.next().is_some() => Health::Look,
            _ if self.is_unusual(&server.name, &stream) => Health::Look,
            _ if last_sent.is_none() || is_unread || (is_learning && is_judged) => Health::Learning,
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
            is_learning,
            is_judged,
            is_unseen,
            is_stopped,
            closed_stop,
            day: chart(self.day(), ChartStep::Hour),
            season: chart(season, ChartStep::Day),
        })
    }

    /// Returns what a person closed on a server, and on its stream where one is named, and may go on.
    fn closed_of<'s>(
        &'s self,
        server: &'s ServerName,
        stream: Option<&'s StreamId>,
    ) -> impl Iterator<Item = &'s Incident> + Clone {
        let closed = self.closed.iter();
        closed.filter(move |i| concerns(i, server, stream))
    }

    /// Whether something is unusual of a stream though no incident says so.
    fn is_unusual(&self, server: &ServerName, stream: &StreamId) -> bool {
        let mut unusual = self.day_of_all.unusual.iter();
        unusual.any(|of| of.server == server.0 && of.stream == *stream)
    }

    /// Returns how a stop would be noticed.
    async fn notice(&self, server: &ServerConfig, key: &StreamKey) -> Result<Notice, store::Error> {
        let rules = self.config.rules_for(server);
        let rules = rules.for_stream(key.stream());
        let (at, of) = (self.cycle_at, key.clone());
        let read = move |s: &mut Database| {
            let history = s.history_with_tags(&of, Span::new(at, at), &[])?;
            Ok((history, s.learned(of.server())?))
        };
        let (history, learned): (History, _) = self.store.call(read).await?;
        let mut silences = KeptSilences::new(learned);
        let silence = silences.of_stream(key.stream(), &history, at, rules, self.series);
        let is_learning = silence.is_learning(&history, at);
        let is_judged = rules.is_enabled(Rule::SendSilence) && !is_learning;
        let delay = is_judged.then(|| silence.worst_detection_delay(&history, at));
        Ok(Notice {
            is_learning,
            delay: delay.flatten(),
        })
    }

    pub(super) async fn delivery(&self) -> Result<DeliveryView, store::Error> {
        let (waiting, waiting_since) = self.present.undelivered();
        Ok(DeliveryView {
            last_accepted_at: self.store.call(Database::last_accepted_at).await?,
            waiting,
            waiting_since,
            refusals: self.present.refusals(),
        })
    }
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

#[cfg(test)]
mod tests;
