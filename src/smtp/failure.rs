//! Why a relay cannot be used, and at which step that was seen.

use std::{fmt, io};

use rustls::AlertDescription;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("its name has no address, or cannot be looked up")]
    NoAddress,
    #[error("the connection was refused")]
    Refused,
    #[error("it took too long at {0}")]
    TimedOut(SmtpStep),
    #[error("the connection failed at {0}: {1}")]
    Broken(SmtpStep, io::ErrorKind),
    #[error("it answered {1} at {0}")]
    Code(SmtpStep, u16),
    #[error("what answers there is not an SMTP server")]
    NotSmtp,
    /// A password would go in the clear.
    #[error("it offers no STARTTLS")]
    NoTls,
    #[error("its certificate cannot be trusted: {0}")]
    Certificate(CertificateError),
    #[error("the TLS handshake failed")]
    Tls,
    /// It ended the handshake itself.
    #[error("it ended the TLS handshake with the alert \"{}\"", alert_name(*.0))]
    Alert(AlertDescription),
    #[error("this machine has no trusted root certificates")]
    NoRoots,
}

/// How far the conversation got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpStep {
    #[error("finding its address")]
    Lookup,
    #[error("connecting")]
    Connect,
    #[error("its greeting")]
    Greeting,
    #[error("EHLO")]
    Ehlo,
    #[error("STARTTLS")]
    Starttls,
}

/// Why a certificate cannot be trusted. The text of rustls may quote the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("it expired")]
    Expired,
    #[error("it is not valid yet")]
    NotYetValid,
    #[error("no authority that this machine trusts signed it")]
    UnknownIssuer,
    #[error("it belongs to another host")]
    WrongHost,
    #[error("it is that of an authority, which no host may use as its own")]
    Authority,
    #[error("it is not valid")]
    Invalid,
}

impl Failure {
    /// Returns what went wrong at `step`.
    pub(super) fn new(step: SmtpStep, error: &io::Error) -> Self {
        let tls = error
            .get_ref()
            .and_then(|e| e.downcast_ref::<rustls::Error>());
        match (tls, error.kind()) {
            (Some(rustls::Error::InvalidCertificate(why)), _) => Self::Certificate(why.into()),
            (Some(rustls::Error::AlertReceived(alert)), _) => Self::Alert(*alert),
            (Some(_), _) => Self::Tls,
            (None, io::ErrorKind::TimedOut) => Self::TimedOut(step),
            (None, _) if step == SmtpStep::Lookup => Self::NoAddress,
            (None, io::ErrorKind::ConnectionRefused) => Self::Refused,
            (None, io::ErrorKind::InvalidData) => Self::NotSmtp,
            (None, kind) => Self::Broken(step, kind),
        }
    }

    /// Returns how far one address got, of those that do not greet; the failure of the furthest says most.
    pub(super) const fn progress(self) -> u8 {
        match self {
            Self::NoAddress => 0,
            // A machine without IPv6 fails so at each of its addresses.
            Self::Broken(SmtpStep::Connect, _) => 1,
            Self::TimedOut(SmtpStep::Connect) => 2,
            Self::Refused => 3,
            _ => 4,
        }
    }
}

/// Returns the name of an alert in words, such as "internal error" (RFC 8446, 6).
fn alert_name(alert: AlertDescription) -> String {
    let mut name = String::new();
    for letter in format!("{alert:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push(' ');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

impl From<&rustls::CertificateError> for CertificateError {
    fn from(why: &rustls::CertificateError) -> Self {
        use rustls::CertificateError as Why;
        match why {
            Why::Expired | Why::ExpiredContext { .. } => Self::Expired,
            Why::NotValidYet | Why::NotValidYetContext { .. } => Self::NotYetValid,
            // A trusted certificate of the same name whose key did not sign it proves nothing either.
            Why::UnknownIssuer
            | Why::BadSignature
            | Why::UnsupportedSignatureAlgorithmContext { .. }
            | Why::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Self::UnknownIssuer,
            Why::NotValidForName | Why::NotValidForNameContext { .. } => Self::WrongHost,
            Why::Other(other) if is_of_authority(&other.0) => Self::Authority,
            _ => Self::Invalid,
        }
    }
}

/// Returns whether an error that rustls passes on is webpki's for the certificate of an authority that a host presents, as a
/// self-signed one often is; its type is in no interface of rustls.
fn is_of_authority(why: &impl fmt::Debug) -> bool {
    format!("{why:?}") == "CaUsedAsEndEntity"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    #[test]
    fn each_error_of_the_system_has_its_failure() {
        let broken = |kind| Failure::Broken(SmtpStep::Connect, kind);
        for (step, kind, expected) in [
            (SmtpStep::Lookup, ErrorKind::Other, Failure::NoAddress),
            (
                SmtpStep::Lookup,
                ErrorKind::TimedOut,
                Failure::TimedOut(SmtpStep::Lookup),
            ),
            (
                SmtpStep::Connect,
                ErrorKind::ConnectionRefused,
                Failure::Refused,
            ),
            (
                SmtpStep::Connect,
                ErrorKind::TimedOut,
                Failure::TimedOut(SmtpStep::Connect),
            ),
            (
                SmtpStep::Connect,
                ErrorKind::HostUnreachable,
                broken(ErrorKind::HostUnreachable),
            ),
            (
                SmtpStep::Connect,
                ErrorKind::PermissionDenied,
                broken(ErrorKind::PermissionDenied),
            ),
            (SmtpStep::Greeting, ErrorKind::InvalidData, Failure::NotSmtp),
        ] {
            assert_eq!(Failure::new(step, &kind.into()), expected, "{kind}");
        }
        let tls = |why| io::Error::other(rustls::Error::from(why));
        let alert = io::Error::other(rustls::Error::AlertReceived(
            AlertDescription::InternalError,
        ));
        let alert = Failure::new(SmtpStep::Starttls, &alert);
        assert_eq!(
            alert.to_string(),
            "it ended the TLS handshake with the alert \"internal error\""
        );
        let wrong = tls(rustls::CertificateError::NotValidForName);
        let expected = Failure::Certificate(CertificateError::WrongHost);
        assert_eq!(Failure::new(SmtpStep::Starttls, &wrong), expected);
    }

    #[test]
    fn a_broken_connection_says_where_and_why() {
        let text = Failure::Broken(SmtpStep::Connect, ErrorKind::HostUnreachable).to_string();
        assert_eq!(
            text,
            "the connection failed at connecting: host unreachable"
        );
    }
}
