//! `messages`: the newest messages, from every stream.

use clap::{Args, ValueEnum};

use crate::commands::CommandResult;
use crate::commands::query::args::ListArgs;
use crate::commands::query::list::{self, Row, short};
use crate::commands::query::merge::Dated;
use crate::commands::query::validate::{checked, part};
use crate::config::Config;
use crate::model::{StreamId, Timestamp, Zone};
use crate::postmark::{MessageFilter, MessageSummary, Server};
use crate::text::format::format_exact;

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
    #[command(flatten)]
    pub list: ListArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatusFilter {
    /// Accepted, not sent yet
    Queued,
    /// Sent
    Sent,
    /// The same as sent
    Processed,
}

pub(in crate::commands) async fn messages(config: &Config, args: &MessagesArgs) -> CommandResult {
    let filter = MessageFilter {
        window: args.list.scope.window(config)?,
        recipient: part("--recipient", args.recipient.as_deref())?,
        from: part("--from", args.from.as_deref())?,
        tag: checked("--tag", args.list.scope.tag.as_deref())?,
        status: args
            .status
            .and_then(|status| status.to_possible_value())
            .map(|value| value.get_name().to_owned()),
    };
    let fetch = async |api: &Server, stream: &StreamId, count, offset| {
        api.search_messages(stream, &filter, count, offset).await
    };
    list::list(config, &args.list, filter.window, fetch).await
}

impl Dated for MessageSummary {
    fn at(&self) -> Timestamp {
        self.at
    }

    fn id(&self) -> String {
        self.id.clone()
    }
}

impl Row for MessageSummary {
    const SINGULAR: &str = "message";
    const PLURAL: &str = "messages";
    const COLUMNS: &[&str] = &[
        "SENT", "STREAM", "STATUS", "TO", "TAG", "SUBJECT", "MESSAGE",
    ];

    fn cells(&self, place: String, zone: Zone) -> Vec<String> {
        let first = self.recipients.first().map_or("", String::as_str);
        let to = match self.recipients.len() {
            0 | 1 => first.to_owned(),
            recipients => format!("{first} and {} more", recipients - 1),
        };
        vec![
            format_exact(self.at, zone),
            place,
            self.status.clone(),
            to,
            short(self.tag.as_deref().unwrap_or_default()),
            short(&self.subject),
            self.id.clone(),
        ]
    }
}
