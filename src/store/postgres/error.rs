//! What `PostgreSQL` says, in the words of the store. Its own words are kept only where they hold no name of a user and no
//! stored value.

use std::error::Error as StdError;

use tokio_postgres::Error as PgError;

use crate::store::{Error, Problem};

/// What went wrong on a connection that stood.
pub(super) fn in_use(error: &PgError) -> Error {
    let problem = match told(error) {
        Some(problem) => problem,
        None if error.is_closed() || io(error).is_some() => Problem::Lost,
        None => Problem::Other(error.to_string()),
    };
    Error::new("use the database", problem)
}

/// What went wrong before the database could be used.
pub(super) fn while_connecting(error: &PgError) -> Problem {
    if let Some(problem) = told(error) {
        return match problem {
            Problem::Lost => Problem::Unreachable("it closes the connection".to_owned()),
            problem => problem,
        };
    }
    let text = error.to_string();
    if text.contains("TLS") {
        return Problem::Refused(tls(error));
    }
    if text.contains("authentication") || text.contains("configuration") {
        return Problem::Refused(LOGIN.to_owned());
    }
    match io(error) {
        Some(why) => Problem::Unreachable(why.to_string()),
        None if error.is_closed() => Problem::Unreachable("it closes the connection".to_owned()),
        None => Problem::Unreachable(text),
    }
}

/// What went wrong between the login and the first transaction, where a loss is not a passing one.
pub(super) fn in_first_step(error: &PgError) -> Problem {
    match in_use(error).problem() {
        Problem::Lost => Problem::LostAtOnce,
        problem => problem.clone(),
    }
}

const LOGIN: &str = "the server refuses the login; check user and password of the database URL, and that the server lets this host in (pg_hba.conf, TLS)";

/// What the server itself says.
fn told(error: &PgError) -> Option<Problem> {
    let said = error.as_db_error()?;
    let message = said.message();
    Some(match said.code().code() {
        code if code.starts_with("28") => Problem::Refused(LOGIN.to_owned()),
        "3D000" => Problem::Refused(
            "there is no such database; create it, or name another in the database URL".to_owned(),
        ),
        "42501" => Problem::Refused(format!(
            "the user may not do that ({message}); let it CREATE on the database, or give it the schema: CREATE SCHEMA hushwatch AUTHORIZATION its name"
        )),
        "26000" | "42P05" => Problem::Refused(
            "prepared statements do not last; connect to PostgreSQL itself, or to a pooler in session mode".to_owned(),
        ),
        "25006" => Problem::Standby,
        "53100" => Problem::Full,
        "53300" => Problem::Unreachable("it has too many connections already".to_owned()),
        "57P03" => Problem::Unreachable("it is starting or stopping".to_owned()),
        "57P01" | "57P02" | "25P03" => Problem::Lost,
        code if code.starts_with("08") => Problem::Lost,
        "55P03" | "40P01" | "40001" | "57014" => Problem::Busy,
        "58030" => Problem::Disk(message.to_owned()),
        "XX001" | "XX002" => Problem::Damaged(message.to_owned()),
        _ => Problem::Other(message.to_owned()),
    })
}

fn tls(error: &PgError) -> String {
    let why = error.source().map(ToString::to_string).unwrap_or_default();
    if why.contains("does not support TLS") {
        return "the server speaks no TLS; switch it on there, or set `store.tls` to \"disable\" where nobody can listen".to_owned();
    }
    format!(
        "the server cannot prove who it is ({why}); set `store.ca_file` to the certificate in PEM that it is signed with, or `store.tls` to \"require\" to believe whoever answers"
    )
}

fn io<'e>(error: &'e PgError) -> Option<&'e std::io::Error> {
    let mut cause: Option<&'e (dyn StdError + 'static)> = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref() {
            return Some(io);
        }
        cause = inner.source();
    }
    None
}
