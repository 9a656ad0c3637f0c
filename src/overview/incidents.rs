//! Incidents, open and past, for `incidents` and the page.

use crate::model::Timestamp;
use crate::output::json::ListedIncident;
use crate::store::{self, Store};

/// Loads the incidents that are open or opened since `since`, newest first.
pub(crate) async fn load_incidents(
    store: &Store,
    since: Timestamp,
) -> Result<Vec<ListedIncident>, store::Error> {
    let load = move |s: &mut store::Database| s.listed_incidents(since);
    let rows = store.call(load).await?.into_iter();
    let listed = rows.map(|row| ListedIncident {
        incident: row.incident,
        last_step: row.last_step.transition,
        text: row.last_step.text,
        feedback: row.feedback,
    });
    Ok(listed.collect())
}
