//! SPF records (RFC 7208), as far as `doctor` reads them. Pure.
//!
//! Nothing evaluates them: receivers check Postmark's mail at the domain of its Return-Path, so the record of the From
//! domain decides about other mail.

/// Returns whether a text is an SPF record (RFC 7208, 4.5).
pub fn is_record(text: &str) -> bool {
    let version = text.split(' ').next().unwrap_or_default();
    version.eq_ignore_ascii_case("v=spf1")
}

/// Returns whether a record itself includes `domain`, with whatever qualifier.
pub fn includes(record: &str, domain: &str) -> bool {
    record.split(' ').skip(1).any(|term| {
        let mechanism = term.strip_prefix(['+', '-', '~', '?']).unwrap_or(term);
        let (name, value) = mechanism.split_once(':').unwrap_or((mechanism, ""));
        let value = value.strip_suffix('.').unwrap_or(value);
        name.eq_ignore_ascii_case("include") && value.eq_ignore_ascii_case(domain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_kind_of_text_is_a_record() {
        assert!(is_record("v=spf1 -all") && is_record("V=SPF1"));
        for other in ["v=spf10 -all", "v=spf1\t-all", " v=spf1", "", "spf2.0/pra"] {
            assert!(!is_record(other), "{other:?}");
        }
    }

    #[test]
    fn an_include_is_found_in_the_record_itself() {
        for (record, expected) in [
            ("v=spf1 include:spf.mtasv.net ~all", true),
            ("v=spf1 a  ?INCLUDE:SPF.mtasv.net. -all", true),
            ("v=spf1 include: spf.mtasv.net ~all", false),
            ("v=spf1 include:spf.mtasv.net.example.com ~all", false),
            ("v=spf1 redirect=spf.mtasv.net", false),
            ("include:spf.mtasv.net", false),
            ("v=spf1", false),
        ] {
            assert_eq!(includes(record, "spf.mtasv.net"), expected, "{record}");
        }
    }
}
