//! The keys with which receivers verify the signatures of a domain's mail.

use futures_util::future::join_all;

use crate::commands::doctor::check::Check;
use crate::commands::doctor::domains::{Domain, unknown};
use crate::dns::Missing;
use crate::dns::dkim::DkimKey;
use crate::dns::domain::{NONSENSE_LABEL, is_postmarks, key_texts, keys, selectors};

const NAME: &str = "dkim";
const PUBLISH: &str = "publish it, or remove the selector from `doctor.dkim_selectors`";
const COPY: &str = "copy the record again from the service that signs";
const NAME_YOURS: &str =
    "add yours to `doctor.dkim_selectors`; Postmark shows it under Sender Signatures (<date>pm)";

/// What was found at one selector.
struct Selector<'s> {
    name: &'s str,
    /// Whether the configuration names it; else it is only a guess that somebody signs with it.
    is_named: bool,
    texts: Result<Vec<String>, Missing>,
}

impl Domain {
    pub(super) async fn dkim(&self) -> Vec<Check> {
        let look = async |(name, is_named)| Selector {
            name,
            is_named,
            texts: self.key_texts(name).await,
        };
        let (found, wildcard) = tokio::join!(
            join_all(selectors(&self.settings.dkim_selectors).map(look)),
            self.key_texts(NONSENSE_LABEL)
        );
        checks(&self.name, &found, &wildcard.unwrap_or_default())
    }

    async fn key_texts(&self, selector: &str) -> Result<Vec<String>, Missing> {
        key_texts(&self.resolver, &self.name, selector).await
    }
}

/// Returns a check for each selector. Of Postmark's selectors, each of which belongs to one domain, those without a record are
/// left out where another one has a key.
fn checks(domain: &str, selectors: &[Selector<'_>], wildcard: &[String]) -> Vec<Check> {
    let is_usable = |of: &Selector<'_>| {
        let texts = of.texts.as_deref().unwrap_or_default();
        matches!(keys(texts)[..], [DkimKey::Usable { .. }]) && (of.is_named || texts != wildcard)
    };
    let signs_for_postmark = |of: &&Selector<'_>| is_postmarks(of.name) && is_usable(of);
    let has_postmark_key = selectors.iter().any(|of| signs_for_postmark(&of));
    let is_absent = |texts: &Vec<String>| texts.is_empty() || texts == wildcard;
    let is_spare = |of: &&Selector<'_>| {
        has_postmark_key
            && is_postmarks(of.name)
            && !is_usable(of)
            && of.texts.as_ref().is_ok_and(is_absent)
    };
    let shown = selectors.iter().filter(|of| !is_spare(of));
    shown
        .map(|of| match &of.texts {
            Ok(texts) => selector_check(domain, of, texts, wildcard),
            Err(why) => {
                let name = format!("{}._domainkey.{domain}", of.name);
                unknown(domain, NAME, "DKIM", &name, *why)
            }
        })
        .collect()
}

fn selector_check(domain: &str, of: &Selector<'_>, texts: &[String], wildcard: &[String]) -> Check {
    let selector = of.name;
    let is_wildcard = !texts.is_empty() && texts == wildcard;
    let (text, remedy) = match keys(texts)[..] {
        [DkimKey::Usable { is_testing }] if of.is_named || !is_wildcard => {
            let text = format!("{domain}: DKIM key at selector {selector}");
            return match is_testing {
                false => Check::pass(NAME, text),
                true => Check::warn(
                    NAME,
                    format!("{text} is marked as a test (t=y), so receivers may ignore it"),
                    "remove t=y from the record",
                ),
            };
        }
        [] => (format!("no DKIM key at selector {selector}"), PUBLISH),
        _ if is_wildcard => (
            format!("no DKIM key at selector {selector}, where a wildcard record answers"),
            PUBLISH,
        ),
        [DkimKey::Revoked] => (
            format!("the DKIM key at selector {selector} was revoked (p= is empty)"),
            "publish the key again, and check which one signs",
        ),
        [DkimKey::Faulty(fault)] => (
            format!("no mail verifies with the DKIM key at selector {selector}: {fault}"),
            COPY,
        ),
        [DkimKey::Foreign, ..] => (
            format!("the TXT record at {selector}._domainkey.{domain} is not a DKIM key"),
            COPY,
        ),
        ref several => (
            format!(
                "{} DKIM keys at selector {selector}, of which receivers may take any",
                several.len()
            ),
            "keep the one that signs",
        ),
    };
    let text = format!("{domain}: {text}");
    match of.is_named {
        true => Check::fail(NAME, text, remedy),
        false => {
            let text = format!("{text}; Postmark's newer keys have a date in theirs");
            Check::warn(NAME, text, NAME_YOURS)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    const TESTING: &str = "v=DKIM1; t=y; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    const DATED: &str = "20260101120000pm";

    fn lines(selectors: &[(&str, bool, &[&str])], wildcard: &[&str]) -> String {
        let texts = |of: &[&str]| of.iter().map(|text| (*text).to_owned()).collect();
        let selectors: Vec<Selector<'_>> = selectors
            .iter()
            .map(|(name, is_named, found)| Selector {
                name,
                is_named: *is_named,
                texts: Ok(texts(found)),
            })
            .collect();
        let wildcard: Vec<String> = texts(wildcard);
        let found = checks("example.com", &selectors, &wildcard);
        let lines: Vec<String> = found.iter().map(Check::to_line).collect();
        lines.join("\n")
    }

    #[test]
    fn a_selector_that_somebody_named_needs_a_key() {
        let each: [&[&str]; 8] = [
            &[KEY],
            &[TESTING],
            &[],
            &["v=DKIM1; p="],
            &["v=DKIM1; k=foo; p=x"],
            &["hello"],
            &[KEY, "v=DKIM1; p="],
            &[KEY, "hello"],
        ];
        let all = each.map(|texts| lines(&[("google", true, texts)], &[]));
        insta::assert_snapshot!(all.join("\n"), @r#"
        ✓ example.com: DKIM key at selector google
        ! example.com: DKIM key at selector google is marked as a test (t=y), so receivers may ignore it; remove t=y from the record
        ✗ example.com: no DKIM key at selector google; publish it, or remove the selector from `doctor.dkim_selectors`
        ✗ example.com: the DKIM key at selector google was revoked (p= is empty); publish the key again, and check which one signs
        ✗ example.com: no mail verifies with the DKIM key at selector google: its key type (k) is neither rsa nor ed25519; copy the record again from the service that signs
        ✗ example.com: the TXT record at google._domainkey.example.com is not a DKIM key; copy the record again from the service that signs
        ✗ example.com: 2 DKIM keys at selector google, of which receivers may take any; keep the one that signs
        ✓ example.com: DKIM key at selector google
        "#);
    }

    #[test]
    fn a_selector_that_nobody_named_never_fails() {
        let each: [&[&str]; 6] = [
            &[KEY],
            &[],
            &["v=DKIM1; p="],
            &["v=DKIM1; k=foo; p=x"],
            &["v=spf1 -all"],
            &[KEY, KEY],
        ];
        let all = each.map(|texts| lines(&[("pm", false, texts)], &[]));
        insta::assert_snapshot!(all.join("\n"), @r#"
        ✓ example.com: DKIM key at selector pm
        ! example.com: no DKIM key at selector pm; Postmark's newer keys have a date in theirs; add yours to `doctor.dkim_selectors`; Postmark shows it under Sender Signatures (<date>pm)
        ! example.com: the DKIM key at selector pm was revoked (p= is empty); Postmark's newer keys have a date in theirs; add yours to `doctor.dkim_selectors`; Postmark shows it under Sender Signatures (<date>pm)
        ! example.com: no mail verifies with the DKIM key at selector pm: its key type (k) is neither rsa nor ed25519; Postmark's newer keys have a date in theirs; add yours to `doctor.dkim_selectors`; Postmark shows it under Sender Signatures (<date>pm)
        ! example.com: the TXT record at pm._domainkey.example.com is not a DKIM key; Postmark's newer keys have a date in theirs; add yours to `doctor.dkim_selectors`; Postmark shows it under Sender Signatures (<date>pm)
        ! example.com: 2 DKIM keys at selector pm, of which receivers may take any; Postmark's newer keys have a date in theirs; add yours to `doctor.dkim_selectors`; Postmark shows it under Sender Signatures (<date>pm)
        "#);
    }

    #[test]
    fn a_wildcard_is_no_record_of_a_selector() {
        for wildcard in ["v=DKIM1; p=", "v=spf1 -all", KEY] {
            let wildcard = &[wildcard][..];
            let guessed = lines(&[("pm", false, wildcard)], wildcard);
            assert!(
                guessed.starts_with(
                    "! example.com: no DKIM key at selector pm, where a wildcard record answers;"
                ),
                "{guessed}"
            );
            let beside = lines(
                &[("pm", false, wildcard), (DATED, true, &[TESTING])],
                wildcard,
            );
            assert!(
                beside.starts_with("! example.com: DKIM key at selector 20260101120000pm")
                    && !beside.contains('\n'),
                "{beside}"
            );
        }
        let named = lines(&[("google", true, &["v=DKIM1; p="])], &["v=DKIM1; p="]);
        assert_eq!(
            named,
            "✗ example.com: no DKIM key at selector google, where a wildcard record answers; publish it, or remove the selector \
             from `doctor.dkim_selectors`"
        );
    }

    #[test]
    fn each_domain_needs_one_of_postmarks_selectors() {
        let other = "20250202120000pm";
        let found = lines(
            &[
                ("pm", false, &[]),
                (other, true, &[]),
                (DATED, true, &[KEY]),
            ],
            &[],
        );
        assert_eq!(
            found,
            "✓ example.com: DKIM key at selector 20260101120000pm"
        );
        let found = lines(&[("pm", false, &[KEY]), (DATED, true, &[])], &[]);
        assert_eq!(found, "✓ example.com: DKIM key at selector pm");
        let found = lines(
            &[
                ("pm", false, &[]),
                (DATED, true, &[]),
                ("google", true, &[KEY]),
            ],
            &[],
        );
        let signs: Vec<char> = found
            .lines()
            .filter_map(|line| line.chars().next())
            .collect();
        assert_eq!(signs, ['!', '✗', '✓'], "{found}");
        let revoked = lines(
            &[(other, true, &["v=DKIM1; p="]), (DATED, true, &[KEY])],
            &[],
        );
        assert!(
            revoked.starts_with(
                "✗ example.com: the DKIM key at selector 20250202120000pm was revoked"
            ),
            "{revoked}"
        );
    }
}
