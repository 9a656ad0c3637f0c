//! The Clopper-Pearson interval of a share.
//!
//! C. J. Clopper, E. S. Pearson: "The use of confidence or fiducial limits illustrated in the case of the binomial",
//! Biometrika 26 (1934). Its ends are quantiles of Beta distributions; they are found by bisection of the regularised
//! incomplete beta function, since inverse-Beta routines are known not to return for tiny probabilities.
//!
//! Where a whole consists of strata of which each was sampled on its own, the shares are weighed by the strata's sizes, and the distances
//! from each share to the ends of its interval are added up as variances are (G. Y. Zou, W. Huang, X. Zhang: "A note on confidence
//! interval estimation for a linear function of binomial proportions", Computational Statistics & Data Analysis 53, 2009). Unlike
//! an effective sample size (L. Kish, 1965) that asks for no variance where all of a stratum's sample is alike, and it holds where only a
//! stratum of which little is known is unlike the others.

use statrs::function::beta::beta_reg;

/// Above this many successes *and* failures the incomplete beta function loses its digits, and the Wilson interval
/// (E. B. Wilson, 1927) differs from the exact one by less than what is shown.
const MAX_EXACT_COUNT: u64 = 50_000;

/// Halvings of [0, 1]; the ends are exact to 2⁻⁶⁰.
const BISECTIONS: u32 = 60;

/// The two-sided interval of level `confidence` (in (0, 1)) for `part` of `whole`; `(0, 1)` of nothing.
pub fn clopper_pearson(part: u64, whole: u64, confidence: f64) -> (f64, f64) {
    let part = part.min(whole);
    if whole == 0 {
        return (0.0, 1.0);
    }
    if part.min(whole - part) > MAX_EXACT_COUNT {
        return wilson(part, whole, confidence);
    }
    let tail = (1.0 - confidence) / 2.0;
    let (hits, misses) = (part as f64, (whole - part) as f64);
    let lower = match part {
        0 => 0.0,
        _ => solve(|p| beta_reg(hits, misses + 1.0, p), tail),
    };
    let upper = if part == whole {
        1.0
    } else {
        solve(|p| beta_reg(hits + 1.0, misses, p), 1.0 - tail)
    };
    (lower, upper)
}

/// A part of a whole that was sampled on its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stratum {
    /// How large it is, in any unit that all have in common.
    pub weight: f64,
    /// Successes of its sample.
    pub part: u64,
    /// Its sample.
    pub whole: u64,
}

/// The share of successes in the whole of some strata.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StratifiedShare {
    pub share: f64,
    /// The two-sided interval.
    pub interval: (f64, f64),
}

/// Returns the share of the whole with its two-sided interval of level `confidence` (in (0, 1)); of one stratum, that of
/// [`clopper_pearson`]. Strata without a sample are left out; `None` where none has one.
pub fn stratified(strata: &[Stratum], confidence: f64) -> Option<StratifiedShare> {
    let sampled = || strata.iter().filter(|stratum| stratum.whole > 0);
    let total: f64 = sampled().map(|stratum| stratum.weight).sum();
    let of_all = sampled().map(|stratum| stratum.whole).sum::<u64>() as f64;
    sampled().next()?;
    let (mut share, mut below, mut above) = (0.0, 0.0, 0.0);
    for stratum in sampled() {
        let weight = match total > 0.0 {
            true => stratum.weight / total,
            false => stratum.whole as f64 / of_all,
        };
        let own = stratum.part as f64 / stratum.whole as f64;
        let (low, high) = clopper_pearson(stratum.part, stratum.whole, confidence);
        share += weight * own;
        below += (weight * (own - low)).powi(2);
        above += (weight * (high - own)).powi(2);
    }
    let low = (share - below.sqrt()).max(0.0);
    let high = (share + above.sqrt()).min(1.0);
    Some(StratifiedShare {
        share,
        interval: (low, high),
    })
}

/// Returns whether the lower end of the interval that leaves `tail` (in (0, 0.5)) below it exceeds `threshold` (in (0, 1)). That
/// is so exactly where `part` or more of `whole` are less probable than `tail` at the threshold.
pub fn lower_end_exceeds(part: u64, whole: u64, threshold: f64, tail: f64) -> bool {
    let part = part.min(whole);
    if part.min(whole - part) > MAX_EXACT_COUNT {
        return wilson(part, whole, 2.0f64.mul_add(-tail, 1.0)).0 > threshold;
    }
    part > 0 && upper_tail(part, whole, threshold) < tail
}

/// Returns the probability of `part` (at least 1) or more of `whole`, each with probability `p` in (0, 1).
pub fn upper_tail(part: u64, whole: u64, p: f64) -> f64 {
    beta_reg(part as f64, (whole - part) as f64 + 1.0, p)
}

/// Where the growing `function` on [0, 1] reaches `target`.
fn solve(function: impl Fn(f64) -> f64, target: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..BISECTIONS {
        let middle = (low + high) / 2.0;
        if function(middle) < target {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

fn wilson(part: u64, whole: u64, confidence: f64) -> (f64, f64) {
    let z = solve(
        |x| 1.0 - statrs::function::erf::erfc(x * 8.0 / std::f64::consts::SQRT_2),
        confidence,
    ) * 8.0;
    let n = whole as f64;
    let share = part as f64 / n;
    let middle = (share + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn assert_near(found: (f64, f64), wanted: (f64, f64)) {
        let near = |a: f64, b: f64| (a - b).abs() < 5e-7;
        assert!(
            near(found.0, wanted.0) && near(found.1, wanted.1),
            "{found:?} is not {wanted:?}"
        );
    }

    #[test]
    fn it_agrees_with_published_values() {
        // scipy.stats.binomtest(k, n).proportion_ci(0.95, method="exact")
        assert_near(clopper_pearson(1, 1, 0.95), (0.025, 1.0));
        assert_near(clopper_pearson(0, 10, 0.95), (0.0, 0.308_497_1));
        assert_near(clopper_pearson(2, 20, 0.95), (0.012_348_5, 0.316_982_7));
        assert_near(clopper_pearson(45, 500, 0.95), (0.066_404_01, 0.118_572_92));
        assert_near(
            clopper_pearson(3, 20_003, 0.95),
            (0.000_030_930_03, 0.000_438_234_93),
        );
        assert_near(
            clopper_pearson(400, 40_000, 0.95),
            (0.009_048_13, 0.011_023_98),
        );
    }

    #[test]
    fn large_counts_are_bounded_by_wilson_near_the_exact_value() {
        let (low, high) = clopper_pearson(60_000, 1_000_000, 0.95);
        assert!(
            (0.0595..0.06).contains(&low) && (0.06..0.0605).contains(&high),
            "{low} {high}"
        );
    }

    fn stratum(weight: f64, part: u64, whole: u64) -> Stratum {
        Stratum {
            weight,
            part,
            whole,
        }
    }

    #[test]
    fn strata_are_weighed_by_their_sizes() {
        let of = |strata: &[Stratum]| stratified(strata, 0.95).expect("a share");
        let uneven = of(&[stratum(220.0, 2, 23), stratum(120.0, 58, 60)]);
        assert!((uneven.share - 0.397_442).abs() < 5e-7);
        assert_near(uneven.interval, (0.340_253_5, 0.523_024_0));
        // What is small and hardly known makes the interval as wide as it may be.
        let small = of(&[stratum(90.0, 100, 100), stratum(10.0, 5, 5)]);
        assert!((small.share - 1.0).abs() < 1e-12);
        assert_near(small.interval, (0.938_474_1, 1.0));
        // Without a sample it has no part, and without a size its sample is one.
        let whole = of(&[stratum(3.0, 8, 10), stratum(7.0, 0, 0)]);
        assert_near(whole.interval, clopper_pearson(8, 10, 0.95));
        let without_size = of(&[stratum(0.0, 8, 10)]);
        assert_near(without_size.interval, clopper_pearson(8, 10, 0.95));
        assert_eq!(stratified(&[stratum(3.0, 0, 0)], 0.95), None);
        assert_eq!(stratified(&[], 0.95), None);
    }

    /// The probability of `hits` of `of`, each with probability `p`.
    fn probability(hits: u64, of: u64, p: f64) -> f64 {
        let ways: f64 = (0..hits)
            .map(|n| (of - n) as f64 / (hits - n) as f64)
            .product();
        let (hits, misses) = (hits as i32, (of - hits) as i32);
        ways * p.powi(hits) * (1.0 - p).powi(misses)
    }

    /// The probability that the interval of two strata of these sizes, samples and shares holds the share of the whole.
    fn coverage(sizes: [f64; 2], samples: [u64; 2], shares: [f64; 2]) -> f64 {
        let truth = (sizes[0] * shares[0] + sizes[1] * shares[1]) / (sizes[0] + sizes[1]);
        let mut holds = 0.0;
        for first in 0..=samples[0] {
            for second in 0..=samples[1] {
                let chance = probability(first, samples[0], shares[0])
                    * probability(second, samples[1], shares[1]);
                if chance < 1e-9 {
                    continue;
                }
                let strata = [
                    stratum(sizes[0], first, samples[0]),
                    stratum(sizes[1], second, samples[1]),
                ];
                let (low, high) = stratified(&strata, 0.95).expect("a share").interval;
                if low - 1e-9 <= truth && truth <= high + 1e-9 {
                    holds += chance;
                }
            }
        }
        holds
    }

    #[test]
    fn the_interval_of_uneven_strata_holds_the_share_as_often_as_it_says() {
        for sizes in [[220.0, 120.0], [100.0, 900.0]] {
            for samples in [[23, 40], [5, 40], [3, 10]] {
                for first in [0.02, 0.3, 0.8, 1.0] {
                    for second in [0.5, 0.97, 1.0] {
                        let holds = coverage(sizes, samples, [first, second]);
                        let of = (sizes, samples, first, second);
                        assert!(holds >= 0.95, "{holds} of {of:?}");
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn it_holds_the_share_and_lies_in_bounds(whole in 1u64..200_000, part in 0u64..200_000) {
            let part = part.min(whole);
            let (low, high) = clopper_pearson(part, whole, 0.95);
            let share = part as f64 / whole as f64;
            prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
            prop_assert!(low <= share + 1e-9 && share <= high + 1e-9, "{low} {share} {high}");
        }

        #[test]
        fn the_lower_end_is_that_of_the_interval(whole in 1u64..2_000, part in 0u64..100, threshold in 0.001f64..0.2) {
            let part = part.min(whole);
            let (low, _) = clopper_pearson(part, whole, 0.95);
            prop_assume!((low - threshold).abs() > 1e-9);
            prop_assert_eq!(lower_end_exceeds(part, whole, threshold, 0.025), low > threshold);
        }
    }
}
