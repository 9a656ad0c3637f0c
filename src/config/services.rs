//! Services that are known by their host, and the one place where the address of each belongs.

use reqwest::Url;

use crate::config::problem::Invalid;
use crate::sink::SinkKind;

/// A service that is told of incidents or of cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Slack,
    Sink(SinkKind),
    Healthchecks,
    Sentry,
}

/// Their hosts; what is below them is theirs too.
const HOSTS: [(&str, Service); 8] = [
    ("hooks.slack.com", Service::Slack),
    ("hooks.slack-gov.com", Service::Slack),
    ("pagerduty.com", Service::Sink(SinkKind::PagerDuty)),
    ("opsgenie.com", Service::Sink(SinkKind::Opsgenie)),
    ("ntfy.sh", Service::Sink(SinkKind::Ntfy)),
    ("hc-ping.com", Service::Healthchecks),
    ("healthchecks.io", Service::Healthchecks),
    ("sentry.io", Service::Sentry),
];

impl Service {
    /// Returns the service that the host of `url` is of; a mail server is one by its scheme.
    pub(super) fn from_url(url: &Url) -> Option<Self> {
        if is_mail(url) {
            return Some(Self::Sink(SinkKind::Email));
        }
        let host = url.host_str()?;
        let is_below = |name: &str| {
            let sub = host.strip_suffix(name);
            sub.is_some_and(|sub| sub.is_empty() || sub.ends_with('.'))
        };
        let found = HOSTS.iter().find(|(name, _)| is_below(name));
        found.map(|(_, service)| *service)
    }

    /// Says that an address is this service's, and where it belongs.
    pub(super) fn misplaced(self) -> Invalid {
        let (name, remedy) = match self {
            Self::Slack => ("Slack", "set SLACK_WEBHOOK_URL".to_owned()),
            Self::Sink(kind) => {
                let remedy = format!(
                    "write it as the `url` of a [[sink]] with type = \"{}\"",
                    kind.name()
                );
                (kind.service(), remedy)
            }
            Self::Healthchecks => ("healthchecks", "write it as `heartbeat.url`".to_owned()),
            Self::Sentry => ("Sentry", "set SENTRY_DSN: it gets check-ins too".to_owned()),
        };
        Invalid::new(format!("is an address of {name}"), remedy)
    }
}

/// Returns whether an address is that of a mail server.
pub(super) fn is_mail(url: &Url) -> bool {
    matches!(url.scheme(), "smtp" | "smtps")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_known_by_its_host_and_what_is_below_it() {
        let service_of = |url: &str| Service::from_url(&Url::parse(url).expect("a URL"));
        for (url, service) in [
            (
                "https://events.eu.pagerduty.com/v2/enqueue",
                Some(Service::Sink(SinkKind::PagerDuty)),
            ),
            ("https://hc-ping.com/5bf66975", Some(Service::Healthchecks)),
            (
                "https://o1.ingest.de.sentry.io/api/2/cron/x/y/",
                Some(Service::Sentry),
            ),
            (
                "smtp://mail.example.com",
                Some(Service::Sink(SinkKind::Email)),
            ),
            ("https://notpagerduty.com/", None),
            ("https://alerts.example.com/ntfy.sh", None),
        ] {
            assert_eq!(service_of(url), service, "{url}");
        }
    }
}
