use super::*;
use crate::model::{
    BounceClass, DAY, DeliveredSince, DeliveryEvidence, Evidence, Finding, HOUR, Incident,
    IncidentState, MINUTE, Mute, RateEvidence, RateUnit, ServerChange, ServerName, Severity,
    SilenceEvidence, Span, Step, StreamId, Tag, Timestamp, Transition, Verdict,
};
use proptest::prelude::*;
use std::time::Duration;

mod answers;
mod closed_by_hand;
mod ends;
mod inhibition;
mod muting;
mod one_problem;
mod quiet_hours;
mod rates;
mod returned;
mod switched_off;
mod together;
mod told_blocks;

fn at(hours: u32) -> Timestamp {
    Timestamp::from_secs(1_772_442_000) + HOUR * hours
}

fn rules(change: impl Fn(&mut Rules)) -> Rules {
    Rules::default().with(change)
}

fn policy(digest_mode: bool) -> Policy {
    Policy {
        rules: rules(|rules| {
            rules.bounce_rate.suppress = 3 * HOUR;
            rules.spam_rate.suppress = HOUR;
        }),
        ..Policy::new(digest_mode, Rules::default())
    }
}

fn finding(rule: Rule, verdict: Verdict) -> Finding {
    let stream = (!rule.is_of_server()).then(|| StreamId::from("outbound"));
    let wakes = matches!(
        rule,
        Rule::HardBounceWake | Rule::DeliverySilence | Rule::OperatorBounce
    );
    let severity = if wakes {
        Severity::Wake
    } else {
        Severity::Warn
    };
    let evidence = Evidence::Rate(RateEvidence {
        window: HOUR,
        covered: HOUR,
        until: None,
        newest_at: None,
        wave: None,
        mail_sent: None,
        unit: RateUnit::Recipients,
        numerator: 1,
        denominator: 10,
        floor: 10,
        threshold: 0.01,
        usual: Some(0.005),
        interval: (0.0, 1.0),
        classes: Vec::new(),
        domains: Vec::new(),
        left_out: 0,
        lasting: None,
        sent_since: None,
        last_sent: None,
        last_delivered: None,
    });
    Finding {
        rule,
        stream,
        tag: None,
        verdict,
        severity,
        evidence,
        without_blocks: None,
        unread: None,
    }
}

fn events(times: &[Timestamp], verdict: Verdict) -> Finding {
    let evidence = Evidence::Events {
        times: times.to_vec(),
        recipient: "ops@example.com".to_owned(),
        recipients: vec!["ops@example.com".to_owned()],
        class: BounceClass::Hard,
        message: None,
        tag: None,
    };
    Finding {
        evidence,
        ..finding(Rule::OperatorBounce, verdict)
    }
}

struct Scene {
    log: IncidentLog,
    policy: Policy,
    ids: Vec<String>,
}

impl Scene {
    fn new(digest_mode: bool) -> Self {
        Self {
            log: IncidentLog::new(ServerName::from("shop"), []),
            policy: policy(digest_mode),
            ids: Vec::new(),
        }
    }

    /// The steps at an instant, as `rule step` with a `!` where people are notified of it.
    fn at(&mut self, at: Timestamp, findings: Vec<Finding>) -> Vec<String> {
        let steps = self.log.apply(&self.policy, findings, at);
        self.ids.extend(steps.iter().map(|t| t.incident.id.clone()));
        steps.iter().map(show).collect()
    }

    fn bounce(&mut self, hours: u32, verdict: Verdict) -> Vec<String> {
        self.at(at(hours), vec![finding(Rule::BounceRate, verdict)])
    }
}

fn show(t: &Transition) -> String {
    format!(
        "{} {}{}",
        t.incident.rule,
        t.step.name(),
        if t.notified { "!" } else { "" }
    )
}

const NOTHING: [String; 0] = [];

#[test]
fn a_breach_is_reported_once_and_ends_an_hour_after_it_was_first_within_bounds() {
    let mut scene = Scene::new(false);
    assert_eq!(scene.bounce(0, Verdict::Breach), ["bounce_rate opened!"]);
    for hours in 1..6 {
        assert_eq!(scene.bounce(hours, Verdict::Breach), NOTHING);
    }
    assert_eq!(scene.bounce(6, Verdict::Within), NOTHING);
    assert_eq!(
        scene.bounce(7, Verdict::Breach),
        NOTHING,
        "outside again: the hour begins anew"
    );
    assert_eq!(scene.bounce(8, Verdict::Within), NOTHING);
    assert_eq!(
        scene.bounce(9, Verdict::Unknown),
        NOTHING,
        "what is not seen resolves nothing"
    );
    assert_eq!(scene.bounce(10, Verdict::Within), ["bounce_rate resolved!"]);
}

#[test]
fn it_is_reminded_every_day_while_it_stands() {
    let mut scene = Scene::new(false);
    scene.bounce(0, Verdict::Breach);
    let reminded: Vec<u32> = (1..=73)
        .filter(|h| scene.bounce(*h, Verdict::Breach) == ["bounce_rate reminded!"])
        .collect();
    assert_eq!(reminded, [24, 48, 72]);
}

#[test]
fn a_breach_that_returns_soon_is_the_same_incident_and_is_reported_only_if_it_stands_when_the_time_is_over()
 {
    let mut scene = Scene::new(false);
    scene.bounce(0, Verdict::Breach);
    scene.bounce(1, Verdict::Within);
    assert_eq!(scene.bounce(2, Verdict::Within), ["bounce_rate resolved!"]);
    assert_eq!(
        scene.bounce(4, Verdict::Breach),
        ["bounce_rate opened"],
        "within three hours"
    );
    assert_eq!(
        scene.bounce(5, Verdict::Breach),
        ["bounce_rate reminded!"],
        "the time is over and it stands"
    );
    scene.bounce(6, Verdict::Within);
    assert_eq!(scene.bounce(7, Verdict::Within), ["bounce_rate resolved!"]);
    let opened = |scene: &Scene| {
        let incident = scene.log.incidents().next().expect("one");
        (incident.first_opening(), incident.opened_at)
    };
    assert_eq!(opened(&scene), (at(0), at(4)), "its first time is kept");
    scene.bounce(8, Verdict::Breach);
    scene.bounce(8, Verdict::Breach);
    assert_eq!(opened(&scene), (at(0), at(8)), "however often it returns");
    assert!(
        scene.ids.windows(2).all(|w| w[0] == w[1]),
        "{:?}",
        scene.ids
    );

    let mut brief = Scene::new(false);
    brief.bounce(0, Verdict::Breach);
    brief.bounce(1, Verdict::Within);
    brief.bounce(2, Verdict::Within);
    assert_eq!(
        brief.at(
            at(2) + MINUTE,
            vec![finding(Rule::BounceRate, Verdict::Breach)]
        ),
        ["bounce_rate opened"]
    );
    brief.at(
        at(2) + MINUTE * 2,
        vec![finding(Rule::BounceRate, Verdict::Within)],
    );
    assert_eq!(
        brief.at(at(4), vec![finding(Rule::BounceRate, Verdict::Within)]),
        ["bounce_rate resolved"]
    );
}

#[test]
fn a_breach_that_returns_late_is_another_incident() {
    let mut scene = Scene::new(false);
    scene.bounce(0, Verdict::Breach);
    scene.bounce(1, Verdict::Within);
    scene.bounce(2, Verdict::Within);
    assert_eq!(scene.bounce(6, Verdict::Breach), ["bounce_rate opened!"]);
    assert_ne!(scene.ids[0], scene.ids[2]);
    let kept: Vec<&str> = scene.log.incidents().map(|i| i.id.as_str()).collect();
    assert_eq!(
        kept,
        [&scene.ids[0], &scene.ids[2]],
        "a gap may hold both: the steps of the first are stored too"
    );
}

#[test]
fn in_digest_mode_a_warning_is_recorded_and_an_escalation_reported() {
    let mut scene = Scene::new(true);
    assert_eq!(scene.bounce(0, Verdict::Breach), ["bounce_rate opened"]);
    let worse = Finding {
        severity: Severity::Wake,
        ..finding(Rule::BounceRate, Verdict::Breach)
    };
    assert_eq!(scene.at(at(1), vec![worse]), ["bounce_rate escalated!"]);
    scene.bounce(2, Verdict::Within);
    assert_eq!(
        scene.bounce(3, Verdict::Within),
        ["bounce_rate resolved!"],
        "once reported, always reported"
    );
    let mut quiet = Scene::new(true);
    quiet.bounce(0, Verdict::Breach);
    quiet.bounce(1, Verdict::Within);
    assert_eq!(quiet.bounce(2, Verdict::Within), ["bounce_rate resolved"]);
    let hard = vec![finding(Rule::HardBounceWake, Verdict::Breach)];
    assert_eq!(
        quiet.at(at(3), hard),
        ["hard_bounce_wake opened!"],
        "what wakes, wakes"
    );
}

#[test]
fn further_events_join_and_the_incident_closes_silently_a_day_after_the_last() {
    let mut scene = Scene::new(false);
    assert_eq!(
        scene.at(at(1), vec![events(&[at(0)], Verdict::Breach)]),
        ["operator_bounce opened!"]
    );
    assert_eq!(
        scene.at(at(6), vec![events(&[at(0), at(5)], Verdict::Breach)]),
        NOTHING
    );
    assert_eq!(scene.log.incidents().next().map(|i| i.events), Some(2));
    assert_eq!(
        scene.at(at(25), vec![events(&[at(5)], Verdict::Breach)]),
        NOTHING
    );
    assert_eq!(
        scene.at(at(30), vec![events(&[], Verdict::Within)]),
        ["operator_bounce resolved"]
    );
    assert_eq!(
        scene.at(at(31), vec![events(&[at(5)], Verdict::Breach)]),
        NOTHING,
        "an old event opens nothing"
    );
    assert_eq!(
        scene.at(at(32), vec![events(&[at(31)], Verdict::Breach)]),
        ["operator_bounce opened!"]
    );
}

/// A finding of `delivery_silence` that knows of a delivered message sent then.
fn proof(sent: Option<Timestamp>, verdict: Verdict) -> Finding {
    Finding {
        evidence: Evidence::Delivery(DeliveryEvidence {
            unproven: 0,
            bounced: 0,
            reasons: Vec::new(),
            listed: None,
            needed: 3,
            share_before: None,
            queued: 0,
            since: None,
            newest_lost: None,
            newest_late: None,
            again: None,
            last_proven_sent: sent,
            last_delivered: sent,
        }),
        ..finding(Rule::DeliverySilence, verdict)
    }
}

#[test]
fn delivery_silence_ends_when_mail_sent_after_it_opened_is_delivered_at_two_instants() {
    let mut scene = Scene::new(false);
    assert_eq!(
        scene.at(at(2), vec![proof(None, Verdict::Breach)]),
        ["delivery_silence opened!"]
    );
    assert_eq!(
        scene.at(at(3), vec![proof(Some(at(1)), Verdict::Within)]),
        NOTHING,
        "sent before it opened"
    );
    assert_eq!(
        scene.at(at(4), vec![proof(Some(at(3)), Verdict::Within)]),
        NOTHING
    );
    assert_eq!(
        scene.at(at(5), vec![proof(Some(at(3)), Verdict::Within)]),
        ["delivery_silence resolved!"]
    );
}

#[test]
fn the_same_events_give_the_same_id_and_others_another() {
    let open = |hours| {
        let mut scene = Scene::new(false);
        scene.bounce(hours, Verdict::Breach);
        scene.ids.remove(0)
    };
    assert_eq!(open(0), open(0));
    assert_ne!(open(0), open(1));
    assert_eq!(open(0).len(), 8);
}

proptest! {
    #[test]
    fn between_two_openings_lies_an_end_and_judging_twice_says_nothing_new(verdicts in prop::collection::vec(0u8..4, 1..60), digest_mode: bool) {
        let mut scene = Scene::new(digest_mode);
        let mut open = false;
        for (hour, verdict) in verdicts.into_iter().enumerate() {
            let verdict = [Verdict::Breach, Verdict::Within, Verdict::Unresolved, Verdict::Unknown][usize::from(verdict)];
            let now = at(u32::try_from(hour).expect("few"));
            let steps = scene.log.apply(&scene.policy, vec![finding(Rule::SpamRate, verdict)], now);
            for step in &steps {
                match step.step {
                    Step::Opened => { prop_assert!(!open); open = true; }
                    Step::Resolved => { prop_assert!(open); open = false; }
                    Step::Escalated | Step::Reminded => prop_assert!(open),
                }
            }
            if verdict != Verdict::Unknown {
                let again = scene.log.apply(&scene.policy, vec![finding(Rule::SpamRate, verdict)], now);
                prop_assert!(steps.is_empty() || again.is_empty(), "{:?}", again.len());
            }
        }
    }

    #[test]
    fn a_book_read_back_from_the_store_goes_on_as_if_it_had_never_been_away(verdicts in prop::collection::vec(0u8..3, 1..40)) {
        let (mut one, mut new) = (Scene::new(false), Scene::new(false));
        for (hour, verdict) in verdicts.into_iter().enumerate() {
            let verdict = [Verdict::Breach, Verdict::Within, Verdict::Unknown][usize::from(verdict)];
            let hour = u32::try_from(hour).expect("few");
            let stored: Vec<Incident> = new.log.incidents().cloned().collect();
            new.log = IncidentLog::new(ServerName::from("shop"), stored);
            prop_assert_eq!(one.bounce(hour, verdict), new.bounce(hour, verdict));
        }
    }
}

#[test]
fn rates_alone_are_suppressed() {
    let policy = policy(false);
    let suppress = |rule| policy.suppress(&finding(rule, Verdict::Breach));
    assert_eq!(suppress(Rule::SendSilence), Duration::ZERO);
    assert_eq!(suppress(Rule::SpamRate), HOUR);
    assert!(suppress(Rule::BounceRate) < DAY);
}

/// Silence since `last`, an hour.
fn rate(numerator: u64, verdict: Verdict) -> Finding {
    let mut rate = finding(Rule::BounceRate, verdict);
    if let Evidence::Rate(evidence) = &mut rate.evidence {
        evidence.numerator = numerator;
    }
    rate
}

fn silence(verdict: Verdict, last: u32) -> Finding {
    Finding {
        evidence: Evidence::Silence(SilenceEvidence {
            last_sent: Some(at(last)),
            gap: Span::new(at(last), at(last)),
            ended_gaps: Vec::new(),
            expected: 1.0,
            surprise: 9.0,
            threshold: 8.0,
            longest_before: 4.0,
            times_a_year: 1.0,
            false_alarms_per_year: 4.0,
            missing_burst: None,
            streams: Vec::new(),
            not_due: Vec::new(),
            silent: Vec::new(),
        }),
        ..finding(Rule::SendSilence, verdict)
    }
}

/// The silence of all of a stream's mail, and of one tag; mail comes as soon as it is no breach.
fn inhibits(stream: Verdict, tag: Verdict) -> Vec<Finding> {
    let last = |verdict| u32::from(verdict != Verdict::Breach);
    let of_tag = Finding {
        tag: Some(Tag::from("reset")),
        ..silence(tag, last(tag))
    };
    vec![silence(stream, last(stream)), of_tag]
}
