//! The canary: follows the mails that it sent, and sends the one that is due.

use std::time::Duration;

use crate::config::CanarySettings;
use crate::cycle::Context;
use crate::cycle::lease::Leases;
use crate::model::{CanaryMail, CanaryOutcome, DAY, MINUTE, ServerName, Timestamp};
use crate::postmark::{Error, ErrorKind, Server};
use crate::store::{self, Store};

/// How many of its mails are read back: those of two days, one an hour.
const MAX_MAILS: i64 = 48;
/// The maximum number of mails that one cycle asks Postmark about.
const MAX_FOLLOWED: usize = 4;
/// What is still open after so long is not followed any more.
const FOLLOWED_FOR: Duration = DAY;
/// How much earlier than it is due a mail is sent: cycles do not begin on the second.
const EARLINESS: Duration = MINUTE.saturating_mul(5);

/// Returns the canary's mails, the newest first, after those that are open were followed and the one that is due was sent. `None` where
/// there is no canary, or another process sends it.
pub(crate) async fn poll_canary(
    context: &Context,
    leases: &Leases,
    now: Timestamp,
) -> Result<Option<Vec<CanaryMail>>, store::Error> {
    let Some(canary) = &context.config.canary else {
        return Ok(None);
    };
    let name = ServerName::from(ServerName::CANARY);
    if leases.take(&name).await?.is_err() {
        return Ok(None);
    }
    let store = &context.store;
    let mails = store.call(|s| s.canary_mails(MAX_MAILS)).await?;
    let is_due = |mail: &CanaryMail| now.since(mail.sent_at) + EARLINESS >= canary.every;
    let is_due = mails.first().is_none_or(is_due);
    match canary.token.read() {
        Ok(token) => {
            let api = context.postmark.server(token);
            follow(store, &api, &mails, now).await?;
            if is_due {
                send(store, &api, canary, now).await?;
            }
        }
        Err(problem) if is_due => {
            let outcome = CanaryOutcome::Refused(problem.to_string());
            save(store, mail(now, None, outcome)).await?;
        }
        Err(_) => {}
    }
    Ok(Some(store.call(|s| s.canary_mails(MAX_MAILS)).await?))
}

/// Asks Postmark what became of the mails that are open.
async fn follow(
    store: &Store,
    api: &Server,
    mails: &[CanaryMail],
    now: Timestamp,
) -> Result<(), store::Error> {
    let open = mails.iter().filter(|mail| {
        let is_young = now.since(mail.sent_at) <= FOLLOWED_FOR;
        mail.outcome == CanaryOutcome::Pending && mail.id.is_some() && is_young
    });
    for mail in open.take(MAX_FOLLOWED) {
        let id = mail.id.as_deref().unwrap_or_default();
        let proof = match api.details(id).await {
            Ok(details) => details.proof,
            // Postmark's index lags: what was just sent is not known yet.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                tracing::warn!(%error, "the canary's mail cannot be followed now");
                return Ok(());
            }
        };
        let outcome = match (proof.delivered_at, proof.bounced_at) {
            (Some(_), _) => CanaryOutcome::Delivered,
            (None, Some(_)) => CanaryOutcome::Bounced,
            (None, None) => continue,
        };
        let followed = CanaryMail {
            outcome,
            delivered_at: proof.delivered_at,
            ..mail.clone()
        };
        save(store, followed).await?;
    }
    Ok(())
}

/// Sends one mail. Its row is there before Postmark is asked, so that a process which dies in between does not send another one.
async fn send(
    store: &Store,
    api: &Server,
    canary: &CanarySettings,
    now: Timestamp,
) -> Result<(), store::Error> {
    save(store, mail(now, None, CanaryOutcome::Pending)).await?;
    let sent = api.send_canary(&canary.stream, &canary.from, &canary.to);
    match sent.await {
        Ok(id) => save(store, mail(now, Some(id), CanaryOutcome::Pending)).await,
        Err(error) if is_refusal(&error) => {
            let outcome = CanaryOutcome::Refused(error.what());
            save(store, mail(now, None, outcome)).await
        }
        Err(error) => {
            tracing::warn!(%error, "it is not known whether Postmark took the canary's mail");
            Ok(())
        }
    }
}

/// Whether Postmark said that it does not take the mail, for a reason that somebody must mend.
const fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::TokenRefused | ErrorKind::AccountInactive(_) | ErrorKind::Refused { .. }
    )
}

const fn mail(sent_at: Timestamp, id: Option<String>, outcome: CanaryOutcome) -> CanaryMail {
    CanaryMail {
        sent_at,
        id,
        outcome,
        delivered_at: None,
    }
}

async fn save(store: &Store, mail: CanaryMail) -> Result<(), store::Error> {
    store.call(move |s| s.save_canary_mail(&mail)).await
}
