//! The footer of a table: how many rows it shows of how many.

use crate::text::format::{count, plural};

/// How many rows a table shows of how many.
pub(crate) struct RowCount {
    /// What one row is called.
    pub(crate) one: &'static str,
    /// Rows in the table.
    pub(crate) shown: usize,
    /// The number of rows there are.
    pub(crate) total: u64,
    /// Whether there may be more than `total`.
    pub(crate) total_is_lower_bound: bool,
    /// How to see the rest.
    pub(crate) more: &'static str,
}

impl RowCount {
    /// Returns `2 of 26 bounces; …`; where not `whole`, only a part could be read.
    pub(crate) fn footer(&self, whole: bool) -> String {
        let shown = self.shown as u64;
        if shown >= self.total {
            let all = plural(shown, self.one);
            return match whole {
                true => all,
                false => format!("{all} in what could be read"),
            };
        }
        let (the, far) = match (whole, self.total_is_lower_bound) {
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
        let sum = |shown, total_is_lower_bound, whole| {
            let sum = RowCount {
                one: "bounce",
                shown,
                total: 1_026,
                total_is_lower_bound,
                more: "--limit shows more",
            };
            sum.footer(whole)
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
