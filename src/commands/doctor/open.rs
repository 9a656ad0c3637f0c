//! What was left open: incidents that are not over, and messages that nobody accepted yet.

use crate::clock;
use crate::commands::doctor::check::Check;
use crate::config::hold;
use crate::cycle::Context;
use crate::cycle::readiness::is_refused;
use crate::model::{Timestamp, WaitReason, WaitingMessages, Zone};
use crate::output::waiting::waiting_line;
use crate::store::Database;
use crate::text::format::plural;

/// What happens to what waits.
const TRIED_AGAIN: &str = "the next cycle tries again";

/// Returns how many incidents are open, and how many messages wait for Slack and for each sink.
pub(crate) async fn checks(app: &Context, now: Timestamp) -> Vec<Check> {
    let incidents = match app.store.call(Database::all_open_incidents).await {
        Ok(open) => incidents_check(open.len() as u64),
        Err(error) => Check::unreadable("incidents", "incidents", &error),
    };
    let (hold, clock) = (hold(&app.config.quiet_hours, now), clock::now());
    let waiting = app.store.call(move |s| s.waiting_messages(hold, clock));
    let messages = match waiting.await {
        Ok(waiting) => messages_checks(&waiting, app.config.time_zone),
        Err(error) => vec![Check::unreadable("messages", "messages", &error)],
    };
    [incidents].into_iter().chain(messages).collect()
}

fn incidents_check(open: u64) -> Check {
    match open {
        0 => Check::pass("incidents", "No incident is open"),
        open => Check::warn(
            "incidents",
            format!("Open now: {}", plural(open, "incident")),
            match open {
                1 => "`hushwatch status` shows it",
                _ => "`hushwatch status` shows them",
            },
        ),
    }
}

/// Returns a check of what waits, for each destination and reason.
fn messages_checks(waiting: &[WaitingMessages], zone: Zone) -> Vec<Check> {
    if waiting.is_empty() {
        let text = "No message waits to be delivered";
        return vec![Check::pass("messages", text)];
    }
    waiting.iter().map(|of| messages_check(of, zone)).collect()
}

fn messages_check(of: &WaitingMessages, zone: Zone) -> Check {
    let waiting = plural(of.count, "message");
    let text = format!("Not delivered yet: {waiting} ({})", waiting_line(of, zone));
    let remedy = match (&of.reason, of.sink()) {
        (WaitReason::Muted, _) => "`hushwatch mute --list` shows the mute".to_owned(),
        (WaitReason::QuietHours, _) => "they are sent when the quiet hours end".to_owned(),
        (WaitReason::NotTried, Some(_)) => {
            format!("{TRIED_AGAIN}; `hushwatch doctor --send-test` tries each sink")
        }
        (_, Some(_)) => TRIED_AGAIN.to_owned(),
        (_, None) => format!("{TRIED_AGAIN}; the lines about Slack say whether it answers"),
    };
    match is_refused(of) {
        // The reason bears the remedy.
        true => Check::fail("messages", text, ""),
        false => Check::warn("messages", text, remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(channel: &str, reason: WaitReason) -> String {
        let since = Timestamp::parse("2026-03-03T09:00:00Z").expect("valid");
        let of = WaitingMessages {
            channel: channel.to_owned(),
            count: 2,
            since,
            reason,
        };
        messages_check(&of, Zone::UTC).to_line()
    }

    #[test]
    fn what_is_open_is_counted() {
        let lines = [0, 1, 2].map(|n| incidents_check(n).to_line());
        insta::assert_snapshot!(lines.join("\n"), @r"
        ✓ No incident is open
        ! Open now: 1 incident; `hushwatch status` shows it
        ! Open now: 2 incidents; `hushwatch status` shows them
        ");
    }

    #[test]
    fn what_waits_names_for_whom_and_why() {
        let nothing: Vec<String> = messages_checks(&[], Zone::UTC)
            .iter()
            .map(Check::to_line)
            .collect();
        assert_eq!(nothing, ["✓ No message waits to be delivered"]);
        let failing_since = Timestamp::parse("2026-03-03T09:05:00Z").expect("valid");
        let failing = |why: &str| WaitReason::Failing {
            failing_since,
            why: why.to_owned(),
        };
        let lines = [
            line(
                "",
                failing("cannot post to Slack: `no_service`; create the webhook again"),
            ),
            line("", failing("Slack did not answer in time")),
            line("", WaitReason::Muted),
            line("", WaitReason::QuietHours),
            line("sink:bell", failing("sink `bell` answered HTTP 500")),
            line("sink:pager", WaitReason::NotTried),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        ✗ Not delivered yet: 2 messages (Slack: 2 since Tue 3 Mar 09:00, failing since Tue 3 Mar 09:05: cannot post to Slack: `no_service`; create the webhook again)
        ! Not delivered yet: 2 messages (Slack: 2 since Tue 3 Mar 09:00, failing since Tue 3 Mar 09:05: Slack did not answer in time); the next cycle tries again; the lines about Slack say whether it answers
        ! Not delivered yet: 2 messages (Slack: 2 since Tue 3 Mar 09:00, held by a mute); `hushwatch mute --list` shows the mute
        ! Not delivered yet: 2 messages (Slack: 2 since Tue 3 Mar 09:00, held by quiet hours); they are sent when the quiet hours end
        ! Not delivered yet: 2 messages (sink `bell`: 2 since Tue 3 Mar 09:00, failing since Tue 3 Mar 09:05: sink `bell` answered HTTP 500); the next cycle tries again
        ! Not delivered yet: 2 messages (sink `pager`: 2 since Tue 3 Mar 09:00, not tried yet); the next cycle tries again; `hushwatch doctor --send-test` tries each sink
        ");
    }
}
