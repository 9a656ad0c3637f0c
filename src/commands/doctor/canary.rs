//! The canary: whether its mail can be sent, and what became of the last one.

use crate::commands::doctor::check::Check;
use crate::commands::doctor::format_instant;
use crate::cycle::Context;
use crate::model::{CanaryOutcome, Timestamp};

const NAME: &str = "canary";

/// Returns a check of the canary, which sends nothing; none where there is no canary.
pub(crate) async fn checks(app: &Context, at: Timestamp) -> Vec<Check> {
    let Some(canary) = &app.config.canary else {
        return Vec::new();
    };
    if let Err(problem) = canary.token.read() {
        return vec![Check::fail(
            NAME,
            "Canary cannot be sent",
            problem.to_string(),
        )];
    }
    let stream = &canary.stream;
    let text = format!("Canary set up on stream {stream}, to {}", canary.to);
    let last = match app.store.call(|s| s.canary_mails(1)).await {
        Ok(mails) => mails.into_iter().next(),
        Err(error) => return vec![Check::unreadable(NAME, "canary's mail", &error)],
    };
    let Some(last) = last else {
        return vec![Check::pass(NAME, format!("{text}; none was sent yet"))];
    };
    let sent = format_instant(last.sent_at, at, app.config.time_zone);
    let remedy = "`hushwatch explain` says more where an incident is open";
    vec![match last.outcome {
        CanaryOutcome::Delivered => Check::pass(
            NAME,
            format!("{text}; the last one, of {sent}, was delivered"),
        ),
        CanaryOutcome::Pending if last.id.is_none() => Check::warn(
            NAME,
            format!("{text}; nobody knows whether Postmark took the last one, of {sent}"),
            "look for it in Postmark's activity, and run `hushwatch doctor` again after the next one",
        ),
        CanaryOutcome::Pending => {
            Check::pass(NAME, format!("{text}; the last one was sent {sent}"))
        }
        CanaryOutcome::Bounced => Check::warn(
            NAME,
            format!("{text}; the last one, of {sent}, bounced"),
            remedy,
        ),
        CanaryOutcome::Refused(why) => Check::warn(
            NAME,
            format!("{text}; the last one, of {sent}, was refused"),
            why,
        ),
    }]
}
