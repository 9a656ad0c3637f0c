//! `bounces`: the newest bounces and complaints, from every stream.

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::commands::CommandResult;
use crate::commands::query::args::ListArgs;
use crate::commands::query::list::{self, Row, short};
use crate::commands::query::merge::Dated;
use crate::commands::query::validate::{checked, message, part};
use crate::config::Config;
use crate::model::{StreamId, Timestamp, Zone};
use crate::postmark::{BounceFilter, BounceRow, KINDS, Server};
use crate::text::format::format_exact;

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
    #[command(flatten)]
    pub list: ListArgs,
}

pub(in crate::commands) async fn bounces(config: &Config, args: &BouncesArgs) -> CommandResult {
    let filter = BounceFilter {
        window: args.list.scope.window(config)?,
        recipient: part("--recipient", args.recipient.as_deref())?,
        tag: checked("--tag", args.list.scope.tag.as_deref())?,
        kind: args.kind.as_deref().map(documented_kind),
        message: message("--message", args.message.as_deref())?,
        inactive: args.inactive.then_some(true),
    };
    let fetch = async |api: &Server, stream: &StreamId, count, offset| {
        api.search_bounces(Some(stream), &filter, count, offset)
            .await
    };
    list::list(config, &args.list, filter.window, fetch).await
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

impl Row for BounceRow {
    const SINGULAR: &str = "bounce";
    const PLURAL: &str = "bounces";
    const COLUMNS: &[&str] = &[
        "BOUNCED",
        "STREAM",
        "TYPE",
        "RECIPIENT",
        "TAG",
        "DETAILS",
        "MESSAGE",
    ];

    fn cells(&self, place: String, zone: Zone) -> Vec<String> {
        let said = match self.details.trim() {
            "" => &self.description,
            _ => &self.details,
        };
        vec![
            format_exact(self.at, zone),
            place,
            self.kind.clone(),
            self.recipient.clone(),
            short(self.tag.as_deref().unwrap_or_default()),
            short(said),
            self.message.clone().unwrap_or_default(),
        ]
    }
}
