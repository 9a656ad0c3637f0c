//! Which kind of service a URL belongs to, and the URL of each signal. Pure.

use reqwest::Url;
use uuid::Uuid;

use crate::secret::Secret;

/// The maximum length of what is sent with a signal, in bytes: far below what healthchecks keeps (10,000).
const MAX_BODY_BYTES: usize = 2_000;

/// The kind of service that takes heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeartbeatKind {
    /// A `GET` after each good cycle.
    Plain,
    /// healthchecks.io, or its software elsewhere: `/start`, success and `/fail`, each with a run id.
    Healthchecks,
}

impl HeartbeatKind {
    pub const ALL: [Self; 2] = [Self::Plain, Self::Healthchecks];

    /// Returns its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Healthchecks => "healthchecks",
        }
    }

    /// Returns the kind that a URL looks like: that of healthchecks is `https://hc-ping.com/…`, or `…/ping/…` elsewhere.
    fn of_url(url: &Url) -> Self {
        let is_hosted = url.host_str() == Some("hc-ping.com");
        let segments = segments(url);
        let is_below_ping = segments.iter().rev().skip(1).any(|part| *part == "ping");
        match is_hosted || is_below_ping {
            true => Self::Healthchecks,
            false => Self::Plain,
        }
    }
}

/// Where heartbeats go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    pub(super) url: Secret,
    pub kind: HeartbeatKind,
}

/// The id of one cycle, by which healthchecks pairs its beginning with its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run(Uuid);

impl Run {
    /// Draws an id.
    pub fn new() -> Self {
        let bytes = fastrand::u128(..).to_le_bytes();
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }
}

/// A sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal<'a> {
    /// A cycle begins.
    Start,
    /// A cycle was good; its verdict.
    Success(&'a str),
    /// A cycle was not good; the reason.
    Failure(&'a str),
    /// Nothing but this text.
    Log(&'a str),
}

impl Signal<'_> {
    const fn action(&self) -> Option<&'static str> {
        match self {
            Self::Start => Some("start"),
            Self::Success(_) => None,
            Self::Failure(_) => Some("fail"),
            Self::Log(_) => Some("log"),
        }
    }

    /// Returns the text that goes with it.
    pub(super) fn body(&self) -> String {
        let text = match self {
            Self::Start => "",
            Self::Success(text) | Self::Failure(text) | Self::Log(text) => text,
        };
        let mut end = text.len().min(MAX_BODY_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text[..end].to_owned()
    }
}

impl Heartbeat {
    /// Creates the heartbeat of a valid URL, of the kind that it looks like where none is given.
    ///
    /// # Errors
    /// What is wrong with the URL, as the end of a sentence that begins with its key.
    pub fn new(url: &str, kind: Option<HeartbeatKind>) -> Result<Self, &'static str> {
        let parsed = Url::parse(url).ok().filter(|_| !url.is_empty());
        let (parsed, secret) = parsed.zip(Secret::new(url)).ok_or("is not a URL")?;
        let kind = kind.unwrap_or_else(|| HeartbeatKind::of_url(&parsed));
        let heartbeat = Self { url: secret, kind };
        match kind == HeartbeatKind::Healthchecks && names_action(&parsed) {
            true => Err("ends with an action of healthchecks, such as /start"),
            false => Ok(heartbeat),
        }
    }

    /// Returns whether the check is named by the key of its project and a slug, so that it can be created by a signal.
    pub fn is_by_slug(&self) -> bool {
        let url = Url::parse(self.url.expose()).ok();
        let is_slug = |url: Url| {
            let parts = check_of(&url);
            parts.len() == 2 && !parts.iter().any(|part| is_uuid(part))
        };
        self.kind == HeartbeatKind::Healthchecks && url.is_some_and(is_slug)
    }

    /// Returns the URL of a signal to healthchecks, or none where there can be none.
    pub(super) fn signal_url(&self, signal: &Signal<'_>, run: Run) -> Option<Url> {
        let mut url = Url::parse(self.url.expose()).ok()?;
        if let Some(action) = signal.action() {
            let mut path = url.path_segments_mut().ok()?;
            path.pop_if_empty().push(action);
        }
        // A check that is only tried must not come into being by that.
        let is_log = matches!(signal, Signal::Log(_));
        let own: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let is_kept = |name: &str| name != "rid" && !(is_log && name == "create");
        let decides = own.iter().any(|(name, _)| name == "create");
        {
            let mut query = url.query_pairs_mut();
            query.clear();
            query.extend_pairs(own.iter().filter(|(name, _)| is_kept(name)));
            if self.is_by_slug() && !is_log && !decides {
                query.append_pair("create", "1");
            }
            query.append_pair("rid", &run.0.hyphenated().to_string());
        }
        Some(url)
    }
}

fn segments(url: &Url) -> Vec<&str> {
    let parts = url.path_segments().into_iter().flatten();
    parts.filter(|part| !part.is_empty()).collect()
}

/// Returns what names the check: the path behind `ping`, where it has that, and else all of it.
fn check_of(url: &Url) -> Vec<&str> {
    let all = segments(url);
    let begin = all.iter().position(|part| *part == "ping");
    all[begin.map_or(0, |ping| ping + 1)..].to_vec()
}

/// Returns whether a URL names an action behind the check.
fn names_action(url: &Url) -> bool {
    match check_of(url).as_slice() {
        [.., check, last] if is_uuid(check) => is_action(last),
        [_, _, last] => is_action(last),
        _ => false,
    }
}

fn is_action(part: &str) -> bool {
    matches!(part, "start" | "fail" | "log") || part.parse::<u8>().is_ok()
}

fn is_uuid(part: &str) -> bool {
    Uuid::try_parse(part).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278";

    fn heartbeat(url: &str) -> Heartbeat {
        Heartbeat::new(url, None).expect("valid")
    }

    #[test]
    fn the_kind_is_known_by_the_url() {
        for (url, kind) in [
            (
                format!("https://hc-ping.com/{UUID}"),
                HeartbeatKind::Healthchecks,
            ),
            (
                "https://hc-ping.com/key0123456789abcdefghi/mail".to_owned(),
                HeartbeatKind::Healthchecks,
            ),
            (
                format!("https://checks.example.com/ping/{UUID}"),
                HeartbeatKind::Healthchecks,
            ),
            (
                format!("https://example.com/hc/ping/{UUID}/"),
                HeartbeatKind::Healthchecks,
            ),
            (
                "https://uptime.betterstack.com/api/v1/heartbeat/abc".to_owned(),
                HeartbeatKind::Plain,
            ),
            (
                "https://cronitor.link/p/abc/mail".to_owned(),
                HeartbeatKind::Plain,
            ),
            (
                "https://kuma.example.com/api/push/abc?status=up&msg=OK&ping=".to_owned(),
                HeartbeatKind::Plain,
            ),
            ("https://nosnch.in/abc".to_owned(), HeartbeatKind::Plain),
            (
                "https://example.com/api/ping".to_owned(),
                HeartbeatKind::Plain,
            ),
            (
                format!("https://hc-ping.com.example.com/{UUID}"),
                HeartbeatKind::Plain,
            ),
        ] {
            assert_eq!(heartbeat(&url).kind, kind, "{url}");
        }
        let forced = Heartbeat::new(
            "https://hb.example.com/x",
            Some(HeartbeatKind::Healthchecks),
        );
        assert_eq!(forced.expect("valid").kind, HeartbeatKind::Healthchecks);
    }

    #[test]
    fn an_action_in_the_url_is_refused_and_a_slug_of_that_name_is_not() {
        for wrong in [
            format!("https://hc-ping.com/{UUID}/start"),
            format!("https://hc-ping.com/{UUID}/0"),
            "https://hc-ping.com/key/mail/fail".to_owned(),
            format!("https://example.com/ping/{UUID}/log?create=1"),
        ] {
            assert!(Heartbeat::new(&wrong, None).is_err(), "{wrong}");
            assert!(Heartbeat::new(&wrong, Some(HeartbeatKind::Plain)).is_ok());
        }
        assert!(heartbeat("https://hc-ping.com/key/start").is_by_slug());
    }

    #[test]
    fn each_signal_has_its_own_url() {
        let run = Run::new();
        let at = |url: &str, signal: Signal<'_>| {
            let url = heartbeat(url).signal_url(&signal, run).expect("a URL");
            url.to_string().replace(&run.0.to_string(), "RUN")
        };
        let by_id = format!("https://hc-ping.com/{UUID}");
        assert_eq!(at(&by_id, Signal::Start), format!("{by_id}/start?rid=RUN"));
        assert_eq!(
            at(&by_id, Signal::Success("all")),
            format!("{by_id}?rid=RUN")
        );
        assert_eq!(
            at(&by_id, Signal::Failure("no")),
            format!("{by_id}/fail?rid=RUN")
        );
        let by_slug = "https://checks.example.com/ping/key/mail";
        assert_eq!(
            at(by_slug, Signal::Start),
            format!("{by_slug}/start?create=1&rid=RUN")
        );
        assert_eq!(
            at(&format!("{by_slug}?create=0"), Signal::Success("")),
            format!("{by_slug}?create=0&rid=RUN")
        );
        // Trying it must not create it.
        assert_eq!(
            at(&format!("{by_slug}/?create=1"), Signal::Log("")),
            format!("{by_slug}/log?rid=RUN")
        );
    }

    #[test]
    fn a_run_is_a_uuid_of_its_own_and_a_text_is_cut_between_characters() {
        assert_ne!(Run::new(), Run::new());
        assert_eq!(Run::new().0.get_version_num(), 4);
        let long = "ü".repeat(MAX_BODY_BYTES);
        assert_eq!(Signal::Failure(&long).body().len(), MAX_BODY_BYTES);
    }
}
