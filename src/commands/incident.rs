//! `incident`: what a person says of one incident.

use clap::Args;
use serde_json::json;

use crate::clock;
use crate::commands::cli::{PersonArgs, PresentArgs};
use crate::commands::explain::no_such_incident;
use crate::commands::open::{cycle_error, open_to_change, options_at};
use crate::commands::stdout::print;
use crate::commands::{CommandResult, INCOMPLETE};
use crate::config::Config;
use crate::cycle::Context;
use crate::cycle::answers::acknowledge_incident;
use crate::cycle::incidents::{close_incident, judge_incident};
use crate::model::{Evidence, Feedback, Incident, Judgement, Rule, Timestamp};
use crate::notify::answered::person;
use crate::notify::closed::reopening;
use crate::notify::describe::other_server;
use crate::notify::location::location;
use crate::output::json::IncidentView;
use crate::text::sanitize::{clean, json_line};

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["ack", "close", "real", "false_alarm"]))]
pub struct IncidentArgs {
    /// Id of the incident
    pub incident: String,
    /// Say that you take care of it: no more reminders come
    #[arg(long)]
    pub ack: bool,
    /// Close it; one of rule `server_changed` accepts the new server, of `dns_drift` what the DNS says
    #[arg(long)]
    pub close: bool,
    /// Say that something was wrong: its time is left out of what is learned as normal
    #[arg(long)]
    pub real: bool,
    /// Say that nothing was wrong: its time is learned as normal
    #[arg(long)]
    pub false_alarm: bool,
    #[command(flatten)]
    pub person: PersonArgs,
    #[command(flatten)]
    pub present: PresentArgs,
}

/// Closes an incident, or stores what a person says of it.
pub(super) async fn incident(config: Config, args: IncidentArgs) -> CommandResult {
    args.person.check()?;
    let context = open_to_change(config)?;
    let id = args.incident.to_ascii_lowercase();
    if args.close {
        return close(&context, &id, &args).await;
    }
    if args.ack {
        return acknowledge(&context, &id, &args).await;
    }
    let judgement = match args.real {
        true => Judgement::Real,
        false => Judgement::FalseAlarm,
    };
    let options = options_at(args.present.now);
    let judged = judge_incident(&context, &id, judgement, &args.person.by, options).await;
    match judged.map_err(cycle_error)? {
        Some((incident, feedback)) if args.present.json => {
            let view = IncidentView::new(&incident, instant(&args), context.style());
            let mut summary = json!(view);
            summary["verdict"] = json!(feedback.judgement.name());
            summary["verdict_by"] = json!(feedback.by);
            summary["verdict_at"] = json!(feedback.at.to_string());
            print(&json_line(&json!({ "judged": summary })))
        }
        Some((incident, feedback)) => print(&judged_text(&incident, &feedback)),
        None => Err(no_such_incident(&context, &args.incident).await?),
    }
}

async fn close(context: &Context, id: &str, args: &IncidentArgs) -> CommandResult {
    let options = options_at(args.present.now);
    let closed = close_incident(context, id, &args.person.by, options).await;
    if let Some(closed) = closed.map_err(cycle_error)? {
        let view = IncidentView::new(&closed, instant(args), context.style());
        return print(&match args.present.json {
            true => json_line(&json!({ "closed": view })),
            false => closed_text(&closed),
        });
    }
    Err(not_open(context, id, args).await?)
}

async fn acknowledge(context: &Context, id: &str, args: &IncidentArgs) -> CommandResult {
    let options = options_at(args.present.now);
    let acknowledged = acknowledge_incident(context, id, &args.person.by, options).await;
    if let Some(incident) = acknowledged.map_err(cycle_error)? {
        let view = IncidentView::new(&incident, instant(args), context.style());
        return print(&match args.present.json {
            true => json_line(&json!({ "acknowledged": view })),
            false => acknowledged_text(&incident),
        });
    }
    Err(not_open(context, id, args).await?)
}

/// Returns the exit code and the text where no open incident has the id.
async fn not_open(
    context: &Context,
    id: &str,
    args: &IncidentArgs,
) -> Result<(u8, String), (u8, String)> {
    let wanted = id.to_owned();
    let known = context.store.call(move |s| s.incident(&wanted)).await;
    match known.map_err(cycle_error)? {
        Some(_) => {
            let why = format!("incident {} is not open", clean(id));
            Ok((INCOMPLETE, why))
        }
        None => no_such_incident(context, &args.incident).await,
    }
}

/// Returns the instant at which the answer is read.
fn instant(args: &IncidentArgs) -> Timestamp {
    args.present.now.unwrap_or_else(clock::now)
}

fn acknowledged_text(incident: &Incident) -> String {
    let by = incident.acknowledged.as_ref().map_or("", |a| a.by.as_str());
    format!(
        "acknowledged by {}: {} {} on {}\nno more reminders; you still hear when it gets worse, and when it ends\n",
        person(by),
        incident.id,
        incident.rule,
        location(incident)
    )
}

fn judged_text(incident: &Incident, feedback: &Feedback) -> String {
    let verdict = match feedback.judgement {
        Judgement::Real => "real",
        Judgement::FalseAlarm => "a false alarm",
    };
    let (id, rule) = (&incident.id, incident.rule);
    let mut text = format!("{verdict}: {id} {rule} on {}\n", location(incident));
    let when = if incident.is_open() {
        "once it is over, "
    } else {
        ""
    };
    text.push_str(&match consequence(rule, feedback.judgement) {
        Some(consequence) => format!("{when}{consequence}\n"),
        None => format!("this is kept, and changes no alert: `{rule}` does not learn\n"),
    });
    if incident.is_open() {
        let close = format!("hushwatch incident {id} --close");
        text.push_str(&format!("it is still open: `{close}` closes it\n"));
    }
    text
}

/// Returns what a verdict changes; `None` where the rule does not learn.
fn consequence(rule: Rule, judgement: Judgement) -> Option<&'static str> {
    let text = match judgement {
        Judgement::Real if rule.learns_from_sending() => {
            "its time is left out of what is learned as normal"
        }
        Judgement::FalseAlarm if rule.learns_from_sending() => {
            "its time is learned as one normal pause: a pause like it may alert again until several are marked, and one of more than 1.2 times its length is judged without it"
        }
        Judgement::Real if rule.learns_from_delivery() => {
            "the mail of its time is left out of what is usually delivered"
        }
        Judgement::FalseAlarm if rule.learns_from_delivery() => {
            "the mail of its time counts for what is usually delivered"
        }
        Judgement::Real if matches!(rule, Rule::BounceRate | Rule::SpamRate) => {
            "if it lasted a day or more, its time is left out of what is usual"
        }
        Judgement::FalseAlarm if matches!(rule, Rule::BounceRate | Rule::SpamRate) => {
            "if it lasted a day or more, its rate is taken for usual"
        }
        _ => return None,
    };
    Some(text)
}

fn closed_text(incident: &Incident) -> String {
    let what = format!(
        "closed: {} {} on {}\n",
        incident.id,
        incident.rule,
        location(incident)
    );
    let follows = match &incident.evidence {
        Evidence::ServerChange(change) => format!(
            "{} is watched as {} from the next cycle on; what is stored of server {} is kept apart, and goes on if its token comes back\n",
            other_server(change),
            clean(&incident.server.0),
            change.former
        ),
        _ => format!("{}\n", reopening(incident)),
    };
    what + &follows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_changes_something_where_the_rule_learns_and_nowhere_else() {
        let learning = [
            Rule::SendSilence,
            Rule::SendDrop,
            Rule::DeliverySilence,
            Rule::DeliveryDrop,
            Rule::BounceRate,
            Rule::SpamRate,
        ];
        for rule in Rule::ALL {
            for judgement in [Judgement::Real, Judgement::FalseAlarm] {
                let is_said = consequence(rule, judgement).is_some();
                assert_eq!(is_said, learning.contains(&rule), "{rule}");
            }
        }
    }
}
