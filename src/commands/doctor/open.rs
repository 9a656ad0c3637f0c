//! What was left open: incidents that are not over, and messages that nobody accepted yet.

use std::sync::Arc;

use crate::commands::doctor::check::Check;
use crate::config::ServerConfig;
use crate::cycle::Context;
use crate::store;
use crate::text::format::plural;

/// Returns how many incidents of the watched servers are open, and how many messages wait.
pub(crate) async fn checks(app: &Context, watched: &[Arc<ServerConfig>]) -> [Check; 2] {
    [
        match count_incidents(app, watched).await {
            Ok(open) => incidents_check(open),
            Err(error) => Check::unreadable("incidents", "incidents", &error),
        },
        match app.store.call(|s| s.count_pending()).await {
            Ok(waiting) => messages_check(waiting),
            Err(error) => Check::unreadable("messages", "messages", &error),
        },
    ]
}

async fn count_incidents(
    app: &Context,
    watched: &[Arc<ServerConfig>],
) -> Result<u64, store::Error> {
    let names: Vec<_> = watched.iter().map(|server| server.name.clone()).collect();
    let count = move |s: &mut store::Database| {
        let mut open = 0;
        for name in &names {
            open += s.open_incidents(name)?.len() as u64;
        }
        Ok(open)
    };
    app.store.call(count).await
}

fn incidents_check(open: u64) -> Check {
    match open {
        0 => Check::pass("incidents", "No incident is open"),
        open => Check::warn(
            "incidents",
            format!("Open now: {}", plural(open, "incident")),
            "`hushwatch status` shows them",
        ),
    }
}

fn messages_check(waiting: u64) -> Check {
    match waiting {
        0 => Check::pass("messages", "No message waits to be delivered"),
        waiting => Check::warn(
            "messages",
            format!("Not delivered yet: {}", plural(waiting, "message")),
            "the next cycle tries again; if Slack refuses, the lines about Slack say why",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_counted() {
        let lines = [0, 1, 2].map(|n| {
            format!(
                "{}\n{}",
                incidents_check(n).to_line(),
                messages_check(n).to_line()
            )
        });
        insta::assert_snapshot!(lines.join("\n"), @r#"
        ✓ No incident is open
        ✓ No message waits to be delivered
        ! Open now: 1 incident; `hushwatch status` shows them
        ! Not delivered yet: 1 message; the next cycle tries again; if Slack refuses, the lines about Slack say why
        ! Open now: 2 incidents; `hushwatch status` shows them
        ! Not delivered yet: 2 messages; the next cycle tries again; if Slack refuses, the lines about Slack say why
        "#);
    }
}
