//! Uploads a picture into a thread: `files.getUploadURLExternal`, the bytes, `files.completeUploadExternal`.
//!
//! Nothing is shown before the last step. The second goes to an address that Slack names, and without the token.

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{RequestBuilder, Url};
use serde_json::{Value, json};

use crate::retry::RetryClass;
use crate::slack::client::{JSON, MAX_ANSWER_BYTES, Slack, build_client, receive, send_error};
use crate::slack::error::Error;
use crate::slack::error_code::ErrorCode;
use crate::slack::methods::{needed, permission_remedy};
use crate::slack::response::{HttpResponse, quotable_code, rejection};
use crate::text::sanitize::truncate;
use crate::tls::is_loopback;

/// The maximum number of characters of a picture's description: Slack's limit is 1,000.
const MAX_ALT_CHARS: usize = 900;
/// The last step, which shows it; the first one needs the same scope.
const METHOD: &str = "files.completeUploadExternal";
const FORM: &str = "application/x-www-form-urlencoded";
const UNFINISHED: &str = "cannot upload the picture";
/// The other remedy for what does not pass by itself: the digest is complete without a picture.
const OR_NONE: &str = "or set slack.pictures = false";

/// A picture to upload.
#[derive(Clone, Copy, Debug)]
pub struct Upload<'u> {
    pub file_name: &'u str,
    pub title: &'u str,
    /// What is to be seen in it, for who does not see it.
    pub alt_text: &'u str,
    pub png: &'u [u8],
}

impl Slack {
    /// Uploads a picture into the thread of the message `ts` in `channel`, the id of a conversation.
    ///
    /// # Errors
    /// If Slack did not confirm it. [`RetryClass::Unconfirmed`] where only the last step has no answer: the picture may be shown.
    pub async fn upload(&self, channel: &str, ts: &str, file: Upload<'_>) -> Result<(), Error> {
        let (address, id) = self.request_upload(file).await?;
        self.send_bytes(address, file.png).await?;
        let body = json!({
            "files": [{ "id": id, "title": file.title }], "channel_id": channel, "thread_ts": ts,
        });
        let url = self.method(METHOD)?;
        let request = self.client.post(url).header(CONTENT_TYPE, JSON);
        self.ask(request.body(body.to_string()), true)
            .await
            .map(drop)
    }

    /// Returns where the bytes go, and the id of the file that they become.
    async fn request_upload(&self, file: Upload<'_>) -> Result<(Url, String), Error> {
        let mut form = self.method("files.getUploadURLExternal")?;
        let url = form.clone();
        form.query_pairs_mut()
            .append_pair("filename", file.file_name)
            .append_pair("length", &file.png.len().to_string())
            .append_pair("alt_txt", &truncate(file.alt_text, MAX_ALT_CHARS));
        let form = form.query().unwrap_or_default().to_owned();
        let request = self.client.post(url).header(CONTENT_TYPE, FORM).body(form);
        let answer = self.ask(request, false).await?;
        let address = answer["upload_url"]
            .as_str()
            .and_then(|url| Url::parse(url).ok());
        let address = address.filter(|url| {
            // As where messages go: nothing leaves unencrypted but to this machine.
            url.scheme() == "https"
                || (url.scheme() == "http" && is_loopback(url.as_str()) && self.is_local())
        });
        let id = answer["file_id"].as_str().map(str::to_owned);
        address.zip(id).ok_or_else(|| {
            let why = format!("{UNFINISHED}: Slack names no place for it");
            Error::new(RetryClass::Permanent, why)
        })
    }

    async fn send_bytes(&self, address: Url, png: &[u8]) -> Result<(), Error> {
        let client = build_client(self.timeout, HeaderMap::new(), &address)?;
        let request = client.post(address).header(CONTENT_TYPE, "image/png");
        let received = request.body(png.to_vec()).send().await.map_err(retriable)?;
        let answer = receive(received, MAX_ANSWER_BYTES).await;
        match answer.status {
            200..300 => Ok(()),
            status => Err(rejection(status, None, with_remedy)),
        }
    }

    /// Sends a request; returns the answer, which said yes. Without one, the file may be shown only where the request `shows` it.
    async fn ask(&self, request: RequestBuilder, shows: bool) -> Result<Value, Error> {
        let unconfirmed = |error: Error| match error.class {
            RetryClass::Unconfirmed if !shows => Error {
                class: RetryClass::Retry,
                ..error
            },
            _ => error,
        };
        let received = request
            .send()
            .await
            .map_err(|error| unconfirmed(send_error(error)))?;
        let answer = receive(received, MAX_ANSWER_BYTES).await;
        read(&answer).map_err(|error| Error {
            retry_after: answer.retry_after,
            ..unconfirmed(error)
        })
    }
}

fn read(answer: &HttpResponse) -> Result<Value, Error> {
    let body = answer.body.as_deref().unwrap_or_default();
    match serde_json::from_slice::<Value>(body) {
        Ok(body) if answer.status == 200 && body["ok"] == true => Ok(body),
        Ok(body) if body["ok"] == false => {
            let code = body["error"].as_str().and_then(quotable_code);
            let permission = permission_remedy(METHOD, code, needed(&body));
            Err(rejection(answer.status, code, |reason, remedy| {
                match (permission, code) {
                    (Some(remedy), _) => format!("{UNFINISHED}: {reason}; {remedy}, {OR_NONE}"),
                    // It passes by itself.
                    (None, Some(code)) if is_transient(code) => with_remedy(reason, remedy),
                    (None, code) => {
                        let remedy = code.and_then(upload_remedy).unwrap_or(remedy);
                        format!("{UNFINISHED}: {reason}; {remedy}, {OR_NONE}")
                    }
                }
            }))
        }
        _ if answer.status == 200 => Err(Error::new(
            RetryClass::Unconfirmed,
            format!("{UNFINISHED}: the answer is not in Slack's format"),
        )),
        _ => Err(rejection(answer.status, None, with_remedy)),
    }
}

/// Returns what to do about an error that only uploads have; `None` for any other.
fn upload_remedy(code: &str) -> Option<&'static str> {
    Some(match code {
        "storage_limit_reached" => {
            "the workspace has no room for files: delete some, or ask its administrator for more"
        }
        "file_uploads_disabled"
        | "file_uploads_except_images_disabled"
        | "file_upload_size_restricted"
        | "file_type_not_allowed" => {
            "ask an administrator of the workspace to let the app upload images"
        }
        "posting_to_channel_denied" => {
            "ask an administrator of the workspace to let the app share files in the channel"
        }
        _ => return None,
    })
}

fn is_transient(code: &str) -> bool {
    let class = ErrorCode::parse(code).map(ErrorCode::class);
    matches!(class, Some(RetryClass::Retry | RetryClass::Unconfirmed))
}

fn with_remedy(reason: &str, remedy: &str) -> String {
    format!("{UNFINISHED}: {reason}; {remedy}")
}

/// The error for bytes that got no answer: nothing is shown yet.
fn retriable(error: reqwest::Error) -> Error {
    Error {
        class: RetryClass::Retry,
        ..send_error(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(error: &str) -> (RetryClass, String) {
        let answer = HttpResponse {
            status: 200,
            retry_after: None,
            body: Some(
                json!({ "ok": false, "error": error })
                    .to_string()
                    .into_bytes(),
            ),
        };
        let error = read(&answer).expect_err("it said no");
        (error.class, error.message)
    }

    #[test]
    fn a_refused_upload_names_its_remedy_and_how_to_do_without_pictures() {
        for (code, remedy) in [
            (
                "storage_limit_reached",
                "the workspace has no room for files: delete some, or ask its administrator for more",
            ),
            (
                "file_uploads_disabled",
                "ask an administrator of the workspace to let the app upload images",
            ),
            (
                "not_allowed_token_type",
                "SLACK_BOT_TOKEN must be a bot token (xoxb-…)",
            ),
            (
                "not_in_channel",
                "invite the app to the channel with /invite @bot",
            ),
            (
                "error_of_tomorrow",
                "look the error up in Slack's documentation, and check Slack's status page",
            ),
        ] {
            let text = format!(
                "cannot upload the picture: `{code}`; {remedy}, or set slack.pictures = false"
            );
            assert_eq!(said(code), (RetryClass::Permanent, text));
        }
    }

    #[test]
    fn a_scope_that_slack_does_not_name_is_that_of_uploads() {
        let text = "cannot upload the picture: `missing_scope`; give the app the scope files:write and install it again, or set slack.pictures = false".to_owned();
        assert_eq!(said("missing_scope"), (RetryClass::Permanent, text));
    }

    #[test]
    fn what_passes_by_itself_needs_no_setting() {
        let text = "cannot upload the picture: `ratelimited`; Slack asks to wait".to_owned();
        assert_eq!(said("ratelimited"), (RetryClass::Retry, text));
    }
}
