//! What a problem is compared with, in the reader's terms: one match for open incidents and one for their ends. Scores,
//! limits and intervals are for `explain`.

use crate::model::{
    BounceClass, Evidence, Incident, IncidentState, RateEvidence, Rule, Span, Subject, Timestamp,
};
use crate::notify::alert::Style;
use crate::notify::describe::{list_types, rate_counts};
use crate::text::format::{
    approx, approx_percent, count, format_duration, plural, short_range, short_time,
};
use crate::text::sanitize::clean;

/// Returns what stands beside an open problem at `at`: what is usual, and what else is known of it.
pub(crate) fn context_lines(incident: &Incident, at: Timestamp, style: Style) -> Vec<String> {
    let time = |instant: Timestamp| short_time(instant, at, style.zone);
    match &incident.evidence {
        Evidence::Rate(rate) => rate_context(incident.rule, rate),
        Evidence::Silence {
            gap,
            last_sent,
            expected,
            ..
        } => {
            let with_tag = incident.tag.as_ref().map_or("", |_| " with this tag");
            let last = match last_sent {
                Some(sent) => format!("Last message{with_tag} {}.", time(*sent)),
                None => format!("No message{with_tag} is known."),
            };
            let expected = approx(*expected);
            vec![if gap.until < incident.judged_at {
                let range = short_range(*gap, at, style.zone);
                format!("{last} About {expected} would normally have gone out {range}.")
            } else {
                format!("{last} About {expected} would normally have gone out since.")
            }]
        }
        Evidence::Drop {
            window,
            sent,
            expected,
            ..
        } => {
            let share = approx_percent(*sent as f64 / expected.max(1.0));
            let range = short_range(*window, at, style.zone);
            vec![format!("That is {share} of what is normal for {range}.")]
        }
        Evidence::Delivery { .. } => vec![delivery_context(&incident.evidence, at, style)],
        Evidence::Events { times, .. } => events_context(incident, times, at, style),
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
        Evidence::Blind {
            since,
            cycles,
            reason,
            limited,
            token,
            ..
        } => {
            let (why, _) = split_remedy(reason);
            let polls = plural(*cycles, "poll");
            let effect = match (incident.rule, limited) {
                (Rule::AccountInactive, _) => None,
                _ if *token && incident.subject() != Subject::Account => Some(
                    "Mail may be fine if the app sends with another token; the missed hours are read once this one works.",
                ),
                (_, true) => {
                    Some("What was read counts; the rest is unknown until a later poll reads it.")
                }
                (_, false) => {
                    Some("Mail may be fine; the missed hours are read once Postmark answers again.")
                }
            };
            let since = time(*since);
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
fn sentence(text: &str) -> String {
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

fn rate_context(rule: Rule, rate: &RateEvidence) -> Vec<String> {
    let mut parts = Vec::new();
    let classes: Vec<String> = rate
        .classes
        .iter()
        .map(|(class, n)| format!("{} {}", count(*n), class_phrase(*class)))
        .collect();
    match (rate.classes.as_slice(), classes.is_empty()) {
        // The first line says that they are hard.
        _ if rule == Rule::HardBounceWake => {}
        ([(class, n)], _) if *n == rate.numerator => {
            parts.push(format!("All {}", class_phrase(*class)));
        }
        (_, false) => parts.push(classes.join(", ")),
        _ => {}
    }
    let domains: Vec<String> = rate
        .domains
        .iter()
        .map(|(domain, n)| format!("{} ({})", clean(domain), count(*n)))
        .collect();
    match rate.domains.as_slice() {
        [] => {}
        [(domain, n)] if *n == rate.numerator => parts.push(format!("all at {}", clean(domain))),
        _ => parts.push(format!("most at {}", domains.join(", "))),
    }
    let mut lines = Vec::new();
    if !parts.is_empty() {
        lines.push(format!("{}.", capitalized(&parts.join("; "))));
    }
    if rate.covered < rate.window {
        let covered = format_duration(rate.covered);
        lines.push(format!("Only {covered} of that time could be read."));
    }
    lines
}

/// Returns what bounces of a class are called.
pub(crate) const fn class_phrase(class: BounceClass) -> &'static str {
    match class {
        BounceClass::Hard => "hard bounces",
        BounceClass::Blocked => "blocked by the receiver",
        BounceClass::Soft => "temporary bounces",
        BounceClass::Complaint => "spam complaints",
        BounceClass::Api => "refused or failed to render",
        BounceClass::Ignored => "auto-replies",
        BounceClass::Other => "of an unknown type",
    }
}

fn delivery_context(evidence: &Evidence, at: Timestamp, style: Style) -> String {
    let Evidence::Delivery {
        unproven,
        bounced,
        reasons,
        queued,
        since,
        last_delivered,
        ..
    } = evidence
    else {
        return String::new();
    };
    let sampled = format!("of the last {} sampled messages", count(*unproven));
    let problem = if queued == unproven {
        format!("All {sampled} are still queued")
    } else if *bounced == 0 {
        format!("None {sampled} was delivered or bounced")
    } else if bounced == unproven {
        // The first line has their number and their types.
        "None of them was delivered".to_owned()
    } else {
        format!(
            "None {sampled} was delivered: {} bounced{}",
            count(*bounced),
            list_types(reasons).replacen(": ", " as ", 1)
        )
    };
    let oldest = since.map_or_else(String::new, |sent| {
        format!(
            "; the oldest was sent {} ago ({})",
            format_duration(at.since(sent)),
            short_time(sent, at, style.zone)
        )
    });
    let last = match last_delivered {
        Some(delivered) => format!(
            "Last confirmed delivery {}.",
            short_time(*delivered, at, style.zone)
        ),
        None => "No delivery was ever confirmed.".to_owned(),
    };
    format!("{problem}{oldest}. {last}")
}

fn events_context(
    incident: &Incident,
    times: &[Timestamp],
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
    vec![if is_complaint {
        format!("{when} Postmark sends nothing more to those who reported it.")
    } else {
        format!("{when} Alarms that are mailed to this address do not arrive.")
    }]
}

/// Returns how long the problem lasted and how bad it was, for an incident that is over.
pub(crate) fn resolved_lines(incident: &Incident, at: Timestamp, style: Style) -> Vec<String> {
    if incident.is_unwatched() {
        let unknown = "Whether the problem ended is not known.".to_owned();
        let last = last_mail(&incident.evidence, at, style);
        return std::iter::once(unknown).chain(last).collect();
    }
    let problem = problem_span(incident);
    let lasted = format_duration(problem.length());
    let range = short_range(problem, at, style.zone);
    let worst_phrase =
        worst_phrase(incident).map_or_else(String::new, |phrase| format!("; {phrase}"));
    let line = match worst(incident) {
        Evidence::Rate(_) => format!("It was high for {lasted} ({range}){worst_phrase}."),
        Evidence::Silence { .. } => format!("Nothing was sent for {lasted} ({range})."),
        Evidence::Drop { .. } => format!("It was low for {lasted} ({range}){worst_phrase}."),
        Evidence::Delivery { .. } => {
            format!("No sampled message was delivered for {lasted} ({range}).")
        }
        Evidence::Suppressed { .. } => format!("Nothing was sent to them for {lasted} ({range})."),
        Evidence::Events { .. } => format!("{} in all.", plural(incident.events, "event")),
        Evidence::Blind { reason, .. } => {
            let (why, _) = split_remedy(reason);
            let why = if why.is_empty() {
                String::new()
            } else {
                format!(": {why}")
            };
            sentence(&format!("The problem lasted {lasted} ({range}){why}"))
        }
    };
    let last = match &incident.evidence {
        Evidence::Silence { .. } | Evidence::Delivery { .. } => {
            last_mail(&incident.evidence, at, style)
        }
        _ => None,
    };
    std::iter::once(line).chain(last).collect()
}

/// Returns `at its worst 18 of 47 messages bounced (38%)`; `None` where a length of time says it all.
pub(crate) fn worst_phrase(incident: &Incident) -> Option<String> {
    match worst(incident) {
        Evidence::Rate(rate) if rate.rate() > rate.threshold => Some(format!(
            "at its worst {} ({})",
            rate_counts(incident.rule, rate),
            approx_percent(rate.rate())
        )),
        Evidence::Drop { sent, expected, .. } if (*sent as f64) < *expected => Some(format!(
            "at its worst {} of about {}",
            plural(*sent, "message"),
            approx(*expected)
        )),
        _ => None,
    }
}

/// Returns the evidence of the worst moment, or the latest where none was stored.
pub(crate) fn worst(incident: &Incident) -> &Evidence {
    incident.worst.as_ref().unwrap_or(&incident.evidence)
}

/// Returns the span in which the problem lasted, which begins before the incident opened and ends before it resolved.
pub(crate) fn problem_span(incident: &Incident) -> Span {
    let resolved_at = match incident.state {
        IncidentState::Resolved { at, .. } => at,
        IncidentState::Open { .. } => incident.judged_at,
    };
    let until = incident.recovered_at.unwrap_or(resolved_at);
    let opened_at = incident.opened_at;
    match worst(incident) {
        Evidence::Silence { gap, .. } if incident.worst.is_some() => *gap,
        Evidence::Drop { window, .. } if incident.worst.is_some() => {
            Span::new(window.from.min(opened_at), until)
        }
        Evidence::Delivery {
            since: Some(since), ..
        } => Span::new((*since).min(opened_at), until),
        Evidence::Blind { since, .. } => Span::new((*since).min(opened_at), until),
        _ => Span::new(opened_at, until),
    }
}

fn last_mail(evidence: &Evidence, at: Timestamp, style: Style) -> Option<String> {
    let time = |instant: &Timestamp| short_time(*instant, at, style.zone);
    match evidence {
        Evidence::Silence { last_sent, .. } => {
            Some(format!("Last message {}.", last_sent.as_ref().map(time)?))
        }
        Evidence::Delivery { last_delivered, .. } => {
            let delivered = last_delivered.as_ref().map(time)?;
            Some(format!("Last confirmed delivery {delivered}."))
        }
        _ => None,
    }
}
