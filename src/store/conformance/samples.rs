//! The life of sampled mail.

use crate::model::{BounceType, History, Proof, SampledMessage, Status, Timestamp};
use crate::store::{Database, OpenSample, SampleCandidate};

use super::{at, bounce, history, mail, save, save_bounces, shop_outbound, span};

fn follow(b: &mut Database, id: &str, sent_at: Timestamp) {
    let draw = SampleCandidate {
        id: id.to_owned(),
        sent_at,
        tag: Some("receipt".to_owned()),
        recipient: "someone@example.com".to_owned(),
    };
    b.add_samples(&shop_outbound(), &[draw]).expect("followed");
}

fn open(b: &mut Database, give_up_before: Timestamp) -> Vec<OpenSample> {
    b.open_samples(&shop_outbound(), give_up_before)
        .expect("read")
}

fn open_ids(b: &mut Database) -> Vec<String> {
    open(b, Timestamp::MIN).into_iter().map(|f| f.id).collect()
}

fn prove(b: &mut Database, id: &str, proof: Option<&Proof>, now: Timestamp) {
    b.save_sample_result(&shop_outbound(), id, proof, now)
        .expect("saved the proof");
}

fn proof(delivered_at: Option<Timestamp>, status: Status) -> Proof {
    Proof {
        delivered_at,
        bounced_at: None,
        status,
    }
}

fn known(b: &mut Database) -> Vec<SampledMessage> {
    history(b, span(0, 3600), &[]).sampled
}

pub(super) fn a_draw_is_open_until_it_is_delivered(b: &mut Database) {
    let id = "21895802-5d50-442b-b039-27cf5b462c54";
    follow(b, "later", at(9));
    follow(b, id, at(5));
    assert_eq!(open_ids(b), [id, "later"], "in order of sending");
    prove(b, id, Some(&proof(Some(at(8)), Status::Sent)), at(60));
    assert_eq!(open_ids(b), ["later"]);
    let sampled = known(b)[0];
    assert_eq!(sampled.delivered_at, Some(at(8)));
    assert_eq!(sampled.checked_at, Some(at(60)));
    let delivery = &b.recent_events(at(100), 5).expect("read")[0];
    assert_eq!(delivery.class, None);
    assert_eq!(delivery.message.as_deref(), Some(id));
    assert_eq!(delivery.at, at(8));
}

pub(super) fn a_draw_that_is_known_is_left_as_it_is(b: &mut Database) {
    follow(b, "m1", at(5));
    prove(b, "m1", Some(&proof(Some(at(8)), Status::Sent)), at(60));
    follow(b, "m1", at(5));
    assert_eq!(open_ids(b), Vec::<String>::new());
    assert_eq!(known(b).len(), 1);
}

pub(super) fn what_is_listed_and_not_in_the_sample_may_be_drawn_later(b: &mut Database) {
    let mails = [("old", 4), ("m1", 5), ("m2", 6), ("m3", 7)].map(|(id, sent)| mail(id, at(sent)));
    save(b, &mails, None);
    follow(b, "m2", at(6));
    prove(b, "m2", Some(&proof(Some(at(8)), Status::Sent)), at(60));
    let mut drawable = |max| {
        let found = b.unsampled_messages(&shop_outbound(), at(5), max);
        let found = found.expect("read").into_iter();
        found
            .map(|draw| (draw.id, draw.sent_at))
            .collect::<Vec<_>>()
    };
    let (newest, older) = (("m3".to_owned(), at(7)), ("m1".to_owned(), at(5)));
    assert_eq!(drawable(10), [newest.clone(), older]);
    assert_eq!(drawable(1), [newest]);
}

pub(super) fn a_proof_without_news_leaves_it_open(b: &mut Database) {
    follow(b, "m1", at(5));
    prove(b, "m1", Some(&proof(None, Status::Queued)), at(60));
    assert_eq!(open(b, at(0))[0].checked_at, Some(at(60)));
    assert!(known(b)[0].queued);
    prove(b, "m1", Some(&proof(None, Status::Sent)), at(90));
    assert_eq!(open(b, at(0))[0].checked_at, Some(at(90)));
    assert!(!known(b)[0].queued);
}

pub(super) fn a_counting_bounce_closes_it(b: &mut Database) {
    follow(b, "m1", at(5));
    follow(b, "m2", at(6));
    let bounces = [
        bounce(1, "Blocked", Some("m1"), at(40)),
        bounce(2, "HardBounce", Some("m1"), at(20)),
    ];
    save_bounces(b, &bounces);
    assert_eq!(open_ids(b), ["m2"]);
    assert_eq!(known(b)[0].bounced_at, Some(at(20)), "the earliest");
}

pub(super) fn a_soft_bounce_does_not_close_it(b: &mut Database) {
    follow(b, "m1", at(5));
    save_bounces(b, &[bounce(1, "SoftBounce", Some("m1"), at(20))]);
    assert_eq!(open_ids(b), ["m1"]);
    assert_eq!(known(b)[0].bounced_at, None);
}

pub(super) fn a_listed_bounce_is_known_while_the_details_know_of_none(b: &mut Database) {
    for (id, sent_at) in [("m1", at(5)), ("m2", at(6)), ("m3", at(7)), ("m4", at(8))] {
        follow(b, id, sent_at);
        prove(b, id, Some(&proof(None, Status::Sent)), at(10));
    }
    let bounces = [
        bounce(1, "SoftBounce", Some("m1"), at(40)),
        bounce(2, "DnsError", Some("m1"), at(20)),
        bounce(3, "AutoResponder", Some("m2"), at(20)),
        bounce(4, "SoftBounce", Some("m3"), at(20)),
        bounce(5, "SoftBounce", Some("m4"), at(4000)),
    ];
    save_bounces(b, &bounces);
    prove(b, "m3", Some(&proof(Some(at(50)), Status::Sent)), at(60));
    let listed = known(b).into_iter();
    let listed: Vec<_> = listed.map(|m| (m.listed_bounce_at, m.bounce)).collect();
    let first = (Some(at(20)), BounceType::from_name("DnsError"));
    assert_eq!(listed, [first, (None, None), (None, None), (None, None)]);
    assert_eq!(open_ids(b).len(), 3, "they are followed further");
}

pub(super) fn the_type_of_its_bounce_is_that_of_the_list(b: &mut Database) {
    let bounced = Proof {
        bounced_at: Some(at(20)),
        ..proof(None, Status::Sent)
    };
    for (id, sent_at) in [("m1", at(5)), ("m2", at(6)), ("m3", at(7))] {
        follow(b, id, sent_at);
        prove(b, id, Some(&bounced), at(60));
    }
    let bounces = [
        bounce(1, "AutoResponder", Some("m1"), at(19)),
        bounce(2, "SoftBounce", Some("m1"), at(21)),
        bounce(3, "HardBounce", Some("m1"), at(22)),
        bounce(4, "Unheard", Some("m2"), at(20)),
        bounce(5, "HardBounce", Some("m3"), at(3000)),
    ];
    save_bounces(b, &bounces);
    let types: Vec<_> = known(b).iter().map(|mail| mail.bounce).collect();
    assert_eq!(types, [BounceType::from_name("SoftBounce"), None, None]);
}

pub(super) fn what_is_too_old_is_given_up(b: &mut Database) {
    follow(b, "old", at(5));
    follow(b, "new", at(10));
    let left = open(b, at(10));
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, "new");
    assert_eq!(open_ids(b), ["new"], "given up once is given up");
    assert_eq!(known(b).len(), 2, "it still says that nothing came");
}

pub(super) fn what_cannot_be_read_is_followed_no_more(b: &mut Database) {
    follow(b, "m1", at(5));
    prove(b, "m1", None, at(60));
    follow(b, "m2", at(6));
    assert_eq!(open_ids(b), ["m2"]);
    let unreadable: Vec<bool> = known(b).iter().map(|mail| mail.unreadable).collect();
    assert_eq!(unreadable, [true, false], "one was given up");
    // Drawn anew, it is still given up.
    follow(b, "m1", at(5));
    assert_eq!(open_ids(b), ["m2"]);
}

pub(super) fn sampled_mail_is_what_a_history_knows_of_it(b: &mut Database) {
    let range = span(0, 3600);
    assert_eq!(b.sampled_mail(&shop_outbound(), range).expect("read"), []);
    follow(b, "m1", at(5));
    follow(b, "m2", at(9));
    follow(b, "m3", at(3700));
    prove(b, "m1", Some(&proof(Some(at(8)), Status::Sent)), at(60));
    let sampled = b.sampled_mail(&shop_outbound(), range).expect("read");
    assert_eq!((sampled.len(), &sampled), (2, &known(b)));
}

pub(super) fn what_lies_within_a_span_is_told_without_what_was_before(b: &mut Database) {
    let mails = [("before", 50), ("m1", 3 * 3600 + 5), ("m2", 4 * 3600)];
    save(b, &mails.map(|(id, sent)| mail(id, at(sent))), None);
    for (id, sent) in mails {
        follow(b, id, at(sent));
    }
    let day = span(3 * 3600, 4 * 3600 + 60);
    let (whole, within) = (
        history(b, day, &[]),
        b.history_within(&shop_outbound(), day).expect("read"),
    );
    assert_eq!((whole.hours.len(), whole.sampled.len()), (3, 3));
    assert_eq!(within.hours[..], whole.hours[1..]);
    assert_eq!(within.sampled[..], whole.sampled[1..]);
    let rest = History {
        hours: whole.hours.clone(),
        sampled: whole.sampled.clone(),
        packed: whole.packed.clone(),
        ..within
    };
    assert_eq!(rest, whole);
}
