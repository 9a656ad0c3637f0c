//! A minimal HTTP client for the tests of this room, which sees the raw bytes.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// The maximum wait for the next byte; long, because the machine may be busy.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// The wait for an answer that is not expected.
const NO_ANSWER_TIMEOUT: Duration = Duration::from_millis(200);

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    /// The value of `Content-Length`.
    pub(super) promised: Option<usize>,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a `GET` with these header lines.
pub(super) fn get(url: &str, headers: &[String]) -> io::Result<Answer> {
    ask("GET", url, headers, "", READ_TIMEOUT)
}

/// Sends a `POST` with these header lines and this body.
pub(super) fn post(url: &str, headers: &[String], body: &str) -> io::Result<Answer> {
    ask("POST", url, headers, body, READ_TIMEOUT)
}

/// Sends a `POST` to which no answer is expected.
pub(super) fn post_without_answer(url: &str, headers: &[String], body: &str) -> io::Result<Answer> {
    ask("POST", url, headers, body, NO_ANSWER_TIMEOUT)
}

fn ask(
    method: &str,
    url: &str,
    headers: &[String],
    body: &str,
    patience: Duration,
) -> io::Result<Answer> {
    let rest = url.strip_prefix("http://").expect("plain HTTP");
    let (host, target) = rest.split_at(rest.find('/').expect("a path"));
    let mut socket = TcpStream::connect(host)?;
    socket.set_read_timeout(Some(patience))?;
    let length = body.len();
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    write!(
        socket,
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )?;
    read(&mut socket)
}

/// Reads one answer of at most 4 MiB.
pub(super) fn read(socket: &mut TcpStream) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
    let promised = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
    let mut body = Vec::new();
    let most = promised.unwrap_or(4 * 1024 * 1024) as u64;
    socket.take(most).read_to_end(&mut body)?;
    Ok(Answer {
        status: status.expect("a status line"),
        head,
        body,
        promised,
    })
}
