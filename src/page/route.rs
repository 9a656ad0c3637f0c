//! What there is to ask for.

use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use crate::model::ServerName;
use crate::page::html;
use crate::page::request::Request;
use crate::page::response::Response;
use crate::page::source::{Source, SourceError};

/// The maximum length of a path, in bytes.
const MAX_PATH_BYTES: usize = 2_000;

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
            _ => return Err(Response::not_found()),
        })
    }

    /// Whether the answer is a word that anybody may hear.
    pub(super) const fn is_word(&self) -> bool {
        matches!(self, Self::Live | Self::Ready)
    }

    /// Looks up the answer.
    pub(super) async fn answer(&self, source: &impl Source) -> Response {
        let answer = match self {
            Self::Live => Ok(Some(word(source.is_alive(), "alive", "stuck"))),
            Self::Ready => {
                let ready = source.readiness().await;
                let is_ready = ready.is_ok_and(|readiness| readiness.is_ready());
                Ok(Some(word(is_ready, "ready", "unready")))
            }
            Self::Overview => page(source.status_text(None)).await,
            Self::Server(name) => page(source.status_text(Some(name))).await,
            Self::Incident(id) => page(source.incident_text(id)).await,
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

async fn page(
    text: impl Future<Output = Result<Option<String>, SourceError>>,
) -> Result<Option<Response>, SourceError> {
    let page = |text: String| Response::ok(Response::HTML, html::page("hushwatch", &text));
    Ok(text.await?.map(page))
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
