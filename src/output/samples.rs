//! What `explain` and `backtest` print, from the incidents of the messages.

use std::time::Duration;

use crate::model::{
    Coverage, Feedback, HOUR, Judgement, Kind, MINUTE, MarkedTime, Rule, Span, Step, Transition,
};
use crate::notify::alert::alert;
use crate::notify::samples::{STYLE, courses, march, mutes};
use crate::output::backtest::{self, BacktestSummary, DetectionDelay, ReplayedIncident, RuleCount};
use crate::output::explain::{
    Attempt, BounceLine, IncidentReport, LearnedFrom, Notification, Poll, explain,
};

/// Something that a terminal shows.
#[derive(Clone, Debug)]
pub(crate) struct Printout {
    /// What it is.
    pub title: String,
    /// The command that prints it.
    pub command: String,
    /// What is printed.
    pub text: String,
    /// Whether it shows how a long one is cut, and is no reading for the catalogue.
    pub is_long: bool,
}

/// Returns what `explain` prints of an open incident of each rule, of one that is over and of a muted one.
pub(crate) fn explanations() -> Vec<Printout> {
    let mut all = Vec::new();
    for course in courses() {
        let opened = course.step("opened");
        all.push(printout(
            &format!("{}, open", course.rule),
            &case(std::slice::from_ref(opened)),
        ));
    }
    let course = courses().into_iter().find(|c| c.rule == Rule::BounceRate);
    let course = course.expect("a course");
    let (opened, resolved) = (
        course.step("opened").clone(),
        course.step("resolved").clone(),
    );
    all.push(printout(
        "resolved",
        &case(&[opened.clone(), resolved.clone()]),
    ));
    let mut muted = case(std::slice::from_ref(&opened));
    muted.mutes = mutes();
    muted.steps[0].0.notified = false;
    muted.steps[0].0.incident.notification_deferred = true;
    muted.incident.notification_deferred = true;
    muted.notifications.clear();
    all.push(printout("muted", &muted));
    let mut long = case(&[opened.clone(), resolved]);
    long.polls = (0..30).map(|n| poll(n, None)).collect();
    long.steps = (0..12)
        .map(|n| Transition {
            at: march(3, 10, n),
            ..opened.clone()
        })
        .map(|step| (step, String::new()))
        .collect();
    long.has_more_bounces = true;
    all.push(printout("with more than fits", &long));
    all
}

/// Returns what is known of an open incident.
pub(crate) fn incident_report() -> IncidentReport {
    case(std::slice::from_ref(courses()[0].step("opened")))
}

fn printout(title: &str, case: &IncidentReport) -> Printout {
    Printout {
        title: format!("explain: {title}"),
        command: format!("hushwatch explain {}", case.incident.id),
        text: explain(case, STYLE).join("\n") + "\n",
        is_long: title.contains("more"),
    }
}

fn poll(minute: u32, failed: Option<&str>) -> Poll {
    Poll {
        at: march(3, 10, minute),
        requests: 7,
        complete: failed.is_none(),
        reason: failed.map(str::to_owned),
    }
}

fn case(steps: &[Transition]) -> IncidentReport {
    let last = &steps[steps.len() - 1];
    let window = Span::before(steps[0].at, HOUR);
    let bounce = |minute, kind: &str, recipient: &str, description: &str| BounceLine {
        at: march(3, 9, minute),
        kind: kind.to_owned(),
        recipient: recipient.to_owned(),
        tag: Some("welcome".to_owned()),
        description: description.to_owned(),
    };
    let counts_bounces = matches!(
        last.incident.rule,
        Rule::BounceRate | Rule::HardBounceWake | Rule::OperatorBounce
    );
    let bounces = if counts_bounces {
        vec![
            bounce(
                52,
                "HardBounce",
                "jane@example.com",
                "550 5.1.1 user unknown",
            ),
            bounce(40, "HardBounce", "joe@example.net", "550 no such user"),
            bounce(
                31,
                "Blocked",
                "kim@example.com",
                "554 5.7.1 refused by policy",
            ),
        ]
    } else {
        Vec::new()
    };
    let covered = Coverage::from_spans([window]);
    let partly = Coverage::from_spans([Span::new(window.from, window.until - 10 * MINUTE)]);
    let notification = |step: &Transition| Notification {
        kind: "notice",
        text: alert(step, STYLE).title(),
        written_at: step.at,
        pending: step.step == Step::Reminded,
        given_up: false,
        accepted_at: (step.step != Step::Reminded).then(|| step.at + MINUTE),
        channel: Some("C0123456789".to_owned()),
        sink: None,
        attempts: vec![Attempt {
            at: step.at,
            outcome: "HTTP 503 from Slack".to_owned(),
            unknown: false,
        }],
    };
    let learns = last.incident.rule == Rule::SendSilence;
    IncidentReport {
        at: last.at,
        incident: last.incident.clone(),
        steps: steps
            .iter()
            .map(|step| (step.clone(), String::new()))
            .collect(),
        window,
        polls: vec![
            poll(0, Some("failed to list messages: HTTP 503")),
            poll(30, None),
        ],
        coverage: vec![(Kind::Messages, covered), (Kind::Bounces, partly)],
        bounces,
        has_more_bounces: false,
        notifications: steps.iter().map(notification).collect(),
        mutes: Vec::new(),
        feedback: (learns && !last.incident.is_open()).then(|| feedback(Judgement::Real)),
        learned: learns.then(|| learned_from(last.incident.rule)),
    }
}

fn feedback(judgement: Judgement) -> Feedback {
    Feedback {
        judgement,
        by: "jane".to_owned(),
        at: march(6, 9, 0),
    }
}

fn learned_from(rule: Rule) -> LearnedFrom {
    let time = |incident: &str, day, judgement| MarkedTime {
        incident: incident.to_owned(),
        rule,
        span: Span::new(march(day, 9, 0), march(day, 13, 0)),
        feedback: feedback(judgement),
    };
    LearnedFrom {
        rule,
        tag: None,
        since: march(1, 0, 0),
        marked: vec![
            time("9qk2x7ma", 2, Judgement::FalseAlarm),
            time("ektn6n35", 4, Judgement::Real),
        ],
    }
}

/// Returns reports of a replay: of one in which things fired, and of one in which nothing did.
pub(crate) fn backtests() -> Vec<Printout> {
    let busy = replay();
    let quiet = BacktestSummary {
        incidents: Vec::new(),
        rules: busy
            .rules
            .iter()
            .map(|rule| RuleCount {
                fired: 0,
                with_confidence: None,
                ..*rule
            })
            .collect(),
        ..busy.clone()
    };
    let mut many = busy.clone();
    many.incidents = (0..70).map(|_| busy.incidents[0].clone()).collect();
    [
        ("backtest: incidents", &busy),
        ("backtest: none", &quiet),
        ("backtest: more than fit", &many),
    ]
    .map(|(title, replayed)| Printout {
        title: title.to_owned(),
        command: "hushwatch backtest events.ndjson".to_owned(),
        is_long: title.contains("more"),
        text: backtest::text(replayed, STYLE),
    })
    .into()
}

fn replay() -> BacktestSummary {
    let fired = |rule: Rule, ended: bool, notified: bool| {
        let course = courses()
            .into_iter()
            .find(|c| c.rule == rule)
            .expect("a course");
        let (opened, resolved) = (course.step("opened"), course.step("resolved"));
        ReplayedIncident {
            incident: opened.incident.clone(),
            at: opened.at,
            ended: ended.then_some(resolved.at),
            notified,
        }
    };
    let used = |rule, fired, with_confidence| RuleCount {
        rule,
        fired,
        with_confidence,
    };
    let stop = |place: &str, monday: Option<Duration>, learning| DetectionDelay {
        place: place.to_owned(),
        learning,
        monday,
        sunday: Some(5 * HOUR),
        last_sent: Some(march(4, 8, 58)),
    };
    BacktestSummary {
        messages: 29_019,
        servers: 1,
        streams: 2,
        first: march(1, 0, 4) - 45 * 24 * HOUR,
        from: march(1, 0, 0) - 31 * 24 * HOUR,
        until: march(5, 0, 0),
        polls: 840,
        deliveries: "every delivery known",
        false_alarms_per_year: 4.0,
        incidents: vec![
            fired(Rule::SendSilence, true, true),
            fired(Rule::BounceRate, true, false),
            fired(Rule::DeliverySilence, false, true),
        ],
        rules: vec![
            used(Rule::SendSilence, 1, None),
            used(Rule::SendDrop, 0, None),
            used(Rule::DeliverySilence, 1, None),
            used(Rule::HardBounceWake, 0, None),
            used(Rule::BounceRate, 12, Some(2)),
            used(Rule::SpamRate, 1, Some(1)),
            used(Rule::SpamComplaintExternal, 0, None),
            used(Rule::OperatorBounce, 0, None),
        ],
        delays: vec![
            stop("shop/outbound", Some(HOUR + 10 * MINUTE), false),
            stop("shop/broadcast", None, false),
            stop("shop/outbound tag \"receipt\"", None, true),
        ],
    }
}
