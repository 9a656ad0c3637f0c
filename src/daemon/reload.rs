//! How the daemon gets another configuration while it runs.

use std::sync::Arc;

use crate::cycle::Context;

/// What came of a reload, with a line for the supervisor.
pub(crate) enum Renewed {
    /// This is to be worked with from now on.
    Changed {
        context: Arc<Context>,
        status: String,
    },
    /// Everything is as it was.
    Kept { status: String },
}

/// Reloads the configuration when it is asked to.
pub(crate) trait Reload {
    /// Waits until it is asked to.
    async fn asked(&self);

    /// Reads the configuration, and sets up what follows from it in place of `running`.
    async fn renew(&mut self, running: &Arc<Context>) -> Renewed;
}
