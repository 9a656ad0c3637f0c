//! Which streams of a server are watched.

use crate::config::ServerConfig;
use crate::cycle::Context;
use crate::cycle::collect::errors::{PollErrors, ReadError};
use crate::cycle::poll::identity::identify_server;
use crate::cycle::poll::log_notes;
use crate::cycle::poll::stream_list::FormerList;
use crate::model::{MisnamedStream, ServerName, StreamId, Timestamp};
use crate::postmark::{ErrorKind, Server};
use crate::store::{self, Database, KnownStreamList, Note, Store};

/// Postmark's error code for a token that may not list streams.
const NO_STREAMS_PERMISSION: i64 = 1220;
/// The maximum number of streams of one server that are watched. Postmark itself allows ten.
const MAX_STREAMS: usize = 100;

/// A list of streams as it was read.
pub(crate) struct Listing {
    /// Those of it that are watched.
    pub watched: Vec<StreamId>,
    list: KnownStreamList,
}

impl Listing {
    /// Stores it, with from when on its new streams are judged and what the digest says of them: a poll that goes no further than this must
    /// not lose that. What the
    /// configuration chose is judged from `now` on.
    pub(crate) async fn save(
        &self,
        store: &Store,
        server: &ServerName,
        former: &FormerList,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        let (of, watched, list) = (server.clone(), self.watched.clone(), self.list.clone());
        let judged_from = former.judged_from(&watched, now);
        let notes = describe_changes(server, (&former.watched, &self.watched), now);
        log_notes(&notes);
        let save =
            move |s: &mut Database| s.save_stream_list(&of, &watched, &list, &judged_from, &notes);
        store.call(save).await
    }
}

/// Asks for the streams of a server; `None` where another server answers than before.
///
/// # Errors
/// Where the list cannot be read. What is wrong with the list itself is returned beside the streams.
pub(crate) async fn list_streams(
    context: &Context,
    server: &ServerConfig,
    api: &Server,
    former: &FormerList,
) -> Result<(Option<Listing>, PollErrors), ReadError> {
    let name = &server.name;
    let mut errors = PollErrors::default();
    let answer = match api.streams().await {
        Ok(list) => Some(list),
        Err(error) => match error.kind() {
            ErrorKind::Refused {
                code: Some(NO_STREAMS_PERMISSION),
                ..
            } => None,
            _ => return Err(error.into()),
        },
    };
    let server_id = answer.as_ref().and_then(|list| list.server_id);
    let identification = identify_server(context, name, api, server_id).await?;
    errors.warnings.extend(identification.warning);
    if let Some(change) = identification.change {
        errors.record_change(name, change);
        return Ok((None, errors));
    }
    let mut known = None;
    let listed: Vec<StreamId> = match answer {
        Some(list) if list.streams.is_empty() => {
            report_empty_list(name, former, &mut errors);
            known.insert(former.list.clone()).listed.clone()
        }
        Some(list) => list.streams.into_iter().map(|s| s.id).collect(),
        None => {
            let warning = format!("{name}: this token may not list streams");
            errors.warnings.push(warning);
            let configured = server.streams.clone();
            configured.unwrap_or_else(|| vec![StreamId::from("outbound")])
        }
    };
    let existing: Vec<String> = listed.iter().map(without_control_characters).collect();
    errors.warnings.extend(unlisted(server, &listed));
    let list = known.unwrap_or_else(|| list_of(server, &listed));
    let mut streams = listed;
    streams.retain(|id| server.watches(id));
    if streams.len() > MAX_STREAMS {
        errors.fail(format!(
            "{name}: has {} streams, and only the first {MAX_STREAMS} are watched; name those that matter in `streams`",
            streams.len()
        ));
        streams.truncate(MAX_STREAMS);
    }
    for missing in &list.missing {
        let warning = format!(
            "{name}: stream `{missing}` of `streams` does not exist, or is archived; there is {}",
            existing.join(", ")
        );
        // The first message, each digest and `status` name it.
        if former.list.missing.contains(missing) {
            errors.known.push(warning.clone());
        }
        errors.warnings.push(warning);
    }
    if streams.is_empty() && server.streams.is_some() {
        errors.fail(format!(
            "{name}: none of its `streams` exists, or all are archived: nothing is watched; correct `streams`, or leave it out to watch every stream"
        ));
    } else if streams.is_empty() && !existing.is_empty() {
        errors.fail(format!(
            "{name}: `ignore_streams` leaves out all of its streams: nothing is watched; leave one of them in"
        ));
    }
    let watched = streams;
    Ok((Some(Listing { watched, list }), errors))
}

/// Returns a warning for each stream that is left out or has rules of its own, and that Postmark does not list.
fn unlisted(server: &ServerConfig, listed: &[StreamId]) -> Vec<String> {
    let warning = |of: MisnamedStream| {
        let (name, id, key) = (of.server, of.id, of.key);
        let near = of.nearest.map_or_else(String::new, |near| {
            format!("; did you mean `{}`?", without_control_characters(&near))
        });
        format!("{name}: stream `{id}` of {key} does not exist, or is archived{near}")
    };
    let misnamed = server.misnamed_streams(listed).into_iter();
    misnamed.map(warning).collect()
}

/// Returns what there is and what is not, by what was listed.
fn list_of(server: &ServerConfig, listed: &[StreamId]) -> KnownStreamList {
    let named = server.streams.iter().flatten();
    let missing = named.filter(|id| !listed.contains(id));
    KnownStreamList {
        missing: missing.cloned().collect(),
        listed: listed.to_vec(),
    }
}

/// Reports that Postmark lists no stream. A server always has one that cannot be archived, so that is an error where some were known,
/// and those are read on.
fn report_empty_list(name: &ServerName, former: &FormerList, errors: &mut PollErrors) {
    match former.list.listed.len() {
        0 => {
            tracing::warn!(server = %name, "Postmark listed no stream at all: nothing is watched");
        }
        n => errors.fail(format!(
            "{name}: Postmark listed no stream at all, though {n} were known; look whether the server still has them"
        )),
    }
}

/// Returns which streams are watched that were not `before`, and which are not any more.
fn describe_changes(
    name: &ServerName,
    (before, streams): (&[StreamId], &[StreamId]),
    now: Timestamp,
) -> Vec<Note> {
    let gone = before.iter().filter(|id| !streams.contains(id)).map(|id| {
        let id = without_control_characters(id);
        format!("stream {id} is archived, deleted or no longer chosen, and not watched any more")
    });
    let new = streams
        .iter()
        .filter(|id| !before.is_empty() && !before.contains(id));
    let new = new.map(|id| {
        let id = without_control_characters(id);
        format!("stream {id} is new, and watched from now on")
    });
    let note = |text| Note {
        at: now,
        server: name.clone(),
        text,
    };
    gone.chain(new).map(note).collect()
}

/// Returns the id without what could command a terminal that shows the log.
fn without_control_characters(id: &StreamId) -> String {
    id.0.replace(char::is_control, " ")
}
