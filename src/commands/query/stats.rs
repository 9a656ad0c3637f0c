//! `stats`: what is stored of a range of time, beside what Postmark's own statistics say of its days.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::NaiveDate;
use clap::Args;

use crate::clock;
use crate::commands::open::{cycle_error, open_readonly};
use crate::commands::query::args::ScopeArgs;
use crate::commands::query::error::{LookupError, Scope};
use crate::commands::query::validate::{self, checked, usage};
use crate::commands::query::{PostmarkQuery, Target, print_answer, unstored_tag};
use crate::commands::{CommandResult, USAGE};
use crate::config::Config;
use crate::cycle::Context;
use crate::cycle::stats::StreamStats;
use crate::model::{DAY, History, ServerName, Span, StreamId, StreamKey, Tag};
use crate::output::stats::{
    BounceStats, DayStats, PostmarkStats, ServerStats, StatsReport, StoredStats, TagStats,
};
use crate::postmark::{self, Overview, Statistics};
use crate::store::{self, Database};
use crate::text::sanitize::json_line;

/// The range where `--since` is not given, in days.
const DEFAULT_DAYS: u32 = 7;
/// The maximum number of days of `--by-day`: Postmark has a year of them.
const MAX_DAYS: u32 = 366;

#[derive(Debug, Args)]
pub struct StatsArgs {
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Break down by day (Postmark's days, US Eastern time)
    #[arg(long)]
    pub by_day: bool,
    /// Break down by tag, beside the same hours a week earlier
    #[arg(long, conflicts_with_all = ["by_day", "tag"])]
    pub by_tag: bool,
}

#[derive(Clone, Debug)]
struct StatsQuery {
    span: Span,
    stream: Option<StreamId>,
    tag: Option<Tag>,
    by_day: bool,
    by_tag: bool,
}

/// What is stored of each tag; `None` is all that has none, or one too small to be watched.
type TagCounts = BTreeMap<Option<Tag>, u64>;

/// Postmark's statistics of a range.
enum PostmarkAnswer {
    Sums(Overview),
    Days(BTreeMap<NaiveDate, Overview>),
}

pub(in crate::commands) async fn stats(config: &Config, args: &StatsArgs) -> CommandResult {
    let range = read_range(config, args)?;
    let context = open_readonly(config.clone())?;
    let server = args.scope.place.server.as_deref();
    let query = PostmarkQuery::open(config, server, range.stream.clone()).await?;
    let (report, errors) = collect(&query, &context, &range).await?;
    let text = match args.scope.json {
        true => json_line(&report.to_json(&errors)),
        false => report.to_text(query.zone),
    };
    print_answer(&text, &errors)
}

fn read_range(config: &Config, args: &StatsArgs) -> Result<StatsQuery, (u8, String)> {
    let now = clock::now();
    let window = args.scope.window(config)?;
    let until = window.until.unwrap_or(now).min(now);
    let since = window.since.unwrap_or(until - DEFAULT_DAYS * DAY);
    let span = Span::new(since, until);
    if span.is_empty() {
        return Err(usage("--since is in the future"));
    }
    if args.by_day && span.length() > MAX_DAYS * DAY {
        let why = format!("--by-day shows at most {MAX_DAYS} days; use a later --since");
        return Err(usage(&why));
    }
    Ok(StatsQuery {
        span,
        stream: validate::stream(args.scope.place.stream.as_deref())?,
        tag: checked("--tag", args.scope.tag.as_deref())?.map(Tag),
        by_day: args.by_day,
        by_tag: args.by_tag,
    })
}

/// Asks Postmark and reads the store. One request for each server, three where days are told apart.
async fn collect(
    query: &PostmarkQuery,
    context: &Context,
    range: &StatsQuery,
) -> Result<(StatsReport, Vec<String>), (u8, String)> {
    let (answers, mut errors) = query
        .query_all(async |server| Ok((server, fetch_postmark(server, range).await)))
        .await?;
    let one_has_it = answers.iter().any(|(_, answer)| answer.is_ok());
    let (mut servers, mut missing) = (Vec::new(), Vec::new());
    for (server, answer) in &answers {
        let lacks = matches!(answer, Err(error) if error.scope == Scope::StreamMissing);
        match answer {
            Err(_) if lacks => missing.push(*server),
            Err(error) => errors.push(server.error_line(error)),
            Ok(_) => {}
        }
        let mut stats = server_stats(&server.name, range, answer.as_ref().ok());
        let added = add_stored(context, &mut stats, range).await;
        added.map_err(cycle_error)?;
        // A stream that Postmark no longer has may still be stored.
        if !(lacks && one_has_it && stats.is_empty()) {
            servers.push(stats);
        }
    }
    if !one_has_it && let Some(unknown) = query.describe_missing_stream(&missing).await {
        if errors.is_empty() && servers.iter().all(ServerStats::is_empty) {
            return Err((USAGE, unknown));
        }
        errors.push(unknown);
    }
    if let Some(tag) = &range.tag
        && !servers.iter().any(ServerStats::has_mail)
    {
        let tags = context.store.call(Database::tag_names).await;
        errors.extend(unstored_tag(&tag.0, &tags.map_err(cycle_error)?));
    }
    let report = StatsReport {
        span: range.span,
        postmark_days: postmark::days(range.span),
        stream: range.stream.clone(),
        tag: range.tag.clone(),
        servers,
    };
    Ok((report, errors))
}

/// Returns what Postmark says of a server, without what is stored of it.
fn server_stats(
    server: &ServerName,
    range: &StatsQuery,
    answer: Option<&PostmarkAnswer>,
) -> ServerStats {
    let (sums, days) = match answer {
        Some(PostmarkAnswer::Sums(sums)) => (Some(postmark_stats(sums)), None),
        Some(PostmarkAnswer::Days(days)) => (None, Some(days)),
        None => (None, None),
    };
    let day_stats = |day: NaiveDate| DayStats {
        day,
        stored: None,
        postmark: days.map(|days| days.get(&day).map(postmark_stats).unwrap_or_default()),
    };
    ServerStats {
        name: server.clone(),
        stored: None,
        postmark: sums,
        days: range.days().into_iter().map(day_stats).collect(),
        tags: Vec::new(),
        covered: Duration::ZERO,
        coverage: 0.0,
        unseen_streams: Vec::new(),
    }
}

const fn postmark_stats(counts: &Overview) -> PostmarkStats {
    PostmarkStats {
        sent: counts.sent,
        bounced: counts.bounced,
        complaints: counts.complaints,
        api_errors: counts.api_errors,
    }
}

async fn add_stored(
    context: &Context,
    stats: &mut ServerStats,
    range: &StatsQuery,
) -> Result<(), store::Error> {
    let (store, name) = (&context.store, stats.name.clone());
    let mut streams = store.call(move |s| s.watched_streams(&name)).await?;
    streams.retain(|stream| range.stream.as_ref().is_none_or(|wanted| wanted == stream));
    if range.by_tag {
        stats.tags = load_tags(context, &stats.name, &streams, range.span).await?;
    }
    let tag = range.tag.as_ref();
    let mut least: Option<Duration> = None;
    for stream in streams {
        let history = load_history(context, &stats.name, stream.clone(), range).await?;
        StoredStats::add(&mut stats.stored, stored_stats(&history, tag, range.span));
        for day in &mut stats.days {
            let of_day = stored_stats(&history, tag, range.day_within(day.day));
            StoredStats::add(&mut day.stored, of_day);
        }
        let covered: Duration = history.seen(range.span).into_iter().map(Span::length).sum();
        match covered.is_zero() {
            true => stats.unseen_streams.push(stream),
            false => least = Some(least.map_or(covered, |least| least.min(covered))),
        }
    }
    stats.covered = least.unwrap_or_default();
    // A range is never empty, and no more of it is covered than there is.
    stats.coverage = stats.covered.as_secs_f64() / range.span.length().as_secs_f64();
    Ok(())
}

/// Reads what is known of a stream, exact at the ends of the range and of each of its days.
async fn load_history(
    context: &Context,
    server: &ServerName,
    stream: StreamId,
    range: &StatsQuery,
) -> Result<History, store::Error> {
    let days = range.days().into_iter().map(|day| range.day_within(day));
    let spans = days.chain([range.span]);
    let cuts: Vec<_> = spans.flat_map(|s| [s.from, s.until]).collect();
    let (key, span) = (StreamKey::new(server, &stream), range.span);
    let read = move |s: &mut Database| s.history_with_tags(&key, span, &cuts);
    context.store.call(read).await
}

/// Reads how much of each tag was sent in a span, and in the same hours a week before.
async fn load_tags(
    context: &Context,
    server: &ServerName,
    streams: &[StreamId],
    span: Span,
) -> Result<Vec<TagStats>, store::Error> {
    let before = Span::new(span.from - 7 * DAY, span.until - 7 * DAY);
    // Read as one range, so that both count the same tags.
    let whole = Span::new(before.from, span.until);
    let cuts = [before.from, before.until, span.from, span.until];
    let (mut now, mut earlier, mut all_seen) = (TagCounts::new(), TagCounts::new(), true);
    for stream in streams {
        let key = StreamKey::new(server, stream);
        let read = move |s: &mut Database| s.history_with_tags(&key, whole, &cuts);
        let history = context.store.call(read).await?;
        let seen: Duration = history.seen(before).into_iter().map(Span::length).sum();
        // A stream of which nothing is known has no part in either count.
        all_seen &= seen >= before.length() || history.seen(whole).is_empty();
        count_tags(&history, span, &mut now);
        count_tags(&history, before, &mut earlier);
    }
    let tags: BTreeSet<Option<Tag>> = now.keys().chain(earlier.keys()).cloned().collect();
    let of_tag = |tag: Option<Tag>| TagStats {
        sent: now.get(&tag).copied().unwrap_or_default(),
        sent_week_before: all_seen.then(|| earlier.get(&tag).copied().unwrap_or_default()),
        tag,
    };
    let mut tags: Vec<TagStats> = tags.into_iter().map(of_tag).collect();
    tags.sort_by_key(|of| (Reverse(of.shortfall()), Reverse(of.sent), of.tag.clone()));
    Ok(tags)
}

fn count_tags(history: &History, span: Span, counts: &mut TagCounts) {
    let mut rest = history.sent.count(span);
    for (tag, of_tag) in &history.tags {
        let sent = of_tag.sent.count(span);
        rest = rest.saturating_sub(sent);
        if sent > 0 {
            *counts.entry(Some(tag.clone())).or_default() += sent;
        }
    }
    if rest > 0 {
        *counts.entry(None).or_default() += rest;
    }
}

/// Returns what a history tells of a span; `None` where nothing of it was seen.
fn stored_stats(history: &History, tag: Option<&Tag>, span: Span) -> Option<StoredStats> {
    if history.seen(span).is_empty() {
        return None;
    }
    if let Some(tag) = tag {
        return history.tags.get(tag).map(|of_tag| StoredStats {
            sent: of_tag.sent.count(span),
            bounces: None,
        });
    }
    let stats = StreamStats::from_history(history, span);
    Some(StoredStats {
        sent: stats.sent,
        bounces: Some(BounceStats {
            bounced: stats.bounced,
            bounced_late: stats.bounced_late,
            complaints: stats.complaints,
        }),
    })
}

impl StatsQuery {
    /// Returns Postmark's days, where they are told apart.
    fn days(&self) -> Vec<NaiveDate> {
        if !self.by_day {
            return Vec::new();
        }
        let (first, last) = postmark::days(self.span);
        first.iter_days().take_while(|day| *day <= last).collect()
    }

    /// Returns the part of the range that lies on one of Postmark's days.
    fn day_within(&self, day: NaiveDate) -> Span {
        postmark::day(day).intersect(self.span)
    }
}

async fn fetch_postmark(
    server: &Target,
    range: &StatsQuery,
) -> Result<PostmarkAnswer, LookupError> {
    let (from, to) = postmark::days(range.span);
    let wanted = Statistics {
        from,
        to,
        stream: range.stream.clone(),
        tag: range.tag.as_ref().map(|tag| tag.0.clone()),
    };
    let api = server.api()?;
    Ok(match range.by_day {
        true => PostmarkAnswer::Days(api.by_day(&wanted).await?),
        false => PostmarkAnswer::Sums(api.overview(&wanted).await?),
    })
}
