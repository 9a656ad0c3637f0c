//! How many requests are under way at the same time: as many as Postmark's answers allow.
//!
//! A round is as many answers as requests may be under way. After a round without trouble the limit doubles, until the first trouble,
//! and grows by [`STEP`] after that. A round whose typical answer took twice as long as in the best round takes a quarter off;
//! a 429 takes half off, at once. It stays within [`MIN`] and [`MAX`]. The typical answer is the median, so that one slow server
//! slows no other.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Requests under way until anything is known of the answers.
const START: usize = 32;
/// The minimum number of requests under way.
pub(super) const MIN: usize = 4;
/// The maximum number of requests under way: each is a connection, and an answer in memory.
pub(super) const MAX: usize = 128;
/// How much more may be under way after each good round.
const STEP: usize = 4;
/// How much longer than in the best round the typical answer may take.
const MAX_SLOWDOWN: u32 = 2;
/// In so many slower rounds the best one is forgotten, roughly.
const FORGETTING_ROUNDS: u32 = 8;
/// Answers as fast as that are never slow: a machine that is busy takes longer to notice them.
const NEVER_SLOW: Duration = Duration::from_millis(50);

/// The requests of a process to Postmark that are under way.
pub(super) struct Pace {
    permits: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// Permits to take back as soon as they are returned.
    surplus: usize,
    is_starting: bool,
    /// How long the answers of this round took.
    round: Vec<Duration>,
    /// Whether requests waited in this round for others to end.
    was_used: bool,
    /// The typical answer of the best round.
    best: Option<Duration>,
    /// When the limit was last lowered: what was asked before says nothing more of it.
    lowered_at: Option<Instant>,
}

/// The turn of one request. Dropped without [`Turn::answered`] it tells nothing of the answers.
pub(super) struct Turn<'a> {
    pace: &'a Pace,
    permit: Option<SemaphorePermit<'a>>,
    asked_at: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            permits: Semaphore::new(START),
            state: Mutex::new(State::new()),
        }
    }

    /// Waits until one more request may be made.
    pub(super) async fn turn(&self) -> Turn<'_> {
        if self.permits.available_permits() == 0 {
            self.lock().was_used = true;
        }
        Turn {
            pace: self,
            // Never closed.
            permit: self.permits.acquire().await.ok(),
            asked_at: Instant::now(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// Learns from an answer: whether it was a 429, and how long it took.
    pub(super) fn answered(&self, is_refused: bool) {
        let mut state = self.pace.lock();
        let before = state.limit;
        if is_refused {
            state.refused(self.asked_at);
        } else {
            state.took(self.asked_at, self.asked_at.elapsed());
        }
        if state.limit < before {
            let fewer = before - state.limit;
            // What nobody uses goes at once, the rest as requests end.
            let gone = self.pace.permits.forget_permits(fewer);
            state.surplus += fewer - gone;
        } else {
            let more = state.limit - before;
            let kept = more.min(state.surplus);
            state.surplus -= kept;
            self.pace.permits.add_permits(more - kept);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.pace.lock();
        if let Some(permit) = self.permit.take().filter(|_| state.surplus > 0) {
            state.surplus -= 1;
            permit.forget();
        }
    }
}

impl State {
    const fn new() -> Self {
        Self {
            limit: START,
            surplus: 0,
            is_starting: true,
            round: Vec::new(),
            was_used: false,
            best: None,
            lowered_at: None,
        }
    }

    /// Takes note of a 429. Those to requests from before the last cut are of the same trouble.
    fn refused(&mut self, asked_at: Instant) {
        if self.is_current(asked_at) {
            self.lower(self.limit / 2);
        }
    }

    /// Takes note of how long an answer took.
    fn took(&mut self, asked_at: Instant, time: Duration) {
        if !self.is_current(asked_at) {
            return;
        }
        self.round.push(time);
        if self.round.len() < self.limit {
            return;
        }
        let middle = self.round.len() / 2;
        let typical = *self.round.select_nth_unstable(middle).1;
        let best = self.best.unwrap_or(typical);
        // Postmark may be slower for reasons that are not ours.
        let slower = typical.saturating_sub(best) / FORGETTING_ROUNDS;
        self.best = Some(typical.min(best + slower));
        if typical > (best * MAX_SLOWDOWN).max(NEVER_SLOW) {
            self.lower(self.limit - self.limit / 4);
            return;
        }
        if self.was_used {
            let more = if self.is_starting { self.limit } else { STEP };
            self.limit = (self.limit + more).min(MAX);
        }
        self.begin_round();
    }

    fn is_current(&self, asked_at: Instant) -> bool {
        self.lowered_at.is_none_or(|lowered| asked_at >= lowered)
    }

    fn lower(&mut self, to: usize) {
        self.limit = to.max(MIN);
        self.is_starting = false;
        self.lowered_at = Some(Instant::now());
        self.begin_round();
    }

    fn begin_round(&mut self) {
        self.round.clear();
        self.was_used = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = Duration::from_millis(150);

    /// A round of answers that took so long, while requests waited.
    fn round(state: &mut State, time: Duration) -> usize {
        state.was_used = true;
        for _ in 0..state.limit {
            state.took(Instant::now(), time);
        }
        state.limit
    }

    #[test]
    fn it_doubles_until_the_first_trouble_and_then_grows_in_steps() {
        let mut state = State::new();
        assert_eq!(
            [round(&mut state, FAST), round(&mut state, FAST)],
            [64, 128]
        );
        assert_eq!(round(&mut state, FAST), MAX, "never more");
        assert_eq!(round(&mut state, FAST * 3), 96);
        assert_eq!(
            [round(&mut state, FAST), round(&mut state, FAST)],
            [100, 104]
        );
    }

    #[test]
    fn it_halves_once_for_each_trouble_and_never_below_its_minimum() {
        let mut state = State::new();
        let before = Instant::now();
        state.refused(before);
        assert_eq!(state.limit, 16);
        state.refused(before);
        assert_eq!(state.limit, 16, "it was asked before the limit was lowered");
        for _ in 0..10 {
            state.refused(Instant::now());
        }
        assert_eq!(state.limit, MIN);
    }

    #[test]
    fn one_slow_server_among_many_slows_nobody() {
        let mut state = State::new();
        assert_eq!(round(&mut state, FAST), 64);
        state.was_used = true;
        for nth in 0..state.limit {
            let time = if nth % 3 == 0 { FAST * 100 } else { FAST };
            state.took(Instant::now(), time);
        }
        assert_eq!(state.limit, 128);
    }

    #[test]
    fn a_postmark_that_became_slower_is_not_asked_ever_less() {
        let mut state = State::new();
        round(&mut state, FAST);
        let lowest = (0..40).map(|_| round(&mut state, FAST * 5)).min();
        assert!(lowest > Some(MIN), "{lowest:?}");
        assert!(round(&mut state, FAST * 5) > 64);
    }

    #[test]
    fn what_is_not_used_does_not_grow_and_what_is_fast_enough_is_never_slow() {
        let mut state = State::new();
        for _ in 0..3 * START {
            state.took(Instant::now(), Duration::from_millis(1));
        }
        assert_eq!(state.limit, START);
        assert_eq!(round(&mut state, NEVER_SLOW), 64);
    }

    #[tokio::test]
    async fn no_more_turns_are_taken_than_the_limit_says() {
        let pace = Pace::new();
        let mut turns = Vec::new();
        for _ in 0..START {
            turns.push(pace.turn().await);
        }
        assert_eq!(pace.permits.available_permits(), 0);
        turns[0].answered(true);
        turns.truncate(START / 2);
        assert_eq!(pace.permits.available_permits(), 0, "half of them are gone");
        drop(turns.pop());
        assert_eq!(pace.permits.available_permits(), 1);
        for _ in 0..START {
            pace.lock().was_used = true;
            pace.turn().await.answered(false);
        }
        drop(turns);
        let state = pace.lock();
        assert!(state.limit > START / 2);
        assert_eq!(pace.permits.available_permits(), state.limit);
        assert_eq!(state.surplus, 0);
    }
}
