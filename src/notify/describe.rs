//! What is wrong, or no longer wrong, in half a line: one match per question, with an arm for each rule.

use crate::model::{
    AccountReach, BlindEvidence, BlockingDomain, BounceClass, CanaryEvidence, CanaryOutcome,
    DnsDriftEvidence, DomainBlocksEvidence, Evidence, HOUR, Incident, IncidentState, MissingBurst,
    MissingStreams, NewLevel, Rule, SameServer, ServerChange, Span, StreamId, Subject, Suppressed,
    Timestamp,
};
use crate::notify::alert::Style;
use crate::notify::closed::closed_headline;
use crate::notify::context::worst;
use crate::notify::delivery::{describe_delivered_again, describe_delivery_drop};
use crate::notify::phrase::recovery_phrase;
use crate::notify::rate::{describe_rate, has_none_since, past_window};
use crate::notify::together::describe_silent;
use crate::notify::unjudged::{describe_unjudged, is_quiet_week, is_unjudged};
use crate::text::elide::{elide, elide_and};
use crate::text::format::{approx, approx_percent, count, format_length, plural, short_time};
use crate::text::sanitize::{clean, mask, truncate};

/// The maximum number of characters of a suppression's reason that are shown.
const MAX_REASON_CHARS: usize = 30;
/// The maximum number of characters of what another server is called.
const MAX_SERVER_CHARS: usize = 60;
/// What is said of a server whose mail reaches nobody.
pub(crate) const SANDBOX: &str = "a Sandbox server, Postmark delivers nothing that it sends";
/// What is said where nothing is done: the variable's name is the remedy.
pub(crate) const SWITCHED_OFF: &str =
    "switched off by FLAG_POSTMARK_DELIVERY_MONITOR: nothing is polled, and nobody is alerted";
/// The maximum number of names of one server that a line names.
const MAX_SAME_SERVERS: usize = 5;
/// The maximum number of streams that a line names, of those that there are and of those that there are not.
const MAX_STREAMS: usize = 5;
/// The maximum number of recipient domains that a line names, and of characters of each.
const MAX_DOMAINS: usize = 3;
const MAX_DOMAIN_CHARS: usize = 60;
/// The maximum number of addresses that a line names.
const MAX_ADDRESSES: usize = 3;
/// The maximum number of servers of the account that are named of those that cannot be seen.
const MAX_ACCOUNT_SERVERS: usize = 3;

/// Returns that several names are one server, and what to do.
pub fn describe_same_server(same: &SameServer) -> String {
    let names = same.names.iter().map(|name| name.0.clone());
    format!(
        "{} are the same Postmark server (number {}): its mail counts once, but it is polled and alerted on under each name, and another \
         server may not be watched at all; keep one of these [[server]], or correct the token of the others",
        elide_and(names, MAX_SAME_SERVERS),
        same.number
    )
}

/// Returns that names of streams are of none, what there is, and what to do.
pub fn describe_missing_streams(of: &MissingStreams) -> String {
    let quoted = |id: &StreamId| format!("`{}`", clean(&id.0));
    let there = match of.listed.as_slice() {
        [] => "Postmark lists none".to_owned(),
        listed => format!(
            "there is {}",
            elide_and(listed.iter().map(quoted), MAX_STREAMS)
        ),
    };
    let missing = elide_and(of.missing.iter().map(quoted), MAX_STREAMS);
    let (do_not, are, them, names) = match of.missing.len() {
        1 => ("does not", "is", "it", "the name"),
        _ => ("do not", "are", "them", "the names"),
    };
    format!(
        "{}: {missing} in `streams` {do_not} exist or {are} archived, so nothing watches {them}; {there}; correct {names}, or leave \
         `streams` out to watch every stream",
        of.server
    )
}

/// Returns what is wrong for whoever reads it at an instant that is not known: of a rate with the times of its window.
pub fn describe_dated(incident: &Incident, style: Style) -> String {
    describe_open_at(incident, incident.judged_at + HOUR, style)
}

/// Returns what is wrong, as it was last seen, and what has changed since; as it is read at `at`, which may be later than it was judged.
pub fn describe_open_at(incident: &Incident, at: Timestamp, style: Style) -> String {
    if let Some(again) = incident.again.filter(|_| incident.is_open()) {
        return describe_delivered_again(incident, again, at, style);
    }
    let problem = describe_at(incident, at, style);
    match (&incident.state, &incident.evidence) {
        // That says as much.
        (_, Evidence::Rate(rate)) if has_none_since(incident, rate, at) => problem,
        (
            IncidentState::Open {
                within_since: Some(within),
            },
            _,
        ) => {
            let since = short_time(*within, at, style.zone);
            format!("{problem}; back to normal since {since}, to be confirmed")
        }
        (_, Evidence::Silence(silence)) if silence.is_over_by(incident.judged_at) => {
            let stopped = format_length(silence.gap);
            format!("mail is sent again after {stopped} without any, still below normal")
        }
        (_, Evidence::Drop(drop)) if drop.window.until < incident.judged_at => {
            format!("{problem}; still low")
        }
        _ => problem,
    }
}

/// Returns what was wrong at its worst, of an incident that is over, as it is read at `at`.
pub fn describe_worst(incident: &Incident, at: Timestamp, style: Style) -> String {
    let at_worst = Incident {
        evidence: worst(incident).clone(),
        ..incident.clone()
    };
    describe_at(&at_worst, at, style)
}

/// Returns what is wrong, as it is read at `at`: `no mail sent for 1 h 3 min`.
pub(crate) fn describe_at(incident: &Incident, at: Timestamp, style: Style) -> String {
    if let Some(burst) = incident.evidence.overdue_burst() {
        return describe_burst(burst, missing_until(incident), at, style);
    }
    match &incident.evidence {
        Evidence::Rate(rate) => describe_rate(incident, rate, at, style),
        Evidence::Silence(silence) => {
            let stopped = format_length(silence.gap);
            match silence.streams.len() {
                0 => format!("no mail sent for {stopped}"),
                streams => format!("no mail sent for {stopped} on any of {streams} streams"),
            }
        }
        Evidence::Drop(drop) => format!(
            "{} sent in {}, about {} would be normal",
            plural(drop.sent, "message"),
            format_length(drop.window),
            approx(drop.expected)
        ),
        Evidence::Delivery(delivery) if delivery.queued == delivery.unproven => {
            "mail stays in Postmark's queue".to_owned()
        }
        Evidence::Delivery(delivery) if delivery.bounced == delivery.unproven => format!(
            "all {} sampled messages bounced{}",
            delivery.unproven,
            list_types(&delivery.reasons)
        ),
        Evidence::DeliveryDrop(drop) => describe_delivery_drop(drop),
        // Most bounces came hours after the mail.
        Evidence::Delivery(delivery) if 2 * delivery.bounced > delivery.unproven => format!(
            "none of {} sampled messages was delivered, {} bounced{}",
            count(delivery.unproven),
            count(delivery.bounced),
            list_types(&delivery.reasons)
        ),
        Evidence::Delivery(_) => "mail leaves Postmark's queue but is not delivered".to_owned(),
        Evidence::Events { .. } => describe_events(incident, style),
        Evidence::Suppressed { addresses, .. } => describe_suppressed(addresses),
        Evidence::Blind(blind) => describe_blind(incident, blind),
        Evidence::Canary(canary) => describe_canary(canary),
        Evidence::DomainBlocks(of) => describe_blocks(of),
        Evidence::DnsDrift(of) => describe_dns(of),
        Evidence::SmtpErrors(errors) => format!(
            "Postmark refused {} sent by SMTP",
            plural(errors.errors, "message")
        ),
        Evidence::ServerChange(change) => format!(
            "its token belongs to another Postmark server, {}",
            other_server(change)
        ),
    }
}

/// Returns up to when it is known that what was due was missing.
fn missing_until(incident: &Incident) -> Timestamp {
    match incident.state {
        IncidentState::Open { within_since } => within_since.unwrap_or(incident.judged_at),
        IncidentState::Resolved { at, .. } => {
            let over = incident.recovered_at.unwrap_or(incident.judged_at);
            over.min(at)
        }
    }
}

/// Returns what did not come, and how late it was when it was last known to be missing; as it is read at `at`.
fn describe_burst(
    burst: MissingBurst,
    missing_until: Timestamp,
    at: Timestamp,
    style: Style,
) -> String {
    format!(
        "about {} messages due {} were not sent ({} late)",
        approx(burst.usual as f64),
        short_time(burst.due_at, at, style.zone),
        format_length(Span::new(burst.due_at, missing_until.min(at)))
    )
}

fn describe_dns(of: &DnsDriftEvidence) -> String {
    match of.broken.as_slice() {
        [one] => format!("the {} {}", one.record, clean(&one.why)),
        several => format!(
            "{} of its mail are broken: {}",
            plural(several.len() as u64, "record"),
            elide(
                several.iter().map(|fault| fault.record.clone()),
                MAX_DOMAINS
            )
        ),
    }
}

fn describe_blocks(of: &DomainBlocksEvidence) -> String {
    let domain = |of: &BlockingDomain| truncate(&clean(&of.domain), MAX_DOMAIN_CHARS);
    match of.domains.as_slice() {
        [one] => format!(
            "{} blocks mail: {} in 24 h, usually {}",
            domain(one),
            plural(one.blocked, "recipient"),
            usual_blocks(one)
        ),
        several => {
            let each = several.iter();
            let each = each.map(|of| format!("{} ({})", domain(of), count(of.blocked)));
            format!(
                "{} blocked mail in 24 h: {}",
                plural(several.len() as u64, "recipient domain"),
                elide(each, MAX_DOMAINS)
            )
        }
    }
}

/// Returns how many recipients a domain usually blocks: `none`, or `about 2`.
pub(crate) fn usual_blocks(of: &BlockingDomain) -> String {
    match of.expected {
        none if none < 0.05 => "none".to_owned(),
        few if few < 1.0 => "less than one".to_owned(),
        many => format!("about {}", approx(many)),
    }
}

fn describe_canary(canary: &CanaryEvidence) -> String {
    match &canary.outcome {
        CanaryOutcome::Pending if canary.message.is_none() => {
            "Postmark confirms no test mail".to_owned()
        }
        CanaryOutcome::Pending => "its test mail is not delivered".to_owned(),
        CanaryOutcome::Delivered => "its test mail is delivered".to_owned(),
        CanaryOutcome::Bounced => "its test mail bounced".to_owned(),
        CanaryOutcome::Refused(_) => "Postmark refuses its test mail".to_owned(),
    }
}

/// Returns what people call the server that answers: `staging (server 9708912)`.
pub(crate) fn other_server(change: &ServerChange) -> String {
    truncate(&clean(&change.current_label()), MAX_SERVER_CHARS)
}

/// Returns `: DMARCPolicy`, or `: DMARCPolicy 4, SoftBounce 1`; nothing where no type is known.
pub(crate) fn list_types(reasons: &[(String, u64)]) -> String {
    match reasons {
        [] => String::new(),
        [(only, _)] => format!(": {only}"),
        several => {
            let shown = several.iter().take(3);
            let shown: Vec<String> = shown
                .map(|(name, n)| format!("{name} {}", count(*n)))
                .collect();
            format!(": {}", shown.join(", "))
        }
    }
}

fn describe_events(incident: &Incident, style: Style) -> String {
    let Evidence::Events {
        recipient,
        recipients,
        class,
        times,
        ..
    } = &incident.evidence
    else {
        return String::new();
    };
    // Those of operators are no secret of anybody's, and who reads must know which is meant.
    match (incident.rule, times.len()) {
        (Rule::SpamComplaintExternal, 0 | 1) => {
            format!("{} reported a message as spam", shown(recipient, style))
        }
        (Rule::SpamComplaintExternal, reports) => format!(
            "{} from outside, the newest by {}",
            plural(reports as u64, "spam complaint"),
            shown(recipient, style)
        ),
        _ if recipients.len() > 1 => format!(
            "mail to {} operator addresses bounced: {}",
            recipients.len(),
            elide(recipients.iter().map(|r| clean(r)), MAX_ADDRESSES)
        ),
        (_, bounces) => {
            let class = match class {
                BounceClass::Soft => "temporary",
                class => class.name(),
            };
            let times = (bounces > 1).then(|| format!(" {bounces} times"));
            let (times, address) = (times.unwrap_or_default(), clean(recipient));
            format!("mail to the operator address {address} bounced{times} ({class})")
        }
    }
}

fn describe_suppressed(addresses: &[Suppressed]) -> String {
    let with_reason = |s: &Suppressed| {
        let reason = truncate(&clean(&s.reason), MAX_REASON_CHARS);
        format!("{} ({reason})", clean(&s.address))
    };
    match addresses {
        [one] => format!("Postmark no longer sends to {}", with_reason(one)),
        many => format!(
            "Postmark no longer sends to {} operator addresses: {}",
            many.len(),
            elide(many.iter().map(with_reason), MAX_ADDRESSES)
        ),
    }
}

fn describe_blind(incident: &Incident, blind: &BlindEvidence) -> String {
    let problem = match (incident.rule, incident.subject()) {
        (Rule::AccountInactive, _) => "Postmark refuses requests: the account is not active",
        (_, Subject::Account) => return describe_account(blind),
        _ if blind.token => {
            "the API token is missing or refused, hushwatch cannot see this server's mail"
        }
        _ if blind.limited => "more mail than one poll can read",
        _ if blind.only_bounces => {
            "hushwatch cannot read this server's bounces and complaints from Postmark"
        }
        _ => "hushwatch cannot read this server's mail from Postmark",
    };
    problem.to_owned()
}

/// Returns what is wrong with the list of the account's servers, and with it with their mail.
fn describe_account(blind: &BlindEvidence) -> String {
    let list = match blind.token {
        true => "the account token is missing or refused, its servers cannot be listed",
        false => "hushwatch cannot list its servers",
    };
    match &blind.account {
        AccountReach::Known | AccountReach::Never => list.to_owned(),
        AccountReach::Empty => "no server is watched".to_owned(),
        AccountReach::Without(servers) => {
            let names = servers.iter().map(|name| clean(&name.0));
            let mail = elide_and(names, MAX_ACCOUNT_SERVERS);
            match blind.token {
                true => format!(
                    "the account token is missing or refused, hushwatch cannot see the mail of {mail}"
                ),
                false => format!("hushwatch cannot see the mail of {mail}"),
            }
        }
    }
}

/// Returns what it means that the servers of the account could not be listed; `None` where the next step says so.
pub(super) const fn account_effect(blind: &BlindEvidence) -> Option<&'static str> {
    match blind.account {
        AccountReach::Known if blind.token => None,
        AccountReach::Known => {
            Some("Servers known from before are still watched; new ones are not.")
        }
        AccountReach::Without(_) => Some(
            "Their tokens come with the list of the account's servers, which could not be read; the missed hours are read once it is.",
        ),
        AccountReach::Never => Some("No server of the account is watched before it is."),
        AccountReach::Empty => Some("Nobody would hear of mail that stops."),
    }
}

pub(crate) fn shown(address: &str, style: Style) -> String {
    if style.mask {
        mask(address)
    } else {
        clean(address)
    }
}

/// Returns at which part of the volume before it the level is that became normal.
pub(crate) fn describe_settled(level: NewLevel) -> String {
    let share = approx_percent(level.per_day / level.per_day_before.max(1e-9));
    format!("sending has settled at {share} of what it was")
}

/// Returns which burst is no longer expected.
pub(crate) fn describe_given_up(burst: MissingBurst, at: Timestamp, style: Style) -> String {
    let usual = approx(burst.usual as f64);
    let due = short_time(burst.due_at, at, style.zone);
    format!("about {usual} messages due {due} are no longer expected")
}

/// Returns how it ended, as it is read at `at`: what is back to normal, or why it is no longer watched.
pub fn describe_resolved(incident: &Incident, at: Timestamp, style: Style) -> String {
    if incident.is_unwatched() {
        let why = match (&incident.stream, &incident.tag) {
            _ if incident.is_disabled() => "its rule was switched off",
            (_, Some(_)) => "the tag was unused for four weeks or its stream is gone",
            _ if incident.rule == Rule::DnsDrift => "no mail of this domain was seen for a week",
            (Some(_), None) => "the stream or its server is gone or left out",
            _ if incident.subject() == Subject::Account => "no account token is set",
            (None, None) => "the server is gone or left out",
        };
        return format!("no longer watched, {why}");
    }
    if let Some(closed) = closed_headline(incident) {
        return closed;
    }
    let phrase = match incident.subject() {
        Subject::Account if incident.rule == Rule::Blind => match worst(incident) {
            Evidence::Blind(BlindEvidence {
                account: AccountReach::Without(_) | AccountReach::Empty,
                ..
            }) => "its servers are watched again",
            _ => "hushwatch can list its servers again",
        },
        _ => recovery_phrase(incident.rule),
    };
    if let Some(level) = incident.evidence.new_level() {
        return describe_settled(level);
    }
    if let Some(burst) = incident.evidence.given_up_burst() {
        return describe_given_up(burst, at, style);
    }
    match &incident.evidence {
        Evidence::Rate(rate) => {
            let window = past_window(rate, at, style);
            if is_unjudged(rate) || (window.is_none() && is_quiet_week(rate)) {
                return describe_unjudged(incident, rate, window.as_deref());
            }
            let window = window.map_or_else(String::new, |window| format!(", {window}"));
            format!(
                "{phrase} to {} ({} of {}{window})",
                approx_percent(rate.rate()),
                count(rate.numerator),
                count(rate.denominator)
            )
        }
        Evidence::Silence(silence) => {
            format!("{phrase}{}", describe_silent(incident, silence))
        }
        _ => phrase.to_owned(),
    }
}
