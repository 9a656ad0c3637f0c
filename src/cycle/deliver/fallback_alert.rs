//! The database alert: the one message that does not go through the outbox, because the outbox cannot be written.

use crate::clock;
use crate::cycle::Notifier;
use crate::cycle::stored_message::to_row;
use crate::notify::notice::database_alert;
use crate::store::{self, MessageKind, OutboxRow};

/// Alerts that nothing can be recorded, without a retry: there is nowhere to keep what becomes of it. An error that passes by
/// itself is no alert.
pub(crate) async fn send_database_alert(notifier: &Notifier, error: &store::Error) {
    if error.is_passing() {
        return;
    }
    let message = database_alert(&error.to_string());
    let row = OutboxRow {
        seq: 0,
        key: format!("{:032x}", fastrand::u128(..)),
        created_at: clock::now(),
        message: to_row(MessageKind::Notice, &message),
        attempts: 0,
        next_try_at: None,
        unconfirmed: None,
        landed_in: None,
    };
    if let Err(why) = notifier.send(&row, &[]).await {
        tracing::error!(error = %why, "failed to send the database alert");
    }
}
