//! Sending the canary's mail: the only mail that hushwatch sends through Postmark.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::convert::{self, Flaw};
use super::error::Error;
use super::server::Server;
use crate::model::{CANARY_TAG, StreamId};

const SUBJECT: &str = "hushwatch canary";
const TEXT: &str = "hushwatch sent this mail to itself, to see that mail sent through Postmark arrives. Nobody needs to read it.\n";

impl Server {
    /// Sends one mail, and returns its `MessageID`. One request, never repeated: a repeat would be a second mail.
    ///
    /// # Errors
    /// `Refused`, `AccountInactive` or `TokenRefused` where Postmark does not take it; else any [`super::ErrorKind`].
    pub async fn send_canary(
        &self,
        stream: &StreamId,
        from: &str,
        to: &str,
    ) -> Result<String, Error> {
        let body = json!({
            "From": from, "To": to, "Subject": SUBJECT, "TextBody": TEXT, "MessageStream": stream.0,
            "Tag": CANARY_TAG, "TrackOpens": false, "TrackLinks": "None",
        });
        let request = self.0.request("send the canary's mail", "/email", "");
        let request = request.change(Method::POST, body.to_string());
        self.0.allow(self.0.requests() + 1);
        self.0.fetch(&request, sent).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sent {
    #[serde(rename = "MessageID")]
    message_id: Option<String>,
}

fn sent(body: &[u8]) -> Result<String, Flaw> {
    let sent: Sent = convert::json(body)?;
    let id = sent.message_id.filter(|id| !id.is_empty());
    id.ok_or("a mail that was sent without MessageID")
}
