//! Slack: the credential, its scopes, its channel; the webhook; and the test message.

use hushwatch::sim::Fault;
use hushwatch::sim::slack::CHANNEL;

use super::{doctor, world};
use crate::world::World;

fn by_webhook() -> World {
    let mut world = world("");
    world.env("SLACK_BOT_TOKEN", "");
    world.env("SLACK_OPERATOR_DM_CHANNEL", "");
    world.env("SLACK_WEBHOOK_URL", &world.slack.webhook_url());
    world
}

#[test]
fn a_bot_that_may_post_passes() {
    let world = world("");
    let said = doctor(&world, &[]);
    said.has(
        "✓ Slack bot token valid",
        &["team=Example", "bot=hushwatch"],
    );
    said.has("✓ The Slack app may post, and look up", &[]);
    said.has("✓ Slack channel", &[CHANNEL, "#operators"]);
    said.passed();
    assert!(world.slack.messages().is_empty());
}

#[test]
fn a_bot_that_is_refused_is_told_with_the_remedy() {
    let mut world = world("");
    world.env("SLACK_BOT_TOKEN", "xoxb-wrong-canary");
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.has(
        "✗ Slack bot token refused — `invalid_auth`",
        &["SLACK_BOT_TOKEN"],
    );
    assert!(!format!("{}{}", said.text, said.stderr).contains("canary"));
    world.env("HUSHWATCH_SLACK__BASE_URL", "http://127.0.0.1:1");
    doctor(&world, &[]).has("✗ Network error — Slack: ", &[]);
}

#[test]
fn scopes_are_looked_at() {
    let world = world("");
    world.slack.show_history(false);
    doctor(&world, &[]).has(
        "! The Slack app may post, but not look up",
        &["channels:history"],
    );
    world.slack.allow_posts(false);
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.has("✗ The Slack app may not post", &["chat:write"]);
}

#[test]
fn a_channel_is_looked_up() {
    let mut world = world("");
    world.slack.show_channels(false);
    doctor(&world, &[]).has("! Slack channel", &["channels:read", "--send-test"]);
    world.slack.show_channels(true);
    world.slack.leave_channel(CHANNEL);
    doctor(&world, &[]).has("✗ The Slack app is not in channel", &["/invite"]);
    world.slack.archive_channel(CHANNEL);
    doctor(&world, &[]).has("✗ Slack channel", &["is archived"]);
    world.env("SLACK_OPERATOR_DM_CHANNEL", "C0NOWHERE");
    doctor(&world, &[]).has("✗ Slack channel C0NOWHERE refused", &["channel_not_found"]);
    world.env("SLACK_OPERATOR_DM_CHANNEL", "#operators");
    doctor(&world, &[]).has(
        "! Slack channel #operators is a name or a person",
        &["--send-test"],
    );
}

#[test]
fn a_webhook_is_tried_without_posting() {
    let mut world = by_webhook();
    let said = doctor(&world, &[]);
    said.has("✓ Slack webhook alive", &[]);
    said.passed();
    assert!(world.slack.messages().is_empty());
    let gone = world
        .slack
        .webhook_url()
        .replace("simulated-secret", "canary");
    world.env("SLACK_WEBHOOK_URL", &gone);
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.has(
        "✗ Slack webhook refused — `no_service`",
        &["create the webhook again"],
    );
    assert!(!format!("{}{}", said.text, said.stderr).contains("canary"));
    world.env("SLACK_WEBHOOK_URL", "http://127.0.0.1:1/services/canary");
    let said = doctor(&world, &[]);
    said.has("✗ Network error — Slack: ", &[]);
    assert!(!format!("{}{}", said.text, said.stderr).contains("canary"));
    world.env("SLACK_WEBHOOK_URL", &world.slack.webhook_url());
    world.slack.always(Fault::Hang);
    doctor(&world, &[]).has("✗ Network error — Slack: ", &["in time"]);
    world.slack.clear_faults();
    world.slack.always(Fault::Empty);
    doctor(&world, &[]).has("✓ Slack webhook alive", &[]);
    world.slack.clear_faults();
    world.slack.always(Fault::Html(200));
    doctor(&world, &[]).has("✗ Slack webhook refused — HTTP status 200", &[]);
}

#[test]
fn without_slack_there_is_one_line() {
    let mut world = world("");
    world.env("SLACK_BOT_TOKEN", "");
    let said = doctor(&world, &[]);
    said.has(
        "! No Slack: messages are printed only",
        &["SLACK_WEBHOOK_URL"],
    );
    said.lacks("! NO SLACK");
    said.passed();
    let said = doctor(&world, &["--send-test"]);
    said.has("✓ Test message sent", &[]);
    assert!(
        said.text.contains("hushwatch doctor: a test message"),
        "{}",
        said.text
    );
}

#[test]
fn a_test_message_is_sent_only_when_it_is_asked_for() {
    let world = world("");
    let said = doctor(&world, &["--send-test"]);
    said.has("✓ Test message sent to", &[CHANNEL]);
    let got = world.slack.messages();
    assert_eq!(got.len(), 1);
    assert!(got[0].plain.contains("a test message"), "{}", got[0].plain);
    world.slack.allow_posts(false);
    let said = doctor(&world, &["--send-test"]);
    said.has("✗ Test message not sent to", &["missing_scope"]);
    let webhook = by_webhook();
    doctor(&webhook, &["--send-test"]).has("✓ Test message sent", &[]);
    assert_eq!(webhook.slack.messages().len(), 1);
}
