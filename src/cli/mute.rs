//! Arguments of `mute` and `unmute`.

use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::config::parse_span;
use crate::model::{MINUTE, Rule, Timestamp};

use super::parse_instant;

/// A mute must end: what nobody hears of is soon forgotten.
const LONGEST: Duration = Duration::from_secs(90 * 86_400);

/// Arguments of `mute`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["lasts", "list"]))]
pub struct Mute {
    /// Mute this server only [default: every server]
    #[arg(long, value_name = "SERVER", conflicts_with = "list")]
    pub server: Option<String>,
    /// Mute this rule only, such as `bounce_rate` [default: every rule]
    #[arg(long, value_name = "RULE", value_parser = a_rule(), conflicts_with = "list")]
    pub rule: Option<Rule>,
    /// For how long, such as 30m, 2h or 3d; 90d at most
    #[arg(long = "for", value_name = "SPAN", value_parser = parse_lasts, requires = "reason")]
    pub lasts: Option<Duration>,
    /// Why; shown with the mute in the digest and in `hushwatch status`
    #[arg(long, value_name = "TEXT", value_parser = parse_text, conflicts_with = "list")]
    pub reason: Option<String>,
    /// Who mutes [default: $USER, else unknown]
    #[arg(
        long,
        value_name = "NAME",
        env = "USER",
        hide_env = true,
        default_value = "unknown",
        hide_default_value = true
    )]
    pub by: String,
    /// List what is muted now, and mute nothing
    #[arg(long)]
    pub list: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Take this instant for the present (RFC 3339)
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant)]
    pub now: Option<Timestamp>,
}

/// Arguments of `unmute`.
#[derive(Debug, Args)]
pub struct Unmute {
    /// End the mute that was set for this server [default: every mute]
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// End the mute that was set for this rule [default: every mute]
    #[arg(long, value_name = "RULE", value_parser = a_rule())]
    pub rule: Option<Rule>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Take this instant for the present (RFC 3339)
    #[arg(long, value_name = "RFC3339", value_parser = parse_instant)]
    pub now: Option<Timestamp>,
}

/// A rule by its name: help, completion and a refusal list them.
fn a_rule() -> impl TypedValueParser<Value = Rule> {
    let names = PossibleValuesParser::new(Rule::ALL.map(Rule::name));
    names.try_map(|name| Rule::from_name(&name).ok_or("there is no such rule"))
}

fn parse_lasts(text: &str) -> Result<Duration, String> {
    parse_span(text, MINUTE, LONGEST)
}

fn parse_text(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("must say something".to_owned()),
        text => Ok(text.to_owned()),
    }
}
