//! Postmark's own statistics: per recipient, in whole Eastern days, kept for ever.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::model::StreamId;
use crate::postmark::convert::{self, Flaw};
use crate::postmark::error::Error;
use crate::postmark::exchange::Request;
use crate::postmark::server::Server;
use crate::postmark::wire;

const SENDS: &str = "/stats/outbound/sends";
const BOUNCES: &str = "/stats/outbound/bounces";
const SPAM: &str = "/stats/outbound/spam";

/// What is counted: whole days, as [`crate::postmark::days`] has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistics {
    pub from: NaiveDate,
    /// The last day, which is counted too.
    pub to: NaiveDate,
    /// `None` for all.
    pub stream: Option<StreamId>,
    pub tag: Option<String>,
}

/// Sums over one or more days, per recipient.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Overview {
    pub sent: u64,
    /// Bounces of every kind, soft and transient ones among them.
    pub bounced: u64,
    /// What was refused before it was stored; not among `bounced`.
    pub api_errors: u64,
    pub complaints: u64,
}

/// Counts by day and what is counted: `Sent`, `HardBounce`, `SpamComplaint` and so on. What is missing is zero.
pub(super) type CountsByDay = BTreeMap<NaiveDate, BTreeMap<String, u64>>;

impl Overview {
    /// Returns the counts of one day, which Postmark names by their kind; every kind that is no other is a bounce.
    fn of_day(counts: &BTreeMap<String, u64>) -> Self {
        let count = |name: &str| counts.get(name).copied().unwrap_or(0);
        let (sent, api_errors) = (count("Sent"), count("SMTPApiError"));
        let complaints = count("SpamComplaint");
        let all = counts.values().copied().fold(0, u64::saturating_add);
        let others = sent.saturating_add(api_errors).saturating_add(complaints);
        Self {
            sent,
            bounced: all.saturating_sub(others),
            api_errors,
            complaints,
        }
    }
}

impl Server {
    /// Returns the sums over all days. One request.
    ///
    /// # Errors
    /// `Refused` where the plan has no statistics (code 614) or the days are too old (1500); else any
    /// [`crate::postmark::ErrorKind`].
    pub async fn overview(&self, of: &Statistics) -> Result<Overview, Error> {
        let request = self.statistics(of, "/stats/outbound");
        self.0.fetch(&request, overview).await
    }

    /// Returns the sums of each day; a day without any is left out. Three requests.
    pub async fn by_day(&self, of: &Statistics) -> Result<BTreeMap<NaiveDate, Overview>, Error> {
        self.counts_by_day(of, &[SENDS, BOUNCES, SPAM]).await
    }

    /// Returns the same without complaints, which are zero. Two requests.
    pub async fn errors_by_day(
        &self,
        of: &Statistics,
    ) -> Result<BTreeMap<NaiveDate, Overview>, Error> {
        self.counts_by_day(of, &[SENDS, BOUNCES]).await
    }

    async fn counts_by_day(
        &self,
        of: &Statistics,
        paths: &[&'static str],
    ) -> Result<BTreeMap<NaiveDate, Overview>, Error> {
        let mut all = CountsByDay::new();
        for path in paths {
            let request = self.statistics(of, path);
            for (day, counts) in self.0.fetch(&request, by_day).await? {
                all.entry(day).or_default().extend(counts);
            }
        }
        let overview = |(day, counts)| (day, Overview::of_day(&counts));
        Ok(all.into_iter().map(overview).collect())
    }

    fn statistics<'a>(&self, of: &'a Statistics, path: &'static str) -> Request<'a> {
        let stream = of.stream.as_ref();
        let request = self.0.request("read Postmark's statistics", path, "");
        let request = request.query("fromdate", of.from).query("todate", of.to);
        let request = request
            .query_if_some("messagestream", stream)
            .stream(stream);
        request.query_if_some("tag", of.tag.as_ref())
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

/// The maximum number of things that are counted; Postmark counts some twenty.
const MAX_COUNTS: usize = 100;

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
            } else if day.counts.len() < MAX_COUNTS {
                let count = map.next_value::<wire::Integer>()?.count();
                day.counts.insert(name, count.unwrap_or(0));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(day)
    }
}

pub(super) fn by_day(body: &[u8]) -> Result<CountsByDay, Flaw> {
    let answer: Days = convert::json(body)?;
    let days = answer.days.ok_or("statistics without Days")?;
    let dated = |day: Day| Ok((day.date.ok_or("a day without Date")?, day.counts));
    days.into_iter().map(dated).collect()
}
