//! What a digest looks like; of many servers in this file.

use super::*;
use crate::model::{
    BlindEvidence, DAY, Evidence, IncidentState, Judgement, MINUTE, Rule, ServerName, Severity,
    SilenceEvidence, Step, StreamKey,
};

mod incidents;
mod streams;

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
fn many_days_without_a_digest_are_named_by_the_first_and_the_last() {
    let end = Timestamp::from_secs(1_700_000_000);
    let told = |days: u32| {
        let missed = (1..=days).rev().map(|day| end - DAY * day).collect();
        let lines = lines_of(&Day {
            missed,
            ..Day::default()
        });
        let mut lines = lines
            .into_iter()
            .filter(|line| line.starts_with("No digest"));
        lines.next()
    };
    assert_eq!(told(0), None);
    assert_eq!(
        told(2).as_deref(),
        Some("No digest was sent on Sun 12 Nov and Mon 13 Nov.")
    );
    assert_eq!(
        told(47).as_deref(),
        Some("No digest was sent on the 47 days from Thu 28 Sep to Mon 13 Nov.")
    );
    assert_eq!(
        told(1_400).as_deref(),
        Some("No digest was sent on the 1,400 days from Tue 14 Jan 2020 to Mon 13 Nov.")
    );
}

#[test]
fn a_share_of_recipients_says_of_how_many() {
    let line = |recipients| {
        let mut server = server("shop", 748);
        let day = &mut server.streams[0];
        (day.recipients, day.bounced, day.bounce_rate) = (recipients, 3, 0.0036);
        day.classes = vec![(BounceClass::Hard, 3)];
        let lines = lines_of(&Day {
            servers: vec![server],
            ..Day::default()
        });
        lines[0].clone()
    };
    assert!(line(Some(826)).contains("3 hard bounces (0.36% of 826 recipients)"));
    for as_many in [None, Some(748)] {
        assert!(line(as_many).contains("3 hard bounces (0.36%)"));
    }
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
            ended_gaps: Vec::new(),
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
fn a_thousand_quiet_servers_are_one_line_each_kind() {
    let servers = (0..1000).map(|n| server(&format!("client-{n}"), n / 2));
    let data = Day {
        servers: servers.collect(),
        ..Day::default()
    };
    assert_eq!(
        lines_of(&data),
        [
            "998 servers as usual: 249,500 sent · 0 bounces (0%) · 0 complaints: client-998 (499), client-999 (499), \
             client-996 (498), client-997 (498), client-994 (497), client-995 (497), client-992 (496), client-993 (496) and 990 more",
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
    assert!(lines.contains(&"client-9 is gone".to_owned()), "{lines:?}");
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
        "old is gone".to_owned(),
        format!("49 servers ({names} and 41 more): each is new"),
    ];
    assert_eq!(lines, expected);
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
