//! Mail sent by SMTP that Postmark refused: it became no message, so that it looks like nothing everywhere else.

use std::time::Duration;

use crate::model::{
    DAY, Evidence, Finding, MINUTE, Rule, Severity, SmtpErrorDay, SmtpErrorEvidence, Span,
    Timestamp, Verdict,
};

/// How often the statistics are read.
const CHECK_INTERVAL: Duration = Duration::from_secs(6 * 3_600);
/// How much earlier than it is due they are read: cycles do not begin on the second.
const EARLINESS: Duration = MINUTE.saturating_mul(5);
/// Statistics that are older say nothing of the present.
const MAX_AGE: Duration = DAY;
/// A problem is over when its day's errors did not rise for so long: twice the time between two readings.
const OVER_AFTER: Duration = CHECK_INTERVAL.saturating_mul(2);
/// How long after its beginning a day is judged: its errors may become known on the day after.
const JUDGED_FOR: Duration = Duration::from_secs(49 * 3_600);
/// How far back the days lie that tell what is usual, and how many there must be at least.
const USUAL_REACH: Duration = Duration::from_secs(28 * 86_400 + 2 * 3_600);
const MIN_USUAL_DAYS: usize = 7;
/// Fewer errors on a day are never a problem.
const FLOOR: u64 = 10;
/// So many times a bad day's errors are more than usual.
const FACTOR: f64 = 2.0;
/// A bad day is the third worst: two outages among the days before do not make a third one usual, and the weekly run does.
const BAD_DAYS: usize = 3;

/// Whether Postmark's statistics are to be read again at `at`. The first six hours after the first start belong to the mail.
pub fn is_statistics_due(days: &[SmtpErrorDay], first_start: Timestamp, at: Timestamp) -> bool {
    let last = days.iter().map(|day| day.asked_at).max();
    at.since(last.unwrap_or(first_start)) + EARLINESS >= CHECK_INTERVAL
}

/// Returns the days as they are known after they were `read` at `at`, each with its errors and what was sent on it.
pub fn join_statistics(
    known: &[SmtpErrorDay],
    read: &[(Timestamp, u64, u64)],
    at: Timestamp,
) -> Vec<SmtpErrorDay> {
    let join = |(day, errors, sent): &(Timestamp, u64, u64)| {
        let before = known.iter().find(|known| known.day == *day);
        // What was there before anybody looked is no news.
        let has_risen = !known.is_empty() && *errors > before.map_or(0, |before| before.errors);
        let risen_at = before.and_then(|before| before.risen_at);
        SmtpErrorDay {
            day: *day,
            errors: *errors,
            sent: *sent,
            risen_at: if has_risen { Some(at) } else { risen_at },
            asked_at: at,
        }
    };
    read.iter().map(join).collect()
}

/// Returns the finding of `smtp_errors` at `at`, from `days` in their order.
pub fn evaluate_smtp_errors(days: &[SmtpErrorDay], at: Timestamp) -> Finding {
    let asked_at = days.iter().map(|day| day.asked_at).max();
    let is_fresh = asked_at.is_some_and(|asked| asked <= at && at.since(asked) <= MAX_AGE);
    let recent = days
        .iter()
        .filter(|day| day.day <= at && at.since(day.day) < JUDGED_FOR);
    let judged: Vec<Judged> = recent.map(|day| judge(days, day, at)).collect();
    let over = judged.iter().filter(|day| day.verdict == Verdict::Breach);
    let worst = over.max_by_key(|day| day.evidence.errors);
    let shown = worst.or(judged.last()).filter(|_| is_fresh);
    let (verdict, evidence) = match shown {
        Some(shown) => (shown.verdict, shown.evidence.clone()),
        None => (Verdict::Unknown, nothing(asked_at, at)),
    };
    let evidence = Evidence::SmtpErrors(evidence);
    Finding::new(Rule::SmtpErrors, verdict, Severity::Warn, evidence)
}

struct Judged {
    verdict: Verdict,
    evidence: SmtpErrorEvidence,
}

fn judge(days: &[SmtpErrorDay], day: &SmtpErrorDay, at: Timestamp) -> Judged {
    // Before its first mail a server has no usual days.
    let begins = days.iter().position(|day| day.sent + day.errors > 0);
    let past = days[begins.unwrap_or(days.len())..]
        .iter()
        .filter(|past| past.day < day.day && past.day + USUAL_REACH >= day.day);
    let (mut errors, mut sent): (Vec<u64>, Vec<u64>) =
        past.map(|past| (past.errors, past.sent)).unzip();
    errors.sort_unstable_by(|a, b| b.cmp(a));
    sent.sort_unstable();
    let usual_high = errors.get(BAD_DAYS - 1).copied().unwrap_or(0);
    // More mail brings more errors.
    let usual_sent = sent.get(sent.len() / 2).copied().unwrap_or(0).max(1);
    let growth = (day.sent as f64 / usual_sent as f64).max(1.0);
    let limit = FACTOR * growth * usual_high as f64;
    let limit = FLOOR.max((limit.floor() as u64).saturating_add(1));
    let rises = day.risen_at.filter(|risen| *risen <= at);
    let rises = rises.is_some_and(|risen| at.since(risen) < OVER_AFTER);
    let verdict = match (errors.len() >= MIN_USUAL_DAYS, rises && day.errors >= limit) {
        (false, _) => Verdict::Unknown,
        (true, true) => Verdict::Breach,
        (true, false) => Verdict::Within,
    };
    Judged {
        verdict,
        evidence: SmtpErrorEvidence {
            day: Span::new(day.day, (day.day + DAY).min(at).max(day.day)),
            errors: day.errors,
            sent: day.sent,
            usual: errors.get(errors.len() / 2).copied().unwrap_or(0),
            usual_high,
            limit,
            risen_at: day.risen_at,
            asked_at: Some(day.asked_at),
        },
    }
}

const fn nothing(asked_at: Option<Timestamp>, at: Timestamp) -> SmtpErrorEvidence {
    SmtpErrorEvidence {
        day: Span::new(at, at),
        errors: 0,
        sent: 0,
        usual: 0,
        usual_high: 0,
        limit: FLOOR,
        risen_at: None,
        asked_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HOUR;

    /// Midnight in New York.
    const TODAY: Timestamp = Timestamp::from_secs(1_772_514_000);
    const NOON: Timestamp = Timestamp::from_secs(1_772_514_000 + 12 * 3_600);

    /// The days before today with so many errors, the last of them yesterday's, and today's; each with 100 messages sent.
    fn days(past: &[u64], today: u64) -> Vec<SmtpErrorDay> {
        let day = |ago: usize, errors| SmtpErrorDay {
            day: TODAY - DAY * u32::try_from(ago).expect("few"),
            errors,
            sent: 100,
            risen_at: None,
            asked_at: NOON,
        };
        let past = past.iter().rev().enumerate().map(|(i, n)| day(i + 1, *n));
        let mut all: Vec<SmtpErrorDay> = past.collect();
        all.reverse();
        all.push(SmtpErrorDay {
            risen_at: Some(NOON),
            ..day(0, today)
        });
        all
    }

    fn verdict(days: &[SmtpErrorDay], at: Timestamp) -> Verdict {
        evaluate_smtp_errors(days, at).verdict
    }

    #[test]
    fn a_day_breaks_it_that_is_worse_than_its_own_bad_days() {
        use Verdict::{Breach, Unknown, Within};
        for (past, today, expected) in [
            (&[0; 28][..], 9, Within),
            (&[0; 28], 10, Breach),
            (&[3; 28], 10, Breach),
            (&[8; 28], 16, Within),
            (&[8; 28], 17, Breach),
            // An outage or two are not usual; what comes each week is.
            (&[0, 0, 900, 0, 900, 0, 0], 10, Breach),
            (&[0, 90, 0, 0, 90, 0, 0, 90], 180, Within),
            (&[0; 6], 500, Unknown),
            (&[], 500, Unknown),
        ] {
            assert_eq!(
                verdict(&days(past, today), NOON),
                expected,
                "{past:?}, {today}"
            );
        }
    }

    #[test]
    fn more_mail_may_bring_more_errors() {
        let mut days = days(&[20; 28], 150);
        assert_eq!(verdict(&days, NOON), Verdict::Breach);
        days[28].sent = 400;
        assert_eq!(verdict(&days, NOON), Verdict::Within);
    }

    #[test]
    fn days_before_the_first_mail_tell_nothing() {
        let mut days = days(&[0; 28], 500);
        for day in &mut days[..22] {
            day.sent = 0;
        }
        assert_eq!(verdict(&days, NOON), Verdict::Unknown);
    }

    #[test]
    fn it_is_over_when_the_errors_no_longer_rise() {
        let mut days = days(&[0; 28], 50);
        assert_eq!(verdict(&days, NOON + 11 * HOUR), Verdict::Breach);
        assert_eq!(verdict(&days, NOON + 12 * HOUR), Verdict::Within);
        // What was there before anybody looked is no news, nor are statistics from long ago.
        days[28].risen_at = None;
        assert_eq!(verdict(&days, NOON), Verdict::Within);
        assert_eq!(verdict(&days, NOON + 25 * HOUR), Verdict::Unknown);
        assert_eq!(verdict(&days, NOON - HOUR), Verdict::Unknown);
    }

    #[test]
    fn what_became_known_of_yesterday_is_judged_today() {
        let mut days = days(&[0; 28], 0);
        days[27].errors = 40;
        days[27].risen_at = Some(NOON);
        assert_eq!(verdict(&days, NOON), Verdict::Breach);
    }

    #[test]
    fn errors_rise_from_the_second_reading_on() {
        let yesterday = TODAY - DAY;
        let first = join_statistics(&[], &[(yesterday, 40, 9), (TODAY, 2, 1)], NOON);
        assert!(first.iter().all(|day| day.risen_at.is_none()), "{first:?}");
        let again = join_statistics(&first, &[(yesterday, 40, 9), (TODAY, 3, 1)], NOON + HOUR);
        let risen: Vec<_> = again.iter().map(|day| day.risen_at).collect();
        assert_eq!(risen, [None, Some(NOON + HOUR)]);
        let next = [(TODAY, 3, 1), (TODAY + DAY, 1, 0), (TODAY + 2 * DAY, 0, 0)];
        let later = join_statistics(&again, &next, NOON + DAY);
        let risen: Vec<_> = later.iter().map(|day| day.risen_at).collect();
        assert_eq!(risen, [Some(NOON + HOUR), Some(NOON + DAY), None]);
    }

    #[test]
    fn they_are_read_every_six_hours_and_not_at_first() {
        assert!(!is_statistics_due(&[], TODAY, TODAY + 5 * HOUR));
        assert!(is_statistics_due(&[], TODAY, TODAY + 6 * HOUR));
        let days = days(&[], 0);
        assert!(!is_statistics_due(&days, TODAY, NOON + 5 * HOUR));
        assert!(is_statistics_due(&days, TODAY, NOON + 6 * HOUR - MINUTE));
    }
}
