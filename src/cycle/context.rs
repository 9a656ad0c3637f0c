//! What every step of a cycle works with: the configuration, the store, and the clients of Postmark and Slack.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::config::{Config, Mode, ServerConfig, SlackSink, StoreSettings};
use crate::cycle::Notifier;
use crate::cycle::answers::People;
use crate::cycle::deliver::counts::NotificationCounts;
use crate::cycle::lease::new_worker_id;
use crate::cycle::outage::{Outage, OutageSubject};
use crate::cycle::poll::servers::AccountServers;
use crate::decide::Policy;
use crate::model::{Mute, Span, Timestamp};
use crate::notify::alert::Style;
use crate::notify::routing::Route;
use crate::postmark::{self, Postmark};
use crate::sentry::{self, Sentry};
use crate::store::{self, Store};

/// The configuration, the store and the clients of one process.
pub struct Context {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) postmark: Postmark,
    pub(crate) notifier: Notifier,
    /// The client of Sentry; `None` where no DSN is set.
    pub(crate) sentry: Option<Arc<Sentry>>,
    /// The servers of the account, as it listed them last.
    pub(crate) account_servers: Arc<AccountServers>,
    /// The name of this process where several share a database.
    pub(crate) worker_id: String,
    /// What people know of an outage of the database.
    pub(crate) outage: Arc<Outage>,
    /// What people know of a clock that is wrong.
    pub(crate) clock_outage: Arc<Outage>,
    /// The people who answer in Slack.
    pub(crate) people: People,
    /// How attempts to send messages ended.
    pub(crate) notification_counts: Arc<NotificationCounts>,
}

/// Why a [`Context`] could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Postmark(#[from] postmark::Error),
    #[error("cannot set up Slack: {0}")]
    Slack(#[from] crate::slack::Error),
    #[error(transparent)]
    Sentry(#[from] sentry::Error),
}

impl Context {
    /// Opens the store and sets up both clients.
    pub fn open(config: Config, notifier: Notifier) -> Result<Self, SetupError> {
        let store = open_store(&config.store)?;
        Self::with_store(config, notifier, store)
    }

    /// Sets up the clients around a store that is open.
    pub(crate) fn with_store(
        config: Config,
        notifier: Notifier,
        store: Store,
    ) -> Result<Self, SetupError> {
        let postmark = Postmark::new(&postmark::Settings {
            base_url: config.postmark.base_url.clone(),
            timeout: config.postmark.timeout,
            retry: config.retry.clone(),
        })?;
        let sentry = config.sentry.as_ref();
        let sentry = sentry.map(|settings| Sentry::new(settings.dsn.clone()));
        Ok(Self {
            sentry: sentry.transpose()?.map(Arc::new),
            outage: Arc::new(Outage::new(&config.store, OutageSubject::Database)),
            clock_outage: Arc::new(Outage::new(&config.store, OutageSubject::Clock)),
            config,
            store,
            postmark,
            notifier,
            account_servers: Arc::default(),
            worker_id: new_worker_id(),
            people: People::default(),
            notification_counts: Arc::default(),
        })
    }

    /// Sets up the same process anew by `config`, whose store must be the same: what the process knows, counts and has open goes on.
    pub(crate) fn renewed(&self, config: Config, notifier: Notifier) -> Result<Self, SetupError> {
        let same_account =
            (&config.account, &config.ignored) == (&self.config.account, &self.config.ignored);
        let same_postmark =
            (&config.postmark, &config.retry) == (&self.config.postmark, &self.config.retry);
        let renewed = Self::with_store(config, notifier, self.store.clone())?;
        Ok(Self {
            account_servers: match same_account {
                true => Arc::clone(&self.account_servers),
                false => renewed.account_servers,
            },
            // It counts its requests.
            postmark: match same_postmark {
                true => self.postmark.clone(),
                false => renewed.postmark,
            },
            worker_id: self.worker_id.clone(),
            outage: Arc::clone(&self.outage),
            clock_outage: Arc::clone(&self.clock_outage),
            notification_counts: Arc::clone(&self.notification_counts),
            ..renewed
        })
    }

    /// Checks that the database can be used. A database in a file was checked when it was opened.
    pub(crate) async fn check_database(&self) -> Result<(), store::Error> {
        if self.config.store.database.is_some() {
            self.store.call(|s| s.clock()).await?;
        }
        Ok(())
    }

    /// Returns how texts are written: their time zone, and whether addresses are masked.
    pub(crate) fn style(&self) -> Style {
        Style {
            zone: self.config.time_zone,
            mask: self.config.slack.mask_addresses,
        }
    }

    /// Returns where the messages of `server` go, or of one that the configuration does not name.
    pub(crate) fn route(&self, server: Option<&ServerConfig>) -> Route {
        let slack = &self.config.slack;
        let own = |of: fn(&ServerConfig) -> &Option<String>| server.and_then(|s| of(s).clone());
        let common = |own: Option<String>, common: &Option<String>| {
            own.or_else(|| common.clone()).unwrap_or_default()
        };
        Route {
            channel: own(|s| &s.channel).unwrap_or_default(),
            wake_channel: common(own(|s| &s.wake_channel), &slack.wake_channel),
            wake_mention: common(own(|s| &s.wake_mention), &slack.wake_mention),
        }
    }

    /// Returns what decides whether people are notified, given the mutes of the time from `first` to `now`.
    pub(crate) fn policy(&self, mutes: Vec<Mute>, first: Timestamp, now: Timestamp) -> Policy {
        let digest_mode = self.config.mode == Mode::Digest;
        let span = Span::new(first, now + Duration::from_millis(1));
        let quiet = self.config.quiet_hours.iter();
        Policy {
            mutes,
            quiet_hours: quiet.flat_map(|hours| hours.spans(span)).collect(),
            reminds: !matches!(self.config.slack.sink, SlackSink::Webhook(_)),
            ..Policy::new(digest_mode, self.config.rules.clone())
        }
    }
}

fn open_store(settings: &StoreSettings) -> Result<Store, store::Error> {
    match &settings.database {
        #[cfg(feature = "postgres")]
        Some(address) => Store::postgres(address),
        _ => Store::open_sqlite(&settings.path),
    }
}

/// The context that a daemon works with now, for those who look from another thread.
pub(crate) struct CurrentContext(Mutex<Arc<Context>>);

impl CurrentContext {
    /// Returns a place that holds `context`.
    pub(crate) const fn new(context: Arc<Context>) -> Self {
        Self(Mutex::new(context))
    }

    /// Returns the context of this moment.
    pub(crate) fn get(&self) -> Arc<Context> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another in its place.
    pub(crate) fn set(&self, context: Arc<Context>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = context;
    }
}
