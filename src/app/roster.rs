//! Which servers are watched: those of the file, and those of the account.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use crate::app::App;
use crate::app::budget::Stop;
use crate::app::leases::Leases;
use crate::app::poll::{Polled, Trouble, polled};
use crate::config::{Config, ServerConfig, TokenSource};
use crate::model::{ServerName, Timestamp};
use crate::postmark::{ErrorKind, Listed};
use crate::secret::Secret;
use crate::store::{self, Note};

/// The servers of one cycle.
pub(super) struct Roster {
    /// Those that are to be polled.
    pub servers: Vec<Arc<ServerConfig>>,
    /// How the account answered, where it was asked.
    pub account: Option<Polled>,
}

impl App {
    /// Asks the account for its servers, where there is one, and notes who came and went.
    ///
    /// Where the list cannot be read, the servers that this process knows from before are polled all the same.
    pub(super) async fn roster(
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
        let before = self.store.call(move |s| s.server(&name, now)).await?;
        let ours = match leases {
            Some(leases) => leases
                .take(&ServerName::from(ServerName::ACCOUNT))
                .await?
                .is_ok(),
            None => true,
        };
        let mut trouble = Trouble::default();
        let mut requests = 0;
        match source.read() {
            Err(problem) => {
                trouble.token = true;
                trouble.fatal.push(problem.to_string());
            }
            Ok(token) => {
                let api = self.postmark.account(token);
                match api.servers().await {
                    Ok(listed) => {
                        trouble.reachable = true;
                        self.learn(listed, ours, now).await?;
                    }
                    Err(error) => {
                        trouble.token = error.kind() == ErrorKind::AccountTokenRefused;
                        trouble.note(&Stop::Postmark(error));
                    }
                }
                requests = api.requests();
            }
        }
        Ok(Roster {
            servers: self.known(),
            account: Some(polled(
                Arc::new(ServerConfig::new(
                    ServerName::ACCOUNT,
                    TokenSource::Account(None),
                )),
                before,
                now,
                requests,
                Vec::new(),
                trouble,
            )),
        })
    }

    /// Keeps the list, with its tokens in memory alone.
    async fn learn(
        &self,
        listed: Vec<Listed>,
        ours: bool,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        let ids = self.hold(listed);
        if !ours {
            return Ok(());
        }
        let change = self.store.call(move |s| s.save_roster(&ids, now)).await?;
        let joined = change.joined.iter().filter(|_| !change.first);
        let news = joined
            .map(|name| (name, "is new in the account, and watched from now on"))
            .chain(change.left.iter().map(|name| {
                (
                    name,
                    "is no longer in the account, and not watched any more",
                )
            }));
        for (server, text) in news {
            self.note(server, text, now).await?;
        }
        Ok(())
    }

    /// Keeps the list in memory, with its tokens; the servers' names here and their numbers.
    pub(super) fn hold(&self, listed: Vec<Listed>) -> Vec<(ServerName, i64)> {
        let found = named(listed, &self.config.ignored);
        let ids = found
            .iter()
            .map(|(name, server)| (ServerName(name.clone()), server.id))
            .collect();
        *self.listed.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        ids
    }

    /// A line for the log and the next digest.
    pub(super) async fn note(
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
        self.store.call(move |s| s.note(&note)).await
    }

    /// The servers of the file, and those of the account as far as this process knows them.
    pub(super) fn known(&self) -> Vec<Arc<ServerConfig>> {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        known(&self.config, listed.as_ref())
    }

    /// Every server that is watched by what is stored: without asking anybody, and without the tokens.
    pub(super) async fn watched_servers(&self) -> Result<Vec<Arc<ServerConfig>>, store::Error> {
        let mut servers: Vec<Arc<ServerConfig>> =
            self.config.servers.iter().cloned().map(Arc::new).collect();
        if self.config.account.is_some() {
            for name in self.store.call(|s| s.roster()).await? {
                if !servers.iter().any(|s| s.name == name) {
                    let server = ServerConfig::new(&name.0, TokenSource::Account(None));
                    servers.push(Arc::new(server));
                }
            }
        }
        Ok(servers)
    }
}

/// The servers of the file, and those which the account lists now.
pub(super) fn with_listed(config: &Config, listed: Vec<Listed>) -> Vec<Arc<ServerConfig>> {
    known(config, Some(&named(listed, &config.ignored)))
}

/// The servers of the file, and those of the account where it was asked.
fn known(config: &Config, listed: Option<&BTreeMap<String, Listed>>) -> Vec<Arc<ServerConfig>> {
    let nobody = BTreeMap::new();
    let found = listed.unwrap_or(&nobody);
    let mut servers = Vec::new();
    let mut taken = BTreeSet::new();
    for server in &config.servers {
        let own = found.get_key_value(server.name.0.as_str());
        let own = own.or_else(|| found.iter().find(|(_, l)| has_token(l, &server.token)));
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

fn has_token(listed: &Listed, source: &TokenSource) -> bool {
    let own = match source {
        TokenSource::Account(_) => return false,
        source => source.read().ok(),
    };
    own.is_some_and(|own: Secret| listed.tokens.contains(&own))
}

/// The servers that are not ignored, under names that are theirs alone.
fn named(listed: Vec<Listed>, ignored: &[String]) -> BTreeMap<String, Listed> {
    let mut found: BTreeMap<String, Listed> = BTreeMap::new();
    for server in listed.into_iter().filter(|s| !ignored.contains(&s.name)) {
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
            listed(1, "shop"),
            listed(2, "shop"),
            listed(3, ServerName::ACCOUNT),
            listed(4, "staging"),
            listed(5, "a\nb"),
        ];
        let found = named(all.to_vec(), &["staging".to_owned()]);
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["(account) (3)", "a b", "shop", "shop (2)"]);
    }
}
