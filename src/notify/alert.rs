//! What is told of one step of an incident.

use chrono_tz::Tz;

use crate::model::{
    Evidence, Incident, IncidentState, Rule, Severity, Step, Suppressed, Tag, Transition,
};
use crate::notify::evidence::{advice, evidence, rate_name, seen};
use crate::notify::{Message, Tone};
use crate::text::format::{
    approx, count, format_duration, format_time, format_time_or_never, format_window, percent,
    plural,
};
use crate::text::sanitize::{clean, mask, truncate};

/// Longest tag that is shown, in characters.
const TAG_CHARS: usize = 60;
/// Longest reason of a suppression that is shown, in characters.
const REASON_CHARS: usize = 30;

/// How a message is to be worded.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// The readers' time zone.
    pub zone: Tz,
    /// Whether recipients are masked.
    pub mask: bool,
}

/// The message of one step.
pub fn alert(transition: &Transition, style: Style) -> Message {
    let incident = &transition.incident;
    let over = transition.step == Step::Resolved;
    let tone = match (over, incident.severity) {
        (true, _) => Tone::Good,
        (false, Severity::Wake) => Tone::Wake,
        (false, Severity::Warn) => Tone::Warn,
    };
    let what = if over {
        ending(incident)
    } else {
        standing(incident, style)
    };
    let prefix = match transition.step {
        Step::Reminded => "still ",
        _ => "",
    };
    let mut lines = vec![if over {
        afterwards(incident, style)
    } else {
        evidence(incident, style)
    }];
    if !over {
        lines.extend(seen(&incident.evidence, style));
        lines.push(format!("What to do: {}", advice(incident)));
    }
    let since = match transition.step {
        Step::Opened => String::new(),
        _ => format!(" · since {}", format_time(incident.opened_at, style.zone)),
    };
    let footer = format!(
        "incident {} · {} {}{since} · judged {} {}{}",
        incident.id,
        incident.rule,
        transition.step.name(),
        format_time(transition.at, style.zone),
        style.zone.name(),
        // A rule of the server judges the polls themselves.
        if incident.rule.is_of_server() {
            ""
        } else {
            " on all polls up to then"
        },
    );
    Message::new(
        tone,
        &format!("{}: {prefix}{what}", place(incident)),
        lines,
        &footer,
    )
}

/// Where it happens: `shop/outbound`, `shop/outbound tag "receipt"`, or `shop`.
pub fn place(incident: &Incident) -> String {
    match (&incident.stream, &incident.tag) {
        (Some(stream), Some(tag)) => {
            format!("{}/{stream} {}", incident.server, tag_name(tag))
        }
        (Some(stream), None) => format!("{}/{stream}", incident.server),
        (None, _) => incident.server.to_string(),
    }
}

/// A tag as it is shown: free text of the sender's, so that it stands in quotes and is cut.
pub fn tag_name(tag: &Tag) -> String {
    format!("tag \"{}\"", truncate(&clean(&tag.0), TAG_CHARS))
}

/// What stands, in half a line: how it was when it was last seen, and what has changed since.
pub fn standing(incident: &Incident, style: Style) -> String {
    let was = summary(incident, style);
    match (&incident.state, &incident.evidence) {
        (
            IncidentState::Open {
                within_since: Some(at),
            },
            _,
        ) => format!(
            "{was}; within bounds since {}",
            format_time(*at, style.zone)
        ),
        (_, Evidence::Silence { gap, .. }) if gap.until < incident.judged_at => {
            format!("{was}; since then some was, not yet as usual")
        }
        _ => was,
    }
}

/// What is wrong, in half a line.
pub fn summary(incident: &Incident, style: Style) -> String {
    match &incident.evidence {
        Evidence::Rate(rate) => {
            let (rate_text, n, d) = (
                percent(rate.rate()),
                count(rate.numerator),
                count(rate.denominator),
            );
            let limit = percent(rate.threshold);
            format!(
                "{} {rate_text} ({n}/{d}) over {}, limit {limit}",
                rate_name(incident.rule),
                format_window(rate.window)
            )
        }
        Evidence::Silence { gap, .. } => {
            format!("no mail sent for {}", format_duration(gap.length()))
        }
        Evidence::Drop {
            window,
            sent,
            expected,
            ..
        } => {
            format!(
                "only {} sent in {}, about {} expected",
                plural(*sent, "message"),
                format_duration(window.length()),
                approx(*expected)
            )
        }
        Evidence::Delivery {
            unproven, queued, ..
        } if queued == unproven => {
            format!("mail stays queued at Postmark, {unproven} of {unproven} followed")
        }
        Evidence::Delivery { unproven, .. } => {
            format!("mail is sent but not delivered, {unproven} of {unproven} followed")
        }
        Evidence::Events {
            recipient,
            recipients,
            class,
            times,
        } => {
            let shown = |address: &String| match style.mask {
                true => mask(address),
                false => address.clone(),
            };
            match incident.rule {
                Rule::SpamComplaintExternal => {
                    format!(
                        "{} from outside, newest from {}",
                        plural(times.len() as u64, "spam complaint"),
                        shown(recipient)
                    )
                }
                _ if recipients.len() > 1 => {
                    let some: Vec<String> = recipients.iter().take(3).map(shown).collect();
                    format!(
                        "mail to {} operator addresses bounced: {}",
                        recipients.len(),
                        some.join(", ")
                    )
                }
                _ => format!(
                    "mail to the operator address {} bounced ({})",
                    shown(recipient),
                    class.name()
                ),
            }
        }
        Evidence::Suppressed { addresses, .. } => suppressed(addresses, style),
        Evidence::Blind { reason, .. } if incident.rule == Rule::AccountInactive => {
            format!("Postmark refuses for a reason of the account: {reason}")
        }
        Evidence::Blind { token: true, .. } if incident.server.is_account() => {
            "cannot list the account's servers: its token is missing or refused".to_owned()
        }
        Evidence::Blind { .. } if incident.server.is_account() => {
            "cannot list the account's servers".to_owned()
        }
        Evidence::Blind { token: true, .. } => {
            "cannot see this server: its token is missing or refused".to_owned()
        }
        Evidence::Blind { limited: true, .. } => {
            "more mail than the requests of a poll can read".to_owned()
        }
        Evidence::Blind { .. } => "cannot see this server".to_owned(),
    }
}

/// `the operator address o***@example.com (HardBounce) is suppressed and gets no mail`.
fn suppressed(addresses: &[Suppressed], style: Style) -> String {
    let shown = |s: &Suppressed| {
        let address = match style.mask {
            true => mask(&s.address),
            false => s.address.clone(),
        };
        format!("{address} ({})", truncate(&clean(&s.reason), REASON_CHARS))
    };
    match addresses {
        [one] => format!(
            "the operator address {} is suppressed and gets no mail",
            shown(one)
        ),
        many => {
            let some: Vec<String> = many.iter().take(3).map(shown).collect();
            format!(
                "{} operator addresses are suppressed and get no mail: {}",
                many.len(),
                some.join(", ")
            )
        }
    }
}

/// How it ended, in half a line.
pub(crate) fn ending(incident: &Incident) -> String {
    if incident.is_unwatched() {
        let why = match (&incident.stream, &incident.tag) {
            (_, Some(_)) => "the tag was not used for four weeks, or its stream is gone",
            (Some(_), None) => "the stream or its server is gone",
            (None, None) => "the server is gone",
        };
        return format!("no longer watched: {why}");
    }
    let lasted = match incident.state {
        IncidentState::Resolved { at, .. } => format_duration(at.since(incident.opened_at)),
        IncidentState::Open { .. } => String::new(),
    };
    format!("{}, after {lasted}", good_again(incident.rule))
}

/// What is so again when a rule is no longer broken.
pub(crate) const fn good_again(rule: Rule) -> &'static str {
    match rule {
        Rule::Blind => "can be seen again",
        Rule::AccountInactive => "Postmark answers for the account again",
        Rule::SendSilence => "mail is being sent again",
        Rule::SendDrop => "volume is back to normal",
        Rule::DeliverySilence => "mail is being delivered again",
        Rule::SpamComplaintExternal | Rule::OperatorBounce => "no further event for a day",
        Rule::SuppressedAddress => "the operator's addresses get mail again",
        Rule::BounceRate => "bounce rate back within bounds",
        Rule::SpamRate => "spam complaint rate back within bounds",
        Rule::HardBounceWake => "hard bounce rate back within bounds",
    }
}

/// What an end rests on.
fn afterwards(incident: &Incident, style: Style) -> String {
    match &incident.evidence {
        Evidence::Silence { last_sent, .. } if incident.is_unwatched() => {
            format!("Last mail {}", format_time_or_never(*last_sent, style.zone))
        }
        Evidence::Silence { last_sent, .. } => {
            format!(
                "Mail flows as usual again; last mail {}",
                format_time_or_never(*last_sent, style.zone)
            )
        }
        Evidence::Drop { .. } => "About as much is sent as expected again".to_owned(),
        Evidence::Delivery { last_delivered, .. } => format!(
            "SampledMessage mail sent since it opened was delivered; last delivery {}",
            format_time_or_never(*last_delivered, style.zone)
        ),
        _ => evidence(incident, style),
    }
}
