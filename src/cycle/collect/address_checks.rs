//! Whether Postmark suppresses the operator's own addresses: what the rule `suppressed_address` evaluates.

use crate::cycle::collect::errors::ReadError;
use crate::cycle::collect::reader::ServerReader;
use crate::detect::{is_check_due, latest_check};
use crate::model::{AddressCheck, DAY, StreamId, StreamKey, Suppressed, Timestamp, UNSETTLED};
use crate::postmark::{Server, SuppressionFilter};
use crate::store::{self, Database};

/// Asks for each of `addresses` whose check is due on each stream, one request each, as far as the budget goes. What is not
/// asked is unknown.
pub(crate) async fn check_addresses(
    reader: &mut ServerReader<'_>,
    streams: &[StreamId],
    addresses: &[String],
) -> Result<(), store::Error> {
    if addresses.is_empty() {
        return Ok(());
    }
    for stream in streams {
        let (all, now) = (addresses.to_vec(), reader.now);
        let due = reader.call(stream, move |s, key| due_addresses(s, key, all, now));
        for address in due.await? {
            if reader.errors.should_stop() || reader.budget.left() == 0 {
                return Ok(());
            }
            let checked = check_address(reader, stream, &address).await;
            reader.errors.record_warning(checked)?;
        }
    }
    Ok(())
}

fn due_addresses(
    store: &mut Database,
    stream: &StreamKey,
    addresses: Vec<String>,
    now: Timestamp,
) -> Result<Vec<String>, store::Error> {
    let checks = store.address_checks(stream)?;
    let recent = now - DAY - UNSETTLED;
    let mut due = Vec::new();
    for address in addresses {
        let bounce = store.last_bounce_to(stream, &address, recent)?;
        if is_check_due(latest_check(&checks, &address), bounce, now) {
            due.push(address);
        }
    }
    Ok(due)
}

async fn check_address(
    reader: &ServerReader<'_>,
    stream: &StreamId,
    address: &str,
) -> Result<(), ReadError> {
    let check = AddressCheck {
        address: address.to_owned(),
        at: reader.now,
        found: fetch_suppression(reader.api, stream, address).await?,
    };
    let save = reader.call(stream, move |s, key| s.save_address_check(key, &check));
    Ok(save.await?)
}

/// Returns the suppression of an address on a stream, if there is one.
async fn fetch_suppression(
    api: &Server,
    stream: &StreamId,
    address: &str,
) -> Result<Option<Suppressed>, ReadError> {
    let wanted = SuppressionFilter {
        address: Some(address.trim().to_owned()),
        reason: None,
    };
    let list = api.suppressions(stream, &wanted).await?;
    let mut list = list.into_iter();
    let found = list.find(|s| s.address.eq_ignore_ascii_case(address.trim()));
    Ok(found.map(|s| Suppressed {
        address: address.to_owned(),
        reason: s.reason,
        since: s.since,
    }))
}
