//! Everything of one database written into another, of whichever engine, and read back.

mod statements;
mod tally;

use crate::model::Timestamp;
use crate::store::{Database, Error, Problem};

use super::tables::TABLES;
use super::{Row, Scope, Session, Value, schema, values};

use statements::{Statements, statements};
use tally::Tally;

/// Rows that are in memory at once.
const CHUNK: i64 = 5000;

/// A table that was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedTable {
    pub name: &'static str,
    pub rows: u64,
}

/// Writes every row of `from` into `to`, which must hold none, in one transaction, and compares what is read back with what was
/// read. Nothing else is written in either database until it is done.
///
/// # Errors
/// Where the schema of one is not that of this version, `to` holds data, somebody works on one of them, or a row is not the same when it
/// is read back. `to` holds nothing then.
pub(in crate::store) fn copy(
    from: &mut Database,
    to: &mut Database,
) -> Result<Vec<CopiedTable>, Error> {
    for database in [&mut *from, &mut *to] {
        refuse_other_schema(database)?;
    }
    let (source, target) = (from.statements(), to.statements());
    let now = from.clock()?;
    from.write(Scope::All, |s| {
        refuse_workers(s, now)?;
        to.write(Scope::All, |t| {
            refuse_data(t, target)?;
            let mut copied = Vec::with_capacity(TABLES.len());
            for index in 0..TABLES.len() {
                copied.push(copy_table(s, t, index, (source, target))?);
            }
            Ok(copied)
        })
    })
}

impl Database {
    fn statements(&self) -> &'static Statements {
        match self {
            Self::Sqlite(_) => statements(false),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => statements(true),
        }
    }
}

/// One that is newer may hold what is not known here, though this version may work on it.
fn refuse_other_schema(database: &mut Database) -> Result<(), Error> {
    let query = database.schema_query();
    let read = |s: &mut dyn Session| s.one(query, &[], |row| row.get::<i64>(0));
    let found = database.read(read)?;
    match found == schema::NEWEST {
        true => Ok(()),
        false => Err(Error::new(
            "copy",
            Problem::Newer {
                found,
                known: schema::NEWEST,
            },
        )),
    }
}

fn refuse_workers(s: &mut dyn Session, now: Timestamp) -> Result<(), Error> {
    let sql = "SELECT max(until_at) FROM leases WHERE until_at > ?1";
    let held: Option<Timestamp> = s.one(sql, &values![now], |row| row.get(0))?;
    match held {
        None => Ok(()),
        Some(until) => Err(Error::new(
            "copy",
            Problem::Other(format!(
                "a hushwatch works on the database to copy from; stop every one of them, then try again: one that was killed counts as \
                 at work until {until}"
            )),
        )),
    }
}

/// Fails where any table but the leases holds a row; that a database took the place of one that was lost is none.
fn refuse_data(t: &mut dyn Session, target: &'static Statements) -> Result<(), Error> {
    t.execute("DELETE FROM leases", &[])?;
    t.execute("DELETE FROM hello WHERE greeted_at IS NULL", &[])?;
    for (table, sql) in TABLES.iter().zip(&target.tables) {
        let rows: u64 = t.one(&sql.count, &[], |row| row.get(0))?;
        if rows > 0 {
            let name = table.name;
            return Err(Error::new(
                "copy",
                Problem::Refused(format!(
                    "the database to copy to holds data already (in its table {name}); name an empty one"
                )),
            ));
        }
    }
    Ok(())
}

fn copy_table(
    s: &mut dyn Session,
    t: &mut dyn Session,
    index: usize,
    (source, target): (&'static Statements, &'static Statements),
) -> Result<CopiedTable, Error> {
    let table = &TABLES[index];
    let (from, to) = (&source.tables[index], &target.tables[index]);
    let of_table = |error: Error| error.while_doing(format!("copy the table {}", table.name));
    let mut read = Tally::default();
    each_chunk(s, index, source, |rows| {
        for row in rows {
            read.add(row);
        }
        let values: Vec<Vec<Value<'_>>> = rows.iter().map(|row| borrow(row)).collect();
        let rows: Vec<&[Value<'_>]> = values.iter().map(Vec::as_slice).collect();
        t.execute_many(&to.insert, &rows).map(drop)
    })
    .map_err(of_table)?;
    if table.drawn {
        let last: i64 = s.one(&from.last_drawn, &[], |row| row.get(0))?;
        for sql in to.draw_after.iter().filter(|_| last > 0) {
            t.execute(sql, &values![last]).map_err(of_table)?;
        }
    }
    let mut written = Tally::default();
    each_chunk(t, index, target, |rows| {
        rows.iter().for_each(|row| written.add(row));
        // The other transaction must not seem forgotten.
        s.rows("SELECT 1 WHERE 1 = 0", &[], |_| Ok(())).map(drop)
    })
    .map_err(of_table)?;
    if read != written {
        let why = format!(
            "what was read back is not the same ({} rows of {})",
            written.rows, read.rows
        );
        return Err(of_table(Error::new("", Problem::Unreadable(why))));
    }
    Ok(CopiedTable {
        name: table.name,
        rows: read.rows,
    })
}

/// A value out of its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owned {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Owned {
    fn new(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Int(number) => Self::Int(number),
            // As it is stored where this character cannot be.
            Value::Text(text) => Self::Text(text.replace('\0', "\u{fffd}")),
            Value::Blob(bytes) => Self::Blob(bytes.to_owned()),
        }
    }

    fn as_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(text),
            Self::Blob(bytes) => Value::Blob(bytes),
        }
    }
}

fn borrow(row: &[Owned]) -> Vec<Value<'_>> {
    row.iter().map(Owned::as_value).collect()
}

/// Hands every row of a table over, some at a time, in the order of its key.
fn each_chunk(
    s: &mut dyn Session,
    index: usize,
    statements: &'static Statements,
    mut take: impl FnMut(&[Vec<Owned>]) -> Result<(), Error>,
) -> Result<(), Error> {
    let (table, sql) = (&TABLES[index], &statements.tables[index]);
    let read = |row: &dyn Row| {
        let columns = 0..table.columns.len();
        let values = columns.map(|column| row.value(column).map(Owned::new));
        values.collect::<Result<Vec<Owned>, Error>>()
    };
    let Some((first, next)) = &sql.in_chunks else {
        return take(&s.rows(&sql.select, &[], read)?);
    };
    let mut rows = s.rows(first, &values![CHUNK], read)?;
    while let Some(last) = rows.last() {
        take(&rows)?;
        let mut after = borrow(&last[..table.key]);
        after.push(Value::Int(CHUNK));
        rows = s.rows(next, &after, read)?;
    }
    Ok(())
}
