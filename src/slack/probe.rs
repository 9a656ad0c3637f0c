//! Checks a credential and a channel without posting.
//!
//! From `auth.test` and `conversations.info` (docs.slack.dev); every answer of the Web API names the token's scopes in a
//! header. A webhook can only be posted to: an empty message is rejected with `no_text` if the webhook works.

use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use crate::retry::RetryClass;
use crate::slack::client::{JSON, MAX_ANSWER_BYTES, Slack, receive, send_error};
use crate::slack::error::Error;
use crate::slack::error_code::ErrorCode;
use crate::slack::history::is_scope;
use crate::slack::methods::{needed, permission_remedy};
use crate::slack::response::{self, Dialect, quotable_code, rejection};
use crate::text::sanitize::clean;

/// The header with the scopes of the token, separated by commas.
const SCOPES: &str = "x-oauth-scopes";

/// The owner of a bot token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name of the workspace, sanitized.
    pub team: String,
    /// The name of the bot, sanitized.
    pub user: String,
    /// The id of the bot's user.
    pub user_id: String,
    /// The scopes of the token; `None` if Slack does not name them.
    pub scopes: Option<Vec<String>>,
}

/// A conversation as the bot sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// The name, sanitized; a direct message has none.
    pub name: Option<String>,
    /// Whether the channel is archived and takes no messages.
    pub is_archived: bool,
    /// Whether the bot is a member; always true for a direct message.
    pub is_member: bool,
}

impl Slack {
    /// Fetches the owner of the token.
    ///
    /// # Errors
    /// If Slack rejects the token or does not answer; [`RetryClass::Retry`] if that may be temporary.
    pub async fn fetch_identity(&self) -> Result<Identity, Error> {
        let (scopes, body) = self.call("auth.test", &[]).await?;
        let text = |key: &str| clean(body[key].as_str().unwrap_or("?"));
        Ok(Identity {
            team: text("team"),
            user: text("user"),
            user_id: text("user_id"),
            scopes,
        })
    }

    /// Fetches what the bot sees of `channel`, the id of a conversation.
    ///
    /// # Errors
    /// As [`Self::fetch_identity`]; a missing scope is [`RetryClass::Permanent`] and is named.
    pub async fn fetch_conversation(&self, channel: &str) -> Result<Conversation, Error> {
        let query = [("channel", channel)];
        let (_, body) = self.call("conversations.info", &query).await?;
        let conversation = &body["channel"];
        Ok(Conversation {
            name: conversation["name"].as_str().map(clean),
            is_archived: conversation["is_archived"] == true,
            is_member: conversation["is_member"] == true || conversation["is_im"] == true,
        })
    }

    /// Checks that the webhook would accept a message: Slack rejects an empty one for being empty and for nothing else;
    /// services that stand in for Slack may accept even that.
    ///
    /// # Errors
    /// If the webhook would not accept it, or does not answer.
    pub async fn check_webhook(&self) -> Result<(), Error> {
        let request = self.client.post(self.url.clone());
        let request = request.header(CONTENT_TYPE, JSON).body("{}");
        let received = request.send().await.map_err(read_error)?;
        let answer = receive(received, MAX_ANSWER_BYTES).await;
        let body = answer.body.as_deref().unwrap_or_default();
        let text = std::str::from_utf8(body).unwrap_or_default().trim();
        let code = quotable_code(text);
        match code.and_then(ErrorCode::parse) {
            Some(ErrorCode::NoText | ErrorCode::MissingTextOrFallbackOrAttachments) => Ok(()),
            _ => match response::read(Dialect::Webhook, &answer) {
                Ok(_) => Ok(()),
                // It says what was wrong with it, where the status does not.
                Err(error) if (200..300).contains(&answer.status) && code.is_none() => Err(error),
                Err(_) => Err(rejection(answer.status, code, with_remedy)),
            },
        }
    }

    /// Calls a method that only reads; returns the token's scopes and the answer.
    pub(super) async fn call(
        &self,
        method: &str,
        query: &[(&str, &str)],
    ) -> Result<(Option<Vec<String>>, Value), Error> {
        let url = self.url.join(method).map_err(|_| {
            let message = "slack.base_url takes no method; check it";
            Error::new(RetryClass::Permanent, message)
        })?;
        let request = self.client.get(url).query(query);
        let received = request.send().await.map_err(read_error)?;
        let scopes = scopes(&received);
        let answer = receive(received, MAX_ANSWER_BYTES).await;
        let body = answer.body.unwrap_or_default();
        match serde_json::from_slice::<Value>(&body) {
            Ok(body) if answer.status == 200 && body["ok"] == true => Ok((scopes, body)),
            Ok(body) if body["ok"] == false => {
                let code = body["error"].as_str().and_then(quotable_code);
                let permission = permission_remedy(method, code, needed(&body));
                let message = |reason: &str, remedy: &str| {
                    with_remedy(reason, permission.as_deref().unwrap_or(remedy))
                };
                Err(rejection(answer.status, code, message))
            }
            _ if answer.status == 200 => Err(Error::new(
                RetryClass::Permanent,
                "the answer is not in Slack's format; check slack.base_url, and the proxy if there is one",
            )),
            _ => Err(rejection(answer.status, None, with_remedy)),
        }
    }
}

/// The error for a request that only reads, and so can be repeated whatever became of it.
pub(super) fn read_error(error: reqwest::Error) -> Error {
    let message = if error.is_timeout() {
        "Slack does not answer in time; check the network".to_owned()
    } else {
        send_error(error).message
    };
    Error::new(RetryClass::Retry, message)
}

pub(super) fn with_remedy(reason: &str, remedy: &str) -> String {
    format!("{reason}; {remedy}")
}

fn scopes(response: &Response) -> Option<Vec<String>> {
    let header = response.headers().get(SCOPES)?.to_str().ok()?;
    let scopes = header.split(',').map(str::trim).filter(|s| is_scope(s));
    Some(scopes.map(str::to_owned).collect())
}
