//! What became of the canary's mail, in a line and for scripts.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::model::{CanaryMail, CanaryOutcome, Timestamp, Zone, rfc3339};
use crate::text::format::format_time;

/// The canary's mail, as the last cycle left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CanaryStatus {
    /// When the last one was handed to Postmark, or tried to be; `None` before the first.
    #[serde(serialize_with = "rfc3339")]
    pub last_sent_at: Option<Timestamp>,
    /// What became of it.
    #[serde(serialize_with = "name")]
    pub outcome: Option<CanaryOutcome>,
    /// When one was last delivered; `None` where none ever was.
    #[serde(serialize_with = "rfc3339")]
    pub last_delivered_at: Option<Timestamp>,
    /// When the next one is due; `None` where that is the next cycle.
    #[serde(serialize_with = "rfc3339")]
    pub next_due_at: Option<Timestamp>,
}

impl CanaryStatus {
    /// Returns the status at `now` of the canary whose `mails` are given, the newest first, and of which one is due `every` so long.
    pub fn new(mails: &[CanaryMail], every: Duration, now: Timestamp) -> Self {
        let last = mails.first();
        let next_due_at = last.map(|mail| mail.sent_at + every);
        Self {
            last_sent_at: last.map(|mail| mail.sent_at),
            outcome: last.map(|mail| mail.outcome.clone()),
            last_delivered_at: mails.iter().filter_map(|mail| mail.delivered_at).max(),
            next_due_at: next_due_at.filter(|at| *at > now),
        }
    }

    /// Returns a line for a person; none is sent where monitoring `is_on` not.
    pub(super) fn to_line(&self, is_on: bool, zone: Zone) -> String {
        let delivered = match self.last_delivered_at {
            Some(at) => format!("last confirmed delivery {}", format_time(at, zone)),
            None => "no delivery confirmed yet".to_owned(),
        };
        let fate = match &self.outcome {
            None | Some(CanaryOutcome::Delivered) => None,
            Some(CanaryOutcome::Pending) => Some("is not confirmed yet"),
            Some(CanaryOutcome::Bounced) => Some("bounced"),
            Some(CanaryOutcome::Refused(_)) => Some("was refused"),
        };
        let last = self.last_sent_at.zip(fate).map(|(at, fate)| {
            let at = format_time(at, zone);
            format!("; the mail of {at} {fate}")
        });
        let next = match self.next_due_at {
            _ if !is_on => "no mail while monitoring is off".to_owned(),
            Some(at) => format!("next mail {}", format_time(at, zone)),
            None => "next mail with the next cycle".to_owned(),
        };
        format!("Canary: {delivered}{}; {next}", last.unwrap_or_default())
    }
}

fn name<S: Serializer>(outcome: &Option<CanaryOutcome>, to: S) -> Result<S::Ok, S::Error> {
    let name = outcome.as_ref().map(|outcome| match outcome {
        CanaryOutcome::Pending => "pending",
        CanaryOutcome::Delivered => "delivered",
        CanaryOutcome::Bounced => "bounced",
        CanaryOutcome::Refused(_) => "refused",
    });
    name.serialize(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HOUR, MINUTE};
    use serde_json::json;

    /// Tue 3 Mar 2026 12:00 UTC.
    const NOON: Timestamp = Timestamp::from_secs(1_772_539_200);

    fn mail(minutes_ago: u32, outcome: CanaryOutcome) -> CanaryMail {
        let sent_at = NOON - minutes_ago * MINUTE;
        CanaryMail {
            sent_at,
            id: None,
            delivered_at: (outcome == CanaryOutcome::Delivered).then(|| sent_at + MINUTE),
            outcome,
        }
    }

    #[test]
    fn the_last_confirmed_delivery_and_the_next_mail_are_named() {
        use CanaryOutcome::{Bounced, Delivered, Pending, Refused};
        let refused = Refused("the token".to_owned());
        for (mails, line) in [
            (
                vec![],
                "Canary: no delivery confirmed yet; next mail with the next cycle",
            ),
            (
                vec![mail(30, Delivered), mail(90, Delivered)],
                "Canary: last confirmed delivery Tue 3 Mar 11:31; next mail Tue 3 Mar 12:30",
            ),
            (
                vec![mail(5, Pending), mail(65, Delivered)],
                "Canary: last confirmed delivery Tue 3 Mar 10:56; the mail of Tue 3 Mar 11:55 is not confirmed yet; next mail Tue 3 Mar 12:55",
            ),
            (
                vec![mail(60, Bounced)],
                "Canary: no delivery confirmed yet; the mail of Tue 3 Mar 11:00 bounced; next mail with the next cycle",
            ),
            (
                vec![mail(10, refused)],
                "Canary: no delivery confirmed yet; the mail of Tue 3 Mar 11:50 was refused; next mail Tue 3 Mar 12:50",
            ),
        ] {
            let status = CanaryStatus::new(&mails, HOUR, NOON);
            assert_eq!(status.to_line(true, Zone::UTC), line);
            let off = status.to_line(false, Zone::UTC);
            assert!(off.ends_with("; no mail while monitoring is off"), "{off}");
        }
    }

    #[test]
    fn a_script_reads_these_keys() {
        let mails = [
            mail(5, CanaryOutcome::Refused("why".to_owned())),
            mail(65, CanaryOutcome::Delivered),
        ];
        assert_eq!(
            json!(CanaryStatus::new(&mails, HOUR, NOON)),
            json!({
                "last_sent_at": "2026-03-03T11:55:00Z", "outcome": "refused",
                "last_delivered_at": "2026-03-03T10:56:00Z", "next_due_at": "2026-03-03T12:55:00Z",
            })
        );
        assert_eq!(
            json!(CanaryStatus::new(&[], HOUR, NOON)),
            json!({ "last_sent_at": null, "outcome": null, "last_delivered_at": null, "next_due_at": null })
        );
    }
}
