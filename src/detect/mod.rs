//! What is true of a stream at an instant. Pure: history and rules in, findings out. Of past incidents it knows no more than the
//! times that teach nothing.

mod address_check;
mod baseline;
mod budget;
mod bursts;
mod canary;
mod cusum;
mod delivery;
#[cfg_attr(
    not(feature = "doctor"),
    expect(dead_code, reason = "only a build with a resolver looks up domains")
)]
mod dns;
mod domain_blocks;
mod drop;
mod encoding;
mod events;
mod exceedance;
mod gap_bound;
mod gap_length;
mod hazard;
mod hourly_series;
pub mod interval;
mod kept;
mod known;
mod level_shift;
mod outages;
mod poll_health;
mod profile;
mod rate;
pub mod rate_power;
mod rhythm;
pub mod sample;
mod silence;
mod smtp_errors;
mod tags;
#[cfg(test)]
mod tests;
mod together;
mod training;
mod uneven_days;

pub use address_check::{is_check_due, latest_check};
pub use budget::budget_series;
pub use canary::evaluate_canary;
pub use delivery::{
    SampledPart, SampledParts, is_suspicious, sample_outcome, sampled_parts, undelivered,
};
pub use dns::evaluate_dns;
#[cfg(feature = "doctor")]
pub use dns::{accept_broken, is_lookup_due, is_senders_due, join_answer};
use kept::Kept;
pub use known::KeptSilences;
use known::{Cache, Known};
pub use poll_health::{PollHealth, evaluate_server};
pub use rate::{chance_breaches, evaluate as evaluate_rates, lasting_reach};
pub use silence::Silence;
pub use smtp_errors::{evaluate_smtp_errors, is_statistics_due, join_statistics};
use tags::StreamSeries;
pub use tags::watched_tags;
pub use together::Together;

use std::collections::BTreeMap;

use crate::model::{
    DAY, Finding, History, KnownLoss, Learned, Rules, Series, StreamId, Timestamp, ToldBounces,
};

/// Evaluates the rules on the streams of one server, or on those of all servers together, and caches what it learned of each until there is more to learn.
#[derive(Debug)]
pub struct Detector {
    rules: Rules,
    series: usize,
    watched: Cache<StreamId, (), StreamSeries>,
    known: Known,
}

impl Detector {
    /// `series` is the number of [series](budget_series) that share the budget of false silence alarms, at least 1.
    pub fn new(rules: Rules, series: usize) -> Self {
        Self {
            rules,
            series,
            watched: Cache::default(),
            known: Known::default(),
        }
    }

    /// Begins with what was learned before, and keeps what is learned. That changes no finding.
    pub fn keep(&mut self, learned: BTreeMap<Series, Learned>) {
        self.known.kept = Kept::new(learned);
    }

    /// Returns what was learned anew, to be stored in the place of what [`Self::keep`] was given of the same series.
    pub fn take_learned(&mut self) -> BTreeMap<Series, Learned> {
        self.known.kept.take_new()
    }

    /// Returns the findings of every rule on one stream at the instant `at`, from what had happened strictly before it.
    ///
    /// `losses` are the times of which incidents say that mail was not delivered: they teach nothing of what is usual, and one of which a
    /// part still arrives is no silence. `told` is what open incidents say of bounces.
    /// Earlier calls never change the result. The order of the findings is that of
    /// [`crate::model::Rule::ALL`], those of its tags after those of the stream.
    pub fn detect(
        &mut self,
        history: &History,
        stream: &StreamId,
        losses: &[KnownLoss],
        told: &ToldBounces,
        at: Timestamp,
    ) -> Vec<Finding> {
        let (rules, series) = (self.rules.for_stream(stream), self.series);
        let (known, day) = (&mut self.known, at.floor(DAY));
        let find = || StreamSeries::new(stream, history, day, series);
        let watched = self.watched.get(stream, day, (), find);
        let (silence, shift) = known.silence(watched.all(), history, rules, at);
        let budget = rules.silence.false_alarms_per_year / watched.all().1.max(1) as f64;
        let mut findings = vec![
            silence.evaluate(history, None, at),
            drop::evaluate(history, at, rules, silence, (shift.as_ref(), budget)),
        ];
        let lost = losses.iter().map(|loss| loss.lost_share);
        let lost = lost.fold(0.0, f64::max);
        let delivery = known.delivery(stream, (history, losses), rules, series, at);
        if !rules.sandbox {
            let [silence, mut drop] = delivery.evaluate(history, lost, at);
            delivery.apply_list(&mut drop, history, losses, at);
            findings.extend([silence, drop]);
        }
        let blocks = (!rules.sandbox).then(|| domain_blocks::evaluate(history, at, rules));
        let told = ToldBounces {
            blocking: domain_blocks::told(&told.blocking, blocks.as_ref()),
            excesses: told.excesses.clone(),
        };
        let rates = rate::evaluate(history, at, rules, &told);
        delivery::add_listed_bounces(&mut findings, &rates);
        findings.extend(rates);
        findings.extend(events::evaluate(history, at, rules));
        findings.extend(address_check::evaluate(history, at, rules));
        findings.extend(blocks);
        for (tag, of_tag) in watched.tags() {
            let history = &history.tags[tag];
            let (silence, _) = known.silence(of_tag, history, rules, at);
            findings.push(silence.evaluate(history, Some(tag), at));
        }
        for finding in &mut findings {
            finding.stream = Some(stream.clone());
        }
        findings
    }

    /// Returns the findings about the mail of several streams at `at`, likewise; none where no two of them send.
    pub fn detect_together(&mut self, together: &Together, at: Timestamp) -> Vec<Finding> {
        let of_all = (&Series::TOGETHER, self.series);
        let Some(joint) = together.joint() else {
            return Vec::new();
        };
        let (silence, shift) = self.known.silence(of_all, joint, &self.rules, at);
        let budget = self.rules.silence.false_alarms_per_year / self.series.max(1) as f64;
        together.evaluate(silence, &self.rules, (shift.as_ref(), budget), at)
    }
}
