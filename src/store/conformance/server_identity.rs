//! Which of Postmark's servers is behind a name.

use crate::model::{Kind, ServerName, StreamKey};
use crate::store::{AcceptedServer, CycleCommit, Database, Note, ServerIdentity};

use super::{at, mail, poll, save, sent, shop, span};

fn identity(number: i64, sandbox: Option<bool>) -> ServerIdentity {
    ServerIdentity { number, sandbox }
}

fn identify(b: &mut Database, is: ServerIdentity) {
    b.server_state(&shop(), at(0)).expect("known");
    b.save_server_identity(&shop(), is).expect("saved");
}

fn known(b: &mut Database) -> Option<ServerIdentity> {
    b.server_identity(&shop()).expect("read")
}

fn accept(b: &mut Database, number: i64, seconds: i64) {
    let accepted = AcceptedServer {
        name: shop(),
        number,
        at: at(seconds),
    };
    let commit = CycleCommit {
        accepted: vec![accepted],
        ..CycleCommit::default()
    };
    b.commit(&commit).expect("committed");
}

/// A complete poll of the hour after T0, in which `shop/outbound` sent one message.
fn read_one_hour(b: &mut Database, id: &str) {
    b.save_streams(&shop(), &["outbound".into()])
        .expect("saved");
    save(b, &[mail(id, at(600))], Some(span(0, 3600)));
    let before = b.server_state(&shop(), at(0)).expect("read");
    let commit = CycleCommit {
        servers: vec![poll(&before, at(3600), true)],
        ..CycleCommit::default()
    };
    b.commit(&commit).expect("committed");
}

pub(super) fn a_server_is_known_by_its_number(b: &mut Database) {
    assert_eq!(known(b), None, "of a server that was never polled");
    b.server_state(&shop(), at(0)).expect("known");
    assert_eq!(known(b), None, "before an answer bore it");
    assert!(b.server_identities().expect("read").is_empty());
    for is in [
        identity(7, None),
        identity(7, Some(true)),
        identity(7, Some(false)),
    ] {
        identify(b, is);
        assert_eq!(known(b), Some(is));
        let all = b.server_identities().expect("read");
        assert_eq!(all.into_iter().collect::<Vec<_>>(), [(shop(), is)]);
    }
    read_one_hour(b, "00000000-0000-0000-0000-000000000001");
    assert_eq!(known(b), Some(identity(7, Some(false))), "after a poll");
}

pub(super) fn an_accepted_server_begins_anew_and_the_former_is_kept(b: &mut Database) {
    identify(b, identity(7, Some(false)));
    read_one_hour(b, "00000000-0000-0000-0000-000000000001");
    b.save_reported_token(&shop(), at(0)).expect("saved");
    accept(b, 8, 7200);
    assert_eq!(b.reported_tokens().expect("read"), [], "of the former");
    assert_eq!(known(b), Some(identity(8, None)));
    let state = b.server_state(&shop(), at(9000)).expect("read");
    assert_eq!(state.first_start_at, at(7200));
    assert_eq!((state.last_cycle_at, state.last_complete_at), (None, None));
    assert_eq!(b.watched_streams(&shop()).expect("read"), []);
    assert_eq!(sent(b, 0, 60), 0);
    let aside = StreamKey::new(&"shop (7)".into(), &"outbound".into());
    let covered = b.coverage(&aside, Kind::Messages).expect("read");
    assert_eq!(covered.spans(), [span(0, 3600)]);
    assert_eq!(b.active_streams().expect("read"), []);
    assert_eq!(b.unwatched_servers(at(99_999)).expect("asked"), []);
    // Once more is the same.
    accept(b, 8, 9000);
    let state = b.server_state(&shop(), at(9000)).expect("read");
    assert_eq!(state.first_start_at, at(7200));
}

pub(super) fn a_former_server_that_is_accepted_again_goes_on(b: &mut Database) {
    identify(b, identity(7, Some(false)));
    read_one_hour(b, "00000000-0000-0000-0000-000000000001");
    accept(b, 8, 7200);
    identify(b, identity(8, Some(true)));
    b.save_streams(&shop(), &["outbound".into(), "other".into()])
        .expect("saved");
    accept(b, 7, 9000);
    assert_eq!(known(b), Some(identity(7, Some(false))));
    let state = b.server_state(&shop(), at(9000)).expect("read");
    assert_eq!(state.first_start_at, at(0));
    assert_eq!(state.last_complete_at, Some(at(3600)));
    assert_eq!(sent(b, 0, 60), 1);
    accept(b, 8, 9600);
    assert_eq!(known(b), Some(identity(8, Some(true))));
    assert_eq!(sent(b, 0, 60), 0);
    accept(b, 9, 9900);
    accept(b, 7, 10_000);
    assert_eq!(sent(b, 0, 60), 1, "whatever was in between");
}

pub(super) fn what_is_set_aside_takes_no_name_that_is_used(b: &mut Database) {
    b.server_state(&"shop (7)".into(), at(0)).expect("another");
    let other = StreamKey::new(&"shop (7)".into(), &"outbound".into());
    b.save_streams(&"shop (7)".into(), &["outbound".into()])
        .expect("saved");
    identify(b, identity(7, None));
    read_one_hour(b, "00000000-0000-0000-0000-000000000001");
    accept(b, 8, 7200);
    assert!(
        b.coverage(&other, Kind::Messages)
            .expect("read")
            .spans()
            .is_empty()
    );
    accept(b, 7, 9000);
    assert_eq!(sent(b, 0, 60), 1);
    let watched = b.watched_streams(&"shop (7)".into()).expect("read");
    assert_eq!(watched, ["outbound".into()]);
}

pub(super) fn a_server_goes_on_under_a_new_name_of_the_file(b: &mut Database) {
    identify(b, identity(7, Some(false)));
    read_one_hour(b, "00000000-0000-0000-0000-000000000001");
    let mine: ServerName = "mine".into();
    b.server_state(&mine, at(7200)).expect("made");
    let former = b.former_names(&mine).expect("read");
    let former: Vec<_> = former.into_iter().map(|of| (of.name, of.number)).collect();
    assert_eq!(former, [(shop(), 7)]);
    let note = Note {
        at: at(7200),
        server: mine.clone(),
        text: "was called shop before".to_owned(),
    };
    assert!(b.rename_server(&shop(), &mine, &note).expect("renamed"));
    assert_eq!(b.former_names(&mine).expect("read"), []);
    let state = b.server_state(&mine, at(9000)).expect("read");
    assert_eq!(state.first_start_at, at(0));
    assert_eq!(state.last_complete_at, Some(at(3600)));
    let stream = StreamKey::new(&mine, &"outbound".into());
    let covered = b.coverage(&stream, Kind::Messages).expect("read");
    assert_eq!(covered.spans(), [span(0, 3600)]);
    assert_eq!(b.active_streams().expect("read"), [stream]);
    // Twice at once, and to a name under which something was read.
    assert!(!b.rename_server(&shop(), &mine, &note).expect("asked"));
    b.server_state(&shop(), at(9000)).expect("made");
    assert!(!b.rename_server(&shop(), &mine, &note).expect("asked"));
    assert_eq!(b.notes(span(0, 9000)).expect("read"), [note]);
}
