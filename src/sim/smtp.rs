//! A simulated mail relay: greeting, `EHLO`, `STARTTLS` with a given certificate, `QUIT`; and mail, which it keeps.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// A fault of the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It offers no `STARTTLS`.
    NoStarttls,
    /// It offers no `AUTH` after `STARTTLS`.
    NoAuth,
    /// It greets with 554.
    Refuses,
    /// It greets with 421.
    Busy,
    /// It closes the connection at once.
    HangsUp,
    /// It answers the TLS handshake with something else.
    NoHandshake,
    /// It ends the TLS handshake with the alert `internal_error`.
    Alert,
    /// It accepts the connection and sends nothing.
    Silent,
    /// It answers like a web server.
    Http,
    /// Everything is encrypted, from the first byte.
    ImplicitTls,
    /// It offers `AUTH` without TLS too.
    PlainAuth,
    /// As [`Self::PlainAuth`], and it refuses every login with 535.
    RefusesLogin,
    /// It refuses every recipient with 550.
    RefusesRecipient,
    /// It refuses every recipient at `example.org` with 550.
    RefusesOne,
    /// It refuses each further recipient of a message with 452.
    TakesOneAtATime,
    /// It refuses what was sent with 451, for now.
    Defers,
    /// It takes the message, and answers nothing more.
    SilentAfterMessage,
}

struct State {
    tls: TlsAcceptor,
    fault: Mutex<Option<Fault>>,
    /// Every line that a client sent, in order.
    heard: Mutex<Vec<String>>,
    /// Every message that was accepted, in order.
    accepted: Mutex<Vec<String>>,
}

/// A running simulated relay; dropping it closes every connection and frees the port.
pub struct Relay {
    address: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts a relay on a free port of loopback with this certificate and key, both PEM.
    ///
    /// # Errors
    /// If no port or no thread is available, or the certificate cannot be used.
    pub fn start(certificate: &[u8], key: &[u8]) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            tls: acceptor(certificate, key).map_err(io::Error::other)?,
            fault: Mutex::new(None),
            heard: Mutex::default(),
            accepted: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&state);
        let thread = thread::Builder::new()
            .name("sim-smtp".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! { _ = accept(listener, serving) => {}, _ = stopped => {} }
                });
            })?;
        Ok(Self {
            address,
            state,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Returns the port on loopback.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sets the fault, or removes it.
    pub fn set_fault(&self, fault: Option<Fault>) {
        *self
            .state
            .fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Returns every line that clients sent so far, in order.
    pub fn received_lines(&self) -> Vec<String> {
        self.state
            .heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Relay {
    /// Returns every message that was accepted, in order, and forgets it.
    pub fn take(&self) -> Vec<String> {
        let mut accepted = self
            .state
            .accepted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut accepted)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn acceptor(certificate: &[u8], key: &[u8]) -> Result<TlsAcceptor, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    let chain = chain.map_err(|e| e.to_string())?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|e| e.to_string())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|e| e.to_string())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(listener: std::net::TcpListener, state: Arc<State>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (socket, _) = listener.accept().await?;
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            // A client that has enough goes.
            let _ = handle_connection(socket, &state).await;
        });
    }
}

async fn handle_connection(socket: TcpStream, state: &State) -> io::Result<()> {
    let fault = *state.fault.lock().unwrap_or_else(PoisonError::into_inner);
    if fault == Some(Fault::ImplicitTls) {
        let mut secured = BufReader::new(state.tls.accept(socket).await?);
        secured
            .write_all(b"220 relay.example.com ESMTP\r\n")
            .await?;
        secured.flush().await?;
        talk(&mut secured, state, fault, true).await?;
        return Ok(());
    }
    let mut plain = BufReader::new(socket);
    match fault {
        Some(Fault::Silent) => {
            let _ = read(&mut plain, state).await;
            return Ok(());
        }
        Some(Fault::Http) => return plain.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await,
        Some(Fault::Refuses) => return plain.write_all(b"554 no service for you\r\n").await,
        Some(Fault::Busy) => return plain.write_all(b"421 too many of you\r\n").await,
        Some(Fault::HangsUp) => return Ok(()),
        _ => plain.write_all(b"220 relay.example.com ESMTP\r\n").await?,
    }
    if !talk(&mut plain, state, fault, false).await? {
        return Ok(());
    }
    if let Some(Fault::NoHandshake | Fault::Alert) = fault {
        // Only once the client begins with TLS: before, it would be a part of the reply.
        plain.fill_buf().await?;
        let reply: &[u8] = match fault {
            Some(Fault::Alert) => &[0x15, 3, 3, 0, 2, 2, 80],
            _ => b"not so fast\r\n",
        };
        return plain.write_all(reply).await;
    }
    let secured = state.tls.accept(plain.into_inner()).await?;
    talk(&mut BufReader::new(secured), state, fault, true).await?;
    Ok(())
}

/// Answers line by line; returns whether TLS starts next.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    state: &State,
    fault: Option<Fault>,
    is_secured: bool,
) -> io::Result<bool> {
    let mut recipients = 0;
    loop {
        let Some(line) = read(stream, state).await? else {
            return Ok(false);
        };
        let verb = line
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        let reply = match verb.as_str() {
            "EHLO" => offers(fault, is_secured),
            "STARTTLS" if !is_secured && fault != Some(Fault::NoStarttls) => {
                stream.write_all(b"220 ready\r\n").await?;
                stream.flush().await?;
                return Ok(true);
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                stream.flush().await?;
                return Ok(false);
            }
            "AUTH" if fault == Some(Fault::RefusesLogin) => "535 no\r\n".to_owned(),
            "AUTH" => "235 welcome\r\n".to_owned(),
            "RCPT" if fault == Some(Fault::RefusesRecipient) => "550 nobody here\r\n".to_owned(),
            "RCPT" if fault == Some(Fault::RefusesOne) && line.contains("@example.org") => {
                "550 nobody here\r\n".to_owned()
            }
            "RCPT" if fault == Some(Fault::TakesOneAtATime) && recipients > 0 => {
                "452 too many recipients\r\n".to_owned()
            }
            "RCPT" => {
                recipients += 1;
                "250 fine\r\n".to_owned()
            }
            "MAIL" => {
                recipients = 0;
                "250 fine\r\n".to_owned()
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                stream.flush().await?;
                let Some(message) = read_message(stream).await? else {
                    return Ok(false);
                };
                if fault == Some(Fault::SilentAfterMessage) {
                    let _ = read(stream, state).await;
                    return Ok(false);
                }
                keep(state, fault, message).to_owned()
            }
            _ => "502 not here\r\n".to_owned(),
        };
        stream.write_all(reply.as_bytes()).await?;
        stream.flush().await?;
    }
}

/// Reads up to the line with a single dot; `None` where the client went before.
async fn read_message<S: AsyncRead + Unpin>(
    stream: &mut BufReader<S>,
) -> io::Result<Option<String>> {
    let mut message = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        if line == ".\r\n" {
            return Ok(Some(message));
        }
        message.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

fn keep(state: &State, fault: Option<Fault>, message: String) -> &'static str {
    if fault == Some(Fault::Defers) {
        return "451 later\r\n";
    }
    let accepted = state.accepted.lock();
    accepted
        .unwrap_or_else(PoisonError::into_inner)
        .push(message);
    "250 kept\r\n"
}

fn offers(fault: Option<Fault>, is_secured: bool) -> String {
    let mut offers = vec!["relay.example.com", "PIPELINING"];
    if !is_secured && fault != Some(Fault::NoStarttls) {
        offers.push("STARTTLS");
    }
    let plain_auth = matches!(fault, Some(Fault::PlainAuth | Fault::RefusesLogin));
    if plain_auth || (is_secured && fault != Some(Fault::NoAuth)) {
        offers.push("AUTH PLAIN LOGIN CRAM-MD5");
    }
    let last = offers.pop().unwrap_or_default();
    let before: String = offers.iter().map(|o| format!("250-{o}\r\n")).collect();
    format!("{before}250 {last}\r\n")
}

async fn read<S: AsyncRead + Unpin>(
    stream: &mut BufReader<S>,
    state: &State,
) -> io::Result<Option<String>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let line = line.trim_end().to_owned();
    let mut heard = state.heard.lock().unwrap_or_else(PoisonError::into_inner);
    heard.push(line.clone());
    Ok(Some(line))
}
