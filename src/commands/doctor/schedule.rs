//! When: the time zone, the schedule, and whether it was kept.

use std::time::Duration;

use crate::commands::doctor::check::Check;
use crate::commands::doctor::format_instant;
use crate::cycle::Context;
use crate::model::{MINUTE, Rule, Timestamp};
use crate::text::format::{format_duration, format_time, plural};

/// A cycle is not missed before it is late by this much: it takes its time, and it may be a timer's.
const MAX_DELAY: Duration = Duration::from_secs(30 * 60);

/// Returns the time zone with its present; the schedule and its next poll.
pub(crate) fn checks(app: &Context, at: Timestamp) -> Vec<Check> {
    let config = &app.config;
    let zone = config.time_zone;
    let mut checks = vec![Check::pass(
        "time_zone",
        format!(
            "Time zone {}: it is {} there; the digest comes at {}",
            zone.name(),
            format_time(at, zone),
            config.digest_at.format("%H:%M")
        ),
    )];
    let next = config.schedule.next(at);
    let after = next.and_then(|next| Some(config.schedule.next(next)?.since(next)));
    let next = next.map_or_else(|| "never".to_owned(), |next| format_instant(next, at, zone));
    let expression = config.schedule.expression();
    let text = match config.enabled {
        true => format!("Schedule \"{expression}\": next poll {next}"),
        false => format!("Schedule \"{expression}\": no poll while monitoring is switched off"),
    };
    checks.push(Check::pass("schedule", text));
    let (window, certain) = (
        config.rules.bounce_rate.window,
        config.rules.bounce_rate.confidence,
    );
    // With confidence, the window of a quiet stream reaches further back.
    let mail = match certain {
        Some(_) => "mail that a busy stream sent in between",
        None => "mail sent in between",
    };
    let is_missed =
        |after: &Duration| *after > window + MINUTE && config.rules.is_enabled(Rule::BounceRate);
    if let Some(after) = after.filter(is_missed) {
        checks.push(Check::warn(
            "schedule",
            format!(
                "Polls are {} apart, and `bounce_rate` looks at {}: {mail} is never checked",
                format_duration(after),
                format_duration(window)
            ),
            "poll more often, or widen `rules.bounce_rate.window`",
        ));
    }
    checks
}

/// Returns the last cycle, and what was missed since.
pub(crate) async fn last_cycle(app: &Context, at: Timestamp) -> Check {
    const NAME: &str = "last_cycle";
    let last = match app.store.call(|s| s.last_cycle_at()).await {
        Ok(Some(last)) => last,
        Ok(None) => return Check::pass(NAME, "No cycle yet"),
        Err(error) => return Check::unreadable(NAME, "last cycle", &error),
    };
    let last_at = format_instant(last, at, app.config.time_zone);
    if !app.config.enabled {
        let text = format!("Last cycle {last_at}: none comes while monitoring is switched off");
        return Check::pass(NAME, text);
    }
    let due = app.config.schedule.instants(last, at - MAX_DELAY);
    match due.len() {
        0 => Check::pass(NAME, format!("Last cycle {last_at}")),
        missed => {
            let missed = plural(missed as u64, "poll");
            let text = format!("Last cycle {last_at}: {missed} missed since");
            let remedy = "start `hushwatch run`, or let cron run `hushwatch check`: it catches up";
            Check::warn(NAME, text, remedy)
        }
    }
}
