//! What is stored of a range of time, beside what Postmark's own statistics say of its days.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::app::App;
use crate::app::evaluate::history_with_tags;
use crate::app::lookup::stored::{Marks, Ours, ours, ours_json};
use crate::app::lookup::trouble::{Of, Trouble};
use crate::app::lookup::{Answer, Asked, Lookup, json_line};
use crate::message::table::Table;
use crate::message::text::clean;
use crate::message::words::{count, exactly, percent, span};
use crate::model::{History, ServerName, Span, StreamId, Tag};
use crate::postmark::{self, ByDay, Overview, Statistics};
use crate::store::{self, Backend};

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// From when to when.
    pub span: Span,
    /// Of this stream alone.
    pub stream: Option<StreamId>,
    /// Of messages with this tag.
    pub tag: Option<Tag>,
    /// Whether each of Postmark's days is told apart.
    pub by_day: bool,
}

/// One server's figures.
struct Told {
    server: ServerName,
    /// What is stored of the span, where anything is.
    ours: Option<Ours>,
    /// What is stored of each day, where they are told apart.
    days: BTreeMap<NaiveDate, Option<Ours>>,
    /// How much of the span was seen, of the stream that was seen least of those that were.
    seen: Duration,
    /// Streams of which nothing was seen.
    unseen: Vec<StreamId>,
    /// `None` where Postmark did not tell.
    theirs: Option<Theirs>,
}

/// Postmark's statistics.
#[derive(Clone)]
enum Theirs {
    Sums(Overview),
    Days(ByDay),
}

/// Where both tell of the same and mean something else.
const MEANINGS: [&str; 3] = [
    "stored: messages, by the second; bounced are messages with a hard or blocked bounce in that time",
    "Postmark: recipients, so that a message to three counts three times; bounced includes soft and transient ones",
    "Postmark counts whole days of its own, in Eastern time, and today's so far",
];

impl Lookup {
    /// Counts and rates of a range. One request for each server, three where days are told apart.
    ///
    /// # Errors
    /// Where the database fails. What Postmark does not answer is an error beside what is stored.
    pub async fn stats(
        &self,
        app: &App,
        range: &Range,
        as_json: bool,
    ) -> Result<Answer, store::Error> {
        let (answers, mut errors) = self
            .each(|server| {
                let range = range.clone();
                async move { Ok((Arc::clone(&server), theirs(&server, &range).await)) }
            })
            .await;
        let one_has_it = answers.iter().any(|(_, theirs)| theirs.is_ok());
        let (mut all, mut lacking) = (Vec::new(), Vec::new());
        for (server, theirs) in &answers {
            let lacks = matches!(theirs, Err(trouble) if trouble.of == Of::NoStream);
            match theirs {
                Err(_) if lacks => lacking.push(&**server),
                Err(trouble) => errors.push(server.line(trouble)),
                Ok(_) => {}
            }
            let theirs = theirs.as_ref().ok().cloned();
            let told = app.stored(&server.name, range, theirs).await?;
            // A stream that Postmark no longer has may still be stored.
            if !(lacks && one_has_it && told.is_empty()) {
                all.push(told);
            }
        }
        if !one_has_it {
            errors.extend(self.no_stream(&lacking).await);
        }
        let text = match as_json {
            true => json_line(&json!({
                "since": range.span.from.to_string(), "until": range.span.until.to_string(),
                "stream": range.stream, "tag": range.tag,
                "servers": all.iter().map(|told| told.to_json(range)).collect::<Vec<_>>(), "errors": errors,
            })),
            // What could not be read is not empty.
            false if all.iter().all(Told::is_empty) => String::new(),
            false => self.stats_text(&all, range),
        };
        Ok(Answer { text, errors })
    }

    fn stats_text(&self, all: &[Told], range: &Range) -> String {
        let (from, until) = (range.span.from, range.span.until);
        let (first, last) = postmark::days(range.span);
        let mut text = format!(
            "{} to {} {}; Postmark's days {first} to {last}\n",
            exactly(from, self.zone),
            exactly(until, self.zone),
            self.zone.name()
        );
        for told in all.iter().filter(|told| !told.is_empty()) {
            let covered = told.covered(range.span.length());
            text.push_str(&format!("\n{}: {covered}\n", clean(&told.server.0)));
            text.push_str(&told.table().to_text());
        }
        text.push('\n');
        let meanings = MEANINGS.iter().map(|meaning| format!("{meaning}\n"));
        text.extend(meanings);
        if range.tag.is_some() {
            text.push_str("stored by tag: messages only, of tags with mail enough to be watched; bounces are not kept by tag\n");
        }
        text
    }
}

impl App {
    /// Adds what is stored of a server to what Postmark says of it.
    async fn stored(
        &self,
        server: &ServerName,
        range: &Range,
        theirs: Option<Theirs>,
    ) -> Result<Told, store::Error> {
        let name = server.clone();
        let mut streams = self.store.call(move |s| s.streams(&name)).await?;
        streams.retain(|stream| range.stream.as_ref().is_none_or(|wanted| wanted == stream));
        let mut told = Told {
            server: server.clone(),
            ours: None,
            days: range.days().into_iter().map(|day| (day, None)).collect(),
            seen: Duration::ZERO,
            unseen: Vec::new(),
            theirs,
        };
        let mut least: Option<Duration> = None;
        for stream in streams {
            let history = self.of_range(&told.server, stream.clone(), range).await?;
            told.add(&history, range);
            let seen: Duration = history.seen(range.span).into_iter().map(Span::length).sum();
            match seen.is_zero() {
                true => told.unseen.push(stream),
                false => least = Some(least.map_or(seen, |least| least.min(seen))),
            }
        }
        told.seen = least.unwrap_or_default();
        Ok(told)
    }

    async fn of_range(
        &self,
        server: &ServerName,
        stream: StreamId,
        range: &Range,
    ) -> Result<History, store::Error> {
        let spans = range.days().into_iter().map(|day| range.part(day));
        let spans = spans.chain([range.span]);
        let cuts: Vec<_> = spans.flat_map(|s| [s.from, s.until]).collect();
        let (server, span) = (server.clone(), range.span);
        let read = move |s: &mut dyn Backend| history_with_tags(s, &server, &stream, span, &cuts);
        self.store.call(read).await
    }
}

impl Range {
    /// Postmark's days, where they are told apart.
    fn days(&self) -> Vec<NaiveDate> {
        if !self.by_day {
            return Vec::new();
        }
        let (first, last) = postmark::days(self.span);
        first.iter_days().take_while(|day| *day <= last).collect()
    }

    /// What of the range lies on a day of Postmark's.
    fn part(&self, day: NaiveDate) -> Span {
        postmark::day(day).intersect(self.span)
    }
}

async fn theirs(server: &Asked, range: &Range) -> Result<Theirs, Trouble> {
    let (from, to) = postmark::days(range.span);
    let of = Statistics {
        from,
        to,
        stream: range.stream.clone(),
        tag: range.tag.as_ref().map(|tag| tag.0.clone()),
    };
    let api = server.api()?;
    Ok(match range.by_day {
        true => Theirs::Days(api.by_day(&of).await?),
        false => Theirs::Sums(api.overview(&of).await?),
    })
}

impl Told {
    fn add(&mut self, history: &History, range: &Range) {
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
    const fn is_empty(&self) -> bool {
        self.ours.is_none() && self.theirs.is_none()
    }

    /// How much of a range of this length was seen, in words.
    fn covered(&self, whole: Duration) -> String {
        let covered = match self.seen {
            Duration::ZERO => return "nothing of it is stored".to_owned(),
            seen if seen >= whole => "all of it is stored".to_owned(),
            seen => format!("{} of its {} are stored", span(seen), span(whole)),
        };
        let unseen: Vec<String> = self.unseen.iter().map(|s| clean(&s.0)).collect();
        match unseen.as_slice() {
            [] => covered,
            unseen => format!("{covered}, nothing of {}", unseen.join(", ")),
        }
    }

    fn table(&self) -> Table {
        match &self.theirs {
            Some(Theirs::Days(days)) => self.by_day(Some(days)),
            Some(Theirs::Sums(sums)) => self.sums(Some(sums)),
            None if !self.days.is_empty() => self.by_day(None),
            None => self.sums(None),
        }
    }

    fn sums(&self, theirs: Option<&Overview>) -> Table {
        let mut table = Table::new(&["FIGURE", "STORED", "POSTMARK"]).numbers([1, 2]);
        let marks = self.ours.and_then(|ours| Some((ours.sent, ours.marks?)));
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
            let marks = ours.and_then(|ours| ours.marks);
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

    fn to_json(&self, range: &Range) -> Value {
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
