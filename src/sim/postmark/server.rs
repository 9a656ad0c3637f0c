//! One simulated server: its token, its settings, its streams.

use std::time::Duration;

use crate::model::{DAY, Timestamp};
use crate::sim::fault::{Fault, Faults};

use super::derive;
use super::email::SentMail;
use super::ledger::{Entry, Stream, StreamType};
use super::mail::Mail;
use super::messages::SENDER;
use super::suppressions::{Lifted, Suppressed};

/// The first bounce id, as in the recorded answers.
const FIRST_BOUNCE_ID: i64 = 723_626_745;
/// The first huge bounce id, beyond what a 64-bit float can represent (2⁵³); the documentation's example is of this size. Every
/// other id is huge.
const HUGE_BOUNCE_ID: i64 = 4_323_372_036_000_000_000;

#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) id: u32,
    pub(super) token: String,
    pub(super) sandbox: bool,
    pub(super) sender: String,
    pub(super) retention: Duration,
    pub(super) caps_total: bool,
    /// The share of details whose body exceeds 2 MiB, 0 to 1.
    pub(super) big_bodies: f64,
    pub(super) created_at: Timestamp,
    pub(super) streams: Vec<Stream>,
    pub(super) faults: Faults<Fault>,
    pub(super) rng: fastrand::Rng,
    pub(super) huge_bounce_ids: bool,
    /// The addresses that were suppressed by hand.
    pub(super) suppressed: Vec<Suppressed>,
    pub(super) lifted: Vec<Lifted>,
    next_bounce: i64,
    pub(super) sent_mail: SentMail,
}

impl Server {
    /// Creates a server with the three streams that every server has.
    pub(super) fn new(name: &str, id: u32, seed: u64) -> Self {
        Self {
            name: name.to_owned(),
            id,
            token: derive::id(Timestamp(i64::from(id)), seed),
            sandbox: false,
            sender: SENDER.to_owned(),
            retention: 45 * DAY,
            caps_total: false,
            big_bodies: 0.0,
            created_at: Timestamp::from_secs(1_667_321_306),
            streams: vec![
                Stream::new("outbound", StreamType::Transactional),
                Stream::new("broadcast", StreamType::Broadcasts),
                Stream::new("inbound", StreamType::Inbound),
            ],
            faults: Faults::default(),
            rng: fastrand::Rng::with_seed(seed),
            huge_bounce_ids: true,
            suppressed: Vec::new(),
            lifted: Vec::new(),
            next_bounce: 0,
            sent_mail: SentMail::default(),
        }
    }

    pub(super) fn stream(&self, id: &str) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.id == id)
    }

    /// Returns the stream with this id, after adding it as a transactional one if there is none.
    pub(super) fn stream_mut(&mut self, id: &str) -> &mut Stream {
        let known = self.streams.iter().position(|stream| stream.id == id);
        let place = known.unwrap_or_else(|| {
            self.streams
                .push(Stream::new(id, StreamType::Transactional));
            self.streams.len() - 1
        });
        &mut self.streams[place]
    }

    pub(super) fn sort(&mut self) {
        self.streams.iter_mut().for_each(Stream::sort);
    }

    /// Returns an unused bounce id.
    pub(super) fn next_bounce_id(&mut self) -> i64 {
        self.next_bounce += 1;
        let huge = self.huge_bounce_ids && self.next_bounce % 2 == 0;
        let first = if huge {
            HUGE_BOUNCE_ID
        } else {
            FIRST_BOUNCE_ID
        };
        first + self.next_bounce
    }

    /// Adds a mail, filling in missing ids; returns its id.
    pub(super) fn push(&mut self, mut mail: Mail) -> String {
        let seed = self.rng.u64(..);
        if mail.id.is_empty() {
            mail.id = derive::id(mail.sent_at, seed);
        }
        for place in 0..mail.bounces.len() {
            if mail.bounces[place].id == 0 {
                mail.bounces[place].id = self.next_bounce_id();
            }
        }
        let id = mail.id.clone();
        let stream = self.stream_mut(&mail.stream);
        stream.extend([Entry::from_mail(mail, seed, derive::index_lag_ms(seed))]);
        id
    }
}
