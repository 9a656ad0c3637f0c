//! The HTTP face: bot API, webhook, heartbeats.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::model::Timestamp;
use crate::sim::fault::{Faults, Refuse};
use crate::sim::http::{Asked, Reply, Request, Wire, parse_query};

use super::received::{Received, Via};
use super::{CHANNEL, Fault, blocks, history};

/// In the form of a real one; it is a secret there.
pub(super) const WEBHOOK_PATH: &str = "/services/T0EXAMPLE/B0EXAMPLE/simulated-secret";

/// Everything a simulated Slack holds.
pub(super) struct State {
    pub(super) token: String,
    pub(super) channels: BTreeSet<String>,
    /// Whether the token has the scopes for histories.
    pub(super) shows_history: bool,
    /// Whether it has those for looking up conversations.
    pub(super) shows_channels: bool,
    /// Whether it may post.
    pub(super) may_post: bool,
    /// What the webhook answers to a message it takes: status and body.
    pub(super) webhook_answer: (u16, String),
    /// Channels that were archived, and those that the bot is not in.
    pub(super) archived: BTreeSet<String>,
    pub(super) outside: BTreeSet<String>,
    pub(super) now: Option<Timestamp>,
    pub(super) messages: Vec<Received>,
    /// So many of the messages were taken.
    pub(super) taken: usize,
    pub(super) pings: Vec<String>,
    pub(super) faults: Faults<Fault>,
    pub(super) ping_faults: Faults<Fault>,
    pub(super) requests: Vec<Asked>,
    pub(super) unexpected: Vec<String>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            token: "xoxb-simulated-token".to_owned(),
            channels: BTreeSet::from([CHANNEL.to_owned()]),
            shows_history: true,
            shows_channels: true,
            may_post: true,
            webhook_answer: (200, "ok".to_owned()),
            archived: BTreeSet::new(),
            outside: BTreeSet::new(),
            now: None,
            messages: Vec::new(),
            taken: 0,
            pings: Vec::new(),
            faults: Faults::default(),
            ping_faults: Faults::default(),
            requests: Vec::new(),
            unexpected: Vec::new(),
        }
    }
}

/// Answers one request.
pub(super) fn answer(state: &mut State, request: &Request) -> Reply {
    let asked = Asked {
        order: state.requests.len() as u64,
        ..request.asked.clone()
    };
    state.requests.push(asked.clone());
    let path = asked.path.as_str();
    let (faults, refuse): (_, Refuse) = if path.starts_with("/ping") {
        (&mut state.ping_faults, refuse_as_text)
    } else if path.starts_with("/services") {
        (&mut state.faults, refuse_as_text)
    } else {
        (&mut state.faults, refuse_as_api)
    };
    let fault = faults.strike(&asked.target());
    let mut honest = || serve(state, request, path);
    match fault {
        None => honest(),
        Some(Fault::Wire(fault)) => fault.reply(refuse, honest),
        Some(Fault::SlackError(error)) => slack_error(path, &error),
        Some(Fault::AcceptThenHang) => honest().on_wire(Wire::Hang),
        Some(Fault::AcceptThenReset) => honest().on_wire(Wire::Reset),
    }
}

fn serve(state: &mut State, request: &Request, path: &str) -> Reply {
    if path.starts_with("/ping/") {
        state.pings.push(path.to_owned());
        return Reply::of(200, "text/plain", "OK");
    }
    if path.starts_with("/services/") {
        return webhook(state, request, path);
    }
    let result = match path {
        "/api/chat.postMessage" => authorised(state, request).and_then(|()| post(state, request)),
        "/api/conversations.history" => {
            authorised(state, request).and_then(|()| history::answer(state, &arguments(request)))
        }
        "/api/auth.test" => authorised(state, request).map(|()| {
            json!({ "ok": true, "team": "Example", "team_id": "T0EXAMPLE", "user": "hushwatch", "user_id": "U0EXAMPLE", "bot_id": "B0EXAMPLE" })
        }),
        "/api/conversations.info" => {
            authorised(state, request).and_then(|()| conversation(state, &arguments(request)))
        }
        _ => {
            let asked = &request.asked;
            state.unexpected.push(format!("{} {}", asked.method, asked.path));
            Err(("unknown_method", String::new()))
        }
    };
    let body = result.unwrap_or_else(|(error, why)| match error {
        "missing_scope" => {
            json!({ "ok": false, "error": error, "needed": why, "provided": "chat:write" })
        }
        _ => json!({ "ok": false, "error": error, "response_metadata": { "messages": [why] } }),
    });
    Reply::json(200, body.to_string()).with_header("X-OAuth-Scopes", scopes(state))
}

/// The scopes of the token, which every answer of the API tells.
fn scopes(state: &State) -> String {
    let all = [
        (state.may_post, "chat:write"),
        (state.shows_history, "channels:history,im:history"),
        (state.shows_channels, "channels:read,im:read"),
    ];
    let held = all.iter().filter(|(has, _)| *has).map(|(_, scope)| *scope);
    held.collect::<Vec<_>>().join(",")
}

/// `conversations.info`.
fn conversation(state: &State, arguments: &Value) -> Result<Value, blocks::Refused> {
    if !state.shows_channels {
        return Err(("missing_scope", "channels:read".to_owned()));
    }
    let id = known_channel(state, arguments)?;
    let channel = json!({
        "id": id, "name": "operators", "is_archived": state.archived.contains(&id),
        "is_member": !state.outside.contains(&id), "is_im": id.starts_with('D'),
    });
    Ok(json!({ "ok": true, "channel": channel }))
}

fn authorised(state: &State, request: &Request) -> Result<(), blocks::Refused> {
    let header = request.header("authorization").unwrap_or_default();
    match header.strip_prefix("Bearer ") {
        None => Err(("not_authed", String::new())),
        Some(token) if token != state.token => Err(("invalid_auth", String::new())),
        Some(_) => Ok(()),
    }
}

/// The arguments: of a JSON body, of a form, or of the query.
fn arguments(request: &Request) -> Value {
    if let Ok(json) = serde_json::from_slice(&request.body) {
        return json;
    }
    let form = parse_query(&String::from_utf8_lossy(&request.body));
    let pairs = form.iter().chain(&request.asked.query);
    let pairs = pairs.map(|(name, value)| (name.clone(), json!(value)));
    Value::Object(pairs.collect::<Map<String, Value>>())
}

/// `chat.postMessage`.
fn post(state: &mut State, request: &Request) -> Result<Value, blocks::Refused> {
    if !state.may_post {
        return Err(("missing_scope", "chat:write".to_owned()));
    }
    let payload: Value = serde_json::from_slice(&request.body).map_err(|e| {
        state.unexpected.push(format!("chat.postMessage: {e}"));
        ("invalid_json", e.to_string())
    })?;
    let channel = known_channel(state, &payload)?;
    checked(state, &payload)?;
    let ts = keep(state, &payload, &channel, Via::Bot);
    // A user is answered with the direct channel.
    let channel = match channel.strip_prefix('U') {
        Some(user) => format!("D{user}"),
        None => channel,
    };
    Ok(json!({ "ok": true, "channel": channel, "ts": ts, "message": { "text": payload["text"] } }))
}

fn known_channel(state: &State, arguments: &Value) -> Result<String, blocks::Refused> {
    let channel = arguments["channel"].as_str().unwrap_or_default();
    if state.channels.contains(channel) {
        return Ok(channel.to_owned());
    }
    Err(("channel_not_found", String::new()))
}

fn checked(state: &mut State, payload: &Value) -> Result<(), blocks::Refused> {
    blocks::check(payload).inspect_err(|(error, why)| {
        state.unexpected.push(format!("{error}: {why}"));
    })
}

/// Remembers a message; its `ts`.
fn keep(state: &mut State, payload: &Value, channel: &str, via: Via) -> String {
    let order = state.messages.len() as u64;
    let seconds = state.now.map_or(0, |now| now.0.div_euclid(1000));
    let ts = format!("{seconds}.{:06}", order + 1);
    let message = Received::of(payload, channel, order, ts.clone(), via);
    state.messages.push(message);
    ts
}

fn webhook(state: &mut State, request: &Request, path: &str) -> Reply {
    if path != WEBHOOK_PATH {
        return slack_error(path, "no_service");
    }
    // So one asks whether it is alive.
    if request.body == b"{}" {
        return slack_error(path, "no_text");
    }
    let Ok(payload) = serde_json::from_slice(&request.body) else {
        state.unexpected.push("webhook: not JSON".to_owned());
        return slack_error(path, "invalid_payload");
    };
    if let Err((error, _)) = checked(state, &payload) {
        return slack_error(path, error);
    }
    keep(state, &payload, CHANNEL, Via::Webhook);
    let (status, body) = &state.webhook_answer;
    Reply::of(*status, "text/html", body)
}

/// A refusal in Slack's own words, by either door.
fn slack_error(path: &str, error: &str) -> Reply {
    if !path.starts_with("/services/") {
        let body = json!({ "ok": false, "error": error });
        return Reply::json(200, body.to_string());
    }
    let status = match error {
        "action_prohibited" | "invalid_token" => 403,
        "channel_not_found" | "no_service" | "no_team" => 404,
        "channel_is_archived" => 410,
        "rollup_error" => 500,
        _ => 400,
    };
    Reply::of(status, "text/plain", error)
}

/// A wrong token is 200 with an error, as all errors but 429 and the server's own are.
fn refuse_as_api(status: u16, words: Option<(i64, &str)>) -> Reply {
    let (status, error) = match (status, words) {
        (_, Some((_, text))) => (status, text),
        (401, None) => (200, "invalid_auth"),
        (429, None) => (429, "ratelimited"),
        (503, None) => (503, "service_unavailable"),
        (_, None) => (status, "internal_error"),
    };
    let body = json!({ "ok": false, "error": error });
    Reply::json(status, body.to_string())
}

fn refuse_as_text(status: u16, words: Option<(i64, &str)>) -> Reply {
    let (status, text) = match (status, words) {
        (_, Some((_, text))) => (status, text),
        (401, None) => (403, "invalid_token"),
        (429, None) => (429, "rate_limited"),
        (_, None) => (status, "server_error"),
    };
    Reply::of(status, "text/plain", text)
}
