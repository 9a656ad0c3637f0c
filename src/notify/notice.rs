//! What hushwatch says of itself: that it cannot work, and that its messages arrive.

use crate::model::{Timestamp, Zone};
use crate::notify::{Level, Message};
use crate::text::format::format_date_time;

/// How often an alert is sent that does not go through the outbox.
const OUTAGE_FOOTER: &str = "This alert is sent once per outage, and again every 24 hours.";

/// When the alert of a bad configuration is sent.
const RELOAD_FOOTER: &str = "This alert is sent once for the same problems.";
/// Problems of a configuration that are shown.
const MAX_PROBLEMS: usize = 3;

/// Returns the alert that nothing can be recorded; `error` ends with the remedy.
pub fn database_alert(error: &str) -> Message {
    let lines = [
        error.to_owned(),
        "Nothing is recorded and no incident is reported until this is repaired. What was recorded before is reported then.".to_owned(),
    ];
    let headline = "hushwatch cannot use its database: monitoring and alerting are stopped";
    Message::new(Level::Wake, headline, lines, OUTAGE_FOOTER)
}

/// Returns that hushwatch can work again, which who was alerted by a pager hears: nothing else closes an alert there.
pub fn outage_ended() -> Message {
    let headline = "hushwatch works again: what was recorded before is reported now";
    Message::new(Level::Resolved, headline, [], "")
}

/// Returns the alert that the clock, which says `machine`, is not believed beside Postmark's.
pub fn clock_alert(machine: Timestamp, postmark: Timestamp) -> Message {
    let in_utc = |at| format_date_time(at, Zone::UTC);
    let lines = [
        format!(
            "The clock says {} UTC, Postmark's says {} UTC.",
            in_utc(machine),
            in_utc(postmark)
        ),
        "→ Set the clock (NTP). Nothing is recorded and no incident is reported until it is right. What was recorded before stays."
            .to_owned(),
    ];
    let headline = "hushwatch cannot tell the time: monitoring and alerting are stopped";
    Message::new(Level::Wake, headline, lines, OUTAGE_FOOTER)
}

/// Returns the alert that the configuration was not reloaded; each of `problems` ends with its remedy.
pub fn reload_alert(problems: &[String]) -> Message {
    let mut lines: Vec<String> = problems.iter().take(MAX_PROBLEMS).cloned().collect();
    if let Some(more @ 1..) = problems.len().checked_sub(MAX_PROBLEMS) {
        lines.push(format!(
            "And {more} more, which `hushwatch config check` lists."
        ));
    }
    lines.push("→ Correct it, run `hushwatch config check`, then reload again. Until then hushwatch goes on as before.".to_owned());
    let headline = "hushwatch did not reload its configuration: it cannot be understood";
    Message::new(Level::Warn, headline, lines, RELOAD_FOOTER)
}

/// Returns the message of `doctor --send-test`; `sent_at` is written as people read it.
pub fn test_message(sent_at: &str) -> Message {
    let headline = "hushwatch doctor: a test message";
    let line = "Alerts and digests will arrive here.".to_owned();
    Message::new(Level::Info, headline, [line], &format!("sent {sent_at}"))
}

/// Returns the message by which `doctor --send-test` shows how a wake arrives; `sent_at` is written as people read it.
pub fn wake_test_message(sent_at: &str) -> Message {
    let headline = "hushwatch doctor: a test of a wake, nothing is wrong";
    let line = "Alerts that wake somebody will arrive here, with the same mention.".to_owned();
    Message::new(Level::Wake, headline, [line], &format!("sent {sent_at}"))
}
