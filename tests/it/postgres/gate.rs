//! A gate between hushwatch and its server, which closes at a transaction's end.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Where the gate closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The `COMMIT` of so many transactions came through; that of the next does not.
    Before(usize),
    /// That of the next does too, and no answer comes back: nobody knows what became of it.
    After(usize),
}

/// It listens on a port of its own, until the tests end.
pub(super) struct Gate {
    pub(super) port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    cut: Option<Cut>,
    commits: usize,
    closed: bool,
    /// The next answer is swallowed, and the gate closes.
    closing: bool,
    streams: Vec<TcpStream>,
}

impl Gate {
    /// To the server on `port` of this machine.
    pub(super) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let own = listener.local_addr().expect("bound").port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                admit(&shared, client, port);
            }
        });
        Self { port: own, state }
    }

    /// Opens it, up to `cut`.
    pub(super) fn open(&self, cut: Option<Cut>) {
        *self.state.lock().expect("whole") = State {
            cut,
            ..State::default()
        };
    }

    /// Whether it has closed.
    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().expect("whole").closed
    }
}

fn admit(shared: &Arc<Mutex<State>>, client: TcpStream, port: u16) {
    if shared.lock().expect("whole").closed {
        return;
    }
    let server = TcpStream::connect(("127.0.0.1", port)).expect("the server");
    for stream in [&client, &server] {
        stream.set_nodelay(true).expect("set");
        let kept = stream.try_clone().expect("cloned");
        shared.lock().expect("whole").streams.push(kept);
    }
    let (from_client, to_server) = (client.try_clone(), server.try_clone());
    let state = Arc::clone(shared);
    std::thread::spawn(move || {
        pass(
            from_client.expect("cloned"),
            to_server.expect("cloned"),
            |bytes| outward(&state, bytes),
        );
    });
    let state = Arc::clone(shared);
    std::thread::spawn(move || pass(server, client, |_| inward(&state)));
}

/// Copies until an end, or until `lets` says no.
fn pass(mut from: TcpStream, mut to: TcpStream, lets: impl Fn(&[u8]) -> bool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if !lets(&buffer[..read]) || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

/// A transaction's end is sent alone, as a simple query.
fn outward(state: &Mutex<State>, bytes: &[u8]) -> bool {
    let mut state = state.lock().expect("whole");
    if !bytes.ends_with(b"COMMIT\0") {
        return !state.closed;
    }
    let before = state.commits;
    state.commits += 1;
    match state.cut {
        Some(Cut::Before(nth)) if nth == before => close(&mut state),
        Some(Cut::After(nth)) if nth == before => state.closing = true,
        _ => {}
    }
    !state.closed
}

fn inward(state: &Mutex<State>) -> bool {
    let mut state = state.lock().expect("whole");
    if state.closing {
        close(&mut state);
    }
    !state.closed
}

fn close(state: &mut State) {
    state.closed = true;
    for stream in state.streams.drain(..) {
        let _ = stream.shutdown(Shutdown::Both);
    }
}
