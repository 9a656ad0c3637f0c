//! The baseline of one stream: what is normal, and which gap is not, learned from its own hours.
//!
//! The gap since the last mail is rescaled by an intensity, so that a night counts little and a Tuesday morning much (time
//! rescaling: E. N. Brown et al., "The time-rescaling theorem and its application to neural spike train data analysis",
//! Neural Computation 14, 2002). There is no one best intensity for all streams: several *intensity models* compete
//! (by hour of the week, with and without recent levels, flat, by day of the month). Each gets from the [`ExceedanceModel`]
//! of its own past gaps the threshold that keeps the budget of false alarms; the model that would notice a stop of this
//! stream soonest is taken. Beside it the [`GapBound`] holds, which knows no model: a gap scores the higher of both.

//!
//! [`learn`] makes a [`Baseline`] of a history; what it is made from is not kept, only what a gap is judged by.

mod learn;

use std::time::Duration;

use crate::detect::cusum::Cusum;
use crate::detect::encoding::{Encoded, encoded};
use crate::detect::exceedance::ExceedanceModel;
use crate::detect::gap_bound::GapBound;
use crate::detect::gap_length::GapLengthModel;
use crate::detect::hazard::{Hazard, RunningSums};
use crate::detect::hourly_series::split_by_hour;
use crate::detect::profile::IntensityTable;
use crate::detect::training::went_into_use;
use crate::model::{DAY, HOUR, History, Span, Timestamp};

/// How long a simulated outage is followed.
pub(super) const MAX_OUTAGE_HOURS: u32 = 45 * 24;
/// A younger stream learns daily, an older one weekly.
const YOUNG_STREAM: Duration = Duration::from_secs(5 * 7 * 86_400);

/// What is normal for one stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Baseline {
    learned: LearnedHours,
    /// The chosen models, each with the share of its surprise.
    chosen: Vec<(IntensityModel, f64)>,
    pub tail: ExceedanceModel,
    /// The surprise above which a gap is silence.
    pub threshold: f64,
    pub bound: GapBound,
    pub cusum: Cusum,
    /// The messages of each hour of the week, as many as there were: what people read, and by what normal volume is known.
    pub mean: IntensityTable,
    /// The share of its mean that two days in three reach; `None` where that is not known.
    pub low_share: Option<f64>,
    /// An hour with more messages is left out, as one of a burst.
    max_usual_sent: u64,
}

/// The hours of the clock that were learned from.
#[derive(Clone, Copy, Debug, PartialEq)]
struct LearnedHours {
    begins: Timestamp,
    count: usize,
}

encoded!(Baseline {
    learned,
    chosen,
    tail,
    threshold,
    bound,
    cusum,
    mean,
    low_share,
    max_usual_sent
});
encoded!(LearnedHours { begins, count });

impl LearnedHours {
    /// Returns how many hours lie from the beginning to the one that holds `at`.
    fn index(self, at: Timestamp) -> usize {
        (at.since(self.begins).as_secs() / 3600) as usize
    }

    fn start(self, hour: usize) -> Timestamp {
        self.begins + HOUR * u32::try_from(hour).unwrap_or(u32::MAX)
    }
}

/// One way to measure a gap.
#[derive(Clone, Debug, PartialEq)]
enum IntensityModel {
    /// The integral of an intensity, hour by hour.
    Hourly {
        now: IntensityTable,
        hazard: Hazard,
        sums: RunningSums,
    },
    /// The length alone, for mail at regular intervals.
    GapLength(GapLengthModel),
}

impl Encoded for IntensityModel {
    fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Hourly { now, hazard, sums } => {
                true.write(to);
                now.write(to);
                hazard.write(to);
                sums.write(to);
            }
            Self::GapLength(lengths) => {
                false.write(to);
                lengths.write(to);
            }
        }
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        if !bool::read(from)? {
            return Encoded::read(from).map(Self::GapLength);
        }
        Some(Self::Hourly {
            now: Encoded::read(from)?,
            hazard: Encoded::read(from)?,
            sums: Encoded::read(from)?,
        })
    }
}

impl IntensityModel {
    /// Returns the factor on the intensity of a gap that begins before `hour`, from the levels until then: those that were learned,
    /// and of the hours of `later` that follow.
    fn level_multiplier(
        &self,
        learned: LearnedHours,
        hour: usize,
        later: Option<(&History, u64)>,
    ) -> f64 {
        match self {
            Self::Hourly { now, hazard, sums } => {
                let later = later.map(|(history, max_usual_sent)| {
                    hours_after(learned, now, history, hour, max_usual_sent)
                });
                hazard.level_multiplier(sums, hour, &later.unwrap_or_default())
            }
            Self::GapLength(_) => 1.0,
        }
    }

    /// Returns what `part` adds to the surprise of a gap that began at `start`; `part` lies within one hour of the clock,
    /// the `elapsed`-th after that in which the gap began.
    fn score(&self, start: Timestamp, part: Span, elapsed: usize) -> f64 {
        match self {
            Self::Hourly { now, hazard, .. } => {
                hazard.intensity(now.at(part.from), elapsed) * hours(part)
            }
            Self::GapLength(lengths) => {
                lengths.surprise(part.until.since(start)) - lengths.surprise(part.from.since(start))
            }
        }
    }
}

fn hours(span: Span) -> f64 {
    span.length().as_secs_f64() / 3600.0
}

/// Returns until when to learn for an evaluation at `at`: never from the silence in question, and not at every poll anew, but
/// at once from what a person called a false alarm.
pub(super) fn training_cutoff(history: &History, at: Timestamp) -> Timestamp {
    let last = history.last_sent(at).unwrap_or(at);
    let first = went_into_use(history, last).or(history.first_seen_at);
    let age = last.since(first.unwrap_or(last));
    let usual = last.floor(if age < YOUNG_STREAM { DAY } else { 7 * DAY });
    let false_alarm = history.last_false_alarm(last);
    let false_alarm = false_alarm.map(|ended| ended.floor(HOUR) + HOUR);
    let until = false_alarm.filter(|until| *until <= last);
    until.map_or(usual, |until| until.max(usual))
}

impl Baseline {
    /// Returns how many gaps per year surprise more than this and are longer than this.
    pub(super) fn annual_rate(&self, surprise: f64, length: Duration) -> f64 {
        let longer = self.bound.annual_rate(length);
        self.tail.annual_rate(surprise).min(longer)
    }

    /// Returns the surprise of a gap that has lasted throughout `gap`: that of the chosen model, and at the bound of its
    /// length no less than the threshold. What lies before and after a time in which the account could send nothing counts as
    /// two gaps.
    pub(super) fn surprise(&self, history: &History, gap: Span) -> f64 {
        let scorer = self.scorer(gap.from, history);
        let by_model: f64 = history
            .due_parts(gap)
            .into_iter()
            .flat_map(|due| {
                let hours = split_by_hour(due).enumerate();
                hours.map(move |(elapsed, part)| (due.from, part, elapsed))
            })
            .map(|(began, part, elapsed)| scorer.score(began, part, elapsed))
            .sum();
        match self.bound.length(history, gap.from) {
            Some(bound) => {
                let length = history.longest_due(gap);
                let share = length.as_secs_f64() / bound.as_secs_f64().max(1.0);
                by_model.max(self.threshold * share)
            }
            None => by_model,
        }
    }

    /// Returns how long a stop after mail at `from` would go unnoticed by polls on the full hour, bounded as a gap that
    /// begins at `known`; `None` for more than 45 days.
    pub(super) fn detection_delay(
        &self,
        history: &History,
        from: Timestamp,
        known: Timestamp,
    ) -> Option<Duration> {
        let scorer = self.scorer(from, history);
        scorer.detection_delay(self.threshold, self.bound.length(history, known))
    }

    /// Returns the scorer of a gap from `from` on, at the level that the hours before it in `history` show.
    fn scorer(&self, from: Timestamp, history: &History) -> GapScorer<'_> {
        let chosen = self.chosen.iter().map(|(model, share)| (model, *share));
        let later = Some((history, self.max_usual_sent));
        GapScorer::new(chosen, self.learned, from, later)
    }
}

/// Scores one gap, hour by hour.
pub(super) struct GapScorer<'a> {
    weighted: Vec<(&'a IntensityModel, f64)>,
    start: Timestamp,
}

impl<'a> GapScorer<'a> {
    /// Of a gap from `from` on, by models with their shares; `later` has the hours after those that were learned from, if they are to
    /// count, and the number of messages above which one is left out.
    fn new(
        shares: impl Iterator<Item = (&'a IntensityModel, f64)>,
        learned: LearnedHours,
        from: Timestamp,
        later: Option<(&History, u64)>,
    ) -> Self {
        let hour = learned.index(from) + 1;
        let weighted = shares.map(|(model, share)| {
            let level = model.level_multiplier(learned, hour, later);
            (model, share * level)
        });
        Self {
            weighted: weighted.collect(),
            start: from,
        }
    }

    /// Returns what `part` adds to the surprise of a gap that began at `began`.
    fn score(&self, began: Timestamp, part: Span, elapsed: usize) -> f64 {
        let weighted = self.weighted.iter();
        weighted
            .map(|(model, share)| share * model.score(began, part, elapsed))
            .sum()
    }

    /// Returns the time to the first full hour at which the surprise exceeds `threshold` or the length `bound`.
    pub(super) fn detection_delay(
        &self,
        threshold: f64,
        bound: Option<Duration>,
    ) -> Option<Duration> {
        let mut surprise = 0.0;
        let longest = Span::new(self.start, self.start + HOUR * MAX_OUTAGE_HOURS);
        for (elapsed, part) in split_by_hour(longest).enumerate() {
            surprise += self.score(self.start, part, elapsed);
            let length = part.until.since(self.start);
            let is_silence = surprise > threshold || bound.is_some_and(|bound| length > bound);
            if is_silence && length > super::silence::INDEX_LAG {
                return Some(length);
            }
        }
        None
    }
}

/// Returns observed and expected counts of the hours after those that were `learned` from and before `hour`.
fn hours_after(
    learned: LearnedHours,
    now: &IntensityTable,
    history: &History,
    hour: usize,
    max_usual_sent: u64,
) -> Vec<(f64, f64)> {
    let first = learned.start(learned.count);
    let mut sent = history.hours[history.hours.partition_point(|h| h.start < first)..]
        .iter()
        .peekable();
    let each = |later: usize| {
        let start = learned.start(later);
        let count = sent.next_if(|h| h.start <= start).map_or(0, |h| h.sent);
        let covered = history.messages.covers(Span::new(start, start + HOUR));
        let calendar = now.calendar();
        if (covered || count > 0) && count <= max_usual_sent {
            let expected = calendar.expected(now.at(start));
            (calendar.observed(count), expected)
        } else {
            (0.0, 0.0)
        }
    };
    (learned.count..hour).map(each).collect()
}
