//! Streams that `streams` names and that Postmark does not have: a name with a slip in it is believed to be watched.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Config, ServerConfig};
use crate::cycle::poll::servers::watched_servers;
use crate::model::{MisnamedStream, MissingStreams, ServerName, StreamId};
use crate::store::{self, KnownStreamList, Store};

/// Returns the servers of which a stream is missing, and the streams that the configuration leaves out or gives rules of their own
/// and that there are not, by what Postmark listed when it was asked last.
pub(crate) async fn load_unlisted_streams(
    config: &Config,
    store: &Store,
) -> Result<(Vec<MissingStreams>, Vec<MisnamedStream>), store::Error> {
    let watched = watched_servers(config, store).await?;
    let lists = store.call(|s| s.stream_lists()).await?;
    let missing = find_missing_streams(&watched, &lists);
    Ok((missing, find_misnamed_streams(&watched, &lists)))
}

/// Returns the servers of which a stream is missing. A name that stands in the configuration only since then is not known to be missing.
pub(crate) fn find_missing_streams(
    watched: &[Arc<ServerConfig>],
    lists: &BTreeMap<ServerName, KnownStreamList>,
) -> Vec<MissingStreams> {
    let missing = |server: &Arc<ServerConfig>| {
        let list = lists.get(&server.name)?;
        let named = server.streams.iter().flatten();
        let missing: Vec<StreamId> = named
            .filter(|id| list.missing.contains(id))
            .cloned()
            .collect();
        (!missing.is_empty()).then(|| MissingStreams {
            server: server.name.clone(),
            missing,
            listed: list.listed.clone(),
        })
    };
    watched.iter().filter_map(missing).collect()
}

/// Returns the streams that the configuration leaves out or gives rules of their own, and that there are not.
fn find_misnamed_streams(
    watched: &[Arc<ServerConfig>],
    lists: &BTreeMap<ServerName, KnownStreamList>,
) -> Vec<MisnamedStream> {
    let misnamed = watched.iter().filter_map(|server| {
        let list = lists.get(&server.name)?;
        Some(server.misnamed_streams(&list.listed))
    });
    misnamed.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TokenSource;
    use crate::model::Rules;

    #[test]
    fn a_name_is_missing_where_postmark_was_asked_and_the_configuration_still_has_it() {
        let ids = |ids: &[&str]| -> Vec<StreamId> { ids.iter().map(|id| (*id).into()).collect() };
        let server = |streams: Option<&[&str]>| {
            let mut server = ServerConfig::new("shop", TokenSource::Account(None));
            server.streams = streams.map(ids);
            [Arc::new(server)]
        };
        let list = KnownStreamList {
            listed: ids(&["broadcast", "outbound"]),
            missing: ids(&["outbond"]),
        };
        let lists = BTreeMap::from([("shop".into(), list)]);
        let found = |streams: Option<&[&str]>| {
            let found = find_missing_streams(&server(streams), &lists).into_iter();
            found.map(|of| of.missing).collect::<Vec<_>>()
        };
        assert_eq!(
            found(Some(&["new", "outbond", "broadcast"])),
            [ids(&["outbond"])]
        );
        assert_eq!(found(Some(&["new", "broadcast"])), Vec::<Vec<_>>::new());
        assert_eq!(found(None), Vec::<Vec<_>>::new());
    }

    #[test]
    fn what_is_left_out_or_has_rules_is_misnamed_where_postmark_listed_others() {
        let ids = |ids: &[&str]| -> Vec<StreamId> { ids.iter().map(|id| (*id).into()).collect() };
        let mut server = ServerConfig::new("shop", TokenSource::Account(None));
        server.ignored_streams = ids(&["outbond", "broadcast"]);
        let mut rules = Rules::default();
        rules.streams.insert("zzz".into(), Rules::default());
        server.rules = Some(rules);
        let found = |listed: &[&str]| {
            let list = KnownStreamList {
                listed: ids(listed),
                missing: Vec::new(),
            };
            let lists = BTreeMap::from([("shop".into(), list)]);
            let found = find_misnamed_streams(&[Arc::new(server.clone())], &lists).into_iter();
            found
                .map(|of| (of.id.0, of.key, of.nearest.map(|near| near.0)))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            found(&["broadcast", "outbound"]),
            [
                (
                    "outbond".to_owned(),
                    "`ignore_streams`",
                    Some("outbound".to_owned())
                ),
                ("zzz".to_owned(), "[[server.stream]]", None),
            ]
        );
        assert_eq!(found(&[]), []);
    }
}
