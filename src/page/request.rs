//! A request, as far as it decides the answer.

use std::net::IpAddr;

use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, header};
use percent_encoding::percent_decode_str;

/// A request without a body: none is read.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub method: Method,
    /// As it was sent, with its escapes.
    pub path: String,
    pub query: String,
    /// The host it is for, as it was sent; `None` where it names none, or several.
    pub host: Option<String>,
    /// The address of this machine that it was sent to.
    pub local: IpAddr,
    headers: HeaderMap,
}

impl Request {
    /// Reads the head of a request that came in on `local`.
    pub(crate) fn new(head: Parts, local: IpAddr) -> Self {
        let host = match head.uri.authority() {
            Some(authority) => Some(authority.as_str().to_owned()),
            None => only(&head.headers, header::HOST),
        };
        Self {
            method: head.method,
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            host,
            local,
            headers: head.headers,
        }
    }

    /// Returns the first value of a parameter, without its escapes.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(key, _)| *key == name)?;
        let value = value.replace('+', " ");
        Some(percent_decode_str(&value).decode_utf8_lossy().into_owned())
    }

    /// Returns the value of a header that is there once, as text.
    pub(crate) fn header(&self, name: header::HeaderName) -> Option<String> {
        only(&self.headers, name)
    }
}

fn only(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    match all.next() {
        None => first.to_str().ok().map(str::to_owned),
        Some(_) => None,
    }
}
