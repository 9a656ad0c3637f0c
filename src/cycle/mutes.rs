//! Setting, ending and listing mutes. They are read anew with each cycle and before each message.

use std::time::Duration;

use crate::cycle::clock::current_instant;
use crate::cycle::poll::servers::watched_servers;
use crate::cycle::{Context, CycleError, Options};
use crate::model::{Mute, Rule, ServerName, Timestamp};
use crate::notify::mute::mute_scope;
use crate::store;

/// What a person wants muted.
#[derive(Clone, Debug)]
pub struct Request {
    /// Of which server; `None` for every one.
    pub server: Option<ServerName>,
    /// Of which rule; `None` for every one.
    pub rule: Option<Rule>,
    /// For how long.
    pub lasts: Duration,
    /// Why.
    pub reason: String,
    /// Who asks.
    pub by: String,
}

impl Context {
    /// Sets a mute in place of those of the same scope.
    ///
    /// # Errors
    /// As [`run_cycle`](crate::cycle::run_cycle), and where there is no such server.
    pub async fn mute(&self, request: Request, options: Options) -> Result<Mute, CycleError> {
        self.must_know(request.server.as_ref()).await?;
        let now = current_instant(&self.config, &self.store, options).await?;
        let mut mute = Mute {
            id: 0,
            from: now,
            until: now + request.lasts,
            server: request.server,
            rule: request.rule,
            reason: request.reason,
            by: request.by,
        };
        let new = mute.clone();
        let store = move |s: &mut store::Database| {
            let running = s.mutes(now)?;
            let same = running
                .iter()
                .filter(|m| m.is_of(new.server.as_ref(), new.rule));
            let same: Vec<i64> = same.map(|m| m.id).collect();
            s.save_mute(&new, &same)
        };
        mute.id = self.store.call(store).await?;
        tracing::debug!(scope = mute_scope(&mute), until = %mute.until, "muted");
        Ok(mute)
    }

    /// Ends the mutes of this very scope, or all; those that it ended.
    ///
    /// # Errors
    /// As [`Context::mute`].
    pub async fn unmute(
        &self,
        server: Option<ServerName>,
        rule: Option<Rule>,
        options: Options,
    ) -> Result<Vec<Mute>, CycleError> {
        let now = current_instant(&self.config, &self.store, options).await?;
        let of = server.clone();
        let all = server.is_none() && rule.is_none();
        let end = move |s: &mut store::Database| {
            let mut running = s.mutes(now)?;
            running.retain(|mute| all || mute.is_of(server.as_ref(), rule));
            let ids: Vec<i64> = running.iter().map(|mute| mute.id).collect();
            s.end_mutes(&ids, now)?;
            Ok(running)
        };
        let ended = self.store.call(end).await?;
        // A server that is not watched any more may still be muted.
        if ended.is_empty() {
            self.must_know(of.as_ref()).await?;
        }
        Ok(ended)
    }

    /// What is muted now.
    ///
    /// # Errors
    /// As [`run_cycle`](crate::cycle::run_cycle).
    pub async fn muted(&self, options: Options) -> Result<Vec<Mute>, CycleError> {
        let now = current_instant(&self.config, &self.store, options).await?;
        Ok(self.mutes_at(now).await?)
    }

    pub(crate) async fn mutes_at(&self, now: Timestamp) -> Result<Vec<Mute>, store::Error> {
        self.store.call(move |s| s.mutes(now)).await
    }

    async fn must_know(&self, server: Option<&ServerName>) -> Result<(), CycleError> {
        let Some(server) = server else { return Ok(()) };
        let known = watched_servers(&self.config, &self.store).await?;
        if known.iter().any(|known| known.name == *server) {
            return Ok(());
        }
        let names: Vec<&str> = known.iter().map(|known| known.name.0.as_str()).collect();
        Err(CycleError::Usage(format!(
            "there is no server `{server}`; there are: {}",
            names.join(", ")
        )))
    }
}
