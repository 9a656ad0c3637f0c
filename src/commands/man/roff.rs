//! The little of the man macros that a page needs. Whatever is put in stays text.

/// A page as it grows. Every text is given as it is meant to be read.
#[derive(Debug, Default)]
pub(crate) struct Roff(String);

impl Roff {
    /// The head of a page of section 1. Nothing in it is hyphenated or spread: names and options are to be copied.
    pub(crate) fn title(&mut self, name: &str, version: &str) {
        let (name, version) = (escaped(&name.to_uppercase()), escaped(version));
        self.raw(&format!(
            ".TH \"{name}\" \"1\" \"\" \"{version}\" \"User Commands\"\n.nh\n.ad l"
        ));
    }

    /// Begins a section.
    pub(crate) fn section(&mut self, heading: &str) {
        self.raw(&format!(".SH {}", escaped(heading)));
    }

    /// Begins a part of a section.
    pub(crate) fn part(&mut self, heading: &str) {
        self.raw(&format!(".SS {}", escaped(heading)));
    }

    /// Begins a paragraph, where a heading did not.
    pub(crate) fn paragraph(&mut self) {
        let last = self.0.lines().next_back().unwrap_or_default();
        if !last.starts_with(".S") {
            self.raw(".PP");
        }
    }

    /// Text that may be broken anywhere, each of its lines on a new one.
    pub(crate) fn text(&mut self, text: &str) {
        for (place, line) in text.lines().enumerate() {
            if place > 0 {
                self.raw(".br");
            }
            self.raw(&begun(&escaped(line.trim())));
        }
    }

    /// A term in bold letters, with what stands for its value beside; what follows explains it.
    pub(crate) fn term(&mut self, name: &str, value: &str) {
        let (name, value) = (escaped(name), escaped(value));
        let gap = if name.is_empty() || value.is_empty() {
            ""
        } else {
            " "
        };
        self.raw(&format!(".TP\n\\fB{name}\\fR{gap}\\fI{value}\\fR"));
    }

    /// Lines that stay as they are, indented.
    pub(crate) fn example<'a>(&mut self, lines: impl Iterator<Item = &'a str>) {
        self.raw(".RS 4\n.EX");
        for line in lines {
            self.raw(&begun(&escaped(line)));
        }
        self.raw(".EE\n.RE");
    }

    /// The page.
    pub(crate) fn into_text(self) -> String {
        self.0
    }

    fn raw(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }
}

/// Text whose every character means itself: plain quotes and dashes too, which would else become typographic ones.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '"' => escaped.push_str("\\(dq"),
            '`' => escaped.push_str("\\(ga"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            c if c.is_control() => escaped.push(' '),
            c if c.is_ascii() => escaped.push(c),
            c => escaped.push_str(&format!("\\[u{:04X}]", u32::from(c))),
        }
    }
    escaped
}

/// A line of text: one that begins with a dot would be a command, and an empty one a warning.
fn begun(line: &str) -> String {
    match line.chars().next() {
        None | Some('.' | ' ') => format!("\\&{line}"),
        Some(_) => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_dashes_and_dots_stay_what_they_are() {
        let mut page = Roff::default();
        page.text(".it's --yes `a\\b` …\nand more");
        assert_eq!(
            page.into_text(),
            "\\&.it\\(aqs \\-\\-yes \\(gaa\\eb\\(ga \\[u2026]\n.br\nand more\n"
        );
    }

    proptest! {
        #[test]
        fn no_text_becomes_a_command(text in "(?s)[.'\\\\\"\\n -]{0,9}.{0,30}") {
            let mut page = Roff::default();
            page.text(&text);
            page.example(text.lines());
            let known = [".br", ".RS 4", ".EX", ".EE", ".RE"];
            for line in page.into_text().lines() {
                let is_command = line.starts_with('.') || line.starts_with('\'');
                prop_assert!(!is_command || known.contains(&line), "{line}");
                prop_assert!(line.is_ascii());
            }
        }
    }
}
