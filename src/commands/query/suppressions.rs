//! Who gets no mail, on every stream of every server.

use serde_json::{Value, json};

use crate::commands::query::error::Trouble;
use crate::commands::query::row_count::Sum;
use crate::commands::query::streams::{Round, merged};
use crate::commands::query::{Answer, Lookup, place};
use crate::model::{ServerName, StreamId, Timestamp, domain_of};
use crate::postmark::{Suppression, Suppressions};
use crate::text::format::format_exact;
use crate::text::sanitize::{clean, json_line};
use crate::text::table::Table;

/// Which suppressions are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this stream alone.
    pub stream: Option<StreamId>,
    /// Of this address alone.
    pub address: Option<String>,
    /// Of addresses at this domain, or below it.
    pub domain: Option<String>,
    /// For this reason alone, in Postmark's words.
    pub reason: Option<String>,
}

/// A suppression with its place.
struct Placed {
    server: ServerName,
    stream: StreamId,
    suppression: Suppression,
}

impl Lookup {
    /// Lists at most `limit` suppressions, the newest first. One request for each stream, and one for the streams of each
    /// server.
    pub async fn suppressions(&self, filter: &Filter, limit: usize, as_json: bool) -> Answer {
        let (mut found, errors) = self.find(filter).await;
        found.sort_by_key(|placed| {
            let address = placed.suppression.address.clone();
            (std::cmp::Reverse(placed.suppression.since), address)
        });
        let total = found.len();
        found.truncate(limit);
        let text = match as_json {
            true => json_line(&json!({
                "suppressions": found.iter().map(Placed::to_json).collect::<Vec<_>>(),
                "total": total, "errors": errors,
            })),
            // What could not be read is not empty.
            false if found.is_empty() && !errors.is_empty() => String::new(),
            false => self.listed(&found, total, filter, &errors),
        };
        Answer { text, errors }
    }

    /// What is on the lists, server by server and stream by stream.
    async fn find(&self, filter: &Filter) -> (Vec<Placed>, Vec<String>) {
        let all = self.each(|server| {
            let filter = filter.clone();
            async move {
                let wanted = Suppressions {
                    address: filter.address.clone(),
                    reason: filter.reason.clone(),
                };
                let mut round = Round::new(&server, filter.stream.as_ref()).await?;
                while let Some(stream) = round.next() {
                    let list = server.api()?.suppressions(&stream, &wanted).await;
                    let place = |suppression| Placed {
                        server: server.name.clone(),
                        stream: stream.clone(),
                        suppression,
                    };
                    let fitting = |list: Vec<Suppression>| {
                        let list = list.into_iter().filter(|s| filter.fits(s));
                        list.map(place).collect::<Vec<_>>()
                    };
                    round.take(list.map(fitting).map_err(Trouble::from))?;
                }
                Ok(round.end())
            }
        });
        let (found, errors) = merged(all.await);
        (found.into_iter().flatten().collect(), errors)
    }

    fn listed(&self, found: &[Placed], total: usize, filter: &Filter, errors: &[String]) -> String {
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
        let sum = Sum {
            one: "suppression",
            shown: found.len(),
            total: total as u64,
            at_least: false,
            more: "--limit shows more",
        };
        self.ended(&table, &sum, errors)
    }
}

impl Filter {
    /// Postmark narrowed already what it was asked to; it is not relied upon.
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
        format!("no suppression{of} was found")
    }
}

impl Placed {
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
