//! Text that came from outside, made fit to stand in a line: subjects, addresses, what a mail server answered.

use std::iter::Peekable;
use std::str::Chars;

use serde_json::Value;

/// The end of a text that was cut.
const ELLIPSIS: char = '…';
/// A cut leaves out no more than so many bytes to end with a whole word.
const MAX_WORD: usize = 20;

/// The replacement of an address, or of the part of one, that is hidden.
const MASK: &str = "***";

/// The maximum length of a domain name (RFC 1035, 2.3.4), in bytes.
const MAX_DOMAIN_BYTES: usize = 253;

/// Returns `text` as one visible line.
///
/// Terminal escape sequences, control characters, bidirectional overrides, zero-widths and other invisible characters
/// are removed; line breaks and runs of white space become one space; the ends are trimmed. Cleaning twice changes
/// nothing more.
pub fn clean(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut gap = false;
    while let Some(c) = rest.next() {
        if is_escape(c) {
            skip_escape(c, &mut rest);
        } else if c.is_whitespace() {
            gap = true;
        } else if !c.is_control() && !is_invisible(c) {
            if gap && !line.is_empty() {
                line.push(' ');
            }
            gap = false;
            line.push(c);
        }
    }
    line
}

/// Returns `text` with each line [cleaned](clean) except for its indent, for a terminal.
pub fn clean_lines(text: &str) -> String {
    let line = |line: &str| {
        let rest = line.trim_start_matches(' ');
        format!("{}{}\n", &line[..line.len() - rest.len()], clean(rest))
    };
    text.split_terminator('\n').map(line).collect()
}

/// Returns `value` as one line of JSON in which every invisible or cursor-moving character is escaped.
pub fn json_line(value: &Value) -> String {
    format!("{}\n", visible_json(&value.to_string()))
}

/// JSON that means the same, in which whatever cannot be seen or moves a cursor is written as an escape.
fn visible_json(json: &str) -> String {
    let mut visible = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() || is_invisible(c) || matches!(c, '\u{2028}' | '\u{2029}') {
            let units = &mut [0; 2];
            let units = c.encode_utf16(units).iter();
            visible.extend(units.map(|unit| format!("\\u{unit:04x}")));
        } else {
            visible.push(c);
        }
    }
    visible
}

/// Returns `text` in at most `max_chars` characters; a cut text ends in `…`.
pub fn truncate(text: &str, max_chars: usize) -> String {
    truncate_by(text, max_chars, |_| 1)
}

/// As [`truncate`], but between two words where there are any.
pub fn truncate_words(text: &str, max_chars: usize) -> String {
    let cut = truncate(text, max_chars);
    let kept = cut.strip_suffix(ELLIPSIS).unwrap_or(&cut);
    let is_in_word = cut != text
        && text
            .get(kept.len()..)
            .and_then(|rest| rest.chars().next())
            .is_some_and(|next| !next.is_whitespace());
    match kept.rfind(char::is_whitespace) {
        // A long word is rather cut than left out.
        Some(end) if is_in_word && kept.len() - end <= MAX_WORD => {
            let words = kept.get(..end).unwrap_or_default();
            let words = words.trim_end_matches([' ', ',', ';', ':', '·', '→']);
            format!("{words}{ELLIPSIS}")
        }
        _ => cut,
    }
}

/// As [`truncate`], where a character takes as much room as `cost` says. The `…` is counted as well; where not even
/// that has room, nothing is left.
pub fn truncate_by(text: &str, room: usize, cost: impl Fn(char) -> usize) -> String {
    let ellipsis = cost(ELLIPSIS);
    let mut used = 0usize;
    let mut cut = None;
    for (at, c) in text.char_indices() {
        if cut.is_none() && used.saturating_add(cost(c)).saturating_add(ellipsis) > room {
            cut = Some(at);
        }
        used = used.saturating_add(cost(c));
        if used > room {
            let kept = text.get(..cut.unwrap_or(0)).unwrap_or_default();
            let mut text = kept.trim_end().to_owned();
            text.extend((ellipsis <= room).then_some(ELLIPSIS));
            return text;
        }
    }
    text.to_owned()
}

/// Returns `address` with all but the first letter of its local part hidden: `j***@example.com`.
///
/// Where that letter would be the whole local part, it is hidden too; what does not look like an ordinary address is
/// hidden altogether. A name around the address is dropped.
pub fn mask(address: &str) -> String {
    let cleaned = clean(address);
    let bare = match (cleaned.rfind('<'), cleaned.strip_suffix('>')) {
        (Some(open), Some(inner)) => inner.get(open + 1..).unwrap_or_default(),
        _ => &cleaned,
    };
    match bare.split_once('@') {
        Some((local, domain)) if is_plain_local(local) && is_domain(domain) => {
            format!("{}{MASK}@{domain}", shown_letter(local))
        }
        _ => MASK.to_owned(),
    }
}

/// Returns the first letter, unless it is the whole local part.
fn shown_letter(local: &str) -> String {
    let mut chars = local.chars();
    let first = chars.next().filter(|c| c.is_alphanumeric());
    match (first, chars.next()) {
        (Some(first), Some(_)) => first.to_string(),
        _ => String::new(),
    }
}

/// Quoted and other local parts may hold anything, another address included.
fn is_plain_local(local: &str) -> bool {
    !local.is_empty()
        && local
            .chars()
            .all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c))
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    domain.len() <= MAX_DOMAIN_BYTES && domain.contains('.') && domain.split('.').all(is_label)
}

/// ESC, or the one-character forms of `ESC [` and `ESC ]`.
fn is_escape(c: char) -> bool {
    matches!(c, '\u{1b}' | '\u{9b}' | '\u{9d}')
}

/// Skips what follows `introducer` and belongs to its sequence (ECMA-48, 5.3 to 5.6).
fn skip_escape(introducer: char, rest: &mut Peekable<Chars<'_>>) {
    match introducer {
        '\u{9b}' => skip_control_sequence(rest),
        '\u{9d}' => skip_command_string(rest),
        _ => {
            if rest.next_if_eq(&'[').is_some() {
                skip_control_sequence(rest);
            } else if rest.next_if_eq(&']').is_some() {
                skip_command_string(rest);
            } else {
                while rest.next_if(|c| (' '..='/').contains(c)).is_some() {}
                rest.next_if(|c| ('0'..='~').contains(c));
            }
        }
    }
}

/// Parameters, intermediates, one final character.
fn skip_control_sequence(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| ('0'..='?').contains(c)).is_some() {}
    while rest.next_if(|c| (' '..='/').contains(c)).is_some() {}
    rest.next_if(|c| ('@'..='~').contains(c));
}

/// Up to the control character that ends it. Without one the sequence was never valid, and its text stays, so that two
/// characters cannot hide the rest of a line.
fn skip_command_string(rest: &mut Peekable<Chars<'_>>) {
    let mut ahead = rest.clone();
    while ahead.next_if(|c| !c.is_control()).is_some() {}
    match ahead.peek() {
        Some('\u{7}' | '\u{9c}') => {
            ahead.next();
            *rest = ahead;
        }
        Some('\u{1b}') => {
            ahead.next();
            if ahead.next_if_eq(&'\\').is_some() {
                *rest = ahead;
            }
        }
        _ => {}
    }
}

/// Characters that show nothing and yet change what is seen: Unicode's `Default_Ignorable_Code_Point`, the soft hyphen
/// and the interlinear annotation marks among them.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests;
