//! `messages`: the newest messages, from every stream.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::clock;
use crate::commands::CommandResult;
use crate::commands::query::args::ListArgs;
use crate::commands::query::list::{TableRow, short};
use crate::commands::query::merge::{Dated, PagedQuery};
use crate::commands::query::validate::{self, checked};
use crate::commands::query::{PostmarkQuery, print_answer, time_arg};
use crate::config::Config;
use crate::model::{StreamId, Timestamp};
use crate::postmark::{self, MessageFilter, MessageSummary, Page, Server, Window};

/// Arguments of `messages`.
#[derive(Debug, Args)]
pub struct MessagesArgs {
    /// Only messages to this address
    #[arg(long, value_name = "ADDRESS")]
    pub recipient: Option<String>,
    /// Only messages from this address
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<String>,
    /// Only this processing status at Postmark (not delivery status)
    #[arg(long, value_enum)]
    pub status: Option<StatusFilter>,
    #[doc(hidden)]
    #[command(flatten)]
    pub list: ListArgs,
}

/// Postmark's processing status of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatusFilter {
    /// Accepted, not sent yet
    Queued,
    /// Sent
    Sent,
    /// The same as sent
    Processed,
}

impl StatusFilter {
    /// Returns Postmark's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Processed => "processed",
        }
    }
}

/// Prints the newest messages.
pub(in crate::commands) async fn messages(config: &Config, args: &MessagesArgs) -> CommandResult {
    let scope = &args.list.scope;
    let window = time_arg::window(&scope.window, config.time_zone, clock::now())?;
    let filter = MessageFilter {
        recipient: validate::part("--recipient", args.recipient.as_deref())?,
        from: validate::part("--from", args.from.as_deref())?,
        tag: checked("--tag", scope.tag.as_deref())?,
        status: args.status.map(|status| status.name().to_owned()),
        window,
    };
    let stream = validate::stream(scope.place.stream.as_deref())?;
    let query = PostmarkQuery::open(config, scope.place.server.as_deref()).await?;
    let found = query.list(&filter, stream.as_ref(), args.list.limit, scope.json);
    print_answer(&found.await)
}

impl Dated for MessageSummary {
    fn at(&self) -> Timestamp {
        self.at
    }

    fn id(&self) -> String {
        self.id.clone()
    }
}

impl TableRow for MessageSummary {
    const SINGULAR: &str = "message";
    const PLURAL: &str = "messages";
    const COLUMNS: [&str; 7] = [
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

impl PagedQuery for MessageFilter {
    type Row = MessageSummary;

    async fn page(
        &self,
        api: &Server,
        stream: &StreamId,
        count: u32,
        offset: u32,
    ) -> Result<Page<MessageSummary>, postmark::Error> {
        api.search_messages(stream, self, count, offset).await
    }

    fn window(&self) -> Window {
        self.window
    }
}
