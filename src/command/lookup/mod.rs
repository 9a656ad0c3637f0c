//! What an operator asks by hand: each verb here checks what it was given, asks, and prints.

mod given;
mod letters;
mod moment;
mod stats;
mod suppressions;

pub(super) use letters::{bounces, message, messages};
pub(super) use stats::stats;
pub(super) use suppressions::suppressions;

use crate::app::lookup::{Answer, Lookup, LookupError};
use crate::command::{Ended, INCOMPLETE, USAGE, print};
use crate::config::Config;

async fn lookup(config: &Config, server: Option<&str>) -> Result<Lookup, (u8, String)> {
    let server = given::server(server)?;
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
