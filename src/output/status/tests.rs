//! What a person and a script read.

use super::*;
use crate::model::{BounceClass, HOUR, StreamId, WaitReason};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("an instant")
}

fn stream(id: &str, sampled: u64) -> StreamStatus {
    StreamStatus {
        counts: StreamView {
            id: StreamId(id.to_owned()),
            covered_until: Some(at("2026-03-03T10:00:00Z")),
            bounces_unread_since: None,
            sent: 1_776,
            bounced: 22,
            spam_complaint: 1,
            recipients: Some(1_776),
            recipients_bounced: 22,
            recipients_complained: 1,
            classes: vec![(BounceClass::Hard, 22), (BounceClass::Complaint, 1)],
            delivered: (sampled > 0).then_some(1_754),
            delivered_low: (sampled > 0).then_some(1_652),
            delivered_high: (sampled > 0).then_some(1_754),
            sampled,
            unsampled: 0,
            is_unread: false,
            proven: sampled,
            listed: 1_700,
            counted: 76,
        },
        bounce_rate: 22.0 / 1_776.0,
        last_sent: Some(at("2026-03-03T09:57:00Z")),
        last_delivered: None,
        learning: false,
        silence_score: Some(0.5),
        silence_limit: Some(13.8),
        is_judged: true,
        detection_delay: Some(3 * HOUR),
        tags: vec![TagStatus {
            tag: Tag("password-reset".to_owned()),
            last_sent: Some(at("2026-03-03T09:50:00Z")),
            detection_delay: None,
        }],
    }
}

#[test]
fn bounces_that_were_not_read_are_not_told_as_none() {
    let mut outbound = stream("outbound", 0);
    outbound.counts.bounces_unread_since = outbound.counts.covered_until;
    let lines = outbound.to_lines(None, &report().servers[0], crate::model::Zone::UTC);
    let wanted = "1,776 sent in the last 24 h (76 of them counted, not listed), bounces and complaints not read since \
                  Tue 3 Mar 10:00 (before that 22 bounced, 1 complaint), ";
    assert!(lines[0].contains(wanted), "{}", lines[0]);
}

#[test]
fn mail_that_bounced_for_now_is_told_beside_what_bounced() {
    let mut outbound = stream("outbound", 0);
    outbound.counts.recipients_bounced = 0;
    outbound.counts.classes = vec![(BounceClass::Soft, 125), (BounceClass::Complaint, 1)];
    let lines = outbound.to_lines(None, &report().servers[0], crate::model::Zone::UTC);
    let wanted = ", 0 bounced, 125 temporary bounces, 1 complaint, ";
    assert!(lines[0].contains(wanted), "{}", lines[0]);
}

#[test]
fn figures_of_a_day_that_was_read_in_part_are_those_of_that_part() {
    let mut server = report().servers.remove(0);
    let mut outbound = stream("outbound", 47);
    let said = |outbound: &StreamStatus, server: &ServerStatus| {
        let lines = outbound.to_lines(None, server, crate::model::Zone::UTC);
        lines[0].contains(" 1,776 sent in what was read of the last 24 h (")
    };
    server.last_polled_at = outbound.counts.covered_until;
    assert!(!said(&outbound, &server));
    server.last_polled_at = Some(at("2026-03-03T12:00:00Z"));
    assert!(said(&outbound, &server));
    outbound.counts.bounces_unread_since = outbound.counts.covered_until;
    assert!(!said(&outbound, &server), "all mail was read");
    outbound.counts.bounces_unread_since = None;
    outbound.counts.covered_until = None;
    assert!(said(&outbound, &server));
}

fn waiting(count: u64, reason: WaitReason) -> WaitingMessages {
    WaitingMessages {
        channel: String::new(),
        count,
        since: at("2026-03-03T09:59:00Z"),
        reason,
    }
}

/// A status with something of everything.
pub(crate) fn report() -> StatusReport {
    let learning = StreamStatus {
        learning: true,
        detection_delay: None,
        tags: Vec::new(),
        ..stream("broadcast", 0)
    };
    let server = |name: &str, polled, reason: Option<&str>, streams| ServerStatus {
        name: ServerName(name.to_owned()),
        polled,
        complete: polled && reason.is_none(),
        reason: reason.map(str::to_owned),
        last_polled_at: None,
        is_overdue: false,
        last_complete_at: None,
        number: Some(9_708_911),
        sandbox: name == "news",
        streams: Some(streams),
    };
    StatusReport {
        enabled: true,
        last_cycle_at: Some(at("2026-03-03T10:00:00Z")),
        servers: vec![
            server("shop", true, None, vec![stream("outbound", 47), learning]),
            server("blog", true, Some("HTTP 503"), Vec::new()),
            server("news", false, None, Vec::new()),
        ],
        open: Vec::new(),
        closed: Vec::new(),
        now: at("2026-03-03T10:00:00Z"),
        mutes: Vec::new(),
        same_servers: Vec::new(),
        missing_streams: Vec::new(),
        day: JudgedDay::default(),
        quiet_until: Some(at("2026-03-03T10:30:00Z")),
        pending: 3,
        held: 2,
        oldest_pending_at: None,
        waiting: vec![
            waiting(1, WaitReason::NotTried),
            waiting(2, WaitReason::Muted),
        ],
        canary: None,
        readiness: Readiness::default(),
    }
}

pub(crate) fn style() -> Style {
    Style {
        zone: crate::model::Zone::UTC,
        mask: true,
    }
}

#[test]
fn a_person_reads_one_paragraph_per_server() {
    insta::assert_snapshot!(report().to_text("hushwatch.db", style()), @r#"
    Last cycle Tue 3 Mar 10:00 UTC
    Data in hushwatch.db

    shop: last poll complete
      outbound: 1,776 sent in the last 24 h (76 of them counted, not listed), 22 bounced (1.24%), 1 complaint, about 1,754 delivered (1,652 to 1,754), 47 of 47 sampled messages
        covered up to Tue 3 Mar 10:00; last mail Tue 3 Mar 09:57, last delivery never seen
        if mail stopped, the alert would come within 3 h
        tag "password-reset": last mail Tue 3 Mar 09:50; too little mail to notice a stop within 45 days
      broadcast: 1,776 sent in the last 24 h (76 of them counted, not listed), 22 bounced (1.24%), 1 complaint, no delivery sampled
        covered up to Tue 3 Mar 10:00; last mail Tue 3 Mar 09:57, last delivery never seen
        still learning when it sends; a stop would not be noticed yet

    blog: LAST POLL NOT COMPLETE: HTTP 503

    news: a Sandbox server, Postmark delivers nothing that it sends; not polled yet

    No open incidents
    Quiet hours until Tue 3 Mar 10:30 UTC: warnings wait
    Pending messages: 3
      Slack: 1 since Tue 3 Mar 09:59, not tried yet
      Slack: 2 since Tue 3 Mar 09:59, held by a mute
    Ready: every server is read, and no message is late
    "#);
}

#[test]
fn a_stream_whose_mail_stopped_promises_no_alert_to_come() {
    let courses = crate::notify::samples::courses();
    let silence = courses
        .iter()
        .find(|c| c.rule == crate::model::Rule::SendSilence);
    let opened = silence.expect("a course").step("opened").incident.clone();
    let id = opened.id.clone();
    let stop = |report: &StatusReport| {
        let text = report.to_text("hushwatch.db", style());
        text.lines()
            .nth(6)
            .expect("the line of a stop")
            .trim()
            .to_owned()
    };
    let mut report = report();
    assert_eq!(
        stop(&report),
        "if mail stopped, the alert would come within 3 h"
    );
    report.servers[0].reason = Some("HTTP 503".to_owned());
    assert_eq!(
        stop(&report),
        "nobody would hear of a stop before the server is read again"
    );
    report.servers[0].reason = None;
    report.open = vec![opened];
    assert_eq!(stop(&report), format!("mail has stopped: {id}"));
}

#[test]
fn a_stop_that_a_person_closed_promises_no_alert_and_is_named() {
    let course = crate::notify::samples::course_of(crate::model::Rule::SendSilence);
    let opened = course.step("opened").incident.clone();
    let closed_at = opened.judged_at + HOUR;
    let id = opened.id.clone();
    let closed = Incident {
        state: crate::model::IncidentState::Resolved {
            at: closed_at,
            unwatched: false,
            disabled: false,
        },
        closed_by: Some("Amy Example".to_owned()),
        closed_as: Some(crate::model::Judgement::Real),
        ..opened
    };
    let mut report = report();
    report.now = closed_at + HOUR;
    report.day.closed = 1;
    report.closed = vec![closed];
    let report = report.without_vain_promises();
    let text = report.to_text("hushwatch.db", style());
    let stop = text.lines().nth(6).expect("the line of a stop").trim();
    let said = "mail has stopped, closed as real by Amy Example ";
    assert!(stop.starts_with(said), "{text}");
    assert!(stop.contains("; if it goes on, it opens again "), "{text}");
    assert!(!text.contains("the alert would come"), "{text}");
    let tag = "\n    tag \"password-reset\": last mail Tue 3 Mar 09:50\n";
    assert!(text.contains(tag), "{text}");
    let verdict = "\nNo open incidents, but 1 problem closed by hand may go on\n";
    assert!(text.contains(verdict), "{text}");
    let listed = format!("\n  {id} closed shop/outbound: no mail sent since ");
    assert!(text.contains(&listed), "{text}");
    let json = report.to_json(style());
    let stream = &json["servers"][0]["streams"][0];
    assert_eq!(stream["stop_noticed_after_s"], Value::Null);
    let closed = &json["closed_incidents"][0];
    assert_eq!(
        (
            &closed["incident"],
            &closed["closed_by"],
            &closed["closed_at"]
        ),
        (
            &json!(id),
            &json!("Amy Example"),
            &json!(closed_at.to_string())
        )
    );
}

#[test]
fn a_tag_whose_mail_stopped_promises_no_alert_to_come() {
    let course = crate::notify::samples::course_of(crate::model::Rule::SendSilence);
    let stop = Incident {
        tag: Some(Tag("password-reset".to_owned())),
        ..course.step("opened").incident.clone()
    };
    let mut report = report();
    let id = stop.id.clone();
    report.open = vec![stop];
    let text = report.to_text("hushwatch.db", style());
    let tag = format!("last mail Tue 3 Mar 09:50; mail has stopped: {id}\n");
    assert!(text.contains(&tag), "{text}");
    let of_stream = "\n    if mail stopped, the alert would come within 3 h\n";
    assert!(text.contains(of_stream), "of the other mail it would");
}

#[test]
fn of_what_is_not_seen_no_stop_is_promised_to_a_script() {
    let delays = |report: StatusReport| {
        let json = report.without_vain_promises().to_json(style());
        json["servers"][0]["streams"][0]["stop_noticed_after_s"].clone()
    };
    assert_eq!(delays(report()), json!(10_800));
    let mut unseen = report();
    unseen.servers[0].reason = Some("HTTP 503".to_owned());
    assert_eq!(delays(unseen), Value::Null);
    let mut stopped = report();
    let course = crate::notify::samples::course_of(crate::model::Rule::SendSilence);
    stopped.open = vec![course.step("opened").incident.clone()];
    assert_eq!(delays(stopped), Value::Null);
}

#[test]
fn where_only_bounces_are_not_read_a_stop_would_be_noticed() {
    let text = |covered_until: Option<Timestamp>| {
        let mut report = report();
        let server = &mut report.servers[0];
        server.last_polled_at = Some(at("2026-03-03T10:00:00Z"));
        server.reason = Some("failed to list bounces".to_owned());
        server.streams.as_mut().expect("read")[0]
            .counts
            .covered_until = covered_until;
        report.to_text("hushwatch.db", style())
    };
    let polled_at = Some(at("2026-03-03T10:00:00Z"));
    let in_vain = "nobody would hear of a stop";
    assert!(!text(polled_at).contains(in_vain));
    assert!(text(polled_at.map(|at| at - crate::model::HOUR)).contains(in_vain));
    assert!(text(None).contains(in_vain));
}

#[test]
fn one_server_under_two_names_is_said_above_the_incidents() {
    let mut report = report();
    report.same_servers = vec![SameServer {
        number: 17,
        names: vec!["shop".into(), "blog".into()],
    }];
    let text = report.to_text("hushwatch.db", style());
    let line = text.lines().find(|line| line.starts_with("⚠"));
    assert_eq!(
        line.expect("a line"),
        "⚠ shop and blog are the same Postmark server (number 17): its mail counts once, but it is polled and alerted on under each name, and another \
         server may not be watched at all; keep one of these [[server]], or correct the token of the others"
    );
    assert_eq!(
        report.to_json(style())["same_servers"],
        json!([{"number": 17, "names": ["shop", "blog"]}])
    );
}

#[test]
fn a_server_that_was_not_polled_again_keeps_not_its_last_words() {
    let mut report = report();
    report.servers[0].last_polled_at = Some(at("2026-03-03T08:00:00Z"));
    let line = |report: &StatusReport| {
        let text = report.to_text("hushwatch.db", style());
        let mut lines = text.lines().filter(|line| line.starts_with("shop: "));
        lines.next().expect("a line").to_owned()
    };
    assert_eq!(line(&report), "shop: last poll complete");
    report.servers[0].is_overdue = true;
    assert_eq!(
        line(&report),
        "shop: NOT POLLED since Tue 3 Mar 08:00: nothing is known of it since then"
    );
    let text = report.to_text("hushwatch.db", style());
    let figures = "\n  outbound: 1,776 sent in the 24 h before the last cycle (76 of them";
    assert!(text.contains(figures), "{text}");
    let tag = "\n    tag \"password-reset\": last mail Tue 3 Mar 09:50\n";
    assert!(text.contains(tag), "{text}");
}

#[test]
fn of_a_stream_without_any_mail_nothing_is_learned() {
    let mut report = report();
    let streams = report.servers[0].streams.as_mut().expect("streams");
    streams[1].last_sent = None;
    let text = report.to_text("hushwatch.db", style());
    assert!(
        text.contains("\n    no mail was ever seen on it\n"),
        "{text}"
    );
    assert!(!text.contains("still learning"), "{text}");
}

#[test]
fn where_monitoring_is_off_it_says_so_before_all_else() {
    let mut report = report();
    assert_eq!(report.to_json(style())["enabled"], true);
    report.enabled = false;
    report.readiness.is_off = true;
    let text = report.to_text("hushwatch.db", style());
    let first = "MONITORING IS OFF: switched off by FLAG_POSTMARK_DELIVERY_MONITOR: nothing is polled, and nobody is alerted; unset it and restart `run`";
    assert_eq!(text.lines().next(), Some(first));
    let json = report.to_json(style());
    assert_eq!(
        (&json["enabled"], &json["readiness"]["ready"]),
        (&json!(false), &json!(false))
    );
}

#[test]
fn what_is_unusual_is_said_above_the_incidents() {
    let mut report = report();
    assert_eq!(report.to_json(style())["unusual"], Value::Null);
    let bounced = UnusualStream {
        server: "shop".to_owned(),
        stream: "outbound".into(),
        reasons: vec!["5 of 10 messages bounced (soft 5)".to_owned()],
    };
    let day = JudgedDay {
        is_known: true,
        unusual: vec![bounced],
        needs_a_look: "1 stream needs a look".to_owned(),
        closed: 0,
        unread: ["blog".to_owned()].into(),
    };
    report.day = day;
    let text = report.to_text("hushwatch.db", style());
    let mut lines = text.lines().skip_while(|line| !line.starts_with("⚠"));
    assert_eq!(
        lines.next().zip(lines.next()),
        Some((
            "⚠ shop/outbound: 5 of 10 messages bounced (soft 5)",
            "No open incidents, but 1 stream needs a look, not everything could be read"
        ))
    );
    let json = report.to_json(style());
    assert_eq!(
        json["unusual"][0]["reasons"][0],
        "5 of 10 messages bounced (soft 5)"
    );
    assert_eq!(json["all_read"], false);
}

#[test]
fn a_stream_that_there_is_not_is_said_above_the_incidents() {
    let mut report = report();
    report.missing_streams = vec![MissingStreams {
        server: "shop".into(),
        missing: vec!["outbond".into()],
        listed: vec!["broadcast".into(), "outbound".into()],
    }];
    let text = report.to_text("hushwatch.db", style());
    let line = text.lines().find(|line| line.starts_with("⚠"));
    assert_eq!(
        line.expect("a line"),
        "⚠ shop: `outbond` in `streams` does not exist or is archived, so nothing watches it; there is `broadcast` and `outbound`; \
         correct the name, or leave `streams` out to watch every stream"
    );
    assert_eq!(
        report.to_json(style())["missing_streams"],
        json!([{"server": "shop", "missing": ["outbond"], "listed": ["broadcast", "outbound"]}])
    );
}

#[test]
fn a_script_reads_these_keys() {
    let json = report().to_json(style());
    insta::assert_snapshot!(serde_json::to_string_pretty(&json["servers"][0]["streams"][0]).expect("JSON"), @r#"
    {
      "bounced": 22,
      "counted": 76,
      "covered_until": "2026-03-03T10:00:00Z",
      "delivered": 1754,
      "delivered_high": 1754,
      "delivered_low": 1652,
      "id": "outbound",
      "last_delivered": null,
      "last_sent": "2026-03-03T09:57:00Z",
      "learning": false,
      "listed": 1700,
      "proven": 47,
      "recipients": 1776,
      "recipients_bounced": 22,
      "recipients_complained": 1,
      "sampled": 47,
      "sent": 1776,
      "silence_limit": 13.8,
      "silence_score": 0.5,
      "spam_complaint": 1,
      "stop_noticed_after_s": 10800,
      "tags": [
        {
          "last_sent": "2026-03-03T09:50:00Z",
          "stop_noticed_after_s": null,
          "tag": "password-reset"
        }
      ]
    }
    "#);
    assert_eq!(
        (&json["last_cycle_at"], &json["pending"], &json["held"]),
        (&json!("2026-03-03T10:00:00Z"), &json!(3), &json!(2))
    );
    assert_eq!(json["servers"][1]["reason"], "HTTP 503");
}
