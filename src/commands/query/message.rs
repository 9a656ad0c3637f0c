//! `message`: what became of one message.

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::commands::query::error::LookupError;
use crate::commands::query::{PostmarkQuery, Target, join_errors, names, validate};
use crate::commands::stdout::print;
use crate::commands::{CommandResult, INCOMPLETE};
use crate::config::Config;
use crate::model::{ServerName, Zone};
use crate::postmark::{BounceFilter, BounceRow, ErrorKind, Event, PAGE, Timeline};
use crate::text::format::{format_duration, format_exact};
use crate::text::sanitize::json_line;
use crate::text::table::Table;

#[derive(Debug, Args)]
pub struct MessageArgs {
    /// The message's id, as Postmark gave it
    pub id: String,
    /// Only this server
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Prints what became of one message. Two requests at the server that has it, one at every other.
pub(in crate::commands) async fn message(config: &Config, args: &MessageArgs) -> CommandResult {
    let id = validate::message("ID", Some(&args.id))?.unwrap_or_default();
    let query = PostmarkQuery::open(config, args.server.as_deref(), None).await?;
    let (found, mut errors) = query
        .query_all(async |server| find_message(server, &id).await)
        .await?;
    // Errors of other servers do not matter once it is found.
    if let Some(known) = found.into_iter().flatten().next() {
        return print(&match args.json {
            true => json_line(&json!(known)),
            false => known.to_text(query.zone),
        });
    }
    if errors.is_empty() {
        let names = names(query.servers.iter().map(|server| &server.name.0));
        errors.push(format!(
            "Postmark has no message `{id}` at {names}, or no longer; `hushwatch messages` lists those it has"
        ));
    }
    Err((INCOMPLETE, join_errors(&errors)))
}

#[derive(Serialize)]
struct FoundMessage<'q> {
    server: &'q ServerName,
    #[serde(flatten)]
    timeline: Timeline,
}

async fn find_message<'q>(
    server: &'q Target,
    id: &str,
) -> Result<Option<FoundMessage<'q>>, LookupError> {
    let api = server.api()?;
    let mut timeline = match api.timeline(id).await {
        Ok(timeline) => timeline,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let filter = BounceFilter {
        message: Some(id.to_owned()),
        ..BounceFilter::default()
    };
    // Only the list of bounces has complaints and the details of a bounce.
    let stream = timeline.message.stream.clone();
    let bounces = api.search_bounces(stream.as_ref(), &filter, PAGE, 0);
    attach_bounces(&mut timeline.events, bounces.await?.items);
    timeline.events.sort_by_key(|event| event.at);
    Ok(Some(FoundMessage {
        server: &server.name,
        timeline,
    }))
}

/// Adds the details of bounces to the events, and the bounces that are not among the events.
fn attach_bounces(events: &mut Vec<Event>, bounces: Vec<BounceRow>) {
    for bounce in bounces {
        let said = format!("{}: {} {}", bounce.kind, bounce.description, bounce.details);
        match events.iter_mut().find(|e| e.bounce == Some(bounce.id)) {
            Some(event) => event.text = Some(said),
            None => events.push(Event {
                at: Some(bounce.at),
                kind: match bounce.kind.as_str() {
                    "SpamComplaint" => bounce.kind.clone(),
                    _ => "Bounced".to_owned(),
                },
                recipient: bounce.recipient,
                server: None,
                text: Some(said),
                bounce: Some(bounce.id),
            }),
        }
    }
}

impl FoundMessage<'_> {
    fn to_text(&self, zone: Zone) -> String {
        let message = &self.timeline.message;
        let stream = message.stream.as_ref().map_or("", |id| id.0.as_str());
        let mut head = Table::default();
        head.row(["Message", &message.id]);
        head.row(["Server", &self.server.0]);
        head.row(["Stream", stream]);
        head.row(["From", &message.from]);
        head.row(["To", &message.recipients.join(", ")]);
        head.row(["Subject", &message.subject]);
        head.row(["Tag", message.tag.as_deref().unwrap_or_default()]);
        head.row(["Status", &message.status]);
        let mut course = Table::new(&["TIME", "AFTER", "EVENT", "RECIPIENT", "DETAILS"]);
        course.row([&format_exact(message.at, zone), "", "sent", "", ""]);
        for event in &self.timeline.events {
            let server = event.server.as_deref().unwrap_or_default();
            let text = event.text.as_deref().unwrap_or_default();
            let at = event.at.map(|at| format_exact(at, zone));
            // Deliveries are dated to the second, so one may be before the message was sent.
            let after = event.at.map(|at| at.since(message.at));
            let after = after.map(|after| format!("+{}", format_duration(after)));
            course.row([
                at.unwrap_or_default(),
                after.unwrap_or_default(),
                event_name(&event.kind).to_owned(),
                event.recipient.clone(),
                format!("{server} {text}"),
            ]);
        }
        let nothing = match self.timeline.events.is_empty() {
            true => "nothing further is known of it; ",
            false => "",
        };
        let (head, course) = (head.to_text(), course.to_text());
        format!("{head}\n{course}{nothing}times in {}\n", zone.name())
    }
}

fn event_name(kind: &str) -> &str {
    match kind {
        "Delivered" => "delivered",
        "Transient" => "delayed",
        "Bounced" => "bounced",
        "Opened" => "opened",
        "LinkClicked" => "clicked",
        "SubscriptionChanged" => "subscription changed",
        "SpamComplaint" => "complained",
        other => other,
    }
}
