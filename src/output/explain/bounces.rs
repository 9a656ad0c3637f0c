//! The bounces and complaints of an incident: how many of each cause, and some of them in the receivers' words.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::{MAX_LINES, shown};
use crate::model::{Rule, Timestamp, domain_of, rfc3339};
use crate::notify::alert::Style;
use crate::text::format::format_time;
use crate::text::sanitize::mask;

const MAX_EXAMPLES: usize = 5;

#[derive(Clone, Debug, Serialize)]
pub struct BounceLine {
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    #[serde(rename = "bounce_type")]
    pub kind: String,
    #[serde(serialize_with = "masked_address")]
    pub recipient: String,
    pub tag: Option<String>,
    #[serde(rename = "bounce_description")]
    pub description: String,
}

fn masked_address<S: Serializer>(address: &str, to: S) -> Result<S::Ok, S::Error> {
    mask(address).serialize(to)
}

/// Returns what the bounces are that are shown.
pub(super) const fn bounces_title(rule: Rule) -> &'static str {
    match rule {
        Rule::SpamRate | Rule::SpamComplaintExternal => "Spam complaints",
        Rule::BounceRate => "Bounces",
        Rule::HardBounceWake => "Hard bounces",
        Rule::OperatorBounce => "Bounces of operator addresses",
        Rule::SuppressedAddress => "Bounces and complaints of these addresses",
        _ => "Bounces and complaints",
    }
}

pub(super) fn bounce_lines(bounces: &[BounceLine], style: Style) -> Vec<String> {
    let mut lines: Vec<String> = causes(bounces)
        .into_iter()
        .take(MAX_LINES)
        .map(|((kind, domain), number)| format!("{number} {kind} at {domain}"))
        .collect();
    for bounce in bounces.iter().take(MAX_EXAMPLES) {
        let tag = bounce
            .tag
            .as_ref()
            .map(|tag| format!(" tag \"{}\"", shown(tag)));
        lines.push(format!(
            "{} {} {}{}: {}",
            format_time(bounce.at, style.zone),
            shown(&bounce.kind),
            mask(&bounce.recipient),
            tag.unwrap_or_default(),
            shown(&bounce.description)
        ));
    }
    lines
}

/// Returns how many there are of each type and recipient's domain, the most frequent first.
fn causes(bounces: &[BounceLine]) -> Vec<((String, String), usize)> {
    let mut causes: BTreeMap<(String, String), usize> = BTreeMap::new();
    for bounce in bounces {
        let domain = domain_of(&bounce.recipient);
        let cause = (shown(&bounce.kind), shown(&domain));
        *causes.entry(cause).or_default() += 1;
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    causes
}
