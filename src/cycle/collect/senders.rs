//! From which domains a server's mail is sent: those whose DNS the rule `dns_drift` watches.

use std::collections::BTreeSet;

use crate::cycle::collect::errors::ReadError;
use crate::cycle::collect::reader::ServerReader;
use crate::detect::is_senders_due;
use crate::model::{DAY, Span, StreamId, Timestamp};
use crate::store::{self, Database};

/// The number of a stream's newest messages that say who sends.
const SAMPLE: u32 = 50;

/// Asks once a day, with one request for each stream, as far as the budget goes. The first six hours belong to the mail.
pub(crate) async fn read_senders(
    reader: &mut ServerReader<'_>,
    streams: &[StreamId],
    first_start: Timestamp,
) -> Result<(), store::Error> {
    let name = reader.server.clone();
    let ask = move |s: &mut Database| s.senders_asked_at(&name);
    let asked_at = reader.store.call(ask).await?;
    let is_due = is_senders_due(asked_at, first_start, reader.now);
    let suffices = reader.budget.left() >= streams.len() as u64;
    if !is_due || !suffices || reader.errors.should_stop() {
        return Ok(());
    }
    let read = read_domains(reader, streams).await;
    reader.errors.record_warning(read)
}

async fn read_domains(reader: &ServerReader<'_>, streams: &[StreamId]) -> Result<(), ReadError> {
    let (day, now) = (Span::before(reader.now, DAY), reader.now);
    let mut domains = BTreeSet::new();
    for stream in streams {
        domains.extend(reader.api.senders(stream, day, SAMPLE).await?);
    }
    let name = reader.server.clone();
    let save = move |s: &mut Database| s.save_sending_domains(&name, &domains, now);
    Ok(reader.store.call(save).await?)
}
