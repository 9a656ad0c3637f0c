//! `GET /stats/outbound` and the paths below it: whole Eastern days, per recipient, kept forever.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::model::{Span, Timestamp};
use crate::sim::http::ReceivedRequest;

use super::eastern;
use super::http::{Refusal, View};
use super::messages;
use super::query;

pub(super) const PARAMETERS: &[&str] = &["tag", "fromdate", "todate", "messagestream"];

const API_ERROR: &str = "SMTPApiError";
const COMPLAINT: &str = "SpamComplaint";

/// The counts of each day that has any, by `Sent` or by bounce type.
type Days = BTreeMap<NaiveDate, BTreeMap<String, u64>>;

pub(super) fn overview(view: &View<'_>, received: &ReceivedRequest) -> Result<String, Refusal> {
    let sent = total(&sent_days(view, received)?, |_| true);
    let days = bounce_days(view, received)?;
    let bounced = total(&days, |kind| kind != API_ERROR && kind != COMPLAINT);
    let complaints = total(&days, |kind| kind == COMPLAINT);
    let answer = json!({
        "Sent": sent,
        "Bounced": bounced,
        "SMTPApiErrors": total(&days, |kind| kind == API_ERROR),
        "BounceRate": percent(bounced, sent),
        "SpamComplaints": complaints,
        "SpamComplaintsRate": percent(complaints, sent),
        "Tracked": sent,
        "Opens": 0,
        "UniqueOpens": 0,
        "TotalClicks": 0,
        "UniqueLinksClicked": 0,
    });
    Ok(answer.to_string())
}

pub(super) fn sends(view: &View<'_>, received: &ReceivedRequest) -> Result<String, Refusal> {
    Ok(by_day(&sent_days(view, received)?))
}

pub(super) fn bounces(view: &View<'_>, received: &ReceivedRequest) -> Result<String, Refusal> {
    let mut days = bounce_days(view, received)?;
    keep(&mut days, |kind| kind != COMPLAINT);
    Ok(by_day(&days))
}

pub(super) fn spam(view: &View<'_>, received: &ReceivedRequest) -> Result<String, Refusal> {
    let mut days = bounce_days(view, received)?;
    keep(&mut days, |kind| kind == COMPLAINT);
    Ok(by_day(&days))
}

fn sent_days(view: &View<'_>, received: &ReceivedRequest) -> Result<Days, Refusal> {
    let span = window(view, received)?;
    let (mut days, mut calendar) = (Days::new(), eastern::Calendar::default());
    for stream in query::streams(view, received, true)? {
        for entry in stream.sent(span) {
            let tag = received.query("tag");
            if tag.is_none_or(|tag| stream.mail(&entry).tag.as_deref() == Some(tag)) {
                let day = days.entry(calendar.day(entry.sent_at)).or_default();
                let recipients = entry.recipients() as u64;
                match day.get_mut("Sent") {
                    Some(sent) => *sent += recipients,
                    None => {
                        day.insert("Sent".to_owned(), recipients);
                    }
                }
            }
        }
    }
    Ok(days)
}

fn bounce_days(view: &View<'_>, received: &ReceivedRequest) -> Result<Days, Refusal> {
    let span = window(view, received)?;
    let (mut days, mut calendar) = (Days::new(), eastern::Calendar::default());
    for stream in query::streams(view, received, true)? {
        for listed in stream.bounces(span) {
            let tag = listed.mail().and_then(|mail| mail.tag.as_deref());
            if received
                .query("tag")
                .is_none_or(|received| tag == Some(received))
            {
                let day = days.entry(calendar.day(listed.bounce.at)).or_default();
                *day.entry(listed.bounce.kind.clone()).or_default() += 1;
            }
        }
    }
    Ok(days)
}

/// Returns the requested days, both included, up to now.
fn window(view: &View<'_>, received: &ReceivedRequest) -> Result<Span, Refusal> {
    let mut span = messages::ALWAYS;
    for (name, edge) in [
        ("fromdate", eastern::Edge::From),
        ("todate", eastern::Edge::To),
    ] {
        let Some(text) = received.query(name) else {
            continue;
        };
        let is_date = NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok();
        match (eastern::bound(text, edge, view.quirks), edge) {
            (eastern::Bound::At(at), eastern::Edge::From) if is_date => span.from = at,
            (eastern::Bound::At(at), eastern::Edge::To) if is_date => span.until = at,
            _ => {
                let text = format!("Parameter '{name}' is not a valid date.");
                return Err(Refusal::invalid(900, text));
            }
        }
    }
    if span.is_empty() {
        let text = "FromDate must come before ToDate.";
        return Err(Refusal::invalid(1502, text));
    }
    span.until = span.until.min(Timestamp(view.now.0.saturating_add(1)));
    Ok(span)
}

fn keep(days: &mut Days, wanted: impl Fn(&str) -> bool) {
    for day in days.values_mut() {
        day.retain(|kind, _| wanted(kind));
    }
    days.retain(|_, day| !day.is_empty());
}

fn total(days: &Days, wanted: impl Fn(&str) -> bool) -> u64 {
    let counts = days.values().flatten();
    counts
        .filter(|(kind, _)| wanted(kind))
        .map(|(_, count)| count)
        .sum()
}

/// Returns `{"Days":[{"Date":…,KIND:n},…],KIND:n}`; without days there are no totals either, as recorded.
fn by_day(days: &Days) -> String {
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    let mut rows = Vec::new();
    for (date, counts) in days {
        let mut row = Map::new();
        row.insert("Date".to_owned(), json!(date.to_string()));
        for (kind, count) in counts {
            row.insert(kind.clone(), json!(count));
            *totals.entry(kind).or_default() += count;
        }
        rows.push(Value::Object(row));
    }
    let mut answer = json!(totals);
    answer["Days"] = Value::Array(rows);
    answer.to_string()
}

/// Returns a percentage to three decimals.
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    (part as f64 / whole as f64 * 100_000.0).round() / 1000.0
}
