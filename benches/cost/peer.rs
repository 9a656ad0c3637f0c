//! A simulated Postmark in a process of its own, so that only the client is measured; behind TLS, or with a delay.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hushwatch::model::{DAY, HOUR, Span, Timestamp};
use hushwatch::sim::postmark::{Postmark, Profile};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub(crate) const SERVE: &str = "serve-a-simulated-postmark";
pub(crate) const ACCOUNT_TOKEN: &str = "account";
const CERTIFICATE: &str = include_str!("../../tests/cluster/server.crt");
const KEY: &str = include_str!("../../tests/cluster/server.key");

/// What the peer is to be.
pub(crate) struct Wish {
    /// Its present.
    pub(crate) now: Timestamp,
    pub(crate) servers: u32,
    /// Messages of each server in the last hour.
    pub(crate) last_hour: u32,
    /// Messages an hour of each server in the eight days before.
    pub(crate) before: u32,
    pub(crate) delay: Duration,
    pub(crate) tls: bool,
}

pub(crate) struct Peer {
    child: Child,
    stdin: Option<ChildStdin>,
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Peer {
    pub(crate) fn start(wish: &Wish) -> Self {
        let millis = i64::try_from(wish.delay.as_millis()).expect("short");
        let numbers = [
            wish.now.0,
            i64::from(wish.servers),
            i64::from(wish.last_hour),
            i64::from(wish.before),
            millis,
            i64::from(wish.tls),
        ];
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .arg(SERVE)
            .args(numbers.map(|n| n.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let mut read = || {
            let mut text = String::new();
            out.read_line(&mut text).expect("a line");
            text.trim().to_owned()
        };
        let (url, token) = (read(), read());
        Self {
            stdin: child.stdin.take(),
            child,
            url,
            token,
        }
    }

    /// Moves its present.
    pub(crate) fn set_now(&mut self, now: Timestamp) {
        let stdin = self.stdin.as_mut().expect("piped");
        writeln!(stdin, "{}", now.0).expect("it reads");
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.child.wait();
    }
}

/// The other process, until its standard input ends.
pub(crate) fn serve(arguments: &[String]) {
    let numbers: Vec<i64> = arguments
        .iter()
        .map(|a| a.parse().expect("a number"))
        .collect();
    let [now, servers, last_hour, before, delay, tls] = numbers[..] else {
        panic!("six numbers");
    };
    let postmark = Postmark::start().expect("a port");
    postmark.set_account_token(ACCOUNT_TOKEN);
    let now = Timestamp(now);
    for n in 0..servers {
        let server = postmark.server(&format!("client-{n}"));
        let old = Span::new(now - 8 * DAY, now - HOUR);
        server.generate(
            "outbound",
            old,
            &Profile::constant(before as f64).without_bounces(),
        );
        let new = Span::new(now - HOUR, now);
        server.generate(
            "outbound",
            new,
            &Profile::constant(last_hour as f64).without_bounces(),
        );
    }
    postmark.set_now(now);
    let token = postmark.server("client-0").token();
    let direct = postmark.base_url();
    let url = match (tls, delay) {
        (0, 0) => direct,
        _ => proxy(
            &direct,
            tls != 0,
            Duration::from_millis(delay.cast_unsigned()),
        ),
    };
    println!("{url}\n{token}");
    for line in std::io::stdin().lines().map_while(Result::ok) {
        postmark.set_now(Timestamp(line.parse().expect("an instant")));
        postmark.take_requests();
    }
}

/// Passes connections on, each request after `delay`; its address.
fn proxy(to: &str, tls: bool, delay: Duration) -> String {
    let to = to.trim_start_matches("http://").to_owned();
    let (told, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let port = listener.local_addr().expect("bound").port();
            let acceptor = tls.then(acceptor);
            let scheme = if tls { "https" } else { "http" };
            told.send(format!("{scheme}://localhost:{port}"))
                .expect("awaited");
            loop {
                let (socket, _) = listener.accept().await.expect("a connection");
                let (acceptor, to) = (acceptor.clone(), to.clone());
                tokio::spawn(async move {
                    let onward = TcpStream::connect(&to).await.expect("the simulation");
                    match acceptor {
                        Some(acceptor) => {
                            if let Ok(socket) = acceptor.accept(socket).await {
                                pass(socket, onward, delay).await;
                            }
                        }
                        None => pass(socket, onward, delay).await,
                    }
                });
            }
        });
    });
    address.recv().expect("bound")
}

fn acceptor() -> TlsAcceptor {
    hushwatch::internals::install_provider();
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).expect("PEM");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a pair");
    TlsAcceptor::from(Arc::new(config))
}

async fn pass(client: impl AsyncRead + AsyncWrite, server: TcpStream, delay: Duration) {
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = split(server);
    let there = async {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(n @ 1..) = from_client.read(&mut buffer).await {
            tokio::time::sleep(delay).await;
            if to_server.write_all(&buffer[..n]).await.is_err() {
                break;
            }
        }
    };
    let back = tokio::io::copy(&mut from_server, &mut to_client);
    tokio::select! { () = there => {}, _ = back => {} }
}
