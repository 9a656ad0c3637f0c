//! The SMTP relay: whether it answers, proves who it is, and would let one log in. Nothing is sent.

use std::time::Duration;

use crate::commands::doctor::check::Check;
use crate::config::{DoctorSettings, RelaySettings};
use crate::smtp::{self, Distrust, Failure, Relay, Step};

const NAME: &str = "smtp";
/// For each step of the conversation.
const WITHIN: Duration = Duration::from_secs(8);
/// The port where TLS begins before anything is said (RFC 8314, 3.3).
const TLS_AT_ONCE: u16 = 465;

/// Looks at the relay, where one is set.
pub(crate) async fn checks(settings: &DoctorSettings) -> Vec<Check> {
    let Some(relay) = &settings.smtp else {
        return Vec::new();
    };
    vec![told(
        relay,
        smtp::look(&relay.host, relay.port, WITHIN).await,
    )]
}

/// A relay that nobody named may be one that nobody uses: it deserves a look.
fn told(of: &RelaySettings, found: Result<Relay, Failure>) -> Check {
    let relay = format!("SMTP relay {}:{}", of.host, of.port);
    let (text, remedy) = match found {
        Ok(found) if found.auth.is_empty() => (
            format!("{relay} offers no AUTH after STARTTLS: nobody can log in"),
            "check `doctor.smtp`: is it the relay that the application uses?",
        ),
        Ok(found) => {
            let ways = found.auth.join(", ");
            let text = format!("{relay} answers: STARTTLS, certificate verified, AUTH {ways}");
            return Check::pass(NAME, text);
        }
        Err(failure) => (format!("{relay}: {failure}"), remedy(of, failure)),
    };
    match of.is_named {
        true => Check::fail(NAME, text, remedy),
        false => {
            let unused = "set `doctor.smtp = \"\"` where only the API is used";
            Check::warn(NAME, text, format!("{remedy}; {unused}"))
        }
    }
}

fn remedy(of: &RelaySettings, failure: Failure) -> &'static str {
    let is_postmarks = is_postmarks(&of.host);
    match failure {
        Failure::NoAddress => "correct the name in `doctor.smtp`",
        Failure::NoResolver | Failure::TimedOut(Step::Lookup) => {
            "check the network and this machine's resolver (/etc/resolv.conf), then try again"
        }
        Failure::Refused if is_postmarks => {
            "check host and port in `doctor.smtp`; Postmark listens on 25, 587 and 2525"
        }
        Failure::Refused => {
            "check host and port in `doctor.smtp`, or ask whoever runs it where it listens"
        }
        Failure::Unreachable => "check this machine's network and its routes",
        Failure::Forbidden => {
            "let the user that runs hushwatch connect to that port: a rule of this machine forbids it"
        }
        Failure::TimedOut(Step::Connect) if is_postmarks => {
            "check the firewall: many hosts block ports of mail; Postmark listens on 2525 too"
        }
        Failure::TimedOut(Step::Connect) => {
            "check the firewall: many hosts block ports of mail; ask whoever runs it for another port"
        }
        // There the relay waits for us to begin.
        Failure::TimedOut(Step::Greeting) if of.port == TLS_AT_ONCE => {
            "set `doctor.smtp` to a port with STARTTLS such as 587: port 465 speaks TLS at once and cannot be looked at"
        }
        Failure::TimedOut(_) if is_postmarks => {
            "try again; if it stays so, see https://status.postmarkapp.com"
        }
        Failure::TimedOut(_) => "try again; if it stays so, ask whoever runs it",
        Failure::Broken(_) => {
            "check what stands between this machine and the relay, such as a firewall, then try again"
        }
        Failure::Code(_, 400..500) if is_postmarks => {
            "try again later; if it stays so, see https://status.postmarkapp.com"
        }
        Failure::Code(_, 400..500) => "try again later; if it stays so, ask whoever runs it",
        Failure::Code(..) => "ask whoever runs the relay why it refuses this machine",
        Failure::NotSmtp => {
            "check host and port in `doctor.smtp`; port 465 speaks TLS at once and cannot be looked at"
        }
        Failure::NoTls => {
            "use a relay or a port with STARTTLS: without it the password goes in the clear"
        }
        Failure::Certificate(why) => trust(why),
        Failure::Tls => {
            "check what stands between: the relay and this machine share no TLS version or cipher"
        }
        Failure::NoRoots => "install ca-certificates, or set SSL_CERT_FILE",
    }
}

/// Whether Postmark runs the relay of this name.
fn is_postmarks(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let host = host.trim_end_matches('.');
    host == "postmarkapp.com" || host.ends_with(".postmarkapp.com")
}

const fn trust(why: Distrust) -> &'static str {
    match why {
        Distrust::Expired => "have whoever runs the relay renew it; is this machine's clock right?",
        Distrust::Early => {
            "set this machine's clock; if it is right, wait or have the certificate replaced"
        }
        Distrust::Revoked => "send nothing there until whoever runs the relay has replaced it",
        Distrust::Unvouched => {
            "check this machine's root certificates (SSL_CERT_FILE), and what stands between: something may pose as the relay"
        }
        Distrust::OtherName => {
            "set `doctor.smtp` to the name in the certificate, and check where that name leads"
        }
        Distrust::Invalid => "have whoever runs the relay replace it",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::commands::doctor::Outcome;

    const FAILURES: [Failure; 20] = [
        Failure::NoAddress,
        Failure::NoResolver,
        Failure::Refused,
        Failure::Unreachable,
        Failure::Forbidden,
        Failure::TimedOut(Step::Connect),
        Failure::TimedOut(Step::Greeting),
        Failure::Broken(Step::Ehlo),
        Failure::Code(Step::Greeting, 421),
        Failure::Code(Step::Greeting, 554),
        Failure::NotSmtp,
        Failure::NoTls,
        Failure::Tls,
        Failure::NoRoots,
        Failure::Certificate(Distrust::Expired),
        Failure::Certificate(Distrust::Early),
        Failure::Certificate(Distrust::Revoked),
        Failure::Certificate(Distrust::Unvouched),
        Failure::Certificate(Distrust::OtherName),
        Failure::Certificate(Distrust::Invalid),
    ];

    fn at(host: &str, port: u16, is_named: bool, found: Result<Relay, Failure>) -> Check {
        let relay = RelaySettings {
            host: host.to_owned(),
            port,
            is_named,
        };
        told(&relay, found)
    }

    fn of(is_named: bool, found: Result<Relay, Failure>) -> Check {
        at("smtp.example.com", 587, is_named, found)
    }

    #[test]
    fn a_relay_that_nobody_named_deserves_a_look_where_a_named_one_fails() {
        let deaf = || Ok(Relay { auth: Vec::new() });
        for found in [Err(Failure::Refused), deaf()] {
            let named = of(true, found.clone());
            assert_eq!(named.outcome, Outcome::Fail);
            let unnamed = of(false, found);
            assert_eq!(unnamed.outcome, Outcome::Warn);
            let remedy = unnamed.remedy.expect("a remedy");
            assert!(
                remedy.ends_with("`doctor.smtp = \"\"` where only the API is used"),
                "{remedy}"
            );
        }
        let auth = vec!["PLAIN".to_owned()];
        assert_eq!(of(false, Ok(Relay { auth })).outcome, Outcome::Pass);
    }

    #[test]
    fn each_failure_reads_otherwise_and_has_its_remedy() {
        for host in ["smtp.example.com", "smtp.postmarkapp.com"] {
            let told = FAILURES.map(|failure| at(host, 587, true, Err(failure)));
            let texts: BTreeSet<&str> = told.iter().map(|c| c.text.as_str()).collect();
            let remedies: BTreeSet<Option<&str>> =
                told.iter().map(|c| c.remedy.as_deref()).collect();
            let all = (FAILURES.len(), FAILURES.len());
            assert_eq!((texts.len(), remedies.len()), all, "{host}");
        }
    }

    #[test]
    fn only_a_relay_of_postmark_is_looked_up_at_postmark() {
        let about_postmark = |host| {
            let told = FAILURES.map(|failure| at(host, 587, true, Err(failure)));
            let remedies = told.into_iter().filter_map(|check| check.remedy);
            remedies
                .filter(|r| r.to_lowercase().contains("postmark"))
                .count()
        };
        for host in ["smtp.postmarkapp.com", "SMTP-broadcasts.Postmarkapp.com."] {
            assert_eq!(about_postmark(host), 4, "{host}");
        }
        for host in ["smtp.example.com", "localhost", "notpostmarkapp.com"] {
            assert_eq!(about_postmark(host), 0, "{host}");
        }
    }

    #[test]
    fn a_port_that_waits_for_tls_is_named_as_one() {
        let waits = |port| {
            let silent = Failure::TimedOut(Step::Greeting);
            let remedy = at("smtp.example.com", port, true, Err(silent)).remedy;
            remedy.is_some_and(|r| r.contains("port 465 speaks TLS at once"))
        };
        assert_eq!([465, 587].map(waits), [true, false]);
    }
}
