//! How much mail a stream sends, and what becomes of it.

use std::time::Duration;

use crate::model::{MINUTE, Span, Timestamp};

/// Hours of a week, from Monday 00:00 UTC.
const WEEK_HOURS: usize = 168;

/// How the mails of an hour spread over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// Independent of each other; an hour's number varies.
    Poisson,
    /// Nearly equal gaps; an hour's number is the rate.
    Even,
    /// All within two minutes of the full hour, as a cron job sends; their number is the rate.
    Burst,
}

/// What a healthy stream is like, to begin with; every part of it can be changed.
///
/// Defaults: 0.5% hard bounces, 0.2% soft bounces, no complaints; delivery after a log-normal delay with a median of 5 s, 2% of the
/// mails after 5 to 90 minutes (greylisting), 0.5% without any news; 5% with several recipients; no tags.
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
    /// So many mails an hour, on average, as a function of the hour of the week (0 to 167, from Monday 00:00 UTC).
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

    /// The same at every hour.
    pub fn constant(per_hour: f64) -> Self {
        Self::weekly(|_| per_hour)
    }

    /// So many an hour from 08:00 to 18:00 UTC on weekdays, nothing else.
    pub fn office_hours(per_hour: f64) -> Self {
        Self::weekly(|hour| {
            let works = hour / 24 < 5 && (8..18).contains(&(hour % 24));
            if works { per_hour } else { 0.0 }
        })
    }

    /// So many mails at once every day at this full hour, UTC.
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

    /// With mails spread this way.
    #[must_use]
    pub fn arriving(mut self, arrivals: Arrivals) -> Self {
        self.arrivals = arrivals;
        self
    }

    /// With this share of mails (0 to 1) bouncing with this type, in place of the type's share so far.
    #[must_use]
    pub fn bouncing(mut self, kind: &str, share: f64) -> Self {
        self.bounces.retain(|(k, _)| k != kind);
        self.bounces.push((kind.to_owned(), share));
        self
    }

    /// Without any bounce.
    #[must_use]
    pub fn without_bounces(mut self) -> Self {
        self.bounces.clear();
        self
    }

    /// With this share of mails (0 to 1) complained of.
    #[must_use]
    pub fn complaints(mut self, share: f64) -> Self {
        self.complaints = share;
        self
    }

    /// With this share of mails (0 to 1) going to two to four recipients.
    #[must_use]
    pub fn several_recipients(mut self, share: f64) -> Self {
        self.several_recipients = share;
        self
    }

    /// With two thirds of the mails bearing one of these tags.
    #[must_use]
    pub fn tags(mut self, tags: &[&str]) -> Self {
        self.tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        self
    }

    /// With this median delay of delivery, this share of mails (0 to 1) greylisted and this share without news.
    #[must_use]
    pub fn delivery(mut self, median: Duration, greylisted: f64, without_news: f64) -> Self {
        self.median_delay = median;
        self.greylisted = greylisted;
        self.without_news = without_news;
        self
    }

    /// Mails of an hour that begins at `hour`, on average.
    pub(super) fn rate_at(&self, hour: Timestamp) -> f64 {
        let hours = hour.0.div_euclid(3_600_000);
        // 1970 began on a Thursday, 72 hours into its week.
        let of_week = (hours + 72).rem_euclid(WEEK_HOURS as i64);
        self.rates[usize::try_from(of_week).unwrap_or(0)]
    }
}

/// The instants at which mails of one hour are sent, in order, where `span` holds them.
pub(super) fn arrivals(
    profile: &Profile,
    hour: Timestamp,
    span: Span,
    rng: &mut fastrand::Rng,
) -> Vec<Timestamp> {
    let rate = profile.rate_at(hour);
    let mut at: Vec<Timestamp> = match profile.arrivals {
        Arrivals::Poisson => scattered(poisson(rate, rng), hour, 60 * MINUTE, rng),
        Arrivals::Burst => scattered(whole(rate, rng), hour, 2 * MINUTE, rng),
        Arrivals::Even => spaced(whole(rate, rng), hour, rng),
    };
    at.retain(|at| span.contains(*at));
    at.sort_unstable();
    at
}

fn scattered(n: u32, from: Timestamp, over: Duration, rng: &mut fastrand::Rng) -> Vec<Timestamp> {
    let draw = |_| from + over.mul_f64(rng.f64());
    (0..n).map(draw).collect()
}

fn spaced(n: u32, hour: Timestamp, rng: &mut fastrand::Rng) -> Vec<Timestamp> {
    let gap = 60 * MINUTE / n.max(1);
    let draw = |i| hour + gap * i + gap.mul_f64(0.1 + 0.8 * rng.f64());
    (0..n).map(draw).collect()
}

/// The whole number whose mean is `rate`.
fn whole(rate: f64, rng: &mut fastrand::Rng) -> u32 {
    let up = u32::from(rng.f64() < rate.fract());
    (rate as u32).saturating_add(up)
}

/// A Poisson variate: by the product of uniforms where the mean is small (Knuth), else by the normal approximation.
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

/// A standard normal variate (Box and Muller 1958).
pub(super) fn normal(rng: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}
