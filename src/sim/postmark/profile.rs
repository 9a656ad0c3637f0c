//! The volume of a stream's mail, and the rates of its bounces and delays.

use std::time::Duration;

use crate::model::{MINUTE, Span, Timestamp};

/// The hours of a week, from Monday 00:00 UTC.
const WEEK_HOURS: usize = 168;

/// The distribution of an hour's mails within the hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// A Poisson process; the number per hour varies.
    Poisson,
    /// Nearly equal gaps; the number per hour is the rate.
    Even,
    /// All within two minutes after the full hour, like a cron job; the number per hour is the rate.
    Burst,
}

/// The behaviour of a stream; by default, of a healthy one.
///
/// Defaults: 0.5% hard bounces, 0.2% soft bounces, no complaints; delivery after a log-normal delay with a median of 5 s, 2% of the
/// mails after 5 to 90 minutes (greylisting), 0.5% never delivered or bounced; 5% with several recipients; no tags.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    rates: [f64; WEEK_HOURS],
    pub(super) arrivals: Arrivals,
    pub(super) bounces: Vec<(String, f64)>,
    pub(super) complaints: f64,
    pub(super) several_recipients: f64,
    pub(super) tags: Vec<String>,
    pub(super) median_delay: Duration,
    pub(super) greylisted: f64,
    pub(super) without_news: f64,
}

impl Profile {
    /// Creates a profile from the mean number of mails per hour, a function of the hour of the week (0 to 167, from Monday
    /// 00:00 UTC).
    pub fn weekly(per_hour: impl Fn(usize) -> f64) -> Self {
        Self {
            rates: std::array::from_fn(|hour| per_hour(hour).max(0.0)),
            arrivals: Arrivals::Poisson,
            bounces: vec![
                ("HardBounce".to_owned(), 0.005),
                ("SoftBounce".to_owned(), 0.002),
            ],
            complaints: 0.0,
            several_recipients: 0.05,
            tags: Vec::new(),
            median_delay: Duration::from_secs(5),
            greylisted: 0.02,
            without_news: 0.005,
        }
    }

    /// Creates a profile with the same rate at every hour.
    pub fn constant(per_hour: f64) -> Self {
        Self::weekly(|_| per_hour)
    }

    /// Creates a profile that sends from 08:00 to 18:00 UTC on weekdays only.
    pub fn office_hours(per_hour: f64) -> Self {
        Self::weekly(|hour| {
            let works = hour / 24 < 5 && (8..18).contains(&(hour % 24));
            if works { per_hour } else { 0.0 }
        })
    }

    /// Creates a profile that sends all its mails of a day at this full hour, UTC.
    pub fn cron_daily(hour: usize, mails: u32) -> Self {
        let profile = Self::weekly(|h| {
            if h % 24 == hour {
                f64::from(mails)
            } else {
                0.0
            }
        });
        profile.arriving(Arrivals::Burst)
    }

    /// Sets the distribution within the hour.
    #[must_use]
    pub fn arriving(mut self, arrivals: Arrivals) -> Self {
        self.arrivals = arrivals;
        self
    }

    /// Sets the share of mails (0 to 1) that bounce with this type.
    #[must_use]
    pub fn bouncing(mut self, kind: &str, share: f64) -> Self {
        self.bounces.retain(|(k, _)| k != kind);
        self.bounces.push((kind.to_owned(), share));
        self
    }

    /// Removes all bounces.
    #[must_use]
    pub fn without_bounces(mut self) -> Self {
        self.bounces.clear();
        self
    }

    /// Sets the share of mails (0 to 1) that are complained about.
    #[must_use]
    pub fn complaints(mut self, share: f64) -> Self {
        self.complaints = share;
        self
    }

    /// Sets the share of mails (0 to 1) that have two to four recipients.
    #[must_use]
    pub fn several_recipients(mut self, share: f64) -> Self {
        self.several_recipients = share;
        self
    }

    /// Sets the tags; two thirds of the mails have one of them.
    #[must_use]
    pub fn tags(mut self, tags: &[&str]) -> Self {
        self.tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        self
    }

    /// Sets the median delivery delay, the share of mails (0 to 1) that is greylisted, and the share that is never delivered
    /// or bounced.
    #[must_use]
    pub fn delivery(mut self, median: Duration, greylisted: f64, without_news: f64) -> Self {
        self.median_delay = median;
        self.greylisted = greylisted;
        self.without_news = without_news;
        self
    }

    /// Returns the mean number of mails in the hour that begins at `hour`.
    pub(super) fn rate_at(&self, hour: Timestamp) -> f64 {
        let hours = hour.0.div_euclid(3_600_000);
        // 1970 began on a Thursday, 72 hours into its week.
        let of_week = (hours + 72).rem_euclid(WEEK_HOURS as i64);
        self.rates[usize::try_from(of_week).unwrap_or(0)]
    }
}

/// Returns the instants in `span` at which the mails of one hour are sent, in order.
pub(super) fn arrivals(
    profile: &Profile,
    hour: Timestamp,
    span: Span,
    rng: &mut fastrand::Rng,
) -> Vec<Timestamp> {
    let rate = profile.rate_at(hour);
    let mut at: Vec<Timestamp> = match profile.arrivals {
        Arrivals::Poisson => scatter(poisson(rate, rng), hour, 60 * MINUTE, rng),
        Arrivals::Burst => scatter(whole(rate, rng), hour, 2 * MINUTE, rng),
        Arrivals::Even => space_evenly(whole(rate, rng), hour, rng),
    };
    at.retain(|at| span.contains(*at));
    at.sort_unstable();
    at
}

fn scatter(n: u32, from: Timestamp, over: Duration, rng: &mut fastrand::Rng) -> Vec<Timestamp> {
    let draw = |_| from + over.mul_f64(rng.f64());
    (0..n).map(draw).collect()
}

fn space_evenly(n: u32, hour: Timestamp, rng: &mut fastrand::Rng) -> Vec<Timestamp> {
    let gap = 60 * MINUTE / n.max(1);
    let draw = |i| hour + gap * i + gap.mul_f64(0.1 + 0.8 * rng.f64());
    (0..n).map(draw).collect()
}

/// Draws a whole number whose mean is `rate`.
fn whole(rate: f64, rng: &mut fastrand::Rng) -> u32 {
    let up = u32::from(rng.f64() < rate.fract());
    (rate as u32).saturating_add(up)
}

/// Draws a Poisson variate: by the product of uniforms if the mean is small (Knuth), else by the normal approximation.
fn poisson(mean: f64, rng: &mut fastrand::Rng) -> u32 {
    if mean > 30.0 {
        return (mean + mean.sqrt() * normal(rng)).round().max(0.0) as u32;
    }
    let limit = (-mean).exp();
    let mut product = rng.f64();
    let mut n = 0;
    while product > limit {
        product *= rng.f64();
        n += 1;
    }
    n
}

/// Draws a standard normal variate (Box and Muller 1958).
pub(super) fn normal(rng: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}
