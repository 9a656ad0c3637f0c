//! What Postmark's status page says: a page of Sorry™, whose JSON is not documented, so it is read as it comes.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::Value;

use super::quote;
use crate::tls::client_builder;

const MAX_BODY_BYTES: usize = 256 << 10;
const MAX_NOTICES: usize = 5;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusPage {
    pub state: State,
    /// The page's own word for it, such as `operational`.
    pub word: String,
    pub notices: Vec<Notice>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Operational,
    /// Something is under maintenance, as announced.
    Maintenance,
    Troubled,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub is_planned: bool,
    /// What it is about; text from outside, cleaned.
    pub subject: String,
}

/// Reads the status page at `base` (without a slash at the end). Two requests.
pub async fn status_page(base: &str, timeout: Duration) -> Result<StatusPage, String> {
    let client = client_builder(base)
        .timeout(timeout)
        .redirect(Policy::limited(3))
        .build()
        .map_err(|_| "no client can be made for it".to_owned())?;
    let status = ask(&client, &format!("{base}/api/v1/status")).await?;
    let (state, word) = read_state(&status).ok_or("its answer is none of a status page")?;
    // Without the notices, the state still says enough.
    let notices = ask(&client, &format!("{base}/api/v1/notices")).await;
    Ok(StatusPage {
        state,
        word,
        notices: notices.as_ref().map(read_notices).unwrap_or_default(),
    })
}

async fn ask(client: &Client, url: &str) -> Result<Value, String> {
    let response = client.get(url).send().await;
    let response = response.map_err(|error| match error.is_timeout() {
        true => "it does not answer in time",
        false => "it cannot be reached",
    })?;
    match response.status().as_u16() {
        200 => read(response).await,
        status => Err(format!("it answers with HTTP {status}")),
    }
}

async fn read(mut response: Response) -> Result<Value, String> {
    let mut body = Vec::new();
    let broken = |_| "its answer breaks off".to_owned();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err("its answer is too long".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|_| "its answer is not JSON".to_owned())
}

/// From `page.state`, such as `operational`.
fn read_state(answer: &Value) -> Option<(State, String)> {
    let word = answer["page"]["state"].as_str()?;
    let text = answer["page"]["state_text"].as_str().unwrap_or(word);
    let state = match word.to_ascii_lowercase().as_str() {
        "operational" => State::Operational,
        word if word.contains("maintenance") => State::Maintenance,
        _ => State::Troubled,
    };
    Some((state, quote::clean(text)))
}

fn read_notices(answer: &Value) -> Vec<Notice> {
    let all = answer["notices"].as_array().into_iter().flatten();
    all.filter(|notice| notice["timeline_state"] == "present")
        .filter_map(|notice| {
            Some(Notice {
                is_planned: notice["type"] == "planned",
                subject: quote::clean(notice["subject"].as_str()?),
            })
        })
        .take(MAX_NOTICES)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_state_that_is_not_known_is_trouble() {
        for (word, wanted) in [
            ("operational", State::Operational),
            ("under_maintenance", State::Maintenance),
            ("degraded", State::Troubled),
            ("a_word_of_tomorrow", State::Troubled),
        ] {
            let read = read_state(&json!({"page": {"state": word}}));
            assert_eq!(read, Some((wanted, word.to_owned())));
        }
        assert_eq!(read_state(&json!({"page": {"state": 1}})), None);
        assert_eq!(read_state(&json!([])), None);
    }

    #[test]
    fn notices_are_those_of_now() {
        let answer = json!({"notices": [
            {"type": "unplanned", "timeline_state": "present", "subject": "Delayed\nwebhooks"},
            {"type": "planned", "timeline_state": "future", "subject": "Database"},
            {"type": "planned", "timeline_state": "present"},
            7,
        ]});
        let subject = "Delayed webhooks".to_owned();
        let is_planned = false;
        assert_eq!(
            read_notices(&answer),
            [Notice {
                is_planned,
                subject
            }]
        );
        assert_eq!(read_notices(&json!({"notices": null})), []);
    }
}
