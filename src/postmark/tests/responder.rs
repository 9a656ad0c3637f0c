//! A peer that answers each request as it is told, well or badly, on a loopback port.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::postmark::{Postmark, Server, Settings};
use crate::retry::RetryPolicy;
use crate::secret::Secret;

/// The token that every test sends.
pub(super) const TOKEN: &str = "5e1f7a2c-0000-4000-8000-secret";

/// How a request is answered.
#[derive(Clone)]
pub(super) enum Reply {
    /// These bytes, then the end of the connection.
    Raw(Vec<u8>),
    /// These bytes, then nothing for ever.
    Stall(Vec<u8>),
    /// These bytes, then spaces for ever.
    Endless(Vec<u8>),
}

/// What has come in.
pub(super) struct Responder {
    pub(super) base_url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Responder {
    /// Gives `replies` in turn, the last one for ever.
    pub(super) async fn new(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(serve(listener, replies, Arc::clone(&heads)));
        Self {
            base_url: format!("http://127.0.0.1:{port}"),
            heads,
        }
    }

    /// The heads of the requests so far, in lower case.
    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no test panics with it").clone()
    }

    /// A client of this peer.
    pub(super) fn server(&self, attempts: u32) -> Server {
        server(&self.base_url, attempts)
    }
}

/// A client that waits hardly at all between attempts, and for an answer as long as a busy machine may take.
pub(super) fn server(base_url: &str, attempts: u32) -> Server {
    server_within(Duration::from_secs(10), base_url, attempts)
}

/// The same with a timeout of its own.
pub(super) fn server_within(timeout: Duration, base_url: &str, attempts: u32) -> Server {
    let settings = Settings {
        base_url: base_url.to_owned(),
        timeout,
        retry: RetryPolicy {
            attempts,
            initial: Duration::from_millis(1),
            longest: Duration::from_secs(2),
        },
    };
    let postmark = Postmark::new(&settings).expect("valid settings");
    postmark.server(Secret::new(TOKEN).expect("not empty"))
}

/// An answer as it should be.
pub(super) fn answer(status: &str, headers: &str, body: &[u8]) -> Reply {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
    );
    Reply::Raw([head.as_bytes(), body].concat())
}

async fn serve(listener: TcpListener, replies: Vec<Reply>, heads: Arc<Mutex<Vec<String>>>) {
    let last = replies.last().cloned().unwrap_or(Reply::Stall(Vec::new()));
    let mut replies = replies.into_iter();
    while let Ok((stream, _)) = listener.accept().await {
        let reply = replies.next().unwrap_or_else(|| last.clone());
        tokio::spawn(respond(stream, reply, Arc::clone(&heads)));
    }
}

async fn respond(mut stream: TcpStream, reply: Reply, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    heads.lock().expect("no test panics with it").push(head);
    match reply {
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes).await;
        }
        Reply::Stall(bytes) => {
            let _ = stream.write_all(&bytes).await;
            std::future::pending::<()>().await;
        }
        Reply::Endless(bytes) => {
            let _ = stream.write_all(&bytes).await;
            while stream.write_all(&[b' '; 16 << 10]).await.is_ok() {}
        }
    }
}
