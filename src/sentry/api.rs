//! The API of Sentry by which its alert rules are found, written and read back.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Url};
use serde_json::Value;

use crate::secret::Secret;
use crate::sentry::rule::{member, plain};
use crate::text::sanitize::{clean, truncate};
use crate::tls;

/// The time one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum size of an answer, in bytes.
const MAX_ANSWER_BYTES: usize = 8 << 20;
/// The maximum number of pages of a list.
const MAX_PAGES: usize = 200;
/// The maximum length of what Sentry says of a body that it refuses, in characters.
const MAX_REASON_CHARS: usize = 300;

/// Which of its two kinds of alert rules a Sentry has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// `workflows`, which its pages call alerts.
    Workflow,
    /// `rules`: those of a self-hosted one before 26.9.
    Legacy,
}

/// Why Sentry's API did not do what it was asked. No text contains the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    #[error("SENTRY_URL {0}; write the address of Sentry, such as https://de.sentry.io")]
    Url(&'static str),
    #[error("cannot create the client for Sentry")]
    Client,
    #[error("Sentry cannot be reached; check SENTRY_URL and the network")]
    Unreachable,
    #[error("Sentry gave no answer in time; try again")]
    Timeout,
    #[error("Sentry cannot be reached: {}", tls::PROXY_LOGIN)]
    ProxyLogin,
    /// The token is wrong, expired or revoked.
    #[error(
        "Sentry refuses SENTRY_AUTH_TOKEN (HTTP status 401), so nobody knows whether the alert rule is still there; create a token with the scopes alerts:write and project:read, and set it"
    )]
    Unauthorized,
    #[error(
        "SENTRY_AUTH_TOKEN may not do that (HTTP status 403); give it the scopes alerts:write and project:read"
    )]
    Forbidden,
    /// An interface that was switched off.
    #[error(
        "Sentry no longer has this interface (HTTP status 410), and will not have it again; leave --legacy out, or update hushwatch"
    )]
    Gone,
    #[error("Sentry has no {0} (HTTP status 404); {1}")]
    Missing(&'static str, &'static str),
    #[error("Sentry asks to be left alone for a while (HTTP status 429); try again later")]
    Limited,
    #[error("Sentry refuses the rule (HTTP status {0}): {1}")]
    Rejected(u16, String),
    #[error(
        "Sentry redirects (HTTP status {0}), which is not followed; write the address that it redirects to into SENTRY_URL"
    )]
    Redirected(u16),
    #[error("Sentry answered with HTTP status {0}; try again later")]
    Status(u16),
    #[error("Sentry's answer cannot be read; check SENTRY_URL")]
    Malformed,
    #[error(
        "the project has no monitor of errors (a detector of type `error`) that the rule could watch; create one under Monitors"
    )]
    NoDetector,
}

/// A client of the API, for the rules of one project.
#[derive(Debug)]
pub struct RulesApi {
    client: reqwest::Client,
    base: Url,
    token: Secret,
    organization: String,
    project: String,
}

impl RulesApi {
    /// Creates a client of the Sentry at `base`.
    ///
    /// # Errors
    /// Where `base` is no address that a token may be sent to.
    pub fn new(
        base: &str,
        token: Secret,
        organization: &str,
        project: &str,
    ) -> Result<Self, ApiError> {
        let url = Url::parse(base.trim()).map_err(|_| ApiError::Url("is not a URL"))?;
        let is_local = url.scheme() == "http" && tls::is_loopback(base.trim());
        if url.scheme() != "https" && !is_local {
            return Err(ApiError::Url(
                "does not begin with https:// (http only on loopback)",
            ));
        }
        if !url.username().is_empty() || url.password().is_some() || url.cannot_be_a_base() {
            return Err(ApiError::Url(
                "holds a key or a user: that is no address but a DSN",
            ));
        }
        let client = tls::client_builder(url.as_str())
            .timeout(TIMEOUT)
            .https_only(!is_local)
            .build()
            .map_err(|_| ApiError::Client)?;
        Ok(Self {
            client,
            base: url,
            token,
            organization: organization.to_owned(),
            project: project.to_owned(),
        })
    }

    /// Returns the number of the project and the id of the detector of its errors.
    ///
    /// # Errors
    /// Where Sentry does not tell, or there is none.
    pub async fn detector(&self) -> Result<(String, u64), ApiError> {
        let missing = ("such project", "correct --org and --project");
        let url = self.url(&["projects", &self.organization, &self.project]);
        let project = plain(member(&self.get(url, missing).await?.0, "id"));
        let mut url = self.url(&["organizations", &self.organization, "detectors"]);
        url.query_pairs_mut()
            .append_pair("project", &project)
            .append_pair("query", "type:error");
        let missing = (
            "monitors and alerts of the new kind",
            "where it is a self-hosted one before 26.9, use --legacy",
        );
        let all = self.list(url, missing).await?;
        let is_own = |detector: &&Value| {
            let of_project = plain(member(detector, "projectId"));
            member(detector, "type") == "error" && of_project == project
        };
        let found = all.iter().find(is_own).ok_or(ApiError::NoDetector)?;
        let id = plain(member(found, "id"))
            .parse()
            .map_err(|_| ApiError::Malformed)?;
        Ok((project, id))
    }

    /// Returns the workflows of this exact name that watch the detector. Names are not unique, and the search finds parts of them.
    ///
    /// # Errors
    /// Where Sentry does not tell.
    pub async fn workflows(
        &self,
        name: &str,
        project: &str,
        detector: u64,
    ) -> Result<Vec<Value>, ApiError> {
        let mut url = self.collection(RuleKind::Workflow);
        url.query_pairs_mut()
            .append_pair("project", project)
            .append_pair("query", name)
            .append_pair("sortBy", "-id");
        let all = self.list(url, OLD_SENTRY).await?;
        let is_named = |rule: &Value| member(rule, "name") == name;
        let watches = |rule: &Value| {
            let mut ids = member(rule, "detectorIds").as_array().into_iter().flatten();
            ids.any(|id| plain(id) == detector.to_string())
        };
        Ok(all
            .into_iter()
            .filter(|rule| is_named(rule) && watches(rule))
            .collect())
    }

    /// Returns the rules of the old kind of this exact name.
    ///
    /// # Errors
    /// Where Sentry does not tell.
    pub async fn legacy_rules(&self, name: &str) -> Result<Vec<Value>, ApiError> {
        let all = self
            .list(self.collection(RuleKind::Legacy), NO_PROJECT)
            .await?;
        let is_named = |rule: &Value| member(rule, "name") == name;
        Ok(all.into_iter().filter(is_named).collect())
    }

    /// Creates a rule, or replaces the one of `id`; returns its id.
    ///
    /// # Errors
    /// Where Sentry does not do it.
    pub async fn write(
        &self,
        kind: RuleKind,
        id: Option<&str>,
        body: &Value,
    ) -> Result<String, ApiError> {
        let (method, url) = match id {
            None => (Method::POST, self.collection(kind)),
            Some(id) => (Method::PUT, self.rule(kind, id)),
        };
        let request = self.client.request(method, url).json(body);
        let answer = self.ask(request, missing(kind)).await?.0;
        match plain(member(&answer, "id")) {
            id if id == "null" => Err(ApiError::Malformed),
            id => Ok(id),
        }
    }

    /// Reads a rule.
    ///
    /// # Errors
    /// Where Sentry does not tell.
    pub async fn read(&self, kind: RuleKind, id: &str) -> Result<Value, ApiError> {
        let url = self.rule(kind, id);
        Ok(self
            .get(url, ("such rule any more", "run it again"))
            .await?
            .0)
    }

    fn url(&self, parts: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty()
                .extend(["api", "0"])
                .extend(parts)
                .push("");
        }
        url
    }

    fn collection(&self, kind: RuleKind) -> Url {
        match kind {
            RuleKind::Workflow => self.url(&["organizations", &self.organization, "workflows"]),
            RuleKind::Legacy => self.url(&["projects", &self.organization, &self.project, "rules"]),
        }
    }

    fn rule(&self, kind: RuleKind, id: &str) -> Url {
        let mut url = self.collection(kind);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(id).push("");
        }
        url
    }

    /// Returns every entry of a list. Only the cursor of the next page is taken from its `Link`, which could lead elsewhere.
    async fn list(&self, url: Url, missing: Missing) -> Result<Vec<Value>, ApiError> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut url = url.clone();
            if let Some(cursor) = &cursor {
                url.query_pairs_mut().append_pair("cursor", cursor);
            }
            let (page, next) = self.get(url, missing).await?;
            let Value::Array(page) = page else {
                return Err(ApiError::Malformed);
            };
            all.extend(page);
            match next {
                None => return Ok(all),
                next => cursor = next,
            }
        }
        Err(ApiError::Malformed)
    }

    async fn get(&self, url: Url, missing: Missing) -> Result<(Value, Option<String>), ApiError> {
        self.ask(self.client.get(url), missing).await
    }

    /// Returns the answer to a request, and the cursor of the next page.
    async fn ask(
        &self,
        request: RequestBuilder,
        missing: Missing,
    ) -> Result<(Value, Option<String>), ApiError> {
        let request = request.bearer_auth(self.token.expose());
        let mut answer = request.send().await.map_err(|error| failure(&error))?;
        let status = answer.status().as_u16();
        let link = answer.headers().get("link").and_then(|v| v.to_str().ok());
        let next = link.and_then(next_cursor);
        let mut text = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| failure(&error))? {
            text.extend_from_slice(&chunk);
            if text.len() > MAX_ANSWER_BYTES {
                return Err(ApiError::Malformed);
            }
        }
        match status {
            200..=299 => {
                let body = serde_json::from_slice(&text).map_err(|_| ApiError::Malformed)?;
                Ok((body, next))
            }
            401 => Err(ApiError::Unauthorized),
            403 => Err(ApiError::Forbidden),
            404 => Err(ApiError::Missing(missing.0, missing.1)),
            410 => Err(ApiError::Gone),
            429 => Err(ApiError::Limited),
            300..=399 => Err(ApiError::Redirected(status)),
            400..=499 => {
                let reason = clean(&String::from_utf8_lossy(&text));
                Err(ApiError::Rejected(
                    status,
                    truncate(&reason, MAX_REASON_CHARS),
                ))
            }
            other => Err(ApiError::Status(other)),
        }
    }
}

/// What a 404 means: what is missing, and the remedy.
type Missing = (&'static str, &'static str);

const OLD_SENTRY: Missing = (
    "alerts of the new kind",
    "where it is a self-hosted one before 26.9, use --legacy",
);
const NO_PROJECT: Missing = (
    "rules of the old kind for this project",
    "correct --org and --project, or leave --legacy out",
);

const fn missing(kind: RuleKind) -> Missing {
    match kind {
        RuleKind::Workflow => OLD_SENTRY,
        RuleKind::Legacy => NO_PROJECT,
    }
}

/// Returns the cursor of the next page, where a `Link` says that it has results.
fn next_cursor(link: &str) -> Option<String> {
    let parts = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    let value = |name: &str| {
        let (_, rest) = parts.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    (value("results")? == "true")
        .then(|| value("cursor"))
        .flatten()
}

fn failure(error: &reqwest::Error) -> ApiError {
    tls::unanswered(
        error,
        ApiError::Timeout,
        ApiError::ProxyLogin,
        ApiError::Unreachable,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_next_page_is_followed_where_it_has_results() {
        let link = |results: &str| {
            format!(
                "<https://x/a/?cursor=0:0:1>; rel=\"previous\"; results=\"true\"; cursor=\"0:0:1\", \
                 <https://x/a/?cursor=0:100:0>; rel=\"next\"; results=\"{results}\"; cursor=\"0:100:0\""
            )
        };
        assert_eq!(next_cursor(&link("true")).as_deref(), Some("0:100:0"));
        assert_eq!(next_cursor(&link("false")), None);
        assert_eq!(next_cursor("nonsense"), None);
    }

    #[test]
    fn a_token_is_sent_to_no_address_that_is_not_sentrys() {
        let new = |base: &str| {
            let token = Secret::new("canary").expect("not empty");
            RulesApi::new(base, token, "example", "mail").map(|api| api.url(&["a"]).to_string())
        };
        assert_eq!(
            new("https://sentry.example.com/base/").expect("valid"),
            "https://sentry.example.com/base/api/0/a/"
        );
        for wrong in [
            "",
            "sentry.io",
            "http://sentry.io",
            "https://key@sentry.io/1",
        ] {
            assert!(matches!(new(wrong), Err(ApiError::Url(_))), "{wrong}");
        }
    }
}
