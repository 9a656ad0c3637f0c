//! One body of SQL for every engine: what a store does, written on sessions.

mod account_servers;
mod address_checks;
mod answers;
mod bounced_mail;
mod canary;
mod charts;
pub(in crate::store) mod copy;
mod counts;
mod coverage;
mod digests;
mod dns;
#[cfg(any(test, feature = "doctor"))]
mod dns_records;
mod failed_mail;
mod feedback;
mod fleet;
pub(in crate::store) mod hello;
mod history;
mod id;
mod incident_detail;
mod incidents;
mod learned;
pub(in crate::store) mod leases;
mod mail;
mod mutes;
mod outbox;
mod packed_hours;
mod packed_samples;
#[cfg(any(test, feature = "charts"))]
mod pictures;
mod polls;
mod prune;
mod recent_events;
mod rename_servers;
mod reported_tokens;
pub(in crate::store) mod restored;
mod rewind;
mod rule_starts;
mod samples;
pub(in crate::store) mod schema;
mod server_identity;
mod session;
mod smtp_errors;
mod span_counts;
mod stream_lists;
mod streams;
pub(in crate::store) mod tables;
mod tags;
mod threads;
mod waiting;
mod weekly;

use crate::model::ServerName;
use crate::store::{Database, Error};

use session::values;
#[cfg(feature = "postgres")]
pub(in crate::store) use session::wrong_type;
pub(in crate::store) use session::{Row, Session, Value};

impl Database {
    /// Returns every row that a query finds, in a transaction of its own.
    fn rows<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl FnMut(&dyn Row) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.read(|s| s.rows(sql, values, read))
    }
}

/// What a transaction may change; two of the same scope, or one of them [`Scope::All`], never run side by side.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Scope<'a> {
    /// Anything.
    All,
    /// Leases, whose rows guard themselves.
    Leases,
    /// What belongs to one server: what polls of it saw.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(dead_code, reason = "a file has one writer, whatever it writes")
    )]
    Server(&'a ServerName),
}

/// When a power cut can no longer undo a transaction. What it undoes are the last ones, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Durability {
    /// Once it is committed.
    Immediate,
    /// Once a later one that is [`Durability::Immediate`] is committed, or after a while. To wait for the disk takes most of the
    /// time of a small transaction.
    Eventual,
}

impl Scope<'_> {
    /// What a poll saw is read again where it is lost; what was decided, and told, is not decided again.
    pub(in crate::store) const fn durability(self) -> Durability {
        match self {
            Self::All | Self::Leases => Durability::Immediate,
            Self::Server(_) => Durability::Eventual,
        }
    }
}
