//! Past weeks as one value each: whatever is packed, what is told of the hours is what their rows say.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::model::{
    CountedSpan, DAY, HOUR, History, HourCount, Kind, Mail, Span, StreamKey, Tag, Timestamp, WEEK,
    WeekDigest, merge_hours,
};
use crate::store::Database;
use crate::store::sql::{Scope, Value};

use super::{T0, mail, shop, shop_outbound};

/// The tag that the mail of these facts bears.
fn receipt() -> Tag {
    Tag("receipt".to_owned())
}

/// The beginning of the first whole week after [`T0`].
fn begin() -> Timestamp {
    T0.ceil(WEEK)
}

/// Of all that is written here, the longest [`course`] included.
fn end() -> Timestamp {
    T0 + DAY * 65
}

fn whole() -> Span {
    Span::new(T0 - DAY * 50, end())
}

/// A message at each hour, `minute` minutes after its beginning.
fn hourly(from: Timestamp, hours: u32, minute: u32) -> Vec<Mail> {
    let each = (0..hours).map(|hour| {
        let at = from + HOUR * hour + DAY / 1440 * minute;
        mail(&format!("{}-{minute}", at.0), at)
    });
    each.collect()
}

fn read(b: &mut Database, stream: &StreamKey) -> History {
    b.history_with_tags(stream, whole(), &[]).expect("read")
}

fn pack(b: &mut Database, stream: &StreamKey) {
    b.pack_hours(stream, &[receipt()], end()).expect("packed");
}

/// The weeks that are packed, of all mail and of every tag.
fn packed(b: &mut Database, stream: &StreamKey) -> Vec<(i64, Timestamp)> {
    let sql = "SELECT p.tag, p.week FROM packed_hours p JOIN streams t ON t.key = p.stream
        WHERE t.server = ?1 AND t.id = ?2 ORDER BY p.tag, p.week";
    let of = [
        Value::from(&stream.server().0),
        Value::from(&stream.stream().0),
    ];
    let found = b.read(|s| s.rows(sql, &of, |row| Ok((row.get(0)?, row.get(1)?))));
    found.expect("read")
}

fn packed_of_all_mail(b: &mut Database) -> Vec<Timestamp> {
    let weeks = packed(b, &shop_outbound()).into_iter();
    weeks
        .filter(|(tag, _)| *tag == 0)
        .map(|(_, week)| week)
        .collect()
}

/// Runs statements on the database, as another version might.
fn run(b: &mut Database, sql: &'static str, values: &[Value<'_>]) -> u64 {
    let changed = b.write(Scope::All, |s| s.execute_many(sql, &[values]));
    changed.expect("written").into_iter().sum()
}

/// What the rows of a stream's hours say: of all mail, or of the tag.
fn rows(b: &mut Database, stream: &StreamKey, tag: Option<&Tag>) -> Vec<HourCount> {
    let sql = "SELECT h.at, h.sent, h.first_at, h.last_at FROM hours h JOIN streams t ON t.key = h.stream
        LEFT JOIN tags g ON g.key = h.tag WHERE t.server = ?1 AND t.id = ?2 AND coalesce(g.name, '') = ?3 ORDER BY h.at";
    let of = [
        Value::from(&stream.server().0),
        Value::from(&stream.stream().0),
        Value::from(tag.map_or("", |tag| tag.0.as_str())),
    ];
    let found = b.read(|s| {
        s.rows(sql, &of, |row| {
            Ok(HourCount {
                start: row.get(0)?,
                sent: row.get(1)?,
                first_at: row.get(2)?,
                last_at: row.get(3)?,
            })
        })
    });
    found.expect("read")
}

/// Whether a history tells what the rows say, and the digests it knows are those of its hours.
fn is_exact(b: &mut Database, stream: &StreamKey) -> Result<(), TestCaseError> {
    let known = read(b, stream);
    let of_all = rows(b, stream, None);
    prop_assert_eq!(&known.hours, &merge_hours(of_all, &known.counted));
    for (tag, of_tag) in &known.tags {
        let of_rows = rows(b, stream, Some(tag));
        prop_assert_eq!(&of_tag.hours, &merge_hours(of_rows, &of_tag.counted));
    }
    for history in std::iter::once(&known).chain(known.tags.values()) {
        let weeks = (0..12).map(|number| begin() - WEEK + WEEK * number);
        for week in weeks {
            let hours = history.hours.iter();
            let of_week = hours.filter(|hour| Span::new(week, week + WEEK).contains(hour.start));
            let of_week: Vec<HourCount> = of_week.copied().collect();
            if let Some(digest) = history.packed.digest(week) {
                prop_assert_eq!(digest, WeekDigest::of_hours(&of_week), "{}", week);
            }
        }
    }
    Ok(())
}

/// A step of the property; times are hours after [`T0`].
#[derive(Clone, Debug)]
enum Course {
    List { from: u32, hours: u32, minute: u32 },
    Count { from: u32, hours: u32, sent: u64 },
    CountTag { from: u32, hours: u32, sent: u64 },
    Forget { from: u32, hours: u32 },
    Reread { from: u32, hours: u32 },
    Prune { rows: u32, hours: u32 },
    Pack { until: u32 },
    OlderVersion { from: u32, sent: i64 },
    Rewind { to: u32 },
}

fn course() -> impl Strategy<Value = Vec<Course>> {
    let (from, hours) = (0u32..1000, 1u32..400);
    let list = (from.clone(), 20u32..500, 0u32..4);
    let step = prop_oneof![
        4 => list.prop_map(|(from, hours, minute)| Course::List { from, hours, minute }),
        1 => (from.clone(), 1u32..30, 0u64..500).prop_map(|(from, hours, sent)| Course::Count { from, hours, sent }),
        1 => (from.clone(), 1u32..30, 0u64..500).prop_map(|(from, hours, sent)| Course::CountTag { from, hours, sent }),
        1 => (from.clone(), hours.clone()).prop_map(|(from, hours)| Course::Forget { from, hours }),
        1 => (from.clone(), hours).prop_map(|(from, hours)| Course::Reread { from, hours }),
        1 => (from.clone(), 0u32..500).prop_map(|(rows, hours)| Course::Prune { rows, hours }),
        4 => (200u32..1400).prop_map(|until| Course::Pack { until }),
        1 => (from.clone(), 1i64..50).prop_map(|(from, sent)| Course::OlderVersion { from, sent }),
        1 => from.prop_map(|to| Course::Rewind { to }),
    ];
    prop::collection::vec(step, 2..9)
}

fn step(b: &mut Database, stream: &StreamKey, step: &Course) {
    let part = |from: &u32, hours: &u32| {
        let from = T0 + HOUR * *from;
        Span::new(from, from + HOUR * *hours)
    };
    match step {
        Course::List {
            from,
            hours,
            minute,
        } => {
            let mails = hourly(T0 + HOUR * *from, *hours, *minute);
            let covered = Some(part(from, hours));
            b.save_messages(stream, &mails, covered).expect("saved");
        }
        Course::Count { from, hours, sent } | Course::CountTag { from, hours, sent } => {
            let span = part(from, hours);
            let last_at = (*sent > 0).then_some(Timestamp(span.until.0 - 1));
            let counted = CountedSpan {
                span,
                sent: *sent,
                last_at,
            };
            let tag = Some(receipt()).filter(|_| matches!(step, Course::CountTag { .. }));
            b.save_count(stream, tag.as_ref(), &counted, span)
                .expect("saved");
        }
        Course::Forget { from, hours } => {
            b.forget_coverage(stream, Kind::Messages, part(from, hours))
                .expect("forgotten");
        }
        Course::Reread { from, hours } => b.reread(part(from, hours)).expect("reopened"),
        Course::Prune { rows, hours } => {
            let (rows, hours) = (T0 + HOUR * *rows, T0 + HOUR * *hours);
            b.prune(rows.max(hours), hours).expect("pruned");
        }
        Course::Pack { until } => {
            let until = T0 + HOUR * *until;
            b.pack_hours(stream, &[receipt()], until).expect("packed");
        }
        Course::OlderVersion { from, sent } => {
            let at = Value::from(T0 + HOUR * *from);
            let sql = "UPDATE hours SET sent = sent + ?2 WHERE at >= ?1";
            run(b, sql, &[at, Value::from(*sent)]);
        }
        Course::Rewind { to } => b.rewind(T0 + HOUR * *to).expect("rewound"),
    }
}

pub(super) fn any_course_of_writes_and_packing_tells_the_hours_that_are_stored(b: &mut Database) {
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
        for course in &course {
            step(b, &stream, course);
            is_exact(b, &stream)?;
        }
        let weeks = packed(b, &stream).len();
        packed_weeks.set(packed_weeks.get() + weeks);
        Ok(())
    });
    if let Err(failure) = checked {
        panic!("{failure}");
    }
    assert!(packed_weeks.get() > 0, "nothing was ever packed");
}

pub(super) fn whole_weeks_are_packed_once_and_a_change_drops_its_week_alone(b: &mut Database) {
    let stream = shop_outbound();
    let weeks: Vec<Timestamp> = (0..4).map(|number| begin() + WEEK * number).collect();
    b.save_messages(&stream, &hourly(begin(), 24 * 26, 5), None)
        .expect("saved");
    let due = |b: &mut Database, until: Timestamp| {
        let range = Span::new(until - DAY, until);
        let known = b.history_with_tags(&stream, range, &[]).expect("read");
        let of_tag = known.tags.get(&receipt());
        (known.packed.is_due(), of_tag.map(|tag| tag.packed.is_due()))
    };
    // The fourth week has mail of five days, and may still get some.
    let until = weeks[3] + DAY * 5;
    assert_eq!(due(b, until), (true, Some(true)));
    b.pack_hours(&stream, &[receipt()], until).expect("packed");
    assert_eq!(packed_of_all_mail(b), weeks[..3]);
    assert_eq!(packed(b, &stream).len(), 6, "those of the tag, too");
    assert_eq!(due(b, until), (false, Some(false)));
    let known = read(b, &stream);
    assert!(known.packed.digest(weeks[0]).is_some());
    assert_eq!(known.packed.digest(weeks[3]), None);
    // A week is packed a day after its end.
    assert_eq!(due(b, weeks[4 - 1] + WEEK), (false, Some(false)));
    assert_eq!(due(b, weeks[3] + WEEK + DAY), (true, Some(true)));
    // A message that was listed late.
    let late = mail("late", weeks[1] + HOUR * 30);
    assert_eq!(b.save_messages(&stream, &[late], None).expect("saved"), [0]);
    assert_eq!(packed_of_all_mail(b), [weeks[0], weeks[2]]);
    assert_eq!(due(b, until), (true, Some(true)));
    is_exact(b, &stream).expect("exact");
    pack(b, &stream);
    assert_eq!(packed_of_all_mail(b), weeks);
    // One that was listed already changes nothing.
    b.save_messages(&stream, &hourly(weeks[0], 30, 5), Some(whole()))
        .expect("saved");
    assert_eq!(packed_of_all_mail(b), weeks);
    // Of a week with mail that was only counted, its hours are those of both.
    let hour = Span::new(weeks[2] + HOUR * 7, weeks[2] + HOUR * 8);
    let counted = CountedSpan {
        span: hour,
        sent: 77,
        last_at: Some(hour.from),
    };
    b.save_count(&stream, None, &counted, hour).expect("saved");
    pack(b, &stream);
    assert_eq!(packed_of_all_mail(b), weeks);
    let known = read(b, &stream);
    assert_eq!(known.packed.digest(weeks[2]), None);
    assert!(known.packed.digest(weeks[1]).is_some());
    is_exact(b, &stream).expect("exact");
}

pub(super) fn the_weeks_of_all_tags_are_packed_however_many_there_are(b: &mut Database) {
    let stream = shop_outbound();
    let tags: Vec<Tag> = (0..40).map(|number| Tag(format!("tag-{number}"))).collect();
    for (minute, tag) in (1..).zip(&tags) {
        let mut of_tag = hourly(begin(), 24, minute);
        for message in &mut of_tag {
            message.tag = Some(tag.0.clone());
        }
        b.save_messages(&stream, &of_tag, None).expect("saved");
    }
    b.pack_hours(&stream, &tags, end()).expect("packed");
    assert_eq!(packed(b, &stream).len(), 1 + tags.len());
    is_exact(b, &stream).expect("exact");
}

pub(super) fn what_an_older_version_writes_drops_what_is_packed(b: &mut Database) {
    let stream = shop_outbound();
    let weeks = [begin(), begin() + WEEK];
    b.save_messages(&stream, &hourly(begin(), 24 * 14, 5), None)
        .expect("saved");
    let second_day = Value::from(weeks[0] + DAY);
    let moved = Value::from(weeks[1] + DAY);
    let changes: [(&str, &'static str, &[Value<'_>], &[Timestamp]); 4] = [
        (
            "a count",
            "UPDATE hours SET sent = sent + 1 WHERE at = ?1",
            &[second_day],
            &weeks[1..],
        ),
        (
            "an hour less",
            "DELETE FROM hours WHERE at = ?1",
            &[second_day],
            &weeks[1..],
        ),
        (
            "an hour more",
            "INSERT INTO hours (stream, tag, at, sent, first_at, last_at)
             SELECT stream, tag, ?1, sent, ?1, ?1 FROM hours WHERE at = ?1 + 3600000",
            &[second_day],
            &weeks[1..],
        ),
        (
            "an hour of another week",
            "UPDATE hours SET at = ?1 WHERE at = ?1 - 604800000",
            &[moved],
            &[],
        ),
    ];
    for (what, sql, values, left) in changes {
        if left.is_empty() {
            run(b, "DELETE FROM hours WHERE at = ?1", &[moved]);
        }
        pack(b, &stream);
        assert_eq!(packed_of_all_mail(b), weeks, "{what}");
        assert_eq!(run(b, sql, values), 2, "{what}: of all mail and of the tag");
        assert_eq!(packed_of_all_mail(b), left, "{what}");
        is_exact(b, &stream).expect(what);
    }
    pack(b, &stream);
    run(b, "DELETE FROM hours", &[]);
    assert_eq!(packed(b, &stream), []);
    assert_eq!(read(b, &stream).hours, []);
}

pub(super) fn what_is_damaged_or_of_a_newer_version_is_read_by_the_hour_and_packed_anew(
    b: &mut Database,
) {
    let stream = shop_outbound();
    b.save_messages(&stream, &hourly(begin(), 24 * 14, 5), None)
        .expect("saved");
    pack(b, &stream);
    let good = read(b, &stream);
    assert!(!good.packed.is_due());
    let of_hours = "UPDATE packed_hours SET hours = ?1";
    for (sql, value) in [
        (of_hours, Vec::new()),
        (of_hours, vec![2, 0, 0, 0]),
        (of_hours, vec![1, 0, 0, 0, 0, 0, 0]),
        ("UPDATE packed_hours SET digest = ?1", vec![7]),
    ] {
        run(b, sql, &[Value::Blob(&value)]);
        let known = read(b, &stream);
        assert_eq!(known.hours, good.hours);
        assert_eq!(known.packed.digest(begin()), None);
        assert!(known.packed.is_due());
        pack(b, &stream);
        assert_eq!(read(b, &stream), good);
    }
}

pub(super) fn what_pruning_takes_of_a_week_is_not_told_by_what_is_packed(b: &mut Database) {
    let stream = shop_outbound();
    let weeks = [begin(), begin() + WEEK, begin() + WEEK * 2];
    b.save_messages(&stream, &hourly(begin(), 24 * 21, 5), None)
        .expect("saved");
    pack(b, &stream);
    assert_eq!(packed_of_all_mail(b), weeks);
    let old = weeks[1] + DAY * 2;
    b.prune(old, old).expect("pruned");
    assert_eq!(packed_of_all_mail(b), weeks[2..]);
    is_exact(b, &stream).expect("exact");
    assert_eq!(read(b, &stream).hours.len(), 24 * 12);
    // Hours of 400 days are told: a week that is among them in part is not packed, and told in part.
    let late = weeks[2] + DAY + DAY * 400;
    b.pack_hours(&stream, &[], late).expect("packed");
    assert_eq!(packed_of_all_mail(b), weeks[2..]);
    let range = Span::new(late - DAY, late);
    let known = b.history(&stream, range, &[]).expect("read");
    assert_eq!(known.hours.len(), 24 * 6);
    assert_eq!(known.packed.digest(weeks[2]), None);
    assert!(!known.packed.is_due());
}

pub(super) fn what_is_packed_goes_with_the_stream_under_another_name(b: &mut Database) {
    let stream = shop_outbound();
    b.save_account_servers(&[(shop(), 1)], T0, |_| Vec::new())
        .expect("saved");
    b.server_state(&shop(), T0).expect("a row");
    b.save_messages(&stream, &hourly(begin(), 24 * 14, 5), None)
        .expect("saved");
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
