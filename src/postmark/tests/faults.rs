//! A peer that refuses, breaks, hangs, drips and lies.

use std::time::{Duration, Instant};

use super::recorded;
use super::responder::{Reply, Responder, TOKEN, answer, server, server_within};
use crate::postmark::{Error, ErrorKind, Fault};

async fn once(reply: Reply) -> Error {
    let peer = Responder::new(vec![reply]).await;
    peer.server(1).streams().await.expect_err("a fault")
}

/// Asks with a timeout that is sure to pass.
async fn impatient(base_url: &str) -> Error {
    let server = server_within(Duration::from_millis(200), base_url, 1);
    server.streams().await.expect_err("a hang")
}

fn raw(bytes: &str) -> Reply {
    Reply::Raw(bytes.as_bytes().to_vec())
}

#[tokio::test]
async fn a_passing_fault_is_tried_again_and_every_attempt_counts() {
    let peer = Responder::new(vec![
        answer("503 Service Unavailable", "", b"<html>"),
        answer("200 OK", "", b"<html>maintenance</html>"),
        raw(""),
        answer("200 OK", "", recorded!("airbyte_message_streams")),
    ])
    .await;
    let server = peer.server(4);
    assert_eq!(server.streams().await.expect("in the end").streams.len(), 2);
    assert_eq!((server.requests(), peer.heads().len()), (4, 4));
}

#[tokio::test]
async fn a_refusal_is_not_tried_again_and_is_quoted_without_the_token() {
    let body =
        format!(r#"{{"ErrorCode":10,"Message":"No server has\n{TOKEN}, ask root@example.com"}}"#);
    let peer = Responder::new(vec![answer("401 Unauthorized", "", body.as_bytes())]).await;
    let server = peer.server(4);
    let error = server.streams().await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::TokenRefused);
    assert_eq!(error.said(), Some("No server has ***, ask ***"));
    assert!(!format!("{error} {error:?}").contains("secret"));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let error = once(answer("429 Too Many Requests", "Retry-After: 7\r\n", b"")).await;
    assert_eq!(error.kind(), ErrorKind::TooMany);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));

    let date = "Wed, 21 Oct 2015 07:28:00 GMT";
    let headers = format!("Date: Wed, 21 Oct 2015 07:27:00 GMT\r\nRetry-After: {date}\r\n");
    let error = once(answer("503 Service Unavailable", &headers, b"")).await;
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));

    for nonsense in [date, "soon", "-1"] {
        let error = once(answer(
            "429 Too Many Requests",
            &format!("Retry-After: {nonsense}\r\n"),
            b"",
        ))
        .await;
        assert_eq!(error.retry_after(), None, "{nonsense}");
    }
}

#[tokio::test]
async fn a_retry_after_is_waited_for() {
    let peer = Responder::new(vec![
        answer("429 Too Many Requests", "Retry-After: 1\r\n", b""),
        answer("200 OK", "", recorded!("airbyte_message_streams")),
    ])
    .await;
    let started = Instant::now();
    peer.server(2).streams().await.expect("the second time");
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_redirect_is_a_refusal_and_is_not_followed() {
    let elsewhere = Responder::new(vec![answer(
        "200 OK",
        "",
        recorded!("airbyte_message_streams"),
    )])
    .await;
    let headers = format!("Location: {}/message-streams\r\n", elsewhere.base_url);
    let error = once(answer("302 Found", &headers, b"")).await;
    assert_eq!(
        error.kind(),
        ErrorKind::Refused {
            status: 302,
            code: None
        }
    );
    assert!(!error.to_string().contains("127.0.0.1"), "{error}");
    assert!(elsewhere.heads().is_empty());
}

#[tokio::test]
async fn a_bad_body_makes_no_sense() {
    let body = recorded!("airbyte_message_streams");
    let half = &body[..body.len() / 2];
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    for (reply, what) in [
        (answer("200 OK", "", b""), "it is empty"),
        (answer("200 OK", "", b"<html></html>"), "it is not JSON"),
        (answer("200 OK", "", half), "it is cut short"),
        (
            Reply::Raw([head.as_bytes(), half].concat()),
            "it is cut short or badly compressed",
        ),
        (
            answer("200 OK", "Content-Encoding: gzip\r\n", body),
            "it is cut short or badly compressed",
        ),
        (answer("204 No Content", "", b""), "an unexpected status"),
    ] {
        assert_eq!(once(reply).await.kind(), ErrorKind::Malformed(what));
    }
}

#[tokio::test]
async fn a_hang_ends_with_the_timeout_wherever_it_happens() {
    for said in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{",
    ] {
        let peer = Responder::new(vec![Reply::Stall(said.into())]).await;
        let error = impatient(&peer.base_url).await;
        assert_eq!(
            error.kind(),
            ErrorKind::Unreachable(Fault::TimedOut),
            "{said}"
        );
    }
}

#[tokio::test]
async fn an_endless_body_is_dropped() {
    let endless = || Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec());
    let peer = Responder::new(vec![endless()]).await;
    let server = peer.server(4);
    assert_eq!(
        server.details("m").await.expect_err("endless").kind(),
        ErrorKind::TooLarge
    );
    assert_eq!(server.requests(), 1);

    let announced = raw("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n{");
    assert_eq!(once(announced).await.kind(), ErrorKind::TooLarge);

    let error = once(Reply::Endless(b"HTTP/1.1 500 Oh\r\n\r\n".to_vec())).await;
    assert_eq!(error.kind(), ErrorKind::Server(500));
}

#[tokio::test]
async fn a_body_is_measured_after_decompression() {
    let small = include_bytes!("../../../tests/data/postmark/three_mib_of_spaces.gz");
    let reply = answer("200 OK", "Content-Encoding: gzip\r\n", small);
    let peer = Responder::new(vec![reply]).await;
    let error = peer.server(1).details("m").await.expect_err("3 MiB");
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[tokio::test]
async fn no_answer_is_told_by_its_cause() {
    let free = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("bound").port()
    };
    let kind = async |base: &str| server(base, 1).streams().await.expect_err("nobody").kind();
    let unreachable = ErrorKind::Unreachable;
    assert_eq!(
        kind(&format!("http://127.0.0.1:{free}")).await,
        unreachable(Fault::Refused)
    );
    let unresolvable = format!("http://{}.example.com", "a".repeat(64));
    assert_eq!(kind(&unresolvable).await, unreachable(Fault::Dns));
    assert_eq!(once(raw("")).await.kind(), unreachable(Fault::Reset));
    let silent = Responder::new(vec![])
        .await
        .base_url
        .replace("http:", "https:");
    let plain = talks_no_tls().await;
    assert_eq!(kind(&plain).await, unreachable(Fault::Tls));
    assert_eq!(
        impatient(&silent).await.kind(),
        unreachable(Fault::TimedOut)
    );
}

/// Answers a TLS greeting in plain HTTP.
async fn talks_no_tls() -> String {
    use tokio::io::AsyncWriteExt;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let base = format!("https://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            // Closing it with the greeting unread would reset it.
            open.push(stream);
        }
    });
    base
}
