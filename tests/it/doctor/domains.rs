//! The DNS of the domains that send.

use hushwatch::clock;
use hushwatch::model::{HOUR, Span};
use hushwatch::sim::dns::{Dns, Fault};
use hushwatch::sim::postmark::Profile;

use super::{Said, doctor, world};
use crate::world::World;

/// A key record (the key is an example of RFC 8032).
pub(super) const KEY: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// A world whose mail comes from `example.com`, and its DNS, in which all is well.
fn sending(file: &str) -> (World, Dns) {
    let mut world = world(file);
    let now = clock::now();
    let profile = Profile::constant(5.0).without_bounces();
    world
        .shop
        .generate("outbound", Span::new(now - 24 * HOUR, now), &profile);
    let dns = Dns::start().expect("a resolver");
    dns.add_txt("example.com", "v=spf1 include:spf.mtasv.net ~all");
    dns.add_txt("example.com", "another-service=verified");
    dns.add_txt("pm._domainkey.example.com", KEY);
    dns.set_cname("pm-bounces.example.com", "pm.mtasv.net");
    dns.add_txt("pm.mtasv.net", "v=spf1 ip4:192.0.2.0/24 ~all");
    dns.add_txt("_dmarc.example.com", "v=DMARC1; p=quarantine");
    world.env("HUSHWATCH_DOCTOR__RESOLVER", &dns.address());
    (world, dns)
}

fn failed(world: &World) -> Said {
    let said = doctor(world, &[]);
    assert_eq!(said.code, 1, "{}{}", said.text, said.stderr);
    said
}

#[test]
fn a_domain_that_is_set_up_passes_and_no_address_is_shown() {
    let (world, dns) = sending("dkim_selectors = [\"google\"]");
    dns.add_txt("google._domainkey.example.com", KEY);
    let said = doctor(&world, &[]);
    said.passed();
    said.says("✓ example.com: one SPF record, it includes spf.mtasv.net");
    said.says("✓ example.com: DKIM key at selector pm");
    said.says("✓ example.com: DKIM key at selector google");
    said.says("✓ example.com: Return-Path pm-bounces.example.com leads to pm.mtasv.net, where receivers find one SPF record");
    said.says("✓ example.com: DMARC p=quarantine, at _dmarc.example.com");
    assert!(!said.text.contains("sender@"), "{}", said.text);
}

#[test]
fn spf_of_the_from_domain_fails_only_where_it_has_two_records() {
    let (world, dns) = sending("");
    // Mail of others: a mailbox provider's record, as most domains have one.
    dns.remove("example.com");
    dns.add_txt(
        "example.com",
        "v=spf1 a:192.0.2.10 include:gone.example.com -all",
    );
    let said = doctor(&world, &[]);
    said.passed();
    said.says("✓ example.com: one SPF record; it does not include spf.mtasv.net, and need not: Postmark's mail is checked at the Return-Path");
    dns.remove("example.com");
    let said = doctor(&world, &[]);
    said.passed();
    said.says("✓ example.com: no SPF record; Postmark's mail needs none here, it is checked at the Return-Path");
    dns.fail("example.com", Fault::ServFail);
    let said = doctor(&world, &[]);
    said.passed();
    said.says("! example.com: cannot look up SPF at example.com: the resolver reports a failure (SERVFAIL or similar); check the network and the resolver, or set `doctor.resolver`");
    dns.remove("example.com");
    dns.add_txt("example.com", "v=spf1 include:spf.mtasv.net ~all");
    dns.add_txt("example.com", "v=spf1 -all");
    failed(&world).says("✗ example.com: 2 SPF records, so receivers treat the domain's SPF as broken (permerror); merge them into one TXT record that starts with v=spf1");
}

#[test]
fn dkim_keys_are_looked_for_at_every_selector() {
    let (world, dns) = sending("dkim_selectors = [\"google\"]");
    failed(&world).says("✗ example.com: no DKIM key at selector google; publish it, or remove the selector from `doctor.dkim_selectors`");
    dns.add_txt("google._domainkey.example.com", "v=DKIM1; p=");
    failed(&world).says("✗ example.com: the DKIM key at selector google was revoked (p= is empty); publish the key again, and check which one signs");
    dns.remove("google._domainkey.example.com");
    dns.add_txt("google._domainkey.example.com", "hello");
    failed(&world).says("✗ example.com: the TXT record at google._domainkey.example.com is not a DKIM key; copy the record again from the service that signs");
    dns.remove("google._domainkey.example.com");
    dns.add_txt("google._domainkey.example.com", KEY);
    dns.remove("pm._domainkey.example.com");
    let said = doctor(&world, &[]);
    said.passed();
    said.says("! example.com: no DKIM key at selector pm; Postmark's newer keys have a date in theirs; add yours to `doctor.dkim_selectors`; Postmark shows it under Sender Signatures (<date>pm)");
}

#[test]
fn a_wildcard_for_unused_selectors_does_no_harm() {
    const DATED: &str = "20260101120000pm";
    let (world, dns) = sending(&format!("dkim_selectors = [\"{DATED}\"]"));
    dns.remove("pm._domainkey.example.com");
    dns.add_txt("*._domainkey.example.com", "v=DKIM1; p=");
    dns.add_txt(&format!("{DATED}._domainkey.example.com"), KEY);
    let said = doctor(&world, &[]);
    said.passed();
    said.says("✓ example.com: DKIM key at selector 20260101120000pm");
    said.lacks("! example.com: no DKIM key");
    let (world, dns) = sending("");
    dns.remove("pm._domainkey.example.com");
    dns.remove("pm-bounces.example.com");
    dns.set_cname("*.example.com", "example.com");
    let said = doctor(&world, &[]);
    said.passed();
    said.says("! example.com: no DKIM key at selector pm, where a wildcard record answers; Postmark's newer keys have a date in theirs; add yours to `doctor.dkim_selectors`; Postmark shows it under Sender Signatures (<date>pm)");
    said.says("! example.com: no Return-Path of its own at pm-bounces.example.com, where a wildcard record answers, so SPF does not align with the From domain; add a CNAME to pm.mtasv.net, or set `doctor.return_path`");
}

#[test]
fn the_return_path_must_lead_to_postmark() {
    let (mut world, dns) = sending("");
    dns.set_cname("pm-bounces.example.com", "bounces.example.org");
    failed(&world).says("✗ example.com: Return-Path pm-bounces.example.com leads to bounces.example.org, not to pm.mtasv.net; change the CNAME to pm.mtasv.net");
    dns.remove("pm-bounces.example.com");
    let said = doctor(&world, &[]);
    said.passed();
    said.says("! example.com: no Return-Path of its own at pm-bounces.example.com, so SPF does not align with the From domain; add a CNAME to pm.mtasv.net, or set `doctor.return_path`");
    dns.set_cname("pm-bounces.example.com", "customer.vendor.example.net");
    dns.set_cname("customer.vendor.example.net", "pm.mtasv.net");
    doctor(&world, &[]).says("✓ example.com: Return-Path pm-bounces.example.com leads to pm.mtasv.net, where receivers find one SPF record");
    dns.remove("pm.mtasv.net");
    failed(&world).says("✗ example.com: Return-Path pm-bounces.example.com leads to pm.mtasv.net, where receivers find 0 SPF records, not one; if others see one there (`dig TXT`), set `doctor.resolver`; else ask Postmark");
    dns.add_txt("pm.mtasv.net", "v=spf1 ip4:192.0.2.0/24 ~all");
    world.env("HUSHWATCH_DOCTOR__RETURN_PATH", "bounce");
    dns.set_cname("bounce.example.com", "PM.mtasv.net");
    doctor(&world, &[]).says("✓ example.com: Return-Path bounce.example.com leads to pm.mtasv.net, where receivers find one SPF record");
}

#[test]
fn dmarc_is_reported_with_its_policy_also_where_it_is_the_parents() {
    let (world, dns) = sending("");
    dns.remove("_dmarc.example.com");
    failed(&world).says("✗ example.com: no DMARC policy; start with the TXT record \"v=DMARC1; p=none; rua=mailto:…\" at _dmarc");
    dns.add_txt("_dmarc.example.com", "v=DMARC1; p=none");
    let said = doctor(&world, &[]);
    said.passed();
    said.says("! example.com: DMARC p=none, at _dmarc.example.com: mail that fails the check is delivered anyway; change it to p=quarantine once the reports show that all your mail passes");
    world.shop.set_sender("shop@mail.example.com");
    dns.remove("_dmarc.example.com");
    dns.add_txt("_dmarc.example.com", "v=DMARC1; p=reject");
    let said = doctor(&world, &[]);
    said.passed();
    said.says(
        "✓ mail.example.com: DMARC p=reject, inherited from _dmarc.example.com, which has no sp",
    );
    dns.add_txt("_dmarc.example.com", "v=DMARC1; p=none");
    failed(&world).says("✗ mail.example.com: several DMARC records at _dmarc.example.com, so receivers ignore them all; keep one of them");
    dns.remove("_dmarc.example.com");
    dns.add_txt("_dmarc.example.com", "v=DMARC1; p=maybe");
    failed(&world).says("✗ mail.example.com: the DMARC record at _dmarc.example.com has no policy that receivers know; set p (and sp and np, if they are there) to none, quarantine or reject");
}

#[test]
fn what_is_inherited_is_the_policy_of_subdomains_of_the_highest_domain() {
    let (world, dns) = sending("");
    world.shop.set_sender("shop@eu.mail.example.com");
    dns.remove("_dmarc.example.com");
    dns.add_txt("_dmarc.example.com", "v=DMARC1; p=reject; sp=none");
    // Nobody asks those between.
    dns.add_txt("_dmarc.mail.example.com", "v=DMARC1; p=reject; sp=reject");
    let said = doctor(&world, &[]);
    said.passed();
    said.says("! eu.mail.example.com: DMARC sp=none, inherited from _dmarc.example.com: mail that fails the check is delivered anyway; change it to sp=quarantine once the reports show that all your mail passes");
    dns.remove("_dmarc.example.com");
    dns.add_txt("_dmarc.example.com", "v=DMARC1; p=none; sp=reject");
    doctor(&world, &[])
        .says("✓ eu.mail.example.com: DMARC sp=reject, inherited from _dmarc.example.com");
    dns.remove("_dmarc.example.com");
    dns.add_txt("_dmarc.example.com", "v=DMARC1; p=none; psd=y");
    doctor(&world, &[])
        .says("✓ eu.mail.example.com: DMARC sp=reject, inherited from _dmarc.mail.example.com");
    dns.add_txt(
        "_dmarc.eu.mail.example.com",
        "v=DMARC1; p=quarantine; sp=none",
    );
    doctor(&world, &[])
        .says("✓ eu.mail.example.com: DMARC p=quarantine, at _dmarc.eu.mail.example.com");
    dns.remove("_dmarc.eu.mail.example.com");
    dns.add_txt("_dmarc.eu.mail.example.com", "v=DMARC1; p=reject; sp=all");
    failed(&world).says("✗ eu.mail.example.com: the DMARC record at _dmarc.eu.mail.example.com has no policy that receivers know; set p (and sp and np, if they are there) to none, quarantine or reject");
}

#[test]
fn a_resolver_that_does_not_say_is_distinguished_from_one_that_says_no() {
    let (mut world, dns) = sending("");
    dns.fail("_dmarc.example.com", Fault::ServFail);
    dns.fail("pm-bounces.example.com", Fault::Silent);
    let said = failed(&world);
    said.says("✗ example.com: cannot look up DMARC at _dmarc.example.com: the resolver reports a failure (SERVFAIL or similar); check the network and the resolver, or set `doctor.resolver`");
    said.says("✗ example.com: cannot look up Return-Path at pm-bounces.example.com: the resolver does not answer in time; check the network and the resolver, or set `doctor.resolver`");
    said.says("✓ example.com: one SPF record, it includes spf.mtasv.net");
    world.env("HUSHWATCH_DOCTOR__RESOLVER", "127.0.0.1:1");
    let said = failed(&world);
    said.says("✗ Cannot look up the DNS of example.com: the resolver does not answer in time; check the network and the resolver, or set `doctor.resolver`");
    said.lacks("✗ example.com: ");
}

#[test]
fn where_nobody_sends_no_domain_is_looked_at() {
    let world = world("");
    let said = doctor(&world, &[]);
    said.passed();
    said.says("! No sending domain is known yet, so no DNS was checked; run `hushwatch doctor` again once mail was sent and can be read");
}
