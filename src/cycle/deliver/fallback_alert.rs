//! The database alert: the one message that does not go through the outbox, because the outbox cannot be written.

use crate::clock;
use crate::cycle::Notifier;
use crate::cycle::stored_message::to_unstored_row;
use crate::notify::notice::database_alert;
use crate::store;

/// Alerts that nothing can be recorded, without a retry: there is nowhere to keep what becomes of it. An error that passes by
/// itself is no alert.
pub(crate) async fn send_database_alert(notifier: &Notifier, error: &store::Error) {
    if error.is_passing() {
        return;
    }
    let message = database_alert(&error.to_string());
    let key = format!("{:032x}", fastrand::u128(..));
    let row = to_unstored_row(key, clock::now(), &message);
    if let Err(why) = notifier.send(&row, &[]).await {
        tracing::error!(error = %why, "failed to send the database alert");
    }
}
