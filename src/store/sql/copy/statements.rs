//! The statements that treat every table alike, as each engine takes them.

use std::sync::OnceLock;

use crate::store::sql::tables::{TABLES, Table};

/// Those of one engine.
pub(super) struct Statements {
    /// In the order of [`TABLES`].
    pub(super) tables: Vec<TableStatements>,
}

/// Those of one table.
pub(super) struct TableStatements {
    pub(super) count: String,
    /// Every row at once.
    pub(super) select: String,
    /// The first rows by key, up to a number; the rows after a key, likewise. `None` where there is no key.
    pub(super) in_chunks: Option<(String, String)>,
    pub(super) insert: String,
    /// The last key that the engine drew, 0 for none; of a row that is gone, too, where the engine remembers it.
    pub(super) last_drawn: String,
    /// Lets it draw keys after this one.
    pub(super) draw_after: Vec<String>,
}

/// Returns the statements of an engine.
pub(super) fn statements(of_postgres: bool) -> &'static Statements {
    static SQLITE: OnceLock<Statements> = OnceLock::new();
    static POSTGRES: OnceLock<Statements> = OnceLock::new();
    let of_engine = if of_postgres { &POSTGRES } else { &SQLITE };
    of_engine.get_or_init(|| Statements {
        tables: TABLES.iter().map(|t| of_table(t, of_postgres)).collect(),
    })
}

fn of_table(table: &Table, of_postgres: bool) -> TableStatements {
    let Table { name, columns, .. } = table;
    let shown = columns.join(", ");
    let select = format!("SELECT {shown} FROM {name}");
    let overriding = match table.drawn && of_postgres {
        true => " OVERRIDING SYSTEM VALUE",
        false => "",
    };
    let (last_drawn, draw_after) = draws(table, of_postgres);
    TableStatements {
        count: format!("SELECT count(*) FROM {name}"),
        in_chunks: in_chunks(table, &select),
        select,
        insert: format!(
            "INSERT INTO {name} ({shown}){overriding} VALUES ({})",
            numbered(columns.len())
        ),
        last_drawn,
        draw_after,
    }
}

fn in_chunks(table: &Table, select: &str) -> Option<(String, String)> {
    let key = table.columns[..table.key].join(", ");
    let ordered = |condition: &str, limit: usize| {
        format!("{select}{condition} ORDER BY {key} LIMIT ?{limit}")
    };
    let after = format!(" WHERE ({key}) > ({})", numbered(table.key));
    (table.key > 0).then(|| (ordered("", 1), ordered(&after, table.key + 1)))
}

/// `SQLite` takes the key after the greatest of the rows, but for the outbox, whose numbers are never drawn again.
fn draws(table: &Table, of_postgres: bool) -> (String, Vec<String>) {
    let (name, key) = (table.name, table.columns[0]);
    let greatest = format!("SELECT coalesce(max({key}), 0) FROM {name}");
    if of_postgres {
        let last = format!(
            "SELECT coalesce(max(last_value), 0) FROM pg_sequences
             WHERE schemaname = 'hushwatch' AND sequencename = '{name}_{key}_seq'"
        );
        let after = format!("SELECT setval('{name}_{key}_seq', ?1)");
        return (last, vec![after]);
    }
    if name != "outbox" {
        return (greatest, Vec::new());
    }
    let last = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'outbox'";
    let after = [
        "DELETE FROM sqlite_sequence WHERE name = 'outbox' AND seq <> ?1",
        "INSERT INTO sqlite_sequence (name, seq) SELECT 'outbox', ?1
         WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'outbox')",
    ];
    (last.to_owned(), after.map(str::to_owned).to_vec())
}

/// `?1, ?2, …` up to `last`.
fn numbered(last: usize) -> String {
    let numbers: Vec<String> = (1..=last).map(|number| format!("?{number}")).collect();
    numbers.join(", ")
}
