//! What is normal for one stream, and from what on a gap is not: learned from its own hours, gap by gap.
//!
//! The gap since the last mail is rescaled by an intensity, so that a night counts little and a Tuesday morning much (time
//! rescaling: E. N. Brown et al., "The time-rescaling theorem and its application to neural spike train data analysis",
//! Neural Computation 14, 2002). There is no one best intensity for all streams: several *views* compete (by hour of the
//! week, with and without what happened lately, flat, by day of the month). Each gets from the [`Tail`] of its own past
//! gaps the threshold that keeps the budget of false alarms; the view that would notice a stop of this stream soonest is
//! taken. Beside it the [`Bound`] holds, which knows no view: a gap measures the more of both.

use std::time::Duration;

use crate::detect::bound::Bound;
use crate::detect::dips::{Dip, Dips};
use crate::detect::hazard::{Hazard, Running};
use crate::detect::outages::{SimulatedOutage, expected_detection_delay, simulated_outages};
use crate::detect::profile::{Profile, Shape};
use crate::detect::rhythm::Rhythm;
use crate::detect::tail::Tail;
use crate::detect::timeline::{Gap, Timeline};
use crate::model::{DAY, HOUR, History, Span, Timestamp};

/// The views that look at the calendar, in the order of [`COMBINATIONS`], and whether the effect of what
/// happened lately is fitted; otherwise growth and decline over weeks is all they follow. One
/// more comes after them: the rhythm.
const SHAPES: [(Shape, bool); RHYTHM] = [
    (Shape::Occupied { flat: 0.1 }, false),
    (Shape::Mean { flat: 0.1 }, false),
    (Shape::Occupied { flat: 0.0 }, false),
    (Shape::Mean { flat: 0.0 }, false),
    (Shape::Occupied { flat: 1.0 }, false),
    (Shape::Occupied { flat: 0.1 }, true),
    (Shape::Mean { flat: 0.1 }, true),
    (Shape::Monthly, false),
];
/// The place of the mean by the hour of the week.
const MEAN: usize = 1;
/// Part of the budget that goes to drops.
const DROPS: f64 = 0.05;
/// The place of the view that looks at the length of gaps alone.
const RHYTHM: usize = 8;
/// Which views are tried, alone and averaged.
const COMBINATIONS: [&[usize]; 11] = [
    &[0],
    &[1],
    &[2],
    &[3],
    &[4],
    &[5],
    &[6],
    &[7],
    &[RHYTHM],
    &[5, 6],
    &[0, 1, 5, 6],
];
/// The threshold is set for this multiple of the budget, since each past gap counts for the worse of what it was by the
/// intensity of its time and by today's.
const SPENT: f64 = 1.3;
/// No threshold is below this.
const LOWEST: f64 = 0.5;
/// A stop is followed for so many hours.
pub(super) const LONGEST: u32 = 45 * 24;
/// A stream of less than this many weeks learns daily, an older one weekly.
const YOUNG: Duration = Duration::from_secs(5 * 7 * 86_400);

/// What is normal for one stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Habits {
    timeline: Timeline,
    views: Vec<View>,
    /// The view or views that judge: each with the share of its surprise.
    chosen: Vec<(usize, f64)>,
    tail: Tail,
    threshold: f64,
    bound: Bound,
    dips: Dips,
}

/// One way to measure a gap.
#[derive(Clone, Debug, PartialEq)]
enum View {
    /// By an intensity, hour by hour.
    Calendar {
        profile: Profile,
        /// What happened lately, for the views that look at it: by the day of the month there is too little to tell.
        lately: Option<(Hazard, Running)>,
    },
    /// By its length alone: what comes at regular times stays away for none of them.
    Rhythm(Rhythm),
}

impl View {
    fn calendar(timeline: &Timeline, shape: Shape, conditional: bool) -> Self {
        let profile = Profile::learn(timeline, shape);
        let lately = (shape != Shape::Monthly).then(|| {
            let running = Running::new(timeline, &profile);
            let hazard = if conditional {
                Hazard::fit(timeline, &profile, &running)
            } else {
                Hazard::GROWTH
            };
            (hazard, running)
        });
        Self::Calendar { profile, lately }
    }

    /// By how much the time up to the hour before `hour` multiplies the intensity of a gap that begins in it.
    fn effect(&self, hour: usize, later: &[(f64, f64)]) -> f64 {
        match self {
            Self::Calendar {
                lately: Some((hazard, running)),
                ..
            } => hazard.effect(&running.levels(hour, later)),
            _ => 1.0,
        }
    }

    /// What a stretch adds to the surprise of a gap that began at `start`: it lies within one hour of the clock, the
    /// `elapsed`-th after that in which the gap began.
    fn adds(&self, start: Timestamp, stretch: Span, elapsed: usize) -> f64 {
        match self {
            Self::Calendar { profile, lately } => {
                intensity(lately, profile.now.at(stretch.from), elapsed) * hours(stretch)
            }
            Self::Rhythm(rhythm) => {
                rhythm.surprise(stretch.until.since(start))
                    - rhythm.surprise(stretch.from.since(start))
            }
        }
    }

    /// The surprise of a past gap: the worse of what it was by the intensity of its time and by today's.
    fn surprise(&self, timeline: &Timeline, gap: &Gap) -> f64 {
        let Self::Calendar { profile, lately } = self else {
            return self.adds(gap.span.from, gap.span, 0);
        };
        let measure = |span: Span| {
            let (mut then, mut today) = (0.0, 0.0);
            for (elapsed, stretch) in stretches(span).enumerate() {
                let known = profile.intensity(timeline, timeline.hour(stretch.from));
                then += intensity(lately, known, elapsed) * hours(stretch);
                today += intensity(lately, profile.now.at(stretch.from), elapsed) * hours(stretch);
            }
            self.effect(gap.hour + 1, &[]) * f64::max(then, today)
        };
        // Polls saw the gap up to the full hour. In a stream that has shrunk since, they would see more of it.
        let unseen_today = 0.5 * profile.now.mean() * self.effect(timeline.len(), &[]);
        let whole = measure(Span::new(gap.span.from, gap.ended)) - unseen_today;
        measure(gap.span).max(whole)
    }
}

fn intensity(lately: &Option<(Hazard, Running)>, profile: f64, elapsed: usize) -> f64 {
    match lately {
        Some((hazard, _)) => hazard.intensity(profile, elapsed),
        None => profile,
    }
}

fn hours(span: Span) -> f64 {
    span.length().as_secs_f64() / 3600.0
}

/// `span` cut at every full hour.
fn stretches(span: Span) -> impl Iterator<Item = Span> {
    let mut from = span.from;
    std::iter::from_fn(move || {
        let until = (from.floor(HOUR) + HOUR).min(span.until);
        let stretch = Span::new(from, until);
        from = until;
        (!stretch.is_empty()).then_some(stretch)
    })
}

/// When to learn for a judgement at `at`: never from the silence that is judged, and not at every poll anew.
pub(super) fn learned_at(history: &History, at: Timestamp) -> Timestamp {
    let last = history.last_sent(at).unwrap_or(at);
    let age = last.since(history.first_seen_at.unwrap_or(last));
    last.floor(if age < YOUNG { DAY } else { 7 * DAY })
}

impl Habits {
    /// Learns from what had happened by `until`, for so many accepted false alarms a year.
    pub(super) fn learn(history: &History, until: Timestamp, budget: f64) -> Self {
        let timeline = Timeline::of(history, until);
        let calendar = SHAPES
            .iter()
            .map(|(shape, conditional)| View::calendar(&timeline, *shape, *conditional));
        let rhythm = View::Rhythm(Rhythm::learn(history, until));
        let views: Vec<View> = calendar.chain([rhythm]).collect();
        let dips = match &views[MEAN] {
            View::Calendar {
                profile,
                lately: Some((_, running)),
            } => Dips::learn(&timeline, profile, running, budget * DROPS),
            _ => unreachable!("a mean by the hour of the week follows growth"),
        };
        let gaps = timeline.gaps(history, until);
        let mut habits = Self {
            bound: Bound::learn(&timeline, &gaps, until, budget),
            dips,
            views,
            chosen: vec![(0, 1.0)],
            tail: Tail::of(Vec::new(), 1.0, 1.0),
            threshold: f64::INFINITY,
            timeline,
        };
        habits.choose(history, &gaps, until, budget * SPENT);
        habits
    }

    /// Messages expected in `span`, by the hour of the week.
    pub(super) fn expected(&self, span: Span) -> f64 {
        self.mean().map_or(0.0, |mean| mean.now.over(span))
    }

    fn mean(&self) -> Option<&Profile> {
        match &self.views[MEAN] {
            View::Calendar { profile, .. } => Some(profile),
            View::Rhythm(_) => None,
        }
    }

    /// The dips of this stream.
    pub(super) fn dips(&self) -> &Dips {
        &self.dips
    }

    /// The time of less mail than expected that goes on at `at`.
    pub(super) fn dip(&self, history: &History, at: Timestamp) -> Option<Dip> {
        let mean = self.mean()?;
        Some(self.dips.at(&self.timeline, mean, history, at))
    }

    /// From which surprise on a gap is silence.
    pub(super) fn threshold(&self) -> f64 {
        self.threshold
    }

    /// How many gaps a year surprise more than this and are longer than `gap`.
    pub(super) fn times_a_year(&self, surprise: f64, gap: Span) -> f64 {
        let longer = self.bound.times_a_year(gap.length());
        self.tail.times_a_year(surprise).min(longer)
    }

    /// The most surprising gap so far.
    pub(super) fn longest(&self) -> f64 {
        self.tail.longest()
    }

    /// How surprising a gap is that has lasted throughout `gap`: as surprising as the view that judges holds it for, and at
    /// its bound no less than the threshold.
    pub(super) fn surprise(&self, history: &History, gap: Span) -> f64 {
        let pace = self.pace(history, gap.from);
        let by_view: f64 = stretches(gap)
            .enumerate()
            .map(|(elapsed, stretch)| pace.adds(stretch, elapsed))
            .sum();
        match self.bound.length(history, gap.from) {
            Some(bound) => {
                let share = gap.length().as_secs_f64() / bound.as_secs_f64().max(1.0);
                by_view.max(self.threshold * share)
            }
            None => by_view,
        }
    }

    /// How long a stop after mail at `from` would go unnoticed by polls on the full hour, bounded as a gap that begins at
    /// `known`; `None` where longer than 45 days.
    pub(super) fn unnoticed(
        &self,
        history: &History,
        from: Timestamp,
        known: Timestamp,
    ) -> Option<Duration> {
        let pace = self.pace(history, from);
        let bound = self.bound.length(history, known);
        let found = noticed(&pace, self.threshold, bound);
        found.map(|at| at.since(from))
    }

    /// How long a gap that begins at `from` may last whatever the views hold it for.
    #[cfg(test)]
    pub(super) fn bound(&self, history: &History, from: Timestamp) -> Option<Duration> {
        self.bound.length(history, from)
    }

    fn pace(&self, history: &History, from: Timestamp) -> Pace<'_> {
        let hour = self.timeline.hour(from) + 1;
        let parts = self.chosen.iter().map(|(index, share)| {
            let view = &self.views[*index];
            let later = match view {
                View::Calendar {
                    profile,
                    lately: Some(_),
                } => after_timeline(&self.timeline, profile, history, hour),
                _ => Vec::new(),
            };
            (view, share * view.effect(hour, &later))
        });
        Pace {
            parts: parts.collect(),
            start: from,
        }
    }

    /// Sets the threshold of every combination and takes the one that would notice a stop soonest.
    fn choose(&mut self, history: &History, gaps: &[Gap], until: Timestamp, budget: f64) {
        let covered = self.timeline.covered();
        let years = covered as f64 / (365.25 * 24.0);
        let per_year = (sent_lately(&self.timeline) * 365.25 * 24.0).max(4.0);
        let surprises: Vec<Vec<f64>> = self
            .views
            .iter()
            .map(|view| {
                gaps.iter()
                    .map(|gap| view.surprise(&self.timeline, gap))
                    .collect()
            })
            .collect();
        let alone: Vec<f64> = surprises
            .iter()
            .map(|s| {
                Tail::of(s.clone(), years, per_year)
                    .exceeded(budget)
                    .max(LOWEST)
            })
            .collect();
        let stops = simulated_outages(history, until);
        let bound = self.bound.length(history, until);
        let mut best = f64::INFINITY;
        for combination in COMBINATIONS {
            let shares: Vec<(usize, f64)> = combination
                .iter()
                .map(|view| {
                    (
                        *view,
                        if combination.len() == 1 {
                            1.0
                        } else {
                            5.0 / alone[*view] / combination.len() as f64
                        },
                    )
                })
                .collect();
            let mixed = (0..gaps.len()).map(|gap| {
                shares
                    .iter()
                    .map(|(view, share)| share * surprises[*view][gap])
                    .sum()
            });
            let tail = Tail::of(mixed.collect(), years, per_year);
            let threshold = tail.exceeded(budget).max(LOWEST);
            let paces = stops.iter().map(|stop| self.imagined(&shares, stop));
            let found = expected_detection_delay(paces, &stops, (threshold, bound), best);
            if let Some(delay) = found.filter(|delay| *delay < best) {
                best = delay;
                self.threshold = threshold * tail.caution(covered as f64 / 168.0);
                self.chosen = shares;
                self.tail = tail;
            }
        }
    }
}

impl Habits {
    /// How a combination of views measures an imagined stop.
    fn imagined(&self, shares: &[(usize, f64)], stop: &SimulatedOutage) -> Pace<'_> {
        let parts = shares.iter().map(|(index, share)| {
            let view = &self.views[*index];
            let hour = self.timeline.hour(stop.from) + 1;
            (view, share * view.effect(hour, &[]))
        });
        Pace {
            parts: parts.collect(),
            start: stop.from,
        }
    }
}

/// The measures of one gap, hour by hour.
pub(super) struct Pace<'a> {
    parts: Vec<(&'a View, f64)>,
    start: Timestamp,
}

impl Pace<'_> {
    /// What the next stretch adds, which lies within one hour of the clock.
    fn adds(&self, stretch: Span, elapsed: usize) -> f64 {
        let parts = self.parts.iter();
        parts
            .map(|(view, share)| share * view.adds(self.start, stretch, elapsed))
            .sum()
    }
}

/// The first full hour at which the surprise exceeds `threshold` or the length `bound`.
pub(super) fn noticed(
    pace: &Pace<'_>,
    threshold: f64,
    bound: Option<Duration>,
) -> Option<Timestamp> {
    let mut surprise = 0.0;
    let longest = Span::new(pace.start, pace.start + HOUR * LONGEST);
    for (elapsed, stretch) in stretches(longest).enumerate() {
        surprise += pace.adds(stretch, elapsed);
        let length = stretch.until.since(pace.start);
        let is_silence = surprise > threshold || bound.is_some_and(|bound| length > bound);
        if is_silence && length > super::silence::INDEX_LAG {
            return Some(stretch.until);
        }
    }
    None
}

/// What the hours after the timeline and before `hour` counted, and were expected to.
fn after_timeline(
    timeline: &Timeline,
    profile: &Profile,
    history: &History,
    hour: usize,
) -> Vec<(f64, f64)> {
    let first = timeline.start(timeline.len());
    let mut sent = history.hours[history.hours.partition_point(|h| h.start < first)..]
        .iter()
        .peekable();
    let each = |later: usize| {
        let start = timeline.start(later);
        let count = sent.next_if(|h| h.start <= start).map_or(0, |h| h.sent);
        let covered = history.messages.covers(Span::new(start, start + HOUR));
        let shape = profile.shape;
        match covered || count > 0 {
            true => (shape.observed(count), shape.expected(profile.now.at(start))),
            false => (0.0, 0.0),
        }
    };
    (timeline.len()..hour).map(each).collect()
}

/// Messages an hour in the last 60 covered days.
fn sent_lately(timeline: &Timeline) -> f64 {
    let lately = &timeline.sent[timeline.len().saturating_sub(60 * 24)..];
    let hours = lately.iter().flatten().count().max(1);
    lately.iter().flatten().sum::<u64>() as f64 / hours as f64
}
