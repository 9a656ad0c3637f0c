//! The SPF records of a domain that sends.
//!
//! Receivers check the SPF of Postmark's mail at the domain of its Return-Path (RFC 7208, 2.4), so nothing in the From
//! domain's own record can stop that mail; only several records are a fault, of all mail that is checked there.

use crate::commands::doctor::check::Check;
use crate::commands::doctor::domains::{Domain, REMEDY};
use crate::dns::Missing;
use crate::dns::spf::{includes, is_record};

const NAME: &str = "spf";
/// The record of Postmark's own addresses, which its instructions once asked for.
const POSTMARK_SPF: &str = "spf.mtasv.net";

impl Domain {
    pub(super) async fn spf(&self) -> Check {
        match self.resolver.texts(&self.name).await {
            Ok(texts) => spf_check(&self.name, &texts),
            Err(why) if why.is_certain() => spf_check(&self.name, &[]),
            Err(why) => unknown_check(&self.name, why),
        }
    }
}

/// Returns what the texts at `domain` say of SPF: a failure only where there are several records.
fn spf_check(domain: &str, texts: &[String]) -> Check {
    let records: Vec<&String> = texts.iter().filter(|text| is_record(text)).collect();
    let text = match records.as_slice() {
        [] => "no SPF record; Postmark's mail needs none here, it is checked at the Return-Path"
            .to_owned(),
        [record] if includes(record, POSTMARK_SPF) => {
            format!("one SPF record, it includes {POSTMARK_SPF}")
        }
        [_] => format!(
            "one SPF record; it does not include {POSTMARK_SPF}, and need not: Postmark's mail is checked at the Return-Path"
        ),
        several => {
            let text = format!(
                "{domain}: {} SPF records, so receivers treat the domain's SPF as broken (permerror)",
                several.len()
            );
            let remedy = "merge them into one TXT record that starts with v=spf1";
            return Check::fail(NAME, text, remedy);
        }
    };
    Check::pass(NAME, format!("{domain}: {text}"))
}

fn unknown_check(domain: &str, why: Missing) -> Check {
    let text = format!("{domain}: cannot look up SPF at {domain}: {why}");
    Check::warn(NAME, text, REMEDY).alike(why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(texts: &[&str]) -> String {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        spf_check("example.com", &texts).to_line()
    }

    #[test]
    fn only_several_records_fail() {
        assert_eq!(
            line(&["v=spf1 include:spf.mtasv.net ~all", "other=verified"]),
            "✓ example.com: one SPF record, it includes spf.mtasv.net"
        );
        assert_eq!(
            line(&["v=spf1 include:%{d}.hosted.example.com ~all"]),
            "✓ example.com: one SPF record; it does not include spf.mtasv.net, and need not: Postmark's mail is checked at the \
             Return-Path"
        );
        assert_eq!(
            line(&["other=verified"]),
            "✓ example.com: no SPF record; Postmark's mail needs none here, it is checked at the Return-Path"
        );
        assert_eq!(
            line(&["v=spf1 include:spf.mtasv.net ~all", "v=spf1 -all"]),
            "✗ example.com: 2 SPF records, so receivers treat the domain's SPF as broken (permerror); merge them into one TXT \
             record that starts with v=spf1"
        );
    }

    #[test]
    fn what_cannot_be_looked_up_is_no_failure() {
        assert_eq!(
            unknown_check("example.com", Missing::TimedOut).to_line(),
            "! example.com: cannot look up SPF at example.com: the resolver does not answer in time; check the network and the resolver, or set \
             `doctor.resolver`"
        );
    }
}
