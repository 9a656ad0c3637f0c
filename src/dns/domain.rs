//! What receivers find in the DNS of a domain that sends mail through Postmark: its DKIM keys, its Return-Path, its DMARC policy.

use futures_util::future::join_all;

use crate::dns::dkim::{DkimKey, dkim_key};
use crate::dns::dmarc::{Dmarc, DmarcPolicy, dmarc};
use crate::dns::{Missing, Resolver};

/// A label that nobody has: what answers there is a wildcard record.
pub const NONSENSE_LABEL: &str = "hushwatch-no-such-name";
/// Where Postmark takes bounces.
pub const POSTMARK_BOUNCES: &str = "pm.mtasv.net";
/// Postmark's selector without a date. Keys of today bear one, `<yyyymmddhhmmss>pm`, which only the account is told.
pub const POSTMARK_SELECTOR: &str = "pm";
/// The maximum number of aliases that are followed, as resolvers do.
const MAX_ALIASES: usize = 8;
/// The maximum number of labels of a name above the domain that is looked up, as receivers do (RFC 9989, 4.10).
const MAX_LABELS: usize = 7;

/// What the record of a key is called, before its selector.
pub const DKIM_KEY: &str = "DKIM key at selector ";
/// What the record of the Return-Path is called.
pub const RETURN_PATH: &str = "Return-Path";

/// Returns the sorted texts at a selector of `domain`, none where there are none.
pub async fn key_texts(
    resolver: &Resolver,
    domain: &str,
    selector: &str,
) -> Result<Vec<String>, Missing> {
    let name = format!("{selector}._domainkey.{domain}");
    match resolver.texts(&name).await {
        Ok(mut texts) => {
            texts.sort();
            Ok(texts)
        }
        Err(why) if why.is_certain() => Ok(Vec::new()),
        Err(why) => Err(why),
    }
}

/// Returns what the texts are that could be keys, or else what they all are.
pub fn keys(texts: &[String]) -> Vec<DkimKey> {
    let all = || texts.iter().map(|text| dkim_key(text));
    let meant: Vec<DkimKey> = all().filter(|key| *key != DkimKey::Foreign).collect();
    match meant.is_empty() {
        true => all().collect(),
        false => meant,
    }
}

/// Returns whether a selector is one of Postmark's: `pm`, or with a date before it.
pub fn is_postmarks(selector: &str) -> bool {
    let date = selector.strip_suffix(POSTMARK_SELECTOR);
    date.is_some_and(|date| date.bytes().all(|b| b.is_ascii_digit()))
}

/// Returns the selectors to look at, Postmark's own first where nobody named it, each with whether it was named.
pub fn selectors(named: &[String]) -> impl Iterator<Item = (&str, bool)> {
    let is_guessed = !named.iter().any(|name| name == POSTMARK_SELECTOR);
    let guessed = is_guessed.then_some((POSTMARK_SELECTOR, false));
    let named = named.iter().map(|name| (name.as_str(), true));
    guessed.into_iter().chain(named)
}

/// Returns the names for which `name` stands, one after the other, up to Postmark's; none where it has records of its own, or none.
/// Fails with the name that cannot be looked up.
pub async fn aliases(resolver: &Resolver, name: &str) -> Result<Vec<String>, (String, Missing)> {
    let mut aliases: Vec<String> = Vec::new();
    while aliases.len() < MAX_ALIASES {
        let at = aliases.last().map_or(name, String::as_str);
        if at == POSTMARK_BOUNCES {
            break;
        }
        match resolver.alias(at).await {
            Ok(alias) => aliases.push(alias),
            Err(why) if why.is_certain() => break,
            Err(why) => return Err((at.to_owned(), why)),
        }
    }
    Ok(aliases)
}

/// The DMARC records of one name, at least one.
pub struct DmarcRecords {
    /// The name, without `_dmarc`.
    pub at: String,
    pub records: Vec<Dmarc>,
}

impl DmarcRecords {
    /// What its only record says of who registers the names below.
    fn is_public_suffix(&self) -> Option<bool> {
        match self.records.as_slice() {
            [record] => record.is_public_suffix,
            _ => None,
        }
    }
}

/// Returns what a receiver finds at the domain and above it, up to where it stops; `texts` looks up a name.
pub async fn find_dmarc(
    domain: &str,
    texts: impl AsyncFn(String) -> Result<Vec<String>, Missing>,
) -> Result<Vec<DmarcRecords>, (String, Missing)> {
    let mut found = Vec::new();
    for at in names_to_check(domain) {
        let name = format!("_dmarc.{at}");
        let texts = match texts(name.clone()).await {
            Ok(texts) => texts,
            Err(why) if why.is_certain() => continue,
            Err(why) => return Err((name, why)),
        };
        let records: Vec<Dmarc> = texts.iter().filter_map(|text| dmarc(text)).collect();
        if records.is_empty() {
            continue;
        }
        let at = at.to_owned();
        let new = DmarcRecords { at, records };
        let is_end = new.at == domain || new.is_public_suffix().is_some();
        found.push(new);
        if is_end {
            break;
        }
    }
    Ok(found)
}

/// Returns the domain and the names above it that receivers look at, the lowest first.
pub fn names_to_check(domain: &str) -> impl Iterator<Item = &str> {
    let above = std::iter::successors(Some(domain), |name| Some(name.split_once('.')?.1));
    above.filter(move |name| *name == domain || name.split('.').count() <= MAX_LABELS)
}

/// Returns the record that applies to `domain` (4.10.1 and 4.10.2): its own, else that of the organization, else that of the
/// public suffix. Several records at one name are a result of their own.
pub fn applicable<'f>(domain: &str, found: &'f [DmarcRecords]) -> Option<&'f DmarcRecords> {
    let several = found.iter().find(|of| of.records.len() > 1);
    let highest = found.last()?;
    let mut chosen = several.unwrap_or(highest);
    if several.is_none() && highest.at != domain && highest.is_public_suffix() == Some(true) {
        // One label below it is the organization, whether or not it has a record.
        let organization = names_to_check(domain).find(|name| {
            name.split_once('.')
                .is_some_and(|(_, above)| above == highest.at)
        });
        let of_organization = found.iter().find(|of| Some(of.at.as_str()) == organization);
        chosen = of_organization.unwrap_or(highest);
    }
    Some(chosen)
}

/// Returns the policy of `record` for `domain` and the tag that says so; `exists` says whether the domain does, but for its mail. `None`
/// where receivers know no policy of it.
pub fn applied_policy(
    domain: &str,
    found_at: &str,
    record: &Dmarc,
    exists: bool,
) -> Option<(&'static str, DmarcPolicy)> {
    let own = record.policy?;
    let of_nonexistent = record.of_nonexistent.filter(|_| !exists);
    Some(match (of_nonexistent, record.of_subdomains) {
        _ if found_at == domain => ("p", own),
        (Some(policy), _) => ("np", policy),
        (None, Some(policy)) => ("sp", policy),
        (None, None) => ("p", own),
    })
}

/// Returns what is at the domain for DMARC, and whether the domain exists where that makes a difference.
pub async fn dmarc_of(
    resolver: &Resolver,
    domain: &str,
) -> Result<(Vec<DmarcRecords>, bool), (String, Missing)> {
    let found = find_dmarc(domain, async |name: String| resolver.texts(&name).await).await?;
    // Only such a policy makes a difference between names that exist and those that do not.
    let mut records = found.iter().flat_map(|of| &of.records);
    if records.all(|record| record.of_nonexistent.is_none()) {
        return Ok((found, true));
    }
    match resolver.exists(domain).await {
        Ok(exists) => Ok((found, exists)),
        Err(why) => Err((domain.to_owned(), why)),
    }
}

/// What is found of one record that a domain's mail needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Receivers can use it.
    Good {
        /// What it says: another value is another record.
        value: String,
        /// How much it protects; 0 only for a policy that asks for nothing.
        strength: u8,
    },
    /// Receivers cannot; holds why.
    Bad(String),
    /// The resolver says nothing of it; holds why.
    Unknown(String),
    /// Another record does its work.
    Spare,
}

/// What is found of each record of a domain, by its name: `DKIM key at selector pm`, `Return-Path`, `DMARC policy`.
pub async fn look_at(
    resolver: &Resolver,
    domain: &str,
    named_selectors: &[String],
    return_path: &str,
) -> Vec<(String, Found)> {
    let (dkim, path, dmarc) = tokio::join!(
        dkim_states(resolver, domain, named_selectors),
        return_path_state(resolver, domain, return_path),
        dmarc_state(resolver, domain),
    );
    let mut all = dkim;
    all.push((RETURN_PATH.to_owned(), path));
    all.push(("DMARC policy".to_owned(), dmarc));
    all
}

fn unknown((name, why): (String, Missing)) -> Found {
    Found::Unknown(format!("{name}: {why}"))
}

async fn dkim_states(
    resolver: &Resolver,
    domain: &str,
    named_selectors: &[String],
) -> Vec<(String, Found)> {
    let look = async |(name, is_named)| (name, is_named, key_texts(resolver, domain, name).await);
    let (found, wildcard) = tokio::join!(
        join_all(selectors(named_selectors).map(look)),
        key_texts(resolver, domain, NONSENSE_LABEL)
    );
    dkim_found(&found, &wildcard)
}

/// Texts at a selector, and whether somebody named it.
type Selector<'s> = (&'s str, bool, Result<Vec<String>, Missing>);

fn dkim_found(
    selectors: &[Selector<'_>],
    wildcard: &Result<Vec<String>, Missing>,
) -> Vec<(String, Found)> {
    let state = |(_, is_named, texts): &Selector<'_>| match (texts, wildcard) {
        (Err(why), _) | (_, Err(why)) => Found::Unknown(why.to_string()),
        (Ok(texts), Ok(wildcard)) => key_found(texts, wildcard, *is_named),
    };
    let mut states: Vec<(&str, Found)> = selectors.iter().map(|of| (of.0, state(of))).collect();
    // Each of Postmark's selectors belongs to one domain, and a new key has another one.
    let is_usable =
        |(name, found): &(&str, Found)| is_postmarks(name) && matches!(found, Found::Good { .. });
    if states.iter().any(is_usable) {
        let spare = states.iter_mut().filter(|(name, _)| is_postmarks(name));
        for (_, found) in spare.filter(|(_, found)| matches!(found, Found::Bad(_))) {
            *found = Found::Spare;
        }
    }
    let states = states.into_iter();
    states
        .map(|(name, found)| (format!("{DKIM_KEY}{name}"), found))
        .collect()
}

fn key_found(texts: &[String], wildcard: &[String], is_named: bool) -> Found {
    let is_wildcard = !texts.is_empty() && texts == wildcard;
    let why = match keys(texts)[..] {
        [DkimKey::Usable { .. }] if is_named || !is_wildcard => {
            return Found::Good {
                value: texts.join("\n"),
                strength: 1,
            };
        }
        [] => "is gone".to_owned(),
        _ if is_wildcard => "is gone, and a wildcard record answers in its place".to_owned(),
        [DkimKey::Revoked] => "was revoked (its p= is empty)".to_owned(),
        [DkimKey::Faulty(fault)] => format!("verifies no mail: {fault}"),
        [DkimKey::Foreign, ..] => "is gone, the TXT record there is something else".to_owned(),
        ref several => format!("has {} records, receivers may take any", several.len()),
    };
    Found::Bad(why)
}

async fn return_path_state(resolver: &Resolver, domain: &str, label: &str) -> Found {
    let name = format!("{label}.{domain}");
    let aliases = match aliases(resolver, &name).await {
        Ok(aliases) => aliases,
        Err(why) => return unknown(why),
    };
    match aliases.last() {
        Some(end) if end == POSTMARK_BOUNCES => Found::Good {
            value: POSTMARK_BOUNCES.to_owned(),
            strength: 1,
        },
        Some(end) => Found::Bad(format!("{name} leads to {end}, not to {POSTMARK_BOUNCES}")),
        None => Found::Bad(format!("{name} has no CNAME to {POSTMARK_BOUNCES}")),
    }
}

async fn dmarc_state(resolver: &Resolver, domain: &str) -> Found {
    match dmarc_of(resolver, domain).await {
        Ok((found, exists)) => dmarc_found(domain, &found, exists),
        Err(why) => unknown(why),
    }
}

fn dmarc_found(domain: &str, found: &[DmarcRecords], exists: bool) -> Found {
    let Some(found) = applicable(domain, found) else {
        return Found::Bad("is gone".to_owned());
    };
    let place = format!("_dmarc.{}", found.at);
    let [record] = found.records.as_slice() else {
        let why = format!("has several records at {place}, so receivers ignore them all");
        return Found::Bad(why);
    };
    let policy = match applied_policy(domain, &found.at, record, exists) {
        Some((_, policy)) if record.is_test => policy.one_step_less(),
        Some((_, policy)) => policy,
        None if record.has_reports => DmarcPolicy::None,
        None => return Found::Bad(format!("at {place} is none that receivers know")),
    };
    Found::Good {
        value: match found.at == domain {
            true => policy.name().to_owned(),
            false => format!("{} (inherited from {place})", policy.name()),
        },
        strength: match policy {
            DmarcPolicy::None => 0,
            DmarcPolicy::Quarantine => 1,
            DmarcPolicy::Reject => 2,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    const DATED: &str = "20260101120000pm";

    fn texts(all: &[&str]) -> Result<Vec<String>, Missing> {
        Ok(all.iter().map(|text| (*text).to_owned()).collect())
    }

    /// What is found at each selector, in a word: where it is bad, why.
    fn dkim(selectors: &[Selector<'_>], wildcard: &[&str]) -> String {
        let found = dkim_found(selectors, &texts(wildcard));
        let word = |(name, found): &(String, Found)| {
            let what = match found {
                Found::Good { .. } => "good",
                Found::Bad(why) | Found::Unknown(why) => why,
                Found::Spare => "spare",
            };
            format!(
                "{}: {what}",
                name.trim_start_matches("DKIM key at selector ")
            )
        };
        found.iter().map(word).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_key_is_good_broken_or_unknown() {
        let lines = [
            dkim(&[("pm", false, texts(&[KEY]))], &[]),
            dkim(&[("pm", false, texts(&[]))], &[]),
            dkim(&[("pm", false, texts(&["v=DKIM1; p="]))], &[]),
            dkim(&[("pm", false, texts(&["v=DKIM1; k=foo; p=x"]))], &[]),
            dkim(&[("pm", false, texts(&["hello"]))], &[]),
            dkim(&[("pm", false, texts(&[KEY, KEY]))], &[]),
            dkim(&[("pm", false, texts(&[KEY]))], &[KEY]),
            dkim(&[("google", true, texts(&[KEY]))], &[KEY]),
            dkim(&[("pm", false, Err(Missing::TimedOut))], &[]),
            dkim(
                &[("pm", false, texts(&[])), (DATED, true, texts(&[KEY]))],
                &[],
            ),
            dkim(
                &[("pm", false, texts(&[])), ("google", true, texts(&[KEY]))],
                &[],
            ),
        ];
        insta::assert_snapshot!(lines.join("\n"), @"
        pm: good
        pm: is gone
        pm: was revoked (its p= is empty)
        pm: verifies no mail: its key type (k) is neither rsa nor ed25519
        pm: is gone, the TXT record there is something else
        pm: has 2 records, receivers may take any
        pm: is gone, and a wildcard record answers in its place
        google: good
        pm: the resolver does not answer in time
        pm: spare
        20260101120000pm: good
        pm: is gone
        google: good
        ");
    }

    #[test]
    fn a_policy_has_a_strength() {
        let found = |records: &[&str]| {
            let records: Vec<Dmarc> = records.iter().filter_map(|text| dmarc(text)).collect();
            let at = "example.com".to_owned();
            let of = (!records.is_empty()).then_some(DmarcRecords { at, records });
            let of: Vec<DmarcRecords> = of.into_iter().collect();
            format!("{:?}", dmarc_found("example.com", &of, true))
        };
        let lines = [
            found(&["v=DMARC1; p=reject"]),
            found(&["v=DMARC1; p=reject; t=y"]),
            found(&["v=DMARC1; p=none"]),
            found(&["v=DMARC1; rua=mailto:a@example.com"]),
            found(&["v=DMARC1; p=maybe"]),
            found(&["v=DMARC1; p=none", "v=DMARC1; p=reject"]),
            found(&["v=dmarc1; p=reject"]),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r#"
        Good { value: "reject", strength: 2 }
        Good { value: "quarantine", strength: 1 }
        Good { value: "none", strength: 0 }
        Good { value: "none", strength: 0 }
        Bad("at _dmarc.example.com is none that receivers know")
        Bad("has several records at _dmarc.example.com, so receivers ignore them all")
        Bad("is gone")
        "#);
    }
}
