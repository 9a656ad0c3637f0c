//! What the SQL of this room is written on: statements with values, in one transaction of whichever engine.

use crate::model::Timestamp;
use crate::store::{Error, Problem};

/// A transaction of an engine. Statements number their parameters `?1`, `?2`, and are written so that every engine
/// takes them.
pub(in crate::store) trait Session {
    /// Runs a statement once for each row of parameters, in one exchange where the engine talks over a network; how many
    /// rows each run changed.
    fn execute_many(&mut self, sql: &'static str, rows: &[&[Value<'_>]])
    -> Result<Vec<u64>, Error>;

    /// Inserts `rows`, of which no two have one key, by `sql`, whose `VALUES (?1, …)` has parameters and literals alone and which has no
    /// parameter elsewhere; in one statement where the engine talks over a network.
    fn insert_all(&mut self, sql: &'static str, rows: &[&[Value<'_>]]) -> Result<(), Error> {
        self.execute_many(sql, rows).map(drop)
    }

    /// Inserts those of `rows` that are not there yet, likewise, by `sql` that ends in `ON CONFLICT … DO NOTHING`, and returns for each whether it
    /// was new. They differ in the column `key`, bytes, which is the parameter at `place`, counted from 0; the first of several is new.
    fn insert_new(
        &mut self,
        sql: &'static str,
        rows: &[&[Value<'_>]],
        (_key, _place): (&'static str, usize),
    ) -> Result<Vec<bool>, Error> {
        let changed = self.execute_many(sql, rows)?;
        Ok(changed.into_iter().map(|changed| changed == 1).collect())
    }

    /// Runs a query once for each row of parameters, likewise; `read` is given the place of the parameters beside each
    /// row that was found, in order.
    fn query_many(
        &mut self,
        sql: &'static str,
        rows: &[&[Value<'_>]],
        read: &mut dyn FnMut(usize, &dyn Row) -> Result<(), Error>,
    ) -> Result<(), Error>;
}

impl dyn Session + '_ {
    pub(super) fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<(), Error> {
        self.execute_many(sql, &[values]).map(drop)
    }

    /// Runs a statement, and returns how many rows it changed.
    pub(super) fn count_changed(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, Error> {
        let changed = self.execute_many(sql, &[values])?;
        Ok(changed.into_iter().sum())
    }

    /// Runs a statement once for each of `rows`; how many rows each run changed.
    pub(super) fn execute_each<const N: usize>(
        &mut self,
        sql: &'static str,
        rows: &[[Value<'_>; N]],
    ) -> Result<Vec<u64>, Error> {
        match rows.is_empty() {
            true => Ok(Vec::new()),
            false => self.execute_many(sql, &as_slices(rows)),
        }
    }

    /// Runs a query once for each of `parameters`; `read` is given the place of the parameters beside each row that was
    /// found.
    pub(super) fn each_row<'v, const N: usize>(
        &mut self,
        sql: &'static str,
        parameters: impl IntoIterator<Item = [Value<'v>; N]>,
        mut read: impl FnMut(usize, &dyn Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let parameters: Vec<_> = parameters.into_iter().collect();
        match parameters.is_empty() {
            true => Ok(()),
            false => self.query_many(sql, &as_slices(&parameters), &mut read),
        }
    }

    /// Returns every row that a query finds.
    pub(in crate::store) fn rows<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        mut read: impl FnMut(&dyn Row) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut found = Vec::new();
        self.query_many(sql, &[values], &mut |_, row| {
            found.push(read(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// The first row that a query finds; `None` where it finds none.
    pub(super) fn first<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl FnMut(&dyn Row) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        Ok(self.rows(sql, values, read)?.into_iter().next())
    }

    /// The row of a query that always finds one, such as an aggregate.
    pub(in crate::store) fn one<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl FnMut(&dyn Row) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.first(sql, values, read)?.ok_or_else(|| {
            let problem = Problem::Unreadable("there is no row".to_owned());
            Error::new("read a value", problem)
        })
    }
}

/// Rows as a session takes them.
pub(super) fn as_slices<'r, 'v, const N: usize>(
    rows: &'r [[Value<'v>; N]],
) -> Vec<&'r [Value<'v>]> {
    rows.iter().map(<[_; N]>::as_slice).collect()
}

pub(in crate::store) trait Row {
    /// What stands in a column, counted from 0.
    fn value(&self, column: usize) -> Result<Value<'_>, Error>;
}

impl dyn Row + '_ {
    /// What stands in a column, as what is expected there.
    pub(in crate::store) fn get<T: FromValue>(&self, column: usize) -> Result<T, Error> {
        T::from_value(self.value(column)?).ok_or_else(|| wrong_type(column))
    }
}

pub(in crate::store) fn wrong_type(column: usize) -> Error {
    let problem = Problem::Unreadable(format!("column {column} is of another type"));
    Error::new("read a row", problem)
}

/// A value as it is stored: every engine keeps these four kinds alike. A truth is 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Value<'a> {
    Null,
    /// A number, a truth, or an instant in milliseconds.
    Int(i64),
    Text(&'a str),
    Blob(&'a [u8]),
}

/// Parameters, each turned into a [`Value`].
macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::store::sql::Value::from($value)),*] };
}
pub(super) use values;

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Self::Int(i64::from(truth))
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Int(at.0)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Blob(bytes)
    }
}

impl<'a, T: Into<Self>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// What a stored value can be read as.
pub(in crate::store) trait FromValue: Sized {
    /// `None` where the value is of another kind.
    fn from_value(value: Value<'_>) -> Option<Self>;
}

impl FromValue for i64 {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Int(number) => Some(number),
            _ => None,
        }
    }
}

impl FromValue for u64 {
    fn from_value(value: Value<'_>) -> Option<Self> {
        i64::from_value(value).and_then(|n| Self::try_from(n).ok())
    }
}

impl FromValue for bool {
    fn from_value(value: Value<'_>) -> Option<Self> {
        i64::from_value(value).map(|n| n != 0)
    }
}

impl FromValue for Timestamp {
    fn from_value(value: Value<'_>) -> Option<Self> {
        i64::from_value(value).map(Timestamp)
    }
}

impl FromValue for String {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.to_owned()),
            _ => None,
        }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes.to_owned()),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}
