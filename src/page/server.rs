//! The server: connections, their limits, and their end.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::PageSettings;
use crate::page::refusal::Explained;
use crate::page::request::Request;
use crate::page::response::Response;
use crate::page::route::Route;
use crate::page::source::Source;
use crate::page::{admit, respond};

/// Connections at a time. A further one takes the place of the one that was silent for longest, or is turned away.
const MAX_CONNECTIONS: usize = 64;
/// The maximum size of the head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// The time in which a head must have come.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection ends so long after its last request came: it is idle then, or its answer is read too slowly.
const MAX_IDLE: Duration = Duration::from_secs(50);
/// A connection that was silent for no longer keeps its place.
const MIN_PLACE: Duration = Duration::from_secs(1);
/// How long an answer is given again to those who ask the same.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// The maximum number of answers that are kept for that.
const MAX_ANSWERS: usize = 8;
/// The time that open connections get to end.
const END_TIMEOUT: Duration = Duration::from_secs(2);
/// The time after which a port that was taken is tried again.
const BIND_AGAIN: Duration = Duration::from_secs(15);
/// The time that passes where no connection can be accepted, as without file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);
/// How often what is held for the next request is given back.
const REST: Duration = Duration::from_secs(60);
/// What a connection too many is told.
const CROWDED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 10\r\n\
                         Content-Length: 39\r\nConnection: close\r\n\r\ntoo many connections; try again later.\n";

/// The running server, which ends with the token that it was started with.
pub(crate) struct PageThread(JoinHandle<()>);

impl PageThread {
    /// Waits until the last connection was ended.
    pub fn join(self) {
        if self.0.join().is_err() {
            tracing::error!("the page ended by a fault of its own");
        }
    }
}

/// Starts serving on a thread of its own, until `shutdown`. A port that is taken is not an error: monitoring goes on, and the
/// port is tried again until it is free.
///
/// # Errors
/// Where there can be no thread, or the token cannot be read; with the remedy.
pub(crate) fn start(
    settings: PageSettings,
    source: impl Source,
    shutdown: CancellationToken,
) -> Result<PageThread, String> {
    settings.read_token()?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot serve the page: {error}"))?;
    let site = Arc::new(Site {
        settings,
        source,
        answers: Answers::default(),
        max_idle: MAX_IDLE,
    });
    let serving = move || {
        let connections = LocalSet::new();
        connections.block_on(&runtime, serve(site, shutdown));
        runtime.shutdown_background();
    };
    let thread = thread::Builder::new().name("page".to_owned());
    let thread = thread.spawn(serving);
    let thread = thread.map_err(|error| format!("cannot serve the page: {error}"))?;
    Ok(PageThread(thread))
}

struct Site<S> {
    settings: PageSettings,
    source: S,
    answers: Answers,
    /// A connection ends so long after its last request.
    max_idle: Duration,
}

impl<S: Source> Site<S> {
    async fn answer(&self, request: &Request) -> Response {
        let route = match admit(&self.settings, request) {
            Ok(route) => route,
            Err(refused) => return refused,
        };
        if let Some(response) = self.answers.find(&route) {
            return response;
        }
        let response = respond(&self.source, &route).await;
        self.answers.keep(route, &response);
        response
    }
}

/// The answers of the last second, so that many who ask alike cost no more than one.
#[derive(Default)]
struct Answers(Mutex<VecDeque<(Instant, Route, Response)>>);

impl Answers {
    fn find(&self, route: &Route) -> Option<Response> {
        let kept = self.kept();
        let found = kept.iter().find(|(_, known, _)| known == route);
        found.map(|(_, _, response)| response.clone())
    }

    fn keep(&self, route: Route, response: &Response) {
        let mut kept = self.kept();
        if response.status.is_success() {
            kept.truncate(MAX_ANSWERS - 1);
            kept.push_front((Instant::now(), route, response.clone()));
        }
    }

    /// Drops what is too old first.
    fn kept(&self) -> MutexGuard<'_, VecDeque<(Instant, Route, Response)>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(at, ..)| at.elapsed() < FRESH_FOR);
        kept
    }
}

async fn serve<S: Source>(site: Arc<Site<S>>, shutdown: CancellationToken) {
    let Some(listener) = shutdown
        .run_until_cancelled(bind(site.settings.listen))
        .await
    else {
        return;
    };
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let places: Rc<RefCell<Vec<Rc<Place>>>> = Rc::default();
    let warm = Arc::clone(&site);
    tokio::task::spawn_local(async move { warm.source.warm().await });
    let mut rest = tokio::time::interval(REST);
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            _ = rest.tick() => {
                site.source.rest();
                drop(site.answers.kept());
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        let Ok((socket, _)) = accepted else {
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        let permit = Arc::clone(&permits).try_acquire_owned().ok();
        if permit.is_none() && !end_silent(&places.borrow()) {
            turn_away(&socket);
            continue;
        }
        let place = Rc::new(Place::new());
        places.borrow_mut().push(Rc::clone(&place));
        let (places, permits) = (Rc::clone(&places), Arc::clone(&permits));
        let (site, shutdown) = (Arc::clone(&site), shutdown.clone());
        tokio::task::spawn_local(async move {
            let _permit = match permit {
                Some(permit) => Some(permit),
                None => permits.acquire_owned().await.ok(),
            };
            converse(socket, site, Rc::clone(&place), shutdown).await;
            places
                .borrow_mut()
                .retain(|other| !Rc::ptr_eq(other, &place));
        });
    }
    drop(listener);
    let all = u32::try_from(MAX_CONNECTIONS).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(2 * END_TIMEOUT, permits.acquire_many(all)).await;
}

/// A connection, for those who may take its place.
struct Place {
    last_request: Cell<Instant>,
    /// When it last had a whole request, or took a part of an answer.
    last_active: Rc<Cell<Instant>>,
    /// Whether it waits for an answer: that is not its own silence.
    is_answered: Cell<bool>,
    taken: CancellationToken,
}

impl Place {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            last_request: Cell::new(now),
            last_active: Rc::new(Cell::new(now)),
            is_answered: Cell::new(false),
            taken: CancellationToken::new(),
        }
    }

    /// Says that a request has come, which is answered until what this returns is dropped.
    fn begin_answer(self: Rc<Self>) -> Answering {
        self.last_request.set(Instant::now());
        self.is_answered.set(true);
        Answering(self)
    }

    /// Returns since when the client has neither sent a whole request nor read of an answer; `None` while it waits for one.
    fn silent_since(&self) -> Option<Instant> {
        let is_silent = !self.is_answered.get() && !self.taken.is_cancelled();
        is_silent.then(|| self.last_active.get())
    }
}

/// A request that is being answered.
struct Answering(Rc<Place>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.is_answered.set(false);
        self.0.last_active.set(Instant::now());
    }
}

/// Ends the connection that was silent for longest: those who hang keep nobody from asking whether the daemon lives. Returns whether
/// there was one.
fn end_silent(places: &[Rc<Place>]) -> bool {
    let silent = places
        .iter()
        .filter_map(|place| Some((place.silent_since()?, place)));
    let longest = silent.min_by_key(|(since, _)| *since);
    let longest = longest.filter(|(since, _)| since.elapsed() >= MIN_PLACE);
    longest.inspect(|(_, place)| place.taken.cancel()).is_some()
}

/// Listens, as soon as the port is free.
async fn bind(address: SocketAddr) -> TcpListener {
    let mut is_reported = false;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => {
                let address = listener.local_addr().unwrap_or(address);
                tracing::info!("the page is at http://{address}/");
                return listener;
            }
            Err(error) if !is_reported => {
                tracing::error!("{}", bind_error(address, &error));
                is_reported = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(BIND_AGAIN).await;
    }
}

fn bind_error(address: SocketAddr, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => "another process listens there; end it, or change the port",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address; correct it",
        io::ErrorKind::PermissionDenied => "this user may not listen there; use a port above 1023",
        _ => "it cannot be listened on",
    };
    format!(
        "page.listen {address}: {why}. Mail is watched without the page, which is tried again every {} s",
        BIND_AGAIN.as_secs()
    )
}

fn turn_away(socket: &TcpStream) {
    // Whoever does not take it at once goes without.
    let _ = socket.try_write(CROWDED);
}

/// Answers the requests of a connection, until it ends or is ended.
async fn converse<S: Source>(
    socket: TcpStream,
    site: Arc<Site<S>>,
    place: Rc<Place>,
    shutdown: CancellationToken,
) {
    let Ok(local) = socket.local_addr() else {
        return;
    };
    let max_idle = site.max_idle;
    let last_request = &place.last_request;
    last_request.set(Instant::now());
    let own = Rc::clone(&place);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let answering = Rc::clone(&own).begin_answer();
        let answered = answer(Arc::clone(&site), request, local.ip());
        async move {
            let answered = answered.await;
            drop(answering);
            answered
        }
    });
    let explained = Explained::new(socket, Rc::clone(&place.last_active));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .half_close(false)
        .serve_connection(TokioIo::new(explained), service);
    tokio::pin!(connection);
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = place.taken.cancelled() => return,
            () = shutdown.cancelled() => break,
            () = tokio::time::sleep_until(last_request.get() + max_idle) => {
                if last_request.get().elapsed() >= max_idle {
                    break;
                }
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(END_TIMEOUT, connection).await;
}

async fn answer<S: Source>(
    site: Arc<Site<S>>,
    request: hyper::Request<Incoming>,
    local: IpAddr,
) -> Result<hyper::Response<http_body_util::Full<bytes::Bytes>>, Infallible> {
    let (head, _) = request.into_parts();
    let request = Request::new(head, local);
    Ok(site.answer(&request).await.into_http())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::notify::alert::Style;
    use crate::page::source::{Disabled, Wording};

    /// How long a test waits for what should come at once.
    const PATIENCE: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn only_a_client_that_is_silent_itself_loses_its_place() {
        let places = [Rc::new(Place::new()), Rc::new(Place::new())];
        let [slow, reader] = &places;
        let pass = || tokio::time::advance(2 * MIN_PLACE);
        let answering = Rc::clone(slow).begin_answer();
        pass().await;
        reader.last_active.set(Instant::now());
        assert!(!end_silent(&places), "one waits, the other reads");
        drop(answering);
        assert!(!end_silent(&places), "it has just been answered");
        pass().await;
        reader.last_active.set(Instant::now());
        assert!(end_silent(&places), "it does not read");
        assert!(slow.taken.is_cancelled() && !reader.taken.is_cancelled());
        assert!(!end_silent(&places), "it has lost its place already");
    }

    #[tokio::test]
    async fn a_connection_without_requests_is_ended_after_its_last_answer() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let style = Style {
            zone: crate::model::Zone::UTC,
            mask: true,
        };
        let site = Arc::new(Site {
            settings: PageSettings {
                listen: address,
                hosts: Vec::new(),
                token_file: None,
            },
            source: Disabled {
                wording: Wording { style },
                why: String::new(),
            },
            answers: Answers::default(),
            max_idle: Duration::from_millis(100),
        });
        let client = async {
            let mut socket = TcpStream::connect(address).await.expect("connected");
            let request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
            socket.write_all(request).await.expect("sent");
            let mut answer = String::new();
            let whole = socket.read_to_string(&mut answer);
            let read = tokio::time::timeout(PATIENCE, whole).await;
            read.expect("it is ended").expect("read");
            answer
        };
        let server = async {
            let (socket, _) = listener.accept().await.expect("accepted");
            converse(
                socket,
                site,
                Rc::new(Place::new()),
                CancellationToken::new(),
            )
            .await;
        };
        let (answer, ()) = tokio::join!(client, server);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(
            !answer.contains("onnection: close"),
            "it was kept open: {answer}"
        );
    }
}
