//! A mail with its deliveries and bounces.

use std::time::Duration;

#[cfg(any(test, feature = "sim"))]
use crate::model::{BOUNCE_TESTING_DOMAIN, BounceClass, domain_of};
use crate::model::{Status, Timestamp};

/// A mail in the ledger, including its future: what happens after the simulated instant is not shown yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The `MessageID`. If it is empty, the ledger assigns one.
    pub id: String,
    /// The id of the stream.
    pub stream: String,
    /// The instant Postmark received it.
    pub sent_at: Timestamp,
    /// The recipients.
    pub recipients: Vec<String>,
    /// The tag, if any.
    pub tag: Option<String>,
    /// The subject, which may be hostile.
    pub subject: String,
    /// The status; queued mail is neither delivered nor bounced.
    pub status: Status,
    /// One per recipient it was delivered to.
    pub deliveries: Vec<Delivery>,
    /// The bounces and complaints.
    pub bounces: Vec<Bounce>,
}

/// The delivery to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The recipient.
    pub recipient: String,
    /// The instant of delivery.
    pub at: Timestamp,
}

/// A bounce or complaint of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounce {
    /// Postmark's id. If it is 0, the ledger assigns one.
    pub id: i64,
    /// Postmark's `Type`; any text is allowed.
    pub kind: String,
    /// The instant of the bounce.
    pub at: Timestamp,
    /// The recipient.
    pub recipient: String,
}

impl Mail {
    /// Creates a mail without deliveries and bounces.
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

    /// Sets the tag.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.tag = Some(tag.to_owned());
        self
    }

    /// Sets the subject.
    #[must_use]
    pub fn subject(mut self, subject: &str) -> Self {
        subject.clone_into(&mut self.subject);
        self
    }

    /// Adds a recipient.
    #[must_use]
    pub fn to(mut self, recipient: &str) -> Self {
        self.recipients.push(recipient.to_owned());
        self
    }

    /// Leaves the mail queued at Postmark.
    #[must_use]
    pub fn queued(mut self) -> Self {
        self.status = Status::Queued;
        self
    }

    /// Adds a delivery to every recipient, `delay` after sending.
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

    /// Adds a bounce or complaint of the last recipient at this instant.
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

    /// Adds a bounce of the last recipient and removes the delivery to them.
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

    /// Adds a complaint by the first recipient with a delivery, whose address moves to `domain` if one is given.
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

    /// Returns whether this is a bounce test, which no count includes.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn is_bounce_test(&self) -> bool {
        !self.recipients.is_empty() && self.recipients.iter().all(|r| is_bounce_testing(r))
    }
}

#[cfg(any(test, feature = "sim"))]
impl Bounce {
    /// Returns the class; `None` for a bounce that no count includes.
    pub(super) fn counted_class(&self) -> Option<BounceClass> {
        (!is_bounce_testing(&self.recipient)).then(|| BounceClass::from_type(&self.kind))
    }
}

#[cfg(any(test, feature = "sim"))]
fn is_bounce_testing(address: &str) -> bool {
    domain_of(address) == BOUNCE_TESTING_DOMAIN
}
