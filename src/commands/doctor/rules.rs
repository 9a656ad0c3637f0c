//! Checks whether each rule can fire, how often it would by chance, and how soon an alert would come if mail stopped, at
//! each stream's stored volume.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::commands::doctor::check::Check;
use crate::commands::doctor::lookback_start;
use crate::config::{Schedule, ServerConfig};
use crate::cycle::Context;
use crate::cycle::evaluate::told_bounces;
use crate::cycle::stats::{budget_series, next_monday_at_ten};
use crate::detect::rate_power::{RECOMMENDED_CONFIDENCE, RatePower, analyse};
use crate::detect::{KeptSilences, Silence};
use crate::model::{
    DAY, History, Rule, Rules, ServerName, Span, StreamId, StreamKey, Timestamp, ToldBounces, Zone,
};
use crate::overview::Present;
use crate::store;
use crate::text::format::{approx, count, format_duration, format_window, percent};

/// A rule that opens more often than this in a week in which nothing is wrong is a warning.
const MAX_FALSE_ALARMS_PER_WEEK: f64 = 0.5;

/// An alert that comes later after mail stopped is a warning.
const MAX_ALERT_DELAY: Duration = Duration::from_secs(3 * 86_400);
const UNREAD: &str =
    "The server's last poll was not complete: nobody would hear of a stop before it is read again";
const UNPOLLED: &str = "The server was not polled when it was due: nobody would hear of a stop before it is polled again";
const SWITCHED_OFF: &str = "Monitoring is switched off: nobody would hear of a stop";
const SPARSE: &str =
    "raise `silence.false_alarms_per_year`, or have something send at regular times";

/// Why nobody would hear of a stop, and the remedy.
pub(super) type Unheard = (&'static str, &'static str);

/// Checks every stored stream of `servers`; those that could not be read just now are `unread`.
pub(crate) async fn checks(
    app: &Context,
    servers: &[Arc<ServerConfig>],
    unread: &BTreeMap<ServerName, Unheard>,
    now: Timestamp,
) -> Vec<Check> {
    match stored(app, servers, unread, now).await {
        Ok(checks) if checks.is_empty() => vec![Check::warn(
            "history",
            "Nothing is stored yet, so the rules cannot be checked at your volume",
            "run `hushwatch check`, then `hushwatch doctor` again; or `hushwatch backtest --days 45`",
        )],
        Ok(checks) => checks,
        Err(error) => vec![Check::fail(
            "history",
            format!("The history cannot be read — {error}"),
            "",
        )],
    }
}

async fn stored(
    app: &Context,
    servers: &[Arc<ServerConfig>],
    unread: &BTreeMap<ServerName, Unheard>,
    now: Timestamp,
) -> Result<Vec<Check>, store::Error> {
    let present = Present::read(&app.config, &app.store, Some(now)).await?;
    let at = present.last_cycle_at().unwrap_or(now);
    let series = budget_series(&app.config, &app.store).await?;
    let mut checks = Vec::new();
    for server in servers {
        let name = server.name.clone();
        let state = present.state(&server.name);
        let unread = if !app.config.enabled {
            Some((SWITCHED_OFF, "unset FLAG_POSTMARK_DELIVERY_MONITOR"))
        } else if let Some(unread) = unread.get(&server.name) {
            Some(*unread)
        } else if present.is_overdue(&app.config, &server.name) {
            Some((
                UNPOLLED,
                "start `hushwatch run`, or let cron run `hushwatch check`",
            ))
        } else if state.is_some_and(|state| state.incomplete_since.is_some()) {
            Some((UNREAD, "`hushwatch status` says why it is not read"))
        } else {
            None
        };
        for stream in app.store.call(move |s| s.watched_streams(&name)).await? {
            let rules = app.config.rules_for(server);
            let check = StreamRuleCheck {
                name: server.name.clone(),
                rules: rules.for_stream(&stream).clone(),
                stream,
                schedule: app.config.schedule.clone(),
                series,
                unread,
                at,
                zone: app.config.time_zone,
            };
            // Learning takes its time: not here, where others wait.
            checks.extend(app.store.call(move |s| check.checks(s)).await?);
        }
    }
    Ok(checks)
}

struct StreamRuleCheck {
    name: ServerName,
    stream: StreamId,
    rules: Rules,
    schedule: Schedule,
    series: usize,
    /// Why nobody would hear of a stop now.
    unread: Option<Unheard>,
    at: Timestamp,
    zone: Zone,
}

impl StreamRuleCheck {
    fn checks(&self, store: &mut store::Database) -> Result<Vec<Check>, store::Error> {
        let span = Span::new(lookback_start(self.at), self.at);
        let key = StreamKey::new(&self.name, &self.stream);
        let history = store.history_with_tags(&key, span, &[])?;
        let place = format!("{}/{}", self.name, self.stream);
        let mut silences = KeptSilences::new(store.learned(&self.name)?);
        let (at, series) = (self.at, self.series);
        let silence = silences.of_stream(&self.stream, &history, at, &self.rules, series);
        let incidents = store.latest_incidents(&self.name)?;
        let told = told_bounces(&self.name, incidents, &self.stream);
        let checks = [self.silence(&history, &silence)]
            .into_iter()
            .chain(self.rates(&history, &told));
        Ok(checks.map(|c| c.at_place(&self.name, &place)).collect())
    }

    fn silence(&self, history: &History, silence: &Silence) -> Check {
        const NAME: &str = "silence";
        if history.hours.is_empty() {
            return Check::pass(NAME, "No mail so far, so there is nothing that could stop");
        }
        if !self.rules.is_enabled(Rule::SendSilence) {
            let text = "`send_silence` is off, so a stop is not reported";
            return Check::pass(NAME, text);
        }
        if let Some((why, remedy)) = self.unread {
            return Check::warn(NAME, why, remedy);
        }
        if silence.is_learning(history, self.at) {
            let known = format_duration(history.covered_before(self.at));
            let needed = format_duration(self.rules.silence.min_history);
            return Check::warn(
                NAME,
                format!(
                    "Silence detection is still learning: it has {known} of {needed} of history"
                ),
                "wait: it starts by itself",
            )
            .alike("Silence detection is still learning");
        }
        let stop = next_monday_at_ten(self.at);
        match silence.detection_delay(history, stop) {
            Some(after) => detection_check(after, stop, self.zone),
            None => Check::warn(
                NAME,
                "Too little mail: if it stopped, no alert would come within 45 days",
                SPARSE,
            ),
        }
    }

    fn rates(&self, history: &History, told: &ToldBounces) -> Vec<Check> {
        let known = history.since_beginning(Span::new(lookback_start(self.at), self.at));
        // A window is judged once all of it is known.
        let polls = self.schedule.instants(known.from + DAY, self.at);
        if history.hours.is_empty() || polls.is_empty() {
            return Vec::new();
        }
        let days = known.length().as_secs() / 86_400;
        let powers = analyse(history, &self.rules, &polls, told);
        let checks = powers
            .iter()
            .filter(|of| self.rules.is_enabled(of.rule))
            .filter_map(|of| rate_rule_check(of, &powers, days));
        let mut checks: Vec<Check> = checks.collect();
        if checks.is_empty() {
            let text = "Every rate can fire, and is quiet in a healthy week";
            checks.push(Check::pass("rates", text));
        }
        checks
    }
}

/// Returns how soon an alert would come if mail stopped.
fn detection_check(after: Duration, stop: Timestamp, zone: Zone) -> Check {
    const NAME: &str = "silence";
    // Ten o'clock UTC is another hour elsewhere, and at the far side of the world another day.
    let stop = stop.to_utc().with_timezone(&zone).format("%A %H:%M");
    let text = format!(
        "If mail stopped on {stop} {}, the alert would come after {}",
        zone.name(),
        format_duration(after)
    );
    if after > MAX_ALERT_DELAY {
        Check::warn(NAME, text, SPARSE).alike("If mail stopped, the alert would come late")
    } else {
        Check::pass(NAME, text).alike("If mail stopped, an alert would come")
    }
}

/// Returns a warning if the rule can never fire at this volume, always does, or would fire while nothing is wrong.
fn rate_rule_check(power: &RatePower, all: &[RatePower], days: u64) -> Option<Check> {
    const NAME: &str = "rates";
    let rule = power.rule;
    if power.can_never_fire() {
        let window = window_text(power.window);
        let text = format!(
            "`{rule}` can never fire: it needs {} recipients in {window}; the busiest {window} of the last {days} days had {}",
            count(power.floor),
            count(power.max_window_count)
        );
        let remedy = never_fires_remedy(power, all);
        return Some(Check::warn(NAME, text, remedy).alike(format!("`{rule}` can never fire")));
    }
    if power.is_usually_broken() {
        let text = format!(
            "`{rule}` fires most of the time: this stream's usual rate is {}, its threshold {}",
            percent(power.usual),
            percent(power.threshold)
        );
        let remedy = format!("find out what goes wrong, or raise `rules.{rule}.threshold`");
        return Some(
            Check::warn(NAME, text, remedy).alike(format!("`{rule}` fires most of the time")),
        );
    }
    if power.false_alarms_per_week < MAX_FALSE_ALARMS_PER_WEEK {
        return None;
    }
    let text = format!(
        "`{rule}` would fire about {} times a week while nothing is wrong (the stream's usual rate of {} exceeds the threshold by chance)",
        approx(power.false_alarms_per_week),
        percent(power.usual)
    );
    let remedy = match power.with_confidence < power.false_alarms_per_week / 2.0 {
        true => format!(
            "set `rules.{rule}.confidence = {RECOMMENDED_CONFIDENCE}`: about {} times",
            approx(power.with_confidence)
        ),
        false => format!("raise `rules.{rule}.threshold` or `rules.{rule}.min_denominator`"),
    };
    let kind = format!("`{rule}` would fire while nothing is wrong");
    Some(Check::warn(NAME, text, remedy).alike(kind))
}

/// Returns a window as the configuration writes it, and one that is longer than any there in days.
fn window_text(window: Duration) -> String {
    match window > DAY {
        true => format_duration(window),
        false => format_window(window),
    }
}

/// Returns what to do about a rule that never has enough messages, in view of what `all` rules can do.
fn never_fires_remedy(power: &RatePower, all: &[RatePower]) -> String {
    let rule = power.rule;
    if rule == Rule::HardBounceWake {
        let bounce_rate = all.iter().find(|of| of.rule == Rule::BounceRate);
        return match bounce_rate.is_some_and(RatePower::can_never_fire) {
            false => "nothing to do: `bounce_rate` watches a stream of this size".to_owned(),
            true => "see to `bounce_rate`, which is made for a stream of this size".to_owned(),
        };
    }
    if power.max_careful_count >= power.floor {
        return format!(
            "set `rules.{rule}.confidence = {RECOMMENDED_CONFIDENCE}`: it then looks back up to {}, of which the busiest had {}",
            window_text(power.careful_window),
            count(power.max_careful_count)
        );
    }
    format!("lower `rules.{rule}.min_denominator`, or widen `rules.{rule}.window`")
}
