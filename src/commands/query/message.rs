//! `message`: what became of one message.

use std::sync::Arc;

use chrono_tz::Tz;
use clap::Args;
use serde_json::{Value, json};

use crate::commands::CommandResult;
use crate::commands::query::error::LookupError;
use crate::commands::query::{
    Answer, PostmarkQuery, QueryError, Target, command_error, print_answer, validate,
};
use crate::config::Config;
use crate::model::{ServerName, Timestamp};
use crate::postmark::{BounceFilter, BounceRow, ErrorKind, Event, PAGE, Timeline};
use crate::text::format::{format_duration, format_exact};
use crate::text::sanitize::{clean, json_line};
use crate::text::table::Table;

/// Arguments of `message`.
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

/// Prints what became of one message.
pub(in crate::commands) async fn message(config: &Config, args: &MessageArgs) -> CommandResult {
    let id = validate::message("ID", Some(&args.id))?.unwrap_or_default();
    let query = PostmarkQuery::open(config, args.server.as_deref()).await?;
    let found = query.message(&id, args.json).await;
    print_answer(&found.map_err(command_error)?)
}

/// A message and the server that has it.
struct FoundMessage {
    server: ServerName,
    timeline: Timeline,
}

impl PostmarkQuery {
    /// Returns what became of the message with this id. Two requests at the server that has it, one at every other.
    ///
    /// # Errors
    /// `Failed` where no server knows it.
    async fn message(&self, id: &str, as_json: bool) -> Result<Answer, QueryError> {
        let (found, errors) = self
            .query_all(|server| find_message(server, id.to_owned()))
            .await;
        let Some(known) = found.into_iter().flatten().next() else {
            let mut errors = errors;
            if errors.is_empty() {
                let names: Vec<String> = self.servers.iter().map(|s| clean(&s.name.0)).collect();
                errors.push(format!(
                    "Postmark has no message `{}` at {}, or no longer; `hushwatch messages` lists those it has",
                    clean(id),
                    names.join(", ")
                ));
            }
            return Err(QueryError::Failed(errors.join("\nhushwatch: ")));
        };
        let text = match as_json {
            true => json_line(&known.to_json()),
            false => known.to_text(self.zone),
        };
        // Errors of other servers do not matter once it is found.
        Ok(Answer {
            text,
            errors: Vec::new(),
        })
    }
}

async fn find_message(
    server: Arc<Target>,
    id: String,
) -> Result<Option<FoundMessage>, LookupError> {
    let api = server.api()?;
    let mut timeline = match api.timeline(&id).await {
        Ok(timeline) => timeline,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let filter = BounceFilter {
        message: Some(id),
        ..BounceFilter::default()
    };
    // Only the list of bounces has complaints and the details of a bounce.
    let stream = timeline.message.stream.clone();
    let bounces = api
        .search_bounces(stream.as_ref(), &filter, PAGE, 0)
        .await?;
    attach_bounces(&mut timeline.events, bounces.items);
    timeline.events.sort_by_key(|event| event.at);
    Ok(Some(FoundMessage {
        server: server.name.clone(),
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

impl FoundMessage {
    fn to_text(&self, zone: Tz) -> String {
        let message = &self.timeline.message;
        let stream = message
            .stream
            .as_ref()
            .map_or("", |stream| stream.0.as_str());
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
            course.row([
                event
                    .at
                    .map_or_else(String::new, |at| format_exact(at, zone)),
                after(message.at, event.at),
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

    fn to_json(&self) -> Value {
        let message = &self.timeline.message;
        let event = |event: &Event| {
            json!({
                "at": event.at.map(|at| at.to_string()), "type": event.kind, "recipient": event.recipient,
                "destination": event.server, "details": event.text, "bounce": event.bounce,
            })
        };
        json!({
            "id": message.id, "server": self.server, "stream": message.stream, "at": message.at.to_string(),
            "status": message.status, "from": message.from, "recipients": message.recipients, "tag": message.tag,
            "subject": message.subject, "events": self.timeline.events.iter().map(event).collect::<Vec<_>>(),
        })
    }
}

/// Returns how long after sending an event was. Deliveries are dated to the second, so it may be before.
fn after(sent: Timestamp, at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, |at| {
        format!("+{}", format_duration(at.since(sent)))
    })
}

/// Returns the plain word for one of Postmark's events.
fn event_name(kind: &str) -> &str {
    match kind {
        "Delivered" => "delivered",
        "Transient" => "delayed",
        "Bounced" => "bounced",
        "Opened" => "open_cursors",
        "LinkClicked" => "clicked",
        "SubscriptionChanged" => "subscription changed",
        "SpamComplaint" => "complained",
        other => other,
    }
}
