//! What a terminal or a script reads. Pure.

pub mod backtest;
pub mod explain;
pub mod incidents;
pub mod json;
pub mod readiness;
pub mod stats;
pub mod status;
pub mod waiting;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
