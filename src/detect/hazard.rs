//! How likely mail is in the next hour, given what was sent lately: a regression on the stream's own hours.
//!
//! The hour-of-week profile says what is usual; the level of the last hours, days and weeks says whether this is a usual
//! time (a holiday, a campaign, growth), and mail that has stayed away for hours is less likely in the next one. An hour
//! has mail with chance 1 − exp(−h), with log h linear in these: the complementary log-log model of grouped survival
//! times (R. L. Prentice and L. A. Gloeckler, "Regression analysis of grouped survival data", Biometrics 34, 1978), fitted
//! by Newton's method with a normal prior, which is what mail in general does.

use crate::detect::encoding::{Encoded, encoded};
use crate::detect::hourly_series::{HourlySeries, WEEK};
use crate::detect::profile::Profile;

/// Windows of the levels, in hours, each with how many expected hours' worth of belief that nothing changed.
const LEVELS: [(usize, f64); 4] = [(672, 10.0), (168, 5.0), (24, 3.0), (6, 2.0)];
/// Intercept, exponent of the profile, of the four levels, and of the hours since the last mail.
const TERMS: usize = 7;
/// What mail in general does: the profile counts nearly in full, a day's level by a third of its change, and after a
/// gap of nine hours an hour is little more than half as likely to have mail.
const PRIOR: [f64; TERMS] = [0.0, 0.9, 0.2, 0.2, 0.35, 0.1, -0.25];
/// The inverse variance of the prior.
const PRIOR_PRECISION: [f64; TERMS] = [2.0, 20.0, 20.0, 20.0, 20.0, 20.0, 20.0];
/// After this many hours an observation weighs half.
const HALF_LIFE: f64 = 120.0 * 24.0;
/// Bounds of the effect of the levels, as a logarithm.
const MAX_LOG_EFFECT: f64 = 3.0;
const MAX_NEWTON_STEPS: usize = 12;

/// How mail at one time depends on mail before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hazard {
    terms: [f64; TERMS],
}

impl Encoded for Hazard {
    fn write(&self, to: &mut Vec<u8>) {
        for term in self.terms {
            term.write(to);
        }
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let mut terms = [0.0; TERMS];
        for term in &mut terms {
            *term = f64::read(from)?;
        }
        Some(Self { terms })
    }
}

/// The logarithms of the levels at one instant: what was sent over what the profile expected.
pub(super) type RecentLevels = [f64; LEVELS.len()];

impl Hazard {
    /// The profile, at the level of the last four weeks.
    pub(super) const GROWTH: Self = Self {
        terms: [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0],
    };

    /// The profile alone.
    pub(super) const NONE: Self = Self {
        terms: [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    };

    /// Fits to the hours of `series`.
    pub(super) fn fit(series: &HourlySeries, profile: &Profile, sums: &RunningSums) -> Self {
        let rows = rows(series, profile, sums);
        let mut terms = PRIOR;
        for _ in 0..MAX_NEWTON_STEPS {
            let step = newton_step(&rows, &terms);
            let mut largest = 0.0f64;
            for (term, step) in terms.iter_mut().zip(step) {
                largest = largest.max(step.abs());
                *term += step.clamp(-0.5, 0.5);
            }
            if largest < 1e-3 {
                break;
            }
        }
        Self { terms }
    }

    /// Returns the factor of the levels of `sums`, after so many hours and those of `later`, on the intensity, throughout a gap that
    /// begins then.
    pub(super) fn level_multiplier(
        &self,
        sums: &RunningSums,
        hours: usize,
        later: &[(f64, f64)],
    ) -> f64 {
        let terms = self.terms[2..6].iter().zip(LEVELS);
        // Most models know one level; the logarithms of the others are most of what learning would cost.
        let effective = terms.filter(|(term, _)| **term != 0.0);
        let sum: f64 = effective
            .map(|(term, level)| term * sums.level(level, hours, later))
            .sum();
        (self.terms[0] + sum)
            .clamp(-MAX_LOG_EFFECT, MAX_LOG_EFFECT)
            .exp()
    }

    /// Returns the longest window whose level has an effect, in hours.
    fn longest_window(&self) -> usize {
        let windows = self.terms[2..6].iter().zip(LEVELS);
        let effective = windows.filter(|(term, _)| **term != 0.0);
        effective.map(|(_, (window, _))| window).max().unwrap_or(0)
    }

    /// The intensity of an hour of this profile, `elapsed` clock hours after that of the last mail.
    pub(super) fn intensity(&self, profile: f64, elapsed: usize) -> f64 {
        self.of_profile(profile) * self.of_elapsed(elapsed)
    }

    /// The part of it that is of the profile.
    pub(super) fn of_profile(&self, profile: f64) -> f64 {
        match self.terms[1] {
            1.0 => profile,
            exponent => profile.powf(exponent),
        }
    }

    /// The part of it that is of the time since the last mail.
    pub(super) fn of_elapsed(&self, elapsed: usize) -> f64 {
        match self.terms[6] {
            0.0 => 1.0,
            exponent => (1.0 + elapsed as f64).powf(exponent),
        }
    }
}

/// Running sums of what was sent and what was expected, for levels at any hour that is kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RunningSums {
    /// How many hours had passed at the first sum.
    first: usize,
    sent: Vec<u64>,
    expected: Vec<f64>,
}

encoded!(RunningSums {
    first,
    sent,
    expected
});

impl RunningSums {
    pub(super) fn new(series: &HourlySeries, profile: &Profile) -> Self {
        let (mut sent, mut expected) = (vec![0], vec![0.0]);
        let mut sum = (0, 0.0);
        for (count, intensity) in series.sent.iter().zip(&profile.before) {
            if let Some(count) = count {
                sum.0 += profile.calendar.counted(*count);
                sum.1 += profile.calendar.expected(*intensity);
            }
            sent.push(sum.0);
            expected.push(sum.1);
        }
        Self {
            first: 0,
            sent,
            expected,
        }
    }

    /// Forgets what the levels by `hazard` do not need from the hour `judged` on. Those stay the same to the bit.
    pub(super) fn condense(&mut self, hazard: Hazard, judged: usize) {
        let longest = hazard.longest_window();
        let judged = match longest {
            0 => self.end(),
            _ => judged.min(self.end()),
        };
        let first = judged.saturating_sub(longest).max(self.first);
        let gone = first - self.first;
        self.expected = self.expected.split_off(gone);
        let sent = self.sent.split_off(gone);
        // Counts are whole: from another beginning their differences are the same.
        self.sent = sent.iter().map(|sum| sum - sent[0]).collect();
        self.first = first;
    }

    /// How many hours had passed at the last sum.
    fn end(&self) -> usize {
        self.first + self.expected.len() - 1
    }

    /// Returns what was sent and what was expected from the hour `from` to the hour `until`, as far as that is kept.
    fn between(&self, from: usize, until: usize) -> (f64, f64) {
        let place = |hour: usize| hour.clamp(self.first, self.end()) - self.first;
        let (from, until) = (place(from), place(until));
        (
            (self.sent[until] - self.sent[from]) as f64,
            self.expected[until] - self.expected[from],
        )
    }

    /// Returns the levels when the first `hours` hours had passed.
    fn levels(&self, hours: usize) -> RecentLevels {
        LEVELS.map(|level| self.level(level, hours, &[]))
    }

    /// Returns the level of one window when the first `hours` hours had passed; `later` is observed and expected counts of the
    /// hours after the series.
    fn level(&self, (window, belief): (usize, f64), hours: usize, later: &[(f64, f64)]) -> f64 {
        let until = hours.min(self.end());
        let after = &later[..(hours - until).min(later.len())];
        let add = |sum: (f64, f64), hour: &(f64, f64)| (sum.0 + hour.0, sum.1 + hour.1);
        let late = &after[after.len().saturating_sub(window)..];
        let late = late.iter().fold((0.0, 0.0), add);
        let from = (until + after.len()).saturating_sub(window).min(until);
        let (sent, expected) = self.between(from, until);
        ((sent + late.0 + belief) / (expected + late.1 + belief)).ln()
    }
}

struct Row {
    features: [f64; TERMS],
    occupied: bool,
    weight: f64,
}

/// One row for each covered hour that has mail somewhere before it, but for the first week's, whose profile is its own.
fn rows(series: &HourlySeries, profile: &Profile, sums: &RunningSums) -> Vec<Row> {
    let first = WEEK.min(series.len() / 2);
    let mut last: Option<(usize, RecentLevels)> = None;
    let mut rows = Vec::with_capacity(series.len());
    for (hour, sent) in series.sent.iter().enumerate() {
        let Some(sent) = sent else {
            // After a hole it is unknown when mail was last sent.
            last = None;
            continue;
        };
        if let Some((at, levels)) = last.filter(|_| hour >= first) {
            let mut features = [1.0; TERMS];
            features[1] = profile.before[hour].ln();
            features[2..6].copy_from_slice(&levels);
            features[6] = (1.0 + (hour - at) as f64).ln();
            rows.push(Row {
                features,
                occupied: *sent > 0,
                weight: (-((series.len() - 1 - hour) as f64) / HALF_LIFE).exp2(),
            });
        }
        if *sent > 0 {
            last = Some((hour, sums.levels(hour + 1)));
        }
    }
    rows
}

/// One step of Newton's method on the posterior.
fn newton_step(rows: &[Row], terms: &[f64; TERMS]) -> [f64; TERMS] {
    let mut gradient = [0.0; TERMS];
    let mut curvature = [[0.0; TERMS]; TERMS];
    for row in rows {
        let eta: f64 = row.features.iter().zip(terms).map(|(x, b)| x * b).sum();
        let hazard = eta.clamp(-15.0, 3.5).exp();
        let empty = (-hazard).exp();
        let odds = empty / (1.0 - empty).max(1e-12);
        let slope = row.weight * if row.occupied { hazard * odds } else { -hazard };
        let bend = row.weight * (hazard * hazard * odds).max(1e-9);
        for i in 0..TERMS {
            gradient[i] += slope * row.features[i];
            for (cell, feature) in curvature[i][..=i].iter_mut().zip(&row.features) {
                *cell += bend * row.features[i] * feature;
            }
        }
    }
    for i in 0..TERMS {
        gradient[i] -= PRIOR_PRECISION[i] * (terms[i] - PRIOR[i]);
        curvature[i][i] += PRIOR_PRECISION[i];
    }
    solve(&curvature, gradient)
}

/// Solves for a symmetric positive definite matrix, given its lower half (Cholesky).
fn solve(lower: &[[f64; TERMS]; TERMS], right: [f64; TERMS]) -> [f64; TERMS] {
    let mut factor = *lower;
    let mut solution = right;
    for i in 0..TERMS {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| factor[i][k] * factor[j][k]).sum();
            factor[i][j] = if i == j {
                (lower[i][i] - sum).max(1e-12).sqrt()
            } else {
                (lower[i][j] - sum) / factor[j][j]
            };
        }
        let known: f64 = (0..i).map(|k| factor[i][k] * solution[k]).sum();
        solution[i] = (solution[i] - known) / factor[i][i];
    }
    for i in (0..TERMS).rev() {
        let known: f64 = (i + 1..TERMS).map(|k| factor[k][i] * solution[k]).sum();
        solution[i] = (solution[i] - known) / factor[i][i];
    }
    solution
}
