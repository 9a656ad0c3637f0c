//! What a database holds, in a form that two runs can be compared by.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// A row as text, its columns in order.
type Rows = BTreeSet<Vec<String>>;

/// Everything that a fault must not change in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StoredState {
    /// stream, kind, from (May 2025 at the earliest, for the past that is asked for moves with the cycle), until
    pub(super) coverage: Rows,
    /// stream, id, sent at
    pub(super) messages: Rows,
    /// stream, id, message, type, bounced at
    pub(super) bounces: Rows,
    /// stream, at, sent: minutes, then hours
    pub(super) counts: [Rows; 2],
    /// id, stream, rule, open, opened at; those of sight left out
    pub(super) incidents: Rows,
    /// at, incident, step; those of sight left out, and reminders of what stood when they ended
    pub(super) steps: Rows,
}

/// Makes the list of streams due, where there is a database.
pub(super) fn forget_stream_lists(folder: &Path) {
    let path = folder.join("hushwatch.db");
    if path.exists() {
        let db = Connection::open(path).expect("opened");
        let sql = "UPDATE servers SET streams_listed_at = NULL";
        db.execute(sql, []).expect("written");
    }
}

const SIGHT_RULES: &str = "('blind', 'account_inactive')";

impl StoredState {
    /// Reads the database in `folder`.
    pub(super) fn read(folder: &Path) -> Self {
        let db = open(folder);
        let rows = |sql: &str| rows(&db, sql);
        let counts = |table: &str| {
            rows(&format!(
                "SELECT s.id, c.at, c.sent FROM {table} c JOIN streams s ON s.key = c.stream"
            ))
        };
        Self {
            coverage: rows(
                "SELECT s.id, kind, max(from_at, 1746057600000), until_at FROM coverage JOIN streams s ON s.key = stream",
            ),
            messages: rows(
                "SELECT s.id, hex(m.id), sent_at FROM messages m JOIN streams s ON s.key = stream",
            ),
            bounces: rows(
                "SELECT s.id, b.id, hex(message), type, at FROM bounces b JOIN streams s ON s.key = stream",
            ),
            counts: [counts("minutes"), counts("hours")],
            incidents: rows(&format!(
                "SELECT id, stream, rule, open, opened_at FROM incidents WHERE rule NOT IN {SIGHT_RULES}"
            )),
            steps: rows(&format!(
                "SELECT at, incident, step FROM transitions t JOIN incidents i ON i.id = t.incident WHERE rule NOT IN {SIGHT_RULES} AND step <> 'reminded'"
            )),
        }
    }

    /// What of this is not as in `whole`, which saw everything; empty where nothing was made up and nothing lost.
    pub(super) fn invented_rows(&self, whole: &Self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut beyond = |what: &str, own: &Rows, all: &Rows| {
            wrong.extend(
                own.difference(all)
                    .map(|row| format!("{what} {row:?} is made up")),
            );
        };
        beyond("the message", &self.messages, &whole.messages);
        beyond("the bounce", &self.bounces, &whole.bounces);
        let kinds = [
            ("messages", &self.messages, &whole.messages),
            ("bounces", &self.bounces, &whole.bounces),
        ];
        for (kind, own, all) in kinds {
            for span in self.coverage.iter().filter(|row| row[1] == kind) {
                let lost = all.difference(own).filter(|row| lies_in(row, span)).count();
                if lost > 0 {
                    wrong.push(format!(
                        "{lost} {kind} are missing in {span:?}, which is covered_ms"
                    ));
                }
            }
        }
        for counts in &self.counts {
            if sums(counts, 2) != tally(&self.messages) {
                wrong.push("the counts are not those of the messages".to_owned());
            }
        }
        wrong
    }

    /// Returns the end of the coverage of `stream` and `kind`, in milliseconds since 1970.
    pub(super) fn covered_ms(&self, stream: &str, kind: &str) -> i64 {
        let spans = self
            .coverage
            .iter()
            .filter(|row| row[0] == stream && row[1] == kind);
        spans.map(|row| number(&row[3])).max().unwrap_or(0)
    }
}

/// What Postmark's index had not yet found when it was asked: the end of the coverage is asked again.
const INDEX_LAG_MS: i64 = 15 * 60_000;

/// Whether the row of a message or bounce, its instant last, lies in a row of coverage.
fn lies_in(row: &[String], span: &[String]) -> bool {
    let at = number(row.last().expect("rows have columns"));
    row[0] == span[0] && (number(&span[2])..number(&span[3]) - INDEX_LAG_MS).contains(&at)
}

fn number(text: &str) -> i64 {
    text.parse().expect("a number")
}

fn tally(messages: &Rows) -> BTreeMap<String, i64> {
    let mut all = BTreeMap::new();
    messages
        .iter()
        .for_each(|row| *all.entry(row[0].clone()).or_default() += 1);
    all
}

fn sums(counts: &Rows, column: usize) -> BTreeMap<String, i64> {
    let mut all = BTreeMap::new();
    counts
        .iter()
        .for_each(|row| *all.entry(row[0].clone()).or_default() += number(&row[column]));
    all
}

/// Messages not yet known to be accepted.
pub(super) fn pending(folder: &Path) -> usize {
    rows(
        &open(folder),
        "SELECT seq FROM outbox WHERE state IN ('pending', 'sending')",
    )
    .len()
}

/// Lets every wait that Slack asked for be over.
pub(super) fn end_waits(folder: &Path) {
    let db = Connection::open(folder.join("hushwatch.db")).expect("a database");
    db.execute("UPDATE outbox SET next_try_at = NULL", ())
        .expect("written");
}

/// How often it was reported that an incident still stands.
pub(super) fn reminders(folder: &Path, incident: &str) -> usize {
    let all = rows(
        &open(folder),
        "SELECT seq, incident FROM transitions WHERE step = 'reminded' AND told",
    );
    all.iter().filter(|row| row[1] == incident).count()
}

/// Ids and rules of all incidents.
pub(super) fn incidents(folder: &Path) -> Vec<(String, String)> {
    let all = rows(&open(folder), "SELECT id, rule FROM incidents");
    all.into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect()
}

/// Copies the database in `from`, which nobody has open, to `to`.
pub(super) fn copy(from: &Path, to: &Path) {
    let target = to.join("hushwatch.db");
    let target = target.to_str().expect("a path in UTF-8");
    open(from)
        .execute("VACUUM INTO ?1", [target])
        .expect("copied");
}

fn open(folder: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    Connection::open_with_flags(folder.join("hushwatch.db"), flags).expect("a database")
}

fn rows(db: &Connection, sql: &str) -> Rows {
    let mut statement = db.prepare(sql).expect("valid SQL");
    let width = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        (0..width)
            .map(|at| {
                Ok(match row.get_ref(at)? {
                    rusqlite::types::ValueRef::Integer(n) => n.to_string(),
                    rusqlite::types::ValueRef::Text(text) => {
                        String::from_utf8_lossy(text).into_owned()
                    }
                    other => format!("{other:?}"),
                })
            })
            .collect::<rusqlite::Result<Vec<String>>>()
    };
    let found = statement.query_map((), row).expect("a query");
    found.map(|row| row.expect("a row")).collect()
}
