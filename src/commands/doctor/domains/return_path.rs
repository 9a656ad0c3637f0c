//! Where a domain's bounces go, which is also where receivers look up SPF (RFC 7208, 2.4).

use crate::commands::doctor::check::Check;
use crate::commands::doctor::domains::{Domain, unknown};
use crate::dns::domain::{NONSENSE_LABEL, POSTMARK_BOUNCES, aliases};
use crate::dns::spf::is_record;

const NAME: &str = "return_path";

impl Domain {
    pub(super) async fn return_path(&self) -> Check {
        let label = self.settings.return_path_below(&self.name);
        let name = format!("{label}.{}", self.name);
        match aliases(&self.resolver, &name).await {
            Ok(aliases) => self.return_path_check(&name, &aliases).await,
            Err((at, why)) => unknown(&self.name, NAME, "Return-Path", &at, why),
        }
    }

    async fn return_path_check(&self, name: &str, aliases: &[String]) -> Check {
        let domain = &self.name;
        let set = format!("add a CNAME to {POSTMARK_BOUNCES}, or set `doctor.return_path`");
        let unaligned = "so SPF does not align with the From domain";
        let Some(end) = aliases.last() else {
            let text = format!("{domain}: no Return-Path of its own at {name}, {unaligned}");
            return Check::warn(NAME, text, set);
        };
        if end == POSTMARK_BOUNCES {
            return self.spf_of_return_path(name).await;
        }
        let nonsense = format!("{NONSENSE_LABEL}.{domain}");
        let wildcard = self.resolver.alias(&nonsense).await;
        if wildcard.is_ok_and(|alias| aliases.first() == Some(&alias)) {
            let text = format!(
                "{domain}: no Return-Path of its own at {name}, where a wildcard record answers, {unaligned}"
            );
            return Check::warn(NAME, text, set);
        }
        let text =
            format!("{domain}: Return-Path {name} leads to {end}, not to {POSTMARK_BOUNCES}");
        let remedy = format!("change the CNAME to {POSTMARK_BOUNCES}");
        Check::fail(NAME, text, remedy)
    }

    /// Checks the SPF records that a receiver of mail with this Return-Path finds.
    async fn spf_of_return_path(&self, name: &str) -> Check {
        let leads = format!(
            "{}: Return-Path {name} leads to {POSTMARK_BOUNCES}",
            self.name
        );
        let records = match self.resolver.texts(name).await {
            Ok(texts) => texts.iter().filter(|text| is_record(text)).count(),
            Err(why) if why.is_certain() => 0,
            Err(why) => return unknown(&self.name, NAME, "SPF", name, why),
        };
        match records {
            1 => Check::pass(
                NAME,
                format!("{leads}, where receivers find one SPF record"),
            ),
            number => {
                let text = format!("{leads}, where receivers find {number} SPF records, not one");
                let remedy =
                    "if others see one there (`dig TXT`), set `doctor.resolver`; else ask Postmark";
                Check::fail(NAME, text, remedy)
            }
        }
    }
}
