//! What must hold of the simulated Slack.
