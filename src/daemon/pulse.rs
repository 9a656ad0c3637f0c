//! Whether the loop of the daemon turns.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::{HOUR, MINUTE};

/// The loop looks for work every minute; a machine may be slow.
const MAX_PAUSE: Duration = Duration::from_secs(5 * MINUTE.as_secs());

/// What the loop did last, for those who watch it from another thread.
#[derive(Debug)]
pub(crate) struct Pulse {
    /// When the loop turned last, and the longest time until it turns again.
    turned: Mutex<(Instant, Duration)>,
    longest_cycle: Mutex<Duration>,
}

impl Pulse {
    /// Returns the pulse of a loop whose polls take up to `longest_poll`.
    pub(crate) fn new(longest_poll: Duration) -> Self {
        Self {
            turned: Mutex::new((Instant::now(), MAX_PAUSE)),
            longest_cycle: Mutex::new(longest_cycle(longest_poll)),
        }
    }

    /// From now on polls take up to `longest_poll`.
    pub(super) fn expect(&self, longest_poll: Duration) {
        let mut longest = self
            .longest_cycle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *longest = longest_cycle(longest_poll);
    }

    /// The loop waits for work.
    pub(super) fn waits(&self) {
        self.turn(MAX_PAUSE);
    }

    /// The loop works.
    pub(super) fn works(&self) {
        let longest = *self
            .longest_cycle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.turn(longest);
    }

    fn turn(&self, longest: Duration) {
        let mut turned = self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        *turned = (Instant::now(), longest);
    }

    /// Whether the loop turned as lately as it should.
    pub(crate) fn is_beating(&self) -> bool {
        let turned = self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, longest) = *turned;
        at.elapsed() <= longest
    }
}

/// Evaluating and delivering take their time too: Slack takes a message a second.
fn longest_cycle(longest_poll: Duration) -> Duration {
    longest_poll + HOUR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_turns_too_late_has_no_pulse() {
        let pulse = Pulse::new(MINUTE);
        assert!(pulse.is_beating());
        pulse.turn(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(1));
        assert!(!pulse.is_beating());
        pulse.works();
        assert!(pulse.is_beating());
    }
}
