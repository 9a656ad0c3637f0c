//! Which tags of a stream are watched for silence on their own: those with volume of their own, which a stream full of
//! other mail would hide.
//!
//! Tags are free text: some senders use a dozen, others a new one for every campaign or message. A tag counts once it came
//! regularly for weeks, and is forgotten once it stayed away for as long: it was renamed, or the feature is gone.

use std::time::Duration;

use crate::model::{DAY, History, HourCount, MIN_TAG_MESSAGES, Span, TAG_LOOKBACK, Tag, Timestamp};

/// Counts are of so long before the tag's last mail: its silence does not make it less of a tag.
const WINDOW: Duration = TAG_LOOKBACK.saturating_sub(FOUR_WEEKS);
/// A tag is watched once it is so old, and no longer once it stayed away for so long.
const FOUR_WEEKS: Duration = Duration::from_secs(28 * 86_400);
/// Fewest days of the window with mail: a campaign is over after some.
const FEWEST_DAYS: usize = 8;
/// A tag that is more of its stream than this is the stream, which is watched anyway.
const MOST_OF_STREAM: f64 = 0.9;
/// Most tags of one stream, the largest first: each takes from the budget of the others.
const MOST: usize = 10;

/// The tags that are watched on the day of `at`, by what was sent before that day; in their order.
pub(super) fn watched(history: &History, at: Timestamp) -> Vec<Tag> {
    let mut tags = by_volume(history, at);
    tags.sort();
    tags
}

/// The same, the largest first.
pub fn by_volume(history: &History, at: Timestamp) -> Vec<Tag> {
    let at = at.floor(DAY);
    let volumes = history.tags.iter();
    let mut volumes: Vec<(u64, &Tag)> = volumes
        .filter_map(|(tag, of)| Some((volume(history, of, at)?, tag)))
        .collect();
    volumes.sort_by(|(a, a_tag), (b, b_tag)| b.cmp(a).then(a_tag.cmp(b_tag)));
    volumes.truncate(MOST);
    volumes.into_iter().map(|(_, tag)| tag.clone()).collect()
}

/// How many series share the budget with a stream that has so many watched tags, and with each of the tags, where
/// `series` streams share it. The tags take half of what their stream had, so that they cost no other stream anything.
pub(super) const fn shares(series: usize, tags: usize) -> (usize, usize) {
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
    let window = Span::before(last, WINDOW);
    let lately = since(sent, window.from);
    let messages = total(lately);
    let of_stream = total(since(before(&stream.hours, last), window.from));
    let mut days: Vec<Timestamp> = lately.iter().map(|h| h.start.floor(DAY)).collect();
    days.dedup();
    let is_own = messages >= MIN_TAG_MESSAGES
        && days.len() >= FEWEST_DAYS
        && messages as f64 <= MOST_OF_STREAM * of_stream as f64;
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
