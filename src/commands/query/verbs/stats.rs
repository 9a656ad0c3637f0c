//! `stats`.

use crate::cli::Stats;
use crate::clock;
use crate::commands::query::Range;
use crate::commands::query::verbs::validate::{self, checked, usage};
use crate::commands::query::verbs::{answered, lookup, time_arg};
use crate::commands::{Ended, reading, store_failed};
use crate::config::Config;
use crate::model::{DAY, Span, Tag};

/// Days that are told apart at most: Postmark has a year of them.
const MOST_DAYS: u32 = 366;

/// Tells counts and rates of a range.
pub(crate) async fn stats(config: &Config, args: &Stats) -> Ended {
    let now = clock::now();
    let window = time_arg::window(&args.scope.window, config.time_zone, now)?;
    let until = window.until.unwrap_or(now).min(now);
    let span = Span::new(window.since.unwrap_or(until - 7 * DAY), until);
    if span.is_empty() {
        return Err(usage("--since lies in the future"));
    }
    if args.by_day && span.length() > MOST_DAYS * DAY {
        let why = format!("--by-day tells of at most {MOST_DAYS} days; name a later --since");
        return Err(usage(&why));
    }
    let range = Range {
        span,
        stream: validate::stream(args.scope.place.stream.as_deref())?,
        tag: checked("--tag", args.scope.tag.as_deref())?.map(Tag),
        by_day: args.by_day,
    };
    let app = reading(config.clone())?;
    let lookup = lookup(config, args.scope.place.server.as_deref()).await?;
    let told = lookup.stats(&app, &range, args.scope.json).await;
    answered(&told.map_err(store_failed)?)
}
