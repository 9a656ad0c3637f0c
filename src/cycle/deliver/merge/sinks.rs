//! What waited through the outage of a sink that does not want each step: of one incident the last step is sent, and nothing of what
//! began and ended meanwhile.

use std::collections::BTreeMap;

use crate::config::SinkConfig;
use crate::model::Severity;
use crate::sink::{Happened, happened};
use crate::store::{MessageKind, OutboxRow};

/// Returns which of `rows`, in the order in which they were written, are not sent any more: later ones say how it stands, or it is over
/// and was never begun there.
pub(in crate::cycle::deliver) fn superseded_steps(
    rows: &[OutboxRow],
    sinks: &[SinkConfig],
) -> Vec<i64> {
    let mut superseded = Vec::new();
    for sink in sinks.iter().filter(|sink| !sink.kind.wants_every_step()) {
        let channel = sink.channel();
        let mut waiting: BTreeMap<&str, Vec<(&OutboxRow, Happened)>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.message.channel == channel) {
            let step = happened(&row.message.body).filter(|_| is_step(row));
            let (Some(id), Some(step)) = (row.message.incident.as_deref(), step) else {
                continue;
            };
            let steps = waiting.entry(id).or_default();
            if row.unconfirmed.is_some() {
                // What may have been taken is sent again under its key, and what comes after it is sent after it.
                steps.clear();
            } else {
                steps.push((row, step));
            }
        }
        let past = waiting.values().flat_map(|steps| past_steps(sink, steps));
        superseded.extend(past);
    }
    superseded
}

fn is_step(row: &OutboxRow) -> bool {
    row.message.kind == MessageKind::Sink
}

/// Returns which of the waiting steps of one incident are past.
fn past_steps(sink: &SinkConfig, steps: &[(&OutboxRow, Happened)]) -> Vec<i64> {
    // An acknowledgement is no state of its own: it is sent after what it acknowledges.
    let last = steps
        .iter()
        .rposition(|(_, step)| *step != Happened::Acknowledged);
    let Some(last) = last else {
        return Vec::new();
    };
    let is_over = steps[last].1 == Happened::Resolved;
    let is_unknown_there =
        is_over && last > 0 && begins(sink, steps[0]) && !may_be_taken(sink, steps);
    let past = if is_unknown_there { last + 1 } else { last };
    steps[..past].iter().map(|(row, _)| row.seq).collect()
}

/// Whether a sink is told of an incident first by this step.
fn begins(sink: &SinkConfig, (_, step): (&OutboxRow, Happened)) -> bool {
    let wants_no_warnings =
        !sink.severities.is_empty() && !sink.severities.contains(&Severity::Warn);
    step == Happened::Opened || (step == Happened::Escalated && wants_no_warnings)
}

/// Whether an attempt may have been taken without an answer that says so: where a repeat is known by its key, that is no doubt that is
/// recorded. There the end is sent, of which nobody is paged.
fn may_be_taken(sink: &SinkConfig, steps: &[(&OutboxRow, Happened)]) -> bool {
    sink.kind.knows_repeats() && steps.iter().any(|(row, _)| row.attempts > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Credential;
    use crate::cycle::stored_message::to_unstored_row;
    use crate::model::Timestamp;
    use crate::notify::{Level, Message};
    use crate::secret::Secret;
    use crate::sink::SinkKind;
    use crate::store::UnconfirmedAttempt;

    const NONE: [i64; 0] = [];

    fn sink(kind: SinkKind, severities: &[Severity]) -> SinkConfig {
        SinkConfig {
            name: "bell".to_owned(),
            kind,
            url: Secret::new("https://alerts.example.com/mail").expect("not empty"),
            credential: Credential::None,
            envelope: None,
            rules: Vec::new(),
            severities: severities.to_vec(),
            servers: Vec::new(),
        }
    }

    /// Rows of the incident `aaaa` that were refused once.
    fn rows(steps: &[&str]) -> Vec<OutboxRow> {
        let mut rows = Vec::new();
        for (seq, step) in (1..).zip(steps) {
            let text = Message::new(Level::Wake, step, [], "");
            let mut row = to_unstored_row(format!("{seq}"), Timestamp(seq), &text);
            row.seq = seq;
            row.attempts = 1;
            row.message.kind = MessageKind::Sink;
            row.message.incident = Some("aaaa".to_owned());
            row.message.channel = "sink:bell".to_owned();
            row.message.body = format!(
                r#"{{"incident":"aaaa","at":"2026-03-04T08:00:00Z","transition":"{step}","severity":"wake",
                "rule":"blind","server":"shop","stream":null,"text":"{step}"}}"#
            );
            rows.push(row);
        }
        rows
    }

    fn past(kind: SinkKind, steps: &[&str]) -> Vec<i64> {
        superseded_steps(&rows(steps), &[sink(kind, &[])])
    }

    #[test]
    fn of_what_waits_the_last_step_is_sent_and_nothing_of_what_is_over() {
        for kind in [SinkKind::Ntfy, SinkKind::Email] {
            assert_eq!(past(kind, &["opened"]), NONE);
            assert_eq!(past(kind, &["opened", "escalated", "reminded"]), [1, 2]);
            assert_eq!(past(kind, &["opened", "escalated", "resolved"]), [1, 2, 3]);
            assert_eq!(past(kind, &["escalated", "resolved"]), [1], "opened there");
            assert_eq!(past(kind, &["resolved"]), NONE, "opened there");
            let again = ["resolved", "opened", "resolved"];
            assert_eq!(past(kind, &again), [1, 2], "opened there at first");
        }
        assert_eq!(
            past(SinkKind::Webhook, &["opened", "resolved"]),
            NONE,
            "each"
        );
    }

    #[test]
    fn a_pager_that_may_have_taken_the_beginning_gets_the_end() {
        for kind in [SinkKind::PagerDuty, SinkKind::Opsgenie] {
            assert_eq!(past(kind, &["opened", "resolved"]), [1]);
            let mut never_tried = rows(&["opened", "resolved"]);
            never_tried.iter_mut().for_each(|row| row.attempts = 0);
            let past = superseded_steps(&never_tried, &[sink(kind, &[])]);
            assert_eq!(past, [1, 2]);
        }
    }

    #[test]
    fn an_acknowledgement_comes_after_what_it_is_of() {
        let pager = SinkKind::PagerDuty;
        assert_eq!(past(pager, &["opened", "acknowledged"]), NONE);
        let worse = ["opened", "acknowledged", "escalated", "acknowledged"];
        assert_eq!(past(pager, &worse), [1, 2]);
        assert_eq!(past(pager, &["acknowledged", "resolved"]), [1]);
    }

    #[test]
    fn where_warnings_do_not_go_a_wake_begins_when_it_escalates() {
        let wakes = [sink(SinkKind::Ntfy, &[Severity::Wake])];
        assert_eq!(
            superseded_steps(&rows(&["escalated", "resolved"]), &wakes),
            [1, 2]
        );
        assert_eq!(
            superseded_steps(&rows(&["reminded", "resolved"]), &wakes),
            [1]
        );
    }

    #[test]
    fn what_may_have_been_taken_and_what_is_elsewhere_stays() {
        let push = [sink(SinkKind::Ntfy, &[])];
        let mut steps = rows(&["opened", "resolved"]);
        steps[0].unconfirmed = Some(UnconfirmedAttempt {
            since: Timestamp(1),
            last: Timestamp(1),
            unanswered: 1,
        });
        assert_eq!(superseded_steps(&steps, &push), NONE);
        steps[0].unconfirmed = None;
        steps[1].message.incident = Some("bbbb".to_owned());
        assert_eq!(superseded_steps(&steps, &push), NONE, "of another incident");
        steps[1].message.incident = Some("aaaa".to_owned());
        steps[1].message.channel = "sink:other".to_owned();
        assert_eq!(superseded_steps(&steps, &push), NONE, "of another sink");
        steps[1].message.channel = "sink:bell".to_owned();
        assert_eq!(superseded_steps(&steps, &[]), NONE, "configured no more");
        assert_eq!(superseded_steps(&steps, &push), [1, 2]);
    }
}
