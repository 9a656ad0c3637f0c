//! `conversations.history` and `conversations.replies`, where `ts` names a thread: newest first, in pages, metadata only on
//! request.

use serde_json::{Value, json};

use super::blocks::Rejection;
use super::http::State;
use super::received::Received;
use super::threads;

/// The default and maximum number of messages per page.
const MAX_PAGE: usize = 100;
const MAX_MESSAGES_PER_PAGE: usize = 999;

/// Answers with the messages of one conversation.
pub(super) fn answer(state: &State, arguments: &Value) -> Result<Value, Rejection> {
    if !state.shows_history {
        return Err(("missing_scope", "channels:history".to_owned()));
    }
    let channel = conversation(state, arguments["channel"].as_str().unwrap_or_default())
        .ok_or_else(|| ("channel_not_found", String::new()))?;
    let number = |name: &str| {
        let value = &arguments[name];
        value.as_f64().or_else(|| value.as_str()?.parse().ok())
    };
    let oldest = number("oldest").filter(|_| state.now.is_some());
    let oldest = oldest.unwrap_or(f64::MIN);
    let thread = arguments["ts"].as_str();
    let is_there = |m: &&Received| match thread {
        // Of the replies, a channel shows those that were broadcast.
        None => m.thread_ts.is_none() || m.broadcast,
        Some(_) => m.thread_ts.as_deref() == thread || Some(m.ts.as_str()) == thread,
    };
    let newest_first = state.messages.iter().rev();
    let found: Vec<&Received> = newest_first
        .filter(|m| m.channel == channel && m.ts.parse().is_ok_and(|ts: f64| ts > oldest))
        .filter(|m| is_there(m) && !threads::is_gone(state, m))
        .collect();
    let limit = number("limit").map_or(MAX_PAGE, |limit| {
        (limit as usize).clamp(1, MAX_MESSAGES_PER_PAGE)
    });
    let from = cursor(arguments)?;
    let shown = found.iter().skip(from).take(limit);
    let shown: Vec<Value> = shown.map(|m| item(m, wants_metadata(arguments))).collect();
    let has_more = found.len() > from + limit;
    let mut body = json!({ "ok": true, "messages": shown, "has_more": has_more });
    if has_more {
        body["response_metadata"] = json!({ "next_cursor": format!("next:{}", from + limit) });
    }
    Ok(body)
}

/// Returns the channel that messages name. Messages to a user are in the direct conversation only.
fn conversation(state: &State, id: &str) -> Option<String> {
    let name = match id.strip_prefix('D') {
        Some(user) if !state.channels.contains(id) => format!("U{user}"),
        _ if id.starts_with('U') => return None,
        _ => id.to_owned(),
    };
    state.channels.contains(&name).then_some(name)
}

fn cursor(arguments: &Value) -> Result<usize, Rejection> {
    let Some(cursor) = arguments["cursor"].as_str().filter(|c| !c.is_empty()) else {
        return Ok(0);
    };
    let place = cursor.strip_prefix("next:").and_then(|n| n.parse().ok());
    place.ok_or_else(|| ("invalid_cursor", String::new()))
}

fn wants_metadata(arguments: &Value) -> bool {
    match &arguments["include_all_metadata"] {
        Value::Bool(wanted) => *wanted,
        other => matches!(other.as_str(), Some("true" | "1")),
    }
}

fn item(message: &Received, with_metadata: bool) -> Value {
    let mut item = json!({ "type": "message", "ts": message.ts, "text": message.text });
    if let (true, Some(metadata)) = (with_metadata, &message.metadata) {
        item["metadata"] = metadata.clone();
    }
    item
}
