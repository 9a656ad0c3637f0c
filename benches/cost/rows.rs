//! What a benchmark found, row by row: a table for people, or with `--json` one object a figure for scripts.

use std::sync::OnceLock;

use serde::Serialize;

/// What a figure may be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Of two figures of the same run: it says the same on another machine.
    Ratio,
    /// Of things or bytes: no clock is in it.
    Count,
    /// Of this machine, in this run.
    Measure,
}

/// A figure of a row.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// Which one of the row; empty where the row has only one.
    pub(crate) part: String,
    pub(crate) value: f64,
    /// Empty for a ratio.
    pub(crate) unit: &'static str,
    pub(crate) kind: Kind,
    /// The value that is not to be exceeded.
    pub(crate) goal: Option<f64>,
}

impl Figure {
    pub(crate) fn ratio(value: f64) -> Self {
        Self::new(value, "", Kind::Ratio)
    }

    pub(crate) fn count(value: f64, unit: &'static str) -> Self {
        Self::new(value, unit, Kind::Count)
    }

    pub(crate) fn measure(value: f64, unit: &'static str) -> Self {
        Self::new(value, unit, Kind::Measure)
    }

    pub(crate) fn part(self, part: &str) -> Self {
        Self {
            part: part.to_owned(),
            ..self
        }
    }

    pub(crate) fn goal(self, goal: Option<f64>) -> Self {
        Self { goal, ..self }
    }

    const fn new(value: f64, unit: &'static str, kind: Kind) -> Self {
        Self {
            part: String::new(),
            value,
            unit,
            kind,
            goal: None,
        }
    }
}

/// A figure as a script reads it.
#[derive(Serialize)]
struct Object<'a> {
    name: String,
    value: f64,
    unit: &'a str,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<f64>,
}

/// Says of a row `what` is measured, and `text`, its figures in a sentence; to a script it says `figures`.
pub(crate) fn line(what: &str, text: &str, figures: &[Figure]) {
    if !is_json() {
        return println!("{what:<70} {text}");
    }
    for figure in figures {
        let what = what.trim();
        let name = match figure.part.as_str() {
            "" => what.to_owned(),
            part => format!("{what}: {part}"),
        };
        let object = Object {
            name,
            value: figure.value,
            unit: figure.unit,
            kind: figure.kind,
            goal: figure.goal,
        };
        println!("{}", serde_json::to_string(&object).expect("JSON"));
    }
}

fn is_json() -> bool {
    static IS_JSON: OnceLock<bool> = OnceLock::new();
    *IS_JSON.get_or_init(|| std::env::args().any(|argument| argument == "--json"))
}
