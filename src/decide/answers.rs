//! What follows from the answers below a message: which are new, and what each makes of an incident. Pure.

use crate::decide::{IncidentLog, Policy};
use crate::model::{
    Acknowledgement, Answer, DAY, Feedback, Judgement, Mute, Rule, StandingAnswer, Timestamp,
    Transition,
};

/// Why an answer mutes, as a list of mutes shows it.
const MUTE_REASON: &str = "answered with no_bell in Slack";

/// How the answers below a message changed since they were read last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Somebody gave it.
    Given(StandingAnswer),
    /// Whoever gave it took it back, and another person still gives it.
    HandedOver(StandingAnswer),
    /// Nobody gives it any more.
    TakenBack(Answer),
}

impl Change {
    /// Returns whose answer it is now; `None` where it is nobody's.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Given(given) | Self::HandedOver(given) => Some(&given.user),
            Self::TakenBack(_) => None,
        }
    }
}

/// Returns how the answers that stand `now` differ from those that stood `before`. That a user is not known is no change.
pub fn changes(before: &[StandingAnswer], now: &[StandingAnswer]) -> Vec<Change> {
    let mut changes = Vec::new();
    for given in now {
        match before.iter().find(|b| b.answer == given.answer) {
            None => changes.push(Change::Given(given.clone())),
            Some(known) if known.user != given.user && !given.user.is_empty() => {
                changes.push(Change::HandedOver(given.clone()));
            }
            Some(_) => {}
        }
    }
    for known in before {
        if now.iter().all(|given| given.answer != known.answer) {
            changes.push(Change::TakenBack(known.answer));
        }
    }
    changes
}

/// What an answer does beside the incident's new state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerEffect {
    /// Whether the incident, or what people are to read of it, is another than before.
    pub is_news: bool,
    /// Whether somebody takes care of it now, and nobody did before.
    pub is_acknowledged: bool,
    /// The step by which it ended.
    pub transition: Option<Transition>,
    pub feedback: Option<Feedback>,
    pub mute: Option<Mute>,
    /// Whether mutes of this incident alone end.
    pub unmutes: bool,
}

impl IncidentLog {
    /// Applies one change to the incident `id`; `name` is that of the person, and `stands_elsewhere` says whether the answer stands
    /// below another message about it.
    pub fn answer(
        &mut self,
        policy: &Policy,
        id: &str,
        change: &Change,
        name: &str,
        stands_elsewhere: bool,
        at: Timestamp,
    ) -> AnswerEffect {
        let by_answer = true;
        let acknowledgement = Acknowledgement {
            by: name.to_owned(),
            at,
            by_answer,
        };
        match change {
            Change::Given(given) => match given.answer {
                Answer::Acknowledged => self.acknowledge(id, acknowledgement),
                Answer::Muted => self.mute(id, name, at),
                Answer::Real => self.judge(policy, id, Judgement::Real, name, at),
                Answer::FalseAlarm => self.judge(policy, id, Judgement::FalseAlarm, name, at),
            },
            Change::HandedOver(given) if given.answer == Answer::Acknowledged => {
                self.hand_over(id, name)
            }
            Change::TakenBack(_) if stands_elsewhere => AnswerEffect::default(),
            Change::TakenBack(Answer::Acknowledged) => self.withdraw_acknowledgement(id),
            Change::TakenBack(Answer::Muted) => AnswerEffect {
                is_news: true,
                unmutes: true,
                ..AnswerEffect::default()
            },
            // What was closed stays closed.
            Change::HandedOver(_) | Change::TakenBack(_) => AnswerEffect::default(),
        }
    }

    /// Records who takes care of an open incident, unless somebody does.
    pub fn acknowledge(&mut self, id: &str, acknowledgement: Acknowledgement) -> AnswerEffect {
        let incident = self.find_open(id).filter(|i| i.acknowledged.is_none());
        let is_news = incident.is_some();
        if let Some(incident) = incident {
            incident.acknowledged = Some(acknowledgement);
        }
        AnswerEffect {
            is_news,
            is_acknowledged: is_news,
            ..AnswerEffect::default()
        }
    }

    fn hand_over(&mut self, id: &str, name: &str) -> AnswerEffect {
        let incident = self.find_open(id);
        let acknowledged = incident.and_then(|i| i.acknowledged.as_mut());
        let acknowledged = acknowledged.filter(|a| a.by_answer && a.by != name);
        let is_news = acknowledged.is_some();
        if let Some(acknowledged) = acknowledged {
            name.clone_into(&mut acknowledged.by);
        }
        AnswerEffect {
            is_news,
            ..AnswerEffect::default()
        }
    }

    fn withdraw_acknowledgement(&mut self, id: &str) -> AnswerEffect {
        let incident = self.find_open(id);
        let incident = incident.filter(|i| i.acknowledged.as_ref().is_some_and(|a| a.by_answer));
        let is_news = incident.is_some();
        if let Some(incident) = incident {
            incident.acknowledged = None;
        }
        AnswerEffect {
            is_news,
            ..AnswerEffect::default()
        }
    }

    fn mute(&mut self, id: &str, name: &str, at: Timestamp) -> AnswerEffect {
        let mute = self.find_open(id).map(|incident| Mute {
            id: 0,
            server: Some(incident.server.clone()),
            rule: Some(incident.rule),
            incident: Some(incident.id.clone()),
            from: at,
            until: at + DAY,
            reason: MUTE_REASON.to_owned(),
            by: name.to_owned(),
            planned: false,
        });
        AnswerEffect {
            is_news: mute.is_some(),
            mute,
            ..AnswerEffect::default()
        }
    }

    /// Keeps what a person says of an incident, and closes it without a word. That of another server is closed by accepting that,
    /// which takes more than an emoji.
    fn judge(
        &mut self,
        policy: &Policy,
        id: &str,
        judgement: Judgement,
        name: &str,
        at: Timestamp,
    ) -> AnswerEffect {
        let feedback = Feedback {
            judgement,
            by: name.to_owned(),
            at,
        };
        let is_closable = self
            .find_open(id)
            .is_some_and(|incident| incident.rule != Rule::ServerChanged);
        let transition = match is_closable {
            true => self.close_silently(policy, id, (name, judgement), at),
            false => None,
        };
        AnswerEffect {
            is_news: transition.is_some(),
            transition,
            feedback: Some(feedback),
            ..AnswerEffect::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(answer: Answer, user: &str) -> StandingAnswer {
        StandingAnswer {
            answer,
            user: user.to_owned(),
        }
    }

    #[test]
    fn what_stands_is_no_change_and_what_came_or_went_is_one() {
        let eyes = given(Answer::Acknowledged, "U0AMY");
        let other = given(Answer::Acknowledged, "U0BOB");
        let unknown = given(Answer::Acknowledged, "");
        let closed = given(Answer::Real, "U0AMY");
        let one = std::slice::from_ref;
        assert_eq!(changes(&[], &[]), []);
        assert_eq!(changes(&[], one(&eyes)), [Change::Given(eyes.clone())]);
        assert_eq!(changes(one(&eyes), one(&eyes)), []);
        assert_eq!(changes(one(&eyes), one(&unknown)), []);
        let handed = [Change::HandedOver(other.clone())];
        assert_eq!(changes(one(&eyes), one(&other)), handed);
        let both = [
            Change::Given(closed.clone()),
            Change::TakenBack(Answer::Acknowledged),
        ];
        assert_eq!(changes(one(&eyes), one(&closed)), both);
    }
}
