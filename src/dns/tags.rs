//! `tag=value` lists: the keys of DKIM (RFC 6376, 3.6.1) and the policies of DMARC (RFC 7489, 6.3).

/// What a DKIM record says of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// It is there.
    Present,
    /// It was revoked: it is empty.
    Revoked,
    /// The text is no DKIM key.
    Nonsense,
}

/// Reads a text at `SELECTOR._domainkey.DOMAIN`.
pub fn dkim_key(text: &str) -> Key {
    let is_other = value(text, "v").is_some_and(|v| !v.eq_ignore_ascii_case("DKIM1"));
    match value(text, "p") {
        _ if is_other => Key::Nonsense,
        None => Key::Nonsense,
        Some(key) if key.split_whitespace().next().is_none() => Key::Revoked,
        Some(_) => Key::Present,
    }
}

/// What a DMARC policy asks receivers to do with mail that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Nothing.
    None,
    /// To put it aside.
    Quarantine,
    /// To refuse it.
    Reject,
}

impl Policy {
    /// The word in the record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }
}

/// The policy of a text at `_dmarc.DOMAIN`: `None` where the text is no DMARC record, `Some(None)` where it has no policy
/// that is known.
pub fn dmarc_policy(text: &str) -> Option<Option<Policy>> {
    // The version must come first.
    let (first, _) = text.split_once(';').unwrap_or((text, ""));
    let (tag, version) = first.split_once('=')?;
    if tag.trim() != "v" || !version.trim().eq_ignore_ascii_case("DMARC1") {
        return None;
    }
    let policy = value(text, "p").unwrap_or_default().to_ascii_lowercase();
    Some(match policy.as_str() {
        "none" => Some(Policy::None),
        "quarantine" => Some(Policy::Quarantine),
        "reject" => Some(Policy::Reject),
        _ => None,
    })
}

/// The value of a tag, the first where there are several.
fn value<'t>(text: &'t str, wanted: &str) -> Option<&'t str> {
    text.split(';').find_map(|part| {
        let (tag, value) = part.split_once('=')?;
        (tag.trim() == wanted).then_some(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_is_present_revoked_or_none() {
        assert_eq!(dkim_key("v=DKIM1; k=rsa; p=MIGf+/=="), Key::Present);
        assert_eq!(dkim_key("k=rsa;p=MIGf"), Key::Present);
        assert_eq!(dkim_key("v=DKIM1; p="), Key::Revoked);
        assert_eq!(dkim_key("v=spf1 -all"), Key::Nonsense);
        assert_eq!(dkim_key("v=DKIM2; p=x"), Key::Nonsense);
    }

    #[test]
    fn a_policy_is_read_from_a_record_of_dmarc_alone() {
        let of = |text| dmarc_policy(text);
        assert_eq!(
            of("v=DMARC1; p=none; rua=mailto:a@example.com"),
            Some(Some(Policy::None))
        );
        assert_eq!(
            of(" v = DMARC1 ;sp=none; p=Reject"),
            Some(Some(Policy::Reject))
        );
        assert_eq!(of("v=DMARC1"), Some(None));
        assert_eq!(of("v=DMARC1; p=maybe"), Some(None));
        assert_eq!(of("p=none; v=DMARC1"), None);
        assert_eq!(of("hello"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,100}", tags in "(v=DMARC1|p=|;|=| |none)*") {
            for text in [text.clone(), format!("{tags}{text}")] {
                let _ = (dkim_key(&text), dmarc_policy(&text));
            }
        }
    }
}
