//! `doctor`: whether everything that a cycle needs is there, before it is put to work. Changes nothing, and sends nothing
//! unless it is asked to.
//!
//! One file per family; families that do not need each other are asked side by side, each for so long at most, and told
//! in a fixed order.

pub(super) mod args;
mod canary;
mod check;
mod database;
mod disk;
#[cfg(feature = "doctor")]
mod domains;
mod duplicate_servers;
mod heartbeat;
mod mutes;
mod open;
mod private_files;
mod rules;
mod schedule;
mod sentry;
mod servers;
mod settings;
mod sinks;
mod slack;
#[cfg(feature = "doctor")]
mod slack_layouts;
mod slack_mentions;
#[cfg(feature = "doctor")]
mod smtp_relay;
mod status_page;
mod text;
mod token;

pub use args::DoctorArgs;
#[cfg(test)]
use check::Outcome;
use check::{Check, Diagnosis};
use rules::Unheard;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::clock;
use crate::commands::interactive::{INTERACTIVE_TIMEOUT, with_interactive_timeouts};
use crate::commands::stdout::{message_writer, print};
use crate::commands::{CommandResult, INCOMPLETE, USAGE};
use crate::config::{Config, ConfigProblem, DoctorSettings, ServerConfig};
use crate::cycle::{Context, Notifier, SetupError};
use crate::model::{ServerName, Timestamp, Zone};
use crate::text::format::time_of_year;
use crate::text::sanitize::json_line;

/// The maximum number of servers, or of domains, that are checked at the same time.
const MAX_CONCURRENT_CHECKS: usize = 8;

pub(crate) async fn doctor(config: Config, args: &DoctorArgs) -> CommandResult {
    let diagnosis = diagnose(config, args, message_writer(args.json)).await;
    let diagnosis = diagnosis.map_err(|error| (USAGE, error.to_string()))?;
    print_diagnosis(&diagnosis, args)
}

/// Prints what is wrong with a configuration that cannot be understood, and that nothing else was checked.
pub(crate) fn misconfigured(problems: &[ConfigProblem], args: &DoctorArgs) -> CommandResult {
    let diagnosis = Diagnosis {
        at: clock::now(),
        checks: settings::problems(problems),
    };
    print_diagnosis(&diagnosis, args)
}

fn print_diagnosis(diagnosis: &Diagnosis, args: &DoctorArgs) -> CommandResult {
    print(&match args.json {
        true => json_line(&diagnosis.to_json()),
        false => diagnosis.to_text(),
    })?;
    Ok(if diagnosis.is_ok() { 0 } else { INCOMPLETE })
}

/// Checks everything. `printer` takes the test message where Slack is not set up.
async fn diagnose(
    config: Config,
    args: &DoctorArgs,
    printer: impl Write + Send + 'static,
) -> Result<Diagnosis, SetupError> {
    let at = clock::now();
    let config = with_interactive_timeouts(config);
    let notifier = Notifier::new(&config.slack, printer)?;
    let database = database::check(config, notifier).await?;
    let app = database.app;
    let (servers, slack, sinks, status, heartbeat, sentry) = tokio::join!(
        servers::checks(&app, at),
        slack::checks(&app, args, at),
        sinks::checks(&app, args.send_test, at),
        status_page::checks(&app.config.doctor.status_url, INTERACTIVE_TIMEOUT),
        heartbeat::check(app.config.heartbeat.as_ref()),
        sentry::checks(&app, args.send_test),
    );
    let dns_and_relay = check_dns_and_relay(&app.config.doctor, &servers.domains).await;
    let mut checks = settings::checks(&app.config);
    checks.push(heartbeat);
    checks.extend(sentry);
    checks.extend(servers.checks);
    checks.extend(slack);
    checks.extend(sinks);
    checks.extend(database.checks);
    checks.extend(schedule::checks(&app, at));
    match database.is_readable {
        true => checks.extend(stored(&app, &servers.watched, &servers.unread, at).await),
        false => checks.push(database::skipped()),
    }
    checks.extend(dns_and_relay);
    checks.extend(status);
    Ok(Diagnosis { at, checks })
}

/// Checks what rests on the database.
async fn stored(
    app: &Context,
    watched: &[Arc<ServerConfig>],
    unread: &BTreeMap<ServerName, Unheard>,
    at: Timestamp,
) -> Vec<Check> {
    let mut checks = vec![schedule::last_cycle(app, at).await];
    checks.extend(canary::checks(app, at).await);
    checks.extend(open::checks(app, at).await);
    checks.extend(mutes::checks(app, at).await);
    checks.extend(rules::checks(app, watched, unread, at).await);
    checks
}

#[cfg(feature = "doctor")]
async fn check_dns_and_relay(settings: &DoctorSettings, domains: &BTreeSet<String>) -> Vec<Check> {
    let (mut checks, relay) = tokio::join!(
        domains::checks(settings, domains),
        smtp_relay::check(settings),
    );
    checks.extend(relay);
    checks
}

#[cfg(not(feature = "doctor"))]
#[expect(clippy::unused_async, reason = "as the build that asks has it")]
async fn check_dns_and_relay(_: &DoctorSettings, _: &BTreeSet<String>) -> Vec<Check> {
    let text = "DNS and the SMTP relay were not checked: this build leaves them out";
    vec![Check::warn("dns", text, "build with `--features full`")]
}

/// Checks `items` side by side, each as soon as there is room, and returns the outcomes in their order. What is not done
/// within `limit` is `late`.
async fn check_side_by_side<I, T>(
    items: impl IntoIterator<Item = I>,
    limit: Duration,
    check: impl AsyncFn(&I) -> T,
    late: impl Fn(&I) -> T,
) -> Vec<T> {
    let room = &Semaphore::new(MAX_CONCURRENT_CHECKS);
    let (check, late) = (&check, &late);
    let deadline = Instant::now() + limit;
    let outcomes = items.into_iter().map(|item| async move {
        let checked = async {
            let _permit = room.acquire().await;
            check(&item).await
        };
        let checked = timeout_at(deadline, checked).await;
        checked.unwrap_or_else(|_| late(&item))
    });
    join_all(outcomes).await
}

/// Returns an instant far enough back to hold everything that rules look at.
fn lookback_start(at: Timestamp) -> Timestamp {
    at - 45 * crate::model::DAY
}

/// Returns an instant as every line names it: in `zone`, and with its year where that is not the one of `now`.
fn format_instant(of: Timestamp, now: Timestamp, zone: Zone) -> String {
    format!("{} {}", time_of_year(of, now, zone), zone.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_bears_its_zone_and_the_year_that_is_not_this_one() {
        let at = |text| Timestamp::parse(text).expect("an instant");
        let formatted = |of, now| {
            format_instant(
                at(of),
                at(now),
                Zone::named("Europe/Berlin").expect("a zone"),
            )
        };
        let now = "2026-03-02T10:00:00Z";
        assert_eq!(
            formatted("2026-07-01T08:00:00Z", now),
            "Wed 1 Jul 10:00 Europe/Berlin"
        );
        assert_eq!(
            formatted("2025-12-31T22:59:00Z", now),
            "Wed 31 Dec 2025 23:59 Europe/Berlin"
        );
        // The year is the zone's own.
        assert_eq!(
            formatted("2025-12-31T23:30:00Z", now),
            "Thu 1 Jan 00:30 Europe/Berlin"
        );
    }
}
