//! What is said of sampled mail that is not delivered, or is again.

use crate::model::{
    DeliveredSince, DeliveryDropEvidence, DeliveryEvidence, Evidence, HOUR, Incident,
    ListedBounces, RateUnit, Span, Timestamp, UNSETTLED,
};
use crate::notify::alert::Style;
use crate::notify::describe::{describe_at, list_types};
use crate::text::format::{
    approx_percent, count, format_length, plural, short_range, short_time, was_or_were,
};

/// A share of bounces of which no number is told.
const NEXT_TO_NONE: f64 = 0.001;

/// Returns `74 of 123 sampled messages were delivered (60%), usually 99%`, or by the list of bounces `145 of 300 messages bounced (48%),
/// usually 0.4%`.
pub(super) fn describe_delivery_drop(drop: &DeliveryDropEvidence) -> String {
    let (share, usual) = match drop.by_list {
        true => (1.0 - drop.share(), 1.0 - drop.usual),
        false => (drop.share(), drop.usual),
    };
    let usual = match drop.by_list && usual < NEXT_TO_NONE {
        true => "usually next to none".to_owned(),
        false => usual_share(usual, !drop.usual_in_general),
    };
    format!(
        "{} ({}), {usual}",
        delivered_of(drop),
        approx_percent(share)
    )
}

/// Returns `74 of 123 sampled messages were delivered`, or by the list of bounces `145 of 300 messages bounced`.
pub(super) fn delivered_of(drop: &DeliveryDropEvidence) -> String {
    if drop.by_list {
        let messages = plural(drop.sampled, "message");
        return format!("{} of {messages} bounced", count(drop.bounced));
    }
    format!(
        "{} of {} {} delivered",
        count(drop.delivered),
        plural(drop.sampled, "sampled message"),
        was_or_were(drop.delivered)
    )
}

/// Returns `usually 99%`, or what is usual where a stream's own past does not say enough yet.
pub(crate) fn usual_share(share: f64, is_own: bool) -> String {
    let share = approx_percent(share);
    match is_own {
        true => format!("usually {share}"),
        false => format!("{share} is usual in general"),
    }
}

/// Returns what was wrong of an open incident whose newest mail is delivered again, and how much of that is known:
/// `2 of 8 sampled messages were delivered (25%), usually 99%; since Thu 5 Mar 09:00 5 of 5 delivered, to be confirmed`.
pub(super) fn describe_delivered_again(
    incident: &Incident,
    again: DeliveredSince,
    at: Timestamp,
    style: Style,
) -> String {
    let problem = match &incident.evidence {
        Evidence::Delivery(of) if of.bounced < of.unproven => {
            // That of a drop before it, which may be one incident with it, is another one.
            let own = of.since.zip(of.newest_lost);
            let own = own.map(|(from, until)| Span::new(from, until));
            own.or(incident.problem)
        }
        _ => None,
    };
    let problem = match (problem, &incident.evidence) {
        (Some(span), _) => format!(
            "no sampled message of {} was delivered",
            short_range(span, at, style.zone)
        ),
        // What was delivered again by then counts as that, not as a part of what was lost.
        (None, Evidence::DeliveryDrop(drop)) => describe_delivery_drop(&drop.before(again)),
        (None, _) => describe_at(incident, at, style),
    };
    format!(
        "{problem}; since {} {} of {} delivered, to be confirmed",
        short_time(again.since, at, style.zone),
        count(again.delivered),
        count(again.sampled)
    )
}

pub(super) fn delivery_drop_context(
    drop: &DeliveryDropEvidence,
    at: Timestamp,
    style: Style,
) -> String {
    if drop.by_list {
        let since = short_time(drop.since, at, style.zone);
        return format!("These went out from {since} on; Postmark lists their bounces.");
    }
    let types = list_types(&drop.reasons);
    let types = match types.strip_prefix(": ") {
        Some(types) => format!(" ({types})"),
        None => types,
    };
    let bounced = (drop.bounced > 0).then(|| format!("{} bounced{types}", count(drop.bounced)));
    let silent = drop.lost().saturating_sub(drop.bounced);
    let silent = (silent > 0).then(|| format!("{} with no outcome yet", count(silent)));
    let lost: Vec<String> = silent.into_iter().chain(bounced).collect();
    let since = short_time(drop.since, at, style.zone);
    format!("Since {since}. Not delivered: {}.", lost.join(", "))
}

pub(super) fn delivery_context(delivery: &DeliveryEvidence, at: Timestamp, style: Style) -> String {
    let sampled = format!("of the last {} sampled messages", count(delivery.unproven));
    let problem = if delivery.queued == delivery.unproven {
        format!("All {sampled} are still queued")
    } else if delivery.bounced == 0 {
        format!("None {sampled} was delivered or bounced")
    } else if delivery.bounced == delivery.unproven {
        // The first line has their number and their types.
        "None of them was delivered".to_owned()
    } else {
        format!(
            "None {sampled} was delivered: {} bounced{}",
            count(delivery.bounced),
            list_types(&delivery.reasons).replacen(": ", " as ", 1)
        )
    };
    let oldest = delivery.since.map_or_else(String::new, |sent| {
        format!(
            "; the oldest was sent {} ago ({})",
            format_length(Span::new(sent, at)),
            short_time(sent, at, style.zone)
        )
    });
    let last = match delivery.last_delivered {
        Some(delivered) => format!(
            "Last confirmed delivery {}.",
            short_time(delivered, at, style.zone)
        ),
        None => "No delivery was ever confirmed.".to_owned(),
    };
    let before = delivery.share_before.map_or_else(String::new, |share| {
        format!(
            " Of the mail before, about {} was delivered.",
            approx_percent(share)
        )
    });
    let listed = delivery.listed.map_or_else(String::new, |listed| {
        format!(" {}.", describe_listed(&listed, at, style))
    });
    format!("{problem}{oldest}.{listed} {last}{before}")
}

/// Returns `38 of 60 recipients bounced in the last hour (63%)`.
pub(super) fn describe_listed(listed: &ListedBounces, at: Timestamp, style: Style) -> String {
    let of = match listed.unit {
        RateUnit::Messages => plural(listed.recipients, "message"),
        RateUnit::Recipients => plural(listed.recipients, "recipient"),
        RateUnit::EstimatedRecipients => {
            format!("about {}", plural(listed.recipients, "recipient"))
        }
    };
    let is_last_hour = listed.window.length() == HOUR && listed.window.until + UNSETTLED >= at;
    let when = match is_last_hour {
        true => "in the last hour".to_owned(),
        false => short_range(listed.window, at, style.zone),
    };
    let share = listed.bounced as f64 / listed.recipients.max(1) as f64;
    let share = approx_percent(share);
    format!("{} of {of} bounced {when} ({share})", count(listed.bounced))
}
