//! The statistics behind an incident, for `explain`: scores, thresholds and intervals under their usual names.

use crate::model::{
    BlockingDomain, CanaryOutcome, DeliveryDropEvidence, DeliveryEvidence, DnsDriftEvidence,
    DnsFault, DomainBlocksEvidence, DropEvidence, Evidence, HOUR, Incident, MissingBurst, NewLevel,
    RateEvidence, RateUnit, Rule, SilenceEvidence, SmtpErrorEvidence, StreamKey,
};
use crate::notify::alert::Style;
use crate::notify::context::split_remedy;
use crate::notify::delivery::describe_listed;
use crate::notify::describe::{list_types, other_server};
use crate::notify::link::message_line;
use crate::notify::rate::{list_classes, rate_denominator, whole_days};
use crate::text::format::{
    approx, count, format_duration, format_length, format_range, format_time, format_time_or_never,
    percent, plural,
};
use crate::text::sanitize::clean;

/// Returns what the incident rests on, a sentence a line.
pub(crate) fn evidence_lines(incident: &Incident, style: Style) -> Vec<String> {
    match &incident.evidence {
        Evidence::Rate(rate) => rate_lines(incident.rule, rate, style),
        Evidence::Silence(silence) => silence_lines(silence, style),
        Evidence::Drop(drop) => drop_lines(drop, style),
        Evidence::Delivery(delivery) => {
            let lines = delivery_lines(delivery, style).into_iter();
            lines.chain(again_line(incident, style)).collect()
        }
        Evidence::DeliveryDrop(drop) => {
            let lines = delivery_drop_lines(drop, style).into_iter();
            lines.chain(again_line(incident, style)).collect()
        }
        Evidence::Events { times, class, .. } => {
            let events = format!(
                "{} in 24 h ({}), the newest {}",
                plural(times.len() as u64, "event"),
                class.name(),
                format_time_or_never(times.last().copied(), style.zone)
            );
            std::iter::once(events)
                .chain(message_line(incident))
                .collect()
        }
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
        Evidence::Canary(canary) => {
            let time = |then| format_time_or_never(then, style.zone);
            let outcome = match &canary.outcome {
                CanaryOutcome::Pending => "not delivered".to_owned(),
                CanaryOutcome::Delivered => "delivered".to_owned(),
                CanaryOutcome::Bounced => "bounced".to_owned(),
                CanaryOutcome::Refused(why) => format!("refused ({})", clean(why)),
            };
            let message = canary.message.as_ref();
            let message = message.map_or_else(String::new, |id| format!(", message {}", clean(id)));
            vec![format!(
                "Test mail sent {}{message}: {outcome}; last delivered {}",
                time(canary.sent_at),
                time(canary.last_delivered)
            )]
        }
        Evidence::SmtpErrors(errors) => smtp_errors_lines(errors, style),
        Evidence::DomainBlocks(of) => domain_blocks_lines(of, style),
        Evidence::DnsDrift(of) => dns_lines(of, style),
        Evidence::ServerChange(change) => {
            let seen = format_time_or_never(change.former_seen_at, style.zone);
            vec![
                format!(
                    "What is stored is of server {}, last read completely {seen}",
                    change.former
                ),
                format!("Its token belongs to {}", other_server(change)),
            ]
        }
        Evidence::Blind(blind) if blind.cycles == 0 => {
            vec!["The last poll was complete".to_owned()]
        }
        Evidence::Blind(blind) => {
            let (why, remedy) = split_remedy(&blind.reason);
            let polls = plural(blind.cycles, "poll");
            let since = format_time(blind.since, style.zone);
            let read = format!("{polls} without a complete read, the first {since}");
            [read, why].into_iter().chain(remedy).collect()
        }
    }
}

fn dns_lines(of: &DnsDriftEvidence, style: Style) -> Vec<String> {
    let watched = format!(
        "{} watched, all of them last answered {}",
        plural(of.watched, "record"),
        format_time_or_never(of.asked_at, style.zone)
    );
    let line = |fault: &DnsFault| {
        format!(
            "{}: {}; since {}, last good {}",
            fault.record,
            clean(&fault.why),
            format_time(fault.since, style.zone),
            format_time_or_never(fault.last_good, style.zone)
        )
    };
    std::iter::once(watched)
        .chain(of.broken.iter().map(line))
        .collect()
}

fn domain_blocks_lines(of: &DomainBlocksEvidence, style: Style) -> Vec<String> {
    let window = format!(
        "{} to all domains {}; what is usual is learned from {} before",
        plural(of.sent, "message"),
        format_range(of.window, style.zone),
        plural(of.days, "day")
    );
    let line = |of: &BlockingDomain| {
        format!(
            "{}: {} blocked, expected {:.1}, second worst day {}; probability of that many by chance: {:.0e}",
            clean(&of.domain),
            plural(of.blocked, "recipient"),
            of.expected,
            count(of.usual_high),
            of.chance
        )
    };
    std::iter::once(window)
        .chain(of.domains.iter().map(line))
        .collect()
}

fn smtp_errors_lines(errors: &SmtpErrorEvidence, style: Style) -> Vec<String> {
    vec![
        format!(
            "{} in Postmark's day {}, beside mail to {}; last rise {}, last read {}",
            plural(errors.errors, "SMTP API error"),
            format_range(errors.day, style.zone),
            plural(errors.sent, "recipient"),
            format_time_or_never(errors.risen_at, style.zone),
            format_time_or_never(errors.asked_at, style.zone)
        ),
        format!(
            "Fires from {} on; of the four weeks before, an ordinary day had {}, the third worst {}",
            count(errors.limit),
            count(errors.usual),
            count(errors.usual_high)
        ),
    ]
}

fn silence_lines(silence: &SilenceEvidence, style: Style) -> Vec<String> {
    [
        format!(
            "Last message {}",
            format_time_or_never(silence.last_sent, style.zone)
        ),
        format!(
            "No mail for {} ({}); expected messages in that time: {}",
            format_length(silence.gap),
            format_range(silence.gap, style.zone),
            approx(silence.expected)
        ),
        format!(
            "Score {:.1}, threshold {:.1}, highest score before {:.1}",
            silence.surprise, silence.threshold, silence.longest_before
        ),
        frequency_line("gap", silence.times_a_year, silence.false_alarms_per_year),
    ]
    .into_iter()
    .chain(silence.missing_burst.map(|burst| burst_line(burst, style)))
    .chain(streams_line("Streams judged together", &silence.streams))
    .chain(streams_line(
        "Of these the next mail is not due yet",
        &silence.not_due,
    ))
    .chain(streams_line(
        "Of these nothing has been sent since",
        &silence.silent,
    ))
    .collect()
}

/// Returns a line that names streams of several that are judged as one; `None` where there are none.
fn streams_line(what: &str, streams: &[StreamKey]) -> Option<String> {
    let names: Vec<String> = streams.iter().map(StreamKey::to_string).collect();
    (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")))
}

fn burst_line(burst: MissingBurst, style: Style) -> String {
    format!(
        "Mail comes in bursts of about {}: the last began {}, the next was due {}",
        plural(burst.usual, "message"),
        format_time(burst.last_at, style.zone),
        format_time(burst.due_at, style.zone)
    )
}

fn drop_lines(drop: &DropEvidence, style: Style) -> Vec<String> {
    let score = format!("Score {:.1}, threshold {:.1}", drop.evidence, drop.limit);
    let lines = match drop.window.is_empty() {
        // Nothing is low.
        true => vec![score],
        false => vec![
            format!(
                "{} in {} ({}); expected {} ({} of them sent)",
                plural(drop.sent, "message"),
                format_length(drop.window),
                format_range(drop.window, style.zone),
                approx(drop.expected),
                percent(drop.sent as f64 / drop.expected.max(1.0))
            ),
            score,
            frequency_line("drop", drop.times_a_year, drop.false_alarms_per_year),
        ],
    };
    lines
        .into_iter()
        .chain(drop.missing_burst.map(|burst| burst_line(burst, style)))
        .chain(drop.settled.map(|level| level_line(level, style)))
        .chain(streams_line("Streams that fell together", &drop.streams))
        .collect()
}

fn level_line(level: NewLevel, style: Style) -> String {
    format!(
        "New level since {}: about {} messages a day, {} before; it is normal from now on",
        format_time(level.since, style.zone),
        approx(level.per_day),
        approx(level.per_day_before)
    )
}

fn frequency_line(what: &str, times_a_year: f64, false_alarms_per_year: f64) -> String {
    format!(
        "A {what} with this score is expected {} here; the threshold allows {} false alarms per year in all",
        frequency(times_a_year),
        approx(false_alarms_per_year)
    )
}

fn delivery_drop_lines(drop: &DeliveryDropEvidence, style: Style) -> Vec<String> {
    if drop.by_list {
        return vec![format!(
            "{} of {} sent since {} bounced, by the list of bounces ({}; usual share {})",
            count(drop.bounced),
            plural(drop.sampled, "message"),
            format_time(drop.since, style.zone),
            percent(1.0 - drop.share()),
            percent(1.0 - drop.usual)
        )];
    }
    vec![
        format!(
            "{} of {} delivered since {} ({}; usual share {})",
            count(drop.delivered),
            plural(drop.sampled, "sampled message"),
            format_time(drop.since, style.zone),
            percent(drop.share()),
            percent(drop.usual)
        ),
        format!(
            "{} bounced{}; last delivery {}",
            count(drop.bounced),
            list_types(&drop.reasons),
            format_time_or_never(drop.last_delivered, style.zone)
        ),
    ]
}

fn delivery_lines(delivery: &DeliveryEvidence, style: Style) -> Vec<String> {
    let oldest = delivery.since.map_or_else(String::new, |at| {
        format!("; the oldest sent {}", format_time(at, style.zone))
    });
    let mut lines = vec![
        format!(
            "{} in a row not delivered (threshold {}), {} of them bounced{}, {} still queued{oldest}",
            plural(delivery.unproven, "sampled message"),
            delivery.needed,
            delivery.bounced,
            list_types(&delivery.reasons),
            delivery.queued,
        ),
        format!(
            "Newest sampled message that was delivered: sent {}; last delivery {}",
            format_time_or_never(delivery.last_proven_sent, style.zone),
            format_time_or_never(delivery.last_delivered, style.zone)
        ),
    ];
    lines.extend(
        delivery
            .listed
            .map(|listed| describe_listed(&listed, listed.window.until + HOUR, style)),
    );
    lines
}

/// Returns what became of the mail after it, where that is delivered again.
fn again_line(incident: &Incident, style: Style) -> Option<String> {
    let again = incident.again?;
    Some(format!(
        "Since {} {} of {} delivered",
        format_time(again.since, style.zone),
        count(again.delivered),
        plural(again.sampled, "sampled message")
    ))
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
        rate_denominator(rate),
        format_duration(rate.window),
        percent(rate.threshold),
        count(rate.floor),
        percent(low),
        percent(high),
    )];
    if let Some(lasting) = rate.lasting {
        lines.push(format!(
            "Added up over {}: evidence {:.1} (limit {:.1}) against a usual rate of at most {}",
            whole_days(rate.window),
            lasting.evidence,
            lasting.limit,
            percent(lasting.usual_at_most),
        ));
    }
    if let Some(usual) = rate.usual {
        let before = if rate.lasting.is_some() {
            "Before"
        } else {
            "In the week before"
        };
        lines.push(format!("{before}: {}", percent(usual)));
    }
    match rate.unit {
        RateUnit::Messages => {
            lines.push("Counted in messages: the recipients of this mail are not known".to_owned());
        }
        RateUnit::Recipients => {}
        RateUnit::EstimatedRecipients => lines.push(
            "Mail that was counted, not listed, has as many recipients per message as this stream's other mail".to_owned(),
        ),
    }
    if rate.left_out > 0 {
        lines.push(format!(
            "Left out: {} at domains that block, which domain_blocks reports",
            plural(rate.left_out, "recipient")
        ));
    }
    if let Some(sent) = rate.mail_sent_before() {
        let sent = format_range(sent, style.zone);
        lines.push(format!("Most of their mail was sent {sent}"));
    }
    if rate.covered < rate.window {
        let covered = format_duration(rate.covered);
        lines.push(format!("Only {covered} of the window could be read"));
    }
    if !rate.classes.is_empty() {
        lines.push(format!("By class: {}", list_classes(rate)));
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
