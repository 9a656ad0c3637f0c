//! What people answer, and what is reported after it.

use super::*;
use crate::model::{Acknowledgement, Answer, Judgement, StandingAnswer};

fn given(answer: Answer) -> Change {
    Change::Given(StandingAnswer {
        answer,
        user: "U0AMY".to_owned(),
    })
}

impl Scene {
    /// Answers the only incident at an hour.
    fn answer(&mut self, hour: u32, change: &Change) -> AnswerEffect {
        let id = self.log.incidents().last().expect("one").id.clone();
        self.log
            .answer(&self.policy, &id, change, "Amy", false, at(hour))
    }

    fn acknowledged(&self) -> Option<&Acknowledgement> {
        self.log.incidents().last()?.acknowledged.as_ref()
    }
}

#[test]
fn nobody_is_reminded_of_what_is_acknowledged_and_its_end_is_reported() {
    let mut scene = Scene::new(false);
    scene.bounce(0, Verdict::Breach);
    assert!(scene.answer(1, &given(Answer::Acknowledged)).is_news);
    assert!(
        !scene.answer(1, &given(Answer::Acknowledged)).is_news,
        "it is known"
    );
    assert_eq!(scene.bounce(24, Verdict::Breach), ["bounce_rate reminded"]);
    let back = Change::TakenBack(Answer::Acknowledged);
    assert!(scene.answer(25, &back).is_news);
    assert_eq!(scene.bounce(48, Verdict::Breach), ["bounce_rate reminded!"]);
    scene.answer(49, &given(Answer::Acknowledged));
    scene.bounce(50, Verdict::Within);
    assert_eq!(scene.bounce(51, Verdict::Within), ["bounce_rate resolved!"]);
}

#[test]
fn what_was_acknowledged_by_command_is_not_taken_back_by_an_emoji() {
    let mut scene = Scene::new(false);
    scene.bounce(0, Verdict::Breach);
    let id = scene.log.incidents().last().expect("one").id.clone();
    let by_command = Acknowledgement {
        by: "ops".to_owned(),
        at: at(1),
        by_answer: false,
    };
    assert!(scene.log.acknowledge(&id, by_command.clone()).is_news);
    scene.answer(2, &given(Answer::Acknowledged));
    scene.answer(3, &Change::TakenBack(Answer::Acknowledged));
    assert_eq!(scene.acknowledged(), Some(&by_command));
}

#[test]
fn what_still_stands_below_another_message_is_not_taken_back() {
    let mut scene = Scene::new(false);
    scene.bounce(0, Verdict::Breach);
    scene.answer(1, &given(Answer::Acknowledged));
    let id = scene.log.incidents().last().expect("one").id.clone();
    let back = Change::TakenBack(Answer::Acknowledged);
    let effect = scene.log.answer(&scene.policy, &id, &back, "", true, at(2));
    assert_eq!(effect, AnswerEffect::default());
    assert!(scene.acknowledged().is_some());
}

#[test]
fn a_mute_of_one_incident_is_over_with_it() {
    let mut scene = Scene::new(false);
    scene.bounce(0, Verdict::Breach);
    let effect = scene.answer(1, &given(Answer::Muted));
    let mute = effect.mute.expect("a mute");
    assert_eq!((mute.from, mute.until), (at(1), at(25)));
    assert!(
        !mute.covers(&"shop".into(), Rule::BounceRate),
        "of all others nothing is muted"
    );
    scene.policy.mutes = vec![mute];
    scene.bounce(2, Verdict::Within);
    assert_eq!(scene.bounce(3, Verdict::Within), ["bounce_rate resolved"]);
    assert_eq!(
        scene.bounce(8, Verdict::Breach),
        ["bounce_rate opened"],
        "its end was not reported, so it is the same"
    );
    scene.bounce(9, Verdict::Within);
    scene.bounce(10, Verdict::Within);
    let end = scene.log.end_mutes(&scene.policy, at(26));
    assert_eq!(end.resolved.len(), 1);
    assert_eq!(
        scene.bounce(30, Verdict::Breach),
        ["bounce_rate opened!"],
        "another incident"
    );
}

#[test]
fn what_was_closed_by_an_emoji_is_reported_to_nobody_and_opens_a_day_later() {
    for (answer, judgement) in [
        (Answer::Real, Judgement::Real),
        (Answer::FalseAlarm, Judgement::FalseAlarm),
    ] {
        let mut scene = Scene::new(false);
        scene.bounce(0, Verdict::Breach);
        let effect = scene.answer(1, &given(answer));
        let closed = effect.transition.expect("it ended");
        assert_eq!((closed.step, closed.notified), (Step::Resolved, false));
        assert_eq!(closed.incident.closed_as, Some(judgement));
        let said = effect.feedback.expect("it is kept");
        assert_eq!((said.judgement, said.by.as_str()), (judgement, "Amy"));
        assert_eq!(scene.bounce(2, Verdict::Breach), NOTHING);
        assert_eq!(scene.bounce(24, Verdict::Breach), NOTHING);
        assert_eq!(scene.bounce(25, Verdict::Breach), ["bounce_rate opened!"]);
    }
}

#[test]
fn another_server_is_accepted_by_no_emoji() {
    let mut scene = Scene::new(false);
    let change = ServerChange {
        former: 1,
        current: 2,
        ..ServerChange::default()
    };
    let changed = Finding {
        evidence: Evidence::ServerChange(change),
        ..finding(Rule::ServerChanged, Verdict::Breach)
    };
    scene.at(at(0), vec![changed]);
    let effect = scene.answer(1, &given(Answer::Real));
    assert!(effect.transition.is_none() && effect.feedback.is_some());
}

#[test]
fn what_a_closed_incident_inhibited_is_no_news_for_a_day() {
    let mut scene = Scene::new(false);
    let both = |verdict| {
        vec![
            finding(Rule::HardBounceWake, verdict),
            finding(Rule::BounceRate, Verdict::Breach),
        ]
    };
    assert_eq!(
        scene.at(at(0), both(Verdict::Breach)),
        ["hard_bounce_wake opened!", "bounce_rate opened"]
    );
    let wake = scene
        .log
        .incidents()
        .find(|i| i.rule == Rule::HardBounceWake);
    let id = wake.expect("it opened").id.clone();
    let closed = given(Answer::FalseAlarm);
    scene
        .log
        .answer(&scene.policy, &id, &closed, "Amy", false, at(1));
    for hour in 2..25 {
        let steps = scene.at(at(hour), both(Verdict::Within));
        assert!(
            steps.iter().all(|step| !step.ends_with('!')),
            "{hour}: {steps:?}"
        );
    }
    assert_eq!(
        scene.at(at(25), both(Verdict::Within)),
        ["bounce_rate reminded!"],
        "it still stands"
    );
}
