//! What can be asked with the token of an account: which servers it has. Of its domains, `domains`.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::PAGE;
use super::caller::{Caller, TokenKind};
use super::client::Shared;
use super::convert;
use super::error::{Error, ErrorKind};
use crate::secret::Secret;

/// The maximum number of servers of one account; beyond it the answer makes no sense.
const MAX_SERVERS: usize = 10_000;

pub struct Account(pub(super) Caller);

#[derive(Clone, Debug, PartialEq)]
pub struct AccountServer {
    /// Postmark's number of it, which outlasts its name.
    pub id: i64,
    /// What its owner calls it; text from outside.
    pub name: String,
    /// Its tokens; none where the account's token may not see them.
    pub tokens: Vec<Secret>,
    /// Postmark's `DeliveryType`: `Live`, or `Sandbox` where nothing is delivered; `None` where it gave none.
    pub delivery: Option<String>,
}

impl Account {
    pub(super) fn new(shared: Arc<Shared>, token: Secret) -> Self {
        Self(Caller::new(shared, TokenKind::Account, token))
    }

    /// Returns every server of the account, each once. One request for 500 of them.
    ///
    /// # Errors
    /// `AccountTokenRefused`; else any [`ErrorKind`]. A list that is not whole is an error: nobody may be missed by mistake.
    pub async fn servers(&self) -> Result<Vec<AccountServer>, Error> {
        const DOING: &str = "list the servers of the account";
        let mut servers: Vec<AccountServer> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut total = None;
        loop {
            let request = self.0.request(DOING, "/servers", "");
            let request = request.query("count", PAGE).query("offset", servers.len());
            let page = self.0.fetch(&request, convert::servers).await?;
            let malformed = |flaw| Err(Error::new(DOING, ErrorKind::Malformed(flaw)));
            // Pages that shift while they are read hide a server, which would be taken for a deleted one.
            if *total.get_or_insert(page.total) != page.total {
                return malformed("it changed while it was read");
            }
            let before = servers.len();
            servers.extend(page.items.into_iter().filter(|s| seen.insert(s.id)));
            let found = servers.len();
            if found as u64 >= page.total {
                return Ok(servers);
            }
            if found == before || found > MAX_SERVERS {
                return malformed("it ends before all servers are listed");
            }
        }
    }

    pub fn requests(&self) -> u64 {
        self.0.requests()
    }
}
