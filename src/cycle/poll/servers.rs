//! Which servers are watched: those of the file, and those of the account.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use crate::config::{Config, ServerConfig, TokenSource};
use crate::cycle::Context;
use crate::cycle::collect::budget::Stop;
use crate::cycle::lease::Leases;
use crate::cycle::poll::server::{Polled, Trouble, polled};
use crate::model::{ServerName, Timestamp};
use crate::postmark::{ErrorKind, Listed};
use crate::secret::Secret;
use crate::store::{self, Note};

/// The servers of one cycle.
pub(crate) struct Roster {
    /// Those that are to be polled.
    pub servers: Vec<Arc<ServerConfig>>,
    /// How the account answered, where it is this process's to judge that.
    pub account: Option<Polled>,
}

impl Context {
    /// Asks the account for its servers, where there is one, and notes who came and went.
    ///
    /// Where the list cannot be read, the servers that this process knows from before are polled all the same. Every process
    /// asks, since no token is stored; what came of it is judged by the one that has the lease of the account.
    pub(crate) async fn roster(
        &self,
        now: Timestamp,
        leases: Option<&Leases>,
    ) -> Result<Roster, store::Error> {
        let Some(source) = &self.config.account else {
            let servers = self.config.servers.iter().cloned().map(Arc::new).collect();
            return Ok(Roster {
                servers,
                account: None,
            });
        };
        let name = ServerName::from(ServerName::ACCOUNT);
        let ours = match leases {
            Some(leases) => leases.take(&name).await?.is_ok(),
            None => true,
        };
        // Only now: its last holder may have stored something until a moment ago.
        let before = self.store.call(move |s| s.server_state(&name, now)).await?;
        let mut trouble = Trouble::default();
        let requests = self.ask_account(source, ours, now, &mut trouble).await?;
        let account = || polled(account(), before, now, requests, Vec::new(), trouble);
        Ok(Roster {
            servers: self.known(),
            account: ours.then(account),
        })
    }

    /// Asks for the list; the requests that it took.
    async fn ask_account(
        &self,
        source: &TokenSource,
        ours: bool,
        now: Timestamp,
        trouble: &mut Trouble,
    ) -> Result<u64, store::Error> {
        let token = match source.read() {
            Ok(token) => token,
            Err(problem) => {
                trouble.token = true;
                trouble.fatal.push(problem.to_string());
                return Ok(0);
            }
        };
        let api = self.postmark.account(token);
        match api.servers().await {
            Ok(listed) => {
                trouble.reachable = true;
                self.learn(listed, ours, now, trouble).await?;
            }
            Err(error) => {
                trouble.token = error.kind() == ErrorKind::AccountTokenRefused;
                trouble.note(&Stop::Postmark(error));
            }
        }
        Ok(api.requests())
    }

    /// Keeps the list, with its tokens in memory alone. An empty one is no news that all are gone, where some were known.
    async fn learn(
        &self,
        listed: Vec<Listed>,
        ours: bool,
        now: Timestamp,
        trouble: &mut Trouble,
    ) -> Result<(), store::Error> {
        if listed.is_empty() {
            match self.store.call(|s| s.account_servers()).await?.len() {
                0 => tracing::warn!("Postmark listed no server at all: nothing is watched"),
                known => {
                    trouble.fatal.push(format!(
                        "Postmark listed no server at all, though {known} were known; if they were all deleted, unset the account's token"
                    ));
                    return Ok(());
                }
            }
        }
        let ids = self.hold(listed);
        let renamed = self.renamed();
        if !ours {
            return Ok(());
        }
        let change = self
            .store
            .call(move |s| s.save_account_servers(&ids, now))
            .await?;
        let joined = change.joined.iter().filter(|_| !change.first);
        let joined = joined.map(|name| {
            (
                name,
                "is new in the account, and watched from now on".to_owned(),
            )
        });
        let left = change.left.iter().map(|name| {
            let why = match renamed.get(&name.0) {
                Some(own) => format!("is watched as {own} from now on, since the file says so"),
                None => "is no longer in the account, and not watched any more".to_owned(),
            };
            (name, why)
        });
        let called = change.renamed.iter().map(|(old, new)| {
            let what = format!("was called {old} before; what is known of it goes on");
            (new, what)
        });
        for (server, text) in called.chain(joined).chain(left) {
            self.note(server, &text, now).await?;
        }
        Ok(())
    }

    /// Keeps the list in memory, with its tokens; what the servers are called here, and their numbers.
    pub(crate) fn hold(&self, listed: Vec<Listed>) -> Vec<(ServerName, i64)> {
        let found = watched(&self.config, listed);
        let renamed = renamed(&self.config.servers, &found);
        let here = |name: &String| match renamed.get(name) {
            Some(own) => (*own).clone(),
            None => ServerName(name.clone()),
        };
        let ids = found
            .iter()
            .map(|(name, server)| (here(name), server.id))
            .collect();
        *self.listed.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        ids
    }

    /// The names in the account of servers which the file calls otherwise, with these.
    fn renamed(&self) -> BTreeMap<String, &ServerName> {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = listed.as_ref();
        listed.map_or_else(BTreeMap::new, |found| renamed(&self.config.servers, found))
    }

    /// A line for the log and the next digest.
    pub(crate) async fn note(
        &self,
        server: &ServerName,
        text: &str,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        tracing::info!(%server, "{text}");
        let note = Note {
            at: now,
            server: server.clone(),
            text: text.to_owned(),
        };
        self.store.call(move |s| s.save_note(&note)).await
    }

    /// The servers of the file, and those of the account as far as this process knows them.
    pub(crate) fn known(&self) -> Vec<Arc<ServerConfig>> {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        known(&self.config, listed.as_ref())
    }

    /// Every server that is watched by what is stored, and the account: without asking anybody, and without the tokens.
    pub(crate) async fn watched_servers(&self) -> Result<Vec<Arc<ServerConfig>>, store::Error> {
        let mut servers: Vec<Arc<ServerConfig>> =
            self.config.servers.iter().cloned().map(Arc::new).collect();
        if self.config.account.is_some() {
            for name in self.store.call(|s| s.account_servers()).await? {
                if !servers.iter().any(|s| s.name == name) {
                    let server = ServerConfig::new(&name.0, TokenSource::Account(None));
                    servers.push(Arc::new(server));
                }
            }
            servers.push(account());
        }
        Ok(servers)
    }
}

/// The servers of the file, and those which the account lists now.
pub(crate) fn with_listed(config: &Config, listed: Vec<Listed>) -> Vec<Arc<ServerConfig>> {
    known(config, Some(&watched(config, listed)))
}

/// The servers of the file, and those of the account where it was asked.
fn known(config: &Config, listed: Option<&BTreeMap<String, Listed>>) -> Vec<Arc<ServerConfig>> {
    let nobody = BTreeMap::new();
    let found = listed.unwrap_or(&nobody);
    let mut servers = Vec::new();
    let mut taken = BTreeSet::new();
    for server in &config.servers {
        let own = own(server, found);
        taken.extend(own.map(|(name, _)| name.as_str()));
        let token = match (&server.token, own) {
            // Nothing is known of it as long as the account says nothing.
            (TokenSource::Account(_), _) if listed.is_none() => continue,
            (TokenSource::Account(_), own) => {
                TokenSource::Account(own.and_then(|(_, l)| l.tokens.first().cloned()))
            }
            (token, _) => token.clone(),
        };
        servers.push(Arc::new(ServerConfig {
            token,
            ..server.clone()
        }));
    }
    let others = found
        .iter()
        .filter(|(name, _)| !taken.contains(name.as_str()));
    servers.extend(others.map(|(name, listed)| {
        let token = TokenSource::Account(listed.tokens.first().cloned());
        Arc::new(ServerConfig::new(name, token))
    }));
    servers
}

/// The account, as a server without streams.
fn account() -> Arc<ServerConfig> {
    let source = TokenSource::Account(None);
    Arc::new(ServerConfig::new(ServerName::ACCOUNT, source))
}

/// What the account lists of a server of the file: by its name, else by its token.
fn own<'f>(
    server: &ServerConfig,
    found: &'f BTreeMap<String, Listed>,
) -> Option<(&'f String, &'f Listed)> {
    let named = found.get_key_value(server.name.0.as_str());
    named.or_else(|| found.iter().find(|(_, l)| has_token(l, &server.token)))
}

/// The names in the account that stand for servers which the file calls otherwise.
fn renamed<'c>(
    servers: &'c [ServerConfig],
    found: &BTreeMap<String, Listed>,
) -> BTreeMap<String, &'c ServerName> {
    let of = servers.iter().filter_map(|server| {
        let (name, _) = own(server, found)?;
        Some((name.clone(), &server.name))
    });
    of.filter(|(name, own)| *name != own.0).collect()
}

fn has_token(listed: &Listed, source: &TokenSource) -> bool {
    let own = match source {
        TokenSource::Account(_) => return false,
        source => source.read().ok(),
    };
    own.is_some_and(|own: Secret| listed.tokens.contains(&own))
}

/// The servers that are not ignored, unless the file names them itself.
fn watched(config: &Config, listed: Vec<Listed>) -> BTreeMap<String, Listed> {
    let mut found = named(listed);
    let of_file = config.servers.iter().filter_map(|s| own(s, &found));
    let of_file: BTreeSet<String> = of_file.map(|(name, _)| name.clone()).collect();
    found.retain(|name, server| of_file.contains(name) || !config.ignored.contains(&server.name));
    found
}

/// All of them under names that are theirs alone: of several of one name, the oldest has it.
fn named(mut listed: Vec<Listed>) -> BTreeMap<String, Listed> {
    let mut found: BTreeMap<String, Listed> = BTreeMap::new();
    listed.sort_by_key(|server| server.id);
    for server in listed {
        let name: String = server
            .name
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let alone = name != ServerName::ACCOUNT && !found.contains_key(&name);
        let name = match alone {
            true => name,
            false => format!("{name} ({})", server.id),
        };
        found.insert(name, server);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(id: i64, name: &str) -> Listed {
        Listed {
            id,
            name: name.to_owned(),
            tokens: Vec::new(),
        }
    }

    #[test]
    fn every_server_has_a_name_of_its_own() {
        let all = [
            listed(2, "shop"),
            listed(1, "shop"),
            listed(3, ServerName::ACCOUNT),
            listed(5, "a\nb"),
        ];
        let found = named(all.to_vec());
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["(account) (3)", "a b", "shop", "shop (2)"]);
        assert_eq!(found["shop"].id, 1);
    }
}
