//! What `SQLite` says, in the words of the store.

use crate::store::{Error, Problem};

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::new("use the database", Problem::from(error))
    }
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        match &error {
            rusqlite::Error::SqliteFailure(failure, message) => match failure.code {
                Code::DiskFull => Self::Full,
                Code::ReadOnly => Self::ReadOnly,
                Code::DatabaseBusy | Code::DatabaseLocked => Self::Busy,
                Code::SystemIoFailure => {
                    Self::Disk(message.clone().unwrap_or_else(|| failure.to_string()))
                }
                Code::DatabaseCorrupt | Code::NotADatabase => {
                    Self::Damaged(message.clone().unwrap_or_else(|| failure.to_string()))
                }
                Code::CannotOpen | Code::PermissionDenied => {
                    Self::Unopenable(message.clone().unwrap_or_else(|| failure.to_string()))
                }
                _ => Self::Other(message.clone().unwrap_or_else(|| failure.to_string())),
            },
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..) => Self::Unreadable(error.to_string()),
            _ => Self::Other(error.to_string()),
        }
    }
}
