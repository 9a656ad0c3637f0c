//! `[sentry]` and `SENTRY_DSN`: where Sentry learns of cycles and tokens.

use std::time::Duration;

use crate::config::load::Reader;
use crate::config::problem::{ConfigProblem, Invalid};
use crate::config::{PostmarkSettings, Schedule, Sources, values};
use crate::model::{MINUTE, Timestamp};
use crate::sentry::{Dsn, Monitor, MonitorSchedule, SentrySettings};

const DSN: &str = "SENTRY_DSN";
/// The maximum length of the slug of a monitor and of the name of an environment, in characters.
const MAX_SLUG_CHARS: usize = 50;
const MAX_ENVIRONMENT_CHARS: usize = 64;
/// How long a cycle may take beyond its polls.
const MAX_DELIVERY: Duration = Duration::from_secs(10 * 60);

impl Reader {
    /// Reads `[sentry]`; `None` where no DSN is set.
    pub(super) fn sentry(
        &mut self,
        sources: &Sources,
        schedule: &Schedule,
        postmark: &PostmarkSettings,
    ) -> Option<SentrySettings> {
        let slug = self.read("sentry.monitor", String::new(), |v| {
            let slug = values::text(v)?;
            match slug.is_empty() || is_slug(&slug) {
                true => Ok(slug),
                false => Err(Invalid::from(format!(
                    "must be at most {MAX_SLUG_CHARS} of a-z, 0-9, hyphen and underscore, and not only digits"
                ))),
            }
        });
        let environment = self.read("sentry.environment", String::new(), |v| {
            let own = values::text(v)?;
            let shared = || sources.var("SENTRY_ENVIRONMENT").unwrap_or("production");
            let name = if own.is_empty() { shared().to_owned() } else { own };
            match is_environment(&name) {
                true => Ok(name),
                false => Err(Invalid::from(format!(
                    "must be at most {MAX_ENVIRONMENT_CHARS} characters without a space or a slash (SENTRY_ENVIRONMENT stands in for it)"
                ))),
            }
        });
        let dsn = match Dsn::parse(sources.var(DSN)?) {
            Ok(dsn) => dsn,
            Err(why) => {
                let remedy = "copy it from the project's settings, Client Keys (DSN)";
                let invalid = Invalid::new(why, remedy);
                self.problems
                    .push(ConfigProblem::invalid(&format!("{DSN}:"), &invalid));
                return None;
            }
        };
        let monitor = (!slug.is_empty()).then(|| Monitor {
            slug,
            environment: environment.clone(),
            schedule: MonitorSchedule::new(schedule.expression(), gap(schedule)),
            max_runtime: (postmark.longest_poll() + MAX_DELIVERY)
                .as_secs()
                .div_ceil(60),
        });
        Some(SentrySettings {
            dsn,
            environment,
            monitor,
        })
    }
}

/// Returns how far the first instants of a schedule in 2026 are apart.
fn gap(schedule: &Schedule) -> Duration {
    let start = Timestamp::from_secs(1_767_225_600);
    let first = schedule.next(start);
    let second = first.and_then(|first| schedule.next(first));
    let gap = first.zip(second).map(|(first, second)| second.since(first));
    gap.unwrap_or(60 * MINUTE)
}

fn is_slug(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    text.len() <= MAX_SLUG_CHARS
        && text.chars().all(is_allowed)
        && !text.bytes().all(|b| b.is_ascii_digit())
}

fn is_environment(text: &str) -> bool {
    text.chars().count() <= MAX_ENVIRONMENT_CHARS
        && text != "None"
        && !text
            .chars()
            .any(|c| c == '/' || c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    fn read(env: &[(&str, &str)]) -> Result<Option<SentrySettings>, String> {
        let loaded = load(&Sources::of_env(env)).map_err(|problems| problems[0].to_string());
        loaded.map(|config| config.sentry)
    }

    const OWN: (&str, &str) = (DSN, "https://canary@sentry.example.com/45");

    #[test]
    fn a_dsn_alone_is_enough_and_without_one_there_is_nothing() {
        assert_eq!(read(&[]), Ok(None));
        let settings = read(&[OWN]).expect("valid").expect("set");
        assert_eq!(settings.environment, "production");
        let monitor = settings.monitor.expect("a monitor");
        assert_eq!(monitor.slug, "hushwatch");
        assert_eq!(
            monitor.schedule,
            MonitorSchedule::Crontab("0 * * * *".to_owned())
        );
        assert_eq!(monitor.max_runtime, 40);
    }

    #[test]
    fn the_environment_is_the_key_then_the_usual_variable() {
        let shared = ("SENTRY_ENVIRONMENT", "staging");
        let settings = read(&[OWN, shared]).expect("valid").expect("set");
        assert_eq!(settings.environment, "staging");
        let own = ("HUSHWATCH_SENTRY__ENVIRONMENT", "worker-2");
        let settings = read(&[OWN, shared, own]).expect("valid").expect("set");
        assert_eq!(settings.environment, "worker-2");
        assert_eq!(settings.monitor.expect("a monitor").environment, "worker-2");
    }

    #[test]
    fn what_cannot_be_sent_is_refused_and_not_repeated() {
        let refused = |env: &[(&str, &str)]| read(env).expect_err("refused");
        insta::assert_snapshot!(refused(&[(DSN, "canary")]), @"SENTRY_DSN: is not a DSN; copy it from the project's settings, Client Keys (DSN)");
        insta::assert_snapshot!(
            refused(&[(DSN, "https://canary@sentry.example.com/shop")]),
            @"SENTRY_DSN: does not end with the number of a project; copy it from the project's settings, Client Keys (DSN)"
        );
        for (name, value) in [
            ("HUSHWATCH_SENTRY__MONITOR", "Canary"),
            ("HUSHWATCH_SENTRY__MONITOR", "12345"),
            ("HUSHWATCH_SENTRY__ENVIRONMENT", "canary/1"),
            ("SENTRY_ENVIRONMENT", "canary canary"),
        ] {
            let said = refused(&[OWN, (name, value)]);
            let key = if name.contains("MONITOR") {
                "sentry.monitor"
            } else {
                "sentry.environment"
            };
            assert!(
                said.contains(key) && !said.to_lowercase().contains("canary"),
                "{said}"
            );
        }
    }
}
