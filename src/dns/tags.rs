//! `tag=value` lists: the keys of DKIM (RFC 6376, 3.6.1) and the policies of DMARC (RFC 7489, 6.3).

/// What a DKIM record says of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Present,
    /// It is empty.
    Revoked,
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
pub enum DmarcPolicy {
    None,
    Quarantine,
    Reject,
}

impl DmarcPolicy {
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }
}

/// What a DMARC record says; `None` of a policy where it is none that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dmarc {
    /// `p`: of mail of the domain itself, and of its subdomains where nothing else is said of them.
    pub policy: Option<DmarcPolicy>,
    /// `sp`, where it is there: of mail of subdomains that have no record of their own.
    pub of_subdomains: Option<Option<DmarcPolicy>>,
    /// `psd=y`: a public suffix, below which anyone may register a name, such as a country's domain.
    pub is_public: bool,
}

/// Reads a text at `_dmarc.DOMAIN`; `None` where it is no DMARC record.
pub fn dmarc(text: &str) -> Option<Dmarc> {
    // The version must come first.
    let (first, _) = text.split_once(';').unwrap_or((text, ""));
    let (tag, version) = first.split_once('=')?;
    if tag.trim() != "v" || !version.trim().eq_ignore_ascii_case("DMARC1") {
        return None;
    }
    Some(Dmarc {
        policy: value(text, "p").and_then(policy),
        of_subdomains: value(text, "sp").map(policy),
        is_public: value(text, "psd").is_some_and(|v| v.eq_ignore_ascii_case("y")),
    })
}

fn policy(word: &str) -> Option<DmarcPolicy> {
    let all = [
        DmarcPolicy::None,
        DmarcPolicy::Quarantine,
        DmarcPolicy::Reject,
    ];
    all.into_iter()
        .find(|policy| policy.name().eq_ignore_ascii_case(word))
}

/// Returns the value of a tag, the first where there are several.
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
        let of = |text| dmarc(text).map(|of| (of.policy, of.of_subdomains));
        assert_eq!(
            of("v=DMARC1; p=none; rua=mailto:a@example.com"),
            Some((Some(DmarcPolicy::None), None))
        );
        assert_eq!(
            of(" v = DMARC1 ;sp=quarantine; p=Reject"),
            Some((
                Some(DmarcPolicy::Reject),
                Some(Some(DmarcPolicy::Quarantine))
            ))
        );
        assert_eq!(of("v=DMARC1"), Some((None, None)));
        assert_eq!(of("v=DMARC1; p=maybe; sp="), Some((None, Some(None))));
        assert_eq!(of("p=none; v=DMARC1"), None);
        assert_eq!(of("hello"), None);
        let is_public = |text| dmarc(text).is_some_and(|of| of.is_public);
        assert!(is_public("v=DMARC1; p=none; psd=y") && !is_public("v=DMARC1; p=none; psd=n"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,100}", tags in "(v=DMARC1|s?p=|psd=y|;|=| |none)*") {
            for text in [text.clone(), format!("{tags}{text}")] {
                let _ = (dkim_key(&text), dmarc(&text));
            }
        }
    }
}
