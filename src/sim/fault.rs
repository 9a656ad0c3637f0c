//! Faults: what goes wrong, when, and how often.

use std::time::Duration;

use serde_json::Value;

#[cfg(any(test, feature = "sim"))]
use super::gzip_bomb;
use super::http::{Reply, Wire};

/// A fault between a service and its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This HTTP status, with a body in the service's format.
    Status(u16),
    /// This HTTP status with this code and text, in the service's format.
    StatusBody {
        /// The HTTP status.
        code: u16,
        /// Postmark's `ErrorCode`; Slack has none.
        error_code: i64,
        /// Postmark's `Message`, or Slack's `error`.
        message: String,
    },
    /// 429 with this `Retry-After`, verbatim.
    TooMany {
        /// Seconds, a date, or anything else.
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
    /// The regular answer, cut off after this many bytes of the body.
    Cut(usize),
    /// The connection is reset before any answer.
    Reset,
    /// No answer, and the connection stays open.
    Hang,
    /// The regular answer, with this wait before every byte of its body.
    Drip(Duration),
    /// A body that starts like JSON and never ends.
    Endless,
    /// A small body that decompresses to 64 MiB of spaces.
    #[cfg(any(test, feature = "sim"))]
    GzipBomb,
    /// 200 with lists of this many empty items each: three bytes on the wire, a hundred in memory.
    Flood(usize),
    /// The regular answer with this `TotalCount`.
    Miscount(u64),
    /// The regular answer with empty lists and `TotalCount` 0.
    Nothing,
    /// The regular answer with this `Date`, verbatim.
    Date(String),
    /// 302 to this address.
    Redirect(String),
    /// The answer to a wrong token.
    WrongToken,
}

/// Writes an error in a service's format, from the HTTP status, and from code and text if a test sets them.
pub(super) type ErrorFormat = fn(u16, Option<(i64, &str)>) -> Reply;

impl Fault {
    /// Applies the fault to the regular answer, which is computed only if it is needed.
    pub(super) fn reply(&self, refuse: ErrorFormat, honest: impl FnOnce() -> Reply) -> Reply {
        match self {
            Self::Status(code) => refuse(*code, None),
            Self::StatusBody {
                code,
                error_code,
                message,
            } => refuse(*code, Some((*error_code, message))),
            Self::TooMany { retry_after } => too_many(refuse, retry_after.as_deref()),
            Self::Html(code) => Reply::new(*code, "text/html", PAGE),
            Self::Empty => Reply::json(200, ""),
            Self::Malformed => Reply::json(200, r#"{"TotalCount":2,"ok":tru"#),
            Self::WrongType => Reply::json(200, WRONG_TYPES),
            Self::Cut(at) => honest().on_wire(Wire::Cut(*at)),
            Self::Reset => Reply::default().on_wire(Wire::Reset),
            Self::Hang => Reply::default().on_wire(Wire::Hang),
            Self::Drip(pause) => honest().on_wire(Wire::Drip(*pause)),
            Self::Endless => Reply::json(200, r#"{"TotalCount":1,"#).on_wire(Wire::Endless),
            #[cfg(any(test, feature = "sim"))]
            Self::GzipBomb => gzip_bomb::reply(64 << 20),
            Self::Flood(items) => Reply::json(200, flood(*items)),
            Self::Miscount(total) => with_total_count(honest(), *total),
            Self::Nothing => with_empty_lists(with_total_count(honest(), 0)),
            Self::Date(date) => honest().with_header("Date", date),
            Self::Redirect(to) => Reply::new(302, "text/html", PAGE).with_header("Location", to),
            Self::WrongToken => refuse(401, None),
        }
    }
}

const PAGE: &str = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>\r\n";

const WRONG_TYPES: &str = r#"{"TotalCount":"a few","Messages":{"0":null},"Bounces":7,"MessageStreams":"none","MessageEvents":true,"ok":"yes","ts":1}"#;

fn with_total_count(mut reply: Reply, total: u64) -> Reply {
    if let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body)
        && let Some(count) = body.get_mut("TotalCount")
    {
        *count = total.into();
        reply.body = body.to_string().into_bytes();
    }
    reply
}

fn with_empty_lists(mut reply: Reply) -> Reply {
    if let Ok(Value::Object(mut body)) = serde_json::from_slice(&reply.body) {
        let lists = body.values_mut().filter_map(Value::as_array_mut);
        lists.for_each(Vec::clear);
        reply.body = Value::Object(body).to_string().into_bytes();
    }
    reply
}

/// Returns lists of this many items under every name that a client may read.
fn flood(items: usize) -> String {
    let list = format!("[{}{{}}]", "{},".repeat(items.saturating_sub(1)));
    let lists = ["Messages", "Bounces", "MessageStreams", "MessageEvents"];
    let lists = lists.map(|name| format!(r#""{name}":{list}"#)).join(",");
    format!(r#"{{"TotalCount":1,"MessageID":"flood",{lists}}}"#)
}

fn too_many(refuse: ErrorFormat, retry_after: Option<&str>) -> Reply {
    let reply = refuse(429, None);
    match retry_after {
        Some(value) => reply.with_header("Retry-After", value),
        None => reply,
    }
}

/// A fault, and which requests it applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<F> {
    fault: F,
    on: String,
    skip: u32,
    left: Option<u32>,
}

impl<F> Plan<F> {
    /// Applies `fault` to the next `times` requests.
    pub fn next(times: u32, fault: impl Into<F>) -> Self {
        Self {
            fault: fault.into(),
            on: String::new(),
            skip: 0,
            left: Some(times),
        }
    }

    /// Applies `fault` to every request until it is removed.
    pub fn always(fault: impl Into<F>) -> Self {
        Self {
            left: None,
            ..Self::next(0, fault)
        }
    }

    /// Limits the fault to requests whose `path?name=value&…`, percent-decoded, contains `part`.
    #[must_use]
    pub fn on(mut self, part: &str) -> Self {
        part.clone_into(&mut self.on);
        self
    }

    /// Skips the first `spared` matching requests.
    #[must_use]
    pub fn after(mut self, spared: u32) -> Self {
        self.skip = spared;
        self
    }
}

/// The plans of one service or server. Plans with a count take precedence over those without, older ones over newer ones.
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

    /// Returns the fault for this request, if any, and counts it.
    pub(super) fn next_for(&mut self, target: &str) -> Option<F> {
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
        .map(|target| faults.next_for(target))
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
        assert_eq!(faults.next_for("/a"), None);
    }
}
