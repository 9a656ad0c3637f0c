//! What an incident rests on, as scripts read it: instants in RFC 3339, lengths of time in seconds.

use serde_json::{Value, json};

use crate::model::{Evidence, RateEvidence, Span, Suppressed, Timestamp};

/// `evidence` under the name of its kind. No address in it is masked.
pub(crate) fn evidence_json(evidence: &Evidence) -> Value {
    match evidence {
        Evidence::Rate(rate) => json!({ "rate": rate_json(rate) }),
        Evidence::Silence { .. } | Evidence::Drop { .. } => quiet_json(evidence),
        Evidence::Delivery {
            unproven,
            bounced,
            reasons,
            needed,
            queued,
            since,
            last_proven_sent,
            last_delivered,
        } => json!({"delivery": {
            "unproven": unproven, "bounced": bounced, "reasons": reasons, "needed": needed, "queued": queued, "since": rfc3339(*since),
            "last_proven_sent": rfc3339(*last_proven_sent), "last_delivered": rfc3339(*last_delivered),
        }}),
        Evidence::Events {
            times,
            recipient,
            recipients,
            class,
        } => json!({"events": {
            "times": times.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "recipient": recipient, "recipients": recipients, "class": class,
        }}),
        Evidence::Suppressed {
            addresses,
            asked_at,
        } => json!({"suppressed": {
            "addresses": addresses.iter().map(suppressed_json).collect::<Vec<_>>(), "asked_at": rfc3339(*asked_at),
        }}),
        Evidence::Blind {
            since,
            cycles,
            reason,
            token,
            limited,
        } => json!({"blind": {
            "since": since.to_string(), "cycles": cycles, "reason": reason, "token": token, "limited": limited,
        }}),
    }
}

/// A span by its first instant and the first after it.
pub(crate) fn span_json(span: &Span) -> Value {
    json!({"from": span.from.to_string(), "until": span.until.to_string()})
}

fn rate_json(rate: &RateEvidence) -> Value {
    json!({
        "window_s": rate.window.as_secs(), "covered_s": rate.covered.as_secs(),
        "numerator": rate.numerator, "denominator": rate.denominator, "floor": rate.floor,
        "threshold": rate.threshold, "interval": rate.interval, "classes": rate.classes, "domains": rate.domains,
        "last_sent": rfc3339(rate.last_sent), "last_delivered": rfc3339(rate.last_delivered),
    })
}

fn quiet_json(evidence: &Evidence) -> Value {
    match evidence {
        Evidence::Silence {
            last_sent,
            gap,
            expected,
            surprise,
            threshold,
            longest_before,
            times_a_year,
            false_alarms_per_year,
        } => json!({"silence": {
            "last_sent": rfc3339(*last_sent), "gap": span_json(gap), "expected": expected, "surprise": surprise,
            "threshold": threshold, "longest_before": longest_before, "times_a_year": times_a_year,
            "false_alarms_per_year": false_alarms_per_year,
        }}),
        Evidence::Drop {
            window,
            sent,
            expected,
            evidence,
            limit,
            times_a_year,
            false_alarms_per_year,
        } => json!({"drop": {
            "window": span_json(window), "sent": sent, "expected": expected, "evidence": evidence, "limit": limit,
            "times_a_year": times_a_year, "false_alarms_per_year": false_alarms_per_year,
        }}),
        _ => Value::Null,
    }
}

fn suppressed_json(of: &Suppressed) -> Value {
    json!({"address": of.address, "reason": of.reason, "since": rfc3339(of.since)})
}

fn rfc3339(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

#[cfg(test)]
mod tests;
