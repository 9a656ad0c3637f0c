//! When the list of a server's streams was fetched, and how lively they are.

use crate::model::{CountedSpan, StreamId};
use crate::store::{
    AcceptedServer, CycleCommit, Database, KnownStreamList, ServerIdentity, StreamListFetch,
    StreamPulse,
};

use super::{at, mail, save, shop, shop_outbound, span};

fn fetch(seconds: i64, settings_digest: &str) -> StreamListFetch {
    StreamListFetch {
        at: at(seconds),
        settings_digest: settings_digest.to_owned(),
    }
}

pub(super) fn the_last_fetch_of_a_list_is_kept_with_its_settings(b: &mut Database) {
    let known = |b: &mut Database| b.stream_list_fetch(&shop()).expect("read");
    assert_eq!(known(b), None, "of a server that was never polled");
    b.server_state(&shop(), at(0)).expect("known");
    assert_eq!(known(b), None, "before it was fetched");
    for is in [fetch(0, "a"), fetch(3600, "b")] {
        b.save_stream_list_fetch(&shop(), &is).expect("saved");
        assert_eq!(known(b), Some(is));
    }
    let other = b.stream_list_fetch(&"other".into()).expect("read");
    assert_eq!(other, None);
}

pub(super) fn that_of_a_server_is_none_of_the_one_that_takes_its_name(b: &mut Database) {
    b.server_state(&shop(), at(0)).expect("known");
    let identity = ServerIdentity {
        number: 7,
        sandbox: None,
    };
    b.save_server_identity(&shop(), identity).expect("saved");
    b.save_stream_list_fetch(&shop(), &fetch(0, "a"))
        .expect("saved");
    let accepted = AcceptedServer {
        name: shop(),
        number: 8,
        at: at(7200),
    };
    let commit = CycleCommit {
        accepted: vec![accepted],
        ..CycleCommit::default()
    };
    b.commit(&commit).expect("committed");
    assert_eq!(b.stream_list_fetch(&shop()).expect("read"), None);
}

pub(super) fn a_stream_has_a_pulse_once_it_has_had_mail(b: &mut Database) {
    let streams = ["outbound", "empty"].map(StreamId::from);
    b.save_streams(&shop(), &streams).expect("saved");
    let pulses = |b: &mut Database, since: i64| b.stream_pulses(&shop(), at(since)).expect("read");
    assert_eq!(pulses(b, 0), []);
    let seconds = [5, 65, 70, 3700];
    let mails = seconds.map(|second| mail(&format!("m{second}"), at(second)));
    save(b, &mails, Some(span(0, 3800)));
    let pulse = |newest: i64, peak: u64| StreamPulse {
        stream: StreamId::from("outbound"),
        newest: at(newest),
        peak,
    };
    assert_eq!(pulses(b, 0), [pulse(3700, 3)]);
    assert_eq!(pulses(b, 3600), [pulse(3700, 1)], "the busiest hour since");
    assert_eq!(pulses(b, 7200), [pulse(3700, 0)]);
    for (from, sent) in [(7200, 40), (7260, 0)] {
        let counted = CountedSpan {
            span: span(from, from + 60),
            sent,
            last_at: (sent > 0).then(|| at(from + 59)),
        };
        b.save_count(&shop_outbound(), None, &counted, counted.span)
            .expect("saved");
    }
    assert_eq!(pulses(b, 0), [pulse(7259, 40)]);
    b.save_streams(&shop(), &streams[1..]).expect("saved");
    assert_eq!(pulses(b, 0), [], "none that is watched");
}

pub(super) fn a_new_stream_is_to_be_judged_until_a_complete_poll_did(b: &mut Database) {
    let before = b.server_state(&shop(), at(0)).expect("known");
    let streams = ["news", "outbound"].map(StreamId::from);
    b.save_streams(&shop(), &streams).expect("saved");
    let known = |b: &mut Database| {
        let known = b.streams_judged_from(&shop()).expect("read");
        known.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(known(b), []);
    let say = |b: &mut Database, seconds: i64| {
        let from = ["news", "left out"].map(|id| (id.into(), at(seconds)));
        b.save_stream_list(
            &shop(),
            &streams,
            &KnownStreamList::default(),
            &from.into(),
            &[],
        )
        .expect("saved");
    };
    let news = |seconds: i64| (StreamId::from("news"), at(seconds));
    for seconds in [60, 120] {
        say(b, seconds);
        assert_eq!(known(b), [news(60)], "what was said first holds");
    }
    let poll_at = |b: &mut Database, seconds: i64, complete: bool| {
        let commit = CycleCommit {
            servers: vec![super::poll(&before, at(seconds), complete)],
            ..CycleCommit::default()
        };
        b.commit(&commit).expect("committed");
    };
    poll_at(b, 180, false);
    assert_eq!(known(b), [news(60)]);
    poll_at(b, 240, true);
    assert_eq!(known(b), []);
    say(b, 300);
    assert_eq!(known(b), [news(300)]);
    b.save_streams(&shop(), &streams[1..]).expect("saved");
    b.save_streams(&shop(), &streams).expect("saved");
    assert_eq!(known(b), [], "it was left out meanwhile");
    b.save_streams(&shop(), &streams[1..]).expect("saved");
    say(b, 360);
    assert_eq!(known(b), [news(360)], "with the list that it is new to");
}
