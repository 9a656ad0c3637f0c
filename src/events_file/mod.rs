//! A file of events, one message per line, read into histories. Pure but for the reader that is handed in.

mod line;
mod stream;
#[cfg(test)]
mod tests;

pub use stream::StreamEvents;

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufRead;

use crate::model::{ServerName, StreamId, Timestamp};

/// Longer lines are no events.
const MAX_LINE_BYTES: usize = 1 << 20;
/// What some editors put before the first line.
const BOM: &[u8] = b"\xef\xbb\xbf";
/// What a line should look like.
const EXAMPLE: &str = r#"{"id":"m1","server":"default","stream":"outbound","sent_at":"2026-03-02T10:00:00Z","delivered_at":null,"bounced_at":null,"bounce_type":null,"complained_at":null}"#;

/// Every event of a file, by server and stream.
#[derive(Debug, Default)]
pub struct EventsFile {
    /// The streams of each server, each with at least one message.
    pub servers: BTreeMap<ServerName, BTreeMap<StreamId, StreamEvents>>,
    /// How many messages it has.
    pub messages: u64,
}

/// What is wrong with a file of events.
#[derive(Debug, thiserror::Error)]
pub enum EventsFileError {
    #[error("line {line}: {what}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it, and what would be right.
        what: String,
    },
    #[error("it holds no message; each line is one message, such as {EXAMPLE}")]
    Empty,
    #[error("cannot read on after line {line}: {source}")]
    Read { line: u64, source: std::io::Error },
}

impl EventsFile {
    /// Reads every line up to the first that is no message, is out of order, or says something impossible; empty lines are
    /// skipped. Calls `progress` with the length of each line in bytes.
    pub fn read(
        mut from: impl BufRead,
        mut progress: impl FnMut(usize),
    ) -> Result<Self, EventsFileError> {
        let mut events = Self::default();
        let mut ids = HashSet::new();
        let mut last: Option<Timestamp> = None;
        let mut buffer = Vec::new();
        for line in 1.. {
            buffer.clear();
            let mut limited = std::io::Read::take(&mut from, MAX_LINE_BYTES as u64 + 1);
            let read = limited.read_until(b'\n', &mut buffer);
            let read = read.map_err(|source| EventsFileError::Read {
                line: line - 1,
                source,
            })?;
            if read == 0 {
                break;
            }
            progress(read);
            let wrong = |what: String| EventsFileError::Line { line, what };
            if read > MAX_LINE_BYTES {
                return Err(wrong(format!("longer than {MAX_LINE_BYTES} bytes")));
            }
            let text = buffer.strip_prefix(BOM).unwrap_or(&buffer).trim_ascii();
            if text.is_empty() {
                continue;
            }
            let event = line::parse(text).map_err(wrong)?;
            if let Some(before) = last.filter(|before| event.sent_at < *before) {
                return Err(wrong(format!(
                    "`sent_at` {} is before that of the line above, {before}; sort the file by `sent_at`",
                    event.sent_at
                )));
            }
            last = Some(event.sent_at);
            let mut hasher = DefaultHasher::new();
            (&event.server, &event.id).hash(&mut hasher);
            if !ids.insert(hasher.finish()) {
                return Err(wrong(format!(
                    "`id` {} was there before; each message once",
                    line::quoted(&event.id)
                )));
            }
            events.push(&event);
        }
        if events.messages == 0 {
            return Err(EventsFileError::Empty);
        }
        Ok(events)
    }

    fn push(&mut self, event: &line::EventLine<'_>) {
        self.messages += 1;
        let server = ServerName::from(&*event.server);
        let streams = self.servers.entry(server).or_default();
        let stream = StreamId::from(&*event.stream);
        streams.entry(stream).or_default().push(event);
    }

    /// Returns when the first message was sent, and when the last.
    pub fn range(&self) -> Option<(Timestamp, Timestamp)> {
        let streams = || self.servers.values().flat_map(BTreeMap::values);
        let ranges = || streams().filter_map(StreamEvents::range);
        Some((ranges().map(|r| r.0).min()?, ranges().map(|r| r.1).max()?))
    }
}
