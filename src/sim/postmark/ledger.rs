//! The mails of one stream in order of time, stored compactly: a million must fit in memory and be generated in seconds.

use std::borrow::Cow;
use std::time::Duration;

use crate::model::{Span, Status, Timestamp};

use super::derive;
use super::mail::{Bounce, Mail};
use super::traffic::Traffic;

/// A stored mail. Nearly all have one recipient and no bounce, and are derived from their seed.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) sent_at: Timestamp,
    pub(super) seed: u64,
    /// The time from `sent_at` until the index finds it, in milliseconds.
    pub(super) lag_ms: u32,
    pub(super) form: Form,
}

/// The rest of a mail, derived or stored.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// A mail to one recipient: the index of its tag in [`Stream::tags`], and its delivery delay if it is delivered.
    Plain {
        tag: Option<u16>,
        delivery_ms: Option<u32>,
    },
    /// Any other mail.
    Full(Box<Mail>),
}

/// A reference to a bounce: its mail, and its index there.
#[derive(Clone, Copy, Debug)]
struct BounceRef {
    at: Timestamp,
    /// The index of its mail; `None` for a bounce without a mail.
    entry: Option<u32>,
    nth: u32,
}

/// The type of a message stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamType {
    /// Mail triggered by single events.
    Transactional,
    /// Newsletters.
    Broadcasts,
    /// Receives mail and sends none.
    Inbound,
}

impl StreamType {
    /// Returns Postmark's name of the type.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Transactional => "Transactional",
            Self::Broadcasts => "Broadcasts",
            Self::Inbound => "Inbound",
        }
    }
}

/// A message stream and its ledger. Edits leave it unsorted; call [`Stream::sort`] before reading.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: String,
    pub(super) kind: StreamType,
    pub(super) archived: Option<Timestamp>,
    pub(super) tags: Vec<String>,
    entries: Vec<Entry>,
    traffic: Vec<Traffic>,
    orphans: Vec<Bounce>,
    bounces: Vec<BounceRef>,
    is_sorted: bool,
}

impl Stream {
    pub(super) fn new(id: &str, kind: StreamType) -> Self {
        Self {
            id: id.to_owned(),
            kind,
            archived: None,
            tags: Vec::new(),
            entries: Vec::new(),
            traffic: Vec::new(),
            orphans: Vec::new(),
            bounces: Vec::new(),
            is_sorted: true,
        }
    }

    /// Adds mails, in any order.
    pub(super) fn extend(&mut self, entries: impl IntoIterator<Item = Entry>) {
        self.entries.extend(entries);
        self.is_sorted = false;
    }

    /// Adds a bounce that belongs to no listed mail.
    pub(super) fn push_orphan(&mut self, bounce: Bounce) {
        self.orphans.push(bounce);
        self.is_sorted = false;
    }

    /// Adds traffic of this many mails an hour; two of three have one of these tags.
    pub(super) fn add_traffic(&mut self, span: Span, per_hour: u32, tags: &[&str]) {
        let tags = tags.iter().filter_map(|tag| self.tag_place(tag)).collect();
        let nth = u32::try_from(self.traffic.len()).unwrap_or(u32::MAX);
        self.traffic.push(Traffic::new(span, per_hour, nth, tags));
    }

    /// Returns the traffic, for editing.
    pub(super) fn traffic_mut(&mut self) -> &mut [Traffic] {
        &mut self.traffic
    }

    /// Removes the mails sent in `span`, with their deliveries and bounces.
    pub(super) fn remove(&mut self, span: Span) {
        self.traffic = self
            .traffic
            .iter()
            .flat_map(|traffic| traffic.without(span))
            .collect();
        self.entries.retain(|entry| !span.contains(entry.sent_at));
        self.is_sorted = false;
    }

    /// Returns the index of a tag, which is added if it is new.
    pub(super) fn tag_place(&mut self, tag: &str) -> Option<u16> {
        let known = self.tags.iter().position(|t| t == tag);
        let place = known.unwrap_or_else(|| {
            self.tags.push(tag.to_owned());
            self.tags.len() - 1
        });
        u16::try_from(place).ok()
    }

    /// Sorts mails and bounces by time, if they are not.
    pub(super) fn sort(&mut self) {
        if self.is_sorted {
            return;
        }
        self.entries.sort_by_key(|entry| entry.sent_at);
        self.bounces.clear();
        for (entry, place) in self.entries.iter().zip(0u32..) {
            if let Form::Full(mail) = &entry.form {
                let refs = mail.bounces.iter().zip(0u32..);
                self.bounces.extend(refs.map(|(bounce, nth)| BounceRef {
                    at: bounce.at,
                    entry: Some(place),
                    nth,
                }));
            }
        }
        let orphans = self.orphans.iter().zip(0u32..);
        self.bounces.extend(orphans.map(|(bounce, nth)| BounceRef {
            at: bounce.at,
            entry: None,
            nth,
        }));
        self.bounces.sort_by_key(|bounce| bounce.at);
        self.is_sorted = true;
    }

    /// Returns the mails sent in `span`: the stored ones, then those of the traffic, each oldest first.
    pub(super) fn sent(&self, span: Span) -> impl Iterator<Item = Cow<'_, Entry>> {
        let traffic = self.traffic.iter();
        let computed = traffic.flat_map(move |t| t.entries(span, &self.id, &self.tags));
        let stored = self.entries(span).iter().map(Cow::Borrowed);
        stored.chain(computed.map(Cow::Owned))
    }

    /// Returns the stored mails sent in `span`, oldest first.
    pub(super) fn entries(&self, span: Span) -> &[Entry] {
        let start = self.entries.partition_point(|e| e.sent_at < span.from);
        let end = self.entries.partition_point(|e| e.sent_at < span.until);
        self.entries.get(start..end).unwrap_or_default()
    }

    /// Returns the stored mails sent in `span` that are `fit`, oldest first, expanded for editing.
    pub(super) fn mails_mut(
        &mut self,
        span: Span,
        mut fit: impl FnMut(&Entry) -> bool,
    ) -> impl DoubleEndedIterator<Item = &mut Mail> {
        self.sort();
        self.is_sorted = false;
        let start = self.entries.partition_point(|e| e.sent_at < span.from);
        let end = self.entries.partition_point(|e| e.sent_at < span.until);
        let (id, tags) = (&self.id, &self.tags);
        let entries = self.entries.get_mut(start..end).unwrap_or_default();
        entries
            .iter_mut()
            .filter(move |entry| fit(entry))
            .map(move |entry| entry.mail_mut(id, tags))
    }

    /// Delays the index, so that the mails of `span` are not found before `until`.
    pub(super) fn hide(&mut self, span: Span, until: Timestamp) {
        self.sort();
        for entry in &mut self.entries {
            if span.contains(entry.sent_at) {
                let lag = until.since(entry.sent_at).as_millis();
                entry.lag_ms = u32::try_from(lag).unwrap_or(u32::MAX);
            }
        }
    }

    /// Returns the bounces dated in `span`: those of stored mails, then those of the traffic, each oldest first.
    pub(super) fn bounces(&self, span: Span) -> impl Iterator<Item = Listed<'_>> {
        let traffic = self.traffic.iter();
        let computed = traffic.flat_map(move |t| t.bounced(span, &self.id, &self.tags));
        let computed = computed.filter_map(move |(place, mail)| {
            let bounce = mail
                .bounces
                .first()
                .filter(|b| span.contains(b.at))?
                .clone();
            Some(Listed {
                bounce: Cow::Owned(bounce),
                of: Some((place, Cow::Owned(mail))),
            })
        });
        self.stored_bounces(span).chain(computed)
    }

    fn stored_bounces(&self, span: Span) -> impl Iterator<Item = Listed<'_>> {
        let start = self.bounces.partition_point(|b| b.at < span.from);
        let end = self.bounces.partition_point(|b| b.at < span.until);
        let refs = self.bounces.get(start..end).unwrap_or_default();
        refs.iter().filter_map(|found| {
            let nth = found.nth as usize;
            let Some(place) = found.entry else {
                let bounce = Cow::Borrowed(self.orphans.get(nth)?);
                return Some(Listed { bounce, of: None });
            };
            let entry = self.entries.get(place as usize)?;
            let Form::Full(mail) = &entry.form else {
                return None;
            };
            Some(Listed {
                bounce: Cow::Borrowed(mail.bounces.get(nth)?),
                of: Some((u64::from(place), Cow::Borrowed(mail.as_ref()))),
            })
        })
    }

    /// Returns the mail with this id.
    pub(super) fn find(&self, id: &str) -> Option<Cow<'_, Entry>> {
        if let Some(at) = derive::time_of_id(id) {
            let mut found = self.sent(Span::new(at, Timestamp(at.0.saturating_add(1))));
            if let Some(entry) = found.find(|entry| self.mail(entry).id == id) {
                return Some(entry);
            }
        }
        // An id that a test chose itself.
        let mut full = self
            .entries
            .iter()
            .filter(|e| matches!(e.form, Form::Full(_)));
        full.find(|entry| self.mail(entry).id == id)
            .map(Cow::Borrowed)
    }

    /// Returns the tag of an entry.
    pub(super) fn tag_of<'a>(&'a self, entry: &'a Entry) -> Option<&'a str> {
        match &entry.form {
            Form::Plain { tag, .. } => self.tags.get(usize::from((*tag)?)).map(String::as_str),
            Form::Full(mail) => mail.tag.as_deref(),
        }
    }

    /// Returns the full mail of an entry.
    pub(super) fn mail<'a>(&self, entry: &'a Entry) -> Cow<'a, Mail> {
        entry.mail(&self.id, &self.tags)
    }
}

/// A bounce, with its mail and that mail's index if there is one.
pub(super) struct Listed<'a> {
    pub(super) bounce: Cow<'a, Bounce>,
    pub(super) of: Option<(u64, Cow<'a, Mail>)>,
}

impl Listed<'_> {
    /// Returns the mail of the bounce.
    pub(super) fn mail(&self) -> Option<&Mail> {
        self.of.as_ref().map(|(_, mail)| mail.as_ref())
    }
}

impl Entry {
    /// Creates the entry of a full mail.
    pub(super) fn from_mail(mail: Mail, seed: u64, lag_ms: u32) -> Self {
        Self {
            sent_at: mail.sent_at,
            seed,
            lag_ms,
            form: Form::Full(Box::new(mail)),
        }
    }

    /// Returns when the index finds the mail.
    pub(super) fn found_at(&self) -> Timestamp {
        self.sent_at + Duration::from_millis(u64::from(self.lag_ms))
    }

    /// Returns whether this is a bounce test, which no count includes.
    #[cfg(any(test, feature = "sim"))]
    pub(super) fn is_bounce_test(&self) -> bool {
        matches!(&self.form, Form::Full(mail) if mail.is_bounce_test())
    }

    /// Returns whether the mail has a bounce or complaint, at any time.
    pub(super) fn has_bounces(&self) -> bool {
        matches!(&self.form, Form::Full(mail) if !mail.bounces.is_empty())
    }

    /// Returns the number of recipients.
    pub(super) fn recipients(&self) -> usize {
        match &self.form {
            Form::Plain { .. } => 1,
            Form::Full(mail) => mail.recipients.len(),
        }
    }

    /// Returns whether the mail is still queued.
    pub(super) fn is_queued(&self) -> bool {
        matches!(&self.form, Form::Full(mail) if mail.status == Status::Queued)
    }

    /// Returns the time of the first delivery to any recipient.
    pub(super) fn delivered_at(&self) -> Option<Timestamp> {
        match &self.form {
            Form::Plain { delivery_ms, .. } => {
                delivery_ms.map(|ms| self.sent_at + Duration::from_millis(u64::from(ms)))
            }
            Form::Full(mail) => mail.deliveries.iter().map(|d| d.at).min(),
        }
    }

    fn mail(&self, stream: &str, tags: &[String]) -> Cow<'_, Mail> {
        match &self.form {
            Form::Full(mail) => Cow::Borrowed(mail),
            Form::Plain { tag, .. } => {
                let tag = tag.and_then(|place| tags.get(usize::from(place)));
                let delivered_at = self.delivered_at();
                Cow::Owned(derive::mail(
                    stream,
                    self.sent_at,
                    self.seed,
                    tag,
                    delivered_at,
                ))
            }
        }
    }

    fn mail_mut(&mut self, stream: &str, tags: &[String]) -> &mut Mail {
        if let Form::Plain { .. } = self.form {
            let mail = self.mail(stream, tags).into_owned();
            self.form = Form::Full(Box::new(mail));
        }
        match &mut self.form {
            Form::Full(mail) => mail,
            Form::Plain { .. } => unreachable!("it was made whole above"),
        }
    }
}
