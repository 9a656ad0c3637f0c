//! What there is to ask for.

use std::time::Duration;

use hyper::{Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::metrics::{self, MetricsView, TextFormat};
use crate::model::{DAY, MINUTE, ServerName, parse_duration_within};
use crate::output::explain::explain;
use crate::output::json::incidents_json;
use crate::output::status::StatusReport;
use crate::overview::events_json;
use crate::page::html;
use crate::page::request::Request;
use crate::page::response::Response;
use crate::page::source::{RecentEvents, Source, SourceError};
use crate::text::sanitize::{clean_lines, json_line};

/// The maximum length of a path, in bytes.
const MAX_PATH_BYTES: usize = 2_000;
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
    /// Every server.
    Overview,
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
            [""] => Self::Overview,
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
            Self::Overview => overview(source, None).await,
            Self::Server(name) => overview(source, Some(name)).await,
            Self::Incident(id) => incident(source, id).await,
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

async fn overview(
    source: &impl Source,
    server: Option<&ServerName>,
) -> Result<Option<Response>, SourceError> {
    let status = source.status().await?;
    let status = match server {
        None => (*status).clone(),
        Some(name) => match of_server(&status, name) {
            Some(status) => status,
            None => return Ok(None),
        },
    };
    let wording = source.wording();
    let text = status.to_text(&wording.place, wording.style);
    Ok(Some(html_response(&text)))
}

/// Returns what the status says of one server; `None` where it is not watched.
fn of_server(status: &StatusReport, name: &ServerName) -> Option<StatusReport> {
    let mut status = status.clone();
    status.servers.retain(|server| server.name == *name);
    status.open.retain(|incident| incident.server == *name);
    (!status.servers.is_empty()).then_some(status)
}

async fn incident(source: &impl Source, id: &str) -> Result<Option<Response>, SourceError> {
    let report = source.incident(id).await?;
    let style = source.wording().style;
    Ok(report.map(|report| html_response(&(explain(&report, style).join("\n") + "\n"))))
}

fn html_response(text: &str) -> Response {
    let page = html::page("hushwatch", &clean_lines(text));
    Response::ok(Response::HTML, page)
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
