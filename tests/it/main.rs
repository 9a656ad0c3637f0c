//! Everything from end to end, against the simulated Postmark and Slack.

mod account;
mod answers;
mod backtest;
mod backup;
mod blindness;
mod bounced;
mod bounds;
mod browser;
mod canary;
mod charts;
mod cli;
mod clock;
#[cfg(feature = "postgres")]
#[path = "../cluster/mod.rs"]
mod cluster;
mod counting;
mod coverage;
mod daemon;
mod delivery;
mod digests;
mod disk;
#[cfg(feature = "doctor")]
mod dns_drift;
mod doctor;
mod drift;
mod explain;
mod faults;
mod feedback;
mod heartbeat;
mod hello;
mod host;
mod hostile;
mod identity;
mod installed;
mod json_shapes;
mod kill;
mod litestream;
mod lookup;
mod muting;
mod naming;
mod page;
mod pictures;
mod policy;
#[cfg(feature = "postgres")]
mod postgres;
mod rates;
mod reload;
mod report;
mod requests;
mod secrets;
mod sentry;
mod sentry_rule;
mod servers;
mod silence;
mod sinks;
mod store;
mod suppressed;
mod threads;
mod tidy;
mod together;
mod tuning;
mod upgrade;
mod volume;
mod words;
mod world;
