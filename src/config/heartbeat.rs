//! `[heartbeat]`: where others learn that hushwatch is alive.

use figment::value::Value;

use crate::config::load::Reader;
use crate::config::problem::{ConfigProblem, Invalid};
use crate::config::services::Service;
use crate::config::values;
use crate::heartbeat::{Heartbeat, HeartbeatKind};

impl Reader {
    /// Reads `[heartbeat]`; `None` where no URL is set.
    pub(super) fn heartbeat(&mut self) -> Option<Heartbeat> {
        let kinds = HeartbeatKind::ALL.map(|kind| (kind.name(), kind));
        let kind = self.read("heartbeat.kind", None, |v| match values::text(v)? {
            text if text.is_empty() => Ok(None),
            text => values::choice(&Value::from(text), kinds).map(Some),
        });
        let url = self.read("heartbeat.url", String::new(), |v| match values::text(v)? {
            url if url.is_empty() => Ok(url),
            url => match reqwest::Url::parse(&url)
                .ok()
                .and_then(|url| Service::from_url(&url))
            {
                Some(other) if other != Service::Healthchecks => Err(other.misplaced()),
                _ => values::base_url(&Value::from(url)).map_err(Invalid::from),
            },
        });
        if url.is_empty() {
            return None;
        }
        let heartbeat = Heartbeat::new(&url, kind);
        let note = |why| {
            let remedy = "write the address of the check itself, or `heartbeat.kind` = \"plain\" if it is none of healthchecks";
            let subject = format!("{}: `heartbeat.url`", self.layers.origin("heartbeat.url"));
            let problem = ConfigProblem::invalid(&subject, &Invalid::new(why, remedy));
            self.problems.push(problem);
        };
        heartbeat.map_err(note).ok()
    }
}
