//! Simulated outages of a stream: when they begin, and how long a model takes to detect them.

use std::time::Duration;

use crate::detect::baseline::{GapScorer, MAX_OUTAGE_HOURS};
use crate::model::{DAY, HOUR, History, HourCount, Timestamp};

/// The maximum number of stops that are simulated.
const MAX_SIMULATED_OUTAGES: usize = 60;

/// A stop after the last mail of an hour, weighted by the mail of that hour.
pub(super) struct SimulatedOutage {
    pub(super) from: Timestamp,
    weight: f64,
}

/// Returns the stops to simulate: after hours of the last four weeks, or further back where those hold few.
pub(super) fn simulated_outages(history: &History, until: Timestamp) -> Vec<SimulatedOutage> {
    let end = history.hours.partition_point(|h| h.start + HOUR <= until);
    let recent = history
        .hours
        .partition_point(|h| h.start < until - 28 * DAY);
    let from = recent.min(end.saturating_sub(MAX_SIMULATED_OUTAGES));
    let hours = &history.hours[from..end.max(from)];
    let every = hours.len().div_ceil(MAX_SIMULATED_OUTAGES).max(1);
    let outage = |chunk: &[HourCount]| SimulatedOutage {
        from: chunk[chunk.len() / 2].last_at,
        weight: chunk.iter().map(|h| h.sent as f64).sum(),
    };
    hours.chunks(every).map(outage).collect()
}

/// Returns the expected delay until a stop is noticed, in hours: the median by mail plus a quarter of the mean, so that bad
/// cases count too. `None` as soon as it is certain to exceed `best`: following stops that nothing notices is most of what
/// learning costs.
pub(super) fn expected_detection_delay<'v>(
    scorers: impl Iterator<Item = GapScorer<'v>>,
    outages: &[SimulatedOutage],
    (threshold, bound): (f64, Option<Duration>),
    best: f64,
) -> Option<f64> {
    let total: f64 = outages.iter().map(|outage| outage.weight).sum();
    if total <= 0.0 {
        return Some(threshold);
    }
    // A little more, since these sums are made in another order than the result.
    let enough = best * (1.0 + 1e-9);
    let (mut late, mut mean) = (0.0, 0.0);
    let mut delays: Vec<(f64, f64)> = Vec::with_capacity(outages.len());
    for (outage, scorer) in outages.iter().zip(scorers) {
        let delay = scorer.detection_delay(threshold, bound);
        let delay = delay.map_or(f64::from(MAX_OUTAGE_HOURS), |delay| {
            delay.as_secs_f64() / 3600.0
        });
        delays.push((delay, outage.weight));
        mean += delay * outage.weight / total;
        if delay > enough {
            late += outage.weight;
        }
        if 0.25 * mean > enough || late > 0.5 * (1.0 + 1e-9) * total {
            return None;
        }
    }
    delays.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut sum = 0.0;
    let median = delays.iter().find(|(_, weight)| {
        sum += weight;
        sum >= total / 2.0
    });
    let mean: f64 = delays
        .iter()
        .map(|(delay, weight)| delay * weight / total)
        .sum();
    Some(median.map_or(mean, |(delay, _)| delay + 0.25 * mean))
}
