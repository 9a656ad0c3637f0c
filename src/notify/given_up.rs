//! What is said of a message that was given up: Slack refused it, or nothing ever confirmed that it was posted.

/// The line that names such a message, by what it was about and its incident, in the next message and in the digest. It quotes no more,
/// since the rest may have been the reason, and would be it again.
pub fn line(incident: Option<&str>, headline: &str, is_refused: bool) -> String {
    let subject = headline.split(": ").next().unwrap_or_default();
    let more = incident.map_or_else(String::new, |id| format!(" (hushwatch explain {id})"));
    let fate = match is_refused {
        true => "Slack refused an earlier message, so it is missing here",
        false => "Slack never confirmed an earlier message, so it may be missing here",
    };
    format!("{fate}: {subject}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_taken_is_named_without_what_may_be_the_reason() {
        let headline = "🔴 WAKE shop/outbound: all 5 sampled messages bounced";
        let said = [true, false].map(|is_refused| line(Some("fp8xrr3b"), headline, is_refused));
        assert_eq!(
            said,
            [
                "Slack refused an earlier message, so it is missing here: 🔴 WAKE shop/outbound (hushwatch explain fp8xrr3b)",
                "Slack never confirmed an earlier message, so it may be missing here: 🔴 WAKE shop/outbound (hushwatch explain fp8xrr3b)",
            ]
        );
    }
}
