//! What is kept names the learner that it is of.

use ring::digest::{SHA256, digest};

use super::*;
use crate::detect::encoding::{decode, encode};
use crate::detect::level_shift::LevelShift;
use crate::detect::training::LEARNER;

/// The number of each learner, and a digest of what it learns.
const LEARNERS: &str = include_str!("../../../../tests/data/learners.txt");

/// What is learned of fixed pasts, each number rounded: a mathematical library may differ in the last digits.
fn what_is_learned() -> String {
    let mut pasts = Vec::new();
    for (seed, a_day, bursts) in [
        (1, 3.0, false),
        (2, 60.0, false),
        (3, 20.0, true),
        (4, 0.2, true),
    ] {
        let mut world = World {
            sent: mail(seed, 84, a_day, bursts),
            holes: vec![Span::new(start() + 20 * DAY, start() + 22 * DAY)],
            marked: Vec::new(),
            refused: Vec::new(),
            lost: Vec::new(),
            told: Vec::new(),
            rules: Rules::default(),
            series: 2,
            now: start() + 80 * DAY,
            packed: false,
        };
        pasts.push((world.history(), world.now));
        let quiet = Span::new(start() + 60 * DAY, start() + 62 * DAY);
        world.sent.retain(|at| !quiet.contains(*at));
        world.mark(Rule::SendSilence, quiet, Judgement::FalseAlarm);
        pasts.push((world.history(), world.now));
        // What is learned from ends within the one outage, and after the other; the account was suspended once, too.
        let until = LearnedTime::at(&world.history(), world.now).until;
        for outage in [
            Span::new(start() + 68 * DAY, start() + 69 * DAY + 5 * HOUR),
            Span::new(until - 10 * HOUR, until + 6 * HOUR),
        ] {
            world.sent.retain(|at| !outage.contains(*at));
            world.mark(Rule::SendSilence, outage, Judgement::Real);
        }
        pasts.push((world.history(), world.now));
        let suspended = Span::new(start() + 40 * DAY + 9 * HOUR, start() + 43 * DAY);
        world.sent.retain(|at| !suspended.contains(*at));
        world.refused.push(suspended);
        pasts.push((world.history(), world.now));
    }
    let learn = |(history, at): (History, Timestamp)| {
        let shift = LevelShift::find(&history, at);
        let settings = LearningSettings::new(&Rules::default(), 2, shift);
        let training = Training::new(&history, LearnedTime::at(&history, at));
        let silence = Silence::learn(&training, &settings);
        let again: Silence = decode(&encode(&silence)).expect("it is read");
        assert_eq!(again, silence);
        format!("{silence:.3?}\n")
    };
    pasts.into_iter().map(learn).collect()
}

/// What is kept is used by the next version, too: where that learns otherwise, it must have another number.
#[test]
fn a_learner_that_learns_otherwise_has_a_number_of_its_own() {
    let hex = |byte: &u8| format!("{byte:02x}");
    let found = digest(&SHA256, what_is_learned().as_bytes());
    let found: String = found.as_ref()[..8].iter().map(hex).collect();
    let found = format!("{LEARNER} {found}");
    let lines: Vec<&str> = LEARNERS.lines().collect();
    assert_eq!(
        lines.last(),
        Some(&found.as_str()),
        "raise LEARNER and add this line to tests/data/learners.txt; an old line is never changed"
    );
    for (number, line) in (1..).zip(&lines) {
        assert!(line.starts_with(&format!("{number} ")), "{line}");
    }
}
