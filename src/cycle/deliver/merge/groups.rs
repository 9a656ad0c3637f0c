//! Messages that tell of several incidents and stand by themselves, as by an incoming webhook: where the course of an incident waits in
//! more than one of them, they become one.

use std::collections::BTreeSet;

use crate::cycle::deliver::merge::to_merged;
use crate::cycle::stored_message::telling_of_row;
use crate::notify::alert::Style;
use crate::notify::telling::Telling;
use crate::store::{MergedRows, MessageKind, OutboxRow, Thread};

/// Messages of one channel that are bound together by the incidents that they share.
struct Cluster<'r> {
    channel: &'r str,
    incidents: BTreeSet<&'r str>,
    rows: Vec<&'r OutboxRow>,
}

/// Returns what groups of messages become of which at least one tells of several incidents.
pub(super) fn merge_groups(rows: &[OutboxRow], style: Style) -> Vec<MergedRows> {
    let mut clusters: Vec<Cluster<'_>> = Vec::new();
    for row in rows.iter().filter(|row| stands_alone(row)) {
        let incidents = row.message.incidents.iter().map(String::as_str);
        let mut cluster = Cluster {
            channel: &row.message.channel,
            incidents: incidents.collect(),
            rows: vec![row],
        };
        let is_bound = |c: &mut Cluster<'_>| {
            c.channel == cluster.channel && !c.incidents.is_disjoint(&cluster.incidents)
        };
        let bound: Vec<Cluster<'_>> = clusters.extract_if(.., is_bound).collect();
        for other in bound {
            cluster.incidents.extend(other.incidents);
            cluster.rows.extend(other.rows);
        }
        clusters.push(cluster);
    }
    let is_of_several = |row: &&OutboxRow| row.message.incidents.len() > 1;
    clusters.retain(|cluster| cluster.rows.iter().any(is_of_several));
    let merged = clusters.into_iter();
    merged.filter_map(|cluster| merge(cluster, style)).collect()
}

fn stands_alone(row: &OutboxRow) -> bool {
    let message = &row.message;
    let is_step = message.kind == MessageKind::Alert && !message.incidents.is_empty();
    is_step && message.placement.thread == Thread::None
}

/// Returns what a cluster becomes: the last of its messages tells how each incident stands.
fn merge(mut cluster: Cluster<'_>, style: Style) -> Option<MergedRows> {
    cluster.rows.sort_by_key(|row| row.seq);
    let rows = cluster.rows;
    let (first, last) = (rows.first()?, rows.last()?);
    if first.created_at >= last.created_at || rows.iter().any(|row| row.unconfirmed.is_some()) {
        return None;
    }
    let telling = |row: &&OutboxRow| {
        let telling = telling_of_row(&row.message)?;
        let is_whole = telling.incidents().iter().eq(&row.message.incidents);
        is_whole.then_some(telling)
    };
    let tellings: Vec<Telling> = rows.iter().map(telling).collect::<Option<_>>()?;
    let whole = Telling::together(&tellings);
    let message = whole.to_message(style)?;
    Some(to_merged(&rows, last, &message, Some(&whole)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cycle::deliver::split::split_held;
    use crate::cycle::stored_message::{to_telling_body, to_unstored_row};
    use crate::model::{HOUR, Rule, Timestamp, Transition};
    use crate::notify::samples::course_of;
    use crate::notify::telling::TellingForm;
    use crate::store::UnconfirmedAttempt;

    const STYLE: Style = Style {
        zone: crate::model::Zone::UTC,
        mask: true,
    };

    fn step(id: &str, step: &str, hour: u32) -> Transition {
        let mut step = course_of(Rule::BounceRate).step(step).clone();
        step.incident.id = id.to_owned();
        step.incident.stream = Some(id.into());
        step.at = step.incident.opened_at + HOUR * hour;
        step
    }

    fn row(seq: i64, steps: &[Transition]) -> OutboxRow {
        let telling = Telling::new(TellingForm::SameStep, steps.iter().cloned());
        let message = telling.to_message(STYLE).expect("words");
        let mut row = to_unstored_row(seq.to_string(), steps[0].at, &message);
        row.seq = seq;
        row.message.kind = MessageKind::Alert;
        row.message.body = to_telling_body(&message, Some(&telling));
        row.message.incidents = telling.incidents().into_iter().collect();
        if let [one] = steps {
            row.message.incident = Some(one.incident.id.clone());
        }
        row
    }

    fn four(seq: i64) -> OutboxRow {
        row(
            seq,
            &["aaaa", "bbbb", "cccc", "dddd"].map(|id| step(id, "opened", 0)),
        )
    }

    #[test]
    fn the_course_of_several_incidents_is_one_message_that_says_how_each_stands() {
        let rows = [
            four(1),
            row(2, &[step("bbbb", "resolved", 1)]),
            row(3, &[step("zzzz", "opened", 1)]),
            row(4, &[step("dddd", "resolved", 2)]),
        ];
        let merged = merge_groups(&rows, STYLE);
        let [one] = merged.as_slice() else {
            panic!("one message: {merged:?}");
        };
        assert_eq!((one.kept, one.replaced.as_slice()), (4, &[1, 2][..]));
        assert_eq!(one.incidents, ["aaaa", "bbbb", "cccc", "dddd"]);
        assert_eq!(one.incident, None, "it is of several");
        let begin = "🟠 WARN 2 of 4 streams: bounce rate is high";
        assert!(one.text.starts_with(begin), "{}", one.text);
        let held = ["bbbb".to_owned()].into();
        let mut kept = rows[3].clone();
        kept.message.body = one.body.clone();
        kept.message.incidents = one.incidents.clone();
        let split = split_held(&[kept], &held, STYLE);
        assert_eq!(
            split[0].rest.incidents,
            ["aaaa", "cccc", "dddd"],
            "and it can be held by incident"
        );
    }

    #[test]
    fn single_ones_and_what_may_have_been_posted_are_not_bound_together() {
        let mut rows = [four(1), row(2, &[step("bbbb", "resolved", 1)])];
        assert_eq!(merge_groups(&rows[..1], STYLE), []);
        let singles = ["opened", "resolved"].map(|s| row(7, &[step("bbbb", s, 1)]));
        assert_eq!(
            merge_groups(&singles, STYLE),
            [],
            "merged by their incident"
        );
        rows[1].message.channel = "C0OTHER".to_owned();
        assert_eq!(merge_groups(&rows, STYLE), []);
        rows[1].message.channel = String::new();
        assert_eq!(merge_groups(&rows, STYLE).len(), 1);
        rows[0].message.placement.thread = Thread::Opens;
        assert_eq!(merge_groups(&rows, STYLE), [], "it is edited instead");
        rows[0].message.placement.thread = Thread::None;
        rows[0].unconfirmed = Some(UnconfirmedAttempt {
            since: Timestamp(1),
            last: Timestamp(1),
            unanswered: 1,
        });
        assert_eq!(merge_groups(&rows, STYLE), []);
    }

    #[test]
    fn what_may_have_been_posted_or_says_no_parts_stays_whole() {
        let held = ["aaaa".to_owned()].into();
        let mut rows = [four(1)];
        assert_eq!(
            split_held(&rows, &held, STYLE)[0].incident.as_deref(),
            Some("aaaa")
        );
        rows[0].is_edited = true;
        assert_eq!(split_held(&rows, &held, STYLE), []);
        rows[0].is_edited = false;
        rows[0].message.body = "{}".to_owned();
        assert_eq!(split_held(&rows, &held, STYLE), [], "of an older version");
    }
}
