//! Whether the operator's own addresses are on a list of suppressions: what the rule `suppressed_address` rests on.

use crate::config::ServerConfig;
use crate::cycle::Context;
use crate::cycle::collect::budget::{Budget, Stop};
use crate::cycle::poll::server::Trouble;
use crate::detect::{check_of, is_check_due};
use crate::model::{AddressCheck, DAY, StreamId, StreamKey, Suppressed, Timestamp, UNSETTLED};
use crate::postmark::{Server, Suppressions};
use crate::store::{self, Database};

impl Context {
    /// Asks for each address that is due on each stream, as far as the budget goes: a request each. What is not asked is
    /// unknown.
    pub(crate) async fn check_addresses(
        &self,
        server: &ServerConfig,
        api: &Server,
        streams: &[StreamId],
        budget: &Budget<'_>,
        now: Timestamp,
        trouble: &mut Trouble,
    ) -> Result<(), store::Error> {
        for stream in streams {
            for address in self.due_addresses(server, stream, now).await? {
                if trouble.is_over() || budget.left() == 0 {
                    return Ok(());
                }
                match check(api, stream, &address, now).await {
                    Ok(check) => {
                        let key = StreamKey::new(&server.name, stream);
                        let save = move |s: &mut Database| s.save_address_check(&key, &check);
                        self.store.call(save).await?;
                    }
                    Err(stop) => trouble.note_minor(&stop),
                }
            }
        }
        Ok(())
    }

    async fn due_addresses(
        &self,
        server: &ServerConfig,
        stream: &StreamId,
        now: Timestamp,
    ) -> Result<Vec<String>, store::Error> {
        let key = StreamKey::new(&server.name, stream);
        let addresses = server.operator_addresses.clone();
        if addresses.is_empty() {
            return Ok(addresses);
        }
        let read = move |s: &mut Database| due(s, &key, addresses, now);
        self.store.call(read).await
    }
}

fn due(
    store: &mut Database,
    stream: &StreamKey,
    mut addresses: Vec<String>,
    now: Timestamp,
) -> Result<Vec<String>, store::Error> {
    let checks = store.address_checks(stream)?;
    let recent = now - DAY - UNSETTLED;
    let mut due = Vec::new();
    for address in addresses.drain(..) {
        let bounce = store.last_bounce_to(stream, &address, recent)?;
        if is_check_due(check_of(&checks, &address), bounce, now) {
            due.push(address);
        }
    }
    Ok(due)
}

async fn check(
    api: &Server,
    stream: &StreamId,
    address: &str,
    now: Timestamp,
) -> Result<AddressCheck, Stop> {
    let wanted = Suppressions {
        address: Some(address.trim().to_owned()),
        reason: None,
    };
    let list = api.suppressions(stream, &wanted).await?;
    let mut list = list.into_iter();
    let found = list.find(|s| s.address.eq_ignore_ascii_case(address.trim()));
    Ok(AddressCheck {
        address: address.to_owned(),
        at: now,
        found: found.map(|s| Suppressed {
            address: address.to_owned(),
            reason: s.reason,
            since: s.since,
        }),
    })
}
