//! DMARC records (RFC 9989, 4.7). Pure.

use crate::dns::tags::Tags;

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

    /// Returns what receivers apply while the record says that it is a test.
    pub const fn one_step_less(self) -> Self {
        match self {
            Self::Reject => Self::Quarantine,
            Self::Quarantine | Self::None => Self::None,
        }
    }
}

/// What a DMARC record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dmarc {
    /// `p`: of mail of the domain itself, and of its subdomains where nothing else is said of them. `None` where receivers do
    /// not know one of the record's policies.
    pub policy: Option<DmarcPolicy>,
    /// `sp`, where it is there: of mail of subdomains that have no record of their own.
    pub of_subdomains: Option<DmarcPolicy>,
    /// `np`, where it is there: likewise, of those of them that do not exist.
    pub of_nonexistent: Option<DmarcPolicy>,
    /// Whether it names an address for reports (`rua`), which makes a record without a policy one of `none`.
    pub has_reports: bool,
    /// `psd`: whether names below this one belong to others, as below a country's domain.
    pub is_public_suffix: Option<bool>,
    /// `t=y`.
    pub is_test: bool,
    /// `pct`: the share of the mail that fails to which receivers by RFC 7489 apply the policy; RFC 9989 has none.
    pub percent: u8,
}

/// Reads a text at `_dmarc.DOMAIN`; `None` where it is no DMARC record.
pub fn dmarc(text: &str) -> Option<Dmarc> {
    let tags = Tags::parse(text);
    if !tags.begins_with_version("DMARC1") {
        return None;
    }
    let policies = ["p", "sp", "np"].map(|tag| tags.value(tag).map(policy));
    // A word that nobody knows in any place, and receivers take the record for one without a policy (4.10.1).
    let are_known = !policies.contains(&Some(None));
    let [own, of_subdomains, of_nonexistent] = policies.map(Option::flatten);
    let is_address = |uri: &str| uri.trim().to_ascii_lowercase().starts_with("mailto:");
    let percent = tags.value("pct").and_then(|pct| pct.parse().ok());
    Some(Dmarc {
        policy: own.filter(|_| are_known),
        of_subdomains,
        of_nonexistent,
        has_reports: tags
            .value("rua")
            .is_some_and(|rua| rua.split(',').any(is_address)),
        is_public_suffix: tags.value("psd").and_then(|psd| match psd {
            "y" => Some(true),
            "n" => Some(false),
            _ => None,
        }),
        is_test: tags.value("t") == Some("y"),
        percent: percent.filter(|pct| *pct <= 100).unwrap_or(100),
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_policy_is_read_from_a_record_of_dmarc_alone() {
        use DmarcPolicy::{None as Nothing, Quarantine, Reject};
        let read = |text| dmarc(text).map(|of| (of.policy, of.of_subdomains));
        for (text, expected) in [
            (
                "v=DMARC1; p=none; rua=mailto:a@example.com",
                Some((Some(Nothing), None)),
            ),
            (
                "v = DMARC1 ;sp=quarantine; p=Reject",
                Some((Some(Reject), Some(Quarantine))),
            ),
            ("v=DMARC1", Some((None, None))),
            ("v=DMARC1; p=maybe", Some((None, None))),
            ("v=DMARC1; p=reject; sp=", Some((None, None))),
            ("v=DMARC1; p=reject; np=all", Some((None, None))),
            ("v=DMARC1; p=reject; np=none;", Some((Some(Reject), None))),
            ("v=dmarc1; p=reject", None),
            ("v=DMARC1.0; p=reject", None),
            ("\"v=DMARC1; p=reject\"", None),
            ("v=DMARC1\\; p=reject", None),
            ("p=none; v=DMARC1", None),
            ("hello", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_weakens_a_policy_is_read() {
        let read = |tags: &str| dmarc(&format!("v=DMARC1; p=reject; {tags}")).expect("a record");
        assert!(read("t=y").is_test && !read("t=n").is_test && !read("").is_test);
        let percents = ["pct=0", "pct=25", "pct=100", "pct=200", "pct=x", ""];
        let percents = percents.map(|tags| read(tags).percent);
        assert_eq!(percents, [0, 25, 100, 100, 100, 100]);
        let suffixes = ["psd=y", "psd=n", "psd=u", ""].map(|tags| read(tags).is_public_suffix);
        assert_eq!(suffixes, [Some(true), Some(false), None, None]);
        let of_nonexistent = [read("np=none"), read("sp=none")].map(|of| of.of_nonexistent);
        assert_eq!(of_nonexistent, [Some(DmarcPolicy::None), None]);
        let reports = [
            "rua=mailto:a@example.com",
            "rua=https://example.com, MAILTO:a@example.com!10m",
            "rua=a@example.com",
            "ruf=mailto:a@example.com",
        ];
        let reports = reports.map(|tags| read(tags).has_reports);
        assert_eq!(reports, [true, true, false, false]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,100}", tags in "(v=DMARC1|s?p=|psd=y|pct=|;|=| |none)*") {
            for text in [text.clone(), format!("{tags}{text}")] {
                let _ = dmarc(&text);
            }
        }
    }
}
