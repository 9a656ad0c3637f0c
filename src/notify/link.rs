//! Links to Postmark's own pages.

use crate::model::{Evidence, Incident};
use crate::text::sanitize::{clean, truncate};

/// How each link begins.
pub const POSTMARK: &str = "https://account.postmarkapp.com/servers/";
/// The maximum number of characters of a tag that are shown.
const MAX_TAG_CHARS: usize = 60;

/// Returns `Message 21895802-… tagged "welcome": https://account.postmarkapp.com/…`, of the newest event of `incident`; `None`
/// where it is of no events, or that has no message. The link ends the line.
pub(crate) fn message_line(incident: &Incident) -> Option<String> {
    let Evidence::Events {
        message: Some(id),
        tag,
        ..
    } = &incident.evidence
    else {
        return None;
    };
    let tag = tag.as_ref().map(|tag| truncate(&clean(tag), MAX_TAG_CHARS));
    let tag = tag.filter(|tag| !tag.is_empty());
    let tag = tag.map_or_else(String::new, |tag| format!(" tagged \"{tag}\""));
    let place = incident.server_number.zip(incident.stream.as_ref());
    let link = place.map_or_else(String::new, |(number, stream)| {
        let stream = percent_encoded(&stream.0);
        format!(
            ": {POSTMARK}{number}/streams/{stream}/messages/{}",
            percent_encoded(id)
        )
    });
    Some(format!("Message {}{tag}{link}", clean(id)))
}

/// Returns where in `line` the link begins with which it ends.
pub fn find_link(line: &str) -> Option<usize> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_./%:".contains(c);
    let begins = line.find(POSTMARK)?;
    line[begins..].chars().all(is_part).then_some(begins)
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Rule, StreamId};
    use crate::notify::samples::course_of;

    fn incident() -> Incident {
        course_of(Rule::OperatorBounce)
            .step("opened")
            .incident
            .clone()
    }

    #[test]
    fn the_link_is_the_end_of_the_line_whatever_the_stream_is_called() {
        for (stream, shown) in [
            ("outbound", "outbound"),
            ("a b/../<c>", "a%20b%2F%2E%2E%2F%3Cc%3E"),
        ] {
            let incident = Incident {
                stream: Some(StreamId::from(stream)),
                ..incident()
            };
            let line = message_line(&incident).expect("a message");
            let begins = find_link(&line).expect("a link");
            let wanted = format!("{POSTMARK}9708911/streams/{shown}/messages/");
            assert!(line[begins..].starts_with(&wanted), "{line}");
        }
    }

    #[test]
    fn without_the_number_of_the_server_the_message_is_named_alone() {
        let incident = Incident {
            server_number: None,
            ..incident()
        };
        let line = message_line(&incident).expect("a message");
        assert!(
            line.starts_with("Message 2189") && find_link(&line).is_none(),
            "{line}"
        );
    }

    #[test]
    fn nothing_else_is_a_link() {
        for line in [
            "https://example.com/servers/1",
            "see https://account.postmarkapp.com/servers/1 and more",
            "https://account.postmarkapp.com.example.com/servers/1",
            "https://account.postmarkapp.com/servers/1?next=//example.com",
        ] {
            assert_eq!(find_link(line), None, "{line}");
        }
    }
}
