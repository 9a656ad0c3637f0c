//! The digest: when it is due, what goes into it.

use std::sync::Arc;

use crate::config::ServerConfig;
use crate::cycle::deliver::Occasion;
use crate::cycle::grouping::{frozen, named_in, new_message};
use crate::cycle::poll::servers::watched_servers;
use crate::cycle::stats::stream_day;
use crate::cycle::{Context, CycleError, Options};
use crate::decide::digest_period;
use crate::model::{DAY, Incident, Rule, Span, StreamId, Timestamp};
use crate::notify::Message;
use crate::notify::digest::{Day, ServerDay, digest};
use crate::store::{self, MessageKind};

/// Days that a digest names as missed, at most.
const MOST_MISSED: usize = 14;

/// What became of a digest, with the end of its period.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    /// It was written and sent, or waits in the outbox.
    Sent(Timestamp, Message),
    /// One of the same period was written before.
    Before(Timestamp, Message),
    /// No period has ended since the first start.
    NotYet,
}

/// Why there was no digest.
pub type DigestError = CycleError;

impl Context {
    /// Writes the digest that is due at `now`, if any.
    pub(crate) async fn write_due_digest(&self, now: Timestamp) -> Result<bool, store::Error> {
        let Some((period, last)) = self.due_digest(now).await? else {
            return Ok(false);
        };
        let (message, ids) = self.build_digest(period, Some(last), now).await?;
        let row = new_message(MessageKind::Digest, None, "", &message).naming(ids);
        self.store
            .call(move |s| s.save_digest(period, &row, false, now))
            .await
    }

    /// The period of the digest that is due at `now`, and the end of what was told before or the first start.
    pub(crate) async fn due_digest(
        &self,
        now: Timestamp,
    ) -> Result<Option<(Span, Timestamp)>, store::Error> {
        let (first, last) = self
            .store
            .call(|s| Ok((s.first_start_at()?, s.last_digest()?)))
            .await?;
        let (zone, time) = (self.config.time_zone, self.config.digest_at);
        let last = last.map(|told| told.until);
        Ok(first.and_then(|first| {
            let period = digest_period::due(now, zone, time, first, last)?;
            Some((period, last.unwrap_or(first)))
        }))
    }

    /// The digest of the latest ended period: sent if it was not, or `again`.
    ///
    /// # Errors
    /// As [`Context::cycle`].
    pub async fn send_digest(
        self: &Arc<Self>,
        options: Options,
        again: bool,
    ) -> Result<Written, DigestError> {
        let _lock = self.lock().await?;
        let began = crate::clock::now();
        let occasion = Occasion::Cycle { began };
        let now = self.present(options).await?;
        if again {
            let (period, message, ids) = self.latest_digest(now).await?;
            let row = new_message(MessageKind::Digest, None, "", &message).naming(ids);
            self.store
                .call(move |s| s.save_digest(period, &row, true, now))
                .await?;
            self.deliver(occasion, now).await?;
            return Ok(Written::Sent(period.until, message));
        }
        let written = self.write_due_digest(now).await?;
        self.deliver(occasion, now).await?;
        let last = self.store.call(|s| s.last_digest()).await?;
        Ok(match last {
            Some(told) if written => Written::Sent(told.until, frozen(&told.message)),
            Some(told) => Written::Before(told.until, frozen(&told.message)),
            None => Written::NotYet,
        })
    }

    /// The digest of the latest ended period, as it would read now; marks and sends nothing.
    ///
    /// # Errors
    /// As [`Context::cycle`].
    pub async fn print_digest(&self, options: Options) -> Result<(Span, Message), DigestError> {
        let now = match options.now {
            Some(_) => self.present(options).await?,
            None => crate::clock::now(),
        };
        let (period, message, _) = self.latest_digest(now).await?;
        Ok((period, message))
    }

    async fn latest_digest(
        &self,
        now: Timestamp,
    ) -> Result<(Span, Message, Vec<String>), store::Error> {
        let period =
            digest_period::latest_period(now, self.config.time_zone, self.config.digest_at);
        let (message, ids) = self.build_digest(period, None, now).await?;
        Ok((period, message, ids))
    }

    /// Returns the digest of `period`, and the ids of the incidents that it names. `last` is the end of the last period that
    /// was told, or the first start.
    async fn build_digest(
        &self,
        period: Span,
        last: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(Message, Vec<String>), store::Error> {
        let mut data = Day {
            missed: self.missed(period, last),
            ..Day::default()
        };
        let first = self.store.call(|s| s.first_start_at()).await?;
        data.installed_at = first.filter(|at| period.contains(*at));
        // What was recorded since the last digest, were its periods named or missed.
        let since = last.map_or(period.from, |last| last.min(period.from));
        let news = Span::new(since, period.until);
        let rows = self.store.call(move |s| s.transitions(news)).await?;
        data.transitions = rows.into_iter().map(|row| row.transition).collect();
        data.notes = self
            .store
            .call(move |s| s.notes(news))
            .await?
            .into_iter()
            .map(|note| (note.server.to_string(), note.text))
            .collect();
        data.mutes = self.mutes_at(now).await?;
        let watched = self.watched().await?;
        let series = self.store.call(|s| s.count_active_streams()).await?;
        for (server, streams) in watched {
            let name = server.name.clone();
            let incidents = self.store.call(move |s| s.latest_incidents(&name)).await?;
            let open: Vec<Incident> = incidents.into_iter().filter(Incident::is_open).collect();
            let rules = self.config.rules_for(&server);
            let mut of = ServerDay {
                name: server.name.to_string(),
                blind: self.blind(&server, &open, now).await?,
                own_domains_missing: server.own_domains.is_empty() && !server.name.is_account(),
                ..ServerDay::default()
            };
            for stream in &streams {
                let history = self.tagged_history(&server.name, stream, period).await?;
                of.streams
                    .push(stream_day(&history, stream, period, &rules, series));
            }
            data.open.extend(open);
            // The account has no mail: it is worth a line only where it cannot be seen.
            if !server.name.is_account() || of.blind.is_some() {
                data.servers.push(of);
            }
        }
        data.open.sort_by_key(|i| std::cmp::Reverse(i.severity));
        let message = digest(&data, period, self.style());
        let of_steps = data.transitions.iter().map(|step| &step.incident);
        let ids = named_in(&message, data.open.iter().chain(of_steps));
        Ok((message, ids))
    }

    pub(crate) async fn watched(
        &self,
    ) -> Result<Vec<(Arc<ServerConfig>, Vec<StreamId>)>, store::Error> {
        let mut watched = Vec::new();
        for server in watched_servers(&self.config, &self.store).await? {
            let name = server.name.clone();
            let streams = self.store.call(move |s| s.watched_streams(&name)).await?;
            watched.push((server, streams));
        }
        Ok(watched)
    }

    /// Since when a server cannot be seen, and why.
    async fn blind(
        &self,
        server: &ServerConfig,
        open: &[Incident],
        now: Timestamp,
    ) -> Result<Option<(Timestamp, String)>, store::Error> {
        if !open
            .iter()
            .any(|i| matches!(i.rule, Rule::Blind | Rule::AccountInactive))
        {
            return Ok(None);
        }
        let name = server.name.clone();
        let state = self.store.call(move |s| s.server_state(&name, now)).await?;
        Ok(state
            .incomplete_since
            .map(|since| (since, state.reason.unwrap_or_default())))
    }

    /// The ends of the periods between `last` and `period` that nothing told of.
    fn missed(&self, period: Span, last: Option<Timestamp>) -> Vec<Timestamp> {
        let (zone, time) = (self.config.time_zone, self.config.digest_at);
        let mut missed = Vec::new();
        let mut before = digest_period::previous_period(period, zone, time);
        while last.is_some_and(|last| before.until > last + DAY / 48) && missed.len() < MOST_MISSED
        {
            missed.push(before.until);
            before = digest_period::previous_period(before, zone, time);
        }
        missed.reverse();
        missed
    }
}
