mod samples;

use std::path::Path;

use super::*;
use crate::model::{
    Bounce, CanaryOutcome, DropEvidence, Evidence, Finding, MINUTE, Mail, Severity,
    SilenceEvidence, Status, StreamId, Verdict, Zone,
};
use crate::notify::alert::alert;
use crate::notify::grouping::group_messages;
use crate::notify::routing::NotificationState;

/// Tuesday 3 March 2026 at 00:00 UTC, and so many minutes.
fn at(hours: u32, minutes: u32) -> Timestamp {
    Timestamp::from_secs(1_772_496_000) + HOUR * hours + MINUTE * minutes
}

const STYLE: Style = Style {
    zone: Zone::UTC,
    mask: true,
};

fn finding(rule: Rule, verdict: Verdict, severity: Severity, evidence: Evidence) -> Finding {
    Finding {
        stream: Some(StreamId::from("outbound")),
        ..Finding::new(rule, verdict, severity, evidence)
    }
}

/// Less mail than normal in `window`, beside no mail at all since `last`.
fn less_and_none(
    (less, window, sent): (Verdict, Span, u64),
    (none, severity, last): (Verdict, Severity, Timestamp),
) -> Vec<Finding> {
    let expected = |span: Span| 40.0 * span.length().as_secs_f64() / 3600.0;
    let gap = Span::new(last, window.until);
    let drop = DropEvidence {
        window,
        sent,
        expected: expected(window),
        evidence: 9.0,
        limit: 8.0,
        times_a_year: 0.1,
        false_alarms_per_year: 4.0,
        low_until: None,
        missing_burst: None,
        settled: None,
        streams: Vec::new(),
    };
    let silence = SilenceEvidence {
        last_sent: Some(last),
        gap,
        ended_gaps: Vec::new(),
        expected: expected(gap),
        surprise: 9.0,
        threshold: 8.0,
        longest_before: 7.0,
        times_a_year: 0.1,
        false_alarms_per_year: 4.0,
        missing_burst: None,
        streams: Vec::new(),
        not_due: Vec::new(),
        silent: Vec::new(),
    };
    vec![
        finding(Rule::SendDrop, less, Severity::Warn, Evidence::Drop(drop)),
        finding(
            Rule::SendSilence,
            none,
            severity,
            Evidence::Silence(silence),
        ),
    ]
}

/// A server whose findings are evaluated at instants, and the messages that are written at the last of them.
struct Server {
    log: IncidentLog,
}

impl Server {
    fn new() -> Self {
        let log = IncidentLog::new(ServerName::from("shop"), []);
        Self { log }
    }

    fn messages(&mut self, findings: Vec<(Timestamp, Vec<Finding>)>) -> Vec<String> {
        let policy = Policy::new(false, Rules::default());
        let mut transitions = Vec::new();
        let mut now = at(0, 0);
        for (instant, findings) in findings {
            transitions.extend(self.log.apply(&policy, findings, instant));
            now = instant;
        }
        let server = ServerEvaluation {
            name: "shop".to_owned(),
            incidents: self.log.incidents().cloned().collect(),
            transitions,
            ..ServerEvaluation::default()
        };
        let messages = group_messages(
            &[server.updates(now)],
            &NotificationState::default(),
            now,
            STYLE,
        );
        let texts = messages.alerts.iter().map(|m| m.message.to_text());
        texts.collect()
    }

    fn id(&self) -> &str {
        let ids: Vec<&str> = self.log.incidents().map(|i| i.id.as_str()).collect();
        assert_eq!(ids.len(), 1, "one problem is one incident");
        ids[0]
    }
}

#[test]
fn a_drop_to_8_percent_is_one_incident_whose_text_fits_the_present() {
    use Severity::{Wake, Warn};
    use Verdict::{Breach, Unresolved, Within};
    let mut shop = Server::new();
    let mut told = Vec::new();
    let began = at(6, 0);
    let mut evaluate = |hours, minutes, sent, less, (none, severity, last)| {
        let now = at(hours, minutes);
        let window = Span::new(began, now);
        let findings = less_and_none((less, window, sent), (none, severity, last));
        told.extend(shop.messages(vec![(now, findings)]));
    };
    evaluate(8, 0, 6, Breach, (Within, Warn, at(7, 50)));
    evaluate(9, 0, 8, Breach, (Breach, Warn, at(8, 32)));
    evaluate(10, 0, 10, Breach, (Breach, Wake, at(9, 18)));
    // The stop is over, the drop is not: that takes no step.
    evaluate(11, 0, 13, Breach, (Unresolved, Warn, at(10, 50)));
    evaluate(32, 0, 80, Breach, (Unresolved, Warn, at(31, 50)));
    evaluate(34, 0, 160, Within, (Within, Warn, at(33, 58)));
    let id = shop.id().to_owned();
    assert!(told.iter().all(|text| text.contains(&id)), "{told:#?}");
    insta::assert_snapshot!(told.join("\n\n").replace(&id, "INCIDENT"));
}

#[test]
fn after_a_stop_the_mail_that_flows_again_is_told_as_such() {
    use Severity::Warn;
    use Verdict::{Breach, Unresolved};
    let mut shop = Server::new();
    let day = Span::new(at(9, 0), at(10, 0));
    let stop = less_and_none((Unresolved, day, 0), (Breach, Warn, at(9, 37)));
    let _ = shop.messages(vec![(day.until, stop)]);
    let later = at(34, 0);
    let back = Span::new(at(33, 0), later);
    let back = less_and_none((Unresolved, back, 9), (Unresolved, Warn, at(33, 50)));
    let told = shop.messages(vec![(later, back)]);
    assert_eq!(
        told[0].lines().next(),
        Some(
            "🟠 WARN still shop/outbound: mail is sent again after 23 min without any, still below normal, day 2"
        )
    );
}

#[test]
fn an_end_that_is_told_the_day_after_names_the_days_of_its_times() {
    use Severity::Warn;
    use Verdict::{Breach, Unresolved, Within};
    let mut shop = Server::new();
    let hour = |until: Timestamp| Span::new(until - HOUR, until);
    let stop = less_and_none((Unresolved, hour(at(10, 0)), 0), (Breach, Warn, at(9, 37)));
    let _ = shop.messages(vec![(at(10, 0), stop)]);
    let well = |now: Timestamp| {
        let last = now - MINUTE * 5;
        (
            now,
            less_and_none((Within, hour(now), 40), (Within, Warn, last)),
        )
    };
    let told = shop.messages(vec![well(at(12, 0)), well(at(34, 0))]);
    let [end] = &told[..] else {
        panic!("one end: {told:#?}");
    };
    assert!(end.starts_with("✅ RESOLVED shop/outbound: "), "{end}");
    assert!(end.contains("(Tue 3 Mar 09:37–"), "{end}");
    assert!(end.ends_with("· Wed 4 Mar 10:00 UTC"), "{end}");
}

#[test]
fn what_an_outage_of_the_api_hid_is_told_with_the_figures_of_now() {
    use Severity::{Wake, Warn};
    use Verdict::{Breach, Unresolved};
    let last = at(15, 50);
    let silence = |hours, severity| {
        let now = at(hours, 0);
        let window = Span::new(now - HOUR, now);
        let findings = less_and_none((Unresolved, window, 0), (Breach, severity, last));
        (now, findings)
    };
    let first = |told: Vec<String>| told[0].lines().next().map(str::to_owned);
    let steps = vec![silence(17, Warn), silence(18, Warn), silence(23, Warn)];
    let told = Server::new().messages(steps);
    assert!(
        told[0].ends_with("· since 15:50 · Tue 3 Mar 23:00 UTC"),
        "{told:?}"
    );
    assert_eq!(
        first(told).as_deref(),
        Some("🟠 WARN shop/outbound: no mail sent for 7 h 10 min")
    );
    let steps = vec![silence(17, Warn), silence(18, Wake), silence(23, Wake)];
    let told = Server::new().messages(steps);
    assert!(
        told[0].contains("\nCourse: opened 17:00, worse 18:00."),
        "{told:?}"
    );
    assert_eq!(
        first(told).as_deref(),
        Some("🔴 WAKE shop/outbound: no mail sent for 7 h 10 min")
    );
}

fn mail(id: String, sent_at: Timestamp) -> Mail {
    Mail {
        id,
        stream: StreamId::from("outbound"),
        sent_at,
        status: Status::Sent,
        tag: None,
        recipients: vec!["someone@example.com".to_owned()],
    }
}

fn bounce(id: i64, at: Timestamp) -> Bounce {
    Bounce {
        id,
        stream: StreamId::from("outbound"),
        message: None,
        kind: "HardBounce".to_owned(),
        at,
        recipient: format!("gone{id}@example.com"),
        tag: None,
        description: String::new(),
    }
}

/// The hours of the mail are kept for longer than its bounces: without them it would look as if none had bounced.
#[test]
fn mail_whose_bounces_were_pruned_is_not_taken_for_mail_without_bounces() {
    let mut store = Database::open_sqlite(Path::new(":memory:")).expect("opened");
    let (key, now, keep) = (
        StreamKey::new(&"shop".into(), &"outbound".into()),
        at(9, 0),
        14 * DAY,
    );
    let all = Span::new(now - 30 * DAY, now);
    let every = |n: u32| all.from + 6 * HOUR * n;
    let mails: Vec<Mail> = (0..120).map(|n| mail(format!("m{n}"), every(n))).collect();
    let bounces: Vec<Bounce> = (0..30)
        .map(|day| bounce(i64::from(day), every(4 * day)))
        .collect();
    store.save_messages(&key, &mails, Some(all)).expect("saved");
    store
        .save_bounces(&key, &bounces, Some(all))
        .expect("saved");
    store.prune(now - keep, now - 400 * DAY).expect("pruned");
    let windows = evaluated_windows(&Rules::default());
    let history = load_history(&mut store, &key, windows, &[], (keep, now, now)).expect("loaded");
    let seen: Vec<Span> = history.bounces.parts(all).collect();
    assert_eq!(seen, [Span::new(now - keep, now)]);
    assert_eq!(history.bounce_events.len(), 14);
    assert!(history.hours[0].start < now - 29 * DAY);
}

#[test]
fn the_end_of_a_canary_counts_from_the_first_mail_that_was_missing() {
    let canary = ServerName::from(ServerName::CANARY);
    let mut log = IncidentLog::new(canary, []);
    let policy = Policy::new(false, Rules::default());
    let mail = |hours, outcome| CanaryMail {
        sent_at: at(hours, 0),
        id: Some("6f1a3c44".to_owned()),
        delivered_at: None,
        outcome,
    };
    let lost = |hours| mail(hours, CanaryOutcome::Pending);
    let mails = [mail(13, CanaryOutcome::Delivered), lost(12), lost(11)];
    let steps: Vec<Transition> = [(12, 2), (13, 1), (14, 0)]
        .into_iter()
        .flat_map(|(hours, newest)| {
            let finding = detect::evaluate_canary(&mails[newest..], HOUR, at(hours, 0));
            log.apply(&policy, vec![finding], at(hours, 0))
        })
        .collect();
    let [_, end] = &steps[..] else {
        panic!("it opened and ended: {steps:#?}");
    };
    let told = alert(end, STYLE).to_text();
    assert!(
        told.contains("not delivered for 3 h (11:00–14:00)"),
        "{told}"
    );
}
