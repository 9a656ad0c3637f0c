//! Mail by the million: steady traffic whose every mail is computed from its number, so that none is stored.

use std::ops::Range;
use std::time::Duration;

use crate::model::{HOUR, Span, Timestamp};

use super::derive;
use super::ledger::{Entry, Form};
use super::mail::Mail;

/// The maximum time from sending a mail to its bounce.
const MAX_BOUNCE_DELAY: Duration = Duration::from_secs(6);
/// The first bounce id: above those of stored mail, below 2⁵³.
const FIRST_BOUNCE_ID: i64 = 1 << 50;
/// The bits of a mail's number within its traffic.
const NUMBER_BITS: u32 = 34;
/// The scale of shares.
const SHARE_SCALE: u64 = 100_000;

/// A number of mails per hour at nearly equal gaps, delivered after some seconds.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    /// The span of sending. Cutting it does not change the remaining mails.
    pub(super) span: Span,
    /// The instant from which the mails are numbered.
    origin: Timestamp,
    per_hour: u64,
    seed: u64,
    /// The index within the stream.
    nth: u32,
    /// The tags; every third mail has none.
    tags: Vec<u16>,
    /// The spans with a share that bounces, and the bounce type; the last matching one counts.
    bounces: Vec<(Span, u64, String)>,
}

impl Traffic {
    pub(super) fn new(span: Span, per_hour: u32, nth: u32, tags: Vec<u16>) -> Self {
        Self {
            span,
            origin: span.from,
            per_hour: u64::from(per_hour.max(1)),
            seed: derive::mix(u64::from(nth) ^ span.from.0.cast_unsigned()),
            nth,
            tags,
            bounces: Vec::new(),
        }
    }

    /// Makes a share (0 to 1) of the mails sent in `span` bounce with this type.
    pub(super) fn bounce(&mut self, span: Span, share: f64, kind: &str) {
        let share = (share.clamp(0.0, 1.0) * SHARE_SCALE as f64) as u64;
        self.bounces.push((span, share, kind.to_owned()));
    }

    /// Returns the parts of the traffic outside `span`.
    pub(super) fn without(&self, span: Span) -> impl Iterator<Item = Self> + '_ {
        let before = Span::new(self.span.from, self.span.until.min(span.from));
        let after = Span::new(self.span.from.max(span.until), self.span.until);
        let left = [before, after].into_iter().filter(|part| !part.is_empty());
        left.map(|span| Self {
            span,
            ..self.clone()
        })
    }

    /// Returns the mails sent in `span`, oldest first.
    pub(super) fn entries<'a>(
        &'a self,
        span: Span,
        stream: &'a str,
        tags: &'a [String],
    ) -> impl Iterator<Item = Entry> + 'a {
        self.numbers(span)
            .map(move |number| self.entry(number, stream, tags))
    }

    /// Returns the mails that may have bounced in `span`, oldest first, each with its index among all mails of the stream.
    pub(super) fn bounced<'a>(
        &'a self,
        span: Span,
        stream: &'a str,
        tags: &'a [String],
    ) -> impl Iterator<Item = (u64, Mail)> + 'a {
        let sent = Span::new(span.from - MAX_BOUNCE_DELAY, span.until);
        self.numbers(sent).filter_map(move |number| {
            self.bounce_kind(number)?;
            let place = u64::from(self.nth + 1) << NUMBER_BITS | number;
            match self.entry(number, stream, tags).form {
                Form::Full(mail) => Some((place, *mail)),
                Form::Plain { .. } => None,
            }
        })
    }

    /// Returns the numbers of the mails sent in `span`.
    fn numbers(&self, span: Span) -> Range<u64> {
        let span = span.intersect(self.span);
        self.first(span.from)..self.first(span.until)
    }

    /// Returns the number of the first mail sent at `at` or later.
    fn first(&self, at: Timestamp) -> u64 {
        let since = u128::try_from(at.0.saturating_sub(self.origin.0)).unwrap_or(0);
        let about = since * u128::from(self.per_hour) / HOUR.as_millis();
        let number = u64::try_from(about).unwrap_or(u64::MAX);
        number + u64::from(self.sent_at(number) < at)
    }

    /// Returns when a mail is sent: at a random time within its own gap.
    fn sent_at(&self, number: u64) -> Timestamp {
        let hour = HOUR.as_millis();
        let within = u128::from(self.draw(number)) % hour;
        let offset = (u128::from(number) * hour + within) / u128::from(self.per_hour);
        Timestamp(self.origin.0 + i64::try_from(offset).unwrap_or(i64::MAX / 2))
    }

    const fn draw(&self, number: u64) -> u64 {
        derive::mix(self.seed ^ number)
    }

    /// Returns the bounce type of a mail, if it bounces.
    fn bounce_kind(&self, number: u64) -> Option<&str> {
        if self.bounces.is_empty() {
            return None;
        }
        let at = self.sent_at(number);
        let (_, share, kind) = self.bounces.iter().rev().find(|b| b.0.contains(at))?;
        (derive::mix(self.draw(number)) % SHARE_SCALE < *share).then_some(kind)
    }

    fn entry(&self, number: u64, stream: &str, tags: &[String]) -> Entry {
        let (sent_at, seed) = (self.sent_at(number), self.draw(number));
        let place = usize::try_from(number / 3).unwrap_or(0);
        let tag = (!number.is_multiple_of(3))
            .then(|| place.checked_rem(self.tags.len()))
            .flatten()
            .and_then(|place| self.tags.get(place).copied());
        let delay = 1_000 + seed % 5_000;
        let form = match self.bounce_kind(number) {
            None => Form::Plain {
                tag,
                delivery_ms: u32::try_from(delay).ok(),
            },
            Some(kind) => {
                let name = tag.and_then(|place| tags.get(usize::from(place)));
                let mut mail = derive::mail(stream, sent_at, seed, name, None);
                let id = i64::from(self.nth) << NUMBER_BITS | number.cast_signed();
                let at = sent_at + Duration::from_millis(delay);
                mail.bounce_last(FIRST_BOUNCE_ID + id, kind, at);
                Form::Full(Box::new(mail))
            }
        };
        Entry {
            sent_at,
            seed,
            lag_ms: derive::index_lag_ms(seed),
            form,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_part_of_a_flow_is_what_the_whole_sends_in_it(
            per_hour in 1u32..2_000, from in 0i64..7_200_000, length in 0i64..7_200_000, cut in 0i64..14_400_000,
        ) {
            let whole = Span::new(Timestamp(1_000_000), Timestamp(1_000_000 + 14_400_000));
            let mut flow = Traffic::new(whole, per_hour, 0, Vec::new());
            flow.bounce(whole, 0.1, "HardBounce");
            let part = Span::new(whole.from + Duration::from_millis(from.unsigned_abs()), Timestamp(1_000_000 + from + length));
            let sent = |flow: &Traffic, span| flow.entries(span, "s", &[]).map(|e| (e.sent_at, e.seed)).collect::<Vec<_>>();
            let all = sent(&flow, whole);
            prop_assert_eq!(all.len() as u64, u64::from(per_hour) * 4);
            prop_assert!(all.is_sorted() && all.iter().all(|(at, _)| whole.contains(*at)));
            let wanted: Vec<_> = all.iter().copied().filter(|(at, _)| part.contains(*at)).collect();
            prop_assert_eq!(sent(&flow, part), wanted);
            let gone = Span::new(part.from, Timestamp(1_000_000 + cut).max(part.from));
            let left: Vec<_> = flow.without(gone).flat_map(|f| sent(&f, whole)).collect();
            let wanted: Vec<_> = all.into_iter().filter(|(at, _)| !gone.contains(*at)).collect();
            prop_assert_eq!(left, wanted);
        }
    }
}
