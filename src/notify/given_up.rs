//! What is said of a message that was given up: it may have been posted, and nothing ever confirmed it.

/// The line that names such a message, by its first line and its incident, in the next message and in the digest.
pub fn line(incident: Option<&str>, headline: &str) -> String {
    let more = incident.map_or_else(String::new, |id| format!(" (hushwatch explain {id})"));
    format!("Slack never confirmed an earlier message, so it may be missing here: {headline}{more}")
}
