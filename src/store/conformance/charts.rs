//! What pictures are drawn from.

use crate::model::{DAY, Rule, Step};
use crate::store::{CycleCommit, Database};

use super::incidents::{incident, resolved};
use super::{T0, at, bounce, history, mail, poll, save, save_bounces, shop, shop_outbound, span};

pub(super) fn a_picture_knows_of_its_span_what_a_history_knows(b: &mut Database) {
    b.server_state(&shop(), T0 + 90 * DAY).expect("started");
    let day = 86_400;
    let mails =
        [5, 65, 40 * day, 40 * day + 7].map(|second| mail(&format!("m{second}"), at(second)));
    save(b, &mails, Some(span(0, 41 * day)));
    save_bounces(b, &[bounce(7, "HardBounce", None, at(40 * day + 30))]);
    save_bounces(b, &[bounce(8, "HardBounce", None, at(30 * day))]);
    let shown = span(39 * day, 41 * day);
    let charted = b
        .charted_history(&shop_outbound(), at(day), shown)
        .expect("read");
    let whole = history(b, shown, &[]);
    assert_eq!(charted.first_seen_at, whole.first_seen_at);
    assert_eq!(
        (&charted.messages, &charted.bounces),
        (&whole.messages, &whole.bounces)
    );
    assert_eq!(charted.bounce_events, whole.bounce_events);
    assert_eq!(charted.bounce_events.len(), 1);
    // The hours before it are asked for from the second day on.
    assert_eq!(charted.hours[..], whole.hours[1..]);
    assert_eq!(charted.hours.len(), 1);
}

pub(super) fn incidents_are_told_that_stood_since(b: &mut Database) {
    let opened = incident("aaaa", Rule::BounceRate, at(60));
    let ended = resolved(&opened, at(120));
    let late = incident("bbbb", Rule::SpamRate, at(4_000));
    let open = incident("cccc", Rule::SendSilence, at(30));
    let step = |incident: &crate::model::Incident, step, now| {
        let transition = crate::model::Transition {
            at: now,
            incident: incident.clone(),
            step,
            notified: true,
        };
        (transition, String::new())
    };
    let before = b.server_state(&shop(), T0).expect("started");
    for (now, incident, step) in [
        (60, &opened, step(&opened, Step::Opened, at(60))),
        (90, &open, step(&open, Step::Opened, at(90))),
        (120, &ended, step(&ended, Step::Resolved, at(120))),
        (4_000, &late, step(&late, Step::Opened, at(4_000))),
    ] {
        let commit = CycleCommit {
            servers: vec![poll(&before, at(now), true)],
            incidents: vec![incident.clone()],
            transitions: vec![step],
            ..CycleCommit::default()
        };
        b.commit(&commit).expect("committed");
    }
    let mut ids = |since| {
        let found = b.incidents_since(at(since)).expect("read").into_iter();
        found
            .map(|i| (i.id.clone(), i.is_open()))
            .collect::<Vec<_>>()
    };
    let known = |id: &str, is_open| (id.to_owned(), is_open);
    // By their opening, in the state of now.
    assert_eq!(
        ids(100),
        [
            known("cccc", true),
            known("aaaa", false),
            known("bbbb", true)
        ]
    );
    assert_eq!(ids(121), [known("cccc", true), known("bbbb", true)]);
}
