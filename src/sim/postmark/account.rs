//! `GET /servers`, `GET /domains` and `GET /domains/{id}`, which require the account token.

use serde_json::{Value, json};

use crate::sim::http::{ReceivedRequest, Reply, Request};

use super::http::refusal;
use super::streams::server;
use super::world::World;

const SERVERS: &str = "/servers";
const DOMAINS: &str = "/domains";
/// The id of the first domain.
const FIRST_DOMAIN_ID: usize = 36_735;
const PARAMETERS: [&str; 3] = ["count", "offset", "name"];

/// The maximum number of servers per page.
const MAX_PAGE: usize = 500;

/// A domain of the account.
#[derive(Clone, Debug)]
pub(super) struct Domain {
    pub(super) name: String,
    /// The selectors of the key in use and of the one that is to follow it; empty for none.
    pub(super) selector: String,
    pub(super) pending: String,
    /// The name of the Return-Path; empty for none.
    pub(super) return_path: String,
}

impl Domain {
    fn to_json(&self, id: usize) -> Value {
        let host = |selector: &str| match selector {
            "" => String::new(),
            selector => format!("{selector}._domainkey.{}", self.name),
        };
        json!({
            "Name": self.name, "ID": id, "SPFVerified": true, "DKIMVerified": !self.selector.is_empty(), "WeakDKIM": false,
            "DKIMHost": host(&self.selector), "DKIMPendingHost": host(&self.pending), "DKIMRevokedHost": "",
            "DKIMUpdateStatus": if self.pending.is_empty() { "Verified" } else { "Pending" },
            "ReturnPathDomain": self.return_path, "ReturnPathDomainCNAMEValue": "pm.mtasv.net",
        })
    }
}

/// Whether a path is one of those that the account's token opens.
pub(super) fn is_here(path: &str) -> bool {
    path == SERVERS || path == DOMAINS || path.starts_with("/domains/")
}

pub(super) fn answer(world: &mut World, request: &Request, received: &ReceivedRequest) -> Reply {
    let token = request.header("x-postmark-account-token");
    if token.is_none() || token != world.account.as_deref() {
        let text = match request.header("x-postmark-server-token") {
            Some(_) => "Please do not include Server API Token for Account API Token calls.",
            None => "Request does not contain a valid Account token.",
        };
        return refusal(401, 10, text);
    }
    let path = received.path.as_str();
    if let Some(id) = path.strip_prefix("/domains/") {
        return domain(world, id);
    }
    let unknown = received
        .query
        .iter()
        .filter(|(name, _)| !PARAMETERS.contains(&name.as_str()));
    world
        .unexpected
        .extend(unknown.map(|(name, _)| format!("GET {path}?{name}")));
    let number = |name: &str| received.query(name).and_then(|v| v.parse::<usize>().ok());
    let (Some(count), Some(offset)) = (number("count"), number("offset")) else {
        return refusal(
            422,
            600,
            "The 'count' and 'offset' parameters are required.",
        );
    };
    if count > MAX_PAGE {
        return refusal(422, 600, "A maximum of 500 can be listed at once.");
    }
    if path == DOMAINS {
        let all = world.domains.iter().enumerate();
        let page = all.map(|(place, domain)| domain.to_json(FIRST_DOMAIN_ID + place));
        let page: Vec<Value> = page.skip(offset).take(count).collect();
        let answer = json!({ "TotalCount": world.domains.len(), "Domains": page });
        return Reply::json(200, answer.to_string());
    }
    let page = world.servers.iter().skip(offset).take(count);
    let servers: Vec<Value> = page.map(server).collect();
    let answer = json!({ "TotalCount": world.servers.len(), "Servers": servers });
    Reply::json(200, answer.to_string())
}

fn domain(world: &World, id: &str) -> Reply {
    let place = id.parse::<usize>().ok();
    let place = place.and_then(|id| id.checked_sub(FIRST_DOMAIN_ID));
    match place.and_then(|place| Some((place, world.domains.get(place)?))) {
        Some((place, domain)) => {
            let answer = domain.to_json(FIRST_DOMAIN_ID + place);
            Reply::json(200, answer.to_string())
        }
        None => refusal(422, 510, "This domain was not found."),
    }
}
