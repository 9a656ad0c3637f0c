//! The only room that knows Slack: how a message is laid out, posted and looked up, and what Slack's answers mean.

mod blocks;
mod client;
mod error;
mod error_code;
mod history;
#[cfg(feature = "doctor")]
mod layouts;
mod mention;
mod methods;
mod probe;
mod reactions;
mod response;
#[cfg(feature = "charts")]
mod upload;

pub use crate::retry::RetryClass;
pub use blocks::{Envelope, edit_payload, payload, plain_edit_payload, plain_payload};
pub use client::{Receipt, Sink, Slack};
pub use error::Error;
pub use history::LookupResult;
#[cfg(feature = "doctor")]
pub use layouts::LayoutVerdict;
pub use mention::MentionStanding;
pub use probe::Identity;
pub use response::is_lasting_refusal;
#[cfg(feature = "charts")]
pub use upload::Upload;
