//! The only room that knows the DNS: a resolver, and what the records of mail say.
//!
//! | file | what it is |
//! |---|---|
//! | [`domain`] | what receivers find of one domain that sends through Postmark |
//! | `resolver` | one query, and the ways in which it has no answer |
//! | [`spf`] | which texts are SPF records, and what they include (RFC 7208) |
//! | [`dkim`] | which texts are DKIM keys, and why a key is of no use (RFC 6376) |
//! | [`dmarc`] | what a DMARC record asks for (RFC 9989) |
//! | `tags` | the `tag=value` lists of the last two |

pub mod dkim;
pub mod dmarc;
pub mod domain;
mod resolver;
pub mod spf;
mod tags;

pub use resolver::{Missing, Resolver};
