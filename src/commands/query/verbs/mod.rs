//! What an operator asks by hand: each verb here checks what it was given, asks, and prints.

mod activity;
mod stats;
mod suppressions;
mod time_arg;
mod validate;

pub(crate) use activity::{bounces, message, messages};
pub(crate) use stats::stats;
pub(crate) use suppressions::suppressions;

use crate::commands::query::{Answer, Lookup, LookupError};
use crate::commands::{Ended, INCOMPLETE, USAGE, print};
use crate::config::Config;

async fn lookup(config: &Config, server: Option<&str>) -> Result<Lookup, (u8, String)> {
    let server = validate::server(server)?;
    Lookup::new(config, server).await.map_err(stopped)
}

fn stopped(error: LookupError) -> (u8, String) {
    match error {
        LookupError::Usage(why) => (USAGE, why),
        LookupError::Failed(why) => (INCOMPLETE, why),
    }
}

/// Prints what was found; what could not be asked makes it incomplete.
fn answered(answer: &Answer) -> Ended {
    print(&answer.text)?;
    complete(&answer.errors)
}

fn complete(errors: &[String]) -> Ended {
    match errors {
        [] => Ok(0),
        errors => Err((INCOMPLETE, joined(errors))),
    }
}

/// A line each, as `main` begins the first.
fn joined(errors: &[String]) -> String {
    errors.join("\nhushwatch: ")
}
