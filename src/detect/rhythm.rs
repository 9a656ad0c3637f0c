//! When a stream usually has mail: whether a gap says that it stopped, or its next mail is only not due yet.

use std::time::Duration;

use crate::model::{DAY, HourCount, MINUTE, Span, Timestamp};

/// Times are known to the quarter of an hour.
const QUARTER: Duration = MINUTE.saturating_mul(15);
const WEEK: Duration = DAY.saturating_mul(7);
/// So many weeks before the gap are asked, or days where too few weeks are known.
const WEEKS: u32 = 4;
const DAYS: u32 = 7;
/// The minimum number of weeks that say more than the days before.
const MIN_WEEKS: usize = 2;
/// An hour with more messages than this had mail from its first one to its last.
const MAX_SINGLE: u64 = 2;

/// The quarters of an hour in which a stream had mail, a bit each.
#[derive(Clone, Debug, Default)]
pub(super) struct Rhythm {
    first_at: Option<Timestamp>,
    bits: Vec<u64>,
}

impl Rhythm {
    /// Returns that of hours in order.
    pub(super) fn new(hours: &[HourCount]) -> Self {
        let mut rhythm = Self {
            first_at: hours.first().map(|hour| hour.first_at.floor(QUARTER)),
            bits: Vec::new(),
        };
        for hour in hours {
            let (Some(first), Some(last)) =
                (rhythm.place(hour.first_at), rhythm.place(hour.last_at))
            else {
                continue;
            };
            let is_filled = hour.sent > MAX_SINGLE;
            for quarter in first..=last {
                if is_filled || quarter == first || quarter == last {
                    rhythm.set(quarter);
                }
            }
        }
        rhythm
    }

    /// Returns whether mail of the stream is due in `gap`: there was some at the same time in half of the four weeks before, or of the
    /// days before where hardly a week is known. A stream of which nothing is known is due.
    pub(super) fn is_due(&self, gap: Span) -> bool {
        if gap.length() >= WEEK {
            return true;
        }
        let weeks = self.had_mail_before(gap, WEEK, WEEKS);
        if weeks.len() >= MIN_WEEKS {
            return is_usual(&weeks);
        }
        gap.length() >= DAY || is_usual(&self.had_mail_before(gap, DAY, DAYS))
    }

    /// Returns whether there was mail at the time of `gap`, so many times `every` before it, as far back as the stream is known.
    fn had_mail_before(&self, gap: Span, every: Duration, times: u32) -> Vec<bool> {
        let spans = (1..=times).map(|n| Span::new(gap.from - every * n, gap.until - every * n));
        let known = spans.filter(|span| self.first_at.is_some_and(|first| first <= span.from));
        known.map(|span| self.had_mail(span)).collect()
    }

    /// Whether there was mail in the quarters within `span`; where it holds no whole one, in those that it touches.
    fn had_mail(&self, span: Span) -> bool {
        let within = Span::new(span.from.ceil(QUARTER), span.until.floor(QUARTER));
        let quarters = match within.until > within.from {
            true => within,
            false => Span::new(span.from.floor(QUARTER), span.until.ceil(QUARTER)),
        };
        let mut at = quarters.from;
        while at < quarters.until {
            if self.place(at).is_some_and(|quarter| self.has(quarter)) {
                return true;
            }
            at = at + QUARTER;
        }
        false
    }

    /// Returns the number of the quarter that holds `at`; `None` before the first one.
    fn place(&self, at: Timestamp) -> Option<usize> {
        let since = at.0.checked_sub(self.first_at?.0)?;
        let quarter = i64::try_from(QUARTER.as_millis()).ok()?;
        usize::try_from(since.div_euclid(quarter)).ok()
    }

    fn set(&mut self, quarter: usize) {
        let (word, bit) = (quarter / 64, quarter % 64);
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        self.bits[word] |= 1 << bit;
    }

    fn has(&self, quarter: usize) -> bool {
        let word = self.bits.get(quarter / 64);
        word.is_some_and(|word| word & (1 << (quarter % 64)) != 0)
    }
}

/// Whether it was so in half of the cases, or nothing is known.
fn is_usual(cases: &[bool]) -> bool {
    let positive = cases.iter().filter(|had_mail| **had_mail).count();
    positive * 2 >= cases.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HOUR;

    /// Thu 5 Feb 2026 00:00 UTC.
    const START: Timestamp = Timestamp::from_secs(1_770_249_600);

    /// A stream with mail at these times, in hours after midnight of the days that are asked for.
    fn stream(days: impl Iterator<Item = u32>, hours: &[f64]) -> Rhythm {
        let times = days.flat_map(|day| {
            let hours = hours.iter();
            hours.map(move |hour| START + DAY * day + HOUR.mul_f64(*hour))
        });
        let hour = |at: Timestamp| HourCount {
            start: at.floor(HOUR),
            sent: 1,
            first_at: at,
            last_at: at,
        };
        Rhythm::new(&times.map(hour).collect::<Vec<_>>())
    }

    /// A gap on a day, in hours after midnight.
    fn gap(day: u32, from: f64, until: f64) -> Span {
        let at = |hour: f64| START + DAY * day + HOUR.mul_f64(hour);
        Span::new(at(from), at(until))
    }

    #[test]
    fn what_comes_once_a_day_is_due_at_its_time_and_not_before() {
        let nightly = stream(0..30, &[3.0]);
        assert!(!nightly.is_due(gap(30, 10.3, 12.0)));
        assert!(!nightly.is_due(gap(30, 10.3, 26.9)));
        assert!(nightly.is_due(gap(30, 10.3, 27.5)));
        // Its mail of the day was the last one before the gap.
        let same_quarter = stream(0..30, &[10.27]);
        assert!(!same_quarter.is_due(gap(30, 10.3, 12.0)));
        let young = stream(0..5, &[3.0]);
        assert!(!young.is_due(gap(5, 10.3, 12.0)) && young.is_due(gap(5, 2.0, 4.0)));
    }

    #[test]
    fn what_comes_once_a_week_is_due_on_its_day() {
        let weekly = stream((0..6).map(|week| week * 7), &[9.0]);
        assert!(weekly.is_due(gap(42, 8.0, 12.0)), "on its day");
        assert!(!weekly.is_due(gap(41, 8.0, 12.0)), "the day before");
        assert!(
            weekly.is_due(gap(36, 0.0, 7.0 * 24.0 + 1.0)),
            "a week later"
        );
    }

    #[test]
    fn what_comes_all_day_is_due_at_once() {
        let hours: Vec<f64> = (0..40).map(|n| 8.0 + f64::from(n) / 4.0).collect();
        let office = stream(0..30, &hours);
        assert!(office.is_due(gap(30, 10.3, 10.7)));
        assert!(office.is_due(gap(30, 10.3, 12.0)));
        assert!(!office.is_due(gap(30, 20.0, 26.0)), "in the night");
    }

    #[test]
    fn of_an_hour_with_much_mail_all_of_it_counts() {
        let at = |minutes: u32| START + MINUTE * minutes;
        let busy = |sent| {
            Rhythm::new(&[HourCount {
                start: START,
                sent,
                first_at: at(2),
                last_at: at(58),
            }])
        };
        assert!(busy(40).had_mail(Span::new(at(15), at(45))));
        assert!(!busy(2).had_mail(Span::new(at(15), at(45))));
    }

    #[test]
    fn of_what_nothing_is_known_it_is_not_said_that_it_is_early() {
        assert!(Rhythm::default().is_due(gap(0, 1.0, 2.0)));
        assert!(stream(0..1, &[1.0]).is_due(gap(0, 2.0, 3.0)));
    }
}
