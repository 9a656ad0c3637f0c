//! What a digest says of incidents, open and ended.

use super::*;
use crate::model::{DropEvidence, NewLevel};

#[test]
fn many_incidents_of_one_rule_share_a_line() {
    let at = Timestamp::from_secs(1_700_000_000);
    let ended = |n| resolved_at(at, blind(n, IncidentState::Open { within_since: None }));
    let data = Day {
        servers: (0..50)
            .map(|n| server(&format!("client-{n}"), 10))
            .collect(),
        open: (0..20)
            .map(|n| blind(n, IncidentState::Open { within_since: None }))
            .collect(),
        transitions: (20..50).map(ended).collect(),
        ..Day::default()
    };
    let lines = lines_of(&data);
    assert!(
        lines[0].starts_with(
            "🟠 20 servers, mail not read · since 22:13: client-0 (id0), client-1 (id1)"
        ),
        "{lines:#?}"
    );
    assert!(
        lines[1].starts_with("✅ 30 servers, mail not read 22:13–22:13: client-20 (id20)"),
        "{lines:#?}"
    );
    assert!(lines.len() < 15, "{lines:#?}");
}

#[test]
fn an_incident_that_outlived_the_period_does_not_end_where_it_began() {
    let opened = Transition {
        at: Timestamp::from_secs(1_700_000_000),
        incident: blind(1, IncidentState::Open { within_since: None }),
        step: Step::Opened,
        notified: true,
    };
    let data = Day {
        transitions: vec![opened],
        ..Day::default()
    };
    let lines = lines_of(&data);
    let expected = "✅ client-1: mail not read since 22:13, resolved after this period · id1";
    assert_eq!(lines, [expected]);
}

#[test]
fn a_stop_of_several_servers_is_one_problem_and_none_of_them_is_as_usual() {
    let data = Day {
        servers: (0..9).map(|n| server(&format!("client-{n}"), 10)).collect(),
        open: vec![stop(None), stop(Some(3)), stop(Some(4)), stop(Some(5))],
        ..Day::default()
    };
    assert_eq!(verdict(&data), "1 problem open");
    let lines = lines_of(&data);
    assert!(lines[0].contains("all servers"), "{lines:#?}");
    assert!(!lines.iter().any(|l| l.contains("alone")), "{lines:#?}");
    let own_lines = lines.iter().filter(|l| l.starts_with("client-"));
    assert_eq!(own_lines.count(), 3, "{lines:#?}");
    let quiet = lines.iter().any(|l| l.starts_with("6 servers as usual: "));
    assert!(quiet, "{lines:#?}");
    // One that was notified on its own is told to its end.
    let told = Incident {
        notified: true,
        ..stop(Some(3))
    };
    let data = Day {
        open: vec![stop(None), told, stop(Some(7))],
        ..data
    };
    assert_eq!(verdict(&data), "3 problems open");
}

#[test]
fn what_ended_as_a_part_of_a_stop_of_several_servers_is_no_problem_of_its_own() {
    let at = Timestamp::from_secs(1_700_000_000);
    let ended = |incident| Transition {
        notified: false,
        ..resolved_at(at, incident)
    };
    let stops = [None, Some(3), Some(4), Some(5)];
    let data = Day {
        servers: (0..9).map(|n| server(&format!("client-{n}"), 10)).collect(),
        transitions: stops.into_iter().map(|alone| ended(stop(alone))).collect(),
        ..Day::default()
    };
    assert_eq!(verdict(&data), "nothing open, 1 problem resolved");
}

#[test]
fn what_a_person_closed_is_told_as_that_and_not_as_resolved() {
    let at = Timestamp::from_secs(1_700_000_000);
    let ended = |n: usize, closed_by: Option<&str>| {
        let incident = Incident {
            closed_by: closed_by.map(str::to_owned),
            closed_as: closed_by.map(|_| Judgement::Real),
            ..blind(n, IncidentState::Open { within_since: None })
        };
        resolved_at(at, incident)
    };
    let day = |transitions: Vec<Transition>| Day {
        servers: (0..9).map(|n| server(&format!("client-{n}"), 10)).collect(),
        transitions,
        ..Day::default()
    };
    let one = day(vec![ended(0, Some("ops"))]);
    assert_eq!(verdict(&one), "nothing open, 1 problem closed by hand");
    let line = "☑ client-0: mail not read since 22:13, closed as real by ops 22:13 · id0";
    assert_eq!(lines_of(&one)[0], line);
    let both = day(vec![ended(0, Some("ops")), ended(1, None)]);
    let said = "nothing open, 1 problem resolved, 1 closed by hand";
    assert_eq!(verdict(&both), said);
    let many = day((0..8).map(|n| ended(n, Some("ops"))).collect());
    let line = "☑ 8 servers, mail not read since 22:13, 8 closed by hand: client-0 (id0)";
    assert!(
        lines_of(&many)[0].starts_with(line),
        "{:#?}",
        lines_of(&many)
    );
}

#[test]
fn what_a_stronger_incident_inhibits_is_no_problem_of_its_own() {
    let at = Timestamp::from_secs(1_700_000_000);
    let silence = of_rule(Rule::DeliverySilence, 90, true);
    let bounces = |notified| of_rule(Rule::BounceRate, 60, notified);
    let day = |open: Vec<Incident>| Day {
        servers: vec![server("client-1", 10)],
        open,
        ..Day::default()
    };
    let inhibited = day(vec![silence.clone(), bounces(false)]);
    assert_eq!(verdict(&inhibited), "1 problem open");
    let lines = lines_of(&inhibited);
    let named = lines[0].ends_with(" · delivery_silence · also: high bounce rate (bounce_rate)");
    assert!(named, "{lines:#?}");
    assert!(!lines[1].contains("bounce_rate"), "{lines:#?}");
    let blocked = day(vec![
        silence.clone(),
        of_rule(Rule::DomainBlocks, 60, false),
    ]);
    let end = " · also: mail blocked by a recipient domain (domain_blocks)";
    let lines = lines_of(&blocked);
    assert!(lines[0].ends_with(end), "{lines:#?}");
    let both = day(vec![silence.clone(), bounces(true)]);
    assert_eq!(verdict(&both), "2 problems open", "people know of both");
    let elsewhere = Incident {
        stream: Some("broadcast".into()),
        ..bounces(false)
    };
    let both = day(vec![silence.clone(), elsewhere]);
    assert_eq!(verdict(&both), "2 problems open");
    // The whole server cannot be seen: nothing of it is a problem of its own.
    let unseen = Incident {
        stream: None,
        ..of_rule(Rule::Blind, 90, true)
    };
    let all = day(vec![unseen, bounces(false)]);
    assert_eq!(verdict(&all), "1 problem open");
    let ended = |incident: Incident, minutes: u32| Transition {
        notified: false,
        ..resolved_at(at - minutes * MINUTE, incident)
    };
    let resolved = |silence_ended: u32| Day {
        transitions: vec![
            ended(silence.clone(), silence_ended),
            ended(bounces(false), 10),
        ],
        ..day(Vec::new())
    };
    assert_eq!(verdict(&resolved(20)), "nothing open, 1 problem resolved");
    assert_eq!(
        verdict(&resolved(70)),
        "nothing open, 2 problems resolved",
        "one after the other"
    );
    // Found out later, but the account could send nothing.
    let account = Incident {
        stream: None,
        ..of_rule(Rule::AccountInactive, 90, true)
    };
    let stop = of_rule(Rule::SendSilence, 60, false);
    let suspended = Day {
        transitions: vec![ended(account, 20), ended(stop, 10)],
        ..day(Vec::new())
    };
    let said = "nothing open, 1 problem resolved";
    assert_eq!(verdict(&suspended), said);
    let lines = lines_of(&suspended);
    let end = " · account_inactive · also: no mail sent on client-1/outbound (send_silence)";
    assert!(lines.iter().any(|line| line.ends_with(end)), "{lines:#?}");
}

#[test]
fn of_a_stop_that_a_person_closed_no_alert_is_promised() {
    let at = Timestamp::from_secs(1_700_000_000);
    let mut sends = server("client-1", 10);
    sends.streams[0].unnoticed = Some(MINUTE * 90);
    let day = |closed: Vec<Incident>| Day {
        servers: vec![sends.clone()],
        closed,
        installed_at: Some(at - MINUTE),
        ..Day::default()
    };
    let promises = |data: &Day| {
        let lines = lines_of(data);
        lines.iter().any(|line| line.contains("if mail stopped"))
    };
    assert!(promises(&day(Vec::new())));
    let closed = Incident {
        closed_by: Some("ops".to_owned()),
        ..resolved_at(at, of_rule(Rule::SendSilence, 90, true)).incident
    };
    assert!(!promises(&day(vec![closed])));
}

#[test]
fn what_nobody_watches_any_more_is_not_resolved() {
    let at = Timestamp::from_secs(1_700_000_000);
    let gone = |n: usize| {
        let mut end = resolved_at(at, blind(n, IncidentState::Open { within_since: None }));
        if let IncidentState::Resolved { unwatched, .. } = &mut end.incident.state {
            *unwatched = true;
        }
        end
    };
    let day = |transitions: Vec<Transition>| Day {
        servers: vec![server("client-9", 10)],
        transitions,
        ..Day::default()
    };
    let one = day(vec![gone(0)]);
    assert_eq!(verdict(&one), "nothing open, 1 problem no longer watched");
    let line = "☑ client-0: mail not read since 22:13, no longer watched since 22:13 · id0";
    assert_eq!(lines_of(&one)[0], line);
    let ended = resolved_at(at, blind(1, IncidentState::Open { within_since: None }));
    let mut closed = ended.clone();
    closed.incident.id = "closed".to_owned();
    closed.incident.closed_by = Some("ops".to_owned());
    let all = day(vec![gone(0), ended, closed]);
    let said = "nothing open, 1 problem resolved, 1 closed by hand, 1 no longer watched";
    assert_eq!(verdict(&all), said);
}

#[test]
fn a_stop_of_several_that_nobody_was_told_of_is_no_problem_beside_those_that_were_told() {
    let joint = Incident {
        notified: false,
        ..stop(None)
    };
    let told = |n| Incident {
        notified: true,
        ..stop(Some(n))
    };
    let servers: Vec<ServerDay> = (0..4).map(|n| server(&format!("client-{n}"), 10)).collect();
    let open = Day {
        servers: servers.clone(),
        open: vec![joint.clone(), told(3), told(4), stop(Some(5))],
        ..Day::default()
    };
    // The third was not told either, and has its own line.
    assert_eq!(verdict(&open), "3 problems open");
    let lines = lines_of(&open);
    assert!(!lines.iter().any(|l| l.contains("together")), "{lines:#?}");
    let at = Timestamp::from_secs(1_700_000_000);
    let over = Day {
        servers,
        transitions: [joint, told(3), told(4)]
            .map(|incident| resolved_at(at, incident))
            .to_vec(),
        ..Day::default()
    };
    assert_eq!(verdict(&over), "nothing open, 2 problems resolved");
    let lines = lines_of(&over);
    assert!(!lines.iter().any(|l| l.contains("together")), "{lines:#?}");
}

#[test]
fn an_incident_that_came_back_is_told_with_each_of_its_times() {
    let at = Timestamp::from_secs(1_700_000_000);
    let wave = |from: u32, until: u32| {
        let span = Span::new(at - from * MINUTE, at - until * MINUTE);
        let incident = Incident {
            opened_at: span.from,
            problem: Some(span),
            ..of_rule(Rule::BounceRate, 0, true)
        };
        resolved_at(span.until, incident)
    };
    let line = |transitions: Vec<Transition>| {
        let data = Day {
            servers: vec![server("client-1", 10)],
            transitions,
            ..Day::default()
        };
        assert_eq!(verdict(&data), "nothing open, 1 problem resolved");
        lines_of(&data).remove(0)
    };
    let twice = line(vec![wave(250, 200), wave(70, 40)]);
    assert!(twice.contains(" 18:03–18:53 and 21:03–21:33"), "{twice}");
    let often = line(vec![wave(250, 200), wave(150, 140), wave(70, 40)]);
    assert!(often.contains(" 18:03–21:33, 3 times"), "{often}");
    let once = line(vec![wave(70, 40)]);
    assert!(once.contains(" 21:03–21:33 · "), "{once}");
}

#[test]
fn a_server_whose_mail_stopped_that_day_is_not_as_usual_though_it_sends_again() {
    let at = Timestamp::from_secs(1_700_000_000);
    let ended = resolved_at(at, stop(Some(3)));
    let data = Day {
        servers: (0..9).map(|n| server(&format!("client-{n}"), 10)).collect(),
        transitions: vec![ended],
        ..Day::default()
    };
    let lines = lines_of(&data);
    let quiet = lines.iter().any(|l| l.starts_with("8 servers as usual: "));
    assert!(quiet, "{lines:#?}");
    let own = lines
        .iter()
        .any(|l| l.starts_with("client-3/outbound: 10 sent"));
    assert!(own, "{lines:#?}");
}

fn drop_over(window: Span, settled: Option<NewLevel>) -> Evidence {
    Evidence::Drop(DropEvidence {
        window,
        sent: 0,
        expected: 0.0,
        evidence: 0.0,
        limit: 23.2,
        times_a_year: 900.0,
        false_alarms_per_year: 4.0,
        low_until: None,
        missing_burst: None,
        settled,
        streams: Vec::new(),
    })
}

#[test]
fn a_level_that_has_settled_is_not_called_resolved_and_has_no_empty_window() {
    let at = Timestamp::from_secs(1_700_000_000);
    let level = NewLevel {
        since: at - 7 * DAY,
        per_day: 93.0,
        per_day_before: 280.0,
    };
    let mut incident = of_rule(Rule::SendDrop, 90, true);
    incident.evidence = drop_over(Span::new(at, at), Some(level));
    let style = Style {
        zone: crate::model::Zone::UTC,
        mask: true,
    };
    let explained = crate::notify::evidence::evidence_lines(&incident, style);
    assert_eq!(explained[0], "Score 0.0, threshold 23.2");
    assert_eq!(explained.len(), 2, "{explained:?}");
    let data = Day {
        transitions: vec![resolved_at(at, incident)],
        ..Day::default()
    };
    let verdict = verdict(&data);
    assert_eq!(verdict, "nothing open, 1 problem settled at a lower level");
    assert_eq!(
        lines_of(&data),
        [
            "☑ client-1/outbound: sending has settled at 33% of what it was since Tue 7 Nov 22:13 · send_drop"
        ]
    );
}

#[test]
fn a_drop_with_a_silence_in_it_is_not_called_a_silence_of_its_whole_time() {
    let at = Timestamp::from_secs(1_700_000_000);
    let silence = Incident {
        opened_at: at - 2 * DAY,
        began_at: Some(at - 2 * DAY),
        worst: Some(stop(Some(1)).evidence),
        ..of_rule(Rule::SendDrop, 90, true)
    };
    let over = Incident {
        evidence: drop_over(Span::new(at, at), None),
        ..silence
    };
    let data = Day {
        transitions: vec![resolved_at(at, over)],
        ..Day::default()
    };
    assert_eq!(
        lines_of(&data),
        [
            "✅ client-1/outbound: too little mail sent Sun 12 Nov 22:13 – Tue 14 Nov 22:13, none for 1 h 30 min · send_drop"
        ]
    );
}
