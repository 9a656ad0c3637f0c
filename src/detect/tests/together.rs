//! What stops everywhere at once is noticed by the mail of all.

use std::time::Duration;

use super::*;
use crate::detect::budget::count_series;
use crate::detect::training::{LearnedTime, LearningSettings, Training};
use crate::model::{Feedback, Judgement, MarkedTime, StreamKey};

/// Mail between 08 and 18, on each day none to twice as much as on average.
fn office(days: u32, a_day: u32, stream: u32) -> Vec<Timestamp> {
    let draw = |day: u32, n: u32| {
        let seed = day * 7919 + n * 104_729 + stream * 1_299_709;
        let mixed = (seed ^ (seed >> 15)).wrapping_mul(2_654_435_761);
        (mixed ^ (mixed >> 13)) >> 4
    };
    let of_day = move |day: u32| {
        let begin = start() + DAY * day + 8 * HOUR;
        let sent = draw(day, 9999) % (2 * a_day + 1);
        (0..sent).map(move |n| begin + Duration::from_secs(u64::from(draw(day, n) % 36_000)))
    };
    (0..days).flat_map(of_day).collect()
}

fn key(stream: u32) -> StreamKey {
    let (server, stream) = (format!("app{stream}"), "outbound");
    StreamKey::new(&server.as_str().into(), &stream.into())
}

fn join(histories: &[History]) -> Together {
    let mut together = Together::default();
    for (stream, history) in (0..).zip(histories) {
        together.add(key(stream), history, &Rules::default());
    }
    together
}

/// Returns what is said of the stop of all.
fn stop_of(findings: Vec<Finding>) -> Option<Finding> {
    let mut findings = findings.into_iter();
    findings.find(|finding| finding.rule == Rule::SendSilence)
}

/// Ten streams that stop on a Wednesday at 10:00, with the end of what is covered.
fn ten_that_stop(a_day: u32) -> (Vec<History>, Timestamp, Timestamp) {
    let stop = start() + 58 * DAY + 10 * HOUR;
    let until = stop + 3 * DAY;
    let of = |stream| {
        let sent = office(60, a_day, stream).into_iter();
        history(sent.filter(|at| *at < stop), until)
    };
    ((0..10).map(of).collect(), stop, until)
}

fn first_breach(
    from: Timestamp,
    until: Timestamp,
    mut is_breach: impl FnMut(Timestamp) -> bool,
) -> Option<Duration> {
    let hours = (1..72).map(|n| from + HOUR * n);
    let mut hours = hours.take_while(|at| *at <= until);
    hours.find(|at| is_breach(*at)).map(|at| at.since(from))
}

#[test]
fn ten_streams_that_stop_together_are_noticed_in_half_the_time_of_one_alone() {
    for a_day in [4, 30] {
        let (histories, stop, until) = ten_that_stop(a_day);
        let together = join(&histories);
        let mut of_all = Detector::new(Rules::default(), count_series(&[1; 10]));
        let all = first_breach(stop, until, |at| {
            let finding = stop_of(of_all.detect_together(&together, at)).expect("ten streams");
            finding.verdict == Verdict::Breach
        });
        let mut alone = Detector::new(Rules::default(), 1);
        let one = first_breach(stop, until, |at| {
            alone.detect(&histories[0], &outbound(), &[], &ToldBounces::default(), at)[0].verdict
                == Verdict::Breach
        });
        let (all, one) = (all.expect("told"), one.expect("told"));
        assert!(all * 2 <= one, "{a_day} a day: {all:?} against {one:?}");
    }
}

#[test]
fn a_stop_of_all_names_them_and_a_healthy_time_says_nothing() {
    let (histories, stop, until) = ten_that_stop(30);
    let together = join(&histories);
    let mut detector = Detector::new(Rules::default(), 12);
    for hour in 1..(28 * 24) {
        for finding in detector.detect_together(&together, stop - HOUR * hour) {
            assert_ne!(finding.verdict, Verdict::Breach, "{hour} h before");
        }
    }
    let finding = stop_of(detector.detect_together(&together, until)).expect("ten streams");
    let Evidence::Silence(silence) = finding.evidence else {
        panic!("{:?}", finding.evidence);
    };
    assert_eq!((finding.stream, finding.verdict), (None, Verdict::Breach));
    assert_eq!(silence.streams, (0..10).map(key).collect::<Vec<_>>());
}

#[test]
fn of_a_stream_whose_next_mail_is_not_due_it_is_not_said_that_it_stopped() {
    let (mut histories, stop, until) = ten_that_stop(30);
    let nights = (0..60).map(|day| start() + DAY * day + 3 * HOUR);
    histories.push(history(nights.filter(|at| *at < stop), until));
    let together = join(&histories);
    let mut detector = Detector::new(Rules::default(), 13);
    let mut not_due = |at| {
        let finding = stop_of(detector.detect_together(&together, at));
        let finding = finding.expect("eleven streams");
        let Evidence::Silence(silence) = finding.evidence else {
            panic!("{:?}", finding.evidence);
        };
        assert_eq!(silence.streams.len(), 11);
        (finding.verdict == Verdict::Breach).then_some(silence.not_due)
    };
    let first = (1..24).find_map(|n| not_due(stop + HOUR * n));
    let first = first.expect("within the day");
    assert!(first.contains(&key(10)), "{first:?}");
    assert!(first.len() < 6, "most of them send all day: {first:?}");
    assert_eq!(not_due(until), Some(Vec::new()), "three nights later");
}

#[test]
fn a_stream_that_is_not_seen_leaves_it_open_whether_all_stopped() {
    let (mut histories, _, until) = ten_that_stop(30);
    histories[3].messages = Coverage::from_spans([Span::new(start(), until - 5 * HOUR)]);
    let mut detector = Detector::new(Rules::default(), 12);
    let finding = stop_of(detector.detect_together(&join(&histories), until));
    assert_eq!(finding.expect("ten streams").verdict, Verdict::Unknown);
}

#[test]
fn the_streams_that_stay_silent_when_others_send_again_are_known() {
    let (mut histories, stop, until) = ten_that_stop(30);
    let back = stop + 5 * HOUR;
    let sent = office(58, 30, 3).into_iter().filter(|at| *at < stop);
    histories[3] = history(sent.chain([back]), until);
    let together = join(&histories);
    let others: Vec<StreamKey> = (0..10).filter(|n| *n != 3).map(key).collect();
    assert_eq!(together.silent_since(stop, back + HOUR), others);
    assert_eq!(together.silent_since(stop, back - HOUR).len(), 10);
    assert!(
        !together
            .silent_since(stop - 7 * DAY, until)
            .contains(&key(0))
    );
}

#[test]
fn one_stream_and_one_that_has_nearly_all_mail_are_judged_alone() {
    let (histories, _, until) = ten_that_stop(30);
    let large = history(office(58, 600, 11), until);
    let mut detector = Detector::new(Rules::default(), 3);
    let mut judged = |histories: &[&History]| {
        let histories: Vec<History> = histories.iter().map(|h| (*h).clone()).collect();
        !detector
            .detect_together(&join(&histories), until)
            .is_empty()
    };
    assert!(!judged(&[&histories[0]]));
    assert!(!judged(&[&histories[0], &large]));
    assert!(
        !judged(&[&histories[0], &history([], until)]),
        "never had mail"
    );
    assert!(judged(&[&histories[0], &histories[1]]));
}

#[test]
fn a_stream_that_began_later_hides_nothing_of_the_time_before() {
    let (mut histories, _, until) = ten_that_stop(30);
    let began = start() + 50 * DAY;
    histories[0].first_seen_at = Some(began);
    histories[0].messages = Coverage::from_spans([Span::new(began, until)]);
    let joint = join(&histories);
    let joint = joint.joint().expect("ten streams");
    assert_eq!(joint.covered_before(until), until.since(start()));
    assert_eq!(joint.first_seen_at, Some(start()));
}

#[test]
fn streams_of_a_server_and_of_all_servers_share_the_budget() {
    assert_eq!(count_series(&[]), 0);
    assert_eq!(count_series(&[1]), 1);
    assert_eq!(count_series(&[3]), 4);
    assert_eq!(count_series(&[1, 1]), 3);
    assert_eq!(count_series(&[2, 1]), 5);
}

#[test]
fn what_people_said_of_a_stop_of_several_is_learned_of_all_of_them() {
    let (mut histories, _, until) = ten_that_stop(30);
    let marked = |incident: &str| MarkedTime {
        incident: incident.to_owned(),
        rule: Rule::SendSilence,
        span: Span::new(start() + DAY, start() + 2 * DAY),
        feedback: Feedback {
            judgement: Judgement::Real,
            by: "Jane".to_owned(),
            at: until,
        },
    };
    for history in &mut histories {
        history.marked = vec![marked("ofall")];
    }
    histories[0].marked.push(marked("ofone"));
    let joint = join(&histories);
    let marked = &joint.joint().expect("ten streams").marked;
    assert_eq!(
        marked.iter().map(|m| &*m.incident).collect::<Vec<_>>(),
        ["ofall"]
    );
}

/// Returns how often all of `streams` (each of so many a day, until day 60, and a third of that afterwards) begin to be silent
/// by the mail of all, from the eighth day on; `is_known` says whether the new level is learned as one.
fn stops_at_a_third(streams: std::ops::Range<u32>, a_day: u32, is_known: bool) -> usize {
    let (fell, until) = (start() + 60 * DAY, start() + 130 * DAY);
    let of = |stream| {
        let sent = office(130, a_day, stream).into_iter().enumerate();
        let kept = sent.filter(|(n, at)| *at < fell || n % 3 == 0);
        history(kept.map(|(_, at)| at), until)
    };
    let together = join(&streams.map(of).collect::<Vec<_>>());
    let mut detector = Detector::new(Rules::default(), 4);
    let joint = together.joint().expect("several streams");
    let mut unaware: Cache<(), (), Silence> = Cache::default();
    let mut is_breach = |at: Timestamp| {
        let findings = if is_known {
            detector.detect_together(&together, at)
        } else {
            let time = LearnedTime::at(joint, at);
            let settings = LearningSettings::new(&Rules::default(), 4, None);
            let learn = || Silence::learn(&Training::new(joint, time), &settings);
            let known = unaware.get(&(), time.until, (), learn);
            together.evaluate(known, &Rules::default(), (None, 1.0), at)
        };
        stop_of(findings).expect("several streams").verdict == Verdict::Breach
    };
    let hours = (0..(60 * 24)).map(|hour| fell + 8 * DAY + HOUR * hour);
    let breaches: Vec<bool> = hours.map(&mut is_breach).collect();
    let begin = breaches.windows(2).filter(|pair| !pair[0] && pair[1]);
    begin.count()
}

#[test]
fn a_level_that_all_fell_to_is_no_stop_of_all_once_it_is_known() {
    let count = |is_known| -> Vec<usize> {
        let groups = (0..6).map(|n| 100 + 3 * n);
        let small = groups
            .clone()
            .map(|n| stops_at_a_third(n..n + 3, 10, is_known));
        let larger = groups.map(|n| stops_at_a_third(n..n + 3, 30, is_known));
        small.chain(larger).collect()
    };
    let (unaware, known) = (count(false), count(true));
    assert!(
        known.iter().sum::<usize>() < unaware.iter().sum(),
        "{known:?} {unaware:?}"
    );
}

/// Streams of so many a day each that fall to a share of that on a Wednesday at 10:00, with the end of what is covered; only those
/// that `falls` says.
fn that_fall(
    a_day: u32,
    (kept, of): (usize, usize),
    falls: impl Fn(u32) -> bool,
) -> (Vec<History>, Timestamp, Timestamp) {
    let fell = start() + 65 * DAY + 10 * HOUR;
    let until = fell + 14 * DAY;
    let of_stream = |stream| {
        let sent = office(79, a_day, stream).into_iter().enumerate();
        let sent = sent.filter(|(n, at)| *at < fell || !falls(stream) || n % of < kept);
        history(sent.map(|(_, at)| at), until)
    };
    ((0..10).map(of_stream).collect(), fell, until)
}

/// Returns the first breach of the joint `send_drop` from `from` on, and how long it took.
fn first_joint_drop(
    together: &Together,
    from: Timestamp,
    until: Timestamp,
) -> Option<(Duration, Vec<StreamKey>)> {
    let mut detector = Detector::new(Rules::default(), count_series(&[1; 10]));
    let mut hours = (1..(14 * 24)).map(|n| from + HOUR * n);
    hours.find_map(|at| {
        let mut findings = detector.detect_together(together, at).into_iter();
        let drop = findings.find(|finding| finding.rule == Rule::SendDrop)?;
        let is_told = drop.verdict == Verdict::Breach && at <= until;
        is_told.then(|| (at.since(from), drop.evidence.streams().to_vec()))
    })
}

#[test]
fn ten_streams_that_fall_together_are_noticed_in_half_the_time_of_one_alone() {
    for share in [(2, 10), (3, 10)] {
        let (histories, fell, until) = that_fall(30, share, |_| true);
        let (all, named) = first_joint_drop(&join(&histories), fell, until).expect("told");
        let mut alone = Detector::new(Rules::default(), 1);
        let mut hours = (1..(14 * 24)).map(|n| fell + HOUR * n);
        let one = hours.find(|at| {
            let told = ToldBounces::default();
            let found = alone.detect(&histories[0], &outbound(), &[], &told, *at);
            found[..2].iter().any(|f| f.verdict == Verdict::Breach)
        });
        let one = one.map_or(until, |at| at).since(fell);
        assert!(all * 2 <= one, "{share:?}: {all:?} against {one:?}");
        assert!(named.len() > 5, "{share:?}: {named:?}");
    }
}

#[test]
fn a_stream_that_falls_alone_is_no_drop_of_several_and_no_healthy_time_is() {
    for large in [1, 5] {
        let (mut histories, fell, until) = that_fall(30, (1, 10), |_| false);
        let sent = office(79, 30 * large, 20).into_iter().enumerate();
        let sent = sent.filter(|(n, at)| *at < fell || n % 10 < 1);
        histories.push(history(sent.map(|(_, at)| at), until));
        let together = join(&histories);
        let told = first_joint_drop(&together, fell - 28 * DAY, until);
        assert_eq!(told, None, "{large}");
        assert_eq!(first_joint_drop(&together, fell, until), None, "{large}");
    }
}

#[test]
fn of_streams_that_fall_together_the_ones_that_did_not_are_not_named() {
    let (histories, fell, until) = that_fall(60, (1, 10), |stream| stream < 7);
    let (_, named) = first_joint_drop(&join(&histories), fell, until).expect("told");
    assert!(named.len() > 4, "{named:?}");
    let is_named = |stream| named.contains(&key(stream));
    assert!(!(7..10).any(is_named), "{named:?}");
}

#[test]
fn a_stream_of_which_no_drops_are_told_is_in_no_drop_of_several() {
    let (histories, fell, until) = that_fall(30, (2, 10), |_| true);
    let off = Rules {
        disabled: [Rule::SendDrop].into(),
        ..Rules::default()
    };
    let mut together = Together::default();
    for (stream, history) in (0..).zip(&histories) {
        let rules = if stream == 3 { &off } else { &Rules::default() };
        together.add(key(stream), history, rules);
    }
    let (_, named) = first_joint_drop(&together, fell, until).expect("told");
    assert!(!named.contains(&key(3)) && named.len() > 5, "{named:?}");
}
