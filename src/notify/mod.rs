//! What people are told: messages as lines of text without markup, which Slack and the terminal each show in their own way.
//!
//! The words of a rule are in four places, each a match with an arm per rule: `describe` (what is wrong), `phrase` (its name, and
//! what is back to normal), `runbook` (what to do) and, where its evidence is of a new kind, `context` and `evidence` (the numbers in an
//! alert and in `explain`). `samples` shows each rule in `docs/messages.md`.

pub mod alert;
pub mod answered;
pub mod catch_up;
pub mod closed;
pub(crate) mod context;
mod delivery;
pub mod describe;
pub mod digest;
mod drift;
pub(crate) mod evidence;
pub mod given_up;
pub mod grouped;
pub mod grouping;
pub mod hello;
mod level;
pub mod link;
pub mod live;
pub mod location;
pub mod misnamed;
pub mod mute;
pub mod mute_ended;
pub mod notice;
pub(crate) mod phrase;
pub(crate) mod problem_span;
mod rate;
pub mod routing;
pub mod runbook;
pub mod telling;
mod together;
mod unjudged;
pub mod update;

use serde::{Deserialize, Serialize};

use crate::text::sanitize::{clean, truncate, truncate_words};

pub use level::Level;

/// The maximum number of characters in a headline: what Slack shows in a header.
pub const MAX_HEADLINE: usize = 150;
/// The maximum number of characters in a line.
pub const MAX_LINE: usize = 500;
/// The maximum number of lines in a message.
pub const MAX_LINES: usize = 40;
/// The maximum number of characters in the footer.
pub const MAX_FOOTER: usize = 300;
/// The maximum number of characters in all lines together, so that one message can carry the whole of it (Slack takes about 9,000 in
/// all its blocks, headline and footer included).
pub const MAX_BODY: usize = 8_000;

/// Room kept for "… and 12 more", in characters: any count has room in it.
const ROOM_FOR_REST: usize = 40;

/// The headline of a message whose own is empty.
const NO_HEADLINE: &str = "hushwatch has news";

/// A message as it is frozen in the outbox. Every string may hold text that came from outside; none holds markup, a
/// line break or any other control character, and all are within the limits of this room. Reading one back from the
/// outbox keeps this too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Unchecked")]
pub struct Message {
    #[serde(rename = "tone")]
    level: Level,
    /// The one line that a notification shows.
    headline: String,
    lines: Vec<String>,
    /// Small print: a command, the time, the time zone.
    footer: String,
}

/// Returns a headline of `what` and `end`, such as `, day 2`, which stays whole where the former has to be cut.
pub(crate) fn headline_with_end(what: &str, end: &str) -> String {
    let room = MAX_HEADLINE.saturating_sub(end.chars().count());
    format!("{}{end}", truncate_words(&clean(what), room))
}

impl Message {
    /// Returns a message of these texts, cleaned and cut to the limits of this room.
    ///
    /// `headline` says where and what; [`Message::title`] puts the severity in front of it. Empty lines are left out; too
    /// many end in "… and 12 more".
    pub fn new(
        level: Level,
        headline: &str,
        lines: impl IntoIterator<Item = String>,
        footer: &str,
    ) -> Self {
        let headline = truncate_words(&clean(headline), MAX_HEADLINE);
        Self {
            level,
            headline: if headline.is_empty() {
                NO_HEADLINE.to_owned()
            } else {
                headline
            },
            lines: fit_lines(lines),
            footer: truncate(&clean(footer), MAX_FOOTER),
        }
    }

    pub const fn level(&self) -> Level {
        self.level
    }

    /// Returns the headline, which is never empty.
    pub fn headline(&self) -> &str {
        &self.headline
    }

    /// Returns the lines below the headline, none of them empty.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Returns the small print, which may be empty.
    pub fn footer(&self) -> &str {
        &self.footer
    }

    /// Returns the line that a notification shows: the severity as a sign and as a word, then the headline.
    pub fn title(&self) -> String {
        format!("{}{}", self.level.label(), self.headline)
    }

    /// Returns the message with `line` below its other lines; where it is full, the last of them make room.
    #[must_use]
    pub fn with_line(&self, line: &str) -> Self {
        let line = truncate(&clean(line), MAX_LINE);
        let room = MAX_BODY - line.chars().count();
        let fitting = count_fitting(&self.lines, MAX_LINES - 1, room);
        let lines = self.lines.iter().take(fitting).cloned();
        Self {
            lines: lines.chain((!line.is_empty()).then_some(line)).collect(),
            ..self.clone()
        }
    }

    /// Returns the whole message as lines of text.
    pub fn to_text(&self) -> String {
        let mut text = self.title();
        let footer = (!self.footer.is_empty()).then_some(&self.footer);
        for line in self.lines.iter().chain(footer) {
            text.push('\n');
            text.push_str(line);
        }
        text
    }
}

/// Returns the lines that fit, and a line that counts the others.
fn fit_lines(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let cleaned = lines
        .into_iter()
        .map(|line| truncate(&clean(&line), MAX_LINE));
    let mut lines: Vec<String> = cleaned.filter(|line| !line.is_empty()).collect();
    let fitting = count_fitting(&lines, MAX_LINES, MAX_BODY);
    if fitting < lines.len() {
        let kept = count_fitting(&lines, MAX_LINES - 1, MAX_BODY - ROOM_FOR_REST);
        let left_out = lines.len() - kept;
        lines.truncate(kept);
        lines.push(format!("… and {left_out} more"));
    }
    lines
}

/// Returns how many of `lines`, from the first on, fit together.
fn count_fitting(lines: &[String], max_lines: usize, max_chars: usize) -> usize {
    let mut used = 0usize;
    lines
        .iter()
        .take(max_lines)
        .take_while(|line| {
            used = used.saturating_add(line.chars().count());
            used <= max_chars
        })
        .count()
}

/// A message as it is stored in the outbox, before it is checked.
#[derive(Deserialize)]
struct Unchecked {
    tone: Level,
    headline: String,
    lines: Vec<String>,
    footer: String,
}

impl From<Unchecked> for Message {
    fn from(message: Unchecked) -> Self {
        // Version 0.1.0 wrote quiet digests with the level of an end.
        let is_old_digest = message.headline.starts_with("digest for ");
        let level = match message.tone {
            Level::Resolved if is_old_digest => Level::Info,
            level => level,
        };
        Self::new(level, &message.headline, message.lines, &message.footer)
    }
}

#[cfg(any(test, feature = "doctor"))]
#[cfg_attr(not(test), allow(dead_code, unused_imports))]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
