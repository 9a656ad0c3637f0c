//! What a digest of many servers looks like.

use super::*;
use crate::model::{
    BlindEvidence, DAY, Evidence, IncidentState, Judgement, MINUTE, Rule, ServerName, Severity,
    SilenceEvidence, Step, StreamKey,
};

fn server(name: &str, sent: u64) -> ServerDay {
    ServerDay {
        name: name.to_owned(),
        streams: vec![StreamDay {
            stream: Some("outbound".into()),
            sent,
            delivered: Some(sent),
            ..StreamDay::default()
        }],
        own_domains_missing: true,
        ..ServerDay::default()
    }
}

fn lines_of(data: &Day) -> Vec<String> {
    let period = Span::before(Timestamp::from_secs(1_700_000_000), DAY);
    let style = Style {
        zone: crate::model::Zone::UTC,
        mask: true,
    };
    digest(data, period, style).lines().to_vec()
}

#[test]
fn a_thousand_quiet_servers_are_one_line_each_kind() {
    let servers = (0..1000).map(|n| server(&format!("client-{n}"), n / 2));
    let data = Day {
        servers: servers.collect(),
        ..Day::default()
    };
    assert_eq!(
        lines_of(&data),
        [
            "998 servers as usual: 249,500 sent · 0 bounces (0%) · 0 complaints: client-998 499, client-999 499, \
             client-996 498, client-997 498, client-994 497, client-995 497, client-992 496, client-993 496 and 990 more",
            "2 servers sent nothing: client-0, client-1",
        ]
    );
}

#[test]
fn a_server_that_was_not_seen_stands_before_the_quiet_ones() {
    let mut servers: Vec<ServerDay> = (0..9).map(|n| server(&format!("client-{n}"), 10)).collect();
    let at = Timestamp::from_secs(1_700_000_000);
    servers[7].blind = Some((at - 90 * MINUTE, "HTTP 503".to_owned()));
    let data = Day {
        servers,
        notes: vec![("client-9".to_owned(), "is gone".to_owned())],
        ..Day::default()
    };
    let lines = lines_of(&data);
    assert!(
        lines[0].starts_with("client-7: could not be read since"),
        "{lines:?}"
    );
    assert!(
        lines[2].starts_with("8 servers as usual: 80 sent"),
        "{lines:?}"
    );
    assert!(lines.contains(&"client-9: is gone".to_owned()), "{lines:?}");
}

#[test]
fn news_of_many_servers_is_a_line_for_each_kind() {
    let joined = (0..49).map(|n| (format!("client-{n}"), "is new".to_owned()));
    let data = Day {
        notes: joined
            .chain([("old".to_owned(), "is gone".to_owned())])
            .collect(),
        ..Day::default()
    };
    let lines = lines_of(&data);
    let names = "client-0, client-1, client-2, client-3, client-4, client-5, client-6, client-7";
    let expected = [
        "old: is gone".to_owned(),
        format!("49 servers ({names} and 41 more): each is new"),
    ];
    assert_eq!(lines, expected);
}

fn blind(server: usize, state: IncidentState) -> Incident {
    let at = Timestamp::from_secs(1_700_000_000);
    let evidence = Evidence::Blind(BlindEvidence {
        since: at,
        cycles: 2,
        reason: "HTTP 503".to_owned(),
        ..BlindEvidence::default()
    });
    let (id, server) = (format!("id{server}"), format!("client-{server}"));
    Incident {
        state,
        ..Incident::opened(
            id,
            ServerName(server),
            Rule::Blind,
            Severity::Warn,
            at,
            evidence,
        )
    }
}

#[test]
fn many_incidents_of_one_rule_share_a_line() {
    let at = Timestamp::from_secs(1_700_000_000);
    let ended = |n| Transition {
        at,
        incident: blind(
            n,
            IncidentState::Resolved {
                at,
                unwatched: false,
                disabled: false,
            },
        ),
        step: Step::Resolved,
        notified: true,
    };
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
fn of_a_server_that_cannot_be_read_no_alert_is_promised() {
    let mut of = server("client-1", 10);
    of.streams[0].unnoticed = Some(MINUTE * 90);
    let promises = |of: &ServerDay| {
        let lines = hint_lines(of, &std::iter::empty());
        lines.iter().any(|line| line.contains("if mail stopped"))
    };
    assert!(promises(&of));
    of.blind = Some((Timestamp::from_secs(1_700_000_000), "HTTP 503".to_owned()));
    assert!(!promises(&of));
}

#[test]
fn a_few_servers_are_told_in_full() {
    let data = Day {
        servers: (0..5).map(|n| server(&format!("client-{n}"), 10)).collect(),
        ..Day::default()
    };
    let lines = lines_of(&data);
    assert!(
        lines
            .iter()
            .any(|l| l.starts_with("client-4/outbound: 10 sent · ")),
        "{lines:?}"
    );
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
fn a_stream_whose_mail_did_not_arrive_is_named_among_many() {
    let mut servers: Vec<ServerDay> = (0..9).map(|n| server(&format!("client-{n}"), 10)).collect();
    servers[3].streams[0].failed = 5;
    servers[3].streams[0].classes = vec![(BounceClass::Soft, 5), (BounceClass::Ignored, 1)];
    servers[5].streams[0].undelivered = Some(4);
    servers[7].streams[0].failed = 4;
    let data = Day {
        servers,
        ..Day::default()
    };
    assert_eq!(verdict(&data), "2 streams need a look");
    let lines = lines_of(&data);
    assert_eq!(
        lines[..2],
        [
            "⚠ client-3/outbound: 5 of 10 messages bounced (soft 5)",
            "⚠ client-5/outbound: none of 4 sampled messages was delivered",
        ]
    );
}

/// A stop of the mail of `client-3` to `client-5` together, or of one of them alone, which was not notified.
fn stop(alone: Option<usize>) -> Incident {
    let at = Timestamp::from_secs(1_700_000_000);
    let key = |n: usize| StreamKey::new(&format!("client-{n}").as_str().into(), &"outbound".into());
    let together = match alone {
        Some(_) => Vec::new(),
        None => (3..6).map(key).collect(),
    };
    Incident {
        id: alone.map_or("together".to_owned(), |n| format!("alone{n}")),
        server: match alone {
            Some(n) => format!("client-{n}").as_str().into(),
            None => ServerName::ALL_SERVERS.into(),
        },
        stream: alone.map(|_| "outbound".into()),
        rule: Rule::SendSilence,
        severity: Severity::Wake,
        notified: alone.is_none(),
        evidence: Evidence::Silence(SilenceEvidence {
            last_sent: Some(at - 90 * MINUTE),
            gap: Span::new(at - 90 * MINUTE, at),
            expected: 9.0,
            surprise: 15.0,
            threshold: 13.0,
            longest_before: 3.0,
            times_a_year: 0.1,
            false_alarms_per_year: 2.0,
            missing_burst: None,
            streams: together,
            not_due: Vec::new(),
            silent: Vec::new(),
        }),
        ..blind(0, IncidentState::Open { within_since: None })
    }
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
    let ended = |incident: Incident| Transition {
        at,
        incident: Incident {
            state: IncidentState::Resolved {
                at,
                unwatched: false,
                disabled: false,
            },
            ..incident
        },
        step: Step::Resolved,
        notified: false,
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
        let state = IncidentState::Resolved {
            at,
            unwatched: false,
            disabled: false,
        };
        Transition {
            at,
            incident: Incident {
                closed_by: closed_by.map(str::to_owned),
                closed_as: closed_by.map(|_| Judgement::Real),
                ..blind(n, state)
            },
            step: Step::Resolved,
            notified: true,
        }
    };
    let day = |transitions: Vec<Transition>| Day {
        servers: (0..9).map(|n| server(&format!("client-{n}"), 10)).collect(),
        transitions,
        ..Day::default()
    };
    let one = day(vec![ended(0, Some("ops"))]);
    assert_eq!(verdict(&one), "nothing open, 1 problem closed by hand");
    let line = "✅ client-0: mail not read since 22:13, closed as real by ops 22:13 · id0";
    assert_eq!(lines_of(&one)[0], line);
    let both = day(vec![ended(0, Some("ops")), ended(1, None)]);
    let said = "nothing open, 1 problem resolved, 1 closed by hand";
    assert_eq!(verdict(&both), said);
    let many = day((0..8).map(|n| ended(n, Some("ops"))).collect());
    let line = "✅ 8 servers, mail not read since 22:13, 8 closed by hand: client-0 (id0)";
    assert!(
        lines_of(&many)[0].starts_with(line),
        "{:#?}",
        lines_of(&many)
    );
}

/// An incident of `client-1/outbound` that opened `minutes` before the end of the period.
fn of_rule(rule: Rule, minutes: u32, notified: bool) -> Incident {
    let at = Timestamp::from_secs(1_700_000_000);
    Incident {
        id: rule.name().to_owned(),
        server: "client-1".into(),
        stream: Some("outbound".into()),
        rule,
        notified,
        opened_at: at - minutes * MINUTE,
        ..blind(1, IncidentState::Open { within_since: None })
    }
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
    let named = lines[0].ends_with(" · delivery_silence · with high bounce rate (bounce_rate)");
    assert!(named, "{lines:#?}");
    assert!(!lines[1].contains("bounce_rate"), "{lines:#?}");
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
        at: at - minutes * MINUTE,
        incident: Incident {
            state: IncidentState::Resolved {
                at: at - minutes * MINUTE,
                unwatched: false,
                disabled: false,
            },
            ..incident
        },
        step: Step::Resolved,
        notified: false,
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
    let end = " · account_inactive · with no mail sent on client-1/outbound (send_silence)";
    assert!(lines.iter().any(|line| line.ends_with(end)), "{lines:#?}");
}

#[test]
fn bounces_of_a_bad_day_or_of_an_incident_are_no_chance() {
    let chance = ChanceBreaches {
        times: 3,
        highest: (2, 12),
    };
    let mut data = Day {
        servers: vec![server("client-1", 335)],
        ..Day::default()
    };
    let of = |data: &mut Day, change: &dyn Fn(&mut StreamDay)| {
        change(&mut data.servers[0].streams[0]);
        chance_line(data)
    };
    let bounces = "client-1/outbound bounce rate 3 times (at most 2 of 12)";
    let complaints = "client-1/outbound complaint rate 3 times (at most 2 of 12)";
    let line = |what: &str| {
        Some(format!(
            "Above a threshold, but no more than chance explains: {what}"
        ))
    };
    assert_eq!(of(&mut data, &|s| s.chance_bounces = chance), line(bounces));
    let exceeded = Some(0.01);
    assert_eq!(of(&mut data, &|s| s.exceeded_threshold = exceeded), None);
    let complained = of(&mut data, &|s| s.chance_complaints = chance);
    assert_eq!(complained, line(complaints));
    assert_eq!(of(&mut data, &|s| s.exceeded_complaints = exceeded), None);
    let both = of(&mut data, &|s| {
        (s.exceeded_threshold, s.exceeded_complaints) = (None, None);
    });
    assert_eq!(both, line(&format!("{bounces}, {complaints}")));
    data.open = vec![of_rule(Rule::DomainBlocks, 90, true)];
    assert_eq!(chance_line(&data), line(complaints));
    // It ended in the period.
    let over = |rule| Transition {
        at: Timestamp::from_secs(1_700_000_000),
        incident: of_rule(rule, 90, true),
        step: Step::Resolved,
        notified: true,
    };
    data.open.clear();
    data.transitions = vec![over(Rule::SpamRate)];
    assert_eq!(chance_line(&data), line(bounces));
    data.transitions.push(over(Rule::HardBounceWake));
    assert_eq!(chance_line(&data), None);
}

#[test]
fn what_a_domain_blocks_and_is_told_of_needs_no_look() {
    let mut data = Day {
        servers: vec![server("client-1", 400)],
        ..Day::default()
    };
    let stream = &mut data.servers[0].streams[0];
    stream.classes = vec![(BounceClass::Hard, 1), (BounceClass::Blocked, 39)];
    (stream.bounced, stream.bounce_rate) = (40, 0.1);
    stream.exceeded_threshold = Some(0.01);
    assert_eq!(verdict(&data), "1 stream needs a look");
    data.open = vec![of_rule(Rule::DomainBlocks, 90, true)];
    assert_eq!(unusual::unusual(&data), []);
    data.servers[0].streams[0].classes = vec![(BounceClass::Hard, 9), (BounceClass::Blocked, 31)];
    assert_eq!(unusual::unusual(&data).len(), 1);
}

#[test]
fn complaints_above_the_threshold_need_a_look() {
    let mut servers: Vec<ServerDay> = (0..9).map(|n| server(&format!("client-{n}"), 30)).collect();
    servers[3].streams[0].classes = vec![(BounceClass::Complaint, 8)];
    servers[3].streams[0].complaint_rate = 8.0 / 30.0;
    servers[3].streams[0].exceeded_complaints = Some(0.001);
    // One alone is no rate.
    servers[5].streams[0].classes = vec![(BounceClass::Complaint, 1)];
    let data = Day {
        servers,
        ..Day::default()
    };
    assert_eq!(verdict(&data), "1 stream needs a look");
    let lines = lines_of(&data);
    let expected = "⚠ client-3/outbound: 8 recipients complained (27%), above the threshold of 0.1% over the whole day";
    assert_eq!(lines[0], expected);
    assert!(lines[1].starts_with("client-3/outbound: "), "{lines:#?}");
    assert!(lines[2].starts_with("8 servers as usual: "), "{lines:#?}");
    // The incident says it already.
    let told = Incident {
        server: "client-3".into(),
        stream: Some("outbound".into()),
        rule: Rule::SpamRate,
        ..blind(3, IncidentState::Open { within_since: None })
    };
    let data = Day {
        open: vec![told],
        ..data
    };
    assert_eq!(verdict(&data), "1 problem open");
}

#[test]
fn a_loss_is_measured_by_mail_in_general_where_the_stream_has_no_past() {
    let named = |is_own, delivered| {
        let mut lossy = server("shop", 610);
        lossy.streams[0].delivered = Some(delivered);
        lossy.streams[0].sample = crate::model::SampleOutcome {
            delivered: 57,
            without_news: 63,
            ..Default::default()
        };
        let usual = UsualDelivery {
            share: 0.97,
            is_own,
        };
        lossy.streams[0].usual_delivered = Some(usual);
        let data = Day {
            servers: vec![lossy],
            ..Day::default()
        };
        assert_eq!(verdict(&data), "1 stream needs a look");
        unusual_lines(&data)
    };
    let lost = "⚠ shop/outbound: 57 of 120 sampled messages were delivered (48%)";
    assert_eq!(named(true, 290), [format!("{lost}, usually 97%")]);
    assert_eq!(
        named(false, 290),
        [format!("{lost}, of mail in general 97%")]
    );
    // Where hours were drawn from unevenly, the share of the sample is not that of the mail.
    let lost = "⚠ shop/outbound: about 214 of 610 messages were delivered (35%)";
    assert_eq!(named(true, 214), [format!("{lost}, usually 97%")]);
}

#[test]
fn a_stream_whose_sample_could_not_be_read_is_not_all_normal() {
    let mut unread = server("shop", 151);
    unread.streams[0].delivered = None;
    unread.streams[0].unread = Some(40);
    let data = Day {
        servers: vec![unread],
        ..Day::default()
    };
    assert_eq!(verdict(&data), "1 stream needs a look");
    assert_eq!(
        lines_of(&data),
        [
            "⚠ shop/outbound: delivery unknown: no sampled message could be read",
            "outbound: 151 sent · delivery unknown · 0 bounces · 0 complaints",
        ]
    );
}

#[test]
fn one_dead_address_of_twenty_is_not_most_of_the_mail() {
    let verdict_of = |failed| {
        let mut partial = server("shop", 135);
        partial.streams[0].failed = failed;
        partial.streams[0].recipients = Some(2_700);
        partial.streams[0].classes = vec![(BounceClass::Hard, failed)];
        let data = Day {
            servers: vec![partial],
            ..Day::default()
        };
        (verdict(&data), unusual_lines(&data))
    };
    assert_eq!(verdict_of(95).0, "all normal, 135 messages sent");
    let lines = verdict_of(1_800).1;
    let expected = "⚠ shop/outbound: 1,800 of 2,700 recipients bounced (hard 1,800)";
    assert_eq!(lines, [expected]);
}

#[test]
fn a_stream_that_only_the_configuration_has_is_named_with_the_one_that_is_meant() {
    let misnamed = |nearest: Option<&str>| Day {
        servers: vec![server("shop", 5)],
        misnamed_streams: vec![MisnamedStream {
            server: "shop".into(),
            id: "outbond".into(),
            key: "`ignore_streams`",
            nearest: nearest.map(Into::into),
        }],
        ..Day::default()
    };
    let said = "⚠ shop: `outbond` in `ignore_streams` does not exist or is archived, so that it has no effect; ";
    for (nearest, remedy) in [
        (Some("outbound"), "did you mean `outbound`?"),
        (None, "correct the name, or take it out"),
    ] {
        let lines = lines_of(&misnamed(nearest));
        assert!(lines.contains(&format!("{said}{remedy}")), "{lines:#?}");
    }
    let judged = judge_day(&misnamed(None));
    assert_eq!(
        judged.needs_a_look,
        "1 stream of the configuration does not exist"
    );
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
        state: IncidentState::Resolved {
            at,
            unwatched: false,
            disabled: false,
        },
        closed_by: Some("ops".to_owned()),
        ..of_rule(Rule::SendSilence, 90, true)
    };
    assert!(!promises(&day(vec![closed])));
}

fn resolved_at(at: Timestamp, incident: Incident) -> Transition {
    Transition {
        at,
        incident: Incident {
            state: IncidentState::Resolved {
                at,
                unwatched: false,
                disabled: false,
            },
            ..incident
        },
        step: Step::Resolved,
        notified: true,
    }
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
    let line = "✅ client-0: mail not read since 22:13, no longer watched since 22:13 · id0";
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

#[test]
fn a_day_whose_bounces_alone_were_not_read_is_known_but_for_them() {
    let period = Span::before(Timestamp::from_secs(1_700_000_000), DAY);
    let lines = |unread: Span| {
        let mut of = server("shop", 342);
        of.streams[0].bounces_unread = vec![unread];
        let data = Day {
            servers: vec![of],
            ..Day::default()
        };
        let said = "nothing found, but not everything could be read";
        assert_eq!(verdict(&data), said);
        lines_of(&data)
    };
    let line = "outbound: 342 sent · about 342 delivered · bounces and complaints not read";
    assert_eq!(lines(period), [line]);
    let part = Span::new(period.from, period.from + 90 * MINUTE);
    let unread = "outbound: bounces and complaints not read: Mon 13 Nov 22:13–23:43";
    let known = "outbound: 342 sent · about 342 delivered · 0 bounces · 0 complaints";
    assert_eq!(lines(part), [known, unread]);
}
