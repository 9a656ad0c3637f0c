//! A simulated Postmark and a simulated Slack on loopback, for `demo` and for the tests.
//!
//! Each is a model behind an HTTP server: every answer is computed from the model, so that the figures agree with each other.
//! Each runs on a thread of its own, so that blocking code and other processes can talk to it. The handles are cheap clones.
//!
//! | file | contents |
//! |---|---|
//! | `http` | a small HTTP/1.1 server that can also cut off, slow down, hang and never end |
//! | [`Fault`], [`Plan`] | what goes wrong, when, and how often |
//! | [`postmark`] | the ledger of mails and its endpoints |
//! | [`slack`] | channels, their messages, and the limits of a payload |
//! | `healthchecks` | (feature `sim`) what takes heartbeats with their beginning and end |
//! | `receiver` | (feature `sim`) what takes the requests of sinks |
//! | `sentry` | (feature `sim`) what takes envelopes, and keeps alert rules |
//! | `gzip_bomb` | (feature `sim`) a small body that decompresses to a large one |
//! | `dns`, `smtp` | (features `sim` and `doctor`) a DNS zone, and a mail relay with STARTTLS |

#[cfg(all(any(test, feature = "sim"), feature = "doctor"))]
pub mod dns;
mod fault;
#[cfg(any(test, feature = "sim"))]
mod gzip_bomb;
#[cfg(any(test, feature = "sim"))]
pub mod healthchecks;
mod http;
pub mod postmark;
#[cfg(any(test, feature = "sim"))]
pub mod receiver;
#[cfg(any(test, feature = "sim"))]
pub mod sentry;
pub mod slack;
#[cfg(all(any(test, feature = "sim"), feature = "doctor"))]
pub mod smtp;

#[cfg(test)]
mod client;

pub use fault::{Fault, Plan};
pub use http::ReceivedRequest;
