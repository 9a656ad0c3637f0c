//! Those who stand where a service should, and must learn nothing.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hushwatch::sim::postmark::Postmark;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Who stands at the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadEndpoint {
    /// Nobody: the connection is refused.
    Refused,
    /// The name is not resolved.
    NoName,
    /// One who answers a TLS greeting in plain text.
    NoTls,
    /// One whose certificate nobody signed.
    SelfSigned,
}

impl BadEndpoint {
    pub(super) const ALL: [Self; 4] = [Self::Refused, Self::NoName, Self::NoTls, Self::SelfSigned];

    /// The address.
    pub(super) fn base_url(self) -> String {
        match self {
            Self::Refused => format!("http://127.0.0.1:{}", free_port()),
            // A label has at most 63 letters: this fails before any network is asked.
            Self::NoName => format!("https://{}.example.com", "a".repeat(64)),
            Self::NoTls => format!("https://127.0.0.1:{}", no_tls()),
            Self::SelfSigned => format!("https://localhost:{}", self_signed()),
        }
    }
}

static HEARD: AtomicUsize = AtomicUsize::new(0);
static ELSEWHERE: OnceLock<Postmark> = OnceLock::new();

/// Where redirects lead.
pub(super) fn elsewhere() -> String {
    let elsewhere = ELSEWHERE.get_or_init(|| Postmark::start().expect("a free port"));
    format!("{}/message-streams", elsewhere.base_url())
}

/// Nobody followed a redirect, and nobody spoke to a stranger.
pub(super) fn assert_nothing_was_sent() {
    let elsewhere = ELSEWHERE.get().map(Postmark::take_requests);
    assert_eq!(elsewhere.unwrap_or_default(), [], "a redirect was followed");
    assert_eq!(HEARD.load(Ordering::SeqCst), 0, "bytes for a stranger");
}

/// A port where nobody listens: the lowest ones need a privilege to listen, and port 1 has had no service for decades.
const fn free_port() -> u16 {
    1
}

fn no_tls() -> u16 {
    static PORT: OnceLock<u16> = OnceLock::new();
    *PORT.get_or_init(|| {
        listen(|mut stream| {
            use std::io::Write;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            // Read to the end, for closing it with the greeting unread would reset it.
            let _ = stream.read_to_end(&mut Vec::new());
        })
    })
}

fn self_signed() -> u16 {
    static PORT: OnceLock<u16> = OnceLock::new();
    *PORT.get_or_init(|| {
        hushwatch::internals::install_provider();
        let certificate = include_bytes!("../../data/tls/self_signed.der").to_vec();
        let key = include_bytes!("../../data/tls/self_signed.key.der").to_vec();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(certificate)], key);
        let config = Arc::new(config.expect("the key fits the certificate"));
        listen(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a valid set-up");
            let mut heard = [0; 1];
            // A client that trusts nobody unknown ends with an alert, which is no byte here.
            let read = StreamOwned::new(connection, stream).read(&mut heard);
            HEARD.fetch_add(read.unwrap_or(0), Ordering::SeqCst);
        })
    })
}

/// Gives every connection to `talk`, for as long as the tests run.
fn listen(talk: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let talk = Arc::new(talk);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let talk = Arc::clone(&talk);
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            std::thread::spawn(move || talk(stream));
        }
    });
    port
}
