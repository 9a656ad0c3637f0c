//! Asks the streams of one server one after another; one that fails does not hide the others.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::commands::query::error::{LookupError, Scope};
use crate::commands::query::{PostmarkQuery, Target};
use crate::model::StreamId;
use crate::text::sanitize::clean;

/// The number of streams without an answer after which the rest of a server is not asked.
const MAX_UNANSWERED: usize = 2;

/// The results of one server.
pub(crate) struct StreamResults<T> {
    pub(crate) found: Vec<T>,
    /// One line for each stream that gave no answer.
    pub(crate) errors: Vec<String>,
}

/// Iterates over the streams of one server, and goes on after a failure that may concern one stream only.
pub(crate) struct StreamIter<T> {
    server: Arc<Target>,
    left: VecDeque<StreamId>,
    /// Whether the stream was named on the command line: then its failure is that of the server.
    by_name: bool,
    unanswered: usize,
    read: StreamResults<T>,
}

impl<T> StreamIter<T> {
    /// Iterates over `wanted`, or over all outbound streams, which costs a request.
    pub(crate) async fn new(
        server: &Arc<Target>,
        wanted: Option<&StreamId>,
    ) -> Result<Self, LookupError> {
        let streams = match wanted {
            Some(stream) => vec![stream.clone()],
            None => server.streams().await?,
        };
        Ok(Self::through(server, streams, wanted.is_some()))
    }

    /// Iterates over these streams.
    pub(crate) fn through(server: &Arc<Target>, streams: Vec<StreamId>, by_name: bool) -> Self {
        Self {
            server: Arc::clone(server),
            left: streams.into(),
            by_name,
            unanswered: 0,
            read: StreamResults {
                found: Vec::new(),
                errors: Vec::new(),
            },
        }
    }

    /// Returns the stream to ask next.
    pub(crate) fn next(&mut self) -> Option<StreamId> {
        self.left.pop_front()
    }

    /// Takes the answer of the stream.
    ///
    /// # Errors
    /// Where the one stream that was asked for gave no answer.
    pub(crate) fn take(&mut self, answer: Result<T, LookupError>) -> Result<(), LookupError> {
        let error = match answer {
            Ok(found) => {
                self.read.found.push(found);
                return Ok(());
            }
            Err(error) if self.by_name => return Err(error),
            Err(error) => error,
        };
        self.read.errors.push(self.server.error_line(&error));
        self.unanswered += usize::from(error.scope == Scope::Unanswered);
        if error.scope == Scope::Server || self.unanswered == MAX_UNANSWERED {
            self.skip_rest();
        }
        Ok(())
    }

    /// Returns all results.
    pub(crate) fn finish(self) -> StreamResults<T> {
        self.read
    }

    /// Skips the streams that are left, and says so.
    fn skip_rest(&mut self) {
        let left = names(self.left.make_contiguous());
        if !self.left.is_empty() {
            let name = clean(&self.server.name.0);
            let errors = &mut self.read.errors;
            errors.push(format!("{name}: not asked after that: {left}"));
        }
        self.left.clear();
    }
}

impl Target {
    /// Returns an error of this server as a line.
    pub(crate) fn error_line(&self, error: &LookupError) -> String {
        format!("{}: {error}", clean(&self.name.0))
    }

    async fn streams(&self) -> Result<Vec<StreamId>, LookupError> {
        let streams = self.api()?.streams().await?;
        Ok(streams.into_iter().map(|stream| stream.id).collect())
    }
}

impl PostmarkQuery {
    /// Returns the error that no server has the wanted stream; `missing` are those without it. One request where there is
    /// one such server.
    pub(crate) async fn stream_missing_text(&self, missing: &[&Target]) -> Option<String> {
        let [one] = missing else {
            let names: Vec<String> = missing.iter().map(|s| clean(&s.name.0)).collect();
            return (!missing.is_empty()).then(|| {
                let names = names.join(", ");
                format!("{names}: no such stream; `hushwatch doctor` shows the streams of each")
            });
        };
        let has = match one.streams().await {
            Ok(streams) => format!("it has {}; `hushwatch doctor` shows more", names(&streams)),
            Err(_) => "`hushwatch doctor` shows those it has".to_owned(),
        };
        Some(format!("{}: no such stream; {has}", clean(&one.name.0)))
    }
}

/// Joins the results of all servers, and their errors after those of the servers that gave no answer.
pub(crate) fn flatten<T>(
    (results, mut errors): (Vec<StreamResults<T>>, Vec<String>),
) -> (Vec<T>, Vec<String>) {
    let mut found = Vec::new();
    for result in results {
        found.extend(result.found);
        errors.extend(result.errors);
    }
    (found, errors)
}

fn names(streams: &[StreamId]) -> String {
    let names: Vec<String> = streams.iter().map(|stream| clean(&stream.0)).collect();
    names.join(", ")
}
