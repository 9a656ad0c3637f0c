//! What must hold of the simulated Postmark.

mod endpoints;
mod faults;
mod ledger;
mod quirks;

use serde_json::Value;

use crate::model::{Span, Timestamp};
use crate::sim::client::{self, Answer};

use crate::sim::postmark::{Postmark, Quirks, ServerHandle};

/// A Postmark with one server, at noon of 2 November 2026 UTC.
struct World {
    postmark: Postmark,
    shop: ServerHandle,
}

impl World {
    fn new() -> Self {
        Self::with(Quirks::default())
    }

    fn with(quirks: Quirks) -> Self {
        let postmark = Postmark::start().expect("a free port");
        let shop = postmark.server("shop");
        postmark.set_quirks(quirks);
        postmark.set_now(at("2026-11-02T12:00:00Z"));
        Self { postmark, shop }
    }

    /// What a request with the server's token gets.
    fn ask(&self, target: &str) -> Answer {
        self.try_ask(target).expect("an answer")
    }

    fn try_ask(&self, target: &str) -> std::io::Result<Answer> {
        let token = format!("X-Postmark-Server-Token: {}", self.shop.token());
        client::get(&format!("{}{target}", self.postmark.base_url()), &[token])
    }

    fn json(&self, target: &str) -> Value {
        self.ask(target).json()
    }

    /// How many messages a search finds.
    fn total(&self, more: &str) -> u64 {
        let target = format!("/messages/outbound?count=1&offset=0{more}");
        self.json(&target)["TotalCount"]
            .as_u64()
            .unwrap_or(u64::MAX)
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("RFC 3339")
}

fn span(from: &str, until: &str) -> Span {
    Span::new(at(from), at(until))
}
