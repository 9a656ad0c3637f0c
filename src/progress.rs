//! A progress bar for long tasks, on standard error.

use std::borrow::Cow;

use indicatif::{ProgressBar, ProgressStyle};

const TEMPLATE: &str = "{msg} [{bar:30}] {percent:>3}%";

/// A progress bar that vanishes when it is dropped. It draws nothing where standard error is not a terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Starts a bar for a task of `total` steps; `label` stands before it.
    pub(crate) fn new(label: impl Into<Cow<'static, str>>, total: u64) -> Self {
        let bar = ProgressBar::new(total).with_message(label);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style.progress_chars("█░"));
        }
        Self(bar)
    }

    /// Moves the bar on by `steps`.
    pub(crate) fn advance(&self, steps: u64) {
        self.0.inc(steps);
    }

    /// Returns whether a bar shows, that is, whether standard error is a terminal.
    pub(crate) fn is_visible() -> bool {
        !ProgressBar::new(0).is_hidden()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
