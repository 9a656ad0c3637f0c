//! How far a long task is, on standard error where that is a terminal.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Redrawn at most so often.
const EVERY: Duration = Duration::from_millis(100);

/// One line that is drawn over and over, and gone at the end.
pub(crate) struct Progress {
    what: &'static str,
    done: u64,
    total: u64,
    drawn: Option<Instant>,
    shown: bool,
}

impl Progress {
    /// Of a task with so many steps.
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        Self {
            what,
            done: 0,
            total,
            drawn: None,
            shown: std::io::stderr().is_terminal(),
        }
    }

    /// So many steps more are done.
    pub(crate) fn advance(&mut self, steps: u64) {
        self.done += steps;
        // Asking the clock at every step would cost more than many steps do.
        let look = self.done.is_multiple_of(64) || steps > 64;
        if self.shown && look && self.drawn.is_none_or(|at| at.elapsed() >= EVERY) {
            self.drawn = Some(Instant::now());
            let percent = 100 * self.done.min(self.total) / self.total.max(1);
            let bar = "#".repeat(usize::try_from(percent / 4).unwrap_or(0));
            let mut out = std::io::stderr().lock();
            let _ =
                write!(out, "\r{} [{bar:<25}] {percent:>3}%", self.what).and_then(|()| out.flush());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[2K");
        }
    }
}
