//! What a verb prints.

use std::io::Write;

use crate::commands::CommandResult;
use crate::text::sanitize::json_line;

/// Says that the flag switches everything off, and what was therefore not done.
pub(crate) fn print_disabled(what: &str, as_json: bool) -> CommandResult {
    let why = format!("disabled by FLAG_POSTMARK_DELIVERY_MONITOR: {what}");
    print(&match as_json {
        true => json_line(&serde_json::json!({"enabled": false, "reason": why})),
        false => format!("{why}\n"),
    })
}

/// Writes to standard output. A closed pipe is not an error.
pub(crate) fn print(text: &str) -> CommandResult {
    write(text.as_bytes())
}

pub(crate) fn write(bytes: &[u8]) -> CommandResult {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
    Ok(0)
}

/// Returns where messages go without Slack: to standard output, unless JSON goes there.
pub(crate) fn message_writer(as_json: bool) -> Box<dyn Write + Send> {
    if as_json {
        Box::new(std::io::stderr())
    } else {
        Box::new(std::io::stdout())
    }
}
