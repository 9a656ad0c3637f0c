//! Edits and threads: `chat.update`, the parent of a reply, and what a channel shows.

use serde_json::{Value, json};

use crate::sim::http::Request;

use super::blocks::Rejection;
use super::http::{State, check_payload, known_channel};
use super::received::{Received, Shown, Via};

/// The maximum number of characters of an edit's `text`.
const MAX_EDIT_CHARS: usize = 4_000;

/// Answers `chat.update`.
pub(super) fn update(state: &mut State, request: &Request) -> Result<Value, Rejection> {
    let payload: Value = serde_json::from_slice(&request.body).map_err(|e| {
        state.unexpected.push(format!("chat.update: {e}"));
        ("invalid_json", e.to_string())
    })?;
    let channel = known_channel(state, &payload)?;
    let ts = payload["ts"].as_str().unwrap_or_default();
    let posted = find(state, &channel, ts)?.clone();
    if posted.via != Via::Bot {
        return Err(("cant_update_message", String::new()));
    }
    if !state.may_edit {
        return Err(("edit_window_closed", String::new()));
    }
    check_payload(state, &payload)?;
    if payload["text"].as_str().unwrap_or_default().chars().count() > MAX_EDIT_CHARS {
        return Err(("msg_too_long", String::new()));
    }
    check_edit(state, ts, &payload);
    let edit = Received::from_payload(&payload, &channel, posted.order, posted.ts, posted.via);
    let edit = Received {
        metadata: posted.metadata,
        ..edit
    };
    let known = state.edits.entry(ts.to_owned());
    let (shown, edits) = known.or_insert_with(|| (edit.clone(), 0));
    *edits += 1;
    *shown = edit;
    Ok(json!({ "ok": true, "channel": payload["channel"], "ts": ts, "text": payload["text"] }))
}

/// Notes what an edit should not do: have its text parsed as people type it, or keep the id of a block that it changes.
fn check_edit(state: &mut State, ts: &str, payload: &Value) {
    if payload["parse"] != "none" {
        let problem = "chat.update: `parse` is `client` unless it is set";
        state.unexpected.push(problem.to_owned());
    }
    let empty = Vec::new();
    let blocks = payload["blocks"].as_array().unwrap_or(&empty);
    let before = state.edits.get(ts).map_or(&empty, |(edit, _)| &edit.blocks);
    let is_stale = |block: &Value| {
        let same = before.iter().find(|b| b["block_id"] == block["block_id"]);
        block["block_id"].is_null() || same.is_some_and(|same| same != block)
    };
    if blocks.iter().any(is_stale) {
        let problem = "chat.update: a block without an id of its own may be shown as it was";
        state.unexpected.push(problem.to_owned());
    }
}

/// Checks that the message exists to which a post replies.
pub(super) fn check_parent(state: &State, channel: &str, payload: &Value) -> Result<(), Rejection> {
    let Some(ts) = payload["thread_ts"].as_str() else {
        return Ok(());
    };
    match find(state, channel, ts) {
        Ok(parent) if parent.thread_ts.is_none() => Ok(()),
        _ => Err(("thread_not_found", String::new())),
    }
}

/// Returns the message `ts` of a channel, which was not deleted.
pub(super) fn find<'s>(
    state: &'s State,
    channel: &str,
    ts: &str,
) -> Result<&'s Received, Rejection> {
    let mut messages = state.messages.iter();
    let found = messages.find(|m| m.channel == channel && m.ts == ts);
    found
        .filter(|message| !is_gone(state, message))
        .ok_or_else(|| ("message_not_found", String::new()))
}

/// Returns whether a message was deleted, or the one in whose thread it was.
pub(super) fn is_gone(state: &State, message: &Received) -> bool {
    let parent = message.thread_ts.as_ref().unwrap_or(&message.ts);
    state.deleted.contains(&message.ts) || state.deleted.contains(parent)
}

/// Returns what a channel shows.
pub(super) fn shown(state: &State, channel: &str) -> Vec<Shown> {
    let there = || {
        let messages = state.messages.iter();
        messages.filter(|m| m.channel == channel && !is_gone(state, m))
    };
    let parents = there().filter(|m| m.thread_ts.is_none());
    parents
        .map(|parent| {
            let edit = state.edits.get(&parent.ts);
            let replies = there().filter(|m| m.thread_ts.as_ref() == Some(&parent.ts));
            Shown {
                message: edit.map_or(parent, |(edit, _)| edit).clone(),
                edits: edit.map_or(0, |(_, edits)| *edits),
                replies: replies.cloned().collect(),
            }
        })
        .collect()
}
