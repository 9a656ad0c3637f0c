//! hushwatch asks Postmark every hour whether mail still flows, keeps what it saw, and tells Slack when it does not.
//!
//! # The map
//!
//! ```text
//!              now (read once per cycle in `clock`, handed down)
//!               |
//! Postmark --> poll ----> STORE --> evaluate ------------> STORE --> deliver --> Slack, sinks
//!              collect    History  |  detect: Finding      outbox    Message
//!                                  |  decide: Transition   row
//!                                  `- one transaction: incident state + outbox row
//! ```
//!
//! Rooms in reading order. `tests/it/tidy.rs` reads this table: a room may name only the rooms in its last column, and each of
//! those stands above it.
//!
//! | room | what it is | knows |
//! |---|---|---|
//! | [`model`] | the words of the domain: plain values, no I/O, no clock, no wire format | nothing |
//! | [`detect`] | pure: history and an instant in, findings out | model |
//! | [`decide`] | pure: incident state and a finding in, new state and transitions out | model |
//! | [`evaluate`] | pure: a server, or all of them together, evaluated from instant to instant, live and in a replay alike | model, detect, decide |
//! | [`events_file`] | a file of events, read into histories | model, detect |
//! | [`text`] | pure: how values become words: sanitized text, numbers, times, tables | model |
//! | [`chart`] | pure: pictures of mail over time, as SVG and PNG | model, text |
//! | [`notify`] | pure: what Slack is told, as text without markup | model, text |
//! | [`output`] | pure: what a terminal or a script reads | model, text, notify |
//! | [`metrics`] | pure: what Prometheus reads | model, text, output |
//! | [`html`] | pure: what a browser shows | model, text, chart, notify |
//! | [`secret`] | leaf: a string that is never printed | nothing |
//! | [`retry`] | leaf: when to try again | nothing |
//! | [`tls`] | leaf: what every HTTP client has: its TLS implementation, its name, no redirects; and which URLs need no TLS | nothing |
//! | [`clock`] | leaf: the machine's time | model |
//! | `ownership` | leaf: who this process is, and whose a file is that root creates | nothing |
//! | `progress` | leaf: a progress bar on a terminal | nothing |
//! | [`database`] | leaf: where a `PostgreSQL` database is, as a URL says it | secret |
//! | [`postmark`] | the only room that knows Postmark | model, retry, secret, tls |
//! | [`store`] | the only room that knows SQL: one body of it for `SQLite` and (feature `postgres`) `PostgreSQL` | model, secret, database, ownership |
//! | [`slack`] | the only room that knows Slack | model, text, notify, retry, secret, tls |
//! | `sink` | the only room that knows the sinks beside Slack: webhooks, pagers, push, mail | model, text, retry, secret, tls |
//! | [`sentry`] | the only room that knows Sentry: events and check-ins by DSN, its alert rules | model, text, retry, secret, tls |
//! | `dns` | leaf (feature `doctor`): the only room that knows the DNS | nothing |
//! | `smtp` | leaf (feature `doctor`): the only room that knows mail relays | nothing |
//! | [`heartbeat`] | the pings by which others notice our own silence | secret, tls |
//! | [`config`] | `monitor.toml` and the environment, checked | model, retry, secret, tls, database, sink, heartbeat, sentry |
//! | [`cycle`] | the shell of one cycle: poll, collect, evaluate, digest, deliver | model, detect, decide, evaluate, text, chart, notify, output, secret, retry, clock, postmark, store, slack, sink, sentry, dns, config, heartbeat, ownership, progress |
//! | [`daemon`] | a cycle on schedule, until it is asked to stop | model, clock, cycle |
//! | [`overview`] | what is stored, read for people and scripts, and nothing changed | model, detect, text, chart, html, notify, output, clock, store, config, cycle |
//! | [`page`] | what `run` serves over HTTP: a page, read-only, on a thread of its own | model, text, html, notify, output, metrics, secret, clock, store, config, cycle, daemon, overview |
//! | `sim` | (feature `demo`) a simulated Postmark and Slack for `demo` and the tests; for the tests (feature `sim`) the DNS, a mail relay and others too | model |
//! | [`telemetry`] | the log | ownership |
//! | [`commands`] | the verbs: their arguments, their work, and what they print | model, detect, decide, evaluate, `events_file`, text, chart, html, notify, output, metrics, secret, clock, ownership, progress, postmark, store, slack, sink, sentry, dns, smtp, config, heartbeat, cycle, daemon, overview, page, sim, telemetry |
//!
//! `mutation` is for the tests alone: valid documents gone wrong, for the property tests of every parser.
//!
//! `docs/glossary.md` defines the terms.
//!
//! # Invariants
//!
//! 1. `detect` and `decide` do no I/O, read no clock, draw no random number, and cannot fail.
//! 2. An incident's new state and its outbox row are committed together or not at all.
//! 3. An outbox row is marked sent only after the destination accepted it: a crash may repeat a message, never lose one. A
//!    message that nothing ever confirms is repeated once, then given up, as is one that alone is refused for hours; the next
//!    accepted one names it.
//! 4. Findings are logged before delivery is tried.
//! 5. A failed poll is never stored as zeros. What was not covered is unknown.
//! 6. What is due is computed from the store, never from the memory of the process.
//! 7. One server, stream or channel failing does not stop the others.
//! 8. No token, webhook URL or mail address is in any log line or error text.
//! 9. A database written by a newer version is refused, not changed, unless it says that this version may work on it.

pub mod model;

mod decide;
mod detect;
mod evaluate;
mod events_file;

mod chart;
mod html;
mod metrics;
mod notify;
mod output;
mod text;

pub mod clock;
mod database;
mod heartbeat;
mod ownership;
mod progress;
mod retry;
mod secret;
mod tls;

#[cfg(feature = "doctor")]
mod dns;
#[cfg(feature = "doctor")]
mod smtp;

mod config;
mod postmark;
mod sentry;
mod sink;
mod slack;
mod store;

mod cycle;
mod overview;
mod page;
#[cfg(any(test, feature = "demo"))]
pub mod sim;

pub mod commands;
mod daemon;
pub mod telemetry;

/// What the integration tests and the benchmarks take from the rooms; no interface for anyone else.
#[doc(hidden)]
pub mod internals {
    pub use crate::config::{Sources, load as load_config};
    pub use crate::cycle::report::CheckReport;
    pub use crate::cycle::{
        Context, CycleError, CycleOptions, Notifier, between_cycles, run_cycle,
    };
    pub use crate::database::Address;
    pub use crate::detect::{Detector, evaluate_rates};
    pub use crate::events_file::EventsFile;
    pub use crate::postmark::KINDS;
    pub use crate::secret::Secret;
    pub use crate::slack::{LookupResult, Sink, Slack};
    pub use crate::store::{CycleLock, SampleCandidate, Store};
    pub use crate::text::format::count;
    pub use crate::tls::install_provider;
}

#[cfg(test)]
mod mutation;
