//! What the rules come to at the volume of each stream, on what is stored: which can never fire, which would fire in
//! healthy weeks, and how long a stop would go unnoticed.

use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;

use crate::commands::doctor::check::Check;
use crate::commands::doctor::long_ago;
use crate::config::{Schedule, ServerConfig};
use crate::cycle::Context;
use crate::cycle::stats::next_monday_at_ten;
use crate::detect::Silence;
use crate::detect::reach::{RECOMMENDED, Reach, reaches};
use crate::model::{DAY, History, Rule, Rules, ServerName, Span, StreamId, StreamKey, Timestamp};
use crate::store;
use crate::text::format::{approx, count, format_duration, format_window, percent};

/// A rule that opens more often in a week in which nothing is wrong is told.
const TOO_OFTEN: f64 = 0.5;

/// A stop that goes unnoticed for longer deserves a look.
const LONG: Duration = Duration::from_secs(3 * 86_400);
/// What helps where mail is sparse.
const SPARSE: &str =
    "raise `silence.false_alarms_per_year`, or have something send at regular times";

/// Judges every stream of `servers` that is stored.
pub(crate) async fn checks(
    app: &Context,
    servers: &[Arc<ServerConfig>],
    now: Timestamp,
) -> Vec<Check> {
    match stored(app, servers, now).await {
        Ok(checks) if checks.is_empty() => vec![Check::warn(
            "history",
            "Nothing is stored yet: what the rules come to at your volume is not known",
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
    now: Timestamp,
) -> Result<Vec<Check>, store::Error> {
    let last = app.store.call(|s| s.last_cycle_at()).await?;
    let at = last.unwrap_or(now);
    let series = app.store.call(|s| s.count_active_streams()).await?.max(1);
    let mut checks = Vec::new();
    for server in servers {
        let name = server.name.clone();
        for stream in app.store.call(move |s| s.watched_streams(&name)).await? {
            let judged = Judged {
                name: server.name.clone(),
                stream,
                rules: app.config.rules_for(server),
                schedule: app.config.schedule.clone(),
                series,
                at,
                zone: app.config.time_zone,
            };
            // Learning takes its time: not here, where others wait.
            checks.extend(app.store.call(move |s| judged.checks(s)).await?);
        }
    }
    Ok(checks)
}

struct Judged {
    name: ServerName,
    stream: StreamId,
    rules: Rules,
    schedule: Schedule,
    series: usize,
    at: Timestamp,
    zone: Tz,
}

impl Judged {
    fn checks(&self, store: &mut store::Database) -> Result<Vec<Check>, store::Error> {
        let span = Span::new(long_ago(self.at), self.at);
        let history =
            store.history_with_tags(&StreamKey::new(&self.name, &self.stream), span, &[])?;
        let place = format!("{}/{}", self.name, self.stream);
        let mut checks = vec![self.silence(&history)];
        checks.extend(self.rates(&history));
        Ok(checks
            .into_iter()
            .map(|c| c.at(&self.name, &place))
            .collect())
    }

    fn silence(&self, history: &History) -> Check {
        const NAME: &str = "silence";
        if history.hours.is_empty() {
            return Check::pass(NAME, "No mail so far: there is no silence to notice");
        }
        let silence = Silence::at(history, self.at, &self.rules, self.series);
        if silence.is_learning(history, self.at) {
            let known = format_duration(history.covered_before(self.at));
            let needed = format_duration(self.rules.silence.min_history);
            return Check::warn(
                NAME,
                format!("Silence is still being learned: {known} of {needed} are known"),
                "nothing to do but wait",
            )
            .alike("Silence is still being learned");
        }
        let stop = next_monday_at_ten(self.at);
        match silence.unnoticed_from(history, stop) {
            Some(after) => noticed(after, stop, self.zone),
            None => Check::warn(
                NAME,
                "Too little mail to notice a stop within 45 days",
                SPARSE,
            ),
        }
    }

    fn rates(&self, history: &History) -> Vec<Check> {
        let known = history.since_beginning(Span::new(long_ago(self.at), self.at));
        // A window is judged once all of it is known.
        let polls = self.schedule.instants(known.from + DAY, self.at);
        if history.hours.is_empty() || polls.is_empty() {
            return Vec::new();
        }
        let days = known.length().as_secs() / 86_400;
        let reaches = reaches(history, &self.rules, &polls);
        let mut checks: Vec<Check> = reaches.iter().filter_map(|r| told(r, days)).collect();
        if checks.is_empty() {
            checks.push(Check::pass(
                "rates",
                "Every rate can fire, and is quiet in a healthy week",
            ));
        }
        checks
    }
}

/// How soon a stop is noticed.
fn noticed(after: Duration, stop: Timestamp, zone: Tz) -> Check {
    const NAME: &str = "silence";
    // Ten o'clock UTC is another hour elsewhere, and at the far side of the world another day.
    let stop = stop.to_utc().with_timezone(&zone).format("%A at %H:%M");
    let text = format!(
        "A stop on a {stop} {} would be told after {}",
        zone.name(),
        format_duration(after)
    );
    match after > LONG {
        true => Check::warn(NAME, text, SPARSE).alike("A stop would be noticed late"),
        false => Check::pass(NAME, text).alike("A stop would be noticed"),
    }
}

/// What is wrong with a rule at this volume, if anything.
fn told(reach: &Reach, days: u64) -> Option<Check> {
    const NAME: &str = "rates";
    let (rule, window) = (reach.rule, format_window(reach.window));
    if reach.is_never() {
        let text = format!(
            "`{rule}` can never fire: it needs {} messages in {window}; the busiest {window} of the last {days} days had {}",
            count(reach.floor),
            count(reach.busiest)
        );
        let remedy = match rule {
            Rule::HardBounceWake => {
                "nothing to do: `bounce_rate` watches a stream of this size".to_owned()
            }
            rule => format!("lower `rules.{rule}.min_denominator`, or widen `rules.{rule}.window`"),
        };
        return Some(Check::warn(NAME, text, remedy).alike(format!("`{rule}` can never fire")));
    }
    if reach.false_a_week < TOO_OFTEN {
        return None;
    }
    let text = format!(
        "`{rule}` would fire about {} times in a week in which nothing is wrong ({} by chance over the threshold)",
        approx(reach.false_a_week),
        percent(reach.healthy)
    );
    let remedy = match reach.with_confidence < reach.false_a_week / 2.0 {
        true => format!(
            "set `rules.{rule}.confidence = {RECOMMENDED}`: about {} times",
            approx(reach.with_confidence)
        ),
        false => format!("raise `rules.{rule}.threshold` or `rules.{rule}.min_denominator`"),
    };
    let kind = format!("`{rule}` would fire in weeks in which nothing is wrong");
    Some(Check::warn(NAME, text, remedy).alike(kind))
}
