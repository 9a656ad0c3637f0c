//! Sentry: whether it takes what is sent by the DSN.

use crate::clock;
use crate::commands::doctor::check::Check;
use crate::cycle::Context;
use crate::sentry::envelope::{self, EventLevel, Id, SentryEvent};
use crate::sentry::{Category, Error};

const NAME: &str = "sentry";

/// Returns a check of Sentry; none where no DSN is set. The test is an event that says so, since a DSN cannot resolve an issue.
pub(crate) async fn checks(app: &Context, send_test: bool) -> Vec<Check> {
    let Some((sentry, settings)) = app.sentry.as_ref().zip(app.config.sentry.as_ref()) else {
        return Vec::new();
    };
    let now = clock::now();
    let text = match send_test {
        false => envelope::probe(now),
        true => envelope::event(
            &SentryEvent {
                id: Id::new(),
                at: now,
                level: EventLevel::Info,
                message: "hushwatch doctor: a test, nothing is wrong".to_owned(),
                tags: vec![("test", "true")],
                fingerprint: vec!["hushwatch-doctor-test"],
                environment: &settings.environment,
            },
            now,
        ),
    };
    let check = match (sentry.send(Category::Event, text, now).await, send_test) {
        (Ok(()), false) => Check::pass(
            NAME,
            "Sentry set up, and it takes what is sent (nothing shows there; --send-test sends an event)",
        ),
        (Ok(()), true) => Check::pass(
            NAME,
            "Sentry took a test event (level info, tag test: true; resolve its issue there)",
        ),
        (Err(error @ Error::Limited), _) => Check::warn(
            NAME,
            "Sentry set up, but it takes nothing now",
            error.to_string(),
        ),
        (Err(error), _) => Check::fail(
            NAME,
            "Sentry set up, but it would take nothing",
            error.to_string(),
        ),
    };
    vec![check]
}
