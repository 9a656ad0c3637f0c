//! A DSN: where events of a Sentry project go, and the key that they bear. Pure.

use reqwest::Url;

use crate::secret::Secret;
use crate::tls::is_loopback;

/// Where events of one project go. Neither its key nor its address is ever printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dsn {
    pub(super) key: Secret,
    /// The address that takes envelopes; without the key.
    pub(super) envelope_url: Secret,
}

impl Dsn {
    /// Reads a DSN: `https://KEY@HOST[:PORT][/PATH]/PROJECT`, plain http only on loopback.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that begins with its name. The text does not repeat it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut url = Url::parse(text.trim()).map_err(|_| "is not a DSN")?;
        if !url.has_host() {
            return Err("is not a DSN");
        }
        let is_local = url.scheme() == "http" && is_loopback(text.trim());
        if url.scheme() != "https" && !is_local {
            return Err("does not begin with https:// (http only on loopback)");
        }
        let key = Secret::new(url.username()).ok_or("has no key before the @")?;
        let path = url.path().trim_end_matches('/').to_owned();
        let (base, project) = path.rsplit_once('/').unwrap_or_default();
        if project.is_empty() || !project.bytes().all(|b| b.is_ascii_digit()) {
            return Err("does not end with the number of a project");
        }
        url.set_path(&format!("{base}/api/{project}/envelope/"));
        let cleared = url.set_username("").and_then(|()| url.set_password(None));
        cleared.map_err(|()| "is not a DSN")?;
        url.set_query(None);
        url.set_fragment(None);
        let envelope_url = Secret::new(url.as_str()).ok_or("is not a DSN")?;
        Ok(Self { key, envelope_url })
    }

    /// Returns whether a text as a whole looks like a DSN.
    pub fn is_like(text: &str) -> bool {
        let url = Url::parse(text).ok();
        url.is_some_and(|url| {
            let project = url.path().trim_end_matches('/').rsplit('/').next();
            matches!(url.scheme(), "http" | "https")
                && !url.username().is_empty()
                && project.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_the_address_of_envelopes_and_shows_nothing() {
        for (text, address) in [
            (
                "https://canary@o1.ingest.de.sentry.io/45",
                "https://o1.ingest.de.sentry.io/api/45/envelope/",
            ),
            (
                " https://canary:old@sentry.example.com:9000/base/path/7/ ",
                "https://sentry.example.com:9000/base/path/api/7/envelope/",
            ),
            (
                "http://canary@127.0.0.1:9/1?x=y#z",
                "http://127.0.0.1:9/api/1/envelope/",
            ),
        ] {
            let dsn = Dsn::parse(text).expect("valid");
            assert_eq!(dsn.envelope_url.expose(), address);
            assert_eq!(dsn.key.expose(), "canary");
            let shown = format!("{dsn:?}");
            assert!(
                !shown.contains("canary") && !shown.contains("sentry.io"),
                "{shown}"
            );
        }
    }

    #[test]
    fn what_is_no_dsn_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "is not a DSN"),
            ("canary", "is not a DSN"),
            ("https://sentry.io/1", "has no key before the @"),
            (
                "https://canary@sentry.io",
                "does not end with the number of a project",
            ),
            (
                "https://canary@sentry.io/shop",
                "does not end with the number of a project",
            ),
            (
                "http://canary@sentry.io/1",
                "does not begin with https:// (http only on loopback)",
            ),
        ] {
            assert_eq!(Dsn::parse(text).expect_err(text), why, "{text}");
        }
    }

    #[test]
    fn its_shape_is_known() {
        for text in [
            "https://abc@o1.ingest.sentry.io/2",
            "http://a:b@[::1]:9/x/3/",
        ] {
            assert!(Dsn::is_like(text), "{text}");
        }
        for text in [
            "https://sentry.io/2",
            "https://u:p@example.com",
            "https://u:p@example.com/a",
            "postgres://u:p@db.example.com/1",
            "ops@example.com",
            "",
        ] {
            assert!(!Dsn::is_like(text), "{text}");
        }
    }
}
