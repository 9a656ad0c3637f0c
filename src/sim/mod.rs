//! A simulated Postmark and a simulated Slack on loopback, for `demo` and for the tests.
//!
//! Each is a model with an HTTP face: what it answers is computed from what it holds, so that numbers agree with each other.
//! Each runs on a thread of its own, so that blocking code and another process may talk to it. The handles are cheap clones.
//!
//! | file | what it is |
//! |---|---|
//! | `http` | a small HTTP/1.1 server that can also cut, drip, hang and never end |
//! | `bomb` | few bytes that gzip blows up |
//! | [`Fault`], [`Plan`] | what goes wrong, when, and how often |
//! | [`postmark`] | the ledger of mails and its endpoints |
//! | [`slack`] | channels, their messages, and the limits of a payload |
//! | `dns`, `smtp` | (feature `doctor`) a zone, and a mail relay with STARTTLS |

mod bomb;
#[cfg(feature = "doctor")]
pub mod dns;
mod fault;
mod http;
pub mod postmark;
pub mod slack;
#[cfg(feature = "doctor")]
pub mod smtp;

#[cfg(test)]
mod client;

pub use fault::{Fault, Plan};
pub use http::Asked;
