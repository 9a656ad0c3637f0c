//! What is told of one step of an incident.

use chrono_tz::Tz;

use crate::message::text::{clean, mask, truncate};
use crate::message::words::{about, count, counted, percent, span, when, when_or_never, window};
use crate::message::{Message, Tone};
use crate::model::{
    Evidence, Incident, IncidentState, RateEvidence, Rule, Severity, Step, Tag, Transition,
};

/// Longest tag that is shown, in characters.
const TAG_CHARS: usize = 60;

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
        _ => format!(" · since {}", when(incident.opened_at, style.zone)),
    };
    let footer = format!(
        "incident {} · {} {}{since} · judged {} {}{}",
        incident.id,
        incident.rule,
        transition.step.name(),
        when(transition.at, style.zone),
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
        ) => format!("{was}; within bounds since {}", when(*at, style.zone)),
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
                window(rate.window)
            )
        }
        Evidence::Silence { gap, .. } => format!("no mail sent for {}", span(gap.length())),
        Evidence::Drop {
            window,
            sent,
            expected,
            ..
        } => {
            format!(
                "only {} sent in {}, about {} expected",
                counted(*sent, "message"),
                span(window.length()),
                about(*expected)
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
                        counted(times.len() as u64, "spam complaint"),
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
        Evidence::Blind { reason, .. } if incident.rule == Rule::AccountInactive => {
            format!("Postmark refuses for a reason of the account: {reason}")
        }
        Evidence::Blind { token: true, .. } => {
            "cannot see this server: its token is missing or refused".to_owned()
        }
        Evidence::Blind { .. } => "cannot see this server".to_owned(),
    }
}

const fn rate_name(rule: Rule) -> &'static str {
    match rule {
        Rule::SpamRate => "spam complaint rate",
        Rule::HardBounceWake => "hard bounce rate",
        _ => "bounce rate",
    }
}

fn ending(incident: &Incident) -> String {
    if let IncidentState::Resolved {
        unwatched: true, ..
    } = incident.state
    {
        return match incident.tag {
            Some(_) => "no longer watched: the tag was not used for four weeks".to_owned(),
            None => "no longer watched: Postmark does not list the stream any more".to_owned(),
        };
    }
    let lasted = match incident.state {
        IncidentState::Resolved { at, .. } => span(at.since(incident.opened_at)),
        IncidentState::Open { .. } => String::new(),
    };
    let what = match incident.rule {
        Rule::Blind => "can be seen again",
        Rule::AccountInactive => "Postmark answers for the account again",
        Rule::SendSilence => "mail is being sent again",
        Rule::SendDrop => "volume is back to normal",
        Rule::DeliverySilence => "mail is being delivered again",
        Rule::SpamComplaintExternal | Rule::OperatorBounce => "no further event for a day",
        rule => return format!("{} back within bounds after {lasted}", rate_name(rule)),
    };
    format!("{what}, after {lasted}")
}

/// What an end rests on.
fn afterwards(incident: &Incident, style: Style) -> String {
    let unwatched = matches!(
        incident.state,
        IncidentState::Resolved {
            unwatched: true,
            ..
        }
    );
    match &incident.evidence {
        Evidence::Silence { last_sent, .. } if unwatched => {
            format!("Last mail {}", when_or_never(*last_sent, style.zone))
        }
        Evidence::Silence { last_sent, .. } => {
            format!(
                "Mail flows as usual again; last mail {}",
                when_or_never(*last_sent, style.zone)
            )
        }
        Evidence::Drop { .. } => "About as much is sent as expected again".to_owned(),
        Evidence::Delivery { last_delivered, .. } => format!(
            "Followed mail sent since it opened was delivered; last delivery seen {}",
            when_or_never(*last_delivered, style.zone)
        ),
        _ => evidence(incident, style),
    }
}

/// `about 2.3 times`, `less than once in 10 years`.
fn how_often(times: f64) -> String {
    if times >= 0.95 {
        format!("about {} times a year", about(times))
    } else {
        let years = (1.0 / times.max(1e-3)).round();
        format!("less than once in {}", counted(years as u64, "year"))
    }
}

/// The numbers that it rests on.
fn evidence(incident: &Incident, style: Style) -> String {
    let here = match incident.tag {
        Some(_) => "with this tag",
        None => "in this stream",
    };
    match &incident.evidence {
        Evidence::Rate(rate) => rate_line(incident.rule, rate),
        Evidence::Silence {
            last_sent,
            expected,
            surprise,
            threshold,
            longest_before,
            times_a_year,
            false_alarms_per_year,
            ..
        } => {
            format!(
                "Last mail {}; since then about {} expected. Such a gap is to be expected {} {here}; it measures \
                 {surprise:.1} against a limit of {threshold:.1} (longest before {longest_before:.1}), set for at most {} false \
                 silence alarms a year",
                when_or_never(*last_sent, style.zone),
                about(*expected),
                how_often(*times_a_year),
                about(*false_alarms_per_year),
            )
        }
        Evidence::Drop {
            window: of,
            sent,
            expected,
            times_a_year,
            false_alarms_per_year,
            ..
        } => format!(
            "{} sent in the {} up to {}, about {} expected ({}). Such a dip is to be expected {} in this stream; the limit is \
             set for at most {} false silence alarms a year",
            count(*sent),
            span(of.length()),
            when(of.until, style.zone),
            about(*expected),
            percent(*sent as f64 / expected.max(1.0)),
            how_often(*times_a_year),
            about(*false_alarms_per_year),
        ),
        Evidence::Delivery {
            unproven,
            needed,
            since,
            last_delivered,
            ..
        } => format!(
            "{unproven} followed messages in a row without delivery or bounce (limit {needed}){}; last delivery seen {}",
            since.map_or_else(String::new, |at| format!(
                ", the oldest sent {}",
                when(at, style.zone)
            )),
            when_or_never(*last_delivered, style.zone),
        ),
        Evidence::Events { times, .. } => format!(
            "{} in the last 24h, newest {}",
            counted(times.len() as u64, "event"),
            when_or_never(times.last().copied(), style.zone),
        ),
        Evidence::Blind { cycles: 0, .. } => "The last poll was complete".to_owned(),
        Evidence::Blind {
            since,
            cycles,
            reason,
            ..
        } => format!(
            "{reason}. {} without a complete poll{} {}. Nothing is known of this server's mail since then: this is not silence",
            counted(*cycles, "cycle"),
            if *cycles == 1 {
                ","
            } else {
                " in a row, the first"
            },
            when(*since, style.zone),
        ),
    }
}

fn rate_line(rule: Rule, rate: &RateEvidence) -> String {
    let name = rate_name(rule);
    let (low, high) = rate.interval;
    let partly = if rate.covered < rate.window {
        format!(", of which {} could be seen", span(rate.covered))
    } else {
        String::new()
    };
    format!(
        "{}{} over the last {}{partly}: {} ({}/{}), 95% interval {} to {}, limit {}, floor {}",
        name[..1].to_uppercase(),
        &name[1..],
        window(rate.window),
        percent(rate.rate()),
        count(rate.numerator),
        count(rate.denominator),
        percent(low),
        percent(high),
        percent(rate.threshold),
        count(rate.floor),
    )
}

/// What else is known: causes, domains, last mail and delivery.
fn seen(evidence: &Evidence, style: Style) -> Vec<String> {
    let Evidence::Rate(rate) = evidence else {
        return Vec::new();
    };
    let list = |pairs: Vec<String>| pairs.join(", ");
    let mut lines = Vec::new();
    let classes = list(
        rate.classes
            .iter()
            .map(|(class, n)| format!("{} {}", class.name(), count(*n)))
            .collect(),
    );
    let domains = list(
        rate.domains
            .iter()
            .map(|(domain, n)| format!("{domain} {}", count(*n)))
            .collect(),
    );
    match (classes.is_empty(), domains.is_empty()) {
        (false, false) => lines.push(format!("By cause: {classes}. Most at {domains}")),
        (false, true) => lines.push(format!("By cause: {classes}")),
        _ => {}
    }
    lines.push(format!(
        "Last mail {}, last delivery seen {}",
        when_or_never(rate.last_sent, style.zone),
        when_or_never(rate.last_delivered, style.zone),
    ));
    lines
}

/// The next step of the runbook.
fn advice(incident: &Incident) -> &'static str {
    match incident.rule {
        Rule::AccountInactive => {
            "open the account in Postmark; sending is stopped until Postmark's support or billing lifts it"
        }
        Rule::Blind => match &incident.evidence {
            Evidence::Blind { token: true, .. } => {
                "put the server's token where hushwatch reads it; mail itself may be fine, or fail for the same token"
            }
            _ => {
                "check the network of this host and status.postmarkapp.com; mail itself may be fine"
            }
        },
        Rule::SendSilence if incident.tag.is_some() => {
            "see whether the application still sends this kind of mail, and still under this tag; other mail of the stream may be \
             fine. A tag that stays away for four weeks is no longer watched"
        }
        Rule::SendSilence => {
            "send a test mail from the application; check its queue, its Postmark token, and errors 406 and 422 in its log"
        }
        Rule::SendDrop => {
            "check which kind of mail is missing: a job that no longer runs, a queue that is stuck"
        }
        Rule::DeliverySilence => {
            "look at the newest messages in Postmark's activity and at status.postmarkapp.com"
        }
        Rule::HardBounceWake => {
            "stop the list that is being sent to; Postmark suspends senders at such rates"
        }
        Rule::BounceRate => {
            "look at the bounces' causes: a bad list (hard), or a receiver that refuses you (blocked; check DKIM and DMARC)"
        }
        Rule::SpamRate => {
            "find the mail that was complained of by its tag, and stop it; Gmail's complaints are not among these"
        }
        Rule::SpamComplaintExternal => {
            "see which mail it was; the address is suppressed now and cannot be reactivated"
        }
        Rule::OperatorBounce => {
            "fix the mailbox, then reactivate the address in Postmark: it is suppressed and gets no alarms"
        }
    }
}
