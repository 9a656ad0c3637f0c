//! The built binary, killed at every step of a cycle: nothing is lost, and nothing is repeated that could be known.
//!
//! ```text
//! scenario: simulated mail with one incident of each kind, and a database from just before them
//!   | forked once for each plan
//! crash plan: crash points (kill -9 at a request or at a write), an outage of Slack, cycles to the end --> run log
//!   |
//! invariants: the run log against the scenario --> what was lost, what was repeated
//! ```
//!
//! Plain `cargo test` runs a sample drawn with a fixed seed; `HUSHWATCH_MATRIX=full cargo test --test it matrix` runs every
//! point, and `HUSHWATCH_SEED=n` draws others where something is drawn.

pub(crate) mod crash_plan;
pub(crate) mod crash_point;
pub(crate) mod invariants;
pub(crate) mod matrix;
pub(crate) mod scenario;
