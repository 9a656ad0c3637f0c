//! What is set, and deserves a word.

use crate::commands::doctor::check::Check;
use crate::config::{Config, Problem};

/// How a warning begins that another family tells.
const OF_OTHERS: [&str; 2] = [
    crate::commands::doctor::slack::NO_SLACK,
    crate::commands::doctor::disk::NOT_KEPT,
];

/// What is said of a configuration that cannot be understood. A problem may bear its remedy behind its last semicolon.
pub(crate) fn problems(found: &[Problem]) -> Vec<Check> {
    let told = found.iter().map(|problem| {
        let problem = problem.to_string();
        let (why, remedy) = problem
            .rsplit_once("; ")
            .unwrap_or((&problem, "correct it, then run `hushwatch doctor` again"));
        Check::fail("configuration", format!("Configuration: {why}"), remedy)
    });
    let rest = Check::warn(
        "configuration",
        "Nothing else was looked at, since the configuration does not say what to look at",
        "correct it first",
    );
    told.chain([rest]).collect()
}

/// The switch, the warnings of the configuration, the heartbeat.
pub(crate) fn checks(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    if !config.enabled {
        checks.push(Check::warn(
            "switch",
            "Switched off by FLAG_POSTMARK_DELIVERY_MONITOR: nothing is polled",
            "unset it, or set it to true",
        ));
    }
    let own = config.warnings.iter();
    let own = own.filter(|w| !OF_OTHERS.iter().any(|other| w.starts_with(other)));
    checks.extend(own.map(|warning| Check::warn("configuration", warning, "")));
    if checks.is_empty() {
        checks.push(Check::pass("configuration", "Configuration valid"));
    }
    checks.push(match &config.heartbeat {
        Some(_) => Check::pass(
            "heartbeat",
            "Heartbeat set up: others notice our own silence",
        ),
        None => Check::warn(
            "heartbeat",
            "No heartbeat: nobody would notice that hushwatch itself stopped",
            "set HUSHWATCH_HEARTBEAT__URL to the URL of a dead man's switch",
        ),
    });
    checks
}
