//! Who sends, by domain alone. `From` is one display string: `"Test" <a@example.com>`, `Test <a@example.com>` and the bare
//! address were all recorded.

use std::collections::BTreeSet;

use reqwest::Url;

use super::convert::{Flaw, json};
use super::wire;

/// The maximum length of a name in the DNS (RFC 1035, 2.3.4).
const MAX_DOMAIN_BYTES: usize = 253;

/// Returns the domains of a page of `/messages/outbound`, each once; a sender without one is left out.
pub(super) fn domains(body: &[u8]) -> Result<BTreeSet<String>, Flaw> {
    let answer: wire::List<wire::Sender> = json(body)?;
    let messages = answer.messages.unwrap_or_default();
    Ok(messages.iter().filter_map(|m| domain(&m.from)).collect())
}

/// Returns the domain of a sender, as the DNS knows it.
fn domain(from: &str) -> Option<String> {
    let address = match (from.rfind('<'), from.rfind('>')) {
        (Some(open), Some(close)) => from.get(open + 1..close)?,
        _ => from,
    };
    let (_, domain) = address.rsplit_once('@')?;
    let domain = domain.trim().trim_end_matches('.');
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    if domain.is_empty() || !domain.chars().all(is_plain) {
        return None;
    }
    // Its parser turns other scripts into what the DNS knows; numbers alone become an address, which has no domain.
    let url = Url::parse(&format!("https://{domain}/")).ok()?;
    let host = url.domain()?;
    (host.contains('.') && host.len() <= MAX_DOMAIN_BYTES).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_of_a_sender_has_its_domain() {
        for (from, wanted) in [
            ("a@example.com", Some("example.com")),
            (
                "\"Test <x@example.org>\" <a@example.com>",
                Some("example.com"),
            ),
            ("Test <a@Mail.Example.COM.>", Some("mail.example.com")),
            ("Jörg <j@bücher.example>", Some("xn--bcher-kva.example")),
            ("\"a@b\"@example.com", Some("example.com")),
            ("a@localhost", None),
            ("a@127.0.0.1", None),
            ("a@[::1]", None),
            ("a@example.com/evil", None),
            ("a@exa mple.com", None),
            ("> <", None),
            ("a@", None),
            ("", None),
        ] {
            assert_eq!(domain(from).as_deref(), wanted, "{from}");
        }
    }

    proptest! {
        #[test]
        fn any_sender_is_read_without_a_panic(from in "\\PC{0,80}", local in "[<>@.\"a ]{0,20}") {
            for text in [from.clone(), format!("{local}{from}@{local}")] {
                let found = domain(&text);
                prop_assert!(found.is_none_or(|d| d.is_ascii() && d.len() <= MAX_DOMAIN_BYTES && !d.contains('@')));
            }
        }
    }
}
