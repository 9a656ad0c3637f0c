//! Replays the sampling plan: what a live installation would have known of deliveries at each poll.

use std::collections::BTreeMap;

use crate::detect::sample::{Asked, Situation};
use crate::detect::{is_suspicious, sample};
use crate::model::{MessageOutcome, SampledMessage, Timestamp};

/// The sample of one stream, poll after poll.
#[derive(Debug)]
pub(super) struct SampleReplay<'a> {
    mail: &'a [MessageOutcome],
    /// The index of the first mail that no poll has seen.
    next: usize,
    /// For each sampled message in the history, its index in `mail`.
    indices: Vec<usize>,
}

/// A sampled message, by its index in the history.
struct Pending {
    index: usize,
    asked: Asked,
}

impl<'a> SampleReplay<'a> {
    /// `mail` is ordered by time sent.
    pub(super) fn new(mail: &'a [MessageOutcome]) -> Self {
        Self {
            mail,
            next: 0,
            indices: Vec::new(),
        }
    }

    /// Replays one poll at `now`: draws from new mail and checks what is pending. Updates `sampled`, the sample as known so far.
    pub(super) fn poll(&mut self, sampled: &mut Vec<SampledMessage>, now: Timestamp) {
        let candidates = self.new_mail(now);
        let suspicious = is_suspicious(sampled, now);
        let open = self.pending(sampled, now);
        let unread = open
            .iter()
            .filter(|mail| mail.asked.checked_at.is_none())
            .count();
        let situation = Situation {
            unread,
            unsettled: open.len() - unread,
            sent: candidates.len(),
            suspicious,
            polls: 1,
        };
        let plan = sample::plan(situation, usize::MAX);
        let mut candidates = candidates.into_iter();
        let drawn = self.follow(sampled, candidates.by_ref().take(plan.new).collect());
        let mut more = candidates.take(plan.more).collect::<Vec<usize>>();
        let (mut queue, late) = sample::prioritize(open, drawn, plan, now, |mail| mail.asked);
        for _ in 0..plan.requests {
            let Some(mail) = queue.pop() else { break };
            let is_delivered = self.check(&mail, sampled, now);
            if !is_delivered && !more.is_empty() {
                let mut drawn = self.follow(sampled, std::mem::take(&mut more));
                drawn.reverse();
                queue.splice(0..0, drawn);
            }
        }
        for mail in late {
            self.check(&mail, sampled, now);
        }
    }

    /// Reads what became of one message by `now`, and returns whether it is delivered.
    fn check(&self, mail: &Pending, sampled: &mut [SampledMessage], now: Timestamp) -> bool {
        let fate = self.mail[self.indices[mail.index]];
        let known = |at: Option<Timestamp>| at.filter(|at| *at <= now);
        let message = &mut sampled[mail.index];
        message.checked_at = Some(now);
        message.delivered_at = known(fate.delivered_at);
        message.bounced_at = known(fate.bounced_at);
        message.bounce = message.bounced_at.and(fate.bounce);
        message.delivered_at.is_some()
    }

    /// Returns the new mail since the last poll with the lowest ranks, by rank.
    fn new_mail(&mut self, now: Timestamp) -> Vec<usize> {
        let from = self.next;
        self.next += self.mail[from..].partition_point(|mail| mail.sent_at < now);
        let mut lowest = BTreeMap::new();
        for index in from..self.next {
            lowest.insert(self.mail[index].rank, index);
            if lowest.len() > sample::MAX_CANDIDATES {
                lowest.pop_last();
            }
        }
        lowest.into_values().collect()
    }

    /// Returns the sampled mail whose fate is still open; a bounce for good settles it without a request.
    fn pending(&self, sampled: &mut [SampledMessage], now: Timestamp) -> Vec<Pending> {
        let mut open = Vec::new();
        for (index, mail) in sampled.iter_mut().enumerate().rev() {
            if mail.sent_at < now - sample::GIVE_UP_AFTER {
                break;
            }
            if mail.delivered_at.is_some() || mail.bounced_at.is_some() {
                continue;
            }
            let fate = self.mail[self.indices[index]];
            let counts = fate.bounce.is_some_and(|of| of.class().counts());
            mail.bounced_at = fate.bounced_at.filter(|at| counts && *at < now);
            mail.bounce = mail.bounced_at.and(fate.bounce);
            if mail.bounced_at.is_none() {
                open.push(Pending {
                    index,
                    asked: Asked {
                        sent_at: mail.sent_at,
                        checked_at: mail.checked_at,
                    },
                });
            }
        }
        open.reverse();
        open
    }

    /// Adds `drawn` to the sample.
    fn follow(&mut self, sampled: &mut Vec<SampledMessage>, mut drawn: Vec<usize>) -> Vec<Pending> {
        drawn.sort_unstable();
        let add = |index: usize| {
            let sent_at = self.mail[index].sent_at;
            self.indices.push(index);
            sampled.push(SampledMessage {
                sent_at,
                ..SampledMessage::default()
            });
            Pending {
                index: sampled.len() - 1,
                asked: Asked {
                    sent_at,
                    checked_at: None,
                },
            }
        };
        drawn.into_iter().map(add).collect()
    }
}
