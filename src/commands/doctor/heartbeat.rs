//! The heartbeat: whether a ping would arrive, as far as that can be tried without one.

use crate::commands::doctor::check::Check;
use crate::heartbeat;
use crate::secret::Secret;

const NAME: &str = "heartbeat";

/// Asks the server of the heartbeat for its front page: a ping would tell others that all is well.
pub(crate) async fn check(url: Option<&Secret>) -> Check {
    let Some(url) = url else {
        return Check::warn(
            NAME,
            "No heartbeat: nobody would notice if hushwatch itself stopped",
            "set HUSHWATCH_HEARTBEAT__URL to the URL of a dead man's switch",
        );
    };
    match heartbeat::reach(url).await {
        Ok(()) => Check::pass(
            NAME,
            "Heartbeat set up, and its server answers (nothing was pinged)",
        ),
        Err(why) => Check::fail(NAME, "Heartbeat set up, but no ping would arrive", why),
    }
}
