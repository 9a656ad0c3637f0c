//! Opens what a verb works on, and says by which code a failure ends it.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use crate::commands::{INCOMPLETE, USAGE};
use crate::config::{Config, StoreSettings};
use crate::cycle::outage::{Outage, OutageSubject};
use crate::cycle::{Context, CycleError, CycleOptions, Notifier, SetupError, alert_outage};
use crate::model::{ServerName, Timestamp};
use crate::store::{self, Database, ServerIdentity, Store};

/// Opens a context that sends nothing and creates no database where there is none.
pub(crate) fn open_readonly(mut config: Config) -> Result<Arc<Context>, (u8, String)> {
    if let Some(missing) = missing_database(&config) {
        tracing::warn!("{missing}");
        config.store = config.store.in_place_of_file();
    }
    open_context(config, std::io::sink())
}

/// Opens a context over the database as it stands when it is read: none is made, and its schema is not changed. As long as there is none,
/// nothing is stored.
pub(crate) fn open_as_it_is(config: Config) -> Result<Arc<Context>, (u8, String)> {
    let notifier = new_notifier(&config, std::io::sink())?;
    let store = match &config.store.database {
        #[cfg(feature = "postgres")]
        Some(address) => Store::look_at_postgres(address),
        _ => Ok(Store::await_sqlite(&config.store.path)),
    };
    let context = Context::with_store(config, notifier, store.map_err(store_error)?);
    context.map(Arc::new).map_err(setup_error)
}

/// Opens the database, which must exist: what is asked of it or written to it would be lost in another place.
pub(crate) fn open_existing(config: Config) -> Result<Arc<Context>, (u8, String)> {
    match missing_database(&config) {
        Some(missing) => Err((USAGE, missing)),
        None => open_context(config, std::io::sink()),
    }
}

/// Opens the database, which must exist and which this process's user may write to.
pub(crate) fn open_to_change(config: Config) -> Result<Arc<Context>, (u8, String)> {
    check_access(&config.store).map_err(store_error)?;
    open_existing(config)
}

/// Fails where this process's user may not write to the files of the database; to be called before it is opened.
pub(crate) fn check_access(settings: &StoreSettings) -> Result<(), store::Error> {
    match &settings.database {
        None => store::check_access(&settings.path),
        Some(_) => Ok(()),
    }
}

/// Returns which of Postmark's servers the mail stored under each name is of; nothing where there is no database, or none
/// that can be read.
pub(crate) async fn stored_servers(
    config: &Config,
    names: impl IntoIterator<Item = ServerName>,
) -> BTreeMap<ServerName, ServerIdentity> {
    let names: Vec<ServerName> = names.into_iter().collect();
    let read = move |s: &mut Database| {
        let mut identities = BTreeMap::new();
        for name in names {
            if let Some(identity) = s.server_identity(&name)? {
                identities.insert(name, identity);
            }
        }
        Ok(identities)
    };
    read_stored(config, read).await
}

/// Returns every tag that stored mail has; nothing where there is no database, or none that can be read.
pub(crate) async fn stored_tags(config: &Config) -> Vec<String> {
    read_stored(config, Database::tag_names).await
}

/// Returns what `read` finds in the database; the default where there is none, or none that can be read.
async fn read_stored<T: Default + Send + 'static>(
    config: &Config,
    read: impl FnOnce(&mut Database) -> Result<T, store::Error> + Send + 'static,
) -> T {
    if missing_database(config).is_some() {
        return T::default();
    }
    let Ok(context) = open_context(config.clone(), std::io::sink()) else {
        return T::default();
    };
    context.store.call(read).await.unwrap_or_else(|error| {
        tracing::debug!("what is stored is not known: {error}");
        T::default()
    })
}

/// Returns what to do about a database file that does not exist.
pub(crate) fn missing_database(config: &Config) -> Option<String> {
    let path = &config.store.path;
    (config.store.database.is_none() && !store::may_exist(path)).then(|| {
        let elsewhere = config.store.elsewhere.as_ref();
        format!(
            "there is no database {} yet: `hushwatch check` or `run` creates it; if they keep their data elsewhere, run this \
             in their folder or set HUSHWATCH_STORE__PATH{}",
            path.display(),
            elsewhere.map_or_else(String::new, |text| format!("; {text}"))
        )
    })
}

pub(crate) const fn options_at(now: Option<Timestamp>) -> CycleOptions {
    CycleOptions {
        now,
        scheduled: false,
    }
}

/// Opens a context whose messages go to `printer` where Slack is not set up.
pub(crate) fn open_context(
    config: Config,
    printer: impl Write + Send + 'static,
) -> Result<Arc<Context>, (u8, String)> {
    let notifier = new_notifier(&config, printer)?;
    Context::open(config, notifier)
        .map(Arc::new)
        .map_err(setup_error)
}

fn new_notifier(
    config: &Config,
    printer: impl Write + Send + 'static,
) -> Result<Notifier, (u8, String)> {
    Notifier::new(&config.slack, printer).map_err(|e| (USAGE, SetupError::from(e).to_string()))
}

/// Opens a context for cycles, and sends an alert where its database cannot be opened.
pub(crate) async fn open_for_cycle(
    config: Config,
    printer: impl Write + Send + 'static,
) -> Result<Arc<Context>, (u8, String)> {
    let notifier = new_notifier(&config, printer)?;
    let store = &config.store;
    tracing::info!("the data is in {store} ({})", store.decided_by);
    let outage = Outage::new(store, OutageSubject::Database);
    let access = check_access(store).map_err(SetupError::from);
    let context = access.and_then(|()| Context::open(config.clone(), notifier.clone()));
    // Who sets a database up that never worked from here is at work on it, and reads the error.
    let is_told = |error: &store::Error| !error.is_refused() || outage.was_used();
    if let Err(SetupError::Store(error)) = &context
        && is_told(error)
    {
        alert_outage(&notifier, &config, &outage, error).await;
    }
    let context = context.map(Arc::new).map_err(setup_error)?;
    // The cycle reports what may pass; what needs another configuration ends it here, before anything is sent.
    match context.check_database().await {
        Err(error) if error.is_of_configuration() => {
            // Monitoring has stopped, and it may be no configuration of ours that is wrong.
            if is_told(&error) {
                alert_outage(&notifier, &config, &outage, &error).await;
            }
            Err((USAGE, error.to_string()))
        }
        _ => Ok(context),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn setup_error(error: SetupError) -> (u8, String) {
    let code = match &error {
        SetupError::Store(error) if error.is_of_configuration() => USAGE,
        _ => INCOMPLETE,
    };
    (code, error.to_string())
}

/// Returns the exit code and the text of a failed work on the store itself.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
pub(crate) fn store_error(error: store::Error) -> (u8, String) {
    let code = match error.is_of_configuration() {
        true => USAGE,
        false => INCOMPLETE,
    };
    (code, error.to_string())
}

/// Logs what is not wrong with the configuration, but should be known, and each sink that has no secret: nobody else says that it gets
/// nothing.
pub(crate) fn log_warnings(config: &Config) {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    for missing in config.missing_secrets() {
        tracing::warn!("{missing}");
    }
}

/// Returns the exit code and the text of a failed cycle, or of a failed access to the store.
pub(crate) fn cycle_error(error: impl Into<CycleError>) -> (u8, String) {
    let error = error.into();
    let code = match &error {
        CycleError::Usage(_) => USAGE,
        CycleError::Store(error) if error.is_of_configuration() => USAGE,
        _ => INCOMPLETE,
    };
    (code, error.to_string())
}
