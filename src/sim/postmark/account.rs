//! `GET /servers`, which requires the account token.

use serde_json::{Value, json};

use crate::sim::http::{ReceivedRequest, Reply, Request};

use super::http::refusal;
use super::streams::server;
use super::world::World;

pub(super) const PATH: &str = "/servers";
const PARAMETERS: [&str; 3] = ["count", "offset", "name"];

/// The maximum number of servers per page.
const MAX_PAGE: usize = 500;

pub(super) fn answer(world: &mut World, request: &Request, received: &ReceivedRequest) -> Reply {
    let token = request.header("x-postmark-account-token");
    if token.is_none() || token != world.account.as_deref() {
        let text = match request.header("x-postmark-server-token") {
            Some(_) => "Please do not include Server API Token for Account API Token calls.",
            None => "Request does not contain a valid Account token.",
        };
        return refusal(401, 10, text);
    }
    let unknown = received
        .query
        .iter()
        .filter(|(name, _)| !PARAMETERS.contains(&name.as_str()));
    world
        .unexpected
        .extend(unknown.map(|(name, _)| format!("GET {PATH}?{name}")));
    let number = |name: &str| received.query(name).and_then(|v| v.parse::<usize>().ok());
    let (Some(count), Some(offset)) = (number("count"), number("offset")) else {
        return refusal(
            422,
            600,
            "The 'count' and 'offset' parameters are required.",
        );
    };
    if count > MAX_PAGE {
        return refusal(422, 600, "A maximum of 500 servers can be listed at once.");
    }
    let page = world.servers.iter().skip(offset).take(count);
    let servers: Vec<Value> = page.map(server).collect();
    let answer = json!({ "TotalCount": world.servers.len(), "Servers": servers });
    Reply::json(200, answer.to_string())
}
