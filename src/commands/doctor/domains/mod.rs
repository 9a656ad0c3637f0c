//! The DNS of each domain that sends: may Postmark send for it, is its mail signed, where do bounces go, and what becomes
//! of mail that is not.

mod dkim;
mod dmarc;
mod return_path;
mod spf;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::commands::doctor::check::Check;
use crate::commands::doctor::check_side_by_side;
use crate::config::DoctorSettings;
use crate::dns::{Missing, Resolver};
use crate::text::format::plural;

const REMEDY: &str = "check the network and the resolver, or set `doctor.resolver`";

const DNS_TIMEOUT: Duration = Duration::from_secs(3);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_DOMAINS: usize = 200;

pub(crate) async fn checks(settings: &DoctorSettings, domains: &BTreeSet<String>) -> Vec<Check> {
    if domains.is_empty() {
        let text = "No sending domain is known yet, so no DNS was checked";
        let remedy = "run `hushwatch doctor` again once mail was sent and can be read";
        return vec![Check::warn("dns", text, remedy)];
    }
    let resolver = match Resolver::new(settings.resolver, DNS_TIMEOUT) {
        Ok(resolver) => resolver,
        Err(why) => return vec![Check::fail("dns", why, "set `doctor.resolver`")],
    };
    let domain = |name: &String| Domain {
        name: name.clone(),
        resolver: resolver.clone(),
        settings: settings.clone(),
    };
    let to_check = domains.iter().take(MAX_DOMAINS).map(domain);
    let check = async |domain: &Domain| domain.checks().await;
    let late = |domain: &Domain| {
        let text = format!("{}: its DNS was not checked in time", domain.name);
        vec![Check::fail(
            "dns",
            text,
            "check the resolver, or set `doctor.resolver`",
        )]
    };
    let all = check_side_by_side(to_check, TOTAL_TIMEOUT, check, late).await;
    let mut checks: Vec<Check> = all.into_iter().flatten().collect();
    if let Some(why) = shared_failure(&checks) {
        let of = match domains.first() {
            Some(only) if domains.len() == 1 => only.clone(),
            _ => plural(domains.len() as u64, "domain"),
        };
        let text = format!("Cannot look up the DNS of {of}: {why}");
        checks = vec![Check::fail("dns", text, REMEDY)];
    }
    if domains.len() > MAX_DOMAINS {
        let all = plural(domains.len() as u64, "domain");
        let text = format!("Only the first {MAX_DOMAINS} of {all} were checked");
        checks.push(Check::warn("dns", text, "use a token of fewer servers"));
    }
    checks
}

/// Returns why every lookup failed, if all failed for the same reason.
fn shared_failure(checks: &[Check]) -> Option<&str> {
    let (first, others) = checks.split_first()?;
    let is_common = !others.is_empty() && others.iter().all(|check| check.kind == first.kind);
    is_common.then_some(first.kind.as_str())
}

struct Domain {
    name: String,
    resolver: Resolver,
    settings: DoctorSettings,
}

impl Domain {
    async fn checks(&self) -> Vec<Check> {
        let (spf, dkim, return_path, dmarc) =
            tokio::join!(self.spf(), self.dkim(), self.return_path(), self.dmarc());
        let mut checks = vec![spf];
        checks.extend(dkim);
        checks.push(return_path);
        checks.push(dmarc);
        checks
    }
}

fn unknown(domain: &str, check: &'static str, what: &str, name: &str, why: Missing) -> Check {
    let text = format!("{domain}: cannot look up {what} at {name}: {why}");
    Check::fail(check, text, REMEDY).alike(why.to_string())
}
