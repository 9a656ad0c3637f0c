//! The page of the daemon, over the network: what it serves, and what it endures.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use hushwatch::clock;
use hushwatch::model::{HOUR, Span, Timestamp};
use hushwatch::sim::Fault;
use hushwatch::sim::postmark::Profile;
use serde_json::Value;

use crate::words::{assert_element, assert_line};
use crate::world::{Process, World, wait_until};

/// `run` with a page on a free port, killed when it is dropped.
pub(crate) struct Daemon {
    child: Child,
    address: String,
}

impl Daemon {
    pub(crate) fn start(world: &mut World) -> Self {
        world.env("HUSHWATCH_PAGE__LISTEN", "127.0.0.1:0");
        let mut child = world.start_daemon(Stdio::piped());
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

    fn json(&self, target: &str) -> Value {
        let answer = self.get(target, "");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
        assert!(head.contains("content-type: application/json"), "{head}");
        serde_json::from_str(body).expect("JSON")
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
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
    fill(&world);
    world
}

fn fill(world: &World) {
    let now = clock::now();
    world.postmark.set_now(now);
    world.shop.generate(
        "outbound",
        Span::new(now - 5 * HOUR, now),
        &Profile::constant(20.0).without_bounces(),
    );
}

#[test]
fn it_shows_what_is_stored_and_gets_ready_with_the_first_cycle() {
    let mut world = with_mail();
    let daemon = Daemon::start(&mut world);
    assert!(daemon.get("/livez", "").ends_with("\r\n\r\nalive\n"));
    wait_until("ready", || {
        daemon.get("/readyz", "").ends_with("ready\n") && daemon.status("/readyz") == "200"
    });
    let page = daemon.get("/", "");
    assert!(
        page.contains("shop/outbound") && page.contains("<svg") && page.contains("/style.css"),
        "{page}"
    );
    assert!(
        page.contains("some are still being learned") && !page.contains("OK</span> shop/outbound"),
        "a few hours say nothing of what is usual: {page}"
    );
    let style = daemon.get("/style.css", "");
    assert!(
        style.contains("text/css") && style.contains(".chart"),
        "{style}"
    );
    let filtered = daemon.get("/?q=SHO", "");
    assert_element(&filtered, "1 of 1 server ");
    assert!(filtered.contains("shop/outbound"), "{filtered}");
    let none = daemon.get("/?q=%3Cscript%3E", "");
    assert_element(&none, "No server has “&lt;script&gt;” in its name.");
    let of_server = daemon.get("/servers/shop", "");
    assert!(of_server.contains("outbound"), "{of_server}");
    // That of the present hour, too, which no picture shows yet.
    let status: Value = daemon.json("/api/status");
    let streams = status["servers"][0]["streams"].as_array();
    let mut sent = streams.into_iter().flatten().map(|s| &s["last_sent"]);
    let last = sent.find_map(Value::as_str);
    let time = &last.expect("it had mail")["2026-03-03T".len()..][..5];
    let (_, shown) = of_server
        .split_once("<dt>Last message</dt><dd>")
        .expect("a list");
    let (shown, _) = shown.split_once("</dd>").expect("the end of its place");
    assert!(shown.ends_with(time), "{shown}, {last:?}");
    let head = daemon.send(b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(
        head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    assert_eq!(daemon.status("/incidents/nothing"), "404");
    world.set_aside("a first start in the middle of mail");
}

#[test]
fn nothing_of_a_server_that_cannot_be_read_is_called_fine() {
    let mut world = with_mail();
    assert_eq!(world.run(&["check"]).code, 0);
    world.shop.always(Fault::Status(401));
    let daemon = Daemon::start(&mut world);
    wait_until("that it is blind", || {
        daemon.get("/", "").contains("badge wake")
    });
    for target in ["/", "/servers/shop"] {
        let page = daemon.get(target, "");
        assert!(
            page.contains("NOT SEEN</span> shop/outbound") && !page.contains("badge fine"),
            "{target}: {page}"
        );
    }
    world.set_aside("that it is blind is told");
}

/// Whether a value is as a schema of the document says. It knows what the document uses, and refuses what it does not know.
fn check(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#'));
        return check(document, target.expect(reference), value, at);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => vec![kind.as_str().expect("a type")],
    };
    let is_of = |kind: &&str| match *kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        kind => panic!("an unknown type {kind}"),
    };
    assert!(kinds.iter().any(is_of), "{at}: {value} is not of {kinds:?}");
    if let Some(values) = schema["enum"].as_array() {
        assert!(values.contains(value), "{at}: {value} is not of {values:?}");
    }
    if schema["format"] == "date-time" && value.is_string() {
        let text = value.as_str().expect("text");
        assert!(Timestamp::parse(text).is_some(), "{at}: {text}");
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(document, &schema["items"], item, &format!("{at}[{index}]"));
    }
    let Some(fields) = value.as_object() else {
        return;
    };
    for required in schema["required"].as_array().expect("a list") {
        let required = required.as_str().expect("a name");
        assert!(fields.contains_key(required), "{at} lacks {required}");
    }
    for (name, field) in fields {
        let known = schema["properties"].get(name);
        let known = known.unwrap_or_else(|| panic!("{at} has {name}, which is not documented"));
        check(document, known, field, &format!("{at}.{name}"));
    }
}

#[test]
fn the_api_answers_as_its_document_says() {
    let mut world = World::new(
        Process::New,
        "[[server]]\nname = \"blog\"\ntoken_env = \"NO_TOKEN\"\nown_domains = []\n",
    );
    fill(&world);
    let mute = [
        "mute",
        "--rule",
        "spam_rate",
        "--for",
        "3d",
        "--reason",
        "known",
        "--by",
        "ops",
    ];
    assert_eq!(world.run(&["check"]).code, 1, "a server has no token");
    assert_eq!(world.run(&mute).code, 0);
    let daemon = Daemon::start(&mut world);
    wait_until("ready", || daemon.status("/readyz") == "200");
    let json = |target: &str| daemon.json(target);
    let document = json("/openapi.json");
    for target in ["/api/status", "/api/recent-deliveries", "/api/incidents"] {
        let schema = &document["paths"][target]["get"]["responses"]["200"]["content"];
        let answer = json(target);
        check(
            &document,
            &schema["application/json"]["schema"],
            &answer,
            target,
        );
    }
    let (status, incidents) = (json("/api/status"), json("/api/incidents?since=1h"));
    assert_eq!(status["open_incidents"][0]["rule"], "blind");
    assert_eq!(
        (&incidents[0]["rule"], &incidents[0]["transition"]),
        (&"blind".into(), &"opened".into())
    );
    assert!(
        !json("/api/recent-deliveries")["events"]
            .as_array()
            .expect("a list")
            .is_empty()
    );
    wait_until("what `status` says", || {
        let posted = world.run(&["status", "--json"]).report;
        posted["servers"].is_array() && posted["servers"] == json("/api/status")["servers"]
    });
    for path in document["paths"].as_object().expect("paths").keys() {
        assert_eq!(daemon.status(path), "200", "{path}");
    }
    world.set_aside("a server without a token");
}

#[test]
fn a_cron_line_writes_the_metrics_for_a_collector_of_files() {
    let world = with_mail();
    let file = world.folder.path().join("hushwatch.prom");
    let name = file.display().to_string();
    assert_eq!(world.run(&["check", "--metrics", &name]).code, 0);
    let text = std::fs::read_to_string(&file).expect("written");
    assert!(
        text.contains("\nhushwatch_up 1\n") && !text.contains("_total"),
        "{text}"
    );
    assert!(
        text.contains("hushwatch_day_messages{server=\"shop\",stream=\"outbound\"} "),
        "{text}"
    );
    let files = std::fs::read_dir(world.folder.path()).expect("readable");
    let unfinished = files.filter(|f| {
        f.as_ref()
            .is_ok_and(|f| f.path().extension().is_some_and(|e| e == "tmp"))
    });
    assert_eq!(unfinished.count(), 0);
    let refused = world.run(&["check", "--metrics", "/nowhere/hushwatch.prom"]);
    assert_eq!(refused.code, 1);
    assert_line(
        &refused.stderr,
        "hushwatch: --metrics /nowhere/hushwatch.prom: no such folder; name a file in a folder that this user may write to",
    );
    world.set_aside("a first start in the middle of mail");
}

/// With `HUSHWATCH_PROMETHEUS=1`, where Prometheus is installed: `.ci/metrics` runs it.
#[test]
fn what_prometheus_makes_of_it() {
    if std::env::var_os("HUSHWATCH_PROMETHEUS").is_none() {
        return;
    }
    let mut world = with_mail();
    let daemon = Daemon::start(&mut world);
    wait_until("ready", || daemon.status("/readyz") == "200");
    let answer = daemon.get("/metrics", "");
    let (_, text) = answer.split_once("\r\n\r\n").expect("a body");
    let mut lint = std::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("promtool");
    lint.stdin
        .take()
        .expect("piped")
        .write_all(text.as_bytes())
        .expect("it reads");
    assert!(lint.wait().expect("ended").success(), "{text}");

    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("prometheus.yml");
    let scrape = format!(
        "scrape_configs:\n  - job_name: hushwatch\n    scrape_interval: 1s\n    static_configs: [{{targets: ['{}']}}]\n",
        daemon.address
    );
    std::fs::write(&config, scrape).expect("written");
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = port.local_addr().expect("bound").to_string();
    drop(port);
    let mut prometheus = std::process::Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.path().join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("prometheus");
    let ask = |query: &str| -> Value {
        let Ok(mut socket) = TcpStream::connect(&address) else {
            return Value::Null;
        };
        let request =
            format!("GET /api/v1/query?query={query} HTTP/1.0\r\nHost: {address}\r\n\r\n");
        let _ = socket.write_all(request.as_bytes());
        let mut answer = String::new();
        let _ = socket.read_to_string(&mut answer);
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).unwrap_or(Value::Null)
    };
    let value = |query: &str| -> f64 {
        let found = ask(query)["data"]["result"][0]["value"][1].clone();
        found
            .as_str()
            .and_then(|text| text.parse().ok())
            .unwrap_or(f64::NAN)
    };
    wait_until("a scrape", || value("hushwatch_up") == 1.0);
    let samples = text.lines().filter(|line| !line.starts_with('#')).count() as f64;
    let stored = value("count({__name__=~%22hushwatch_.*%22})");
    let scraped = value("scrape_samples_scraped");
    prometheus.kill().expect("killed");
    prometheus.wait().expect("ended");
    // Of a counter that began in between there is one more.
    assert!(
        stored >= samples && stored <= samples + 5.0,
        "{stored} of {samples}"
    );
    assert_eq!(scraped, stored);
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
            let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
            assert!(!body.is_empty(), "{shown:?}: {answer}");
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
    // The one too many is answered, or a place is free again: either way it is not kept waiting.
    let crowded = daemon.get("/livez", "");
    assert!(
        ["200", "503"].contains(&status(&crowded).as_str()),
        "{crowded}"
    );
    // Those who send no request lose their place to those who do, long before the time for a request is over.
    std::thread::sleep(Duration::from_millis(1_500));
    for _ in 0..5 {
        assert_eq!(daemon.status("/livez"), "200");
    }
    drop(silent);
    world.set_aside("a first start in the middle of mail");
}

#[test]
fn a_port_that_is_taken_is_reported_and_mail_is_watched_all_the_same() {
    let mut world = with_mail();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = taken.local_addr().expect("bound").to_string();
    world.env("HUSHWATCH_PAGE__LISTEN", &address);
    let mut child = world.start_daemon(Stdio::piped());
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
    assert_line(
        &seen.join("\n").replace(&address, "<address>"),
        "ERROR page.listen <address>: another process listens there; end it, or change the port. Mail is watched without the page, which is tried again every 15 s",
    );
    world.set_aside("a first start in the middle of mail");
}

#[test]
fn beyond_this_machine_it_asks_for_a_token_at_the_start() {
    let mut world = World::new(Process::New, "");
    world.env("HUSHWATCH_PAGE__LISTEN", "0.0.0.0:0");
    let refused = world.run(&["run"]);
    assert_eq!(refused.code, 2);
    assert_line(
        &refused.stderr,
        "hushwatch: HUSHWATCH_PAGE__LISTEN: `page.listen` can be reached from other machines, and `page.token_file` is not set; set `page.token_file`, or listen on 127.0.0.1 and put a proxy that asks for a login before it",
    );
    let missing = world.folder.path().join("token").display().to_string();
    world.env("HUSHWATCH_PAGE__TOKEN_FILE", &missing);
    let refused = world.run(&["run"]);
    assert_eq!(refused.code, 2);
    assert_line(
        &world.shown(&refused.stderr),
        "hushwatch: page.token_file: token file <folder>/token cannot be read: no such file; write a token of your own into it, such as `openssl rand -hex 24` prints",
    );
}

const SWITCHED_OFF: &str =
    "switched off by FLAG_POSTMARK_DELIVERY_MONITOR: nothing is polled, and nobody is alerted";

fn switched_off(world: &mut World) -> Daemon {
    world.env("FLAG_POSTMARK_DELIVERY_MONITOR", "0");
    Daemon::start(world)
}

#[test]
fn where_monitoring_is_off_it_says_so_above_what_is_stored() {
    let mut world = with_mail();
    assert_eq!(world.cycle(clock::now()).code, 0);
    drop(world.postmark.take_requests());
    let daemon = switched_off(&mut world);
    assert_eq!(daemon.status("/livez"), "200");
    let ready = daemon.get("/readyz", "");
    assert!(
        status(&ready) == "503" && ready.ends_with("unready\n"),
        "{ready}"
    );
    let page = daemon.get("/", "");
    assert_eq!(status(&page), "200", "{page}");
    for said in [
        SWITCHED_OFF,
        "shop/outbound",
        "not polled since",
        "nobody would hear of it before it is read again",
        "<dt>Next poll</dt><dd>none</dd>",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("OK</span>"), "{page}");
    let metrics = daemon.get("/metrics", "");
    assert!(metrics.contains("\nhushwatch_up 0\n"), "{metrics}");
    let answer = daemon.get("/api/status", "");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let of_page: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let of_verb = world.run(&["status", "--json"]).report;
    for key in ["enabled", "readiness", "last_cycle_at"] {
        assert_eq!(of_page[key], of_verb[key], "{key}");
    }
    assert_eq!(of_verb["enabled"], false);
    assert_eq!(of_verb["readiness"]["ready"], false);
    for of in [&of_page, &of_verb] {
        assert_eq!(of["servers"][0]["complete"], false, "{of:#}");
    }
    let text = world.run(&["status"]).report;
    let text = text.as_str().expect("text");
    let lines = [
        format!("MONITORING IS OFF: {SWITCHED_OFF}; unset it and restart `run`"),
        format!("NOT READY: {SWITCHED_OFF}"),
    ];
    for line in lines {
        assert!(text.contains(&line), "{text}");
    }
    assert_eq!(world.postmark.requests().len(), 0);
}

#[test]
fn where_monitoring_is_off_it_shows_the_database_that_is_put_in_place_of_another() {
    if crate::store::needs_a_file("what is put in place of a file") {
        return;
    }
    let mut world = with_mail();
    let path = world.folder.path().join("hushwatch.db");
    let aside = world.folder.path().join("former.db");
    assert_eq!(world.cycle(clock::now()).code, 0);
    let daemon = switched_off(&mut world);
    let shown = || daemon.get("/servers/shop", "");
    assert_eq!(status(&shown()), "200");
    std::fs::rename(&path, &aside).expect("moved away");
    // What was answered within the last second is answered again.
    wait_until("the file that was moved away is not shown", || {
        let gone = shown();
        status(&gone) == "503" && gone.contains(SWITCHED_OFF)
    });
    assert!(!path.exists(), "none is made");
    std::fs::rename(&aside, &path).expect("put in place");
    assert_eq!(status(&shown()), "200");
}

#[test]
fn where_monitoring_is_off_it_shows_the_database_that_comes_later() {
    if crate::store::needs_a_file("what is put in the place of none") {
        return;
    }
    let mut world = with_mail();
    let path = world.folder.path().join("hushwatch.db");
    let aside = world.folder.path().join("former.db");
    assert_eq!(world.cycle(clock::now()).code, 0);
    std::fs::rename(&path, &aside).expect("moved away");
    for damaged in [false, true] {
        if damaged {
            std::fs::rename(&path, &aside).expect("moved away");
            std::fs::write(&path, vec![b'#'; 5_000]).expect("written");
        }
        let daemon = switched_off(&mut world);
        let shown = || daemon.get("/", "");
        let before = shown();
        assert!(!before.contains("shop/outbound"), "{before}");
        std::fs::rename(&aside, &path).expect("put in place");
        wait_until("what is stored is shown", || {
            shown().contains("shop/outbound")
        });
    }
}

#[test]
fn where_monitoring_is_off_and_nothing_can_be_shown_it_says_so() {
    if crate::store::needs_a_file("what lies in place of a file") {
        return;
    }
    let mut world = World::new(Process::New, "");
    let path = world.folder.path().join("hushwatch.db");
    let daemon = switched_off(&mut world);
    let page = daemon.get("/", "");
    assert!(
        status(&page) == "200" && page.contains(SWITCHED_OFF),
        "{page}"
    );
    assert!(!path.exists(), "none is made");
    drop(daemon);
    std::fs::write(&path, vec![b'#'; 5_000]).expect("written");
    let daemon = switched_off(&mut world);
    for target in ["/", "/servers/shop", "/api/status", "/metrics"] {
        let answer = daemon.get(target, "");
        let said = format!(
            "{SWITCHED_OFF}; what is stored cannot be shown, the log of hushwatch says why\n"
        );
        assert!(
            status(&answer) == "503" && answer.ends_with(&said),
            "{target}: {answer}"
        );
    }
    assert_eq!(daemon.status("/livez"), "200");
    assert_eq!(daemon.status("/readyz"), "503");
}
