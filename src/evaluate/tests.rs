mod blocks;
mod lasting;
mod partial_loss;
mod unread;

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::model::{
    Coverage, CumulativeCounts, DAY, DropEvidence, Evidence, HOUR, HourCount, Rules,
    SampledMessage, Span,
};

/// A Monday.
fn start() -> Timestamp {
    Timestamp::parse("2026-01-05T00:00:00Z").expect("valid")
}

/// Mail between 08 and 18 of every day; a day has about as many messages as `a_day` says.
fn office(days: u32, a_day: impl Fn(u32) -> u32) -> Vec<Timestamp> {
    let draw = |day: u32, n: u32| {
        let seed = day * 7919 + n * 104_729;
        let mixed = (seed ^ (seed >> 15)).wrapping_mul(2_654_435_761);
        (mixed ^ (mixed >> 13)) >> 4
    };
    let mut sent = Vec::new();
    for day in 0..days {
        let usual = a_day(day);
        let begin = start() + DAY * day + 8 * HOUR;
        let count = usual * 3 / 4 + draw(day, 9999) % (usual / 2 + 1);
        let second = |n| Duration::from_secs(u64::from(draw(day, n) % 36_000));
        sent.extend((0..count).map(|n| begin + second(n)));
    }
    sent.sort();
    sent
}

fn history(sent: &[Timestamp], until: Timestamp) -> History {
    let mut hours: BTreeMap<Timestamp, HourCount> = BTreeMap::new();
    for at in sent {
        let hour = hours.entry(at.floor(HOUR)).or_insert(HourCount {
            start: at.floor(HOUR),
            sent: 0,
            first_at: *at,
            last_at: *at,
        });
        hour.sent += 1;
        hour.last_at = *at;
    }
    let covered = Coverage::from_spans([Span::new(start(), until)]);
    History {
        first_seen_at: Some(start()),
        installed_at: Some(start()),
        messages: covered.clone(),
        bounces: covered,
        hours: hours.into_values().collect(),
        sent: CumulativeCounts::from_counts(sent.iter().map(|at| (*at, 1))),
        ..History::default()
    }
}

/// The transitions of polls on the hour within `polls`, of one stream that sent this.
fn replay(sent: &[Timestamp], polls: Span) -> Vec<Transition> {
    let past = ServerPast {
        server: "shop".into(),
        policy: Policy::new(false, Rules::default()),
        histories: [("outbound".into(), history(sent, polls.until))].into(),
        sampled: BTreeMap::new(),
    };
    let policy = Policy::new(false, Rules::default());
    let mut replay = Replay::new(vec![past], policy, 1);
    let mut transitions = Vec::new();
    let mut at = polls.from;
    while at <= polls.until {
        transitions.extend(replay.poll(at));
        at = at + HOUR;
    }
    transitions
}

fn days(from: u32, until: u32) -> Span {
    Span::new(start() + DAY * from, start() + DAY * until)
}

#[test]
fn a_step_down_is_one_incident_and_then_the_new_level_is_normal() {
    for (before, after) in [(30, 10), (90, 30)] {
        let sent = office(120, |day| if day < 60 { before } else { after });
        let steps = replay(&sent, days(58, 120));
        let opened = steps.iter().filter(|t| t.step == Step::Opened);
        assert_eq!(opened.count(), 1, "{before}: {steps:#?}");
        let end = steps.last().expect("resolved");
        assert_eq!(end.step, Step::Resolved, "{before}");
        assert!(end.at <= start() + DAY * 70, "{before}: {}", end.at);
        let Evidence::Drop(DropEvidence {
            settled: Some(level),
            ..
        }) = &end.incident.evidence
        else {
            panic!("{before}: {:?}", end.incident.evidence);
        };
        let share = level.per_day / level.per_day_before;
        assert!((0.28..0.4).contains(&share), "{before}: {level:?}");
    }
}

/// All but the reminders.
fn turns(steps: &[Transition]) -> Vec<&Transition> {
    let turns = steps.iter().filter(|t| t.step != Step::Reminded);
    turns.collect()
}

/// Half of the mail is more than `send_drop` looks for in the hours.
#[test]
fn a_fall_that_only_days_show_is_told_once_and_then_normal() {
    for (before, after) in [(90, 45), (160, 80)] {
        let sent = office(120, |day| if day < 60 { before } else { after });
        let steps = replay(&sent, days(58, 75));
        let shown: Vec<_> = steps.iter().map(|t| (t.at, t.step, t.notified)).collect();
        let [opened, resolved] = turns(&steps)[..] else {
            panic!("{shown:?}");
        };
        let of = |t: &Transition| match &t.incident.evidence {
            Evidence::Drop(drop) => drop.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!((opened.step, opened.notified), (Step::Opened, true));
        let fell = of(opened);
        assert!((0.4..0.6).contains(&(fell.sent as f64 / fell.expected)));
        assert!(fell.window.length() >= DAY * 5 && fell.evidence > fell.limit);
        assert!(opened.at <= start() + DAY * 66, "{shown:?}");
        assert!(of(resolved).settled.is_some(), "{shown:?}");
        assert!(resolved.at <= start() + DAY * 69, "{shown:?}");
    }
}

#[test]
fn a_fall_that_only_days_show_ends_when_the_mail_returns() {
    let sent = office(90, |day| if (60..65).contains(&day) { 45 } else { 90 });
    let steps = replay(&sent, days(58, 90));
    let shown: Vec<_> = steps.iter().map(|t| (t.at, t.step)).collect();
    let [opened, resolved] = turns(&steps)[..] else {
        panic!("{shown:?}");
    };
    assert_eq!((opened.step, resolved.step), (Step::Opened, Step::Resolved));
    assert_eq!(resolved.incident.evidence.new_level(), None);
}

/// A third of the mail from day 60 on, and none in the night of the third day of it.
#[test]
fn a_drop_with_a_quiet_night_in_it_is_one_incident_and_is_not_over_after_the_night() {
    let mixed = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    let mut sent = Vec::new();
    for hour in 0..75 * 24_u64 {
        let usual = match hour % 24 {
            8..20 => 18,
            20.. => 8,
            _ => 1,
        };
        let drawn = (0..2 * usual).map(|n| mixed(hour * 64 + n));
        // Half of what may be sent is, and a sixth once it is low.
        let one_of = if hour < 60 * 24 { 2 } else { 6 };
        let sent_in = drawn.filter(|drawn| drawn % one_of == 0);
        let at = start() + HOUR * u32::try_from(hour).expect("few");
        sent.extend(sent_in.map(|drawn| at + Duration::from_secs(drawn / 7 % 3600)));
    }
    let night = Span::new(
        start() + DAY * 62 + 23 * HOUR,
        start() + DAY * 63 + 7 * HOUR,
    );
    sent.retain(|at| !night.contains(*at));
    sent.sort();
    let steps = replay(&sent, days(58, 75));
    let shown: Vec<_> = steps
        .iter()
        .map(|t| (t.at, t.step, t.incident.rule))
        .collect();
    let of = |step: Step| steps.iter().filter(move |t| t.step == step);
    assert_eq!(of(Step::Opened).count(), 1, "{shown:?}");
    assert_eq!(of(Step::Resolved).count(), 1, "{shown:?}");
    let worse = of(Step::Escalated).next().expect("a silence");
    assert_eq!(worse.incident.rule, Rule::SendSilence, "{shown:?}");
    let after = steps.iter().find(|t| t.at > worse.at + DAY / 2);
    let after = after.expect("a reminder");
    assert_eq!(after.incident.rule, Rule::SendDrop, "{shown:?}");
    let end = of(Step::Resolved).next().expect("settled");
    assert!(
        matches!(&end.incident.evidence, Evidence::Drop(drop) if drop.settled.is_some()),
        "{shown:?}"
    );
}

/// A stop of a working day, and two fifths of the mail for days after it: what follows the stop is one drop, which ends once.
#[test]
fn a_drop_after_a_silence_does_not_end_with_one_better_hour() {
    let mixed = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    let stop = Span::new(
        start() + DAY * 59 + 8 * HOUR,
        start() + DAY * 59 + 20 * HOUR,
    );
    let low = Span::new(stop.until, stop.until + 4 * DAY);
    let mut sent = Vec::new();
    for hour in 0..70 * 24_u64 {
        let usual = match hour % 24 {
            8..20 => 36,
            _ => 6,
        };
        let at = start() + HOUR * u32::try_from(hour).expect("few");
        let one_of = if low.contains(at) { 5 } else { 2 };
        let drawn = (0..usual).map(|n| mixed(hour * 64 + n));
        let sent_in = drawn.filter(|drawn| drawn % one_of == 0);
        sent.extend(sent_in.map(|drawn| at + Duration::from_secs(drawn / 7 % 3600)));
    }
    sent.retain(|at| !stop.contains(*at));
    sent.sort();
    let steps = replay(&sent, days(57, 68));
    let turns = steps
        .iter()
        .filter(|t| matches!(t.step, Step::Opened | Step::Resolved));
    let turns: Vec<_> = turns.map(|t| (t.at, t.step, t.incident.rule)).collect();
    assert!(turns.len() >= 2, "{turns:?}");
    for pair in turns.windows(2) {
        let apart = pair[1].0.since(pair[0].0);
        assert!(apart >= 6 * HOUR, "{turns:?}");
    }
}

/// Five working days at a third, then a usual weekend: most of a week was low, and it is not any more.
#[test]
fn a_level_that_the_newest_days_have_left_is_not_normal() {
    let usual = |day: u32| if day % 7 < 5 { 90 } else { 25 };
    let sent = office(75, |day| match day {
        63..68 => usual(day) * 3 / 10,
        _ => usual(day),
    });
    let steps = replay(&sent, days(58, 75));
    let shown: Vec<_> = steps.iter().map(|t| (t.at, t.step)).collect();
    let mut ends = steps.iter().filter(|t| t.step == Step::Resolved);
    let last = ends.next_back().expect("resolved");
    assert!(last.at < start() + DAY * 73, "{shown:?}");
    let settled = steps
        .iter()
        .any(|t| matches!(&t.incident.evidence, Evidence::Drop(drop) if drop.settled.is_some()));
    assert!(!settled, "{shown:?}");
}

#[test]
fn a_step_up_and_days_that_are_uneven_are_no_new_level() {
    let grown = office(90, |day| if day < 60 { 20 } else { 80 });
    assert_eq!(replay(&grown, days(58, 90)), []);
    let uneven = office(90, |day| [40, 5, 60, 20, 8, 50, 17][day as usize * 5 % 7]);
    let levels = replay(&uneven, days(60, 90))
        .into_iter()
        .filter(|t| matches!(&t.incident.evidence, Evidence::Drop(drop) if drop.settled.is_some()));
    assert_eq!(levels.count(), 0);
}

#[test]
fn an_outage_of_days_that_is_over_is_no_new_level() {
    let mut sent = office(90, |_| 30);
    let outage = days(60, 64);
    sent.retain(|at| !outage.contains(*at));
    let steps = replay(&sent, days(58, 90));
    let shown: Vec<_> = steps.iter().map(|t| (t.incident.rule, t.step)).collect();
    let ends = steps.iter().filter(|t| t.step == Step::Resolved);
    assert_eq!(ends.count(), 1, "{shown:?}");
    let settled = steps
        .iter()
        .any(|t| matches!(&t.incident.evidence, Evidence::Drop(drop) if drop.settled.is_some()));
    assert!(!settled, "{shown:?}");
}

/// What was left is not told as a drop on the night after its end.
#[test]
fn days_of_a_drop_that_are_over_open_nothing_anew() {
    for (percent, a_day) in [(5, 800), (30, 300), (5, 300)] {
        let usual = |day: u32| if day % 7 < 5 { a_day } else { a_day * 3 / 10 };
        let mut sent = office(70, usual);
        let low = Span::new(
            start() + DAY * 50 + 10 * HOUR,
            start() + DAY * 58 + 10 * HOUR,
        );
        let mut number = 0;
        sent.retain(|at| {
            number += u32::from(low.contains(*at));
            !low.contains(*at) || number * 37 % 100 < percent
        });
        let steps = replay(&sent, days(48, 70));
        let shown: Vec<_> = steps.iter().map(|t| (t.at, t.step)).collect();
        let opened = steps.iter().filter(|t| t.step == Step::Opened).count();
        let ended = steps.iter().filter(|t| t.step == Step::Resolved).count();
        assert_eq!((opened, ended), (1, 1), "{percent}, {a_day}: {shown:?}");
    }
}

/// Three hundred at nine of each working day, but for six days in a row.
#[test]
fn a_newsletter_that_comes_again_ends_as_that_and_at_no_lower_level() {
    let mut sent = office(80, |day| if day % 7 < 5 { 60 } else { 20 });
    let newsletters = (0..80).filter(|day| day % 7 < 5 && !(63..71).contains(day));
    sent.extend(newsletters.flat_map(|day| {
        let from = start() + DAY * day + 9 * HOUR;
        (0..300).map(move |n| from + Duration::from_secs(n * 8))
    }));
    sent.sort();
    let steps = replay(&sent, days(60, 80));
    let shown: Vec<_> = steps.iter().map(|t| (t.at, t.step)).collect();
    let end = steps.iter().find(|t| t.step == Step::Resolved);
    let end = end.expect("the newsletter has come");
    assert!(end.at < start() + DAY * 71 + 12 * HOUR, "{shown:?}");
    let worst = end.incident.worst.as_ref().expect("a breach");
    assert!(worst.overdue_burst().is_some(), "{worst:?}");
    assert_eq!(end.incident.evidence.new_level(), None, "{shown:?}");
    assert_eq!(end.incident.evidence.given_up_burst(), None, "{shown:?}");
}

/// Every second to fourth message is lost from the first day on: what was told stays open for as long as that lasts, and what ends it is mail
/// that arrives.
#[test]
fn a_loss_that_lasts_beyond_min_history_is_not_over_because_it_was_learned() {
    for one_of in [2, 3, 4] {
        a_loss_lasts(|n| n.is_multiple_of(one_of));
    }
    for all_but_one_of in [3, 5, 10, 20, 48] {
        a_loss_lasts(|n| !n.is_multiple_of(all_but_one_of));
    }
}

fn a_loss_lasts(is_of_loss: impl Fn(u32) -> bool) {
    let every = HOUR / 2;
    let is_lost = |n: u32| (24..24 * 48).contains(&n) && is_of_loss(n);
    let sampled = (0..30 * 48).map(|n| {
        let sent_at = start() + every * n;
        SampledMessage {
            sent_at,
            checked_at: Some(sent_at + 2 * HOUR),
            delivered_at: (!is_lost(n)).then_some(sent_at + Duration::from_secs(30)),
            ..SampledMessage::default()
        }
    });
    let sent: Vec<Timestamp> = (0..30 * 48).map(|n| start() + every * n).collect();
    let of_stream = History {
        first_seen_at: Some(start() - DAY * 30),
        messages: Coverage::from_spans([Span::new(start() - DAY * 30, start() + DAY * 30)]),
        sampled: sampled.collect(),
        ..history(&sent, start() + DAY * 30)
    };
    let past = ServerPast {
        server: "shop".into(),
        policy: Policy::new(false, Rules::default()),
        histories: [("outbound".into(), of_stream)].into(),
        sampled: BTreeMap::new(),
    };
    let mut replay = Replay::new(vec![past], Policy::new(false, Rules::default()), 1);
    let polls = (1..30 * 24).map(|hour| start() + HOUR * hour);
    let steps: Vec<Transition> = polls.flat_map(|at| replay.poll(at)).collect();
    let of_delivery = steps
        .iter()
        .filter(|t| t.incident.rule.learns_from_delivery());
    let shown: Vec<(Step, Timestamp)> = of_delivery.map(|t| (t.step, t.at)).collect();
    let is_turn = |step: &Step| matches!(step, Step::Opened | Step::Resolved);
    let turns: Vec<&(Step, Timestamp)> = shown.iter().filter(|(step, _)| is_turn(step)).collect();
    assert_eq!(turns.len(), 2, "{shown:?}");
    assert_eq!(turns[0].0, Step::Opened, "{shown:?}");
    assert!(turns[0].1 < start() + DAY * 5, "{shown:?}");
    assert!(turns[1].1 > start() + DAY * 24, "{shown:?}");
    assert!(turns[1].1 < start() + DAY * 28, "{shown:?}");
}
