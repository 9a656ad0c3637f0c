//! Checks payloads against Slack's limits: those of the Block Kit reference, and two that users measured.

use std::collections::HashSet;

use serde_json::{Value, json};

/// The maximum number of blocks per message.
const MAX_BLOCKS: usize = 50;
/// The maximum number of characters in all blocks; undocumented, 9,597 passed and 11,341 were rejected.
const MAX_CHARS: usize = 10_000;
/// The maximum number of characters of `text`; Slack truncates longer ones.
const MAX_TEXT_CHARS: usize = 40_000;
/// The maximum number of characters of a text object.
const MAX_OBJECT_CHARS: usize = 3_000;
/// The maximum number of characters in all Markdown blocks.
const MAX_MARKDOWN_CHARS: usize = 12_000;

/// An error code of Slack's, and its explanation.
pub(super) type Rejection = (&'static str, String);

/// Answers `blocks.validate`, which takes blocks as JSON text.
pub(super) fn validate(arguments: &Value) -> Value {
    let text = arguments["blocks"].as_str().unwrap_or_default();
    let Ok(blocks) = serde_json::from_str::<Value>(text) else {
        return json!({ "ok": false, "error": "invalid_arguments" });
    };
    match check(&json!({ "text": "-", "blocks": blocks })) {
        Ok(()) => json!({ "ok": true }),
        Err((code, why)) => json!({
            "ok": false, "error": "invalid_blocks",
            "errors": [{ "code": code, "message": why, "pointer": "/blocks" }],
        }),
    }
}

/// Checks a payload.
///
/// # Errors
/// The error that Slack would answer with.
pub(super) fn check(payload: &Value) -> Result<(), Rejection> {
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

fn metadata(metadata: &Value) -> Result<(), Rejection> {
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

fn all(blocks: &[Value]) -> Result<(), Rejection> {
    let invalid = |why: String| ("invalid_blocks", why);
    if blocks.len() > MAX_BLOCKS {
        return Err(invalid(format!("more than {MAX_BLOCKS} blocks")));
    }
    for (place, block) in blocks.iter().enumerate() {
        check_block(block)
            .map_err(|why| invalid(format!("{why} [json-pointer:/blocks/{place}]")))?;
    }
    let mut ids = HashSet::new();
    check_ids(&Value::Array(blocks.to_vec()), &mut ids).map_err(invalid)?;
    let tables = blocks.iter().filter(|b| b["type"] == "table").count();
    if tables > 1 {
        return Err(invalid("more than one table".to_owned()));
    }
    let markdown = blocks.iter().filter(|b| b["type"] == "markdown");
    let markdown: usize = markdown.map(count_chars).sum();
    let rest: usize = blocks.iter().map(count_chars).sum::<usize>() - markdown;
    if markdown > MAX_MARKDOWN_CHARS || rest > MAX_CHARS {
        return Err(("msg_blocks_too_long", format!("{rest} characters")));
    }
    Ok(())
}

/// Checks one block.
fn check_block(block: &Value) -> Result<(), String> {
    let kind = block["type"].as_str().unwrap_or_default();
    match kind {
        "header" => check_text(&block["text"], 150, Some("plain_text")),
        "section" => section(block),
        "context" => elements(block, 10, |e| match e["type"].as_str() {
            Some("image") => image(e),
            _ => check_text(e, MAX_OBJECT_CHARS, None),
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
    items(&block["fields"]).try_for_each(|field| check_text(field, 2_000, None))?;
    match &block["text"] {
        Value::Null => Ok(()),
        object => check_text(object, MAX_OBJECT_CHARS, None),
    }
}

/// Checks a text object: 1 to `max` characters, and this type if one is given.
fn check_text(object: &Value, max: usize, kind: Option<&str>) -> Result<(), String> {
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
    within(object["text"].as_str().unwrap_or_default(), 1, max)
}

fn within(text: &str, least: usize, max: usize) -> Result<(), String> {
    let chars = text.chars().count();
    if (least..=max).contains(&chars) {
        Ok(())
    } else {
        Err(format!("text of {chars} characters, not {least} to {max}"))
    }
}

fn elements(
    block: &Value,
    max: usize,
    check: impl Fn(&Value) -> Result<(), String>,
) -> Result<(), String> {
    let number = items(&block["elements"]).count();
    if number == 0 || number > max {
        return Err(format!("{number} elements"));
    }
    items(&block["elements"]).try_for_each(check)
}

fn button(element: &Value) -> Result<(), String> {
    if element["type"] != "button" {
        return Err("only buttons are expected here".to_owned());
    }
    check_text(&element["text"], 75, Some("plain_text"))?;
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
        return Err("a table has 1 to 100 rows of at max 20 cells".to_owned());
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

/// Checks that `block_id` and `action_id` have at max 255 characters and are unique.
fn check_ids(value: &Value, seen: &mut HashSet<String>) -> Result<(), String> {
    if let Some(list) = value.as_array() {
        return list.iter().try_for_each(|v| check_ids(v, seen));
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
    items(&value["elements"]).try_for_each(|element| check_ids(element, seen))
}

/// Returns the number of characters in all texts of `value`.
fn count_chars(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(count_chars).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match value.as_str() {
                Some(text) if matches!(name.as_str(), "text" | "alt_text") => text.chars().count(),
                _ => count_chars(value),
            })
            .sum(),
        _ => 0,
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
