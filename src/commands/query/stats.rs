//! What is stored of a range of time, beside what Postmark's own statistics say of its days.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use serde_json::json;

use crate::commands::query::comparison::{Theirs, Told};
use crate::commands::query::error::{Of, Trouble};
use crate::commands::query::{Answer, Asked, Lookup};
use crate::cycle::Context;
use crate::model::{History, ServerName, Span, StreamId, StreamKey, Tag};
use crate::postmark::{self, Statistics};
use crate::store::{self, Database};
use crate::text::format::format_exact;
use crate::text::sanitize::{clean, json_line};

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
        app: &Context,
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
            format_exact(from, self.zone),
            format_exact(until, self.zone),
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

impl Context {
    /// Adds what is stored of a server to what Postmark says of it.
    async fn stored(
        &self,
        server: &ServerName,
        range: &Range,
        theirs: Option<Theirs>,
    ) -> Result<Told, store::Error> {
        let name = server.clone();
        let mut streams = self.store.call(move |s| s.watched_streams(&name)).await?;
        streams.retain(|stream| range.stream.as_ref().is_none_or(|wanted| wanted == stream));
        let mut told = Told::new(server.clone(), range, theirs);
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
        let (key, span) = (StreamKey::new(server, &stream), range.span);
        let read = move |s: &mut Database| s.history_with_tags(&key, span, &cuts);
        self.store.call(read).await
    }
}

impl Range {
    /// Postmark's days, where they are told apart.
    pub(crate) fn days(&self) -> Vec<NaiveDate> {
        if !self.by_day {
            return Vec::new();
        }
        let (first, last) = postmark::days(self.span);
        first.iter_days().take_while(|day| *day <= last).collect()
    }

    /// What of the range lies on a day of Postmark's.
    pub(crate) fn part(&self, day: NaiveDate) -> Span {
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
