//! What the canary's mails say, as an incident of its own.

use crate::cycle::Context;
use crate::cycle::evaluate::ServerEvaluation;
use crate::cycle::lease::Leases;
use crate::decide::{IncidentLog, Policy};
use crate::detect;
use crate::evaluate::Evaluator;
use crate::model::{CanaryMail, Rule, ServerName, Timestamp};
use crate::store::{self, Database};

/// Evaluates the canary. `None` where there is none and nothing of an earlier one is open, and where another process does.
pub(super) async fn evaluate_canary(
    context: &Context,
    mails: Option<&[CanaryMail]>,
    leases: &Leases,
    policy: &Policy,
    now: Timestamp,
) -> Result<Option<ServerEvaluation>, store::Error> {
    let name = ServerName::from(ServerName::CANARY);
    let of_canary = name.clone();
    let read = move |s: &mut Database| s.latest_incidents(&of_canary);
    let incidents = context.store.call(read).await?;
    let canary = context.config.canary.as_ref();
    let canary = canary.filter(|_| policy.rules.is_enabled(Rule::Canary));
    let is_idle = canary.is_none() && incidents.iter().all(|i| !i.is_open());
    // Whoever has its mails has its lease.
    let is_ours = match context.config.canary {
        Some(_) => mails.is_some(),
        None => !is_idle && leases.take(&name).await?.is_ok(),
    };
    if is_idle || !is_ours {
        return Ok(None);
    }
    let mut log = IncidentLog::new(name, incidents.clone());
    let evaluator = Evaluator::new(policy.clone(), 1);
    let transitions = match (canary, mails) {
        (Some(canary), Some(mails)) => {
            let finding = detect::evaluate_canary(mails, canary.every, now);
            evaluator.evaluate_finding(&mut log, finding, now)
        }
        _ => log.close_all(policy, now),
    };
    let of = (log, transitions);
    Ok(Some(ServerEvaluation::without_mail(
        of, &incidents, &evaluator, now,
    )))
}
