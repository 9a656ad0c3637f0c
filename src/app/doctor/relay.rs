//! The SMTP relay: whether it answers, proves who it is, and would let one log in. Nothing is sent.

use std::time::Duration;

use super::check::Check;
use crate::config::DoctorSettings;
use crate::smtp::{self, Failure};

const NAME: &str = "smtp";
/// For each step of the conversation.
const WITHIN: Duration = Duration::from_secs(8);

/// Looks at the relay, where one is set.
pub(super) async fn checks(settings: &DoctorSettings) -> Vec<Check> {
    let Some((host, port)) = &settings.smtp else {
        return Vec::new();
    };
    let relay = format!("SMTP relay {host}:{port}");
    vec![match smtp::look(host, *port, WITHIN).await {
        Ok(of) if of.auth.is_empty() => {
            let text = format!("{relay} offers no AUTH after STARTTLS: nobody can log in");
            Check::fail(
                NAME,
                text,
                "check `doctor.smtp`: is it the relay that the application uses?",
            )
        }
        Ok(of) => {
            let ways = of.auth.join(", ");
            Check::pass(
                NAME,
                format!("{relay} answers: STARTTLS, certificate verified, AUTH {ways}"),
            )
        }
        Err(failure) => Check::fail(NAME, format!("{relay}: {failure}"), remedy(&failure)),
    }]
}

const fn remedy(failure: &Failure) -> &'static str {
    match failure {
        Failure::NoAddress => "check `doctor.smtp` and the resolver",
        Failure::Refused | Failure::TimedOut(_) | Failure::Broken(_) => {
            "check `doctor.smtp` and the firewall: many hosts block ports of mail; Postmark listens on 25, 587 and 2525 too. Where \
             nothing is sent by SMTP, leave it empty"
        }
        Failure::Code(..) => "see https://status.postmarkapp.com, then try again",
        Failure::NotSmtp => {
            "check host and port in `doctor.smtp`; port 465 speaks TLS at once and cannot be looked at"
        }
        Failure::NoTls => {
            "use a relay or a port with STARTTLS: without it the password goes in the clear"
        }
        Failure::Certificate(_) => {
            "check `doctor.smtp`, this machine's clock and its root certificates (SSL_CERT_FILE); something may stand between"
        }
        Failure::Tls => {
            "check what stands between: the relay and this machine share no TLS version or cipher"
        }
        Failure::NoRoots => "install ca-certificates, or set SSL_CERT_FILE",
    }
}
