//! Requests and answers, without a network.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::config::PageSettings;
use crate::metrics::Counters;
use crate::model::{BounceClass, ServerName, Timestamp};
use crate::output::json::ListedIncident;
use crate::output::readiness::Readiness;
use crate::output::status::StatusReport;
use crate::output::status::tests::{report, style};
use crate::page::request::Request;
use crate::page::response::Response;
use crate::page::source::{RecentEvents, Source, SourceError, Wording};
use crate::page::{admit, respond};
use crate::store::EventRow;

/// A source of samples.
struct Fixed {
    alive: bool,
    ready: bool,
}

const FINE: Fixed = Fixed {
    alive: true,
    ready: true,
};

impl Source for Fixed {
    fn wording(&self) -> Wording {
        Wording { style: style() }
    }

    fn now(&self) -> Timestamp {
        Timestamp::parse("2026-03-03T10:00:30Z").expect("valid")
    }

    fn is_alive(&self) -> bool {
        self.alive
    }

    async fn readiness(&self) -> Result<Readiness, SourceError> {
        match self.ready {
            true => Ok(Readiness::default()),
            false => Err(SourceError::Replaced),
        }
    }

    async fn status(&self) -> Result<Arc<StatusReport>, SourceError> {
        let mut status = report();
        status.servers[1].name = "a/b ü".into();
        Ok(Arc::new(status))
    }

    async fn counters(&self) -> Result<Counters, SourceError> {
        Ok(Counters::default())
    }

    async fn recent(&self) -> Result<Arc<RecentEvents>, SourceError> {
        let bounce = EventRow {
            id: 1,
            class: Some(BounceClass::Hard),
            message: None,
            recipient: Some("jane@example.com".to_owned()),
            tag: None,
            kind: Some("HardBounce".to_owned()),
            description: Some("550 <jane@example.com>: unknown".to_owned()),
            at: self.now(),
        };
        let recent = RecentEvents {
            events: vec![bounce.clone(), bounce],
            ..RecentEvents::default()
        };
        Ok(Arc::new(recent))
    }

    async fn overview_page(&self, filter: &str) -> Result<String, SourceError> {
        Ok(format!("servers with [{filter}]"))
    }

    async fn server_page(&self, name: &ServerName) -> Result<Option<String>, SourceError> {
        Ok((name.0 == "a/b ü").then(|| "one server".to_owned()))
    }

    async fn incident_page(&self, id: &str) -> Result<Option<String>, SourceError> {
        Ok((id == "fp8xrr3b").then(|| "explained".to_owned()))
    }

    async fn incidents(&self, _: Duration) -> Result<Vec<ListedIncident>, SourceError> {
        Ok(Vec::new())
    }
}

fn settings() -> PageSettings {
    PageSettings {
        listen: "127.0.0.1:9184".parse().expect("valid"),
        hosts: vec!["hush.example.com".to_owned()],
        token_file: None,
    }
}

fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = hyper::Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).expect("valid").into_parts();
    Request::new(head, IpAddr::V4(Ipv4Addr::LOCALHOST))
}

#[tokio::main(flavor = "current_thread")]
async fn ask(settings: &PageSettings, source: &Fixed, request: &Request) -> Response {
    match admit(settings, request) {
        Ok(route) => respond(source, &route).await,
        Err(refused) => refused,
    }
}

fn get(target: &str) -> Response {
    ask(
        &settings(),
        &FINE,
        &request("GET", target, &[("host", "localhost:9184")]),
    )
}

fn code(response: &Response) -> u16 {
    response.status.as_u16()
}

fn body(response: &Response) -> &str {
    std::str::from_utf8(&response.body).expect("text")
}

#[test]
fn paths_lead_to_what_is_stored_and_nowhere_else() {
    for (target, status, shown) in [
        ("/", 200, "servers with []"),
        ("/?x=1&q=a%20b+c%0A%5B", 200, "servers with [a b c []"),
        ("/style.css", 200, "prefers-color-scheme:dark"),
        ("/servers/a%2Fb%20%C3%BC", 200, "one server"),
        ("/servers/a/b", 404, ""),
        ("/servers/nobody", 404, ""),
        ("/incidents/FP8XRR3B", 200, "explained"),
        ("/incidents/none", 404, ""),
        ("/incidents", 404, ""),
        ("/api", 404, ""),
        ("/api/status/", 404, ""),
        (
            "/api/status",
            200,
            "\"last_cycle_at\":\"2026-03-03T10:00:00Z\"",
        ),
        ("/api/incidents", 200, "[]"),
        ("/api/incidents?since=45d", 200, "[]"),
        ("/api/incidents?since=soon", 400, "`since`"),
        ("/api/recent-deliveries?limit=0", 400, "`limit`"),
        ("/api/recent-deliveries?limit=x", 400, "`limit`"),
        ("/openapi.json", 200, "\"openapi\": \"3.1.0\""),
        ("/metrics", 200, "# TYPE hushwatch_up gauge"),
        ("//", 404, ""),
        ("/../etc/passwd", 404, ""),
        ("/%2e%2e/etc/passwd", 404, ""),
        ("/servers/%ff", 400, ""),
        ("/?x=%3Cscript%3E", 200, ""),
        ("/servers/%3Cscript%3E", 404, ""),
    ] {
        let answer = get(target);
        assert_eq!(code(&answer), status, "{target}");
        assert!(body(&answer).contains(shown), "{target}: {}", body(&answer));
        assert!(
            !body(&answer).contains("<script"),
            "{target}: {}",
            body(&answer)
        );
    }
    let long = format!("/servers/{}", "a".repeat(5_000));
    assert_eq!(code(&get(&long)), 404);
}

#[test]
fn every_field_that_scripts_read_is_described() {
    fn undescribed(schema: &serde_json::Value, place: &str, found: &mut Vec<String>) {
        if let Some(properties) = schema["properties"].as_object() {
            let lacks = properties.iter().filter(|(_, of)| {
                let text = of["description"].as_str().unwrap_or_default();
                of.is_object() && !text.ends_with('.')
            });
            found.extend(lacks.map(|(name, _)| format!("{place}/{name}")));
        }
        let parts: Vec<_> = match schema {
            serde_json::Value::Object(parts) => parts.iter().collect(),
            _ => Vec::new(),
        };
        for (name, part) in parts {
            undescribed(part, &format!("{place}/{name}"), found);
        }
    }
    let document = serde_json::from_str(include_str!("openapi.json")).expect("JSON");
    let mut found = Vec::new();
    undescribed(&document, "", &mut found);
    assert_eq!(found, [""; 0]);
}

#[test]
fn recent_events_are_masked_and_as_many_as_wanted() {
    let all = get("/api/recent-deliveries");
    assert!(
        !body(&all).contains("jane") && body(&all).contains("j***@example.com"),
        "{all:?}"
    );
    let events = |target| body(&get(target)).matches("event_type").count();
    assert_eq!(events("/api/recent-deliveries"), 2);
    assert_eq!(events("/api/recent-deliveries?limit=1"), 1);
}

#[test]
fn metrics_come_in_the_format_that_is_accepted() {
    for (accept, content_type) in [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.5",
            "text/plain; version=0.0.4; charset=utf-8",
        ),
        (
            "application/openmetrics-text;version=0.0.1",
            "text/plain; version=0.0.4; charset=utf-8",
        ),
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ] {
        let headers = [("host", "localhost"), ("accept", accept)];
        let answer = ask(&settings(), &FINE, &request("GET", "/metrics", &headers));
        assert_eq!(answer.content_type, content_type, "{accept}");
        assert_eq!(
            body(&answer).ends_with("# EOF\n"),
            content_type.contains("openmetrics")
        );
    }
}

#[test]
fn it_is_only_read() {
    let host = [("host", "localhost")];
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        for target in ["/", "/livez", "/nowhere"] {
            let answer = ask(&settings(), &FINE, &request(method, target, &host));
            assert_eq!(code(&answer), 405, "{method} {target}");
        }
    }
    assert_eq!(
        code(&ask(&settings(), &FINE, &request("HEAD", "/", &host))),
        200
    );
}

#[test]
fn a_foreign_host_is_refused() {
    let asked = |host: &str| {
        code(&ask(
            &settings(),
            &FINE,
            &request("GET", "/", &[("host", host)]),
        ))
    };
    for ours in [
        "localhost",
        "LOCALHOST:80",
        "127.0.0.1:9184",
        "127.1.2.3",
        "[::1]:9184",
        "hush.example.com",
        "Hush.Example.COM.:443",
    ] {
        assert_eq!(asked(ours), 200, "{ours}");
    }
    for foreign in [
        "evil.example.com",
        "localhost.example.com",
        "hush.example.com.evil.example.com",
        "10.0.0.1",
        "[2001:db8::1]:9184",
    ] {
        assert_eq!(asked(foreign), 421, "{foreign}");
    }
    for nonsense in ["", ":80", "localhost:http", "[::1", "localhost:1:2"] {
        assert_eq!(asked(nonsense), 400, "{nonsense}");
    }
    let two = [("host", "localhost"), ("host", "localhost")];
    assert_eq!(
        code(&ask(&settings(), &FINE, &request("GET", "/", &two))),
        400
    );
    // The target of a proxy request says the host, whatever the header says.
    let proxied = request("GET", "http://evil.example.com/", &[("host", "localhost")]);
    assert_eq!(code(&ask(&settings(), &FINE, &proxied)), 421);
}

#[test]
fn a_word_is_said_to_anybody() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, "correct-horse\n").expect("written");
    let guarded = PageSettings {
        token_file: Some(file),
        ..settings()
    };
    let stuck = Fixed {
        alive: false,
        ready: false,
    };
    for (source, answers) in [
        (FINE, [(200, "alive\n"), (200, "ready\n")]),
        (stuck, [(503, "stuck\n"), (503, "unready\n")]),
    ] {
        for (target, (status, word)) in ["/livez", "/readyz"].into_iter().zip(answers) {
            let answer = ask(
                &guarded,
                &source,
                &request("GET", target, &[("host", "10.1.2.3:80")]),
            );
            assert_eq!((code(&answer), body(&answer)), (status, word), "{target}");
        }
    }
}

#[test]
fn the_token_opens_it_and_nothing_else_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, "correct-horse\n").expect("written");
    let guarded = PageSettings {
        token_file: Some(file.clone()),
        ..settings()
    };
    let asked = |target: &str, authorization: Option<&str>| {
        let mut headers = vec![("host", "localhost")];
        headers.extend(authorization.map(|value| ("authorization", value)));
        ask(&guarded, &FINE, &request("GET", target, &headers))
    };
    for right in [
        "Bearer correct-horse",
        "bearer  correct-horse ",
        // "anyone:correct-horse" and ":correct-horse"
        "Basic YW55b25lOmNvcnJlY3QtaG9yc2U=",
        "basic OmNvcnJlY3QtaG9yc2U=",
    ] {
        assert_eq!(code(&asked("/", Some(right))), 200, "{right}");
    }
    for wrong in [
        None,
        Some("Bearer correct-hors"),
        Some("Bearer correct-horse2"),
        Some("Bearer"),
        Some("Bearer "),
        Some("correct-horse"),
        // "correct-horse:" has it as the name.
        Some("Basic Y29ycmVjdC1ob3JzZTo="),
        Some("Basic ***"),
        Some("Digest correct-horse"),
    ] {
        let answer = asked("/", wrong);
        assert_eq!(code(&answer), 401, "{wrong:?}");
        assert!(!body(&answer).contains("horse"), "{answer:?}");
        // What there is, is not said either.
        assert_eq!(code(&asked("/nowhere", wrong)), 401, "{wrong:?}");
    }
    // A new token needs no restart; a file without one opens nothing.
    std::fs::write(&file, "battery-staple\n").expect("written");
    assert_eq!(code(&asked("/", Some("Bearer correct-horse"))), 401);
    assert_eq!(code(&asked("/", Some("Bearer battery-staple"))), 200);
    std::fs::write(&file, "\n").expect("written");
    assert_eq!(code(&asked("/", Some("Bearer "))), 503);
}

#[test]
fn every_answer_forbids_what_a_browser_need_not_do() {
    for target in ["/", "/livez", "/nowhere"] {
        let headers = get(target).into_http().headers().clone();
        let value = |name: &str| headers[name].to_str().expect("text").to_owned();
        assert!(
            value("content-security-policy")
                .starts_with("default-src 'none'; style-src 'self'; img-src 'self' data:;")
        );
        assert_eq!(value("cache-control"), "no-store");
        assert_eq!(value("x-content-type-options"), "nosniff");
        assert_eq!(value("referrer-policy"), "no-referrer");
    }
}
