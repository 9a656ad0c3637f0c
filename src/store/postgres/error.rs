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
            // Pgpool's own error, which has no code either.
            Problem::Other(why) if why.contains("authentication failed") => {
                Problem::Refused(LOGIN.to_owned())
            }
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

const NO_DATABASE: &str =
    "there is no such database; create it, or name another in the database URL";
const LOGIN: &str = "the server refuses the login; check user and password of the database URL, and that the server lets this host in (pg_hba.conf, TLS)";

/// What the server itself says.
fn told(error: &PgError) -> Option<Problem> {
    let said = error.as_db_error()?;
    let message = said.message();
    Some(match said.code().code() {
        code if code.starts_with("28") => Problem::Refused(LOGIN.to_owned()),
        "3D000" => Problem::Refused(NO_DATABASE.to_owned()),
        "42501" => Problem::Refused(not_allowed(message)),
        "25006" => Problem::Standby,
        "53100" => Problem::Full,
        "53300" => Problem::Crowded,
        "57P03" => Problem::Unreachable("it is starting or stopping".to_owned()),
        "57P01" | "57P02" | "25P03" => Problem::Lost,
        "08P01" => told_by_pooler(message),
        code if code.starts_with("08") => Problem::Lost,
        "55P03" | "40P01" | "40001" | "57014" => Problem::Busy,
        "58030" => Problem::Disk(message.to_owned()),
        "XX001" | "XX002" => Problem::Damaged(message.to_owned()),
        _ => Problem::Other(message.to_owned()),
    })
}

/// What the user may not do, with what helps: the schema is still to be made, or belongs to another user.
pub(super) fn not_allowed(message: &str) -> String {
    let remedy = match message.contains("for database") {
        true => {
            "let it CREATE on the database, or give it the schema: CREATE SCHEMA hushwatch AUTHORIZATION its name"
        }
        false => {
            "log in as the owner of the schema hushwatch, or let the owner GRANT ALL ON SCHEMA hushwatch TO its name and GRANT ALL ON ALL TABLES IN SCHEMA hushwatch TO its name (an upgrade needs the owner)"
        }
    };
    format!("the user may not do that ({message}); {remedy}")
}

/// What `PgBouncer` means, which has one code for everything. What it does not say before it lends a connection is a loss.
fn told_by_pooler(message: &str) -> Problem {
    let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
    if says(&["SSL required", "TLS connection required"]) {
        return Problem::Refused(
            "the server takes no connection without TLS; set `store.tls` to \"verify-full\", or sslmode in the database URL"
                .to_owned(),
        );
    }
    if says(&[
        "query_wait_timeout",
        "no more connections",
        "too many",
        "connection slots",
    ]) {
        return Problem::Crowded;
    }
    if says(&[
        "authentication failed",
        "no such user",
        "login rejected",
        "role \"",
    ]) {
        return Problem::Refused(LOGIN.to_owned());
    }
    if says(&["no such database", "database \""]) {
        return Problem::Refused(NO_DATABASE.to_owned());
    }
    match says(&["server login", "cannot connect"]) {
        true => Problem::Unreachable("its pooler cannot reach it".to_owned()),
        false => Problem::Lost,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_may_not_do_has_the_remedy_that_helps() {
        for (message, remedy) in [
            (
                "permission denied for database appdb",
                "; let it CREATE on the database",
            ),
            (
                "permission denied for table leases",
                "; log in as the owner of the schema",
            ),
            (
                "permission denied for schema hushwatch",
                "; log in as the owner of the schema",
            ),
            (
                "must be owner of table outbox",
                "; log in as the owner of the schema",
            ),
        ] {
            let text = not_allowed(message);
            assert!(text.contains(remedy), "{text}");
        }
    }

    #[test]
    fn each_text_of_a_pooler_is_what_it_means() {
        let refused = |why: &str| Problem::Refused(why.to_owned());
        let unreachable = || Problem::Unreachable("its pooler cannot reach it".to_owned());
        for (text, meant) in [
            ("password authentication failed", refused(LOGIN)),
            ("\"trust\" authentication failed", refused(LOGIN)),
            ("unix socket login rejected", refused(LOGIN)),
            ("no such user: someone", refused(LOGIN)),
            (
                "server login failed: FATAL role \"x\" does not exist",
                refused(LOGIN),
            ),
            (
                "server login has been failing, cached error: password authentication failed for user \"x\" (server_login_retry)",
                refused(LOGIN),
            ),
            ("database \"x\" does not exist", refused(NO_DATABASE)),
            (
                "no more connections allowed (max_db_client_connections)",
                Problem::Crowded,
            ),
            (
                "server login failed: FATAL too many connections for role \"x\"",
                Problem::Crowded,
            ),
            (
                "server login has been failing, cached error: connect failed (server_login_retry)",
                unreachable(),
            ),
            ("pgbouncer cannot connect to server", unreachable()),
            ("server conn crashed?", Problem::Lost),
            ("query_timeout", Problem::Lost),
            ("pooler is shut down", Problem::Lost),
        ] {
            assert_eq!(told_by_pooler(text), meant, "{text}");
        }
    }
}
