//! Pings a dead man's switch after every good cycle, so that others notice when hushwatch itself stops.

use std::time::Duration;

use reqwest::StatusCode;

use crate::secret::Secret;
use crate::tls;

const UNREACHABLE: &str = "the heartbeat could not be sent; check `heartbeat.url` and the network";
/// The time one ping may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Sends one ping.
///
/// # Errors
/// If there is no answer, or one without a status of success. The text does not contain the URL, which is a secret.
pub async fn ping(url: &Secret) -> Result<(), String> {
    let status = get(url.expose()).await?;
    if status.is_success() {
        return Ok(());
    }
    Err(format!(
        "the heartbeat was answered with HTTP status {}; check `heartbeat.url`",
        status.as_u16()
    ))
}

/// Asks the server of a heartbeat for its front page, which pings nothing, and takes every answer for a good one.
///
/// # Errors
/// If there is no answer. The text does not contain the URL.
pub async fn reach(url: &Secret) -> Result<(), String> {
    let front = reqwest::Url::parse(url.expose()).and_then(|url| url.join("/"));
    let front = front.map_err(|_| UNREACHABLE.to_owned())?;
    get(front.as_str()).await.map(drop)
}

async fn get(url: &str) -> Result<StatusCode, String> {
    tls::install_provider();
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::limited(3))
        // A redirect may lead elsewhere, and the URL is a secret.
        .referer(false)
        .build();
    let client = client.map_err(|_| "cannot create the client for the heartbeat".to_owned())?;
    let answer = client.get(url).send().await;
    answer
        .map(|answer| answer.status())
        .map_err(|error| match error {
            error if error.is_timeout() => "the heartbeat was not answered in time".to_owned(),
            error if tls::demands_proxy_login(&error) => {
                format!("the heartbeat could not be sent: {}", tls::PROXY_LOGIN)
            }
            _ => UNREACHABLE.to_owned(),
        })
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
        let url = Secret::new(&format!("{base}/canary")).expect("not empty");
        assert_eq!(ping(&url).await, Ok(()));
        let asked = asked.join().expect("asked");
        assert!(
            asked.starts_with("GET /there") && !asked.contains("canary"),
            "{asked}"
        );
    }
}
