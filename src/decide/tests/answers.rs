//! What people answer, and what is told after it.

use super::*;
use crate::model::{Acknowledgement, Answer, Judgement, StandingAnswer};

fn given(answer: Answer) -> Change {
    Change::Given(StandingAnswer {
        answer,
        user: "U0AMY".to_owned(),
    })
}

impl Told {
    /// Answers the only incident at an hour.
    fn answer(&mut self, hour: u32, change: &Change) -> AnswerEffect {
        let id = self.book.incidents().last().expect("one").id.clone();
        self.book
            .answer(&self.policy, &id, change, "Amy", false, at(hour))
    }

    fn acknowledged(&self) -> Option<&Acknowledgement> {
        self.book.incidents().last()?.acknowledged.as_ref()
    }
}

#[test]
fn nobody_is_reminded_of_what_is_acknowledged_and_its_end_is_told() {
    let mut told = Told::new(false);
    told.bounce(0, Verdict::Breach);
    assert!(told.answer(1, &given(Answer::Acknowledged)).is_news);
    assert!(
        !told.answer(1, &given(Answer::Acknowledged)).is_news,
        "it is known"
    );
    assert_eq!(told.bounce(24, Verdict::Breach), ["bounce_rate reminded"]);
    let back = Change::TakenBack(Answer::Acknowledged);
    assert!(told.answer(25, &back).is_news);
    assert_eq!(told.bounce(48, Verdict::Breach), ["bounce_rate reminded!"]);
    told.answer(49, &given(Answer::Acknowledged));
    told.bounce(50, Verdict::Within);
    assert_eq!(told.bounce(51, Verdict::Within), ["bounce_rate resolved!"]);
}

#[test]
fn what_was_acknowledged_by_command_is_not_taken_back_by_an_emoji() {
    let mut told = Told::new(false);
    told.bounce(0, Verdict::Breach);
    let id = told.book.incidents().last().expect("one").id.clone();
    let by_command = Acknowledgement {
        by: "ops".to_owned(),
        at: at(1),
        by_answer: false,
    };
    assert!(told.book.acknowledge(&id, by_command.clone()).is_news);
    told.answer(2, &given(Answer::Acknowledged));
    told.answer(3, &Change::TakenBack(Answer::Acknowledged));
    assert_eq!(told.acknowledged(), Some(&by_command));
}

#[test]
fn what_still_stands_below_another_message_is_not_taken_back() {
    let mut told = Told::new(false);
    told.bounce(0, Verdict::Breach);
    told.answer(1, &given(Answer::Acknowledged));
    let id = told.book.incidents().last().expect("one").id.clone();
    let back = Change::TakenBack(Answer::Acknowledged);
    let effect = told.book.answer(&told.policy, &id, &back, "", true, at(2));
    assert_eq!(effect, AnswerEffect::default());
    assert!(told.acknowledged().is_some());
}

#[test]
fn a_mute_of_one_incident_is_over_with_it() {
    let mut told = Told::new(false);
    told.bounce(0, Verdict::Breach);
    let effect = told.answer(1, &given(Answer::Muted));
    let mute = effect.mute.expect("a mute");
    assert_eq!((mute.from, mute.until), (at(1), at(25)));
    assert!(
        !mute.covers(&"shop".into(), Rule::BounceRate),
        "of all others nothing is muted"
    );
    told.policy.mutes = vec![mute];
    told.bounce(2, Verdict::Within);
    assert_eq!(told.bounce(3, Verdict::Within), ["bounce_rate resolved"]);
    assert_eq!(
        told.bounce(8, Verdict::Breach),
        ["bounce_rate opened"],
        "its end was not told, so it is the same"
    );
    told.bounce(9, Verdict::Within);
    told.bounce(10, Verdict::Within);
    let end = told.book.end_mutes(&told.policy, at(26));
    assert_eq!(end.resolved.len(), 1);
    assert_eq!(
        told.bounce(30, Verdict::Breach),
        ["bounce_rate opened!"],
        "another incident"
    );
}

#[test]
fn what_was_closed_by_an_emoji_is_told_to_nobody_and_opens_a_day_later() {
    for (answer, judgement) in [
        (Answer::Real, Judgement::Real),
        (Answer::FalseAlarm, Judgement::FalseAlarm),
    ] {
        let mut told = Told::new(false);
        told.bounce(0, Verdict::Breach);
        let effect = told.answer(1, &given(answer));
        let closed = effect.transition.expect("it ended");
        assert_eq!((closed.step, closed.notified), (Step::Resolved, false));
        assert_eq!(closed.incident.closed_as, Some(judgement));
        let said = effect.feedback.expect("it is kept");
        assert_eq!((said.judgement, said.by.as_str()), (judgement, "Amy"));
        assert_eq!(told.bounce(2, Verdict::Breach), NOTHING);
        assert_eq!(told.bounce(24, Verdict::Breach), NOTHING);
        assert_eq!(told.bounce(25, Verdict::Breach), ["bounce_rate opened!"]);
    }
}

#[test]
fn another_server_is_accepted_by_no_emoji() {
    let mut told = Told::new(false);
    let change = ServerChange {
        former: 1,
        current: 2,
        ..ServerChange::default()
    };
    let changed = Finding {
        evidence: Evidence::ServerChange(change),
        ..finding(Rule::ServerChanged, Verdict::Breach)
    };
    told.at(at(0), vec![changed]);
    let effect = told.answer(1, &given(Answer::Real));
    assert!(effect.transition.is_none() && effect.feedback.is_some());
}
