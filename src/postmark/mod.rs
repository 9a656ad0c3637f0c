//! The only room that knows Postmark: its addresses, its JSON, its clock and its refusals.
//!
//! ```text
//! client    the way there: address, timeouts, TLS
//! server    what can be asked of a server, in the words of the domain
//! account   what can be asked of an account: which servers it has
//! domains   where the mail records of its domains belong
//! caller    one token: retries and counts
//!   exchange  one attempt: send, read within a limit, judge the status
//!   convert   body -> model; a required value that is missing is an error, never zero
//!     wire      the JSON as it is sent, as tolerant as safe
//!     stamp     the times in answers
//!     sender    the domain of a sender
//!   eastern   the times in questions
//! search    what an operator looks up, and the one thing that is changed: suppressions
//! status_page  what Postmark says of itself to everybody
//! error     what went wrong and what to do
//!   quote     text of a peer, made fit for an error
//! ```

mod account;
mod caller;
mod canary;
mod client;
mod convert;
#[cfg(feature = "doctor")]
mod domains;
mod eastern;
mod error;
mod exchange;
mod pace;
mod quote;
mod search;
mod sender;
mod server;
mod stamp;
mod status_page;
mod wire;

#[cfg(test)]
mod tests;

pub use account::AccountServer;
pub use client::{Postmark, Settings};
#[cfg(feature = "doctor")]
pub use domains::MailHosts;
pub use eastern::{day, days, whole};
pub use error::{Error, ErrorKind, Fault};
pub use search::{
    BounceFilter, BounceRow, Event, KINDS, MessageFilter, MessageSummary, Overview, Statistics,
    Suppression, SuppressionFilter, Timeline, Window,
};
pub use server::{Count, Page, Server, ServerInfo, Stream, is_message_id, is_sandbox};
pub use status_page::{State, StatusPage, status_page};

/// Items asked for in one page; the most Postmark gives.
pub const PAGE: u32 = 500;

/// Postmark refuses pages where count + offset exceeds this. A [`Page::total`] this high reads "at least": split the span.
pub const MAX_RESULTS: u64 = 10_000;
