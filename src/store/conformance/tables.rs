//! The list of tables, which what copies them goes by, against the schemas that the migrations make.

use std::collections::BTreeMap;

use crate::store::Database;
use crate::store::sql::tables::{TABLES, Table};

/// The columns of each table in their order by name, those of the key before the others and in its order, and whether the engine
/// draws the key.
type Found = BTreeMap<String, (Vec<String>, usize, bool)>;

fn listed(is_drawn: impl Fn(&Table) -> bool) -> Found {
    let sorted = |table: &Table| {
        let (key, rest) = table.columns.split_at(table.key);
        let mut rest = rest.to_vec();
        rest.sort_unstable();
        let columns = key.iter().copied().chain(rest);
        columns.map(str::to_owned).collect::<Vec<String>>()
    };
    let listed = TABLES.iter().map(|table| {
        let what = (sorted(table), table.key, is_drawn(table));
        (table.name.to_owned(), what)
    });
    listed.collect()
}

#[test]
fn no_table_of_a_file_is_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hushwatch.db");
    drop(Database::open_sqlite(&path).expect("created"));
    let file = rusqlite::Connection::open(&path).expect("opened");
    let sql = "SELECT m.name, c.name, c.pk,
            instr(m.sql, 'INTEGER PRIMARY KEY') > 0 AND instr(m.sql, 'WITHOUT ROWID') = 0
        FROM sqlite_schema m, pragma_table_info(m.name) c
        WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND m.name <> 'schema'
        ORDER BY m.name, c.pk = 0, c.pk, c.name";
    let mut found = Found::new();
    let mut statement = file.prepare(sql).expect("valid");
    let mut rows = statement.query([]).expect("asked");
    while let Some(row) = rows.next().expect("read") {
        let table = row.get(0).expect("a name");
        let (columns, key, drawn) = found.entry(table).or_default();
        columns.push(row.get(1).expect("a column"));
        *key += usize::from(row.get::<_, i64>(2).expect("a place") > 0);
        *drawn = row.get(3).expect("a truth");
    }
    // A key that is an instant or another table's number is never drawn, though SQLite could.
    let given = ["digests", "canary", "reactions"];
    for table in given {
        found.get_mut(table).expect("a table").2 = false;
    }
    assert_eq!(found, listed(|table| table.drawn));
}

#[cfg(feature = "postgres")]
#[test]
fn no_table_of_a_server_is_forgotten() {
    let Some(cluster) = super::cluster::cluster() else {
        return;
    };
    let url = cluster.database();
    let mut database = super::new_postgres(&url);
    let sql = "SELECT * FROM (SELECT c.relname::text AS name, a.attname::text AS attname,
            coalesce(array_position(i.indkey::int2[], a.attnum), -1)::bigint AS place, (a.attidentity <> '')::int::bigint
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
        WHERE c.relkind = 'r' AND c.relnamespace = 'hushwatch'::regnamespace AND c.relname <> 'schema') found
        ORDER BY name, place < 0, place, attname COLLATE \"C\"";
    let rows = database.read(|s| {
        s.rows(sql, &[], |row| {
            Ok((
                row.get::<String>(0)?,
                row.get::<String>(1)?,
                row.get::<i64>(2)?,
                row.get::<i64>(3)?,
            ))
        })
    });
    let mut found = Found::new();
    for (table, column, place, identity) in rows.expect("read") {
        let (columns, key, drawn) = found.entry(table).or_default();
        columns.push(column);
        *key += usize::from(place >= 0);
        *drawn |= identity > 0;
    }
    assert_eq!(found, listed(|table| table.drawn));
}
