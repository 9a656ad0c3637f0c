//! Whether an SPF record includes another (RFC 7208).

use std::collections::{BTreeSet, VecDeque};

use super::resolver::{Missing, Resolver};

/// Terms that may cost a question, of which a receiver follows no more (RFC 7208, 4.6.4).
const MOST_LOOKUPS: usize = 10;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spf {
    /// It includes what was looked for, so that mail from there passes.
    Includes,
    /// It is a valid record without it.
    Excludes,
    /// There is no SPF record; other texts there may be.
    Absent,
    /// There are several, which counts as an error.
    Several,
    /// It needs more questions than a receiver asks, which counts as an error.
    TooDeep,
    /// A record on the way could not be read.
    Unknown(String, Missing),
}

/// Looks for `wanted` among what the SPF record of `domain` includes, at any depth.
pub async fn includes(resolver: &Resolver, domain: &str, wanted: &str) -> Spf {
    let mut queue = VecDeque::from([domain.to_owned()]);
    let mut seen = BTreeSet::new();
    let mut lookups = 0;
    while let Some(name) = queue.pop_front() {
        let texts = match resolver.texts(&name).await {
            Ok(texts) => texts,
            Err(why) if name == domain && why.is_certain() => return Spf::Absent,
            Err(why) => return Spf::Unknown(name, why),
        };
        let records: Vec<&String> = texts.iter().filter(|t| is_spf(t)).collect();
        let record = match records.as_slice() {
            [record] => record,
            [] if name == domain => return Spf::Absent,
            [] => continue,
            _ => return Spf::Several,
        };
        let terms = terms(record);
        lookups += terms.lookups;
        if terms.names.iter().any(|name| name == wanted) {
            return Spf::Includes;
        }
        if lookups > MOST_LOOKUPS {
            return Spf::TooDeep;
        }
        queue.extend(
            terms
                .names
                .into_iter()
                .filter(|name| seen.insert(name.clone())),
        );
    }
    Spf::Excludes
}

/// What a record refers to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Terms {
    /// Other records, in small letters.
    names: Vec<String>,
    /// Terms that cost a question.
    lookups: usize,
}

fn is_spf(text: &str) -> bool {
    let first = text.split(' ').next().unwrap_or_default();
    first.eq_ignore_ascii_case("v=spf1")
}

fn terms(record: &str) -> Terms {
    let mut found = Terms::default();
    let mut redirect = None;
    let mut is_final = false;
    for term in record.split_ascii_whitespace().skip(1) {
        let term = term.to_ascii_lowercase();
        let bare = term.trim_start_matches(['+', '-', '~', '?']);
        let name = bare.split([':', '=', '/']).next().unwrap_or_default();
        is_final |= name == "all";
        match bare.split_once([':', '=']) {
            Some(("include", other)) => {
                found.lookups += 1;
                // What differs from mail to mail says nothing here; nor does what is not a pass.
                if !other.contains('%') && !term.starts_with(['-', '~', '?']) {
                    found.names.push(other.trim_end_matches('.').to_owned());
                }
            }
            Some(("redirect", other)) => redirect = Some(other.to_owned()),
            _ if matches!(name, "a" | "mx" | "ptr" | "exists") => found.lookups += 1,
            _ => {}
        }
    }
    // `redirect` counts only where nothing else decided.
    if let Some(other) = redirect.filter(|other| !is_final && !other.contains('%')) {
        found.lookups += 1;
        found.names.push(other.trim_end_matches('.').to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(record: &str) -> Vec<String> {
        terms(record).names
    }

    #[test]
    fn includes_and_redirects_are_followed_and_counted() {
        let record = "v=spf1 a mx:mail.example.com ip4:192.0.2.0/24 include:SPF.mtasv.net. ~all";
        let expected = Terms {
            names: vec!["spf.mtasv.net".to_owned()],
            lookups: 3,
        };
        assert_eq!(terms(record), expected);
        assert_eq!(
            names("v=spf1 redirect=_spf.example.com"),
            ["_spf.example.com"]
        );
        assert_eq!(names("v=spf1 -all redirect=_spf.example.com"), [""; 0]);
        assert_eq!(
            names("v=spf1 include:%{d}.example.com -include:a.example.com"),
            [""; 0]
        );
    }

    #[test]
    fn only_one_kind_of_text_is_an_spf_record() {
        assert!(is_spf("v=spf1 -all") && is_spf("V=SPF1") && !is_spf("v=spf10 -all"));
    }

    proptest! {
        #[test]
        fn any_record_is_read_without_a_panic(record in "\\PC{0,200}", part in "(v=spf1|include:|redirect=|[+~?-]| |%)*") {
            let _ = terms(&record);
            let found = terms(&format!("v=spf1 {part}{record}"));
            prop_assert!(found.names.len() <= found.lookups);
        }
    }
}
