//! What a recipient domain blocks is told by `domain_blocks` or by `bounce_rate`, not by both.

use super::*;
use crate::model::{BlockingDomain, DomainBlocksEvidence, LastingExcess};
use Verdict::{Breach, Within};

fn blocks(domains: &[&str], verdict: Verdict, hour: u32) -> Finding {
    let domain = |name: &&str| BlockingDomain {
        domain: (*name).to_owned(),
        blocked: 8,
        expected: 0.0,
        usual_high: 0,
        chance: 1e-9,
    };
    Finding {
        evidence: Evidence::DomainBlocks(DomainBlocksEvidence {
            window: Span::before(at(hour), DAY),
            domains: domains.iter().map(domain).collect(),
            sent: 400,
            days: 28,
            told: Vec::new(),
            staying: Vec::new(),
        }),
        ..finding(Rule::DomainBlocks, verdict)
    }
}

/// A bounce rate of nothing but what these domains block; without what is told of them it is as `rest` says.
fn bounces(domains: &[&str], verdict: Verdict, rest: Option<Verdict>) -> Finding {
    let mut finding = finding(Rule::BounceRate, verdict);
    let with = |domains: &[&str]| {
        let mut evidence = finding.evidence.clone();
        if let Evidence::Rate(rate) = &mut evidence {
            rate.numerator = 4 * domains.len() as u64;
            rate.denominator = 40;
            rate.domains = domains.iter().map(|of| ((*of).to_owned(), 4)).collect();
            rate.classes = vec![(BounceClass::Blocked, rate.numerator)];
        }
        evidence
    };
    let (all, others) = (with(domains), with(domains.get(1..).unwrap_or_default()));
    finding.evidence = all;
    finding.without_blocks = rest.map(|rest| Box::new((rest, others)));
    finding
}

#[test]
fn it_is_told_of_once_and_again_where_another_domain_blocks_too() {
    let mut scene = Scene::new(false);
    let org = ["example.org"];
    let first = vec![bounces(&org, Breach, Some(Within)), blocks(&org, Breach, 0)];
    assert_eq!(scene.at(at(0), first), ["domain_blocks opened!"]);
    let stream = StreamId::from("outbound");
    assert_eq!(scene.log.blocking_domains(&stream), org);
    // Nobody was told of the second one.
    let both = ["example.org", "example.net"];
    let second = vec![
        bounces(&both, Breach, Some(Breach)),
        blocks(&both, Breach, 1),
    ];
    assert_eq!(scene.at(at(1), second), ["bounce_rate opened!"]);
    assert_eq!(scene.log.blocking_domains(&stream), org);
    for hour in 2..5 {
        let night = vec![bounces(&[], Within, None), blocks(&both, Breach, hour)];
        assert_eq!(scene.at(at(hour), night), NOTHING, "the second goes on");
    }
    let over = |hour| vec![bounces(&[], Within, None), blocks(&[], Within, hour)];
    assert_eq!(scene.at(at(5), over(5)), ["domain_blocks resolved!"]);
    assert_eq!(scene.at(at(6), over(6)), ["bounce_rate resolved!"]);
    assert_eq!(scene.log.blocking_domains(&stream), Vec::<String>::new());
}

#[test]
fn a_rate_that_told_of_a_domain_goes_on_at_night_while_another_begins_to_block() {
    let mut scene = Scene::new(false);
    let (org, net) = (["example.org"], ["example.net"]);
    let first = vec![bounces(&org, Breach, None), blocks(&org, Within, 0)];
    assert_eq!(scene.at(at(0), first), ["bounce_rate opened!"]);
    for hour in 1..5 {
        let mut second = blocks(&net, Breach, hour);
        if let Evidence::DomainBlocks(of) = &mut second.evidence {
            of.staying = vec!["example.org".to_owned()];
        }
        let told = scene.at(at(hour), vec![bounces(&[], Within, None), second]);
        assert!(
            !told.contains(&"bounce_rate resolved!".to_owned()),
            "{told:?}"
        );
    }
}

#[test]
fn a_rate_that_is_of_others_ends_without_a_word_of_the_block() {
    let mut scene = Scene::new(false);
    let (org, net) = (["example.org"], ["example.net"]);
    scene.at(at(0), vec![blocks(&org, Breach, 0)]);
    let beside = vec![bounces(&net, Breach, None), blocks(&org, Breach, 1)];
    assert_eq!(scene.at(at(1), beside), ["bounce_rate opened!"]);
    let within = |hour| vec![bounces(&[], Within, None), blocks(&org, Breach, hour)];
    assert_eq!(scene.at(at(2), within(2)), NOTHING);
    assert_eq!(scene.at(at(3), within(3)), ["bounce_rate resolved!"]);
}

#[test]
fn what_was_told_while_a_wake_hid_the_rate_is_not_told_again_by_it() {
    let mut scene = Scene::new(false);
    let org = ["example.org"];
    let all = |hour, hard, rest| {
        vec![
            finding(Rule::HardBounceWake, hard),
            bounces(&org, Breach, rest),
            blocks(&org, Breach, hour),
        ]
    };
    let first = vec![
        finding(Rule::HardBounceWake, Breach),
        bounces(&org, Breach, None),
    ];
    assert_eq!(
        scene.at(at(0), first),
        ["hard_bounce_wake opened!", "bounce_rate opened"]
    );
    let told = scene.at(at(1), all(1, Breach, Some(Within)));
    assert_eq!(told, ["domain_blocks opened!"]);
    scene.at(at(2), all(2, Within, Some(Within)));
    let over = scene.at(at(3), all(3, Within, Some(Within)));
    assert_eq!(over, ["hard_bounce_wake resolved!", "bounce_rate resolved"]);
}

#[test]
fn where_many_domains_block_the_rate_tells_of_all() {
    let mut scene = Scene::new(false);
    let both = ["example.org", "example.net"];
    let all = |hour| {
        vec![
            bounces(&both, Breach, Some(Breach)),
            blocks(&["example.org"], Breach, hour),
        ]
    };
    assert_eq!(
        scene.at(at(0), all(0)),
        ["bounce_rate opened!", "domain_blocks opened"]
    );
    assert_eq!(scene.at(at(1), all(1)), NOTHING);
}

#[test]
fn a_rate_that_wakes_is_told_beside_a_block_that_warns() {
    let mut scene = Scene::new(false);
    let org = ["example.org"];
    let wakes = |hour| {
        let rate = Finding {
            severity: Severity::Wake,
            ..bounces(&org, Breach, Some(Within))
        };
        vec![rate, blocks(&org, Breach, hour)]
    };
    assert_eq!(
        scene.at(at(0), wakes(0)),
        ["bounce_rate opened!", "domain_blocks opened"]
    );
}

#[test]
fn a_block_that_is_muted_hides_nothing_that_is_not() {
    let mut scene = Scene::new(false);
    let org = ["example.org"];
    scene.policy.mutes = muting::muted(Some(Rule::DomainBlocks));
    let first = vec![bounces(&org, Breach, Some(Within)), blocks(&org, Breach, 0)];
    assert_eq!(
        scene.at(at(0), first),
        ["bounce_rate opened!", "domain_blocks opened"]
    );
}

/// Versions before told of both.
#[test]
fn what_both_told_of_before_an_upgrade_is_told_to_its_end_and_no_more() {
    let mut scene = Scene::new(false);
    let org = ["example.org"];
    scene.at(at(0), vec![blocks(&org, Breach, 0)]);
    scene.at(at(3), vec![bounces(&org, Breach, None)]);
    let now = |hour| vec![bounces(&[], Within, None), blocks(&org, Breach, hour)];
    assert_eq!(scene.at(at(4), now(4)), NOTHING);
    assert_eq!(scene.at(at(5), now(5)), ["bounce_rate resolved!"]);
    assert_eq!(scene.at(at(6), now(6)), NOTHING);
    let over = vec![bounces(&[], Within, None), blocks(&[], Within, 7)];
    assert_eq!(scene.at(at(7), over), ["domain_blocks resolved!"]);
}

#[test]
fn what_an_ended_block_told_of_opens_no_rate() {
    let mut scene = Scene::new(false);
    let org = ["example.org"];
    let first = vec![bounces(&org, Breach, Some(Within)), blocks(&org, Breach, 0)];
    scene.at(at(0), first);
    scene.at(at(1), vec![blocks(&[], Within, 1)]);
    let longer = |domains: &[&str]| {
        let mut rate = bounces(domains, Breach, None);
        if let Evidence::Rate(rate) = &mut rate.evidence {
            rate.window = 6 * HOUR;
        }
        vec![rate]
    };
    assert_eq!(scene.at(at(2), longer(&org)), ["bounce_rate opened"]);
    assert_eq!(
        scene.at(at(3), longer(&["example.org", "example.net"])),
        ["bounce_rate reminded!"]
    );
}

#[test]
fn a_rate_is_over_once_so_much_mail_without_a_bounce_was_sent_that_it_would_have_shown() {
    let mut scene = Scene::new(false);
    let org = ["example.org"];
    let wave = vec![bounces(&org, Breach, Some(Within)), blocks(&org, Within, 0)];
    assert_eq!(scene.at(at(0), wave), ["bounce_rate opened!"]);
    // Four of forty, at one domain: of 120 messages twelve would have bounced.
    let since = |sent, hour| {
        let mut rate = bounces(&[], Within, None);
        if let Evidence::Rate(rate) = &mut rate.evidence {
            rate.sent_since = Some(sent);
        }
        vec![rate, blocks(&org, Breach, hour)]
    };
    let mut ended = Vec::new();
    for (hour, sent) in [(1, 30), (2, 60), (3, 90), (4, 110), (5, 130), (6, 150)] {
        let steps = scene.at(at(hour), since(sent, hour));
        if steps.iter().any(|step| *step == "bounce_rate resolved!") {
            ended.push(hour);
        }
    }
    assert_eq!(ended, [6]);
}

/// The same as of days, of which the newest bounce was in this hour.
fn lasting(mut finding: Finding, newest: u32) -> Finding {
    if let Evidence::Rate(rate) = &mut finding.evidence {
        rate.window = 8 * DAY;
        rate.newest_at = Some(at(newest));
        rate.lasting = Some(LastingExcess {
            evidence: 6.0,
            limit: 5.0,
            usual_at_most: 0.004,
        });
    }
    finding
}

#[test]
fn an_excess_that_goes_on_after_the_end_of_a_block_is_told() {
    let org = ["example.org"];
    for (newest, told) in [(25, "bounce_rate opened"), (26, "bounce_rate opened!")] {
        let mut scene = Scene::new(false);
        let first = vec![bounces(&org, Breach, Some(Within)), blocks(&org, Breach, 0)];
        scene.at(at(0), first);
        let ended = scene.at(at(1), vec![blocks(&[], Within, 1)]);
        assert_eq!(ended, ["domain_blocks resolved!"]);
        let excess = lasting(bounces(&org, Breach, None), newest);
        assert_eq!(scene.at(at(27), vec![excess]), [told]);
    }
}

#[test]
fn an_excess_that_goes_on_after_the_end_of_a_silence_is_told() {
    for (newest, told) in [(26, "bounce_rate opened"), (27, "bounce_rate opened!")] {
        let mut scene = Scene::new(false);
        scene.at(at(0), vec![proof(None, Breach)]);
        scene.at(at(1), vec![proof(Some(at(1)), Within)]);
        let ended = scene.at(at(2), vec![proof(Some(at(1)), Within)]);
        assert_eq!(ended, ["delivery_silence resolved!"]);
        let excess = lasting(finding(Rule::BounceRate, Breach), newest);
        assert_eq!(scene.at(at(28), vec![excess]), [told]);
    }
}

/// A day that is worse than the excess around it takes its place in what is told, and does not make the excess usual.
#[test]
fn an_excess_over_days_is_known_after_a_day_that_was_worse() {
    let mut scene = Scene::new(false);
    let stream = StreamId::from("outbound");
    let excess = lasting(bounces(&[], Breach, None), 0);
    assert_eq!(scene.at(at(0), vec![excess]), ["bounce_rate opened!"]);
    let before = scene.log.told_bounces(&stream).excesses;
    assert_eq!(before.len(), 1);
    let mut wave = finding(Rule::BounceRate, Breach);
    if let Evidence::Rate(rate) = &mut wave.evidence {
        (rate.numerator, rate.denominator) = (40, 50);
    }
    assert_eq!(scene.at(at(1), vec![wave]), NOTHING);
    assert_eq!(scene.log.told_bounces(&stream).excesses, before);
}

/// What was added up over days stands longer than its bounces go on.
#[test]
fn bounces_older_than_a_day_are_reminded_of_by_nobody() {
    let mut scene = Scene::new(false);
    let excess = |newest, verdict| vec![lasting(bounces(&[], verdict, None), newest)];
    assert_eq!(scene.at(at(0), excess(0, Breach)), ["bounce_rate opened!"]);
    assert_eq!(
        scene.at(at(24), excess(24, Breach)),
        ["bounce_rate reminded!"]
    );
    assert_eq!(
        scene.at(at(48), excess(24, Verdict::Unresolved)),
        ["bounce_rate reminded!"]
    );
    assert_eq!(
        scene.at(at(72), excess(24, Verdict::Unresolved)),
        ["bounce_rate reminded"]
    );
    assert_eq!(scene.at(at(73), excess(73, Breach)), NOTHING);
    assert_eq!(
        scene.at(at(96), excess(96, Breach)),
        ["bounce_rate reminded!"]
    );
}

#[test]
fn bounces_older_than_a_day_are_not_told_when_what_hid_them_ends() {
    for (newest, told) in [(3, true), (2, false)] {
        let mut scene = Scene::new(false);
        let both = |hard| {
            let excess = lasting(bounces(&[], Breach, None), newest);
            vec![finding(Rule::HardBounceWake, hard), excess]
        };
        scene.at(at(0), both(Breach));
        scene.at(at(25), both(Within));
        let hidden = lasting(bounces(&[], Verdict::Unresolved, None), newest);
        let ended = scene.at(at(27), vec![finding(Rule::HardBounceWake, Within), hidden]);
        assert_eq!(
            ended.contains(&"bounce_rate reminded!".to_owned()),
            told,
            "{ended:?}"
        );
    }
}
