//! The newest events, for `recent`.

use crate::model::{BounceClass, Timestamp};
use crate::store::{Database, Error, EventRow};

use super::id::id_from_bytes;
use super::{Row, values};

impl Database {
    /// Returns the newest events before `now`, newest first.
    pub fn recent_events(&mut self, now: Timestamp, limit: u32) -> Result<Vec<EventRow>, Error> {
        self.rows(
            "SELECT * FROM (
                SELECT b.id, b.class, b.message, b.recipient, t.name, b.type, b.description, b.at AS at FROM bounces b
                LEFT JOIN tags t ON t.key = b.tag WHERE b.at < ?1 AND b.class NOT IN ('ignored', 'other')
                UNION ALL
                SELECT NULL, NULL, f.message, f.recipient, t.name, NULL, NULL, f.delivered_at FROM followed f
                LEFT JOIN tags t ON t.key = f.tag WHERE f.delivered_at < ?1
             ) AS events ORDER BY at DESC LIMIT ?2",
            &values![now, limit],
            event,
        )
    }
}

/// An event from the columns id, class, message, recipient, tag, type, description and at.
pub(super) fn event(row: &dyn Row) -> Result<EventRow, Error> {
    let message: Option<Vec<u8>> = row.get(2)?;
    let number = || number(message.as_deref());
    let class = row.get::<Option<String>>(1)?;
    Ok(EventRow {
        id: row.get::<Option<i64>>(0)?.unwrap_or_else(number),
        class: class.map(|name| BounceClass::from_name(&name)),
        message: message.as_deref().map(id_from_bytes),
        recipient: row.get::<Option<String>>(3)?.filter(|r| !r.is_empty()),
        tag: row.get(4)?,
        kind: row.get(5)?,
        description: row.get(6)?,
        at: row.get(7)?,
    })
}

/// A number for a message: the first 48 bits of its id, which are random.
fn number(id: Option<&[u8]>) -> i64 {
    let bytes = id.unwrap_or_default().iter().take(6);
    bytes.fold(0, |number, byte| number << 8 | i64::from(*byte))
}
