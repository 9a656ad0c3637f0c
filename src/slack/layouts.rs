//! `blocks.validate`: what Slack says of a layout without posting it. The method came in 2026 and needs no scope; whether what it says
//! always holds for a post is not known.

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::slack::client::{JSON, MAX_ANSWER_BYTES, Slack, receive};
use crate::slack::error::Error;
use crate::slack::methods::{needed, permission_remedy};
use crate::slack::probe::{read_error, with_remedy};
use crate::slack::response::{quotable_code, rejection};
use crate::text::sanitize::{clean, truncate};

const METHOD: &str = "blocks.validate";
/// The maximum number of faults that are told, and of characters of each.
const MAX_FAULTS: usize = 3;
const MAX_FAULT_CHARS: usize = 200;

/// What Slack says of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayoutVerdict {
    Valid,
    /// What is wrong, and where: each names a path in the blocks, where Slack says one.
    Invalid(Vec<String>),
}

impl Slack {
    /// Asks whether Slack takes the blocks of `payload`.
    ///
    /// # Errors
    /// If Slack does not know the method, rejects the token or does not answer.
    pub async fn validate_blocks(&self, payload: &Value) -> Result<LayoutVerdict, Error> {
        let body = json!({ "blocks": payload["blocks"].to_string() });
        let request = self.client.post(self.method(METHOD)?);
        let request = request.header(CONTENT_TYPE, JSON).body(body.to_string());
        let received = request.send().await.map_err(read_error)?;
        let answer = receive(received, MAX_ANSWER_BYTES).await;
        let body = answer.body.unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if answer.status == 200 && body["ok"] == true {
            return Ok(LayoutVerdict::Valid);
        }
        let code = body["error"].as_str().and_then(quotable_code);
        match code {
            Some("invalid_blocks" | "invalid_blocks_format") => {
                Ok(LayoutVerdict::Invalid(faults(&body)))
            }
            code => {
                let permission = permission_remedy(METHOD, code, needed(&body));
                Err(rejection(answer.status, code, |reason, remedy| {
                    with_remedy(reason, permission.as_deref().unwrap_or(remedy))
                }))
            }
        }
    }
}

/// Returns the faults that an answer names, each as `what at /path`.
fn faults(body: &Value) -> Vec<String> {
    let errors = body["errors"].as_array().into_iter().flatten();
    let fault = |error: &Value| {
        let text = |key: &str| error[key].as_str().map(clean).filter(|t| !t.is_empty());
        let what = text("message").or_else(|| text("code"))?;
        let place = text("pointer").map(|at| format!(" at {at}"));
        let fault = what + &place.unwrap_or_default();
        Some(truncate(&fault, MAX_FAULT_CHARS))
    };
    let mut faults: Vec<String> = errors.filter_map(fault).take(MAX_FAULTS).collect();
    if faults.is_empty() {
        faults.push("it does not say why".to_owned());
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_what_and_where() {
        let body = json!({ "ok": false, "error": "invalid_blocks", "errors": [
            { "code": "too_long", "message": "must be less than 151\ncharacters", "pointer": "/blocks/0/text/text", "constraint": { "type": "max" } },
            { "code": "unknown_block" },
            { "pointer": "/blocks/1" },
        ] });
        let long = "must be less than 151 characters at /blocks/0/text/text";
        assert_eq!(faults(&body), [long, "unknown_block"]);
        for body in [
            Value::Null,
            json!({ "errors": "?" }),
            json!({ "errors": [7] }),
        ] {
            assert_eq!(faults(&body), ["it does not say why"]);
        }
    }
}
