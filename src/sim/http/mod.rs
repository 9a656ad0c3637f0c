//! A small HTTP/1.1 server on loopback, on a thread of its own.

mod reply;
mod request;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

pub(super) use reply::{Reply, Wire};
pub use request::Asked;
pub(super) use request::{Request, parse_query};

/// What answers a request; it must not block for long, because it answers for all connections.
type Answer = dyn Fn(&Request) -> Reply + Send + Sync;

/// A running server; dropping it closes every connection and frees the port.
pub(super) struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on a free port of loopback and answers every request with `answer`.
    pub(super) fn start(
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        // Bound without the runtime's help: the caller may be inside one of its own.
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("sim".to_owned())
            .spawn(move || serve(&runtime, listener, Arc::new(answer), stopped))?;
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A server that panicked has already told so on stderr.
            let _ = thread.join();
        }
    }
}

/// Serves until the sender of `stopped` is gone; the runtime, dropped after that, takes every connection with it.
fn serve(
    runtime: &Runtime,
    listener: TcpListener,
    answer: Arc<Answer>,
    stopped: oneshot::Receiver<()>,
) {
    runtime.spawn(accept(listener, answer));
    let _ = runtime.block_on(stopped);
}

async fn accept(listener: TcpListener, answer: Arc<Answer>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        connections.spawn(converse(socket, Arc::clone(&answer)));
        while connections.try_join_next().is_some() {}
    }
}

/// Answers the requests of one connection in their order, until either side has enough.
async fn converse(mut socket: TcpStream, answer: Arc<Answer>) {
    // Without it the second half of a small answer waits for the peer's delayed acknowledgement.
    let _ = socket.set_nodelay(true);
    let mut unread = Vec::new();
    while let Ok(Some(request)) = request::read(&mut socket, &mut unread).await {
        let reply = answer(&request);
        let stays = reply.send(&mut socket).await.unwrap_or(false);
        if !stays || request.wants_close() {
            break;
        }
    }
}
