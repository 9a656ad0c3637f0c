//! Several streams that stop together are one incident, which says nothing twice.

use super::*;
use crate::model::{DropEvidence, StreamKey};
use Verdict::{Breach, Unresolved, Within};

/// The silence of one stream; mail comes as soon as it is no breach.
fn one(stream: &str, verdict: Verdict, at: u32) -> Finding {
    let last = if verdict == Breach { 0 } else { at };
    Finding {
        stream: Some(stream.into()),
        ..silence(verdict, last)
    }
}

/// The silence of all of these streams of `server`.
fn all(server: &str, streams: &[&str], verdict: Verdict, at: u32) -> Finding {
    let mut finding = one("", verdict, at);
    finding.stream = None;
    if let Evidence::Silence(silence) = &mut finding.evidence {
        let key = |stream: &&str| StreamKey::new(&server.into(), &(*stream).into());
        silence.streams = streams.iter().map(key).collect();
        silence.gap = Span::new(super::at(0), self::at(at));
    }
    finding
}

/// Of each finding the verdict on all streams together, on `a` and on `b`.
fn at_hour(scene: &mut Scene, hour: u32, verdicts: [Verdict; 3]) -> Vec<String> {
    let findings = vec![
        one("a", verdicts[1], hour),
        one("b", verdicts[2], hour),
        all("shop", &["a", "b"], verdicts[0], hour),
    ];
    let log = &mut scene.log;
    let steps = log.apply(&scene.policy, findings, at(hour));
    let place = |t: &Transition| t.incident.stream.clone().map_or("all".into(), |s| s.0);
    let show = |t: &Transition| format!("{} {}", place(t), show(t).replace("send_silence ", ""));
    steps.iter().map(show).collect()
}

#[test]
fn what_stops_together_is_reported_once() {
    let mut scene = Scene::new(false);
    assert_eq!(
        at_hour(&mut scene, 1, [Breach, Within, Within]),
        ["all opened!"]
    );
    let later = at_hour(&mut scene, 5, [Breach, Breach, Breach]);
    assert_eq!(later, ["a opened", "b opened"]);
    let back = at_hour(&mut scene, 9, [Within, Within, Unresolved]);
    assert_eq!(back, ["all resolved!", "a resolved"]);
    assert_eq!(
        at_hour(&mut scene, 12, [Within, Within, Within]),
        ["b resolved"]
    );
}

#[test]
fn a_stream_that_stays_silent_when_the_others_are_back_is_reported() {
    let mut scene = Scene::new(false);
    at_hour(&mut scene, 1, [Breach, Breach, Breach]);
    let back = at_hour(&mut scene, 9, [Within, Within, Breach]);
    assert_eq!(back, ["all resolved!", "a resolved", "b reminded!"]);
    assert_eq!(at_hour(&mut scene, 10, [Within, Within, Breach]), NOTHING);
    assert_eq!(
        at_hour(&mut scene, 12, [Within, Within, Within]),
        ["b resolved!"]
    );
}

#[test]
fn a_stream_that_stops_before_the_others_is_an_incident_of_its_own() {
    let mut scene = Scene::new(false);
    assert_eq!(
        at_hour(&mut scene, 1, [Within, Breach, Within]),
        ["a opened!"]
    );
    // Of the two only `b` is news, and that is reported as soon as it is one.
    assert_eq!(
        at_hour(&mut scene, 2, [Breach, Breach, Within]),
        ["all opened"]
    );
    assert_eq!(
        at_hour(&mut scene, 6, [Breach, Breach, Breach]),
        ["b opened!"]
    );
    let back = at_hour(&mut scene, 9, [Within, Within, Within]);
    assert_eq!(back, ["all resolved", "a resolved!", "b resolved!"]);
}

#[test]
fn a_stop_of_several_servers_is_not_reported_again_by_each() {
    let mut servers = Scene::new(false);
    servers.log = IncidentLog::new(ServerName::ALL_SERVERS.into(), []);
    let everything = all("shop", &["a", "b"], Breach, 1);
    assert_eq!(
        servers.at(at(1), vec![everything]),
        ["send_silence opened!"]
    );
    let mut scene = Scene::new(false);
    scene.policy.stops_together = servers.log.incidents().cloned().collect();
    assert_eq!(
        scene.at(at(5), vec![one("a", Breach, 5)]),
        ["send_silence opened"]
    );
    assert_eq!(
        scene.at(at(5), vec![one("c", Breach, 5)]),
        ["send_silence opened!"]
    );
    servers.at(at(8), vec![all("shop", &["a", "b"], Within, 8)]);
    scene.policy.stops_together = servers.log.incidents().cloned().collect();
    let still = scene.at(at(8), vec![one("a", Breach, 8)]);
    assert_eq!(still, ["send_silence reminded!"]);
}

#[test]
fn a_stop_of_streams_that_are_known_to_be_silent_is_no_news() {
    let mut servers = Scene::new(false);
    let key = |stream: &str| StreamKey::new(&"shop".into(), &stream.into());
    servers.policy.stopped = ["b", "c"].map(|s| (key(s), Rule::SendSilence)).into();
    let everything = all("shop", &["a", "b", "c"], Breach, 1);
    assert_eq!(servers.at(at(1), vec![everything]), ["send_silence opened"]);
    let mut fewer = Scene::new(false);
    fewer.policy.stopped = [(key("c"), Rule::SendSilence)].into();
    let everything = all("shop", &["a", "b", "c"], Breach, 1);
    assert_eq!(fewer.at(at(1), vec![everything]), ["send_silence opened!"]);
}

#[test]
fn what_a_person_closed_is_not_reported_by_each_stream() {
    let mut scene = Scene::new(false);
    at_hour(&mut scene, 4, [Breach, Within, Within]);
    let open = scene.log.incidents().find(|i| i.is_open());
    let id = open.expect("open").id.clone();
    scene
        .log
        .close(&scene.policy, &id, "Jane", at(5))
        .expect("closed");
    assert_eq!(
        at_hour(&mut scene, 6, [Breach, Breach, Within]),
        ["a opened"]
    );
}

/// Quiet hours from the first hour to the tenth.
fn quiet() -> Scene {
    let mut scene = Scene::new(false);
    scene.policy.quiet_hours = vec![Span::new(at(0), at(10))];
    scene
}

/// The steps at `hour`, at which each of `findings` has this severity.
fn steps(scene: &mut Scene, hour: u32, findings: Vec<(Finding, Severity)>) -> Vec<String> {
    let findings = findings.into_iter().map(|(finding, severity)| Finding {
        severity,
        ..finding
    });
    let place = |t: &Transition| t.incident.stream.clone().map_or("all".into(), |s| s.0);
    let steps = scene.log.apply(&scene.policy, findings.collect(), at(hour));
    let show = |t: &Transition| format!("{} {}", place(t), show(t).replace("send_silence ", ""));
    steps.iter().map(show).collect()
}

fn end_of_quiet_hours(scene: &mut Scene, hour: u32) -> Vec<String> {
    let end = scene.log.end_mutes(&scene.policy, at(hour));
    let place = |t: &Transition| t.incident.stream.clone().map_or("all".into(), |s| s.0);
    end.open.iter().map(place).collect()
}

#[test]
fn a_stop_of_all_that_quiet_hours_hold_back_hides_no_wake_of_one() {
    use Severity::{Wake, Warn};
    let mut scene = quiet();
    let everything = |hour| all("shop", &["a", "b"], Breach, hour);
    let found = steps(
        &mut scene,
        1,
        vec![(everything(1), Warn), (one("b", Breach, 1), Wake)],
    );
    assert_eq!(found, ["all opened", "b opened!"]);
    // Of `b` people know, and of `a` alone it is not said that it stopped.
    let worse = steps(
        &mut scene,
        2,
        vec![(everything(2), Wake), (one("b", Breach, 2), Wake)],
    );
    assert_eq!(worse, ["all escalated"]);
}

#[test]
fn stops_of_single_streams_that_quiet_hours_hold_back_hide_no_wake_of_all() {
    use Severity::{Wake, Warn};
    let mut scene = quiet();
    let singles = |hour| {
        let single = |stream| (one(stream, Breach, hour), Warn);
        vec![single("a"), single("b")]
    };
    assert_eq!(
        steps(&mut scene, 1, singles(1)),
        ["a opened", "b opened"],
        "both wait"
    );
    let mut findings = singles(2);
    findings.push((all("shop", &["a", "b"], Breach, 2), Wake));
    assert_eq!(steps(&mut scene, 2, findings), ["all opened!"]);
    assert!(
        end_of_quiet_hours(&mut scene, 10).is_empty(),
        "it says what these would"
    );
}

#[test]
fn a_stop_of_all_and_of_each_that_waited_are_told_once() {
    let mut scene = quiet();
    let single = |stream, hour| (one(stream, Breach, hour), Severity::Warn);
    steps(&mut scene, 1, vec![single("a", 1), single("b", 1)]);
    let everything = (all("shop", &["a", "b"], Breach, 2), Severity::Warn);
    steps(
        &mut scene,
        2,
        vec![everything, single("a", 2), single("b", 2)],
    );
    assert_eq!(end_of_quiet_hours(&mut scene, 10), ["all"]);
    assert!(end_of_quiet_hours(&mut scene, 11).is_empty());
}

#[test]
fn what_outlasts_a_stop_of_all_that_nobody_was_told_of_is_reported_after_quiet_hours() {
    let mut scene = quiet();
    at_hour(&mut scene, 1, [Breach, Within, Within]);
    assert_eq!(
        at_hour(&mut scene, 2, [Breach, Within, Breach]),
        ["b opened"]
    );
    assert_eq!(
        at_hour(&mut scene, 4, [Within, Within, Breach]),
        ["all resolved"]
    );
    assert_eq!(
        at_hour(&mut scene, 10, [Within, Within, Breach]),
        ["b reminded!"]
    );
    assert_eq!(at_hour(&mut scene, 11, [Within, Within, Breach]), NOTHING);
}

#[test]
fn a_stream_that_is_known_to_have_stopped_before_did_not_stop_together_with_others() {
    let named = |scene: &Scene| -> Vec<String> {
        let mut incidents = scene.log.incidents();
        let joint = incidents.find(|i| i.stream.is_none()).expect("of several");
        let Evidence::Silence(silence) = &joint.evidence else {
            panic!("{:?}", joint.evidence);
        };
        let streams = silence.streams.iter();
        streams.map(|s| s.stream().0.clone()).collect()
    };
    let mut scene = Scene::new(false);
    scene.at(at(1), vec![one("news", Breach, 1)]);
    let everything = |verdict, hour| all("shop", &["news", "a", "b"], verdict, hour);
    let both = vec![everything(Breach, 30), one("news", Breach, 30)];
    let steps = scene.at(at(30), both);
    assert_eq!(steps[0], "send_silence opened!");
    assert_eq!(named(&scene), ["a", "b"]);
    // Nor is it said at its end that it sends again.
    let both = vec![everything(Within, 32), one("news", Breach, 32)];
    assert_eq!(scene.at(at(32), both), ["send_silence resolved!"]);
    assert_eq!(named(&scene), ["a", "b"]);
}

/// The drop of all of these streams of `server`, or of one alone.
fn fall(stream: Option<&str>, streams: &[&str], verdict: Verdict, hour: u32) -> Finding {
    let key = |stream: &&str| StreamKey::new(&"shop".into(), &(*stream).into());
    let evidence = DropEvidence {
        window: Span::new(at(0), at(hour)),
        sent: 10,
        expected: 60.0,
        evidence: 20.0,
        limit: 10.0,
        times_a_year: 0.01,
        false_alarms_per_year: 4.0,
        low_until: None,
        missing_burst: None,
        settled: None,
        streams: streams.iter().map(key).collect(),
    };
    Finding {
        stream: stream.map(Into::into),
        evidence: Evidence::Drop(evidence),
        ..finding(Rule::SendDrop, verdict)
    }
}

#[test]
fn what_falls_together_is_reported_once() {
    let mut scene = Scene::new(false);
    let all = |verdict, hour| fall(None, &["a", "b"], verdict, hour);
    let one = |stream, verdict, hour| fall(Some(stream), &[], verdict, hour);
    assert_eq!(
        scene.at(at(1), vec![all(Breach, 1), one("a", Within, 1)]),
        ["send_drop opened!"]
    );
    let each = vec![all(Breach, 5), one("a", Breach, 5), one("c", Breach, 5)];
    let later = scene.at(at(5), each);
    assert_eq!(
        later,
        ["send_drop opened", "send_drop opened!"],
        "`c` is none of them"
    );
    let back = vec![all(Within, 9), one("a", Within, 9), one("c", Within, 9)];
    assert_eq!(
        scene.at(at(9), back),
        [
            "send_drop resolved!",
            "send_drop resolved",
            "send_drop resolved!"
        ]
    );
}

#[test]
fn within_a_drop_of_several_only_a_stop_that_wakes_is_told() {
    let mut scene = Scene::new(false);
    scene.at(at(1), vec![fall(None, &["a", "b"], Breach, 1)]);
    let stop = |severity, hour| Finding {
        severity,
        ..one("a", Breach, hour)
    };
    let both = |severity, hour| vec![fall(None, &["a", "b"], Breach, hour), stop(severity, hour)];
    assert_eq!(
        scene.at(at(2), both(Severity::Warn, 2)),
        ["send_silence opened"]
    );
    assert_eq!(
        scene.at(at(3), both(Severity::Wake, 3)),
        ["send_silence escalated!"]
    );
    // A stop of all hides that of each, and takes the drop of all over.
    let mut scene = Scene::new(false);
    scene.at(at(1), vec![fall(None, &["a", "b"], Breach, 1)]);
    let stopped = vec![
        all("shop", &["a", "b"], Breach, 3),
        fall(None, &["a", "b"], Breach, 3),
        stop(Severity::Wake, 3),
    ];
    let found = scene.at(at(3), stopped);
    assert!(
        found.contains(&"send_silence opened".to_owned()),
        "{found:?}"
    );
}

#[test]
fn a_drop_of_streams_of_whose_own_people_know_is_no_news() {
    let key = |stream: &str| StreamKey::new(&"shop".into(), &stream.into());
    for (known, told) in [(Rule::SendDrop, false), (Rule::SendSilence, false)] {
        let mut servers = Scene::new(false);
        servers.policy.stopped = ["b", "c"].map(|s| (key(s), known)).into();
        let found = servers.at(at(1), vec![fall(None, &["a", "b", "c"], Breach, 1)]);
        assert_eq!(found[0].ends_with('!'), told, "{known:?} {found:?}");
    }
    // That the volume fell does not say that it stopped.
    let mut servers = Scene::new(false);
    servers.policy.stopped = ["b", "c"].map(|s| (key(s), Rule::SendDrop)).into();
    let everything = all("shop", &["a", "b", "c"], Breach, 1);
    assert_eq!(
        servers.at(at(1), vec![everything]),
        ["send_silence opened!"]
    );
}

#[test]
fn what_the_streams_of_a_server_do_is_not_told_beside_what_those_of_several_do() {
    let mut servers = Scene::new(false);
    servers.log = IncidentLog::new(ServerName::ALL_SERVERS.into(), []);
    let mut everything = all("shop", &["a", "b"], Breach, 1);
    if let Evidence::Silence(silence) = &mut everything.evidence {
        let other = StreamKey::new(&"blog".into(), &"a".into());
        silence.streams.push(other);
    }
    servers.at(at(1), vec![everything]);
    let mut scene = Scene::new(false);
    scene.policy.stops_together = servers.log.incidents().cloned().collect();
    assert_eq!(
        scene.at(at(2), vec![all("shop", &["a", "b"], Breach, 2)]),
        ["send_silence opened"]
    );
    assert_eq!(
        scene.at(at(2), vec![all("shop", &["a", "c"], Breach, 2)]),
        NOTHING
    );
    let mut scene = Scene::new(false);
    scene.policy.stops_together = servers.log.incidents().cloned().collect();
    assert_eq!(
        scene.at(at(2), vec![all("shop", &["a", "c"], Breach, 2)]),
        ["send_silence opened!"],
        "of `c` it does not tell"
    );
}
