//! What tells whether hushwatch does its work.

use crate::model::{BounceClass, CountedSpan, Hold, Mute, Rule, Step, StreamKey, Transition};
use crate::store::{CycleCommit, Database, NewMessage};

use super::incidents::{incident, keep};
use super::{T0, at, bounce, mail, message, poll, save, save_bounces, shop, shop_outbound, span};

pub(super) fn the_state_of_every_server_is_told_and_none_is_stored(b: &mut Database) {
    assert!(b.server_states().expect("read").is_empty());
    let before = b.server_state(&shop(), T0).expect("started");
    let commit = CycleCommit {
        servers: vec![poll(&before, at(60), true)],
        ..CycleCommit::default()
    };
    b.commit(&commit).expect("committed");
    b.server_state(&"blog".into(), at(120)).expect("started");
    let states = b.server_states().expect("read");
    assert_eq!(
        states
            .keys()
            .map(|name| name.0.as_str())
            .collect::<Vec<_>>(),
        ["blog", "shop"]
    );
    assert_eq!(states[&shop()].last_complete_at, Some(at(60)));
    assert_eq!(states["blog"].first_start_at, at(120));
}

pub(super) fn every_open_incident_is_told_oldest_first(b: &mut Database) {
    keep(
        b,
        &[
            incident("bbbb", Rule::SpamRate, at(60)),
            incident("aaaa", Rule::Blind, T0),
        ],
    );
    let open = b.all_open_incidents().expect("read");
    assert_eq!(
        open.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(),
        ["aaaa", "bbbb"]
    );
}

pub(super) fn the_oldest_message_that_waits_is_one_that_no_mute_holds(b: &mut Database) {
    assert_eq!(
        b.oldest_undelivered(Hold::outside_quiet_hours(T0))
            .expect("read"),
        None
    );
    keep(b, &[incident("aaaa", Rule::Blind, T0)]);
    let of_incident = NewMessage {
        incident: Some("aaaa".to_owned()),
        ..message("blind")
    };
    for (seconds, message) in [(0, of_incident), (60, message("other"))] {
        let before = b.server_state(&shop(), T0).expect("started");
        let commit = CycleCommit {
            servers: vec![poll(&before, at(seconds), true)],
            messages: vec![message],
            ..CycleCommit::default()
        };
        b.commit(&commit).expect("committed");
    }
    assert_eq!(
        b.oldest_undelivered(Hold::outside_quiet_hours(at(90)))
            .expect("read"),
        Some(T0)
    );
    let mute = Mute {
        id: 0,
        server: None,
        rule: Some(Rule::Blind),
        incident: None,
        from: T0,
        until: at(3_600),
        reason: "known".to_owned(),
        by: "jane".to_owned(),
        planned: false,
    };
    b.save_mute(&mute, &[]).expect("stored");
    assert_eq!(
        b.oldest_undelivered(Hold::outside_quiet_hours(at(90)))
            .expect("read"),
        Some(at(60))
    );
}

pub(super) fn incidents_are_listed_newest_first_with_their_last_step(b: &mut Database) {
    keep(
        b,
        &[
            incident("aaaa", Rule::Blind, T0),
            incident("bbbb", Rule::SpamRate, at(60)),
        ],
    );
    assert_eq!(
        b.listed_incidents(T0).expect("read").len(),
        0,
        "none has a step"
    );
    let step = |id: &str, rule, step| {
        let transition = Transition {
            at: at(120),
            incident: incident(id, rule, at(60)),
            step,
            notified: true,
        };
        (transition, format!("{id} {}", step.name()))
    };
    let commit = CycleCommit {
        transitions: vec![
            step("aaaa", Rule::Blind, Step::Opened),
            step("bbbb", Rule::SpamRate, Step::Opened),
            step("bbbb", Rule::SpamRate, Step::Reminded),
        ],
        ..CycleCommit::default()
    };
    b.commit(&commit).expect("committed");
    let listed = b.listed_incidents(at(3_600)).expect("read");
    let texts: Vec<&str> = listed
        .iter()
        .map(|row| row.last_step.text.as_str())
        .collect();
    assert_eq!(
        texts,
        ["bbbb reminded", "aaaa opened"],
        "open ones, however old"
    );
}

pub(super) fn what_a_stream_sent_is_counted_within_a_span(b: &mut Database) {
    let id = |n: u32| format!("00000000-0000-0000-0000-{n:012x}");
    save(
        b,
        &[
            mail(&id(1), at(10)),
            mail(&id(2), at(20)),
            mail(&id(3), at(30)),
        ],
        None,
    );
    save_bounces(
        b,
        &[
            bounce(1, "HardBounce", None, at(20)),
            bounce(2, "SoftBounce", None, at(30)),
        ],
    );
    let counted = CountedSpan {
        span: span(60, 120),
        sent: 5,
        last_at: Some(at(90)),
    };
    b.save_count(&shop_outbound(), None, &counted, counted.span)
        .expect("saved");
    let unknown = StreamKey::new(&shop(), &"unknown".into());
    let spans = [
        (shop_outbound(), span(10, 30)),
        (shop_outbound(), span(30, 120)),
        (unknown, span(0, 120)),
    ];
    let counts = b.counts_within(&spans).expect("read");
    assert_eq!(counts.iter().map(|c| c.sent).collect::<Vec<_>>(), [2, 6, 0]);
    assert_eq!(counts[0].bounces, [(BounceClass::Hard, 1)].into());
    assert_eq!(counts[1].bounces, [(BounceClass::Soft, 1)].into());
}
