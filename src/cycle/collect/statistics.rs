//! Postmark's statistics of its days, which alone count the mail that it refused: what the rule `smtp_errors` evaluates.

use chrono::NaiveDate;

use crate::cycle::collect::errors::ReadError;
use crate::cycle::collect::reader::ServerReader;
use crate::detect::{is_statistics_due, join_statistics};
use crate::model::{DAY, SmtpErrorDay, Span, Timestamp};
use crate::postmark::{self, ErrorKind, Statistics};
use crate::store;

/// How many days are read, today included: one more than tell what is usual, and yesterday.
const DAYS: u32 = 30;
/// The requests that it takes.
const REQUESTS: u64 = 2;

/// Reads the last days' statistics of all streams together where that is due, if the budget suffices. Where they are not
/// read, what is known grows old.
pub(crate) async fn read_statistics(
    reader: &mut ServerReader<'_>,
    first_start: Timestamp,
) -> Result<(), store::Error> {
    let name = reader.server.clone();
    let known = reader.store.call(move |s| s.smtp_error_days(&name)).await?;
    let is_due = is_statistics_due(&known, first_start, reader.now);
    if !is_due || reader.errors.should_stop() || reader.budget.left() < REQUESTS {
        return Ok(());
    }
    let read = read_days(reader, &known).await;
    reader.errors.record_warning(read)
}

async fn read_days(reader: &ServerReader<'_>, known: &[SmtpErrorDay]) -> Result<(), ReadError> {
    let now = reader.now;
    let (from, to) = postmark::days(Span::before(now, (DAYS - 1) * DAY));
    let all = Statistics {
        from,
        to,
        stream: None,
        tag: None,
    };
    let counted = match reader.api.errors_by_day(&all).await {
        Ok(counted) => counted,
        // A plan without statistics has none tomorrow either.
        Err(error) if matches!(error.kind(), ErrorKind::Refused { .. }) => {
            tracing::info!(server = %reader.server, %error, "no statistics, so the rule smtp_errors cannot judge");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let days = from.iter_days().take_while(|day| *day <= to);
    let counts = |day: NaiveDate| {
        let of_day = counted.get(&day).copied().unwrap_or_default();
        (postmark::day(day).from, of_day.api_errors, of_day.sent)
    };
    let read: Vec<_> = days.map(counts).collect();
    let (name, days) = (reader.server.clone(), join_statistics(known, &read, now));
    let save = move |s: &mut store::Database| s.save_smtp_error_days(&name, &days);
    Ok(reader.store.call(save).await?)
}
