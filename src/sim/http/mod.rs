//! A small HTTP/1.1 server on loopback, on a thread of its own.

mod reply;
mod request;

use std::io::{self, Read};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

pub(super) use reply::{Reply, Wire};
pub use request::Asked;
pub(super) use request::{Request, parse_query};

/// What answers a request; it must not block for long, because it answers for all connections.
type Answer = dyn Fn(&Request) -> Reply + Send + Sync;

/// How long [`Server::settle`] waits for clients that stay.
const SETTLE_WITHIN: Duration = Duration::from_secs(10);

/// A running server; dropping it closes every connection and frees the port.
pub(super) struct Server {
    address: SocketAddr,
    /// Connections that were taken and have not ended.
    open: Arc<AtomicUsize>,
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
        let open = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&open);
        let thread = thread::Builder::new()
            .name("sim".to_owned())
            .spawn(move || {
                serve(
                    &runtime,
                    accept(listener, Arc::new(answer), counted),
                    stopped,
                )
            })?;
        Ok(Self {
            address,
            open,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until no connection is open: whatever a client that has gone had sent is answered then.
    pub(super) fn settle(&self) -> io::Result<()> {
        // Connections are taken in their order: once this one ended, every earlier one was at least taken.
        let mut probe = std::net::TcpStream::connect(self.address)?;
        probe.shutdown(Shutdown::Write)?;
        let _ = probe.read(&mut [0])?;
        let deadline = Instant::now() + SETTLE_WITHIN;
        while self.open.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
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
    accept: impl Future<Output = ()> + Send + 'static,
    stopped: oneshot::Receiver<()>,
) {
    runtime.spawn(accept);
    let _ = runtime.block_on(stopped);
}

async fn accept(listener: TcpListener, answer: Arc<Answer>, open: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        open.fetch_add(1, Ordering::SeqCst);
        let (answer, open) = (Arc::clone(&answer), Arc::clone(&open));
        connections.spawn(async move {
            converse(socket, answer).await;
            open.fetch_sub(1, Ordering::SeqCst);
        });
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
