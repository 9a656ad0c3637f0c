//! Columns of text for a terminal, aligned by the width at which characters are shown.

use unicode_width::UnicodeWidthStr;

use crate::text::sanitize::clean;

/// The space between two columns.
const GAP: &str = "  ";

/// A table whose cells are cleaned to visible text of one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    rows: Vec<Vec<String>>,
    numbers: Vec<usize>,
}

impl Table {
    /// Returns a table with these headings.
    pub fn new(headings: &[&str]) -> Self {
        let mut table = Self::default();
        table.row(headings.iter().copied());
        table
    }

    /// Aligns these columns to the right.
    #[must_use]
    pub fn numbers(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        self.numbers.extend(columns);
        self
    }

    /// Adds a row. An empty cell is shown as `-`, so that columns can be told apart by counting words.
    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let cell = |text: S| match clean(text.as_ref()) {
            text if text.is_empty() => "-".to_owned(),
            text => text,
        };
        self.rows.push(cells.into_iter().map(cell).collect());
    }

    /// Returns the table as lines without trailing blanks, each with a line end.
    pub fn to_text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).enumerate();
            let cells: Vec<String> = cells
                .map(|(column, (cell, width))| self.padded(column, cell, *width))
                .collect();
            format!("{}\n", cells.join(GAP).trim_end())
        };
        self.rows.iter().map(line).collect()
    }

    fn padded(&self, column: usize, cell: &str, width: usize) -> String {
        let blanks = " ".repeat(width.saturating_sub(cell.width()));
        if self.numbers.contains(&column) {
            format!("{blanks}{cell}")
        } else {
            format!("{cell}{blanks}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let mut table = Table::new(&["WHO", "COUNT", "WHY"]).numbers([1]);
        table.row(["日本@example.com", "7", "full"]);
        table.row(["é@example.com", "1,000", ""]);
        assert_eq!(
            table.to_text(),
            "WHO               COUNT  WHY\n日本@example.com      7  full\né@example.com     1,000  -\n"
        );
    }

    proptest! {
        #[test]
        fn whatever_a_cell_holds_a_row_is_one_visible_line(cells in prop::collection::vec("(?s).{0,20}", 1..5)) {
            let mut table = Table::default();
            table.row(&cells);
            let text = table.to_text();
            prop_assert_eq!(text.lines().count(), 1);
            prop_assert!(text.trim_end().chars().all(|c| !c.is_control()));
        }
    }
}
