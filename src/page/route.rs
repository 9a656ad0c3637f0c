//! What there is to ask for.

use std::time::Duration;

use hyper::{Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::html::STYLE;
use crate::metrics::{self, MetricsView, TextFormat};
use crate::model::{DAY, MINUTE, ServerName, parse_duration_within};
use crate::output::json::incidents_json;
use crate::overview::events_json;
use crate::page::request::Request;
use crate::page::response::Response;
use crate::page::source::{RecentEvents, Source, SourceError};
use crate::text::sanitize::{clean, json_line, truncate};

/// The maximum length of a path, in bytes.
const MAX_PATH_BYTES: usize = 2_000;
/// The maximum number of characters that servers are filtered by.
const MAX_FILTER_CHARS: usize = 100;
const DEFAULT_AGE: Duration = Duration::from_secs(30 * DAY.as_secs());
const MAX_AGE: Duration = Duration::from_secs(400 * DAY.as_secs());
const MAX_EVENTS: usize = 100;
const UNREADY: &str = "unready";
/// What there is under `/api`, for those who generate clients.
const OPENAPI: &str = include_str!("openapi.json");

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Whether the daemon turns.
    Live,
    /// Whether it does its work.
    Ready,
    /// How the pages look.
    Style,
    /// Every server whose name has this in it.
    Overview(String),
    Server(ServerName),
    /// One incident, by its id.
    Incident(String),
    Metrics(TextFormat),
    Status,
    /// At most so many events.
    RecentDeliveries(usize),
    /// What is open, or opened within this time.
    Incidents(Duration),
    OpenApi,
}

impl Route {
    /// Returns what is asked for.
    ///
    /// # Errors
    /// What to answer where that does not exist, or cannot be asked in this way.
    pub(super) fn find(request: &Request) -> Result<Self, Response> {
        if ![Method::GET, Method::HEAD].contains(&request.method) {
            return Err(Response::method_not_allowed());
        }
        let segments = segments(&request.path)?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        Ok(match segments.as_slice() {
            ["livez"] => Self::Live,
            ["readyz"] => Self::Ready,
            ["style.css"] => Self::Style,
            [""] => Self::Overview(filter(request)),
            ["servers", name] => Self::Server(ServerName::from(*name)),
            ["incidents", id] => Self::Incident(id.to_ascii_lowercase()),
            ["metrics"] => {
                let accept = request.header(header::ACCEPT).unwrap_or_default();
                Self::Metrics(TextFormat::from_accept(&accept))
            }
            ["api", "status"] => Self::Status,
            ["api", "recent-deliveries"] => Self::RecentDeliveries(limit(request)?),
            ["api", "incidents"] => Self::Incidents(age(request)?),
            ["openapi.json"] => Self::OpenApi,
            _ => return Err(Response::not_found()),
        })
    }

    /// Whether the answer is a word that anybody may hear.
    pub(super) const fn is_word(&self) -> bool {
        matches!(self, Self::Live | Self::Ready)
    }

    /// Returns what is said where the answer took too long.
    pub(super) fn too_late(&self) -> Response {
        match self {
            Self::Ready => word(false, "", UNREADY),
            _ => Response::unavailable(),
        }
    }

    /// Looks up the answer.
    pub(super) async fn answer(&self, source: &impl Source) -> Response {
        let answer = match self {
            Self::Live => return word(source.is_alive(), "alive", "stuck"),
            Self::Ready => {
                let readiness = source.readiness().await;
                let is_ready = readiness.is_ok_and(|readiness| readiness.is_ready());
                return word(is_ready, "ready", UNREADY);
            }
            Self::OpenApi => Ok(Some(Response::ok(Response::JSON, OPENAPI))),
            Self::Metrics(format) => metrics(source, *format).await.map(Some),
            Self::Style => Ok(Some(Response::ok(Response::CSS, STYLE.concat()))),
            Self::Overview(filter) => source.overview_page(filter).await.map(Some).map(html),
            Self::Server(name) => source.server_page(name).await.map(html),
            Self::Incident(id) => source.incident_page(id).await.map(html),
            Self::Status => source.status().await.map(|status| {
                let json = status.to_json(source.wording().style);
                Some(json_response(&json))
            }),
            Self::RecentDeliveries(limit) => {
                let recent = source.recent().await;
                recent.map(|recent| Some(recent_deliveries(&recent, *limit, source)))
            }
            Self::Incidents(age) => {
                let incidents = source.incidents(*age).await;
                incidents.map(|incidents| Some(json_response(&incidents_json(&incidents))))
            }
        };
        match answer {
            Ok(Some(response)) => response,
            Ok(None) => Response::not_found(),
            Err(error) => error.into(),
        }
    }
}

fn word(holds: bool, yes: &str, no: &str) -> Response {
    match holds {
        true => Response::text(StatusCode::OK, yes),
        false => Response::text(StatusCode::SERVICE_UNAVAILABLE, no),
    }
}

fn json_response(json: &Value) -> Response {
    Response::ok(Response::JSON, json_line(json))
}

async fn metrics(source: &impl Source, format: TextFormat) -> Result<Response, SourceError> {
    let (status, counters) = (source.status().await?, source.counters().await?);
    let view = MetricsView {
        status: &status,
        now: source.now(),
        counters: Some(&counters),
    };
    let text = metrics::render(&view, format);
    Ok(Response::ok(format.content_type(), text))
}

fn html(page: Option<String>) -> Option<Response> {
    page.map(|page| Response::ok(Response::HTML, page))
}

/// Returns what servers are to be filtered by.
fn filter(request: &Request) -> String {
    let wanted = request.parameter("q").unwrap_or_default();
    truncate(clean(&wanted).trim(), MAX_FILTER_CHARS)
}

fn recent_deliveries(recent: &RecentEvents, limit: usize, source: &impl Source) -> Response {
    let events = &recent.events[..recent.events.len().min(limit)];
    let masks = source.wording().style.mask;
    json_response(&events_json(events, recent.totals, masks))
}

fn limit(request: &Request) -> Result<usize, Response> {
    let refused = || Response::bad_query("`limit` must be a number from 1 to 100");
    let Some(text) = request.parameter("limit") else {
        return Ok(MAX_EVENTS);
    };
    let limit = text.parse().ok();
    limit
        .filter(|n| (1..=MAX_EVENTS).contains(n))
        .ok_or_else(refused)
}

fn age(request: &Request) -> Result<Duration, Response> {
    let refused = |_| Response::bad_query("`since` must be a duration up to 400d, such as 30d");
    match request.parameter("since") {
        None => Ok(DEFAULT_AGE),
        Some(text) => parse_duration_within(&text, MINUTE, MAX_AGE).map_err(refused),
    }
}

/// Returns the parts of a path without their escapes.
fn segments(path: &str) -> Result<Vec<String>, Response> {
    let path = path.strip_prefix('/').ok_or_else(Response::bad_request)?;
    if path.len() > MAX_PATH_BYTES {
        return Err(Response::not_found());
    }
    let segment = |segment| {
        let decoded = percent_decode_str(segment).decode_utf8();
        decoded
            .map(String::from)
            .map_err(|_| Response::bad_request())
    };
    path.split('/').map(segment).collect()
}
