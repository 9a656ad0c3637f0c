//! The state of a simulated Postmark, behind one lock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::Timestamp;
use crate::sim::fault::{Fault, Faults};
use crate::sim::http::ReceivedRequest;

use super::account::Domain;
use super::derive;
use super::quirks::Quirks;
use super::server::Server;
use super::status_page::StatusPage;

/// The shared state. The lock is held briefly, never while waiting for anything.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World {
            seed,
            ..World::default()
        })))
    }

    /// Locks the state. A test that panicked while holding the lock has failed already; the others go on.
    pub(super) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) quirks: Quirks,
    pub(super) servers: Vec<Server>,
    /// The account token, if there is one.
    pub(super) account: Option<String>,
    /// The domains of the account.
    pub(super) domains: Vec<Domain>,
    /// The `Date` of every answer.
    pub(super) date: Option<Timestamp>,
    pub(super) page: StatusPage,
    pub(super) faults: Faults<Fault>,
    pub(super) requests: Vec<ReceivedRequest>,
    pub(super) unexpected: Vec<String>,
    /// The number of all requests, including those taken from `requests`.
    pub(super) request_count: u64,
    seed: u64,
}

/// The id of the first server, as in the recorded answers.
const FIRST_SERVER_ID: u32 = 9_708_911;

impl World {
    /// Returns the index of the server with this name, after adding it if there is none.
    pub(super) fn server_index(&mut self, name: &str) -> usize {
        if let Some(place) = self.servers.iter().position(|s| s.name == name) {
            return place;
        }
        let seed = name
            .bytes()
            .fold(self.seed, |sum, byte| derive::mix(sum ^ u64::from(byte)));
        let highest = self.servers.iter().map(|s| s.id).max();
        let id = highest.map_or(FIRST_SERVER_ID, |id| id + 1);
        self.servers.push(Server::new(name, id, seed));
        self.servers.len() - 1
    }

    /// Returns the index of the server with this token.
    pub(super) fn server_index_by_token(&self, token: &str) -> Option<usize> {
        self.servers.iter().position(|s| s.token == token)
    }
}
