//! Lays a message out in Slack's Block Kit, using only the parts that parse nothing.
//!
//! Text from outside appears only in `plain_text` and in `rich_text` leaves. Neither knows mentions, links or markup, so
//! nothing needs escaping there. The top-level `text`, which phones and screen readers use, is parsed and is therefore
//! escaped.

use serde_json::{Value, json};

use crate::notify::Message;
use crate::notify::link::find_link;
use crate::text::sanitize::{clean, truncate, truncate_by};

/// The maximum length of a header, in UTF-16 units: Slack does not say what it counts, and no other count is higher.
const MAX_HEADER_UNITS: usize = 150;
/// The maximum length of the top-level text, in UTF-16 units after escaping. Slack may split longer texts, and
/// `chat.update` rejects them.
const MAX_TEXT_UNITS: usize = 4_000;
/// What a link to Postmark reads.
const LINK_TEXT: &str = "open it in Postmark";
/// The event type of our metadata.
pub(super) const EVENT_TYPE: &str = "hushwatch";
/// The maximum length of an incident id that is shown, in characters; ours are far shorter.
const MAX_INCIDENT_CHARS: usize = 64;

/// What a message is laid out with besides its words.
#[derive(Clone, Copy, Debug, Default)]
pub struct Envelope<'e> {
    /// The incident that it is about, which the footer names even if the message itself does not.
    pub incident: Option<&'e str>,
    /// By which the message can be looked up; `None` leaves the metadata out, where Slack rejects them.
    pub key: Option<&'e str>,
    /// Who is mentioned below the lines: `here`, `channel`, or the id of a user or of a group; empty for nobody.
    pub mention: &'e str,
    /// The message to whose thread it is added.
    pub thread: Option<&'e str>,
    /// Whether it is shown in the channel too.
    pub broadcast: bool,
}

/// Returns the JSON to post: `message` as blocks (a header, the lines, the footer), and as text for notifications.
pub fn payload(message: &Message, envelope: Envelope<'_>) -> Value {
    let mut payload = plain_payload(message, envelope);
    payload["blocks"] = blocks(message, envelope).into();
    payload
}

/// Returns `message` as text alone, to post when Slack rejects the blocks.
///
/// With `mrkdwn` off, asterisks and backticks stay as they are; with `parse: none`, so do bare URLs and domains, though
/// webhooks are said to ignore that.
pub fn plain_payload(message: &Message, envelope: Envelope<'_>) -> Value {
    let mut plain = json!({
        "text": fallback_text(message, envelope),
        "mrkdwn": false,
        "parse": "none",
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    });
    if let Some(key) = envelope.key {
        plain["metadata"] = metadata(envelope.incident, key);
    }
    if let Some(ts) = envelope.thread {
        plain["thread_ts"] = ts.into();
        plain["reply_broadcast"] = envelope.broadcast.into();
    }
    plain
}

/// Returns the JSON that replaces a message: all of it, since what is left out is removed, but for the metadata, which stay. Each
/// block bears an id made of `edit`, the id of this edit, as clients may go on showing a block whose id they know.
pub fn edit_payload(message: &Message, edit: &str) -> Value {
    let mut payload = plain_edit_payload(message);
    let mut blocks = blocks(message, Envelope::default());
    for (place, block) in blocks.iter_mut().enumerate() {
        block["block_id"] = format!("{edit}-{place}").into();
    }
    payload["blocks"] = blocks.into();
    payload
}

/// Returns the same as text alone.
pub fn plain_edit_payload(message: &Message) -> Value {
    // `chat.update` parses text as people type it unless each edit says otherwise.
    json!({
        "text": fallback_text(message, Envelope::default()),
        "blocks": [],
        "parse": "none",
        "link_names": false,
    })
}

fn metadata(incident: Option<&str>, key: &str) -> Value {
    let mut payload = json!({"delivery": key});
    if let Some(id) = shown_id(incident) {
        payload["incident"] = id.into();
    }
    json!({"event_type": EVENT_TYPE, "event_payload": payload})
}

fn blocks(message: &Message, envelope: Envelope<'_>) -> Vec<Value> {
    let title = truncate_by(&message.title(), MAX_HEADER_UNITS, char::len_utf16);
    let mut blocks = vec![json!({"type": "header", "text": plain_text(&title)})];
    if !message.lines().is_empty() {
        let section =
            json!({"type": "rich_text_section", "elements": text_leaves(message.lines())});
        blocks.push(json!({"type": "rich_text", "elements": [section]}));
    }
    if let Some(mention) = mention_leaf(envelope.mention) {
        let section = json!({"type": "rich_text_section", "elements": [mention]});
        blocks.push(json!({"type": "rich_text", "elements": [section]}));
    }
    let footer = footer(message, envelope.incident);
    if !footer.is_empty() {
        blocks.push(json!({"type": "context", "elements": [plain_text(&footer)]}));
    }
    blocks
}

/// Returns a `plain_text` object. `emoji` off keeps `:skull:` in a subject from becoming a picture. Our own sign is a character and needs no help.
fn plain_text(text: &str) -> Value {
    json!({"type": "plain_text", "text": text, "emoji": false})
}

/// Returns one leaf per line, so that none is long, and one more for the link to Postmark that ends a line.
fn text_leaves(lines: &[String]) -> Vec<Value> {
    let text = |text: String| json!({"type": "text", "text": text});
    let last = lines.len().saturating_sub(1);
    let mut leaves = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let end = if at == last { "" } else { "\n" };
        match find_link(line).filter(|begins| *begins > 0) {
            Some(begins) => {
                let (before, url) = line.split_at(begins);
                leaves.push(text(before.to_owned()));
                leaves.push(json!({"type": "link", "url": url, "text": LINK_TEXT}));
                leaves.extend((!end.is_empty()).then(|| text(end.to_owned())));
            }
            None => leaves.push(text(format!("{line}{end}"))),
        }
    }
    leaves
}

/// Returns title and lines, truncated to fit, and the footer, which names the incident and is never truncated.
fn fallback_text(message: &Message, envelope: Envelope<'_>) -> String {
    let mut body = message.title();
    for line in message.lines() {
        body.push('\n');
        body.push_str(line);
    }
    let mut end = footer(message, envelope.incident);
    if !end.is_empty() {
        end.insert(0, '\n');
    }
    let mention = mention_markup(envelope.mention);
    let used = end.chars().map(escaped_len).sum::<usize>() + mention.len();
    let room = MAX_TEXT_UNITS.saturating_sub(used);
    escape(&truncate_by(&body, room, escaped_len)) + &mention + &escape(&end)
}

/// Returns the leaf of rich text that mentions; `None` for nobody.
fn mention_leaf(mention: &str) -> Option<Value> {
    Some(match mention.chars().next()? {
        'U' | 'W' => json!({"type": "user", "user_id": mention}),
        'S' => json!({"type": "usergroup", "usergroup_id": mention}),
        _ => json!({"type": "broadcast", "range": mention}),
    })
}

/// Returns the line of the text that mentions, with the line break before it; empty for nobody.
fn mention_markup(mention: &str) -> String {
    match mention.chars().next() {
        None => String::new(),
        Some('U' | 'W') => format!("\n<@{mention}>"),
        Some('S') => format!("\n<!subteam^{mention}>"),
        Some(_) => format!("\n<!{mention}>"),
    }
}

/// Returns the message's footer, with the incident's id if it does not name it already.
fn footer(message: &Message, incident: Option<&str>) -> String {
    let footer = message.footer();
    match shown_id(incident) {
        Some(id) if !names_incident(footer, &id) => {
            let between = if footer.is_empty() { "" } else { " · " };
            format!("{footer}{between}incident {id}")
        }
        _ => footer.to_owned(),
    }
}

/// Returns whether `id` is a whole word of the footer: a short id may be part of a time or a name.
fn names_incident(footer: &str, id: &str) -> bool {
    let is_between = |c: char| !c.is_alphanumeric() && c != '-' && c != '_';
    footer.split(is_between).any(|word| word == id)
}

fn shown_id(incident: Option<&str>) -> Option<String> {
    let id = truncate(&clean(incident?), MAX_INCIDENT_CHARS);
    (!id.is_empty()).then_some(id)
}

/// Escapes the three characters that Slack's markup is made of; no others can be escaped (docs.slack.dev, "Formatting
/// message text").
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match entity(c) {
            Some(entity) => escaped.push_str(entity),
            None => escaped.push(c),
        }
    }
    escaped
}

fn entity(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    }
}

/// Returns the length of `c` after escaping, in UTF-16 units as [`MAX_TEXT_UNITS`].
fn escaped_len(c: char) -> usize {
    entity(c).map_or(c.len_utf16(), str::len)
}

#[cfg(test)]
mod tests;
