//! What was left open: incidents that are not over, and messages that nobody accepted yet.

use crate::commands::doctor::check::Check;
use crate::config::SINK_CHANNEL;
use crate::cycle::Context;
use crate::store::{Database, WaitingMessages};
use crate::text::format::plural;

/// What happens to what waits.
const TRIED_AGAIN: &str = "the next cycle tries again";

/// Returns how many incidents are open, and how many messages wait for Slack and for each sink.
pub(crate) async fn checks(app: &Context) -> Vec<Check> {
    let incidents = match app.store.call(Database::all_open_incidents).await {
        Ok(open) => incidents_check(open.len() as u64),
        Err(error) => Check::unreadable("incidents", "incidents", &error),
    };
    let messages = match app.store.call(|s| s.waiting_messages()).await {
        Ok(waiting) => messages_checks(&waiting),
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

/// Returns a check of what waits for Slack, and one of what waits for each sink.
fn messages_checks(waiting: &[WaitingMessages]) -> Vec<Check> {
    if waiting.is_empty() {
        let text = "No message waits to be delivered";
        return vec![Check::pass("messages", text)];
    }
    let sink = |of: &WaitingMessages| of.channel.strip_prefix(SINK_CHANNEL).map(str::to_owned);
    let for_slack = waiting.iter().filter(|of| sink(of).is_none());
    let for_slack: u64 = for_slack.map(|of| of.count).sum();
    let slack = (for_slack > 0).then(|| {
        let text = format!("Not delivered yet: {}", plural(for_slack, "message"));
        let remedy = format!("{TRIED_AGAIN}; if Slack refuses, the lines about Slack say why");
        Check::warn("messages", text, remedy)
    });
    let sinks = waiting
        .iter()
        .filter_map(|of| Some(sink_check(&sink(of)?, of)));
    slack.into_iter().chain(sinks).collect()
}

/// The error of the last attempt bears its remedy.
fn sink_check(sink: &str, of: &WaitingMessages) -> Check {
    let waiting = plural(of.count, "message");
    let text = format!("Not delivered yet to the sink `{sink}`: {waiting}");
    let remedy = match &of.last_failure {
        Some(why) => format!("{TRIED_AGAIN}; the last attempt failed: {why}"),
        None => format!("{TRIED_AGAIN}; `hushwatch doctor --send-test` tries each sink"),
    };
    Check::warn("messages", text, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(waiting: &[(&str, u64, Option<&str>)]) -> String {
        let waiting = waiting.iter().map(|(channel, count, why)| WaitingMessages {
            channel: (*channel).to_owned(),
            count: *count,
            last_failure: why.map(str::to_owned),
        });
        let checks = messages_checks(&waiting.collect::<Vec<_>>());
        let lines: Vec<String> = checks.iter().map(Check::to_line).collect();
        lines.join("\n")
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
    fn what_waits_names_for_whom_and_where_the_reason_stands() {
        assert_eq!(lines(&[]), "✓ No message waits to be delivered");
        let slack = [("", 1, Some("channel_not_found")), ("C0OPERATORS", 1, None)];
        assert_eq!(
            lines(&slack),
            "! Not delivered yet: 2 messages; the next cycle tries again; if Slack refuses, the lines about Slack say why"
        );
        let why = "sink `bell` answered HTTP 500; it is tried again";
        assert_eq!(
            lines(&[
                slack[0],
                ("sink:bell", 3, Some(why)),
                ("sink:pager", 1, None)
            ]),
            "! Not delivered yet: 1 message; the next cycle tries again; if Slack refuses, the lines about Slack say why\n\
             ! Not delivered yet to the sink `bell`: 3 messages; the next cycle tries again; the last attempt failed: sink `bell` answered HTTP 500; it is tried again\n\
             ! Not delivered yet to the sink `pager`: 1 message; the next cycle tries again; `hushwatch doctor --send-test` tries each sink"
        );
    }
}
