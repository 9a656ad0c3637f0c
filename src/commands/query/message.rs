//! What became of one message.

use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::commands::query::error::Trouble;
use crate::commands::query::{Answer, Asked, Lookup, LookupError};
use crate::model::{ServerName, Timestamp};
use crate::postmark::{BounceFilter, BounceRow, ErrorKind, Event, PAGE, Timeline};
use crate::text::format::{format_duration, format_exact};
use crate::text::sanitize::{clean, json_line};
use crate::text::table::Table;

/// A message that one of the servers knows.
struct Known {
    server: ServerName,
    timeline: Timeline,
}

impl Lookup {
    /// Tells the course of the message with this id. Two requests at the server that knows it, one at every other.
    ///
    /// # Errors
    /// `Failed` where no server knows it.
    pub async fn message(&self, id: &str, as_json: bool) -> Result<Answer, LookupError> {
        let (found, errors) = self.each(|server| known(server, id.to_owned())).await;
        let Some(known) = found.into_iter().flatten().next() else {
            let mut errors = errors;
            if errors.is_empty() {
                let names: Vec<String> = self.servers.iter().map(|s| clean(&s.name.0)).collect();
                errors.push(format!(
                    "Postmark knows no message `{}` at {}, or no longer; `hushwatch messages` lists what it knows",
                    clean(id),
                    names.join(", ")
                ));
            }
            return Err(LookupError::Failed(errors.join("\nhushwatch: ")));
        };
        let text = match as_json {
            true => json_line(&known.to_json()),
            false => known.to_text(self.zone),
        };
        // Who does not answer does not matter once it is found.
        Ok(Answer {
            text,
            errors: Vec::new(),
        })
    }
}

async fn known(server: std::sync::Arc<Asked>, id: String) -> Result<Option<Known>, Trouble> {
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
    // Complaints are among the bounces only, and what a bounce was stands there alone.
    let stream = timeline.letter.stream.clone();
    let bounces = api
        .search_bounces(stream.as_ref(), &filter, PAGE, 0)
        .await?;
    explain(&mut timeline.events, bounces.items);
    timeline.events.sort_by_key(|event| event.at);
    Ok(Some(Known {
        server: server.name.clone(),
        timeline,
    }))
}

/// Adds to the events what the list of bounces tells of them, and those that only stand there.
fn explain(events: &mut Vec<Event>, bounces: Vec<BounceRow>) {
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

impl Known {
    fn to_text(&self, zone: Tz) -> String {
        let letter = &self.timeline.letter;
        let stream = letter
            .stream
            .as_ref()
            .map_or("", |stream| stream.0.as_str());
        let mut head = Table::default();
        head.row(["Message", &letter.id]);
        head.row(["Server", &self.server.0]);
        head.row(["Stream", stream]);
        head.row(["From", &letter.from]);
        head.row(["To", &letter.recipients.join(", ")]);
        head.row(["Subject", &letter.subject]);
        head.row(["Tag", letter.tag.as_deref().unwrap_or_default()]);
        head.row(["Status", &letter.status]);
        let mut course = Table::new(&["TIME", "AFTER", "EVENT", "RECIPIENT", "DETAILS"]);
        course.row([&format_exact(letter.at, zone), "", "sent", "", ""]);
        for event in &self.timeline.events {
            let server = event.server.as_deref().unwrap_or_default();
            let text = event.text.as_deref().unwrap_or_default();
            course.row([
                event
                    .at
                    .map_or_else(String::new, |at| format_exact(at, zone)),
                after(letter.at, event.at),
                name(&event.kind).to_owned(),
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
        let letter = &self.timeline.letter;
        let event = |event: &Event| {
            json!({
                "at": event.at.map(|at| at.to_string()), "type": event.kind, "recipient": event.recipient,
                "destination": event.server, "details": event.text, "bounce": event.bounce,
            })
        };
        json!({
            "id": letter.id, "server": self.server, "stream": letter.stream, "at": letter.at.to_string(),
            "status": letter.status, "from": letter.from, "recipients": letter.recipients, "tag": letter.tag,
            "subject": letter.subject, "events": self.timeline.events.iter().map(event).collect::<Vec<_>>(),
        })
    }
}

/// How long after it was sent; deliveries are dated to the second, and may lie before it.
fn after(sent: Timestamp, at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, |at| {
        format!("+{}", format_duration(at.since(sent)))
    })
}

/// Postmark's word for an event, as a word among others.
fn name(kind: &str) -> &str {
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
