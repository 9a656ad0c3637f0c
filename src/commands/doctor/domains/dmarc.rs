//! What receivers are asked to do with mail of a domain that fails, by its own DMARC record or by one above it (RFC 9989).

use crate::commands::doctor::check::Check;
use crate::commands::doctor::domains::{Domain, unknown};
use crate::dns::dmarc::DmarcPolicy;
use crate::dns::domain::{DmarcRecords, applicable, applied_policy, dmarc_of};

const NAME: &str = "dmarc";

impl Domain {
    pub(super) async fn dmarc(&self) -> Check {
        match dmarc_of(&self.resolver, &self.name).await {
            Ok((found, exists)) => dmarc_check(&self.name, &found, exists),
            Err((name, why)) => unknown(&self.name, NAME, "DMARC", &name, why),
        }
    }
}

/// Returns what becomes of mail that fails; `exists` says whether the domain does, but for its mail.
fn dmarc_check(domain: &str, found: &[DmarcRecords], exists: bool) -> Check {
    let Some(found) = applicable(domain, found) else {
        return Check::fail(
            NAME,
            format!("{domain}: no DMARC policy"),
            "start with the TXT record \"v=DMARC1; p=none; rua=mailto:…\" at _dmarc",
        );
    };
    let place = format!("_dmarc.{}", found.at);
    let [record] = found.records.as_slice() else {
        let text =
            format!("{domain}: several DMARC records at {place}, so receivers ignore them all");
        return Check::fail(NAME, text, "keep one of them");
    };
    let Some((tag, policy)) = applied_policy(domain, &found.at, record, exists) else {
        let text =
            format!("{domain}: the DMARC record at {place} has no policy that receivers know");
        let remedy = "set p (and sp and np, if they are there) to none, quarantine or reject";
        return match record.has_reports {
            true => {
                let text = format!("{text}, and because of its rua counts as p=none");
                Check::warn(NAME, text, remedy)
            }
            false => Check::fail(NAME, text, remedy),
        };
    };
    let from = match tag {
        _ if found.at == domain => format!("at {place}"),
        "np" => format!("inherited from {place} by a name without address and MX"),
        "sp" => format!("inherited from {place}"),
        _ => format!("inherited from {place}, which has no sp"),
    };
    let text = format!("{domain}: DMARC {tag}={}, {from}", policy.name());
    let passes = "once the reports show that all your mail passes";
    let (text, remedy) = match policy {
        DmarcPolicy::None => (
            format!("{text}: mail that fails the check is delivered anyway"),
            format!("change it to {tag}=quarantine {passes}"),
        ),
        _ if record.is_test => {
            let applied = policy.one_step_less().name();
            (
                format!("{text}: t=y makes it a test, so receivers apply {applied}"),
                format!("remove t=y {passes}"),
            )
        }
        _ if record.percent < 100 => {
            let percent = record.percent;
            (
                format!(
                    "{text}: by pct={percent} some receivers apply it to only {percent}% of the mail that fails"
                ),
                format!("remove pct {passes}"),
            )
        }
        DmarcPolicy::Quarantine | DmarcPolicy::Reject => return Check::pass(NAME, text),
    };
    Check::warn(NAME, text, remedy)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::dns::domain::{find_dmarc, names_to_check};

    /// The line for a domain whose own record, and those above it, are these.
    fn line(domain: &str, zone: &[(&str, &str)]) -> String {
        line_where(true, domain, zone)
    }

    fn line_where(exists: bool, domain: &str, zone: &[(&str, &str)]) -> String {
        let texts = async |name: String| {
            let at = name.trim_start_matches("_dmarc.");
            let there = zone.iter().filter(|(known, _)| *known == at);
            Ok(there.map(|(_, text)| (*text).to_owned()).collect())
        };
        let found = find_dmarc(domain, texts).now_or_never();
        let found = found.expect("nothing to wait for");
        dmarc_check(domain, &found.expect("all is known"), exists).to_line()
    }

    #[test]
    fn a_record_says_what_is_in_force() {
        let records = [
            "v=DMARC1; p=reject",
            "v=DMARC1; p=quarantine; pct=100; t=n",
            "v=DMARC1; p=none",
            "v=DMARC1; p=quarantine; t=y",
            "v=DMARC1; p=reject; t=y; pct=0",
            "v=DMARC1; p=quarantine; pct=0",
            "v=DMARC1; p=reject; pct=25",
            "v=DMARC1; rua=mailto:a@example.com",
            "v=DMARC1; p=maybe; rua=mailto:a@example.com",
            "v=DMARC1; p=maybe",
            "v=dmarc1; p=reject",
        ];
        let lines = records.map(|record| line("example.com", &[("example.com", record)]));
        insta::assert_snapshot!(lines.join("\n"), @r#"
        ✓ example.com: DMARC p=reject, at _dmarc.example.com
        ✓ example.com: DMARC p=quarantine, at _dmarc.example.com
        ! example.com: DMARC p=none, at _dmarc.example.com: mail that fails the check is delivered anyway; change it to p=quarantine once the reports show that all your mail passes
        ! example.com: DMARC p=quarantine, at _dmarc.example.com: t=y makes it a test, so receivers apply none; remove t=y once the reports show that all your mail passes
        ! example.com: DMARC p=reject, at _dmarc.example.com: t=y makes it a test, so receivers apply quarantine; remove t=y once the reports show that all your mail passes
        ! example.com: DMARC p=quarantine, at _dmarc.example.com: by pct=0 some receivers apply it to only 0% of the mail that fails; remove pct once the reports show that all your mail passes
        ! example.com: DMARC p=reject, at _dmarc.example.com: by pct=25 some receivers apply it to only 25% of the mail that fails; remove pct once the reports show that all your mail passes
        ! example.com: the DMARC record at _dmarc.example.com has no policy that receivers know, and because of its rua counts as p=none; set p (and sp and np, if they are there) to none, quarantine or reject
        ! example.com: the DMARC record at _dmarc.example.com has no policy that receivers know, and because of its rua counts as p=none; set p (and sp and np, if they are there) to none, quarantine or reject
        ✗ example.com: the DMARC record at _dmarc.example.com has no policy that receivers know; set p (and sp and np, if they are there) to none, quarantine or reject
        ✗ example.com: no DMARC policy; start with the TXT record "v=DMARC1; p=none; rua=mailto:…" at _dmarc
        "#);
    }

    #[test]
    fn what_applies_is_the_record_of_the_organization() {
        let (reject, none) = ("v=DMARC1; p=reject", "v=DMARC1; p=none");
        let (own, public) = ("v=DMARC1; p=reject; psd=n", "v=DMARC1; p=reject; psd=y");
        let domain = "x.b.a.example";
        for (zone, expected) in [
            (
                &[("b.a.example", own), ("a.example", none)][..],
                "p=reject, inherited from _dmarc.b.a.example",
            ),
            (
                &[("b.a.example", reject), ("a.example", none)],
                "p=none, inherited from _dmarc.a.example",
            ),
            (
                &[("example", public)],
                "p=reject, inherited from _dmarc.example",
            ),
            (
                &[("example", reject)],
                "p=reject, inherited from _dmarc.example",
            ),
            (
                &[("a.example", none), ("example", public)],
                "p=none, inherited from _dmarc.a.example",
            ),
            // The organization is a.example, which has no record: that of b.a.example is nobody's.
            (
                &[("b.a.example", none), ("example", public)],
                "p=reject, inherited from _dmarc.example",
            ),
            (
                &[(domain, none), ("example", public)],
                "p=none, at _dmarc.x.b.a.example",
            ),
            (
                &[(domain, public), ("a.example", none)],
                "p=reject, at _dmarc.x.b.a.example",
            ),
            (
                &[("a.example", none), ("a.example", reject)],
                "several DMARC records at _dmarc.a.example",
            ),
        ] {
            let line = line(domain, zone);
            assert!(line.contains(expected), "{zone:?}: {line}");
        }
        assert!(line(domain, &[("b.a.example", "v=dmarc1; p=reject")]).contains("no DMARC policy"));
    }

    #[test]
    fn a_name_without_address_and_mx_has_a_policy_of_its_own() {
        let zone = &[("example.com", "v=DMARC1; p=reject; sp=quarantine; np=none")][..];
        let sends = |exists| line_where(exists, "mail.example.com", zone);
        assert_eq!(
            sends(true),
            "✓ mail.example.com: DMARC sp=quarantine, inherited from _dmarc.example.com"
        );
        assert_eq!(
            sends(false),
            "! mail.example.com: DMARC np=none, inherited from _dmarc.example.com by a name without address and MX: mail that \
             fails the check is delivered anyway; change it to np=quarantine once the reports show that all your mail passes"
        );
        let own = line_where(false, "example.com", zone);
        assert_eq!(own, "✓ example.com: DMARC p=reject, at _dmarc.example.com");
    }

    #[test]
    fn of_a_long_name_receivers_look_at_eight() {
        let of = |domain| names_to_check(domain).collect::<Vec<_>>();
        assert_eq!(of("a.example"), ["a.example", "example"]);
        let long = of("l.k.j.i.h.g.f.e.d.c.b.a.example");
        assert_eq!((long.len(), long[1]), (8, "f.e.d.c.b.a.example"));
    }
}
