//! How much of what there is a table holds, in words.

use crate::text::format::{count, plural};

/// How much of what there is a table holds.
pub(crate) struct Sum {
    /// What one of them is called.
    pub(crate) one: &'static str,
    /// Rows in the table.
    pub(crate) shown: usize,
    /// How many there are.
    pub(crate) total: u64,
    /// Whether there may be more than `total`.
    pub(crate) at_least: bool,
    /// How the rest can be seen.
    pub(crate) more: &'static str,
}

impl Sum {
    /// `2 of 26 bounces; …`; where not `whole`, it is of what could be read.
    pub(crate) fn to_words(&self, whole: bool) -> String {
        let shown = self.shown as u64;
        if shown >= self.total {
            let all = plural(shown, self.one);
            return match whole {
                true => all,
                false => format!("{all} in what could be read"),
            };
        }
        let (the, far) = match (whole, self.at_least) {
            (true, false) => ("", ""),
            (true, true) => ("at least ", ""),
            (false, false) => ("the ", " that could be read"),
            (false, true) => ("at least ", " that could be read"),
        };
        let (shown, total) = (count(shown), plural(self.total, self.one));
        format!("{shown} of {the}{total}{far}; {}", self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_much_of_what_it_is() {
        let sum = |shown, at_least, whole| {
            let sum = Sum {
                one: "bounce",
                shown,
                total: 1_026,
                at_least,
                more: "--limit shows more",
            };
            sum.to_words(whole)
        };
        assert_eq!(sum(1_026, false, true), "1,026 bounces");
        assert_eq!(
            sum(1_026, false, false),
            "1,026 bounces in what could be read"
        );
        assert_eq!(
            sum(2, false, true),
            "2 of 1,026 bounces; --limit shows more"
        );
        assert_eq!(
            sum(2, false, false),
            "2 of the 1,026 bounces that could be read; --limit shows more"
        );
        assert_eq!(
            sum(2, true, true),
            "2 of at least 1,026 bounces; --limit shows more"
        );
        assert_eq!(
            sum(2, true, false),
            "2 of at least 1,026 bounces that could be read; --limit shows more"
        );
    }
}
