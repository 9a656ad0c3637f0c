//! `GET /message-streams` and `GET /server`.

use serde_json::{Value, json};

use crate::model::DAY;
use crate::sim::http::ReceivedRequest;

use super::eastern;
use super::http::{Refusal, View};
use super::ledger::{Stream, StreamType};
use super::server::Server;

pub(super) const PARAMETERS: &[&str] = &["MessageStreamType", "IncludeArchivedStreams"];

pub(super) fn list(view: &View<'_>, received: &ReceivedRequest) -> Result<String, Refusal> {
    let kind = received.query("MessageStreamType").unwrap_or("All");
    let archived = received.query("IncludeArchivedStreams");
    let archived = archived.is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let wanted = |stream: &&Stream| {
        (kind.eq_ignore_ascii_case("all") || kind.eq_ignore_ascii_case(stream.kind.name()))
            && (archived || !is_archived(view, stream))
    };
    let found = view.server.streams.iter().filter(wanted);
    let streams: Vec<Value> = found.map(|stream| item(view, stream)).collect();
    let answer = json!({ "TotalCount": streams.len(), "MessageStreams": streams });
    Ok(answer.to_string())
}

fn is_archived(view: &View<'_>, stream: &Stream) -> bool {
    stream.archived.is_some_and(|at| at <= view.now)
}

fn item(view: &View<'_>, stream: &Stream) -> Value {
    let archived = stream.archived.filter(|_| is_archived(view, stream));
    // Always without a fraction, as recorded.
    let stamp = |at| eastern::stamp(at, 12, super::Quirks::default());
    let unsubscribe = match stream.kind {
        StreamType::Broadcasts => "Postmark",
        StreamType::Transactional | StreamType::Inbound => "None",
    };
    json!({
        "ID": stream.id,
        "ServerID": view.server.id,
        "Name": format!("{} stream", stream.id),
        "Description": null,
        "MessageStreamType": stream.kind.name(),
        "CreatedAt": stamp(view.server.created_at),
        "UpdatedAt": null,
        "ArchivedAt": archived.map(stamp),
        "ExpectedPurgeDate": archived.map(|at| stamp(at + 45 * DAY)),
        "SubscriptionManagementConfiguration": { "UnsubscribeHandlingType": unsubscribe },
    })
}

/// Answers `GET /server`, which contains the live token, as the real one does.
pub(super) fn own_server(view: &View<'_>, _: &ReceivedRequest) -> Result<String, Refusal> {
    Ok(server(view.server).to_string())
}

pub(super) fn server(server: &Server) -> Value {
    json!({
        "ID": server.id,
        "Name": server.name,
        "ApiTokens": [server.token],
        "ServerLink": format!("https://postmarkapp.com/servers/{}/streams", server.id),
        "Color": "red",
        "SmtpApiActivated": true,
        "RawEmailEnabled": false,
        "DeliveryType": if server.sandbox { "Sandbox" } else { "Live" },
        "InboundDomain": "",
        "BounceHookUrl": "",
        "PostFirstOpenOnly": false,
        "TrackOpens": false,
        "TrackLinks": "None",
        "EnableSmtpApiErrorHooks": false,
    })
}
