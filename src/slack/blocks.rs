//! A message as Slack's Block Kit, in the parts that parse nothing.
//!
//! Text from outside stands in `plain_text` and in `rich_text` leaves only: neither knows mentions, links or markup, so
//! nothing has to be escaped there. The top-level `text`, which phones and screen readers use, is parsed and therefore
//! escaped.

use serde_json::{Value, json};

use crate::notify::Message;
use crate::text::sanitize::{clean, truncate, truncate_by};

/// Room in a header, in UTF-16 units: Slack does not say what it counts, and this is the most it can be.
const HEADER_ROOM: usize = 150;
/// Room in the top-level text, in UTF-16 units after escaping. Longer texts may be split, and are not taken by
/// `chat.update`.
const TEXT_ROOM: usize = 4_000;
/// What our metadata name themselves.
pub(super) const EVENT_TYPE: &str = "hushwatch";
/// Longest incident id that is shown, in characters; ours are far shorter.
const INCIDENT_CHARS: usize = 64;

/// `message` as the JSON to post: a header, the lines, the footer, and all of it as text for notifications.
///
/// The incident's id is in the footer of blocks and text, also where the message itself does not name it. `key` is in the
/// metadata, by which the message can be found again.
pub fn payload(message: &Message, incident: Option<&str>, key: &str) -> Value {
    let mut payload = plain(message, incident, Some(key));
    payload["blocks"] = blocks(message, incident).into();
    payload
}

/// `message` as text alone: what is sent when Slack refuses the blocks, or without `key` when it refuses the metadata.
///
/// `mrkdwn` off leaves asterisks and backticks alone, and `parse: none` bare URLs and domains; webhooks are said not to
/// heed the latter.
pub fn plain(message: &Message, incident: Option<&str>, key: Option<&str>) -> Value {
    let mut plain = json!({
        "text": fallback(message, incident),
        "mrkdwn": false,
        "parse": "none",
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    });
    if let Some(key) = key {
        plain["metadata"] = metadata(incident, key);
    }
    plain
}

fn metadata(incident: Option<&str>, key: &str) -> Value {
    let mut payload = json!({"delivery": key});
    if let Some(id) = shown_id(incident) {
        payload["incident"] = id.into();
    }
    json!({"event_type": EVENT_TYPE, "event_payload": payload})
}

fn blocks(message: &Message, incident: Option<&str>) -> Vec<Value> {
    let title = truncate_by(&message.title(), HEADER_ROOM, char::len_utf16);
    let mut blocks = vec![json!({"type": "header", "text": plain_text(&title)})];
    if !message.lines().is_empty() {
        let section = json!({"type": "rich_text_section", "elements": leaves(message.lines())});
        blocks.push(json!({"type": "rich_text", "elements": [section]}));
    }
    let footer = footer(message, incident);
    if !footer.is_empty() {
        blocks.push(json!({"type": "context", "elements": [plain_text(&footer)]}));
    }
    blocks
}

/// `emoji` off keeps `:skull:` in a subject from becoming a picture. Our own sign is a character and needs no help.
fn plain_text(text: &str) -> Value {
    json!({"type": "plain_text", "text": text, "emoji": false})
}

/// A leaf for each line, so that none is long.
fn leaves(lines: &[String]) -> Vec<Value> {
    let last = lines.len().saturating_sub(1);
    let leaf = |(at, line): (usize, &String)| {
        let end = if at == last { "" } else { "\n" };
        json!({"type": "text", "text": format!("{line}{end}")})
    };
    lines.iter().enumerate().map(leaf).collect()
}

/// Title and lines as far as there is room, then the footer, which bears the incident's id and is never cut.
fn fallback(message: &Message, incident: Option<&str>) -> String {
    let mut body = message.title();
    for line in message.lines() {
        body.push('\n');
        body.push_str(line);
    }
    let mut end = footer(message, incident);
    if !end.is_empty() {
        end.insert(0, '\n');
    }
    let room = TEXT_ROOM.saturating_sub(end.chars().map(escaped_len).sum());
    escape(&(truncate_by(&body, room, escaped_len) + &end))
}

/// The message's footer, which names the incident.
fn footer(message: &Message, incident: Option<&str>) -> String {
    let footer = message.footer();
    match shown_id(incident) {
        Some(id) if !names(footer, &id) => {
            let between = if footer.is_empty() { "" } else { " · " };
            format!("{footer}{between}incident {id}")
        }
        _ => footer.to_owned(),
    }
}

/// Whether `id` is one of the words: a short one may well be a part of a time or a name.
fn names(footer: &str, id: &str) -> bool {
    let is_between = |c: char| !c.is_alphanumeric() && c != '-' && c != '_';
    footer.split(is_between).any(|word| word == id)
}

fn shown_id(incident: Option<&str>) -> Option<String> {
    let id = truncate(&clean(incident?), INCIDENT_CHARS);
    (!id.is_empty()).then_some(id)
}

/// Mentions and named links begin with `<`; these three characters are all that can be escaped (docs.slack.dev,
/// "Formatting message text").
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match escape_of(c) {
            Some(entity) => escaped.push_str(entity),
            None => escaped.push(c),
        }
    }
    escaped
}

fn escape_of(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    }
}

/// In UTF-16 units, as [`TEXT_ROOM`].
fn escaped_len(c: char) -> usize {
    escape_of(c).map_or(c.len_utf16(), str::len)
}

#[cfg(test)]
mod tests;
