//! Lists of messages, bounces and suppressions: one path from the rows to a table or JSON.

use serde::Serialize;
use serde_json::json;

use crate::commands::CommandResult;
use crate::commands::open::stored_tags;
use crate::commands::query::args::ListArgs;
use crate::commands::query::merge::Dated;
use crate::commands::query::{PostmarkQuery, print_answer, unstored_tag, validate};
use crate::config::Config;
use crate::model::{ServerName, StreamId, Zone};
use crate::postmark::{self, MAX_RESULTS, Page, Server, Window};
use crate::text::format::{count, plural};
use crate::text::sanitize::{clean, json_line, truncate};
use crate::text::table::Table;

/// The maximum length of a cell that is not an address, in characters.
const MAX_CELL_CHARS: usize = 50;

/// A row as Postmark has it; scripts read its fields.
pub(super) trait Row: Serialize {
    /// What one row is called.
    const SINGULAR: &str;
    const PLURAL: &str;
    const COLUMNS: &[&str];
    /// Returns a cell for each column; `place` is the one of the stream.
    fn cells(&self, place: String, zone: Zone) -> Vec<String>;
}

#[derive(Serialize)]
pub(super) struct Located<'q, R> {
    #[serde(flatten)]
    pub(super) row: R,
    pub(super) server: &'q ServerName,
    // Below the row, whose own Postmark may leave out.
    pub(super) stream: StreamId,
}

/// Rows of many streams, newest first.
pub(super) struct Found<'q, R> {
    pub(super) rows: Vec<Located<'q, R>>,
    /// The number of rows in all, as far as Postmark says.
    pub(super) total: u64,
    /// Whether there may be more than `total`; `None` for lists that are read whole.
    pub(super) at_least: Option<bool>,
    /// One line for each server or stream that gave no answer.
    pub(super) errors: Vec<String>,
}

/// Prints the newest rows of every stream. The streams of each server cost a request, and each page another.
pub(super) async fn list<R: Dated>(
    config: &Config,
    args: &ListArgs,
    window: Window,
    fetch: impl AsyncFn(&Server, &StreamId, u32, u32) -> Result<Page<R>, postmark::Error>,
) -> CommandResult {
    let place = &args.scope.place;
    let stream = validate::stream(place.stream.as_deref())?;
    let query = PostmarkQuery::open(config, place.server.as_deref(), stream).await?;
    let found = query.merge_newest(args.limit, window, &fetch);
    let mut found = found.await?;
    if let (Some(tag), true) = (&args.scope.tag, found.rows.is_empty()) {
        let tags = stored_tags(config).await;
        found.errors.extend(unstored_tag(tag.trim(), &tags));
    }
    let more = match found.at_least {
        Some(true) if found.rows.len() as u64 >= MAX_RESULTS => {
            "Postmark shows at most 10,000 per search: narrow it with --since and --until"
        }
        Some(true) => "--limit shows more (up to 10,000)",
        _ => "--limit shows more; --since, --until and the filters narrow the search",
    };
    let nothing = format!("no {} found", R::SINGULAR);
    query.print_rows(&found, &nothing, more, args.scope.json)
}

impl PostmarkQuery {
    /// Prints rows as a table or as JSON. `more` says how to see the rest.
    pub(super) fn print_rows<R: Row>(
        &self,
        found: &Found<'_, R>,
        nothing: &str,
        more: &str,
        as_json: bool,
    ) -> CommandResult {
        let text = if as_json {
            let mut json = json!({
                R::PLURAL: found.rows, "total": found.total, "errors": found.errors,
            });
            if let Some(at_least) = found.at_least {
                json["at_least"] = json!(at_least);
            }
            json_line(&json)
        } else if !found.rows.is_empty() {
            self.table(found, more)
        } else if found.errors.is_empty() {
            format!("{nothing}\n")
        } else {
            // What could not be read is not empty.
            String::new()
        };
        print_answer(&text, &found.errors)
    }

    fn table<R: Row>(&self, found: &Found<'_, R>, more: &str) -> String {
        let mut table = Table::new(R::COLUMNS);
        for located in &found.rows {
            let place = self.place(located.server, &located.stream);
            table.row(located.row.cells(place, self.zone));
        }
        let shown = found.rows.len() as u64;
        let (at_least, is_whole) = (found.at_least == Some(true), found.errors.is_empty());
        let sum = row_count(R::SINGULAR, (shown, found.total), at_least, is_whole);
        let more = match shown < found.total {
            true => format!("; {more}"),
            false => String::new(),
        };
        let (table, zone) = (table.to_text(), self.zone.name());
        format!("{table}{sum}{more}; times in {zone}\n")
    }
}

/// Returns how many rows are shown of how many, such as `2 of 26 bounces`; where not `is_whole`, only a part could be read.
fn row_count(one: &str, (shown, total): (u64, u64), at_least: bool, is_whole: bool) -> String {
    if shown >= total {
        let all = plural(shown, one);
        return match is_whole {
            true => all,
            false => format!("{all} in what could be read"),
        };
    }
    let (the, far) = match (is_whole, at_least) {
        (true, false) => ("", ""),
        (true, true) => ("at least ", ""),
        (false, false) => ("the ", " that could be read"),
        (false, true) => ("at least ", " that could be read"),
    };
    format!("{} of {the}{}{far}", count(shown), plural(total, one))
}

pub(super) fn short(text: &str) -> String {
    truncate(&clean(text), MAX_CELL_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_much_of_what_it_is() {
        let sum =
            |shown, at_least, is_whole| row_count("bounce", (shown, 1_026), at_least, is_whole);
        assert_eq!(sum(1_026, false, true), "1,026 bounces");
        assert_eq!(
            sum(1_026, false, false),
            "1,026 bounces in what could be read"
        );
        assert_eq!(sum(2, false, true), "2 of 1,026 bounces");
        assert_eq!(
            sum(2, false, false),
            "2 of the 1,026 bounces that could be read"
        );
        assert_eq!(sum(2, true, true), "2 of at least 1,026 bounces");
        assert_eq!(
            sum(2, true, false),
            "2 of at least 1,026 bounces that could be read"
        );
    }
}
