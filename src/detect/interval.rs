//! The Clopper-Pearson interval of a share.
//!
//! C. J. Clopper, E. S. Pearson: "The use of confidence or fiducial limits illustrated in the case of the binomial",
//! Biometrika 26 (1934). Its ends are quantiles of Beta distributions; they are found by bisection of the regularised
//! incomplete beta function, since inverse-Beta routines are known not to return for tiny probabilities.

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
