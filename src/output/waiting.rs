//! Why messages wait, in a line for each destination and reason.

use crate::model::{WaitReason, WaitingMessages, Zone};
use crate::text::format::{count, format_time};
use crate::text::sanitize::clean;

/// Returns for whom messages wait, since when and why.
pub fn waiting_line(waiting: &WaitingMessages, zone: Zone) -> String {
    let destination = match (waiting.sink(), waiting.channel.as_str()) {
        (Some(sink), _) => format!("sink `{}`", clean(sink)),
        (None, "") => "Slack".to_owned(),
        (None, channel) => format!("Slack channel {}", clean(channel)),
    };
    let time = |at| format_time(at, zone);
    let reason = match &waiting.reason {
        WaitReason::Muted => "held by a mute".to_owned(),
        WaitReason::QuietHours => "held by quiet hours".to_owned(),
        WaitReason::NotTried => "not tried yet".to_owned(),
        WaitReason::RateLimited { until, why } => {
            format!("rate limited until {}: {}", time(*until), clean(why))
        }
        WaitReason::Failing { failing_since, why } => {
            format!("failing since {}: {}", time(*failing_since), clean(why))
        }
        WaitReason::Unconfirmed { why, .. } => match why {
            Some(why) => format!("it is not known whether it arrived: {}", clean(why)),
            None => "it is not known whether it arrived: the attempt was cut off".to_owned(),
        },
    };
    let since = time(waiting.since);
    format!(
        "{destination}: {} since {since}, {reason}",
        count(waiting.count)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn each_reason_is_told_with_its_time() {
        let at = |text| Timestamp::parse(text).expect("valid");
        let nine = at("2026-03-03T09:00:00Z");
        let why = || "Slack answered HTTP 500".to_owned();
        let of = |channel: &str, reason| WaitingMessages {
            channel: channel.to_owned(),
            count: 2,
            since: at("2026-03-03T08:59:00Z"),
            reason,
        };
        let all = [
            of("", WaitReason::Muted),
            of("", WaitReason::QuietHours),
            of("C0OPS", WaitReason::NotTried),
            of(
                "",
                WaitReason::RateLimited {
                    until: nine,
                    why: "Slack answered 429 (rate limited)".to_owned(),
                },
            ),
            of(
                "sink:bell",
                WaitReason::Failing {
                    failing_since: nine,
                    why: why(),
                },
            ),
            of(
                "",
                WaitReason::Unconfirmed {
                    failing_since: nine,
                    why: Some("Slack did not answer in time".to_owned()),
                },
            ),
        ];
        let lines: Vec<String> = all.iter().map(|of| waiting_line(of, Zone::UTC)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        Slack: 2 since Tue 3 Mar 08:59, held by a mute
        Slack: 2 since Tue 3 Mar 08:59, held by quiet hours
        Slack channel C0OPS: 2 since Tue 3 Mar 08:59, not tried yet
        Slack: 2 since Tue 3 Mar 08:59, rate limited until Tue 3 Mar 09:00: Slack answered 429 (rate limited)
        sink `bell`: 2 since Tue 3 Mar 08:59, failing since Tue 3 Mar 09:00: Slack answered HTTP 500
        Slack: 2 since Tue 3 Mar 08:59, it is not known whether it arrived: Slack did not answer in time
        ");
        let json = serde_json::json!(all[4]);
        assert_eq!(
            json,
            serde_json::json!({
                "destination": "sink:bell", "count": 2, "since": "2026-03-03T08:59:00Z", "reason": "failing",
                "failing_since": "2026-03-03T09:00:00Z", "why": "Slack answered HTTP 500",
            })
        );
    }
}
