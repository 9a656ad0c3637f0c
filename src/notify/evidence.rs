//! What a step of an incident rests on, and what to do about it, in sentences.

use crate::model::{Evidence, Incident, RateEvidence, Rule, Suppressed, Timestamp};
use crate::notify::alert::Style;
use crate::text::format::{
    approx, count, format_duration, format_time, format_time_or_never, format_window, percent,
    plural,
};

pub(crate) const fn rate_name(rule: Rule) -> &'static str {
    match rule {
        Rule::SpamRate => "spam complaint rate",
        Rule::HardBounceWake => "hard bounce rate",
        _ => "bounce rate",
    }
}

/// `about 2.3 times`, `less than once in 10 years`.
fn how_often(times: f64) -> String {
    if times >= 0.95 {
        format!("about {} times a year", approx(times))
    } else {
        let years = (1.0 / times.max(1e-3)).round();
        format!("less than once in {}", plural(years as u64, "year"))
    }
}

/// The numbers that it rests on.
pub(crate) fn evidence(incident: &Incident, style: Style) -> String {
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
                format_time_or_never(*last_sent, style.zone),
                approx(*expected),
                how_often(*times_a_year),
                approx(*false_alarms_per_year),
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
            format_duration(of.length()),
            format_time(of.until, style.zone),
            approx(*expected),
            percent(*sent as f64 / expected.max(1.0)),
            how_often(*times_a_year),
            approx(*false_alarms_per_year),
        ),
        Evidence::Delivery {
            unproven,
            needed,
            since,
            last_delivered,
            ..
        } => format!(
            "{unproven} followed messages in a row without delivery or bounce (limit {needed}){}; last delivery {}",
            since.map_or_else(String::new, |at| format!(
                ", the oldest sent {}",
                format_time(at, style.zone)
            )),
            format_time_or_never(*last_delivered, style.zone),
        ),
        Evidence::Events { times, .. } => format!(
            "{} in the last 24h, newest {}",
            plural(times.len() as u64, "event"),
            format_time_or_never(times.last().copied(), style.zone),
        ),
        Evidence::Suppressed {
            addresses,
            asked_at,
        } => listed(incident, addresses, *asked_at, style),
        Evidence::Blind { cycles: 0, .. } => "The last poll was complete".to_owned(),
        Evidence::Blind {
            since,
            cycles,
            reason,
            limited: true,
            ..
        } => format!(
            "{reason}. {} not read to the end, the first {}. What was read counts; the rest is unknown until a later poll reads it",
            plural(*cycles, "poll"),
            format_time(*since, style.zone),
        ),
        Evidence::Blind {
            since,
            cycles,
            reason,
            ..
        } => format!(
            "{reason}. {} without a complete poll{} {}. Nothing is known of this server's mail since then: this is not silence",
            plural(*cycles, "cycle"),
            if *cycles == 1 {
                ","
            } else {
                " in a row, the first"
            },
            format_time(*since, style.zone),
        ),
    }
}

/// On which list they are, and since when.
fn listed(
    incident: &Incident,
    addresses: &[Suppressed],
    asked_at: Option<Timestamp>,
    style: Style,
) -> String {
    let stream = incident
        .stream
        .as_ref()
        .map_or("", |stream| stream.0.as_str());
    let asked = asked_at.map_or_else(String::new, |at| {
        format!(", asked {}", format_time(at, style.zone))
    });
    let oldest = addresses.iter().filter_map(|s| s.since).min();
    let since = oldest.map_or_else(String::new, |at| {
        format!(" since {}", format_time(at, style.zone))
    });
    match addresses {
        [] => format!("On no list of suppressions of stream {stream} any more{asked}"),
        _ => format!("On the list of suppressions of stream {stream}{since}{asked}"),
    }
}

fn rate_line(rule: Rule, rate: &RateEvidence) -> String {
    let name = rate_name(rule);
    let (low, high) = rate.interval;
    let partly = if rate.covered < rate.window {
        format!(", of which {} could be seen", format_duration(rate.covered))
    } else {
        String::new()
    };
    format!(
        "{}{} over the last {}{partly}: {} ({}/{}), 95% interval {} to {}, limit {}, floor {}",
        name[..1].to_uppercase(),
        &name[1..],
        format_window(rate.window),
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
pub(crate) fn seen(evidence: &Evidence, style: Style) -> Vec<String> {
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
        "Last mail {}, last delivery {}",
        format_time_or_never(rate.last_sent, style.zone),
        format_time_or_never(rate.last_delivered, style.zone),
    ));
    lines
}

/// The next step of the runbook.
pub(crate) fn advice(incident: &Incident) -> &'static str {
    match incident.rule {
        Rule::AccountInactive => {
            "open the account in Postmark; sending is stopped until Postmark's support or billing lifts it"
        }
        Rule::Blind => match &incident.evidence {
            Evidence::Blind { token: true, .. } if incident.server.is_account() => {
                "set POSTMARK_ACCOUNT_TOKEN to the token of the account; servers that are known from before are still watched \
                 until hushwatch restarts"
            }
            Evidence::Blind { token: true, .. } => {
                "put the server's token where hushwatch reads it; mail itself may be fine, or fail for the same token"
            }
            Evidence::Blind { limited: true, .. } => {
                "raise `postmark.requests_per_poll`, or poll more often: more mail comes than one poll may read"
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
            "fix the mailbox, then reactivate the address, which is suppressed and gets no alarms: hushwatch suppressions \
             --reactivate ADDRESS"
        }
        Rule::SuppressedAddress => match &incident.evidence {
            Evidence::Suppressed { addresses, .. }
                if addresses.iter().all(Suppressed::is_complaint) =>
            {
                "its owner complained of spam, which only the owner can lift, by way of Postmark's support; use another address"
            }
            _ => {
                "see that the mailbox takes mail, then reactivate the address: hushwatch suppressions --reactivate ADDRESS"
            }
        },
    }
}
