//! An answer, with the headers that every answer bears.

use bytes::Bytes;
use http_body_util::Full;
use hyper::StatusCode;
use hyper::header::{self, HeaderName, HeaderValue};

use crate::notify::describe::SWITCHED_OFF;

/// What a browser may do with an answer: no script, no frame, nothing from elsewhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
                                       form-action 'self'; frame-ancestors 'none'";
const ALWAYS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub status: StatusCode,
    pub content_type: &'static str,
    pub body: Bytes,
    /// Beside those that every answer bears.
    pub headers: Vec<(HeaderName, &'static str)>,
}

impl Response {
    /// The media type of plain text.
    pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
    /// The media type of JSON.
    pub(crate) const JSON: &str = "application/json";
    /// The media type of a style.
    pub(crate) const CSS: &str = "text/css; charset=utf-8";
    /// The media type of a page.
    pub(crate) const HTML: &str = "text/html; charset=utf-8";

    /// Returns an answer that is all right.
    pub(crate) fn ok(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            content_type,
            body: body.into(),
            headers: Vec::new(),
        }
    }

    /// Returns a word, or a sentence of what went wrong.
    pub(crate) fn text(status: StatusCode, text: &str) -> Self {
        let body = format!("{text}\n");
        Self {
            status,
            ..Self::ok(Self::TEXT, body)
        }
    }

    /// The request cannot be understood.
    pub(crate) fn bad_request() -> Self {
        Self::text(StatusCode::BAD_REQUEST, "the request cannot be understood")
    }

    /// A parameter has no meaning; `why` names it.
    pub(crate) fn bad_query(why: &str) -> Self {
        Self::text(StatusCode::BAD_REQUEST, why)
    }

    /// There is nothing at this path.
    pub(crate) fn not_found() -> Self {
        Self::text(
            StatusCode::NOT_FOUND,
            "there is nothing here; the page begins at /",
        )
    }

    /// The method is not GET or HEAD.
    pub(crate) fn method_not_allowed() -> Self {
        let refused = "the page is only read: use GET or HEAD";
        Self {
            headers: vec![(header::ALLOW, "GET, HEAD")],
            ..Self::text(StatusCode::METHOD_NOT_ALLOWED, refused)
        }
    }

    /// The host is not one that this machine goes by.
    pub(crate) fn misdirected() -> Self {
        let refused = "this page does not go by that host name; if it should, add it to `page.hosts` of hushwatch";
        Self::text(StatusCode::MISDIRECTED_REQUEST, refused)
    }

    /// The token is missing or wrong.
    pub(crate) fn unauthorized() -> Self {
        let refused =
            "the token of `page.token_file` is needed: as a Bearer token, or as the password";
        Self {
            headers: vec![(
                header::WWW_AUTHENTICATE,
                "Basic realm=\"hushwatch\", charset=\"UTF-8\"",
            )],
            ..Self::text(StatusCode::UNAUTHORIZED, refused)
        }
    }

    /// It cannot be said now.
    pub(crate) fn unavailable() -> Self {
        let refused = "the data cannot be read now; the log of hushwatch says why";
        Self {
            headers: vec![(header::RETRY_AFTER, "10")],
            ..Self::text(StatusCode::SERVICE_UNAVAILABLE, refused)
        }
    }

    /// Monitoring is switched off, and there is nothing to show.
    pub(crate) fn switched_off() -> Self {
        let why = format!(
            "{SWITCHED_OFF}; what is stored cannot be shown, the log of hushwatch says why"
        );
        Self::text(StatusCode::SERVICE_UNAVAILABLE, &why)
    }

    /// Returns it as the last bytes of a connection.
    pub(crate) fn to_last_bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\n", self.status);
        let own = [(header::CONTENT_TYPE, self.content_type)];
        for (name, value) in ALWAYS.iter().chain(&own).chain(&self.headers) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let length = self.body.len();
        head.push_str(&format!(
            "content-length: {length}\r\nconnection: close\r\n\r\n"
        ));
        [head.as_bytes(), &self.body].concat()
    }

    /// Returns it as it goes out.
    pub(crate) fn into_http(self) -> hyper::Response<Full<Bytes>> {
        let mut response = hyper::Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        let own = [(header::CONTENT_TYPE, self.content_type)];
        let headers = response.headers_mut();
        for (name, value) in ALWAYS.into_iter().chain(own).chain(self.headers) {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
