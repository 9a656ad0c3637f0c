//! What is stored of a span of time.

use serde_json::{Value, json};

use crate::cycle::stats::figures;
use crate::model::{History, Span, Tag};

/// What is stored of a span, in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ours {
    pub(crate) sent: u64,
    /// `None` where only messages are kept.
    pub(crate) bounce_events: Option<Marks>,
}

/// What became of messages in a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) bounced: u64,
    /// Those that bounced in the span and were sent before it.
    late: u64,
    pub(crate) complaints: u64,
}

/// What a history tells of a span; `None` where nothing of it was seen.
pub(crate) fn ours(history: &History, tag: Option<&Tag>, span: Span) -> Option<Ours> {
    if history.seen(span).is_empty() {
        return None;
    }
    match tag {
        Some(tag) => history.tags.get(tag).map(|of| Ours {
            sent: of.sent.count(span),
            bounce_events: None,
        }),
        None => {
            let figures = figures(history, span);
            Some(Ours {
                sent: figures.sent,
                bounce_events: Some(Marks {
                    bounced: figures.bounced,
                    late: figures.bounced_late,
                    complaints: figures.complaints,
                }),
            })
        }
    }
}

impl Ours {
    pub(crate) fn plus(self, other: Self) -> Self {
        let both = self.bounce_events.zip(other.bounce_events);
        Self {
            sent: self.sent + other.sent,
            bounce_events: both.map(|(a, b)| Marks {
                bounced: a.bounced + b.bounced,
                late: a.late + b.late,
                complaints: a.complaints + b.complaints,
            }),
        }
    }
}

impl Marks {
    pub(crate) fn bounce_rate(self, sent: u64) -> f64 {
        self.bounced as f64 / (sent + self.late).max(1) as f64
    }

    pub(crate) fn complaint_rate(self, sent: u64) -> f64 {
        self.complaints as f64 / sent.max(self.complaints).max(1) as f64
    }
}

/// As scripts read it.
pub(crate) fn ours_json(ours: Option<Ours>) -> Value {
    let marks = ours.and_then(|ours| Some((ours.sent, ours.bounce_events?)));
    json!({
        "sent": ours.map(|ours| ours.sent), "bounced": marks.map(|(_, m)| m.bounced),
        "spam_complaint": marks.map(|(_, m)| m.complaints),
        "bounce_rate": marks.map(|(sent, m)| m.bounce_rate(sent)),
        "spam_rate": marks.map(|(sent, m)| m.complaint_rate(sent)),
    })
}
