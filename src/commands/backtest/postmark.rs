//! Reads the mail that Postmark still retains.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::commands::backtest::DeliveryKnowledge;
use crate::commands::backtest::replay::{
    BacktestError, ReplayInput, ReplayPeriod, ReplayRange, Servers, polls,
};
use crate::commands::open::stored_servers;
use crate::config::Config;
use crate::cycle::poll::server::poll_server;
use crate::cycle::poll::servers::discover_servers;
use crate::cycle::{Context, Notifier, SetupError};
use crate::model::{
    DAY, HOUR, History, PackedWeeks, Rules, ServerName, Span, StreamKey, Timestamp,
};

/// A time limit that is none: reading everything takes as long as it takes.
const NO_LIMIT: Duration = Duration::from_secs(7 * 86_400);

impl ReplayInput {
    /// Asks Postmark for the last `days` days of every server, by the reading that a first start does, into a store in
    /// memory.
    pub(super) async fn from_postmark(
        config: &Config,
        days: u32,
        range: ReplayRange,
        now: Timestamp,
    ) -> Result<Self, BacktestError> {
        let configured = config;
        let mut config = config.clone();
        config.store = config.store.in_memory();
        config.store.keep = DAY * days;
        config.postmark.backfill_time = NO_LIMIT;
        let notifier = Notifier::new(&config.slack, std::io::sink()).map_err(SetupError::from)?;
        let context = Context::open(config, notifier)?;
        let mut servers = BTreeMap::new();
        let list = discover_servers(&context, now, None).await?;
        if let Some(why) = list.account.iter().find_map(|a| a.errors.first()) {
            let (server, why) = (ServerName::from(ServerName::ACCOUNT), why.clone());
            return Err(BacktestError::Postmark { server, why });
        }
        let names = list.servers.iter().map(|server| server.name.clone());
        for (name, identity) in stored_servers(configured, names).await {
            // The reading then refuses another server under the same name, as a poll does.
            let save = context.store.call(move |s| {
                s.server_state(&name, now)?;
                s.save_server_identity(&name, identity)
            });
            save.await?;
        }
        for server in &list.servers {
            let deadline = tokio::time::Instant::now() + NO_LIMIT;
            let outcome = poll_server(&context, server, now, deadline).await?;
            if let Some(why) = outcome.errors.first() {
                let (server, why) = (server.name.clone(), why.clone());
                return Err(BacktestError::Postmark { server, why });
            }
            let mut streams = BTreeMap::new();
            for stream in outcome.streams {
                let rules = context.config.rules_for(server);
                let key = StreamKey::new(&server.name, &stream);
                let history =
                    load_retained(&context, key, rules.for_stream(&stream), DAY * days, now)
                        .await?;
                if !history.hours.is_empty() {
                    streams.insert(stream, (history, Vec::new()));
                }
            }
            if !streams.is_empty() {
                servers.insert(server.name.clone(), streams);
            }
        }
        Self::from_histories(&context.config, servers, range, now)
    }

    fn from_histories(
        config: &Config,
        servers: Servers,
        range: ReplayRange,
        now: Timestamp,
    ) -> Result<Self, BacktestError> {
        let hours = || {
            let streams = servers.values().flat_map(BTreeMap::values);
            streams.flat_map(|(history, _)| &history.hours)
        };
        let Some(first) = hours().map(|hour| hour.first_at).min() else {
            return Err(BacktestError::Range(
                "Postmark has no messages of these days".to_owned(),
            ));
        };
        let range = ReplayRange {
            until: range.until.map(|until| until.min(now)),
            ..range
        };
        Ok(Self {
            messages: hours().map(|hour| hour.sent).sum(),
            period: ReplayPeriod::plan(config, range, first, now)?,
            proof: DeliveryKnowledge::Unknown,
            servers,
        })
    }
}

/// Everything that is known of a stream but for deliveries, exact at every instant of the schedule.
async fn load_retained(
    context: &Context,
    key: StreamKey,
    rules: &Rules,
    back: Duration,
    now: Timestamp,
) -> Result<History, BacktestError> {
    let range = Span::before(now, back + DAY);
    let (bounces, spam) = (rules.bounce_rate.window, rules.spam_rate.window);
    let windows = [bounces, spam, DAY, HOUR, Duration::ZERO];
    let polls = polls(&context.config.schedule, range.from, now);
    let cuts = polls.iter().flat_map(|at| windows.map(|w| *at - w));
    let cuts: Vec<Timestamp> = cuts.collect();
    let mut history = context
        .store
        .call(move |s| s.history_with_tags(&key, range, &cuts))
        .await?;
    history.sampled.clear();
    history.packed_samples = PackedWeeks::default();
    // What is suppressed now says nothing of then.
    history.checks.clear();
    // What happened before this first start is what is replayed.
    history.installed_at = history.first_seen_at;
    Ok(history)
}
