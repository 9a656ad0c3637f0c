//! The line of `doctor` on a heartbeat of healthchecks.

use hushwatch::sim::healthchecks::{CHECK, Healthchecks};

use super::{doctor, world};

#[test]
fn healthchecks_is_tried_by_a_line_in_the_log_of_its_check() {
    let healthchecks = Healthchecks::start().expect("a simulation");
    let mut world = world("");
    world.env("HUSHWATCH_HEARTBEAT__URL", &healthchecks.url());
    healthchecks.take_post_only();
    doctor(&world, &[]).says("✓ Heartbeat set up, and its check of healthchecks took a line for its log (nothing was pinged)");
    let pings = healthchecks.take();
    assert_eq!(pings.len(), 1, "{pings:?}");
    assert_eq!(pings[0].action, "log");
    assert_eq!(
        pings[0].body,
        "hushwatch doctor: a test, nothing was pinged"
    );

    let gone = healthchecks
        .url()
        .replace(CHECK, "5bf66975-d4c7-4bf5-bcc8-000000000000");
    world.env("HUSHWATCH_HEARTBEAT__URL", &gone);
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ Heartbeat set up, but no ping would arrive; healthchecks has no check of this URL; copy the check's own into `heartbeat.url`");
}

#[test]
fn a_slug_is_not_created_by_a_test() {
    let healthchecks = Healthchecks::start().expect("a simulation");
    let mut world = world("");
    world.env("HUSHWATCH_HEARTBEAT__URL", &healthchecks.slug_url("mail"));
    for _ in 0..2 {
        doctor(&world, &[]).says("! Heartbeat set up, but healthchecks has no check of this slug yet; the first cycle creates it, unless the ping key is wrong; then set its period there to that of `schedule`");
    }
    healthchecks.add_slug("mail");
    doctor(&world, &[]).line("✓ Heartbeat set up, and its check of healthchecks");
}

#[test]
fn a_webhook_of_slack_is_no_heartbeat() {
    let mut world = world("");
    let url = "https://hooks.slack.com/services/T0EXAMPLE/B0EXAMPLE/canary";
    world.env("HUSHWATCH_HEARTBEAT__URL", url);
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ Configuration: HUSHWATCH_HEARTBEAT__URL: holds a Slack webhook URL; remove it there, and set SLACK_WEBHOOK_URL");
    assert!(!said.text.contains("canary"), "{}", said.text);
}

#[test]
fn the_address_of_a_signal_is_no_heartbeat() {
    let healthchecks = Healthchecks::start().expect("a simulation");
    let mut world = world("");
    let url = format!("{}/start", healthchecks.url());
    world.env("HUSHWATCH_HEARTBEAT__URL", &url);
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ Configuration: HUSHWATCH_HEARTBEAT__URL: `heartbeat.url` ends with an action of healthchecks, such as /start; write the address of the check itself, or `heartbeat.kind` = \"plain\" if it is none of healthchecks");
    assert!(!said.text.contains(&url), "{}", said.text);
}
