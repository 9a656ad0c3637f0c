//! One message to several recipients: who is refused keeps it from nobody else.

use lettre::address::{Address, Envelope};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};
use tokio::time::{Instant, timeout_at};

use crate::retry::RetryClass;
use crate::sink::mail::{Failure, refusal, unreachable_server, without_answer};

/// Replies to a recipient that are about the connection or its login.
const NOT_OF_A_RECIPIENT: [&str; 5] = ["421", "503", "530", "535", "538"];

/// A recipient who did not get the message.
struct Refused {
    address: Address,
    why: String,
    /// Whether it may be taken later.
    is_for_now: bool,
}

impl Refused {
    fn name(&self) -> String {
        format!("{} ({})", self.address, self.why)
    }
}

/// How one transaction ended that the server did not break off.
struct Round {
    /// Whether anybody got the message.
    is_taken: bool,
    refused: Vec<Refused>,
}

/// Hands a message over to whoever the server takes. Whom it takes later only, as where it takes a few in one transaction, gets another
/// one at once, and no more: who has the message would get it again. Returns a line for each recipient who was left out.
///
/// # Errors
/// Where nobody got it, or nothing says whether somebody did.
pub(super) async fn hand_over(
    connection: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    text: &[u8],
    deadline: Instant,
) -> Result<Vec<String>, Failure> {
    let mut left = envelope.to().to_vec();
    let mut refused = Vec::new();
    let mut is_taken = false;
    while !left.is_empty() {
        let round = match transaction(connection, envelope.from(), &left, text, deadline).await {
            Ok(round) => round,
            Err(failure) if !is_taken => return Err(failure),
            Err((_, why)) => {
                let without = |address: Address| Refused {
                    address,
                    why: why.clone(),
                    is_for_now: true,
                };
                refused.extend(left.drain(..).map(without));
                break;
            }
        };
        is_taken |= round.is_taken;
        let is_next = |one: &Refused| round.is_taken && one.is_for_now;
        let (next, out): (Vec<_>, Vec<_>) = round.refused.into_iter().partition(is_next);
        refused.extend(out);
        left = next.into_iter().map(|one| one.address).collect();
    }
    if is_taken {
        Ok(refused.iter().map(left_out).collect())
    } else {
        Err(nobody(&refused))
    }
}

fn left_out(one: &Refused) -> String {
    let name = one.name();
    format!("it refuses {name}, and the others got the message; correct `to` of its [[sink]]")
}

fn nobody(refused: &[Refused]) -> Failure {
    let names: Vec<String> = refused.iter().map(Refused::name).collect();
    let names = names.join(", ");
    if refused.iter().any(|one| one.is_for_now) {
        let why = format!("it takes no address of its `to` now: {names}");
        return (RetryClass::Retry, why);
    }
    let why =
        format!("it refuses every address of its `to`: {names}; correct `to` of its [[sink]]");
    (RetryClass::BadPayload, why)
}

/// Hands the message over in one transaction. Whatever fails before the message itself is known to have sent nothing.
async fn transaction(
    connection: &mut AsyncSmtpConnection,
    from: Option<&Address>,
    to: &[Address],
    text: &[u8],
    deadline: Instant,
) -> Result<Round, Failure> {
    let asked = timeout_at(deadline, ask(connection, from, to, text)).await;
    let refused = asked.unwrap_or_else(|_| Err(unreachable_server()))?;
    let is_taken = refused.len() < to.len();
    if is_taken {
        match timeout_at(deadline, connection.message(text)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(refusal(&error).unwrap_or_else(without_answer)),
            Err(_) => return Err(without_answer()),
        }
    }
    Ok(Round { is_taken, refused })
}

/// Asks up to the message itself, where it takes anybody; returns whom it refuses.
async fn ask(
    connection: &mut AsyncSmtpConnection,
    from: Option<&Address>,
    to: &[Address],
    text: &[u8],
) -> Result<Vec<Refused>, Failure> {
    let broken = |error: SmtpError| refusal(&error).unwrap_or_else(unreachable_server);
    let parameters = parameters(connection, from.into_iter().chain(to), text)?;
    let mail = connection.command(Mail::new(from.cloned(), parameters));
    mail.await.map_err(broken)?;
    let mut refused = Vec::new();
    for address in to {
        let recipient = Rcpt::new(address.clone(), Vec::new());
        let Err(error) = connection.command(recipient).await else {
            continue;
        };
        let code = error.status().map(|code| code.to_string());
        let code = code.filter(|code| !NOT_OF_A_RECIPIENT.contains(&code.as_str()));
        let Some(code) = code else {
            return Err(broken(error));
        };
        refused.push(Refused {
            address: address.clone(),
            why: format!("SMTP reply {code}"),
            is_for_now: error.is_transient(),
        });
    }
    if refused.len() < to.len() {
        connection.command(Data).await.map_err(broken)?;
    }
    Ok(refused)
}

/// Returns what the server has to know beforehand: RFC 6531 (`SMTPUTF8`), RFC 6152 (`8BITMIME`).
fn parameters<'a>(
    connection: &AsyncSmtpConnection,
    mut addresses: impl Iterator<Item = &'a Address>,
    text: &[u8],
) -> Result<Vec<MailParameter>, Failure> {
    let lacks = |what: &str| Err((RetryClass::BadPayload, format!("it offers no {what}")));
    let server = connection.server_info();
    let mut parameters = Vec::new();
    if addresses.any(|address| !address.to_string().is_ascii()) {
        if !server.supports_feature(Extension::SmtpUtfEight) {
            return lacks("SMTPUTF8, which an address of the [[sink]] outside ASCII needs");
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !text.is_ascii() {
        if !server.supports_feature(Extension::EightBitMime) {
            return lacks("8BITMIME");
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(parameters)
}
