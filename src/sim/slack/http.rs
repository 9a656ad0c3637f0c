//! The HTTP interface: Web API, webhook and heartbeats.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::model::Timestamp;
use crate::sim::fault::{ErrorFormat, Faults};
use crate::sim::http::{ReceivedRequest, Reply, Request, Wire, parse_query};

use super::files::{PendingFile, SharedFile};
use super::received::{Received, Via};
use super::{CHANNEL, Fault, blocks, files, history, reactions, threads};

/// The path of the webhook, in the format of a real one, where it is a secret.
pub(super) const WEBHOOK_PATH: &str = "/services/T0EXAMPLE/B0EXAMPLE/simulated-secret";

/// The state of a simulated Slack.
pub(super) struct State {
    pub(super) token: String,
    pub(super) channels: BTreeSet<String>,
    /// Whether the token has the scopes to read histories.
    pub(super) shows_history: bool,
    /// Whether the token has the scopes to look up conversations.
    pub(super) shows_channels: bool,
    /// Whether the token has the scopes to read emoji, and to look up users.
    pub(super) shows_reactions: bool,
    pub(super) shows_users: bool,
    /// Whether the token has the scope to list user groups.
    pub(super) shows_groups: bool,
    /// The emoji below messages, by their `ts`, each with its users in order.
    pub(super) reactions: BTreeMap<String, Vec<(String, Vec<String>)>>,
    /// The names of users, by their ids.
    pub(super) users: BTreeMap<String, String>,
    /// The ids of user groups, each with whether it is enabled.
    pub(super) groups: BTreeMap<String, bool>,
    /// The users whose accounts were deactivated.
    pub(super) deactivated: BTreeSet<String>,
    /// Whether the token has the scope to post.
    pub(super) may_post: bool,
    /// The webhook's answer to an accepted message: status and body.
    pub(super) webhook_answer: (u16, String),
    /// The archived channels, and those the bot is not a member of.
    pub(super) archived: BTreeSet<String>,
    pub(super) outside: BTreeSet<String>,
    pub(super) now: Option<Timestamp>,
    pub(super) messages: Vec<Received>,
    /// The last edit of messages, by their `ts`, and how many there were.
    pub(super) edits: BTreeMap<String, (Received, usize)>,
    /// The `ts` of messages that were deleted.
    pub(super) deleted: BTreeSet<String>,
    pub(super) may_edit: bool,
    /// Whether the token has the scope to upload files.
    pub(super) may_upload: bool,
    pub(super) pending_files: Vec<PendingFile>,
    pub(super) files: Vec<SharedFile>,
    /// The number of messages that were taken, and of those that were read in any way.
    pub(super) taken: usize,
    pub(super) read: usize,
    pub(super) pings: Vec<String>,
    pub(super) faults: Faults<Fault>,
    pub(super) ping_faults: Faults<Fault>,
    pub(super) requests: Vec<ReceivedRequest>,
    pub(super) unexpected: Vec<String>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            token: "xoxb-simulated-token".to_owned(),
            channels: BTreeSet::from([CHANNEL.to_owned()]),
            shows_history: true,
            shows_channels: true,
            shows_reactions: true,
            shows_users: true,
            shows_groups: true,
            reactions: BTreeMap::new(),
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            deactivated: BTreeSet::new(),
            may_post: true,
            webhook_answer: (200, "ok".to_owned()),
            archived: BTreeSet::new(),
            outside: BTreeSet::new(),
            now: None,
            messages: Vec::new(),
            edits: BTreeMap::new(),
            deleted: BTreeSet::new(),
            may_edit: true,
            may_upload: true,
            pending_files: Vec::new(),
            files: Vec::new(),
            taken: 0,
            read: 0,
            pings: Vec::new(),
            faults: Faults::default(),
            ping_faults: Faults::default(),
            requests: Vec::new(),
            unexpected: Vec::new(),
        }
    }
}

impl State {
    /// Returns the state of another Slack with the same token, channels and messages, to which nothing has happened yet.
    pub(super) fn fork(&self) -> Self {
        Self {
            token: self.token.clone(),
            channels: self.channels.clone(),
            now: self.now,
            messages: self.messages.clone(),
            edits: self.edits.clone(),
            deleted: self.deleted.clone(),
            reactions: self.reactions.clone(),
            users: self.users.clone(),
            groups: self.groups.clone(),
            deactivated: self.deactivated.clone(),
            files: self.files.clone(),
            taken: self.messages.len(),
            read: self.messages.len(),
            ..Self::default()
        }
    }
}

/// Answers one request.
pub(super) fn answer(state: &mut State, request: &Request) -> Reply {
    let received = ReceivedRequest {
        order: state.requests.len() as u64,
        ..request.received.clone()
    };
    state.requests.push(received.clone());
    let path = received.path.as_str();
    if path == "/" {
        // Whoever wonders whether a ping would arrive.
        return Reply::new(404, "text/plain", "nothing here");
    }
    let (faults, refuse): (_, ErrorFormat) = if path.starts_with("/heartbeat") {
        (&mut state.ping_faults, text_error)
    } else if path.starts_with("/services") {
        (&mut state.faults, text_error)
    } else {
        (&mut state.faults, api_error)
    };
    let fault = faults.next_for(&received.target());
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
    if path.starts_with("/heartbeat/") {
        state.pings.push(path.to_owned());
        return Reply::new(200, "text/plain", "OK");
    }
    if path.starts_with(files::UPLOAD_PATH) {
        return files::take_bytes(state, request, path);
    }
    if path.starts_with("/services/") {
        return webhook(state, request, path);
    }
    let result = match path {
        "/api/chat.postMessage" => authorise(state, request).and_then(|()| post(state, request)),
        "/api/chat.update" => {
            authorise(state, request).and_then(|()| threads::update(state, request))
        }
        "/api/conversations.history" | "/api/conversations.replies" => {
            authorise(state, request).and_then(|()| history::answer(state, &arguments(request)))
        }
        "/api/reactions.get" => {
            authorise(state, request).and_then(|()| reactions::get(state, &arguments(request)))
        }
        "/api/users.info" => {
            authorise(state, request).and_then(|()| reactions::user(state, &arguments(request)))
        }
        "/api/usergroups.list" => authorise(state, request)
            .and_then(|()| reactions::groups(state, &arguments(request))),
        "/api/blocks.validate" => {
            authorise(state, request).map(|()| blocks::validate(&arguments(request)))
        }
        "/api/auth.test" => authorise(state, request).map(|()| {
            json!({ "ok": true, "team": "Example", "team_id": "T0EXAMPLE", "user": "hushwatch", "user_id": "U0EXAMPLE", "bot_id": "B0EXAMPLE" })
        }),
        "/api/conversations.info" => {
            authorise(state, request).and_then(|()| conversation(state, &arguments(request)))
        }
        "/api/files.getUploadURLExternal" => {
            authorise(state, request).and_then(|()| files::begin(state, request))
        }
        "/api/files.completeUploadExternal" => {
            authorise(state, request).and_then(|()| files::complete(state, request))
        }
        _ => {
            let received = &request.received;
            state.unexpected.push(format!("{} {}", received.method, received.path));
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

/// Returns the scopes of the token, which every answer of the Web API names.
fn scopes(state: &State) -> String {
    let all = [
        (state.may_post, "chat:write"),
        (state.shows_history, "channels:history,im:history"),
        (state.shows_channels, "channels:read,im:read"),
        (state.shows_reactions, "reactions:read"),
        (state.shows_users, "users:read"),
        (state.shows_groups, "usergroups:read"),
        (state.may_upload, "files:write"),
    ];
    let held = all.iter().filter(|(has, _)| *has).map(|(_, scope)| *scope);
    held.collect::<Vec<_>>().join(",")
}

/// Answers `conversations.info`.
fn conversation(state: &State, arguments: &Value) -> Result<Value, blocks::Rejection> {
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

fn authorise(state: &State, request: &Request) -> Result<(), blocks::Rejection> {
    let header = request.header("authorization").unwrap_or_default();
    match header.strip_prefix("Bearer ") {
        None => Err(("not_authed", String::new())),
        Some(token) if token != state.token => Err(("invalid_auth", String::new())),
        Some(_) => Ok(()),
    }
}

/// Returns the arguments, from a JSON body, a form or the query.
pub(super) fn arguments(request: &Request) -> Value {
    if let Ok(json) = serde_json::from_slice(&request.body) {
        return json;
    }
    let form = parse_query(&String::from_utf8_lossy(&request.body));
    let pairs = form.iter().chain(&request.received.query);
    let pairs = pairs.map(|(name, value)| (name.clone(), json!(value)));
    Value::Object(pairs.collect::<Map<String, Value>>())
}

/// Answers `chat.postMessage`.
fn post(state: &mut State, request: &Request) -> Result<Value, blocks::Rejection> {
    if !state.may_post {
        return Err(("missing_scope", "chat:write".to_owned()));
    }
    let payload: Value = serde_json::from_slice(&request.body).map_err(|e| {
        state.unexpected.push(format!("chat.postMessage: {e}"));
        ("invalid_json", e.to_string())
    })?;
    let channel = known_channel(state, &payload)?;
    threads::check_parent(state, &channel, &payload)?;
    check_payload(state, &payload)?;
    let ts = record(state, &payload, &channel, Via::Bot);
    // For a user, the answer names the direct conversation.
    let channel = match channel.strip_prefix('U') {
        Some(user) => format!("D{user}"),
        None => channel,
    };
    Ok(json!({ "ok": true, "channel": channel, "ts": ts, "message": { "text": payload["text"] } }))
}

pub(super) fn known_channel(state: &State, arguments: &Value) -> Result<String, blocks::Rejection> {
    let channel = arguments["channel"].as_str().unwrap_or_default();
    let user = channel.strip_prefix('D').map(|user| format!("U{user}"));
    let known = [Some(channel.to_owned()), user].into_iter().flatten();
    let found = known.into_iter().find(|id| state.channels.contains(id));
    found.ok_or_else(|| ("channel_not_found", String::new()))
}

pub(super) fn check_payload(state: &mut State, payload: &Value) -> Result<(), blocks::Rejection> {
    blocks::check(payload).inspect_err(|(error, why)| {
        state.unexpected.push(format!("{error}: {why}"));
    })
}

/// Records a message; returns its `ts`.
fn record(state: &mut State, payload: &Value, channel: &str, via: Via) -> String {
    let order = state.messages.len() as u64;
    let seconds = state.now.map_or(0, |now| now.0.div_euclid(1000));
    let ts = format!("{seconds}.{:06}", order + 1);
    let message = Received::from_payload(payload, channel, order, ts.clone(), via);
    state.messages.push(message);
    ts
}

fn webhook(state: &mut State, request: &Request, path: &str) -> Reply {
    if path != WEBHOOK_PATH {
        return slack_error(path, "no_service");
    }
    // An empty message, which checks whether the webhook works.
    if request.body == b"{}" {
        return slack_error(path, "no_text");
    }
    let Ok(payload) = serde_json::from_slice(&request.body) else {
        state.unexpected.push("webhook: not JSON".to_owned());
        return slack_error(path, "invalid_payload");
    };
    if let Err((error, _)) = check_payload(state, &payload) {
        return slack_error(path, error);
    }
    record(state, &payload, CHANNEL, Via::Webhook);
    let (status, body) = &state.webhook_answer;
    Reply::new(*status, "text/html", body)
}

/// Returns an error code in the format of the Web API or of a webhook.
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
    Reply::new(status, "text/plain", error)
}

/// Returns an error of the Web API, which has status 200 unless it is a 429 or a server error.
fn api_error(status: u16, words: Option<(i64, &str)>) -> Reply {
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

fn text_error(status: u16, words: Option<(i64, &str)>) -> Reply {
    let (status, text) = match (status, words) {
        (_, Some((_, text))) => (status, text),
        (401, None) => (403, "invalid_token"),
        (429, None) => (429, "rate_limited"),
        (_, None) => (status, "server_error"),
    };
    Reply::new(status, "text/plain", text)
}
