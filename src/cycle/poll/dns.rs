//! Looks up the DNS of the domains that send, once a day each, and while something is wrong in each cycle.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::time::{Instant, timeout_at};

use crate::config::DoctorSettings;
use crate::cycle::Context;
use crate::cycle::lease::Leases;
use crate::cycle::poll::log_notes;
use crate::detect::{accept_broken, is_lookup_due, join_answer};
use crate::dns::Resolver;
use crate::dns::domain::{DKIM_KEY, Found, POSTMARK_SELECTOR, RETURN_PATH, is_postmarks, look_at};
use crate::model::{
    DnsAnswer, DnsRecord, Incident, IncidentState, Judgement, Rule, ServerName, Timestamp,
};
use crate::postmark::MailHosts;
use crate::store::{self, Database, Note};
use crate::text::sanitize::{clean, truncate};

/// For each of two attempts at each name server.
const DNS_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one cycle looks up domains; those that it does not reach are due in the next one.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_CONCURRENT: usize = 8;
/// A domain of which no mail was seen for so long is no longer watched.
const SENDS_WITHIN: Duration = Duration::from_secs(7 * 86_400);
/// The maximum number of domains that are watched.
const MAX_DOMAINS: usize = 200;
/// The maximum number of characters that are stored of what a record says.
const MAX_CHARS: usize = 1_000;

/// The records of each domain that sends.
pub(crate) type DomainRecords = BTreeMap<String, Vec<DnsRecord>>;

/// Returns what is known of each domain that sends, after those were looked up that are due. `None` where another process looks
/// them up.
pub(crate) async fn poll_dns(
    context: &Context,
    leases: &Leases,
    now: Timestamp,
) -> Result<Option<DomainRecords>, store::Error> {
    let store = &context.store;
    if !context.config.rules.is_enabled(Rule::DnsDrift) {
        return Ok(None);
    }
    let since = now - SENDS_WITHIN;
    let mut domains = store.call(move |s| s.sending_domains(since)).await?;
    if domains.len() > MAX_DOMAINS {
        tracing::warn!(
            "the DNS of only {MAX_DOMAINS} of {} domains is watched",
            domains.len()
        );
        domains = domains.into_iter().take(MAX_DOMAINS).collect();
    }
    let name = ServerName::from(ServerName::DNS);
    if leases.take(&name).await?.is_err() {
        return Ok(None);
    }
    let (incidents, known) = store
        .call(move |s| Ok((s.latest_incidents(&name)?, s.dns_records()?)))
        .await?;
    let accepted: Vec<DnsRecord> = known
        .iter()
        .filter_map(|of| accepted(of, &incidents))
        .collect();
    store
        .call(move |s| s.save_dns_records(&accepted, &[]))
        .await?;
    let known = load(context, &domains).await?;
    let due = known.iter().filter(|(_, records)| {
        let records: Vec<&DnsRecord> = records.iter().collect();
        is_lookup_due(&records, now)
    });
    let due: Vec<(&String, &Vec<DnsRecord>)> = due.collect();
    if due.is_empty() {
        return Ok(Some(known));
    }
    look_up(context, &due, now).await?;
    load(context, &domains).await.map(Some)
}

/// Returns the records of each of `domains`, none of one that was never looked up.
async fn load(
    context: &Context,
    domains: &BTreeSet<String>,
) -> Result<DomainRecords, store::Error> {
    let records = context.store.call(|s| s.dns_records()).await?;
    let none = |domain: &String| (domain.clone(), Vec::new());
    let mut known: DomainRecords = domains.iter().map(none).collect();
    for record in records {
        if let Some(of) = known.get_mut(&record.domain) {
            of.push(record);
        }
    }
    Ok(known)
}

/// Returns the record as it is where a person closed the incident about it, unless as real: that is no consent.
fn accepted(record: &DnsRecord, incidents: &[Incident]) -> Option<DnsRecord> {
    let of_domain = |incident: &&Incident| {
        let stream = incident.stream.as_ref();
        let is_closed = incident.closed_by.is_some() && incident.closed_as != Some(Judgement::Real);
        is_closed && stream.is_some_and(|stream| stream.0 == record.domain)
    };
    let closed = incidents.iter().filter(of_domain);
    let closed_at = closed.filter_map(|incident| match incident.state {
        IncidentState::Resolved { at, .. } => Some(at),
        IncidentState::Open { .. } => None,
    });
    accept_broken(record, closed_at.max()?)
}

/// Looks up domains side by side, and stores what is answered. Once a domain gets no answer at all, nobody else is asked: the
/// resolver is in trouble.
async fn look_up(
    context: &Context,
    due: &[(&String, &Vec<DnsRecord>)],
    now: Timestamp,
) -> Result<(), store::Error> {
    let settings = &context.config.doctor;
    let resolver = match Resolver::new(settings.resolver, DNS_TIMEOUT) {
        Ok(resolver) => resolver,
        Err(why) => {
            tracing::warn!("the DNS of the sending domains is not known: {why}");
            return Ok(());
        }
    };
    let account = ask_account(context, due).await;
    let look = |(domain, known): &(&String, &Vec<DnsRecord>)| {
        let (domain, known) = ((*domain).clone(), (*known).clone());
        let resolver = resolver.clone();
        let places = places(settings, &account, &domain, &known);
        async move {
            let (selectors, path) = (&places.selectors, &places.return_path);
            let mut found = look_at(&resolver, &domain, selectors, path).await;
            // Nobody says today where it is.
            found.retain(|(record, _)| places.knows_return_path || record != RETURN_PATH);
            (domain, known, found)
        }
    };
    let deadline = Instant::now() + TOTAL_TIMEOUT;
    let mut answers = stream::iter(due.iter().map(look)).buffered(MAX_CONCURRENT);
    while let Ok(Some((domain, known, found))) = timeout_at(deadline, answers.next()).await {
        let unknown = found.iter().find_map(|(_, found)| match found {
            Found::Unknown(why) => Some(why),
            _ => None,
        });
        if let Some(why) = unknown {
            tracing::warn!(domain, "a part of its DNS is not known: {why}");
        }
        let is_lost = found
            .iter()
            .all(|(_, found)| matches!(found, Found::Unknown(_)));
        save(context, &domain, &known, found, now).await?;
        if is_lost {
            break;
        }
    }
    Ok(())
}

/// What the account says of its domains.
enum AccountDomains {
    /// There is no token of an account.
    None,
    /// Of those that it has.
    Known(BTreeMap<String, MailHosts>),
    /// It was asked in vain.
    Unknown,
}

/// Asks the account where the records of the domains that are due belong.
async fn ask_account(context: &Context, due: &[(&String, &Vec<DnsRecord>)]) -> AccountDomains {
    let Some(token) = &context.config.account else {
        return AccountDomains::None;
    };
    // That it cannot be read is said where the servers are listed.
    let Ok(token) = token.read() else {
        return AccountDomains::Unknown;
    };
    let wanted: BTreeSet<&str> = due.iter().map(|(domain, _)| domain.as_str()).collect();
    let asked = context.postmark.account(token).mail_hosts(&wanted).await;
    match asked {
        Ok(hosts) => AccountDomains::Known(hosts),
        Err(error) => {
            tracing::warn!(%error, "it is not known where the account's domains have their mail records");
            AccountDomains::Unknown
        }
    }
}

/// Where the records of one domain are looked for.
struct Places {
    selectors: Vec<String>,
    return_path: String,
    knows_return_path: bool,
}

/// Returns where the records of `domain` are looked for: as configured, as the account says, and at dated selectors at which a key was
/// `known`, so that a new key does not hide what became of the old one.
fn places(
    settings: &DoctorSettings,
    account: &AccountDomains,
    domain: &str,
    known: &[DnsRecord],
) -> Places {
    let hosts = match account {
        AccountDomains::Known(hosts) => hosts.get(domain),
        AccountDomains::None | AccountDomains::Unknown => None,
    };
    let known = known
        .iter()
        .filter_map(|record| record.record.strip_prefix(DKIM_KEY));
    let dated = known.filter(|selector| *selector != POSTMARK_SELECTOR && is_postmarks(selector));
    let dated = dated.filter(|_| !matches!(account, AccountDomains::None));
    let mut selectors = settings.dkim_selectors.clone();
    let of_account = hosts.iter().flat_map(|hosts| &hosts.selectors).cloned();
    for selector in of_account.chain(dated.map(str::to_owned)) {
        if !selectors.contains(&selector) {
            selectors.push(selector);
        }
    }
    let own = hosts.and_then(|hosts| hosts.return_path.clone());
    Places {
        selectors,
        return_path: own.unwrap_or_else(|| settings.return_path_below(domain).to_owned()),
        knows_return_path: !matches!(account, AccountDomains::Unknown),
    }
}

/// Stores what was found of a domain, and notes what changed for the next digest.
async fn save(
    context: &Context,
    domain: &str,
    known: &[DnsRecord],
    found: Vec<(String, Found)>,
    now: Timestamp,
) -> Result<(), store::Error> {
    let (mut records, mut notes) = (Vec::new(), Vec::new());
    for (record, found) in found {
        let before = known.iter().find(|known| known.record == record);
        let joined = join_answer(before, (domain, &record), answer(found), now);
        if let Some((record, change)) = joined {
            records.push(record);
            notes.extend(change.map(|text| Note {
                at: now,
                server: ServerName(format!("DNS of {domain}")),
                text,
            }));
        }
    }
    log_notes(&notes);
    let save = move |s: &mut Database| s.save_dns_records(&records, &notes);
    context.store.call(save).await
}

fn answer(found: Found) -> DnsAnswer {
    let short = |text: String| truncate(&clean(&text), MAX_CHARS);
    match found {
        Found::Good { value, strength } => DnsAnswer::Good {
            value: short(value),
            strength,
        },
        Found::Bad(why) => DnsAnswer::Bad(short(why)),
        Found::Unknown(_) => DnsAnswer::Unknown,
        Found::Spare => DnsAnswer::Spare,
    }
}
