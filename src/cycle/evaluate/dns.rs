//! What the DNS of the domains that send says, as an incident of each.

use std::collections::BTreeMap;

use crate::cycle::Context;
use crate::cycle::evaluate::ServerEvaluation;
use crate::cycle::lease::Leases;
use crate::decide::{IncidentLog, Policy};
use crate::detect;
use crate::evaluate::Evaluator;
use crate::model::{DnsRecord, Rule, ServerName, Timestamp};
use crate::store::{self, Database};

/// Evaluates the DNS of each domain. `None` where none is watched and nothing is open, and where another process does.
pub(super) async fn evaluate_dns(
    context: &Context,
    records: Option<&BTreeMap<String, Vec<DnsRecord>>>,
    leases: &Leases,
    policy: &Policy,
    now: Timestamp,
) -> Result<Option<ServerEvaluation>, store::Error> {
    let name = ServerName::from(ServerName::DNS);
    let of_dns = name.clone();
    let read = move |s: &mut Database| s.latest_incidents(&of_dns);
    let incidents = context.store.call(read).await?;
    let is_open = incidents
        .iter()
        .any(|i| i.is_open() || i.notification_deferred);
    let is_enabled = policy.rules.is_enabled(Rule::DnsDrift);
    // Whoever has the records has the lease.
    let is_ours = match cfg!(feature = "doctor") && is_enabled {
        true => records.is_some_and(|records| is_open || !records.is_empty()),
        false => is_open && leases.take(&name).await?.is_ok(),
    };
    if !is_ours {
        return Ok(None);
    }
    let mut log = IncidentLog::new(name, incidents.clone());
    let evaluator = Evaluator::new(policy.clone(), 1);
    let (mut transitions, _) = log.close_disabled(policy, now);
    let findings = records.into_iter().flatten().map(|(domain, records)| {
        let records: Vec<&DnsRecord> = records.iter().collect();
        detect::evaluate_dns(domain, &records, now)
    });
    transitions.extend(evaluator.evaluate_findings(&mut log, findings.collect(), now));
    let of = (log, transitions);
    Ok(Some(ServerEvaluation::without_mail(
        of, &incidents, &evaluator, now,
    )))
}
