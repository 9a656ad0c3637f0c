//! A transaction on the file, as the SQL of the store sees it.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

use crate::store::sql::{Row, Session, Value};
use crate::store::{Error, Problem};

pub(super) struct On<'t>(pub(super) &'t Connection);

impl Session for On<'_> {
    fn execute_many(
        &mut self,
        sql: &'static str,
        rows: &[&[Value<'_>]],
    ) -> Result<Vec<u64>, Error> {
        let mut statement = self.0.prepare_cached(sql)?;
        rows.iter()
            .map(|values| {
                let changed = statement.execute(params_from_iter(*values))?;
                Ok(u64::try_from(changed).unwrap_or(u64::MAX))
            })
            .collect()
    }

    fn query_many(
        &mut self,
        sql: &'static str,
        rows: &[&[Value<'_>]],
        read: &mut dyn FnMut(usize, &dyn Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut statement = self.0.prepare_cached(sql)?;
        for (place, values) in rows.iter().enumerate() {
            let mut found = statement.query(params_from_iter(*values))?;
            while let Some(row) = found.next()? {
                read(place, &Found(row))?;
            }
        }
        Ok(())
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

struct Found<'r>(&'r rusqlite::Row<'r>);

impl Row for Found<'_> {
    fn value(&self, column: usize) -> Result<Value<'_>, Error> {
        let unreadable = |what: String| Error::new("read a row", Problem::Unreadable(what));
        match self.0.get_ref(column)? {
            ValueRef::Null => Ok(Value::Null),
            ValueRef::Integer(number) => Ok(Value::Int(number)),
            ValueRef::Blob(bytes) => Ok(Value::Blob(bytes)),
            ValueRef::Text(text) => std::str::from_utf8(text)
                .map(Value::Text)
                .map_err(|_| unreadable(format!("column {column} is no text"))),
            ValueRef::Real(_) => Err(unreadable(format!("column {column} is no whole number"))),
        }
    }
}
