//! What hushwatch says of itself while its database works: a message like any other, in the outbox.

use crate::cycle::stored_message::to_row;
use crate::cycle::{Context, CycleError, between_cycles};
use crate::notify::Message;
use crate::store::{CycleCommit, MessageKind};

/// Stores `message` for the common channel, and sends it unless a cycle of another process is running, which sends it then.
///
/// # Errors
/// Where the database fails.
pub(crate) async fn send_notice(context: &Context, message: &Message) -> Result<(), CycleError> {
    let commit = CycleCommit {
        messages: vec![to_row(MessageKind::Notice, message)],
        at: Some(crate::clock::now()),
        ..CycleCommit::default()
    };
    context.store.call(move |s| s.commit(&commit)).await?;
    between_cycles(context).await.map(drop)
}
