//! `reactions.get`, `users.info` and `usergroups.list`.

use serde_json::{Value, json};

use super::blocks::Rejection;
use super::http::{State, known_channel};
use super::threads::find;

/// The number of users that are listed unless all are asked for.
const SHORT_LIST: usize = 1;

/// Answers `reactions.get` with the emoji below one message; a message without any has no list of them.
pub(super) fn get(state: &State, arguments: &Value) -> Result<Value, Rejection> {
    if !state.shows_reactions {
        return Err(("missing_scope", "reactions:read".to_owned()));
    }
    let channel = known_channel(state, arguments)?;
    if state.outside.contains(&channel) {
        return Err(("not_in_channel", String::new()));
    }
    let ts = arguments["timestamp"].as_str();
    let ts = ts.ok_or_else(|| ("no_item_specified", String::new()))?;
    let found = find(state, &channel, ts)?;
    let is_full = arguments["full"].as_str() == Some("true");
    let mut message = json!({ "type": "message", "ts": ts, "text": found.text });
    let reactions = state.reactions.get(ts).into_iter().flatten();
    let reactions = reactions.map(|(name, users)| {
        let listed = if is_full { users.len() } else { SHORT_LIST };
        let listed: Vec<&String> = users.iter().take(listed).collect();
        json!({ "name": name, "users": listed, "count": users.len() })
    });
    let reactions: Vec<Value> = reactions.collect();
    if !reactions.is_empty() {
        message["reactions"] = json!(reactions);
    }
    Ok(json!({ "ok": true, "type": "message", "channel": channel, "message": message }))
}

/// Answers `users.info`.
pub(super) fn user(state: &State, arguments: &Value) -> Result<Value, Rejection> {
    if !state.shows_users {
        return Err(("missing_scope", "users:read".to_owned()));
    }
    let id = arguments["user"].as_str().unwrap_or_default();
    let name = state
        .users
        .get(id)
        .ok_or_else(|| ("user_not_found", String::new()))?;
    let profile = json!({ "display_name": name, "real_name": name });
    let deleted = state.deactivated.contains(id);
    let user =
        json!({ "id": id, "name": id.to_lowercase(), "deleted": deleted, "profile": profile });
    Ok(json!({ "ok": true, "user": user }))
}

/// Answers `usergroups.list`; what is disabled is listed where it is asked for.
pub(super) fn groups(state: &State, arguments: &Value) -> Result<Value, Rejection> {
    if !state.shows_groups {
        return Err(("missing_scope", "usergroups:read".to_owned()));
    }
    let lists_disabled = arguments["include_disabled"].as_str() == Some("true");
    let listed = state
        .groups
        .iter()
        .filter(|(_, enabled)| **enabled || lists_disabled);
    let group = |(id, enabled): (&String, &bool)| {
        let deleted_at = if *enabled { 0 } else { 1_446_748_865 };
        json!({ "id": id, "is_usergroup": true, "handle": id.to_lowercase(), "date_delete": deleted_at })
    };
    let groups: Vec<Value> = listed.map(group).collect();
    Ok(json!({ "ok": true, "usergroups": groups }))
}
