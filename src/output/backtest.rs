//! What a replay of the past comes to, for a person at a terminal.

use std::fmt::Write;
use std::time::Duration;

use crate::model::{Incident, Rule, Timestamp};
use crate::notify::alert::{Style, place, summary};
use crate::text::format::{approx, count, format_duration, format_time, plural};
use crate::text::sanitize::clean_lines;

/// Incidents that are listed one by one.
const LISTED: usize = 60;
/// Fewer incidents annoy nobody.
const WORTH: u64 = 5;
/// Fewer than this share of what fired without it: `confidence` is worth recommending.
const MUCH_LESS: f64 = 0.5;

/// A replay.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// Messages in it.
    pub messages: u64,
    /// Servers.
    pub servers: u64,
    /// Streams of all servers.
    pub streams: u64,
    /// The first message.
    pub first: Timestamp,
    /// The first reported poll.
    pub from: Timestamp,
    /// The last one.
    pub until: Timestamp,
    /// How many polls were reported.
    pub polls: u64,
    /// What is known of deliveries, in a word or two.
    pub deliveries: &'static str,
    /// The budget.
    pub false_alarms_per_year: f64,
    /// What fired, in order.
    pub fired: Vec<Fired>,
    /// How often each rule fired.
    pub rules: Vec<RuleUse>,
    /// How long a stop would go unnoticed.
    pub stops: Vec<StopTold>,
}

/// One incident.
#[derive(Clone, Debug)]
pub struct Fired {
    /// As it opened.
    pub incident: Incident,
    /// When.
    pub at: Timestamp,
    /// When it resolved, if it did.
    pub ended: Option<Timestamp>,
    /// Whether anybody would have been told: not of what a stronger incident explains, and in digest mode of no warning.
    pub told: bool,
}

/// How often one rule fired.
#[derive(Clone, Copy, Debug)]
pub struct RuleUse {
    /// Which.
    pub rule: Rule,
    /// Incidents.
    pub fired: u64,
    /// Incidents that it would have opened with `confidence = 0.95`.
    pub with_confidence: Option<u64>,
}

/// How long a stop of one stream would go unnoticed.
#[derive(Clone, Debug)]
pub struct StopTold {
    /// Which stream, or which tag of one.
    pub place: String,
    /// Whether history is too short to say.
    pub learning: bool,
    /// From Monday 10:00; `None` for longer than 45 days.
    pub monday: Option<Duration>,
    /// From Sunday 04:00.
    pub sunday: Option<Duration>,
    /// The last message.
    pub last_sent: Option<Timestamp>,
}

/// The whole of it.
pub fn text(replayed: &Replayed, style: Style) -> String {
    let mut out = String::new();
    let years = replayed.until.since(replayed.from).as_secs_f64() / (365.25 * 86_400.0);
    head(&mut out, replayed, style);
    incidents(&mut out, replayed, style);
    how_often(&mut out, replayed, years);
    stops(&mut out, replayed, style);
    clean_lines(&out)
}

/// An instant with its year: a replay may span several.
fn instant(at: Timestamp, style: Style) -> String {
    at.to_utc()
        .with_timezone(&style.zone)
        .format("%a %Y-%m-%d %H:%M")
        .to_string()
}

fn head(out: &mut String, replayed: &Replayed, style: Style) {
    let _ = writeln!(
        out,
        "{} of {} in {}, from {}; times are {}",
        plural(replayed.messages, "message"),
        plural(replayed.streams, "stream"),
        plural(replayed.servers, "server"),
        instant(replayed.first, style),
        style.zone.name(),
    );
    let _ = writeln!(
        out,
        "Judged at {} from {} to {}, with {}\n",
        plural(replayed.polls, "poll"),
        instant(replayed.from, style),
        instant(replayed.until, style),
        replayed.deliveries,
    );
}

fn incidents(out: &mut String, replayed: &Replayed, style: Style) {
    if replayed.fired.is_empty() {
        out.push_str("Nothing would have fired.\n");
        return;
    }
    let _ = writeln!(out, "What would have fired");
    for fired in replayed.fired.iter().take(LISTED) {
        let ended = match fired.ended {
            Some(at) => format!("over after {}", format_duration(at.since(fired.at))),
            None => "still open at the end".to_owned(),
        };
        let incident = &fired.incident;
        let line = format!(
            "  {}  {:<4} {:<16} {}: {}, {ended}{}",
            instant(fired.at, style),
            incident.severity.name(),
            incident.rule.name(),
            place(incident),
            summary(incident, style),
            if fired.told { "" } else { " (recorded only)" },
        );
        let _ = writeln!(out, "{line}");
    }
    if replayed.fired.len() > LISTED {
        let rest = count((replayed.fired.len() - LISTED) as u64);
        let _ = writeln!(out, "  … and {rest} more: --format json lists every step");
    }
}

fn how_often(out: &mut String, replayed: &Replayed, years: f64) {
    let _ = writeln!(out, "\nHow often");
    let silence: u64 = replayed
        .rules
        .iter()
        .filter(|r| is_silence(r.rule))
        .map(|r| r.fired)
        .sum();
    let _ = writeln!(
        out,
        "  silence of every kind: {} in {years:.2} years, {} a year; false alarms among them are held to {} a year",
        plural(silence, "incident"),
        approx(silence as f64 / years.max(1e-9)),
        approx(replayed.false_alarms_per_year),
    );
    for used in replayed.rules.iter().filter(|r| !is_silence(r.rule)) {
        let weekly = |fired: u64| approx(fired as f64 / (years.max(1e-9) * 365.25 / 7.0));
        let mut line = format!(
            "  {}: {}, {} a week",
            used.rule,
            plural(used.fired, "incident"),
            weekly(used.fired)
        );
        if let Some(with) = used.with_confidence {
            let _ = write!(
                line,
                "; with `confidence = 0.95` {}, {} a week",
                count(with),
                weekly(with)
            );
            if used.fired >= WORTH && (with as f64) < MUCH_LESS * used.fired as f64 {
                let _ = write!(
                    line,
                    ": recommended (set `confidence = 0.95` under [rules.{}])",
                    used.rule
                );
            }
        }
        let _ = writeln!(out, "{line}");
    }
}

fn is_silence(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::SendSilence | Rule::SendDrop | Rule::DeliverySilence
    )
}

fn stops(out: &mut String, replayed: &Replayed, style: Style) {
    let _ = writeln!(out, "\nHow long a total stop would go unnoticed now");
    for stop in &replayed.stops {
        let told = |after: Option<Duration>| {
            after.map_or_else(|| "more than 45 days".to_owned(), format_duration)
        };
        let text = if stop.learning {
            "silence is still being learned".to_owned()
        } else {
            format!(
                "from Monday 10:00 {}, from Sunday 04:00 {}",
                told(stop.monday),
                told(stop.sunday)
            )
        };
        let last = stop.last_sent.map_or_else(String::new, |at| {
            format!(" (last mail {})", format_time(at, style.zone))
        });
        let _ = writeln!(out, "  {}: {text}{last}", stop.place);
    }
}
