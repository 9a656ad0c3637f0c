//! Messages, bounces and the aggregates over them.

use std::collections::BTreeMap;

use crate::model::{
    BounceClass, CountedSpan, Coverage, DAY, History, Kind, MINUTE, Mail, RecipientCount, Span,
    StreamKey, Timestamp,
};
use crate::store::{Database, KnownStreamList};

use super::{T0, at, bounce, history, mail, save, save_bounces, sent, shop, shop_outbound, span};

pub(super) fn a_message_listed_twice_counts_once(b: &mut Database) {
    let mails = [mail("m1", at(5)), mail("m2", at(70))];
    assert_eq!(save(b, &mails, None), [0, 1]);
    assert_eq!(save(b, &[mails[1].clone(), mail("m3", at(71))], None), [1]);
    assert_eq!(save(b, &mails, None), Vec::<usize>::new());
    let known = history(b, span(0, 3600), &[]);
    assert_eq!(known.sent.count(span(0, 3600)), 3);
    assert_eq!(known.hours.iter().map(|h| h.sent).sum::<u64>(), 3);
}

pub(super) fn a_message_twice_in_one_batch_counts_once(b: &mut Database) {
    let twice = [mail("m1", at(5)), mail("m1", at(5))];
    assert_eq!(save(b, &twice, None), [0]);
    assert_eq!(sent(b, 0, 60), 1);
}

pub(super) fn a_long_batch_tells_which_messages_were_new(b: &mut Database) {
    let mails: Vec<Mail> = (0..2500)
        .map(|n| Mail {
            tag: (n % 3 == 0).then(|| "receipt".to_owned()),
            ..mail(&format!("m{n}"), at(n))
        })
        .collect();
    let known: Vec<Mail> = mails.iter().step_by(7).cloned().collect();
    assert_eq!(save(b, &known, None).len(), known.len());
    let new: Vec<usize> = (0..2500).filter(|n| n % 7 != 0).collect();
    assert_eq!(save(b, &mails, None), new);
    assert_eq!(sent(b, 0, 2500), 2500);
    assert_eq!(save(b, &mails, None), Vec::<usize>::new());
}

pub(super) fn a_bounce_listed_twice_counts_once(b: &mut Database) {
    let first = bounce(1 << 54, "HardBounce", Some("m1"), at(5));
    let next = bounce((1 << 54) + 1, "SpamComplaint", Some("m2"), at(6));
    assert_eq!(save_bounces(b, std::slice::from_ref(&first)), [0]);
    assert_eq!(save_bounces(b, &[first.clone(), next, first]), [1]);
    let marks = history(b, span(0, 60), &[]).bounce_events;
    let told: Vec<_> = marks.iter().map(|m| (m.at, m.class)).collect();
    assert_eq!(
        told,
        [(at(5), BounceClass::Hard), (at(6), BounceClass::Complaint)]
    );
}

pub(super) fn streams_and_servers_are_apart(b: &mut Database) {
    let mails = [mail("m1", at(5))];
    for (server, stream) in [("shop", "outbound"), ("shop", "news"), ("blog", "outbound")] {
        let new = b
            .save_messages(
                &StreamKey::new(&server.into(), &stream.into()),
                &mails,
                Some(span(0, 60)),
            )
            .expect("saved");
        assert_eq!(new, [0], "{server}/{stream} has not seen it");
    }
    assert_eq!(sent(b, 0, 60), 1);
    let other = b.coverage(
        &StreamKey::new(&"blog".into(), &"news".into()),
        Kind::Messages,
    );
    assert_eq!(other.expect("read").spans(), []);
}

pub(super) fn recipients_are_told_by_the_hour(b: &mut Database) {
    let to = |n: u64, seconds: i64| Mail {
        recipients: (0..n).map(|n| format!("{n}@example.com")).collect(),
        ..mail(&format!("to{n}"), at(seconds))
    };
    save(
        b,
        &[to(1, 0), to(3, 700), to(50, 3_700), to(9, 7_205)],
        None,
    );
    let known = b.recipients_by_hours(&shop_outbound(), span(0, 7_210));
    let known = known.expect("read");
    let hour = |n: i64| {
        let hour = span(n * 3600, (n + 1) * 3600);
        (known.messages.count(hour), known.recipients.count(hour))
    };
    // A minute that the end cuts is told with what follows.
    assert_eq!([hour(0), hour(1), hour(2)], [(2, 4), (1, 50), (0, 0)]);
}

/// So many messages of a tag, one every `every` seconds from `from` on.
fn tagged(tag: &str, n: i64, from: i64, every: i64) -> Vec<Mail> {
    let one = |n: i64| Mail {
        tag: Some(tag.to_owned()),
        ..mail(&format!("{tag}{n}"), at(from + n * every))
    };
    (0..n).map(one).collect()
}

/// What the tags of `shop/outbound` count in `range`, and how many hours they had mail in.
fn told_tags(b: &mut Database, range: Span) -> Vec<(String, u64, usize)> {
    let tags = b
        .history_with_tags(&shop_outbound(), range, &[])
        .expect("read")
        .tags;
    tags.into_iter()
        .map(|(tag, of)| (tag.0, of.sent.count(range), of.hours.len()))
        .collect()
}

pub(super) fn tags_are_counted_beside_all_mail(b: &mut Database) {
    let (a, z) = (tagged("a", 40, 0, 300), tagged("z", 30, 5, 30));
    save(b, &a, None);
    save(b, &[a, z].concat(), None);
    let range = span(0, 4 * 3600);
    let both = [("a".to_owned(), 40, 4), ("z".to_owned(), 30, 1)];
    assert_eq!(told_tags(b, range), both);
    assert_eq!(history(b, range, &[]).sent.count(range), 70);
    let cut = span(1, 301);
    let cuts = [cut.from, cut.until];
    let tags = b
        .history_with_tags(&shop_outbound(), range, &cuts)
        .expect("read")
        .tags;
    let divided: Vec<_> = tags.values().map(|of| of.sent.count(cut)).collect();
    assert_eq!(divided, [1, 10]);
}

pub(super) fn tags_of_a_few_messages_are_not_told(b: &mut Database) {
    save(b, &tagged("few", 19, 0, 60), None);
    save(b, &tagged("enough", 20, 0, 60), None);
    let told = told_tags(b, span(0, 7200));
    assert_eq!(told, [("enough".to_owned(), 20, 1)]);
    let long_after = Span::new(at(7200) + 90 * DAY, at(7200) + 91 * DAY);
    assert_eq!(told_tags(b, long_after), []);
}

pub(super) fn pruning_keeps_the_hours_of_tags_in_use(b: &mut Database) {
    let days = |tag, n| tagged(tag, n, 0, 86_400);
    save(b, &days("daily", 30), None);
    save(b, &tagged("once", 25, 0, 60), None);
    b.prune(at(0) + 20 * DAY, at(0) - DAY).expect("pruned");
    let range = Span::new(at(0), at(0) + 30 * DAY);
    let hours = b
        .history_with_tags(&shop_outbound(), range, &[])
        .expect("read")
        .tags;
    let hours: Vec<_> = hours
        .iter()
        .map(|(t, of)| (&*t.0, of.hours.len()))
        .collect();
    assert_eq!(hours, [("daily", 30)]);
}

pub(super) fn counts_are_exact_at_cuts_that_divide_a_minute(b: &mut Database) {
    let seconds = [0, 10, 10, 59, 60, 90, 119, 120];
    let mails: Vec<_> = (0..)
        .zip(seconds)
        .map(|(n, second)| mail(&format!("m{n}"), at(second)))
        .collect();
    save(b, &mails, None);
    for (from, until, expected) in [
        (0, 10, 1),
        (10, 11, 2),
        (11, 59, 0),
        (59, 61, 2),
        (61, 119, 1),
        (90, 121, 3),
        (0, 121, 8),
    ] {
        let range = span(from, until);
        let by_range = history(b, range, &[]).sent.count(range);
        let by_cuts = history(b, span(-600, 600), &[range.from, range.until]);
        assert_eq!(by_range, expected, "range {from}..{until}");
        assert_eq!(by_cuts.sent.count(range), expected, "cuts {from}, {until}");
        assert_eq!(by_cuts.sent.count(span(-600, 600)), 8);
    }
}

pub(super) fn hours_know_their_first_and_last_message(b: &mut Database) {
    save(b, &[mail("m1", at(600)), mail("m2", at(4000))], None);
    save(b, &[mail("m3", at(90)), mail("m4", at(3599))], None);
    let hours = history(b, span(3000, 7200), &[]).hours;
    let told: Vec<_> = hours
        .iter()
        .map(|h| (h.start, h.sent, h.first_at, h.last_at))
        .collect();
    assert_eq!(
        told,
        [(T0, 3, at(90), at(3599)), (at(3600), 1, at(4000), at(4000))]
    );
}

pub(super) fn coverage_claims_merge_and_are_read_back(b: &mut Database) {
    for claim in [
        span(0, 10),
        span(10, 20),
        span(15, 30),
        span(40, 50),
        span(45, 45),
    ] {
        save(b, &[], Some(claim));
    }
    b.save_bounces(&shop_outbound(), &[], Some(span(0, 100)))
        .expect("claimed");
    let mut coverage = |kind| b.coverage(&shop_outbound(), kind).expect("read");
    let messages = coverage(Kind::Messages);
    let bounces = coverage(Kind::Bounces);
    assert_eq!(messages.spans(), [span(0, 30), span(40, 50)]);
    assert_eq!(bounces.spans(), [span(0, 100)]);
    let known = history(b, span(0, 60), &[]);
    assert_eq!((known.messages, known.bounces), (messages, bounces));
}

pub(super) fn a_claim_between_two_joins_them(b: &mut Database) {
    for claim in [span(0, 10), span(20, 30), span(40, 50), span(10, 40)] {
        save(b, &[], Some(claim));
    }
    let coverage = b.coverage(&shop_outbound(), Kind::Messages);
    assert_eq!(coverage.expect("read").spans(), [span(0, 50)]);
}

pub(super) fn the_recipients_of_a_message_are_counted(b: &mut Database) {
    let to = |id: &str, sent_at, recipients: usize| Mail {
        recipients: vec!["someone@example.com".to_owned(); recipients],
        ..mail(id, sent_at)
    };
    // Two in a minute that stays whole, one in a minute that the end of the window cuts, and one that names nobody.
    let minute = |n: u32| T0 + MINUTE * n;
    let minutes = |from, until| Span::new(minute(from), minute(until));
    let second = MINUTE / 60;
    let mut mails = vec![
        to("m1", minute(5), 20),
        to("m2", minute(5) + second, 3),
        to("m3", minute(10) + second, 7),
        to("m4", minute(20), 0),
    ];
    mails.extend((5..26).map(|n| to(&format!("m{n}"), minute(30), 8)));
    for listed in mails.chunks(1) {
        save(b, listed, None);
    }
    let cut = minute(10) + second * 30;
    let count = |b: &mut Database, until| {
        let known = history(b, minutes(0, 60), &[cut]);
        known.recipients_in(&[Span::new(minute(0), until)])
    };
    let exact = |recipients| RecipientCount {
        recipients,
        is_estimated: false,
    };
    assert_eq!(count(b, cut), Some(exact(30)));
    assert_eq!(count(b, minute(60)), Some(exact(31 + 21 * 8)));
    // What is counted has as many as the rest has on average: 192 in 24 messages.
    let counted = CountedSpan {
        span: minutes(10, 12),
        sent: 10,
        last_at: Some(minute(11)),
    };
    b.save_count(&shop_outbound(), None, &counted, minutes(10, 12))
        .expect("saved");
    let estimated = RecipientCount {
        recipients: 192 + 80,
        is_estimated: true,
    };
    assert_eq!(count(b, minute(60)), Some(estimated));
}

pub(super) fn a_bounce_before_its_message_gets_its_send_time(b: &mut Database) {
    let id = "21895802-5d50-442b-b039-27cf5b462c54";
    save_bounces(b, &[bounce(1, "HardBounce", Some(id), at(70))]);
    save(b, &[mail("another", at(2))], None);
    assert_eq!(history(b, span(0, 100), &[]).bounce_events[0].sent_at, None);
    save(b, &[mail(id, at(9))], None);
    let mark = &history(b, span(0, 100), &[]).bounce_events[0];
    assert_eq!(mark.sent_at, Some(at(9)));
    assert_eq!(mark.message, id);
}

pub(super) fn a_bounce_after_its_message_has_its_send_time(b: &mut Database) {
    save(b, &[mail("m1", at(9))], None);
    save_bounces(b, &[bounce(1, "Blocked", Some("m1"), at(70))]);
    assert_eq!(
        history(b, span(0, 100), &[]).bounce_events[0].sent_at,
        Some(at(9))
    );
}

pub(super) fn a_bounce_weeks_after_its_message_has_its_send_time(b: &mut Database) {
    let day = 86_400;
    let mails = [0, 3, 30].map(|n| mail(&format!("m{n}"), at(n * day)));
    save(b, &mails, None);
    let late = [("m30", 30 * day + 5), ("m0", 31 * day), ("gone", 31 * day)];
    let late = late.into_iter().zip(1..);
    let bounces: Vec<_> = late
        .map(|((id, bounced), n)| bounce(n, "SpamComplaint", Some(id), at(bounced)))
        .collect();
    assert_eq!(save_bounces(b, &bounces), [0, 1, 2]);
    assert_eq!(save_bounces(b, &bounces), Vec::<usize>::new());
    let events = history(b, span(0, 32 * day), &[]).bounce_events;
    let mut sent: Vec<_> = events
        .iter()
        .map(|e| (e.message.as_str(), e.sent_at))
        .collect();
    sent.sort_unstable();
    let expected = [
        ("gone", None),
        ("m0", Some(at(0))),
        ("m30", Some(at(30 * day))),
    ];
    assert_eq!(sent, expected);
}

pub(super) fn a_bounce_without_a_message_is_a_mark_of_its_own(b: &mut Database) {
    let bounces = [1, 2].map(|id| bounce(id, "HardBounce", None, at(id)));
    save_bounces(b, &bounces);
    let known = history(b, span(0, 100), &[]);
    assert_eq!(known.bounced_in(&[span(0, 100)], |_| true).messages, 2);
}

pub(super) fn history_begins_with_the_first_start(b: &mut Database) {
    save(b, &[], Some(span(-600, 0)));
    assert_eq!(history(b, span(-600, 0), &[]).first_seen_at, None);
    assert_eq!(b.first_start_at().expect("read"), None);
    b.server_state(&shop(), at(0)).expect("started");
    b.server_state(&shop(), at(3600)).expect("went on");
    b.server_state(&"blog".into(), at(7200))
        .expect("started later");
    assert_eq!(history(b, span(-600, 0), &[]).first_seen_at, Some(at(0)));
    assert_eq!(b.first_start_at().expect("read"), Some(at(0)));
}

pub(super) fn history_begins_with_the_oldest_message(b: &mut Database) {
    b.server_state(&shop(), at(0)).expect("started");
    save(b, &[mail("m1", at(50))], None);
    assert_eq!(history(b, span(0, 60), &[]).first_seen_at, Some(at(0)));
    save(b, &[mail("m2", at(-500)), mail("m3", at(-90))], None);
    assert_eq!(history(b, span(0, 60), &[]).first_seen_at, Some(at(-500)));
    b.prune(at(-100), at(-7200)).expect("pruned");
    let begins = history(b, span(0, 60), &[]).first_seen_at;
    assert_eq!(begins, Some(at(-500)), "pruning does not shorten it");
}

pub(super) fn pruning_keeps_hours_but_drops_rows(b: &mut Database) {
    let mails = [
        mail("old", at(30)),
        mail("cut", at(3690)),
        mail("new", at(3710)),
    ];
    save(b, &mails, Some(span(0, 4000)));
    save_bounces(b, &[bounce(1, "HardBounce", Some("old"), at(40))]);
    b.prune(at(3700), at(-86_400)).expect("pruned");
    let known = history(b, span(0, 4000), &[at(3700)]);
    assert_eq!(known.hours.iter().map(|h| h.sent).sum::<u64>(), 3);
    assert_eq!(known.sent.count(span(0, 3600)), 0);
    assert_eq!(known.sent.count(span(3700, 4000)), 1);
    assert_eq!(known.bounce_events, []);
    assert_eq!(known.messages.spans(), [span(0, 4000)]);

    b.prune(at(3700), at(3600)).expect("pruned");
    let hours = history(b, span(0, 4000), &[]).hours;
    assert_eq!(
        hours.iter().map(|h| h.start).collect::<Vec<_>>(),
        [at(3600)]
    );
}

pub(super) fn pruning_a_second_time_changes_nothing(b: &mut Database) {
    let mails = [mail("old", at(30)), mail("new", at(3710))];
    save(b, &mails, Some(span(0, 4000)));
    b.prune(at(3700), at(0)).expect("pruned");
    let once = history(b, span(0, 4000), &[at(3700)]);
    b.prune(at(3700), at(0)).expect("pruned");
    assert_eq!(history(b, span(0, 4000), &[at(3700)]), once);
}

pub(super) fn streams_that_vanish_are_no_longer_watched(b: &mut Database) {
    let all = ["news", "outbound"].map(Into::into);
    b.save_streams(&shop(), &all).expect("saved");
    assert_eq!(b.watched_streams(&shop()).expect("read"), all);
    save(b, &[mail("m1", at(5))], None);
    b.save_streams(&shop(), &all[..1]).expect("saved");
    assert_eq!(b.watched_streams(&shop()).expect("read"), all[..1]);
    assert_eq!(sent(b, 0, 60), 1, "its past is kept");
    b.save_streams(&shop(), &all).expect("saved");
    assert_eq!(b.watched_streams(&shop()).expect("read"), all);
    assert_eq!(b.watched_streams(&"blog".into()).expect("read"), []);
}

pub(super) fn what_postmark_lists_is_known_beside_what_is_watched(b: &mut Database) {
    let list = KnownStreamList {
        listed: ["broadcast", "outbound"].map(Into::into).to_vec(),
        missing: vec!["outbond".into()],
    };
    let watched = ["outbound".into()];
    b.save_stream_list(&shop(), &watched, &list, &BTreeMap::new(), &[])
        .expect("saved");
    assert_eq!(b.watched_streams(&shop()).expect("read"), watched);
    assert_eq!(b.stream_list(&shop()).expect("read"), list);
    let never_asked = b.stream_list(&"blog".into()).expect("read");
    assert_eq!(never_asked, KnownStreamList::default());
    let lists = BTreeMap::from([(shop(), list)]);
    assert_eq!(b.stream_lists().expect("read"), lists);
    b.save_streams(&shop(), &watched).expect("saved");
    let lists = b.stream_lists().expect("read");
    let list = lists.get(&shop()).expect("a list");
    assert_eq!((&*list.listed, &*list.missing), (&watched[..], &[][..]));
}

pub(super) fn blocks_of_an_older_time_are_told_oldest_first(b: &mut Database) {
    let bounces = [
        bounce(1, "Blocked", Some("m1"), at(10)),
        bounce(2, "HardBounce", Some("m2"), at(20)),
        bounce(3, "SpamNotification", None, at(30)),
        bounce(4, "DMARCPolicy", Some("m3"), at(60)),
    ];
    save_bounces(b, &bounces);
    let older = b.older_blocks(&shop_outbound(), span(0, 60)).expect("read");
    let times: Vec<Timestamp> = older.blocks.iter().map(|block| block.at).collect();
    assert_eq!((older.since, times), (Some(at(0)), vec![at(10), at(30)]));
    assert_eq!(older.blocks[0].recipient, "gone@example.com");
}

pub(super) fn recent_events_are_told_newest_first(b: &mut Database) {
    let bounces = [
        bounce(7, "HardBounce", Some("m1"), at(10)),
        bounce(8, "SpamComplaint", None, at(30)),
        bounce(9, "AutoResponder", Some("m2"), at(35)),
        bounce(10, "HardBounce", Some("m3"), at(90)),
    ];
    save_bounces(b, &bounces);
    let told: Vec<(i64, Timestamp)> = b
        .recent_events(at(60), 10)
        .expect("read")
        .into_iter()
        .map(|event| (event.id, event.at))
        .collect();
    assert_eq!(told, [(8, at(30)), (7, at(10))]);
    let newest = &b.recent_events(at(60), 1).expect("read")[0];
    assert_eq!(newest.class, Some(BounceClass::Complaint));
    assert_eq!(newest.recipient.as_deref(), Some("gone@example.com"));
    assert_eq!(newest.tag.as_deref(), Some("receipt"));
    let whole = Span::new(T0, at(100));
    assert_eq!(
        history(b, whole, &[]).bounce_events.len(),
        4,
        "judging sees all"
    );
}

pub(super) fn only_marks_of_the_wanted_classes_count_towards_a_limit(b: &mut Database) {
    let bounces = [
        bounce(1, "SpamComplaint", None, at(10)),
        bounce(2, "Blocked", None, at(20)),
        bounce(3, "HardBounce", None, at(30)),
        bounce(4, "SoftBounce", None, at(40)),
    ];
    save_bounces(b, &bounces);
    let mut marks = |classes: &[BounceClass], limit| -> Vec<i64> {
        let rows = b.bounce_events(&shop_outbound(), span(0, 60), classes, limit);
        rows.expect("read").iter().map(|row| row.id).collect()
    };
    assert_eq!(marks(&[BounceClass::Complaint], 1), [1]);
    assert_eq!(marks(&[BounceClass::Hard, BounceClass::Blocked], 9), [3, 2]);
    assert_eq!(marks(&[BounceClass::Hard, BounceClass::Blocked], 1), [3]);
    assert_eq!(marks(&BounceClass::ALL, 9), [4, 3, 2, 1]);
    assert_eq!(marks(&[], 9), Vec::<i64>::new());
}

pub(super) fn what_says_when_mail_was_sent_is_a_part_of_what_is_known(b: &mut Database) {
    b.server_state(&shop(), T0).expect("started");
    let mails = [5, 65, 4_000].map(|second| mail(&format!("m{second}"), at(second)));
    save(b, &mails, Some(span(0, 7_200)));
    save_bounces(b, &[bounce(7, "HardBounce", None, at(90))]);
    let (range, cuts) = (span(0, 7_200), [at(33)]);
    let whole = history(b, range, &cuts);
    assert_eq!(whole.bounce_events.len(), 1);
    let sending = b
        .sending_history(&shop_outbound(), range, &cuts)
        .expect("read");
    assert_eq!(sending.hours.len(), 2);
    let wanted = History {
        bounces: Coverage::none(),
        bounce_events: Vec::new(),
        ..whole
    };
    assert_eq!(sending, wanted);
}
