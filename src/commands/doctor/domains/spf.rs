//! Whether the SPF record of a domain that sends lets Postmark send, and whether receivers get so far.

use crate::commands::doctor::check::Check;
use crate::commands::doctor::domains::{Domain, REMEDY};
use crate::dns::spf::{Fault, Flaw, MOST_LOOKUPS, MOST_VOID, Spf, includes};

const NAME: &str = "spf";
/// What an SPF record includes so that Postmark may send.
const POSTMARK: &str = "spf.mtasv.net";

impl Domain {
    pub(crate) async fn spf(&self) -> Vec<Check> {
        let domain = &self.name;
        let (is_included, flaws) = match includes(&self.resolver, domain, POSTMARK).await {
            Spf::Absent => {
                let remedy = format!("add TXT \"v=spf1 include:{POSTMARK} ~all\"");
                return vec![Check::fail(
                    NAME,
                    format!("{domain}: no SPF record"),
                    remedy,
                )];
            }
            Spf::Found { is_included, flaws } => (is_included, flaws),
        };
        if is_included && flaws.is_empty() {
            let text = format!("{domain}: SPF includes {POSTMARK}");
            return vec![Check::pass(NAME, text)];
        }
        let told = flaws.iter().map(|flaw| self.flaw(flaw));
        let mut checks: Vec<Check> = told.collect();
        if !is_included && !flaws.iter().any(|flaw| hides(&flaw.fault)) {
            checks.push(Check::fail(
                NAME,
                format!("{domain}: SPF does not include {POSTMARK}"),
                format!(
                    "add include:{POSTMARK} to the TXT that begins with v=spf1, before its `all`"
                ),
            ));
        }
        checks
    }

    /// A receiver may stop at Postmark, and come to nothing that stands behind it; many read all of it.
    fn flaw(&self, Flaw { fault, is_behind }: &Flaw) -> Check {
        let domain = &self.name;
        if let Fault::Unknown(name, why) = fault {
            let unknown = self.unknown(NAME, "SPF", name, *why);
            return match is_behind {
                true => Check::look(
                    NAME,
                    format!(
                        "{domain}: SPF includes {POSTMARK}, but what follows is not known ({name}): {why}"
                    ),
                    unknown.remedy.unwrap_or_default(),
                ),
                false => unknown,
            };
        }
        let (wrong, remedy) = (self.wrong(fault), remedy(fault));
        match is_behind {
            true => Check::look(
                NAME,
                format!(
                    "{domain}: SPF includes {POSTMARK}, but {wrong}, so that receivers that read all of it give up"
                ),
                remedy,
            ),
            false => Check::fail(
                NAME,
                format!("{domain}: SPF {wrong}, so that receivers give up (permerror)"),
                remedy,
            ),
        }
    }

    fn wrong(&self, fault: &Fault) -> String {
        match fault {
            Fault::Several(name) if *name == self.name => "has several records".to_owned(),
            Fault::Several(name) => format!("refers to {name}, which has several records"),
            Fault::NoTerm(name, term) if *name == self.name => {
                format!("has `{term}`, which is no term of it")
            }
            Fault::NoTerm(name, term) => {
                format!("refers to {name}, which has `{term}`, which is no term of it")
            }
            Fault::Dead(term) => format!("has `{term}`, where there is no SPF record"),
            Fault::TooDeep => format!("needs more than {MOST_LOOKUPS} lookups"),
            Fault::Void(names) => format!(
                "asks for more than {MOST_VOID} names that have no answer ({})",
                names.join(", ")
            ),
            Fault::Unknown(name, why) => format!("is not known ({name}): {why}"),
        }
    }
}

/// Whether an include may stand where it was not seen.
fn hides(fault: &Fault) -> bool {
    !matches!(fault, Fault::Dead(_) | Fault::Void(_))
}

fn remedy(fault: &Fault) -> &'static str {
    match fault {
        Fault::Several(_) => "put them into one, which begins with v=spf1 once",
        Fault::NoTerm(..) => "correct it, or take it out",
        Fault::Dead(_) => "take it out, or have its owner publish one",
        Fault::TooDeep => "take out what no longer sends",
        Fault::Void(_) => "take out what is not there any more",
        Fault::Unknown(..) => REMEDY,
    }
}
