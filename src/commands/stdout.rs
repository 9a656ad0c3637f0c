//! What a verb prints.

use std::io::{self, Write};

use crate::commands::{CommandResult, INCOMPLETE};
use crate::text::sanitize::json_line;

/// Says that the flag switches everything off, and what was therefore not done.
pub(crate) fn print_disabled(what: &str, as_json: bool) -> CommandResult {
    let why = format!("disabled by FLAG_POSTMARK_DELIVERY_MONITOR: {what}");
    print(&match as_json {
        true => json_line(&serde_json::json!({"enabled": false, "reason": why})),
        false => format!("{why}\n"),
    })
}

/// Writes to standard output.
///
/// # Errors
/// Where the output is lost, as on a full disk. A closed pipe is not an error: whoever reads has read enough.
pub(crate) fn print(text: &str) -> CommandResult {
    write(text.as_bytes())
}

pub(crate) fn write(bytes: &[u8]) -> CommandResult {
    let mut out = io::stdout().lock();
    check_written(out.write_all(bytes).and_then(|()| out.flush()))
}

pub(crate) fn check_written(result: io::Result<()>) -> CommandResult {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err((
            INCOMPLETE,
            format!("cannot write to standard output: {}", error.kind()),
        )),
        _ => Ok(0),
    }
}

/// Returns where messages go without Slack: to standard output, unless JSON goes there.
pub(crate) fn message_writer(as_json: bool) -> Box<dyn Write + Send> {
    if as_json {
        Box::new(io::stderr())
    } else {
        Box::new(io::stdout())
    }
}
