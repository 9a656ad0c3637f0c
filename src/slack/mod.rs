//! The only room that knows Slack: how a message is laid out, how it is sent, and what Slack's answer means.

mod answer;
mod blocks;
mod client;
mod error;
mod refusal;

pub use blocks::{payload, plain};
pub use client::{Accepted, Sink, Slack};
pub use error::{Class, Error};
