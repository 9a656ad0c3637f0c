//! Reads requests.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The maximum size of a request head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The maximum size of a request body; Slack's largest payload is far smaller.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// A request as a simulated service received it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivedRequest {
    /// The number among all requests of the service, from 0.
    pub order: u64,
    /// The server whose token it had, if any.
    pub server: Option<String>,
    /// The method, in upper case.
    pub method: String,
    /// The path, percent-decoded.
    pub path: String,
    /// The names and values of the query, percent-decoded, in order.
    pub query: Vec<(String, String)>,
}

impl ReceivedRequest {
    /// Returns the value of the first query parameter of this name.
    pub fn query(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query.iter();
        pairs.find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Returns `path?name=value&name=value`, percent-decoded, which [`Plan::on`](crate::sim::Plan::on) matches.
    pub fn target(&self) -> String {
        let pairs: Vec<String> = self.query.iter().map(|(n, v)| format!("{n}={v}")).collect();
        if pairs.is_empty() {
            return self.path.clone();
        }
        format!("{}?{}", self.path, pairs.join("&"))
    }
}

/// A request with its headers and body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) received: ReceivedRequest,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Returns the value of the first header of this name, given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Returns whether the client asks to close the connection.
    pub(crate) fn wants_close(&self) -> bool {
        self.header("connection")
            .is_some_and(|v| v.eq_ignore_ascii_case("close"))
    }
}

/// Reads the next request; `None` if the client is gone. `unread` keeps bytes of the request after it.
///
/// # Errors
/// If the connection breaks, or the bytes are not a request that one of our clients would send.
pub(crate) async fn read<R: AsyncRead + Unpin>(
    socket: &mut R,
    unread: &mut Vec<u8>,
) -> io::Result<Option<Request>> {
    let head_ends = loop {
        if let Some(at) = unread.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        if unread.len() > MAX_HEAD_BYTES {
            return Err(invalid("request head too long"));
        }
        if socket.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    };
    let head: Vec<u8> = unread.drain(..head_ends).collect();
    let mut request = parse_head(&String::from_utf8_lossy(&head))
        .ok_or_else(|| invalid("not an HTTP/1 request"))?;
    let length = body_length(&request)?;
    while unread.len() < length {
        if socket.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    }
    request.body = unread.drain(..length).collect();
    Ok(Some(request))
}

fn parse_head(head: &str) -> Option<Request> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    version.starts_with("HTTP/1.").then_some(())?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Request {
        received: ReceivedRequest {
            method: method.to_owned(),
            path: percent_decode(path, false),
            query: parse_query(query),
            ..ReceivedRequest::default()
        },
        headers,
        body: Vec::new(),
    })
}

fn body_length(request: &Request) -> io::Result<usize> {
    let length = match request.header("content-length") {
        Some(text) => text.parse().map_err(|_| invalid("bad Content-Length"))?,
        None => 0,
    };
    if length > MAX_BODY_BYTES || request.header("transfer-encoding").is_some() {
        return Err(invalid("request body too long or of unknown length"));
    }
    Ok(length)
}

/// Parses the names and values of a query or a form.
pub(crate) fn parse_query(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decode(name, true), percent_decode(value, true))
        })
        .collect()
}

/// Decodes escapes such as `%41` and leaves anything else as it is. In a query a plus sign is a space.
fn percent_decode(text: &str, plus_is_space: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, decode_escape(tail)) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', _) if plus_is_space => bytes.push(b' '),
            _ => bytes.push(first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn decode_escape(tail: &[u8]) -> Option<u8> {
    let digit = |at: usize| (*tail.get(at)? as char).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse_all(mut bytes: &[u8]) -> Vec<Request> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let mut unread = Vec::new();
        let mut requests = Vec::new();
        while let Ok(Some(request)) = runtime.block_on(read(&mut bytes, &mut unread)) {
            requests.push(request);
        }
        requests
    }

    #[test]
    fn a_pipelined_second_request_is_kept_for_later() {
        let requests =
            parse_all(b"POST /a?b=c%20d+e&f HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /%41+ HTTP/1.1\r\nX-Y: z\r\n\r\n");
        assert_eq!(requests.len(), 2);
        assert_eq!(requests[0].body, b"hi");
        assert_eq!(requests[0].received.target(), "/a?b=c d e&f=");
        assert_eq!(requests[0].received.query("b"), Some("c d e"));
        assert_eq!(requests[1].received.path, "/A+");
        assert_eq!(requests[1].header("x-y"), Some("z"));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(parse_all(b"hello\r\n\r\n").is_empty());
        assert!(parse_all(b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n").is_empty());
        assert!(parse_all(b"GET / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n").is_empty());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = bytes;
            bytes.extend_from_slice(b"\r\n\r\n");
            parse_all(&bytes);
        }

        #[test]
        fn no_escape_makes_it_panic(text in "[%a-fA-F0-9+é&=]{0,40}") {
            parse_query(&text);
        }
    }
}
