//! The heartbeat: whether a ping would arrive, as far as that can be tried without one.

use crate::commands::doctor::check::Check;
use crate::heartbeat::{Error, Heartbeat, HeartbeatKind};

const NAME: &str = "heartbeat";

/// Tries the heartbeat without a ping, which would tell others that all is well.
pub(crate) async fn check(heartbeat: Option<&Heartbeat>) -> Check {
    let Some(heartbeat) = heartbeat else {
        return Check::warn(
            NAME,
            "No heartbeat: nobody would notice if hushwatch itself stopped",
            "set HUSHWATCH_HEARTBEAT__URL to the URL of a dead man's switch",
        );
    };
    let probe = heartbeat.probe("hushwatch doctor: a test, nothing was pinged");
    match (probe.await, heartbeat.kind) {
        (Ok(()), HeartbeatKind::Plain) => Check::pass(
            NAME,
            "Heartbeat set up, and its server answers (nothing was pinged)",
        ),
        (Ok(()), HeartbeatKind::Healthchecks) => Check::pass(
            NAME,
            "Heartbeat set up, and its check of healthchecks took a line for its log (nothing was pinged)",
        ),
        (Err(Error::UnknownCheck), _) if heartbeat.is_by_slug() => Check::warn(
            NAME,
            "Heartbeat set up, but healthchecks has no check of this slug yet",
            "the first cycle creates it, unless the ping key is wrong; then set its period there to that of `schedule`",
        ),
        (Err(why), _) => Check::fail(
            NAME,
            "Heartbeat set up, but no ping would arrive",
            why.to_string(),
        ),
    }
}
