//! The HTTP interface: authenticates a request, applies faults, and dispatches to an endpoint.

use serde_json::json;

use crate::model::Timestamp;
use crate::sim::fault::Fault;
use crate::sim::http::{ReceivedRequest, Reply, Request};

use super::quirks::Quirks;
use super::server::Server;
use super::world::{Shared, World};
use super::{
    account, bounces, details, email, messages, stats, status_page, streams, suppressions,
};

/// The data that an endpoint reads.
pub(super) struct View<'a> {
    pub(super) server: &'a Server,
    pub(super) quirks: Quirks,
    pub(super) now: Timestamp,
}

/// An error answer in Postmark's format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: i64,
    pub(super) message: String,
}

impl Refusal {
    /// Creates an answer with status 422, this code and this text.
    pub(super) fn invalid(code: i64, message: impl Into<String>) -> Self {
        Self {
            status: 422,
            code,
            message: message.into(),
        }
    }
}

/// Answers one request.
pub(super) fn answer(world: &Shared, request: &Request) -> Reply {
    let world = &mut *world.lock();
    let token = request.header("x-postmark-server-token");
    let place = token.and_then(|token| world.server_index_by_token(token));
    let received = log(world, &request.received, place);
    let fault = strike(world, place, &received.target());
    let (quirks, date) = (world.quirks, world.date);
    let mut honest = || match place {
        _ if received.path.starts_with(status_page::PATH) => status_page::answer(world, &received),
        _ if account::is_here(&received.path) => account::answer(world, request, &received),
        Some(place) => serve(world, place, &received, &request.body),
        None => reject_token(request, quirks),
    };
    let mut reply = match fault {
        Some(fault) => fault.reply(fault_answer, honest),
        None => honest(),
    };
    if let Some(date) = date {
        reply = reply.with_header("Date", http_date(date));
    }
    if !quirks.error_code_header {
        reply.headers.retain(|(name, _)| *name != ERROR_CODE_HEADER);
    }
    reply
}

/// Formats an HTTP date (RFC 9110, 5.6.7).
fn http_date(at: Timestamp) -> String {
    at.to_utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

const ERROR_CODE_HEADER: &str = "X-PM-ApiErrorCode";

fn log(world: &mut World, received: &ReceivedRequest, place: Option<usize>) -> ReceivedRequest {
    let received = ReceivedRequest {
        order: world.request_count,
        server: place.and_then(|place| Some(world.servers.get(place)?.name.clone())),
        ..received.clone()
    };
    world.request_count += 1;
    world.requests.push(received.clone());
    received
}

fn strike(world: &mut World, place: Option<usize>, target: &str) -> Option<Fault> {
    let of_all = world.faults.next_for(target);
    of_all.or_else(|| world.servers.get_mut(place?)?.faults.next_for(target))
}

/// An endpoint: its path, its parameters, and its handler.
type Endpoint = (
    &'static str,
    &'static [&'static str],
    fn(&View<'_>, &ReceivedRequest) -> Result<String, Refusal>,
);

const ENDPOINTS: [Endpoint; 9] = [
    ("/server", &[], streams::own_server),
    ("/message-streams", streams::PARAMETERS, streams::list),
    ("/messages/outbound", messages::PARAMETERS, messages::list),
    ("/bounces", bounces::PARAMETERS, bounces::list),
    ("/deliverystats", &[], bounces::summary),
    ("/stats/outbound", stats::PARAMETERS, stats::overview),
    ("/stats/outbound/sends", stats::PARAMETERS, stats::sends),
    ("/stats/outbound/bounces", stats::PARAMETERS, stats::bounces),
    ("/stats/outbound/spam", stats::PARAMETERS, stats::spam),
];

fn serve(world: &mut World, place: usize, received: &ReceivedRequest, body: &[u8]) -> Reply {
    let server = &mut world.servers[place];
    server.sort();
    let (quirks, now) = (world.quirks, world.now);
    let (parameters, result) = match answer_mutable(server, (quirks, now), received, body) {
        Some((parameters, result)) => (Some(parameters), result),
        None if received.method != "GET" => (None, Err(unknown_path())),
        None => answer_readonly(
            &View {
                server,
                quirks,
                now,
            },
            received,
        ),
    };
    world.unexpected.extend(undocumented(received, parameters));
    match result {
        Ok(body) => Reply::json(200, body),
        Err(r) => refusal(r.status, r.code, &r.message),
    }
}

/// The parameters of an endpoint, and its answer.
type Answered = (&'static [&'static str], Result<String, Refusal>);

/// Answers a request that changes the server.
fn answer_mutable(
    server: &mut Server,
    (quirks, now): (Quirks, Timestamp),
    received: &ReceivedRequest,
    body: &[u8],
) -> Option<Answered> {
    let path = received.path.as_str();
    let (list, bounce) = (suppressions::parts_of(path), suppressions::bounce_in(path));
    Some(match (received.method.as_str(), list, bounce) {
        ("GET", Some((stream, "dump")), _) => (
            suppressions::PARAMETERS,
            suppressions::dump(server, (quirks, now), stream, received),
        ),
        ("POST", Some((stream, "delete")), _) => {
            (&[], suppressions::delete(server, now, stream, body))
        }
        ("POST", None, None) if path == "/email" => (&[], email::send(server, (quirks, now), body)),
        ("PUT", _, Some(id)) => (&[], suppressions::activate(server, (quirks, now), id)),
        _ => return None,
    })
}

/// Answers a request that only reads.
fn answer_readonly(
    view: &View<'_>,
    received: &ReceivedRequest,
) -> (Option<&'static [&'static str]>, Result<String, Refusal>) {
    // Postmark takes a slash at the end, as some clients write it.
    let path = received.path.trim_end_matches('/');
    match ENDPOINTS.iter().find(|(known, ..)| *known == path) {
        Some((_, parameters, answer)) => (Some(*parameters), answer(view, received)),
        None => match details::id_in(path) {
            Some(id) => (Some(&[]), details::answer(view, id)),
            None => (None, Err(unknown_path())),
        },
    }
}

/// Returns what the client should not have requested: an unknown path, or unknown parameters.
fn undocumented(received: &ReceivedRequest, parameters: Option<&[&str]>) -> Vec<String> {
    let Some(parameters) = parameters else {
        return vec![format!("{} {}", received.method, received.target())];
    };
    let known = |name: &str| parameters.contains(&name) || name.starts_with("metadata_");
    let unknown = received.query.iter().filter(|(name, _)| !known(name));
    unknown
        .map(|(name, _)| format!("{} {}?{name}", received.method, received.path))
        .collect()
}

fn unknown_path() -> Refusal {
    Refusal {
        status: 404,
        code: 0,
        message: "There is nothing at this address.".to_owned(),
    }
}

/// Rejects a missing or wrong token; the texts were recorded.
fn reject_token(request: &Request, quirks: Quirks) -> Reply {
    let text = if request.header("x-postmark-server-token").is_some() {
        "Request does not contain a valid Server token."
    } else if request.header("x-postmark-account-token").is_some() {
        "Please do not include Account API Token for Server API Token calls."
    } else {
        "No Account or Server API tokens were supplied in the HTTP headers. Please add a header for either X-Postmark-Server-Token or X-Postmark-Account-Token."
    };
    if quirks.refused_token_is_401 {
        refusal(401, 10, text)
    } else {
        refusal(403, 0, text)
    }
}

/// Returns the answer of a fault. The text for 429 is the documented one, shortened.
fn fault_answer(status: u16, words: Option<(i64, &str)>) -> Reply {
    let (code, text) = words.unwrap_or(match status {
        401 => (10, "Request does not contain a valid Server token."),
        429 => (
            429,
            "You are making requests at a rate that exceeds acceptable use of the API.",
        ),
        500 => (101, "An internal server error occurred. Error ID: 0"),
        503 => (100, "Postmark API is offline for maintenance."),
        _ => (0, "The request could not be processed."),
    });
    refusal(status, code, text)
}

/// Returns an error in Postmark's format.
pub(super) fn refusal(status: u16, code: i64, message: &str) -> Reply {
    let body = json!({ "ErrorCode": code, "Message": message });
    Reply::json(status, body.to_string()).with_header(ERROR_CODE_HEADER, code.to_string())
}
