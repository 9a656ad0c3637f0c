//! Where an incident happens, in words.

use crate::model::{Incident, Tag};
use crate::text::sanitize::{clean, truncate};

/// The maximum number of characters of a tag that are shown.
const MAX_TAG_CHARS: usize = 60;

/// Returns where `incident` happens: `shop/outbound`, `shop/outbound tag "receipt"`, `shop`, or the account.
pub fn location(incident: &Incident) -> String {
    let server = if incident.server.is_account() {
        "Postmark account"
    } else {
        incident.server.0.as_str()
    };
    match (&incident.stream, &incident.tag) {
        (Some(stream), Some(tag)) => format!("{server}/{stream} {}", tag_label(tag)),
        (Some(stream), None) => format!("{server}/{stream}"),
        (None, _) => server.to_owned(),
    }
}

/// Returns `tag` as people read it: the sender chose its text, so it is quoted and cut.
pub fn tag_label(tag: &Tag) -> String {
    format!("tag \"{}\"", truncate(&clean(&tag.0), MAX_TAG_CHARS))
}
