//! The address of a `PostgreSQL` database, as a URL says it.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::secret::Secret;

/// The minimum lease: an attempt to send must end well within one, and a machine that lives may pause.
pub const MIN_LEASE: Duration = Duration::from_secs(5);
/// The maximum lease. All processes on a database assume it of each other, since each has its own setting.
pub const MAX_LEASE: Duration = Duration::from_secs(60 * 60);

/// Where a database is and how it is reached. User and password are never shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name, an IP address, or the folder of a socket.
    pub host: String,
    /// 5432 where none is named.
    pub port: u16,
    /// `None` for the name of the process's user.
    pub user: Option<Secret>,
    /// `None` where none is needed.
    pub password: Option<Secret>,
    /// `None` for the one that is called as the user is.
    pub name: Option<String>,
    /// How the connection is to be secured; `None` where nothing says so.
    pub tls: Option<Tls>,
    /// Certificates in PEM to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// How a connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    Disable,
    /// It is encrypted, but whoever answers is believed.
    Require,
    /// It is encrypted, and the certificate must be valid and the host's own.
    VerifyFull,
}

impl Tls {
    /// From its name in a URL or a file; what `prefer` would do silently is never done.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "disable" => Some(Self::Disable),
            "require" => Some(Self::Require),
            "verify-full" => Some(Self::VerifyFull),
            _ => None,
        }
    }
}

/// What somebody between this machine and the database could do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsWeakness {
    /// Pose as the server, and so read and change everything.
    Unverified,
    /// Read everything, the password too.
    Unencrypted,
}

/// Why a URL cannot be used, without any part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}; {remedy}")]
pub struct AddressError {
    /// What is wrong, as the end of a sentence about the URL.
    pub why: &'static str,
    pub remedy: &'static str,
}

/// Returns whether `url` is of the kind that is meant here, well-formed or not.
pub fn is_postgres(url: &str) -> bool {
    after_scheme(url).is_some()
}

/// Options of a URL that are not known here, by name.
pub type Unknown = Vec<String>;

impl Address {
    /// Reads `postgres://user:password@host:port/name?sslmode=…`; what it does not understand of the options comes beside.
    pub fn parse(url: &str) -> Result<(Self, Unknown), AddressError> {
        let rest = after_scheme(url).ok_or(OTHER_SCHEME)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let (login, place) = match authority.split_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        if place.contains('@') || tail.contains(['@', '#']) {
            return Err(UNESCAPED);
        }
        let (path, options) = tail.split_once('?').unwrap_or((tail, ""));
        let (host, port) = host_and_port(place)?;
        let (user, password) = match login.map(|l| l.split_once(':').unwrap_or((l, ""))) {
            Some((user, password)) => (secret(user)?, secret(password)?),
            None => (None, None),
        };
        let mut address = Self {
            host,
            port,
            user,
            password,
            name: Some(decoded(path.trim_start_matches('/'))?).filter(|name| !name.is_empty()),
            tls: None,
            ca_file: None,
        };
        let unknown = address.read_options(options)?;
        address.check()?;
        Ok((address, unknown))
    }

    /// Returns how the connection is secured; on this machine it needs no TLS.
    pub fn security(&self) -> Tls {
        match self.tls {
            _ if self.is_socket() => Tls::Disable,
            Some(tls) => tls,
            None if self.is_local() => Tls::Disable,
            None => Tls::VerifyFull,
        }
    }

    /// Returns what somebody in between could do to the connection, if anything.
    pub fn weakness(&self) -> Option<TlsWeakness> {
        match self.security() {
            Tls::VerifyFull => None,
            Tls::Disable if self.is_local() => None,
            Tls::Require => Some(TlsWeakness::Unverified),
            Tls::Disable => Some(TlsWeakness::Unencrypted),
        }
    }

    /// Whether the host is the folder of a socket.
    pub fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    fn is_local(&self) -> bool {
        let ip: Option<IpAddr> = self.host.parse().ok();
        self.is_socket() || self.host == "localhost" || ip.is_some_and(|ip| ip.is_loopback())
    }

    fn read_options(&mut self, options: &str) -> Result<Unknown, AddressError> {
        let mut unknown = Vec::new();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            let value = decoded(value)?;
            match key {
                "host" => self.host = value,
                "port" => self.port = port(&value)?,
                "user" => self.user = Some(Secret::verbatim(value)),
                "password" => self.password = Some(Secret::verbatim(value)),
                "dbname" => self.name = Some(value),
                "sslmode" => self.tls = Some(sslmode(&value)?),
                "sslrootcert" => self.ca_file = Some(PathBuf::from(value)),
                _ => unknown.push(decoded(key)?),
            }
        }
        Ok(unknown)
    }

    fn check(&self) -> Result<(), AddressError> {
        if self.host.is_empty() {
            return Err(AddressError {
                why: "names no host",
                remedy: "add one, or ?host=/run/postgresql for a socket",
            });
        }
        if self.host.contains(',') {
            return Err(SEVERAL_HOSTS);
        }
        let shown = [Some(&self.host), self.name.as_ref()];
        if shown
            .into_iter()
            .flatten()
            .any(|s| s.contains(char::is_control))
        {
            return Err(AddressError {
                why: "contains a control character",
                remedy: "remove it",
            });
        }
        Ok(())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "the PostgreSQL database {name} at ")?,
            None => f.write_str("PostgreSQL at ")?,
        }
        if self.is_socket() {
            f.write_str(&self.host)
        } else if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

const ESCAPES: &str =
    "in the user and the password, write @ as %40, / as %2F, ? as %3F, # as %23 and : as %3A";
const UNESCAPED: AddressError = AddressError {
    why: "is not a valid URL",
    remedy: ESCAPES,
};
const OTHER_SCHEME: AddressError = AddressError {
    why: "is not a PostgreSQL URL",
    remedy: "begin it with postgres:// or postgresql://",
};
const SEVERAL_HOSTS: AddressError = AddressError {
    why: "names several hosts",
    remedy: "name one",
};
const INVALID_PORT: AddressError = AddressError {
    why: "has an invalid port",
    remedy: ESCAPES,
};
const INVALID_ESCAPE: AddressError = AddressError {
    why: "has a % without two hexadecimal digits after it",
    remedy: "write % itself as %25",
};

fn after_scheme(url: &str) -> Option<&str> {
    let schemes = ["postgres://", "postgresql://"];
    schemes.iter().find_map(|scheme| url.strip_prefix(scheme))
}

fn host_and_port(place: &str) -> Result<(String, u16), AddressError> {
    if place.contains(',') {
        return Err(SEVERAL_HOSTS);
    }
    let (host, number) = match place.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or(UNESCAPED)?,
        None => place.split_at(place.find(':').unwrap_or(place.len())),
    };
    let port = match number.strip_prefix(':') {
        Some(number) => port(number)?,
        None if number.is_empty() => 5432,
        None => return Err(UNESCAPED),
    };
    Ok((decoded(host)?, port))
}

fn port(number: &str) -> Result<u16, AddressError> {
    let number = number.parse().ok().filter(|n| *n > 0);
    number.ok_or(INVALID_PORT)
}

fn sslmode(name: &str) -> Result<Tls, AddressError> {
    match name {
        // Weaker than it seems: what these would do is done with verification, or not at all.
        "prefer" | "allow" | "verify-ca" => Ok(Tls::VerifyFull),
        name => Tls::from_name(name).ok_or(AddressError {
            why: "has an invalid sslmode",
            remedy: "use disable, require or verify-full",
        }),
    }
}

fn secret(text: &str) -> Result<Option<Secret>, AddressError> {
    let text = decoded(text)?;
    Ok((!text.is_empty()).then(|| Secret::verbatim(text)))
}

/// `text` with every `%41` read as what it stands for; a `+` stays one, unlike in a form.
fn decoded(text: &str) -> Result<String, AddressError> {
    let is_escape = |after: &str| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_escape) {
        return Err(INVALID_ESCAPE);
    }
    let text = percent_decode_str(text).decode_utf8();
    text.map(Cow::into_owned).map_err(|_| INVALID_ESCAPE)
}
