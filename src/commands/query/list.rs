//! Lists of messages and bounces, as Postmark's own activity shows them.

use serde_json::{Value, json};

use crate::commands::query::merge::{Dated, Located, Merged, PagedQuery};
use crate::commands::query::row_count::RowCount;
use crate::commands::query::{Answer, PostmarkQuery, place};
use crate::model::StreamId;
use crate::postmark::CAP;
use crate::text::format::format_exact;
use crate::text::sanitize::{json_line, truncate};
use crate::text::table::Table;

/// The maximum length of a cell that is not an address, in characters.
const MAX_CELL_CHARS: usize = 50;

impl PostmarkQuery {
    /// Lists at most `limit` rows, the newest first. The streams of each server cost a request, and each page another.
    pub(super) async fn list<S>(
        &self,
        search: &S,
        stream: Option<&StreamId>,
        limit: u32,
        as_json: bool,
    ) -> Answer
    where
        S: PagedQuery<Row: TableRow> + Clone,
    {
        let found = self.merge_newest(search.clone(), stream, limit).await;
        let text = match as_json {
            true => json_line(&json!({
                S::Row::PLURAL: found.rows.iter().map(to_json).collect::<Vec<_>>(),
                "total": found.total, "at_least": found.total_is_lower_bound, "errors": found.errors,
            })),
            false => self.table(&found),
        };
        Answer {
            text,
            errors: found.errors,
        }
    }

    fn table<R: TableRow>(&self, found: &Merged<R>) -> String {
        let one = R::SINGULAR;
        if found.rows.is_empty() {
            return match found.errors.is_empty() {
                true => format!("no {one} found\n"),
                false => String::new(),
            };
        }
        let mut table = Table::new(&R::COLUMNS);
        for placed in &found.rows {
            let at = format_exact(placed.row.at(), self.zone);
            let place = place(self.has_many(), &placed.server, &placed.stream);
            table.row([at, place].into_iter().chain(placed.row.cells()));
        }
        let shown = found.rows.len();
        let sum = RowCount {
            one,
            shown,
            total: found.total,
            total_is_lower_bound: found.total_is_lower_bound,
            more: match (found.total_is_lower_bound, shown as u64 >= CAP) {
                (false, _) => {
                    "--limit shows more; --since, --until and the filters narrow the search"
                }
                (true, false) => "--limit shows more (up to 10,000)",
                (true, true) => {
                    "Postmark shows at most 10,000 per search: narrow it with --since and --until"
                }
            },
        };
        self.table_with_footer(&table, &sum, &found.errors)
    }
}

/// A row that can be shown.
pub(super) trait TableRow: Dated {
    /// What one row is called.
    const SINGULAR: &'static str;
    const PLURAL: &str;
    const COLUMNS: [&str; 7];
    /// Returns the cells after the time and the stream.
    fn cells(&self) -> Vec<String>;
    fn to_json(&self) -> Value;
}

fn to_json<R: TableRow>(placed: &Located<R>) -> Value {
    let mut value = placed.row.to_json();
    value["server"] = json!(placed.server);
    value["stream"] = json!(placed.stream);
    value
}

pub(super) fn short(text: &str) -> String {
    truncate(&crate::text::sanitize::clean(text), MAX_CELL_CHARS)
}
