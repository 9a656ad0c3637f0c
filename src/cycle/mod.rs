//! One cycle: poll, collect, evaluate, digest, deliver.

pub mod collect;
pub mod deliver;
mod digest;
pub(crate) mod evaluate;
pub(crate) mod grouping;
pub(crate) mod lease;
pub mod mutes;
pub(crate) mod poll;
pub mod report;
mod run;
pub(crate) mod stats;

pub use deliver::fallback_alert::cry;
pub use deliver::notifier::Outlet;
pub use digest::{DigestError, Written};
pub use run::{CycleError, Options};

use std::sync::atomic::AtomicBool;

use crate::config::{Config, Mode, StoreSettings};
use crate::cycle::poll::servers::AccountServers;
use crate::decide::Policy;
use crate::model::Mute;
use crate::notify::alert::Style;
use crate::postmark::{self, Postmark};
use crate::store::{self, Store};

/// Everything a cycle needs.
pub struct Context {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) postmark: Postmark,
    pub(crate) outlet: Outlet,
    /// The servers of the account, as it listed them last.
    pub(crate) account_servers: AccountServers,
    /// What this process is called where several share a database.
    pub(crate) holder: String,
    /// Whether this process told already that its database cannot be used.
    pub(crate) cried: AtomicBool,
}

/// Why the shell could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The client of Postmark.
    #[error(transparent)]
    Postmark(#[from] postmark::Error),
    /// The client of Slack.
    #[error("cannot set up Slack: {0}")]
    Slack(#[from] crate::slack::Error),
}

impl Context {
    /// Opens the store and sets up both clients.
    ///
    /// # Errors
    /// Where the database cannot be opened or a client cannot be made.
    pub fn new(config: Config, outlet: Outlet) -> Result<Self, SetupError> {
        let store = open(&config.store)?;
        Self::over(config, outlet, store)
    }

    /// The same over a store that is open.
    pub(crate) fn over(config: Config, outlet: Outlet, store: Store) -> Result<Self, SetupError> {
        let postmark = Postmark::new(&postmark::Settings {
            base_url: config.postmark.base_url.clone(),
            timeout: config.postmark.timeout,
            retry: config.retry.clone(),
        })?;
        Ok(Self {
            config,
            store,
            postmark,
            outlet,
            account_servers: AccountServers::default(),
            holder: lease::new_holder(),
            cried: AtomicBool::new(false),
        })
    }

    /// Whether the database can be used, before anything else is done. One in a file was opened already.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn reach(&self) -> Result<(), store::Error> {
        match self.config.store.database {
            Some(_) => self.store.call(|s| s.clock()).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// What it was set up with.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn style(&self) -> Style {
        Style {
            zone: self.config.time_zone,
            mask: self.config.slack.mask_addresses,
        }
    }

    pub(crate) fn policy(&self, mutes: Vec<Mute>) -> Policy {
        let digest_mode = self.config.mode == Mode::Digest;
        Policy {
            mutes,
            ..Policy::new(digest_mode, &self.config.rules)
        }
    }
}

fn open(settings: &StoreSettings) -> Result<Store, store::Error> {
    match &settings.database {
        #[cfg(feature = "postgres")]
        Some(address) => Store::postgres(address),
        _ => Store::open_sqlite(&settings.path),
    }
}
