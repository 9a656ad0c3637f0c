//! What a rule takes as normal from.

use serde_json::{Value, json};

use crate::model::{Judgement, MarkedTime, Rule, Tag, Timestamp};
use crate::notify::alert::Style;
use crate::notify::location::tag_label;
use crate::output::json::evidence::span_json;
use crate::text::format::{format_date_time, short_range};
use crate::text::sanitize::clean;

/// What a rule takes as normal from.
#[derive(Clone, Debug)]
pub struct LearnedFrom {
    pub rule: Rule,
    pub tag: Option<Tag>,
    /// The oldest mail that it knows.
    pub since: Timestamp,
    /// The times of incidents of which people said what they were.
    pub marked: Vec<MarkedTime>,
}

impl LearnedFrom {
    pub(super) fn to_json(&self) -> Value {
        let marked = self.marked.iter().map(|time| {
            json!({
                "incident": time.incident,
                "span": span_json(&time.span),
                "verdict": time.feedback.judgement.name(),
                "by": time.feedback.by,
                "at": time.feedback.at.to_string(),
            })
        });
        json!({ "since": self.since.to_string(), "marked": marked.collect::<Vec<_>>() })
    }

    pub(super) fn lines(&self, at: Timestamp, style: Style) -> Vec<String> {
        let since = format_date_time(self.since, style.zone);
        let mail = match (self.rule, &self.tag) {
            (rule, _) if rule.learns_from_delivery() => {
                "What became of the stream's sampled mail".to_owned()
            }
            (Rule::BounceRate, _) => "Bounces of the stream's mail".to_owned(),
            (Rule::SpamRate, _) => "Complaints about the stream's mail".to_owned(),
            (_, None) => "The stream's mail".to_owned(),
            (_, Some(tag)) => format!("Mail with {}", tag_label(tag)),
        };
        let marked = self.marked.iter().map(|time| {
            let range = short_range(time.span, at, style.zone);
            let by = clean(&time.feedback.by);
            let id = &time.incident;
            match time.feedback.judgement {
                Judgement::Real => format!("Without {range} ({id}): real, as {by} said"),
                Judgement::FalseAlarm => {
                    format!("With {range} ({id}): a false alarm, as {by} said")
                }
            }
        });
        std::iter::once(format!("{mail} since {since}"))
            .chain(marked)
            .collect()
    }
}
