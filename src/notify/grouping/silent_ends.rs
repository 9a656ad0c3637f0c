//! The end of an incident of which nobody is notified, or not yet: one that a stronger incident inhibits, that a mute or quiet hours hold
//! back. Its message is edited all the same, so that it does not read as open for ever, or for as long as a mute lasts. An edit
//! notifies nobody, and whoever muted the trouble looks at its message to see whether it is over.

use std::collections::BTreeSet;

use crate::model::{Incident, Step, Transition};
use crate::notify::grouping::{ChannelMessage, Writer};
use crate::notify::live::{as_reported, live_group, live_message};
use crate::notify::routing::{Target, ThreadState};

/// Returns whether `step` ends an incident that people were notified of, and no notification of that end will follow.
pub fn is_silent_end(step: &Transition) -> bool {
    step.step == Step::Resolved && is_silent_turn(step) && !step.incident.notification_deferred
}

/// Returns whether `step` ends an incident that people were notified of, or brings it back, and nobody is notified of that now.
pub fn is_silent_turn(step: &Transition) -> bool {
    let incident = &step.incident;
    let is_turn = match step.step {
        Step::Resolved => true,
        // Its end may have been edited in while it was held back as well.
        Step::Opened => incident.notification_deferred,
        Step::Escalated | Step::Reminded => false,
    };
    is_turn && !step.notified && incident.notified
}

impl Writer<'_> {
    /// Returns the edits of the messages that name what ended without a notification, or came back before that end was notified.
    pub(super) fn silent_ends(&self) -> Vec<ChannelMessage> {
        let steps = self.servers.iter().flat_map(|server| server.transitions);
        let ended =
            steps.filter(|step| is_silent_turn(step) && self.is_told_as_open(&step.incident));
        let ended: BTreeSet<&str> = ended.map(|step| step.incident.id.as_str()).collect();
        let is_ended = |incident: &Incident| ended.contains(incident.id.as_str());
        let threads = self.notified.threads.iter();
        let threads = threads.filter(|thread| thread.incidents.iter().any(is_ended));
        threads.map(|thread| self.edit_of(thread)).collect()
    }

    /// Returns whether the last step that people were told of an incident is not its end.
    fn is_told_as_open(&self, incident: &Incident) -> bool {
        let steps = self.steps_told(incident);
        steps.last().is_some_and(|last| last.step != Step::Resolved)
    }

    /// Returns the steps that people were told of an incident, with those of this cycle.
    fn steps_told(&self, incident: &Incident) -> Vec<&Transition> {
        let before = self.notified.steps_of(&incident.id).iter();
        let now = self.servers.iter().flat_map(|server| server.transitions);
        let now = now.filter(|step| step.notified && step.incident.id == incident.id);
        before.chain(now).collect()
    }

    fn edit_of(&self, thread: &ThreadState) -> ChannelMessage {
        let shown =
            |known: &Incident| as_reported(self.current(known), self.notified.steps_of(&known.id));
        let members: Vec<Incident> = thread.incidents.iter().map(shown).collect();
        let members: Vec<&Incident> = members.iter().collect();
        let (incident, message) = match members.as_slice() {
            [one] => {
                let end = self.unreported_step(one);
                let mut steps = self.steps_told(one);
                steps.push(&end);
                let message = live_message(&steps, &end, self.style);
                (Some(one.id.clone()), message)
            }
            several => (None, live_group(several, self.now, self.style)),
        };
        ChannelMessage {
            target: Target {
                channel: thread.channel.clone(),
                thread: Some(thread.id),
                ..Target::default()
            },
            incident,
            incidents: members.iter().map(|member| member.id.clone()).collect(),
            live: Some(message.clone()),
            message,
            opens_thread: false,
            telling: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HOUR, IncidentState, Rule};
    use crate::notify::grouping::{CycleMessages, ServerUpdates, group_messages};
    use crate::notify::routing::{NotificationState, Route};
    use crate::notify::samples::{STYLE, course_of};

    /// What people were told of the incidents of one message, of which `ended` are over: nobody is notified of it.
    fn messages(ids: &[&str], ended: &[&str], told: bool) -> CycleMessages {
        messages_of(ids, ended, told, &|_| {})
    }

    /// The same with what `change` makes of their ends.
    fn messages_of(
        ids: &[&str],
        ended: &[&str],
        told: bool,
        change: &dyn Fn(&mut Transition),
    ) -> CycleMessages {
        let course = course_of(Rule::BounceRate);
        let of = |step: &str, id: &str| {
            let mut step = course.step(step).clone();
            step.incident.id = id.to_owned();
            step.incident.stream = Some(id.into());
            step.incident.notified = told;
            step.incident.notification_deferred = false;
            step
        };
        let opened: Vec<Transition> = ids.iter().map(|id| of("opened", id)).collect();
        let now = opened[0].at + HOUR * 3;
        let end = |id: &&str| {
            let mut step = of("resolved", id);
            (step.at, step.notified) = (now, false);
            step.incident.state = IncidentState::Resolved {
                at: now,
                unwatched: false,
                disabled: false,
            };
            change(&mut step);
            step
        };
        let transitions: Vec<Transition> = ended.iter().map(end).collect();
        let incidents: Vec<Incident> = transitions.iter().map(|t| t.incident.clone()).collect();
        let steps = opened.iter().filter(|_| told);
        let notified = NotificationState {
            has_threads: true,
            threads: vec![ThreadState {
                id: 7,
                channel: "C0".to_owned(),
                incidents: opened.iter().map(|t| t.incident.clone()).collect(),
            }],
            steps: steps
                .map(|t| (t.incident.id.clone(), vec![t.clone()]))
                .collect(),
        };
        let updates = ServerUpdates {
            server: "shop",
            route: &Route::default(),
            transitions: &transitions,
            incidents: &incidents,
            missed: Vec::new(),
            seen_until: now,
            unseen: &[],
            unmuted_open: &[],
            unmuted_resolved: &[],
        };
        group_messages(&[updates], &notified, now, STYLE)
    }

    #[test]
    fn what_a_stronger_incident_inhibits_is_edited_to_its_end_and_told_to_nobody() {
        let messages = messages(&["aaaa"], &["aaaa"], true);
        assert_eq!(messages.alerts, []);
        let [edit] = &messages.edits[..] else {
            panic!("one edit: {:#?}", messages.edits);
        };
        assert_eq!(
            (edit.target.thread, edit.target.broadcast),
            (Some(7), false)
        );
        assert_eq!(
            (edit.target.channel.as_str(), edit.target.mention.as_str()),
            ("C0", "")
        );
        assert_eq!(edit.incident.as_deref(), Some("aaaa"));
        let text = edit.live.as_ref().expect("what it says").to_text();
        assert!(text.starts_with("✅ RESOLVED shop/aaaa: "), "{text}");
    }

    #[test]
    fn what_ends_while_it_is_muted_is_edited_to_its_end_at_once() {
        for ids in [&["aaaa"][..], &["aaaa", "bbbb"]] {
            let muted = messages_of(ids, &["aaaa"], true, &|end| {
                end.incident.notification_deferred = true
            });
            assert_eq!(muted.alerts, [], "nobody is told before the mute ends");
            let [edit] = &muted.edits[..] else {
                panic!("one edit: {:#?}", muted.edits);
            };
            let text = edit.message.to_text();
            assert!(text.contains("✅ RESOLVED shop/aaaa: "), "{text}");
        }
    }

    #[test]
    fn what_returns_while_it_is_muted_reads_as_open_again() {
        let muted = messages_of(&["aaaa"], &["aaaa"], true, &|step| {
            step.step = Step::Opened;
            step.incident.state = IncidentState::Open { within_since: None };
            step.incident.first_opened_at = Some(step.incident.opened_at);
            step.incident.opened_at = step.at;
            step.incident.notification_deferred = true;
        });
        assert_eq!(muted.alerts, []);
        let [edit] = &muted.edits[..] else {
            panic!("one edit: {:#?}", muted.edits);
        };
        let text = edit.message.to_text();
        assert!(text.starts_with("🟠 WARN "), "{text}");
    }

    #[test]
    fn of_several_the_one_that_ended_is_marked() {
        let messages = messages(&["aaaa", "bbbb", "cccc", "dddd"], &["bbbb"], true);
        let [edit] = &messages.edits[..] else {
            panic!("one edit: {:#?}", messages.edits);
        };
        let text = edit.message.to_text();
        assert!(text.starts_with("🟠 WARN 3 of 4 streams: "), "{text}");
        assert!(text.contains("\n✅ RESOLVED shop/bbbb: "), "{text}");
        assert_eq!(edit.incidents, ["aaaa", "bbbb", "cccc", "dddd"]);
    }

    #[test]
    fn what_nobody_was_told_and_what_goes_on_is_not_edited() {
        let untold = messages(&["aaaa"], &["aaaa"], false);
        assert_eq!(untold.edits, []);
        let open = messages(&["aaaa"], &[], true);
        assert_eq!(open.edits, []);
    }
}
