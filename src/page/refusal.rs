//! What is answered to a request that is none: hyper refuses it with a status and without a word.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::page::response::Response;

/// A connection on which a refusal without a word is given one.
pub(super) struct Explained {
    socket: TcpStream,
    /// What is sent in place of the refusal, and how much of it was.
    refusal: Option<(Vec<u8>, usize)>,
    /// When the client last took a part of an answer.
    last_read: Rc<Cell<Instant>>,
}

impl Explained {
    pub(super) const fn new(socket: TcpStream, last_read: Rc<Cell<Instant>>) -> Self {
        Self {
            socket,
            refusal: None,
            last_read,
        }
    }
}

/// Returns the refusal in its place where `head` is one without a body; every answer of the page has one.
fn refusal(head: &[u8]) -> Option<Vec<u8>> {
    let head = std::str::from_utf8(head).ok()?;
    let status = head.strip_prefix("HTTP/1.1 4")?.get(..2)?;
    if !head.contains("\r\ncontent-length: 0\r\n") {
        return None;
    }
    let status = StatusCode::from_bytes(format!("4{status}").as_bytes()).ok()?;
    let response = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE | StatusCode::URI_TOO_LONG => Response::text(
            status,
            "the request is too large: its head may have 64 headers and 16 KiB",
        ),
        _ => Response::bad_request(),
    };
    Some(response.to_last_bytes())
}

impl AsyncRead for Explained {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, into)
    }
}

impl AsyncWrite for Explained {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.refusal.is_none() {
            this.refusal = refusal(bytes).map(|refusal| (refusal, 0));
        }
        let Some((refusal, sent)) = &mut this.refusal else {
            let written = ready!(Pin::new(&mut this.socket).poll_write(context, bytes))?;
            this.last_read.set(Instant::now());
            return Poll::Ready(Ok(written));
        };
        while *sent < refusal.len() {
            let rest = refusal.get(*sent..).unwrap_or_default();
            let written = ready!(Pin::new(&mut this.socket).poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *sent += written;
        }
        this.refusal = None;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_no_body_is_given_one() {
        let said = |head: &str| {
            refusal(head.as_bytes()).map(|bytes| String::from_utf8(bytes).expect("text"))
        };
        let without = "connection: close\r\ncontent-length: 0\r\ndate: Tue\r\n\r\n";
        let long = said(&format!(
            "HTTP/1.1 431 Request Header Fields Too Large\r\n{without}"
        ));
        let long = long.expect("a refusal");
        assert!(
            long.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"),
            "{long}"
        );
        let body = "the request is too large: its head may have 64 headers and 16 KiB\n";
        assert!(
            long.contains(&format!("\r\ncontent-length: {}\r\n", body.len())),
            "{long}"
        );
        assert!(long.ends_with(&format!("\r\n\r\n{body}")), "{long}");
        let bad = said(&format!("HTTP/1.1 400 Bad Request\r\n{without}")).expect("a refusal");
        assert!(
            bad.ends_with("\r\n\r\nthe request cannot be understood\n"),
            "{bad}"
        );
        for own in [
            "HTTP/1.1 404 Not Found\r\ncontent-length: 43\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "<html>",
        ] {
            assert_eq!(said(own), None, "{own}");
        }
    }
}
