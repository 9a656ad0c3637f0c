//! The arguments of `doctor`.

use clap::Args;

/// What stands below the help.
pub(super) const EXAMPLES: &str = "✓ as it should be   ! works, but deserves a look   ✗ does not work, and what to do
Exit code: 0 nothing failed; 1 something did, be it the configuration; 2 wrong usage. Sends nothing without --send-test.

Examples: hushwatch doctor
          hushwatch doctor --json | jq '.checks[] | select(.outcome == \"fail\")'
          heroku run ./target/release/hushwatch doctor        # whether a config var took, without showing it";

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Every check in one JSON object
    #[arg(long)]
    pub json: bool,
    /// Post one test message to each Slack channel that is set up
    #[arg(long)]
    pub send_test: bool,
}
