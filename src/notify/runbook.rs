//! What to do about an incident: the likeliest next step, the commands that show more, and what ends it. One match per
//! question, with an arm for each rule.

use std::time::Duration;

use crate::model::{
    AccountReach, BounceClass, CanaryOutcome, DAY, Evidence, HOUR, Incident, Rule, Severity,
    StreamKey, Subject, Suppressed, TokenPlace,
};
use crate::notify::context::{capitalized, split_remedy};
use crate::text::sanitize::clean;

/// What to do where a job did not run.
const MISSING_BURST: &str =
    "Check the job that sends them: whether it ran, its log, and its Postmark token";

/// Returns the next step for the likeliest cause, with the command that shows more, as one sentence.
pub fn next_step(incident: &Incident) -> String {
    let step = advice(incident);
    match inline_command(incident) {
        Some(command) => format!("{step}: {command}"),
        None => format!("{step}."),
    }
}

/// What to do where some mail is sent and much is missing.
const MISSING_MAIL: &str =
    "Find the kind of mail that is missing, such as a job that no longer runs";

/// Returns the next step for the likeliest cause, without its command and its full stop.
pub fn advice(incident: &Incident) -> String {
    let fixed = match incident.rule {
        Rule::AccountInactive => {
            "Open the account in Postmark: nothing is sent until its support or billing lifts the block"
        }
        Rule::ServerChanged => {
            let put = put_token("its own token back", token_place(&incident.evidence));
            return format!("{put}; if the change is meant, accept the new server");
        }
        Rule::Blind => return blind_advice(incident),
        Rule::SendSilence | Rule::SendDrop if incident.evidence.overdue_burst().is_some() => {
            MISSING_BURST
        }
        Rule::SendSilence if is_sent_again(incident) => MISSING_MAIL,
        Rule::SendSilence if incident.tag.is_some() => {
            "Check whether the app still sends this kind of mail under this tag; a tag unused for four weeks is no longer watched"
        }
        Rule::SendSilence if incident.stream.is_none() => {
            "Look at what they share (a queue, a deploy, a host), then send one test mail from each app"
        }
        Rule::SendSilence => {
            "Send a test mail from the app; check its queue, its Postmark token, and its log for 406 and 422"
        }
        Rule::SendDrop if incident.stream.is_none() => {
            "Look at what they share (a queue, a deploy, a host), and at the log of each app"
        }
        Rule::SendDrop => MISSING_MAIL,
        Rule::DeliverySilence | Rule::DeliveryDrop => match main_bounce(&incident.evidence) {
            Some(BounceClass::Hard) => {
                "These addresses do not exist: find the list or form they came from; Postmark has suppressed them already"
            }
            Some(BounceClass::Blocked) => {
                "Check SPF, DKIM and DMARC of the From domain, and read why receivers refuse this mail"
            }
            Some(_) => "Read why receivers do not take this mail",
            None => "Check status.postmarkapp.com, then follow one of the newest messages",
        },
        Rule::HardBounceWake if is_past(incident) || is_of_old_mail(incident) => {
            "Look at its bounces before that list is sent again (Postmark suspends senders at such rates)"
        }
        Rule::HardBounceWake => {
            "Stop the list that is being sent now (Postmark suspends senders at such rates), then look at its bounces"
        }
        Rule::BounceRate => match main_class(&incident.evidence) {
            Some(BounceClass::Blocked) => {
                "Check SPF, DKIM and DMARC of the From domain, and read why receivers refuse this mail"
            }
            _ => {
                "Find the list or form that these dead addresses came from; Postmark has suppressed them already"
            }
        },
        Rule::SpamRate if is_past(incident) || is_of_old_mail(incident) => {
            "Find the mail that was reported, and do not send it again (complaints at Gmail are not among these)"
        }
        Rule::SpamRate => {
            "Find the mail that was reported and stop it (complaints at Gmail are not among these)"
        }
        Rule::SpamComplaintExternal => "Find the mail that was reported",
        Rule::OperatorBounce if is_temporary(&incident.evidence) => {
            "Check that the mailbox takes mail; Postmark goes on sending to it"
        }
        Rule::OperatorBounce | Rule::SuppressedAddress if is_of_several(&incident.evidence) => {
            "Fix the mailboxes, then reactivate each address"
        }
        Rule::OperatorBounce => "Fix the mailbox, then reactivate the address",
        Rule::SuppressedAddress if is_complaint(&incident.evidence) => {
            "Use another address: its owner reported spam, and only Postmark's support can lift that"
        }
        Rule::SuppressedAddress => "Check that the mailbox takes mail, then reactivate the address",
        Rule::Canary => match &incident.evidence {
            Evidence::Canary(canary) if matches!(canary.outcome, CanaryOutcome::Refused(_)) => {
                "Fix what Postmark names: the token, the sender or the stream of [canary], or the account; your app's mail may be refused too"
            }
            Evidence::Canary(canary) if canary.message.is_none() => {
                "Check status.postmarkapp.com; the log says what Postmark answered"
            }
            _ => "Check status.postmarkapp.com, then look at this message in Postmark's activity",
        },
        Rule::DnsDrift => {
            "Put back what was there (Postmark shows its records under Sender Signatures); if the change is meant, accept it"
        }
        Rule::DomainBlocks => {
            "Read the answers (a block list, a policy, a rate limit), and ask the domain's postmaster or Postmark to lift the block"
        }
        Rule::SmtpErrors => {
            "Read why, most often a suppressed recipient or a From address without a confirmed signature"
        }
    };
    fixed.to_owned()
}

fn blind_advice(incident: &Incident) -> String {
    let Evidence::Blind(blind) = &incident.evidence else {
        return String::new();
    };
    if blind.limited {
        return "Raise postmark.requests_per_poll in monitor.toml, or poll more often".to_owned();
    }
    if blind.token && incident.subject() == Subject::Account {
        let set = "Set POSTMARK_ACCOUNT_TOKEN to a valid account token";
        return match blind.account {
            AccountReach::Known => {
                format!("{set}; servers known from before are watched until a restart")
            }
            _ => set.to_owned(),
        };
    }
    if blind.token {
        let put = put_token("a valid token of this server", blind.token_place.as_ref());
        return format!("{put}, then check it");
    }
    match split_remedy(&blind.reason) {
        (_, Some(remedy)) => capitalized(&remedy),
        _ => "Check status.postmarkapp.com and the network of this host".to_owned(),
    }
}

fn token_place(evidence: &Evidence) -> Option<&TokenPlace> {
    match evidence {
        Evidence::ServerChange(change) => change.token_place.as_ref(),
        _ => None,
    }
}

/// Returns where to put a token. A variable is read at the start, a file in every cycle.
fn put_token(token: &str, place: Option<&TokenPlace>) -> String {
    match place {
        Some(TokenPlace::Variable(name)) => {
            format!("Put {token} into {} and restart hushwatch", clean(name))
        }
        Some(TokenPlace::File(path)) => format!("Put {token} into {}", clean(path)),
        None => format!(
            "Put {token} into POSTMARK_SERVER_TOKEN, or where its [[server]] says, and restart hushwatch"
        ),
    }
}

/// Returns the class that most of the counted bounces have.
fn main_class(evidence: &Evidence) -> Option<BounceClass> {
    let Evidence::Rate(rate) = evidence else {
        return None;
    };
    let most = rate.classes.iter().max_by_key(|(_, n)| *n);
    most.map(|(class, _)| *class)
}

/// Returns what is asked at the end of a stop that woke people: unless one of them says that it was real, a pause as long is learned as
/// normal. `None` of anything else.
pub(crate) fn verdict_question(incident: &Incident) -> Option<String> {
    let is_stop = incident.rule == Rule::SendSilence && !incident.was_low();
    let is_stop = is_stop && incident.was_seen_to_end();
    let asks = is_stop && incident.severity == Severity::Wake && incident.marked_span().is_some();
    asks.then(|| {
        format!(
            "Was it an outage? Then mark it, else a pause like it counts as normal: hushwatch incident {} --real",
            incident.id
        )
    })
}

/// Returns the class of most bounces, where most of the mail that was not delivered bounced.
fn main_bounce(evidence: &Evidence) -> Option<BounceClass> {
    let (lost, bounced, reasons) = match evidence {
        Evidence::Delivery(of) => (of.unproven, of.bounced, &of.reasons),
        Evidence::DeliveryDrop(of) if of.by_list => return Some(BounceClass::Soft),
        Evidence::DeliveryDrop(of) => (of.lost(), of.bounced, &of.reasons),
        _ => return None,
    };
    let (name, _) = reasons.first().filter(|_| 2 * bounced > lost)?;
    Some(BounceClass::from_type(name))
}

/// Returns the command that belongs to the next step itself.
fn inline_command(incident: &Incident) -> Option<String> {
    let place = place_args(incident);
    let server = shell_quoted(&incident.server.0);
    Some(match incident.rule {
        Rule::SendSilence | Rule::SendDrop if incident.evidence.overdue_burst().is_some() => {
            return None;
        }
        Rule::SendSilence if is_sent_again(incident) && incident.stream.is_some() => {
            format!("hushwatch stats {place} --by-tag --since 2d")
        }
        Rule::SendDrop if incident.stream.is_some() => {
            format!("hushwatch stats {place} --by-tag --since 2d")
        }
        Rule::DeliverySilence | Rule::DeliveryDrop if main_bounce(&incident.evidence).is_some() => {
            let since = hours_since(incident, DAY);
            format!("hushwatch bounces {place} --since {since}")
        }
        Rule::DeliverySilence | Rule::DeliveryDrop => {
            format!("hushwatch messages {place} --limit 10")
        }
        Rule::HardBounceWake | Rule::BounceRate | Rule::DomainBlocks => {
            let since = hours_since(incident, DAY);
            format!("hushwatch bounces {place} --since {since}")
        }
        Rule::SpamRate | Rule::SpamComplaintExternal => match message_id(&incident.evidence) {
            Some(id) => format!("hushwatch message {} --server {server}", shell_quoted(id)),
            None => {
                let since = hours_since(incident, 2 * DAY);
                format!("hushwatch bounces {place} --type SpamComplaint --since {since}")
            }
        },
        Rule::SmtpErrors => refused_command(&server),
        Rule::SuppressedAddress if is_complaint(&incident.evidence) => return None,
        Rule::OperatorBounce if is_temporary(&incident.evidence) => return None,
        Rule::OperatorBounce | Rule::SuppressedAddress => {
            let address = shell_quoted(reactivation(incident)?);
            format!("hushwatch suppressions --server {server} --reactivate {address}")
        }
        Rule::Blind if is_token(incident) && incident.subject() != Subject::Account => {
            "hushwatch doctor".to_owned()
        }
        Rule::ServerChanged | Rule::DnsDrift => {
            format!("hushwatch incident {} --close", incident.id)
        }
        Rule::Blind | Rule::AccountInactive | Rule::SendSilence | Rule::SendDrop | Rule::Canary => {
            return None;
        }
    })
}

/// Returns whether mail is sent again, though less than normal.
fn is_sent_again(incident: &Incident) -> bool {
    matches!(&incident.evidence, Evidence::Silence(silence) if silence.is_over_by(incident.judged_at))
}

/// Returns whether nothing of it goes on, as far as is known: a rate's window is no longer the present one, or mail is delivered again.
fn is_past(incident: &Incident) -> bool {
    incident.again.is_some()
        || matches!(&incident.evidence, Evidence::Rate(rate) if rate.is_long_over_by(incident.judged_at))
}

/// Returns whether the mail that bounced, or was reported, was sent so long ago that it need not be sent any more.
fn is_of_old_mail(incident: &Incident) -> bool {
    matches!(&incident.evidence, Evidence::Rate(rate) if rate.is_of_old_mail(incident.judged_at))
}

/// Returns how far back a command looks, at least `least` and over the window that is told: in whole days to before the first of what
/// happened, where that is over.
fn hours_since(incident: &Incident, least: Duration) -> String {
    let first = incident
        .problem
        .map_or(incident.opened_at, |problem| problem.from);
    let back = match is_past(incident) {
        // The command is run a while after the message was written.
        true => incident.judged_at.since(first) + HOUR,
        false => Duration::ZERO,
    };
    let told = match &incident.evidence {
        Evidence::Rate(rate) => rate.window,
        _ => Duration::ZERO,
    };
    let days = back.max(least).max(told).as_secs().div_ceil(DAY.as_secs());
    format!("{}h", 24 * days)
}

/// Returns the first address that can be reactivated.
fn reactivation(incident: &Incident) -> Option<&str> {
    match &incident.evidence {
        Evidence::Events { recipient, .. } => Some(recipient),
        Evidence::Suppressed { addresses, .. } => {
            let mut reactivable = addresses.iter().filter(|one| !one.is_complaint());
            reactivable.next().map(|one| one.address.as_str())
        }
        _ => None,
    }
}

fn message_id(evidence: &Evidence) -> Option<&str> {
    match evidence {
        Evidence::Events { message, .. } => message.as_deref(),
        _ => None,
    }
}

/// Returns whether every address is suppressed after a complaint of its owner.
fn is_complaint(evidence: &Evidence) -> bool {
    matches!(evidence, Evidence::Suppressed { addresses, .. }
        if !addresses.is_empty() && addresses.iter().all(Suppressed::is_complaint))
}

/// Returns whether several addresses are to be reactivated.
fn is_of_several(evidence: &Evidence) -> bool {
    match evidence {
        Evidence::Events { recipients, .. } => recipients.len() > 1,
        Evidence::Suppressed { addresses, .. } => {
            addresses.iter().filter(|one| !one.is_complaint()).count() > 1
        }
        _ => false,
    }
}

fn is_temporary(evidence: &Evidence) -> bool {
    matches!(
        evidence,
        Evidence::Events {
            class: BounceClass::Soft,
            ..
        }
    )
}

pub(crate) fn is_token(incident: &Incident) -> bool {
    matches!(&incident.evidence, Evidence::Blind(blind) if blind.token)
}

/// Returns the commands that show more, with their arguments.
pub fn commands(incident: &Incident) -> Vec<String> {
    let place = place_args(incident);
    let server = shell_quoted(&incident.server.0);
    let doctor = || "hushwatch doctor".to_owned();
    match incident.rule {
        Rule::BounceRate | Rule::HardBounceWake | Rule::DomainBlocks => {
            let since = hours_since(incident, DAY);
            vec![
                format!("hushwatch bounces {place} --since {since}"),
                doctor(),
            ]
        }
        Rule::SpamRate | Rule::SpamComplaintExternal => {
            let since = hours_since(incident, 2 * DAY);
            vec![format!(
                "hushwatch bounces {place} --type SpamComplaint --since {since}"
            )]
        }
        Rule::SendDrop => vec![
            format!("hushwatch stats {place} --by-tag --since 2d"),
            doctor(),
        ],
        Rule::SendSilence | Rule::DeliverySilence | Rule::DeliveryDrop => {
            vec![format!("hushwatch messages {place} --limit 10"), doctor()]
        }
        Rule::OperatorBounce | Rule::SuppressedAddress => {
            vec![format!("hushwatch suppressions --server {server}")]
        }
        Rule::ServerChanged | Rule::DnsDrift => {
            vec![
                doctor(),
                format!("hushwatch incident {} --close", incident.id),
            ]
        }
        Rule::SmtpErrors => vec![refused_command(&server), doctor()],
        Rule::Blind | Rule::AccountInactive | Rule::Canary => vec![doctor()],
    }
}

/// Returns the command that lists what Postmark refused; its bounces are of one more stream than its messages.
fn refused_command(server: &str) -> String {
    format!("hushwatch bounces --server {server} --type SMTPApiError --since 48h")
}

fn place_args(incident: &Incident) -> String {
    // The commands ask one server, so that of several is one of them.
    let streams = incident.evidence.streams();
    let server = streams.first().map(StreamKey::server);
    let server = shell_quoted(&server.unwrap_or(&incident.server).0);
    match &incident.stream {
        Some(stream) => format!("--server {server} --stream {}", shell_quoted(&stream.0)),
        None => format!("--server {server}"),
    }
}

/// Returns what ends an incident of its rule.
pub fn resolves_when(incident: &Incident) -> &'static str {
    let opened_by = incident.worst.as_ref().unwrap_or(&incident.evidence);
    match incident.rule {
        Rule::SendSilence if opened_by.overdue_burst().is_some() => {
            "With the first burst of at least a third of its usual size."
        }
        Rule::SendDrop if opened_by.overdue_burst().is_some() => {
            "With the first burst of at least a third of its usual size, or once it is late by 28 days and by three times the usual \
             interval: then no more are expected."
        }
        Rule::BounceRate | Rule::SpamRate | Rule::HardBounceWake => {
            "Once the rate was at or below its threshold for one hour. Too little mail to judge counts as below; time that could \
             not be read does not count."
        }
        Rule::SendSilence => {
            "After two to three hours of normal volume; where less than one message is expected in that time, with the first message."
        }
        Rule::SendDrop => "After two to three hours of normal volume.",
        Rule::DeliverySilence => {
            "Once sampled messages that were sent after it opened are delivered, in two polls in a row."
        }
        Rule::DeliveryDrop => {
            "Once the newest sampled messages show that the usual share is delivered again."
        }
        Rule::SuppressedAddress => {
            "Once the address is no longer on the stream's suppression list."
        }
        Rule::ServerChanged => {
            "With the first complete poll of the former server, or once a person accepts the new one."
        }
        Rule::Canary => "Once a newer test mail is delivered.",
        Rule::DnsDrift => {
            "Once every record of the domain is good again, or a person accepts what there is."
        }
        Rule::DomainBlocks => {
            "Once fewer than three recipients were blocked in 24 hours, or less than twice as many as usual."
        }
        Rule::SmtpErrors => "Once the number of that day did not rise for 12 hours.",
        Rule::Blind | Rule::AccountInactive => "With the first complete poll.",
        Rule::SpamComplaintExternal | Rule::OperatorBounce => {
            "After 24 hours without another one; it then closes without a message."
        }
    }
}

/// Returns `name` as a shell takes it.
pub fn shell_quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@+".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_as_a_shell_takes_it() {
        assert_eq!(shell_quoted("shop-2.eu"), "shop-2.eu");
        assert_eq!(shell_quoted("ops@example.com"), "ops@example.com");
        assert_eq!(shell_quoted("Shop $(rm)"), "'Shop $(rm)'");
        assert_eq!(shell_quoted("it's"), "'it'\\''s'");
        assert_eq!(shell_quoted(""), "''");
    }
}
