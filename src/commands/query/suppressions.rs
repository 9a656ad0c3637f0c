//! `suppressions`: who gets no mail, on every stream of every server.

use std::cmp::Reverse;

use clap::{Args, ValueEnum};

use crate::commands::CommandResult;
use crate::commands::query::args::PlaceArgs;
use crate::commands::query::list::{Found, Located, Row};
use crate::commands::query::validate::{self, address, domain};
use crate::commands::query::{PostmarkQuery, reactivate};
use crate::config::Config;
use crate::model::{Timestamp, Zone, domain_of};
use crate::postmark::{Suppression, SuppressionFilter};
use crate::text::format::format_exact;
use crate::text::sanitize::clean;

#[derive(Debug, Args)]
pub struct SuppressionsArgs {
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Only this address
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["domain", "reactivate"])]
    pub address: Option<String>,
    /// Only addresses at this domain or a subdomain
    #[arg(long, value_name = "DOMAIN", conflicts_with = "reactivate")]
    pub domain: Option<String>,
    /// Only this reason
    #[arg(long, value_enum, conflicts_with = "reactivate")]
    pub reason: Option<Reason>,
    /// Take this address off every list, after asking
    #[arg(long, value_name = "ADDRESS")]
    pub reactivate: Option<String>,
    /// Do not ask for confirmation
    #[arg(long, requires = "reactivate")]
    pub yes: bool,
    /// Maximum number of rows, newest first
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reason {
    /// A message to it bounced permanently
    #[value(alias = "HardBounce", alias = "hardbounce")]
    HardBounce,
    /// Its owner complained about spam
    #[value(alias = "SpamComplaint", alias = "spamcomplaint")]
    SpamComplaint,
    /// Added by hand, or its owner unsubscribed
    #[value(
        name = "manual",
        alias = "ManualSuppression",
        alias = "manual-suppression"
    )]
    Manual,
}

impl Reason {
    pub const fn name(self) -> &'static str {
        match self {
            Self::HardBounce => "HardBounce",
            Self::SpamComplaint => "SpamComplaint",
            Self::Manual => "ManualSuppression",
        }
    }
}

/// Prints the addresses that get no mail, or reactivates one. One request for each stream, and one for the streams of each
/// server.
pub(in crate::commands) async fn suppressions(
    config: &Config,
    args: &SuppressionsArgs,
) -> CommandResult {
    let stream = validate::stream(args.place.stream.as_deref())?;
    let wanted = address("--reactivate", args.reactivate.as_deref())?;
    let filter = SuppressionFilter {
        address: address("--address", args.address.as_deref())?,
        reason: args.reason.map(|reason| reason.name().to_owned()),
    };
    let domain = domain("--domain", args.domain.as_deref())?;
    let query = PostmarkQuery::open(config, args.place.server.as_deref(), stream).await?;
    if let Some(address) = wanted {
        return reactivate::reactivate(&query, &address, args).await;
    }
    let lists = query.query_streams(async |server, stream| {
        let mut list = server.api()?.suppressions(stream, &filter).await?;
        list.retain(|suppression| fits(suppression, &filter, domain.as_deref()));
        let located = list.into_iter().map(|row| Located {
            row,
            server: &server.name,
            stream: stream.clone(),
        });
        Ok(located.collect::<Vec<_>>())
    });
    let (lists, errors) = lists.await?;
    let mut rows: Vec<_> = lists.into_iter().flatten().collect();
    rows.sort_by_key(|of| (Reverse(of.row.since), of.row.address.clone()));
    let total = rows.len() as u64;
    rows.truncate(usize::try_from(args.limit).unwrap_or(usize::MAX));
    let found = Found {
        rows,
        total,
        at_least: None,
        errors,
    };
    let of = filter.address.or(domain);
    let of = of.map_or_else(String::new, |of| format!(" of {}", clean(&of)));
    let nothing = format!("no suppression{of} found");
    query.print_rows(&found, &nothing, "--limit shows more", args.json)
}

/// Whether a suppression matches. Postmark filters too, but is not relied upon.
fn fits(of: &Suppression, filter: &SuppressionFilter, domain: Option<&str>) -> bool {
    let is_at = |wanted: &str| {
        let wanted = wanted.trim_start_matches('@').to_ascii_lowercase();
        let domain = domain_of(&of.address);
        let above = domain.strip_suffix(&wanted);
        above.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let is_of = |wanted: &String| of.address.eq_ignore_ascii_case(wanted);
    filter.address.as_ref().is_none_or(is_of)
        && domain.is_none_or(is_at)
        && filter.reason.as_ref().is_none_or(|r| of.reason == *r)
}

impl Row for Suppression {
    const SINGULAR: &str = "suppression";
    const PLURAL: &str = "suppressions";
    const COLUMNS: &[&str] = &["ADDRESS", "STREAM", "REASON", "ORIGIN", "SINCE"];

    fn cells(&self, place: String, zone: Zone) -> Vec<String> {
        vec![
            self.address.clone(),
            place,
            self.reason.clone(),
            self.origin.clone(),
            since(self.since, zone),
        ]
    }
}

pub(crate) fn since(at: Option<Timestamp>, zone: Zone) -> String {
    at.map_or_else(|| "unknown".to_owned(), |at| format_exact(at, zone))
}
