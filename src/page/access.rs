//! Who may see the page: those who call this machine by a name that it has, and know the token where there is one.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header;
use subtle::ConstantTimeEq;

use crate::config::PageSettings;
use crate::page::request::Request;
use crate::page::response::Response;
use crate::secret::Secret;

/// Refuses a request for a host that is not this one: a page elsewhere may have its name point here, and read what it gets.
pub(super) fn check_host(settings: &PageSettings, request: &Request) -> Result<(), Response> {
    let host = request.host.as_deref().and_then(without_port);
    match host {
        Some(host) if is_ours(&host, settings, request.local) => Ok(()),
        Some(_) => Err(Response::misdirected()),
        None => Err(Response::bad_request()),
    }
}

fn is_ours(host: &str, settings: &PageSettings, local: IpAddr) -> bool {
    let is_own_address = |ip: IpAddr| {
        let ip = ip.to_canonical();
        ip.is_loopback() || ip == local.to_canonical() || ip == settings.listen.ip().to_canonical()
    };
    let address: Option<IpAddr> = host.parse().ok();
    let shown = address.map_or_else(|| host.to_owned(), |ip| ip.to_canonical().to_string());
    host == "localhost" || settings.hosts.contains(&shown) || address.is_some_and(is_own_address)
}

/// Returns the host without port, brackets and final dot, in lower case; `None` where it is no host.
fn without_port(host: &str) -> Option<String> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_port = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|p| p.parse::<u16>().is_ok());
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    (is_port && !name.is_empty()).then_some(name)
}

/// Refuses a request without the token. The file is read anew, so that a new token needs no restart.
pub(super) fn check_token(settings: &PageSettings, request: &Request) -> Result<(), Response> {
    let wanted = settings.read_token().map_err(|why| {
        tracing::error!("{why}");
        Response::unavailable()
    })?;
    let Some(wanted) = wanted else {
        return Ok(());
    };
    let given = request.header(header::AUTHORIZATION);
    match given.as_deref().and_then(token_of) {
        Some(given) if is_same(&given, &wanted) => Ok(()),
        _ => Err(Response::unauthorized()),
    }
}

/// Returns the token of an `Authorization` header: a Bearer token, or the password of Basic.
fn token_of(authorization: &str) -> Option<String> {
    let (scheme, value) = authorization.split_once(' ')?;
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    pair.split_once(':')
        .map(|(_, password)| password.to_owned())
}

/// Compares in a time that does not depend on where the two differ.
fn is_same(given: &str, wanted: &Secret) -> bool {
    given.as_bytes().ct_eq(wanted.expose().as_bytes()).into()
}
