//! Text of a peer, made fit for an error or a log line.

use crate::secret::Secret;

/// The maximum length of a quotation.
const MAX_QUOTE_CHARS: usize = 200;

/// Returns what a peer said without `token`, words that look like an address, or anything that moves the cursor.
pub(super) fn quote(text: &str, token: &Secret) -> String {
    let text = without(&printable(text), token.expose());
    let words: Vec<&str> = text
        .split_whitespace()
        .map(|word| if word.contains('@') { "***" } else { word })
        .collect();
    truncate(&words.join(" "))
}

/// Returns a name of a peer's making without anything that moves the cursor.
pub(super) fn clean(name: &str) -> String {
    truncate(&printable(name))
}

fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if moves_the_cursor(c) { ' ' } else { c })
        .collect()
}

/// Control characters, line separators, and marks that reorder or hide what stands beside them.
fn moves_the_cursor(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Returns `text` with every occurrence of `secret` replaced, whatever its case.
fn without(text: &str, secret: &str) -> String {
    // Only ASCII changes, so that both texts keep the same byte positions.
    let (haystack, needle) = (text.to_ascii_lowercase(), secret.to_ascii_lowercase());
    let mut kept = String::with_capacity(text.len());
    let mut done = 0;
    for (at, _) in haystack.match_indices(&needle) {
        kept.push_str(&text[done..at]);
        kept.push_str("***");
        done = at + needle.len();
    }
    kept.push_str(&text[done..]);
    kept
}

fn truncate(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTE_CHARS) {
        None => text.to_owned(),
        Some(_) => text
            .chars()
            .take(MAX_QUOTE_CHARS - 1)
            .chain(['…'])
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token() -> Secret {
        Secret::new("AbC-123").expect("not empty")
    }

    #[test]
    fn a_quotation_holds_no_token_no_address_and_no_control_character() {
        let text = "bad\r\n\u{1b}[31mtoken abc-123/ABC-123\u{202e} of <jane@example.com>, sorry";
        assert_eq!(quote(text, &token()), "bad [31mtoken ***/*** of *** sorry");
    }

    #[test]
    fn a_quotation_has_an_end() {
        let long = quote(&"ü".repeat(5000), &token());
        assert_eq!(long.chars().count(), MAX_QUOTE_CHARS);
        assert!(long.ends_with('…'));
        assert_eq!(quote(&"ü".repeat(200), &token()), "ü".repeat(200));
    }

    proptest! {
        #[test]
        fn any_text_is_quoted_without_a_panic(text in "(?s).{0,300}", at in 0usize..300) {
            let mut hidden: String = text.chars().take(at).collect();
            hidden.push_str("aBc-123");
            hidden.extend(text.chars().skip(at));
            let quoted = quote(&hidden, &token());
            prop_assert!(quoted.chars().count() <= MAX_QUOTE_CHARS);
            prop_assert!(!quoted.chars().any(char::is_control));
            prop_assert!(!quoted.to_ascii_lowercase().contains("abc-123"));
            prop_assert!(!quoted.contains('@'));
        }
    }
}
