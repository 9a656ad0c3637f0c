//! What goes wrong, when, and how often.

use std::time::Duration;

use serde_json::Value;

use super::bomb;
use super::http::{Reply, Wire};

/// Something that goes wrong between a service and its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This HTTP status, with a body in the service's own form.
    Status(u16),
    /// This HTTP status with this code and text in the service's own form.
    StatusBody {
        /// The HTTP status.
        code: u16,
        /// Postmark's `ErrorCode`; Slack has none.
        error_code: i64,
        /// Postmark's `Message`, or Slack's `error`.
        message: String,
    },
    /// 429, with this `Retry-After` as it stands.
    TooMany {
        /// Seconds, a date, or nonsense.
        retry_after: Option<String>,
    },
    /// This HTTP status with a web page, as a proxy answers.
    Html(u16),
    /// 200 with an empty body.
    Empty,
    /// 200 with a body that is not JSON.
    Malformed,
    /// 200 with JSON whose fields have the wrong types.
    WrongType,
    /// The honest answer, whose connection ends after so many bytes of the body.
    Cut(usize),
    /// The connection is reset before any answer.
    Reset,
    /// No answer, and the connection stays open.
    Hang,
    /// The honest answer, with this wait before every byte of its body.
    Drip(Duration),
    /// A body that begins like JSON and never ends.
    Endless,
    /// A small body that gzip blows up to 64 MiB of blanks.
    Bomb,
    /// 200 with lists of so many empty items each: three bytes on the wire, a hundred in memory.
    Flood(usize),
    /// The honest answer, whose `TotalCount` is this.
    Miscount(u64),
    /// The honest answer, of which every list is empty and `TotalCount` 0.
    Nothing,
    /// 302 to this address.
    Redirect(String),
    /// What a wrong token gets.
    WrongToken,
}

/// How a service words a refusal: HTTP status, and its own code and text where a test wants certain ones.
pub(super) type Refuse = fn(u16, Option<(i64, &str)>) -> Reply;

impl Fault {
    /// The answer which this fault makes of the honest one; that is only computed where it is needed.
    pub(super) fn reply(&self, refuse: Refuse, honest: impl FnOnce() -> Reply) -> Reply {
        match self {
            Self::Status(code) => refuse(*code, None),
            Self::StatusBody {
                code,
                error_code,
                message,
            } => refuse(*code, Some((*error_code, message))),
            Self::TooMany { retry_after } => too_many(refuse, retry_after.as_deref()),
            Self::Html(code) => Reply::of(*code, "text/html", PAGE),
            Self::Empty => Reply::json(200, ""),
            Self::Malformed => Reply::json(200, r#"{"TotalCount":2,"ok":tru"#),
            Self::WrongType => Reply::json(200, WRONG_TYPES),
            Self::Cut(at) => honest().on_wire(Wire::Cut(*at)),
            Self::Reset => Reply::default().on_wire(Wire::Reset),
            Self::Hang => Reply::default().on_wire(Wire::Hang),
            Self::Drip(pause) => honest().on_wire(Wire::Drip(*pause)),
            Self::Endless => Reply::json(200, r#"{"TotalCount":1,"#).on_wire(Wire::Endless),
            Self::Bomb => bomb::reply(64 << 20),
            Self::Flood(items) => Reply::json(200, flood(*items)),
            Self::Miscount(total) => miscounted(honest(), *total),
            Self::Nothing => emptied(miscounted(honest(), 0)),
            Self::Redirect(to) => Reply::of(302, "text/html", PAGE).with_header("Location", to),
            Self::WrongToken => refuse(401, None),
        }
    }
}

const PAGE: &str = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>\r\n";

const WRONG_TYPES: &str = r#"{"TotalCount":"a few","Messages":{"0":null},"Bounces":7,"MessageStreams":"none","MessageEvents":true,"ok":"yes","ts":1}"#;

fn miscounted(mut reply: Reply, total: u64) -> Reply {
    if let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body)
        && let Some(count) = body.get_mut("TotalCount")
    {
        *count = total.into();
        reply.body = body.to_string().into_bytes();
    }
    reply
}

fn emptied(mut reply: Reply) -> Reply {
    if let Ok(Value::Object(mut body)) = serde_json::from_slice(&reply.body) {
        let lists = body.values_mut().filter_map(Value::as_array_mut);
        lists.for_each(Vec::clear);
        reply.body = Value::Object(body).to_string().into_bytes();
    }
    reply
}

/// Lists under every name that a client may look for.
fn flood(items: usize) -> String {
    let list = format!("[{}{{}}]", "{},".repeat(items.saturating_sub(1)));
    let lists = ["Messages", "Bounces", "MessageStreams", "MessageEvents"];
    let lists = lists.map(|name| format!(r#""{name}":{list}"#)).join(",");
    format!(r#"{{"TotalCount":1,"MessageID":"flood",{lists}}}"#)
}

fn too_many(refuse: Refuse, retry_after: Option<&str>) -> Reply {
    let reply = refuse(429, None);
    match retry_after {
        Some(value) => reply.with_header("Retry-After", value),
        None => reply,
    }
}

/// A fault with its occasions: which requests it strikes, and how many of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<F> {
    fault: F,
    on: String,
    skip: u32,
    left: Option<u32>,
}

impl<F> Plan<F> {
    /// Strikes the next `times` requests.
    pub fn next(times: u32, fault: impl Into<F>) -> Self {
        Self {
            fault: fault.into(),
            on: String::new(),
            skip: 0,
            left: Some(times),
        }
    }

    /// Strikes every request until it is cleared.
    pub fn always(fault: impl Into<F>) -> Self {
        Self {
            left: None,
            ..Self::next(0, fault)
        }
    }

    /// Strikes only requests whose `path?name=value&…`, percent-decoded, contains `part`.
    #[must_use]
    pub fn on(mut self, part: &str) -> Self {
        part.clone_into(&mut self.on);
        self
    }

    /// Lets the first `spared` matching requests pass.
    #[must_use]
    pub fn after(mut self, spared: u32) -> Self {
        self.skip = spared;
        self
    }
}

/// The plans of one service or server. Counted plans go before standing ones, older before newer.
#[derive(Debug)]
pub(super) struct Faults<F>(Vec<Plan<F>>);

impl<F> Default for Faults<F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<F: Clone> Faults<F> {
    pub(super) fn add(&mut self, plan: Plan<F>) {
        let standing = self.0.partition_point(|p| p.left.is_some());
        let at = if plan.left.is_some() {
            standing
        } else {
            self.0.len()
        };
        self.0.insert(at, plan);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault that strikes this request, if any.
    pub(super) fn strike(&mut self, target: &str) -> Option<F> {
        let mut struck = None;
        for plan in self.0.iter_mut().filter(|p| target.contains(&p.on)) {
            if plan.skip > 0 {
                plan.skip -= 1;
            } else if struck.is_none() && plan.left != Some(0) {
                plan.left = plan.left.map(|left| left - 1);
                struck = Some(plan.fault.clone());
            }
        }
        self.0.retain(|plan| plan.left != Some(0));
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_plans_go_first_and_run_out() {
        let mut faults: Faults<Fault> = Faults::default();
        faults.add(Plan::always(Fault::Empty));
        faults.add(Plan::next(2, Fault::Hang).on("offset=1000").after(1));
        let strikes: Vec<_> = [
            "/a",
            "/a?offset=1000",
            "/a?offset=1000",
            "/a?offset=1000",
            "/a?offset=1000",
        ]
        .map(|target| faults.strike(target))
        .into_iter()
        .flatten()
        .collect();
        assert_eq!(
            strikes,
            [
                Fault::Empty,
                Fault::Empty,
                Fault::Hang,
                Fault::Hang,
                Fault::Empty
            ]
        );
        faults.clear();
        assert_eq!(faults.strike("/a"), None);
    }
}
