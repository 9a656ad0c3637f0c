//! `POST /email`: mail that a client sends.

use std::time::Duration;

use serde_json::{Value, json};

use crate::model::{MINUTE, Timestamp};

use super::eastern;
use super::http::Refusal;
use super::mail::Mail;
use super::quirks::Quirks;
use super::server::Server;

/// What becomes of the mail that clients send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SentMail {
    /// It is delivered within seconds.
    #[default]
    Arrives,
    /// Nothing more is heard of it.
    Vanishes,
    /// It bounces.
    Bounces,
}

pub(super) fn send(
    server: &mut Server,
    (quirks, now): (Quirks, Timestamp),
    body: &[u8],
) -> Result<String, Refusal> {
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let (to, stream) = (text("To"), text("MessageStream"));
    if !text("From").contains('@') || !to.contains('@') {
        return Err(Refusal::invalid(300, "Invalid email request."));
    }
    if server.stream(&stream).is_none() {
        let why = "The 'MessageStream' provided does not exist on this server.";
        return Err(Refusal::invalid(1235, why));
    }
    let mail = Mail::new(&stream, now, &to).tag(&text("Tag"));
    let mail = match server.sent_mail {
        SentMail::Arrives => mail.delivered_after(Duration::from_secs(2)),
        SentMail::Vanishes => mail,
        SentMail::Bounces => mail.bounced("SoftBounce", now + MINUTE),
    };
    let id = server.push(mail);
    Ok(json!({
        "To": to, "SubmittedAt": eastern::stamp(now, 0, quirks), "MessageID": id, "ErrorCode": 0, "Message": "OK",
    })
    .to_string())
}
