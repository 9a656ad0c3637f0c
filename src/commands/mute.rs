//! `mute` and `unmute`.

use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::clock;
use crate::commands::cli::{PersonArgs, PresentArgs};
use crate::commands::open::{cycle_error, open_existing, open_to_change, options_at};
use crate::commands::query::time_arg::{self, Edge};
use crate::commands::stdout::print;
use crate::commands::{CommandResult, INCOMPLETE, USAGE};
use crate::config::{Config, refuse_secret_in_text};
use crate::cycle::mutes::{MAX_MUTE, MuteRequest, MuteUntil, current_mutes, end_mutes, set_mute};
use crate::model::{MINUTE, Mute, Rule, ServerName, Zone, parse_duration_within};
use crate::notify::mute::mute_line;
use crate::output::json::mutes_line;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["duration", "until", "list"]))]
pub struct MuteArgs {
    /// Mute only this server [default: every server]
    #[arg(long, value_name = "SERVER", conflicts_with = "list")]
    pub server: Option<String>,
    /// Mute only this rule, such as `bounce_rate` [default: every rule]
    #[arg(long, value_name = "RULE", value_parser = rule_parser(), conflicts_with = "list")]
    pub rule: Option<Rule>,
    /// How long, such as 30m, 1h30m or 3d (1m to 90d)
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration, requires = "reason")]
    pub duration: Option<Duration>,
    /// Plan it: when it begins, as RFC 3339, a date, a date and time in `time_zone`, or how long from now (3d) [default: now]
    #[arg(
        long,
        value_name = "TIME",
        requires = "reason",
        conflicts_with = "list"
    )]
    pub from: Option<String>,
    /// When it ends, in the same forms, instead of --for
    #[arg(long, value_name = "TIME", requires = "reason")]
    pub until: Option<String>,
    /// Reason (required but for --list), shown in the digest and in `hushwatch status`
    #[arg(long, value_name = "TEXT", value_parser = parse_reason, conflicts_with = "list")]
    pub reason: Option<String>,
    #[command(flatten)]
    pub person: PersonArgs,
    /// List the mutes that run or are planned, and mute nothing
    #[arg(long)]
    pub list: bool,
    #[command(flatten)]
    pub present: PresentArgs,
}

#[derive(Debug, Args)]
pub struct UnmuteArgs {
    /// End the mute of this server [default: every mute]
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// End the mute of this rule [default: every mute]
    #[arg(long, value_name = "RULE", value_parser = rule_parser())]
    pub rule: Option<Rule>,
    #[command(flatten)]
    pub present: PresentArgs,
}

/// Parses the name of a rule; help, completion and errors list the names.
fn rule_parser() -> impl TypedValueParser<Value = Rule> {
    let names = PossibleValuesParser::new(Rule::ALL.map(Rule::name));
    names.try_map(|name| Rule::from_name(&name).ok_or("no such rule"))
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    parse_duration_within(text, MINUTE, MAX_MUTE)
}

fn parse_reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("must not be empty".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// Sets a mute, or lists those that are running.
pub(super) async fn mute(config: Config, args: MuteArgs) -> CommandResult {
    let zone = config.time_zone;
    let now = args.present.now.unwrap_or_else(clock::now);
    let from = time_arg::planned_instant("--from", args.from.as_deref(), Edge::Since, zone, now)?;
    let until =
        time_arg::planned_instant("--until", args.until.as_deref(), Edge::Until, zone, now)?;
    let end = args
        .duration
        .map(MuteUntil::After)
        .or(until.map(MuteUntil::At));
    args.person.check()?;
    refuse_secret_in_text("`--reason`", args.reason.as_deref().unwrap_or_default())
        .map_err(|problem| (USAGE, problem.to_string()))?;
    let options = options_at(args.present.now);
    let (Some(end), Some(reason)) = (end, args.reason) else {
        let context = open_existing(config)?;
        let mutes = current_mutes(&context, options).await;
        let mutes = mutes.map_err(cycle_error)?;
        return print(&mutes_text(
            &mutes,
            &args.present,
            zone,
            "",
            "nothing is muted",
        ));
    };
    let context = open_to_change(config)?;
    let request = MuteRequest {
        server: args.server.map(ServerName),
        rule: args.rule,
        from,
        end,
        reason,
        by: args.person.by,
    };
    let mute = set_mute(&context, request, options).await;
    let mute = mute.map_err(cycle_error)?;
    let follows = match mute.planned {
        true => "incidents are still recorded; `hushwatch unmute` cancels the plan",
        false => "incidents are still recorded; `hushwatch unmute` ends the mute",
    };
    let text = mutes_text(&[mute], &args.present, zone, "muted: ", "");
    print(&match args.present.json {
        true => text,
        false => format!("{text}{follows}\n"),
    })
}

pub(super) async fn unmute(config: Config, args: UnmuteArgs) -> CommandResult {
    let zone = config.time_zone;
    let now = args.present.now.unwrap_or_else(clock::now);
    let context = open_to_change(config)?;
    let everything = args.server.is_none() && args.rule.is_none();
    let server = args.server.map(ServerName);
    let ended = end_mutes(&context, server, args.rule, options_at(args.present.now)).await;
    let ended = ended.map_err(cycle_error)?;
    if ended.is_empty() && !everything {
        let why = "no such mute runs or is planned; `hushwatch mute --list` shows those that are";
        return Err((INCOMPLETE, why.to_owned()));
    }
    let (json, before) = (args.present.json, "no longer muted: ");
    let text = mutes_text(&ended, &args.present, zone, before, "nothing was muted");
    let follows = match ended.iter().any(|mute| mute.from <= now) && !json {
        true => "what was held back and is still open is reported in the next cycle\n",
        false => "",
    };
    print(&format!("{text}{follows}"))
}

fn mutes_text(
    mutes: &[Mute],
    present: &PresentArgs,
    zone: Zone,
    before: &str,
    nothing: &str,
) -> String {
    let now = present.now.unwrap_or_else(clock::now);
    if present.json {
        return mutes_line(mutes);
    }
    if mutes.is_empty() {
        return format!("{nothing}\n");
    }
    let lines = mutes
        .iter()
        .map(|mute| format!("{before}{}\n", mute_line(mute, now, zone)));
    lines.collect()
}
