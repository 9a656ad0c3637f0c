//! The runbook: what ends an incident, and what to do about it by rule and cause.

use std::collections::BTreeMap;

use crate::model::{BounceClass, Incident, Rule};
use crate::notify::evidence::advice;
use crate::output::explain::Mark;

/// What would end an incident of its rule.
pub const fn resolves_when(incident: &Incident) -> &'static str {
    match incident.rule {
        Rule::BounceRate | Rule::SpamRate | Rule::HardBounceWake => {
            "an hour of judgements within bounds, with none outside between; too little mail to judge counts as within, time \
             that was not seen does not"
        }
        Rule::SendSilence => {
            "two to three hours of what history expects; where that is below one mail, the first mail"
        }
        Rule::SendDrop => "two to three hours of what history expects",
        Rule::DeliverySilence => {
            "followed mail that was sent after it opened is delivered, at two judgements in a row"
        }
        Rule::SuppressedAddress => {
            "the address is on no list of suppressions of the stream any more"
        }
        Rule::Blind | Rule::AccountInactive => "the first complete poll",
        Rule::SpamComplaintExternal | Rule::OperatorBounce => {
            "24 hours without another; it closes without a message"
        }
    }
}

/// What to do, most urgent first, the commands to run among it.
pub fn next_steps(incident: &Incident, marks: &[Mark]) -> Vec<String> {
    let mut steps = vec![advice(incident).to_owned()];
    steps.extend(by_cause(incident, marks).map(str::to_owned));
    steps.extend(commands(incident));
    steps
}

/// What the most frequent cause of bounces says.
fn by_cause(incident: &Incident, marks: &[Mark]) -> Option<&'static str> {
    if !matches!(incident.rule, Rule::BounceRate | Rule::HardBounceWake) {
        return None;
    }
    let mut causes: BTreeMap<BounceClass, usize> = BTreeMap::new();
    for mark in marks {
        *causes.entry(BounceClass::of(&mark.kind)).or_default() += 1;
    }
    let (most, _) = causes.into_iter().max_by_key(|(_, number)| *number)?;
    match most {
        BounceClass::Hard => Some(
            "most are hard: the addresses do not exist. Find where they came from (an import, a form without a check, a \
             typed domain); Postmark has suppressed them already",
        ),
        BounceClass::Blocked => Some(
            "most are refusals: the receiver blocks you. See whether SPF, DKIM and DMARC still pass, and read what the \
             receiver said",
        ),
        _ => None,
    }
}

/// The commands that show more, with their arguments.
fn commands(incident: &Incident) -> Vec<String> {
    let server = quoted(&incident.server.0);
    let of = match &incident.stream {
        Some(stream) => format!("--server {server} --stream {}", quoted(&stream.0)),
        None => format!("--server {server}"),
    };
    match incident.rule {
        Rule::BounceRate | Rule::HardBounceWake => vec![
            format!("hushwatch bounces {of} --since 24h"),
            "hushwatch doctor".to_owned(),
        ],
        Rule::SpamRate | Rule::SpamComplaintExternal => {
            vec![format!(
                "hushwatch bounces {of} --type SpamComplaint --since 48h"
            )]
        }
        Rule::SendSilence | Rule::SendDrop | Rule::DeliverySilence => vec![
            format!("hushwatch messages {of} --limit 10"),
            "hushwatch doctor".to_owned(),
        ],
        Rule::OperatorBounce | Rule::SuppressedAddress => {
            vec![format!("hushwatch suppressions --server {server}")]
        }
        Rule::Blind | Rule::AccountInactive => vec!["hushwatch doctor".to_owned()],
    }
}

/// As a shell takes it.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_as_a_shell_takes_it() {
        assert_eq!(quoted("shop-2.eu"), "shop-2.eu");
        assert_eq!(quoted("Shop $(rm)"), "'Shop $(rm)'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
