//! What a digest says of streams whose mail needs a look, and of those that need none.

use super::*;

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
    let bounces = "client-1/outbound bounce rate 3 times (at worst 2 of 12)";
    let complaints = "client-1/outbound complaint rate 3 times (at worst 2 of 12)";
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
        [format!("{lost}, 97% is usual in general")]
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
fn a_small_sender_above_the_threshold_is_not_all_normal_though_no_rule_fired() {
    let day_of = |bounced: u64| {
        let mut small = server("shop", 38);
        small.streams[0].classes = vec![(BounceClass::Hard, bounced)];
        small.streams[0].bounced = bounced;
        small.streams[0].chance_day = (bounced > 1).then_some((bounced, 38));
        Day {
            servers: vec![small],
            ..Day::default()
        }
    };
    let chance = |data: &Day| lines_of(data).pop().expect("a line");
    let two = day_of(2);
    assert_eq!(verdict(&two), "no rule fired, 38 messages sent");
    assert_eq!(
        chance(&two),
        "Above a threshold, but no more than chance explains: shop/outbound bounce rate of the day (2 of 38)"
    );
    assert_eq!(verdict(&day_of(1)), "all normal, 38 messages sent");
}

#[test]
fn bounces_far_above_the_usual_and_mail_without_news_need_a_look() {
    let named = |failures: Vec<UnusualFailures>, unconfirmed| {
        let mut news = server("shop", 300);
        news.streams[0].unusual_failures = failures;
        news.streams[0].unconfirmed = unconfirmed;
        let data = Day {
            servers: vec![news],
            ..Day::default()
        };
        assert_eq!(verdict(&data), "1 stream needs a look");
        unusual_lines(&data)
    };
    let of = |tag: Option<&str>, failed, sent, usual| UnusualFailures {
        tag: tag.map(|tag| Tag(tag.to_owned())),
        failed,
        sent,
        classes: vec![(BounceClass::Soft, failed)],
        usual,
    };
    let lines = named(vec![of(None, 120, 300, Some(0.0))], None);
    assert_eq!(
        lines,
        ["⚠ shop/outbound: 120 of 300 messages bounced (soft 120), usually none"]
    );
    let lines = named(vec![of(None, 22, 379, Some(0.003))], None);
    assert_eq!(
        lines,
        ["⚠ shop/outbound: 22 of 379 messages bounced (soft 22), usually 0.3%"]
    );
    // What is as usual is not held against it.
    let lines = named(vec![of(None, 30, 86, Some(0.4))], None);
    assert_eq!(
        lines,
        ["⚠ shop/outbound: 30 of 86 messages bounced (soft 30)"]
    );
    let lines = named(vec![of(Some("reset"), 22, 22, Some(0.0))], None);
    assert_eq!(
        lines,
        ["⚠ shop/outbound: 22 of 22 messages with tag \"reset\" bounced (soft 22)"]
    );
    let lines = named(Vec::new(), Some((6, 65 * MINUTE)));
    assert_eq!(
        lines,
        [
            "⚠ shop/outbound: no delivery is confirmed for the last 1 h 5 min: 6 sampled messages without news"
        ]
    );
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
fn a_day_whose_bounces_alone_were_not_read_is_known_but_for_them() {
    let period = Span::before(Timestamp::from_secs(1_700_000_000), DAY);
    let lines = |unread: Span| {
        let mut of = server("shop", 342);
        of.streams[0].bounces_unread = vec![unread];
        let data = Day {
            servers: vec![of],
            ..Day::default()
        };
        let said = "no problem found, but not everything could be read";
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
