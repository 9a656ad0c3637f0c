//! What Slack refuses in a payload. The limits are those of its reference for Block Kit, and two that users measured.

use std::collections::HashSet;

use serde_json::Value;

/// Blocks of one message.
const MAX_BLOCKS: usize = 50;
/// Characters over all blocks; undocumented, 9,597 passed and 11,341 were refused.
const MAX_CHARS: usize = 10_000;
/// Characters of `text`, above which it is cut.
const MAX_TEXT_CHARS: usize = 40_000;
/// Characters of a text object.
const MAX_OBJECT_CHARS: usize = 3_000;
/// Characters over all Markdown blocks.
const MAX_MARKDOWN_CHARS: usize = 12_000;

/// Slack's error and what it says of it.
pub(super) type Refused = (&'static str, String);

/// Checks a payload.
///
/// # Errors
/// With the error that Slack would answer.
pub(super) fn check(payload: &Value) -> Result<(), Refused> {
    let text = payload["text"].as_str().unwrap_or_default();
    let blocks = match &payload["blocks"] {
        Value::Null => &[][..],
        Value::Array(blocks) => blocks,
        _ => {
            return Err((
                "invalid_blocks_format",
                "blocks must be an array".to_owned(),
            ));
        }
    };
    let attachments = payload["attachments"].as_array().map_or(0, Vec::len);
    if text.is_empty() && blocks.is_empty() && attachments == 0 {
        return Err(("no_text", "neither text nor blocks".to_owned()));
    }
    if text.chars().count() > MAX_TEXT_CHARS {
        return Err(("msg_too_long", "text is too long".to_owned()));
    }
    if attachments > 100 {
        return Err(("too_many_attachments", attachments.to_string()));
    }
    metadata(&payload["metadata"])?;
    all(blocks)?;
    for attachment in items(&payload["attachments"]) {
        all(attachment["blocks"].as_array().map_or(&[], Vec::as_slice))?;
    }
    Ok(())
}

fn metadata(metadata: &Value) -> Result<(), Refused> {
    let well_formed = metadata.is_null()
        || metadata["event_type"]
            .as_str()
            .is_some_and(|t| !t.is_empty())
            && metadata["event_payload"].is_object();
    if well_formed {
        Ok(())
    } else {
        let why = "event_type and event_payload are required";
        Err(("invalid_metadata_format", why.to_owned()))
    }
}

fn all(blocks: &[Value]) -> Result<(), Refused> {
    let invalid = |why: String| ("invalid_blocks", why);
    if blocks.len() > MAX_BLOCKS {
        return Err(invalid(format!("more than {MAX_BLOCKS} blocks")));
    }
    for (place, block) in blocks.iter().enumerate() {
        one(block).map_err(|why| invalid(format!("{why} [json-pointer:/blocks/{place}]")))?;
    }
    let mut ids = HashSet::new();
    unique_ids(&Value::Array(blocks.to_vec()), &mut ids).map_err(invalid)?;
    let tables = blocks.iter().filter(|b| b["type"] == "table").count();
    if tables > 1 {
        return Err(invalid("more than one table".to_owned()));
    }
    let markdown = blocks.iter().filter(|b| b["type"] == "markdown");
    let markdown: usize = markdown.map(chars).sum();
    let rest: usize = blocks.iter().map(chars).sum::<usize>() - markdown;
    if markdown > MAX_MARKDOWN_CHARS || rest > MAX_CHARS {
        return Err(("msg_blocks_too_long", format!("{rest} characters")));
    }
    Ok(())
}

/// Checks one block.
fn one(block: &Value) -> Result<(), String> {
    let kind = block["type"].as_str().unwrap_or_default();
    match kind {
        "header" => text(&block["text"], 150, Some("plain_text")),
        "section" => section(block),
        "context" => elements(block, 10, |e| match e["type"].as_str() {
            Some("image") => image(e),
            _ => text(e, MAX_OBJECT_CHARS, None),
        }),
        "actions" => elements(block, 25, button),
        "rich_text" => elements(block, usize::MAX, rich),
        "image" => image(block),
        "table" => table(block),
        "markdown" => match block["text"].as_str() {
            Some(text) if !text.is_empty() => Ok(()),
            _ => Err("a markdown block needs text".to_owned()),
        },
        "divider" => Ok(()),
        _ => Err(format!("unsupported type: {kind}")),
    }
}

fn section(block: &Value) -> Result<(), String> {
    let fields = items(&block["fields"]).count();
    if block["text"].is_null() && fields == 0 {
        return Err("a section needs text or fields".to_owned());
    }
    if fields > 10 {
        return Err("more than 10 fields".to_owned());
    }
    items(&block["fields"]).try_for_each(|field| text(field, 2_000, None))?;
    match &block["text"] {
        Value::Null => Ok(()),
        object => text(object, MAX_OBJECT_CHARS, None),
    }
}

/// A text object of 1 to `most` characters, of this type where one is asked for.
fn text(object: &Value, most: usize, kind: Option<&str>) -> Result<(), String> {
    let given = object["type"].as_str().unwrap_or_default();
    if !matches!(given, "plain_text" | "mrkdwn") || kind.is_some_and(|kind| kind != given) {
        return Err(format!("text of the wrong type: {given}"));
    }
    if given == "plain_text" && !object["verbatim"].is_null() {
        return Err("plain text cannot be verbatim".to_owned());
    }
    if given == "mrkdwn" && !object["emoji"].is_null() {
        return Err("mrkdwn has no emoji".to_owned());
    }
    within(object["text"].as_str().unwrap_or_default(), 1, most)
}

fn within(text: &str, least: usize, most: usize) -> Result<(), String> {
    let chars = text.chars().count();
    if (least..=most).contains(&chars) {
        Ok(())
    } else {
        Err(format!("text of {chars} characters, not {least} to {most}"))
    }
}

fn elements(
    block: &Value,
    most: usize,
    check: impl Fn(&Value) -> Result<(), String>,
) -> Result<(), String> {
    let number = items(&block["elements"]).count();
    if number == 0 || number > most {
        return Err(format!("{number} elements"));
    }
    items(&block["elements"]).try_for_each(check)
}

fn button(element: &Value) -> Result<(), String> {
    if element["type"] != "button" {
        return Err("only buttons are expected here".to_owned());
    }
    text(&element["text"], 75, Some("plain_text"))?;
    within(element["url"].as_str().unwrap_or_default(), 0, 3_000)?;
    within(element["value"].as_str().unwrap_or_default(), 0, 2_000)
}

fn image(block: &Value) -> Result<(), String> {
    within(block["image_url"].as_str().unwrap_or_default(), 1, 3_000)?;
    within(block["alt_text"].as_str().unwrap_or_default(), 1, 2_000)
}

fn rich(element: &Value) -> Result<(), String> {
    match element["type"].as_str().unwrap_or_default() {
        "rich_text_section" | "rich_text_preformatted" | "rich_text_quote" => {
            items(&element["elements"]).try_for_each(leaf)
        }
        "rich_text_list" => items(&element["elements"]).try_for_each(rich),
        kind => Err(format!("unsupported type: {kind}")),
    }
}

fn leaf(leaf: &Value) -> Result<(), String> {
    match leaf["type"].as_str().unwrap_or_default() {
        "text" => within(leaf["text"].as_str().unwrap_or_default(), 1, usize::MAX),
        "link" => within(leaf["url"].as_str().unwrap_or_default(), 1, 3_000),
        "emoji" | "user" | "channel" | "usergroup" | "broadcast" | "date" => Ok(()),
        kind => Err(format!("unsupported type: {kind}")),
    }
}

fn table(block: &Value) -> Result<(), String> {
    let rows = items(&block["rows"]).count();
    let wide = items(&block["rows"]).any(|row| items(row).count() > 20);
    if rows == 0 || rows > 100 || wide {
        return Err("a table has 1 to 100 rows of at most 20 cells".to_owned());
    }
    let mut cells = items(&block["rows"]).flat_map(items);
    let known = |cell: &Value| {
        let kind = cell["type"].as_str().unwrap_or_default();
        matches!(kind, "raw_text" | "raw_number" | "rich_text")
    };
    if cells.all(known) {
        Ok(())
    } else {
        Err("unsupported cell".to_owned())
    }
}

/// `block_id` and `action_id` are at most 255 characters and occur once.
fn unique_ids(value: &Value, seen: &mut HashSet<String>) -> Result<(), String> {
    if let Some(list) = value.as_array() {
        return list.iter().try_for_each(|v| unique_ids(v, seen));
    }
    for name in ["block_id", "action_id"] {
        if let Some(id) = value[name].as_str() {
            within(id, 1, 255)?;
            if !seen.insert(format!("{name}:{id}")) {
                return Err(format!("{name} occurs twice"));
            }
        }
    }
    unique_elements(value, seen)
}

fn unique_elements(value: &Value, seen: &mut HashSet<String>) -> Result<(), String> {
    items(&value["elements"]).try_for_each(|element| unique_ids(element, seen))
}

/// Characters of all texts within.
fn chars(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(chars).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match value.as_str() {
                Some(text) if matches!(name.as_str(), "text" | "alt_text") => text.chars().count(),
                _ => chars(value),
            })
            .sum(),
        _ => 0,
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
