//! How a day was, in the verdict that the digest, `status` and the page have in common.

use std::collections::BTreeSet;

use crate::model::StreamId;
use crate::notify::digest::unusual::unusual;
use crate::notify::digest::{Day, has_unknown};

/// What needs a look though no incident says so, and what was not seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JudgedDay {
    /// Whether its mail was looked at; else nothing is known of that.
    pub is_known: bool,
    /// The streams that need a look.
    pub unusual: Vec<UnusualStream>,
    /// What needs a look, such as `1 stream needs a look`; empty where nothing does.
    pub needs_a_look: String,
    /// How many problems a person closed that may go on.
    pub closed: usize,
    /// The servers of which a part of the day was not read.
    pub unread: BTreeSet<String>,
}

/// A stream that needs a look though no incident says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusualStream {
    pub server: String,
    pub stream: StreamId,
    /// At least one, such as `5 of 10 messages bounced (soft 5)`.
    pub reasons: Vec<String>,
}

impl UnusualStream {
    /// Returns a line for each reason.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let line = |why| format!("⚠ {}/{}: {why}", self.server, self.stream);
        self.reasons.iter().map(line)
    }
}

impl JudgedDay {
    /// Returns what keeps this day from being called normal; `None` where nothing does.
    pub fn doubt(&self) -> Option<String> {
        let unread = (!self.unread.is_empty()).then_some("not everything could be read");
        let doubts = self.beside().into_iter().chain(unread.map(str::to_owned));
        let doubts: Vec<String> = doubts.collect();
        (!doubts.is_empty()).then(|| doubts.join(", "))
    }

    /// Returns what needs a look beside the open incidents; `None` where nothing does.
    pub fn beside(&self) -> Option<String> {
        let needs_a_look = Some(self.needs_a_look.clone()).filter(|text| !text.is_empty());
        let closed = match self.closed {
            0 => None,
            1 => Some("1 problem closed by hand may go on".to_owned()),
            n => Some(format!("{n} problems closed by hand may go on")),
        };
        let parts: Vec<String> = closed.into_iter().chain(needs_a_look).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Returns a line for each reason why a stream needs a look.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.unusual.iter().flat_map(UnusualStream::lines)
    }
}

/// Judges the day but for its incidents.
pub fn judge_day(data: &Day) -> JudgedDay {
    let unusual = unusual(data);
    let number = |n: usize, one: &str, several: &str| match n {
        0 => None,
        1 => Some(format!("1 {one}")),
        n => Some(format!("{n} {several}")),
    };
    let missing = data.missing_streams.iter().map(|of| of.missing.len());
    let needs_a_look = [
        number(unusual.len(), "stream needs a look", "streams need a look"),
        number(
            data.same_servers.len(),
            "server is watched under several names",
            "servers are watched under several names",
        ),
        number(
            missing.sum(),
            "stream named in `streams` does not exist",
            "streams named in `streams` do not exist",
        ),
        number(
            data.misnamed_streams.len(),
            "stream of the configuration does not exist",
            "streams of the configuration do not exist",
        ),
    ];
    let needs_a_look: Vec<String> = needs_a_look.into_iter().flatten().collect();
    let unread = data.servers.iter().filter(|server| has_unknown(server));
    JudgedDay {
        is_known: true,
        unusual,
        needs_a_look: needs_a_look.join(", "),
        closed: data.closed.len(),
        unread: unread.map(|server| server.name.clone()).collect(),
    }
}
