//! The file of a unit's `EnvironmentFile=`, read as systemd reads it (systemd.exec(5), `env-file.c`).

use std::collections::BTreeMap;

/// What the next character belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    BeforeKey,
    Key,
    BeforeValue,
    Value,
    Escape,
    SingleQuoted,
    DoubleQuoted,
    QuotedEscape,
    Comment,
}

#[derive(Default)]
struct Line {
    key: String,
    value: String,
    /// Bytes of `value` before blanks that no quote protects.
    trimmed: usize,
}

impl Line {
    /// Adds a character to which blanks before it belong.
    fn push(&mut self, c: char) {
        self.value.push(c);
        self.trimmed = self.value.len();
    }
}

/// What such a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    /// Of two of one name the later one.
    pub variables: BTreeMap<String, String>,
    /// The lines, from 1 on, that are neither a variable nor a comment: they set nothing.
    pub skipped: Vec<usize>,
}

pub(super) fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let (mut state, mut line) = (State::BeforeKey, Line::default());
    // A value may go on in further lines: those of `line` begin at `first`.
    let (mut number, mut first) = (1, 1);
    // The end of the file is that of its last line.
    for c in text.chars().chain(['\n']) {
        if state == State::Key && c == '\n' {
            parsed.skipped.push(first);
        }
        state = next(state, c, &mut line);
        if c == '\n' {
            number += 1;
        }
        if c == '\n' && state == State::BeforeKey {
            parsed.add(first, std::mem::take(&mut line));
            first = number;
        }
    }
    parsed.add(first, line);
    parsed
}

fn next(state: State, c: char, line: &mut Line) -> State {
    let is_blank = matches!(c, ' ' | '\t' | '\r');
    match (state, c) {
        (State::BeforeKey | State::Key | State::BeforeValue | State::Value, '\n') => {
            if state == State::Key {
                line.key.clear();
            }
            line.value.truncate(line.trimmed);
            State::BeforeKey
        }
        (State::Comment, '\n') => State::BeforeKey,
        (State::BeforeKey, '#' | ';') | (State::Comment, _) => State::Comment,
        (State::BeforeKey, _) if is_blank => State::BeforeKey,
        (State::Key, '=') => State::BeforeValue,
        (State::BeforeKey | State::Key, c) => {
            line.key.push(c);
            State::Key
        }
        (State::BeforeValue, '\'') => State::SingleQuoted,
        (State::BeforeValue, '"') => State::DoubleQuoted,
        (State::BeforeValue | State::Value, '\\') => State::Escape,
        (State::BeforeValue, _) if is_blank => State::BeforeValue,
        (State::Value, _) if is_blank => {
            line.value.push(c);
            State::Value
        }
        (State::BeforeValue | State::Value, c) => {
            line.push(c);
            State::Value
        }
        // The end of a line that goes on in the next one.
        (State::Escape, '\n') => State::Value,
        (State::Escape, c) => {
            line.push(c);
            State::Value
        }
        (State::SingleQuoted, '\'') | (State::DoubleQuoted, '"') => State::BeforeValue,
        (State::DoubleQuoted, '\\') => State::QuotedEscape,
        (State::SingleQuoted | State::DoubleQuoted, c) => {
            line.push(c);
            state
        }
        (State::QuotedEscape, '\n') => State::DoubleQuoted,
        (State::QuotedEscape, c) => {
            if !matches!(c, '"' | '\\' | '`' | '$') {
                line.push('\\');
            }
            line.push(c);
            State::DoubleQuoted
        }
    }
}

impl Parsed {
    /// Adds what the lines from `first` on say, if anything.
    fn add(&mut self, first: usize, line: Line) {
        let key = line.key.trim_end();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let begins = !key.starts_with(|c: char| c.is_ascii_digit());
        match key {
            "" => {}
            key if begins && key.chars().all(is_name) => {
                self.variables.insert(key.to_owned(), line.value);
            }
            _ => self.skipped.push(first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<(String, String)> {
        parse(text).variables.into_iter().collect()
    }

    #[test]
    fn it_is_read_as_systemd_reads_it() {
        for (text, value) in [
            ("A=x", "x"),
            ("  A = x  \r\n", "x"),
            ("A=x # note", "x # note"),
            ("A=", ""),
            ("A='x # y' ", "x # y"),
            ("A=\"x \\\"y\\\" \\n\"", "x \"y\" \\n"),
            ("A='x''y'", "xy"),
            ("A=x'y'", "x'y'"),
            ("A=x\\ y", "x y"),
            ("A=x\\\ny", "xy"),
            ("A='x\ny'", "x\ny"),
            ("A=1\nA=2", "2"),
            ("# A=0\n; A=0\nA=x=y", "x=y"),
            (
                "A=postgres://u:p@host/name?sslmode=require",
                "postgres://u:p@host/name?sslmode=require",
            ),
        ] {
            assert_eq!(read(text), [("A".to_owned(), value.to_owned())], "{text:?}");
        }
    }

    #[test]
    fn what_is_no_variable_is_left_out() {
        for text in ["", "A", "=x", "export A=x", "1A=x", "A B=x", "#A=x \\\n"] {
            assert_eq!(read(text), [], "{text:?}");
        }
        let both = [("A", "1"), ("B", "2")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(read("A=1\nnonsense\n\nB=2"), both);
        assert_eq!(read("#A=0 \\\nA=1\nB=2\n"), both);
    }

    #[test]
    fn what_sets_nothing_is_told_by_its_line() {
        for (text, skipped) in [
            ("# export A=x\n\n; note\nA=x\n", vec![]),
            ("export A=x", vec![1]),
            ("A='x\ny'\nexport B=x\nB x\nC=\\\nx\n=x", vec![3, 4, 7]),
            ("  nonsense\n\n1A=x\n", vec![1, 3]),
            ("# goes on \\\nA=x\nnonsense", vec![3]),
        ] {
            assert_eq!(parse(text).skipped, skipped, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_comes_back(value in "[^\0]{0,40}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let quoted = quoted.replace('$', "\\$").replace('`', "\\`");
            prop_assert_eq!(read(&format!("A=\"{quoted}\"")), [("A".to_owned(), value)]);
        }
    }
}
