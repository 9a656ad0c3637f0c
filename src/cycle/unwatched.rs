//! Finds the servers that nobody watches any more, whose incidents are to be closed.

use std::time::Duration;

use crate::cycle::Context;
use crate::cycle::poll::servers::watched_servers;
use crate::model::{DAY, ServerName, Timestamp};
use crate::store;

/// A server that is not configured here may be watched by another process. It is unwatched when nobody polled it for this long.
const UNWATCHED_AFTER: Duration = DAY;

/// Returns the servers with open or muted incidents that neither this process nor, for a day, another one watches.
pub(crate) async fn unwatched_servers(
    context: &Context,
    now: Timestamp,
) -> Result<Vec<ServerName>, store::Error> {
    let watched = watched_servers(&context.config, &context.store).await?;
    let mut unwatched = context
        .store
        .call(move |s| s.unwatched_servers(now - UNWATCHED_AFTER))
        .await?;
    unwatched.retain(|name| watched.iter().all(|server| server.name != *name));
    Ok(unwatched)
}
