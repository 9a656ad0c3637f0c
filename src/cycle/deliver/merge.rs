//! What waited through an outage of Slack: the messages of one incident become one, which tells its whole course.

mod groups;
mod sinks;

use std::collections::{BTreeMap, BTreeSet};

use crate::cycle::deliver::merge::groups::merge_groups;
use crate::cycle::stored_message::{telling_of_row, to_telling_body, top_of_row};
use crate::notify::alert::Style;
use crate::notify::telling::Telling;
use crate::notify::{Level, Message};
use crate::store::{MergedRows, MessageKind, OutboxRow, Thread};

pub(super) use crate::cycle::deliver::merge::sinks::superseded_steps;

/// What makes messages one: their channel, and the message that they edit or else the incident that they are about.
type Key<'r> = (&'r str, Option<i64>, Option<&'r str>);

/// Returns which of `rows`, in the order in which they were written, are to become one. Not among them is what may have been
/// posted, and what was written in one cycle.
pub(super) fn merge_waiting(rows: &[OutboxRow], style: Style) -> Vec<MergedRows> {
    let mut merged = merge_groups(rows, style);
    let places = merged
        .iter()
        .flat_map(|m| m.replaced.iter().chain([&m.kept]));
    let taken: BTreeSet<i64> = places.copied().collect();
    let mut waiting: BTreeMap<Key<'_>, Vec<&OutboxRow>> = BTreeMap::new();
    for row in rows.iter().filter(|row| !taken.contains(&row.seq)) {
        let Some(key) = key(row) else {
            continue;
        };
        let group = waiting.entry(key).or_default();
        if row.unconfirmed.is_some() || row.is_edited {
            // What comes after it is told after it.
            group.clear();
        } else {
            group.push(row);
        }
    }
    for ((_, thread, _), group) in &waiting {
        let (Some(mut one), Some(last)) = (merge(group), group.last()) else {
            continue;
        };
        // What an edit said before is said by what comes after it.
        let edits = rows
            .iter()
            .filter(|row| is_edit_of(row, *thread) && row.seq < last.seq);
        one.replaced.extend(edits.map(|row| row.seq));
        merged.push(one);
    }
    merged
}

fn is_edit_of(row: &OutboxRow, thread: Option<i64>) -> bool {
    let opener = match row.message.placement.thread {
        Thread::Continues(opener) => Some(opener),
        Thread::None | Thread::Opens => None,
    };
    row.message.kind == MessageKind::Edit && opener == thread && thread.is_some()
}

fn key(row: &OutboxRow) -> Option<Key<'_>> {
    let message = &row.message;
    let (thread, incident) = match message.placement.thread {
        Thread::Opens => (Some(row.seq), None),
        Thread::Continues(opener) => (Some(opener), None),
        Thread::None => (None, Some(message.incident.as_deref()?)),
    };
    let is_step = message.kind == MessageKind::Alert;
    is_step.then_some((message.channel.as_str(), thread, incident))
}

/// Returns what `rows` of one key become. The first one is kept where it is yet to post the message that the others edit.
fn merge(rows: &[&OutboxRow]) -> Option<MergedRows> {
    let [first, .., last] = rows else {
        return None;
    };
    // The last one tells the whole course.
    let whole = top_of_row(&last.message).filter(|_| first.created_at < last.created_at)?;
    let kept = match first.message.placement.thread {
        Thread::Opens => first,
        _ => last,
    };
    let tellings: Option<Vec<Telling>> = rows
        .iter()
        .map(|row| telling_of_row(&row.message))
        .collect();
    let telling = tellings.map(|all| Telling::together(&all));
    Some(to_merged(rows, kept, &whole, telling.as_ref()))
}

/// Returns what `rows` become: `kept` stays and says `whole`.
fn to_merged(
    rows: &[&OutboxRow],
    kept: &OutboxRow,
    whole: &Message,
    telling: Option<&Telling>,
) -> MergedRows {
    let is_over = matches!(whole.level(), Level::Resolved | Level::Closed);
    let mentions = rows
        .iter()
        .map(|row| row.message.placement.mention.as_str());
    let mention = mentions.into_iter().find(|m| !m.is_empty() && !is_over);
    let incidents = rows.iter().flat_map(|row| &row.message.incidents);
    let incidents: BTreeSet<String> = incidents.cloned().collect();
    let of_one = kept.message.incident.clone();
    let replaced = rows.iter().map(|row| row.seq);
    MergedRows {
        kept: kept.seq,
        replaced: replaced.filter(|seq| *seq != kept.seq).collect(),
        text: whole.to_text(),
        body: to_telling_body(whole, telling),
        broadcast: rows.iter().any(|row| row.message.placement.broadcast),
        mention: mention.unwrap_or_default().to_owned(),
        incident: of_one.filter(|_| incidents.len() < 2),
        incidents: incidents.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cycle::stored_message::{from_row, to_body, to_unstored_row};
    use crate::model::Timestamp;
    use crate::store::UnconfirmedAttempt;

    const STYLE: Style = Style {
        zone: crate::model::Zone::UTC,
        mask: true,
    };

    fn row(seq: i64, thread: Thread, what: &str) -> OutboxRow {
        let message = |text: &str, level| Message::new(level, text, [], "");
        let mut row = to_unstored_row(
            format!("{seq}"),
            Timestamp(seq),
            &message(what, Level::Wake),
        );
        let live = message(&format!("{what}, with its course"), Level::Wake);
        row.seq = seq;
        row.message.kind = MessageKind::Alert;
        row.message.incident = Some("aaaa".to_owned());
        row.message.placement.thread = thread;
        row.message.placement.top = to_body(&live);
        row
    }

    fn merged(rows: &[OutboxRow]) -> Vec<(i64, Vec<i64>, String)> {
        let merged = merge_waiting(rows, STYLE).into_iter();
        merged.map(|m| (m.kept, m.replaced, m.text)).collect()
    }

    #[test]
    fn what_was_never_posted_is_one_message_and_what_was_is_one_change_of_it() {
        let rows = [
            row(1, Thread::Opens, "opened"),
            row(2, Thread::Continues(1), "worse"),
            row(3, Thread::Continues(1), "worst"),
        ];
        let whole = "🔴 WAKE worst, with its course".to_owned();
        assert_eq!(merged(&rows), [(1, vec![2, 3], whole.clone())]);
        assert_eq!(merged(&rows[1..]), [(3, vec![2], whole)]);
        assert_eq!(merged(&rows[2..]), []);
    }

    #[test]
    fn what_may_have_been_posted_and_what_one_cycle_wrote_stay_apart() {
        let mut rows = [
            row(1, Thread::Opens, "opened"),
            row(2, Thread::Continues(1), "worse"),
            row(3, Thread::Continues(1), "worst"),
        ];
        rows[0].unconfirmed = Some(UnconfirmedAttempt {
            since: Timestamp(1),
            last: Timestamp(1),
            unanswered: 1,
        });
        assert_eq!(merged(&rows)[0].1, [2], "the first is looked up");
        rows[1].is_edited = true;
        assert_eq!(merged(&rows), [], "its reply is told by itself");
        rows[1].is_edited = false;
        rows[1].created_at = rows[2].created_at;
        assert_eq!(merged(&rows), []);
        rows[1].created_at = Timestamp(2);
        rows[2].message.incident = Some("bbbb".to_owned());
        rows[2].message.placement.thread = Thread::None;
        assert_eq!(merged(&rows), [], "of another incident");
    }

    #[test]
    fn an_edit_between_them_is_replaced_and_one_after_them_is_not() {
        let mut rows = [
            row(1, Thread::Opens, "opened"),
            row(2, Thread::Continues(1), "acknowledged"),
            row(3, Thread::Continues(1), "worse"),
            row(4, Thread::Continues(1), "muted"),
        ];
        for edit in [1, 3] {
            rows[edit].message.kind = MessageKind::Edit;
        }
        let whole = "🔴 WAKE worse, with its course".to_owned();
        assert_eq!(merged(&rows), [(1, vec![3, 2], whole)]);
        assert_eq!(merged(&rows[1..]), []);
    }

    #[test]
    fn nobody_is_mentioned_by_an_end() {
        let mut rows = [
            row(1, Thread::None, "opened"),
            row(2, Thread::None, "worse"),
        ];
        rows[0].message.placement.mention = "here".to_owned();
        assert_eq!(merge_waiting(&rows, STYLE)[0].mention, "here");
        let over = Message::new(Level::Resolved, "over", [], "");
        rows[1].message.placement.top = to_body(&over);
        assert_eq!(merge_waiting(&rows, STYLE)[0].mention, "");
        assert_eq!(from_row(&rows[1].message).headline(), "worse");
    }
}
