//! Where the account's domains have their mail records: keys of today stand at selectors with a date, which nothing else tells.
//!
//! From `GET /domains` and `GET /domains/{id}` of the Domains API.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::PAGE;
use super::account::Account;
use super::convert::{Flaw, json};
use super::error::{Error, ErrorKind};
use super::wire::{Integer, list};

/// The maximum number of domains of one account; beyond it the answer makes no sense.
const MAX_DOMAINS: usize = 10_000;
/// The maximum length of a label of the DNS, and of a selector, which may have several.
const MAX_LABEL: usize = 63;
const MAX_SELECTOR: usize = 120;

/// Where the records of one domain belong, by the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailHosts {
    /// The selectors of its keys: of the one in use, and of one that is to follow it.
    pub selectors: Vec<String>,
    /// The label of its Return-Path below the domain; `None` where it has none of its own.
    pub return_path: Option<String>,
}

/// `/domains`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Domains {
    total_count: Option<Integer>,
    #[serde(default, deserialize_with = "list")]
    domains: Option<Vec<Domain>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Domain {
    #[serde(rename = "ID")]
    id: Option<Integer>,
    name: Option<String>,
}

/// `/domains/{id}`. Postmark leaves empty what there is none of.
#[derive(Default, Deserialize)]
#[serde(default)]
struct DomainDetails {
    #[serde(rename = "DKIMHost")]
    dkim_host: Option<String>,
    #[serde(rename = "DKIMPendingHost")]
    pending_host: Option<String>,
    #[serde(rename = "ReturnPathDomain")]
    return_path: Option<String>,
}

impl Account {
    /// Returns where the records of those of the `wanted` domains belong that the account has. One request for 500 of its domains,
    /// and one for each that is wanted.
    ///
    /// # Errors
    /// `AccountTokenRefused`; else any [`ErrorKind`].
    pub async fn mail_hosts(
        &self,
        wanted: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, MailHosts>, Error> {
        const DOING: &str = "read a domain of the account";
        let mut hosts = BTreeMap::new();
        for (name, id) in self.domain_ids(wanted).await? {
            let request = self.0.request(DOING, "/domains/{id}", &id.to_string());
            let of = self.0.fetch(&request, |body| details(body, &name)).await?;
            hosts.insert(name, of);
        }
        Ok(hosts)
    }

    /// Returns the ids of those of the `wanted` domains that the account has.
    async fn domain_ids(&self, wanted: &BTreeSet<&str>) -> Result<BTreeMap<String, i64>, Error> {
        const DOING: &str = "list the domains of the account";
        let mut found = BTreeMap::new();
        let mut listed = 0;
        loop {
            let request = self.0.request(DOING, "/domains", "");
            let request = request.query("count", PAGE).query("offset", listed);
            let (total, page) = self.0.fetch(&request, domains).await?;
            listed += page.len();
            let is_last = page.is_empty() || listed as u64 >= total;
            found.extend(
                page.into_iter()
                    .filter(|(name, _)| wanted.contains(name.as_str())),
            );
            if is_last {
                return Ok(found);
            }
            if listed > MAX_DOMAINS {
                let flaw = ErrorKind::Malformed("it does not end");
                return Err(Error::new(DOING, flaw));
            }
        }
    }
}

/// A page of `/domains`: how many there are, and the names in lower case with their ids.
fn domains(body: &[u8]) -> Result<(u64, Vec<(String, i64)>), Flaw> {
    let answer: Domains = json(body)?;
    let total = answer.total_count.as_ref().and_then(Integer::count);
    let total = total.ok_or("a list of domains without TotalCount")?;
    let listed = match answer.domains {
        Some(listed) => listed,
        None if total == 0 => Vec::new(),
        None => return Err("a list of domains without Domains"),
    };
    let domain = |domain: Domain| {
        let name = domain.name.filter(|name| !name.trim().is_empty());
        let name = name.ok_or("a domain without Name")?;
        let id = domain.id.as_ref().and_then(Integer::wrapped);
        Ok((normal(&name), id.ok_or("a domain without ID")?))
    };
    let domains: Result<Vec<_>, Flaw> = listed.into_iter().map(domain).collect();
    Ok((total, domains?))
}

/// Reads `/domains/{id}` of `domain`. What is no name below it is passed over.
fn details(body: &[u8], domain: &str) -> Result<MailHosts, Flaw> {
    let answer: DomainDetails = json(body)?;
    let below = |host: Option<String>, above: &str, max: usize| {
        let host = normal(&host?);
        let label = host.strip_suffix(above)?.strip_suffix('.')?;
        let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let is_name = !label.is_empty() && label.len() <= max && label.bytes().all(is_part);
        is_name.then(|| label.to_owned())
    };
    let keys = format!("_domainkey.{domain}");
    let selectors = [answer.dkim_host, answer.pending_host].into_iter();
    let mut selectors: Vec<String> = selectors
        .filter_map(|host| below(host, &keys, MAX_SELECTOR))
        .collect();
    selectors.dedup();
    Ok(MailHosts {
        selectors,
        return_path: below(answer.return_path, domain, MAX_LABEL),
    })
}

/// Returns a name as the DNS compares it.
fn normal(name: &str) -> String {
    name.trim().trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn read(body: &Value) -> Result<MailHosts, Flaw> {
        details(body.to_string().as_bytes(), "example.com")
    }

    #[test]
    fn the_key_in_use_and_the_one_to_follow_are_found_below_the_domain() {
        let body = json!({
            "Name": "example.com", "ID": 36735, "DKIMHost": "20230101120000pm._domainkey.Example.com",
            "DKIMPendingHost": "20260101120000pm._domainkey.example.com.", "DKIMRevokedHost": "",
            "ReturnPathDomain": "bounces.example.com", "ReturnPathDomainVerified": true,
        });
        let expected = MailHosts {
            selectors: vec!["20230101120000pm".to_owned(), "20260101120000pm".to_owned()],
            return_path: Some("bounces".to_owned()),
        };
        assert_eq!(read(&body), Ok(expected));
    }

    #[test]
    fn what_is_empty_or_of_another_domain_is_passed_over() {
        for body in [
            json!({ "DKIMHost": "", "DKIMPendingHost": null, "ReturnPathDomain": "" }),
            json!({ "DKIMHost": "pm._domainkey.example.org", "ReturnPathDomain": "example.com" }),
            json!({ "DKIMHost": "_domainkey.example.com", "ReturnPathDomain": "a b.example.com" }),
            json!({}),
        ] {
            assert_eq!(read(&body), Ok(MailHosts::default()), "{body}");
        }
    }

    #[test]
    fn a_list_is_whole_or_an_error() {
        let page = |body: Value| domains(body.to_string().as_bytes());
        let good = json!({ "TotalCount": 2, "Domains": [{ "Name": "Example.COM", "ID": 36735, "DKIMVerified": true }] });
        assert_eq!(page(good), Ok((2, vec![("example.com".to_owned(), 36735)])));
        assert!(page(json!({ "Domains": [] })).is_err());
        assert!(page(json!({ "TotalCount": 1 })).is_err());
        assert_eq!(page(json!({ "TotalCount": 0 })), Ok((0, Vec::new())));
        assert!(page(json!({ "TotalCount": 1, "Domains": [{ "Name": "a.example" }] })).is_err());
    }

    proptest! {
        #[test]
        fn any_answer_is_read(host in any::<String>(), number in any::<f64>()) {
            let _ = read(&json!({ "DKIMHost": host, "ReturnPathDomain": host }));
            let _ = read(&json!({ "DKIMHost": number }));
            let _ = domains(json!({ "TotalCount": number, "Domains": host }).to_string().as_bytes());
        }
    }
}
