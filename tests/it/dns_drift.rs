//! The DNS of the domains that send, from the resolver to Slack.

use hushwatch::model::{DAY, HOUR, Span, Timestamp};
use hushwatch::sim::dns::{Dns, Fault};
use hushwatch::sim::postmark::Profile;
use hushwatch::sim::{self, Plan};

use crate::world::{Process, World, at, both};

const START: &str = "2026-03-02T05:00:00Z";
const KEY: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const OTHER_KEY: &str = "v=DKIM1; k=ed25519; p=PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";
const DKIM: &str = "pm._domainkey.example.com";
const PATH: &str = "pm-bounces.example.com";
const DMARC: &str = "_dmarc.example.com";

both! {
    a_key_that_is_gone_is_reported_once_and_its_return_too
}

fn hour(n: u32) -> Timestamp {
    at(START) + HOUR * n
}

/// A world whose mail comes from `example.com`, and its DNS, in which all is well.
fn world(process: Process) -> (World, Dns) {
    let mut world = World::new(process, "[rules.dns_drift]\nenabled = true\n");
    let span = Span::new(hour(0) - 3 * DAY, hour(0) + 5 * DAY);
    let profile = Profile::constant(3.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    let dns = Dns::start().expect("a resolver");
    dns.add_txt(DKIM, KEY);
    dns.set_cname(PATH, "pm.mtasv.net");
    dns.add_txt(DMARC, "v=DMARC1; p=quarantine");
    world.env("HUSHWATCH_DOCTOR__RESOLVER", &dns.address());
    (world, dns)
}

/// The steps of each hour that has any.
fn hours(world: &mut World, from: u32, until: u32) -> Vec<(u32, Vec<String>)> {
    let cycle = |hour_of: u32| {
        let cycle = world.cycle(hour(hour_of));
        assert_eq!(cycle.code, 0, "{}", cycle.stderr);
        (hour_of, cycle.steps())
    };
    let all = (from..until).map(cycle);
    all.filter(|(_, steps)| !steps.is_empty()).collect()
}

fn step(hour: u32, step: &str) -> Vec<(u32, Vec<String>)> {
    vec![(hour, vec![format!("dns_drift {step}")])]
}

/// What was posted since the last call, whole.
fn said(world: &World) -> String {
    let posted = world.slack.take();
    let texts: Vec<String> = posted.iter().map(|p| p.plain.clone()).collect();
    texts.join("\n\n")
}

fn a_key_that_is_gone_is_reported_once_and_its_return_too(process: Process) {
    let (mut world, dns) = world(process);
    // It is looked up six hours after the first start, and once a day from then on.
    assert_eq!(hours(&mut world, 0, 8), []);
    dns.remove(DKIM);
    world.set_aside("a digest");
    // The first answer may be a zone that is loaded anew.
    assert_eq!(hours(&mut world, 8, 32), step(31, "opened"));
    dns.add_txt(DKIM, KEY);
    assert_eq!(hours(&mut world, 32, 34), step(32, "resolved"));
    insta::assert_snapshot!("dns_key_gone", said(&world));
    assert_eq!(
        world.postmark.count("count=50&"),
        4,
        "two streams, two days"
    );
}

#[test]
fn the_account_says_at_which_selector_a_key_is_and_where_the_return_path() {
    let (mut world, dns) = world(Process::One);
    let token = "account-token-that-nobody-may-see";
    world.env("POSTMARK_ACCOUNT_TOKEN", token);
    world.postmark.set_account_token(token);
    let (dated, path) = ("20260101120000pm", "bounces.example.com");
    world
        .postmark
        .set_domain("example.net", ["20250101120000pm", ""], "");
    world.postmark.set_domain("example.com", [dated, ""], path);
    let key = |selector: &str| format!("{selector}._domainkey.example.com");
    dns.remove(DKIM);
    dns.remove(PATH);
    dns.add_txt(&key(dated), KEY);
    dns.set_cname(path, "pm.mtasv.net");
    assert_eq!(hours(&mut world, 0, 8), []);
    assert_eq!(
        world.postmark.count("/domains"),
        2,
        "the list, and the domain that sends"
    );
    dns.remove(&key(dated));
    world.set_aside("a digest");
    assert_eq!(hours(&mut world, 8, 32), step(31, "opened"));
    let text = said(&world);
    let title = "🟠 WARN DNS of example.com: the DKIM key at selector 20260101120000pm is gone";
    assert!(text.contains(title), "{text}");
    // A new key takes the place of the old one.
    let new = "20260301120000pm";
    world.postmark.set_domain("example.com", [new, ""], path);
    dns.add_txt(&key(new), OTHER_KEY);
    assert_eq!(hours(&mut world, 32, 34), step(32, "resolved"));

    // Where the account does not answer, nobody knows where the Return-Path is, and the keys are where they were.
    let down = Plan::always(sim::Fault::Status(503));
    world.postmark.fail(down.on("/domains"));
    assert_eq!(hours(&mut world, 34, 60), []);
    world.postmark.clear_faults();
    dns.remove(path);
    assert_eq!(hours(&mut world, 60, 63), step(61, "opened"));
    let text = said(&world);
    let title = "🟠 WARN DNS of example.com: the Return-Path bounces.example.com has no CNAME to pm.mtasv.net";
    assert!(text.contains(title), "{text}");
}

#[test]
fn trouble_of_the_resolver_is_no_change() {
    let (mut world, dns) = world(Process::One);
    assert_eq!(hours(&mut world, 0, 8), []);
    for name in [DKIM, PATH, DMARC] {
        dns.fail(name, Fault::ServFail);
    }
    assert_eq!(hours(&mut world, 8, 34), []);
    for name in [DKIM, PATH, DMARC] {
        dns.fail(name, Fault::Truncated);
    }
    assert_eq!(hours(&mut world, 34, 36), []);
    // Where one record is answered and the others are not, that one is judged.
    dns.remove(DMARC);
    assert_eq!(hours(&mut world, 36, 39), step(37, "opened"));
    dns.add_txt(DMARC, "v=DMARC1; p=quarantine");
    // The last answers of the others were good.
    assert_eq!(hours(&mut world, 39, 41), step(39, "resolved"));
    assert_eq!(
        world.alerts(),
        [
            "🟠 WARN DNS of example.com: the DMARC policy is gone",
            "✅ RESOLVED DNS of example.com: its mail records are good again",
        ]
    );
}

#[test]
fn a_wildcard_is_no_record_and_harms_none() {
    let (mut world, dns) = world(Process::One);
    dns.add_txt("*._domainkey.example.com", "v=DKIM1; p=");
    assert_eq!(hours(&mut world, 0, 31), []);
    dns.remove(DKIM);
    assert_eq!(hours(&mut world, 31, 57), step(55, "opened"));
    let said = said(&world);
    let title = "🟠 WARN DNS of example.com: the DKIM key at selector pm is gone, and a wildcard record answers in its place";
    assert!(said.contains(title), "{said}");
}

#[test]
fn a_policy_that_falls_to_none_is_reported_and_may_be_accepted() {
    let (mut world, dns) = world(Process::One);
    hours(&mut world, 0, 8);
    dns.remove(DMARC);
    dns.add_txt(DMARC, "v=DMARC1; p=none");
    world.set_aside("a digest");
    assert_eq!(hours(&mut world, 8, 32), step(31, "opened"));
    let text = said(&world);
    let title = "🟠 WARN DNS of example.com: the DMARC policy fell from quarantine to none";
    assert!(text.contains(title), "{text}");
    let (_, command) = text.split_once("hushwatch incident ").expect("a command");
    let id = &command[..8];
    let now = hour(32).to_string();
    let closed = world.run(&["incident", id, "--close", "--now", &now]);
    assert_eq!(closed.code, 0, "{}", closed.stderr);
    assert_eq!(hours(&mut world, 33, 90), [], "it is what counts as good");
    let closed = "☑ CLOSED DNS of example.com: broken mail records, closed by unknown";
    assert_eq!(world.alerts(), [closed]);
    dns.remove(DMARC);
    assert_eq!(hours(&mut world, 90, 116), step(104, "opened"));
    let gone = "🟠 WARN DNS of example.com: the DMARC policy is gone";
    assert_eq!(world.alerts(), [gone], "from none to nothing");
}

#[test]
fn another_key_and_a_stricter_policy_are_told_by_the_digest_alone() {
    let (mut world, dns) = world(Process::One);
    hours(&mut world, 0, 8);
    dns.remove(DKIM);
    dns.add_txt(DKIM, OTHER_KEY);
    dns.remove(DMARC);
    dns.add_txt(DMARC, "v=DMARC1; p=reject");
    world.set_aside("a digest");
    assert_eq!(hours(&mut world, 8, 53), []);
    insta::assert_snapshot!("dns_changed", said(&world));
}

#[test]
fn what_never_was_good_is_no_drift_and_what_no_longer_sends_is_not_watched() {
    let (mut world, dns) = world(Process::One);
    dns.remove(DKIM);
    dns.remove(PATH);
    assert_eq!(hours(&mut world, 0, 33), []);
    dns.remove(DMARC);
    assert_eq!(hours(&mut world, 33, 57), step(55, "opened"));
    world.shop.set_sender("shop@example.net");
    let steps = hours(&mut world, 57, 57 + 8 * 24);
    let mut steps = steps.into_iter().flat_map(|(_, steps)| steps);
    let last = steps.rfind(|step| step.starts_with("dns_drift"));
    assert_eq!(last.as_deref(), Some("dns_drift resolved"));
    let alerts = world.alerts();
    let end = "☑ CLOSED DNS of example.com: no longer watched, no mail of this domain was seen for a week";
    assert!(alerts.iter().any(|line| line == end), "{alerts:#?}");
}
