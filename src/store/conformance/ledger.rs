//! Any batches, against the plainest model of what they mean.

use std::cell::{Cell, RefCell};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::model::{Coverage, Kind, MINUTE, Mail, Span, StreamId, StreamKey, Timestamp};
use crate::store::Database;

use super::{T0, mail, shop};

/// Ten minutes, in steps of a fifth of a second: many messages to a minute, many at one instant.
const STEPS: i64 = 3000;

fn step(step: i64) -> Timestamp {
    Timestamp(T0.0 + step * 200)
}

fn a_span() -> impl Strategy<Value = Span> {
    (0..=STEPS, 0..=STEPS).prop_map(|(a, b)| Span::new(step(a.min(b)), step(a.max(b))))
}

/// A message's id decides when it was sent, as at Postmark.
fn a_batch() -> impl Strategy<Value = Vec<Mail>> {
    let numbers = prop::collection::vec(0i64..80, 0..25);
    numbers.prop_map(|numbers| {
        numbers
            .into_iter()
            .map(|n| mail(&format!("m{n}"), step(n * n * 7919 % STEPS)))
            .collect()
    })
}

/// Gives each case of `strategy` a stream of its own, which is faster than a database of its own.
fn for_any<S: Strategy>(
    b: &mut Database,
    strategy: &S,
    fact: impl Fn(&mut Database, &StreamKey, S::Value) -> Result<(), TestCaseError>,
) {
    let config = Config {
        cases: 48,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..Config::default()
    };
    let backend = RefCell::new(b);
    let case = Cell::new(0);
    let checked = TestRunner::new(config).run(strategy, |value| {
        case.set(case.get() + 1);
        let stream = StreamId(format!("case-{}", case.get()));
        let stream = StreamKey::new(&shop(), &stream);
        fact(&mut backend.borrow_mut(), &stream, value)
    });
    if let Err(failure) = checked {
        panic!("{failure}");
    }
}

pub(super) fn any_batches_count_as_a_ledger_does(b: &mut Database) {
    let strategy = (
        prop::collection::vec(a_batch(), 0..5),
        prop::collection::vec(a_span(), 1..6),
        a_span(),
    );
    for_any(b, &strategy, |b, stream, (batches, spans, range)| {
        let mut ledger: Vec<Mail> = Vec::new();
        for batch in &batches {
            let saved = b.save_messages(stream, batch, None).expect("saved");
            let mut new = Vec::new();
            for (index, mail) in batch.iter().enumerate() {
                if ledger.iter().all(|known| known.id != mail.id) {
                    ledger.push(mail.clone());
                    new.push(index);
                }
            }
            prop_assert_eq!(saved, new);
        }
        let in_ledger = |span: Span| {
            let inside = ledger.iter().filter(|m| span.contains(m.sent_at));
            inside.count() as u64
        };
        let cuts: Vec<Timestamp> = spans.iter().flat_map(|s| [s.from, s.until]).collect();
        let known = b.history(stream, range, &cuts).expect("read");
        for span in spans.iter().map(|s| s.intersect(range)).chain([range]) {
            prop_assert_eq!(known.sent.count(span), in_ledger(span), "{}", span);
        }
        let mut minute = Span::new(range.from.ceil(MINUTE), range.from.ceil(MINUTE) + MINUTE);
        while minute.until <= range.until {
            prop_assert_eq!(known.sent.count(minute), in_ledger(minute), "{}", minute);
            minute = Span::new(minute.until, minute.until + MINUTE);
        }
        let oldest = ledger.iter().map(|m| m.sent_at).min();
        prop_assert_eq!(
            known.hours.first().map(|h| h.first_at),
            oldest.filter(|_| range.until > T0)
        );
        Ok(())
    });
}

pub(super) fn any_claims_are_a_coverage(b: &mut Database) {
    let strategy = prop::collection::vec(a_span(), 0..10);
    for_any(b, &strategy, |b, stream, claims| {
        for claim in &claims {
            b.save_messages(stream, &[], Some(*claim)).expect("claimed");
        }
        let stored = b.coverage(stream, Kind::Messages).expect("read");
        prop_assert_eq!(stored, Coverage::from_spans(claims));
        Ok(())
    });
}
