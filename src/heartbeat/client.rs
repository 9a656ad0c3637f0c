//! Sends heartbeats.

use std::time::Duration;

use reqwest::{StatusCode, redirect};

use crate::heartbeat::{Heartbeat, HeartbeatKind, Run, Signal};
use crate::tls;

/// The time one signal may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The maximum length of an answer that is read, in bytes: those that matter are a few words.
const MAX_ANSWER_BYTES: usize = 200;

/// Why a heartbeat did not arrive. No text contains the URL, which is a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("cannot create the client for the heartbeat")]
    Client,
    #[error("the heartbeat was not answered in time")]
    Timeout,
    #[error("the heartbeat could not be sent: {}", tls::PROXY_LOGIN)]
    ProxyLogin,
    #[error("the heartbeat could not be sent; check `heartbeat.url` and the network")]
    Unreachable,
    #[error("the heartbeat was answered with HTTP status {0}; check `heartbeat.url`")]
    Status(u16),
    /// The service knows no such check.
    #[error("healthchecks has no check of this URL; copy the check's own into `heartbeat.url`")]
    UnknownCheck,
    #[error(
        "several checks of healthchecks have this slug, so it took no heartbeat; give `heartbeat.url` the check's UUID instead"
    )]
    AmbiguousSlug,
    #[error(
        "healthchecks ignored the heartbeat, since the check gets more than five in a minute; give each process a check of its own"
    )]
    RateLimited,
}

impl Heartbeat {
    /// Sends a signal of the cycle `run`. A plain service is sent only those of success.
    ///
    /// # Errors
    /// If there is no answer, or one that does not take it.
    pub async fn send(&self, signal: &Signal<'_>, run: Run) -> Result<(), Error> {
        match (self.kind, signal) {
            (HeartbeatKind::Healthchecks, _) => self.signal(signal, run).await,
            (HeartbeatKind::Plain, Signal::Success(_)) => {
                let status = get(self.url.expose()).await?;
                let is_taken = status.is_success();
                is_taken.then_some(()).ok_or(Error::Status(status.as_u16()))
            }
            (HeartbeatKind::Plain, _) => Ok(()),
        }
    }

    /// Tries whether a heartbeat would arrive, without one: by a line in the log of a check of healthchecks; of any other
    /// service its front page is asked for, and every answer is a good one.
    ///
    /// # Errors
    /// If there is no answer, or one of healthchecks that does not take the line.
    pub async fn probe(&self, line: &str) -> Result<(), Error> {
        if self.kind == HeartbeatKind::Healthchecks {
            return self.signal(&Signal::Log(line), Run::new()).await;
        }
        let front = reqwest::Url::parse(self.url.expose()).and_then(|url| url.join("/"));
        let front = front.map_err(|_| Error::Unreachable)?;
        get(front.as_str()).await.map(drop)
    }

    /// Sends a signal to healthchecks. By POST, since a check may ignore everything else, and answer it alike.
    async fn signal(&self, signal: &Signal<'_>, run: Run) -> Result<(), Error> {
        let url = self.signal_url(signal, run).ok_or(Error::Unreachable)?;
        // A redirect would turn it into a GET.
        let client = client(url.as_str(), redirect::Policy::none())?;
        let request = client
            .post(url)
            .header("content-type", "text/plain; charset=utf-8")
            .body(signal.body());
        let mut answer = request.send().await.map_err(|error| failure(&error))?;
        let status = answer.status();
        let mut text = Vec::new();
        while text.len() < MAX_ANSWER_BYTES
            && let Ok(Some(chunk)) = answer.chunk().await
        {
            text.extend_from_slice(&chunk);
        }
        judge(status, &String::from_utf8_lossy(&text))
    }
}

/// Returns what an answer of healthchecks means. Its hosted one long answered 200 to what it ignored, and said so in the text.
fn judge(status: StatusCode, text: &str) -> Result<(), Error> {
    let says = |words: &str| text.to_ascii_lowercase().contains(words);
    match status.as_u16() {
        404 => Err(Error::UnknownCheck),
        409 => Err(Error::AmbiguousSlug),
        429 => Err(Error::RateLimited),
        200..=299 if says("not found") => Err(Error::UnknownCheck),
        200..=299 if says("rate limited") => Err(Error::RateLimited),
        200..=299 => Ok(()),
        other => Err(Error::Status(other)),
    }
}

async fn get(url: &str) -> Result<StatusCode, Error> {
    // A redirect may lead elsewhere, and takes nothing of the URL along.
    let client = client(url, redirect::Policy::limited(3))?;
    let answer = client.get(url).send().await;
    answer
        .map(|answer| answer.status())
        .map_err(|error| failure(&error))
}

fn client(url: &str, redirects: redirect::Policy) -> Result<reqwest::Client, Error> {
    let builder = tls::client_builder(url)
        .timeout(TIMEOUT)
        .redirect(redirects);
    builder.build().map_err(|_| Error::Client)
}

fn failure(error: &reqwest::Error) -> Error {
    tls::unanswered(error, Error::Timeout, Error::ProxyLogin, Error::Unreachable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    /// Serves one request with `answer`; returns its URL, and a handle that yields the request.
    fn serve_once(answer: String) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let asked = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().expect("a request");
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && socket.read(&mut byte).is_ok_and(|n| n > 0) {
                head.push(byte[0]);
            }
            let _ = socket.write_all(answer.as_bytes());
            String::from_utf8_lossy(&head).into_owned()
        });
        (base, asked)
    }

    #[tokio::test]
    async fn a_redirect_does_not_carry_the_secret_elsewhere() {
        let (elsewhere, asked) =
            serve_once("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned());
        let (base, _) = serve_once(format!(
            "HTTP/1.1 302 Found\r\nLocation: {elsewhere}/there\r\nContent-Length: 0\r\n\r\n"
        ));
        let heartbeat = Heartbeat::new(&format!("{base}/canary"), None).expect("valid");
        let sent = heartbeat.send(&Signal::Success("all"), Run::new()).await;
        assert_eq!(sent, Ok(()));
        let asked = asked.join().expect("asked");
        assert!(
            asked.starts_with("GET /there") && !asked.contains("canary"),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn a_plain_service_is_notified_of_nothing_but_success() {
        let heartbeat = Heartbeat::new("http://127.0.0.1:1/beat", None).expect("valid");
        for signal in [Signal::Start, Signal::Failure("no"), Signal::Log("a test")] {
            assert_eq!(heartbeat.send(&signal, Run::new()).await, Ok(()));
        }
        let success = heartbeat.send(&Signal::Success(""), Run::new()).await;
        assert_eq!(success, Err(Error::Unreachable), "nobody listens there");
    }

    #[test]
    fn each_answer_of_healthchecks_means_what_it_says() {
        for (status, text, meaning) in [
            (200, "OK", Ok(())),
            (201, "Created", Ok(())),
            (200, "OK (not found)", Err(Error::UnknownCheck)),
            (200, "OK (rate limited)", Err(Error::RateLimited)),
            (404, "not found", Err(Error::UnknownCheck)),
            (409, "ambiguous slug", Err(Error::AmbiguousSlug)),
            (429, "", Err(Error::RateLimited)),
            (400, "invalid url format", Err(Error::Status(400))),
            (301, "", Err(Error::Status(301))),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(judge(status, text), meaning, "{status} {text}");
        }
    }
}
