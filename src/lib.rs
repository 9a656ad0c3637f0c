//! hushwatch asks Postmark every hour whether mail still flows, keeps what it saw, and tells Slack when it does not.
//!
//! # The map
//!
//! ```text
//!             now (read once per cycle in `clock`, handed down)
//!               |
//! Postmark --> poll --> STORE --> evaluate ------------> STORE --> deliver --> Slack
//!              Listing  History  |  detect: Finding      outbox    Message
//!                                |  decide: Transition   row
//!                                `- one transaction: incident state + outbox row
//! ```
//!
//! Rooms in reading order. Each knows only the rooms above it that it names here; `tests/it/tidy.rs` keeps this.
//!
//! | room | what it is | knows |
//! |---|---|---|
//! | [`model`] | the words of the domain: plain values, no I/O, no clock, no wire format | nothing |
//! | [`detect`] | pure: history and an instant in, findings out | model |
//! | [`decide`] | pure: incident state and a finding in, new state and transitions out | model |
//! | [`evaluate`] | pure: one server walked from instant to instant, live and in a replay alike | model, detect, decide |
//! | [`message`] | pure: what a person reads, as text without markup | model |
//! | [`tape`] | a file of events, read into histories | model, detect |
//! | [`secret`], [`retry`], [`clock`] | leaves: what must not be printed, how to try again, the machine's time | nothing |
//! | [`database`] | leaf: where a `PostgreSQL` database is, as a URL says it | secret |
//! | [`postmark`] | the only room that knows Postmark | model, retry, secret |
//! | [`store`] | the only room that knows SQL: one body of it for `SQLite` and (feature `postgres`) `PostgreSQL` | model, secret, database |
//! | [`slack`] | the only room that knows Slack | model, message, retry, secret |
//! | `dns`, `smtp` | leaves (feature `doctor`): the only rooms that know the DNS, and mail relays | nothing |
//! | [`config`] | `monitor.toml` and the environment, checked | model, secret, database |
//! | [`app`] | the shell: one file per arrow, no rule of its own | all of these |
//! | [`sim`] | a simulated Postmark and Slack for `demo` and the tests; for the tests the DNS and a mail relay too | model |
//! | [`heartbeat`] | the ping by which others notice our own silence | secret, postmark |
//! | [`daemon`], [`command`], [`cli`], [`telemetry`] | the bell, the commands, the arguments, the log | app, config, sim |
//!
//! `mutation` is for the tests alone: valid documents gone wrong, for the property tests of every parser.
//!
//! # Eight words
//!
//! A **server** is a Postmark server with its own token; a **stream** one of its outbound message streams. A **rule** says
//! what may not happen; a **finding** is what a rule saw at one instant; an **incident** is one rule broken on one stream from
//! `opened` to `resolved`; a **transition** is a step in an incident's life; a **message** is what people are told of it; an
//! **outbox row** is a message not yet known to be accepted.
//!
//! # Invariants
//!
//! 1. `detect` and `decide` do no I/O, read no clock, draw no random number, and cannot fail.
//! 2. An incident's new state and its outbox row are committed together or not at all.
//! 3. An outbox row is marked sent only after the destination accepted it: a crash may repeat a message, never lose one.
//! 4. Findings are logged before delivery is tried.
//! 5. A failed poll is never stored as zeros. What was not covered is unknown.
//! 6. What is due is computed from the store, never from the memory of the process.
//! 7. One server, stream or channel failing does not stop the others.
//! 8. No token, webhook URL or mail address is in any log line or error text.
//! 9. A database written by a newer version is refused, not changed, unless it says that this version may work on it.

pub mod model;

pub mod decide;
pub mod detect;
pub mod evaluate;
pub mod message;
pub mod tape;

pub mod clock;
pub mod database;
pub mod heartbeat;
pub mod retry;
pub mod secret;

#[cfg(feature = "doctor")]
pub mod dns;
#[cfg(feature = "doctor")]
pub mod smtp;

pub mod config;
pub mod postmark;
pub mod slack;
pub mod store;

pub mod app;
pub mod sim;

pub mod cli;
pub mod command;
pub mod daemon;
pub mod telemetry;

#[cfg(test)]
mod mutation;
