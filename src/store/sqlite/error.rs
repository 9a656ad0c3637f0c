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
            rusqlite::Error::SqliteFailure(failure, message) => {
                let text = || message.clone().unwrap_or_else(|| failure.to_string());
                match failure.code {
                    Code::DiskFull => Self::Full,
                    Code::ReadOnly => Self::ReadOnly,
                    Code::DatabaseBusy | Code::DatabaseLocked => Self::Busy,
                    Code::SystemIoFailure => Self::Disk(text()),
                    Code::DatabaseCorrupt | Code::NotADatabase => Self::Damaged(text()),
                    Code::CannotOpen | Code::PermissionDenied => {
                        // Behind a colon stands the path, which what is being done names.
                        let text = text();
                        let what = text
                            .split_once(": ")
                            .map_or(text.as_str(), |(what, _)| what);
                        Self::Unopenable(what.to_owned())
                    }
                    _ => Self::Other(text()),
                }
            }
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..) => Self::Unreadable(error.to_string()),
            _ => Self::Other(error.to_string()),
        }
    }
}
