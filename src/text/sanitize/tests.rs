use super::*;
use proptest::prelude::*;

#[test]
fn a_terminal_escape_leaves_no_trace() {
    assert_eq!(clean("\u{1b}[1;31mred\u{1b}[0m"), "red");
    assert_eq!(clean("\u{9b}31mred"), "red");
    assert_eq!(clean("\u{1b}]0;a title\u{7}text"), "text");
    assert_eq!(
        clean("\u{1b}]8;;https://example.com\u{1b}\\link\u{1b}]8;;\u{1b}\\"),
        "link"
    );
    assert_eq!(clean("\u{1b}(Bplain\u{1b}"), "plain");
}

#[test]
fn an_unfinished_escape_hides_nothing() {
    assert_eq!(clean("\u{1b}]0;550 user unknown"), "0;550 user unknown");
    assert_eq!(clean("\u{1b}[31é"), "é");
}

#[test]
fn lines_and_runs_of_space_become_one_space() {
    assert_eq!(
        clean(" a\r\n\tb\u{2028}c\u{a0}\u{200b} d\u{85} "),
        "a b c d"
    );
    assert_eq!(clean("\n \u{200b} "), "");
}

#[test]
fn what_turns_or_hides_text_is_removed() {
    assert_eq!(
        clean("in\u{202e}voice\u{2066}\u{200d}\u{feff}\u{e0041}\0.pdf"),
        "invoice.pdf"
    );
}

#[test]
fn a_cut_text_says_so_and_fits() {
    assert_eq!(truncate("grüße", 5), "grüße");
    assert_eq!(truncate("grüße", 4), "grü…");
    assert_eq!(truncate("ab cd", 4), "ab…");
    assert_eq!(truncate("ab", 1), "…");
    assert_eq!(truncate("ab", 0), "");
    assert_eq!(truncate("", 0), "");
}

#[test]
fn a_text_is_cut_between_words_where_it_has_some() {
    assert_eq!(truncate_words("to be confirmed", 15), "to be confirmed");
    assert_eq!(truncate_words("to be confirmed", 14), "to be…");
    assert_eq!(truncate_words("back; to be confirmed", 20), "back; to be…");
    assert_eq!(
        truncate_words("back to normal; later", 18),
        "back to normal…"
    );
    assert_eq!(truncate_words("ab cd", 4), "ab…");
    // A long word is rather cut than left out.
    let long = "a 1234567890123456789012345";
    assert_eq!(truncate_words(long, 24), "a 123456789012345678901…");
    assert_eq!(truncate_words("unbroken", 4), "unb…");
    assert_eq!(truncate_words("ab", 0), "");
}

#[test]
fn a_cut_counts_what_the_caller_counts() {
    assert_eq!(
        truncate_by("&&&&", 11, |c| if c == '&' { 5 } else { 1 }),
        "&&…"
    );
    assert_eq!(truncate_by("ab", 2, char::len_utf8), "ab");
    assert_eq!(truncate_by("abc", 2, char::len_utf8), "");
}

#[test]
fn an_address_shows_one_letter_and_its_domain() {
    for (address, shown) in [
        ("jane@example.com", "j***@example.com"),
        ("Jane Doe <jane@mail.example.com>", "j***@mail.example.com"),
        (" jane+tag@example.com\n", "j***@example.com"),
        ("josé@exämple.com", "j***@exämple.com"),
        ("j@example.com", "***@example.com"),
        ("_jane@example.com", "***@example.com"),
    ] {
        assert_eq!(mask(address), shown, "{address}");
    }
}

#[test]
fn an_odd_address_shows_nothing() {
    for odd in [
        "",
        "jane",
        "jane@",
        "@example.com",
        "jane@localhost",
        "jane@[192.0.2.1]",
        "jane@example..com",
        "\"jane doe\"@example.com",
        "jane@example.com@example.org",
        "<jane@example.com> <!channel>",
        "jane doe@example.com",
        "jane@example.com|here",
    ] {
        assert_eq!(mask(odd), "***", "{odd}");
    }
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "\\PC{0,8}",
        prop::sample::select(vec![
            "\u{1b}",
            "\u{1b}[",
            "\u{1b}]",
            "\u{9b}",
            "\u{9d}",
            "\u{7}",
            "\\",
            "\n",
            " ",
            "\u{202e}",
            "\u{200b}",
            "@",
            "<",
            ">",
            "example.com",
            "…",
        ])
        .prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_clean_line_is_one_visible_line_and_stays_as_it_is(text in hostile()) {
        let line = clean(&text);
        prop_assert!(!line.chars().any(|c| c.is_control() || is_invisible(c)));
        prop_assert!(!line.chars().any(|c| c.is_whitespace() && c != ' '));
        prop_assert!(!line.contains("  "));
        prop_assert_eq!(line.trim(), &line);
        prop_assert_eq!(clean(&line), line);
    }

    #[test]
    fn a_cut_fits_and_a_fitting_text_is_not_cut(text in hostile(), max in 0usize..60) {
        let cut = truncate(&text, max);
        prop_assert!(cut.chars().count() <= max);
        if text.chars().count() <= max {
            prop_assert_eq!(cut, text);
        } else if max > 0 {
            prop_assert!(cut.ends_with('…'));
        }
    }

    #[test]
    fn a_cut_never_passes_the_room_there_is(text in hostile(), room in 0usize..60) {
        let cut = truncate_by(&text, room, char::len_utf8);
        prop_assert!(cut.len() <= room);
        prop_assert_eq!(truncate_by(&cut, room, char::len_utf8), cut);
    }

    #[test]
    fn a_masked_address_hides_the_local_part(local in "[a-z]{2}[0-9.+]{3,20}", domain in "[x-z]{1,9}\\.[x-z]{2,5}") {
        let masked = mask(&format!("{local}@{domain}"));
        prop_assert!(!masked.contains(&local[1..]));
        prop_assert_eq!(masked, format!("{}***@{domain}", &local[..1]));
    }

    #[test]
    fn anything_masked_is_clean_and_has_no_markup(text in hostile()) {
        let masked = mask(&text);
        prop_assert_eq!(&clean(&masked), &masked);
        prop_assert!(masked.starts_with(MASK) || masked.chars().skip(1).collect::<String>().starts_with(MASK));
        prop_assert!(!masked.contains(['<', '>', '|']));
    }
}

proptest! {
    #[test]
    fn visible_json_means_the_same_and_moves_no_cursor(text in "(?s).{0,80}") {
        let json = serde_json::json!({ &text: [&text] });
        let visible = visible_json(&json.to_string());
        prop_assert!(!visible.chars().any(|c| c.is_control() || is_invisible(c)));
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&visible).expect("JSON"), json);
    }
}
