//! Whether Slack would take a message: the credential, its scopes, each channel, and whom a wake mentions.

use std::collections::BTreeSet;

use crate::commands::doctor::DoctorArgs;
use crate::commands::doctor::check::Check;
use crate::commands::doctor::format_instant;
use crate::commands::doctor::slack_mentions;
use crate::config::{Config, SlackSink};
use crate::cycle::deliver::notifier::{Form, is_conversation_id};
use crate::cycle::digest::shows_pictures;
use crate::cycle::stored_message::to_unstored_row;
use crate::cycle::{Context, Notifier};
use crate::model::Timestamp;
use crate::notify::Message;
use crate::notify::notice::{test_message, wake_test_message};
use crate::notify::routing::Route;
use crate::slack::{Error, Identity, RetryClass, Slack};

/// Scopes by which a message whose fate is unknown is looked up, of each kind of conversation.
const HISTORY: [&str; 3] = ["channels:history", "groups:history", "im:history"];
/// The scope by which the emoji below a message are read.
const ANSWERS: &str = "reactions:read";
/// The remedy for a channel that cannot be looked up.
const TEST_CHANNEL: &str = "`doctor --send-test` shows whether it can be posted to";

/// Asks Slack; with `--send-test`, posts one message to each destination, and one that wakes where that goes elsewhere or mentions
/// somebody; with `--online`, asks whether it takes each kind of message.
pub(crate) async fn checks(app: &Context, args: &DoctorArgs, at: Timestamp) -> Vec<Check> {
    let (channels, wakes) = (channels(app), wakes(app));
    let all: BTreeSet<String> = wakes.iter().map(|(channel, _)| channel.clone()).collect();
    let all = &all | &channels;
    let mut checks = match &app.notifier {
        Notifier::Writer(_) => vec![Check::warn(
            "slack",
            "No Slack: messages are printed only",
            "set SLACK_WEBHOOK_URL, or SLACK_BOT_TOKEN and SLACK_OPERATOR_DM_CHANNEL",
        )],
        Notifier::Slack {
            slack,
            channel: None,
        } => vec![webhook(slack).await],
        Notifier::Slack { slack, .. } => bot(slack, &all, &app.config).await,
    };
    if args.online
        && let Some(slack) = app.notifier.bot()
    {
        checks.extend(layouts(slack).await);
    }
    if args.send_test {
        let sent_at = format_instant(at, at, app.config.time_zone);
        for channel in &channels {
            let name = ("slack_test", "Test message");
            checks.push(test(app, name, test_message(&sent_at), (channel, ""), at).await);
        }
        for (channel, mention) in &wakes {
            let name = ("slack_wake_test", "Wake test");
            let message = wake_test_message(&sent_at);
            checks.push(test(app, name, message, (channel, mention), at).await);
        }
    }
    checks
}

/// Where messages go, each once. A webhook or a terminal has its one place, which is empty here.
fn channels(app: &Context) -> BTreeSet<String> {
    let SlackSink::Bot { channel, .. } = &app.config.slack.sink else {
        return BTreeSet::from([String::new()]);
    };
    let own = app.config.servers.iter().filter_map(|s| s.channel.clone());
    own.chain([channel.clone()]).collect()
}

/// Where what wakes goes, and whom it mentions, each pair once; none where it is told as everything else.
fn wakes(app: &Context) -> BTreeSet<(String, String)> {
    let (common, has_bot) = match &app.config.slack.sink {
        SlackSink::Bot { channel, .. } => (channel.as_str(), true),
        _ => ("", false),
    };
    let servers = app.config.servers.iter().map(Some);
    // The account may list servers that the file does not name.
    let unnamed = app.config.account.is_some().then_some(None);
    let routes = servers.chain(unnamed).map(|server| app.route(server));
    let apart = routes.filter(|route| {
        !route.wake_mention.is_empty() || (has_bot && !route.wake_channel.is_empty())
    });
    let place = |route: Route| {
        let wake_channel = Some(route.wake_channel).filter(|_| has_bot);
        let channels = wake_channel.into_iter().chain([route.channel]);
        let named = channels.into_iter().find(|channel| !channel.is_empty());
        let channel = named
            .filter(|_| has_bot)
            .unwrap_or_else(|| common.to_owned());
        (channel, route.wake_mention)
    };
    apart.map(place).collect()
}

#[cfg(feature = "doctor")]
use crate::commands::doctor::slack_layouts::checks as layouts;

#[cfg(not(feature = "doctor"))]
#[expect(clippy::unused_async, reason = "as the build that asks has it")]
async fn layouts(_: &Slack) -> Vec<Check> {
    let text = "The layout of messages was not checked: this build leaves that out";
    vec![Check::warn(
        "slack_layouts",
        text,
        "build with `--features full`",
    )]
}

async fn webhook(slack: &Slack) -> Check {
    match slack.check_webhook().await {
        Ok(()) => Check::pass("slack_webhook", "Slack webhook alive (nothing was posted)"),
        Err(error) => failed("slack_webhook", "Slack webhook refused", &error),
    }
}

async fn bot(slack: &Slack, channels: &BTreeSet<String>, config: &Config) -> Vec<Check> {
    let identity = match slack.fetch_identity().await {
        Ok(identity) => identity,
        Err(error) => return vec![failed("slack_token", "Slack bot token refused", &error)],
    };
    let text = format!(
        "Slack bot token valid team={} bot={}",
        identity.team, identity.user
    );
    let mut checks = vec![Check::pass("slack_token", text), scopes(&identity)];
    checks.extend(answers(&identity).filter(|_| config.slack.reactions));
    checks.extend(pictures(&identity).filter(|_| shows_pictures(config)));
    for id in channels {
        checks.push(channel(slack, id).await);
    }
    checks.extend(slack_mentions::checks(slack, config).await);
    checks
}

fn scopes(identity: &Identity) -> Check {
    const NAME: &str = "slack_scopes";
    let Some(scopes) = &identity.scopes else {
        let text = "Slack does not say which scopes the bot has";
        return Check::warn(NAME, text, "`doctor --send-test` shows whether it may post");
    };
    let has = |scope: &str| scopes.iter().any(|s| s == scope);
    if !has("chat:write") {
        let text = "The Slack app may not post: chat:write is missing";
        let remedy = "give the app the scope chat:write and install it again";
        return Check::fail(NAME, text, remedy);
    }
    if !HISTORY.into_iter().any(has) {
        let text = "The Slack app may post, but not look up whether a message arrived, so a message may be sent twice";
        let scopes = HISTORY.join(", ");
        let remedy = format!("give it the scope that fits the channel: {scopes}");
        return Check::warn(NAME, text, remedy);
    }
    Check::pass(NAME, "The Slack app may post, and look up what it posted")
}

/// Returns what the app lacks to read what people answer; `None` where it lacks nothing, or Slack does not say.
fn answers(identity: &Identity) -> Option<Check> {
    let scopes = identity.scopes.as_ref()?;
    if scopes.iter().any(|scope| scope == ANSWERS) {
        return None;
    }
    let text = format!(
        "The Slack app may not read emoji, so nobody can acknowledge, mute or close an incident in Slack: {ANSWERS} is missing"
    );
    let remedy = format!(
        "give it the scope {ANSWERS}, and users:read for names, and install it again; or set `slack.reactions = false`"
    );
    Some(Check::warn("slack_reactions", text, remedy))
}

/// Returns what the app lacks to show the pictures of the digest; `None` where it lacks nothing, or Slack does not say.
fn pictures(identity: &Identity) -> Option<Check> {
    let scopes = identity.scopes.as_ref()?;
    let may_upload = scopes.iter().any(|scope| scope == "files:write");
    (!may_upload).then(|| {
        let text = "The digest comes without pictures: the Slack app may not upload files";
        let remedy = "give the app the scope files:write, or set slack.pictures = false";
        Check::warn("slack_pictures", text, remedy)
    })
}

async fn channel(slack: &Slack, id: &str) -> Check {
    const NAME: &str = "slack_channel";
    if !is_conversation_id(id) {
        let text =
            format!("Slack channel {id} is a name or a person, which hushwatch cannot look up");
        return Check::warn(NAME, text, TEST_CHANNEL);
    }
    match slack.fetch_conversation(id).await {
        Ok(of) if of.is_archived => {
            let remedy = "unarchive the channel or choose another";
            Check::fail(NAME, format!("Slack channel {id} is archived"), remedy)
        }
        Ok(of) if !of.is_member => {
            let text = format!("The Slack app is not in channel {id}");
            Check::fail(
                NAME,
                text,
                "invite the app to the channel with /invite @bot",
            )
        }
        Ok(of) => {
            let name = of.name.map(|name| format!(" (#{name})"));
            let name = name.unwrap_or_default();
            Check::pass(NAME, format!("Slack channel {id}{name} can be posted to"))
        }
        Err(error) if error.is_missing_scope() => {
            let text = format!("Slack channel {id} cannot be looked up: {error}");
            Check::warn(NAME, text, TEST_CHANNEL)
        }
        Err(error) => failed(NAME, &format!("Slack channel {id} refused"), &error),
    }
}

/// The error bears its remedy.
fn failed(name: &'static str, what: &str, error: &Error) -> Check {
    match trouble(error) {
        Some(trouble) => Check::fail(name, trouble, ""),
        None => Check::fail(name, format!("{what} — {error}"), ""),
    }
}

/// Returns why Slack says nothing for now; `None` where it says no.
pub(super) fn trouble(error: &Error) -> Option<String> {
    match (error.class, error.status) {
        (RetryClass::Retry, None) => Some(format!("Network error — Slack: {error}")),
        (RetryClass::Retry, Some(status)) => Some(format!(
            "Slack is in trouble or asks to wait, try again in some minutes — HTTP status {status}: {error}"
        )),
        _ => None,
    }
}

/// Posts `message` to a channel, with a mention; `name` is that of the check, and what it says was sent.
async fn test(
    app: &Context,
    (name, what): (&'static str, &str),
    message: Message,
    (channel, mention): (&str, &str),
    at: Timestamp,
) -> Check {
    let mut row = to_unstored_row(format!("doctor-{at}"), at, &message);
    channel.clone_into(&mut row.message.channel);
    mention.clone_into(&mut row.message.placement.mention);
    let to = match channel {
        "" => String::new(),
        channel => format!(" to {channel}"),
    };
    match app.notifier.send(&row, &Form::Post, &[]).await {
        Ok(_) => match &app.notifier {
            Notifier::Writer(_) => Check::pass(name, format!("{what} printed")),
            Notifier::Slack { .. } => Check::pass(name, format!("{what} sent{to}")),
        },
        Err(error) => Check::fail(name, format!("{what} not sent{to} — {error}"), ""),
    }
}
