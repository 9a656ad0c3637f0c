//! A small HTTP/1.1 server on loopback, on a thread of its own.

mod reply;
mod request;

use std::io::{self, Read};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

pub(super) use reply::{Reply, Wire};
pub use request::ReceivedRequest;
pub(super) use request::{Request, parse_query};

/// Handles a request. It must not block for long, as one thread serves all connections.
type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// The time [`Server::finish`] waits for clients that stay connected.
const FINISH_TIMEOUT: Duration = Duration::from_secs(10);

/// Locks the state. A test that panicked while holding the lock has failed already; the others go on.
pub(super) fn lock<S>(state: &Mutex<S>) -> MutexGuard<'_, S> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running server; dropping it closes every connection and frees the port.
pub(super) struct Server {
    address: SocketAddr,
    /// The number of open connections.
    open: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on a free port of loopback and handles every request with `answer`.
    pub(super) fn start(
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        // Bound outside the runtime, as the caller may be inside one of its own.
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

    /// Starts one that answers from `state`, and returns both.
    pub(super) fn start_with<S: Send + 'static>(
        state: S,
        answer: impl Fn(&mut S, &Request) -> Reply + Send + Sync + 'static,
    ) -> io::Result<(Arc<Self>, Arc<Mutex<S>>)> {
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let server = Self::start(move |request| answer(&mut lock(&shared), request))?;
        Ok((Arc::new(server), state))
    }

    /// Returns `http://127.0.0.1:PORT`, without a trailing slash.
    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until no connection is open, so that every request of a client that is gone has been answered.
    pub(super) fn finish(&self) -> io::Result<()> {
        // Connections are accepted in order: once this one has ended, every earlier one was at least accepted.
        let mut probe = std::net::TcpStream::connect(self.address)?;
        probe.shutdown(Shutdown::Write)?;
        let _ = probe.read(&mut [0])?;
        let deadline = Instant::now() + FINISH_TIMEOUT;
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
            // A panic of the thread was printed to stderr already.
            let _ = thread.join();
        }
    }
}

/// Serves until the sender of `stopped` is gone; dropping the runtime then closes every connection.
fn serve(
    runtime: &Runtime,
    accept: impl Future<Output = ()> + Send + 'static,
    stopped: oneshot::Receiver<()>,
) {
    runtime.spawn(accept);
    let _ = runtime.block_on(stopped);
}

async fn accept(listener: TcpListener, answer: Arc<Handler>, open: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        open.fetch_add(1, Ordering::SeqCst);
        let (answer, open) = (Arc::clone(&answer), Arc::clone(&open));
        connections.spawn(async move {
            handle_connection(socket, answer).await;
            open.fetch_sub(1, Ordering::SeqCst);
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Handles the requests of one connection in order, until either side closes it.
async fn handle_connection(mut socket: TcpStream, answer: Arc<Handler>) {
    // Otherwise the second half of a small answer waits for the client's delayed acknowledgement.
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
