//! The sums over the recipients of a stream in order, and when an excess begins and ends by them.

use std::time::Duration;

use crate::detect::rate::lasting::mail::MIN_DAYS;
use crate::detect::rate::lasting::{Lasting, State};
use crate::detect::rate::{LOOKS, MIN_CERTAIN, MIN_USUAL_DENOMINATOR, RateTest, USUAL_PERIOD};
use crate::model::{DAY, Judgement, KnownExcess, LastingExcess, MarkedTime, Span, Timestamp};

/// Of the time that is added up, the first of so many parts is only learned from.
const PARTS: u32 = 3;

/// The days in which what `confidence` leaves to chance may happen: those of the looks of a window.
const BUDGET_DAYS: f64 = LOOKS / 24.0;
/// What is usual of a healthy sender counts for as many recipients as have so many bounces at its rate.
const PRIOR_EVENTS: f64 = 1.0;
/// So many standard errors are added to what is usual: of few recipients little is known.
const CAUTION: f64 = 1.5;
/// The usual rate is never taken for less than this part of the threshold.
const MIN_USUAL: f64 = 0.2;
/// The rate that is looked for, in the odds of the threshold.
const TARGET: f64 = 2.0;
/// One day adds no more than this part of the limit, unless it is by one bounce: a wave is no excess that lasts.
const MAX_PART_OF_DAY: f64 = 0.4;
/// Bounces on fewer days do not last.
const MIN_DAYS_WITH_BOUNCES: u32 = 2;
/// The part of the limit from which on what an incident tells goes on: what is usual is learned anew each day, and that is no end.
const KEEPING_PART: f64 = 0.5;

/// The lowest rate whose end is looked for, in the odds of the threshold, and the highest.
const MIN_ENDING: f64 = 1.5;
const MAX_ENDING_RATE: f64 = 0.75;
/// The evidence by which an excess is over: e⁻³ is 5%. More where it has many bounces, so that their gaps end it no more often than
/// [`FALSE_ENDS`] in the time of the budget.
const MIN_ENDING_EVIDENCE: f64 = 3.0;
const FALSE_ENDS: f64 = 0.25;
/// Mail that speaks for the end throughout so long a time needs no more evidence than that: of a rate just below the threshold it takes
/// months, and it is no excess.
const MAX_ENDING: Duration = USUAL_PERIOD.saturating_mul(2);

/// Recipients, and those of them that bounced.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) bounced: f64,
    pub(super) recipients: f64,
}

impl Counts {
    const NONE: Self = Self {
        bounced: 0.0,
        recipients: 0.0,
    };

    fn share(self) -> f64 {
        self.bounced / self.recipients.max(self.bounced).max(1.0)
    }

    fn add(&mut self, other: Self) {
        self.bounced += other.bounced;
        self.recipients += other.recipients;
    }
}

fn is_real(mark: Option<&MarkedTime>) -> bool {
    mark.is_some_and(|mark| mark.feedback.judgement == Judgement::Real)
}

/// Returns the rate with so many times the odds of `rate`: of a small one so many times as much, and never one.
fn with_odds(times: f64, rate: f64) -> f64 {
    times * rate / (times - 1.0).mul_add(rate, 1.0)
}

/// The sums over recipients in order.
pub(super) struct Scan<'t> {
    test: &'t RateTest,
    healthy: f64,
    alpha: f64,
    from: Timestamp,
    /// Nothing from before is judged.
    judged_from: Timestamp,
    now: Timestamp,
    /// Recipients of the whole time so far.
    recipients: f64,
    /// What happened without an excess: the usual.
    pub(super) past: Counts,
    /// The highest rate that may be usual: the threshold, unless a person called more a false alarm.
    max_usual: f64,
    /// The span of the last false alarm.
    false_alarm: Option<Span>,
    /// Since the sum last was zero, or in the excess that goes on.
    current: Counts,
    since: Timestamp,
    /// Its bounces, with how many recipients were sent to in it before.
    bounces: Vec<(Timestamp, f64)>,
    /// What was before the bounce from which on there are most of them beyond the threshold.
    before: Counts,
    sum: f64,
    /// The highest that it was.
    peak: f64,
    /// What the sum may be at the end of the day.
    ceiling: f64,
    day: Timestamp,
    /// Days with bounces, and the last of them.
    days: u32,
    last_day: Timestamp,
    odds: Odds,
    /// The end that is looked for, of an excess that goes on.
    ending: Option<Ending>,
    /// When the last one was over, and since when.
    over: Option<Span>,
}

/// The likelihoods of an excursion, fixed where it begins.
#[derive(Clone, Copy, Debug, Default)]
struct Odds {
    usual: f64,
    /// What a bounce adds.
    bounced: f64,
    /// What each recipient takes away.
    sent: f64,
    limit: f64,
}

/// The sum run backwards, from the rate of the excess to the highest that may be usual: what settles below that is none.
#[derive(Clone, Copy, Debug, Default)]
struct Ending {
    evidence: f64,
    since: Option<Timestamp>,
    counts: Counts,
}

impl<'t> Scan<'t> {
    pub(super) fn new(test: &'t RateTest, healthy: f64, alpha: f64, reach: Span) -> Self {
        let (threshold, from) = (test.rule.threshold, reach.from);
        let learned = reach.until.floor(DAY).since(from) / PARTS;
        let learned = (from + learned).floor(DAY);
        // What goes on for weeks does not become usual by that.
        let known = test.known;
        let known = known.filter(|known| known.ended_at.is_none_or(|ended| ended > learned));
        let judged_from = known.map_or(learned, |known| learned.min(known.since));
        Self {
            test,
            healthy: healthy.min(threshold / 2.0),
            alpha,
            from,
            judged_from,
            now: from,
            recipients: 0.0,
            past: Counts::NONE,
            max_usual: threshold,
            false_alarm: None,
            current: Counts::NONE,
            since: from,
            bounces: Vec::new(),
            before: Counts::NONE,
            sum: 0.0,
            peak: 0.0,
            ceiling: 0.0,
            day: from,
            days: 0,
            last_day: from,
            odds: Odds::default(),
            ending: None,
            over: None,
        }
    }

    /// Adds `recipients` that were sent to.
    pub(super) fn send(&mut self, at: Timestamp, recipients: f64, mark: Option<&MarkedTime>) {
        let counts = Counts {
            bounced: 0.0,
            recipients,
        };
        self.come_to(at);
        self.recipients += recipients;
        if self.is_learned(counts, mark) {
            return;
        }
        self.current.recipients += recipients;
        self.sum = (self.sum - recipients * self.odds.sent).max(0.0);
        if self.ending.is_some() {
            self.look_for_end(at, recipients);
        } else if self.sum <= 0.0 {
            let current = std::mem::take(&mut self.current);
            if !is_real(mark) {
                self.past.add(current);
            }
        }
    }

    /// Adds a recipient that bounced; it was sent to before.
    pub(super) fn bounce(&mut self, at: Timestamp, mark: Option<&MarkedTime>) {
        let counts = Counts {
            bounced: 1.0,
            recipients: 0.0,
        };
        self.come_to(at);
        if self.is_learned(counts, mark) {
            return;
        }
        let last = self.bounces.last().map(|(last, _)| *last);
        if self.ending.is_some() && last.is_some_and(|last| at.since(last) > USUAL_PERIOD) {
            // What had none for a week was told as over: this one begins anew.
            (self.sum, self.current, self.ending) = (0.0, Counts::NONE, None);
        }
        if self.ending.is_none() && self.sum <= 0.0 {
            self.odds = self.odds_here();
            (self.since, self.days, self.peak) = (at, 0, 0.0);
            self.bounces.clear();
            self.before = Counts::NONE;
            self.ceiling = self.most_of_day();
        }
        if self.days == 0 || self.last_day != self.day {
            self.last_day = self.day;
            self.days += 1;
        }
        self.sum = (self.sum + self.odds.bounced).min(self.ceiling);
        self.peak = self.peak.max(self.sum);
        let lack = |counts: Counts| self.max_usual * counts.recipients - counts.bounced;
        if lack(self.current) > lack(self.before) {
            self.before = self.current;
        }
        let (rate, usual) = (self.ending_rate(), self.max_usual);
        self.bounces.push((at, self.current.recipients));
        self.current.bounced += 1.0;
        if let Some(ending) = &mut self.ending {
            ending.counts.bounced += 1.0;
            ending.evidence -= (rate / usual).ln();
            if ending.evidence <= 0.0 {
                *ending = Ending::default();
            }
        } else if self.lasts(at) {
            self.ending = Some(Ending::default());
            self.over = None;
        }
    }

    /// Returns the excess that an incident tells of, where it goes on then by what was seen so far.
    fn known_at(&self, at: Timestamp) -> Option<KnownExcess> {
        let is_it = |known: &KnownExcess| {
            at >= known.since && known.ended_at.is_none_or(|ended| at < ended)
        };
        self.test.known.filter(is_it)
    }

    /// Returns whether what began with the sum is an excess that lasts, or still is the one that an incident tells of.
    fn lasts(&self, at: Timestamp) -> bool {
        let is_known = self.known_at(at).is_some() && self.end_of_known().is_none();
        let (limit, spread) = match is_known {
            true => (KEEPING_PART * self.odds.limit, 0.0),
            false => (self.odds.limit, self.current.bounced.sqrt()),
        };
        let lasts = self.days >= MIN_DAYS_WITH_BOUNCES && at.since(self.since) >= DAY;
        self.sum > limit && lasts && self.exceeds(spread)
    }

    /// Returns the mail that showed the end of what an incident tells.
    fn end_of_known(&self) -> Option<Span> {
        let known = self.test.going_on()?;
        self.over.filter(|over| over.until >= known.since)
    }

    fn come_to(&mut self, at: Timestamp) {
        let ended_at = self.test.known.and_then(|known| known.ended_at);
        if ended_at.is_some_and(|ended| self.now < ended && ended <= at) {
            // People heard of it, and that it is over.
            (self.sum, self.current, self.ending) = (0.0, Counts::NONE, None);
        }
        self.now = at;
        if self.day != at.floor(DAY) {
            self.day = at.floor(DAY);
            self.ceiling = self.sum + self.most_of_day();
        }
    }

    /// Returns how much one day may add.
    fn most_of_day(&self) -> f64 {
        (MAX_PART_OF_DAY * self.odds.limit).max(self.odds.bounced)
    }

    /// Takes what is only learned from, and what people called a false alarm, which is what is usual from then on; a real trouble never
    /// is. Returns whether it was that.
    fn is_learned(&mut self, counts: Counts, mark: Option<&MarkedTime>) -> bool {
        let false_alarm = mark.filter(|_| !is_real(mark));
        if let Some(mark) = false_alarm {
            (self.sum, self.current, self.ending) = (0.0, Counts::NONE, None);
            if self.false_alarm != Some(mark.span) {
                self.false_alarm = Some(mark.span);
                self.past = Counts::NONE;
            }
            self.past.add(counts);
            let usual = self.usual_at_most().min(MAX_ENDING_RATE);
            self.max_usual = self.test.rule.threshold.max(usual);
            return true;
        }
        let is_past = self.now < self.judged_from;
        if is_past && mark.is_none() && self.known_at(self.now).is_none() {
            self.past.add(counts);
        }
        is_past
    }

    /// Returns whether so many bounces fewer since the sum was zero are above the plain threshold, and the floor is met.
    fn exceeds(&self, fewer: f64) -> bool {
        let rule = &self.test.rule;
        let recipients = self.current.recipients.max(self.current.bounced);
        self.current.bounced >= MIN_CERTAIN as f64
            && recipients >= rule.min_denominator as f64
            && self.current.bounced - fewer > rule.threshold * recipients
    }

    /// Returns the usual rate as it is known here, with a healthy sender's beside the own, and what it may be beyond that.
    fn usual_at_most(&self) -> f64 {
        let bounced = self.past.bounced + PRIOR_EVENTS;
        let recipients = self.past.recipients + PRIOR_EVENTS / self.healthy;
        CAUTION.mul_add(bounced.sqrt(), bounced) / recipients
    }

    fn odds_here(&self) -> Odds {
        let threshold = self.test.rule.threshold;
        let known = self.known_at(self.now);
        let usual = known.map_or_else(|| self.usual_at_most(), |known| known.usual_at_most);
        let usual = usual.clamp(MIN_USUAL * threshold, self.max_usual);
        let target = with_odds(TARGET, self.max_usual);
        Odds {
            usual,
            bounced: (target / usual).ln(),
            sent: ((1.0 - usual) / (1.0 - target)).ln(),
            limit: (self.in_budget_days(usual) / self.alpha).max(1.0).ln(),
        }
    }

    /// Returns how many bounces the time of the budget has at `rate`.
    fn in_budget_days(&self, rate: f64) -> f64 {
        let days = self.now.since(self.from).as_secs_f64() / DAY.as_secs_f64();
        rate * self.recipients / days.max(f64::from(MIN_DAYS)) * BUDGET_DAYS
    }

    /// Returns the rate whose end is looked for: a stray bounce may have begun the sum.
    fn ending_rate(&self) -> f64 {
        let lowest = with_odds(MIN_ENDING, self.max_usual);
        let highest = MAX_ENDING_RATE.max(lowest);
        let excess = Counts {
            bounced: self.current.bounced - self.before.bounced,
            recipients: self.current.recipients - self.before.recipients,
        };
        excess.share().clamp(lowest, highest)
    }

    fn look_for_end(&mut self, at: Timestamp, recipients: f64) {
        if self.known_at(at).is_some_and(|known| at < known.opened_at) {
            return;
        }
        let (rate, usual) = (self.ending_rate(), self.max_usual);
        let enough = (self.in_budget_days(rate) / FALSE_ENDS).max(1.0).ln();
        let Some(ending) = &mut self.ending else {
            return;
        };
        // The bounce that this mail follows is none of it.
        let since = *ending.since.get_or_insert(at + Duration::from_millis(1));
        ending.counts.recipients += recipients;
        ending.evidence += recipients * ((1.0 - usual) / (1.0 - rate)).ln();
        let is_enough = ending.evidence > enough.max(MIN_ENDING_EVIDENCE)
            || (ending.evidence > 0.0 && at.since(since) >= MAX_ENDING);
        if is_enough && ending.counts.share() <= usual {
            self.past.add(ending.counts);
            self.over = Some(Span::new(since, at));
            (self.sum, self.current, self.ending) = (0.0, Counts::NONE, None);
        }
    }

    /// Returns the bounce from which on there are most of them beyond half of the rate: a stray one may have begun the sum.
    fn most_since(&self) -> Timestamp {
        let level = self.test.rule.threshold.max(self.current.share() / 2.0);
        let beyond = |(n, (_, before)): (usize, &(Timestamp, f64))| level * before - n as f64;
        let most = self.bounces.iter().enumerate().map(beyond).enumerate();
        let most = most.max_by(|(_, a), (_, b)| a.total_cmp(b));
        most.map_or(self.since, |(n, _)| self.bounces[n].0)
    }

    pub(super) fn result(&self, at: Timestamp) -> Option<Lasting> {
        let so_far = Span::new(self.most_since().floor(DAY), at);
        let newest = self.bounces.last().map(|(bounced, _)| *bounced);
        // After a week without any the mail that is sent no more shows no end.
        let is_of_late = newest.is_some_and(|newest| at.since(newest) <= USUAL_PERIOD);
        let ending = self.ending.filter(|_| is_of_late);
        let (state, window) = match (ending, self.end_of_known(), self.test.going_on()) {
            (Some(_), _, _) => (State::Ongoing, so_far),
            // What an incident tells of ends by what was seen of it, and by no quiet hour; what came after that belongs to it.
            (None, Some(over), _) => (State::Over, Span::new(over.from, at)),
            (None, None, Some(_)) => (State::Unseen, Span::before(at, USUAL_PERIOD)),
            (None, None, None) => return None,
        };
        let is_known = self.past.recipients >= MIN_USUAL_DENOMINATOR as f64;
        Some(Lasting {
            state,
            window,
            since: self.most_since(),
            excess: LastingExcess {
                evidence: self.peak,
                limit: self.odds.limit,
                usual_at_most: self.odds.usual,
            },
            usual: is_known.then(|| self.past.share()),
        })
    }
}
