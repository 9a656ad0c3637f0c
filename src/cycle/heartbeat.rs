//! The heartbeat of one cycle: its beginning, and how it ended.

use tokio::task::JoinHandle;

use crate::cycle::CycleError;
use crate::heartbeat::{Error, Heartbeat, Run, Signal};

/// The heartbeat of one cycle. Nothing that goes wrong with it stops the cycle, and only its end waits for an answer.
pub(crate) struct CycleHeartbeat {
    heartbeat: Option<Heartbeat>,
    run: Run,
    start: Option<JoinHandle<Result<(), Error>>>,
}

impl CycleHeartbeat {
    pub(crate) fn new(heartbeat: Option<Heartbeat>) -> Self {
        Self {
            heartbeat,
            run: Run::new(),
            start: None,
        }
    }

    /// Returns whether anybody takes it.
    pub(crate) const fn is_wanted(&self) -> bool {
        self.heartbeat.is_some()
    }

    /// Sends that the cycle begins, unless it was sent before.
    pub(crate) fn begin(&mut self) {
        if let Some(heartbeat) = self.heartbeat.clone()
            && self.start.is_none()
        {
            let run = self.run;
            let start = async move { heartbeat.send(&Signal::Start, run).await };
            self.start = Some(tokio::spawn(start));
        }
    }

    /// Sends how the cycle ended.
    pub(crate) async fn end(&mut self, signal: &Signal<'_>) {
        let Some(heartbeat) = &self.heartbeat else {
            return;
        };
        // One that came after the end would begin another run.
        let begun = match self.start.take() {
            Some(start) => start.await.unwrap_or(Ok(())),
            None => Ok(()),
        };
        // Where both failed, the log says so once.
        if let Err(why) = heartbeat.send(signal, self.run).await.and(begun) {
            tracing::warn!("{why}");
        }
    }

    /// Sends that there was no cycle, where that is no matter of how it was asked for.
    pub(crate) async fn fail(&mut self, error: &CycleError) {
        if !matches!(error, CycleError::Usage(_) | CycleError::Locked(_)) {
            self.end(&Signal::Failure(&error.to_string())).await;
        }
    }
}
