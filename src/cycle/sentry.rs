//! What Sentry is sent of one cycle: that it runs and how it ended, and once per outage that a server's token is missing or refused.
//!
//! It comes after everything else, and has little time: a Sentry that is down delays neither a message nor the next cycle.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::clock;
use crate::cycle::evaluate::CycleEvaluation;
use crate::cycle::poll::outcome::PollOutcome;
use crate::cycle::{Context, CycleError};
use crate::detect::PollHealth;
use crate::model::{Rule, ServerName};
use crate::sentry::envelope::{self, CheckInStatus, EventLevel, Id, SentryEvent};
use crate::sentry::{Category, NO_TOKEN, Sentry, SentrySettings};
use crate::store::{self, Database};
use crate::text::sanitize::clean;

/// The time that the end of a cycle may take here, whatever is left to send.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// What one cycle has for Sentry.
pub(crate) struct CycleSentry {
    context: Arc<Context>,
    id: Id,
    began: Instant,
    start: Option<JoinHandle<()>>,
    tokens: Vec<TokenState>,
    is_good: bool,
}

/// How the poll of one server found its token.
struct TokenState {
    server: ServerName,
    /// Missing or refused, and not muted; else everything of the server was read.
    is_rejected: bool,
    incident: Option<String>,
}

impl CycleSentry {
    pub(crate) fn new(context: &Arc<Context>) -> Self {
        Self {
            context: Arc::clone(context),
            id: Id::new(),
            began: Instant::now(),
            start: None,
            tokens: Vec::new(),
            is_good: false,
        }
    }

    /// Sends that the cycle runs, unless that was sent before.
    pub(crate) fn begin(&mut self) {
        if self.start.is_none()
            && let Some((sentry, settings)) = parts(&self.context)
        {
            let (id, settings) = (self.id, settings.clone());
            self.start = Some(tokio::spawn(async move {
                check_in(&sentry, &settings, id, CheckInStatus::InProgress, None).await;
            }));
        }
    }

    /// Keeps whether the cycle is good, as the heartbeat has it, and what the polls say of the tokens, for its end.
    pub(crate) fn note(
        &mut self,
        polls: &[PollOutcome],
        evaluation: &CycleEvaluation,
        is_good: bool,
    ) {
        self.is_good = is_good;
        self.tokens.clear();
        for poll in polls {
            let name = poll.name();
            let is_rejected = match &poll.health {
                PollHealth::Complete => false,
                PollHealth::Incomplete { evidence, .. } if evidence.token => true,
                PollHealth::Incomplete { .. } => continue,
            };
            let is_muted = evaluation
                .mutes
                .iter()
                .any(|mute| mute.covers(name, Rule::Blind));
            let is_off = !self
                .context
                .config
                .rules_for(&poll.server)
                .is_enabled(Rule::Blind);
            if is_rejected && (is_muted || is_off) {
                continue;
            }
            let mut open = evaluation.open.iter();
            let of_token = open.find(|i| i.server == *name && i.rule == Rule::Blind);
            self.tokens.push(TokenState {
                server: name.clone(),
                is_rejected,
                incident: of_token.map(|incident| incident.id.clone()),
            });
        }
    }

    /// Sends how the cycle ended, and what is wrong with tokens. `error` is why there was no cycle.
    pub(crate) async fn end(mut self, error: Option<&CycleError>) {
        if matches!(error, Some(CycleError::Usage(_) | CycleError::Locked(_))) {
            return;
        }
        let is_good = self.is_good && error.is_none();
        let start = self.start.take();
        let Some((sentry, settings)) = parts(&self.context) else {
            return;
        };
        let all = async {
            let due = match self.tokens_to_report().await {
                Ok(due) => due,
                Err(error) => {
                    tracing::warn!(%error, "cannot read which tokens Sentry knows of");
                    Vec::new()
                }
            };
            // One that came after the end would begin another run.
            if let Some(start) = start {
                let _ = start.await;
            }
            let status = match is_good {
                true => CheckInStatus::Ok,
                false => CheckInStatus::Error,
            };
            let duration = Some(self.began.elapsed());
            check_in(&sentry, settings, self.id, status, duration).await;
            for token in due {
                if !self.report(&sentry, settings, token).await {
                    // What is left is sent in the next cycle.
                    break;
                }
            }
        };
        let _ = timeout(MAX_WAIT, all).await;
    }

    /// Forgets the outages that are over, and returns those that Sentry does not know of.
    async fn tokens_to_report(&self) -> Result<Vec<&TokenState>, store::Error> {
        let store = &self.context.store;
        let known = store.call(|s: &mut Database| s.reported_tokens()).await?;
        let mut due = Vec::new();
        for token in &self.tokens {
            let is_known = known.contains(&token.server);
            if token.is_rejected && !is_known {
                due.push(token);
            } else if !token.is_rejected && is_known {
                let name = token.server.clone();
                store.call(move |s| s.forget_reported_token(&name)).await?;
            }
        }
        Ok(due)
    }

    /// Sends the event of a server, and remembers that Sentry took it. Returns whether it did.
    async fn report(&self, sentry: &Sentry, settings: &SentrySettings, token: &TokenState) -> bool {
        let (name, now) = (token.server.clone(), clock::now());
        let text = envelope::event(&token.event(&settings.environment), now);
        if sentry.send(Category::Event, text, now).await.is_err() {
            return false;
        }
        let save = move |s: &mut Database| s.save_reported_token(&name, now);
        if let Err(error) = self.context.store.call(save).await {
            tracing::warn!(%error, "cannot remember what Sentry knows of");
        }
        true
    }
}

impl TokenState {
    fn event<'e>(&'e self, environment: &'e str) -> SentryEvent<'e> {
        let server = match self.server.is_account() {
            true => "the account",
            false => self.server.0.as_str(),
        };
        let mut tags = vec![("reason", NO_TOKEN), ("server", server), ("rule", "blind")];
        if let Some(incident) = &self.incident {
            tags.push(("incident", incident));
        }
        SentryEvent {
            id: Id::new(),
            at: clock::now(),
            level: EventLevel::Error,
            message: format!(
                "{NO_TOKEN}: the Postmark token of {} is missing or refused",
                clean(server)
            ),
            tags,
            fingerprint: vec![NO_TOKEN, server],
            environment,
        }
    }
}

fn parts(context: &Context) -> Option<(Arc<Sentry>, &SentrySettings)> {
    context.sentry.clone().zip(context.config.sentry.as_ref())
}

async fn check_in(
    sentry: &Sentry,
    settings: &SentrySettings,
    id: Id,
    status: CheckInStatus,
    duration: Option<Duration>,
) {
    if let Some(monitor) = &settings.monitor {
        let now = clock::now();
        let text = envelope::check_in(id, monitor, status, duration, now);
        let _ = sentry.send(Category::CheckIn, text, now).await;
    }
}
