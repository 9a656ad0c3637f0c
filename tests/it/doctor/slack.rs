//! Slack: the credential, its scopes, its channel; the webhook; and the test message.

use hushwatch::sim::slack::{CHANNEL, Fault};
use hushwatch::sim::{self, Plan};

use super::{doctor, world};
use crate::world::{World, without_times};

const TEST_MESSAGE: [&str; 3] = [
    "hushwatch doctor: a test message",
    "Alerts and digests will arrive here.",
    "sent <time> UTC",
];

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
    said.says("✓ Slack bot token valid team=Example bot=hushwatch");
    said.says("✓ The Slack app may post, and look up what it posted");
    said.says("✓ Slack channel C0OPERATORS (#operators) can be posted to");
    said.passed();
    assert!(world.slack.messages().is_empty());
}

#[test]
fn a_bot_that_is_refused_is_reported_with_the_remedy() {
    let mut world = world("");
    world.env("SLACK_BOT_TOKEN", "xoxb-wrong-canary");
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ Slack bot token refused — `invalid_auth`; check SLACK_BOT_TOKEN: copy the bot token (xoxb-…) of the installed app again");
    said.hides("canary");
    world.env("HUSHWATCH_SLACK__BASE_URL", "http://127.0.0.1:1");
    doctor(&world, &[]).says("✗ Network error — Slack: cannot reach Slack: error sending request: client error (Connect): tcp connect error: Connection refused (os error 111); check the network, the proxy if there is one, and that ca-certificates are installed");
}

#[test]
fn scopes_are_looked_at() {
    let world = world("");
    world.slack.show_history(false);
    doctor(&world, &[]).says("! The Slack app may post, but not look up whether a message arrived, so a message may be sent twice; give it the scope that fits the channel: channels:history, groups:history, im:history");
    world.slack.allow_posts(false);
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ The Slack app may not post: chat:write is missing; give the app the scope chat:write and install it again");
}

#[test]
fn a_channel_is_looked_up() {
    let mut world = world("");
    world.slack.show_channels(false);
    doctor(&world, &[]).says("! Slack channel C0OPERATORS cannot be looked up: `missing_scope`; give the app the scope channels:read and install it again; `doctor --send-test` shows whether it can be posted to");
    world.slack.show_channels(true);
    world.slack.leave_channel(CHANNEL);
    doctor(&world, &[]).says("✗ The Slack app is not in channel C0OPERATORS; invite the app to the channel with /invite @bot");
    world.slack.archive_channel(CHANNEL);
    doctor(&world, &[])
        .says("✗ Slack channel C0OPERATORS is archived; unarchive the channel or choose another");
    world.env("SLACK_OPERATOR_DM_CHANNEL", "C0NOWHERE");
    doctor(&world, &[]).says("✗ Slack channel C0NOWHERE refused — `channel_not_found`; check the channel's id; invite the app with /invite @bot if the channel is private");
    world.env("SLACK_OPERATOR_DM_CHANNEL", "#operators");
    doctor(&world, &[]).says("! Slack channel #operators is a name or a person, which hushwatch cannot look up; `doctor --send-test` shows whether it can be posted to");
}

#[test]
fn who_is_mentioned_is_looked_up() {
    let file = "[slack]\nwake_mention = \"U0AMYEXAMPLE\"\n";
    let mut world = world(file);
    let missing = "✗ slack.wake_mention mentions nobody: Slack has no user U0AMYEXAMPLE; correct the id, or write \"here\"";
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says(missing);
    world.slack.show_users(false);
    let said = doctor(&world, &[]);
    said.says("! slack.wake_mention was not checked, Slack does not show the user: `missing_scope`; give the app the scope users:read and install it again");
    said.passed();
    world.slack.show_users(true);
    world.slack.add_user("U0AMYEXAMPLE", "Amy");
    let said = doctor(&world, &[]);
    said.says("✓ Slack knows the user U0AMYEXAMPLE (slack.wake_mention)");
    said.passed();
    world.slack.deactivate_user("U0AMYEXAMPLE");
    doctor(&world, &[]).says("✗ slack.wake_mention mentions nobody: the user U0AMYEXAMPLE is deactivated; correct the id, or write \"here\"");

    world.env("HUSHWATCH_SLACK__WAKE_MENTION", "S0ONCALLS");
    doctor(&world, &[]).says("✗ slack.wake_mention mentions nobody: Slack has no user group S0ONCALLS; correct the id, or write \"here\"");
    world.slack.show_groups(false);
    let said = doctor(&world, &[]);
    said.says("! slack.wake_mention was not checked, Slack does not show the user group: `missing_scope`; give the app the scope usergroups:read and install it again");
    said.passed();
    world.slack.show_groups(true);
    world.slack.set_group("S0ONCALLS", false);
    doctor(&world, &[]).says("✗ slack.wake_mention mentions nobody: the user group S0ONCALLS is disabled; correct the id, or write \"here\"");
    world.slack.set_group("S0ONCALLS", true);
    let said = doctor(&world, &[]);
    said.says("✓ Slack knows the user group S0ONCALLS (slack.wake_mention)");
    said.passed();
    world.env("HUSHWATCH_SLACK__WAKE_MENTION", "here");
    doctor(&world, &[]).passed();
    assert!(world.slack.messages().is_empty(), "nothing is posted");
}

#[test]
fn a_webhook_is_tried_without_posting() {
    let mut world = by_webhook();
    let said = doctor(&world, &[]);
    said.says("✓ Slack webhook alive (nothing was posted)");
    said.passed();
    assert!(world.slack.messages().is_empty());
    let gone = world
        .slack
        .webhook_url()
        .replace("simulated-secret", "canary");
    world.env("SLACK_WEBHOOK_URL", &gone);
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ Slack webhook refused — `no_service`; create the webhook again and set SLACK_WEBHOOK_URL to its URL");
    said.hides("canary");
    world.env("SLACK_WEBHOOK_URL", "http://127.0.0.1:1/services/canary");
    let said = doctor(&world, &[]);
    said.says("✗ Network error — Slack: cannot reach Slack: error sending request: client error (Connect): tcp connect error: Connection refused (os error 111); check the network, the proxy if there is one, and that ca-certificates are installed");
    said.hides("canary");
    world.env("SLACK_WEBHOOK_URL", &world.slack.webhook_url());
    world.slack.always(sim::Fault::Hang);
    doctor(&world, &[])
        .says("✗ Network error — Slack: Slack does not answer in time; check the network");
    world.slack.clear_faults();
    world.slack.always(sim::Fault::Empty);
    doctor(&world, &[]).says("✓ Slack webhook alive (nothing was posted)");
    world.slack.clear_faults();
    world.slack.always(sim::Fault::Html(200));
    doctor(&world, &[]).says("✗ Slack webhook refused — cannot post to Slack: a web page answered instead of Slack; check the address, and the proxy if there is one");
    world.slack.clear_faults();
    world.slack.always(sim::Fault::Status(500));
    doctor(&world, &[]).says(
        "✗ Slack is in trouble or asks to wait, try again in some minutes — HTTP status 500: `server_error`; Slack has a temporary fault",
    );
}

#[test]
fn without_slack_there_is_one_line() {
    let mut world = world("");
    world.env("SLACK_BOT_TOKEN", "");
    let said = doctor(&world, &[]);
    said.says("! No Slack: messages are printed only; set SLACK_WEBHOOK_URL, or SLACK_BOT_TOKEN and SLACK_OPERATOR_DM_CHANNEL");
    said.lacks("! NO SLACK");
    said.passed();
    let said = doctor(&world, &["--send-test"]);
    said.says("✓ Test message printed");
    let printed: Vec<String> = said.text.lines().take(3).map(without_times).collect();
    assert_eq!(printed, TEST_MESSAGE);
}

#[test]
fn a_test_message_is_sent_only_when_it_is_asked_for() {
    let world = world("");
    let said = doctor(&world, &["--send-test"]);
    said.says("✓ Test message sent to C0OPERATORS");
    let got = world.slack.messages();
    assert_eq!(got.len(), 1);
    let lines: Vec<String> = got[0].plain.lines().map(without_times).collect();
    assert_eq!(lines, TEST_MESSAGE);
    world.slack.allow_posts(false);
    let said = doctor(&world, &["--send-test"]);
    said.says("✗ Test message not sent to C0OPERATORS — cannot post to Slack: `missing_scope` (chat:write); give the app the scope chat:write and install it again");
    let webhook = by_webhook();
    doctor(&webhook, &["--send-test"]).says("✓ Test message sent");
    assert_eq!(webhook.slack.messages().len(), 1);
}

/// Slack names the scope in most answers, not in all.
#[test]
fn a_scope_that_slack_does_not_name_is_that_of_the_method() {
    let world = world("[slack]\nwake_mention = \"U0AMYEXAMPLE\"\n");
    for code in ["missing_scope", "no_permission"] {
        for method in ["users.info", "conversations.info"] {
            let refusal = Plan::always(Fault::slack_error(code));
            world.slack.fail(refusal.on(method));
        }
        let said = doctor(&world, &[]);
        said.says(&format!("! slack.wake_mention was not checked, Slack does not show the user: `{code}`; give the app the scope users:read and install it again"));
        let scopes =
            "channels:read (groups:read for a private channel, im:read for a direct message)";
        match code {
            "missing_scope" => said.says(&format!("! Slack channel C0OPERATORS cannot be looked up: `{code}`; give the app the scope {scopes} and install it again; `doctor --send-test` shows whether it can be posted to")),
            _ => said.says(&format!("✗ Slack channel C0OPERATORS refused — `{code}`; invite the app to the channel with /invite @bot; if it is there, give it the scope {scopes} and install it again")),
        }
        world.slack.clear_faults();
    }
}

#[test]
fn whom_the_app_cannot_see_and_what_the_plan_lacks_is_told_in_words() {
    let mut world = world("[slack]\nwake_mention = \"U0AMYEXAMPLE\"\n");
    let hidden = Plan::always(Fault::slack_error("user_not_visible"));
    world.slack.fail(hidden.on("users.info"));
    let said = doctor(&world, &[]);
    said.says("! slack.wake_mention may mention nobody: the Slack app cannot see the user U0AMYEXAMPLE, as one of another workspace; name a member of the app's own workspace, or write \"here\"");
    said.passed();
    world.env("HUSHWATCH_SLACK__WAKE_MENTION", "S0ONCALLS");
    let none = Plan::always(Fault::slack_error("plan_upgrade_required"));
    world.slack.fail(none.on("usergroups.list"));
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ slack.wake_mention mentions nobody: the plan of this Slack workspace has no user groups, so there is no S0ONCALLS; name a user, or write \"here\"");
}

#[test]
fn slack_is_asked_whether_it_takes_each_kind_of_message() {
    let world = world("");
    assert_eq!(world.slack.count("blocks.validate"), 0);
    doctor(&world, &[]).passed();
    assert_eq!(world.slack.count("blocks.validate"), 0, "only if wanted");
    let said = doctor(&world, &["--online"]);
    if cfg!(feature = "doctor") {
        let asked = world.slack.count("blocks.validate");
        assert!(asked > 15, "{asked}");
        said.says(&format!(
            "✓ Slack takes the layout of each of {asked} kinds of message"
        ));
        let refusal = Plan::next(1, Fault::slack_error("invalid_blocks"));
        world.slack.fail(refusal.on("blocks.validate"));
        let said = doctor(&world, &["--online"]);
        assert_eq!(said.code, 1);
        let remedy = "; it is resent as plain text; report this as a fault of hushwatch";
        said.has("✗ Slack would refuse a message of the kind ", &[remedy]);
        world.slack.clear_faults();
        let none = Plan::always(Fault::slack_error("unknown_method"));
        world.slack.fail(none.on("blocks.validate"));
        let said = doctor(&world, &["--online"]);
        said.has(
            "✓ Slack was not asked about the layout of messages: `unknown_method`",
            &["; "],
        );
        said.passed();
    }
    assert!(world.slack.messages().is_empty(), "nothing is posted");
}
