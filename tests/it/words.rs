//! What people read, in whole lines: how the tests pin one line of a text that says much else, and the one place that knows the
//! words by which a kind of message is recognized.

/// The first line of the alert that nothing can be recorded.
pub(crate) const NO_DATABASE: &str =
    "🔴 WAKE hushwatch cannot use its database: monitoring and alerting are stopped";

/// What stands for an instant of the machine's clock.
const INSTANT: &str = "<instant>";

/// The first line of a message: all that a phone shows.
pub(crate) fn title(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Whether a message is a daily digest.
pub(crate) fn is_digest(text: &str) -> bool {
    text.starts_with("📋 Daily digest, ")
}

/// Whether a message is about what opened and resolved between two cycles.
pub(crate) fn is_catch_up(text: &str) -> bool {
    text.starts_with("📋 catch-up: ")
}

/// Whether a message names one that was given up, unconfirmed.
pub(crate) fn names_a_lost_message(text: &str) -> bool {
    let names = |line: &str| line.starts_with("Slack never confirmed an earlier message, ");
    text.lines().any(names)
}

/// A line of a text or of the log, without its indentation and the time of the log.
pub(crate) fn bare(line: &str) -> &str {
    let line = line.trim();
    match line.split_once(' ') {
        Some((first, rest)) if is_instant(first) || first == INSTANT => rest.trim_start(),
        _ => line,
    }
}

/// A text in which every instant is a placeholder, since it is of the machine's clock.
pub(crate) fn without_instants(text: &str) -> String {
    let words = text.split_inclusive([' ', '\n', ';', ',', '=']);
    let shown = words.map(|word| {
        let end = word.trim_end_matches([' ', '\n', ';', ',', '=']);
        match is_instant(end) {
            true => word.replacen(end, INSTANT, 1),
            false => word.to_owned(),
        }
    });
    shown.collect()
}

fn is_instant(word: &str) -> bool {
    word.ends_with('Z') && hushwatch::model::Timestamp::parse(word).is_some()
}

/// Asserts that exactly one line of a text, or of the log, is this one, whole.
#[track_caller]
pub(crate) fn assert_line(text: &str, line: &str) {
    let found = text.lines().filter(|found| bare(found) == line);
    assert_eq!(found.count(), 1, "{line}\n\nis not once in\n\n{text}");
}

/// Asserts that the text of an element of a page is this one, whole.
#[track_caller]
pub(crate) fn assert_element(page: &str, text: &str) {
    assert!(page.contains(&format!(">{text}<")), "{text}: {page}");
}
