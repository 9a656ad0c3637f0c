//! The page of the daemon, over the network: what it serves, and what it endures.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use hushwatch::clock;
use hushwatch::model::{HOUR, Span};
use hushwatch::sim::postmark::Profile;

use crate::daemon::until;
use crate::world::{Process, World};

/// `run` with a page on a free port, killed when it is dropped.
pub(crate) struct Daemon {
    child: Child,
    address: String,
}

impl Daemon {
    pub(crate) fn start(world: &mut World) -> Self {
        world.env("HUSHWATCH_PAGE__LISTEN", "127.0.0.1:0");
        let mut child = world
            .command(&["run"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let mut log = BufReader::new(child.stderr.take().expect("piped")).lines();
        let address = log.find_map(|line| {
            let line = line.expect("text");
            let (_, rest) = line.split_once("the page is at http://")?;
            Some(rest.trim_end_matches('/').to_owned())
        });
        // Whatever else is logged must not fill the pipe.
        std::thread::spawn(move || log.for_each(drop));
        Self {
            child,
            address: address.expect("it listens"),
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(&self.address).expect("connected");
        let patience = Some(Duration::from_secs(20));
        socket.set_read_timeout(patience).expect("set");
        socket
    }

    /// Sends `request` and reads all that comes back until the end of the connection.
    fn send(&self, request: &[u8]) -> String {
        let mut socket = self.connect();
        // What is refused early may end before all of it was sent.
        let _ = socket.write_all(request);
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(crate) fn get(&self, target: &str, headers: &str) -> String {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
        );
        self.send(request.as_bytes())
    }

    fn status(&self, target: &str) -> String {
        status(&self.get(target, ""))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The code of an answer; empty where there is none.
fn status(answer: &str) -> String {
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// A world with a few hours of mail, at the present.
pub(crate) fn with_mail() -> World {
    let world = World::new(Process::New, "");
    let now = clock::now();
    world.postmark.set_now(now);
    world.shop.generate(
        "outbound",
        Span::new(now - 5 * HOUR, now),
        &Profile::constant(20.0).without_bounces(),
    );
    world
}

#[test]
fn it_shows_what_is_stored_and_gets_ready_with_the_first_cycle() {
    let mut world = with_mail();
    let daemon = Daemon::start(&mut world);
    assert!(daemon.get("/livez", "").ends_with("\r\n\r\nalive\n"));
    until("ready", || {
        daemon.get("/readyz", "").ends_with("ready\n") && daemon.status("/readyz") == "200"
    });
    let page = daemon.get("/", "");
    assert!(
        page.contains("shop: last poll complete") && page.contains("outbound"),
        "{page}"
    );
    let of_server = daemon.get("/servers/shop", "");
    assert!(of_server.contains("outbound"), "{of_server}");
    let head = daemon.send(b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(
        head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    assert_eq!(daemon.status("/incidents/nothing"), "404");
    world.set_aside("a first start in the middle of mail");
}

#[test]
fn it_ends_with_the_daemon() {
    let mut world = with_mail();
    let mut daemon = Daemon::start(&mut world);
    let idle = daemon.connect();
    let term = std::process::Command::new("kill")
        .args(["-TERM", &daemon.child.id().to_string()])
        .status();
    assert!(term.expect("kill runs").success());
    let ended = daemon.child.wait().expect("ended");
    assert!(ended.success(), "{ended}");
    drop(idle);
    world.set_aside("a first start in the middle of mail");
}

#[test]
fn nothing_that_comes_in_disturbs_it() {
    let mut world = with_mail();
    let daemon = Daemon::start(&mut world);
    let long = "a".repeat(100_000);
    for (request, expected) in [
        ("\r\n\r\n\r\n".to_owned(), ""),
        ("nonsense\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/9.9\r\nHost: localhost\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), "400"),
        ("GET * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(), "400"),
        ("CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(), "405"),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\nConnection: close\r\n\r\nx".to_owned(), "405"),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n"), "431"),
        (format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), "431"),
        (format!("GET / HTTP/1.1\r\n{}\r\n", "X: 1\r\n".repeat(100)), "431"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n".to_owned(), "400"),
        ("GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = daemon.send(request.as_bytes());
        let shown: String = request.chars().take(60).collect();
        if !expected.is_empty() {
            assert_eq!(status(&answer), expected, "{shown:?}: {answer}");
        }
        assert_eq!(daemon.status("/livez"), "200", "after {shown:?}");
    }
    world.set_aside("a first start in the middle of mail");
}

#[test]
fn clients_that_say_nothing_take_no_more_than_their_places() {
    let mut world = with_mail();
    let daemon = Daemon::start(&mut world);
    let silent: Vec<TcpStream> = (0..64).map(|_| daemon.connect()).collect();
    // The one too many is told, or a place is free again: either way it is not kept waiting.
    let crowded = daemon.get("/livez", "");
    assert!(
        ["200", "503"].contains(&status(&crowded).as_str()),
        "{crowded}"
    );
    // Those who send no request lose their place.
    until("a free place", || daemon.status("/livez") == "200");
    drop(silent);
    world.set_aside("a first start in the middle of mail");
}

#[test]
fn a_port_that_is_taken_is_told_and_mail_is_watched_all_the_same() {
    let mut world = with_mail();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = taken.local_addr().expect("bound").to_string();
    world.env("HUSHWATCH_PAGE__LISTEN", &address);
    let mut child = world
        .command(&["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let log = BufReader::new(child.stderr.take().expect("piped")).lines();
    let mut seen = Vec::new();
    for line in log {
        seen.push(line.expect("text"));
        let says = |what: &str| seen.iter().any(|line| line.contains(what));
        if says("another process listens there") && says("cycle of") {
            break;
        }
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    let told: Vec<&String> = seen
        .iter()
        .filter(|line| line.contains("page.listen"))
        .collect();
    assert_eq!(told.len(), 1, "{seen:#?}");
    assert!(told[0].contains(&address), "{told:?}");
    world.set_aside("a first start in the middle of mail");
}

#[test]
fn beyond_this_machine_it_asks_for_a_token_at_the_start() {
    let mut world = World::new(Process::New, "");
    world.env("HUSHWATCH_PAGE__LISTEN", "0.0.0.0:0");
    let refused = world.run(&["run"]);
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("page.token_file"),
        "{}",
        refused.stderr
    );
    let missing = world.folder.path().join("token").display().to_string();
    world.env("HUSHWATCH_PAGE__TOKEN_FILE", &missing);
    let refused = world.run(&["run"]);
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("cannot be read: no such file"),
        "{}",
        refused.stderr
    );
}

#[test]
fn where_monitoring_is_off_it_says_no_more_than_that_it_lives() {
    let mut world = World::new(Process::New, "");
    world.env("FLAG_POSTMARK_DELIVERY_MONITOR", "0");
    let daemon = Daemon::start(&mut world);
    assert_eq!(daemon.status("/livez"), "200");
    assert_eq!(daemon.status("/"), "503");
}
