//! What hushwatch says of itself: that it cannot work, and that its messages arrive.

use crate::notify::{Level, Message};

/// Returns the alert that nothing can be recorded; `error` ends with the remedy.
pub fn database_alert(error: &str) -> Message {
    let lines = [
        error.to_owned(),
        "Nothing is recorded and no incident is reported until this is repaired. What was recorded before is reported then.".to_owned(),
    ];
    let headline = "hushwatch cannot use its database: monitoring and alerting are stopped";
    let footer = "This alert is sent once per outage.";
    Message::new(Level::Wake, headline, lines, footer)
}

/// Returns the alert that the clock is not believed; `error` ends with the remedy.
pub fn clock_alert(error: &str) -> Message {
    let lines = [
        error.to_owned(),
        "No incident is reported until the clock is right. What was recorded before stays."
            .to_owned(),
    ];
    let headline = "hushwatch cannot tell the time: monitoring and alerting are stopped";
    let footer = "This alert is sent once per outage.";
    Message::new(Level::Wake, headline, lines, footer)
}

/// Returns the message of `doctor --send-test`; `sent_at` is written as people read it.
pub fn test_message(sent_at: &str) -> Message {
    let headline = "hushwatch doctor: a test message";
    let line = "Alerts and digests will arrive here.".to_owned();
    Message::new(Level::Info, headline, [line], &format!("sent {sent_at}"))
}
