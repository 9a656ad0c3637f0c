//! Heartbeats: signs of life, so that another service notices when hushwatch itself stops.
//!
//! Any such service takes one ping after a good cycle. healthchecks, hosted or one's own, is also told when a cycle begins and
//! why one was not good.

mod client;
mod url;

pub use client::Error;
pub use url::{Heartbeat, HeartbeatKind, Run, Signal};
