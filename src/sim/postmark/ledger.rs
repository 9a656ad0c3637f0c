//! The mails of one stream, in order of time, stored small: a million of them must fit and be made in seconds.

use std::borrow::Cow;
use std::time::Duration;

use crate::model::{Span, Status, Timestamp};

use super::derive;
use super::flow::Flow;
use super::mail::{Bounce, Mail};

/// A mail as it is stored. Nearly all have one recipient and no bounce, and are derived from their seed.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) sent_at: Timestamp,
    pub(super) seed: u64,
    /// How long after `sent_at` it is found.
    pub(super) lag_ms: u32,
    pub(super) form: Form,
}

/// What else is known of a mail.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// One recipient; the place of its tag in [`Stream::tags`], and the delay of its delivery, if it is delivered.
    Plain {
        tag: Option<u16>,
        delivery_ms: Option<u32>,
    },
    /// Everything else.
    Full(Box<Mail>),
}

/// Where a bounce is: whose it is, and its place there.
#[derive(Clone, Copy, Debug)]
struct BounceRef {
    at: Timestamp,
    /// The place of its mail, or none for a bounce without a mail.
    entry: Option<u32>,
    nth: u32,
}

/// What kind of stream it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamType {
    /// One mail for one event.
    Transactional,
    /// Newsletters.
    Broadcasts,
    /// Receives mail; it sends none.
    Inbound,
}

impl StreamType {
    /// Postmark's word.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Transactional => "Transactional",
            Self::Broadcasts => "Broadcasts",
            Self::Inbound => "Inbound",
        }
    }
}

/// A message stream and its ledger. Edits leave it unsettled; [`Stream::settle`] goes before reading.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: String,
    pub(super) kind: StreamType,
    pub(super) archived: Option<Timestamp>,
    pub(super) tags: Vec<String>,
    entries: Vec<Entry>,
    flows: Vec<Flow>,
    orphans: Vec<Bounce>,
    bounces: Vec<BounceRef>,
    settled: bool,
}

impl Stream {
    pub(super) fn new(id: &str, kind: StreamType) -> Self {
        Self {
            id: id.to_owned(),
            kind,
            archived: None,
            tags: Vec::new(),
            entries: Vec::new(),
            flows: Vec::new(),
            orphans: Vec::new(),
            bounces: Vec::new(),
            settled: true,
        }
    }

    /// Adds mails, in any order.
    pub(super) fn extend(&mut self, entries: impl IntoIterator<Item = Entry>) {
        self.entries.extend(entries);
        self.settled = false;
    }

    /// Adds a bounce that belongs to no listed mail.
    pub(super) fn push_orphan(&mut self, bounce: Bounce) {
        self.orphans.push(bounce);
        self.settled = false;
    }

    /// Adds a flow of so many mails an hour, two of three with one of these tags.
    pub(super) fn flow(&mut self, span: Span, per_hour: u32, tags: &[&str]) {
        let tags = tags.iter().filter_map(|tag| self.tag_place(tag)).collect();
        let nth = u32::try_from(self.flows.len()).unwrap_or(u32::MAX);
        self.flows.push(Flow::new(span, per_hour, nth, tags));
    }

    /// The flows, to be edited.
    pub(super) fn flows_mut(&mut self) -> &mut [Flow] {
        &mut self.flows
    }

    /// Takes out the mails sent in `span`, with all that became of them.
    pub(super) fn remove(&mut self, span: Span) {
        self.flows = self
            .flows
            .iter()
            .flat_map(|flow| flow.without(span))
            .collect();
        self.entries.retain(|entry| !span.contains(entry.sent_at));
        self.settled = false;
    }

    /// The place of a tag, which is added where it is new.
    pub(super) fn tag_place(&mut self, tag: &str) -> Option<u16> {
        let known = self.tags.iter().position(|t| t == tag);
        let place = known.unwrap_or_else(|| {
            self.tags.push(tag.to_owned());
            self.tags.len() - 1
        });
        u16::try_from(place).ok()
    }

    /// Brings mails and bounces into order.
    pub(super) fn settle(&mut self) {
        if self.settled {
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
        self.settled = true;
    }

    /// The mails sent in `span`: the stored ones, then those of the flows, each oldest first.
    pub(super) fn sent(&self, span: Span) -> impl Iterator<Item = Cow<'_, Entry>> {
        let flowing = self.flows.iter();
        let flowing = flowing.flat_map(move |flow| flow.entries(span, &self.id, &self.tags));
        let stored = self.entries(span).iter().map(Cow::Borrowed);
        stored.chain(flowing.map(Cow::Owned))
    }

    /// The stored mails sent in `span`, oldest first.
    pub(super) fn entries(&self, span: Span) -> &[Entry] {
        let start = self.entries.partition_point(|e| e.sent_at < span.from);
        let end = self.entries.partition_point(|e| e.sent_at < span.until);
        self.entries.get(start..end).unwrap_or_default()
    }

    /// The mails sent in `span` that are `fit`, oldest first, whole and to be edited.
    pub(super) fn mails_mut(
        &mut self,
        span: Span,
        mut fit: impl FnMut(&Entry) -> bool,
    ) -> impl DoubleEndedIterator<Item = &mut Mail> {
        self.settle();
        self.settled = false;
        let start = self.entries.partition_point(|e| e.sent_at < span.from);
        let end = self.entries.partition_point(|e| e.sent_at < span.until);
        let (id, tags) = (&self.id, &self.tags);
        let entries = self.entries.get_mut(start..end).unwrap_or_default();
        entries
            .iter_mut()
            .filter(move |entry| fit(entry))
            .map(move |entry| entry.mail_mut(id, tags))
    }

    /// Puts off until `until` the finding of the mails of `span`.
    pub(super) fn hide(&mut self, span: Span, until: Timestamp) {
        self.settle();
        for entry in &mut self.entries {
            if span.contains(entry.sent_at) {
                let lag = until.since(entry.sent_at).as_millis();
                entry.lag_ms = u32::try_from(lag).unwrap_or(u32::MAX);
            }
        }
    }

    /// The bounces that happened in `span`: those of stored mails, then those of the flows, each oldest first.
    pub(super) fn bounces(&self, span: Span) -> impl Iterator<Item = Listed<'_>> {
        let flowing = self.flows.iter();
        let flowing = flowing.flat_map(move |flow| flow.bounced(span, &self.id, &self.tags));
        let flowing = flowing.filter_map(move |(place, mail)| {
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
        self.stored_bounces(span).chain(flowing)
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

    /// The mail with this id.
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

    /// The tag of an entry.
    pub(super) fn tag_of<'a>(&'a self, entry: &'a Entry) -> Option<&'a str> {
        match &entry.form {
            Form::Plain { tag, .. } => self.tags.get(usize::from((*tag)?)).map(String::as_str),
            Form::Full(mail) => mail.tag.as_deref(),
        }
    }

    /// The whole mail of an entry.
    pub(super) fn mail<'a>(&self, entry: &'a Entry) -> Cow<'a, Mail> {
        entry.mail(&self.id, &self.tags)
    }
}

/// A bounce, with the place of its mail and the mail, if there is one.
pub(super) struct Listed<'a> {
    pub(super) bounce: Cow<'a, Bounce>,
    pub(super) of: Option<(u64, Cow<'a, Mail>)>,
}

impl Listed<'_> {
    /// The mail it belongs to.
    pub(super) fn mail(&self) -> Option<&Mail> {
        self.of.as_ref().map(|(_, mail)| mail.as_ref())
    }
}

impl Entry {
    /// The entry of a whole mail.
    pub(super) fn of(mail: Mail, seed: u64, lag_ms: u32) -> Self {
        Self {
            sent_at: mail.sent_at,
            seed,
            lag_ms,
            form: Form::Full(Box::new(mail)),
        }
    }

    /// When it is found, where the index lags.
    pub(super) fn found_at(&self) -> Timestamp {
        self.sent_at + Duration::from_millis(u64::from(self.lag_ms))
    }

    /// Whether it is left out of every count.
    pub(super) fn is_bounce_test(&self) -> bool {
        matches!(&self.form, Form::Full(mail) if mail.is_bounce_test())
    }

    /// Whether it bounced or was complained of, ever.
    pub(super) fn has_bounces(&self) -> bool {
        matches!(&self.form, Form::Full(mail) if !mail.bounces.is_empty())
    }

    /// How many recipients it has.
    pub(super) fn recipients(&self) -> usize {
        match &self.form {
            Form::Plain { .. } => 1,
            Form::Full(mail) => mail.recipients.len(),
        }
    }

    /// Whether it is still queued.
    pub(super) fn is_queued(&self) -> bool {
        matches!(&self.form, Form::Full(mail) if mail.status == Status::Queued)
    }

    /// When it was first delivered to anybody.
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
