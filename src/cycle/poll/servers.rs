//! Which servers are watched: those of the configuration, and those of the account.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::{Config, ServerConfig, TokenSource};
use crate::cycle::Context;
use crate::cycle::collect::errors::{PollErrors, ReadError};
use crate::cycle::lease::Leases;
use crate::cycle::poll::listing::{Listing, merge, renamed_in_config, unlisted, without_ignored};
use crate::cycle::poll::log_notes;
use crate::cycle::poll::outcome::PollOutcome;
use crate::model::{AccountReach, DAY, Incident, ServerName, Timestamp};
use crate::postmark::{AccountServer, ErrorKind, is_sandbox};
use crate::store::{self, Note, ServerListChange, Store};
use crate::text::format::plural;

/// A list of other servers than those that were known is the account's after so long: people were told of it by then.
const BELIEVED_AFTER: Duration = DAY;

pub(crate) struct ServerList {
    pub servers: Vec<Arc<ServerConfig>>,
    /// How the account answered, where this process has its lease.
    pub account: Option<PollOutcome>,
}

/// The servers of the account as it listed them last, with their tokens, which are in memory only. Empty until it was asked.
#[derive(Default)]
pub(crate) struct AccountServers(Mutex<Option<Listing>>);

impl AccountServers {
    /// Keeps what the account lists. Returns the servers under the names that they have here, with their ids.
    pub(crate) fn cache_listing(
        &self,
        config: &Config,
        listed: Vec<AccountServer>,
    ) -> Vec<(ServerName, i64)> {
        let listing = without_ignored(config, listed);
        let renamed = renamed_in_config(&config.servers, &listing);
        let local_name = |name: &String| match renamed.get(name) {
            Some(configured) => (*configured).clone(),
            None => ServerName(name.clone()),
        };
        let ids = listing
            .iter()
            .map(|(name, server)| (local_name(name), server.id))
            .collect();
        *self.lock() = Some(listing);
        ids
    }

    /// Returns the servers of the configuration, and those of the account as far as this process knows them.
    pub(crate) fn configured_and_listed(&self, config: &Config) -> Vec<Arc<ServerConfig>> {
        merge(config, self.lock().as_ref())
    }

    /// Returns the servers that the configuration calls otherwise than the account, by their name in the account.
    fn renamed_in_config<'c>(&self, config: &'c Config) -> BTreeMap<String, &'c ServerName> {
        let listing = self.lock();
        let listing = listing.as_ref();
        listing.map_or_else(BTreeMap::new, |l| renamed_in_config(&config.servers, l))
    }

    /// Returns whether the account says that the server of this number is a Sandbox; `None` where it does not list it.
    pub(crate) fn is_sandbox(&self, number: i64) -> Option<bool> {
        let listing = self.lock();
        let mut servers = listing.as_ref()?.values();
        let server = servers.find(|server| server.id == number)?;
        Some(is_sandbox(server.delivery.as_deref()?))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Listing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the servers to poll. Where the configuration has a token of the account, asks it for its servers, and notes which
/// are new and which are gone; where that fails, the servers are those known from before.
///
/// Every process asks, since tokens are not stored. Only the one that has the account's lease stores and evaluates the answer.
pub(crate) async fn discover_servers(
    context: &Context,
    now: Timestamp,
    leases: Option<&Leases>,
) -> Result<ServerList, store::Error> {
    let Some(token) = &context.config.account else {
        let servers = context.config.servers.iter().cloned();
        return Ok(ServerList {
            servers: servers.map(Arc::new).collect(),
            account: None,
        });
    };
    let name = ServerName::from(ServerName::ACCOUNT);
    let is_lease_holder = match leases {
        Some(leases) => leases.take(&name).await?.is_ok(),
        None => true,
    };
    // Read after the lease is taken: its last holder may have stored something until a moment ago.
    let read_state = move |s: &mut store::Database| s.server_state(&name, now);
    let previous_state = context.store.call(read_state).await?;
    let doubted_since = previous_state.incomplete_since;
    let (requests, mut errors) =
        fetch_account_servers(context, token, doubted_since, is_lease_holder, now).await?;
    let servers = context
        .account_servers
        .configured_and_listed(&context.config);
    match errors.blocking.is_empty() {
        true if servers.is_empty() => {
            errors.fail(nothing_watched(&context.config));
            errors.account = AccountReach::Empty;
        }
        true => {}
        false => errors.account = account_reach(&context.store, &servers).await?,
    }
    let account = is_lease_holder.then(|| {
        let server = account_server();
        PollOutcome::new(
            server,
            previous_state,
            &context.config.schedule,
            now,
            requests,
            Vec::new(),
            errors,
        )
    });
    Ok(ServerList { servers, account })
}

/// Returns which servers of the account are watched where it could not be asked, `polled` being those whose tokens are known.
async fn account_reach(
    store: &Store,
    polled: &[Arc<ServerConfig>],
) -> Result<AccountReach, store::Error> {
    let mut unpolled = store.call(|s| s.account_servers()).await?;
    unpolled.retain(|name| !polled.iter().any(|server| server.name == *name));
    Ok(match (unpolled.is_empty(), polled.is_empty()) {
        (false, _) => AccountReach::Without(unpolled),
        (true, true) => AccountReach::Never,
        (true, false) => AccountReach::Known,
    })
}

/// Returns why no server is watched though the list of the account was read.
pub(crate) fn nothing_watched(config: &Config) -> String {
    match config.ignored.is_empty() {
        true => "the account has no server; create one at Postmark, or use the token of the account that has them",
        false => "the account has no server but those that `ignore_servers` leaves out; leave one of them in",
    }
    .to_owned()
}

/// Asks the account for its servers. Returns how many requests that took, and what went wrong.
async fn fetch_account_servers(
    context: &Context,
    token: &TokenSource,
    doubted_since: Option<Timestamp>,
    is_lease_holder: bool,
    now: Timestamp,
) -> Result<(u64, PollErrors), store::Error> {
    let token = match token.read() {
        Ok(token) => token,
        Err(problem) => return Ok((0, PollErrors::unreadable_token(problem.to_string()))),
    };
    let api = context.postmark.account(token);
    let mut errors = PollErrors::default();
    match api.servers().await {
        Ok(listed) => {
            errors.reachable = true;
            let unlisted = unlisted(&context.config.ignored, &listed);
            errors.warnings.extend(unlisted.map(|name| {
                format!("`ignore_servers` names {name:?}, which the account does not list")
            }));
            match find_foreign_listing(context, &listed, doubted_since, now).await? {
                Some(problem) => errors.fail(problem),
                None => apply_listing(context, listed, is_lease_holder, now).await?,
            }
        }
        Err(error) => {
            errors.token_rejected = error.kind() == ErrorKind::AccountTokenRefused;
            errors.record(Err(ReadError::Postmark(error)))?;
        }
    }
    Ok((api.requests(), errors))
}

/// Returns what is wrong with a list that has none of the servers that were known: it is not believed. That of other servers is
/// after [`BELIEVED_AFTER`], `doubted_since` being when the first of these lists was read.
async fn find_foreign_listing(
    context: &Context,
    listed: &[AccountServer],
    doubted_since: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<String>, store::Error> {
    let known = context.store.call(|s| s.account_server_ids()).await?;
    let is_doubted_long = doubted_since.is_some_and(|since| now.since(since) >= BELIEVED_AFTER);
    if known.is_empty() || listed.iter().any(|server| known.contains(&server.id)) {
        return Ok(None);
    }
    let known = known.len();
    Ok(if listed.is_empty() {
        Some(format!(
            "Postmark listed no server at all, though {known} were known; if they were all deleted, unset the account's token"
        ))
    } else if is_doubted_long {
        None
    } else {
        let listed = plural(listed.len() as u64, "server");
        Some(format!(
            "Postmark listed {listed}, and none of the {known} that were known: the token is that of another account; put the former \
             token back, or wait a day to watch these servers instead"
        ))
    })
}

/// Keeps what the account lists and notes what changed.
async fn apply_listing(
    context: &Context,
    listed: Vec<AccountServer>,
    is_lease_holder: bool,
    now: Timestamp,
) -> Result<(), store::Error> {
    let servers = &context.account_servers;
    let ids = servers.cache_listing(&context.config, listed);
    if is_lease_holder {
        store_listing(context, ids, now).await?;
    }
    Ok(())
}

/// Stores which servers the account has, and notes which are new, gone or renamed.
async fn store_listing(
    context: &Context,
    ids: Vec<(ServerName, i64)>,
    now: Timestamp,
) -> Result<(), store::Error> {
    let renamed = context.account_servers.renamed_in_config(&context.config);
    let renamed = renamed.into_iter().map(|(name, of)| (name, of.clone()));
    let renamed: BTreeMap<String, ServerName> = renamed.collect();
    let save = move |s: &mut store::Database| {
        s.save_account_servers(&ids, now, |change| {
            let notes = describe_changes(change, &renamed, now);
            log_notes(&notes);
            notes
        })
    };
    context.store.call(save).await.map(drop)
}

/// Returns what the digest says of servers that are new in the account, gone or renamed. `renamed_in_config` are those that the file calls
/// otherwise than the account does.
fn describe_changes(
    change: &ServerListChange,
    renamed_in_config: &BTreeMap<String, ServerName>,
    now: Timestamp,
) -> Vec<Note> {
    let called = change.renamed.iter().map(|(old, new)| {
        let what = format!("was called {old} before; what is known of it goes on");
        (new, what)
    });
    let joined = change.joined.iter().filter(|_| !change.first);
    let joined = joined.map(|name| {
        let what = "is new in the account, and watched from now on".to_owned();
        (name, what)
    });
    let left = change.left.iter().map(|name| {
        let why = match renamed_in_config.get(&name.0) {
            Some(configured) => {
                format!("is watched as {configured} from now on, since the file says so")
            }
            None => "is no longer in the account, and not watched any more".to_owned(),
        };
        (name, why)
    });
    let note = |(server, text): (&ServerName, String)| Note {
        at: now,
        server: server.clone(),
        text,
    };
    called.chain(joined).chain(left).map(note).collect()
}

/// Returns every server that is watched by what is stored, and the account, without asking Postmark and without tokens.
pub(crate) async fn watched_servers(
    config: &Config,
    store: &Store,
) -> Result<Vec<Arc<ServerConfig>>, store::Error> {
    let mut servers: Vec<Arc<ServerConfig>> =
        config.servers.iter().cloned().map(Arc::new).collect();
    if config.account.is_some() {
        for name in store.call(|s| s.account_servers()).await? {
            if !servers.iter().any(|s| s.name == name) {
                let server = ServerConfig::new(&name.0, TokenSource::Account(None));
                servers.push(Arc::new(server));
            }
        }
        servers.push(account_server());
    }
    Ok(servers)
}

/// Marks those of `incidents` whose server is not `watched`: it was taken out of the configuration, or is in that of another process.
pub(crate) fn mark_unconfigured<'i>(
    incidents: impl IntoIterator<Item = &'i mut Incident>,
    watched: &[Arc<ServerConfig>],
) {
    let names: BTreeSet<&ServerName> = watched.iter().map(|server| &server.name).collect();
    for incident in incidents {
        let server = &incident.server;
        incident.unconfigured = !server.is_no_server() && !names.contains(server);
    }
}

/// Returns the servers of the configuration, and those that the account just listed.
pub(crate) fn merge_with_listing(
    config: &Config,
    listed: Vec<AccountServer>,
) -> Vec<Arc<ServerConfig>> {
    merge(config, Some(&without_ignored(config, listed)))
}

/// Returns the account as a server without streams, whose poll is the list of its servers.
fn account_server() -> Arc<ServerConfig> {
    let token = TokenSource::Account(None);
    Arc::new(ServerConfig::new(ServerName::ACCOUNT, token))
}
