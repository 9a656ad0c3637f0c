//! The whole output of `doctor`, as a person reads it.

use hushwatch::clock;
use hushwatch::model::{HOUR, Span};
use hushwatch::sim::dns::{Dns, Fault};
use hushwatch::sim::postmark::Profile;
use hushwatch::sim::slack::CHANNEL;

use super::domains::KEY;
use super::world;
use crate::world::{World, without_times};

/// A world before its first check in which all is well; its disk is a dyno's, since other disks differ between machines.
fn healthy() -> (World, Dns) {
    let mut world = world("");
    world.env("HUSHWATCH_DATABASE_URL", "");
    world.env("DYNO", "worker.1");
    world.env("HUSHWATCH_HEARTBEAT__URL", &world.slack.heartbeat_url());
    let now = clock::now();
    let profile = Profile::constant(5.0).without_bounces();
    let span = Span::new(now - 24 * HOUR, now);
    world.shop.generate("outbound", span, &profile);
    let dns = Dns::start().expect("a resolver");
    dns.add_txt("example.com", "v=spf1 include:spf.mtasv.net ~all");
    dns.add_txt("pm._domainkey.example.com", KEY);
    dns.set_cname("pm-bounces.example.com", "pm.mtasv.net");
    dns.add_txt("pm.mtasv.net", "v=spf1 ip4:192.0.2.0/24 ~all");
    dns.add_txt("_dmarc.example.com", "v=DMARC1; p=quarantine");
    world.env("HUSHWATCH_DOCTOR__RESOLVER", &dns.address());
    (world, dns)
}

/// What `doctor` shows, with a placeholder for each time of today's clock.
fn shown(world: &World, more: &[&str]) -> String {
    let text = world.transcript(&[&["doctor"], more].concat());
    let lines: Vec<String> = text.lines().map(without_times).collect();
    lines.join("\n")
}

#[test]
fn all_is_well() {
    let (world, _dns) = healthy();
    insta::assert_snapshot!("doctor_healthy", shown(&world, &[]));
}

#[test]
fn much_is_wrong() {
    let (mut world, dns) = healthy();
    world.env("HUSHWATCH_HEARTBEAT__URL", "");
    world.env("HUSHWATCH_SCHEDULE", "0 0 */6 * * *");
    world.env("HUSHWATCH_TIME_ZONE", "Europe/Berlin");
    world.env("SLACK_OPERATOR_DM_CHANNEL", "C0NOWHERE");
    world.slack.show_history(false);
    let notice = Some("Delayed webhooks");
    world.postmark.set_status("degraded", notice);
    dns.remove("pm-bounces.example.com");
    dns.remove("_dmarc.example.com");
    dns.add_txt("example.com", "v=spf1 -all");
    dns.fail("pm._domainkey.example.com", Fault::ServFail);
    world.env("HUSHWATCH_DOCTOR__SMTP", "127.0.0.1:1");
    let path = world.folder.path().join("hushwatch.db");
    let foreign = b"not a database, but longer than the header of one would be, by far";
    std::fs::write(path, foreign).expect("written");
    insta::assert_snapshot!("doctor_with_failures", shown(&world, &[]));
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    world.env("SLACK_BOT_TOKEN", "xoxb-wrong");
    insta::assert_snapshot!("doctor_with_tokens_refused", shown(&world, &[]));
}

#[test]
fn a_test_message_is_sent_or_not() {
    let (mut world, _dns) = healthy();
    let sent = shown(&world, &["--send-test"]);
    insta::assert_snapshot!("doctor_send_test", sent);
    let messages = world.slack.take();
    assert_eq!(messages.len(), 1);
    let lines: Vec<String> = messages[0].plain.lines().map(without_times).collect();
    insta::assert_snapshot!("test_message", lines.join("\n"));
    world.slack.leave_channel(CHANNEL);
    world.slack.allow_posts(false);
    let refused = shown(&world, &["--send-test"]);
    insta::assert_snapshot!("doctor_send_test_refused", refused);
    world.env("SLACK_BOT_TOKEN", "");
    let printed = shown(&world, &["--send-test"]);
    insta::assert_snapshot!("doctor_send_test_printed", printed);
}

#[test]
fn what_was_stored_and_is_muted() {
    let (mut world, _dns) = healthy();
    let ended = world.cycle(clock::now());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for scope in [&[][..], &["--server", "shop", "--rule", "bounce_rate"]] {
        let mute = [
            "mute",
            "--for",
            "2h",
            "--by",
            "ops",
            "--reason",
            "new relay",
        ];
        assert_eq!(world.run(&[&mute, scope].concat()).code, 0);
    }
    let text = shown(&world, &[]);
    let stored: Vec<&str> = text
        .lines()
        .filter(|line| {
            line.contains("cycle") || line.contains("muted") || line.contains("Database")
        })
        .collect();
    insta::assert_snapshot!("doctor_stored_and_muted", stored.join("\n"));
}

#[test]
fn a_configuration_that_is_not_understood() {
    let (world, _dns) = healthy();
    let broken = "schedule = \"0 0 0 30 2 *\"\ntime_zone = \"Europe/Atlantis\"\n[doctor]\nresolver = \"dns.example.com\"";
    std::fs::write(world.folder.path().join("monitor.toml"), broken).expect("written");
    insta::assert_snapshot!("doctor_misconfigured", shown(&world, &[]));
}
