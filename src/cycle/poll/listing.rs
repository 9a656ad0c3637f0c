//! Matches the servers that the account lists with those of the configuration. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::{Config, ServerConfig, TokenSource};
use crate::model::ServerName;
use crate::postmark::AccountServer;

/// The servers of the account that are watched, each under a name of its own.
pub(super) type Listing = BTreeMap<String, AccountServer>;

/// Returns the servers of the configuration and those of the account; `listing` is `None` until the account was asked.
pub(super) fn merge(config: &Config, listing: Option<&Listing>) -> Vec<Arc<ServerConfig>> {
    let empty = BTreeMap::new();
    let listed = listing.unwrap_or(&empty);
    let mut servers = Vec::new();
    let mut matched = BTreeSet::new();
    for server in &config.servers {
        let found = find_listing(server, listed);
        matched.extend(found.map(|(name, _)| name.as_str()));
        let token = match (&server.token, found) {
            // Its token is not known until the account was asked.
            (TokenSource::Account(_), _) if listing.is_none() => continue,
            (TokenSource::Account(_), found) => {
                TokenSource::Account(found.and_then(|(_, l)| l.tokens.first().cloned()))
            }
            (token, _) => token.clone(),
        };
        servers.push(Arc::new(ServerConfig {
            token,
            ..server.clone()
        }));
    }
    let others = listed
        .iter()
        .filter(|(name, _)| !matched.contains(name.as_str()));
    servers.extend(others.map(|(name, listed)| {
        let token = TokenSource::Account(listed.tokens.first().cloned());
        Arc::new(ServerConfig::new(name, token))
    }));
    servers
}

/// Returns the listed servers without the ignored ones, unless the configuration names these itself.
pub(super) fn without_ignored(config: &Config, listed: Vec<AccountServer>) -> Listing {
    let mut listing = with_unique_names(listed);
    let configured = config.servers.iter();
    let configured: BTreeSet<String> = configured
        .filter_map(|server| find_listing(server, &listing))
        .map(|(name, _)| name.clone())
        .collect();
    let is_ignored = |name: &str| config.ignored.iter().any(|i| is_same_name(i, name));
    listing.retain(|name, server| configured.contains(name) || !is_ignored(&server.name));
    listing
}

/// Returns the names of servers to ignore that the account does not list.
pub(super) fn unlisted<'c>(
    ignored: &'c [String],
    listed: &'c [AccountServer],
) -> impl Iterator<Item = &'c str> {
    let is_listed = move |name: &String| listed.iter().any(|l| is_same_name(name, &l.name));
    ignored
        .iter()
        .filter(move |name| !is_listed(name))
        .map(String::as_str)
}

fn is_same_name(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

/// Returns the servers whose name in the account is not the one in the configuration, by their name in the account, with the
/// one in the configuration.
pub(super) fn renamed_in_config<'c>(
    servers: &'c [ServerConfig],
    listing: &Listing,
) -> BTreeMap<String, &'c ServerName> {
    let found = servers.iter().filter_map(|server| {
        let (name, _) = find_listing(server, listing)?;
        Some((name.clone(), &server.name))
    });
    found
        .filter(|(name, configured)| *name != configured.0)
        .collect()
}

/// Returns what the account lists of a configured server, found by its name, else by its token, else by its name in other letters, as
/// `Shop` for `shop`, where it has no token of its own and only one server is called so.
fn find_listing<'l>(
    server: &ServerConfig,
    listing: &'l Listing,
) -> Option<(&'l String, &'l AccountServer)> {
    let by_name = listing.get_key_value(server.name.0.as_str());
    by_name
        .or_else(|| listing.iter().find(|(_, l)| has_token(l, &server.token)))
        .or_else(|| {
            let is_of_account = matches!(server.token, TokenSource::Account(_));
            let is_alike = |name: &String| is_of_account && is_same_name(name, &server.name.0);
            let mut alike = listing.iter().filter(|(name, _)| is_alike(name));
            let found = alike.next()?;
            alike.next().is_none().then_some(found)
        })
}

fn has_token(listed: &AccountServer, source: &TokenSource) -> bool {
    let is_of_account = matches!(source, TokenSource::Account(_));
    !is_of_account
        && source
            .read()
            .is_ok_and(|token| listed.tokens.contains(&token))
}

/// Returns all servers by name. Of several with one name, the oldest has it, and the others have their id behind it.
fn with_unique_names(mut listed: Vec<AccountServer>) -> Listing {
    let mut listing = Listing::new();
    listed.sort_by_key(|server| server.id);
    for server in listed {
        let name = server.name.replace(char::is_control, " ");
        let is_ours = name == ServerName::ACCOUNT || ServerName::NO_SERVERS.contains(&&*name);
        let is_free = !is_ours && !listing.contains_key(&name);
        let name = if is_free {
            name
        } else {
            format!("{name} ({})", server.id)
        };
        listing.insert(name, server);
    }
    listing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(id: i64, name: &str) -> AccountServer {
        AccountServer {
            id,
            name: name.to_owned(),
            tokens: Vec::new(),
            delivery: None,
        }
    }

    #[test]
    fn a_server_of_the_file_is_found_though_its_letters_differ() {
        let found = |token: TokenSource, names: &[&str]| {
            let all = (1..).zip(names).map(|(id, name)| listed(id, name));
            let listing = with_unique_names(all.collect());
            let server = ServerConfig::new("Shop", token);
            find_listing(&server, &listing).map(|(name, _)| name.clone())
        };
        let of_account = || TokenSource::Account(None);
        let shop = |name: &str| Some(name.to_owned());
        assert_eq!(found(of_account(), &["blog", "shop"]), shop("shop"));
        assert_eq!(found(of_account(), &["SHOP", "Shop", "shop"]), shop("Shop"));
        assert_eq!(found(of_account(), &["SHOP", "shop"]), None, "which one?");
        assert_eq!(found(of_account(), &["shops"]), None);
        let own = TokenSource::File("/nonexistent".into());
        assert_eq!(found(own, &["shop"]), None, "its token says who it is");
    }

    #[test]
    fn every_server_has_a_name_of_its_own() {
        let all = [
            listed(2, "shop"),
            listed(1, "shop"),
            listed(3, ServerName::ACCOUNT),
            listed(5, "a\nb"),
        ];
        let found = with_unique_names(all.to_vec());
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["(account) (3)", "a b", "shop", "shop (2)"]);
        assert_eq!(found["shop"].id, 1);
    }
}
