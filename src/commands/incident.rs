//! `incident`: what a person says of one incident.

use clap::Args;
use serde_json::json;

use crate::commands::cli::PresentArgs;
use crate::commands::explain::no_such_incident;
use crate::commands::open::{cycle_error, open_existing, options_at};
use crate::commands::stdout::print;
use crate::commands::{CommandResult, INCOMPLETE};
use crate::config::Config;
use crate::cycle::incidents::close_incident;
use crate::model::{Evidence, Incident};
use crate::notify::describe::other_server;
use crate::notify::location::location;
use crate::output::json::IncidentView;
use crate::text::sanitize::{clean, json_line};

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["close"]))]
pub struct IncidentArgs {
    /// Id of the incident
    pub incident: String,
    /// Close it; one of rule `server_changed` accepts the new server
    #[arg(long)]
    pub close: bool,
    /// Name of whoever says so [default: $USER, else unknown]
    #[arg(
        long,
        value_name = "NAME",
        env = "USER",
        hide_env = true,
        default_value = "unknown",
        hide_default_value = true
    )]
    pub by: String,
    #[command(flatten)]
    pub present: PresentArgs,
}

/// Closes an incident.
pub(super) async fn incident(config: Config, args: IncidentArgs) -> CommandResult {
    let context = open_existing(config)?;
    let id = args.incident.to_ascii_lowercase();
    let options = options_at(args.present.now);
    let closed = close_incident(&context, &id, &args.by, options).await;
    if let Some(closed) = closed.map_err(cycle_error)? {
        return print(&match args.present.json {
            true => json_line(&json!({ "closed": IncidentView::new(&closed, context.style()) })),
            false => closed_text(&closed),
        });
    }
    let known = {
        let id = id.clone();
        context.store.call(move |s| s.incident(&id)).await
    };
    Err(match known.map_err(cycle_error)? {
        Some(_) => {
            let why = format!("incident {} is not open", clean(&id));
            (INCOMPLETE, why)
        }
        None => no_such_incident(&context, &args.incident).await?,
    })
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
        _ => "if it goes on, it opens again in 24 h, or as soon as it gets worse\n".to_owned(),
    };
    what + &follows
}
