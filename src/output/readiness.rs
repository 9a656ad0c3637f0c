//! Whether hushwatch does its work: `/readyz`, `status` and `check --json` give one verdict.

use serde::{Serialize, Serializer};

use crate::model::{ServerName, Timestamp, WaitingMessages, Zone, rfc3339};
use crate::notify::describe::SWITCHED_OFF;
use crate::text::elide::elide;
use crate::text::format::{format_time, plural, was_or_were};
use crate::text::sanitize::clean;

/// The maximum number of servers that a text names.
const MAX_NAMED: usize = 5;

/// Whether every server is seen, or its blindness was reported, and every message reaches people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Whether monitoring is switched off; scripts read it beside the verdict.
    pub is_off: bool,
    /// Servers that the last two polls did not see, and of which nobody was told.
    pub unseen: Vec<UnseenServer>,
    /// How many servers cannot be read, and people were told.
    pub told_unseen: u64,
    /// Servers whose last poll failed, which is no alert yet.
    pub missed: Vec<ServerName>,
    /// Servers that were never read completely, and have the time of two polls for it.
    pub joining: Vec<ServerName>,
    /// How many servers cannot be read, of which a mute tells nobody.
    pub muted_unseen: u64,
    /// Since when the oldest message waits that nobody got within an hour, or that Slack refuses.
    pub undelivered_since: Option<Timestamp>,
    /// Messages that Slack refuses until somebody changes the credential or the channel.
    pub refused: Vec<WaitingMessages>,
}

/// A server that is not seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnseenServer {
    pub server: ServerName,
    /// Its last complete poll; `None` before the first.
    #[serde(serialize_with = "rfc3339")]
    pub last_complete_at: Option<Timestamp>,
}

impl Serialize for Readiness {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields<'r> {
            ready: bool,
            unseen: &'r [UnseenServer],
            #[serde(serialize_with = "rfc3339")]
            undelivered_since: Option<Timestamp>,
        }
        let fields = Fields {
            ready: self.is_ready(),
            unseen: &self.unseen,
            undelivered_since: self.undelivered_since,
        };
        fields.serialize(to)
    }
}

impl Readiness {
    /// Whether nothing is amiss.
    pub fn is_ready(&self) -> bool {
        !self.is_off && self.unseen.is_empty() && self.undelivered_since.is_none()
    }

    fn ready_line(&self) -> String {
        let mut unread = Vec::new();
        if self.told_unseen > 0 {
            let told = plural(self.told_unseen, "server");
            unread.push(format!("{told} cannot be read, as an alert said"));
        }
        if self.muted_unseen > 0 {
            let muted = plural(self.muted_unseen, "server");
            unread.push(format!("{muted} cannot be read, and the alert is muted"));
        }
        if !self.missed.is_empty() {
            let verb = was_or_were(self.missed.len() as u64);
            let names = elide(self.missed.iter().map(ToString::to_string), MAX_NAMED);
            unread.push(format!(
                "{names} {verb} not read in the last poll, which is no alert yet"
            ));
        }
        if !self.joining.is_empty() {
            let names = elide(self.joining.iter().map(ToString::to_string), MAX_NAMED);
            let verb = match self.joining.len() {
                1 => "is",
                _ => "are",
            };
            unread.push(format!(
                "{names} {verb} still to be read for the first time"
            ));
        }
        match unread.is_empty() {
            true => "Ready: every server is read, and no message is late".to_owned(),
            false => format!("Ready: {}, and no message is late", unread.join("; ")),
        }
    }

    /// Returns the verdict for a person, with its reasons.
    pub fn to_lines(&self, zone: Zone) -> Vec<String> {
        if self.is_ready() {
            return vec![self.ready_line()];
        }
        // Whatever else is amiss follows from it.
        if self.is_off {
            return vec![format!("NOT READY: {SWITCHED_OFF}")];
        }
        let server = |unseen: &UnseenServer| match unseen.last_complete_at {
            Some(at) => format!("{} was last read {}", unseen.server, format_time(at, zone)),
            None => format!("{} was never read completely", unseen.server),
        };
        let mut reasons: Vec<String> = self.unseen.iter().take(MAX_NAMED).map(server).collect();
        let more = self.unseen.len().saturating_sub(MAX_NAMED);
        if more > 0 {
            reasons.push(format!("{more} more servers are not read"));
        }
        let refused = self.refused.iter().map(|of| {
            let (waits, since) = (wait_text(of.count), format_time(of.since, zone));
            let why = of.reason.last_failure().unwrap_or_default();
            format!("{waits} since {since}: {}", clean(why))
        });
        reasons.extend(refused);
        let late = |at| format!("a message waits since {}", format_time(at, zone));
        let late = self.undelivered_since.map(late);
        let mut refused = self.refused.iter();
        let is_said = refused.any(|of| Some(of.since) == self.undelivered_since);
        reasons.extend(late.filter(|_| !is_said));
        let line = |reason| format!("NOT READY: {reason}");
        reasons.into_iter().map(line).collect()
    }
}

fn wait_text(messages: u64) -> String {
    match messages {
        1 => "1 message waits".to_owned(),
        _ => format!("{} wait", plural(messages, "message")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_amiss() {
        let at = |text| Timestamp::parse(text);
        let unseen = |name: &str, last_complete_at| UnseenServer {
            server: name.into(),
            last_complete_at,
        };
        let many = (1..=6).map(|n| unseen(&format!("client-{n}"), None));
        let readiness = Readiness {
            is_off: false,
            unseen: std::iter::once(unseen("shop", at("2026-03-03T10:00:00Z")))
                .chain(many)
                .collect(),
            told_unseen: 1,
            missed: Vec::new(),
            joining: Vec::new(),
            muted_unseen: 0,
            undelivered_since: at("2026-03-03T09:00:00Z"),
            refused: Vec::new(),
        };
        insta::assert_snapshot!(readiness.to_lines(Zone::UTC).join("\n"), @r"
        NOT READY: shop was last read Tue 3 Mar 10:00
        NOT READY: client-1 was never read completely
        NOT READY: client-2 was never read completely
        NOT READY: client-3 was never read completely
        NOT READY: client-4 was never read completely
        NOT READY: 2 more servers are not read
        NOT READY: a message waits since Tue 3 Mar 09:00
        ");
        let off = Readiness {
            is_off: true,
            ..readiness
        };
        assert_eq!(
            off.to_lines(Zone::UTC),
            [
                "NOT READY: switched off by FLAG_POSTMARK_DELIVERY_MONITOR: nothing is polled, and nobody is alerted"
            ]
        );
        let told = Readiness {
            told_unseen: 1,
            ..Readiness::default()
        };
        assert_eq!(
            told.to_lines(Zone::UTC),
            ["Ready: 1 server cannot be read, as an alert said, and no message is late"]
        );
        let missed = Readiness {
            missed: vec!["shop".into()],
            ..Readiness::default()
        };
        assert_eq!(
            missed.to_lines(crate::model::Zone::UTC),
            [
                "Ready: shop was not read in the last poll, which is no alert yet, and no message is late"
            ]
        );
        let muted = Readiness {
            muted_unseen: 2,
            missed: vec!["blog".into(), "shop".into()],
            ..Readiness::default()
        };
        assert_eq!(
            muted.to_lines(crate::model::Zone::UTC),
            [
                "Ready: 2 servers cannot be read, and the alert is muted; blog, shop were not read in the last poll, \
                 which is no alert yet, and no message is late"
            ]
        );
        let joining = Readiness {
            joining: vec!["shop".into()],
            ..Readiness::default()
        };
        assert_eq!(
            joining.to_lines(Zone::UTC),
            ["Ready: shop is still to be read for the first time, and no message is late"]
        );
        let json = serde_json::to_string(&Readiness::default()).expect("JSON");
        assert_eq!(
            json,
            r#"{"ready":true,"unseen":[],"undelivered_since":null}"#
        );
    }
}
