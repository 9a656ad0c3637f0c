//! Past weeks of the sample as one value each: whatever is packed, what is told of it is what its rows say.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::model::{
    DAY, HOUR, History, MINUTE, SampledMessage, Span, StreamKey, Timestamp, WEEK, digest_delivered,
    split_by_week,
};
use crate::store::sql::{Scope, Value};
use crate::store::{Database, SampleCandidate};

use super::{T0, shop, shop_outbound};

/// The beginning of the first whole week after [`T0`].
fn begin() -> Timestamp {
    T0.ceil(WEEK)
}

/// Of all that is written here.
fn end() -> Timestamp {
    T0 + DAY * 65
}

/// Follows a message of each hour, of which nothing is known.
fn follow(b: &mut Database, stream: &StreamKey, from: Timestamp, hours: u32) {
    let draws = (0..hours).map(|hour| {
        let sent_at = from + HOUR * hour + MINUTE;
        SampleCandidate {
            id: format!("m{}", sent_at.0),
            sent_at,
            tag: None,
            recipient: "someone@example.com".to_owned(),
        }
    });
    let draws: Vec<_> = draws.collect();
    b.add_samples(stream, &draws).expect("followed");
}

/// Runs a statement on the database, as another version might.
fn run(b: &mut Database, sql: &'static str, values: &[Value<'_>]) -> u64 {
    let changed = b.write(Scope::All, |s| s.execute_many(sql, &[values]));
    changed.expect("written").into_iter().sum()
}

/// All but every ninth message that was sent in `span` is delivered.
fn deliver(b: &mut Database, stream: &StreamKey, from: Timestamp, hours: u32) {
    let sql =
        "UPDATE followed SET delivered_at = sent_at + 2000, checked_at = sent_at + 60000, open = 0
        WHERE sent_at >= ?1 AND sent_at < ?2 AND sent_at / 3600000 % 9 <> 0
            AND stream IN (SELECT key FROM streams WHERE id = ?3)";
    let until = from + HOUR * hours;
    let id = Value::from(&stream.stream().0);
    run(b, sql, &[Value::from(from), Value::from(until), id]);
}

fn read(b: &mut Database, stream: &StreamKey) -> History {
    b.history(stream, Span::new(T0 + DAY, end()), &[])
        .expect("read")
}

fn pack(b: &mut Database, stream: &StreamKey) {
    b.pack_samples(stream, end()).expect("packed");
}

/// The weeks that are packed.
fn packed(b: &mut Database, stream: &StreamKey) -> Vec<Timestamp> {
    let sql = "SELECT p.week FROM packed_samples p JOIN streams t ON t.key = p.stream
        WHERE t.server = ?1 AND t.id = ?2 ORDER BY p.week";
    let of = [
        Value::from(&stream.server().0),
        Value::from(&stream.stream().0),
    ];
    let found = b.read(|s| s.rows(sql, &of, |row| row.get(0)));
    found.expect("read")
}

/// What the rows of a stream say.
fn rows(b: &mut Database, stream: &StreamKey) -> Vec<SampledMessage> {
    let sql = "SELECT f.sent_at, f.checked_at, f.delivered_at, f.bounced_at, f.queued, f.open FROM followed f
        JOIN streams t ON t.key = f.stream WHERE t.server = ?1 AND t.id = ?2 ORDER BY f.sent_at";
    let of = [
        Value::from(&stream.server().0),
        Value::from(&stream.stream().0),
    ];
    let found = b.read(|s| {
        s.rows(sql, &of, |row| {
            let mail = SampledMessage {
                sent_at: row.get(0)?,
                checked_at: row.get(1)?,
                delivered_at: row.get(2)?,
                bounced_at: row.get(3)?,
                queued: row.get(4)?,
                ..SampledMessage::default()
            };
            let unreadable = !row.get::<bool>(5)? && !mail.is_read();
            Ok(SampledMessage { unreadable, ..mail })
        })
    });
    found.expect("read")
}

/// Whether a history tells what the rows say, and the digests it knows are those of its mail.
fn is_exact(b: &mut Database, stream: &StreamKey) -> Result<(), TestCaseError> {
    let known = read(b, stream);
    prop_assert_eq!(&known.sampled, &rows(b, stream));
    for (week, of_week) in split_by_week(&known.sampled, |mail| mail.sent_at) {
        if let Some(digest) = known.packed_samples.digest(week) {
            prop_assert_eq!(digest, digest_delivered(of_week), "{}", week);
        }
    }
    Ok(())
}

/// A step of the property; times are hours after [`T0`].
#[derive(Clone, Debug)]
enum Course {
    Follow { from: u32, hours: u32 },
    Deliver { from: u32, hours: u32 },
    GiveUp { from: u32 },
    Prune { from: u32 },
    Pack { until: u32 },
    Rewind { to: u32 },
}

fn course() -> impl Strategy<Value = Vec<Course>> {
    let (from, hours) = (0u32..1000, 20u32..500);
    let part = (from.clone(), hours);
    let step = prop_oneof![
        3 => part.clone().prop_map(|(from, hours)| Course::Follow { from, hours }),
        4 => part.prop_map(|(from, hours)| Course::Deliver { from, hours }),
        1 => from.clone().prop_map(|from| Course::GiveUp { from }),
        1 => from.clone().prop_map(|from| Course::Prune { from }),
        4 => (200u32..1400).prop_map(|until| Course::Pack { until }),
        1 => from.prop_map(|to| Course::Rewind { to }),
    ];
    prop::collection::vec(step, 2..9)
}

fn step(b: &mut Database, stream: &StreamKey, step: &Course) {
    let at = |hours: u32| T0 + HOUR * hours;
    match *step {
        Course::Follow { from, hours } => follow(b, stream, at(from), hours),
        Course::Deliver { from, hours } => deliver(b, stream, at(from), hours),
        Course::GiveUp { from } => {
            b.open_samples(stream, at(from)).expect("given up");
        }
        Course::Prune { from } => b.prune(at(from), T0).expect("pruned"),
        Course::Pack { until } => b.pack_samples(stream, at(until)).expect("packed"),
        Course::Rewind { to } => b.rewind(at(to)).expect("rewound"),
    }
}

pub(super) fn any_course_of_news_and_packing_tells_the_sample_that_is_stored(b: &mut Database) {
    let config = Config {
        cases: 24,
        max_shrink_iters: 100,
        failure_persistence: None,
        ..Config::default()
    };
    let (case, packed_weeks) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let cell = std::cell::RefCell::new(b);
    let checked = TestRunner::new(config).run(&course(), |course| {
        case.set(case.get() + 1);
        let stream = format!("case-{}", case.get()).as_str().into();
        let stream = StreamKey::new(&shop(), &stream);
        let b = &mut **cell.borrow_mut();
        follow(b, &stream, T0, 700);
        deliver(b, &stream, T0, 500);
        for course in &course {
            step(b, &stream, course);
            is_exact(b, &stream)?;
        }
        packed_weeks.set(packed_weeks.get() + packed(b, &stream).len());
        Ok(())
    });
    if let Err(failure) = checked {
        panic!("{failure}");
    }
    assert!(packed_weeks.get() > 0, "nothing was ever packed");
}

/// Four weeks of it, of which the last lacks two days.
fn fill(b: &mut Database, stream: &StreamKey) -> Vec<Timestamp> {
    follow(b, stream, begin(), 24 * 26);
    deliver(b, stream, begin(), 24 * 26);
    (0..4).map(|number| begin() + WEEK * number).collect()
}

pub(super) fn whole_weeks_of_delivered_mail_are_packed_once_and_news_drops_its_week_alone(
    b: &mut Database,
) {
    let stream = shop_outbound();
    let weeks = fill(b, &stream);
    let due = |b: &mut Database, until: Timestamp| {
        let range = Span::new(until - DAY, until);
        let known = b.history(&stream, range, &[]).expect("read");
        known.packed_samples.is_due()
    };
    // The fourth week may still get some.
    let until = weeks[3] + DAY * 5;
    assert!(due(b, until));
    b.pack_samples(&stream, until).expect("packed");
    assert_eq!(packed(b, &stream), weeks[..3]);
    assert!(!due(b, until));
    is_exact(b, &stream).expect("exact");
    let known = read(b, &stream).packed_samples;
    assert!(known.digest(weeks[0]).is_some() && known.digest(weeks[3]).is_none());
    // A week is packed a day after its end.
    assert!(!due(b, weeks[3] + WEEK) && due(b, weeks[3] + WEEK + DAY));
    pack(b, &stream);
    assert_eq!(packed(b, &stream), weeks);
    // What is drawn again is left as it is.
    follow(b, &stream, weeks[1], 24);
    assert_eq!(packed(b, &stream), weeks);
    b.save_sample_result(&stream, &format!("m{}", (weeks[1] + MINUTE).0), None, end())
        .expect("saved");
    assert_eq!(packed(b, &stream), [weeks[0], weeks[2], weeks[3]]);
    is_exact(b, &stream).expect("exact");
    // Weeks that are told in part, and those of which a range does not tell.
    pack(b, &stream);
    let part = Span::new(weeks[1] + DAY, weeks[2] + DAY);
    let known = b.history_within(&stream, part).expect("read");
    let mut told = rows(b, &stream);
    told.retain(|mail| part.contains(mail.sent_at));
    assert_eq!(known.sampled, told);
    assert_eq!(b.sampled_mail(&stream, part).expect("read"), told);
    assert_eq!(known.packed_samples.digest(weeks[1]), None);
}

pub(super) fn what_an_older_version_writes_of_the_sample_drops_what_is_packed(b: &mut Database) {
    let stream = shop_outbound();
    let weeks = fill(b, &stream);
    let sent_at = Value::from(weeks[1] + HOUR * 30 + MINUTE);
    for (what, sql, left) in [
        (
            "other news",
            "UPDATE followed SET delivered_at = delivered_at + 1 WHERE sent_at = ?1",
            [weeks[0], weeks[2], weeks[3]].as_slice(),
        ),
        (
            "another week",
            "UPDATE followed SET sent_at = sent_at - 604800001 WHERE sent_at = ?1",
            &weeks[2..],
        ),
        (
            "one less",
            "DELETE FROM followed WHERE sent_at = ?1 + 3600000",
            &[weeks[0], weeks[2], weeks[3]],
        ),
    ] {
        pack(b, &stream);
        assert_eq!(packed(b, &stream), weeks, "{what}");
        assert_eq!(run(b, sql, &[sent_at]), 1, "{what}");
        assert_eq!(packed(b, &stream), left, "{what}");
        is_exact(b, &stream).expect(what);
    }
    run(b, "DELETE FROM followed", &[]);
    assert_eq!(packed(b, &stream), []);
    assert_eq!(read(b, &stream).sampled, []);
}

pub(super) fn a_sample_that_is_damaged_or_of_a_newer_version_is_read_by_row_and_packed_anew(
    b: &mut Database,
) {
    let stream = shop_outbound();
    fill(b, &stream);
    pack(b, &stream);
    let good = read(b, &stream);
    assert!(!good.packed_samples.is_due());
    let of_mail = "UPDATE packed_samples SET delivered = ?1";
    for (sql, value) in [
        (of_mail, Vec::new()),
        (of_mail, vec![1]),
        (of_mail, vec![2, 0, 0, 0]),
        (of_mail, [1].into_iter().chain([0; 90]).collect()),
        ("UPDATE packed_samples SET digest = ?1", vec![7]),
    ] {
        run(b, sql, &[Value::Blob(&value)]);
        let known = read(b, &stream);
        assert_eq!(known.sampled, good.sampled);
        assert_eq!(known.packed_samples.digest(begin()), None);
        assert!(known.packed_samples.is_due());
        pack(b, &stream);
        assert_eq!(read(b, &stream), good);
    }
}

pub(super) fn a_packed_sample_goes_with_the_stream_under_another_name(b: &mut Database) {
    let stream = shop_outbound();
    b.save_account_servers(&[(shop(), 1)], T0, |_| Vec::new())
        .expect("saved");
    b.server_state(&shop(), T0).expect("a row");
    fill(b, &stream);
    pack(b, &stream);
    let known = read(b, &stream);
    let renamed = "store".into();
    b.save_account_servers(&[(renamed, 1)], T0, |_| Vec::new())
        .expect("saved");
    let renamed = StreamKey::new(&"store".into(), stream.stream());
    assert_eq!(read(b, &renamed), known);
    assert_eq!(read(b, &stream), History::default());
    is_exact(b, &renamed).expect("exact");
}
