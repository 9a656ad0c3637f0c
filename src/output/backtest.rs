//! The report of a backtest, for a person at a terminal.

use std::fmt::Write;
use std::time::Duration;

use crate::model::{Incident, Rule, Span, Timestamp};
use crate::notify::alert::Style;
use crate::notify::describe::describe_at;
use crate::notify::location::location;
use crate::text::format::{approx, count, format_duration, format_length, format_time, plural};
use crate::text::sanitize::clean_lines;

/// The maximum number of incidents that are listed one by one.
const MAX_LISTED: usize = 60;
/// The minimum number of incidents that makes `confidence` worth recommending.
const MIN_INCIDENTS: u64 = 5;
/// `confidence` is recommended where it leaves less than this share of the incidents.
const MAX_REMAINING_SHARE: f64 = 0.5;

/// The result of a backtest.
#[derive(Clone, Debug)]
pub struct BacktestSummary {
    pub messages: u64,
    pub servers: u64,
    pub streams: u64,
    pub first: Timestamp,
    pub from: Timestamp,
    pub until: Timestamp,
    pub polls: u64,
    /// What is known of deliveries, in a few words.
    pub deliveries: &'static str,
    /// The false silence alarms per year that the thresholds allow.
    pub false_alarms_per_year: f64,
    /// In order of their opening.
    pub incidents: Vec<ReplayedIncident>,
    pub rules: Vec<RuleCount>,
    pub delays: Vec<DetectionDelay>,
}

/// One incident that would have opened.
#[derive(Clone, Debug)]
pub struct ReplayedIncident {
    pub incident: Incident,
    pub at: Timestamp,
    pub ended: Option<Timestamp>,
    /// Whether a message would have been sent: not for what a stronger incident inhibits, and in digest mode for no warning.
    pub notified: bool,
}

/// How many incidents one rule would have opened.
#[derive(Clone, Copy, Debug)]
pub struct RuleCount {
    pub rule: Rule,
    pub fired: u64,
    /// The same with `confidence = 0.95`.
    pub with_confidence: Option<u64>,
}

/// How long a total stop of one stream would go unnoticed.
#[derive(Clone, Debug)]
pub struct DetectionDelay {
    /// The stream, or a tag of one.
    pub place: String,
    /// Whether history is too short to say.
    pub learning: bool,
    /// The delay from Monday 10:00; `None` for more than 45 days.
    pub monday: Option<Duration>,
    pub sunday: Option<Duration>,
    pub last_sent: Option<Timestamp>,
}

/// Returns the report as text.
pub fn text(summary: &BacktestSummary, style: Style) -> String {
    let mut out = String::new();
    let years = summary.until.since(summary.from).as_secs_f64() / (365.25 * 86_400.0);
    heading(&mut out, summary, style);
    incidents(&mut out, summary, style);
    frequencies(&mut out, summary, years);
    delays(&mut out, summary, style);
    clean_lines(&out)
}

/// Returns an instant with its year: a backtest may span several.
fn instant(at: Timestamp, style: Style) -> String {
    at.to_utc()
        .with_timezone(&style.zone)
        .format("%a %Y-%m-%d %H:%M")
        .to_string()
}

fn heading(out: &mut String, summary: &BacktestSummary, style: Style) {
    let _ = writeln!(
        out,
        "History: {} in {} on {}, from {} {}",
        plural(summary.messages, "message"),
        plural(summary.streams, "stream"),
        plural(summary.servers, "server"),
        instant(summary.first, style),
        style.zone.name(),
    );
    let _ = writeln!(
        out,
        "Replayed: {} from {} to {}, {}\n",
        plural(summary.polls, "poll"),
        instant(summary.from, style),
        instant(summary.until, style),
        summary.deliveries,
    );
}

fn incidents(out: &mut String, summary: &BacktestSummary, style: Style) {
    if summary.incidents.is_empty() {
        out.push_str("No incident would have opened.\n");
        return;
    }
    let _ = writeln!(out, "Incidents that would have opened");
    for replayed in summary.incidents.iter().take(MAX_LISTED) {
        let ended = match replayed.ended {
            Some(at) => format!(
                "resolved after {}",
                format_length(Span::new(replayed.at, at))
            ),
            None => "still open at the end".to_owned(),
        };
        let recorded_only = if replayed.notified {
            ""
        } else {
            " (recorded only)"
        };
        let incident = &replayed.incident;
        let _ = writeln!(
            out,
            "  {}  {:<4} {:<16} {}: {}; {ended}{recorded_only}",
            instant(replayed.at, style),
            incident.severity.name(),
            incident.rule.name(),
            location(incident),
            describe_at(incident, replayed.at, style),
        );
    }
    if summary.incidents.len() > MAX_LISTED {
        let rest = count((summary.incidents.len() - MAX_LISTED) as u64);
        let _ = writeln!(out, "  … and {rest} more; --format json lists every step");
    }
}

fn frequencies(out: &mut String, summary: &BacktestSummary, years: f64) {
    let _ = writeln!(out, "\nHow often");
    let silence = summary.rules.iter().filter(|r| is_silence(r.rule));
    let silence: u64 = silence.map(|r| r.fired).sum();
    let _ = writeln!(
        out,
        "  silences and drops, of sending and of delivery: {} in {years:.2} years, {} per year; the thresholds allow {} false alarms per year",
        plural(silence, "incident"),
        approx(silence as f64 / years.max(1e-9)),
        approx(summary.false_alarms_per_year),
    );
    for rule in summary.rules.iter().filter(|r| !is_silence(r.rule)) {
        let _ = writeln!(out, "{}", rule_line(*rule, years));
    }
}

fn rule_line(rule: RuleCount, years: f64) -> String {
    let weekly = |fired: u64| approx(fired as f64 / (years.max(1e-9) * 365.25 / 7.0));
    let mut line = format!(
        "  {}: {}, {} per week",
        rule.rule,
        plural(rule.fired, "incident"),
        weekly(rule.fired)
    );
    if let Some(with) = rule.with_confidence {
        let _ = write!(
            line,
            "; with `confidence = 0.95` {}, {} per week",
            count(with),
            weekly(with)
        );
        let is_worth_it =
            rule.fired >= MIN_INCIDENTS && (with as f64) < MAX_REMAINING_SHARE * rule.fired as f64;
        if is_worth_it {
            let _ = write!(
                line,
                " (recommended: set `confidence = 0.95` under [rules.{}])",
                rule.rule
            );
        }
    }
    line
}

const fn is_silence(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::SendSilence | Rule::SendDrop | Rule::DeliverySilence | Rule::DeliveryDrop
    )
}

fn delays(out: &mut String, summary: &BacktestSummary, style: Style) {
    let _ = writeln!(out, "\nIf mail stopped now, the alert would come");
    for stop in &summary.delays {
        let after = |delay: Option<Duration>| match delay {
            Some(delay) => format!("after {}", format_duration(delay)),
            None => "after more than 45 days".to_owned(),
        };
        let text = if stop.learning {
            "not yet: still learning what is normal".to_owned()
        } else {
            format!(
                "{} on a Monday at 10:00, {} on a Sunday at 04:00",
                after(stop.monday),
                after(stop.sunday)
            )
        };
        let last = stop.last_sent.map_or_else(String::new, |at| {
            format!(" (last message {})", format_time(at, style.zone))
        });
        let _ = writeln!(out, "  {}: {text}{last}", stop.place);
    }
}
