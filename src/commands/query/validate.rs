//! Checks of what was asked for, before anything is sent.

use crate::commands::USAGE;
use crate::model::StreamId;
use crate::postmark;
use crate::text::sanitize::clean;

/// The maximum length of an address (RFC 5321, 4.5.3.1), in bytes.
const MAX_ADDRESS_BYTES: usize = 320;
/// The maximum length of a domain, and of a label (RFC 1035, 2.3.4), in bytes.
const MAX_DOMAIN_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;
/// The maximum number of characters that an error shows of a value.
const MAX_SHOWN_CHARS: usize = 60;

/// Returns the value of `option`, trimmed, if it may be sent to Postmark.
pub(crate) fn checked(option: &str, text: Option<&str>) -> Result<Option<String>, (u8, String)> {
    let Some(text) = text.map(str::trim) else {
        return Ok(None);
    };
    if text.is_empty() || text.len() > MAX_ADDRESS_BYTES || text.chars().any(char::is_control) {
        return Err(usage(&format!(
            "{option} must be 1 to {MAX_ADDRESS_BYTES} bytes long, without control characters"
        )));
    }
    Ok(Some(text.to_owned()))
}

/// Returns the value of `option`, if it is the address of one mailbox.
pub(crate) fn address(option: &str, text: Option<&str>) -> Result<Option<String>, (u8, String)> {
    let like = "one address such as jane@example.com, without a name or brackets around it";
    check_value(option, text, like, is_address)
}

/// Returns the value of `option`, if it may be an address or a part of one.
pub(crate) fn part(option: &str, text: Option<&str>) -> Result<Option<String>, (u8, String)> {
    let like = "an address such as jane@example.com, without a name or brackets around it";
    let bare = |text: &str| !text.is_empty() && !text.contains(['<', '>']);
    check_value(option, text, like, bare)
}

/// Returns the value of `option`, if it is a domain, with or without an `@` before it.
pub(crate) fn domain(option: &str, text: Option<&str>) -> Result<Option<String>, (u8, String)> {
    let like = "a domain such as example.com; its subdomains are included";
    let bare = |text: &str| is_domain(text.strip_prefix('@').unwrap_or(text));
    check_value(option, text, like, bare)
}

/// Returns the value of `--stream`, if a stream can have such an id.
pub(crate) fn stream(text: Option<&str>) -> Result<Option<StreamId>, (u8, String)> {
    let like = "the id of a stream such as outbound";
    let is_id = |text: &str| {
        // It stands in paths, where these would lead elsewhere.
        !matches!(text, "" | "." | "..") && text.chars().all(|c| !c.is_whitespace() && c != '/')
    };
    Ok(check_value("--stream", text, like, is_id)?.map(StreamId))
}

/// Returns the value of `--server`, if it is not empty: an empty one is a shell variable that was not set.
pub(crate) fn server(text: Option<&str>) -> Result<Option<&str>, (u8, String)> {
    match text {
        Some(text) if text.trim().is_empty() => Err(usage(
            "--server must be the name of a server, as `hushwatch doctor` shows it",
        )),
        text => Ok(text),
    }
}

/// Returns the value of `option`, if a message can have such an id.
pub(crate) fn message(option: &str, text: Option<&str>) -> Result<Option<String>, (u8, String)> {
    let like = "the id of a message such as 21895802-5d50-442b-b039-27cf5b462c54, as `hushwatch messages` shows it";
    check_value(option, text, like, postmark::is_message_id)
}

/// Returns the exit code and text of wrong usage.
pub(crate) fn usage(why: &str) -> (u8, String) {
    (USAGE, format!("{why}; nothing was asked or changed"))
}

fn check_value(
    option: &str,
    text: Option<&str>,
    like: &str,
    is_such: impl Fn(&str) -> bool,
) -> Result<Option<String>, (u8, String)> {
    let Some(text) = text.map(str::trim) else {
        return Ok(None);
    };
    if text.len() <= MAX_ADDRESS_BYTES && text.chars().all(is_visible) && is_such(text) {
        return Ok(Some(text.to_owned()));
    }
    let shown: String = clean(text).chars().take(MAX_SHOWN_CHARS).collect();
    Err(usage(&format!("{option} must be {like}; got `{shown}`")))
}

fn is_visible(c: char) -> bool {
    c == ' ' || !clean(c.encode_utf8(&mut [0; 4])).is_empty()
}

/// Whether it is a mailbox as RFC 5321 has them (4.1.2), and RFC 6531 in other scripts. Dots may stand anywhere in the local
/// part, since there are mailboxes which have them so.
fn is_address(text: &str) -> bool {
    text.rsplit_once('@')
        .is_some_and(|(local, domain)| is_local(local) && is_domain(domain))
}

fn is_local(local: &str) -> bool {
    let quoted = local.strip_prefix('"');
    match quoted.and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => is_quoted(quoted),
        None => {
            let special = |c: char| c.is_whitespace() || "\"(),:;<>@[\\]".contains(c);
            !local.is_empty() && !local.contains(special)
        }
    }
}

/// Whether quotation marks and backslashes within quotation marks are escaped.
fn is_quoted(inside: &str) -> bool {
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        if c == '"' || (c == '\\' && chars.next().is_none()) {
            return false;
        }
    }
    !inside.is_empty()
}

/// Whether it is a name of the DNS, in any script, of two parts or more.
fn is_domain(name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let is_label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label.chars().all(is_part)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= MAX_DOMAIN_BYTES && name.contains('.') && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_odd_address_is_one_and_a_wrong_one_is_none() {
        for odd in [
            "jane@example.com",
            "a+b'c!d%e@mail.example.com",
            "\"a b\"@example.com",
            "\"a\\\"@b\"@example.com",
            "jürgen@bücher.example",
            "a.@xn--bcher-kva.example",
            "用户@例子.测试",
        ] {
            assert!(is_address(odd), "{odd}");
        }
        for wrong in [
            "Ops <ops@example.com>",
            "<ops@example.com>",
            "a@b@example.com",
            "a b@example.com",
            "a,b@example.com",
            "a@b",
            "a@",
            "@example.com",
            "a@example..com",
            "a@example.com.",
            "a@-x.com",
            "a@[127.0.0.1]",
            "\"a\"b\"@example.com",
            "\"\"@example.com",
            "\"@example.com",
        ] {
            assert!(!is_address(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_domain_has_two_parts_and_no_wildcard() {
        for good in [
            "example.com",
            "@mail.example.com",
            "_dmarc.example.com",
            "b-c.example",
        ] {
            assert_eq!(
                domain("--domain", Some(good)).ok().flatten().as_deref(),
                Some(good)
            );
        }
        for wrong in [
            "",
            "@",
            "com",
            "*.example.com",
            "@@example.com",
            ".com",
            "a@example.com",
            "exa mple.com",
        ] {
            let refused = domain("--domain", Some(wrong));
            assert!(refused.is_err_and(|(code, _)| code == USAGE), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_refused_wherever_it_stands() {
        for hidden in [
            "ops\u{200b}@example.com",
            "ops\u{202e}@example.com",
            "o\u{1b}ps@example.com",
            "\"a\tb\"@example.com",
        ] {
            let refused = address("--address", Some(hidden));
            assert!(
                refused.is_err_and(|(_, why)| why.chars().all(|c| !c.is_control())),
                "{hidden:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_checked_without_a_panic_and_refused_in_a_line(text in "(?s).{0,40}|\"?[a\\\\\"@.<é-]{0,12}@[a.-]{0,9}") {
            for checked in [
                address("--address", Some(&text)),
                domain("--domain", Some(&text)),
                message("ID", Some(&text)),
                stream(Some(&text)).map(|id| id.map(|id| id.0)),
            ] {
                match checked {
                    Ok(kept) => prop_assert_eq!(kept.as_deref(), Some(text.trim())),
                    Err((code, why)) => prop_assert!(code == USAGE && !why.chars().any(char::is_control)),
                }
            }
        }
    }
}
