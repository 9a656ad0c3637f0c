//! The only room that knows the DNS: a resolver, and what the records of mail say.
//!
//! | file | what it is |
//! |---|---|
//! | `resolver` | one query, and the ways in which it has no answer |
//! | [`spf`] | which texts are SPF records, and what they include (RFC 7208) |
//! | [`tags`] | the `tag=value` lists of DKIM keys (RFC 6376) and DMARC policies (RFC 7489) |

mod resolver;
pub mod spf;
pub mod tags;

pub use resolver::{Missing, Resolver};
