//! Files of events, as they should be and otherwise.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::{DAY, HOUR};
use crate::mutation::mutated;

fn read(text: &[u8]) -> Result<EventsFile, EventsFileError> {
    EventsFile::read(text, |_| {})
}

fn sample() -> Vec<u8> {
    let lines = [
        EXAMPLE,
        r#"{"id":"m2","server":"default","stream":"outbound","sent_at":"2026-03-02T11:00:00.5+01:00","delivered_at":"2026-03-02T11:00:01Z"}"#,
        r#"{"id":"m3","server":"a","stream":"b","sent_at":"2026-03-03T00:00:00Z","bounced_at":"2026-03-03T00:00:09Z","bounce_type":"HardBounce","complained_at":"2026-03-04T00:00:00Z","tag":"t","recipient":"a@example.com"}"#,
    ];
    lines.join("\n").into_bytes()
}

/// Messages of up to three streams, in order: seconds after the one before, stream, seconds to bounce.
fn messages() -> impl Strategy<Value = Vec<(u32, usize, Option<u32>)>> {
    prop::collection::vec(
        (0u32..90_000, 0usize..3, prop::option::of(0u32..900_000)),
        1..30,
    )
}

#[test]
fn a_value_is_quoted_only_as_far_as_a_person_reads() {
    let long = "x".repeat(100_000);
    for line in [
        format!(r#"{{"id":"a","server":"s","stream":"o","sent_at":"{long}"}}"#),
        format!(r#"{{"id":["{long}"]}}"#),
        format!(r#"{{"id":"a","server":"s","stream":"o","sent_at":{{"{long}":1}}}}"#),
    ] {
        let error = read(line.as_bytes()).expect_err("no event").to_string();
        assert!(
            error.starts_with("line 1: ") && error.len() < 1_000,
            "{error}"
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_at_a_line(text in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Err(EventsFileError::Line { line, .. }) = read(&text) {
            prop_assert!(line >= 1 && line as usize <= text.split(|b| *b == b'\n').count());
        }
    }

    #[test]
    fn a_mutated_file_is_read_or_refused_at_a_line(text in mutated(vec![sample()])) {
        match read(&text) {
            Err(EventsFileError::Line { line, what }) => {
                prop_assert!(line >= 1 && line as usize <= text.split(|b| *b == b'\n').count());
                prop_assert!(!what.is_empty() && !what.chars().any(char::is_control));
            }
            Err(EventsFileError::Empty) => prop_assert!(text.trim_ascii().is_empty()),
            Err(EventsFileError::Read { .. }) => prop_assert!(false, "bytes can always be read"),
            Ok(events) => {
                let (first, last) = events.range().expect("there is a message");
                prop_assert!(first <= last && events.messages <= 7);
                for stream in events.servers.values().flat_map(BTreeMap::values) {
                    let history = stream.history(last + DAY, true);
                    prop_assert!(history.hours.iter().map(|h| h.sent).sum::<u64>() <= events.messages);
                }
            }
        }
    }

    #[test]
    fn what_was_written_is_what_is_read(messages in messages()) {
        let (mut at, mut text) = (Timestamp::from_secs(1_700_000_000), String::new());
        let mut sent = [0u64; 3];
        for (index, (gap, stream, bounced)) in messages.iter().enumerate() {
            at = at + std::time::Duration::from_secs(u64::from(*gap));
            let after = |seconds: u32| (at + std::time::Duration::from_secs(u64::from(seconds))).to_string();
            text.push_str(&json!({
                "id": format!("m{index}"), "server": "s", "stream": stream.to_string(), "sent_at": at.to_string(),
                "bounced_at": bounced.map(after), "bounce_type": bounced.map(|_| "Blocked"),
            }).to_string());
            text.push('\n');
            sent[*stream] += 1;
        }
        let events = read(text.as_bytes()).expect("valid");
        prop_assert_eq!(events.messages, messages.len() as u64);
        prop_assert_eq!(events.range().map(|(_, last)| last), Some(at));
        for (id, stream) in events.servers.values().flatten() {
            let history = stream.history(at + HOUR, false);
            let index: usize = id.0.parse().expect("as written");
            prop_assert_eq!(history.hours.iter().map(|h| h.sent).sum::<u64>(), sent[index]);
            let marks = messages.iter().filter(|m| m.1 == index && m.2.is_some()).count();
            prop_assert_eq!(history.bounce_events.len(), marks);
        }
    }
}
