//! The streams of one server, one after another: a stream that fails hides no other.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::commands::query::error::{Of, Trouble};
use crate::commands::query::{Asked, Lookup};
use crate::model::StreamId;
use crate::text::sanitize::clean;

/// So many streams without an answer are enough: the rest would be waited for in vain.
const MOST_SILENT: usize = 2;

/// What was read of one server.
pub(crate) struct Read<T> {
    pub(crate) found: Vec<T>,
    /// A line for each stream that could not be read.
    pub(crate) errors: Vec<String>,
}

/// A walk through the streams of one server. It goes on where one fails, as long as that may be of this one alone.
pub(crate) struct Round<T> {
    server: Arc<Asked>,
    left: VecDeque<StreamId>,
    /// Whether the one was named by who asks: that a server lacks it is no fault.
    by_name: bool,
    silent: usize,
    read: Read<T>,
}

impl<T> Round<T> {
    /// Through the one stream that is wanted, without a request, else through all that send.
    pub(crate) async fn new(
        server: &Arc<Asked>,
        wanted: Option<&StreamId>,
    ) -> Result<Self, Trouble> {
        let streams = match wanted {
            Some(stream) => vec![stream.clone()],
            None => server.streams().await?,
        };
        Ok(Self::through(server, streams, wanted.is_some()))
    }

    /// Through these streams.
    pub(crate) fn through(server: &Arc<Asked>, streams: Vec<StreamId>, by_name: bool) -> Self {
        Self {
            server: Arc::clone(server),
            left: streams.into(),
            by_name,
            silent: 0,
            read: Read {
                found: Vec::new(),
                errors: Vec::new(),
            },
        }
    }

    /// The stream to ask next.
    pub(crate) fn next(&mut self) -> Option<StreamId> {
        self.left.pop_front()
    }

    /// Takes what the stream answered. That the one which was wanted cannot be read is an error of the whole.
    pub(crate) fn take(&mut self, answer: Result<T, Trouble>) -> Result<(), Trouble> {
        let trouble = match answer {
            Ok(found) => {
                self.read.found.push(found);
                return Ok(());
            }
            Err(trouble) if self.by_name => return Err(trouble),
            Err(trouble) => trouble,
        };
        self.read.errors.push(self.server.line(&trouble));
        self.silent += usize::from(trouble.of == Of::Silence);
        if trouble.of == Of::Server || self.silent == MOST_SILENT {
            self.leave();
        }
        Ok(())
    }

    /// All that was read.
    pub(crate) fn end(self) -> Read<T> {
        self.read
    }

    /// Asks no further, and says so.
    fn leave(&mut self) {
        let left = names(self.left.make_contiguous());
        if !self.left.is_empty() {
            let name = clean(&self.server.name.0);
            let errors = &mut self.read.errors;
            errors.push(format!("{name}: not asked after that: {left}"));
        }
        self.left.clear();
    }
}

impl Asked {
    /// What went wrong, as a line.
    pub(crate) fn line(&self, trouble: &Trouble) -> String {
        format!("{}: {trouble}", clean(&self.name.0))
    }

    async fn streams(&self) -> Result<Vec<StreamId>, Trouble> {
        let streams = self.api()?.streams().await?;
        Ok(streams.into_iter().map(|stream| stream.id).collect())
    }
}

impl Lookup {
    /// What is said where `lacking` have no stream of the wanted name, and no other has it. One request, where there is one
    /// such server.
    pub(crate) async fn no_stream(&self, lacking: &[&Asked]) -> Option<String> {
        let [one] = lacking else {
            let names: Vec<String> = lacking.iter().map(|s| clean(&s.name.0)).collect();
            return (!lacking.is_empty()).then(|| {
                let names = names.join(", ");
                format!("{names}: there is no such stream; `hushwatch doctor` names those which they have")
            });
        };
        let has = match one.streams().await {
            Ok(streams) => format!(
                "it has {}; `hushwatch doctor` looks closer",
                names(&streams)
            ),
            Err(_) => "`hushwatch doctor` names those which it has".to_owned(),
        };
        Some(format!(
            "{}: there is no such stream; {has}",
            clean(&one.name.0)
        ))
    }
}

/// What all servers told, as one.
pub(crate) fn merged<T>((all, errors): (Vec<Read<T>>, Vec<String>)) -> (Vec<T>, Vec<String>) {
    let mut merged = (Vec::new(), errors);
    for read in all {
        merged.0.extend(read.found);
        merged.1.extend(read.errors);
    }
    merged
}

fn names(streams: &[StreamId]) -> String {
    let names: Vec<String> = streams.iter().map(|stream| clean(&stream.0)).collect();
    names.join(", ")
}
