//! Summarizes a replay for a person.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::commands::backtest::replay::{ReplayInput, rules};
use crate::config::Config;
use crate::detect::{KeptSilences, Silence};
use crate::model::{DAY, HOUR, History, Rule, Rules, Step, Timestamp, Transition};
use crate::notify::alert::Style;
use crate::notify::location::tag_label;
use crate::output::backtest::{BacktestSummary, DetectionDelay, ReplayedIncident, RuleCount, text};

/// The level that is tried where `confidence` is off.
const CONFIDENCE: f64 = 0.95;

/// Returns what would have fired, how often each rule, and how long a stop would go unnoticed.
pub(super) fn report(
    input: &ReplayInput,
    config: &Config,
    style: Style,
    transitions: &[Transition],
    progress: impl FnMut(),
) -> String {
    let rates = [&config.rules.bounce_rate, &config.rules.spam_rate];
    let with_confidence = rates
        .iter()
        .any(|rule| rule.confidence.is_none())
        .then(|| input.replay(config, Some(CONFIDENCE), progress));
    let servers = input.servers.keys();
    let of_servers = servers.map(|name| rules(config, name, None));
    let all_rules: Vec<Rules> = of_servers
        .flat_map(|rules| rules.streams.clone().into_values().chain([rules]))
        .collect();
    let rules = Rule::ALL
        .iter()
        .filter(|rule| !rule.is_of_server())
        // Which addresses were suppressed in the past is not known.
        .filter(|rule| {
            !matches!(
                rule,
                Rule::SuppressedAddress | Rule::Canary | Rule::DnsDrift
            )
        })
        .filter(|rule| all_rules.iter().any(|rules| rules.is_enabled(**rule)))
        .map(|rule| RuleCount {
            rule: *rule,
            fired: opened_count(transitions, *rule),
            with_confidence: match rule {
                Rule::BounceRate | Rule::SpamRate => {
                    with_confidence.as_deref().map(|of| opened_count(of, *rule))
                }
                _ => None,
            },
        });
    let period = &input.period;
    let replayed = BacktestSummary {
        messages: input.messages,
        servers: input.servers.len() as u64,
        streams: input.streams() as u64,
        first: period.first,
        from: period.from,
        until: period.until,
        polls: period.polls.iter().filter(|at| **at >= period.from).count() as u64,
        deliveries: input.deliveries(),
        false_alarms_per_year: config.rules.silence.false_alarms_per_year,
        incidents: incidents(transitions),
        rules: rules.collect(),
        delays: detection_delays(input, config),
    };
    text(&replayed, style)
}

fn opened_count(transitions: &[Transition], rule: Rule) -> u64 {
    let opened = |t: &&Transition| {
        t.incident.rule == rule && t.step == Step::Opened && t.incident.suppressed_until.is_none()
    };
    transitions.iter().filter(opened).count() as u64
}

/// Returns each incident once: as it opened, with its highest severity, and when it ended.
fn incidents(transitions: &[Transition]) -> Vec<ReplayedIncident> {
    let mut fired: BTreeMap<&str, ReplayedIncident> = BTreeMap::new();
    for transition in transitions {
        let incident = &transition.incident;
        let known = fired
            .entry(&incident.id)
            .or_insert_with(|| ReplayedIncident {
                incident: incident.clone(),
                at: transition.at,
                ended: None,
                notified: false,
            });
        known.incident.severity = known.incident.severity.max(incident.severity);
        known.notified |= transition.notified;
        known.ended = (transition.step == Step::Resolved).then_some(transition.at);
    }
    let mut fired: Vec<ReplayedIncident> = fired.into_values().collect();
    fired.sort_by_key(|f| f.at);
    fired
}

fn detection_delays(input: &ReplayInput, config: &Config) -> Vec<DetectionDelay> {
    let (until, series) = (input.period.until, input.series(config));
    let monday = next_local_hour(until, config, 0, 10);
    let sunday = next_local_hour(until, config, 6, 4);
    let delay = |place: String, history: &History, silence: &Silence| DetectionDelay {
        place,
        learning: silence.is_learning(history, until),
        monday: silence.detection_delay(history, monday),
        sunday: silence.detection_delay(history, sunday),
        last_sent: history.last_sent(until + Duration::from_millis(1)),
    };
    let mut delays = Vec::new();
    for (server, streams) in &input.servers {
        let of_server = rules(config, server, None);
        for (stream, (history, _)) in streams {
            let rules = of_server.for_stream(stream);
            if !rules.is_enabled(Rule::SendSilence) {
                continue;
            }
            let place = format!("{server}/{stream}");
            let mut silences = KeptSilences::default();
            let silence = silences.of_stream(stream, history, until, rules, series);
            delays.push(delay(place.clone(), history, &silence));
            for (tag, silence) in silences.of_tags(stream, history, until, rules, series) {
                let place = format!("{place} {}", tag_label(&tag));
                delays.push(delay(place, &history.tags[&tag], &silence));
            }
        }
    }
    delays
}

/// Returns the first such hour of such a weekday (0 is Monday) after `at`, in `time_zone`.
fn next_local_hour(at: Timestamp, config: &Config, weekday: u32, hour: u32) -> Timestamp {
    use chrono::{Datelike, Timelike};
    let is_it = |at: &Timestamp| {
        let local = at.to_utc().with_timezone(&config.time_zone);
        local.weekday().num_days_from_monday() == weekday && local.hour() == hour
    };
    let quarters = (1..=9 * 96).map(|quarter| at.floor(HOUR) + DAY / 96 * quarter);
    quarters.into_iter().find(is_it).unwrap_or(at)
}
