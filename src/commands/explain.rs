//! `explain`: everything known about one incident.

use clap::Args;

use crate::commands::cli::ViewArgs;
use crate::commands::open::{cycle_error, open_existing};
use crate::commands::stdout::print;
use crate::commands::{CommandResult, INCOMPLETE};
use crate::config::Config;
use crate::cycle::Context;
use crate::output;
use crate::output::explain::IncidentReport;
use crate::overview::load_report;
use crate::store::{self, Database};
use crate::text::sanitize::{clean, clean_lines, json_line};

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Id of the incident
    pub incident: String,
    #[command(flatten)]
    pub view: ViewArgs,
}

pub(super) async fn explain(config: Config, args: &ExplainArgs) -> CommandResult {
    let context = open_existing(config)?;
    // Ids are in lower case; one that was read out may come back in any.
    let id = args.incident.to_ascii_lowercase();
    let report = load_report(&context.config, &context.store, &id, args.view.now).await;
    if let Some(report) = report.map_err(cycle_error)? {
        return print(&match args.view.json {
            true => json_line(&report.to_json(context.style())),
            false => report_text(&report, &context),
        });
    }
    Err(no_such_incident(&context, &args.incident).await?)
}

/// Returns the exit code and the text where no incident has the id, with the ids of those that are open.
///
/// # Errors
/// Those of the store.
pub(super) async fn no_such_incident(
    context: &Context,
    id: &str,
) -> Result<(u8, String), (u8, String)> {
    let open = open_incident_ids(context).await.map_err(cycle_error)?;
    let open = match open.as_slice() {
        [] => "no incident is open".to_owned(),
        open => format!("open incidents: {}", open.join(", ")),
    };
    let id = clean(id);
    let why = format!(
        "no incident has the id `{id}`; {open}; `hushwatch incidents` lists those that ended"
    );
    Ok((INCOMPLETE, why))
}

pub(super) fn report_text(report: &IncidentReport, context: &Context) -> String {
    clean_lines(&(output::explain::explain(report, context.style()).join("\n") + "\n"))
}

/// Returns the ids of the incidents that are open.
async fn open_incident_ids(context: &Context) -> Result<Vec<String>, store::Error> {
    let open = context.store.call(Database::all_open_incidents).await?;
    Ok(open.into_iter().map(|incident| incident.id).collect())
}
