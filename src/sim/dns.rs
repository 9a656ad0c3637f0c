//! A simulated DNS resolver over UDP, with one zone.
//!
//! A name that is not in the zone does not exist; one that is has exactly the records it was given (RFC 1035).

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

// The supported record types.
const A: u16 = 1;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const TXT: u16 = 16;
/// The interval at which the thread checks whether to stop.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// A fault at a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The resolver answers SERVFAIL.
    ServFail,
    /// No answer.
    Silent,
    /// The answer does not fit, and nobody listens on TCP.
    Truncated,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    texts: Vec<String>,
    alias: Option<String>,
    address: Option<Ipv4Addr>,
    fault: Option<Fault>,
}

type Zone = Arc<Mutex<BTreeMap<String, Entry>>>;

/// A running simulated resolver; dropping it frees the port.
pub struct Dns {
    address: SocketAddr,
    zone: Zone,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Dns {
    /// Starts a resolver with an empty zone on a free port of loopback.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start() -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(STOP_CHECK_INTERVAL))?;
        let address = socket.local_addr()?;
        let (zone, ended) = (Zone::default(), Arc::new(AtomicBool::new(false)));
        let (known, end) = (Arc::clone(&zone), Arc::clone(&ended));
        let thread = thread::Builder::new()
            .name("sim-dns".to_owned())
            .spawn(move || serve(&socket, &known, &end))?;
        Ok(Self {
            address,
            zone,
            ended,
            thread: Some(thread),
        })
    }

    /// Returns the address, as host and port.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Adds a TXT record to a name, which may begin with `*.`.
    pub fn add_txt(&self, name: &str, text: &str) {
        self.with(name, |entry| entry.texts.push(text.to_owned()));
    }

    /// Sets the CNAME of a name.
    pub fn set_cname(&self, name: &str, alias: &str) {
        self.with(name, |entry| entry.alias = Some(alias.to_owned()));
    }

    /// Sets the address of a name.
    pub fn set_address(&self, name: &str, address: Ipv4Addr) {
        self.with(name, |entry| entry.address = Some(address));
    }

    /// Applies a fault to every query for a name.
    pub fn fail(&self, name: &str, fault: Fault) {
        self.with(name, |entry| entry.fault = Some(fault));
    }

    /// Removes a name with its records and faults.
    pub fn remove(&self, name: &str) {
        let mut zone = self.zone.lock().unwrap_or_else(PoisonError::into_inner);
        zone.remove(name);
    }

    fn with(&self, name: &str, act: impl FnOnce(&mut Entry)) {
        let mut zone = self.zone.lock().unwrap_or_else(PoisonError::into_inner);
        act(zone.entry(name.to_owned()).or_default());
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(socket: &UdpSocket, zone: &Zone, ended: &AtomicBool) {
    let mut buffer = [0; 1500];
    while !ended.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let zone = zone.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reply) = question(&buffer[..length]).and_then(|q| answer(&zone, &q)) {
            let _ = socket.send_to(&reply, from);
        }
    }
}

/// A query.
struct Question<'a> {
    id: &'a [u8],
    /// Name, type and class, as in the message.
    raw: &'a [u8],
    /// The name in lower case.
    name: String,
    kind: u16,
}

fn question(message: &[u8]) -> Option<Question<'_>> {
    let (header, rest) = message.split_at_checked(12)?;
    let mut labels = Vec::new();
    let mut at = 0;
    loop {
        let length = usize::from(*rest.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        let label = rest.get(at..at + length)?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += length;
    }
    let kind = rest.get(at..at + 2)?;
    Some(Question {
        id: header.get(..2)?,
        raw: rest.get(..at + 4)?,
        name: labels.join("."),
        kind: u16::from_be_bytes([kind[0], kind[1]]),
    })
}

/// Returns the reply; `None` if there is none.
fn answer(zone: &BTreeMap<String, Entry>, question: &Question<'_>) -> Option<Vec<u8>> {
    const NO_ERROR: u8 = 0;
    const SERVFAIL: u8 = 2;
    const NXDOMAIN: u8 = 3;
    let entry = find(zone, &question.name);
    let fault = entry.and_then(|entry| entry.fault);
    let (code, records) = match (entry, fault) {
        (_, Some(Fault::Silent)) => return None,
        (_, Some(Fault::ServFail)) => (SERVFAIL, Vec::new()),
        (_, Some(Fault::Truncated)) => (NO_ERROR, Vec::new()),
        (Some(entry), None) => (NO_ERROR, records(entry, question.kind)),
        (None, None) => (NXDOMAIN, Vec::new()),
    };
    let count = u8::try_from(records.len()).unwrap_or(u8::MAX);
    let is_truncated = fault == Some(Fault::Truncated);
    // Nothing is said with the name of who says so, which is how long it may be believed.
    let says_nothing = count == 0 && code != SERVFAIL && !is_truncated;
    let mut reply = question.id.to_vec();
    reply.extend([
        0x81 | u8::from(is_truncated) << 1,
        0x80 | code,
        0,
        1,
        0,
        count,
        0,
        u8::from(says_nothing),
        0,
        0,
    ]);
    reply.extend(question.raw);
    for (kind, data) in records {
        record(&mut reply, kind, &data);
    }
    if says_nothing {
        let mut data = vec![0, 0];
        data.extend([[0, 0, 0, 1]; 5].concat());
        record(&mut reply, SOA, &data);
    }
    Some(reply)
}

/// Appends a record of the queried name, as a compressed pointer.
fn record(reply: &mut Vec<u8>, kind: u16, data: &[u8]) {
    reply.extend([0xc0, 12]);
    reply.extend(kind.to_be_bytes());
    reply.extend([0, 1, 0, 0, 0, 60]);
    reply.extend(u16::try_from(data.len()).unwrap_or(0).to_be_bytes());
    reply.extend(data);
}

fn records(entry: &Entry, kind: u16) -> Vec<(u16, Vec<u8>)> {
    // Whatever is asked of an alias, the answer is where to look instead.
    let alias = entry.alias.iter().map(|alias| (CNAME, labels(alias)));
    let texts = entry.texts.iter().map(|text| (TXT, strings(text)));
    let address = entry.address.iter().map(|ip| (A, ip.octets().to_vec()));
    match kind {
        TXT => alias.chain(texts).collect(),
        A => alias.chain(address).collect(),
        _ => alias.collect(),
    }
}

/// Returns the entry of a name: its own, else that of the wildcard below the closest name that exists (RFC 4592).
fn find<'z>(zone: &'z BTreeMap<String, Entry>, name: &str) -> Option<&'z Entry> {
    if let Some(entry) = zone.get(name) {
        return Some(entry);
    }
    let mut above = name;
    while let Some((_, closest)) = above.split_once('.') {
        let is_there = |known: &String| {
            let below = known.strip_suffix(closest);
            below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
        };
        if zone.keys().any(is_there) {
            return zone.get(&format!("*.{closest}"));
        }
        above = closest;
    }
    None
}

/// Splits a text into strings of at most 255 bytes.
fn strings(text: &str) -> Vec<u8> {
    let parts = text.as_bytes().chunks(255);
    parts
        .flat_map(|part| [&[u8::try_from(part.len()).unwrap_or(0)], part].concat())
        .collect()
}

fn labels(name: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = name
        .split('.')
        .flat_map(|label| [&[u8::try_from(label.len()).unwrap_or(0)], label.as_bytes()].concat())
        .collect();
    bytes.push(0);
    bytes
}
