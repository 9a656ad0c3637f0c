//! One Postmark server under several names here: it is read and reported once for each, and what one of the names is meant for may
//! go unwatched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::{Config, ServerConfig};
use crate::cycle::poll::servers::watched_servers;
use crate::model::{Incident, Rule, SameServer, ServerName, StreamKey};
use crate::store::{self, Database, ServerIdentity, Store};

/// Returns each Postmark server of which several watched names have streams in common, by what is stored.
pub(crate) async fn load_same_servers(
    config: &Config,
    store: &Store,
) -> Result<Vec<SameServer>, store::Error> {
    let watched = watched_servers(config, store).await?;
    let read = move |s: &mut Database| {
        let (identities, open) = (s.server_identities()?, s.all_open_incidents()?);
        Ok(find_same_servers(&watched, &identities, &open))
    };
    store.call(read).await
}

/// Returns the same of what is read already. A name whose token is of another server since is left out: that is told already.
pub(crate) fn find_same_servers(
    watched: &[Arc<ServerConfig>],
    identities: &BTreeMap<ServerName, ServerIdentity>,
    incidents: &[Incident],
) -> Vec<SameServer> {
    let has_changed = |name: &ServerName| {
        let mut of_rule = incidents
            .iter()
            .filter(|i| i.is_open() && i.rule == Rule::ServerChanged);
        of_rule.any(|incident| incident.server == *name)
    };
    let known = watched.iter().filter(|server| !has_changed(&server.name));
    let numbered = known.filter_map(|server| {
        let number = identities.get(&server.name)?.number;
        Some((number, Arc::clone(server)))
    });
    group_same_servers(&numbered.collect::<Vec<_>>())
}

/// Returns the numbers that several names have, each with those of them that have streams in common with another.
pub(crate) fn group_same_servers(numbered: &[(i64, Arc<ServerConfig>)]) -> Vec<SameServer> {
    let mut by_number: BTreeMap<i64, Vec<&ServerConfig>> = BTreeMap::new();
    for (number, server) in numbered {
        by_number.entry(*number).or_default().push(server);
    }
    let group = |(number, of): (i64, Vec<&ServerConfig>)| {
        let is_shared = |server: &&&ServerConfig| {
            let mut others = of.iter().filter(|other| other.name != server.name);
            others.any(|other| other.overlaps(server))
        };
        let names: Vec<ServerName> = of
            .iter()
            .filter(is_shared)
            .map(|server| server.name.clone())
            .collect();
        (!names.is_empty()).then_some(SameServer { number, names })
    };
    by_number.into_iter().filter_map(group).collect()
}

/// Returns those of `streams` that are no stream of one before them, under another name of the same server.
pub(crate) fn count_once(
    mut streams: Vec<StreamKey>,
    identities: &BTreeMap<ServerName, ServerIdentity>,
) -> Vec<StreamKey> {
    let mut counted = BTreeSet::new();
    streams.retain(|key| {
        let identity = identities.get(key.server());
        identity.is_none_or(|server| counted.insert((server.number, key.stream().clone())))
    });
    streams
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TokenSource;
    use crate::model::StreamId;

    fn server(name: &str, streams: &[&str]) -> Arc<ServerConfig> {
        let mut server = ServerConfig::new(name, TokenSource::Account(None));
        let ids = streams.iter().map(|id| StreamId((*id).to_owned()));
        server.streams = (!streams.is_empty()).then(|| ids.collect());
        Arc::new(server)
    }

    fn names(numbered: &[(i64, Arc<ServerConfig>)]) -> Vec<(i64, Vec<String>)> {
        let groups = group_same_servers(numbered).into_iter();
        let names = |group: SameServer| group.names.into_iter().map(|name| name.0).collect();
        groups.map(|group| (group.number, names(group))).collect()
    }

    #[test]
    fn one_server_under_two_names_is_found_unless_each_has_its_own_streams() {
        let (shop, blog) = ((1, server("shop", &[])), (2, server("blog", &[])));
        assert_eq!(names(&[shop.clone(), blog.clone()]), []);
        let store = (1, server("store", &["outbound"]));
        let found = names(&[shop, blog, store.clone()]);
        assert_eq!(found, [(1, vec!["shop".to_owned(), "store".to_owned()])]);
        assert_eq!(names(&[store, (1, server("a", &["receipts"]))]), []);
    }

    #[test]
    fn a_stream_counts_once_under_the_first_of_the_names_of_its_server() {
        let key = |server: &str, stream: &str| StreamKey::new(&server.into(), &stream.into());
        let numbered = |(name, number): (&str, i64)| {
            let server = ServerIdentity {
                number,
                sandbox: None,
            };
            (ServerName::from(name), server)
        };
        let identities = [("shop", 1), ("blog", 2), ("store", 1)].map(numbered);
        let streams = [
            key("shop", "outbound"),
            key("blog", "outbound"),
            key("store", "outbound"),
            key("store", "receipts"),
            key("new", "outbound"),
        ];
        let counted = count_once(streams.to_vec(), &BTreeMap::from(identities));
        let [shop, blog, _, receipts, new] = streams;
        assert_eq!(counted, [shop, blog, receipts, new]);
    }

    #[test]
    fn a_name_whose_token_became_that_of_another_server_is_reported_as_that_only() {
        let watched = [server("shop", &[]), server("staging", &[])];
        let of = ServerIdentity {
            number: 1,
            sandbox: None,
        };
        let names = watched.iter().map(|server| (server.name.clone(), of));
        let identities = names.collect();
        assert_eq!(find_same_servers(&watched, &identities, &[]).len(), 1);
        let courses = crate::notify::samples::courses();
        let course = courses.iter().find(|c| c.rule == Rule::ServerChanged);
        let mut changed = course.expect("a course").step("opened").incident.clone();
        changed.server = "staging".into();
        assert_eq!(find_same_servers(&watched, &identities, &[changed]), []);
    }
}
