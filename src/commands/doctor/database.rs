//! The database as it stands: none is made, and what is written to try it is taken back.

use std::path::Path;

use crate::commands::doctor::check::Check;
use crate::commands::doctor::{disk, private_files};
#[cfg(feature = "postgres")]
use crate::commands::left_behind::find_data_left_behind;
use crate::config::{Config, ConfigWarning, StoreSettings};
use crate::cycle::{Context, Notifier, SetupError};
use crate::ownership;
use crate::store::{self, Problem, Store};

const NAME: &str = "database";

/// The checks of the database, and what other checks need of it.
pub(crate) struct DatabaseChecks {
    /// The shell over the database, or over an empty one in memory where there is none that can be used.
    pub(crate) app: Context,
    pub(crate) checks: Vec<Check>,
    /// Whether what is stored can be told, be it nothing.
    pub(crate) is_readable: bool,
}

/// Checks the database and sets up the shell over what there is.
pub(crate) async fn check(
    config: Config,
    notifier: Notifier,
) -> Result<DatabaseChecks, SetupError> {
    let is_kept = !config.warnings.contains(&ConfigWarning::EphemeralDisk);
    let in_file = config.store.database.is_none();
    let path = config.store.path.clone();
    let (state, check) = match in_file && !store::may_exist(&path) {
        true => absent(&path).await,
        false => present(&config.store).await,
    };
    let mut checks = vec![check];
    #[cfg(feature = "postgres")]
    if let Some(problem) = find_data_left_behind(&config.store).await {
        checks.push(Check::fail(NAME, problem.what, &problem.remedy));
    }
    if in_file {
        checks.extend(private_files::check(&path));
        let is_denied = matches!(state, State::Denied);
        checks.extend(disk::checks(path, is_kept, is_denied).await);
    }
    let is_readable = !matches!(state, State::Unusable | State::Denied);
    let store = match state {
        State::Usable(store) => store,
        State::Empty | State::Unusable | State::Denied => {
            Store::open_sqlite(Path::new(":memory:"))?
        }
    };
    Ok(DatabaseChecks {
        app: Context::with_store(config, notifier, store)?,
        checks,
        is_readable,
    })
}

/// Returns the check in place of everything that rests on a database that cannot be used.
pub(crate) fn skipped() -> Check {
    Check::warn(
        "stored",
        "Not checked without the database: the last cycle, open incidents, messages that wait, mutes, silence detection, and the rules at your volume",
        "repair the database first, then run `hushwatch doctor` again",
    )
}

enum State {
    Usable(Store),
    /// The first check makes it.
    Empty,
    Unusable,
    /// This process's user may not use it, which the check says.
    Denied,
}

async fn present(settings: &StoreSettings) -> (State, Check) {
    let shown = settings.to_string();
    match usable(settings).await {
        Ok(store) => {
            let check = Check::pass(NAME, format!("Database writable: {shown}"));
            (State::Usable(store), check)
        }
        Err(error) => unusable(&error, &shown),
    }
}

/// Opens the database, writes to it and leaves it as it was.
async fn usable(settings: &StoreSettings) -> Result<Store, store::Error> {
    let store = match &settings.database {
        #[cfg(feature = "postgres")]
        Some(address) => Store::look_at_postgres_to_create(address)?,
        _ => {
            store::check_access(&settings.path)?;
            Store::look_at_sqlite(&settings.path)?
        }
    };
    store.call(|s| s.probe_write()).await?;
    Ok(store)
}

async fn absent(path: &Path) -> (State, Check) {
    let shown = path.display().to_string();
    let folder = ownership::folder_of(path);
    let place = folder.display().to_string();
    match disk::probe_write(folder).await {
        Ok(()) => {
            let text = format!(
                "No database {shown} yet: the first check creates it, and its folder is writable"
            );
            (State::Empty, Check::pass(NAME, text))
        }
        Err(refused) => {
            let text =
                format!("No database {shown}, and none can be created in {place}: {refused}");
            match store::find_denied_folder(path) {
                Some(why) => {
                    let text = format!("{text} — {why}");
                    (State::Denied, Check::fail(NAME, text, ""))
                }
                None => (State::Unusable, Check::fail(NAME, text, refused.remedy())),
            }
        }
    }
}

fn unusable(error: &store::Error, shown: &str) -> (State, Check) {
    let check = match error.problem() {
        Problem::Behind { found: 0, .. } => {
            let text = format!("No schema yet in {shown}");
            let remedy = "run `hushwatch migrate`, or let the first check create it";
            return (State::Empty, Check::warn(NAME, text, remedy));
        }
        // Its text bears the remedy.
        Problem::Behind { .. } => {
            Check::warn(NAME, format!("Database of an older version — {error}"), "")
        }
        Problem::Busy => {
            let text = format!("Database in use: another process holds {shown}");
            Check::fail(NAME, text, "try again when it is done")
        }
        Problem::Denied(_) => {
            let check = Check::fail(NAME, format!("Database not usable — {error}"), "");
            return (State::Denied, check);
        }
        _ => Check::fail(NAME, format!("Database not usable — {error}"), ""),
    };
    (State::Unusable, check)
}
