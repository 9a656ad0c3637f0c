use super::*;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const TIMEOUT: Duration = Duration::from_millis(200);
const TOKEN: &str = "xoxb-not-to-be-seen";
const PATH: &str = "/services/T0/B0/not-to-be-seen";

/// What the peer does once it has read a request.
enum Peer {
    Answer(&'static str),
    Hang,
}

/// Serves one request at a free port; yields what was asked.
async fn serve(peer: Peer) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let request = read_request(&mut stream).await;
        match peer {
            Peer::Answer(answer) => stream.write_all(answer.as_bytes()).await.expect("written"),
            Peer::Hang => tokio::time::sleep(TIMEOUT * 5).await,
        }
        request
    });
    (address, served)
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = String::new();
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk).await.expect("readable");
        request.push_str(&String::from_utf8_lossy(&chunk[..read]));
        let Some((head, body)) = request.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.expect("a length").parse().expect("a number") {
            return request;
        }
    }
}

fn bot(base_url: &str) -> Slack {
    let token = Secret::new(TOKEN).expect("not empty");
    let base_url = base_url.to_owned();
    Slack::new(Sink::Bot { token, base_url }, TIMEOUT).expect("a sound sink")
}

fn webhook(address: &str) -> Slack {
    let url = Secret::new(&format!("{address}{PATH}")).expect("not empty");
    Slack::new(Sink::Webhook { url }, TIMEOUT).expect("a sound sink")
}

fn message() -> Value {
    json!({"text": "x", "metadata": {"event_type": "hushwatch"}})
}

/// The error of a bot and of a webhook that meet the same peer.
async fn failures(peer: fn() -> Peer) -> [Error; 2] {
    let (address, _served) = serve(peer()).await;
    let of_bot = bot(&address).post(Some("C012"), &message()).await;
    let (address, _served) = serve(peer()).await;
    let of_webhook = webhook(&address).post(None, &message()).await;
    [of_bot, of_webhook].map(|result| {
        let error = result.expect_err("a failure");
        assert!(
            !format!("{error} {error:?}").contains("not-to-be-seen"),
            "{error:?}"
        );
        error
    })
}

#[tokio::test]
async fn a_bot_posts_to_the_channel_with_its_token() {
    let body = r#"{"ok":true,"channel":"D012","ts":"1.2"}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (address, served) = serve(Peer::Answer(answer.leak())).await;
    let accepted = bot(&format!("{address}/api/"))
        .post(Some("U012"), &message())
        .await;
    assert_eq!(
        accepted,
        Ok(Receipt {
            channel: Some("D012".to_owned()),
            ts: Some("1.2".to_owned())
        })
    );
    let request = served.await.expect("served");
    assert!(
        request.starts_with("POST /api/chat.postMessage HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains(&format!("authorization: Bearer {TOKEN}\r\n")),
        "{request}"
    );
    assert!(
        request.contains(r#""channel":"U012""#) && request.contains("metadata"),
        "{request}"
    );
}

#[tokio::test]
async fn a_webhook_posts_without_channel_and_metadata() {
    let (address, served) = serve(Peer::Answer(
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ))
    .await;
    assert_eq!(
        webhook(&address).post(Some("C012"), &message()).await,
        Ok(Receipt::default())
    );
    let request = served.await.expect("served");
    assert!(request.starts_with(&format!("POST {PATH} ")), "{request}");
    assert!(request.ends_with(r#"{"text":"x"}"#), "{request}");
}

#[tokio::test]
async fn a_pause_is_read_as_seconds_or_as_a_date() {
    for error in failures(|| {
        Peer::Answer(
            "HTTP/1.1 429 Too Many Requests\r\nretry-after: 30\r\ncontent-length: 0\r\n\r\n",
        )
    })
    .await
    {
        assert_eq!(
            (error.class, error.retry_after),
            (RetryClass::Retry, Some(Duration::from_secs(30)))
        );
    }
    for error in failures(|| {
        Peer::Answer(concat!(
            "HTTP/1.1 503 Busy\r\ndate: Wed, 21 Oct 2015 07:28:00 GMT\r\n",
            "retry-after: Wed, 21 Oct 2015 07:29:00 GMT\r\ncontent-length: 0\r\n\r\n"
        ))
    })
    .await
    {
        assert_eq!(
            (error.class, error.retry_after),
            (RetryClass::Retry, Some(Duration::from_secs(60)))
        );
    }
}

#[tokio::test]
async fn silence_after_the_request_leaves_it_unknown() {
    for error in failures(|| Peer::Hang).await {
        assert_eq!(error.class, RetryClass::Unconfirmed, "{error}");
        assert!(error.message.contains("no answer in time"), "{error}");
    }
}

#[tokio::test]
async fn a_cut_answer_leaves_it_unknown() {
    for peer in [
        || Peer::Answer(""),
        || Peer::Answer("HTTP/1.1 200"),
        || Peer::Answer("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"ok\":tr"),
        || Peer::Answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n"),
    ] {
        for error in failures(peer).await {
            assert_eq!(error.class, RetryClass::Unconfirmed, "{error}");
        }
    }
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let answer = format!(
        "HTTP/1.1 200 OK\r\n\r\n{}",
        " ".repeat(MAX_ANSWER_BYTES + 1)
    );
    let (address, _served) = serve(Peer::Answer(answer.leak())).await;
    let error = webhook(&address)
        .post(None, &message())
        .await
        .expect_err("too long");
    assert_eq!(error.class, RetryClass::Unconfirmed);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for error in failures(|| {
        Peer::Answer(
            "HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        )
    })
    .await
    {
        assert_eq!(error.class, RetryClass::Permanent, "{error}");
        assert!(
            error.message.contains("redirects are not followed"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn without_a_connection_nothing_went_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    for slack in [bot(&address), webhook(&address)] {
        let error = slack
            .post(Some("C012"), &message())
            .await
            .expect_err("nobody there");
        assert_eq!(error.class, RetryClass::Retry, "{error}");
        assert!(!error.message.contains("not-to-be-seen"), "{error}");
    }
}

#[test]
fn a_request_that_broke_off_while_it_was_written_was_not_posted() {
    #[derive(Debug, thiserror::Error)]
    #[error("client error")]
    struct Outer(#[source] std::io::Error);
    use std::io::{Error, ErrorKind};

    for (cause, cut_off) in [
        (Error::from(ErrorKind::BrokenPipe), true),
        (
            Error::other("operation was canceled: connection closed"),
            true,
        ),
        (
            Error::other("error writing a body to connection: reset"),
            true,
        ),
        (Error::from(ErrorKind::ConnectionReset), false),
        (
            Error::other("connection closed before message completed"),
            false,
        ),
    ] {
        let error = Outer(cause);
        assert_eq!(is_incomplete_send(&error), cut_off, "{error:?}");
    }
}

#[tokio::test]
async fn a_handshake_that_fails_or_hangs_means_that_nothing_went_out() {
    for greeting in ["no TLS here\r\n", ""] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("https://{}", listener.local_addr().expect("bound"));
        let peer = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            stream
                .write_all(greeting.as_bytes())
                .await
                .expect("written");
            tokio::time::sleep(TIMEOUT * 5).await;
        });
        let error = webhook(&address)
            .post(None, &message())
            .await
            .expect_err("no TLS");
        assert_eq!(error.class, RetryClass::Retry, "{error}");
        peer.abort();
    }
}

#[tokio::test]
async fn a_bot_without_a_channel_is_told_what_to_set() {
    let error = bot("http://127.0.0.1:1")
        .post(None, &message())
        .await
        .expect_err("no channel");
    assert_eq!(error.class, RetryClass::Permanent);
    assert!(error.message.contains("SLACK_OPERATOR_DM_CHANNEL"));
}

#[test]
fn an_unsafe_address_or_a_broken_token_is_refused_without_being_shown() {
    let webhook = |url: &str| Sink::Webhook {
        url: Secret::new(url).expect("not empty"),
    };
    let token = |token: &str| Sink::Bot {
        token: Secret::new(token).expect("not empty"),
        base_url: "https://slack.com/api".to_owned(),
    };
    for sink in [
        webhook("http://hooks.example.com/not-to-be-seen"),
        webhook("hooks.example.com/not-to-be-seen"),
        webhook("https:///[not-to-be-seen"),
        webhook("file:///not-to-be-seen"),
        token("xoxb\n-not-to-be-seen"),
    ] {
        let error = Slack::new(sink, TIMEOUT).expect_err("refused");
        assert_eq!(error.class, RetryClass::Permanent);
        assert!(
            !format!("{error:?}").contains("not-to-be-seen"),
            "{error:?}"
        );
    }
}

#[test]
fn no_secret_is_in_what_is_printed() {
    let slack = [bot("http://127.0.0.1:1"), webhook("http://127.0.0.1:1")];
    assert!(!format!("{slack:?}").contains("not-to-be-seen"));
}
