//! What Sentry asks not to be sent for a while. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// How long nothing is sent after a 429 that does not say.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);
/// The maximum wait that is honoured: a quota of a month is asked after each day.
const MAX_WAIT: Duration = Duration::from_secs(86_400);

/// What is limited on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    Event,
    CheckIn,
}

impl Category {
    pub(super) const ALL: [Self; 2] = [Self::Event, Self::CheckIn];

    fn is_named(self, name: &str) -> bool {
        match self {
            Self::Event => matches!(name, "error" | "default"),
            Self::CheckIn => name == "monitor",
        }
    }
}

/// Until when nothing of a category is to be sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    until: [Option<Instant>; 2],
}

impl Limits {
    /// Returns whether a category is limited at `now`.
    pub(super) fn holds(&self, category: Category, now: Instant) -> bool {
        self.until[category as usize].is_some_and(|until| now < until)
    }

    /// Takes the limits of an answer: `X-Sentry-Rate-Limits`, and without that `Retry-After` of a 429.
    pub(super) fn take(
        &mut self,
        header: Option<&str>,
        refused: bool,
        retry_after: Option<Duration>,
        now: Instant,
    ) {
        let Some(header) = header else {
            if refused {
                let wait = retry_after.unwrap_or(DEFAULT_WAIT);
                Category::ALL
                    .into_iter()
                    .for_each(|category| self.hold(category, wait, now));
            }
            return;
        };
        for limit in header
            .split(',')
            .map(str::trim)
            .filter(|limit| !limit.is_empty())
        {
            let mut parts = limit.split(':');
            let wait = parts
                .next()
                .and_then(|wait| wait.trim().parse::<f64>().ok());
            let wait = wait.and_then(|wait| Duration::try_from_secs_f64(wait).ok());
            let wait = wait.unwrap_or(DEFAULT_WAIT);
            let named: Vec<&str> = parts.next().unwrap_or_default().split(';').collect();
            for category in Category::ALL {
                // None named is all of them.
                if named == [""] || named.iter().any(|name| category.is_named(name.trim())) {
                    self.hold(category, wait, now);
                }
            }
        }
    }

    fn hold(&mut self, category: Category, wait: Duration, now: Instant) {
        let until = now + wait.min(MAX_WAIT);
        let known = &mut self.until[category as usize];
        *known = Some(known.map_or(until, |known| known.max(until)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_category_waits_as_long_as_it_is_reported() {
        let now = Instant::now();
        let after = |secs| now + Duration::from_secs(secs);
        for (header, event, check_in) in [
            ("60:error;transaction:organization:quota", 60, 0),
            ("60::organization", 60, 60),
            ("10:monitor:key, 2700:default;error:organization", 2_700, 10),
            ("soon:error:organization", 60, 0),
            ("60:attachment:organization", 0, 0),
            ("-1:error:x", 60, 0),
            ("1e300:monitor:x", 0, 60),
            ("999999999:monitor:x", 0, 86_400),
            ("", 0, 0),
        ] {
            let mut limits = Limits::default();
            limits.take(Some(header), true, None, now);
            for (category, secs) in [(Category::Event, event), (Category::CheckIn, check_in)] {
                let held = |at| limits.holds(category, at);
                assert!(!held(after(secs)), "{header} {category:?}");
                assert_eq!(held(now), secs > 0, "{header} {category:?}");
                assert!(secs == 0 || held(after(secs - 1)), "{header} {category:?}");
            }
        }
    }

    #[test]
    fn a_refusal_without_limits_holds_everything() {
        let now = Instant::now();
        let mut limits = Limits::default();
        limits.take(None, false, Some(DEFAULT_WAIT), now);
        assert!(!limits.holds(Category::Event, now), "no refusal");
        limits.take(None, true, Some(Duration::from_secs(5)), now);
        limits.take(Some("1:error:x"), true, None, now);
        for category in Category::ALL {
            assert!(limits.holds(category, now + Duration::from_secs(4)));
            assert!(!limits.holds(category, now + Duration::from_secs(5)));
        }
    }
}
