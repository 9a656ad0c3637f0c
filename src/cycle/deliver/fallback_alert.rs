//! The one message that does not go through the outbox: the outbox cannot be written.

use crate::clock;
use crate::cycle::Outlet;
use crate::cycle::grouping::new_message;
use crate::notify::{Level, Message};
use crate::store::{self, MessageKind, OutboxRow};

/// Tells that nothing can be recorded, once and as it goes: there is nowhere to keep what becomes of it. Its text is fixed
/// but for the reason, and it speaks of no rule.
pub async fn cry(outlet: &Outlet, error: &store::Error) {
    if error.is_passing() {
        return;
    }
    let lines = [
        error.to_string(),
        "Nothing is recorded and no incident is told until this is repaired; what was recorded before is told then".to_owned(),
    ];
    let headline = "hushwatch cannot use its database, and is blind and mute";
    let message = Message::new(
        Level::Wake,
        headline,
        lines,
        "told once, until it works again",
    );
    let row = OutboxRow {
        seq: 0,
        key: format!("{:032x}", fastrand::u128(..)),
        created_at: clock::now(),
        message: new_message(MessageKind::Notice, None, "", &message),
        attempts: 0,
        next_try_at: None,
        doubt: None,
        landed_in: None,
    };
    if let Err(why) = outlet.send(&row).await {
        tracing::error!("nobody could be told that the database cannot be used: {why}");
    }
}
