//! Every watched server: its token, its kind, its streams, who sends there; and Postmark's clock.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::clock;
use crate::commands::doctor::check::Check;
use crate::commands::doctor::{duplicate_servers, lookback_start, token};
use crate::config::ServerConfig;
use crate::cycle::Context;
use crate::model::{Span, StreamId, Timestamp};
use crate::postmark::{About, Server, Stream};
use crate::secret::Secret;
use crate::text::format::{format_duration, plural};

/// Servers that are asked side by side.
const MAX_CONCURRENT_SERVERS: usize = 8;
/// Longest time for all of them.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// So many of a stream's newest messages say who sends.
const SENDER_SAMPLE: u32 = 50;
/// A clock that is off by more is looked at...
const SKEW_WARN: Duration = Duration::from_secs(30);
/// ...and fails: Postmark is asked up to our own present.
const SKEW_FAIL: Duration = Duration::from_secs(5 * 60);

/// What was found.
#[derive(Default)]
pub(crate) struct Servers {
    pub(crate) checks: Vec<Check>,
    /// Every server that is watched, as far as that is known.
    pub(crate) watched: Vec<Arc<ServerConfig>>,
    /// The domains that send.
    pub(crate) domains: BTreeSet<String>,
}

/// What was found on one server.
#[derive(Default)]
struct Found {
    checks: Vec<Check>,
    domains: BTreeSet<String>,
    clock: Option<Clock>,
    /// Postmark's number of it.
    id: Option<i64>,
}

/// An answer's date, and our clock before and after it.
#[derive(Clone, Copy, Debug)]
struct Clock {
    dated: Option<Timestamp>,
    asked: Timestamp,
    answered: Timestamp,
}

/// Asks every server of the file, and of the account.
pub(crate) async fn checks(app: &Arc<Context>, at: Timestamp) -> Servers {
    let mut found = Servers {
        checks: account(app).await,
        watched: app.account_servers.configured_and_listed(&app.config),
        ..Servers::default()
    };
    let (mut clock, mut ids) = (None, Vec::new());
    for (server, of) in found
        .watched
        .iter()
        .zip(each(app, &found.watched, at).await)
    {
        ids.extend(of.id.map(|id| (id, Arc::clone(server))));
        found.checks.extend(of.checks);
        found.domains.extend(of.domains);
        clock = clock.or(of.clock);
    }
    found.checks.extend(duplicate_servers::checks(&ids));
    found.checks.extend(clock.map(Clock::check));
    found
}

/// The account's token; its servers are known from then on.
async fn account(app: &Context) -> Vec<Check> {
    const NAME: &str = "postmark_account_token";
    let Some(source) = &app.config.account else {
        return Vec::new();
    };
    let token = match source.read() {
        Ok(token) => token,
        Err(problem) => return vec![token::missing(NAME, "", &problem)],
    };
    let check = match app.postmark.account(token.clone()).servers().await {
        Ok(listed) => {
            let servers = plural(listed.len() as u64, "server");
            app.account_servers.cache_listing(&app.config, listed);
            Check::pass(NAME, format!("Postmark account token valid: {servers}"))
        }
        Err(error) => token::refused(app, NAME, "", token, &error).await,
    };
    vec![check]
}

async fn each(app: &Arc<Context>, servers: &[Arc<ServerConfig>], at: Timestamp) -> Vec<Found> {
    let turns = Arc::new(Semaphore::new(MAX_CONCURRENT_SERVERS));
    let deadline = Instant::now() + TOTAL_TIMEOUT;
    let mut tasks = JoinSet::new();
    for (place, server) in servers.iter().cloned().enumerate() {
        let (app, turns) = (Arc::clone(app), Arc::clone(&turns));
        tasks.spawn(async move {
            let examined = async {
                let _turn = turns.acquire().await;
                examine(&app, &server, at).await
            };
            let found = tokio::time::timeout_at(deadline, examined).await;
            (place, found.unwrap_or_else(|_| out_of_time(&server)))
        });
    }
    let mut found = tasks.join_all().await;
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, found)| found).collect()
}

fn out_of_time(server: &ServerConfig) -> Found {
    let text = "Postmark took too long over the servers before this one";
    let late = Check::fail("postmark_token", text, "try again");
    Found {
        checks: vec![late.at(&server.name, &server.name.0)],
        ..Found::default()
    }
}

async fn examine(app: &Context, server: &ServerConfig, at: Timestamp) -> Found {
    let mut found = Found::default();
    match server.token.read() {
        Ok(token) => ask(app, server, token, at, &mut found).await,
        Err(problem) => {
            let missing = token::missing("postmark_token", &subject(server), &problem);
            found.checks.push(missing.of(&server.name));
        }
    }
    found.checks.extend(addresses(server));
    found
}

async fn ask(
    app: &Context,
    server: &ServerConfig,
    token: Secret,
    at: Timestamp,
    found: &mut Found,
) {
    let api = app.postmark.server(token.clone());
    let asked = clock::now();
    let about = api.about().await;
    let answered = clock::now();
    let about = match about {
        Ok(about) => about,
        Err(error) => {
            let subject = subject(server);
            let refused = token::refused(app, "postmark_token", &subject, token, &error).await;
            found.checks.push(refused.of(&server.name));
            return;
        }
    };
    found.clock = Some(Clock {
        dated: api.dated(),
        asked,
        answered,
    });
    found.id = Some(about.id);
    let valid = token::of_server(&about, &server.name);
    found.checks.push(valid.of(&server.name));
    found
        .checks
        .push(kind(&about).at(&server.name, &server.name.0));
    match api.streams().await {
        Ok(streams) => {
            let check = self::streams(&streams, server.streams.as_deref());
            found.checks.push(check.at(&server.name, &server.name.0));
            if cfg!(feature = "doctor") {
                senders(&api, server, &streams, at, found).await;
            }
        }
        Err(error) => {
            let text = format!("Cannot list the streams: {}", error.kind());
            let remedy = error.kind().remedy().unwrap_or("try again");
            let failed = Check::fail("streams", text, remedy);
            found.checks.push(failed.at(&server.name, &server.name.0));
        }
    }
}

fn subject(server: &ServerConfig) -> String {
    format!(" server={}", server.name)
}

fn kind(about: &About) -> Check {
    match about.delivery.as_deref() {
        Some("Live") => Check::pass("server_type", "Live server"),
        Some("Sandbox") => Check::warn(
            "server_type",
            "Sandbox server: Postmark delivers nothing of what it sends",
            "use the token of a live server, unless this is a test",
        ),
        _ => Check::warn(
            "server_type",
            "Postmark does not say whether the server is live",
            "look at its settings: a sandbox server delivers nothing",
        ),
    }
}

/// What Postmark lists, and what of it is to be watched.
fn streams(listed: &[Stream], wanted: Option<&[StreamId]>) -> Check {
    const NAME: &str = "streams";
    let told = |s: &Stream| match s.kind.as_str() {
        "" => s.id.0.clone(),
        kind => format!("{} ({kind})", s.id),
    };
    let all: Vec<String> = listed.iter().map(told).collect();
    let is_listed = |id: &&StreamId| listed.iter().any(|s| s.id == **id);
    let wanted = wanted.unwrap_or_default().iter();
    let lost: Vec<&str> = wanted
        .filter(|id| !is_listed(id))
        .map(|id| id.0.as_str())
        .collect();
    if listed.is_empty() {
        let remedy = "create a message stream, or use the token of another server";
        return Check::fail(
            NAME,
            "No outbound stream: there is nothing to watch",
            remedy,
        );
    }
    if !lost.is_empty() {
        let text = format!(
            "`streams` names {}, which Postmark does not list",
            lost.join(", ")
        );
        let remedy = format!("name some of {}, or leave `streams` out", all.join(", "));
        return Check::fail(NAME, text, remedy);
    }
    Check::pass(NAME, format!("Streams found: {}", all.join(", ")))
}

/// Who sends: their domains alone.
async fn senders(
    api: &Server,
    server: &ServerConfig,
    streams: &[Stream],
    at: Timestamp,
    found: &mut Found,
) {
    let watched = |id: &StreamId| server.streams.as_ref().is_none_or(|of| of.contains(id));
    for stream in streams.iter().filter(|s| watched(&s.id)) {
        let span = Span::new(lookback_start(at), at);
        match api.senders(&stream.id, span, SENDER_SAMPLE).await {
            Ok(domains) => found.domains.extend(domains),
            Err(error) => {
                let text = format!("Cannot read who sends: {}", error.kind());
                let remedy = "try again; the DNS of its domains was not checked";
                let place = format!("{}/{}", server.name, stream.id);
                let unknown = Check::warn("senders", text, remedy);
                found.checks.push(unknown.at(&server.name, &place));
            }
        }
    }
}

fn addresses(server: &ServerConfig) -> Vec<Check> {
    let mut checks = Vec::new();
    checks.push(match server.own_domains.len() {
        0 => Check::warn(
            "own_domains",
            "`own_domains` is empty, so `spam_complaint_external` is off",
            "list your own domains in its [[server]]",
        ),
        n => Check::pass(
            "own_domains",
            format!("Complaints from outside the own domains wake ({n} named)"),
        ),
    });
    checks.push(match server.operator_addresses.len() {
        0 => Check::warn(
            "operator_addresses",
            "`operator_addresses` is empty, so `operator_bounce` is off",
            "list the addresses that must get their mail in its [[server]]",
        ),
        n => Check::pass(
            "operator_addresses",
            format!("A bounce at an operator's own address wakes ({n} named)"),
        ),
    });
    let place = &server.name.0;
    checks
        .into_iter()
        .map(|c| c.at(&server.name, place))
        .collect()
}

impl Clock {
    fn check(self) -> Check {
        const NAME: &str = "clock";
        let Some(dated) = self.dated else {
            let text = "Postmark's responses have no Date header, so the clock cannot be compared";
            return Check::warn(NAME, text, "check whether a proxy in between removes it");
        };
        // A date is cut to the second.
        let ahead = self.asked.since(dated + Duration::from_secs(1));
        let behind = dated.since(self.answered);
        let (off, side) = match ahead > behind {
            true => (ahead, "ahead of"),
            false => (behind, "behind"),
        };
        let text = format!(
            "This machine's clock is {} {side} Postmark's",
            format_duration(off)
        );
        let remedy =
            "synchronise it by NTP: hushwatch asks Postmark for the mail up to its own time";
        match off {
            off if off > SKEW_FAIL => Check::fail(NAME, text, remedy),
            off if off > SKEW_WARN => Check::warn(NAME, text, remedy),
            _ => Check::pass(NAME, "The clock agrees with Postmark's"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::Outcome;

    #[test]
    fn a_clock_is_compared_with_what_lies_between_question_and_answer() {
        let at = |s: i64| Timestamp::from_secs(1_767_225_600 + s);
        let outcome = |dated: Option<Timestamp>| {
            let (asked, answered) = (at(0), at(40));
            Clock {
                dated,
                asked,
                answered,
            }
            .check()
            .outcome
        };
        assert_eq!(outcome(Some(at(-20))), Outcome::Pass);
        assert_eq!(outcome(Some(at(20))), Outcome::Pass);
        assert_eq!(outcome(Some(at(60))), Outcome::Pass);
        assert_eq!(outcome(Some(at(-40))), Outcome::Warn);
        assert_eq!(outcome(Some(at(80))), Outcome::Warn);
        assert_eq!(outcome(Some(at(-2 * 300))), Outcome::Fail);
        assert_eq!(outcome(Some(at(2 * 300))), Outcome::Fail);
        assert_eq!(outcome(None), Outcome::Warn);
    }
}
