//! The built binary, killed at every step of a cycle: nothing is lost, and nothing is repeated that could be known.
//!
//! ```text
//! stage: a tape of events, a database just before them
//!   | fork, once for each course
//! course: strikes (kill -9 at a request, kill at a write), an outage of Slack, cycles to the end --> Log
//!   |
//! judge: the log against the tape --> losses, repeats
//! ```
//!
//! Plain `cargo test` runs a sample drawn with a fixed seed; `HUSHWATCH_MATRIX=full cargo test --test it matrix` runs every
//! point, and `HUSHWATCH_SEED=n` draws others where something is drawn.

pub(crate) mod course;
pub(crate) mod judge;
pub(crate) mod matrix;
pub(crate) mod stage;
pub(crate) mod strike;
