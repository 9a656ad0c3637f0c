//! What is said of a message that was given up: Slack refused it, or nothing ever confirmed that it was posted.

/// The line that names such a message, by its first line and its incident, in the next message and in the digest. Of one that was
/// refused it quotes no more than what it was about, since the rest may have been the reason.
pub fn line(incident: Option<&str>, headline: &str, is_refused: bool) -> String {
    let more = incident.map_or_else(String::new, |id| format!(" (hushwatch explain {id})"));
    if is_refused {
        let subject = headline.split(": ").next().unwrap_or_default();
        format!("Slack refused an earlier message, so it is missing here: {subject}{more}")
    } else {
        format!(
            "Slack never confirmed an earlier message, so it may be missing here: {headline}{more}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_is_named_without_what_may_be_refused_again() {
        let headline = "🔴 WAKE shop/outbound: all 5 sampled messages bounced";
        let said = [true, false].map(|is_refused| line(Some("fp8xrr3b"), headline, is_refused));
        assert_eq!(
            said,
            [
                "Slack refused an earlier message, so it is missing here: 🔴 WAKE shop/outbound (hushwatch explain fp8xrr3b)",
                "Slack never confirmed an earlier message, so it may be missing here: 🔴 WAKE shop/outbound: all 5 sampled messages bounced (hushwatch explain fp8xrr3b)",
            ]
        );
    }
}
