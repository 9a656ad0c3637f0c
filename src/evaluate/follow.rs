//! The sampling plan replayed: what a watcher would have known of deliveries at each poll.

use std::collections::BTreeMap;

use crate::detect::{is_suspicious, sample};
use crate::model::{Fate, Followed, Timestamp};

/// A stream's followed mail, poll after poll.
#[derive(Debug)]
pub(super) struct Follower<'a> {
    mail: &'a [Fate],
    /// Mail that no poll saw yet begins here.
    next: usize,
    /// Which mail is followed, beside what is known of it in the history.
    indices: Vec<usize>,
}

/// One followed message: its place among the followed.
struct Open {
    place: usize,
    sent_at: Timestamp,
    read: bool,
}

impl sample::Candidate for Open {
    fn sent_at(&self) -> Timestamp {
        self.sent_at
    }

    fn was_read(&self) -> bool {
        self.read
    }
}

impl<'a> Follower<'a> {
    /// Of this mail, which is in order of sending.
    pub(super) fn new(mail: &'a [Fate]) -> Self {
        Self {
            mail,
            next: 0,
            indices: Vec::new(),
        }
    }

    /// What a poll at `now` draws and looks at; `followed` is what was known before it, and then what is known after it.
    pub(super) fn poll(&mut self, followed: &mut Vec<Followed>, now: Timestamp) {
        let candidates = self.new_mail(now);
        let suspicious = is_suspicious(followed, now);
        let open = self.open(followed, now);
        let unread = open.iter().filter(|mail| !mail.read).count();
        let plan = sample::plan(unread, suspicious, usize::MAX);
        let drawn = self.draw(followed, candidates.into_iter().take(plan.draws).collect());
        let mut queue = sample::queue(open, drawn, plan);
        for _ in 0..plan.details {
            let Some(mail) = queue.pop() else { break };
            let fate = self.mail[self.indices[mail.place]];
            let known = |at: Option<Timestamp>| at.filter(|at| *at <= now);
            followed[mail.place].checked_at = Some(now);
            followed[mail.place].delivered_at = known(fate.delivered_at);
            followed[mail.place].bounced_at = known(fate.bounced_at);
        }
    }

    /// New mail since the last poll, of the lowest ranks, in their order.
    fn new_mail(&mut self, now: Timestamp) -> Vec<usize> {
        let from = self.next;
        self.next += self.mail[from..].partition_point(|mail| mail.sent_at < now);
        let mut lowest = BTreeMap::new();
        for index in from..self.next {
            lowest.insert(self.mail[index].rank, index);
            if lowest.len() > sample::CANDIDATES {
                lowest.pop_last();
            }
        }
        lowest.into_values().collect()
    }

    /// What is owed an answer. A bounce is an answer, and needs no look.
    fn open(&self, followed: &mut [Followed], now: Timestamp) -> Vec<Open> {
        let mut open = Vec::new();
        for (place, mail) in followed.iter_mut().enumerate().rev() {
            if mail.sent_at < now - sample::GIVE_UP_AFTER {
                break;
            }
            if mail.delivered_at.is_some() || mail.bounced_at.is_some() {
                continue;
            }
            let fate = self.mail[self.indices[place]];
            mail.bounced_at = fate.bounced_at.filter(|at| *at < now);
            if mail.bounced_at.is_none() {
                open.push(Open {
                    place,
                    sent_at: mail.sent_at,
                    read: mail.checked_at.is_some(),
                });
            }
        }
        open.reverse();
        open
    }

    /// Follows what was drawn.
    fn draw(&mut self, followed: &mut Vec<Followed>, mut drawn: Vec<usize>) -> Vec<Open> {
        drawn.sort_unstable();
        let mut fresh = Vec::new();
        for index in drawn {
            let sent_at = self.mail[index].sent_at;
            fresh.push(Open {
                place: followed.len(),
                sent_at,
                read: false,
            });
            self.indices.push(index);
            followed.push(Followed {
                sent_at,
                checked_at: None,
                delivered_at: None,
                bounced_at: None,
                queued: false,
            });
        }
        fresh
    }
}
