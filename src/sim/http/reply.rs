//! Sends an answer, correctly or with a fault on the wire.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What happens to an answer on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Nothing.
    #[default]
    Whole,
    /// The connection ends after this many bytes of the body.
    Cut(usize),
    /// This wait precedes every byte of the body.
    Drip(Duration),
    /// Spaces follow the body without end.
    Endless,
    /// No byte is sent, and the connection stays open.
    Hang,
    /// The connection is reset before the first byte.
    Reset,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) wire: Wire,
}

impl Reply {
    /// Creates a JSON answer.
    pub(crate) fn json(status: u16, body: impl Into<String>) -> Self {
        Self::new(status, "application/json; charset=utf-8", body)
    }

    /// Creates an answer with this content type.
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", content_type.to_owned())],
            body: body.into().into_bytes(),
            wire: Wire::Whole,
        }
    }

    /// Adds a header.
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sets what happens on the wire.
    pub(crate) fn on_wire(mut self, wire: Wire) -> Self {
        self.wire = wire;
        self
    }

    /// Sends the answer; returns whether the connection can serve another request.
    pub(crate) async fn send(&self, socket: &mut TcpStream) -> io::Result<bool> {
        match self.wire {
            Wire::Whole => {
                let mut bytes = self.head();
                bytes.extend_from_slice(&self.body);
                socket.write_all(&bytes).await?;
                return Ok(true);
            }
            Wire::Cut(at) => {
                socket.write_all(&self.head()).await?;
                let part = &self.body[..at.min(self.body.len())];
                socket.write_all(part).await?;
                socket.shutdown().await?;
            }
            Wire::Drip(pause) => {
                socket.write_all(&self.head()).await?;
                for byte in &self.body {
                    // Even a wait of zero would last until the next tick of the timer.
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                    socket.write_all(&[*byte]).await?;
                }
                return Ok(true);
            }
            Wire::Endless => self.send_without_end(socket).await?,
            Wire::Hang => wait_for_end(socket).await?,
            Wire::Reset => socket.set_zero_linger()?,
        }
        Ok(false)
    }

    /// Returns status line and headers. An endless body has no length.
    fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            // A line break in a test's own value must not become a second header.
            let value = value.replace(['\r', '\n'], " ");
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.wire != Wire::Endless {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// Sends spaces, which JSON allows anywhere, until the client closes the connection.
    async fn send_without_end(&self, socket: &mut TcpStream) -> io::Result<()> {
        socket.write_all(&self.head()).await?;
        socket.write_all(&self.body).await?;
        let filling = vec![b' '; 64 * 1024];
        loop {
            socket.write_all(&filling).await?;
        }
    }
}

/// Waits until the client closes the connection.
async fn wait_for_end(socket: &mut TcpStream) -> io::Result<()> {
    let mut ignored = [0; 1024];
    while socket.read(&mut ignored).await? > 0 {}
    Ok(())
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        410 => "Gone",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Unnamed",
    }
}
