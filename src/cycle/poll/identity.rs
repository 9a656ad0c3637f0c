//! Whether the server that answers is the one whose mail is stored under its name.

use crate::cycle::Context;
use crate::cycle::collect::errors::ReadError;
use crate::model::{ServerChange, ServerName};
use crate::postmark::{Error, ErrorKind, Server, ServerInfo};
use crate::store::{self, ServerIdentity};

/// What an answer says of the server that gave it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identification {
    /// The server that answered, where it is another one than before.
    pub change: Option<ServerChange>,
    /// Why what is missing could not be asked.
    pub warning: Option<String>,
}

/// Compares the number that the list of streams bears with the one stored under the name, and stores it where none is.
///
/// Asks the server of itself where the list does not bear the number, where it is another one, and until it is known whether
/// it is a Sandbox, which never changes. Where the account lists the server, that says so.
///
/// # Errors
/// Where whose mail would be read cannot be told, though it was known before.
pub(crate) async fn identify_server(
    context: &Context,
    name: &ServerName,
    api: &Server,
    listed: Option<i64>,
) -> Result<Identification, ReadError> {
    let store = &context.store;
    let server = name.clone();
    let known = store.call(move |s| s.server_identity(&server)).await?;
    let is_known = |known: ServerIdentity| Some(known.number) == listed && known.sandbox.is_some();
    if known.is_some_and(is_known) {
        return Ok(Identification::default());
    }
    let is_same = known.is_none_or(|known| Some(known.number) == listed);
    let by_account = listed.filter(|_| is_same).and_then(|number| {
        let sandbox = context.account_servers.is_sandbox(number)?;
        Some((number, sandbox))
    });
    if let Some((number, sandbox)) = by_account {
        save_identity(context, name, number, Some(sandbox)).await?;
        return Ok(Identification::default());
    }
    let (info, warning) = match api.info().await {
        Ok(info) => (Some(info), None),
        Err(error) if listed.is_none() && known.is_some() && !is_refusal(&error) => {
            return Err(error.into());
        }
        Err(error) => (None, Some(error.to_string())),
    };
    let number = listed.or(info.as_ref().map(|info| info.id));
    let change = match (known, number) {
        (Some(known), Some(number)) if known.number != number => Some(ServerChange {
            former: known.number,
            former_seen_at: None,
            current: number,
            current_name: info.map(|info| info.name),
            token_place: None,
        }),
        (_, Some(number)) => {
            let sandbox = info.as_ref().map(ServerInfo::is_sandbox);
            let sandbox = sandbox.or(known.and_then(|known| known.sandbox));
            save_identity(context, name, number, sandbox).await?;
            None
        }
        (_, None) => None,
    };
    Ok(Identification { change, warning })
}

async fn save_identity(
    context: &Context,
    name: &ServerName,
    number: i64,
    sandbox: Option<bool>,
) -> Result<(), store::Error> {
    let identity = ServerIdentity { number, sandbox };
    let server = name.clone();
    let save = move |s: &mut store::Database| s.save_server_identity(&server, identity);
    context.store.call(save).await
}

/// Returns whether Postmark will give no better answer to this token.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Refused { .. })
}
