//! The sample of a time in parts within which it is about as dense, so that each message of a part stands for as many.
//!
//! A poll draws as many messages however many were sent, more of a stream in doubt, and few of an outage's hours. Added up, messages
//! of hours that were drawn from densely would count for more mail than there was. Where the density changes is not told, so the
//! cuts are those of the greatest likelihood, each of which must make what was drawn likelier by a fixed factor (B. Jackson et
//! al., "An algorithm for optimal partitioning of data on an interval", IEEE Signal Processing Letters 12, 2005). What became of the
//! sample has no part in them.

use std::ops::Range;
use std::time::Duration;

use super::outcome::{GUESSED_BEFORE, is_known, outcome_of, unsampled};
use super::{state_at, within};
use crate::model::{Coverage, HOUR, History, SampleOutcome, SampledMessage, Span, Timestamp};

/// By how much a cut must raise the log of the likelihood. Hours of a stream of which a poll draws two messages, and five once one of
/// them is lost, are left together: alone, those without a loss would count for too much.
const CUT_COST: f64 = 2.0;
/// The maximum number of steps of one time; their number squared is what it takes.
const MAX_STEPS: u32 = 200;

/// A time within which the sample is about as dense.
#[derive(Clone, Debug, PartialEq)]
pub struct SampledPart {
    /// That time, without what the sample says nothing of.
    pub times: Coverage,
    /// Messages sent in it.
    pub sent: u64,
    /// What became of those of them that were sampled.
    pub outcome: SampleOutcome,
}

/// What the sample says of a time.
#[derive(Clone, Debug, PartialEq)]
pub struct SampledParts {
    /// The parts since the first start of which it says something, in order.
    pub parts: Vec<SampledPart>,
    /// Messages sent in those of which it says nothing.
    pub unknown: u64,
    /// Messages sent in the day before the first start. None of them was sampled: what came after them is a guess of what became of
    /// them, but not how sure that is, since trouble may be why somebody began to look.
    pub guessed: u64,
}

/// Returns what the sample says of the parts of `span`.
pub fn sampled_parts(history: &History, span: Span) -> SampledParts {
    let holes = unsampled(history, span);
    let unknown = history.sent_in(&holes);
    let begin = history.installed_at.unwrap_or(span.from).max(span.from);
    let guessed = Span::new(span.from.max(begin - GUESSED_BEFORE), begin);
    let guessed = history.sent_in(&[guessed]);
    // A hole begins with the last message that is known, which is no part of it.
    let after_message = |hole: &Span| match hole.from {
        from if from == begin => *hole,
        from => Span::new(Timestamp(from.0 + 1), hole.until),
    };
    let holes = Coverage::from_spans(holes.iter().map(after_message));
    let step = |times: Span| {
        let sampled = within(&history.sampled, times).iter();
        let is_known = |mail: &&SampledMessage| is_known(state_at(mail, span.until));
        Step {
            times,
            sent: history.sent.count(times),
            known: sampled.filter(is_known).count() as u64,
        }
    };
    let length = step_length(span);
    let seen = holes.holes(Span::new(begin, span.until)).into_iter();
    let steps = seen.flat_map(|seen| cut(history, seen, length)).map(step);
    let steps: Vec<Step> = steps.collect();
    let parts = join_empty(runs(&steps)).into_iter().map(|run| {
        let outcomes = steps[run.steps.clone()].iter();
        let outcome = outcomes.fold(SampleOutcome::default(), |sum, step| {
            sum + outcome_of(within(&history.sampled, step.times), span.until)
        });
        SampledPart {
            times: Coverage::from_spans(steps[run.steps].iter().map(|step| step.times)),
            sent: run.sent,
            outcome,
        }
    });
    let parts = parts.filter(|part| part.outcome.settled() > 0);
    SampledParts {
        parts: parts.collect(),
        unknown,
        guessed,
    }
}

/// Returns an hour, or more where `span` has too many.
fn step_length(span: Span) -> Duration {
    let longest = HOUR.as_secs() * u64::from(MAX_STEPS);
    Duration::from_secs(HOUR.as_secs() * span.length().as_secs().div_ceil(longest).max(1))
}

/// Cuts `span` into steps of `length`, of which none cuts what was only counted.
fn cut(history: &History, span: Span, length: Duration) -> Vec<Span> {
    let is_apart =
        |at: &Timestamp| history.whole_counts_within(Span::new(span.from, *at)).until == *at;
    let inner = (1..=MAX_STEPS).map(|n| span.from + length * n);
    let inner = inner.take_while(|at| *at < span.until).filter(is_apart);
    let mut from = span.from;
    let ends = inner.chain([span.until]);
    ends.map(|until| Span::new(std::mem::replace(&mut from, until), until))
        .collect()
}

/// A short time, with what was sent in it, and how many of these messages are sampled and have a known fate.
#[derive(Clone, Copy, Debug)]
struct Step {
    times: Span,
    sent: u64,
    known: u64,
}

/// Steps in a row.
#[derive(Clone, Debug)]
struct Run {
    steps: Range<usize>,
    sent: u64,
    known: u64,
}

impl Run {
    fn join(self, next: &Self) -> Self {
        Self {
            steps: self.steps.start..next.steps.end,
            sent: self.sent + next.sent,
            known: self.known + next.known,
        }
    }

    /// The share of its mail that is known, at most 1: where mail stands at the end of its minute, that of a moment may seem more.
    fn density(&self) -> f64 {
        self.known as f64 / self.sent.max(self.known).max(1) as f64
    }

    /// The negative log of the likelihood of what is known, but for what no cut changes.
    fn cost(&self) -> f64 {
        match self.known {
            0 => 0.0,
            known => -(known as f64) * self.density().ln(),
        }
    }
}

/// Returns `steps` joined to the runs of the greatest likelihood, of which each costs [`CUT_COST`].
fn runs(steps: &[Step]) -> Vec<Run> {
    // The cheapest way to cut the first so many steps: its cost, and its last run.
    let mut best: Vec<(f64, Option<Run>)> = vec![(0.0, None)];
    for end in 1..=steps.len() {
        let (mut cheapest, mut last) = (f64::INFINITY, None);
        let mut run = Run {
            steps: end..end,
            sent: 0,
            known: 0,
        };
        for (from, step) in steps[..end].iter().enumerate().rev() {
            run = Run {
                steps: from..end,
                sent: run.sent + step.sent,
                known: run.known + step.known,
            };
            let cost = best[from].0 + run.cost() + CUT_COST;
            if cost <= cheapest {
                (cheapest, last) = (cost, Some(run.clone()));
            }
        }
        best.push((cheapest, last));
    }
    let mut runs = Vec::new();
    let mut rest = steps.len();
    while let Some(run) = best[rest].1.take() {
        rest = run.steps.start;
        runs.push(run);
    }
    runs.reverse();
    runs
}

/// Leaves each run of which nothing is known to that beside it which was drawn from less densely.
fn join_empty(mut runs: Vec<Run>) -> Vec<Run> {
    while let Some(empty) = runs.iter().position(|run| run.known == 0) {
        let before = empty.checked_sub(1);
        let after = Some(empty + 1).filter(|after| *after < runs.len());
        let density = |index: usize| runs[index].density();
        let first = match (before, after) {
            (None, None) => break,
            (Some(before), Some(after)) if density(after) >= density(before) => before,
            (Some(before), None) => before,
            (_, Some(_)) => empty,
        };
        let second = runs.remove(first + 1);
        runs[first] = runs[first].clone().join(&second);
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CumulativeCounts;

    const START: Timestamp = Timestamp(1_772_582_400_000);

    /// A time whose hours had so many messages, of which so many are sampled and delivered.
    fn hours(hours: &[(u32, u32)]) -> (History, Span) {
        let mut history = History {
            installed_at: Some(START),
            first_seen_at: Some(START),
            ..History::default()
        };
        let mut sent = Vec::new();
        for (hour, (of_hour, sampled)) in (0u32..).zip(hours) {
            let begin = START + HOUR * hour;
            let at = |n: u32, of: u32| begin + HOUR / (of + 1) * (n + 1);
            sent.extend((0..*of_hour).map(|n| (at(n, *of_hour), 1)));
            history.sampled.extend((0..*sampled).map(|n| {
                let sent_at = at(n * of_hour / sampled, *of_hour);
                SampledMessage {
                    sent_at,
                    checked_at: Some(sent_at + HOUR),
                    delivered_at: Some(sent_at),
                    ..SampledMessage::default()
                }
            }));
        }
        history.sent = CumulativeCounts::from_counts(sent);
        let length = HOUR * u32::try_from(hours.len()).expect("few");
        (history, Span::new(START, START + length))
    }

    /// What was sent in each part, and sampled of it.
    fn parts(of: &[(u32, u32)]) -> Vec<(u64, u64)> {
        let (history, span) = hours(of);
        let SampledParts { parts, unknown, .. } = sampled_parts(&history, span);
        assert_eq!(unknown, 0);
        let part = |part: &SampledPart| (part.sent, part.outcome.settled());
        parts.iter().map(part).collect()
    }

    #[test]
    fn a_sample_that_is_everywhere_as_dense_is_one_part() {
        assert_eq!(parts(&[(20, 4); 24]), [(480, 96)]);
        // However much was sent, and though small hours are drawn from as it falls out.
        let day = [(10, 2), (40, 8), (100, 20), (30, 6), (5, 1), (5, 1)];
        assert_eq!(parts(&day), [(190, 38)]);
        // Two messages of an hour, and five where one of them was lost.
        let small = [2, 2, 5, 2, 2, 2, 5, 5, 2, 2, 2, 5, 2, 2];
        assert_eq!(parts(&small.map(|sampled| (12, sampled))).len(), 1);
    }

    #[test]
    fn an_outage_and_the_time_after_it_are_parts_of_their_own() {
        let outage = [(31, 3); 7].into_iter();
        let day: Vec<(u32, u32)> = outage.chain([(16, 5); 8]).collect();
        assert_eq!(parts(&day), [(217, 21), (128, 40)]);
        let night = [(8, 4); 6].into_iter();
        let day: Vec<(u32, u32)> = night.chain(day).collect();
        assert_eq!(parts(&day), [(48, 24), (217, 21), (128, 40)]);
    }

    #[test]
    fn an_hour_of_which_nothing_is_known_is_left_to_the_mail_beside_it() {
        let day = [
            (10, 5),
            (10, 5),
            (10, 5),
            (40, 0),
            (40, 4),
            (40, 4),
            (40, 4),
        ];
        assert_eq!(parts(&day), [(30, 15), (160, 12)]);
        assert_eq!(parts(&[(10, 0), (10, 0)]), []);
    }

    #[test]
    fn what_the_sample_says_nothing_of_parts_nothing() {
        let day: Vec<(u32, u32)> = [(10, 2); 8]
            .into_iter()
            .chain([(10, 0); 8])
            .chain([(10, 2); 8])
            .collect();
        let (history, span) = hours(&day);
        let SampledParts { parts, unknown, .. } = sampled_parts(&history, span);
        let [part] = parts.as_slice() else {
            panic!("{parts:?}")
        };
        assert_eq!(part.outcome.settled(), 32);
        assert!(
            unknown >= 80 && part.sent + unknown >= 240,
            "{unknown} {part:?}"
        );
        assert!(!part.times.contains(START + HOUR * 12));
    }
}
