//! What `run` serves over HTTP. Nothing is changed by a request, and none of them disturbs a cycle: the server has a thread, a
//! runtime and a connection to the database of its own.
//!
//! [`respond`] is the whole of it without a network: a request and a [`Source`] in, a [`Response`] out.

mod access;
mod live;
mod refusal;
mod request;
mod response;
mod route;
mod server;
mod source;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::config::PageSettings;

use access::{check_host, check_token};
use request::Request;
use response::Response;
use route::Route;

pub(crate) use live::Live;
pub(crate) use server::{PageThread, start};
pub(crate) use source::{Disabled, Source, Wording};

/// The time that an answer may take.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Returns what a request asks for: who may ask is checked first.
///
/// # Errors
/// What to answer instead.
fn admit(settings: &PageSettings, request: &Request) -> Result<Route, Response> {
    let check = || {
        check_host(settings, request)?;
        check_token(settings, request)
    };
    match Route::find(request) {
        Ok(route) if route.is_word() => Ok(route),
        Ok(route) => check().map(|()| route),
        // Nothing is said of what there is to those who may not ask.
        Err(refused) => Err(check().err().unwrap_or(refused)),
    }
}

/// Looks up what a request asks for.
async fn respond(source: &impl Source, route: &Route) -> Response {
    let answer = tokio::time::timeout(RESPONSE_TIMEOUT, route.answer(source));
    answer.await.unwrap_or_else(|_| route.too_late())
}
