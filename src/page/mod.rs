//! What `run` serves over HTTP. Nothing is changed by a request, and none of them disturbs a cycle: the server has a thread, a
//! runtime and a connection to the database of its own.
//!
//! [`respond`] is the whole of it without a network: a request and a [`Source`] in, a [`Response`] out.

mod access;
mod html;
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

pub(crate) use server::{PageThread, start};
pub(crate) use source::{Disabled, Live, Source};

/// The time that an answer may take.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Answers a request: who may ask is checked first, then what is asked for is looked up.
pub(crate) async fn respond(
    settings: &PageSettings,
    source: &impl Source,
    request: &Request,
) -> Response {
    let route = match Route::find(request) {
        Ok(route) => route,
        // Nothing is said of what there is to those who may not ask.
        Err(refused) => return check(settings, request).err().unwrap_or(refused),
    };
    if !route.is_word()
        && let Err(refused) = check(settings, request)
    {
        return refused;
    }
    let answer = tokio::time::timeout(RESPONSE_TIMEOUT, route.answer(source));
    answer.await.unwrap_or_else(|_| Response::unavailable())
}

fn check(settings: &PageSettings, request: &Request) -> Result<(), Response> {
    check_host(settings, request)?;
    check_token(settings, request)
}
