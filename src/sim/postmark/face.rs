//! The HTTP face: who asks, what goes wrong, and which endpoint answers.

use serde_json::json;

use crate::model::Timestamp;
use crate::sim::fault::Fault;
use crate::sim::http::{Asked, Reply, Request};

use super::quirks::Quirks;
use super::server::Server;
use super::world::{Shared, World};
use super::{account, bounces, details, messages, stats, status_page, streams, suppressions};

/// What an endpoint looks at.
pub(super) struct View<'a> {
    pub(super) server: &'a Server,
    pub(super) quirks: Quirks,
    pub(super) now: Timestamp,
}

/// An answer that is not 200, in Postmark's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: i64,
    pub(super) message: String,
}

impl Refusal {
    /// 422 with this code and text.
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
    let place = token.and_then(|token| world.place_of_token(token));
    let asked = log(world, &request.asked, place);
    let fault = strike(world, place, &asked.target());
    let (quirks, date) = (world.quirks, world.date);
    let mut honest = || match place {
        _ if asked.path.starts_with(status_page::PATH) => status_page::answer(world, &asked),
        _ if asked.path == account::PATH => account::answer(world, request, &asked),
        Some(place) => serve(world, place, &asked, &request.body),
        None => refuse_token(request, quirks),
    };
    let mut reply = match fault {
        Some(fault) => fault.reply(faulty, honest),
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

/// As HTTP writes it (RFC 9110, 5.6.7).
fn http_date(at: Timestamp) -> String {
    at.to_utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

const ERROR_CODE_HEADER: &str = "X-PM-ApiErrorCode";

fn log(world: &mut World, asked: &Asked, place: Option<usize>) -> Asked {
    let asked = Asked {
        order: world.asked,
        server: place.and_then(|place| Some(world.servers.get(place)?.name.clone())),
        ..asked.clone()
    };
    world.asked += 1;
    world.requests.push(asked.clone());
    asked
}

fn strike(world: &mut World, place: Option<usize>, target: &str) -> Option<Fault> {
    let of_all = world.faults.strike(target);
    of_all.or_else(|| world.servers.get_mut(place?)?.faults.strike(target))
}

/// An endpoint: its path, the parameters it knows, and what answers.
type Endpoint = (
    &'static str,
    &'static [&'static str],
    fn(&View<'_>, &Asked) -> Result<String, Refusal>,
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

fn serve(world: &mut World, place: usize, asked: &Asked, body: &[u8]) -> Reply {
    let server = &mut world.servers[place];
    server.settle();
    let (quirks, now) = (world.quirks, world.now);
    let (parameters, result) = match special(server, (quirks, now), asked, body) {
        Some((parameters, result)) => (Some(parameters), result),
        None if asked.method != "GET" => (None, Err(unknown_path())),
        None => read(
            &View {
                server,
                quirks,
                now,
            },
            asked,
        ),
    };
    world.unexpected.extend(strange(asked, parameters));
    match result {
        Ok(body) => Reply::json(200, body),
        Err(r) => refusal(r.status, r.code, &r.message),
    }
}

/// The parameters that an endpoint knows, and its answer.
type Answered = (&'static [&'static str], Result<String, Refusal>);

/// What is changed, and what remembers that it was asked.
fn special(
    server: &mut Server,
    (quirks, now): (Quirks, Timestamp),
    asked: &Asked,
    body: &[u8],
) -> Option<Answered> {
    let path = asked.path.as_str();
    let (list, bounce) = (suppressions::parts_of(path), suppressions::bounce_in(path));
    Some(match (asked.method.as_str(), list, bounce) {
        ("GET", Some((stream, "dump")), _) => (
            suppressions::PARAMETERS,
            suppressions::dump(server, (quirks, now), stream, asked),
        ),
        ("POST", Some((stream, "delete")), _) => {
            (&[], suppressions::delete(server, now, stream, body))
        }
        ("PUT", _, Some(id)) => (&[], suppressions::activate(server, (quirks, now), id)),
        _ => return None,
    })
}

/// What is only read.
fn read(
    view: &View<'_>,
    asked: &Asked,
) -> (Option<&'static [&'static str]>, Result<String, Refusal>) {
    let path = asked.path.as_str();
    match ENDPOINTS.iter().find(|(known, ..)| *known == path) {
        Some((_, parameters, answer)) => (Some(*parameters), answer(view, asked)),
        None => match details::id_in(path) {
            Some(id) => (Some(&[]), details::one(view, id)),
            None => (None, Err(unknown_path())),
        },
    }
}

/// What the client should not have asked; its path, or parameters that the endpoint does not know.
fn strange(asked: &Asked, parameters: Option<&[&str]>) -> Vec<String> {
    let Some(parameters) = parameters else {
        return vec![format!("{} {}", asked.method, asked.target())];
    };
    let known = |name: &str| parameters.contains(&name) || name.starts_with("metadata_");
    let unknown = asked.query.iter().filter(|(name, _)| !known(name));
    unknown
        .map(|(name, _)| format!("{} {}?{name}", asked.method, asked.path))
        .collect()
}

fn unknown_path() -> Refusal {
    Refusal {
        status: 404,
        code: 0,
        message: "There is nothing at this address.".to_owned(),
    }
}

/// The texts are recorded ones.
fn refuse_token(request: &Request, quirks: Quirks) -> Reply {
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

/// The refusal of a fault. The 429 text is the documented one, shortened.
fn faulty(status: u16, words: Option<(i64, &str)>) -> Reply {
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

/// An error in Postmark's form.
pub(super) fn refusal(status: u16, code: i64, message: &str) -> Reply {
    let body = json!({ "ErrorCode": code, "Message": message });
    Reply::json(status, body.to_string()).with_header(ERROR_CODE_HEADER, code.to_string())
}
