//! What receivers are asked to do with mail of a domain that fails, by its own DMARC record or by one above it.

use crate::commands::doctor::check::Check;
use crate::commands::doctor::domains::Domain;
use crate::dns::Missing;
use crate::dns::tags::{Dmarc, DmarcPolicy, dmarc};

const NAME: &str = "dmarc";
/// The maximum number of labels of a name above the domain that is looked up, as receivers do (RFC 9989, 4.10).
const MAX_LABELS: usize = 7;

struct DmarcRecords<'d> {
    /// The domain, without `_dmarc`.
    at: &'d str,
    records: Vec<Dmarc>,
}

impl Domain {
    pub(crate) async fn dmarc(&self) -> Check {
        match self.find_records().await {
            Ok(Some(found)) => self.check_policy(&found),
            Ok(None) => Check::fail(
                NAME,
                format!("{}: no DMARC policy", self.name),
                "start with the TXT record \"v=DMARC1; p=none; rua=mailto:…\" at _dmarc",
            ),
            Err((name, why)) => self.unknown(NAME, "DMARC", &name, why),
        }
    }

    /// Returns its own records, else those of the organization, which is the highest domain above it that has any (RFC 7489, 6.6.3;
    /// where names are registered is not known here, but nobody's policy stands there, or it says what it is).
    async fn find_records(&self) -> Result<Option<DmarcRecords<'_>>, (String, Missing)> {
        let mut found: Option<DmarcRecords<'_>> = None;
        for at in self.names_to_check() {
            let name = format!("_dmarc.{at}");
            let texts = match self.resolver.texts(&name).await {
                Ok(texts) => texts,
                Err(why) if why.is_certain() => continue,
                Err(why) => return Err((name, why)),
            };
            let records: Vec<Dmarc> = texts.iter().filter_map(|text| dmarc(text)).collect();
            if records.is_empty() {
                continue;
            }
            let is_public = records.iter().any(|record| record.is_public);
            if found.is_none() || !is_public {
                found = Some(DmarcRecords { at, records });
            }
            if at == self.name || is_public {
                break;
            }
        }
        Ok(found)
    }

    /// Returns the domain, and those above it of two labels and more.
    fn names_to_check(&self) -> impl Iterator<Item = &str> {
        let above = std::iter::successors(Some(self.name.as_str()), |name| {
            let (_, above) = name.split_once('.')?;
            above.contains('.').then_some(above)
        });
        above.filter(|name| *name == self.name || name.split('.').count() <= MAX_LABELS)
    }

    fn check_policy(&self, found: &DmarcRecords<'_>) -> Check {
        let (domain, place) = (&self.name, format!("_dmarc.{}", found.at));
        let [record] = found.records.as_slice() else {
            let text =
                format!("{domain}: several DMARC records at {place}, so receivers ignore them all");
            return Check::fail(NAME, text, "keep one of them");
        };
        // With a word that nobody knows in either place, receivers take the record for none.
        let known = record
            .policy
            .zip(record.of_subdomains.unwrap_or(record.policy));
        let Some((own, of_subdomains)) = known else {
            let text =
                format!("{domain}: the DMARC record at {place} has no policy that receivers know");
            let remedy = "set p (and sp, if it is there) to none, quarantine or reject";
            return Check::fail(NAME, text, remedy);
        };
        let (tag, policy, from) = match record.of_subdomains {
            _ if found.at == domain => ("p", own, format!("at {place}")),
            Some(_) => ("sp", of_subdomains, format!("inherited from {place}")),
            None => ("p", own, format!("inherited from {place}, which has no sp")),
        };
        let text = format!("{domain}: DMARC {tag}={}, {from}", policy.name());
        match policy {
            DmarcPolicy::None => Check::warn(
                NAME,
                format!("{text}: mail that fails the check is delivered anyway"),
                format!(
                    "change it to {tag}=quarantine once the reports show that all your mail passes"
                ),
            ),
            DmarcPolicy::Quarantine | DmarcPolicy::Reject => Check::pass(NAME, text),
        }
    }
}
