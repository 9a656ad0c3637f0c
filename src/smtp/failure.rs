//! Why a relay cannot be used, and at which step that was seen.

use std::fmt;
use std::io;

/// Why a relay cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no such name, or it has no address.
    NoAddress,
    /// The resolver did not say.
    NoResolver,
    /// Nobody listens there.
    Refused,
    /// No way leads there from this machine.
    Unreachable,
    /// This machine lets nobody connect to it.
    Forbidden,
    /// It did not get so far in time.
    TimedOut(Step),
    /// The connection broke.
    Broken(Step),
    /// It answered with this code.
    Code(Step, u16),
    /// It does not speak SMTP.
    NotSmtp,
    /// It offers no `STARTTLS`: a password would go in the clear.
    NoTls,
    /// Its certificate cannot be trusted.
    Certificate(CertificateError),
    /// The TLS handshake failed.
    Tls,
    /// This machine trusts no certificate at all.
    NoRoots,
}

/// How far the conversation got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Asking for its address.
    Lookup,
    /// Connecting.
    Connect,
    /// Its greeting.
    Greeting,
    /// What it offers.
    Ehlo,
    /// Turning to TLS.
    Starttls,
}

/// Why a certificate cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// It expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// Its issuer revoked it.
    Revoked,
    /// No authority that this machine trusts signed it.
    UnknownIssuer,
    /// It belongs to another host.
    WrongHost,
    /// Anything else.
    Invalid,
}

impl Failure {
    /// What went wrong at `step`.
    pub(super) fn of(step: Step, error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        let tls = error
            .get_ref()
            .and_then(|e| e.downcast_ref::<rustls::Error>());
        match (tls, error.kind()) {
            (Some(rustls::Error::InvalidCertificate(why)), _) => {
                Self::Certificate(CertificateError::of(why))
            }
            (Some(_), _) => Self::Tls,
            (None, Kind::TimedOut) => Self::TimedOut(step),
            (None, _) if step == Step::Lookup => Self::of_lookup(&error.to_string()),
            (None, Kind::ConnectionRefused) => Self::Refused,
            (
                None,
                Kind::HostUnreachable
                | Kind::NetworkUnreachable
                | Kind::NetworkDown
                | Kind::AddrNotAvailable,
            ) => Self::Unreachable,
            (None, Kind::PermissionDenied) => Self::Forbidden,
            (None, Kind::InvalidData) => Self::NotSmtp,
            (None, _) => Self::Broken(step),
        }
    }

    /// The system tells these apart by its text alone: of glibc, and of musl.
    fn of_lookup(text: &str) -> Self {
        if text.contains("Temporary failure") || text.contains("Try again") {
            Self::NoResolver
        } else {
            Self::NoAddress
        }
    }
}

impl CertificateError {
    /// What rustls says; its own text may quote the certificate.
    fn of(why: &rustls::CertificateError) -> Self {
        use rustls::CertificateError as Why;
        match why {
            Why::Expired | Why::ExpiredContext { .. } => Self::Expired,
            Why::NotValidYet | Why::NotValidYetContext { .. } => Self::NotYetValid,
            Why::Revoked => Self::Revoked,
            // A trusted certificate of the same name, whose key did not sign it, is nobody's word either.
            Why::UnknownIssuer
            | Why::BadSignature
            | Why::UnsupportedSignatureAlgorithmContext { .. }
            | Why::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Self::UnknownIssuer,
            Why::NotValidForName | Why::NotValidForNameContext { .. } => Self::WrongHost,
            _ => Self::Invalid,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("no such name, or it has no address"),
            Self::NoResolver => f.write_str("this machine's resolver cannot look it up"),
            Self::Refused => f.write_str("the connection was refused"),
            Self::Unreachable => f.write_str("this machine has no route to it"),
            Self::Forbidden => f.write_str("this machine does not let hushwatch connect to it"),
            Self::TimedOut(step) => write!(f, "it took too long at {step}"),
            Self::Broken(step) => write!(f, "the connection broke at {step}"),
            Self::Code(step, code) => write!(f, "it answered {code} at {step}"),
            Self::NotSmtp => f.write_str("what answers there is not an SMTP server"),
            Self::NoTls => f.write_str("it offers no STARTTLS"),
            Self::Certificate(why) => write!(f, "its certificate cannot be trusted: {why}"),
            Self::Tls => f.write_str("the TLS handshake failed"),
            Self::NoRoots => f.write_str("this machine has no trusted root certificates"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lookup => "finding its address",
            Self::Connect => "connecting",
            Self::Greeting => "its greeting",
            Self::Ehlo => "EHLO",
            Self::Starttls => "STARTTLS",
        })
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "it expired",
            Self::NotYetValid => "it is not valid yet",
            Self::Revoked => "it was revoked",
            Self::UnknownIssuer => "no authority that this machine trusts signed it",
            Self::WrongHost => "it belongs to another host",
            Self::Invalid => "it is not valid",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_told_apart() {
        use io::ErrorKind as Kind;
        for (step, kind, expected) in [
            (Step::Connect, Kind::ConnectionRefused, Failure::Refused),
            (Step::Connect, Kind::HostUnreachable, Failure::Unreachable),
            (
                Step::Connect,
                Kind::NetworkUnreachable,
                Failure::Unreachable,
            ),
            (
                Step::Connect,
                Kind::TimedOut,
                Failure::TimedOut(Step::Connect),
            ),
            (Step::Connect, Kind::PermissionDenied, Failure::Forbidden),
            (Step::Connect, Kind::Other, Failure::Broken(Step::Connect)),
            (
                Step::Ehlo,
                Kind::ConnectionReset,
                Failure::Broken(Step::Ehlo),
            ),
            (
                Step::Greeting,
                Kind::UnexpectedEof,
                Failure::Broken(Step::Greeting),
            ),
            (Step::Greeting, Kind::InvalidData, Failure::NotSmtp),
        ] {
            assert_eq!(Failure::of(step, &kind.into()), expected, "{kind}");
        }
        for (text, expected) in [
            ("Name or service not known", Failure::NoAddress),
            ("Name does not resolve", Failure::NoAddress),
            ("Temporary failure in name resolution", Failure::NoResolver),
            ("Try again", Failure::NoResolver),
        ] {
            let error = io::Error::other(format!("failed to lookup address information: {text}"));
            assert_eq!(Failure::of(Step::Lookup, &error), expected, "{text}");
        }
    }

    #[test]
    fn what_a_certificate_lacks_is_told_apart() {
        use rustls::CertificateError as Why;
        for (why, expected) in [
            (Why::Expired, CertificateError::Expired),
            (Why::NotValidYet, CertificateError::NotYetValid),
            (Why::Revoked, CertificateError::Revoked),
            (Why::UnknownIssuer, CertificateError::UnknownIssuer),
            (Why::NotValidForName, CertificateError::WrongHost),
            (Why::BadEncoding, CertificateError::Invalid),
        ] {
            let error = io::Error::other(rustls::Error::InvalidCertificate(why));
            let expected = Failure::Certificate(expected);
            assert_eq!(Failure::of(Step::Starttls, &error), expected);
        }
        let error = io::Error::other(rustls::Error::HandshakeNotComplete);
        assert_eq!(Failure::of(Step::Starttls, &error), Failure::Tls);
    }
}
