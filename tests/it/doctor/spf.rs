//! Records of a simulated zone, as a receiver walks through them.

use std::time::Duration;

use hushwatch::dns::spf::{Fault, Flaw, Spf, includes};
use hushwatch::dns::{Missing, Resolver};
use hushwatch::sim::dns::{self, Dns};

const WANTED: &str = "spf.mtasv.net";

/// What is found at `example.com` in a zone of these texts and hosts.
async fn found(texts: &[(&str, &str)], hosts: &[&str]) -> Spf {
    walked(texts, hosts, None).await
}

async fn walked(texts: &[(&str, &str)], hosts: &[&str], silent: Option<&str>) -> Spf {
    let zone = Dns::start().expect("a resolver");
    zone.add_txt(WANTED, "v=spf1 ip4:192.0.2.0/24 ~all");
    for (name, text) in texts {
        zone.add_txt(name, text);
    }
    for host in hosts {
        zone.add_a(host, [192, 0, 2, 1]);
        zone.add_mx(host, host);
    }
    if let Some(name) = silent {
        zone.fail(name, dns::Fault::ServFail);
    }
    let address = zone.address().parse().expect("an address");
    let resolver = Resolver::new(Some(address), Duration::from_secs(2)).expect("a client");
    includes(&resolver, "example.com", WANTED).await
}

/// Included or not, with faults before what was looked for and behind it.
fn spf(is_included: bool, before: &[Fault], behind: &[Fault]) -> Spf {
    let flaw = |is_behind| {
        move |fault: &Fault| Flaw {
            fault: fault.clone(),
            is_behind,
        }
    };
    let flaws = before.iter().map(flaw(false));
    Spf::Found {
        is_included,
        flaws: flaws.chain(behind.iter().map(flaw(true))).collect(),
    }
}

fn dead(term: &str) -> Fault {
    Fault::Dead(term.to_owned())
}

#[tokio::test]
async fn an_include_is_found_at_any_depth_and_through_a_redirect() {
    let deep = [
        (
            "example.com",
            "v=spf1 include:a.example.com redirect=b.example.com",
        ),
        ("a.example.com", "v=spf1 -all"),
        ("b.example.com", "v=spf1 include:SPF.mtasv.net ~all"),
    ];
    assert_eq!(found(&deep, &[]).await, spf(true, &[], &[]));
    for without in [
        "v=spf1 -all include:spf.mtasv.net",
        "v=spf1 ?include:spf.mtasv.net -all",
        "v=spf1 redirect=spf.mtasv.net -all",
        "v=spf1 include:%{d}.example.com -all",
    ] {
        let found = found(&[("example.com", without)], &[]).await;
        assert_eq!(found, spf(false, &[], &[]), "{without}");
    }
}

#[tokio::test]
async fn a_text_that_is_no_record_counts_for_nothing() {
    assert_eq!(found(&[], &[]).await, Spf::Absent);
    let other = [("example.com", "v=spf10 include:spf.mtasv.net")];
    assert_eq!(found(&other, &[]).await, Spf::Absent);
}

#[tokio::test]
async fn a_dead_reference_is_told_before_and_behind() {
    let gone = dead("include:gone.example.com");
    let before = "v=spf1 include:gone.example.com include:spf.mtasv.net -all";
    let found_before = found(&[("example.com", before)], &[]).await;
    assert_eq!(found_before, spf(true, std::slice::from_ref(&gone), &[]));
    let behind = "v=spf1 include:spf.mtasv.net include:gone.example.com -all";
    // A name with other texts is as dead as none.
    let texts = [("example.com", behind), ("gone.example.com", "hello")];
    assert_eq!(found(&texts, &[]).await, spf(true, &[], &[gone]));
    let redirected = [("example.com", "v=spf1 redirect=gone.example.com")];
    let expected = spf(false, &[dead("redirect=gone.example.com")], &[]);
    assert_eq!(found(&redirected, &[]).await, expected);
}

#[tokio::test]
async fn several_records_and_terms_that_are_none_are_told_with_their_name() {
    let several = [
        ("example.com", "v=spf1 include:a.example.com -all"),
        ("a.example.com", "v=spf1 include:spf.mtasv.net -all"),
        ("a.example.com", "v=spf1 -all"),
    ];
    let expected = Fault::Several("a.example.com".to_owned());
    assert_eq!(found(&several, &[]).await, spf(false, &[expected], &[]));
    let written = [("example.com", "v=spf1 include: spf.mtasv.net -all")];
    let expected = Fault::NoTerm("example.com".to_owned(), "include:".to_owned());
    assert_eq!(found(&written, &[]).await, spf(false, &[expected], &[]));
}

#[tokio::test]
async fn ten_lookups_are_followed_and_no_more() {
    let hosts = "a mx a:b.example.com exists:example.com a a a a";
    let names = ["example.com", "b.example.com"];
    let record = format!("v=spf1 {hosts} mx include:spf.mtasv.net -all");
    let ten = found(&[("example.com", &record)], &names).await;
    assert_eq!(ten, spf(true, &[], &[]));
    let record = format!("v=spf1 {hosts} mx a include:spf.mtasv.net -all");
    let eleven = found(&[("example.com", &record)], &names).await;
    assert_eq!(eleven, spf(false, &[Fault::TooDeep], &[]));
    let record = format!("v=spf1 include:spf.mtasv.net {hosts} a ptr -all");
    let behind = found(&[("example.com", &record)], &names).await;
    assert_eq!(behind, spf(true, &[], &[Fault::TooDeep]));
    let circle = found(&[("example.com", "v=spf1 include:example.com -all")], &[]).await;
    assert_eq!(circle, spf(false, &[Fault::TooDeep], &[]));
}

#[tokio::test]
async fn two_names_without_an_answer_are_taken_and_no_more() {
    let two = [(
        "example.com",
        "v=spf1 a:x.example.com mx include:spf.mtasv.net -all",
    )];
    assert_eq!(found(&two, &[]).await, spf(true, &[], &[]));
    let three = "v=spf1 a:x.example.com mx exists:y.example.com include:spf.mtasv.net -all";
    let names = ["x.example.com", "example.com", "y.example.com"];
    let expected = Fault::Void(names.map(str::to_owned).into());
    let three = found(&[("example.com", three)], &[]).await;
    assert_eq!(three, spf(true, &[expected], &[]));
}

#[tokio::test]
async fn what_the_dns_does_not_say_is_not_known() {
    let record = "v=spf1 a:x.example.com include:spf.mtasv.net include:y.example.com -all";
    let unknown = |name: &str| Fault::Unknown(name.to_owned(), Missing::Broken);
    for (name, expected) in [
        ("example.com", spf(false, &[unknown("example.com")], &[])),
        (
            "x.example.com",
            spf(
                true,
                &[unknown("x.example.com")],
                &[dead("include:y.example.com")],
            ),
        ),
        ("y.example.com", spf(true, &[], &[unknown("y.example.com")])),
    ] {
        let hosts = ["x.example.com"];
        let found = walked(&[("example.com", record)], &hosts, Some(name)).await;
        assert_eq!(found, expected, "{name}");
    }
}
