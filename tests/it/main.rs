//! Everything from end to end, against the simulated Postmark and Slack.

mod account;
mod backtest;
mod blindness;
mod bounds;
mod cli;
mod clock;
mod coverage;
mod daemon;
mod delivery;
mod digests;
mod disk;
mod faults;
mod hostile;
mod kill;
mod policy;
mod rates;
mod secrets;
mod servers;
mod silence;
mod tidy;
mod world;
