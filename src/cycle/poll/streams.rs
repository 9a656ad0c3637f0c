//! Which streams of a server are watched.

use crate::config::ServerConfig;
use crate::cycle::Context;
use crate::cycle::collect::budget::Stop;
use crate::cycle::poll::server::Trouble;
use crate::model::{StreamId, Timestamp};
use crate::postmark::{ErrorKind, Server};
use crate::store;

/// Postmark's code for a token that may not list streams.
const NO_STREAMS_PERMISSION: i64 = 1220;
/// Streams of one server that are watched, at most: Postmark itself allows ten.
const MOST_STREAMS: usize = 100;

impl Context {
    /// Asks for the streams of a server, and marks those as watched that are there and wanted.
    pub(crate) async fn list_streams(
        &self,
        server: &ServerConfig,
        api: &Server,
        now: Timestamp,
        trouble: &mut Trouble,
    ) -> Result<Vec<StreamId>, Stop> {
        let listed = match api.streams().await {
            Ok(streams) if streams.is_empty() => {
                self.streams_of_an_empty_list(server, trouble).await?
            }
            Ok(streams) => streams.into_iter().map(|s| s.id).collect(),
            Err(error) => match error.kind() {
                ErrorKind::Refused {
                    code: Some(NO_STREAMS_PERMISSION),
                    ..
                } => {
                    trouble
                        .minor
                        .push(format!("{}: this token may not list streams", server.name));
                    server
                        .streams
                        .clone()
                        .unwrap_or_else(|| vec![StreamId::from("outbound")])
                }
                _ => return Err(error.into()),
            },
        };
        let wanted = |id: &StreamId| server.streams.as_ref().is_none_or(|only| only.contains(id));
        let mut streams: Vec<StreamId> = listed.into_iter().filter(wanted).collect();
        if streams.len() > MOST_STREAMS {
            trouble.fatal.push(format!(
                "{}: has {} streams, and only the first {MOST_STREAMS} are watched; name those that matter in `streams`",
                server.name,
                streams.len()
            ));
            streams.truncate(MOST_STREAMS);
        }
        for missing in server
            .streams
            .iter()
            .flatten()
            .filter(|id| !streams.contains(id))
        {
            trouble.minor.push(format!(
                "{}: stream `{missing}` of `streams` is not there, or archived",
                server.name
            ));
        }
        if streams.is_empty() && server.streams.is_some() {
            let nothing = format!(
                "{}: none of its `streams` is there, or all are archived: nothing is watched",
                server.name
            );
            trouble.fatal.push(nothing);
        }
        self.keep_streams(server, &streams, now).await?;
        Ok(streams)
    }

    /// A server always has a stream that cannot be archived: where some were known, they are read on, and the poll is not
    /// complete.
    async fn streams_of_an_empty_list(
        &self,
        server: &ServerConfig,
        trouble: &mut Trouble,
    ) -> Result<Vec<StreamId>, store::Error> {
        let name = server.name.clone();
        let known = self.store.call(move |s| s.watched_streams(&name)).await?;
        match known.len() {
            0 => tracing::warn!(server = %server.name, "Postmark listed no stream at all: nothing is watched"),
            n => trouble.fatal.push(format!(
                "{}: Postmark listed no stream at all, though {n} were known; look whether the server still has them",
                server.name
            )),
        }
        Ok(known)
    }

    /// Marks them as watched, and notes which came and went.
    async fn keep_streams(
        &self,
        server: &ServerConfig,
        streams: &[StreamId],
        now: Timestamp,
    ) -> Result<(), store::Error> {
        let (name, saved) = (server.name.clone(), streams.to_vec());
        let before = self
            .store
            .call(move |s| {
                let before = s.watched_streams(&name)?;
                s.save_streams(&name, &saved)?;
                Ok(before)
            })
            .await?;
        let gone = before.iter().filter(|id| !streams.contains(id)).map(|id| {
            let id = printable(id);
            format!(
                "stream {id} is archived, deleted or no longer chosen, and not watched any more"
            )
        });
        let come = streams
            .iter()
            .filter(|id| !before.is_empty() && !before.contains(id))
            .map(|id| format!("stream {} is new, and watched from now on", printable(id)));
        for text in gone.chain(come) {
            self.note(&server.name, &text, now).await?;
        }
        Ok(())
    }
}

/// A line of the log has no room for what commands a terminal.
fn printable(id: &StreamId) -> String {
    id.0.replace(char::is_control, " ")
}
