//! A transaction on a connection, as the SQL of the store sees it.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt::Write as _;
use std::future::Future;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use futures_util::future::join_all;
use tokio::runtime::Runtime;
use tokio_postgres::Client;
use tokio_postgres::types::{IsNull, ToSql, Type};

use crate::store::sql::{Row, Session, Value, wrong_type};
use crate::store::{Error, Problem};

use super::error::in_use;

/// Longer than the server lets any statement run.
const ANSWER: Duration = Duration::from_secs(150);
/// Rows that are on their way at once.
const MAX_ROWS_IN_FLIGHT: usize = 1000;

/// An open connection.
pub(super) struct Open {
    client: Client,
    used: Instant,
}

impl Open {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            used: Instant::now(),
        }
    }

    pub(super) fn unused(&self) -> Duration {
        self.used.elapsed()
    }

    pub(super) fn batch(&mut self, runtime: &Runtime, sql: &str) -> Result<(), Error> {
        answer(runtime, self.client.batch_execute(sql))?;
        self.used = Instant::now();
        Ok(())
    }

    pub(super) const fn on<'c>(&'c self, runtime: &'c Runtime) -> Transaction<'c> {
        Transaction {
            runtime,
            client: &self.client,
        }
    }
}

/// No statement of it is prepared under a name: that would outlive it, and behind a pooler the next transaction may be on
/// another connection.
pub(super) struct Transaction<'c> {
    runtime: &'c Runtime,
    client: &'c Client,
}

impl Session for Transaction<'_> {
    fn execute_many(
        &mut self,
        sql: &'static str,
        rows: &[&[Value<'_>]],
    ) -> Result<Vec<u64>, Error> {
        let text = numbered(sql);
        let mut changed = Vec::with_capacity(rows.len());
        for rows in rows.chunks(MAX_ROWS_IN_FLIGHT) {
            let runs = rows
                .iter()
                .map(async |values| self.client.execute_typed(&text, &typed(values)).await);
            let all = async { join_all(runs).await.into_iter().collect() };
            let each: Vec<u64> = answer(self.runtime, all)?;
            changed.extend(each);
        }
        Ok(changed)
    }

    fn insert_all(&mut self, sql: &'static str, rows: &[&[Value<'_>]]) -> Result<(), Error> {
        for rows in rows.chunks(MAX_ROWS_IN_FLIGHT) {
            let (text, values) = (for_rows(sql, rows), rows.concat());
            let values = typed(&values);
            answer(self.runtime, self.client.execute_typed(&text, &values))?;
        }
        Ok(())
    }

    fn insert_new(
        &mut self,
        sql: &'static str,
        rows: &[&[Value<'_>]],
        (key, place): (&'static str, usize),
    ) -> Result<Vec<bool>, Error> {
        let mut new = Vec::with_capacity(rows.len());
        for rows in rows.chunks(MAX_ROWS_IN_FLIGHT) {
            let text = format!("{} RETURNING {key}", for_rows(sql, rows));
            let values = rows.concat();
            let values = typed(&values);
            let found = answer(self.runtime, self.client.query_typed(&text, &values))?;
            let keys = found.iter().map(|row| row.try_get(0));
            let keys: Result<BTreeSet<&[u8]>, _> = keys.collect();
            let mut keys = keys.map_err(|_| wrong_type(0))?;
            new.extend(rows.iter().map(|row| match row.get(place) {
                Some(Value::Blob(key)) => keys.remove(*key),
                _ => false,
            }));
        }
        Ok(new)
    }

    fn query_many(
        &mut self,
        sql: &'static str,
        rows: &[&[Value<'_>]],
        read: &mut dyn FnMut(usize, &dyn Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let text = numbered(sql);
        for (chunk, rows) in rows.chunks(MAX_ROWS_IN_FLIGHT).enumerate() {
            let runs = rows
                .iter()
                .map(async |values| self.client.query_typed(&text, &typed(values)).await);
            let all = async { join_all(runs).await.into_iter().collect() };
            let found: Vec<Vec<tokio_postgres::Row>> = answer(self.runtime, all)?;
            for (place, found) in found.iter().enumerate() {
                for row in found {
                    read(chunk * MAX_ROWS_IN_FLIGHT + place, &Found(row))?;
                }
            }
        }
        Ok(())
    }
}

/// Waits for an answer, though not for ever.
fn answer<T>(
    runtime: &Runtime,
    asking: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Error> {
    let within = async { tokio::time::timeout(ANSWER, asking).await };
    match runtime.block_on(within) {
        Ok(answered) => answered.map_err(|error| in_use(&error)),
        Err(_) => Err(Error::new("use the database", Problem::Lost)),
    }
}

/// `?1` as this engine writes it. No statement has a question mark of its own.
fn numbered(sql: &str) -> String {
    sql.replace('?', "$")
}

/// An insertion of all of `rows`, from one whose list of values, the first after `VALUES`, is that of one row.
fn for_rows(sql: &str, rows: &[&[Value<'_>]]) -> String {
    let parts = sql.split_once("VALUES (");
    let parts = parts.and_then(|(before, rest)| Some((before, rest.split_once(')')?)));
    let Some((before, (list, after))) = parts else {
        return numbered(sql);
    };
    let mut text = format!("{before}VALUES ");
    let mut before_row = 0;
    for (nth, row) in rows.iter().enumerate() {
        text.push_str(if nth == 0 { "(" } else { ", (" });
        for (nth, item) in list.split(", ").enumerate() {
            text.push_str(if nth == 0 { "" } else { ", " });
            let parameter = item.strip_prefix('?').and_then(|n| n.parse::<usize>().ok());
            // Writing into a text cannot fail.
            let _ = match parameter {
                Some(number) => write!(text, "${}", before_row + number),
                None => write!(text, "{item}"),
            };
        }
        text.push(')');
        before_row += row.len();
    }
    text.push_str(after);
    text
}

fn typed<'v>(values: &'v [Value<'_>]) -> Vec<(&'v (dyn ToSql + Sync), Type)> {
    let typed = |value: &'v Value<'_>| (value as &'v (dyn ToSql + Sync), type_of(value));
    values.iter().map(typed).collect()
}

const fn type_of(value: &Value<'_>) -> Type {
    match value {
        // The server finds out.
        Value::Null => Type::UNKNOWN,
        Value::Int(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
        Value::Blob(_) => Type::BYTEA,
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => number.to_sql(kind, out),
            // A character that PostgreSQL cannot keep.
            Self::Text(text) if text.contains('\0') => {
                text.replace('\0', "\u{fffd}").to_sql(kind, out)
            }
            Self::Text(text) => text.to_sql(kind, out),
            Self::Blob(bytes) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let fits = match self {
            Self::Null => true,
            Self::Int(_) => *kind == Type::INT8,
            Self::Text(_) => *kind == Type::TEXT,
            Self::Blob(_) => *kind == Type::BYTEA,
        };
        match fits {
            true => self.to_sql(kind, out),
            false => Err(format!("a parameter is no {kind}").into()),
        }
    }
}

struct Found<'r>(&'r tokio_postgres::Row);

impl Row for Found<'_> {
    fn value(&self, column: usize) -> Result<Value<'_>, Error> {
        let kind = self.0.columns().get(column).map(|c| c.type_().clone());
        let row = self.0;
        let value = match kind {
            Some(Type::INT8) => row.try_get(column).map(|v: Option<_>| v.map(Value::Int)),
            Some(Type::TEXT) => row.try_get(column).map(|v: Option<_>| v.map(Value::Text)),
            Some(Type::BYTEA) => row.try_get(column).map(|v: Option<_>| v.map(Value::Blob)),
            _ => return Err(wrong_type(column)),
        };
        let value = value.map_err(|_| wrong_type(column))?;
        Ok(value.unwrap_or(Value::Null))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_insertion_of_several_rows_numbers_its_parameters_on() {
        let sql = "INSERT INTO t (a, b, c) VALUES (?1, 0, ?2)\n ON CONFLICT (a) DO NOTHING";
        let row = [Value::Int(1), Value::Null];
        let of = |rows: &[&[Value<'_>]]| for_rows(sql, rows);
        assert_eq!(of(&[&row]), numbered(sql));
        assert_eq!(
            of(&[&row, &row, &row]),
            "INSERT INTO t (a, b, c) VALUES ($1, 0, $2), ($3, 0, $4), ($5, 0, $6)\n ON CONFLICT (a) DO NOTHING"
        );
    }
}
