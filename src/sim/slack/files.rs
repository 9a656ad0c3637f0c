//! Uploads in three steps: `files.getUploadURLExternal`, the bytes at the address that it names, and
//! `files.completeUploadExternal`, which shows the file in a channel or thread.

use serde_json::{Value, json};

use crate::sim::http::{Reply, Request};

use super::blocks::Rejection;
use super::http::{State, arguments};
use super::threads;

/// The beginning of the path that takes the bytes.
pub(super) const UPLOAD_PATH: &str = "/upload/v1/";
/// The maximum number of characters of a file's description.
const MAX_ALT_CHARS: usize = 1_000;
const SCOPE: &str = "files:write";

/// A file that was uploaded, and shown to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedFile {
    /// The channel in which it is shown.
    pub channel: String,
    /// The message in whose thread it is shown, if any.
    pub thread_ts: Option<String>,
    /// Its name.
    pub name: String,
    /// What people read above it.
    pub title: String,
    /// What is to be seen in it, in words.
    pub alt_text: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// A file between its steps.
#[derive(Clone, Debug, Default)]
pub(super) struct PendingFile {
    id: String,
    name: String,
    length: usize,
    alt_text: String,
    bytes: Option<Vec<u8>>,
    is_shared: bool,
}

/// Answers `files.getUploadURLExternal`, which takes a form or a query, but no JSON.
pub(super) fn begin(state: &mut State, request: &Request) -> Result<Value, Rejection> {
    if !state.may_upload {
        return Err(("missing_scope", SCOPE.to_owned()));
    }
    let is_json = request
        .header("content-type")
        .is_some_and(|kind| kind.contains("json"));
    let arguments = arguments(request);
    let text = |name: &str| arguments[name].as_str().unwrap_or_default().to_owned();
    let length = text("length").parse().unwrap_or(0);
    let problem = match (text("filename").is_empty(), length) {
        _ if is_json => Some(("invalid_arguments", "no JSON is taken")),
        (true, _) => Some(("missing_argument", "filename")),
        (_, 0) => Some(("missing_argument", "length")),
        _ if text("alt_txt").chars().count() > MAX_ALT_CHARS => Some(("alt_txt_too_long", "")),
        _ => None,
    };
    if let Some((error, why)) = problem {
        state
            .unexpected
            .push(format!("files.getUploadURLExternal: {error}: {why}"));
        return Err((error, why.to_owned()));
    }
    let id = format!("F0EXAMPLE{}", state.pending_files.len() + 1);
    state.pending_files.push(PendingFile {
        id: id.clone(),
        name: text("filename"),
        length,
        alt_text: text("alt_txt"),
        ..PendingFile::default()
    });
    // Slack's is on a host of its own; this one is where the request came from.
    let host = request.header("host").unwrap_or_default();
    let address = format!("http://{host}{UPLOAD_PATH}{id}?secret=once");
    Ok(json!({ "ok": true, "upload_url": address, "file_id": id }))
}

/// Takes the bytes of a file.
pub(super) fn take_bytes(state: &mut State, request: &Request, path: &str) -> Reply {
    let id = path.trim_start_matches(UPLOAD_PATH);
    if request.header("authorization").is_some() {
        state
            .unexpected
            .push("the token was sent to the address of an upload".to_owned());
    }
    let known = state.pending_files.iter_mut().find(|file| file.id == id);
    let Some(file) = known.filter(|file| file.bytes.is_none()) else {
        return Reply::new(404, "text/plain", "no such upload");
    };
    if file.length != request.body.len() {
        let problem = format!(
            "{} bytes were announced, {} came",
            file.length,
            request.body.len()
        );
        state.unexpected.push(problem);
        return Reply::new(400, "text/plain", "wrong length");
    }
    file.bytes = Some(request.body.clone());
    Reply::new(200, "text/plain", format!("OK - {}", request.body.len()))
}

/// Answers `files.completeUploadExternal`.
pub(super) fn complete(state: &mut State, request: &Request) -> Result<Value, Rejection> {
    if !state.may_upload {
        return Err(("missing_scope", SCOPE.to_owned()));
    }
    let arguments = arguments(request);
    let channel = arguments["channel_id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    // Here neither a channel's name nor a user's id will do.
    if !channel.starts_with(['C', 'D', 'G']) {
        state.unexpected.push(format!(
            "files.completeUploadExternal: channel_id {channel}"
        ));
        return Err(("invalid_channel", channel));
    }
    let known = super::http::known_channel(state, &json!({ "channel": channel }))?;
    threads::check_parent(state, &known, &arguments)?;
    let files = arguments["files"].as_array().cloned().unwrap_or_default();
    let mut shown = Vec::new();
    for named in &files {
        let id = named["id"].as_str().unwrap_or_default();
        let pending = state.pending_files.iter_mut().find(|file| file.id == id);
        let Some(file) = pending.filter(|file| file.bytes.is_some() && !file.is_shared) else {
            return Err(("file_not_found", id.to_owned()));
        };
        file.is_shared = true;
        state.files.push(SharedFile {
            channel: known.clone(),
            thread_ts: arguments["thread_ts"].as_str().map(str::to_owned),
            name: file.name.clone(),
            title: named["title"].as_str().unwrap_or_default().to_owned(),
            alt_text: file.alt_text.clone(),
            bytes: file.bytes.clone().unwrap_or_default(),
        });
        shown.push(json!({ "id": id, "title": named["title"] }));
    }
    if shown.is_empty() {
        state
            .unexpected
            .push("files.completeUploadExternal: no files".to_owned());
        return Err(("invalid_arguments", "files".to_owned()));
    }
    Ok(json!({ "ok": true, "files": shown }))
}
