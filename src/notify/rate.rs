//! What is said of a rate: how many of how many, in which time, and compared with what.

use std::time::Duration;

use crate::model::{
    BounceClass, DAY, Incident, MINUTE, RateEvidence, RateUnit, Rule, Span, Timestamp,
};
use crate::notify::alert::Style;
use crate::notify::context::capitalized;
use crate::text::format::{
    approx_percent, count, format_duration, plural, short_range, short_time,
};
use crate::text::sanitize::clean;

/// Of a time that was judged no later than this ago it may be said that nothing happened since.
const MAX_UNJUDGED: Duration = Duration::from_secs(2 * 3600);
/// What is said of a rate's window after which nothing happened.
pub(super) const NONE_SINCE: &str = ", none since";

/// Returns `4 of 47 recipients bounced in the last hour (8.5%)`, or `4 of 47 recipients bounced 09:00–10:00 (8.5%), none since`.
pub(super) fn describe_rate(
    incident: &Incident,
    rate: &RateEvidence,
    at: Timestamp,
    style: Style,
) -> String {
    let rule = incident.rule;
    if let Some(window) = past_window(rate, at, style) {
        let since = match has_none_since(incident, rate, at) {
            true => NONE_SINCE,
            false => "",
        };
        return format!(
            "{} {window} ({}){since}",
            rate_counts(rule, rate),
            approx_percent(rate.rate())
        );
    }
    let window = rate_window(rate);
    format!(
        "{} in the last {window} ({})",
        rate_counts(rule, rate),
        approx_percent(rate.rate())
    )
}

/// Returns the window of a rate by its times, as they read at `at`; `None` where it is the present one.
pub(super) fn past_window(rate: &RateEvidence, at: Timestamp, style: Style) -> Option<String> {
    let until = rate.until.filter(|_| rate.is_over_by(at))?;
    let window = Span::before(until, rate.window);
    Some(short_range(window, at, style.zone))
}

/// Returns the length of the window of a rate, after `the last`.
pub(super) fn rate_window(rate: &RateEvidence) -> String {
    match rate.window.as_secs() {
        _ if rate.lasting.is_some() => whole_days(rate.window),
        3600 => "hour".to_owned(),
        _ => format_duration(rate.window),
    }
}

/// Returns a time of days, to the nearest: `5 days` of five and a part of the sixth.
pub(super) fn whole_days(length: Duration) -> String {
    let days = (length + DAY / 2).as_secs() / DAY.as_secs();
    plural(days.max(1), "day")
}

/// Whether it is known that none bounced, or complained, for hours after the window of a rate, though enough was sent to say so.
pub(super) fn has_none_since(incident: &Incident, rate: &RateEvidence, at: Timestamp) -> bool {
    let (last, until) = (incident.last_event_at, rate.until);
    let is_newest = last.is_some_and(|last| until.is_some_and(|until| last <= until));
    let was_judged = rate.is_long_over_by(incident.judged_at) && rate.would_have_shown();
    was_judged && is_newest && at.since(incident.judged_at) <= MAX_UNJUDGED
}

/// Returns `4 of 47 recipients bounced`.
pub(super) fn rate_counts(rule: Rule, rate: &RateEvidence) -> String {
    let happened = match (rule, rate.unit) {
        (Rule::SpamRate, RateUnit::Messages) => "were reported as spam",
        (Rule::SpamRate, _) => "reported mail as spam",
        (Rule::HardBounceWake, _) => "hard-bounced",
        _ => "bounced",
    };
    format!(
        "{} of {} {happened}",
        count(rate.numerator),
        rate_denominator(rate)
    )
}

/// Returns `47 recipients`, or `about 47 recipients`.
pub(super) fn rate_denominator(rate: &RateEvidence) -> String {
    match rate.unit {
        RateUnit::Messages => plural(rate.denominator, "message"),
        RateUnit::Recipients => plural(rate.denominator, "recipient"),
        RateUnit::EstimatedRecipients => format!("about {}", plural(rate.denominator, "recipient")),
    }
}

pub(super) fn rate_context(
    rule: Rule,
    rate: &RateEvidence,
    at: Timestamp,
    style: Style,
) -> Vec<String> {
    let mut parts = Vec::new();
    match rate.classes.as_slice() {
        // The first line says that they are hard.
        _ if rule == Rule::HardBounceWake => {}
        [] => {}
        [(class, n)] if *n == rate.numerator => {
            parts.push(format!("All {}", class_phrase(*class)));
        }
        _ => parts.push(list_classes(rate)),
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
    let usual = rate
        .usual
        .map(|usual| format!("Usually {}.", approx_percent(usual)));
    let found = (!parts.is_empty()).then(|| format!("{}.", capitalized(&parts.join("; "))));
    let first: Vec<String> = usual.into_iter().chain(found).collect();
    let mut lines = Vec::new();
    if !first.is_empty() {
        lines.push(first.join(" "));
    }
    if let Some(sent) = rate.mail_sent_before() {
        let happened = match rule {
            Rule::SpamRate => "was reported",
            _ => "bounced",
        };
        let when = match sent.length() < MINUTE {
            true => short_time(sent.from, at, style.zone),
            false => short_range(sent, at, style.zone),
        };
        lines.push(format!("Most of the mail that {happened} was sent {when}."));
    }
    // Of days a few minutes are no matter.
    let enough = match rate.lasting {
        Some(_) => rate.window.mul_f64(0.9),
        None => rate.window,
    };
    if rate.covered < enough {
        let covered = format_duration(rate.covered);
        lines.push(format!("Only {covered} of that time could be read."));
    }
    lines
}

/// Returns `18 hard bounces, 4 blocked by the receiver`.
pub(super) fn list_classes(rate: &RateEvidence) -> String {
    let classes = rate.classes.iter();
    let classes = classes.map(|(class, n)| match (*n, class) {
        (1, BounceClass::Hard) => "1 hard bounce".to_owned(),
        (1, BounceClass::Soft) => "1 temporary bounce".to_owned(),
        (1, BounceClass::Complaint) => "1 spam complaint".to_owned(),
        (1, BounceClass::Ignored) => "1 auto-reply".to_owned(),
        (n, class) => format!("{} {}", count(n), class_phrase(*class)),
    });
    classes.collect::<Vec<_>>().join(", ")
}

const fn class_phrase(class: BounceClass) -> &'static str {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HOUR;

    #[test]
    fn days_are_told_to_the_nearest() {
        let of = |hours: u32| whole_days(HOUR * hours);
        assert_eq!(
            [of(25), of(5 * 24 + 9), of(5 * 24 + 13)],
            ["1 day", "5 days", "6 days"]
        );
    }
}
