//! What Slack says of a credential and a channel before anything is posted.
//!
//! From `auth.test` and `conversations.info` (docs.slack.dev); the scopes of a token stand in the header of every answer
//! of the Web API. A webhook can only be posted to: an empty message is refused with `no_text` where it is alive.

use reqwest::Response;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;

use crate::slack::answer::{self, Dialect, judge_status, word};
use crate::slack::client::{LONGEST_ANSWER, Slack, receive, unsent};
use crate::slack::error::{Class, Error};
use crate::slack::refusal::judge;
use crate::text::sanitize::clean;

/// The header with the scopes of the token, between commas.
const SCOPES: &str = "x-oauth-scopes";

/// Whom a bot's token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The workspace's name, cleaned.
    pub team: String,
    /// The bot's name, cleaned.
    pub user: String,
    /// What it may do; `None` where Slack does not say.
    pub scopes: Option<Vec<String>>,
}

/// A conversation as the bot sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Its name, cleaned; a direct message has none.
    pub name: Option<String>,
    /// Whether nobody can post there any more.
    pub is_archived: bool,
    /// Whether the bot was invited; a direct message has it by itself.
    pub is_member: bool,
}

impl Slack {
    /// Whom the token belongs to.
    ///
    /// # Errors
    /// Where Slack refuses it, or gives no answer; [`Class::Later`] where that may pass.
    pub async fn identity(&self) -> Result<Identity, Error> {
        let (scopes, body) = self.ask("auth.test", &[]).await?;
        let text = |key: &str| clean(body[key].as_str().unwrap_or("?"));
        Ok(Identity {
            team: text("team"),
            user: text("user"),
            scopes,
        })
    }

    /// What the bot sees of `channel`, the id of a conversation.
    ///
    /// # Errors
    /// Those of [`Self::identity`]; a scope that is missing is [`Class::Never`] with the scope's name.
    pub async fn conversation(&self, channel: &str) -> Result<Conversation, Error> {
        let query = [("channel", channel)];
        let (_, body) = self.ask("conversations.info", &query).await?;
        let of = &body["channel"];
        Ok(Conversation {
            name: of["name"].as_str().map(clean),
            is_archived: of["is_archived"] == true,
            is_member: of["is_member"] == true || of["is_im"] == true,
        })
    }

    /// Whether the webhook would take a message: an empty one is refused for being empty, and for nothing else. What
    /// stands in for Slack may accept even that.
    ///
    /// # Errors
    /// Where it would not, or gives no answer.
    pub async fn webhook_is_alive(&self) -> Result<(), Error> {
        let request = self.client.post(self.url.clone());
        let request = request
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .body("{}");
        let response = request.send().await.map_err(unanswered)?;
        let answer = receive(response, LONGEST_ANSWER).await;
        let body = answer.body.as_deref().unwrap_or_default();
        let said = std::str::from_utf8(body).unwrap_or_default().trim();
        match word(said) {
            Some("no_text" | "missing_text_or_fallback_or_attachments") => Ok(()),
            word if answer::read(Dialect::Webhook, &answer).is_err() => {
                Err(refused(answer.status, word, ""))
            }
            _ => Ok(()),
        }
    }

    async fn ask(
        &self,
        method: &str,
        query: &[(&str, &str)],
    ) -> Result<(Option<Vec<String>>, Value), Error> {
        let url = self.url.join(method).map_err(|_| {
            let what = "slack.base_url takes no method; check it";
            Error::new(Class::Never, what)
        })?;
        let mut request = self.client.get(url).query(query);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let response = request.send().await.map_err(unanswered)?;
        let scopes = scopes(&response);
        let answer = receive(response, LONGEST_ANSWER).await;
        let body = answer.body.unwrap_or_default();
        match serde_json::from_slice::<Value>(&body) {
            Ok(body) if answer.status == 200 && body["ok"] == true => Ok((scopes, body)),
            Ok(body) if body["ok"] == false => {
                let needed = body["needed"].as_str().filter(|n| is_scope(n));
                let word = body["error"].as_str().and_then(word);
                Err(refused(answer.status, word, needed.unwrap_or_default()))
            }
            _ if answer.status == 200 => Err(Error::new(
                Class::Never,
                "the answer is not Slack's; check slack.base_url, and the proxy if there is one",
            )),
            _ => Err(refused(answer.status, None, "")),
        }
    }
}

fn unanswered(error: reqwest::Error) -> Error {
    let timed_out = error.is_timeout();
    match unsent(error) {
        Error { what, .. } if !timed_out => Error::new(Class::Later, what),
        _ => Error::new(
            Class::Later,
            "Slack does not answer in time; check the network",
        ),
    }
}

fn refused(status: u16, word: Option<&str>, needed: &str) -> Error {
    let (class, remedy) = word.and_then(judge).unwrap_or_else(|| judge_status(status));
    let reason = word.map_or_else(
        || format!("HTTP status {status}"),
        |word| format!("`{word}`"),
    );
    match needed {
        "" => Error::new(class, format!("{reason}; {remedy}")),
        needed => Error::new(class, format!("{reason}; give the app the scope {needed}")),
    }
}

fn scopes(response: &Response) -> Option<Vec<String>> {
    let header = response.headers().get(SCOPES)?.to_str().ok()?;
    let scopes = header.split(',').map(str::trim).filter(|s| is_scope(s));
    Some(scopes.map(str::to_owned).collect())
}

/// Nothing of an answer is quoted that might repeat what was sent.
fn is_scope(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || matches!(c, ':' | ',' | '.' | '_');
    !text.is_empty() && text.len() <= 120 && text.chars().all(is_part)
}
