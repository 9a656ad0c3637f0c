//! The SMTP relay: whether it answers, proves who it is, and would let one log in. Nothing is sent.

use std::time::Duration;

use crate::commands::doctor::check::Check;
use crate::config::{DoctorSettings, RelaySettings};
use crate::smtp::{self, AlertDescription, CertificateError, Failure, Relay, SmtpStep, Timeouts};

const NAME: &str = "smtp";
const TIMEOUTS: Timeouts = Timeouts {
    greeting: Duration::from_secs(30),
    step: Duration::from_secs(8),
};
/// The port where TLS begins before anything is said (RFC 8314, 3.3).
const IMPLICIT_TLS_PORT: u16 = 465;
const WRONG_PORT: &str = "set `doctor.smtp` to a port with STARTTLS such as 587: port 465 speaks TLS at once and cannot be checked";

pub(crate) async fn check(settings: &DoctorSettings) -> Option<Check> {
    let relay = settings.smtp.as_ref()?;
    let found = smtp::probe(&relay.host, relay.port, TIMEOUTS).await;
    Some(relay_check(relay, found))
}

/// Returns a failure only for a relay that the user named: the built-in one may be one that nobody uses.
fn relay_check(of: &RelaySettings, found: Result<Relay, Failure>) -> Check {
    let relay = match of.host.contains(':') {
        true => format!("SMTP relay [{}]:{}", of.host, of.port),
        false => format!("SMTP relay {}:{}", of.host, of.port),
    };
    let (text, remedy) = match found {
        Ok(found) if found.auth.is_empty() => (
            format!("{relay} offers no AUTH after STARTTLS, so nobody can log in"),
            "check `doctor.smtp`: is it the relay that the application uses?",
        ),
        Ok(found) => {
            let ways = found.auth.join(", ");
            let text = format!("{relay} answers: STARTTLS, certificate verified, AUTH {ways}");
            if found.silent.is_empty() {
                return Check::pass(NAME, text);
            }
            let silent: Vec<String> = found.silent.iter().map(ToString::to_string).collect();
            let text = format!("{text}; but not at {}", silent.join(", "));
            let remedy = "check the firewall and the way there: a client that tries this address first waits for it";
            return Check::warn(NAME, text, remedy);
        }
        Err(failure) => (format!("{relay}: {failure}"), remedy(of, failure)),
    };
    if of.is_named {
        return Check::fail(NAME, text, remedy);
    }
    let unused = "set `doctor.smtp = \"\"` if only the API is used";
    Check::warn(NAME, text, format!("{remedy}; {unused}"))
}

fn remedy(of: &RelaySettings, failure: Failure) -> &'static str {
    match failure {
        Failure::NoAddress | Failure::TimedOut(SmtpStep::Lookup) => {
            "check the name in `doctor.smtp`, the network and this machine's resolver"
        }
        Failure::Refused
        | Failure::TimedOut(SmtpStep::Connect)
        | Failure::Broken(SmtpStep::Connect, _) => match is_postmarks(&of.host) {
            true => {
                "check `doctor.smtp` and the firewall: many hosts block ports of mail; Postmark listens on 25, 587 and 2525"
            }
            false => {
                "check `doctor.smtp` and the firewall: many hosts block ports of mail; ask its operator where it listens"
            }
        },
        // There the relay waits for us to begin.
        Failure::TimedOut(SmtpStep::Greeting) if of.port == IMPLICIT_TLS_PORT => WRONG_PORT,
        Failure::NotSmtp => WRONG_PORT,
        Failure::TimedOut(_) | Failure::Broken(..) | Failure::Code(_, 400..500) => {
            match is_postmarks(&of.host) {
                true => {
                    "try again later; if that does not help, see https://status.postmarkapp.com"
                }
                false => "try again later; if that does not help, ask its operator",
            }
        }
        Failure::Code(..) => "ask its operator why it refuses this machine",
        Failure::NoTls => {
            "use a relay or a port with STARTTLS: without it the password is sent in clear text"
        }
        Failure::Certificate(CertificateError::WrongHost) => {
            "set `doctor.smtp` to the name in the certificate, and check where that name leads"
        }
        Failure::Certificate(CertificateError::UnknownIssuer) => {
            "check this machine's root certificates (SSL_CERT_FILE), and whether a proxy in between poses as the relay"
        }
        Failure::Certificate(CertificateError::Expired | CertificateError::NotYetValid) => {
            "check this machine's clock; if it is right, have its operator renew it"
        }
        Failure::Certificate(CertificateError::Authority | CertificateError::Invalid) => {
            "have its operator issue a certificate for this host"
        }
        Failure::Tls
        | Failure::Alert(
            AlertDescription::HandshakeFailure
            | AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity,
        ) => "check the TLS versions and ciphers of the relay, and any proxy in between",
        Failure::Alert(_) => "have its operator look into its log: the fault is the relay's own",
        Failure::NoRoots => "install ca-certificates, or set SSL_CERT_FILE",
    }
}

fn is_postmarks(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let host = host.trim_end_matches('.');
    host == "postmarkapp.com" || host.ends_with(".postmarkapp.com")
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::commands::doctor::Outcome;

    const FAILURES: [Failure; 16] = [
        Failure::NoAddress,
        Failure::Refused,
        Failure::TimedOut(SmtpStep::Connect),
        Failure::TimedOut(SmtpStep::Greeting),
        Failure::Broken(SmtpStep::Ehlo, ErrorKind::UnexpectedEof),
        Failure::Code(SmtpStep::Greeting, 421),
        Failure::Code(SmtpStep::Greeting, 554),
        Failure::NotSmtp,
        Failure::NoTls,
        Failure::Tls,
        Failure::Alert(AlertDescription::InternalError),
        Failure::Alert(AlertDescription::ProtocolVersion),
        Failure::NoRoots,
        Failure::Certificate(CertificateError::Expired),
        Failure::Certificate(CertificateError::Authority),
        Failure::Certificate(CertificateError::Invalid),
    ];

    fn at(host: &str, port: u16, is_named: bool, found: Result<Relay, Failure>) -> Check {
        let relay = RelaySettings {
            host: host.to_owned(),
            port,
            is_named,
        };
        relay_check(&relay, found)
    }

    fn check_result(is_named: bool, found: Result<Relay, Failure>) -> Check {
        at("smtp.example.com", 587, is_named, found)
    }

    #[test]
    fn a_relay_that_nobody_named_deserves_a_look_where_a_named_one_fails() {
        let deaf = || Ok(Relay::default());
        for found in [Err(Failure::Refused), deaf()] {
            let named = check_result(true, found.clone());
            assert_eq!(named.outcome, Outcome::Fail);
            let unnamed = check_result(false, found);
            assert_eq!(unnamed.outcome, Outcome::Warn);
            let remedy = unnamed.remedy.expect("a remedy");
            assert!(
                remedy.ends_with("`doctor.smtp = \"\"` if only the API is used"),
                "{remedy}"
            );
        }
        let auth = vec!["PLAIN".to_owned()];
        let relay = Relay {
            auth,
            ..Relay::default()
        };
        assert_eq!(
            check_result(false, Ok(relay.clone())).outcome,
            Outcome::Pass
        );
        let silent = vec!["2001:db8::1".parse().expect("an address")];
        assert_eq!(
            check_result(true, Ok(Relay { silent, ..relay })).to_line(),
            "! SMTP relay smtp.example.com:587 answers: STARTTLS, certificate verified, AUTH PLAIN; but not at 2001:db8::1; \
             check the firewall and the way there: a client that tries this address first waits for it"
        );
    }

    #[test]
    fn each_failure_reads_as_one_line_with_its_remedy() {
        let lines = FAILURES.map(|failure| check_result(true, Err(failure)).to_line());
        insta::assert_snapshot!(lines.join("\n"), @r#"
        ✗ SMTP relay smtp.example.com:587: its name has no address, or cannot be looked up; check the name in `doctor.smtp`, the network and this machine's resolver
        ✗ SMTP relay smtp.example.com:587: the connection was refused; check `doctor.smtp` and the firewall: many hosts block ports of mail; ask its operator where it listens
        ✗ SMTP relay smtp.example.com:587: it took too long at connecting; check `doctor.smtp` and the firewall: many hosts block ports of mail; ask its operator where it listens
        ✗ SMTP relay smtp.example.com:587: it took too long at its greeting; try again later; if that does not help, ask its operator
        ✗ SMTP relay smtp.example.com:587: the connection failed at EHLO: unexpected end of file; try again later; if that does not help, ask its operator
        ✗ SMTP relay smtp.example.com:587: it answered 421 at its greeting; try again later; if that does not help, ask its operator
        ✗ SMTP relay smtp.example.com:587: it answered 554 at its greeting; ask its operator why it refuses this machine
        ✗ SMTP relay smtp.example.com:587: what answers there is not an SMTP server; set `doctor.smtp` to a port with STARTTLS such as 587: port 465 speaks TLS at once and cannot be checked
        ✗ SMTP relay smtp.example.com:587: it offers no STARTTLS; use a relay or a port with STARTTLS: without it the password is sent in clear text
        ✗ SMTP relay smtp.example.com:587: the TLS handshake failed; check the TLS versions and ciphers of the relay, and any proxy in between
        ✗ SMTP relay smtp.example.com:587: it ended the TLS handshake with the alert "internal error"; have its operator look into its log: the fault is the relay's own
        ✗ SMTP relay smtp.example.com:587: it ended the TLS handshake with the alert "protocol version"; check the TLS versions and ciphers of the relay, and any proxy in between
        ✗ SMTP relay smtp.example.com:587: this machine has no trusted root certificates; install ca-certificates, or set SSL_CERT_FILE
        ✗ SMTP relay smtp.example.com:587: its certificate cannot be trusted: it expired; check this machine's clock; if it is right, have its operator renew it
        ✗ SMTP relay smtp.example.com:587: its certificate cannot be trusted: it is that of an authority, which no host may use as its own; have its operator issue a certificate for this host
        ✗ SMTP relay smtp.example.com:587: its certificate cannot be trusted: it is not valid; have its operator issue a certificate for this host
        "#);
    }

    #[test]
    fn only_a_relay_of_postmark_is_looked_up_at_postmark() {
        let about_postmark = |host| {
            let checks = FAILURES.map(|failure| at(host, 587, true, Err(failure)));
            let remedies = checks.into_iter().filter_map(|check| check.remedy);
            remedies
                .filter(|r| r.to_lowercase().contains("postmark"))
                .count()
        };
        for host in ["smtp.postmarkapp.com", "SMTP-broadcasts.Postmarkapp.com."] {
            assert_eq!(about_postmark(host), 5, "{host}");
        }
        for host in ["smtp.example.com", "localhost", "notpostmarkapp.com"] {
            assert_eq!(about_postmark(host), 0, "{host}");
        }
    }

    #[test]
    fn a_port_that_waits_for_tls_is_named_as_one() {
        let waits = |port| {
            let silent = Failure::TimedOut(SmtpStep::Greeting);
            let remedy = at("smtp.example.com", port, true, Err(silent)).remedy;
            remedy.is_some_and(|r| r.contains("port 465 speaks TLS at once"))
        };
        assert_eq!([465, 587].map(waits), [true, false]);
    }
}
