//! `bounces`: the newest bounces and complaints, from every stream.

use clap::Args;
use clap::builder::PossibleValuesParser;
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
use crate::postmark::{self, BounceFilter, BounceRow, KINDS, Page, Server, Window};

/// Arguments of `bounces`.
#[derive(Debug, Args)]
pub struct BouncesArgs {
    /// Only addresses that contain this text
    #[arg(long, value_name = "TEXT")]
    pub recipient: Option<String>,
    /// Only this type
    #[arg(long = "type", value_name = "TYPE", ignore_case = true, value_parser = PossibleValuesParser::new(KINDS))]
    pub kind: Option<String>,
    /// Only bounces of this message
    #[arg(long, value_name = "ID")]
    pub message: Option<String>,
    /// Only bounces that deactivated their address
    #[arg(long)]
    pub inactive: bool,
    #[doc(hidden)]
    #[command(flatten)]
    pub list: ListArgs,
}

/// Prints the newest bounces and complaints.
pub(in crate::commands) async fn bounces(config: &Config, args: &BouncesArgs) -> CommandResult {
    let scope = &args.list.scope;
    let window = time_arg::window(&scope.window, config.time_zone, clock::now())?;
    let filter = BounceFilter {
        recipient: validate::part("--recipient", args.recipient.as_deref())?,
        tag: checked("--tag", scope.tag.as_deref())?,
        kind: args.kind.as_deref().map(documented_kind),
        message: validate::message("--message", args.message.as_deref())?,
        inactive: args.inactive.then_some(true),
        window,
    };
    let stream = validate::stream(scope.place.stream.as_deref())?;
    let query = PostmarkQuery::open(config, scope.place.server.as_deref()).await?;
    let found = query.list(&filter, stream.as_ref(), args.list.limit, scope.json);
    print_answer(&found.await)
}

/// Returns a type of bounces as Postmark writes it, however it was capitalised.
fn documented_kind(kind: &str) -> String {
    let known = KINDS.iter().find(|known| known.eq_ignore_ascii_case(kind));
    (*known.unwrap_or(&kind)).to_owned()
}

impl Dated for BounceRow {
    fn at(&self) -> Timestamp {
        self.at
    }

    fn id(&self) -> String {
        self.id.to_string()
    }
}

impl TableRow for BounceRow {
    const SINGULAR: &str = "bounce";
    const PLURAL: &str = "bounces";
    const COLUMNS: [&str; 7] = [
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

impl PagedQuery for BounceFilter {
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
