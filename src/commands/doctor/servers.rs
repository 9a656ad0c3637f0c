//! Every watched server: its token, its kind, its streams, who sends there; and Postmark's clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::commands::doctor::check::Check;
use crate::commands::doctor::rules::Unheard;
use crate::commands::doctor::{check_side_by_side, duplicate_servers, lookback_start, token};
use crate::config::ServerConfig;
use crate::cycle::Context;
use crate::cycle::poll::servers::nothing_watched;
use crate::model::{MisnamedStream, Rule, Rules, ServerName, Severity, Span, StreamId, Timestamp};
use crate::notify::context::split_remedy;
use crate::postmark::{Server, ServerInfo, Stream};
use crate::secret::Secret;
use crate::text::format::{format_duration, plural};

/// Why nobody would hear of a stop of a server that could not be read just now, and of one whose token is another's.
const UNREACHABLE: Unheard = (
    "The server could not be read just now: nobody would hear of a stop while that lasts",
    "see what its other checks say",
);
const OTHER_SERVER: Unheard = (
    "The token belongs to another server: nobody would hear of a stop of the one whose mail is stored",
    "put the former server's token back",
);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// The number of a stream's newest messages that say who sends.
const SENDER_SAMPLE: u32 = 50;
/// A clock that is off by more is looked at...
const SKEW_WARN: Duration = Duration::from_secs(30);
/// ...and fails: Postmark is asked up to our own present.
const SKEW_FAIL: Duration = Duration::from_secs(5 * 60);

/// The checks of every server, and what other checks need of them.
#[derive(Default)]
pub(crate) struct Servers {
    pub(crate) checks: Vec<Check>,
    /// Every server that is watched, as far as that is known.
    pub(crate) watched: Vec<Arc<ServerConfig>>,
    pub(crate) domains: BTreeSet<String>,
    /// Those that could not be read just now.
    pub(super) unread: BTreeMap<ServerName, Unheard>,
}

struct ServerChecks {
    checks: Vec<Check>,
    domains: BTreeSet<String>,
    clock: Option<Clock>,
    /// Postmark's number of it.
    id: Option<i64>,
    /// `None` where it was read.
    unread: Option<Unheard>,
}

impl From<Check> for ServerChecks {
    fn from(check: Check) -> Self {
        Self {
            checks: vec![check],
            domains: BTreeSet::new(),
            clock: None,
            id: None,
            unread: Some(UNREACHABLE),
        }
    }
}

/// An answer's date, and our clock before and after it.
#[derive(Clone, Copy, Debug)]
struct Clock {
    dated: Option<Timestamp>,
    asked: Timestamp,
    answered: Timestamp,
}

/// Checks every server of the file, and of the account.
pub(crate) async fn checks(app: &Context, at: Timestamp) -> Servers {
    let account = check_account(app).await;
    let watched = app.account_servers.configured_and_listed(&app.config);
    let check = async |server: &&Arc<ServerConfig>| check_server(app, server, at).await;
    let late = |server: &&Arc<ServerConfig>| {
        let text = "Postmark took too long over the servers before this one";
        let late = Check::fail("postmark_token", text, "try again");
        ServerChecks::from(late.at_server(&server.name))
    };
    let results = check_side_by_side(&watched, TOTAL_TIMEOUT, check, late).await;
    let mut all = Servers::default();
    all.checks.extend(account);
    let (mut clock, mut ids) = (None, Vec::new());
    for (server, result) in watched.iter().zip(results) {
        ids.extend(result.id.map(|id| (id, Arc::clone(server))));
        all.checks.extend(result.checks);
        all.domains.extend(result.domains);
        clock = clock.or(result.clock);
        let unread = result.unread.map(|why| (server.name.clone(), why));
        all.unread.extend(unread);
    }
    all.checks.extend(duplicate_servers::checks(&ids));
    all.checks.extend(clock.map(Clock::check));
    all.watched = watched;
    all
}

/// Checks the account's token; its servers are known from then on.
async fn check_account(app: &Context) -> Option<Check> {
    const NAME: &str = "postmark_account_token";
    let token = match app.config.account.as_ref()?.read() {
        Ok(token) => token,
        Err(problem) => return Some(token::missing(NAME, "", &problem)),
    };
    Some(match app.postmark.account(token.clone()).servers().await {
        Ok(listed) => {
            let servers = plural(listed.len() as u64, "server");
            app.account_servers.cache_listing(&app.config, listed);
            let watched = app.account_servers.configured_and_listed(&app.config);
            if watched.is_empty() {
                let (why, remedy) = split_remedy(&nothing_watched(&app.config));
                let text = format!("Postmark account token valid, but {why}");
                return Some(Check::fail(NAME, text, remedy.unwrap_or_default()));
            }
            Check::pass(NAME, format!("Postmark account token valid: {servers}"))
        }
        Err(error) => token::refused(app, NAME, "", token, &error).await,
    })
}

async fn check_server(app: &Context, server: &ServerConfig, at: Timestamp) -> ServerChecks {
    let mut result = match server.token.read() {
        Ok(token) => query_server(app, server, token, at).await,
        Err(problem) => {
            let missing = token::missing("postmark_token", &subject(server), &problem);
            ServerChecks::from(missing.on_server(&server.name))
        }
    };
    let rules = app.config.rules_for(server);
    result.checks.extend(list_checks(server, &rules));
    result
}

async fn query_server(
    app: &Context,
    server: &ServerConfig,
    token: Secret,
    at: Timestamp,
) -> ServerChecks {
    let api = app.postmark.server(token.clone());
    let asked = clock::now();
    let info = api.info().await;
    let answered = clock::now();
    let info = match info {
        Ok(info) => info,
        Err(error) => {
            let subject = subject(server);
            let refused = token::refused(app, "postmark_token", &subject, token, &error).await;
            return ServerChecks::from(refused.on_server(&server.name));
        }
    };
    let valid = token::valid(&info, &server.name);
    let mut result = ServerChecks::from(valid.on_server(&server.name));
    let dated = api.last_date();
    result.clock = Some(Clock {
        dated,
        asked,
        answered,
    });
    result.id = Some(info.id);
    let changed = check_identity(app, server, &info).await;
    let other = changed.as_ref().map(|_| OTHER_SERVER);
    result
        .checks
        .extend(changed.map(|check| check.at_server(&server.name)));
    let kind = server_type(&info);
    result.checks.push(kind.at_server(&server.name));
    let streams = api.streams().await.map(|list| list.streams);
    let check = match &streams {
        Ok(streams) => self::streams(streams, server),
        Err(error) => {
            let text = format!("Cannot list the streams: {}", error.kind());
            let remedy = error.kind().remedy().unwrap_or("try again");
            Check::fail("streams", text, remedy)
        }
    };
    result.checks.push(check.at_server(&server.name));
    if let Ok(streams) = &streams {
        result.unread = other;
        result.checks.extend(misnamed_streams(streams, server));
    }
    if cfg!(feature = "doctor") {
        senders(&api, server, &streams.unwrap_or_default(), at, &mut result).await;
    }
    result
}

fn subject(server: &ServerConfig) -> String {
    format!(" server={}", server.name)
}

/// Returns what is wrong where the token belongs to another server than the one whose mail is stored under the name. A
/// database that cannot be read has a check of its own.
async fn check_identity(app: &Context, server: &ServerConfig, info: &ServerInfo) -> Option<Check> {
    let name = server.name.clone();
    let stored = app.store.call(move |s| s.server_identity(&name)).await;
    let stored = stored.ok()??;
    if stored.number == info.id {
        return None;
    }
    let text = format!(
        "The token belongs to {} (server {}), and what is stored under this name is of server {}",
        info.name, info.id, stored.number
    );
    let remedy = "put the former server's token back; to accept this one, `hushwatch incident ID --close` with the id of the incident that the next cycle opens";
    Some(Check::fail("same_server_as_before", text, remedy))
}

fn server_type(info: &ServerInfo) -> Check {
    let (text, remedy) = match info.delivery.as_deref() {
        Some("Live") => return Check::pass("server_type", "Live server"),
        Some("Sandbox") => (
            "Sandbox server: Postmark delivers nothing of what it sends",
            "use the token of a live server, unless this is a test",
        ),
        _ => (
            "Postmark does not say whether the server is live",
            "look at its settings: a sandbox server delivers nothing",
        ),
    };
    Check::warn("server_type", text, remedy)
}

/// Compares what Postmark lists with what is to be watched.
fn streams(listed: &[Stream], server: &ServerConfig) -> Check {
    const NAME: &str = "streams";
    let with_kind = |s: &Stream| match s.kind.as_str() {
        "" => s.id.0.clone(),
        kind => format!("{} ({kind})", s.id),
    };
    let all: Vec<String> = listed.iter().map(with_kind).collect();
    let is_listed = |id: &&StreamId| listed.iter().any(|s| s.id == **id);
    let wanted = server.streams.iter().flatten();
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
    if !listed.iter().any(|stream| server.watches(&stream.id)) {
        let text = "`ignore_streams` leaves out all of its streams: nothing is watched";
        let remedy = format!("leave one of them in: {}", all.join(", "));
        return Check::fail(NAME, text, remedy);
    }
    Check::pass(NAME, format!("Streams found: {}", all.join(", ")))
}

/// Returns what `ignore_streams` and [[server.stream]] name that Postmark does not list.
fn misnamed_streams(listed: &[Stream], server: &ServerConfig) -> Vec<Check> {
    let listed: Vec<StreamId> = listed.iter().map(|stream| stream.id.clone()).collect();
    let check = |of: MisnamedStream| {
        let text = format!(
            "{} names {}, which Postmark does not list, so that it has no effect",
            of.key, of.id
        );
        let remedy = match of.nearest {
            Some(near) => format!("did you mean `{near}`?"),
            None => "correct the name, or take it out".to_owned(),
        };
        Check::warn("misnamed_stream", text, remedy).at_server(&server.name)
    };
    let misnamed = server.misnamed_streams(&listed).into_iter();
    misnamed.map(check).collect()
}

async fn senders(
    api: &Server,
    server: &ServerConfig,
    streams: &[Stream],
    at: Timestamp,
    result: &mut ServerChecks,
) {
    for stream in streams.iter().filter(|s| server.watches(&s.id)) {
        let span = Span::new(lookback_start(at), at);
        match api.senders(&stream.id, span, SENDER_SAMPLE).await {
            Ok(domains) => result.domains.extend(domains),
            Err(error) => {
                let text = format!("Cannot read who sends: {}", error.kind());
                let remedy = "try again; the DNS of its domains was not checked";
                let place = format!("{}/{}", server.name, stream.id);
                let unknown = Check::warn("senders", text, remedy);
                result.checks.push(unknown.at_place(&server.name, &place));
            }
        }
    }
}

/// Checks the two lists that a rule needs, where that is on.
fn list_checks(server: &ServerConfig, rules: &Rules) -> Vec<Check> {
    let lists = [
        (
            "own_domains",
            server.own_domains.len(),
            Rule::SpamComplaintExternal,
            "your own domains",
            "Complaints from outside the own domains wake",
        ),
        (
            "operator_addresses",
            server.operator_addresses.len(),
            Rule::OperatorBounce,
            "the addresses that must get their mail",
            "A bounce at an operator's own address wakes",
        ),
    ];
    let enabled = lists.into_iter().filter(|list| rules.is_enabled(list.2));
    let check = |(name, entries, rule, what, wakes): (&'static str, usize, Rule, &str, &str)| {
        let check = match entries {
            0 => Check::warn(
                name,
                format!("`{name}` is empty, so `{rule}` is off"),
                format!("list {what} in its [[server]]"),
            ),
            n => {
                let verb = match rules.severities.get(&rule) {
                    Some(Severity::Warn) => wakes.replace(" wake", " warn"),
                    _ => wakes.to_owned(),
                };
                Check::pass(name, format!("{verb} ({n} named)"))
            }
        };
        check.at_server(&server.name)
    };
    enabled.map(check).collect()
}

impl Clock {
    fn check(self) -> Check {
        const NAME: &str = "clock";
        let Some(dated) = self.dated else {
            let text = "Postmark's responses have no Date header that can be read, so the clock cannot be compared";
            let remedy = "check whether a proxy in between removes or changes it";
            return Check::warn(NAME, text, remedy);
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
    use crate::config::TokenSource;

    #[test]
    fn a_server_of_which_every_stream_is_left_out_fails() {
        let listed = [("outbound", "Transactional"), ("news", "Broadcasts")];
        let listed = listed.map(|(id, kind)| Stream {
            id: id.into(),
            kind: kind.to_owned(),
        });
        let check = |ignored: &[&str]| {
            let mut server = ServerConfig::new("shop", TokenSource::Account(None));
            server.ignored_streams = ignored.iter().map(|id| (*id).into()).collect();
            streams(&listed, &server).to_line()
        };
        assert_eq!(
            check(&["news"]),
            "✓ Streams found: outbound (Transactional), news (Broadcasts)"
        );
        assert_eq!(
            check(&["news", "outbound"]),
            "✗ `ignore_streams` leaves out all of its streams: nothing is watched; leave one of them in: outbound (Transactional), \
             news (Broadcasts)"
        );
    }

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
