//! One server's figures of a range: what is stored, and what Postmark says.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::commands::query::stats::Range;
use crate::commands::query::stored_stats::{Marks, Ours, ours, ours_json};
use crate::model::{History, ServerName, StreamId};
use crate::postmark::{ByDay, Overview};
use crate::text::format::{count, format_duration, percent};
use crate::text::sanitize::clean;
use crate::text::table::Table;

/// One server's figures.
pub(crate) struct Told {
    pub(crate) server: ServerName,
    /// What is stored of the span, where anything is.
    pub(crate) ours: Option<Ours>,
    /// What is stored of each day, where they are told apart.
    days: BTreeMap<NaiveDate, Option<Ours>>,
    /// How much of the span was seen, of the stream that was seen least of those that were.
    pub(crate) seen: Duration,
    /// Streams of which nothing was seen.
    pub(crate) unseen: Vec<StreamId>,
    /// `None` where Postmark did not tell.
    theirs: Option<Theirs>,
}

/// Postmark's statistics.
#[derive(Clone)]
pub(crate) enum Theirs {
    Sums(Overview),
    Days(ByDay),
}

impl Told {
    /// Nothing is stored of it yet.
    pub(crate) fn new(server: ServerName, range: &Range, theirs: Option<Theirs>) -> Self {
        Self {
            server,
            ours: None,
            days: range.days().into_iter().map(|day| (day, None)).collect(),
            seen: Duration::ZERO,
            unseen: Vec::new(),
            theirs,
        }
    }

    /// Adds what is stored of a stream.
    pub(crate) fn add(&mut self, history: &History, range: &Range) {
        let tag = range.tag.as_ref();
        let add = |sum: &mut Option<Ours>, more: Option<Ours>| {
            *sum = match (*sum, more) {
                (Some(sum), Some(more)) => Some(sum.plus(more)),
                (sum, more) => sum.or(more),
            };
        };
        add(&mut self.ours, ours(history, tag, range.span));
        for (day, of) in &mut self.days {
            add(of, ours(history, tag, range.part(*day)));
        }
    }

    /// Whether nobody tells anything.
    pub(crate) const fn is_empty(&self) -> bool {
        self.ours.is_none() && self.theirs.is_none()
    }

    /// How much of a range of this length was seen, in words.
    pub(crate) fn covered(&self, whole: Duration) -> String {
        let covered = match self.seen {
            Duration::ZERO => return "nothing of it is stored".to_owned(),
            seen if seen >= whole => "all of it is stored".to_owned(),
            seen => format!(
                "{} of {} are stored",
                format_duration(seen),
                format_duration(whole)
            ),
        };
        let unseen: Vec<String> = self.unseen.iter().map(|s| clean(&s.0)).collect();
        match unseen.as_slice() {
            [] => covered,
            unseen => format!("{covered}, nothing of {}", unseen.join(", ")),
        }
    }

    pub(crate) fn table(&self) -> Table {
        match &self.theirs {
            Some(Theirs::Days(days)) => self.by_day(Some(days)),
            Some(Theirs::Sums(sums)) => self.sums(Some(sums)),
            None if !self.days.is_empty() => self.by_day(None),
            None => self.sums(None),
        }
    }

    fn sums(&self, theirs: Option<&Overview>) -> Table {
        let mut table = Table::new(&["FIGURE", "STORED", "POSTMARK"]).numbers([1, 2]);
        let marks = self
            .ours
            .and_then(|ours| Some((ours.sent, ours.bounce_events?)));
        let of = |read: fn(&Overview) -> u64| shown(theirs.map(read));
        let share = |part: fn(&Overview) -> u64| {
            let rate = theirs.map(|t| part(t) as f64 / t.sent.max(1) as f64);
            rate.map_or_else(String::new, percent)
        };
        let rate = |read: fn(Marks, u64) -> f64| {
            marks.map_or_else(String::new, |(sent, marks)| percent(read(marks, sent)))
        };
        table.row(["sent", &shown(self.ours.map(|o| o.sent)), &of(|t| t.sent)]);
        table.row([
            "bounced",
            &shown(marks.map(|(_, m)| m.bounced)),
            &of(|t| t.bounced),
        ]);
        table.row([
            "bounce rate",
            &rate(Marks::bounce_rate),
            &share(|t| t.bounced),
        ]);
        table.row([
            "complaints",
            &shown(marks.map(|(_, m)| m.complaints)),
            &of(|t| t.complaints),
        ]);
        table.row([
            "complaint rate",
            &rate(Marks::complaint_rate),
            &share(|t| t.complaints),
        ]);
        table.row(["refused before sending", "", &of(|t| t.api_errors)]);
        table
    }

    fn by_day(&self, theirs: Option<&ByDay>) -> Table {
        let headings = [
            "DAY",
            "SENT",
            "BOUNCED",
            "COMPLAINTS",
            "AT POSTMARK: SENT",
            "BOUNCED",
            "COMPLAINTS",
        ];
        let mut table = Table::new(&headings).numbers(1..7);
        for (day, ours) in &self.days {
            let marks = ours.and_then(|ours| ours.bounce_events);
            let sums = theirs.map(|all| all.get(day).map(of_day).unwrap_or_default());
            table.row([
                day.to_string(),
                shown(ours.map(|ours| ours.sent)),
                shown(marks.map(|marks| marks.bounced)),
                shown(marks.map(|marks| marks.complaints)),
                shown(sums.map(|sums| sums.sent)),
                shown(sums.map(|sums| sums.bounced)),
                shown(sums.map(|sums| sums.complaints)),
            ]);
        }
        table
    }

    pub(crate) fn to_json(&self, range: &Range) -> Value {
        // A range is never empty, and no more of it was seen than there is.
        let coverage = self.seen.as_secs_f64() / range.span.length().as_secs_f64();
        let days = self.days.iter().map(|(day, ours)| {
            let theirs = match &self.theirs {
                Some(Theirs::Days(all)) => Some(all.get(day).map(of_day).unwrap_or_default()),
                _ => None,
            };
            json!({ "day": day.to_string(), "stored": ours_json(*ours), "postmark": theirs.map(theirs_json) })
        });
        let sums = match &self.theirs {
            Some(Theirs::Sums(sums)) => Some(theirs_json(*sums)),
            _ => None,
        };
        json!({
            "name": self.server, "coverage": coverage, "unseen_streams": self.unseen, "stored": ours_json(self.ours), "postmark": sums,
            "days": days.collect::<Vec<_>>(),
        })
    }
}

/// Postmark's counts of one day.
fn of_day(counts: &BTreeMap<String, u64>) -> Overview {
    let count = |name: &str| counts.get(name).copied().unwrap_or(0);
    let (sent, api_errors, complaints) =
        (count("Sent"), count("SMTPApiError"), count("SpamComplaint"));
    let all = counts
        .values()
        .fold(0u64, |sum, count| sum.saturating_add(*count));
    Overview {
        sent,
        bounced: all.saturating_sub(sent.saturating_add(api_errors).saturating_add(complaints)),
        api_errors,
        complaints,
    }
}

fn shown(number: Option<u64>) -> String {
    number.map_or_else(String::new, count)
}

fn theirs_json(sums: Overview) -> Value {
    json!({
        "sent": sums.sent, "bounced": sums.bounced, "spam_complaint": sums.complaints, "api_errors": sums.api_errors,
    })
}
