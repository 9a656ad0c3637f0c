//! The statistics behind an incident, for `explain`: scores, thresholds and intervals under their usual names.

use crate::model::{Evidence, Incident, RateEvidence, Rule};
use crate::notify::alert::Style;
use crate::notify::context::{class_phrase, split_remedy};
use crate::notify::describe::list_types;
use crate::text::format::{
    approx, count, format_duration, format_range, format_time, format_time_or_never, percent,
    plural,
};
use crate::text::sanitize::clean;

/// Returns what the incident rests on, a sentence a line.
pub(crate) fn evidence_lines(incident: &Incident, style: Style) -> Vec<String> {
    match &incident.evidence {
        Evidence::Rate(rate) => rate_lines(incident.rule, rate, style),
        Evidence::Silence { .. } | Evidence::Drop { .. } => volume_lines(&incident.evidence, style),
        Evidence::Delivery { .. } => delivery_lines(&incident.evidence, style),
        Evidence::Events { times, class, .. } => vec![format!(
            "{} in 24 h ({}), the newest {}",
            plural(times.len() as u64, "event"),
            class.name(),
            format_time_or_never(times.last().copied(), style.zone)
        )],
        Evidence::Suppressed {
            addresses,
            asked_at,
        } => {
            let stream = incident.stream.as_ref().map_or("", |s| s.0.as_str());
            let since = addresses.iter().filter_map(|s| s.since).min();
            let since = since.map_or_else(String::new, |at| {
                format!(", since {}", format_time(at, style.zone))
            });
            let checked = format_time_or_never(*asked_at, style.zone);
            let number = match addresses.len() {
                1 => "1 operator address".to_owned(),
                number => format!("{} operator addresses", count(number as u64)),
            };
            vec![format!(
                "{number} on the suppression list of {stream}{since}; checked {checked}"
            )]
        }
        Evidence::Blind { cycles: 0, .. } => vec!["The last poll was complete".to_owned()],
        Evidence::Blind {
            since,
            cycles,
            reason,
            ..
        } => {
            let (why, remedy) = split_remedy(reason);
            let polls = plural(*cycles, "poll");
            let since = format_time(*since, style.zone);
            let read = format!("{polls} without a complete read, the first {since}");
            [read, why].into_iter().chain(remedy).collect()
        }
    }
}

/// The lines of mail that stopped or became less.
fn volume_lines(evidence: &Evidence, style: Style) -> Vec<String> {
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
        } => vec![
            format!(
                "Last message {}",
                format_time_or_never(*last_sent, style.zone)
            ),
            format!(
                "No mail for {} ({}); expected messages in that time: {}",
                format_duration(gap.length()),
                format_range(*gap, style.zone),
                approx(*expected)
            ),
            format!(
                "Score {surprise:.1}, threshold {threshold:.1}, highest score before {longest_before:.1}"
            ),
            frequency_line("gap", *times_a_year, *false_alarms_per_year),
        ],
        Evidence::Drop {
            window,
            sent,
            expected,
            evidence,
            limit,
            times_a_year,
            false_alarms_per_year,
        } => vec![
            format!(
                "{} in {} ({}); expected {} ({} of it was sent)",
                plural(*sent, "message"),
                format_duration(window.length()),
                format_range(*window, style.zone),
                approx(*expected),
                percent(*sent as f64 / expected.max(1.0))
            ),
            format!("Score {evidence:.1}, threshold {limit:.1}"),
            frequency_line("drop", *times_a_year, *false_alarms_per_year),
        ],
        _ => Vec::new(),
    }
}

fn frequency_line(what: &str, times_a_year: f64, false_alarms_per_year: f64) -> String {
    format!(
        "A {what} with this score is expected {} here; the threshold allows {} false alarms per year in all",
        frequency(times_a_year),
        approx(false_alarms_per_year)
    )
}

fn delivery_lines(evidence: &Evidence, style: Style) -> Vec<String> {
    let Evidence::Delivery {
        unproven,
        bounced,
        reasons,
        needed,
        queued,
        since,
        last_proven_sent,
        last_delivered,
    } = evidence
    else {
        return Vec::new();
    };
    let oldest = since.map_or_else(String::new, |at| {
        format!("; the oldest sent {}", format_time(at, style.zone))
    });
    vec![
        format!(
            "{} in a row not delivered (threshold {needed}), {bounced} of them bounced{}, {queued} still queued{oldest}",
            plural(*unproven, "sampled message"),
            list_types(reasons),
        ),
        format!(
            "Newest sampled message that was delivered: sent {}; last delivery {}",
            format_time_or_never(*last_proven_sent, style.zone),
            format_time_or_never(*last_delivered, style.zone)
        ),
    ]
}

/// Returns `about 2.3 times per year`, or `less than once in 42 years`.
fn frequency(times_per_year: f64) -> String {
    if times_per_year >= 0.95 {
        format!("about {} times per year", approx(times_per_year))
    } else {
        let years = (1.0 / times_per_year.max(1e-3)).round();
        format!("less than once in {}", plural(years as u64, "year"))
    }
}

const fn rate_name(rule: Rule) -> &'static str {
    match rule {
        Rule::SpamRate => "Spam complaint rate",
        Rule::HardBounceWake => "Hard bounce rate",
        _ => "Bounce rate",
    }
}

fn rate_lines(rule: Rule, rate: &RateEvidence, style: Style) -> Vec<String> {
    let (low, high) = rate.interval;
    let mut lines = vec![format!(
        "{} {} ({} of {}) over {}; threshold {}, minimum {}; 95% confidence interval {} to {}",
        rate_name(rule),
        percent(rate.rate()),
        count(rate.numerator),
        plural(rate.denominator, "message"),
        format_duration(rate.window),
        percent(rate.threshold),
        plural(rate.floor, "message"),
        percent(low),
        percent(high),
    )];
    if rate.covered < rate.window {
        let covered = format_duration(rate.covered);
        lines.push(format!("Only {covered} of the window could be read"));
    }
    let classes: Vec<String> = rate
        .classes
        .iter()
        .map(|(class, n)| format!("{} {}", count(*n), class_phrase(*class)))
        .collect();
    if !classes.is_empty() {
        lines.push(format!("By class: {}", classes.join(", ")));
    }
    let domains: Vec<String> = rate
        .domains
        .iter()
        .map(|(domain, n)| format!("{} {}", clean(domain), count(*n)))
        .collect();
    if !domains.is_empty() {
        lines.push(format!("Most at: {}", domains.join(", ")));
    }
    lines.push(format!(
        "Last message {}, last confirmed delivery {}",
        format_time_or_never(rate.last_sent, style.zone),
        format_time_or_never(rate.last_delivered, style.zone),
    ));
    lines
}
