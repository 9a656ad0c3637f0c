//! A span of time whose messages were counted, not listed.

use super::{HOUR, HourCount, MINUTE, Span, Timestamp};

/// What is known of a span whose messages were counted: how many, and the last. Nothing is known of a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedSpan {
    /// The span, in whole seconds.
    pub span: Span,
    /// Messages sent in it.
    pub sent: u64,
    /// When the last of them was sent, inside the span; `None` where there was none.
    pub last_at: Option<Timestamp>,
}

impl CountedSpan {
    /// What it adds to each hour of the clock. Where it reaches over several, the messages before its last one are spread
    /// evenly over the time before that one.
    pub fn hours(&self) -> Vec<HourCount> {
        let mut hours = Vec::new();
        let Some(last) = self.last_at.filter(|_| self.sent > 0) else {
            return hours;
        };
        let before = Span::new(self.span.from, last.max(self.span.from));
        let (mut from, mut spread) = (before.from, 0);
        loop {
            let start = from.floor(HOUR);
            let end = start + HOUR;
            let is_last = last < end;
            let sent = if is_last {
                self.sent - spread
            } else {
                share(self.sent - 1, Span::new(before.from, end), before) - spread
            };
            spread += sent;
            if sent > 0 {
                hours.push(HourCount {
                    start,
                    sent,
                    first_at: if self.sent == 1 { last } else { from },
                    last_at: if is_last { last } else { Timestamp(end.0 - 1) },
                });
            }
            if is_last {
                return hours;
            }
            from = end;
        }
    }
}

/// The part of `count` that falls on `part` of `whole`.
fn share(count: u64, part: Span, whole: Span) -> u64 {
    let length = whole.length().as_millis().max(1);
    let within = part.intersect(whole).length().as_millis();
    u64::try_from(u128::from(count) * within / length).unwrap_or(count)
}

/// Adds the hours of counted spans to those of listed mail; both are in order, and so is the result.
pub fn merge_hours(listed: Vec<HourCount>, counted: &[CountedSpan]) -> Vec<HourCount> {
    if counted.is_empty() {
        return listed;
    }
    add_hours(listed, counted.iter().flat_map(CountedSpan::hours))
}

/// Adds up two lists of hours, likewise.
pub fn add_hours(
    mut hours: Vec<HourCount>,
    more: impl IntoIterator<Item = HourCount>,
) -> Vec<HourCount> {
    hours.extend(more);
    hours.sort_by_key(|hour| hour.start);
    hours.dedup_by(|next, kept| {
        let same = next.start == kept.start;
        if same {
            kept.sent += next.sent;
            kept.first_at = kept.first_at.min(next.first_at);
            kept.last_at = kept.last_at.max(next.last_at);
        }
        same
    });
    hours
}

/// The last part of what a poll saw: the index may still lack some of it, so the next poll asks for it again.
pub const UNSETTLED: std::time::Duration = MINUTE.saturating_mul(15);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_message_is_lost_or_added_when_a_count_is_spread_over_hours(
            from in -4_000i64..4_000, length in 1i64..12_000, sent in 0u64..1_000_000, last in 0i64..12_000_000,
        ) {
            let span = Span::new(Timestamp::from_secs(from), Timestamp::from_secs(from + length));
            let last = Timestamp(span.from.0 + last % (length * 1000));
            let counted = CountedSpan { span, sent, last_at: (sent > 0).then_some(last) };
            let hours = counted.hours();
            prop_assert_eq!(hours.iter().map(|h| h.sent).sum::<u64>(), sent);
            prop_assert_eq!(hours.last().map(|h| h.last_at), counted.last_at);
            prop_assert!(hours.iter().all(|h| h.sent > 0 && h.first_at <= h.last_at));
            prop_assert!(hours.iter().all(|h| h.start == h.first_at.floor(HOUR) && h.start == h.last_at.floor(HOUR)));
            prop_assert!(hours.iter().all(|h| span.contains(h.first_at) && span.contains(h.last_at)));
        }
    }

    #[test]
    fn hours_that_were_listed_in_part_are_whole_with_what_was_counted() {
        let at = Timestamp::from_secs;
        let listed = vec![HourCount {
            start: at(3600),
            sent: 2,
            first_at: at(3700),
            last_at: at(3800),
        }];
        let counted = [
            CountedSpan {
                span: Span::new(at(0), at(3600)),
                sent: 7,
                last_at: Some(at(3000)),
            },
            CountedSpan {
                span: Span::new(at(5000), at(6000)),
                sent: 5,
                last_at: Some(at(5500)),
            },
        ];
        let merged = merge_hours(listed, &counted);
        let notified: Vec<_> = merged
            .iter()
            .map(|h| (h.sent, h.first_at, h.last_at))
            .collect();
        assert_eq!(notified, [(7, at(0), at(3000)), (7, at(3700), at(5500))]);
    }
}
