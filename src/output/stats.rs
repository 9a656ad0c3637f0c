//! `stats`: what is stored of a range of time beside Postmark's own statistics, for a person and for scripts.

use std::time::Duration;

use chrono::NaiveDate;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::model::{ServerName, Span, StreamId, Tag, Zone};
use crate::text::format::{count, format_duration, format_exact, percent};
use crate::text::sanitize::clean;
use crate::text::table::Table;

/// Why the two columns differ.
const DIFFERENCES: [&str; 3] = [
    "STORED counts messages, to the second; bounced are messages with a hard or blocked bounce in that time.",
    "POSTMARK counts recipients (a message to three counts three times); bounced includes soft and transient bounces.",
    "Postmark's days are whole days in US Eastern time, and today's counts so far.",
];

/// What is known of a range of time. Serialized, it lacks `since`, `until` and `errors`.
#[derive(Clone, Debug, Serialize)]
pub struct StatsReport {
    #[serde(skip)]
    pub span: Span,
    /// The first and the last of Postmark's days that the range touches.
    #[serde(skip)]
    pub postmark_days: (NaiveDate, NaiveDate),
    /// The stream that is counted; `None` for all.
    pub stream: Option<StreamId>,
    /// The tag that is counted; `None` for all.
    pub tag: Option<Tag>,
    pub servers: Vec<ServerStats>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ServerStats {
    pub name: ServerName,
    /// What is stored of the range; `None` where nothing is.
    #[serde(serialize_with = "stored_view")]
    pub stored: Option<StoredStats>,
    /// What Postmark says of the range; `None` where it did not answer, or days are told apart.
    pub postmark: Option<PostmarkStats>,
    /// Each of Postmark's days, where they are told apart.
    pub days: Vec<DayStats>,
    /// Each tag, where they are told apart: that which lacks most mail first.
    pub tags: Vec<TagStats>,
    /// How much of the range is covered, of the stream that is covered least of those that are.
    #[serde(skip)]
    pub covered: Duration,
    /// The share of the range that this is.
    pub coverage: f64,
    /// The streams without any coverage.
    pub unseen_streams: Vec<StreamId>,
}

/// The messages of one tag that are stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TagStats {
    /// `None` for what bears no tag, or one with too little mail to be watched.
    pub tag: Option<Tag>,
    pub sent: u64,
    /// Those of the same hours a week earlier; `None` where not all of that time is stored.
    pub sent_week_before: Option<u64>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct DayStats {
    /// In Eastern time.
    #[serde(serialize_with = "date")]
    pub day: NaiveDate,
    #[serde(serialize_with = "stored_view")]
    pub stored: Option<StoredStats>,
    pub postmark: Option<PostmarkStats>,
}

/// What is stored of a span, in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredStats {
    pub sent: u64,
    /// What became of them; `None` for a tag, whose bounces are not stored.
    pub bounces: Option<BounceStats>,
}

/// Bounces and complaints of a span, in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BounceStats {
    /// Messages with a hard or blocked bounce in the span.
    pub bounced: u64,
    /// Those of them that were sent before it.
    pub bounced_late: u64,
    pub complaints: u64,
}

/// Postmark's statistics, in recipients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PostmarkStats {
    pub sent: u64,
    /// Bounces of every kind, soft and transient ones among them.
    pub bounced: u64,
    #[serde(rename = "spam_complaint")]
    pub complaints: u64,
    /// Mail that Postmark refused before sending.
    pub api_errors: u64,
}

/// [`StoredStats`] as scripts read them.
#[derive(Serialize)]
struct StoredView {
    sent: Option<u64>,
    bounced: Option<u64>,
    spam_complaint: Option<u64>,
    bounce_rate: Option<f64>,
    spam_rate: Option<f64>,
}

impl StatsReport {
    pub fn to_json(&self, errors: &[String]) -> Value {
        let mut json = json!(self);
        json["since"] = json!(self.span.from.to_string());
        json["until"] = json!(self.span.until.to_string());
        json["errors"] = json!(errors);
        json
    }

    /// Returns the text for a person; empty where nothing is known of any server.
    pub fn to_text(&self, zone: Zone) -> String {
        if self.servers.iter().all(ServerStats::is_empty) {
            return String::new();
        }
        let (first, last) = self.postmark_days;
        let mut text = format!(
            "{} to {} {}; Postmark's days {first} to {last}\n",
            format_exact(self.span.from, zone),
            format_exact(self.span.until, zone),
            zone.name()
        );
        for server in self.servers.iter().filter(|server| !server.is_empty()) {
            let coverage = server.coverage_text(self.span.length());
            text.push_str(&format!("\n{}: {coverage}\n", clean(&server.name.0)));
            text.push_str(&server.table().to_text());
            if !server.tags.is_empty() {
                text.push_str(&format!("\n{}", tag_table(&server.tags).to_text()));
            }
        }
        text.push('\n');
        text.extend(DIFFERENCES.iter().map(|line| format!("{line}\n")));
        if self.tag.is_some() {
            text.push_str("By tag only messages are stored, of tags with enough mail to be watched; bounces are not.\n");
        }
        text
    }
}

impl ServerStats {
    /// Whether neither the store nor Postmark has anything.
    pub fn is_empty(&self) -> bool {
        let nothing = |day: &DayStats| day.postmark.is_none();
        self.stored.is_none() && self.postmark.is_none() && self.days.iter().all(nothing)
    }

    /// Whether the store or Postmark knows of any mail.
    pub fn has_mail(&self) -> bool {
        let is_some = |stored: &Option<StoredStats>, postmark: &Option<PostmarkStats>| {
            stored.as_ref().is_some_and(|of| of.sent > 0)
                || postmark.as_ref().is_some_and(|of| of.sent > 0)
        };
        let mut days = self.days.iter();
        is_some(&self.stored, &self.postmark) || days.any(|day| is_some(&day.stored, &day.postmark))
    }

    fn coverage_text(&self, whole: Duration) -> String {
        let covered = match self.covered {
            Duration::ZERO => return "nothing of it is stored".to_owned(),
            covered if covered >= whole => "all of it is stored".to_owned(),
            covered => format!(
                "{} of {} are stored",
                format_duration(covered),
                format_duration(whole)
            ),
        };
        let unseen: Vec<String> = self.unseen_streams.iter().map(|s| clean(&s.0)).collect();
        match unseen.as_slice() {
            [] => covered,
            unseen => format!("{covered}, nothing of {}", unseen.join(", ")),
        }
    }

    fn table(&self) -> Table {
        if self.days.is_empty() {
            self.sum_table()
        } else {
            self.day_table()
        }
    }

    fn sum_table(&self) -> Table {
        let sent = self.stored.map(|stored| stored.sent);
        let bounces = self.stored.and_then(|stored| stored.bounces);
        let postmark = |read: fn(&PostmarkStats) -> u64| cell(self.postmark.as_ref().map(read));
        let rate = |rate: Option<f64>| rate.map_or_else(String::new, percent);
        let stored_rate = |of: fn(BounceStats, u64) -> f64| {
            let both = bounces.zip(sent);
            rate(both.map(|(bounces, sent)| of(bounces, sent)))
        };
        let postmark_rate = |read: fn(&PostmarkStats) -> u64| {
            let of = |p: &PostmarkStats| read(p) as f64 / p.sent.max(1) as f64;
            rate(self.postmark.as_ref().map(of))
        };
        let (bounced, complaints) = bounces.map(|b| (b.bounced, b.complaints)).unzip();
        let (bounce_rate, complaint_rate) = (BounceStats::bounce_rate, BounceStats::complaint_rate);
        let rows = [
            ("sent", cell(sent), postmark(|p| p.sent)),
            ("bounced", cell(bounced), postmark(|p| p.bounced)),
            (
                "bounce rate",
                stored_rate(bounce_rate),
                postmark_rate(|p| p.bounced),
            ),
            ("complaints", cell(complaints), postmark(|p| p.complaints)),
            (
                "complaint rate",
                stored_rate(complaint_rate),
                postmark_rate(|p| p.complaints),
            ),
            (
                "refused before sending",
                String::new(),
                postmark(|p| p.api_errors),
            ),
        ];
        let mut table = Table::new(&["FIGURE", "STORED", "POSTMARK"]).numbers([1, 2]);
        for (name, stored, postmark) in &rows {
            table.row([name, stored.as_str(), postmark]);
        }
        table
    }

    fn day_table(&self) -> Table {
        let columns = [
            "DAY",
            "SENT",
            "BOUNCED",
            "COMPLAINTS",
            "AT POSTMARK: SENT",
            "BOUNCED",
            "COMPLAINTS",
        ];
        let mut table = Table::new(&columns).numbers(1..7);
        for day in &self.days {
            let bounces = day.stored.and_then(|stored| stored.bounces);
            table.row([
                day.day.to_string(),
                cell(day.stored.map(|stored| stored.sent)),
                cell(bounces.map(|b| b.bounced)),
                cell(bounces.map(|b| b.complaints)),
                cell(day.postmark.map(|p| p.sent)),
                cell(day.postmark.map(|p| p.bounced)),
                cell(day.postmark.map(|p| p.complaints)),
            ]);
        }
        table
    }
}

impl TagStats {
    /// Returns by how many messages less was sent than a week before; negative where it was more.
    pub fn shortfall(&self) -> i64 {
        let before = self.sent_week_before.unwrap_or(self.sent);
        i64::try_from(before).unwrap_or(i64::MAX) - i64::try_from(self.sent).unwrap_or(i64::MAX)
    }
}

fn tag_table(tags: &[TagStats]) -> Table {
    let mut table = Table::new(&["TAG", "SENT", "A WEEK BEFORE"]).numbers([1, 2]);
    for of in tags {
        let tag = of
            .tag
            .as_ref()
            .map_or_else(|| "(other)".to_owned(), |tag| clean(&tag.0));
        table.row([tag, count(of.sent), cell(of.sent_week_before)]);
    }
    table
}

impl StoredStats {
    /// Adds what is stored of another stream; a tag's messages leave the bounces unknown.
    pub fn add(sum: &mut Option<Self>, more: Option<Self>) {
        *sum = match (*sum, more) {
            (Some(a), Some(b)) => Some(Self {
                sent: a.sent + b.sent,
                bounces: a.bounces.zip(b.bounces).map(|(a, b)| a.plus(b)),
            }),
            (sum, more) => sum.or(more),
        };
    }
}

impl BounceStats {
    fn plus(self, other: Self) -> Self {
        Self {
            bounced: self.bounced + other.bounced,
            bounced_late: self.bounced_late + other.bounced_late,
            complaints: self.complaints + other.complaints,
        }
    }

    fn bounce_rate(self, sent: u64) -> f64 {
        self.bounced as f64 / (sent + self.bounced_late).max(1) as f64
    }

    fn complaint_rate(self, sent: u64) -> f64 {
        self.complaints as f64 / sent.max(self.complaints).max(1) as f64
    }
}

fn stored_view<S: Serializer>(stored: &Option<StoredStats>, to: S) -> Result<S::Ok, S::Error> {
    let sent = stored.map(|stored| stored.sent);
    let bounces = stored.and_then(|stored| stored.bounces);
    let rate = |read: fn(BounceStats, u64) -> f64| Some(read(bounces?, sent?));
    let view = StoredView {
        sent,
        bounced: bounces.map(|b| b.bounced),
        spam_complaint: bounces.map(|b| b.complaints),
        bounce_rate: rate(BounceStats::bounce_rate),
        spam_rate: rate(BounceStats::complaint_rate),
    };
    view.serialize(to)
}

fn date<S: Serializer>(day: &NaiveDate, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(day)
}

fn cell(number: Option<u64>) -> String {
    number.map_or_else(String::new, count)
}
