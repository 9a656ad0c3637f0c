//! The records of DKIM keys (RFC 6376, 3.6.1), as strict verifiers read them. Pure.

use data_encoding::BASE64_NOPAD;

use crate::dns::tags::Tags;

/// Verifiers ignore shorter RSA keys (RFC 8301, 3.2).
const MIN_RSA_BITS: usize = 1024;
/// The length of an Ed25519 key, which stands alone (RFC 8463, 4).
const ED25519_BYTES: usize = 32;

/// What a text at `SELECTOR._domainkey.DOMAIN` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DkimKey {
    Usable {
        /// `t=y`: receivers treat mail that fails like mail that is not signed.
        is_testing: bool,
    },
    /// Its `p` is empty.
    Revoked,
    /// It is meant as a key, and no signature verifies with it.
    Faulty(KeyFault),
    /// It is something else.
    Foreign,
}

/// Why no signature verifies with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    #[error("it stands in quotation marks, which have become a part of it")]
    Quoted,
    #[error("it does not begin with v=DKIM1, exactly so")]
    Version,
    #[error("it is not a list of tags, or has one of them twice")]
    Syntax,
    #[error("its key type (k) is neither rsa nor ed25519")]
    Type,
    #[error("its service type (s) leaves out email")]
    Service,
    #[error("its hash algorithms (h) leave out sha256")]
    Hash,
    #[error("its key (p) is cut off or damaged")]
    Damaged,
    #[error("its RSA key has less than 1024 bits")]
    Short,
}

/// Reads a text at `SELECTOR._domainkey.DOMAIN`.
pub fn dkim_key(text: &str) -> DkimKey {
    let text = text.trim();
    let enclosed = text.strip_prefix('"');
    let bare = enclosed.map_or(text, |inside| inside.strip_suffix('"').unwrap_or(inside));
    let tags = Tags::parse(bare);
    let is_meant = match tags.value("v") {
        Some(version) => version.to_ascii_lowercase().starts_with("dkim"),
        None => tags.value("p").is_some(),
    };
    if !is_meant {
        return DkimKey::Foreign;
    }
    // Notes (n) may have quotation marks of their own, at the end of the text, too.
    let is_split = tags.value("p").is_some_and(|key| key.contains('"'));
    match enclosed.is_some() || is_split {
        true => DkimKey::Faulty(KeyFault::Quoted),
        false => read(&tags).unwrap_or_else(DkimKey::Faulty),
    }
}

fn read(tags: &Tags<'_>) -> Result<DkimKey, KeyFault> {
    let unless = |is_right: bool, fault| is_right.then_some(()).ok_or(fault);
    let has_version = tags.value("v").is_some();
    unless(
        !has_version || tags.begins_with_version("DKIM1"),
        KeyFault::Version,
    )?;
    unless(tags.is_well_formed(), KeyFault::Syntax)?;
    let key: String = tags
        .value("p")
        .ok_or(KeyFault::Damaged)?
        .split_whitespace()
        .collect();
    if key.is_empty() {
        return Ok(DkimKey::Revoked);
    }
    let serves = |service| tags.lists("s", service).unwrap_or(true);
    unless(serves("*") || serves("email"), KeyFault::Service)?;
    unless(tags.lists("h", "sha256").unwrap_or(true), KeyFault::Hash)?;
    let key = BASE64_NOPAD
        .decode(key.trim_end_matches('=').as_bytes())
        .map_err(|_| KeyFault::Damaged);
    match tags.value("k").unwrap_or("rsa") {
        "rsa" => {
            let bits = rsa_bits(&key?).ok_or(KeyFault::Damaged)?;
            unless(bits >= MIN_RSA_BITS, KeyFault::Short)?;
        }
        "ed25519" => unless(key?.len() == ED25519_BYTES, KeyFault::Damaged)?,
        _ => return Err(KeyFault::Type),
    }
    let is_testing = tags.lists("t", "y").unwrap_or(false);
    Ok(DkimKey::Usable { is_testing })
}

/// Returns the length of an RSA key in DER, alone or with its algorithm (RFC 8017, A.1.1, and RFC 5280, 4.1); `None` where it
/// is not whole.
fn rsa_bits(der: &[u8]) -> Option<usize> {
    const INTEGER: u8 = 0x02;
    const BIT_STRING: u8 = 0x03;
    const SEQUENCE: u8 = 0x30;
    let whole = |bytes, tag| {
        let (content, rest) = element(bytes, tag)?;
        rest.is_empty().then_some(content)
    };
    let mut key = whole(der, SEQUENCE)?;
    if let Some((_algorithm, rest)) = element(key, SEQUENCE) {
        let bits = whole(rest, BIT_STRING)?;
        key = whole(bits.strip_prefix(&[0])?, SEQUENCE)?;
    }
    let (modulus, rest) = element(key, INTEGER)?;
    whole(rest, INTEGER)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus.get(zeros)?;
    Some(8 * (modulus.len() - zeros) - first.leading_zeros() as usize)
}

/// Returns the content of the element with which `bytes` begin, if it has this tag, and what comes after it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let ([found, length], mut rest) = bytes.split_first_chunk()?;
    let mut length = usize::from(*length);
    if length >= 0x80 {
        let digits;
        (digits, rest) = rest.split_at_checked(length - 0x80)?;
        let is_short = digits.len() <= 4;
        length = digits
            .iter()
            .fold(0, |sum, digit| sum << 8 | usize::from(*digit));
        is_short.then_some(())?;
    }
    (*found == tag).then_some(())?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RSA_1024: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCmGxwrXP4sDIRTtp2L8eZ7HNYTCKn4twBbGqcqnDyqoarzCbxIKnHz9P+z+plA8tTOxhm2UiFSkhxrCD0Z0KDmVuIuHo/HtzfRtqFp7n4KLOW9vujB8Jd+7AtG8TC4cFXKkev0vvu8ZNrlGBAK+dJDwJe5H8QQtoB3tf9Nxaz//QIDAQAB";
    const RSA_512: &str = "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMlkxtAryCwzO81s/s1LoKacAPH+o2BWYZLs69fn7VeEUaJMTtFoUY3/tlPsrWkq6A/XhqE5S1gPBwErkH9UttECAwEAAQ==";
    const ED25519: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    #[test]
    fn a_key_is_usable_only_where_strict_verifiers_take_it() {
        let usable = DkimKey::Usable { is_testing: false };
        let faulty = DkimKey::Faulty;
        let (whole, cut) = (RSA_1024, &RSA_1024[..200]);
        for (text, expected) in [
            (format!("v=DKIM1; k=rsa; p={whole}"), usable),
            (format!("k=rsa;p={whole};"), usable),
            (format!("p={}\t {}", &whole[..100], &whole[100..]), usable),
            (
                format!("v=DKIM1; h=sha1:sha256; s=*; n=\"us\"; p={whole}"),
                usable,
            ),
            (
                format!("v=DKIM1; k=rsa; p={whole}; n=\"see our wiki\""),
                usable,
            ),
            (format!("v=DKIM1; p={whole}; n=\"a\" \"b\""), usable),
            (
                format!("v=DKIM1; s=tlsrpt : email; t=s; x=1; p={whole}"),
                usable,
            ),
            (format!("v=DKIM1; k=ed25519; p={ED25519}"), usable),
            (
                format!("v=DKIM1; t=s:y; p={whole}"),
                DkimKey::Usable { is_testing: true },
            ),
            ("v=DKIM1; p=".to_owned(), DkimKey::Revoked),
            ("v=DKIM1; k=foo; p=".to_owned(), DkimKey::Revoked),
            (
                format!("v=DKIM1; k=rsa; p={cut}"),
                faulty(KeyFault::Damaged),
            ),
            (
                format!("v=DKIM1; k=rsa; p={whole}AAAA"),
                faulty(KeyFault::Damaged),
            ),
            (
                format!("v=DKIM1; k=rsa; p=*{whole}"),
                faulty(KeyFault::Damaged),
            ),
            ("v=DKIM1; p=MIGfMA0".to_owned(), faulty(KeyFault::Damaged)),
            ("v=DKIM1; k=rsa".to_owned(), faulty(KeyFault::Damaged)),
            (format!("k=ed25519; p={whole}"), faulty(KeyFault::Damaged)),
            (format!("k=rsa; p={ED25519}"), faulty(KeyFault::Damaged)),
            (format!("v=DKIM1; p={RSA_512}"), faulty(KeyFault::Short)),
            (
                format!("\"v=DKIM1; k=rsa; p={whole}\""),
                faulty(KeyFault::Quoted),
            ),
            (
                format!("v=DKIM1; p={}\" \"{}", &whole[..100], &whole[100..]),
                faulty(KeyFault::Quoted),
            ),
            (format!("v=DKIM1; p={whole}\""), faulty(KeyFault::Quoted)),
            (format!("\"v=DKIM1; p={whole}"), faulty(KeyFault::Quoted)),
            (format!("v=dkim1; p={whole}"), faulty(KeyFault::Version)),
            (format!("v=DKIM2; p={whole}"), faulty(KeyFault::Version)),
            (
                format!("k=rsa; v=DKIM1; p={whole}"),
                faulty(KeyFault::Version),
            ),
            (
                format!("v=DKIM1\\; k=rsa\\; p={whole}"),
                faulty(KeyFault::Version),
            ),
            (
                format!("v=DKIM1; p={whole}; p={whole}"),
                faulty(KeyFault::Syntax),
            ),
            (format!("v=DKIM1; rsa; p={whole}"), faulty(KeyFault::Syntax)),
            (format!("v=DKIM1; k=foo; p={whole}"), faulty(KeyFault::Type)),
            (
                format!("v=DKIM1; s=tlsrpt; p={whole}"),
                faulty(KeyFault::Service),
            ),
            (
                format!("v=DKIM1; h=sha1; p={whole}"),
                faulty(KeyFault::Hash),
            ),
            ("v=spf1 -all".to_owned(), DkimKey::Foreign),
            ("v=DMARC1; p=none".to_owned(), DkimKey::Foreign),
            ("hello".to_owned(), DkimKey::Foreign),
            (String::new(), DkimKey::Foreign),
        ] {
            assert_eq!(dkim_key(&text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,100}", der in prop::collection::vec(any::<u8>(), 0..50)) {
            let _ = (dkim_key(&text), dkim_key(&format!("p={text}")), rsa_bits(&der));
        }

        #[test]
        fn a_key_that_was_cut_anywhere_is_not_usable(length in 0..RSA_1024.len()) {
            let cut = dkim_key(&format!("v=DKIM1; p={}", &RSA_1024[..length]));
            prop_assert!(!matches!(cut, DkimKey::Usable { .. }), "{cut:?}");
        }
    }
}
