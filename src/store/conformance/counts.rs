//! Spans whose messages are counted in place of their rows.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::model::{CountedSpan, DAY, HOUR, Kind, Span, StreamKey, Tag};
use crate::store::Database;

use super::{at, history, mail, poll, save, sent, shop, shop_outbound, span};

fn counted(from: i64, until: i64, sent: u64) -> CountedSpan {
    CountedSpan {
        span: span(from, until),
        sent,
        last_at: (sent > 0).then(|| at(until - 1)),
    }
}

fn count(b: &mut Database, from: i64, until: i64, sent: u64) {
    let counted = counted(from, until, sent);
    b.save_count(&shop_outbound(), None, &counted, counted.span)
        .expect("saved");
}

fn covered(b: &mut Database) -> Vec<Span> {
    let coverage = b.coverage(&shop_outbound(), Kind::Messages);
    coverage.expect("read").spans().to_vec()
}

fn counts(b: &mut Database) -> Vec<CountedSpan> {
    let all = span(-1_000_000, 1_000_000_000);
    b.counted_spans(&shop_outbound(), all).expect("read")
}

pub(super) fn a_count_takes_the_place_of_the_rows_in_its_span(b: &mut Database) {
    let mails = [5, 65, 70, 3700].map(|second| mail(&format!("m{second}"), at(second)));
    save(b, &mails, Some(span(0, 3800)));
    count(b, 60, 68, 20);
    count(b, 3600, 3720, 0);
    let parts = [(0, 60), (60, 68), (68, 120), (3600, 3800)].map(|(f, u)| span(f, u));
    let cuts = parts.map(|part| part.until);
    let known = history(b, span(0, 7200), &cuts);
    assert_eq!(parts.map(|part| known.sent.count(part)), [1, 20, 1, 0]);
    let hours: Vec<_> = known
        .hours
        .iter()
        .map(|h| (h.sent, h.first_at, h.last_at))
        .collect();
    assert_eq!(hours, [(22, at(5), at(70))]);
    assert_eq!(covered(b), [span(0, 3800)]);
}

pub(super) fn a_message_in_a_counted_span_gets_no_row(b: &mut Database) {
    count(b, 60, 120, 7);
    let mails = [59, 60, 119, 120].map(|second| mail(&format!("m{second}"), at(second)));
    assert_eq!(save(b, &mails, None), [0, 3]);
    assert_eq!(sent(b, 0, 180), 9);
}

pub(super) fn a_count_anew_leaves_the_rest_of_an_older_one_unknown(b: &mut Database) {
    count(b, 0, 60, 5);
    count(b, 60, 120, 6);
    count(b, 120, 180, 7);
    count(b, 60, 150, 10);
    assert_eq!(counts(b), [counted(0, 60, 5), counted(60, 150, 10)]);
    assert_eq!(covered(b), [span(0, 150)]);
}

pub(super) fn what_is_to_be_listed_is_not_counted(b: &mut Database) {
    count(b, 0, 60, 5);
    count(b, 60, 120, 6);
    b.forget_coverage(&shop_outbound(), Kind::Messages, span(60, 300))
        .expect("reopened");
    assert_eq!(
        (counts(b), covered(b)),
        (vec![counted(0, 60, 5)], vec![span(0, 60)])
    );
    b.forget_coverage(&shop_outbound(), Kind::Bounces, span(0, 60))
        .expect("reopened");
    b.forget_coverage(&shop_outbound(), Kind::Messages, span(30, 30))
        .expect("reopened");
    assert_eq!(covered(b), [span(0, 60)]);
    save(b, &[mail("m", at(61))], Some(span(60, 120)));
    assert_eq!((sent(b, 0, 120), covered(b)), (6, vec![span(0, 120)]));
}

pub(super) fn a_tag_is_counted_beside_all_mail(b: &mut Database) {
    count(b, 0, 3600, 500);
    let tag = Tag::from("receipt");
    let some = counted(0, 2700, 30);
    b.save_count(&shop_outbound(), Some(&tag), &some, some.span)
        .expect("saved");
    let range = span(0, 7200);
    let tags = b
        .history_with_tags(&shop_outbound(), range, &[])
        .expect("read")
        .tags;
    let of = &tags[&tag];
    assert_eq!((of.sent.count(range), of.hours.len()), (30, 1));
    assert_eq!(of.counted, [some]);
    assert_eq!((sent(b, 0, 7200), covered(b)), (500, vec![span(0, 3600)]));
    b.forget_coverage(&shop_outbound(), Kind::Messages, range)
        .expect("reopened");
    assert!(
        b.history_with_tags(&shop_outbound(), range, &[])
            .expect("read")
            .tags
            .is_empty()
    );
}

pub(super) fn old_counts_are_kept_by_the_hour(b: &mut Database) {
    let days = 5 * 24 * 3600;
    for from in [0, 1200, 2400, 3600, 4800, days, days + 1200] {
        count(b, from, from + 1200, 10);
    }
    let hour = 3600 * 10;
    count(b, hour - 1, hour + 7201, 4);
    b.prune(at(0), at(0) - DAY).expect("pruned");
    let wanted = [
        counted(0, 3600, 30),
        counted(3600, 6000, 20),
        counted(hour - 1, hour + 7201, 4),
        counted(days, days + 1200, 10),
        counted(days + 1200, days + 2400, 10),
    ];
    assert_eq!(counts(b), wanted);
    b.prune(at(0) + DAY, at(0) + DAY).expect("pruned");
    assert_eq!(counts(b), wanted[3..]);
}

pub(super) fn a_wrong_clock_leaves_no_count(b: &mut Database) {
    let before = b.server_state(&shop(), at(3600)).expect("known");
    let judgement = crate::store::CycleCommit {
        servers: vec![poll(&before, at(3600), true)],
        ..Default::default()
    };
    b.commit(&judgement).expect("committed");
    count(b, 0, 3600, 5);
    count(b, 3600, 8000, 6);
    b.rewind(at(7200)).expect("rewound");
    assert_eq!(
        (counts(b), covered(b)),
        (vec![counted(0, 3600, 5)], vec![span(0, 3600)])
    );
}

pub(super) fn history_begins_where_mail_was_counted(b: &mut Database) {
    b.server_state(&shop(), at(7200)).expect("started");
    count(b, 0, 3600, 0);
    count(b, 3600, 5400, 3);
    assert_eq!(history(b, span(0, 7200), &[]).first_seen_at, Some(at(3600)));
    assert_eq!(b.active_streams().expect("read"), [shop_outbound()]);
    let since = b.volume(&shop_outbound(), at(3600)).expect("read");
    assert_eq!(since.sent, 3);
}

pub(super) fn a_server_that_is_polled_no_more_is_not_active(b: &mut Database) {
    count(b, 0, 3600, 3);
    let mut cycle = |name: &str, now| {
        let state = b.server_state(&name.into(), at(0)).expect("known");
        let (_, state, row) = poll(&state, now, true);
        let commit = crate::store::CycleCommit {
            servers: vec![(name.into(), state, row)],
            ..Default::default()
        };
        b.commit(&commit).expect("committed");
        b.active_streams().expect("read")
    };
    assert_eq!(cycle("shop", at(3600)), [shop_outbound()]);
    assert_eq!(cycle("blog", at(3600) + 7 * DAY), [shop_outbound()]);
    assert_eq!(cycle("blog", at(3601) + 7 * DAY), []);
    assert_eq!(cycle("shop", at(3601) + 7 * DAY), [shop_outbound()]);
}

/// A step of the property: what is listed, counted or forgotten.
#[derive(Clone, Debug)]
enum Course {
    List(Vec<i64>),
    Count(i64, i64, u64),
    Forget(i64, i64),
}

fn course() -> impl Strategy<Value = Vec<Course>> {
    let second = 0i64..9_000;
    let step =
        prop_oneof![
            prop::collection::vec(second.clone(), 0..20).prop_map(Course::List),
            (second.clone(), 1i64..2_000, 0u64..1_000)
                .prop_map(|(from, length, sent)| Course::Count(from, from + length, sent)),
            (second, 1i64..2_000).prop_map(|(from, length)| Course::Forget(from, from + length)),
        ];
    prop::collection::vec(step, 1..12)
}

pub(super) fn any_course_of_listing_and_counting_counts_each_message_once(b: &mut Database) {
    let mut runner = TestRunner::new(Config::with_cases(40));
    let stream = std::cell::Cell::new(0);
    let cell = std::cell::RefCell::new(b);
    let result = runner.run(&course(), |course| {
        // Every course has a stream of its own.
        stream.set(stream.get() + 1);
        let stream = format!("s{}", stream.get()).as_str().into();
        let b = &mut **cell.borrow_mut();
        let (mut rows, mut windows) = (BTreeMap::new(), Vec::<(i64, i64, u64)>::new());
        let touch = |w: &(i64, i64, u64), from, until| w.0 < until && from < w.1;
        for step in course {
            match step {
                Course::List(seconds) => {
                    let mails = seconds.iter().map(|s| mail(&format!("m{s}"), at(*s)));
                    let mails: Vec<_> = mails.collect();
                    b.save_messages(&StreamKey::new(&shop(), &stream), &mails, None)
                        .expect("saved");
                    let free = |s: &&i64| windows.iter().all(|w| !touch(w, **s, **s + 1));
                    rows.extend(seconds.iter().filter(free).map(|s| (*s, ())));
                }
                Course::Count(from, until, n) => {
                    let counted = counted(from, until, n);
                    b.save_count(
                        &StreamKey::new(&shop(), &stream),
                        None,
                        &counted,
                        counted.span,
                    )
                    .expect("saved");
                    rows.retain(|s, ()| !(from..until).contains(s));
                    windows.retain(|w| !touch(w, from, until));
                    windows.push((from, until, n));
                }
                Course::Forget(from, until) => {
                    b.forget_coverage(
                        &StreamKey::new(&shop(), &stream),
                        Kind::Messages,
                        span(from, until),
                    )
                    .expect("reopened");
                    windows.retain(|w| !touch(w, from, until));
                }
            }
        }
        windows.sort_unstable();
        let range = Span::new(at(0), at(0) + 4 * HOUR);
        let known = b
            .history(&StreamKey::new(&shop(), &stream), range, &[])
            .expect("read");
        let total = rows.len() as u64 + windows.iter().map(|w| w.2).sum::<u64>();
        let spans = windows
            .iter()
            .map(|w| counted(w.0, w.1, w.2))
            .collect::<Vec<_>>();
        prop_assert_eq!(&known.counted, &spans);
        prop_assert_eq!(known.sent.count(range), total);
        prop_assert_eq!(known.hours.iter().map(|h| h.sent).sum::<u64>(), total);
        let claimed = crate::model::Coverage::from_spans(spans.iter().map(|c| c.span));
        prop_assert_eq!(known.messages, claimed);
        Ok(())
    });
    result.expect("each message once");
}
