//! The configuration: its problems, its warnings and the switch.

use crate::commands::doctor::check::Check;
use crate::config::{Config, ConfigProblem, ConfigWarning};
use crate::notify::context::split_remedy;

/// Returns a failure for each problem of a configuration that cannot be used.
pub(crate) fn problems(problems: &[ConfigProblem]) -> Vec<Check> {
    let failures = problems.iter().map(|problem| {
        let text = format!("Configuration: {}", problem.what);
        Check::fail("configuration", text, &problem.remedy)
    });
    let rest = Check::warn(
        "configuration",
        "Nothing else was checked, since the configuration does not say what to check",
        "correct it, then run `hushwatch doctor` again",
    );
    failures.chain([rest]).collect()
}

/// Returns whether the checks of Slack or of the disk report a warning themselves.
const fn is_checked_elsewhere(warning: &ConfigWarning) -> bool {
    matches!(
        warning,
        ConfigWarning::NoSlack | ConfigWarning::EphemeralDisk
    )
}

/// Checks the switch, the warnings of the configuration, and what `run` alone would read of it.
pub(crate) fn checks(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    if !config.enabled {
        checks.push(Check::warn(
            "switch",
            "Switched off by FLAG_POSTMARK_DELIVERY_MONITOR: nothing is polled",
            "unset it, or set it to true",
        ));
    }
    let own = config.warnings.iter().filter(|w| !is_checked_elsewhere(w));
    checks.extend(own.map(|w| Check::warn("configuration", w.what(), w.remedy())));
    let page = config.page.as_ref().map(|page| page.read_token());
    if let Some(Err(why)) = page {
        let (what, remedy) = split_remedy(&why);
        let remedy = remedy.unwrap_or_else(|| "correct `page.token_file`".to_owned());
        checks.push(Check::fail("page", what, remedy));
    }
    if checks.is_empty() {
        checks.push(Check::pass("configuration", "Configuration valid"));
    }
    checks
}
