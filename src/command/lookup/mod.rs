//! What an operator asks by hand: each verb here checks what it was given, asks, and prints.

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
use crate::message::text::clean;

/// The longest address there is (RFC 5321, 4.5.3.1), in bytes.
const LONGEST_ADDRESS: usize = 320;

async fn lookup(config: &Config, server: Option<&str>) -> Result<Lookup, (u8, String)> {
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
        errors => Err((INCOMPLETE, errors.join("\nhushwatch: "))),
    }
}

/// What follows `option`, if it may be sent to Postmark.
fn checked(option: &str, text: Option<&str>) -> Result<Option<String>, (u8, String)> {
    let Some(text) = text.map(str::trim) else {
        return Ok(None);
    };
    if text.is_empty() || text.len() > LONGEST_ADDRESS || text.chars().any(char::is_control) {
        return Err(usage(&format!(
            "{option} must be 1 to {LONGEST_ADDRESS} bytes long and hold no control character"
        )));
    }
    Ok(Some(text.to_owned()))
}

/// What follows `option`, if it is the address of a mailbox.
fn address(option: &str, text: Option<&str>) -> Result<Option<String>, (u8, String)> {
    let text = checked(option, text)?;
    let parts = |text: &String| {
        text.rsplit_once('@')
            .is_some_and(|(a, b)| !a.is_empty() && !b.is_empty())
    };
    match &text {
        Some(wrong) if !parts(wrong) => Err(usage(&format!(
            "{option} must be a whole address such as jane@example.com; `{}` is none",
            clean(wrong)
        ))),
        _ => Ok(text),
    }
}

fn usage(why: &str) -> (u8, String) {
    (USAGE, format!("{why}; nothing was asked or changed"))
}
