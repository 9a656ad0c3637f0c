//! Incidents, open and past, for `incidents` and the page.

use crate::config::Config;
use crate::cycle::poll::servers::{mark_unconfigured, watched_servers};
use crate::model::Timestamp;
use crate::output::json::ListedIncident;
use crate::store::{self, Store};

/// Loads the incidents that are open or opened since `since`, newest first.
pub(crate) async fn load_incidents(
    config: &Config,
    store: &Store,
    since: Timestamp,
) -> Result<Vec<ListedIncident>, store::Error> {
    let load = move |s: &mut store::Database| s.listed_incidents(since);
    let mut rows = store.call(load).await?;
    let watched = watched_servers(config, store).await?;
    mark_unconfigured(rows.iter_mut().map(|row| &mut row.incident), &watched);
    let rows = rows.into_iter();
    let listed = rows.map(|row| ListedIncident {
        incident: row.incident,
        last_step: row.last_step.transition,
        text: row.last_step.text,
        feedback: row.feedback,
    });
    Ok(listed.collect())
}
