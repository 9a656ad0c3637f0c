//! Polls the servers: which there are, in whose turn, and what each has.

pub(crate) mod all;
pub(crate) mod server;
pub(crate) mod servers;
pub(crate) mod streams;
