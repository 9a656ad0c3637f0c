//! Where an incident happens, in words.

use crate::model::{Incident, Subject, Tag};
use crate::text::sanitize::{clean, truncate};

/// The maximum number of characters of a tag that are shown.
const MAX_TAG_CHARS: usize = 60;

/// What is said of a server that the configuration does not name: what is open on it ends once two of its polls are missing.
const UNCONFIGURED: &str = "not in the configuration";

/// Returns where `incident` happens: `shop/outbound`, `shop/outbound tag "receipt"`, `shop`, the account, or
/// all servers; of a server that is not configured it says so.
pub fn location(incident: &Incident) -> String {
    let place = match incident.subject() {
        Subject::Account => "Postmark account".to_owned(),
        Subject::AllServers => "all servers".to_owned(),
        Subject::Canary => "canary".to_owned(),
        Subject::Domain(domain) => format!("DNS of {}", clean(&domain.0)),
        Subject::Server(server) => server.to_string(),
        Subject::Stream(server, stream) => format!("{server}/{stream}"),
        Subject::Tag(server, stream, tag) => format!("{server}/{stream} {}", tag_label(tag)),
    };
    match incident.unconfigured {
        true => format!("{place} ({UNCONFIGURED})"),
        false => place,
    }
}

/// Returns `tag` as people read it: the sender chose its text, so it is quoted and cut.
pub fn tag_label(tag: &Tag) -> String {
    format!("tag \"{}\"", truncate(&clean(&tag.0), MAX_TAG_CHARS))
}
