//! Streams of which something is unusual, though no incident says so.

use crate::model::{BounceClass, Incident, Rule, StreamId};
use crate::notify::delivery::usual_share;
use crate::notify::digest::{Day, ServerDay, StreamDay, UnusualFailures, UnusualStream};
use crate::notify::location::tag_label;
use crate::text::elide::elide;
use crate::text::format::{approx_percent, count, format_duration, percent, plural, was_or_were};

/// A day with less than this part of the emptiest like it is unusual.
const LOW_FACTOR: f64 = 0.5;
/// The maximum number of tags that are named.
const MAX_TAGS: usize = 3;
/// A day with more than this multiple of the fullest is unusual.
const HIGH_FACTOR: f64 = 3.0;
/// Where the share of the sample differs from that of the mail by as much, the mail was drawn from unevenly: the sample's own is not told.
const MIN_UNEVEN: f64 = 0.05;
/// Fewer messages make no usual volume.
const MIN_USUAL_SENT: u64 = 20;

/// Returns the streams of which the bounces, the complaints, the sample or the volume are not as usual, but for those with an incident that
/// says so.
pub(crate) fn unusual(data: &Day) -> Vec<UnusualStream> {
    let mut all = Vec::new();
    for server in &data.servers {
        for stream in &server.streams {
            let reasons = reasons(data, server, stream);
            if !reasons.is_empty() {
                all.push(UnusualStream {
                    server: server.name.clone(),
                    stream: stream
                        .stream
                        .clone()
                        .unwrap_or_else(|| StreamId(String::new())),
                    reasons,
                });
            }
        }
    }
    all
}

fn reasons(data: &Day, server: &ServerDay, stream: &StreamDay) -> Vec<String> {
    let is_of = |incident: &Incident, rules: &[Rule]| {
        let is_one = incident.server.0 == server.name && incident.stream == stream.stream;
        let is_of_several = || {
            let id = stream.stream.as_ref();
            id.is_some_and(|id| incident.is_of(&server.name, id))
        };
        let is_here = is_one || is_of_several();
        is_here && rules.contains(&incident.rule)
    };
    let is_open = |rules: &[Rule]| data.open.iter().any(|incident| is_of(incident, rules));
    let was_open = |rules: &[Rule]| {
        let mut steps = data.transitions.iter();
        is_open(rules) || steps.any(|t| is_of(&t.incident, rules))
    };
    let undelivered = [Rule::DeliverySilence, Rule::DeliveryDrop];
    let bounced = [Rule::HardBounceWake, Rule::BounceRate];
    let arrival = if is_open(&undelivered) || is_open(&bounced) {
        None
    } else {
        most_bounced(stream)
            .or_else(|| none_delivered(stream).filter(|_| !server.sandbox))
            .or_else(|| {
                let is_told = stream.exceeded_threshold.is_some() || was_open(&bounced);
                let blocks_are_told = was_open(&[Rule::DomainBlocks]);
                bounced_unusually(stream, blocks_are_told).filter(|_| !is_told)
            })
            .or_else(|| unconfirmed(stream).filter(|_| !server.sandbox))
            .or_else(|| {
                let silent = server.sandbox || was_open(&undelivered);
                share_lost(stream).filter(|_| !silent)
            })
            .or_else(|| {
                let blocks_are_told = was_open(&[Rule::DomainBlocks]);
                bounce_rate(stream, blocks_are_told).filter(|_| !was_open(&bounced))
            })
            .or_else(|| none_read(stream).filter(|_| !server.sandbox))
    };
    let complained = [Rule::SpamRate, Rule::SpamComplaintExternal];
    let complaints = complaint_rate(stream).filter(|_| !was_open(&complained));
    let volume = volume(stream).filter(|_| !was_open(&[Rule::SendSilence, Rule::SendDrop]));
    arrival
        .into_iter()
        .chain(complaints)
        .chain(volume)
        .collect()
}

fn most_bounced(stream: &StreamDay) -> Option<String> {
    let (of, noun) = match stream.recipients {
        Some(recipients) if recipients != stream.sent => (recipients, "recipient"),
        _ => (stream.sent, "message"),
    };
    if stream.failed == 0 || 2 * stream.failed < of {
        return None;
    }
    Some(format!(
        "{} of {} bounced ({})",
        count(stream.failed),
        plural(of, noun),
        by_class(&stream.classes)
    ))
}

/// Returns the failures: `hard 3, soft 22`.
fn by_class(classes: &[(BounceClass, u64)]) -> String {
    let failures = classes.iter().filter(|(class, _)| class.is_failure());
    let named = failures.map(|(class, n)| format!("{} {}", class.name(), count(*n)));
    named.collect::<Vec<String>>().join(", ")
}

/// Where an incident tells of domains that block, mail of which most was blocked is no news.
fn bounced_unusually(stream: &StreamDay, blocks_are_told: bool) -> Option<String> {
    let is_blocked = |of: &UnusualFailures| {
        let blocked = of
            .classes
            .iter()
            .filter(|(class, _)| *class == BounceClass::Blocked);
        2 * blocked.map(|(_, n)| n).sum::<u64>() >= of.failed
    };
    let found = stream.unusual_failures.iter();
    let found = found.filter(|of| !blocks_are_told || !is_blocked(of));
    let found: Vec<String> = found.map(failures).collect();
    (!found.is_empty()).then(|| elide(found, MAX_TAGS))
}

fn failures(of: &UnusualFailures) -> String {
    let (failed, by_class) = (count(of.failed), by_class(&of.classes));
    if let Some(tag) = &of.tag {
        let sent = plural(of.sent, "message");
        return format!(
            "{failed} of {sent} with {} bounced ({by_class})",
            tag_label(tag)
        );
    }
    let sent = plural(of.sent, "message");
    let share = of.failed as f64 / of.sent.max(1) as f64;
    let usually = match of.usual {
        Some(0.0) => ", usually none".to_owned(),
        Some(usual) if usual < share * LOW_FACTOR => format!(", usually {}", approx_percent(usual)),
        _ => String::new(),
    };
    format!("{failed} of {sent} bounced ({by_class}){usually}")
}

fn unconfirmed(stream: &StreamDay) -> Option<String> {
    let (sampled, age) = stream.unconfirmed?;
    Some(format!(
        "no delivery is confirmed for the last {}: {} without news",
        format_duration(age),
        plural(sampled, "sampled message")
    ))
}

fn none_delivered(stream: &StreamDay) -> Option<String> {
    Some(match stream.undelivered? {
        1 => "the only sampled message was not delivered".to_owned(),
        sampled => format!("none of {} sampled messages was delivered", count(sampled)),
    })
}

fn none_read(stream: &StreamDay) -> Option<String> {
    let reason = "delivery unknown: no sampled message could be read";
    stream.unread.map(|_| reason.to_owned())
}

fn share_lost(stream: &StreamDay) -> Option<String> {
    let usual = stream.usual_delivered?;
    let (delivered, settled) = (stream.sample.delivered, stream.sample.settled());
    let usual = usual_share(usual.share, usual.is_own);
    let of_sample = delivered as f64 / settled.max(1) as f64;
    if let Some(delivered) = stream.delivered {
        let of_mail = delivered as f64 / stream.sent.max(1) as f64;
        if (of_mail - of_sample).abs() >= MIN_UNEVEN {
            return Some(format!(
                "about {} of {} {} delivered ({}), {usual}",
                count(delivered),
                plural(stream.sent, "message"),
                was_or_were(delivered),
                approx_percent(of_mail)
            ));
        }
    }
    Some(format!(
        "{} of {} {} delivered ({}), {usual}",
        count(delivered),
        plural(settled, "sampled message"),
        was_or_were(delivered),
        approx_percent(of_sample)
    ))
}

/// Where an incident tells of domains that block, what was blocked is no news.
fn bounce_rate(stream: &StreamDay, blocks_are_told: bool) -> Option<String> {
    let threshold = stream.exceeded_threshold?;
    let blocked = stream.count_of(BounceClass::Blocked);
    let rest = stream.bounced.saturating_sub(blocked);
    let rate = stream.bounce_rate * rest as f64 / stream.bounced.max(1) as f64;
    if blocks_are_told && (rest < 2 || rate <= threshold) {
        return None;
    }
    let threshold = percent(threshold);
    Some(format!(
        "{} bounced ({}), above the threshold of {threshold} over the whole day",
        plural(stream.bounced, "recipient"),
        approx_percent(stream.bounce_rate)
    ))
}

fn complaint_rate(stream: &StreamDay) -> Option<String> {
    let threshold = percent(stream.exceeded_complaints?);
    let complained = stream.count_of(BounceClass::Complaint);
    Some(format!(
        "{} complained ({}), above the threshold of {threshold} over the whole day",
        plural(complained, "recipient"),
        approx_percent(stream.complaint_rate)
    ))
}

fn volume(stream: &StreamDay) -> Option<String> {
    let (least, most) = stream.usual_sent?;
    if !stream.unknown.is_empty() {
        return None;
    }
    let sent = plural(stream.sent, "message");
    if least >= MIN_USUAL_SENT && (stream.sent as f64) < LOW_FACTOR * least as f64 {
        let least = count(least);
        Some(format!(
            "{sent} sent; this day of the week had at least {least} before"
        ))
    } else if most >= MIN_USUAL_SENT && stream.sent as f64 > HIGH_FACTOR * most as f64 {
        let most = count(most);
        Some(format!(
            "{sent} sent; no day of the last four weeks had more than {most}"
        ))
    } else {
        None
    }
}
