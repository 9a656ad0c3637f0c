//! Pings a dead man's switch after every good cycle, so that others notice when hushwatch itself stops.

use std::time::Duration;

use crate::secret::Secret;
use crate::tls;

/// The time one ping may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Sends one ping.
///
/// # Errors
/// If there is no answer, or one without a status of success. The text does not contain the URL, which is a secret.
pub async fn ping(url: &Secret) -> Result<(), String> {
    tls::install_provider();
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::limited(3))
        // A redirect may lead elsewhere, and the URL is a secret.
        .referer(false)
        .build();
    let client = client.map_err(|_| "cannot create the client for the heartbeat".to_owned())?;
    match client.get(url.expose()).send().await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!(
            "the heartbeat was answered with HTTP status {}; check `heartbeat.url`",
            answer.status().as_u16()
        )),
        Err(error) if error.is_timeout() => {
            Err("the heartbeat was not answered in time".to_owned())
        }
        Err(error) if tls::demands_proxy_login(&error) => Err(format!(
            "the heartbeat could not be sent: {}",
            tls::PROXY_LOGIN
        )),
        Err(_) => {
            Err("the heartbeat could not be sent; check `heartbeat.url` and the network".to_owned())
        }
    }
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
