//! Proof of delivery for the sample.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::ServerConfig;
use crate::cycle::Context;
use crate::detect::{is_suspicious, sample};
use crate::model::{Span, StreamId, StreamKey, Timestamp};
use crate::postmark::{ErrorKind, Server};
use crate::store::{self, OpenSample, SampleCandidate};

/// How far back followed mail says something of the present.
const LOOKBACK: Duration = Duration::from_secs(2 * 86_400);

impl Context {
    /// Draws from the new mail of one stream and looks for proof with at most `left` requests; returns what could not be
    /// read, a line each.
    pub(crate) async fn prove(
        &self,
        server: &ServerConfig,
        api: &Server,
        stream: &StreamId,
        candidates: BTreeMap<u64, SampleCandidate>,
        left: u64,
        now: Timestamp,
    ) -> Result<Vec<String>, store::Error> {
        let key = StreamKey::new(&server.name, stream);
        let (open, history) = self
            .store
            .call(move |s| {
                let open = s.open_samples(&key, now - sample::GIVE_UP_AFTER)?;
                let history = s.history(&key, Span::before(now, LOOKBACK), &[])?;
                Ok((open, history))
            })
            .await?;
        let suspicious = is_suspicious(&history.followed, now);
        let unread = open.iter().filter(|mail| mail.checked_at.is_none()).count();
        let plan = sample::plan(
            unread,
            suspicious,
            usize::try_from(left).unwrap_or(usize::MAX),
        );
        let mut spare: Vec<SampleCandidate> = candidates
            .into_values()
            .filter(|d| d.sent_at < now)
            .collect();
        let rest = spare.split_off(plan.draws.min(spare.len()));
        let mut spare_rest = rest.into_iter();
        self.follow(server, stream, spare.clone()).await?;
        let drawn = drawn(&spare, &open);
        let mut queue = sample::queue(open, drawn, plan);
        let mut trouble = Vec::new();
        let mut asked = 0;
        while let Some(mail) = (asked < plan.details).then(|| queue.pop()).flatten() {
            asked += 1;
            let proof = match api.details(&mail.id).await {
                Ok(details) => Some(details.proof),
                Err(error) => match error.kind() {
                    ErrorKind::NotFound => continue,
                    // Too large to read: it is dropped from the sample, and another is drawn.
                    ErrorKind::TooLarge => {
                        if let Some(draw) = spare_rest.next() {
                            queue.insert(
                                0,
                                OpenSample {
                                    id: draw.id.clone(),
                                    sent_at: draw.sent_at,
                                    checked_at: None,
                                },
                            );
                            self.follow(server, stream, vec![draw]).await?;
                        }
                        None
                    }
                    _ => {
                        trouble.push(error.to_string());
                        break;
                    }
                },
            };
            let key = StreamKey::new(&server.name, stream);
            self.store
                .call(move |s| s.save_sample_result(&key, &mail.id, proof.as_ref(), now))
                .await?;
        }
        Ok(trouble)
    }

    async fn follow(
        &self,
        server: &ServerConfig,
        stream: &StreamId,
        draws: Vec<SampleCandidate>,
    ) -> Result<(), store::Error> {
        let key = StreamKey::new(&server.name, stream);
        self.store.call(move |s| s.add_samples(&key, &draws)).await
    }
}

impl sample::Candidate for OpenSample {
    fn sent_at(&self) -> Timestamp {
        self.sent_at
    }

    fn was_read(&self) -> bool {
        self.checked_at.is_some()
    }
}

/// What was drawn and is not followed yet.
fn drawn(draws: &[SampleCandidate], open: &[OpenSample]) -> Vec<OpenSample> {
    let fresh = draws.iter().filter(|d| open.iter().all(|m| m.id != d.id));
    fresh
        .map(|d| OpenSample {
            id: d.id.clone(),
            sent_at: d.sent_at,
            checked_at: None,
        })
        .collect()
}
