//! The database as it stands: none is made, and what is written to try it is taken back.

use std::path::{Path, PathBuf};

use super::check::Check;
use super::disk;
use crate::app::{App, Outlet, SetupError};
use crate::config::{Config, StoreSettings};
use crate::store::{self, Problem, Store};

const NAME: &str = "database";

/// Sets up the shell over the database, or over an empty one in memory where that cannot be used; and what was found.
pub(super) async fn look(config: Config, outlet: Outlet) -> Result<(App, Vec<Check>), SetupError> {
    let mut checks = Vec::new();
    let is_kept = !config
        .warnings
        .iter()
        .any(|w| w.starts_with(disk::NOT_KEPT));
    let in_file = config.store.database.is_none();
    let (path, shown) = (config.store.path.clone(), config.store.to_string());
    let store = if in_file && !path.exists() {
        checks.push(absent(&path).await);
        None
    } else {
        match usable(&config.store).await {
            Ok(store) => {
                checks.push(Check::pass(NAME, format!("Database writable: {shown}")));
                Some(store)
            }
            Err(error) => {
                checks.push(unusable(&error, &shown));
                None
            }
        }
    };
    if in_file {
        checks.extend(disk::checks(path, is_kept).await);
    }
    let app = match store {
        Some(store) => App::over(config, outlet, store)?,
        None => {
            let nothing = Store::open_sqlite(Path::new(":memory:"))?;
            App::over(config, outlet, nothing)?
        }
    };
    Ok((app, checks))
}

/// The database, which was written to and left as it was.
async fn usable(settings: &StoreSettings) -> Result<Store, store::Error> {
    let store = open(settings)?;
    store.call(|s| s.probe()).await?;
    Ok(store)
}

fn open(settings: &StoreSettings) -> Result<Store, store::Error> {
    match &settings.database {
        #[cfg(feature = "postgres")]
        Some(address) => Store::look_at_postgres(address),
        _ => Store::look_at_sqlite(&settings.path),
    }
}

async fn absent(path: &Path) -> Check {
    let shown = path.display().to_string();
    let folder = folder(path);
    let place = folder.display().to_string();
    let wrote = disk::write(folder).await;
    match wrote {
        Ok(()) => {
            let text = format!(
                "No database {shown} yet: the first check makes it, and its folder is writable"
            );
            Check::pass(NAME, text)
        }
        Err(why) => {
            let text = format!("No database {shown}, and none can be made in {place}: {why}");
            Check::fail(
                NAME,
                text,
                "make the folder, give it to the user that runs hushwatch, or set `store.path`",
            )
        }
    }
}

fn unusable(error: &store::Error, shown: &str) -> Check {
    match error.problem() {
        Problem::Behind { found: 0, .. } => {
            let text = format!("No schema yet in {shown}");
            Check::look(
                NAME,
                text,
                "`hushwatch migrate` makes it, and so does the first check",
            )
        }
        Problem::Behind { .. } => Check::look(NAME, format!("{error}"), ""),
        Problem::Busy => {
            let text = format!("Database in use: another process holds {shown}");
            Check::fail(NAME, text, "try again when it is done")
        }
        _ => Check::fail(NAME, format!("Database not usable — {error}"), ""),
    }
}

/// Where a file is, or would be.
pub(super) fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
