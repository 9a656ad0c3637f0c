//! Messages and bounces, as Postmark's own activity shows them.

use serde_json::{Value, json};

use crate::commands::query::merge::{Newest, Placed, Row, Search};
use crate::commands::query::row_count::Sum;
use crate::commands::query::{Answer, Lookup, place};
use crate::model::{StreamId, Timestamp};
use crate::postmark::{
    self, BounceFilter, BounceRow, CAP, Letter, MessageFilter, Page, Server, Window,
};
use crate::text::format::format_exact;
use crate::text::sanitize::{json_line, truncate};
use crate::text::table::Table;

/// Longest text of one cell that is no address, in characters.
const LONGEST_CELL: usize = 50;

impl Lookup {
    /// Lists at most `limit` messages, the newest first: the streams of each server, and pages of them, cost a request each.
    pub async fn messages(
        &self,
        filter: &MessageFilter,
        stream: Option<&StreamId>,
        limit: u32,
        as_json: bool,
    ) -> Answer {
        self.list(filter, stream, limit, as_json).await
    }

    /// Lists at most `limit` bounces and complaints, the newest first, at the same cost.
    pub async fn bounces(
        &self,
        filter: &BounceFilter,
        stream: Option<&StreamId>,
        limit: u32,
        as_json: bool,
    ) -> Answer {
        self.list(filter, stream, limit, as_json).await
    }

    async fn list<S>(
        &self,
        search: &S,
        stream: Option<&StreamId>,
        limit: u32,
        as_json: bool,
    ) -> Answer
    where
        S: Search<Row: Shown> + Clone,
    {
        let found = self.newest(search.clone(), stream, limit).await;
        let text = match as_json {
            true => json_line(&json!({
                S::Row::MANY: found.rows.iter().map(to_json).collect::<Vec<_>>(),
                "total": found.total, "at_least": found.at_least, "errors": found.errors,
            })),
            false => self.table(&found),
        };
        Answer {
            text,
            errors: found.errors,
        }
    }

    fn table<R: Shown>(&self, found: &Newest<R>) -> String {
        let one = R::ONE;
        if found.rows.is_empty() {
            return match found.errors.is_empty() {
                true => format!("no {one} was found\n"),
                false => String::new(),
            };
        }
        let mut table = Table::new(&R::HEADINGS);
        for placed in &found.rows {
            let at = format_exact(placed.row.at(), self.zone);
            let place = place(self.has_many(), &placed.server, &placed.stream);
            table.row([at, place].into_iter().chain(placed.row.cells()));
        }
        let shown = found.rows.len();
        let sum = Sum {
            one,
            shown,
            total: found.total,
            at_least: found.at_least,
            more: match (found.at_least, shown as u64 >= CAP) {
                (false, _) => "--limit shows more, --since, --until and the filters narrow",
                (true, false) => "--limit shows more (up to 10,000)",
                (true, true) => {
                    "Postmark shows no more than 10,000 of one search: narrow it by --since and --until"
                }
            },
        };
        self.ended(&table, &sum, &found.errors)
    }
}

/// A row that can be shown.
trait Shown: Row {
    /// What it is called, and what many of them are, as scripts know them.
    const ONE: &'static str;
    const MANY: &str;
    const HEADINGS: [&str; 7];
    /// What follows the time and the place.
    fn cells(&self) -> Vec<String>;
    fn to_json(&self) -> Value;
}

fn to_json<R: Shown>(placed: &Placed<R>) -> Value {
    let mut value = placed.row.to_json();
    value["server"] = json!(placed.server);
    value["stream"] = json!(placed.stream);
    value
}

fn short(text: &str) -> String {
    truncate(&crate::text::sanitize::clean(text), LONGEST_CELL)
}

impl Row for Letter {
    fn at(&self) -> Timestamp {
        self.at
    }

    fn id(&self) -> String {
        self.id.clone()
    }
}

impl Shown for Letter {
    const ONE: &str = "message";
    const MANY: &str = "messages";
    const HEADINGS: [&str; 7] = [
        "SENT", "STREAM", "STATUS", "TO", "TAG", "SUBJECT", "MESSAGE",
    ];

    fn cells(&self) -> Vec<String> {
        let more = self.recipients.len().saturating_sub(1);
        let first = self.recipients.first().map_or("", String::as_str);
        let to = match more {
            0 => first.to_owned(),
            more => format!("{first} and {more} more"),
        };
        let tag = short(self.tag.as_deref().unwrap_or_default());
        vec![
            self.status.clone(),
            to,
            tag,
            short(&self.subject),
            self.id.clone(),
        ]
    }

    fn to_json(&self) -> Value {
        json!({
            "id": self.id, "at": self.at.to_string(), "status": self.status, "from": self.from,
            "recipients": self.recipients, "tag": self.tag, "subject": self.subject,
        })
    }
}

impl Row for BounceRow {
    fn at(&self) -> Timestamp {
        self.at
    }

    fn id(&self) -> String {
        self.id.to_string()
    }
}

impl Shown for BounceRow {
    const ONE: &str = "bounce";
    const MANY: &str = "bounces";
    const HEADINGS: [&str; 7] = [
        "BOUNCED",
        "STREAM",
        "TYPE",
        "RECIPIENT",
        "TAG",
        "DETAILS",
        "MESSAGE",
    ];

    fn cells(&self) -> Vec<String> {
        let said = match self.details.trim() {
            "" => &self.description,
            _ => &self.details,
        };
        vec![
            self.kind.clone(),
            self.recipient.clone(),
            short(self.tag.as_deref().unwrap_or_default()),
            short(said),
            self.message.clone().unwrap_or_default(),
        ]
    }

    fn to_json(&self) -> Value {
        json!({
            "id": self.id, "at": self.at.to_string(), "type": self.kind, "recipient": self.recipient,
            "message": self.message, "tag": self.tag, "description": self.description, "details": self.details,
            "inactive": self.inactive, "can_activate": self.can_activate,
        })
    }
}

impl Search for MessageFilter {
    type Row = Letter;

    async fn page(
        &self,
        api: &Server,
        stream: &StreamId,
        count: u32,
        offset: u32,
    ) -> Result<Page<Letter>, postmark::Error> {
        api.search_messages(stream, self, count, offset).await
    }

    fn window(&self) -> Window {
        self.window
    }
}

impl Search for BounceFilter {
    type Row = BounceRow;

    async fn page(
        &self,
        api: &Server,
        stream: &StreamId,
        count: u32,
        offset: u32,
    ) -> Result<Page<BounceRow>, postmark::Error> {
        api.search_bounces(Some(stream), self, count, offset).await
    }

    fn window(&self) -> Window {
        self.window
    }
}
