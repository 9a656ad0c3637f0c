//! The DNS of each domain that sends: may Postmark send for it, is its mail signed, where do bounces go, and what becomes
//! of mail that is not.

mod dmarc;
mod spf;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::commands::doctor::check::Check;
use crate::commands::doctor::check_side_by_side;
use crate::config::DoctorSettings;
use crate::dns::tags::{Key, dkim_key};
use crate::dns::{Missing, Resolver};
use crate::text::format::plural;

/// Where Postmark takes bounces.
const POSTMARK_BOUNCES: &str = "pm.mtasv.net";
/// Postmark's selector without a date. Keys of today bear one, `<yyyymmddhhmmss>pm`, which is not told by its API.
const POSTMARK_SELECTOR: &str = "pm";

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

    async fn dkim(&self) -> Vec<Check> {
        let mut checks = vec![self.selector(POSTMARK_SELECTOR).await];
        for selector in &self.settings.dkim_selectors {
            checks.push(self.selector(selector).await);
        }
        checks
    }

    async fn selector(&self, selector: &str) -> Check {
        const NAME: &str = "dkim";
        let domain = &self.name;
        let name = format!("{selector}._domainkey.{domain}");
        let keys = match self.resolver.texts(&name).await {
            Ok(texts) => texts.iter().map(|text| dkim_key(text)).collect(),
            Err(why) if why.is_certain() => Vec::new(),
            Err(why) => return self.unknown(NAME, "DKIM", &name, why),
        };
        let has = |key| keys.contains(&key);
        if has(Key::Present) {
            return Check::pass(NAME, format!("{domain}: DKIM key at selector {selector}"));
        }
        if keys.is_empty() && selector == POSTMARK_SELECTOR {
            let text = format!(
                "{domain}: no DKIM key at selector {selector}; Postmark's newer keys have a date in theirs"
            );
            let remedy = "add yours to `doctor.dkim_selectors`; Postmark shows it under Sender Signatures (<date>pm)";
            return Check::warn(NAME, text, remedy);
        }
        let (text, remedy) = if has(Key::Revoked) {
            (
                format!("the DKIM key at selector {selector} was revoked (p= is empty)"),
                "publish the key again, and check which one signs",
            )
        } else if keys.is_empty() {
            (
                format!("no DKIM key at selector {selector}"),
                "publish it, or remove the selector from `doctor.dkim_selectors`",
            )
        } else {
            (
                format!("the TXT record at {name} is not a DKIM key"),
                "copy the record again from the service that signs",
            )
        };
        Check::fail(NAME, format!("{domain}: {text}"), remedy)
    }

    async fn return_path(&self) -> Check {
        const NAME: &str = "return_path";
        let domain = &self.name;
        let name = format!("{}.{domain}", self.settings.return_path);
        match self.resolver.alias(&name).await {
            Ok(alias) if alias == POSTMARK_BOUNCES => Check::pass(
                NAME,
                format!("{domain}: Return-Path {name} leads to {POSTMARK_BOUNCES}"),
            ),
            Ok(alias) => Check::fail(
                NAME,
                format!("{domain}: Return-Path {name} leads to {alias}, not to {POSTMARK_BOUNCES}"),
                format!("change the CNAME to {POSTMARK_BOUNCES}"),
            ),
            Err(why) if why.is_certain() => Check::warn(
                NAME,
                format!(
                    "{domain}: no Return-Path of its own at {name}, so SPF does not align with the From domain"
                ),
                format!("add a CNAME to {POSTMARK_BOUNCES}, or set `doctor.return_path`"),
            ),
            Err(why) => self.unknown(NAME, "Return-Path", &name, why),
        }
    }

    fn unknown(&self, check: &'static str, what: &str, name: &str, why: Missing) -> Check {
        let text = format!("{}: cannot look up {what} at {name}: {why}", self.name);
        Check::fail(check, text, REMEDY).alike(why.to_string())
    }
}
