//! The words of a diagnosis. Pure.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::model::{ServerName, Timestamp, rfc3339};
use crate::store;
use crate::text::sanitize::clean;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Pass,
    /// It works, but somebody should look at it.
    Warn,
    Fail,
}

impl Outcome {
    pub(crate) const fn sign(self) -> char {
        match self {
            Self::Pass => '✓',
            Self::Warn => '!',
            Self::Fail => '✗',
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// Its name for scripts, such as `postmark_token`.
    pub(crate) name: &'static str,
    pub(crate) server: Option<ServerName>,
    pub(crate) outcome: Outcome,
    #[serde(serialize_with = "cleaned")]
    pub(crate) text: String,
    #[serde(serialize_with = "cleaned")]
    pub(crate) remedy: Option<String>,
    /// Where it was seen: a server, or a stream of one.
    #[serde(skip)]
    pub(crate) place: String,
    /// What it has in common with the same check of other servers.
    #[serde(skip)]
    pub(crate) kind: String,
}

impl Check {
    pub(crate) fn pass(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(name, Outcome::Pass, text.into(), None)
    }

    pub(crate) fn warn(
        name: &'static str,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(name, Outcome::Warn, text.into(), Some(remedy.into()))
    }

    pub(crate) fn fail(
        name: &'static str,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(name, Outcome::Fail, text.into(), Some(remedy.into()))
    }

    /// Returns the failure of a check of what is stored, whose error bears its remedy.
    pub(crate) fn unreadable(name: &'static str, what: &str, error: &store::Error) -> Self {
        Self::fail(name, format!("Cannot read the {what} — {error}"), "")
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

    /// Names the server, which the text names already.
    pub(crate) fn on_server(mut self, server: &ServerName) -> Self {
        self.place.clone_from(&server.0);
        self.server = Some(server.clone());
        self
    }

    /// Names the server, also before the text.
    pub(crate) fn at_server(self, server: &ServerName) -> Self {
        self.at_place(server, &server.0)
    }

    /// Names the server, and before the text `place`, which is in it.
    pub(crate) fn at_place(mut self, server: &ServerName, place: &str) -> Self {
        self.text = format!("{place}: {}", self.text);
        place.clone_into(&mut self.place);
        self.server = Some(server.clone());
        self
    }

    /// Puts it in one line with others that have `kind` in common.
    pub(crate) fn alike(mut self, kind: impl Into<String>) -> Self {
        self.kind = kind.into();
        self
    }

    /// Returns one line, without its end.
    pub(crate) fn to_line(&self) -> String {
        line(self.outcome, &self.text, self.remedy.as_deref())
    }
}

fn cleaned<S: Serializer>(
    text: &(impl Clone + Into<Option<String>>),
    to: S,
) -> Result<S::Ok, S::Error> {
    let text: Option<String> = text.clone().into();
    text.map(|text| clean(&text)).serialize(to)
}

/// Every check, in order. Serialized, it lacks `ok`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Diagnosis {
    #[serde(serialize_with = "rfc3339")]
    pub(crate) at: Timestamp,
    pub(crate) checks: Vec<Check>,
}

impl Diagnosis {
    pub(crate) fn is_ok(&self) -> bool {
        self.checks.iter().all(|c| c.outcome != Outcome::Fail)
    }

    /// Returns the object for scripts: every check by itself.
    pub(crate) fn to_json(&self) -> Value {
        let mut json = json!(self);
        json["ok"] = json!(self.is_ok());
        json
    }
}

/// Returns a line as a person reads it: the sign, what is so, and what to do. What came from outside moves no cursor.
pub(crate) fn line(outcome: Outcome, text: &str, remedy: Option<&str>) -> String {
    let remedy = remedy.map_or_else(String::new, |remedy| format!("; {remedy}"));
    clean(&format!("{} {text}{remedy}", outcome.sign()))
}
