//! The arguments of `doctor`.

use clap::Args;

pub(in crate::commands) const EXAMPLES: &str = "✓ as it should be   ! works, but needs a look   ✗ does not work, and what to do
Exit code: 0 nothing failed; 1 a check failed, or the configuration is wrong; 2 wrong usage.
Sends nothing without --send-test.

Examples: hushwatch doctor
          hushwatch doctor --json | jq '.checks[] | select(.outcome == \"fail\")'
          heroku run ./target/release/hushwatch doctor        # whether a config var took effect, without showing it";

#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Send a test to each Slack channel, each sink and Sentry
    #[arg(long)]
    pub send_test: bool,
    /// Also ask Slack whether it takes each kind of message (bot token); nothing is posted
    #[arg(long)]
    pub online: bool,
}
