//! A mail with everything that became of it.

use std::time::Duration;

use crate::model::{BOUNCE_TESTING_DOMAIN, BounceClass, Status, Timestamp, domain_of};

/// A mail in the ledger, with its future: what happens later than the simulated instant is not shown yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// `MessageID`; the ledger gives one to a pushed mail whose id is empty.
    pub id: String,
    /// The stream's id.
    pub stream: String,
    /// When Postmark received it.
    pub sent_at: Timestamp,
    /// Every recipient.
    pub recipients: Vec<String>,
    /// Its tag, if any.
    pub tag: Option<String>,
    /// Its subject, which may be hostile.
    pub subject: String,
    /// Queued mail is neither delivered nor bounced.
    pub status: Status,
    /// One for each recipient it was delivered to.
    pub deliveries: Vec<Delivery>,
    /// Bounces and complaints.
    pub bounces: Vec<Bounce>,
}

/// The delivery to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// To whom.
    pub recipient: String,
    /// When.
    pub at: Timestamp,
}

/// A bounce or complaint of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounce {
    /// Postmark's id; the ledger gives one to a pushed bounce whose id is 0.
    pub id: i64,
    /// Postmark's `Type`, of any value.
    pub kind: String,
    /// When it happened.
    pub at: Timestamp,
    /// Whose.
    pub recipient: String,
}

impl Mail {
    /// A mail without news, to be pushed.
    pub fn new(stream: &str, sent_at: Timestamp, recipient: &str) -> Self {
        Self {
            id: String::new(),
            stream: stream.to_owned(),
            sent_at,
            recipients: vec![recipient.to_owned()],
            tag: None,
            subject: "Hello".to_owned(),
            status: Status::Sent,
            deliveries: Vec::new(),
            bounces: Vec::new(),
        }
    }

    /// With this tag.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.tag = Some(tag.to_owned());
        self
    }

    /// With this subject.
    #[must_use]
    pub fn subject(mut self, subject: &str) -> Self {
        subject.clone_into(&mut self.subject);
        self
    }

    /// To one more recipient.
    #[must_use]
    pub fn to(mut self, recipient: &str) -> Self {
        self.recipients.push(recipient.to_owned());
        self
    }

    /// Still queued at Postmark.
    #[must_use]
    pub fn queued(mut self) -> Self {
        self.status = Status::Queued;
        self
    }

    /// Delivered to every recipient so long after it was sent.
    #[must_use]
    pub fn delivered_after(mut self, delay: Duration) -> Self {
        let at = self.sent_at + delay;
        let delivery = |recipient: &String| Delivery {
            recipient: recipient.clone(),
            at,
        };
        self.deliveries = self.recipients.iter().map(delivery).collect();
        self
    }

    /// With a bounce or complaint of its last recipient at this instant.
    #[must_use]
    pub fn bounced(mut self, kind: &str, at: Timestamp) -> Self {
        self.bounces.push(Bounce {
            id: 0,
            kind: kind.to_owned(),
            at,
            recipient: self.recipients.last().cloned().unwrap_or_default(),
        });
        self
    }

    /// Bounces the last recipient, who then was not delivered to.
    pub(super) fn bounce_last(&mut self, id: i64, kind: &str, at: Timestamp) {
        if let Some(recipient) = self.recipients.last() {
            self.deliveries.retain(|d| d.recipient != *recipient);
            self.bounces.push(Bounce {
                id,
                kind: kind.to_owned(),
                at,
                recipient: recipient.clone(),
            });
        }
    }

    /// Has the first recipient who was delivered to complain, under an address at `domain` where one is given.
    pub(super) fn complain(&mut self, id: i64, at: Timestamp, domain: Option<&str>) {
        let Some(delivery) = self.deliveries.first_mut() else {
            return;
        };
        if let Some(domain) = domain {
            let local = delivery.recipient.split('@').next().unwrap_or_default();
            let complainer = format!("{local}@{domain}");
            for recipient in &mut self.recipients {
                if *recipient == delivery.recipient {
                    recipient.clone_from(&complainer);
                }
            }
            delivery.recipient = complainer;
        }
        self.bounces.push(Bounce {
            id,
            kind: "SpamComplaint".to_owned(),
            at,
            recipient: delivery.recipient.clone(),
        });
    }

    /// Whether it is left out of every count.
    pub(super) fn is_bounce_test(&self) -> bool {
        !self.recipients.is_empty() && self.recipients.iter().all(|r| is_bounce_testing(r))
    }
}

impl Bounce {
    /// Its class, or none where it is left out of every count.
    pub(super) fn counted_class(&self) -> Option<BounceClass> {
        (!is_bounce_testing(&self.recipient)).then(|| BounceClass::of(&self.kind))
    }
}

fn is_bounce_testing(address: &str) -> bool {
    domain_of(address) == BOUNCE_TESTING_DOMAIN
}
