//! A mail relay, as far as one can look without sending: it is greeted, its TLS is verified, and it is left. No credential
//! is used.

mod failure;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub use failure::{CertificateError, Failure, SmtpStep};
pub use rustls::AlertDescription;

/// The maximum length of a reply; a line has at most 512 (RFC 5321, 4.5.3.1.5), and there are some thirty extensions.
const MAX_REPLY_BYTES: usize = 32 << 10;
/// The maximum number of addresses of one relay that are tried.
const MAX_ADDRESSES: usize = 8;

/// What a relay offers once its TLS was verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relay {
    /// The ways to log in, such as `PLAIN`; none where it offers no `AUTH`.
    pub auth: Vec<String>,
    /// The addresses before the one that was used, at which nobody answered in time.
    pub silent: Vec<IpAddr>,
}

/// How long a relay may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Until it greets: some let a client wait for a while on purpose.
    pub greeting: Duration,
    /// For each other step.
    pub step: Duration,
}

/// Connects to a relay, verifies its TLS and asks what it offers. Its addresses are tried in their order until one greets (RFC
/// 5321, 5.1).
///
/// # Errors
/// How far it got, and what was wrong.
pub async fn probe(host: &str, port: u16, within: Timeouts) -> Result<Relay, Failure> {
    let found = tokio::net::lookup_host((host, port));
    let found: Vec<SocketAddr> = limited(SmtpStep::Lookup, within.step, found)
        .await?
        .collect();
    probe_addresses(host, &found, within).await
}

async fn probe_addresses(
    host: &str,
    addresses: &[SocketAddr],
    within: Timeouts,
) -> Result<Relay, Failure> {
    let tls = Arc::new(tls_config()?);
    let mut silent = Vec::new();
    let mut furthest = Failure::NoAddress;
    for address in addresses.iter().take(MAX_ADDRESSES) {
        match connect(*address, within).await {
            Ok(plain) => {
                let auth = query(plain, host, tls, within.step).await?;
                return Ok(Relay { auth, silent });
            }
            Err(failure) => {
                if matches!(failure, Failure::TimedOut(_)) {
                    silent.push(address.ip());
                }
                if failure.progress() > furthest.progress() {
                    furthest = failure;
                }
            }
        }
    }
    Err(furthest)
}

/// Returns a connection on which the relay has greeted.
async fn connect(address: SocketAddr, within: Timeouts) -> Result<TcpStream, Failure> {
    let connected = TcpStream::connect(address);
    let mut plain = limited(SmtpStep::Connect, within.step, connected).await?;
    expect(&mut plain, SmtpStep::Greeting, 220, within.greeting).await?;
    Ok(plain)
}

/// Returns the ways to log in that a relay offers once its TLS was verified.
async fn query(
    mut plain: TcpStream,
    host: &str,
    tls: Arc<ClientConfig>,
    within: Duration,
) -> Result<Vec<String>, Failure> {
    let local = plain.local_addr();
    let local = local.map_err(|error| Failure::new(SmtpStep::Ehlo, &error))?;
    // The address in place of a name, of which some relays demand that it exists (RFC 5321, 4.1.3).
    let ehlo = match local.ip() {
        IpAddr::V4(ip) => format!("EHLO [{ip}]\r\n"),
        IpAddr::V6(ip) => format!("EHLO [IPv6:{ip}]\r\n"),
    };
    let offers = ask(&mut plain, &ehlo, SmtpStep::Ehlo, 250, within).await?;
    if !offers.iter().any(|o| o.eq_ignore_ascii_case("STARTTLS")) {
        let _ = plain.write_all(b"QUIT\r\n").await;
        return Err(Failure::NoTls);
    }
    ask(&mut plain, "STARTTLS\r\n", SmtpStep::Starttls, 220, within).await?;
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Failure::NoAddress)?;
    let handshake = TlsConnector::from(tls).connect(name, plain);
    let mut secured = limited(SmtpStep::Starttls, within, handshake).await?;
    let offers = ask(&mut secured, &ehlo, SmtpStep::Ehlo, 250, within).await?;
    // What it says to that changes nothing any more.
    let _ = tokio::time::timeout(within, quit(&mut secured)).await;
    Ok(offers.iter().find_map(|o| auth(o)).unwrap_or_default())
}

async fn quit(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    stream.write_all(b"QUIT\r\n").await?;
    stream.flush().await?;
    stream.shutdown().await
}

/// Returns the ways to log in of an `AUTH` line.
fn auth(offer: &str) -> Option<Vec<String>> {
    let mut words = offer.split([' ', '=']);
    let is_auth = words.next()?.eq_ignore_ascii_case("AUTH");
    let is_word = |word: &&str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        !word.is_empty() && word.len() <= 40 && word.chars().all(is_part)
    };
    is_auth.then(|| words.filter(is_word).map(str::to_owned).collect())
}

fn tls_config() -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(Failure::NoRoots);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| Failure::Tls)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    command: &str,
    step: SmtpStep,
    code: u16,
    within: Duration,
) -> Result<Vec<String>, Failure> {
    let sent = async {
        stream.write_all(command.as_bytes()).await?;
        stream.flush().await
    };
    limited(step, within, sent).await?;
    expect(stream, step, code, within).await
}

/// Returns the texts of a reply with that code.
async fn expect(
    stream: &mut (impl AsyncRead + Unpin),
    step: SmtpStep,
    code: u16,
    within: Duration,
) -> Result<Vec<String>, Failure> {
    let reply = limited(step, within, read(stream)).await?;
    let (found, texts) = parse(&reply).ok_or(Failure::NotSmtp)?;
    if found != code {
        return Err(Failure::Code(step, found));
    }
    Ok(texts)
}

async fn limited<T>(
    step: SmtpStep,
    within: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(within, work).await {
        Ok(done) => done.map_err(|error| Failure::new(step, &error)),
        Err(_) => Err(Failure::TimedOut(step)),
    }
}

/// Returns the bytes of one reply, up to its last line.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut reply = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        reply.extend_from_slice(&chunk[..count]);
        if is_whole(&reply) {
            return Ok(reply);
        }
        if reply.len() > MAX_REPLY_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

/// Whether the last line came: a code without a `-` behind it. What is no reply at all is whole with its first line.
fn is_whole(reply: &[u8]) -> bool {
    let Some(lines) = reply.strip_suffix(b"\n") else {
        return false;
    };
    let last = lines.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    last.get(3) != Some(&b'-')
}

/// Returns code and texts of a reply; `None` where it is none (RFC 5321, 4.2).
fn parse(reply: &[u8]) -> Option<(u16, Vec<String>)> {
    let text = String::from_utf8_lossy(reply);
    let mut found = None;
    let mut texts = Vec::new();
    for line in text.lines() {
        let code: u16 = line
            .get(..3)?
            .parse()
            .ok()
            .filter(|c| (200..600).contains(c))?;
        if *found.get_or_insert(code) != code {
            return None;
        }
        texts.push(line.get(4..).unwrap_or_default().trim().to_owned());
    }
    Some((found?, texts))
}

#[cfg(test)]
mod tests;
