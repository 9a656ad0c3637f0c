//! When the account could send nothing, since Postmark refused everything: no mail was due then.

use std::borrow::Cow;
use std::time::Duration;

use super::{Coverage, HOUR, History, Span};

impl History {
    /// Returns when no mail was due, of times in which polls found the account not active: each from the first poll that was refused
    /// to the first that was answered.
    ///
    /// The account was suspended before the first of them: where mail was sent within the hour before, from the last of it on. It was
    /// active again before the last: the first mail ends the time. What was never read is unknown, and no such time.
    pub fn inactive_times(&self, refused: &[Span]) -> Coverage {
        let times = refused.iter().map(|refused| {
            let next = self.hours.partition_point(|h| h.last_at < refused.from);
            let last = next.checked_sub(1).map(|before| self.hours[before].last_at);
            let next = self.hours.get(next);
            // Of an hour with mail on both sides it is not known which was the last before.
            let is_divided = next.is_some_and(|h| h.first_at < refused.from);
            let last = last.filter(|last| !is_divided && *last + HOUR >= refused.from);
            let back = next.map(|h| if is_divided { h.last_at } else { h.first_at });
            Span::new(
                last.unwrap_or(refused.from),
                back.map_or(refused.until, |back| back.min(refused.until)),
            )
        });
        let times = times.filter(|time| time.from < time.until);
        Coverage::from_spans(times).intersect(&self.messages)
    }

    /// Returns the parts of `span` in which mail was due as usual, in order.
    pub fn due_parts(&self, span: Span) -> Vec<Span> {
        self.inactive.holes(span)
    }

    /// Returns the length of the longest of them. After a time in which the account could send nothing a gap begins anew: what was due
    /// then is not missed.
    pub fn longest_due(&self, span: Span) -> Duration {
        let lengths = self.due_parts(span).into_iter().map(Span::length);
        lengths.max().unwrap_or_default()
    }

    /// Whether mail was due throughout `span`.
    pub fn is_due_throughout(&self, span: Span) -> bool {
        self.inactive.parts(span).next().is_none()
    }

    /// Returns of which times it is known what was sent: where messages were covered, and where none were due.
    pub fn known_sending(&self) -> Cow<'_, Coverage> {
        let mut known = Cow::Borrowed(&self.messages);
        for time in self.inactive.spans() {
            known.to_mut().insert(*time);
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HourCount, MINUTE, Timestamp};

    fn at(hours: u32, minutes: u32) -> Timestamp {
        Timestamp::from_secs(1_772_496_000) + HOUR * hours + MINUTE * minutes
    }

    /// Mail at these times, of which all is known from 00:00 to 48:00.
    fn history(sent: &[(u32, u32, u32)]) -> History {
        let hours = sent.iter().map(|(hour, first, last)| HourCount {
            start: at(*hour, 0),
            sent: 2,
            first_at: at(*hour, *first),
            last_at: at(*hour, *last),
        });
        History {
            first_seen_at: Some(at(0, 0)),
            messages: Coverage::from_spans([Span::new(at(0, 0), at(48, 0))]),
            hours: hours.collect(),
            ..History::default()
        }
    }

    #[test]
    fn no_mail_was_due_from_the_last_before_the_account_was_suspended_to_the_first_after() {
        let refused = Span::new(at(10, 0), at(15, 0));
        let times = |sent: &[(u32, u32, u32)]| {
            let times = history(sent).inactive_times(&[refused]);
            times.spans().to_vec()
        };
        let suspended = times(&[(9, 2, 58), (16, 5, 50)]);
        assert_eq!(suspended, [Span::new(at(9, 58), at(15, 0))]);
        let stopped_before = times(&[(8, 2, 30)]);
        assert_eq!(stopped_before, [refused]);
        let back_before_a_poll_saw_it = times(&[(9, 2, 58), (14, 10, 59)]);
        assert_eq!(
            back_before_a_poll_saw_it,
            [Span::new(at(9, 58), at(14, 10))]
        );
        assert_eq!(times(&[]), [refused]);
    }

    #[test]
    fn a_poll_within_an_hour_with_mail_on_both_sides_says_no_more_than_that() {
        let refused = Span::new(at(9, 30), at(15, 0));
        let times = history(&[(9, 2, 58)]).inactive_times(&[refused]);
        assert_eq!(times.spans(), [Span::new(at(9, 30), at(9, 58))]);
    }

    #[test]
    fn what_was_never_read_is_unknown() {
        let mut history = history(&[(9, 2, 58)]);
        history.messages = Coverage::from_spans([Span::new(at(0, 0), at(12, 0))]);
        let open = Span::new(at(10, 0), Timestamp::MAX);
        let times = history.inactive_times(&[open]);
        assert_eq!(times.spans(), [Span::new(at(9, 58), at(12, 0))]);
    }

    #[test]
    fn what_teaches_is_the_rest() {
        let mut history = history(&[(9, 2, 58), (16, 5, 50)]);
        history.inactive = Coverage::from_spans([Span::new(at(9, 58), at(15, 0))]);
        let whole = Span::new(at(9, 0), at(17, 0));
        let parts = [
            Span::new(at(9, 0), at(9, 58)),
            Span::new(at(15, 0), at(17, 0)),
        ];
        assert_eq!(history.due_parts(whole), parts);
        assert_eq!(history.longest_due(whole), 2 * HOUR);
        assert!(!history.is_due_throughout(whole));
        let learned = history.without_outages(at(20, 0));
        assert_eq!(learned.messages.parts(whole).collect::<Vec<_>>(), parts);
        assert!(learned.known_sending().covers(whole));
    }
}
