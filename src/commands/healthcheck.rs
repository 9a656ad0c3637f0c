//! `healthcheck`: asks the page of a running daemon for a word, for containers that have no other program to do so.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use clap::Args;

use crate::commands::stdout::print;
use crate::commands::{CommandResult, INCOMPLETE, USAGE};
use crate::config::Config;
use crate::text::sanitize::clean;

/// The longest wait for each part of the answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum size of an answer, in bytes; a word with its headers is far smaller.
const MAX_ANSWER: u64 = 8 << 10;

#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// Ask whether it does its work (/readyz), not whether it lives (/livez)
    #[arg(long)]
    pub ready: bool,
}

pub(super) fn healthcheck(config: &Config, args: &HealthcheckArgs) -> CommandResult {
    let Some(page) = &config.page else {
        let why = "there is no page to ask; set `page.listen` of the daemon and of this command, such as HUSHWATCH_PAGE__LISTEN=127.0.0.1:9184";
        return Err((USAGE, why.to_owned()));
    };
    let address = reachable(page.listen);
    let path = if args.ready { "/readyz" } else { "/livez" };
    let answer = ask(address, path);
    let answer = answer.map_err(|e| {
        (
            INCOMPLETE,
            format!("http://{address}{path}: {e}; is `hushwatch run` running?"),
        )
    })?;
    let (is_well, word) = read_word(&answer);
    print(&format!("{}\n", clean(word)))?;
    Ok(if is_well { 0 } else { INCOMPLETE })
}

/// Returns where on this machine what listens at `listen` is asked.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn ask(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Returns whether the answer is a success, and its first line after the headers.
fn read_word(answer: &str) -> (bool, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let mut words = head.split_ascii_whitespace();
    let is_http = words
        .next()
        .is_some_and(|version| version.starts_with("HTTP/1."));
    let is_well = is_http && words.next() == Some("200");
    (is_well, body.lines().next().unwrap_or("no answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_status_and_a_word() {
        for (answer, read) in [
            ("HTTP/1.1 200 OK\r\na: b\r\n\r\nalive", (true, "alive")),
            (
                "HTTP/1.1 503 Service Unavailable\r\n\r\nstuck\n",
                (false, "stuck"),
            ),
            ("SSH-2.0-200 200\r\n", (false, "no answer")),
            ("", (false, "no answer")),
        ] {
            assert_eq!(read_word(answer), read);
        }
    }

    #[test]
    fn what_listens_everywhere_is_asked_here() {
        for (listen, asked) in [
            ("0.0.0.0:9184", "127.0.0.1:9184"),
            ("[::]:1", "[::1]:1"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            let address = |text: &str| text.parse::<SocketAddr>().expect("valid");
            assert_eq!(reachable(address(listen)), address(asked));
        }
    }
}
