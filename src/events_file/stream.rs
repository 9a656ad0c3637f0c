//! The events of one stream, and the history that they make.

use std::collections::BTreeMap;

use crate::events_file::line::EventLine;
use crate::model::{
    BounceClass, BounceEvent, BounceType, Coverage, CumulativeCounts, HOUR, History, HourCount,
    MIN_TAG_MESSAGES, MessageOutcome, SampledMessage, Span, Tag, Timestamp,
};

/// The events of one stream, in order of sending.
#[derive(Debug, Default)]
pub struct StreamEvents {
    pub mail: Vec<MessageOutcome>,
    bounce_events: Vec<BounceEvent>,
    /// When the mail of each tag was sent.
    tags: BTreeMap<Tag, Vec<Timestamp>>,
}

impl StreamEvents {
    pub(crate) fn push(&mut self, event: &EventLine<'_>) {
        let mut mark = |at: Timestamp, class: BounceClass| {
            self.bounce_events.push(BounceEvent {
                at,
                message: event.id.to_string(),
                sent_at: Some(event.sent_at),
                class,
                recipient: event.recipient.as_deref().unwrap_or_default().to_owned(),
                tag: event.tag.as_deref().map(str::to_owned),
            });
        };
        let class = |kind: Option<BounceType>| kind.map_or(BounceClass::Other, BounceType::class);
        if let Some((at, kind)) = event.bounce {
            mark(at, class(kind));
        }
        if let Some(at) = event.complained_at {
            mark(at, BounceClass::Complaint);
        }
        if let Some(tag) = &event.tag {
            let sent = self.tags.entry(Tag(tag.to_string())).or_default();
            sent.push(event.sent_at);
        }
        let failure = event.bounce.filter(|(_, kind)| class(*kind).is_failure());
        self.mail.push(MessageOutcome {
            sent_at: event.sent_at,
            delivered_at: event.delivered_at,
            bounced_at: failure.map(|(at, _)| at),
            bounce: failure.and_then(|(_, kind)| kind),
            rank: crate::detect::sample::rank(&event.server, &event.stream, &event.id),
        });
    }

    pub fn range(&self) -> Option<(Timestamp, Timestamp)> {
        Some((self.mail.first()?.sent_at, self.mail.last()?.sent_at))
    }

    /// Returns the history of a stream that was watched from its first message until `until`. With `all_sampled`,
    /// the delivery of every message is known as soon as it happened.
    pub fn history(&self, until: Timestamp, all_sampled: bool) -> History {
        let begins = self.range().map_or(until, |(first, _)| first);
        let covered = Coverage::from_spans([Span::new(begins, until)]);
        let mut bounce_events = self.bounce_events.clone();
        bounce_events.sort_by_key(|mark| mark.at);
        let sent: Vec<Timestamp> = self.mail.iter().map(|mail| mail.sent_at).collect();
        let mut history = History {
            first_seen_at: Some(begins),
            installed_at: Some(begins),
            messages: covered.clone(),
            bounces: covered,
            hours: hours(&sent),
            sent: cumulative(&sent),
            bounce_events,
            ..History::default()
        };
        if all_sampled {
            let mail = self.mail.iter().map(|mail| full_knowledge(mail, until));
            history.sampled = mail.collect();
        }
        let own = |sent: &[Timestamp]| sent.len() as u64 >= MIN_TAG_MESSAGES;
        for (tag, sent) in self.tags.iter().filter(|(_, sent)| own(sent)) {
            let of = history.for_tag(hours(sent), cumulative(sent), Vec::new());
            history.tags.insert(tag.clone(), of);
        }
        history
    }
}

fn cumulative(sent: &[Timestamp]) -> CumulativeCounts {
    CumulativeCounts::from_counts(sent.iter().map(|at| (*at, 1)))
}

fn hours(sent: &[Timestamp]) -> Vec<HourCount> {
    let hour = |sent: &[Timestamp]| HourCount {
        start: sent[0].floor(HOUR),
        sent: sent.len() as u64,
        first_at: sent[0],
        last_at: sent[sent.len() - 1],
    };
    let same = |a: &Timestamp, b: &Timestamp| a.floor(HOUR) == b.floor(HOUR);
    sent.chunk_by(same).map(hour).collect()
}

fn full_knowledge(mail: &MessageOutcome, checked_at: Timestamp) -> SampledMessage {
    SampledMessage {
        sent_at: mail.sent_at,
        checked_at: Some(checked_at),
        delivered_at: mail.delivered_at,
        bounced_at: mail.bounced_at,
        bounce: mail.bounce,
        listed_bounce_at: None,
        queued: false,
        unreadable: false,
    }
}
