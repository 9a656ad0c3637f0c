//! The data of the daemon, read beside its cycles. However many ask, the database is asked once a second, and for the servers'
//! mail once a cycle.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::clock;
use crate::cycle::{Context, CurrentContext};
use crate::daemon::Pulse;
use crate::html::{Medium, incident_page, overview_page, server_page};
use crate::metrics::Counters;
use crate::model::{BounceClass, ServerName, Span, StreamKey, Timestamp, UNSETTLED};
use crate::output::json::ListedIncident;
use crate::output::readiness::Readiness;
use crate::output::status::StatusReport;
use crate::overview::{
    CollectedServers, DEFAULT_SEASON, DayTotals, Generation, Present, collect_servers, load_events,
    load_incident_page, load_incidents, load_overview, load_server_page, name_servers,
};
use crate::page::source::{RecentEvents, Source, SourceError, Wording};
use crate::store::{self, Store};

/// How long what was read is shown.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// How long a request waits for the mail of a new cycle to be read and learned, where there is that of the one before to show.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long it waits where there is none, or where nobody asked for it for a while: it may be of yesterday.
const PATIENCE_FOR_FIRST: Duration = Duration::from_secs(2);
/// Whoever asks as often as that sees the mail of each cycle.
const A_WHILE: Duration = Duration::from_secs(300);
/// The maximum number of events that are kept.
const MAX_EVENTS: u32 = 100;
/// Classes whose count begins at 0, so that the first one shows as an increase.
const COUNTED_CLASSES: [BounceClass; 4] = [
    BounceClass::Hard,
    BounceClass::Blocked,
    BounceClass::Soft,
    BounceClass::Complaint,
];

/// The data of the daemon.
pub(crate) struct Live(Arc<Shared>);

struct Shared {
    current: Arc<CurrentContext>,
    /// Reads alone.
    reader: Store,
    pulse: Arc<Pulse>,
    readiness: Cached<Readiness>,
    status: Cached<Arc<StatusReport>>,
    overview: Cached<String>,
    mail: Mutex<Option<Arc<MailView>>>,
    /// When somebody last asked for it.
    asked_at: Mutex<Option<Instant>>,
    /// Held while the mail of a new cycle is read.
    reading: tokio::sync::Mutex<()>,
}

/// What is known of the servers' mail, as of a cycle.
struct MailView {
    generation: Generation,
    servers: CollectedServers,
    recent: Arc<RecentEvents>,
    counted: CountedMail,
}

/// Mail counted since the process started, or since somebody asked first.
#[derive(Clone, Default)]
struct CountedMail {
    /// Up to when each stream is counted.
    until: BTreeMap<StreamKey, Timestamp>,
    messages: BTreeMap<StreamKey, u64>,
    bounces: BTreeMap<(StreamKey, BounceClass), u64>,
}

impl Live {
    /// # Errors
    /// Where the address of the database is of no use.
    pub(crate) fn new(
        current: Arc<CurrentContext>,
        pulse: Arc<Pulse>,
    ) -> Result<Self, store::Error> {
        let context = current.get();
        let address = context.config.store.database.as_ref();
        let reader = context.store.reader(address)?;
        Ok(Self(Arc::new(Shared {
            current,
            reader,
            pulse,
            readiness: Cached::default(),
            status: Cached::default(),
            overview: Cached::default(),
            mail: Mutex::default(),
            asked_at: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        })))
    }
}

impl Shared {
    /// What the daemon works with now: a reload puts another in its place.
    fn context(&self) -> Arc<Context> {
        self.current.get()
    }

    /// Reads by `read`. A database file is opened only where it is still the one that the daemon writes, and for this reading
    /// alone: another may be put in its place.
    async fn read<T>(
        &self,
        read: impl Future<Output = Result<T, store::Error>>,
    ) -> Result<T, SourceError> {
        let is_file = !self.reader.is_shared();
        let explain = |error: store::Error| match self.context().config.enabled {
            true => error.into(),
            false => SourceError::Disabled(error.to_string()),
        };
        if is_file {
            let store = &self.context().store;
            let in_place = store.call(|s| Ok(s.is_in_place())).await;
            if !in_place.map_err(explain)? {
                return Err(SourceError::Replaced);
            }
        }
        let found = read.await;
        if is_file {
            // Where monitoring is switched off, the only connection: nobody else would notice that the file was replaced.
            self.reader.close_idle();
        }
        found.map_err(explain)
    }

    async fn present(&self) -> Result<Present, SourceError> {
        let context = self.context();
        self.read(Present::read(&context.config, &self.reader, None))
            .await
    }

    fn kept_mail(&self) -> Option<Arc<MailView>> {
        let kept = self.mail.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clone()
    }

    /// Takes note that somebody asks for the mail; returns whether somebody asked lately.
    fn note_asked(&self) -> bool {
        let mut asked_at = self.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let before = asked_at.replace(Instant::now());
        before.is_some_and(|at| at.elapsed() < A_WHILE)
    }

    /// Reads the mail of the cycle of `present`, unless that was done in the meantime.
    async fn read_mail(&self, present: Present) -> Result<Arc<MailView>, SourceError> {
        let _alone = self.reading.lock().await;
        let kept = self.kept_mail();
        if let Some(kept) = &kept
            && kept.generation == present.generation()
        {
            return Ok(Arc::clone(kept));
        }
        let counted = kept.map(|kept| kept.counted.clone()).unwrap_or_default();
        let mail = self.read(self.load_mail(&present, counted)).await?;
        let mail = Arc::new(mail);
        *self.mail.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&mail));
        Ok(mail)
    }

    async fn load_mail(
        &self,
        present: &Present,
        counted: CountedMail,
    ) -> Result<MailView, store::Error> {
        let config = &self.context().config;
        let servers = collect_servers(config, &self.reader, present).await?;
        let at = servers.last_cycle_at.unwrap_or(present.now);
        let events = load_events(&self.reader, at, MAX_EVENTS).await?;
        let counted = counted.counted_on(&self.reader, &servers).await?;
        let recent = Arc::new(RecentEvents {
            events,
            totals: day_totals(&servers),
        });
        Ok(MailView {
            generation: present.generation(),
            servers,
            recent,
            counted,
        })
    }
}

fn day_totals(servers: &CollectedServers) -> DayTotals {
    let mut totals = DayTotals::default();
    for stream in servers.servers.iter().flat_map(|server| server.streams()) {
        totals.delivered += stream.counts.delivered.unwrap_or(0);
        totals.bounced += stream.counts.bounced;
        totals.complaints += stream.counts.spam_complaint;
    }
    totals
}

impl CountedMail {
    /// Counts on to where each stream is covered and its index has settled.
    async fn counted_on(
        mut self,
        store: &Store,
        servers: &CollectedServers,
    ) -> Result<Self, store::Error> {
        let mut spans = Vec::new();
        for server in &servers.servers {
            for stream in server.streams() {
                let Some(covered_until) = stream.counts.covered_until else {
                    continue;
                };
                let key = StreamKey::new(&server.name, &stream.counts.id);
                let until = covered_until - UNSETTLED;
                let from = self.until.get(&key).copied().unwrap_or(until);
                self.until.insert(key.clone(), until.max(from));
                spans.push((key, Span::new(from, until.max(from))));
            }
        }
        let keys: Vec<StreamKey> = spans.iter().map(|(key, _)| key.clone()).collect();
        let counts = store.call(move |s| s.counts_within(&spans)).await?;
        for (key, count) in keys.into_iter().zip(counts) {
            let zero = COUNTED_CLASSES.map(|class| (class, 0));
            for (class, bounced) in zero.into_iter().chain(count.bounces) {
                *self.bounces.entry((key.clone(), class)).or_default() += bounced;
            }
            *self.messages.entry(key).or_default() += count.sent;
        }
        Ok(self)
    }
}

impl Live {
    /// Returns what is known of the servers' mail; where reading that of a new cycle takes long, as of the one before. `None`
    /// where there was none before: what was read ahead of the first cycle knows no server.
    async fn mail(&self, present: &Present) -> Result<Option<Arc<MailView>>, SourceError> {
        let kept = self.0.kept_mail();
        let is_recent = self.0.note_asked();
        if let Some(kept) = &kept
            && kept.generation == present.generation()
        {
            return Ok(Some(Arc::clone(kept)));
        }
        let kept = kept.filter(|kept| kept.servers.last_cycle_at.is_some());
        let patience = match kept.is_some() && is_recent {
            true => PATIENCE,
            false => PATIENCE_FOR_FIRST,
        };
        let reading = self.read_on(present.clone());
        match tokio::time::timeout(patience, reading).await {
            Ok(read) => read.unwrap_or(Err(SourceError::Interrupted)).map(Some),
            Err(_) => Ok(kept),
        }
    }

    /// Reads the mail of the cycle of `present`, whether anyone waits for it or not.
    fn read_on(&self, present: Present) -> oneshot::Receiver<Result<Arc<MailView>, SourceError>> {
        let (notified, answer) = oneshot::channel();
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            let read = shared.read_mail(present).await;
            if let Err(Err(error)) = notified.send(read) {
                tracing::warn!("{error}");
            }
        });
        answer
    }

    /// Waits until all mail of the present was read.
    async fn read_all(&self) -> Result<Arc<MailView>, SourceError> {
        let present = self.0.present().await?;
        let read = self.read_on(present).await;
        read.unwrap_or(Err(SourceError::Interrupted))
    }

    async fn read_status(&self) -> Result<Arc<StatusReport>, SourceError> {
        let shared = &self.0;
        let config = &shared.context().config;
        let present = shared.present().await?;
        let status = match self.mail(&present).await? {
            Some(mail) => present.status_of(config, &mail.servers),
            None => {
                let servers = shared.read(name_servers(&shared.reader, &present)).await?;
                present.status_of(config, &servers)
            }
        };
        Ok(Arc::new(status))
    }
}

impl Source for Live {
    fn wording(&self) -> Wording {
        Wording {
            style: self.0.context().style(),
        }
    }

    fn now(&self) -> Timestamp {
        clock::now()
    }

    fn is_alive(&self) -> bool {
        // Where monitoring is switched off, no loop turns.
        !self.0.context().config.enabled || self.0.pulse.is_beating()
    }

    async fn readiness(&self) -> Result<Readiness, SourceError> {
        let shared = &self.0;
        let config = &shared.context().config;
        let judge = async { Ok(shared.present().await?.readiness(config)) };
        shared.readiness.get(judge).await
    }

    async fn status(&self) -> Result<Arc<StatusReport>, SourceError> {
        self.0.status.get(self.read_status()).await
    }

    async fn counters(&self) -> Result<Counters, SourceError> {
        self.status().await?;
        let counted = self.0.kept_mail().map(|mail| mail.counted.clone());
        let counted = counted.unwrap_or_default();
        let context = self.0.context();
        let mut counters = Counters {
            messages: counted.messages,
            bounces: counted.bounces,
            requests: context.postmark.requests_by_status(),
            ..Counters::default()
        };
        counters.notifications.insert(context.notifier.kind(), 0);
        for ((sink, reason), count) in context.notification_counts.all() {
            match reason {
                None => counters.notifications.insert(sink, count),
                Some(reason) => counters.failures.insert((sink, reason), count),
            };
        }
        Ok(counters)
    }

    async fn recent(&self) -> Result<Arc<RecentEvents>, SourceError> {
        self.status().await?;
        let kept = self.0.kept_mail();
        let mail = match kept {
            Some(mail) => mail,
            // Its counts are sums over all mail, which are of no use before all of it was read.
            None => self.read_all().await?,
        };
        Ok(Arc::clone(&mail.recent))
    }

    async fn overview_page(&self, filter: &str) -> Result<String, SourceError> {
        let shared = &self.0;
        let what = (filter, DEFAULT_SEASON);
        let context = shared.context();
        let (config, medium) = (&context.config, Medium::Page);
        let page = async {
            let present = shared.present().await?;
            let mail = self.mail(&present).await?;
            let known = (present, mail.as_ref().map(|mail| &mail.servers));
            let load = load_overview(config, &shared.reader, medium, what, known);
            Ok(overview_page(&shared.read(load).await?))
        };
        match filter.is_empty() {
            true => shared.overview.get(page).await,
            false => page.await,
        }
    }

    async fn server_page(&self, name: &ServerName) -> Result<Option<String>, SourceError> {
        let shared = &self.0;
        let context = shared.context();
        let present = shared.present().await?;
        let mail = self.mail(&present).await?;
        let known = (present, mail.as_ref().map(|mail| &mail.servers));
        let load = load_server_page(&context.config, &shared.reader, name, known);
        let view = shared.read(load).await?;
        Ok(view.map(|view| server_page(&view, context.style())))
    }

    async fn incident_page(&self, id: &str) -> Result<Option<String>, SourceError> {
        let shared = &self.0;
        let context = shared.context();
        let load = load_incident_page(&context.config, &shared.reader, id);
        let view = shared.read(load).await?;
        Ok(view.map(|view| incident_page(&view)))
    }

    async fn incidents(&self, age: Duration) -> Result<Vec<ListedIncident>, SourceError> {
        let since = clock::now() - age;
        let shared = &self.0;
        let context = shared.context();
        let load = load_incidents(&context.config, &shared.reader, since);
        shared.read(load).await
    }

    async fn warm(&self) {
        match self.read_all().await {
            Err(error @ SourceError::Disabled(_)) => tracing::warn!("{error}"),
            Err(error) => tracing::debug!("nothing is read ahead for the page: {error}"),
            Ok(_) => {}
        }
    }

    fn rest(&self) {
        self.0.reader.close_idle();
    }
}

/// A value that is read at most once per [`FRESH_FOR`], by one request while the others wait for it.
struct Cached<T>(tokio::sync::Mutex<Option<(Instant, T)>>);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(tokio::sync::Mutex::new(None))
    }
}

impl<T: Clone> Cached<T> {
    async fn get(
        &self,
        read: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<T, SourceError> {
        let mut kept = self.0.lock().await;
        if let Some((at, value)) = &*kept
            && at.elapsed() < FRESH_FOR
        {
            return Ok(value.clone());
        }
        let value = read.await?;
        *kept = Some((Instant::now(), value.clone()));
        Ok(value)
    }
}

#[cfg(test)]
mod tests;
