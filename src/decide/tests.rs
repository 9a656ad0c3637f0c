use super::*;
use crate::model::{
    BounceClass, DAY, DeliveryEvidence, Evidence, Finding, HOUR, Incident, IncidentState, MINUTE,
    Mute, RateEvidence, RateUnit, ServerChange, ServerName, Severity, SilenceEvidence, Span, Step,
    StreamId, Tag, Timestamp, Transition, Verdict,
};
use proptest::prelude::*;
use std::time::Duration;

mod answers;
mod quiet_hours;
mod together;

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
        unit: RateUnit::Recipients,
        numerator: 1,
        denominator: 10,
        floor: 10,
        threshold: 0.01,
        usual: Some(0.005),
        interval: (0.0, 1.0),
        classes: Vec::new(),
        domains: Vec::new(),
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

struct Told {
    book: IncidentLog,
    policy: Policy,
    ids: Vec<String>,
}

impl Told {
    fn new(digest_mode: bool) -> Self {
        Self {
            book: IncidentLog::new(ServerName::from("shop"), []),
            policy: policy(digest_mode),
            ids: Vec::new(),
        }
    }

    /// The steps at an instant, as `rule step` with a `!` where it is told.
    fn at(&mut self, at: Timestamp, findings: Vec<Finding>) -> Vec<String> {
        let steps = self.book.apply(&self.policy, findings, at);
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
fn a_breach_is_told_once_and_ends_an_hour_after_it_was_first_within_bounds() {
    let mut told = Told::new(false);
    assert_eq!(told.bounce(0, Verdict::Breach), ["bounce_rate opened!"]);
    for hours in 1..6 {
        assert_eq!(told.bounce(hours, Verdict::Breach), NOTHING);
    }
    assert_eq!(told.bounce(6, Verdict::Within), NOTHING);
    assert_eq!(
        told.bounce(7, Verdict::Breach),
        NOTHING,
        "outside again: the hour begins anew"
    );
    assert_eq!(told.bounce(8, Verdict::Within), NOTHING);
    assert_eq!(
        told.bounce(9, Verdict::Unknown),
        NOTHING,
        "what is not seen resolves nothing"
    );
    assert_eq!(told.bounce(10, Verdict::Within), ["bounce_rate resolved!"]);
}

#[test]
fn an_incident_keeps_its_worst_evidence_and_when_it_recovered() {
    let mut told = Told::new(false);
    let bounced = |n: u64, verdict| {
        let mut finding = finding(Rule::BounceRate, verdict);
        if let Evidence::Rate(rate) = &mut finding.evidence {
            rate.numerator = n;
        }
        vec![finding]
    };
    let worst = |told: &Told| {
        let incident = told.book.incidents().last().expect("an incident");
        let worst = incident.worst.as_ref().and_then(Evidence::fraction);
        (worst, incident.recovered_at)
    };
    told.at(at(0), bounced(2, Verdict::Breach));
    told.at(at(1), bounced(7, Verdict::Breach));
    told.at(at(2), bounced(3, Verdict::Breach));
    assert_eq!(worst(&told), (Some((7, 10)), None));
    told.at(at(3), bounced(0, Verdict::Within));
    told.at(at(4), bounced(0, Verdict::Within));
    assert_eq!(worst(&told), (Some((7, 10)), Some(at(3))));
    told.at(at(5), bounced(4, Verdict::Breach));
    assert_eq!(
        worst(&told),
        (Some((7, 10)), None),
        "it is the same incident"
    );
}

#[test]
fn it_is_reminded_every_day_while_it_stands() {
    let mut told = Told::new(false);
    told.bounce(0, Verdict::Breach);
    let reminded: Vec<u32> = (1..=73)
        .filter(|h| told.bounce(*h, Verdict::Breach) == ["bounce_rate reminded!"])
        .collect();
    assert_eq!(reminded, [24, 48, 72]);
}

#[test]
fn a_breach_that_returns_soon_is_the_same_incident_and_is_told_only_if_it_stands_when_the_time_is_over()
 {
    let mut told = Told::new(false);
    told.bounce(0, Verdict::Breach);
    told.bounce(1, Verdict::Within);
    assert_eq!(told.bounce(2, Verdict::Within), ["bounce_rate resolved!"]);
    assert_eq!(
        told.bounce(4, Verdict::Breach),
        ["bounce_rate opened"],
        "within three hours"
    );
    assert_eq!(
        told.bounce(5, Verdict::Breach),
        ["bounce_rate reminded!"],
        "the time is over and it stands"
    );
    told.bounce(6, Verdict::Within);
    assert_eq!(told.bounce(7, Verdict::Within), ["bounce_rate resolved!"]);
    told.bounce(8, Verdict::Breach);
    told.bounce(8, Verdict::Breach);
    assert!(told.ids.windows(2).all(|w| w[0] == w[1]), "{:?}", told.ids);

    let mut brief = Told::new(false);
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
    let mut told = Told::new(false);
    told.bounce(0, Verdict::Breach);
    told.bounce(1, Verdict::Within);
    told.bounce(2, Verdict::Within);
    assert_eq!(told.bounce(6, Verdict::Breach), ["bounce_rate opened!"]);
    assert_ne!(told.ids[0], told.ids[2]);
    let kept: Vec<&str> = told.book.incidents().map(|i| i.id.as_str()).collect();
    assert_eq!(
        kept,
        [&told.ids[0], &told.ids[2]],
        "a gap may hold both: the steps of the first are stored too"
    );
}

#[test]
fn the_weaker_is_silent_while_the_stronger_is_open_and_told_when_it_ends() {
    let mut told = Told::new(false);
    let both = |hard, all| {
        vec![
            finding(Rule::BounceRate, all),
            finding(Rule::HardBounceWake, hard),
        ]
    };
    assert_eq!(
        told.at(at(0), both(Verdict::Breach, Verdict::Breach)),
        ["hard_bounce_wake opened!", "bounce_rate opened"]
    );
    told.at(at(1), both(Verdict::Within, Verdict::Breach));
    assert_eq!(
        told.at(at(2), both(Verdict::Within, Verdict::Breach)),
        ["hard_bounce_wake resolved!", "bounce_rate reminded!"]
    );
    told.at(at(3), both(Verdict::Within, Verdict::Within));
    assert_eq!(
        told.at(at(4), both(Verdict::Within, Verdict::Within)),
        ["bounce_rate resolved!"]
    );
}

#[test]
fn blindness_silences_everything_of_the_server() {
    let mut told = Told::new(false);
    told.bounce(0, Verdict::Breach);
    assert_eq!(
        told.at(at(1), vec![finding(Rule::Blind, Verdict::Breach)]),
        ["blind opened!"]
    );
    assert_eq!(told.bounce(2, Verdict::Within), NOTHING);
    assert_eq!(
        told.bounce(3, Verdict::Within),
        ["bounce_rate resolved"],
        "recorded only, even if it was told before"
    );
    let kept = told.book.inhibited_by(&IncidentKey::from_finding(&finding(
        Rule::Blind,
        Verdict::Breach,
    )));
    assert_eq!(
        told.at(at(4), vec![finding(Rule::Blind, Verdict::Within)]),
        ["blind resolved!"]
    );
    assert!(
        kept.is_empty()
            && told
                .book
                .uninhibit(&told.policy, &kept, &[], at(4))
                .is_empty()
    );
}

#[test]
fn in_digest_mode_a_warning_is_recorded_and_an_escalation_told() {
    let mut told = Told::new(true);
    assert_eq!(told.bounce(0, Verdict::Breach), ["bounce_rate opened"]);
    let worse = Finding {
        severity: Severity::Wake,
        ..finding(Rule::BounceRate, Verdict::Breach)
    };
    assert_eq!(told.at(at(1), vec![worse]), ["bounce_rate escalated!"]);
    told.bounce(2, Verdict::Within);
    assert_eq!(
        told.bounce(3, Verdict::Within),
        ["bounce_rate resolved!"],
        "once told, always told"
    );
    let mut quiet = Told::new(true);
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
    let mut told = Told::new(false);
    assert_eq!(
        told.at(at(1), vec![events(&[at(0)], Verdict::Breach)]),
        ["operator_bounce opened!"]
    );
    assert_eq!(
        told.at(at(6), vec![events(&[at(0), at(5)], Verdict::Breach)]),
        NOTHING
    );
    assert_eq!(told.book.incidents().next().map(|i| i.events), Some(2));
    assert_eq!(
        told.at(at(25), vec![events(&[at(5)], Verdict::Breach)]),
        NOTHING
    );
    assert_eq!(
        told.at(at(30), vec![events(&[], Verdict::Within)]),
        ["operator_bounce resolved"]
    );
    assert_eq!(
        told.at(at(31), vec![events(&[at(5)], Verdict::Breach)]),
        NOTHING,
        "an old event opens nothing"
    );
    assert_eq!(
        told.at(at(32), vec![events(&[at(31)], Verdict::Breach)]),
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
            needed: 3,
            queued: 0,
            since: None,
            last_proven_sent: sent,
            last_delivered: sent,
        }),
        ..finding(Rule::DeliverySilence, verdict)
    }
}

#[test]
fn delivery_silence_ends_when_mail_sent_after_it_opened_is_delivered_at_two_instants() {
    let mut told = Told::new(false);
    assert_eq!(
        told.at(at(2), vec![proof(None, Verdict::Breach)]),
        ["delivery_silence opened!"]
    );
    assert_eq!(
        told.at(at(3), vec![proof(Some(at(1)), Verdict::Within)]),
        NOTHING,
        "sent before it opened"
    );
    assert_eq!(
        told.at(at(4), vec![proof(Some(at(3)), Verdict::Within)]),
        NOTHING
    );
    assert_eq!(
        told.at(at(5), vec![proof(Some(at(3)), Verdict::Within)]),
        ["delivery_silence resolved!"]
    );
}

#[test]
fn the_same_events_give_the_same_id_and_others_another() {
    let open = |hours| {
        let mut told = Told::new(false);
        told.bounce(hours, Verdict::Breach);
        told.ids.remove(0)
    };
    assert_eq!(open(0), open(0));
    assert_ne!(open(0), open(1));
    assert_eq!(open(0).len(), 8);
}

proptest! {
    #[test]
    fn between_two_openings_lies_an_end_and_judging_twice_says_nothing_new(verdicts in prop::collection::vec(0u8..4, 1..60), digest_mode: bool) {
        let mut told = Told::new(digest_mode);
        let mut open = false;
        for (hour, verdict) in verdicts.into_iter().enumerate() {
            let verdict = [Verdict::Breach, Verdict::Within, Verdict::Unresolved, Verdict::Unknown][usize::from(verdict)];
            let now = at(u32::try_from(hour).expect("few"));
            let steps = told.book.apply(&told.policy, vec![finding(Rule::SpamRate, verdict)], now);
            for step in &steps {
                match step.step {
                    Step::Opened => { prop_assert!(!open); open = true; }
                    Step::Resolved => { prop_assert!(open); open = false; }
                    Step::Escalated | Step::Reminded => prop_assert!(open),
                }
            }
            if verdict != Verdict::Unknown {
                let again = told.book.apply(&told.policy, vec![finding(Rule::SpamRate, verdict)], now);
                prop_assert!(steps.is_empty() || again.is_empty(), "{:?}", again.len());
            }
        }
    }

    #[test]
    fn a_book_read_back_from_the_store_goes_on_as_if_it_had_never_been_away(verdicts in prop::collection::vec(0u8..3, 1..40)) {
        let (mut one, mut new) = (Told::new(false), Told::new(false));
        for (hour, verdict) in verdicts.into_iter().enumerate() {
            let verdict = [Verdict::Breach, Verdict::Within, Verdict::Unknown][usize::from(verdict)];
            let hour = u32::try_from(hour).expect("few");
            let stored: Vec<Incident> = new.book.incidents().cloned().collect();
            new.book = IncidentLog::new(ServerName::from("shop"), stored);
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
fn silence(verdict: Verdict, last: u32) -> Finding {
    Finding {
        evidence: Evidence::Silence(SilenceEvidence {
            last_sent: Some(at(last)),
            gap: Span::new(at(last), at(last)),
            expected: 1.0,
            surprise: 9.0,
            threshold: 8.0,
            longest_before: 4.0,
            times_a_year: 1.0,
            false_alarms_per_year: 4.0,
            missing_burst: None,
            streams: Vec::new(),
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

#[test]
fn silence_ends_with_mail_and_not_with_a_limit_that_rose() {
    let mut told = Told::new(false);
    let breach = silence(Verdict::Breach, 0);
    assert_eq!(told.at(at(5), vec![breach]), ["send_silence opened!"]);
    let rose = silence(Verdict::Within, 0);
    assert_eq!(told.at(at(6), vec![rose]), NOTHING);
    let mail = silence(Verdict::Within, 7);
    assert_eq!(told.at(at(8), vec![mail]), ["send_silence resolved!"]);
}

#[test]
fn an_open_incident_is_described_as_it_was_when_it_was_last_seen() {
    let mut told = Told::new(false);
    told.bounce(0, Verdict::Breach);
    let fine = Finding {
        evidence: silence(Verdict::Within, 0).evidence,
        ..finding(Rule::BounceRate, Verdict::Within)
    };
    told.at(at(1), vec![fine]);
    let open = told.book.incidents().next().expect("open").clone();
    assert_eq!(
        open.evidence,
        finding(Rule::BounceRate, Verdict::Breach).evidence
    );
    assert_eq!(
        (open.state, open.judged_at),
        (
            IncidentState::Open {
                within_since: Some(at(1))
            },
            at(1)
        )
    );
}

#[test]
fn a_rate_says_nothing_of_the_bounces_that_a_delivery_incident_told() {
    use Verdict::{Breach, Within};
    let mut told = Told::new(false);
    let at_hour = |told: &mut Told, hour, delivery, bounces, window| {
        let stronger = proof((delivery == Within).then(|| at(hour)), delivery);
        let mut weaker = finding(Rule::HardBounceWake, bounces);
        if let Evidence::Rate(rate) = &mut weaker.evidence {
            rate.window = HOUR * window;
        }
        told.at(at(hour), vec![stronger, weaker])
    };
    let both = at_hour(&mut told, 1, Breach, Breach, 24);
    assert_eq!(
        both,
        ["delivery_silence opened!", "hard_bounce_wake opened"]
    );
    assert_eq!(at_hour(&mut told, 2, Within, Breach, 24), NOTHING);
    let over = at_hour(&mut told, 3, Within, Breach, 24);
    assert_eq!(over, ["delivery_silence resolved!"]);
    assert_eq!(at_hour(&mut told, 4, Within, Breach, 24), NOTHING);
    // These are new.
    let new = at_hour(&mut told, 5, Within, Breach, 1);
    assert_eq!(new, ["hard_bounce_wake reminded!"]);
}

#[test]
fn a_silent_tag_is_an_incident_of_its_own() {
    let mut told = Told::new(false);
    let only_tag = inhibits(Verdict::Within, Verdict::Breach);
    assert_eq!(told.at(at(0), only_tag.clone()), ["send_silence opened!"]);
    assert_eq!(told.at(at(1), only_tag), NOTHING);
    let both = inhibits(Verdict::Breach, Verdict::Breach);
    assert_eq!(told.at(at(2), both), ["send_silence opened!"]);
    assert_ne!(told.ids[0], told.ids[1]);
}

#[test]
fn tags_say_nothing_while_their_whole_stream_is_silent_nor_when_they_come_back_with_it() {
    let mut told = Told::new(false);
    let both = inhibits(Verdict::Breach, Verdict::Breach);
    assert_eq!(
        told.at(at(0), both),
        ["send_silence opened!", "send_silence opened"]
    );
    let back = inhibits(Verdict::Within, Verdict::Unresolved);
    assert_eq!(told.at(at(5), back), ["send_silence resolved!"]);
    let well = inhibits(Verdict::Within, Verdict::Within);
    assert_eq!(told.at(at(6), well), ["send_silence resolved"]);
}

#[test]
fn a_tag_that_stays_silent_when_its_stream_is_back_is_told() {
    let mut told = Told::new(false);
    told.at(at(0), inhibits(Verdict::Breach, Verdict::Breach));
    let back = inhibits(Verdict::Within, Verdict::Breach);
    assert_eq!(
        told.at(at(5), back.clone()),
        ["send_silence resolved!", "send_silence reminded!"]
    );
    assert_eq!(told.at(at(6), back), NOTHING, "once");
    let well = inhibits(Verdict::Within, Verdict::Within);
    assert_eq!(told.at(at(7), well), ["send_silence resolved!"]);
}

#[test]
fn what_nobody_watches_any_more_ends() {
    let mut told = Told::new(false);
    let findings = inhibits(Verdict::Within, Verdict::Breach);
    let all: std::collections::BTreeSet<IncidentKey> =
        findings.iter().map(IncidentKey::from_finding).collect();
    told.at(at(0), findings);
    assert_eq!(told.book.close_unwatched(&told.policy, &all, at(1)), []);
    let left = all.into_iter().filter(|key| key.tag.is_none()).collect();
    let steps = told.book.close_unwatched(&told.policy, &left, at(1));
    assert_eq!(
        steps.iter().map(show).collect::<Vec<_>>(),
        ["send_silence resolved!"]
    );
    let (end, unwatched) = (at(1), true);
    let state = IncidentState::Resolved {
        at: end,
        unwatched,
        disabled: false,
    };
    assert_eq!(steps[0].incident.state, state);
    assert_eq!(told.book.close_unwatched(&told.policy, &left, at(2)), []);
}

fn muted(rule: Option<Rule>) -> Vec<Mute> {
    vec![Mute {
        id: 1,
        server: Some(ServerName::from("shop")),
        rule,
        incident: None,
        from: at(0),
        until: at(99),
        reason: "a migration".to_owned(),
        by: "ops".to_owned(),
        planned: false,
    }]
}

#[test]
fn what_a_mute_keeps_back_is_told_at_its_end() {
    let mut told = Told::new(false);
    told.policy.mutes = muted(Some(Rule::BounceRate));
    assert_eq!(told.bounce(0, Verdict::Breach), ["bounce_rate opened"]);
    assert_eq!(told.bounce(25, Verdict::Breach), ["bounce_rate reminded"]);
    assert_eq!(
        told.book.end_mutes(&told.policy, at(25)),
        MuteEnd::default()
    );
    told.policy.mutes = muted(Some(Rule::SpamRate));
    let unmuted = told.book.end_mutes(&told.policy, at(26));
    let open: Vec<String> = unmuted.open.iter().map(show).collect();
    assert_eq!(open, ["bounce_rate reminded!"]);
    assert_eq!(
        told.book.end_mutes(&told.policy, at(27)),
        MuteEnd::default()
    );
    assert_eq!(told.bounce(27, Verdict::Within), NOTHING);
    assert_eq!(told.bounce(28, Verdict::Within), ["bounce_rate resolved!"]);
}

#[test]
fn an_end_within_a_mute_is_told_only_of_what_was_told() {
    for begins_muted in [false, true] {
        let mut told = Told::new(false);
        if begins_muted {
            told.policy.mutes = muted(None);
        }
        told.bounce(0, Verdict::Breach);
        told.policy.mutes = muted(None);
        told.bounce(1, Verdict::Within);
        assert_eq!(told.bounce(2, Verdict::Within), ["bounce_rate resolved"]);
        told.policy.mutes.clear();
        let over = told.book.end_mutes(&told.policy, at(3)).resolved.len();
        assert_eq!(over, usize::from(!begins_muted));
        assert_eq!(told.book.end_mutes(&told.policy, at(4)), MuteEnd::default());
    }
}

#[test]
fn a_mute_keeps_nothing_back_that_would_not_be_told() {
    let mut told = Told::new(true);
    told.policy.mutes = muted(None);
    told.bounce(0, Verdict::Breach);
    told.policy.mutes.clear();
    assert_eq!(told.book.end_mutes(&told.policy, at(1)), MuteEnd::default());
}

#[test]
fn what_is_muted_silences_nothing_that_is_not() {
    let breach = |rule| finding(rule, Verdict::Breach);
    let both = || vec![breach(Rule::HardBounceWake), breach(Rule::BounceRate)];
    let mut told = Told::new(false);
    told.policy.mutes = muted(Some(Rule::HardBounceWake));
    assert_eq!(
        told.at(at(0), both()),
        ["hard_bounce_wake opened", "bounce_rate opened!"]
    );
    let mut told = Told::new(false);
    told.policy.mutes = muted(None);
    assert_eq!(
        told.at(at(0), both()),
        ["hard_bounce_wake opened", "bounce_rate opened"]
    );
    told.policy.mutes.clear();
    let unmuted = told.book.end_mutes(&told.policy, at(1));
    let open: Vec<String> = unmuted.open.iter().map(show).collect();
    assert_eq!(open, ["hard_bounce_wake reminded!"]);
}

/// Told to people, over while muted; what `then` says at the next instant, and what the end of the mute tells after it.
fn over_while_muted(then: Verdict, still_muted: bool) -> (Vec<String>, Told, MuteEnd) {
    let mut told = Told::new(false);
    told.bounce(0, Verdict::Breach);
    told.policy.mutes = muted(None);
    told.bounce(1, Verdict::Within);
    assert_eq!(told.bounce(2, Verdict::Within), ["bounce_rate resolved"]);
    if !still_muted {
        told.policy.mutes.clear();
    }
    let steps = told.bounce(24, then);
    told.policy.mutes.clear();
    let unmuted = told.book.end_mutes(&told.policy, at(24));
    (steps, told, unmuted)
}

#[test]
fn what_opens_anew_before_its_end_was_told_is_still_the_same_to_its_readers() {
    let (steps, told, unmuted) = over_while_muted(Verdict::Breach, true);
    assert_eq!(steps, ["bounce_rate opened"]);
    assert!(
        told.ids.iter().all(|id| *id == told.ids[0]),
        "{:?}",
        told.ids
    );
    assert_eq!(unmuted.open.len(), 1);
    assert_eq!(unmuted.resolved, []);
    let (steps, told, unmuted) = over_while_muted(Verdict::Breach, false);
    assert_eq!(steps, ["bounce_rate opened!"]);
    assert!(
        told.ids.iter().all(|id| *id == told.ids[0]),
        "{:?}",
        told.ids
    );
    assert_eq!(unmuted, MuteEnd::default(), "told already");
    let (steps, _, unmuted) = over_while_muted(Verdict::Within, true);
    assert_eq!(steps, NOTHING);
    assert_eq!(unmuted.resolved.len(), 1);
}

/// The findings of both views of one problem.
fn views(stronger: Verdict, weaker: Verdict) -> Vec<Finding> {
    let of = |rule, verdict| finding(rule, verdict);
    vec![of(Rule::SendDrop, weaker), of(Rule::SendSilence, stronger)]
}

#[test]
fn a_drop_and_the_silence_within_it_are_one_incident() {
    use Verdict::{Breach, Unresolved, Within};
    let mut told = Told::new(false);
    assert_eq!(told.at(at(0), views(Within, Breach)), ["send_drop opened!"]);
    assert_eq!(
        told.at(at(1), views(Breach, Breach)),
        ["send_silence escalated!"]
    );
    assert_eq!(told.at(at(2), views(Within, Breach)), NOTHING);
    assert_eq!(told.at(at(3), views(Unresolved, Within)), NOTHING);
    assert_eq!(
        told.at(at(4), views(Within, Within)),
        ["send_drop resolved!"]
    );
    told.ids.dedup();
    assert_eq!(told.ids.len(), 1);
}

#[test]
fn a_silence_that_becomes_a_drop_takes_no_step_and_ends_as_one() {
    use Verdict::{Breach, Unresolved, Within};
    let mut told = Told::new(false);
    let mut delivery = |hours, stronger, weaker| {
        let findings = vec![
            finding(Rule::DeliverySilence, stronger),
            finding(Rule::DeliveryDrop, weaker),
        ];
        told.at(at(hours), findings)
    };
    assert_eq!(delivery(0, Breach, Breach), ["delivery_silence opened!"]);
    assert_eq!(delivery(1, Within, Breach), NOTHING);
    assert_eq!(delivery(2, Within, Unresolved), NOTHING);
    assert_eq!(
        delivery(25, Within, Breach),
        ["delivery_drop reminded!"],
        "the next step bears the weaker's rule"
    );
    assert_eq!(
        delivery(26, Breach, Breach),
        ["delivery_silence escalated!"]
    );
    assert_eq!(delivery(27, Within, Breach), NOTHING);
    assert_eq!(delivery(28, Within, Within), ["delivery_drop resolved!"]);
}

#[test]
fn a_mute_of_one_view_holds_while_it_is_the_one() {
    use Verdict::{Breach, Within};
    let mut told = Told::new(false);
    told.policy.mutes = muted(Some(Rule::SendDrop));
    assert_eq!(told.at(at(0), views(Within, Breach)), ["send_drop opened"]);
    assert_eq!(
        told.at(at(1), views(Breach, Breach)),
        ["send_silence escalated!"]
    );
}

#[test]
fn of_two_open_incidents_of_one_problem_the_weaker_ends_without_a_word() {
    use Verdict::{Breach, Within};
    let open = |rule| {
        let mut told = Told::new(false);
        told.at(at(0), vec![finding(rule, Breach)]);
        told.book.incidents().next().cloned().expect("it opened")
    };
    let both = [open(Rule::SendSilence), open(Rule::SendDrop)];
    for stored in [both.clone(), [both[1].clone(), both[0].clone()]] {
        let mut told = Told::new(false);
        told.book = IncidentLog::new(ServerName::from("shop"), stored);
        let open: Vec<Rule> = told
            .book
            .incidents()
            .filter(|i| i.is_open())
            .map(|i| i.rule)
            .collect();
        assert_eq!(open, [Rule::SendSilence]);
        assert_eq!(told.book.incidents().count(), 2, "both are stored again");
        assert_eq!(told.at(at(1), views(Breach, Breach)), NOTHING);
        let over = vec![silence(Within, 2), finding(Rule::SendDrop, Within)];
        assert_eq!(told.at(at(2), over), ["send_silence resolved!"]);
    }
}

fn rate(numerator: u64, verdict: Verdict) -> Finding {
    let mut rate = finding(Rule::BounceRate, verdict);
    if let Evidence::Rate(evidence) = &mut rate.evidence {
        evidence.numerator = numerator;
    }
    rate
}

/// A bounce rate that opened and was closed by hand half an hour later.
fn closed_by_hand() -> Told {
    let mut told = Told::new(false);
    told.at(at(0), vec![rate(4, Verdict::Breach)]);
    let id = told.book.incidents().next().expect("one").id.clone();
    let later = at(0) + HOUR / 2;
    assert_eq!(told.book.close(&told.policy, "nobody", "ops", later), None);
    let closed = told.book.close(&told.policy, &id, "ops", later);
    let closed = closed.expect("it is open");
    assert_eq!(show(&closed), "bounce_rate resolved!");
    assert_eq!(closed.incident.closed_by.as_deref(), Some("ops"));
    let again = told.book.close(&told.policy, &id, "ops", later);
    assert_eq!(again, None, "it is closed");
    told
}

#[test]
fn what_is_closed_by_hand_stays_closed_for_a_day_while_it_is_no_worse() {
    let mut told = closed_by_hand();
    for hour in 1..=24 {
        assert_eq!(told.at(at(hour), vec![rate(7, Verdict::Breach)]), NOTHING);
    }
    assert_eq!(
        told.at(at(25), vec![rate(7, Verdict::Breach)]),
        ["bounce_rate opened!"]
    );
}

#[test]
fn what_is_closed_by_hand_and_doubles_or_wakes_is_another_incident() {
    let worse = [
        rate(8, Verdict::Breach),
        Finding {
            severity: Severity::Wake,
            ..rate(4, Verdict::Breach)
        },
    ];
    for worse in worse {
        let mut told = closed_by_hand();
        let closed = told.book.incidents().next().expect("one").id.clone();
        assert_eq!(told.at(at(1), vec![worse]), ["bounce_rate opened!"]);
        let open = told.book.incidents().find(|i| i.is_open()).expect("one");
        assert_ne!(open.id, closed);
        assert_eq!(open.closed_by, None);
    }
}

#[test]
fn what_is_closed_by_hand_and_over_may_open_again() {
    let mut told = closed_by_hand();
    assert_eq!(told.at(at(1), vec![rate(0, Verdict::Within)]), NOTHING);
    assert_eq!(
        told.at(at(2), vec![rate(4, Verdict::Breach)]),
        ["bounce_rate opened!"]
    );
}

#[test]
fn another_server_inhibits_all_but_the_account_and_ends_with_its_own_evidence() {
    let change = |current, verdict| Finding {
        evidence: Evidence::ServerChange(ServerChange {
            former: 1,
            current,
            ..ServerChange::default()
        }),
        severity: Severity::Wake,
        ..finding(Rule::ServerChanged, verdict)
    };
    let mut told = Told::new(true);
    assert_eq!(
        told.at(
            at(0),
            vec![
                finding(Rule::Blind, Verdict::Breach),
                change(2, Verdict::Breach),
                rate(4, Verdict::Breach),
            ]
        ),
        [
            "server_changed opened!",
            "blind opened",
            "bounce_rate opened"
        ]
    );
    assert_eq!(told.at(at(1), vec![change(0, Verdict::Unknown)]), NOTHING);
    assert_eq!(told.at(at(2), vec![change(2, Verdict::Breach)]), NOTHING);
    // To close it accepts the server that answers now: a third one is told first.
    for (hours, third) in [(3, 3), (4, 2)] {
        assert_eq!(
            told.at(at(hours), vec![change(third, Verdict::Breach)]),
            ["server_changed escalated!"]
        );
    }
    assert_eq!(
        told.at(at(5), vec![change(0, Verdict::Within)]),
        ["server_changed resolved!"]
    );
    let over = told
        .book
        .incidents()
        .find(|i| i.rule == Rule::ServerChanged);
    let over = over.expect("one");
    assert!(matches!(&over.evidence, Evidence::ServerChange(c) if c.current == 2));
    // Closed by hand, another number is told at once.
    told.at(at(6), vec![change(2, Verdict::Breach)]);
    let is_open = |i: &&Incident| i.rule == Rule::ServerChanged && i.is_open();
    let open = told.book.incidents().find(is_open);
    let id = open.expect("one").id.clone();
    told.book
        .close(&told.policy, &id, "ops", at(6))
        .expect("it is open");
    assert_eq!(
        told.at(at(7), vec![change(1, Verdict::Breach)]),
        ["server_changed opened!"]
    );
}

#[test]
fn what_a_rule_has_open_when_it_is_switched_off_ends_without_a_word() {
    let mut told = Told::new(false);
    let both = |hard, all| {
        vec![
            finding(Rule::HardBounceWake, hard),
            finding(Rule::BounceRate, all),
        ]
    };
    let opened = told.at(at(0), both(Verdict::Breach, Verdict::Breach));
    assert_eq!(opened, ["hard_bounce_wake opened!", "bounce_rate opened"]);
    assert_eq!(told.book.close_disabled(&told.policy, at(1)).0, []);
    told.policy.rules.disabled.insert(Rule::HardBounceWake);
    let (ended, inhibited) = told.book.close_disabled(&told.policy, at(1));
    assert_eq!(
        ended.iter().map(show).collect::<Vec<_>>(),
        ["hard_bounce_wake resolved"]
    );
    assert!(ended[0].incident.is_disabled());
    let inhibited: Vec<IncidentKey> = inhibited.into_iter().collect();
    let released = told.book.uninhibit(&told.policy, &inhibited, &ended, at(1));
    assert_eq!(
        released.iter().map(show).collect::<Vec<_>>(),
        ["bounce_rate reminded!"],
        "what it inhibited is told"
    );
    assert_eq!(told.book.close_disabled(&told.policy, at(2)).0, []);
    assert_eq!(told.book.end_mutes(&told.policy, at(2)), MuteEnd::default());
}

#[test]
fn a_rule_that_is_off_on_another_stream_stays_open_on_this_one() {
    let mut told = Told::new(false);
    told.bounce(0, Verdict::Breach);
    let other = rules(|rules| {
        rules.disabled.insert(Rule::BounceRate);
    });
    told.policy
        .rules
        .streams
        .insert(StreamId::from("broadcast"), other.clone());
    assert_eq!(told.book.close_disabled(&told.policy, at(1)).0, []);
    told.policy
        .rules
        .streams
        .insert(StreamId::from("outbound"), other);
    assert_eq!(told.book.close_disabled(&told.policy, at(1)).0.len(), 1);
}
