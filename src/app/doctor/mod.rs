//! `doctor`: whether everything that a cycle needs is there, before it is put to work. Changes nothing, and sends nothing
//! unless it is asked to.
//!
//! One file per family; families that do not need each other are asked side by side, each for so long at most, and told
//! in a fixed order.

mod check;
mod database;
mod disk;
#[cfg(feature = "doctor")]
mod domains;
mod grouped;
#[cfg(feature = "doctor")]
mod relay;
mod rules;
mod schedule;
mod servers;
mod settings;
mod slack;
mod status_page;
mod token;

pub use check::{Check, Diagnosis, Outcome};

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use crate::app::patience::{PATIENCE, impatient};
use crate::app::{Outlet, SetupError};
use crate::clock;
use crate::config::Config;
use crate::model::Timestamp;

/// Looks at everything. `printer` takes the test message where Slack is not set up.
///
/// # Errors
/// Where a client cannot be made at all.
pub async fn doctor(
    config: Config,
    send_test: bool,
    printer: impl Write + Send + 'static,
) -> Result<Diagnosis, SetupError> {
    let at = clock::now();
    let config = impatient(config);
    let outlet = Outlet::new(&config.slack, printer)?;
    let (app, database) = database::look(config, outlet).await?;
    let app = Arc::new(app);
    let (servers, slack, status) = tokio::join!(
        servers::checks(&app, at),
        slack::checks(&app, send_test, at),
        status_page::checks(&app.config.doctor.status_url, PATIENCE),
    );
    let (dns, relay) = tokio::join!(
        domain_checks(&app.config, &servers.domains),
        relay_checks(&app.config),
    );
    let mut checks = settings::checks(&app.config);
    checks.extend(servers.checks);
    checks.extend(slack);
    checks.extend(database);
    checks.extend(schedule::checks(&app, at).await);
    checks.extend(rules::checks(&app, &servers.watched, at).await);
    checks.extend(dns);
    checks.extend(relay);
    checks.extend(status);
    Ok(Diagnosis { at, checks })
}

#[cfg(feature = "doctor")]
async fn domain_checks(config: &Config, domains: &BTreeSet<String>) -> Vec<Check> {
    domains::checks(&config.doctor, domains).await
}

#[cfg(feature = "doctor")]
async fn relay_checks(config: &Config) -> Vec<Check> {
    relay::checks(&config.doctor).await
}

#[cfg(not(feature = "doctor"))]
#[expect(clippy::unused_async, reason = "as the build that asks has it")]
async fn domain_checks(_: &Config, _: &BTreeSet<String>) -> Vec<Check> {
    let left_out = Check::look(
        "dns",
        "DNS and the SMTP relay were not looked at: this build leaves them out",
        "build with `--features full`",
    );
    vec![left_out]
}

#[cfg(not(feature = "doctor"))]
#[expect(clippy::unused_async, reason = "as the build that asks has it")]
async fn relay_checks(_: &Config) -> Vec<Check> {
    Vec::new()
}

/// An instant far enough back to hold everything that rules look at.
fn long_ago(at: Timestamp) -> Timestamp {
    at - 45 * crate::model::DAY
}
