//! A simulated healthchecks: checks by UUID and by slug, and the answers of the real one (its version 4.4 was asked).

use std::io;
use std::sync::{Arc, Mutex};

use crate::sim::fault::{Fault, Faults, Plan};
use crate::sim::http::{ReceivedRequest, Reply, Request, Server, lock};

/// The key by which slugs are found.
pub const PING_KEY: &str = "Simulated0Ping0Key0123";
/// The check that exists from the start.
pub const CHECK: &str = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278";
/// How much of a body is kept, in bytes.
const BODY_LIMIT: usize = 10_000;

/// A ping that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ping {
    /// The UUID or the slug of its check.
    pub check: String,
    /// `success`, `start`, `fail`, `log`; `ign` where the check ignored it.
    pub action: String,
    /// The id of its run.
    pub run: Option<String>,
    /// Its body, as far as it is kept.
    pub body: String,
}

#[derive(Default)]
struct State {
    slugs: Vec<String>,
    post_only: bool,
    pings: Vec<Ping>,
    requests: Vec<ReceivedRequest>,
    faults: Faults<Fault>,
}

/// A running simulation; dropping the last clone stops it.
#[derive(Clone)]
pub struct Healthchecks {
    http: Arc<Server>,
    state: Arc<Mutex<State>>,
}

impl Healthchecks {
    /// Starts a simulation with [`CHECK`] on a free port of loopback.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start() -> io::Result<Self> {
        let (http, state) = Server::start_with(State::default(), answer)?;
        Ok(Self { http, state })
    }

    /// Returns the URL of [`CHECK`].
    pub fn url(&self) -> String {
        format!("{}/ping/{CHECK}", self.http.base_url())
    }

    /// Returns the URL of the check of a slug, which need not exist.
    pub fn slug_url(&self, slug: &str) -> String {
        format!("{}/ping/{PING_KEY}/{slug}", self.http.base_url())
    }

    /// Adds a check with a slug. Two of one slug are ambiguous.
    pub fn add_slug(&self, slug: &str) {
        lock(&self.state).slugs.push(slug.to_owned());
    }

    /// Makes [`CHECK`] ignore everything but POST.
    pub fn take_post_only(&self) {
        lock(&self.state).post_only = true;
    }

    /// Adds a plan of faults.
    pub fn fail(&self, plan: Plan<Fault>) {
        lock(&self.state).faults.add(plan);
    }

    /// Ends every fault.
    pub fn clear_faults(&self) {
        lock(&self.state).faults.clear();
    }

    /// Returns the pings since the last call, in order.
    pub fn take(&self) -> Vec<Ping> {
        std::mem::take(&mut lock(&self.state).pings)
    }

    /// Returns every request so far, those too that were refused.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        lock(&self.state).requests.clone()
    }
}

fn answer(state: &mut State, request: &Request) -> Reply {
    state.requests.push(request.received.clone());
    let fault = state.faults.next_for(&request.received.target());
    let mut honest = || ping(state, request).unwrap_or_else(|(status, why)| text(status, why));
    match fault {
        None => honest(),
        Some(fault) => fault.reply(|status, _| text(status, "no"), honest),
    }
}

fn ping(state: &mut State, request: &Request) -> Result<Reply, (u16, &'static str)> {
    let path = request.received.path.trim_start_matches('/');
    let parts: Vec<&str> = path.split('/').collect();
    let (check, is_new, action) = match parts.as_slice() {
        ["ping", CHECK, action @ ..] => (CHECK, false, action),
        ["ping", PING_KEY, slug, action @ ..] => {
            if slug.to_lowercase() != *slug {
                return Err((400, "invalid url format"));
            }
            let creates = request.received.query("create") == Some("1");
            match state.slugs.iter().filter(|known| known == slug).count() {
                0 if creates => (*slug, true, action),
                0 => return Err((404, "not found")),
                1 => (*slug, false, action),
                _ => return Err((409, "ambiguous slug")),
            }
        }
        _ => return Err((404, "not found")),
    };
    let action = match action {
        [] => "success",
        [action @ ("start" | "fail" | "log")] => action,
        [status] => match status.parse::<u32>() {
            Ok(0) => "success",
            Ok(1..=255) => "fail",
            Ok(_) => return Err((400, "invalid url format")),
            Err(_) => return Err((404, "not found")),
        },
        _ => return Err((404, "not found")),
    };
    let run = request.received.query("rid").map(str::to_owned);
    if run
        .as_deref()
        .is_some_and(|run| uuid::Uuid::try_parse(run).is_err())
    {
        return Err((400, "invalid uuid format"));
    }
    let is_ignored = state.post_only && check == CHECK && request.received.method != "POST";
    let body = &request.body[..request.body.len().min(BODY_LIMIT)];
    state.pings.push(Ping {
        check: check.to_owned(),
        action: if is_ignored { "ign" } else { action }.to_owned(),
        run,
        body: String::from_utf8_lossy(body).into_owned(),
    });
    if is_new {
        state.slugs.push(check.to_owned());
        return Ok(text(201, "Created"));
    }
    Ok(text(200, "OK").with_header("Ping-Body-Limit", BODY_LIMIT.to_string()))
}

fn text(status: u16, text: &str) -> Reply {
    Reply::new(status, "text/html; charset=utf-8", text)
}
