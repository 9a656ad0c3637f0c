//! Postmark's own statistics: per recipient, in whole Eastern days, kept for ever.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::model::StreamId;
use crate::postmark::convert::{self, Flaw};
use crate::postmark::error::Error;
use crate::postmark::exchange::Ask;
use crate::postmark::server::{SMALL_LIMIT, Server};
use crate::postmark::wire;

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// The first day, as [`crate::postmark::days`] tells it.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// Of this stream; `None` for all.
    pub stream: Option<StreamId>,
    /// Of messages with this tag.
    pub tag: Option<String>,
}

/// Sums over all days, per recipient.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Overview {
    /// Recipients that were sent to.
    pub sent: u64,
    /// Bounces of every kind, soft and transient ones among them.
    pub bounced: u64,
    /// What was refused before it was stored; not among `bounced`.
    pub api_errors: u64,
    /// Complaints.
    pub complaints: u64,
}

/// Counts by day and what is counted: `Sent`, `HardBounce`, `SpamComplaint` and so on. What is missing is zero.
pub type ByDay = BTreeMap<NaiveDate, BTreeMap<String, u64>>;

impl Server {
    /// The sums over all days. One request.
    ///
    /// # Errors
    /// `Refused` where the plan has no statistics (code 614) or the days are too old (1500); else any
    /// [`crate::postmark::ErrorKind`].
    pub async fn overview(&self, of: &Statistics) -> Result<Overview, Error> {
        let ask = self.statistics(of, "/stats/outbound", &[]);
        self.caller().fetch(&ask, overview).await
    }

    /// What was sent, bounced and complained of on each day. Three requests.
    ///
    /// # Errors
    /// Those of [`Server::overview`].
    pub async fn by_day(&self, of: &Statistics) -> Result<ByDay, Error> {
        let mut all = ByDay::new();
        for part in ["sends", "bounces", "spam"] {
            let ask = self.statistics(of, "/stats/outbound/…", &[part]);
            for (day, counts) in self.caller().fetch(&ask, by_day).await? {
                all.entry(day).or_default().extend(counts);
            }
        }
        Ok(all)
    }

    fn statistics<'a>(&self, of: &'a Statistics, path: &'static str, part: &[&str]) -> Ask<'a> {
        let (from, to) = (of.from.to_string(), of.to.to_string());
        let segments: Vec<&str> = ["stats", "outbound"].iter().chain(part).copied().collect();
        let mut url = self
            .caller()
            .url(&segments, &[("fromdate", &from), ("todate", &to)]);
        let stream = of.stream.as_ref().map(|s| ("messagestream", s.0.as_str()));
        let tag = of.tag.as_ref().map(|tag| ("tag", tag.as_str()));
        url.query_pairs_mut()
            .extend_pairs(stream.into_iter().chain(tag));
        Ask {
            doing: "read Postmark's statistics".to_owned(),
            path,
            stream: of.stream.as_ref(),
            url,
            limit: SMALL_LIMIT,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sums {
    sent: Option<wire::Integer>,
    bounced: Option<wire::Integer>,
    #[serde(rename = "SMTPApiErrors", alias = "SMTPAPIErrors")]
    api_errors: Option<wire::Integer>,
    spam_complaints: Option<wire::Integer>,
}

pub(super) fn overview(body: &[u8]) -> Result<Overview, Flaw> {
    let answer: Sums = convert::json(body)?;
    let count = |number: Option<wire::Integer>| number.and_then(|n| n.count());
    // Zero keys may be left out, but an answer without any is none.
    let sent = count(answer.sent).ok_or("statistics without Sent")?;
    Ok(Overview {
        sent,
        bounced: count(answer.bounced).unwrap_or(0),
        api_errors: count(answer.api_errors).unwrap_or(0),
        complaints: count(answer.spam_complaints).unwrap_or(0),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Days {
    #[serde(default, deserialize_with = "wire::list")]
    days: Option<Vec<Day>>,
}

/// `Date`, and beside it a number for each thing that is counted.
#[derive(Default)]
struct Day {
    date: Option<NaiveDate>,
    counts: BTreeMap<String, u64>,
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DayVisitor)
    }
}

struct DayVisitor;

/// Postmark counts some twenty things.
const MOST_COUNTS: usize = 100;

impl<'de> Visitor<'de> for DayVisitor {
    type Value = Day;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a day with its counts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Day, A::Error> {
        let mut day = Day::default();
        while let Some(name) = map.next_key::<String>()? {
            if name == "Date" {
                let text: String = map.next_value()?;
                day.date = text.get(..10).and_then(|date| date.parse().ok());
            } else if day.counts.len() < MOST_COUNTS {
                let count = map.next_value::<wire::Integer>()?.count();
                day.counts.insert(name, count.unwrap_or(0));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(day)
    }
}

pub(super) fn by_day(body: &[u8]) -> Result<ByDay, Flaw> {
    let answer: Days = convert::json(body)?;
    let days = answer.days.ok_or("statistics without Days")?;
    let dated = |day: Day| Ok((day.date.ok_or("a day without Date")?, day.counts));
    days.into_iter().map(dated).collect()
}
