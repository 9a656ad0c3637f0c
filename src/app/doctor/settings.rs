//! What is set, and deserves a word.

use super::check::Check;
use crate::config::Config;

/// How a warning begins that another family tells.
const OF_OTHERS: [&str; 2] = [super::slack::NO_SLACK, super::disk::NOT_KEPT];

/// The switch, the warnings of the configuration, the heartbeat.
pub(super) fn checks(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    if !config.enabled {
        checks.push(Check::look(
            "switch",
            "Switched off by FLAG_POSTMARK_DELIVERY_MONITOR: nothing is polled",
            "unset it, or set it to true",
        ));
    }
    let own = config.warnings.iter();
    let own = own.filter(|w| !OF_OTHERS.iter().any(|other| w.starts_with(other)));
    checks.extend(own.map(|warning| Check::look("configuration", warning, "")));
    if checks.is_empty() {
        checks.push(Check::pass("configuration", "Configuration valid"));
    }
    checks.push(match &config.heartbeat {
        Some(_) => Check::pass(
            "heartbeat",
            "Heartbeat set up: others notice our own silence",
        ),
        None => Check::look(
            "heartbeat",
            "No heartbeat: nobody would notice that hushwatch itself stopped",
            "set HUSHWATCH_HEARTBEAT__URL to the URL of a dead man's switch",
        ),
    });
    checks
}
