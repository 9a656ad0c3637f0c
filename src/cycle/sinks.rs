//! What sinks beside Slack get of a cycle: rows for the outbox, written in the same transaction as Slack's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::config::SinkConfig;
use crate::model::{Incident, Step, Timestamp, Transition};
use crate::notify::alert::{Style, alert};
use crate::notify::answered::acknowledgement_text;
use crate::notify::grouping::{as_of_now, is_silent_end};
use crate::output::json::{AcknowledgementView, TransitionView};
use crate::store::{MessageKind, NewMessage, Placement};

/// The steps that people were notified of before, in order, by the id of their incident.
pub(crate) type NotifiedSteps = BTreeMap<String, Vec<Transition>>;

/// A step of an incident, and how it reads.
#[derive(Clone, Debug)]
pub(crate) struct ReportedStep {
    /// As it was decided.
    pub step: Transition,
    /// With its incident as people and scripts read of it: of an instant that was missed, with the figures of now.
    pub shown: Transition,
    pub text: String,
}

impl ReportedStep {
    /// Returns a step of a server with these `incidents` as it is reported at `now`.
    pub(crate) fn new(
        step: &Transition,
        incidents: &[Incident],
        now: Timestamp,
        style: Style,
    ) -> Self {
        let current = as_of_now(step, incidents, now);
        Self {
            text: alert(&current, style).to_text(),
            step: step.clone(),
            // It was taken when it was, whatever is known of it by now.
            shown: Transition {
                at: step.at,
                ..current
            },
        }
    }

    /// Returns its object for scripts.
    pub(crate) fn to_json(&self) -> Value {
        json!(TransitionView::new(&self.shown, &self.text))
    }
}

impl From<(Transition, String)> for ReportedStep {
    fn from((step, text): (Transition, String)) -> Self {
        Self {
            shown: step.clone(),
            step,
            text,
        }
    }
}

/// Returns a row for each sink and each step that it wants, in the order of `steps`; of several steps of one incident the last one,
/// where a sink does not want each. What a sink was told of by the steps `before` is told as over there, too, whatever has become of its
/// severity and its rule; where it would stay open for ever also if nobody is notified of its end.
pub(crate) fn sink_rows(
    sinks: &[SinkConfig],
    steps: &[ReportedStep],
    before: &NotifiedSteps,
) -> Vec<NewMessage> {
    let mut rows = Vec::new();
    for sink in sinks {
        let mut seen = BTreeSet::new();
        let wanted = steps.iter().enumerate().rev().filter(|(place, reported)| {
            let step = &reported.step;
            let incident = &step.incident;
            let earlier = || steps[..*place].iter().map(|earlier| &earlier.step);
            let ends_there =
                || step.step == Step::Resolved && has_open(sink, incident, before, earlier());
            let is_ended = || sink.kind.keeps_open() && is_silent_end(step) && ends_there();
            let is_wanted = match step.notified {
                true => sink.wants(incident) || ends_there(),
                false => is_ended(),
            };
            is_wanted && (sink.kind.wants_every_step() | seen.insert(&incident.id))
        });
        let wanted: Vec<_> = wanted.collect();
        rows.extend(wanted.into_iter().rev().map(|(_, reported)| {
            let body = reported.to_json().to_string();
            sink_row(sink, &reported.step.incident, &reported.text, body)
        }));
    }
    rows
}

/// Returns a row for each sink that can be told that somebody takes care of `incident`, which Slack says in the message alone: those
/// that want it, or were told of it by the steps `before`.
pub(crate) fn acknowledgement_rows(
    sinks: &[SinkConfig],
    incident: &Incident,
    before: &NotifiedSteps,
    style: Style,
) -> Vec<NewMessage> {
    let Some(by) = incident.acknowledged.as_ref().filter(|_| incident.notified) else {
        return Vec::new();
    };
    let text = acknowledgement_text(incident, by, style);
    let body = json!(AcknowledgementView::new(incident, by, &text)).to_string();
    let is_told = |sink: &&SinkConfig| {
        sink.wants(incident) || has_open(sink, incident, before, std::iter::empty())
    };
    let told = sinks.iter().filter(is_told);
    let told = told.filter(|sink| sink.kind.takes_acknowledgements());
    told.map(|sink| sink_row(sink, incident, &text, body.clone()))
        .collect()
}

/// Returns whether a sink was told of an incident that has not ended since: by its steps `before`, or by `earlier` ones of the same
/// cycle.
fn has_open<'t>(
    sink: &SinkConfig,
    incident: &Incident,
    before: &'t NotifiedSteps,
    earlier: impl DoubleEndedIterator<Item = &'t Transition>,
) -> bool {
    let before = before.get(&incident.id).into_iter().flatten();
    let earlier = earlier.filter(|step| step.notified && step.incident.id == incident.id);
    let mut since_its_end = before
        .chain(earlier)
        .rev()
        .take_while(|step| step.step != Step::Resolved);
    since_its_end.any(|step| sink.wants(&step.incident))
}

fn sink_row(sink: &SinkConfig, incident: &Incident, text: &str, body: String) -> NewMessage {
    NewMessage {
        kind: MessageKind::Sink,
        incident: Some(incident.id.clone()),
        incidents: vec![incident.id.clone()],
        channel: sink.channel(),
        text: text.to_owned(),
        body,
        placement: Placement::default(),
    }
}

/// Returns the end of an incident that a mute had held back, as it is sent at the end of the mute.
pub(crate) fn resolved_step(incident: &Incident, now: Timestamp, style: Style) -> ReportedStep {
    let step = Transition {
        at: now,
        step: Step::Resolved,
        incident: incident.clone(),
        notified: true,
    };
    let text = alert(&step, style).to_text();
    (step, text).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Credential;
    use crate::model::{Acknowledgement, Rule, Severity};
    use crate::notify::samples::{STYLE, course_of};
    use crate::secret::Secret;
    use crate::sink::SinkKind;

    fn sink(kind: SinkKind, rules: &[Rule], severities: &[Severity]) -> SinkConfig {
        SinkConfig {
            name: kind.name().to_owned(),
            kind,
            url: Secret::new("https://alerts.example.com/mail").expect("not empty"),
            credential: Credential::None,
            envelope: None,
            rules: rules.to_vec(),
            severities: severities.to_vec(),
            servers: Vec::new(),
        }
    }

    /// A step of a silence that is first a warning and then a wake.
    fn step(name: &str) -> (Transition, String) {
        let step = course_of(Rule::SendSilence).step(name).clone();
        (step, format!("a text\n{name}"))
    }

    fn before(names: &[&str]) -> NotifiedSteps {
        let steps: Vec<_> = names.iter().map(|name| step(name).0).collect();
        let id = steps.first().map(|step| step.incident.id.clone());
        id.map(|id| (id, steps)).into_iter().collect()
    }

    /// Which steps the only sink is told of.
    fn told(sink: &SinkConfig, names: &[&str], earlier: &[&str]) -> Vec<String> {
        let steps: Vec<_> = names.iter().map(|name| step(name).into()).collect();
        let rows = sink_rows(std::slice::from_ref(sink), &steps, &before(earlier));
        let last = |row: NewMessage| row.text.lines().last().unwrap_or_default().to_owned();
        rows.into_iter().map(last).collect()
    }

    #[test]
    fn what_a_sink_was_told_as_a_warning_ends_there_as_a_wake() {
        let severity = |name: &str| step(name).0.incident.severity;
        assert_eq!(severity("opened"), Severity::Warn);
        assert_eq!(severity("resolved"), Severity::Wake);
        for kind in SinkKind::ALL {
            let warn = sink(kind, &[], &[Severity::Warn]);
            assert_eq!(told(&warn, &["opened"], &[]), ["opened"]);
            let worse = told(&warn, &["escalated"], &["opened"]);
            assert_eq!(worse, [""; 0], "{kind:?}: it is no warning any more");
            let over = told(&warn, &["resolved"], &["opened", "escalated"]);
            assert_eq!(over, ["resolved"], "{kind:?}");
            let wake = sink(kind, &[], &[Severity::Wake]);
            assert_eq!(told(&wake, &["escalated"], &["opened"]), ["escalated"]);
            let over = told(&wake, &["resolved"], &["opened", "escalated"]);
            assert_eq!(over, ["resolved"], "{kind:?}");
        }
        let hook = sink(SinkKind::Webhook, &[], &[Severity::Warn]);
        let at_once = told(&hook, &["opened", "escalated", "resolved"], &[]);
        assert_eq!(at_once, ["opened", "resolved"], "as after a gap");
    }

    #[test]
    fn what_a_sink_was_never_told_or_what_ended_there_is_not_told_as_over() {
        let warn = sink(SinkKind::Ntfy, &[], &[Severity::Warn]);
        assert_eq!(told(&warn, &["resolved"], &[]), [""; 0]);
        assert_eq!(told(&warn, &["resolved"], &["escalated"]), [""; 0]);
        let ended = ["opened", "escalated", "resolved"];
        assert_eq!(told(&warn, &["resolved"], &ended), [""; 0], "once");
        let again = ["opened", "resolved", "escalated"];
        assert_eq!(told(&warn, &["resolved"], &again), [""; 0]);
        // Nobody was notified of its beginning.
        let (mut muted, text) = step("opened");
        muted.notified = false;
        let steps = [(muted, text).into(), step("resolved").into()];
        let rows = sink_rows(&[warn], &steps, &before(&[]));
        assert_eq!(rows, []);
    }

    #[test]
    fn what_ends_without_a_notification_stays_open_on_no_pager() {
        for kind in SinkKind::ALL {
            let sink = sink(kind, &[], &[]);
            let (mut over, text) = step("resolved");
            (over.notified, over.incident.notified) = (false, true);
            let told = |before: &NotifiedSteps| {
                let steps = [(over.clone(), text.clone()).into()];
                sink_rows(std::slice::from_ref(&sink), &steps, before).len()
            };
            let is_pager = matches!(kind, SinkKind::PagerDuty | SinkKind::Opsgenie);
            assert_eq!(
                told(&before(&["opened"])),
                usize::from(is_pager),
                "{kind:?}"
            );
            assert_eq!(told(&before(&[])), 0, "{kind:?}");
            assert_eq!(told(&before(&["opened", "resolved"])), 0, "{kind:?}");
        }
    }

    #[test]
    fn what_changed_its_rule_ends_where_it_was_told_of() {
        let drops = sink(SinkKind::PagerDuty, &[Rule::SendDrop], &[]);
        let mut earlier = before(&["opened"]);
        for step in earlier.values_mut().flatten() {
            step.incident.rule = Rule::SendDrop;
        }
        let resolved = [step("resolved").into()];
        let over = sink_rows(std::slice::from_ref(&drops), &resolved, &earlier);
        assert_eq!(over.len(), 1);
        assert_eq!(over[0].channel, "sink:pagerduty");
        let worse = sink_rows(&[drops], &[step("escalated").into()], &earlier);
        assert_eq!(worse, [], "it is of another rule now");
    }

    #[test]
    fn who_takes_care_is_said_where_it_was_told_of() {
        let mut incident = step("escalated").0.incident;
        incident.acknowledged = Some(Acknowledgement {
            by: "Amy".to_owned(),
            at: incident.opened_at,
            by_answer: false,
        });
        let sinks = [
            sink(SinkKind::Opsgenie, &[], &[Severity::Warn]),
            sink(SinkKind::PagerDuty, &[Rule::Blind], &[]),
            sink(SinkKind::Email, &[], &[]),
        ];
        let steps = before(&["opened", "escalated"]);
        let rows = acknowledgement_rows(&sinks, &incident, &steps, STYLE);
        let channels: Vec<_> = rows.iter().map(|row| row.channel.as_str()).collect();
        assert_eq!(channels, ["sink:opsgenie"]);
        let unknown = acknowledgement_rows(&sinks, &incident, &before(&[]), STYLE);
        assert_eq!(unknown, []);
    }
}
