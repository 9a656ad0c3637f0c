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

pub(super) fn every_watched_stream_is_told_in_a_few_figures(b: &mut Database) {
    b.server_state(&shop(), at(60)).expect("started");
    b.save_streams(
        &shop(),
        &["outbound".into(), "broadcast".into(), "old".into()],
    )
    .expect("saved");
    b.save_streams(&shop(), &["outbound".into(), "broadcast".into()])
        .expect("saved");
    let mails = [5, 65, 3_700].map(|second| mail(&format!("m{second}"), at(second)));
    save(b, &mails, Some(span(0, 7_200)));
    let figures = b.stream_figures(span(3_600, 7_200)).expect("read");
    let names: Vec<String> = figures
        .iter()
        .map(|f| f.stream.stream().0.clone())
        .collect();
    assert_eq!(names, ["broadcast", "outbound"]);
    let [empty, full] = figures.as_slice() else {
        panic!("two streams");
    };
    assert_eq!((empty.last_sent, empty.first_seen_at), (None, Some(at(60))));
    assert_eq!(
        (full.last_sent, full.first_seen_at),
        (Some(at(3_700)), Some(at(5)))
    );
    assert_eq!(full.sent, [(at(3_600), 1)]);
    assert!(full.seen.covers(span(3_600, 7_200)) && empty.seen.spans().is_empty());
}

pub(super) fn the_last_accepted_message_is_no_picture(b: &mut Database) {
    use crate::store::{AttemptResult, MessageKind, NewMessage};
    assert_eq!(b.last_accepted_at().expect("read"), None);
    let picture = NewMessage {
        kind: MessageKind::Picture,
        ..super::message("picture")
    };
    let digest = super::message("digest");
    b.save_illustrated_digest(span(0, 60), (&digest, &[picture]), false, at(60))
        .expect("saved");
    let rows = b.due_rows(at(60), std::time::Duration::ZERO).expect("read");
    for (row, now) in rows.iter().zip([70, 80]) {
        let accepted = AttemptResult::Accepted {
            channel: None,
            ts: None,
        };
        b.record_attempt(row.seq, at(now), at(now), &accepted)
            .expect("recorded");
    }
    assert_eq!(b.last_accepted_at().expect("read"), Some(at(70)));
}
