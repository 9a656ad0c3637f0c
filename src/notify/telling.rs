//! What a message tells, incident by incident: by this it can be told again without some of them, or together with what came after it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{Incident, Span, Step, Timestamp, Transition};
use crate::notify::Message;
use crate::notify::alert::{Style, alert};
use crate::notify::catch_up::catch_up;
use crate::notify::grouped::grouped_messages;
use crate::notify::live::live_group;
use crate::notify::mute_ended::mute_ended_messages;

/// The steps that a message tells, one of each incident, and how it words them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Telling {
    pub form: TellingForm,
    pub steps: Vec<Transition>,
    /// The time that a catch-up is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
}

/// A time without polls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    pub span: Span,
    /// The parts of it that can no longer be read, each with its stream.
    pub unreadable: Vec<(String, Span)>,
}

/// How a message words several incidents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TellingForm {
    /// They took the same step.
    SameStep,
    /// How each of them stands.
    Standing,
    /// What a mute or quiet hours kept back.
    MuteEnd,
    /// They opened and were resolved while hushwatch could not see.
    CatchUp,
}

impl Telling {
    pub fn new(form: TellingForm, steps: impl IntoIterator<Item = Transition>) -> Self {
        Self {
            form,
            steps: steps.into_iter().collect(),
            gap: None,
        }
    }

    /// Returns what a catch-up about `gap` tells at `at`.
    pub fn of_gap(incidents: &[Incident], gap: Gap, at: Timestamp) -> Self {
        let step = |incident: &Incident| Transition {
            at,
            incident: incident.clone(),
            step: Step::Resolved,
            notified: true,
        };
        Self {
            gap: Some(gap),
            ..Self::new(TellingForm::CatchUp, incidents.iter().map(step))
        }
    }

    /// Returns the ids of its incidents.
    pub fn incidents(&self) -> BTreeSet<String> {
        let ids = self.steps.iter().map(|step| step.incident.id.clone());
        ids.collect()
    }

    /// Returns it in words; `None` where one message cannot name every incident.
    pub fn to_message(&self, style: Style) -> Option<Message> {
        let steps: Vec<&Transition> = self.steps.iter().collect();
        let at = steps.iter().map(|step| step.at).max()?;
        let message = match (self.form, steps.as_slice()) {
            (TellingForm::SameStep | TellingForm::Standing, [one]) => alert(one, style),
            (TellingForm::SameStep, _) => only(grouped_messages(&steps, style))?,
            (TellingForm::Standing, _) => {
                let incidents: Vec<&Incident> = steps.iter().map(|step| &step.incident).collect();
                live_group(&incidents, at, style)
            }
            (TellingForm::MuteEnd, _) => only(self.mute_end(at, style))?,
            (TellingForm::CatchUp, _) => {
                let gap = self.gap.as_ref()?;
                let incidents = steps.iter().map(|step| step.incident.clone());
                let incidents: Vec<Incident> = incidents.collect();
                catch_up(&incidents, &gap.unreadable, gap.span, style)
            }
        };
        let text = message.to_text();
        let names_all = steps.iter().all(|step| text.contains(&step.incident.id));
        names_all.then_some(message)
    }

    fn mute_end(&self, at: Timestamp, style: Style) -> Vec<Message> {
        let of = |is_over: bool| -> Vec<Incident> {
            let steps = self.steps.iter();
            let steps = steps.filter(|step| (step.step == Step::Resolved) == is_over);
            steps.map(|step| step.incident.clone()).collect()
        };
        mute_ended_messages(&of(false), &of(true), at, style)
    }

    /// Returns what it tells of the incidents `held`, and of the others; `None` where one of them is nothing. What is of no
    /// incident is told with the others.
    pub fn split(&self, held: &BTreeSet<String>) -> Option<(Self, Self)> {
        let is_held = |step: &Transition| held.contains(&step.incident.id);
        let (held, rest): (Vec<_>, Vec<_>) = self.steps.iter().cloned().partition(is_held);
        let is_split = !held.is_empty() && !rest.is_empty();
        let all_readable = |gap: &Gap| Gap {
            unreadable: Vec::new(),
            ..gap.clone()
        };
        is_split.then(|| {
            let held = Self {
                gap: self.gap.as_ref().map(all_readable),
                ..Self::new(self.form, held)
            };
            let rest = Self {
                gap: self.gap.clone(),
                ..Self::new(self.form, rest)
            };
            (held, rest)
        })
    }

    /// Returns how things stand after all of `tellings`, which follow one another: the last step of each incident.
    pub fn together<'t>(tellings: impl IntoIterator<Item = &'t Self>) -> Self {
        let mut last: BTreeMap<&str, &Transition> = BTreeMap::new();
        for step in tellings.into_iter().flat_map(|telling| &telling.steps) {
            last.insert(&step.incident.id, step);
        }
        Self::new(TellingForm::Standing, last.into_values().cloned())
    }
}

fn only(messages: Vec<Message>) -> Option<Message> {
    let [message] = <[Message; 1]>::try_from(messages).ok()?;
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HOUR, Rule, Zone};
    use crate::notify::samples::course_of;

    const STYLE: Style = Style {
        zone: Zone::UTC,
        mask: true,
    };

    /// One step of bounce rates on so many streams.
    fn steps(step: &str, streams: usize) -> Vec<Transition> {
        let one = course_of(Rule::BounceRate).step(step).clone();
        let of = |n: usize| {
            let mut step = one.clone();
            step.incident.id = format!("aaaa{n}");
            step.incident.stream = Some(format!("stream-{n}").as_str().into());
            step
        };
        (0..streams).map(of).collect()
    }

    fn ids(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn what_is_held_is_distinguished_and_each_incident_once() {
        for form in [
            TellingForm::SameStep,
            TellingForm::Standing,
            TellingForm::MuteEnd,
        ] {
            let all = Telling::new(form, steps("opened", 5));
            let held = ids(&["aaaa1", "aaaa3", "zzzz"]);
            let (held, rest) = all.split(&held).expect("both");
            assert_eq!(held.incidents(), ids(&["aaaa1", "aaaa3"]));
            assert_eq!(rest.incidents(), ids(&["aaaa0", "aaaa2", "aaaa4"]));
            let (held, rest) = (held.to_message(STYLE), rest.to_message(STYLE));
            let (held, rest) = (held.expect("words"), rest.expect("words"));
            assert!(!rest.to_text().contains("aaaa1"), "{}", rest.to_text());
            assert!(!held.to_text().contains("aaaa2"), "{}", held.to_text());
            assert_eq!(all.split(&ids(&[])), None);
            assert_eq!(all.split(&all.incidents()), None);
        }
    }

    #[test]
    fn one_that_is_left_over_reads_as_if_it_had_been_alone() {
        let opened = steps("opened", 4);
        let alone = alert(&opened[0], STYLE);
        let all = Telling::new(TellingForm::SameStep, opened);
        let (one, _) = all.split(&ids(&["aaaa0"])).expect("both");
        assert_eq!(one.to_message(STYLE), Some(alone));
    }

    #[test]
    fn together_they_tell_how_each_stands_at_last() {
        let opened = Telling::new(TellingForm::SameStep, steps("opened", 4));
        let mut over = steps("resolved", 2);
        let end = opened.steps[0].at + HOUR * 2;
        over.iter_mut().for_each(|step| step.at = end);
        let over = Telling::new(TellingForm::SameStep, over);
        let all = Telling::together([&opened, &over]);
        let text = all.to_message(STYLE).expect("words").to_text();
        let begin = "🟠 WARN 2 of 4 streams: bounce rate is high";
        assert!(text.starts_with(begin), "{text}");
        assert_eq!(text.matches("\n✅ RESOLVED ").count(), 2, "{text}");
    }

    #[test]
    fn a_catch_up_is_reported_in_parts_and_what_cannot_be_read_once() {
        let incidents: Vec<Incident> = steps("resolved", 3)
            .into_iter()
            .map(|step| step.incident)
            .collect();
        let at = incidents[0].judged_at;
        let gap = Gap {
            span: Span::new(at - HOUR * 8, at),
            unreadable: vec![("shop/outbound".to_owned(), Span::new(at - HOUR, at))],
        };
        let all = Telling::of_gap(&incidents, gap, at);
        let whole = all.to_message(STYLE).expect("words").to_text();
        assert!(whole.starts_with("📋 catch-up: 3 incidents"), "{whole}");
        let stored = serde_json::to_string(&all).expect("JSON");
        let all: Telling = serde_json::from_str(&stored).expect("the same");
        let (held, rest) = all.split(&ids(&["aaaa1"])).expect("both");
        let texts = [held, rest].map(|part| part.to_message(STYLE).expect("words").to_text());
        let [held, rest] = &texts;
        assert!(held.starts_with("📋 catch-up: 1 incident "), "{held}");
        assert!(
            held.contains("aaaa1") && !held.contains("no longer has"),
            "{held}"
        );
        assert!(rest.starts_with("📋 catch-up: 2 incidents "), "{rest}");
        assert!(
            !rest.contains("aaaa1") && rest.contains("no longer has"),
            "{rest}"
        );
    }

    #[test]
    fn what_one_message_cannot_name_is_no_message() {
        let many = Telling::new(TellingForm::SameStep, steps("opened", 40));
        assert_eq!(many.to_message(STYLE), None);
    }
}
