//! `suppressions`: who gets no mail, on every stream of every server.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::commands::CommandResult;
use crate::commands::query::args::PlaceArgs;
use crate::commands::query::error::LookupError;
use crate::commands::query::row_count::RowCount;
use crate::commands::query::streams::{StreamIter, flatten};
use crate::commands::query::validate::{self, address, domain};
use crate::commands::query::{Answer, PostmarkQuery, place, print_answer, reactivate};
use crate::config::Config;
use crate::model::{ServerName, StreamId, Timestamp, domain_of};
use crate::postmark::{Suppression, Suppressions};
use crate::text::format::format_exact;
use crate::text::sanitize::{clean, json_line};
use crate::text::table::Table;

/// Arguments of `suppressions`.
#[derive(Debug, Args)]
pub struct SuppressionsArgs {
    #[doc(hidden)]
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

/// Why an address is suppressed.
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
    /// Returns Postmark's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HardBounce => "HardBounce",
            Self::SpamComplaint => "SpamComplaint",
            Self::Manual => "ManualSuppression",
        }
    }
}

/// Prints the addresses that get no mail, or reactivates one.
pub(in crate::commands) async fn suppressions(
    config: &Config,
    args: &SuppressionsArgs,
) -> CommandResult {
    let stream = validate::stream(args.place.stream.as_deref())?;
    let wanted = address("--reactivate", args.reactivate.as_deref())?;
    let filter = Filter {
        stream: stream.clone(),
        address: address("--address", args.address.as_deref())?,
        domain: domain("--domain", args.domain.as_deref())?,
        reason: args.reason.map(|reason| reason.name().to_owned()),
    };
    let query = PostmarkQuery::open(config, args.place.server.as_deref()).await?;
    match wanted {
        Some(address) => reactivate::reactivate(&query, &address, stream.as_ref(), args).await,
        None => {
            let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
            print_answer(&query.suppressions(&filter, limit, args.json).await)
        }
    }
}

/// Which suppressions are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Scope this stream alone.
    pub stream: Option<StreamId>,
    /// Scope this address alone.
    pub address: Option<String>,
    /// Scope addresses at this domain, or below it.
    pub domain: Option<String>,
    /// Only this reason, in Postmark's words.
    pub reason: Option<String>,
}

/// A suppression with its server and stream.
struct Located {
    server: ServerName,
    stream: StreamId,
    suppression: Suppression,
}

impl PostmarkQuery {
    /// Lists at most `limit` suppressions, the newest first. One request for each stream, and one for the streams of each
    /// server.
    async fn suppressions(&self, filter: &Filter, limit: usize, as_json: bool) -> Answer {
        let (mut found, errors) = self.find_suppressions(filter).await;
        found.sort_by_key(|placed| {
            let address = placed.suppression.address.clone();
            (std::cmp::Reverse(placed.suppression.since), address)
        });
        let total = found.len();
        found.truncate(limit);
        let text = match as_json {
            true => json_line(&json!({
                "suppressions": found.iter().map(Located::to_json).collect::<Vec<_>>(),
                "total": total, "errors": errors,
            })),
            // What could not be read is not empty.
            false if found.is_empty() && !errors.is_empty() => String::new(),
            false => self.suppressions_table(&found, total, filter, &errors),
        };
        Answer { text, errors }
    }

    /// Returns the matching entries of every list, and errors.
    async fn find_suppressions(&self, filter: &Filter) -> (Vec<Located>, Vec<String>) {
        let all = self.query_all(|server| {
            let filter = filter.clone();
            async move {
                let wanted = Suppressions {
                    address: filter.address.clone(),
                    reason: filter.reason.clone(),
                };
                let mut streams = StreamIter::new(&server, filter.stream.as_ref()).await?;
                while let Some(stream) = streams.next() {
                    let list = server.api()?.suppressions(&stream, &wanted).await;
                    let place = |suppression| Located {
                        server: server.name.clone(),
                        stream: stream.clone(),
                        suppression,
                    };
                    let fitting = |list: Vec<Suppression>| {
                        let list = list.into_iter().filter(|s| filter.fits(s));
                        list.map(place).collect::<Vec<_>>()
                    };
                    streams.take(list.map(fitting).map_err(LookupError::from))?;
                }
                Ok(streams.finish())
            }
        });
        let (found, errors) = flatten(all.await);
        (found.into_iter().flatten().collect(), errors)
    }

    fn suppressions_table(
        &self,
        found: &[Located],
        total: usize,
        filter: &Filter,
        errors: &[String],
    ) -> String {
        if found.is_empty() {
            return format!("{}\n", filter.nothing());
        }
        let mut table = Table::new(&["ADDRESS", "STREAM", "REASON", "ORIGIN", "SINCE"]);
        for placed in found {
            let s = &placed.suppression;
            table.row([
                s.address.clone(),
                place(self.has_many(), &placed.server, &placed.stream),
                s.reason.clone(),
                s.origin.clone(),
                since(s.since, self.zone),
            ]);
        }
        let sum = RowCount {
            one: "suppression",
            shown: found.len(),
            total: total as u64,
            total_is_lower_bound: false,
            more: "--limit shows more",
        };
        self.table_with_footer(&table, &sum, errors)
    }
}

impl Filter {
    /// Whether a suppression matches. Postmark filters too, but is not relied upon.
    fn fits(&self, suppression: &Suppression) -> bool {
        let domain = domain_of(&suppression.address);
        let is_at = |wanted: &String| {
            let wanted = wanted.trim_start_matches('@').to_ascii_lowercase();
            let above = domain.strip_suffix(&wanted);
            above.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let is_of = |wanted: &String| suppression.address.eq_ignore_ascii_case(wanted);
        self.address.as_ref().is_none_or(is_of)
            && self.domain.as_ref().is_none_or(is_at)
            && self
                .reason
                .as_ref()
                .is_none_or(|r| suppression.reason == *r)
    }

    fn nothing(&self) -> String {
        let of = self.address.as_ref().or(self.domain.as_ref());
        let of = of.map_or_else(String::new, |of| format!(" of {}", clean(of)));
        format!("no suppression{of} found")
    }
}

impl Located {
    fn to_json(&self) -> Value {
        let s = &self.suppression;
        json!({
            "server": self.server, "stream": self.stream, "address": s.address, "reason": s.reason,
            "origin": s.origin, "since": s.since.map(|at| at.to_string()),
        })
    }
}

pub(crate) fn since(at: Option<Timestamp>, zone: chrono_tz::Tz) -> String {
    at.map_or_else(|| "unknown".to_owned(), |at| format_exact(at, zone))
}
