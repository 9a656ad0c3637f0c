//! Reads a server's mail and bounces from Postmark within a budget of requests, into the store.

mod address_checks;
mod backfill;
pub(crate) mod backlog;
pub(crate) mod budget;
mod counter;
mod delivery_sample;
pub(crate) mod lister;
mod new_mail;
pub(crate) mod page;
pub(crate) mod pagination;
mod tags;
pub(crate) mod windows;
