//! What a person reads: text in lines, without markup. Slack and the terminal each show it in their own way.

use serde::{Deserialize, Serialize};

/// How a message looks at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// A person is wanted now.
    Wake,
    /// Wants a look.
    Warn,
    /// Over, or all well.
    Good,
    /// For information.
    Info,
}

impl Tone {
    /// A sign that is read beside the words, never instead of them.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Wake => "🔴",
            Self::Warn => "🟠",
            Self::Good => "🟢",
            Self::Info => "🔵",
        }
    }
}

/// A message as it is frozen in the outbox. Every string may hold text that came from outside; none holds markup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// How it looks at a glance.
    pub tone: Tone,
    /// The one line that a notification shows.
    pub headline: String,
    /// What explains it, a line each.
    pub lines: Vec<String>,
    /// Small print: the incident's id, the period, the time zone.
    pub footer: String,
}

impl Message {
    /// The whole message as lines of text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{} {}", self.tone.sign(), self.headline);
        for line in self
            .lines
            .iter()
            .chain((!self.footer.is_empty()).then_some(&self.footer))
        {
            text.push('\n');
            text.push_str(line);
        }
        text
    }
}
