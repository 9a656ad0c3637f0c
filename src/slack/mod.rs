//! The only room that knows Slack: how a message is laid out, how it is sent and found again, and what Slack's answers mean.

mod answer;
mod blocks;
mod client;
mod error;
mod history;
mod probe;
mod refusal;

pub use blocks::{payload, plain};
pub use client::{Accepted, Sink, Slack};
pub use error::{Class, Error};
pub use history::Trace;
pub use probe::{Conversation, Identity};
