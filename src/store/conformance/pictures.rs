//! Pictures below a digest.

use std::time::Duration;

use crate::store::{AttemptResult, Database, Handle, MessageKind, NewMessage, PicturePlace};

use super::{at, message, span};

/// A digest with a picture; their rows.
fn illustrated(b: &mut Database, until: i64) -> [i64; 2] {
    let digest = NewMessage {
        kind: MessageKind::Digest,
        ..message("digest")
    };
    let picture = NewMessage {
        kind: MessageKind::Picture,
        ..message("picture")
    };
    let saved = b.save_illustrated_digest(
        span(until - 60, until),
        (&digest, &[picture]),
        false,
        at(until),
    );
    assert!(saved.expect("saved"));
    let rows = due(b, until);
    let kinds: Vec<MessageKind> = rows.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(
        kinds[kinds.len() - 2..],
        [MessageKind::Digest, MessageKind::Picture]
    );
    [rows[rows.len() - 2].0, rows[rows.len() - 1].0]
}

fn due(b: &mut Database, now: i64) -> Vec<(i64, MessageKind)> {
    let rows = b
        .due_rows(at(now), Duration::ZERO)
        .expect("read")
        .into_iter();
    rows.map(|row| (row.seq, row.message.kind)).collect()
}

fn end(b: &mut Database, seq: i64, now: i64, attempt: &AttemptResult) {
    assert!(b.claim_row(seq, at(now), Duration::ZERO).expect("claimed"));
    b.record_attempt(seq, at(now), at(now), attempt)
        .expect("recorded");
}

fn posted() -> AttemptResult {
    AttemptResult::Accepted {
        channel: Some("C1".to_owned()),
        ts: Some("1.2".to_owned()),
    }
}

fn failed(next_try_at: Option<i64>) -> AttemptResult {
    AttemptResult::Failed {
        why: "no".to_owned(),
        unknown: false,
        next_try_at: next_try_at.map(at),
    }
}

pub(super) fn a_picture_is_shown_below_its_digest_once_that_is_posted(b: &mut Database) {
    let [digest, picture] = illustrated(b, 60);
    assert_eq!(
        b.picture_place(picture).expect("read"),
        PicturePlace::NotYet
    );
    end(b, digest, 61, &posted());
    let handle = Handle {
        channel: "C1".to_owned(),
        ts: "1.2".to_owned(),
        is_edited: false,
    };
    assert_eq!(
        b.picture_place(picture).expect("read"),
        PicturePlace::Thread(handle)
    );
    // Where the picture landed changes nothing of where the digest is.
    end(b, picture, 62, &posted());
    b.drop_picture(picture).expect("dropped");
    assert_eq!(due(b, 63), []);
    assert_eq!(
        b.last_digest().expect("read").map(|d| d.until),
        Some(at(60))
    );
}

pub(super) fn a_picture_counts_as_no_message_and_holds_none_up(b: &mut Database) {
    let [digest, picture] = illustrated(b, 60);
    assert_eq!(b.count_pending().expect("read"), 1);
    end(b, digest, 61, &posted());
    end(b, picture, 62, &failed(Some(9_999)));
    assert_eq!(b.count_pending().expect("read"), 0);
    let [_, next] = illustrated(b, 120);
    assert_eq!(due(b, 121).len(), 3, "the new digest is due");
    for seq in [picture, next] {
        b.drop_picture(seq).expect("dropped");
    }
    assert_eq!(due(b, 122).len(), 1);
    assert_eq!(
        b.given_up_rows("").expect("read"),
        [],
        "no message names it"
    );
}

pub(super) fn the_last_picture_that_was_given_up_is_remembered(b: &mut Database) {
    let [digest, picture] = illustrated(b, 60);
    end(b, digest, 61, &posted());
    assert_eq!(b.last_picture_outcome(picture).expect("read"), None);
    end(b, picture, 62, &failed(None));
    b.drop_picture(picture).expect("dropped");
    let [_, next] = illustrated(b, 120);
    let outcome = b.last_picture_outcome(next).expect("read").expect("one");
    assert_eq!(outcome.as_str(), "no");
    assert_eq!(b.picture_place(next).expect("read"), PicturePlace::NotYet);
}
