//! What a problem is compared with, in the reader's terms: one match for open incidents and one for their ends. Scores,
//! limits and intervals are for `explain`.

use crate::model::{DropEvidence, Evidence, Incident, MINUTE, Rule, Subject, Timestamp};
use crate::notify::alert::Style;
use crate::notify::closed::closed_lines;
use crate::notify::delivery::{delivered_of, delivery_context, delivery_drop_context};
use crate::notify::describe::{account_effect, other_server};
use crate::notify::drift::{
    canary_context, dns_context, domain_blocks_context, smtp_errors_context,
};
use crate::notify::link::message_line;
use crate::notify::problem_span::{lasted, problem_span, unread_phrase};
use crate::notify::rate::{rate_context, rate_counts};
use crate::notify::together::{describe_fallen, describe_together};
use crate::text::elide::elide;
use crate::text::format::{approx, approx_percent, format_length, plural, short_range, short_time};
use crate::text::sanitize::clean;

/// The maximum number of domains, or of records, that a line names.
const MAX_STREAMS: usize = 5;

/// Returns what stands beside an open problem at `at`: what is usual, and what else is known of it.
pub(crate) fn context_lines(incident: &Incident, at: Timestamp, style: Style) -> Vec<String> {
    let mut lines = evidence_lines(incident, at, style);
    let unread = unread_phrase(incident, at, style);
    lines.extend(unread.map(|unread| format!("{unread}.")));
    lines
}

fn evidence_lines(incident: &Incident, at: Timestamp, style: Style) -> Vec<String> {
    let time = |instant: Timestamp| short_time(instant, at, style.zone);
    match &incident.evidence {
        Evidence::Rate(rate) => rate_context(incident.rule, rate, at, style),
        Evidence::Silence(silence) => {
            let with_tag = incident.tag.as_ref().map_or("", |_| " with this tag");
            let expected = approx(silence.expected);
            if silence.is_over_by(incident.judged_at) {
                let stop = short_range(silence.gap, at, style.zone);
                return vec![format!(
                    "No message{with_tag} was sent {stop}, when about {expected} would normally have gone out."
                )];
            }
            let last = match silence.last_sent {
                Some(sent) => format!("Last message{with_tag} {}.", time(sent)),
                None => format!("No message{with_tag} is known."),
            };
            // What could not be sent, as by an account that was not active, is not missed.
            let since = match silence.last_sent {
                Some(sent) if sent < silence.gap.from => format!(" {}", time(silence.gap.from)),
                _ => String::new(),
            };
            let missing = match silence.overdue_burst() {
                Some(burst) => format!("{last} As many were last sent {}.", time(burst.last_at)),
                None => {
                    format!("{last} About {expected} would normally have gone out since{since}.")
                }
            };
            std::iter::once(missing)
                .chain(describe_together(incident, silence))
                .collect()
        }
        Evidence::Drop(DropEvidence {
            missing_burst: Some(burst),
            sent,
            ..
        }) => vec![format!(
            "As many were last sent {}; since then {} went out.",
            time(burst.last_at),
            plural(*sent, "other message")
        )],
        Evidence::Drop(drop) => {
            let share = approx_percent(drop.sent as f64 / drop.expected.max(1.0));
            let range = short_range(drop.window, at, style.zone);
            let share = format!("That is {share} of what is normal for {range}.");
            std::iter::once(share)
                .chain(describe_fallen(incident, &drop.streams))
                .collect()
        }
        Evidence::Delivery(delivery) => vec![delivery_context(delivery, at, style)],
        Evidence::DeliveryDrop(drop) => vec![delivery_drop_context(drop, at, style)],
        Evidence::Events {
            times, recipients, ..
        } => events_context(incident, times, recipients.len(), at, style),
        Evidence::Suppressed {
            addresses,
            asked_at,
        } => {
            let stream = incident.stream.as_ref().map_or("", |s| s.0.as_str());
            let since = addresses.iter().filter_map(|s| s.since).min();
            let since = since.map_or_else(String::new, |at| format!(" since {}", time(at)));
            let asked = asked_at.map_or_else(String::new, |at| format!(", checked {}", time(at)));
            vec![format!(
                "On the suppression list of {stream}{since}{asked}."
            )]
        }
        Evidence::Canary(canary) => canary_context(canary, at, style),
        Evidence::SmtpErrors(errors) => smtp_errors_context(errors, at, style),
        Evidence::DomainBlocks(of) => vec![domain_blocks_context(of)],
        Evidence::DnsDrift(of) => dns_context(of, at, style),
        Evidence::ServerChange(change) => {
            let until = change
                .former_seen_at
                .map_or_else(String::new, |seen| format!(" until {}", time(seen)));
            vec![format!(
                "It belonged to server {}{until}. hushwatch cannot read the mail of the former now, and stores nothing of the new one.",
                change.former
            )]
        }
        Evidence::Blind(blind) => {
            let (why, _) = split_remedy(&blind.reason);
            let polls = plural(blind.cycles, "poll");
            let effect = match (incident.rule, blind.limited) {
                (Rule::AccountInactive, _) => None,
                _ if incident.subject() == Subject::Account => account_effect(blind),
                _ if blind.token => Some(
                    "Mail may be fine if the app sends with another token; the missed hours are read once this one works.",
                ),
                (_, true) => {
                    Some("What was read counts; the rest is unknown until a later poll reads it.")
                }
                _ if blind.only_bounces => Some(
                    "Its mail is read and counted; the missed bounces are read once Postmark answers again.",
                ),
                (_, false) => {
                    Some("Mail may be fine; the missed hours are read once Postmark answers again.")
                }
            };
            let since = time(blind.since);
            let reason = format!("Since {since} ({polls}): {}", sentence(&why));
            let effect = effect.map(str::to_owned);
            std::iter::once(reason).chain(effect).collect()
        }
    }
}

/// Splits the reason of a failed poll into what failed and what to do about it, where it says so.
pub(crate) fn split_remedy(reason: &str) -> (String, Option<String>) {
    match reason.rsplit_once("; ") {
        // What Postmark said stands in quotation marks, and is no remedy.
        Some((why, remedy)) if !remedy.contains('"') => (clean(why), Some(clean(remedy))),
        _ => (clean(reason), None),
    }
}

/// Returns `text` with one full stop at its end.
pub(super) fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

/// Returns `text` with a capital at its beginning.
pub(crate) fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(chars).collect()
}

fn events_context(
    incident: &Incident,
    times: &[Timestamp],
    addresses: usize,
    at: Timestamp,
    style: Style,
) -> Vec<String> {
    let Some(newest) = times.last() else {
        return Vec::new();
    };
    let newest = short_time(*newest, at, style.zone);
    let is_complaint = incident.rule == Rule::SpamComplaintExternal;
    let happened = if is_complaint { "Reported" } else { "Bounced" };
    let when = match times.len() {
        1 => format!("{happened} at {newest}."),
        n => format!("{happened} {n} times in 24 h, the last time at {newest}."),
    };
    let follows = if is_complaint {
        format!("{when} Postmark sends nothing more to those who reported it.")
    } else {
        let address = if addresses > 1 {
            "these addresses"
        } else {
            "this address"
        };
        format!("{when} Alarms that are mailed to {address} do not arrive.")
    };
    std::iter::once(follows)
        .chain(message_line(incident))
        .collect()
}

/// Returns how long the problem lasted and how bad it was, for an incident that is over.
pub(crate) fn resolved_lines(incident: &Incident, at: Timestamp, style: Style) -> Vec<String> {
    if incident.is_unwatched() {
        let unknown = "Whether the problem ended is not known.".to_owned();
        let last = last_mail(&incident.evidence, at, style);
        return std::iter::once(unknown).chain(last).collect();
    }
    if incident.closed_by.is_some() {
        return closed_lines(incident, at, style);
    }
    if let Some(level) = incident.evidence.new_level() {
        let (now, before) = (approx(level.per_day), approx(level.per_day_before));
        let since = short_time(level.since, at, style.zone);
        return vec![format!(
            "About {now} messages a day since {since}, {before} before. From now on this is normal."
        )];
    }
    if let Some(burst) = incident.evidence.given_up_burst() {
        let last = short_time(burst.last_at, at, style.zone);
        return vec![format!(
            "As many were last sent {last}; they are expected again once they are sent."
        )];
    }
    let problem = problem_span(incident);
    let lasted = lasted(incident, problem);
    let range = short_range(problem, at, style.zone);
    let worst_phrase = worst_phrase(incident);
    let at_worst = worst_phrase.as_ref();
    let at_worst = at_worst.map_or_else(String::new, |phrase| format!("; {phrase}"));
    let line = match worst(incident) {
        of_burst if of_burst.overdue_burst().is_some() => {
            let missing = worst_phrase.unwrap_or_default();
            format!("{} for {lasted} ({range}).", capitalized(&missing))
        }
        Evidence::Silence(silence) if incident.was_low() => {
            let stopped = format_length(silence.gap);
            let stop = short_range(silence.gap, at, style.zone);
            format!("It was low for {lasted} ({range}); nothing was sent for {stopped} ({stop}).")
        }
        Evidence::Delivery(_) if incident.was_low() => format!(
            "Delivery was low for {lasted} ({range}); for a part of it no sampled message was delivered."
        ),
        Evidence::Rate(_) if problem.length() < MINUTE => {
            let when = short_time(problem.from, at, style.zone);
            format!("It was high at {when}{at_worst}.")
        }
        Evidence::Rate(_) => format!("It was high for {lasted} ({range}){at_worst}."),
        Evidence::Silence(_) => format!("Nothing was sent for {lasted} ({range})."),
        Evidence::Drop(_) => format!("It was low for {lasted} ({range}){at_worst}."),
        Evidence::DeliveryDrop(_) => {
            format!("Delivery was low for {lasted} ({range}){at_worst}.")
        }
        Evidence::Delivery(_) => {
            format!("No sampled message was delivered for {lasted} ({range}).")
        }
        Evidence::Suppressed { .. } => format!("Nothing was sent to them for {lasted} ({range})."),
        Evidence::Events { .. } => {
            let event = match incident.rule {
                Rule::SpamComplaintExternal => "complaint",
                _ => "bounce",
            };
            let events = plural(incident.events, event);
            let when = match problem.length() < MINUTE {
                true => short_time(problem.from, at, style.zone),
                false => range,
            };
            format!("{events} in all ({when}).")
        }
        Evidence::Canary(_) => format!("It was not delivered for {lasted} ({range})."),
        Evidence::DomainBlocks(of) => {
            let domains = elide(of.domains.iter().map(|of| clean(&of.domain)), MAX_STREAMS);
            let recipients = plural(of.blocked(), "recipient");
            format!(
                "They blocked more than usual for {lasted} ({range}); at the worst {recipients} in 24 h at {domains}."
            )
        }
        Evidence::DnsDrift(of) => {
            let records = elide(
                of.broken.iter().map(|fault| fault.record.clone()),
                MAX_STREAMS,
            );
            format!("Broken for {lasted} ({range}): {records}.")
        }
        Evidence::SmtpErrors(errors) => {
            let refused = plural(errors.errors, "message");
            format!("It refused {refused} ({range}).")
        }
        Evidence::ServerChange(change) => {
            let other = other_server(change);
            format!(
                "It belonged to {other} for {lasted} ({range}); nothing of that server was stored."
            )
        }
        Evidence::Blind(blind) => {
            let (why, _) = split_remedy(&blind.reason);
            let why = if why.is_empty() {
                String::new()
            } else {
                format!(": {why}")
            };
            sentence(&format!("The problem lasted {lasted} ({range}){why}"))
        }
    };
    let before = incident.returned_at().map(|returned_at| {
        let time = |instant| short_time(instant, at, style.zone);
        let returned = time(returned_at);
        match problem.until < returned_at {
            // The worst of it was before.
            true => format!("It returned {returned}."),
            false => {
                let began = time(incident.first_began());
                format!("It was there before, from {began} on, and returned {returned}.")
            }
        }
    });
    let unread = unread_phrase(incident, at, style).map(|unread| format!("{unread}."));
    let last = last_mail(&incident.evidence, at, style);
    let first = std::iter::once(line).chain(unread).chain(before);
    let first = first.collect::<Vec<_>>().join(" ");
    std::iter::once(first).chain(last).collect()
}

/// Returns `at its worst 18 of 47 recipients bounced (38%)`; `None` where a length of time says it all.
pub(crate) fn worst_phrase(incident: &Incident) -> Option<String> {
    if let Some(burst) = worst(incident).overdue_burst() {
        let usual = approx(burst.usual as f64);
        return Some(format!("about {usual} messages were missing"));
    }
    match worst(incident) {
        Evidence::Silence(silence) if incident.was_low() => {
            Some(format!("none for {}", format_length(silence.gap)))
        }
        Evidence::Rate(rate) if rate.rate() > rate.threshold => Some(format!(
            "at its worst {} ({})",
            rate_counts(incident.rule, rate),
            approx_percent(rate.rate())
        )),
        Evidence::Drop(drop) if (drop.sent as f64) < drop.expected => Some(format!(
            "at its worst {} of about {}",
            plural(drop.sent, "message"),
            approx(drop.expected)
        )),
        Evidence::DeliveryDrop(drop) if drop.lost() > 0 => {
            Some(format!("at its worst {}", delivered_of(drop)))
        }
        _ => None,
    }
}

/// Returns the evidence of the worst moment, or the latest where none was stored.
pub(crate) fn worst(incident: &Incident) -> &Evidence {
    incident.worst.as_ref().unwrap_or(&incident.evidence)
}

fn last_mail(evidence: &Evidence, at: Timestamp, style: Style) -> Option<String> {
    let (what, last) = match evidence {
        Evidence::Silence(silence) => ("message", silence.last_sent?),
        Evidence::Delivery(delivery) => ("confirmed delivery", delivery.last_delivered?),
        Evidence::DeliveryDrop(drop) => ("confirmed delivery", drop.last_delivered?),
        _ => return None,
    };
    let last = short_time(last, at, style.zone);
    Some(format!("Last {what} {last}."))
}
