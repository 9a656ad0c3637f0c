//! Everything a simulated Postmark holds, behind one lock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::Timestamp;
use crate::sim::fault::{Fault, Faults};
use crate::sim::http::Asked;

use super::derive;
use super::quirks::Quirks;
use super::server::Server;
use super::status_page::StatusPage;

/// The lock is held for moments only, never while waiting for anything.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World {
            seed,
            ..World::default()
        })))
    }

    /// A test that panicked while it held the lock has failed already; the others go on.
    pub(super) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) quirks: Quirks,
    pub(super) servers: Vec<Server>,
    /// The token of the account, where it has one.
    pub(super) account: Option<String>,
    /// What every answer bears as its date.
    pub(super) date: Option<Timestamp>,
    pub(super) page: StatusPage,
    pub(super) faults: Faults<Fault>,
    pub(super) requests: Vec<Asked>,
    pub(super) unexpected: Vec<String>,
    /// Requests ever made; `requests` may have been taken.
    pub(super) asked: u64,
    seed: u64,
}

/// As in the recorded answers.
const FIRST_SERVER_ID: u32 = 9_708_911;

impl World {
    /// The place of the server with this name, which is added where there is none.
    pub(super) fn place_of(&mut self, name: &str) -> usize {
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

    /// The place of the server with this token.
    pub(super) fn place_of_token(&self, token: &str) -> Option<usize> {
        self.servers.iter().position(|s| s.token == token)
    }
}
