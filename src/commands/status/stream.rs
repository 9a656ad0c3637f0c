//! What is stored of one stream: its last day, and how soon its silence would be noticed.

use std::time::Duration;

use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::cycle::report::{covered_until, stream_json};
use crate::cycle::stats::{Figures, figures};
use crate::detect::Silence;
use crate::model::{DAY, History, Rules, Span, StreamId, Tag, Timestamp};
use crate::notify::alert::tag_name;
use crate::text::format::{
    count, format_duration, format_time, format_time_or_never, percent, plural,
};

/// A stream at the instant of the last cycle.
pub(crate) struct StreamTold {
    id: StreamId,
    history: History,
    at: Timestamp,
    day: Figures,
    learning: bool,
    /// How long a stop would go unnoticed at worst, where it would ever be noticed.
    unnoticed: Option<Duration>,
    tags: Vec<TagTold>,
}

/// A tag that is watched on its own.
struct TagTold {
    tag: Tag,
    last_sent: Option<Timestamp>,
    unnoticed: Option<Duration>,
}

impl StreamTold {
    /// From what is known of it, tags included; `series` share the budget of false alarms.
    pub(crate) fn new(
        id: StreamId,
        history: History,
        at: Timestamp,
        rules: &Rules,
        series: usize,
    ) -> Self {
        let silence = Silence::at(&history, at, rules, series);
        let learning = silence.is_learning(&history, at);
        let unnoticed = || silence.unnoticed(&history, at);
        Self {
            id,
            at,
            day: figures(&history, Span::before(at, DAY)),
            learning,
            unnoticed: (!learning).then(unnoticed).flatten(),
            tags: tags_told(&history, at, rules, series),
            history,
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let (history, at) = (&self.history, self.at);
        let mut json = stream_json(&self.id, history, &self.day, at);
        json["last_sent"] = json!(history.last_sent(at).map(|at| at.to_string()));
        json["last_delivered"] = json!(history.last_delivered(at).map(|at| at.to_string()));
        json["learning"] = json!(self.learning);
        json["stop_noticed_after_s"] = json!(self.unnoticed.map(|d| d.as_secs()));
        json["tags"] = self.tags.iter().map(TagTold::to_json).collect();
        json
    }

    pub(crate) fn to_lines(&self, zone: Tz) -> Vec<String> {
        let (history, at, day) = (&self.history, self.at, &self.day);
        let seen = match covered_until(history, at) {
            Some(at) => format!("seen up to {}", format_time(at, zone)),
            None => "nothing seen yet".to_owned(),
        };
        let noticed = match (self.learning, self.unnoticed) {
            (true, _) => "silence still being learned".to_owned(),
            (false, Some(after)) => stop_is_told(&format_duration(after)),
            (false, None) => "too little mail to notice a stop within 45 days".to_owned(),
        };
        let mut lines = vec![
            format!(
                "  {}: last 24h {} sent{}, {} bounced ({}), {}, {} of {} followed proven delivered",
                self.id,
                count(day.sent),
                counted_of(history, Span::before(at, DAY)),
                count(day.bounced),
                percent(day.bounce_rate()),
                plural(day.complaints, "complaint"),
                day.proven,
                day.sampled,
            ),
            format!(
                "    {seen}; last mail {}, last delivery {}",
                format_time_or_never(history.last_sent(at), zone),
                format_time_or_never(history.last_delivered(at), zone),
            ),
            format!("    {noticed}"),
        ];
        lines.extend(self.tags.iter().map(|tag| tag.to_line(zone)));
        lines
    }
}

/// How many of the messages of `day` are known by number alone, where any are.
fn counted_of(history: &History, day: Span) -> String {
    match history.counted_in(day) {
        0 => String::new(),
        counted => format!(" ({} of them counted, not listed)", count(counted)),
    }
}

fn stop_is_told(after: &str) -> String {
    format!("a stop would be told within {after}")
}

fn tags_told(history: &History, at: Timestamp, rules: &Rules, series: usize) -> Vec<TagTold> {
    let told = |(tag, silence): (Tag, Silence)| {
        let of = &history.tags[&tag];
        TagTold {
            last_sent: of.last_sent(at),
            unnoticed: silence.unnoticed(of, at),
            tag,
        }
    };
    let silences = Silence::of_tags(history, at, rules, series);
    silences.into_iter().map(told).collect()
}

impl TagTold {
    fn to_json(&self) -> Value {
        json!({
            "tag": self.tag, "last_sent": self.last_sent.map(|at| at.to_string()),
            "stop_noticed_after_s": self.unnoticed.map(|d| d.as_secs()),
        })
    }

    fn to_line(&self, zone: Tz) -> String {
        let after = self.unnoticed.map(format_duration);
        format!(
            "    {}: last mail {}; {}",
            tag_name(&self.tag),
            format_time_or_never(self.last_sent, zone),
            stop_is_told(after.as_deref().unwrap_or("more than 45 days")),
        )
    }
}
