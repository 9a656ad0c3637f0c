use super::*;
use crate::detect::Detector;
use crate::model::{
    Coverage, CumulativeCounts, Evidence, Finding, HOUR, MINUTE, Rule, Rules, SilenceEvidence,
    StreamId, Timestamp, ToldBounces, Verdict,
};

/// A Monday.
const START: &str = "2026-01-05T00:00:00Z";

fn start() -> Timestamp {
    Timestamp::parse(START).expect("valid")
}

fn hours(sent: &[Timestamp]) -> Vec<HourCount> {
    let mut hours: Vec<HourCount> = Vec::new();
    for at in sent {
        match hours.last_mut().filter(|h| h.start == at.floor(HOUR)) {
            Some(hour) => {
                hour.sent += 1;
                hour.last_at = *at;
            }
            None => hours.push(HourCount {
                start: at.floor(HOUR),
                sent: 1,
                first_at: *at,
                last_at: *at,
            }),
        }
    }
    hours
}

fn ticks(sent: &[Timestamp]) -> CumulativeCounts {
    CumulativeCounts::from_counts(sent.iter().map(|at| (*at, 1)))
}

/// A stream seen for `days` days, with a mail every 20 minutes and those of the tags.
fn stream(days: u32, tags: &[(&str, Vec<Timestamp>)]) -> History {
    let until = start() + DAY * days;
    let mut sent: Vec<Timestamp> = (0..days * 72).map(|n| start() + 20 * MINUTE * n).collect();
    sent.extend(tags.iter().flat_map(|(_, sent)| sent));
    sent.sort();
    let covered = Coverage::from_spans([Span::new(start(), until)]);
    let mut history = History {
        first_seen_at: Some(start()),
        installed_at: Some(start()),
        messages: covered.clone(),
        bounces: covered,
        hours: hours(&sent),
        sent: ticks(&sent),
        ..History::default()
    };
    for (tag, sent) in tags {
        let of = history.for_tag(hours(sent), ticks(sent), Vec::new());
        history.tags.insert(Tag::from(*tag), of);
    }
    history
}

/// So many a day, evenly, from the first day to the last, both counted from 0.
fn daily(per_day: u32, first: u32, last: u32) -> Vec<Timestamp> {
    let day = |day| start() + DAY * day + 7 * MINUTE;
    let days = first..=last;
    days.flat_map(|d| (0..per_day).map(move |n| day(d) + DAY / per_day * n))
        .collect()
}

fn watched_after(days: u32, tags: &[(&str, Vec<Timestamp>)]) -> Vec<String> {
    let mut tags = watched_tags(&stream(days, tags), start() + DAY * days);
    tags.sort();
    tags.into_iter().map(|tag| tag.0).collect()
}

const NONE: [String; 0] = [];

#[test]
fn a_tag_is_watched_once_it_came_for_four_weeks() {
    assert_eq!(watched_after(28, &[("reset", daily(3, 0, 27))]), NONE);
    assert_eq!(watched_after(30, &[("reset", daily(3, 0, 29))]), ["reset"]);
    assert_eq!(watched_after(60, &[("reset", daily(3, 40, 59))]), NONE);
}

#[test]
fn a_tag_with_little_mail_or_on_few_days_has_no_volume_of_its_own() {
    let weekly: Vec<Timestamp> = (0..9).flat_map(|n| daily(2, 7 * n, 7 * n)).collect();
    assert_eq!(watched_after(60, &[("weekly", weekly)]), NONE);
    let campaigns = [daily(500, 20, 21), daily(500, 50, 51)].concat();
    assert_eq!(watched_after(60, &[("campaign", campaigns)]), NONE);
}

#[test]
fn a_tag_that_is_its_whole_stream_is_not_watched_beside_it() {
    assert_eq!(watched_after(40, &[("all", daily(1000, 0, 39))]), NONE);
}

#[test]
fn a_tag_is_forgotten_four_weeks_after_its_last_mail_and_not_before() {
    let tag = [("reset", daily(3, 0, 40))];
    assert_eq!(watched_after(68, &tag), ["reset"]);
    assert_eq!(watched_after(70, &tag), NONE);
}

#[test]
fn the_ten_largest_tags_are_watched() {
    let names: Vec<String> = (0..12).map(|n| format!("tag{n:02}")).collect();
    let tags: Vec<(&str, Vec<Timestamp>)> = (2..)
        .zip(&names)
        .map(|(per_day, name)| (name.as_str(), daily(per_day, 0, 39)))
        .collect();
    assert_eq!(watched_after(40, &tags), names[2..]);
}

#[test]
fn tags_take_from_the_budget_of_their_stream_alone() {
    assert_eq!(budget_shares(3, 0), (3, 3));
    for tags in 1..=MAX_TAGS {
        let (stream, tag) = budget_shares(3, tags);
        let spent = 1.0 / stream as f64 + tags as f64 / tag as f64;
        assert!((spent - 1.0 / 3.0).abs() < 1e-12, "{tags} tags");
    }
}

fn silences(history: &History, at: Timestamp) -> Vec<Finding> {
    let mut detector = Detector::new(Rules::default(), 1);
    let findings = detector.detect(
        history,
        &StreamId::from("outbound"),
        &[],
        &ToldBounces::default(),
        at,
    );
    let of = findings.into_iter();
    of.filter(|f| f.rule == Rule::SendSilence).collect()
}

#[test]
fn a_tag_that_stops_while_other_mail_flows_is_silent_and_nothing_else_is() {
    let tags = [("receipt", daily(10, 0, 59)), ("reset", daily(4, 0, 54))];
    let history = stream(60, &tags);
    let findings = silences(&history, start() + DAY * 58);
    let told: Vec<_> = findings
        .iter()
        .map(|f| {
            (
                f.tag.as_ref().map(|t| t.0.as_str()),
                f.verdict == Verdict::Breach,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (None, false),
            (Some("receipt"), false),
            (Some("reset"), true)
        ]
    );
    let Evidence::Silence(SilenceEvidence { last_sent, .. }) = &findings[2].evidence else {
        panic!("evidence of silence")
    };
    assert_eq!(*last_sent, tags[1].1.last().copied());
    let before = silences(&history, start() + DAY * 55);
    assert!(before.iter().all(|f| f.verdict != Verdict::Breach));
}
