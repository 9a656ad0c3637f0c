//! The words of a diagnosis. Pure.

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::{ServerName, Timestamp};
use crate::text::sanitize::clean;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should be.
    Pass,
    /// It works, but somebody should look at it.
    Warn,
    /// It does not work.
    Fail,
}

impl Outcome {
    /// The sign at the beginning of its line.
    pub const fn sign(self) -> char {
        match self {
            Self::Pass => '✓',
            Self::Warn => '!',
            Self::Fail => '✗',
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name for scripts, such as `postmark_token`.
    pub name: &'static str,
    /// The server it is of.
    pub server: Option<ServerName>,
    /// How it ended.
    pub outcome: Outcome,
    /// What a person reads.
    pub text: String,
    /// What to do.
    pub remedy: Option<String>,
    /// Where it was seen: a server, or a stream of one.
    pub(crate) place: String,
    /// What it has in common with the same check of other servers.
    pub(crate) kind: String,
}

impl Check {
    /// As it should be.
    pub(crate) fn pass(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name, Outcome::Pass, text.into(), None)
    }

    /// It works, but somebody should look at it.
    pub(crate) fn warn(
        name: &'static str,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(name, Outcome::Warn, text.into(), Some(remedy.into()))
    }

    /// It does not work.
    pub(crate) fn fail(
        name: &'static str,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(name, Outcome::Fail, text.into(), Some(remedy.into()))
    }

    fn new(name: &'static str, outcome: Outcome, text: String, remedy: Option<String>) -> Self {
        Self {
            name,
            server: None,
            outcome,
            kind: text.clone(),
            text,
            remedy: remedy.filter(|remedy| !remedy.is_empty()),
            place: String::new(),
        }
    }

    /// Of a server, which its text names already.
    pub(crate) fn of(mut self, server: &ServerName) -> Self {
        self.place.clone_from(&server.0);
        self.server = Some(server.clone());
        self
    }

    /// Of a server, or of `place` in it, which is put before its text.
    pub(crate) fn at(mut self, server: &ServerName, place: &str) -> Self {
        self.text = format!("{place}: {}", self.text);
        place.clone_into(&mut self.place);
        self.server = Some(server.clone());
        self
    }

    /// Told in one line with others that have this in common.
    pub(crate) fn alike(mut self, kind: impl Into<String>) -> Self {
        self.kind = kind.into();
        self
    }

    /// One line, without its end.
    pub(crate) fn to_line(&self) -> String {
        line(self.outcome, &self.text, self.remedy.as_deref())
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.name, "server": self.server, "outcome": self.outcome, "text": clean(&self.text),
            "remedy": self.remedy.as_deref().map(clean),
        })
    }
}

/// Everything that was looked at, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// When.
    pub at: Timestamp,
    /// What.
    pub checks: Vec<Check>,
}

impl Diagnosis {
    /// Whether nothing failed.
    pub fn is_ok(&self) -> bool {
        self.checks.iter().all(|c| c.outcome != Outcome::Fail)
    }

    /// For scripts: every check by itself.
    pub fn to_json(&self) -> Value {
        let checks: Vec<Value> = self.checks.iter().map(Check::to_json).collect();
        json!({ "at": self.at.to_string(), "ok": self.is_ok(), "checks": checks })
    }
}

/// A line as a person reads it: the sign, what is so, and what to do. What came from outside moves no cursor.
pub(crate) fn line(outcome: Outcome, text: &str, remedy: Option<&str>) -> String {
    let remedy = remedy.map_or_else(String::new, |remedy| format!("; {remedy}"));
    clean(&format!("{} {text}{remedy}", outcome.sign()))
}
