//! Which tags of a stream are watched for silence on their own: those with volume of their own, which a stream full of
//! other mail would hide.
//!
//! Tags are free text: some senders use a dozen, others a new one for every campaign or message. A tag counts once it came
//! regularly for weeks, and is forgotten once it stayed away for as long: it was renamed, or the feature is gone.

use std::time::Duration;

use crate::model::{
    DAY, History, HourCount, MIN_TAG_MESSAGES, Series, Span, StreamId, TAG_LOOKBACK, Tag, Timestamp,
};

/// Messages are counted over this long before the tag's last mail: its silence does not make it less of a tag.
const VOLUME_WINDOW: Duration = TAG_LOOKBACK.saturating_sub(FOUR_WEEKS);
/// A tag is watched once it is this old, and no longer once it stayed away for as long.
const FOUR_WEEKS: Duration = Duration::from_secs(28 * 86_400);
/// The minimum number of days with mail in the window: a campaign is over sooner.
const MIN_DAYS_WITH_MAIL: usize = 8;
/// A tag that is more of its stream than this is the stream, which is watched anyway.
const MAX_SHARE_OF_STREAM: f64 = 0.9;
/// The maximum number of tags per stream, the largest first: each takes from the budget of the others.
const MAX_TAGS: usize = 10;

/// The series of one stream that are watched, and how they share the budget of false alarms.
#[derive(Debug)]
pub(super) struct StreamSeries {
    all: Series,
    /// In order of their names.
    tags: Vec<(Tag, Series)>,
    shares: (usize, usize),
}

impl StreamSeries {
    /// Returns those that are watched on the day of `at`, where `series` streams share the budget.
    pub(super) fn new(stream: &StreamId, history: &History, at: Timestamp, series: usize) -> Self {
        let mut tags = watched_tags(history, at);
        tags.sort();
        let series_of = |tag: Tag| {
            let series = Series::new(stream, Some(&tag));
            (tag, series)
        };
        Self {
            shares: budget_shares(series, tags.len()),
            all: Series::new(stream, None),
            tags: tags.into_iter().map(series_of).collect(),
        }
    }

    /// Returns the series of all its mail, and its share of the budget.
    pub(super) const fn all(&self) -> (&Series, usize) {
        (&self.all, self.shares.0)
    }

    /// Returns the same of each tag.
    pub(super) fn tags(&self) -> impl Iterator<Item = (&Tag, (&Series, usize))> {
        let tags = self.tags.iter();
        tags.map(|(tag, series)| (tag, (series, self.shares.1)))
    }
}

/// Returns the tags that are watched on the day of `at`, by what was sent before that day; the largest first.
pub fn watched_tags(history: &History, at: Timestamp) -> Vec<Tag> {
    let at = at.floor(DAY);
    let volumes = history.tags.iter();
    let mut volumes: Vec<(u64, &Tag)> = volumes
        .filter_map(|(tag, of)| Some((volume(history, of, at)?, tag)))
        .collect();
    volumes.sort_by(|(a, a_tag), (b, b_tag)| b.cmp(a).then(a_tag.cmp(b_tag)));
    volumes.truncate(MAX_TAGS);
    volumes.into_iter().map(|(_, tag)| tag.clone()).collect()
}

/// Returns how many series share the budget with a stream and with each of its `tags` watched tags, where `series` streams
/// share it. The tags take half of what their stream had, so that they cost no other stream anything.
const fn budget_shares(series: usize, tags: usize) -> (usize, usize) {
    match tags {
        0 => (series, series),
        _ => (2 * series, 2 * series * tags),
    }
}

/// How many messages of a tag were sent in its window; `None` where it has no volume of its own.
fn volume(stream: &History, tag: &History, at: Timestamp) -> Option<u64> {
    let sent = before(&tag.hours, at);
    let (first, last) = (sent.first()?.first_at, sent.last()?.last_at);
    if at.since(last) > FOUR_WEEKS || last.since(first) < FOUR_WEEKS {
        return None;
    }
    let window = Span::before(last, VOLUME_WINDOW);
    let recent = since(sent, window.from);
    let messages = total(recent);
    let of_stream = total(since(before(&stream.hours, last), window.from));
    let mut days: Vec<Timestamp> = recent.iter().map(|h| h.start.floor(DAY)).collect();
    days.dedup();
    let is_own = messages >= MIN_TAG_MESSAGES
        && days.len() >= MIN_DAYS_WITH_MAIL
        && messages as f64 <= MAX_SHARE_OF_STREAM * of_stream as f64;
    is_own.then_some(messages)
}

fn before(hours: &[HourCount], at: Timestamp) -> &[HourCount] {
    &hours[..hours.partition_point(|h| h.start < at)]
}

fn since(hours: &[HourCount], from: Timestamp) -> &[HourCount] {
    &hours[hours.partition_point(|h| h.start < from)..]
}

fn total(hours: &[HourCount]) -> u64 {
    hours.iter().map(|h| h.sent).sum()
}

#[cfg(test)]
mod tests;
