//! The settings of rules, one table for `[rules.RULE]` of the file, of a `[[server]]` and of a `[[server.stream]]`.

use std::fmt::Write;
use std::time::Duration;

use figment::value::{Dict, Value};

use crate::config::keys::nearest;
use crate::config::problem::Invalid;
use crate::config::values;
use crate::model::{DAY, MINUTE, Rule, Rules, Severity};

/// The keys of every rule.
const KEYS: &[&str] = &["enabled", "severity"];
/// The keys of `bounce_rate` and `spam_rate`.
const RATE_KEYS: &[&str] = &[
    "enabled",
    "severity",
    "threshold",
    "window",
    "min_denominator",
    "suppress",
    "confidence",
];

/// Returns the keys of a rule.
pub(super) const fn keys_of(rule: Rule) -> &'static [&'static str] {
    match rule {
        Rule::BounceRate | Rule::SpamRate => RATE_KEYS,
        _ => KEYS,
    }
}

/// Sets `key`, one of [`keys_of`] the rule.
pub(super) fn set(rules: &mut Rules, rule: Rule, key: &str, value: &Value) -> Result<(), Invalid> {
    match key {
        "enabled" => {
            if values::truth(value)? {
                rules.disabled.remove(&rule);
            } else {
                rules.disabled.insert(rule);
            }
        }
        "severity" => match severity(value)? {
            Some(severity) if rule.built_in_severity() != Some(severity) => {
                rules.severities.insert(rule, severity);
            }
            _ => {
                rules.severities.remove(&rule);
            }
        },
        _ => set_rate(rules, rule, key, value)?,
    }
    Ok(())
}

fn set_rate(rules: &mut Rules, rule: Rule, key: &str, value: &Value) -> Result<(), Invalid> {
    let rate = match rule {
        Rule::SpamRate => &mut rules.spam_rate,
        _ => &mut rules.bounce_rate,
    };
    match key {
        "threshold" => rate.threshold = values::share(value)?,
        "window" => rate.window = values::duration(value, MINUTE, 30 * DAY)?,
        "min_denominator" => rate.min_denominator = values::whole(value, 1, 1_000_000_000)?,
        "suppress" => {
            rate.suppress = values::duration(value, Duration::ZERO, values::TEN_YEARS)?;
        }
        _ => rate.confidence = confidence(value)?,
    }
    Ok(())
}

/// Returns the severity that is chosen; `None` where it is left to the rule.
fn severity(value: &Value) -> Result<Option<Severity>, Invalid> {
    if values::text(value)?.is_empty() {
        return Ok(None);
    }
    let choices = [("warn", Severity::Warn), ("wake", Severity::Wake)];
    Ok(values::choice(value, choices).map(Some)?)
}

fn confidence(value: &Value) -> Result<Option<f64>, Invalid> {
    match values::text(value)?.as_str() {
        "off" | "false" => Ok(None),
        level if level.ends_with('%') => Err(values::percentage("0.95 for 95%")),
        level => match level.parse::<f64>() {
            Ok(level) if level > 0.5 && level < 1.0 => Ok(Some(level)),
            _ => Err(Invalid::from(
                "must be \"off\" or a level above 0.5 and below 1, such as 0.95".to_owned(),
            )),
        },
    }
}

/// Changes `rules` by the table `rules` of a server or a stream.
pub(super) fn override_rules(rules: &mut Rules, table: &Value, problems: &mut Vec<Invalid>) {
    let Value::Dict(_, table) = table else {
        problems.push(Invalid::new(
            "has `rules` that are no table",
            "write a table such as [server.rules.bounce_rate]",
        ));
        return;
    };
    for (name, keys) in table {
        match (Rule::from_name(name), keys) {
            (Some(rule), Value::Dict(_, keys)) => override_rule(rules, rule, keys, problems),
            (Some(rule), _) => problems.push(Invalid::new(
                format!("has `rules.{rule}` that is no table"),
                format!("write {rule} = {{ enabled = false }}, or a table with its keys"),
            )),
            (None, _) => problems.push(Invalid::new(
                format!("has an unknown rule `{name}`"),
                unknown_rule_remedy(name),
            )),
        }
    }
}

fn override_rule(rules: &mut Rules, rule: Rule, keys: &Dict, problems: &mut Vec<Invalid>) {
    for (key, value) in keys {
        let known = keys_of(rule);
        if !known.contains(&key.as_str()) {
            let remedy = unknown_key_remedy(rule, key);
            let why = format!("has an unknown key `rules.{rule}.{key}`");
            problems.push(Invalid::new(why, remedy));
        } else if let Err(invalid) = set(rules, rule, key, value) {
            problems.push(invalid.within(&format!("rules.{rule}.{key}")));
        }
    }
}

/// Returns the remedy for a rule that does not exist.
pub(super) fn unknown_rule_remedy(name: &str) -> String {
    let rules = Rule::ALL.map(Rule::name);
    let part = || {
        rules
            .into_iter()
            .find(|rule| name.len() >= 4 && rule.contains(name))
    };
    match nearest(name, &rules).or_else(part) {
        Some(rule) => format!("did you mean `{rule}`?"),
        None => format!("remove it; the rules are {}", rules.join(", ")),
    }
}

/// Returns the remedy for a key that a rule does not have.
pub(super) fn unknown_key_remedy(rule: Rule, key: &str) -> String {
    match nearest(key, keys_of(rule)) {
        Some(near) => format!("did you mean `rules.{rule}.{near}`?"),
        None => format!("this rule has {}", keys_of(rule).join(", ")),
    }
}

/// Returns which rules are off, and which have a severity of the user's choice: `send_drop off, blind warn`; nothing where
/// all are as they come.
pub(super) fn describe_tuning(rules: &Rules) -> String {
    let mut text = String::new();
    for rule in Rule::ALL {
        let separator = if text.is_empty() { "" } else { ", " };
        if !rules.is_enabled(rule) {
            let _ = write!(text, "{separator}{rule} off");
        } else if let Some(severity) = rules.severities.get(&rule) {
            let _ = write!(text, "{separator}{rule} {}", severity.name());
        }
    }
    text
}
