//! Whether those whom `wake_mention` names are there to be woken, as Slack says. Nothing is posted.

use std::collections::BTreeMap;

use crate::commands::doctor::check::Check;
use crate::commands::doctor::slack::trouble;
use crate::config::Config;
use crate::slack::{Error, MentionStanding, Slack};
use crate::text::elide::elide;

const NAME: &str = "slack_mention";
/// The maximum number of keys that a line names.
const MAX_KEYS: usize = 3;
/// What the id of a user group begins with.
const GROUP: char = 'S';

/// Returns a check of each user and user group that a key names.
pub(super) async fn checks(slack: &Slack, config: &Config) -> Vec<Check> {
    let named = named(config);
    let mut checks = Vec::new();
    let has_groups = named.keys().any(|id| id.starts_with(GROUP));
    let groups = match has_groups {
        true => Some(slack.fetch_group_standings().await),
        false => None,
    };
    for (id, keys) in &named {
        let standing = match &groups {
            Some(groups) if id.starts_with(GROUP) => groups.clone().map(|groups| {
                groups.map_or(MentionStanding::NoGroups, |groups| {
                    let standing = groups.get(id).copied();
                    standing.unwrap_or(MentionStanding::Missing)
                })
            }),
            _ => slack.fetch_user_standing(id).await,
        };
        let keys = elide(keys.iter().cloned(), MAX_KEYS);
        checks.push(check(id, &keys, standing));
    }
    checks
}

/// Returns the ids that are mentioned, each with the keys that name it.
fn named(config: &Config) -> BTreeMap<String, Vec<String>> {
    let common = config.slack.wake_mention.as_ref();
    let common = common.map(|id| (id, "slack.wake_mention".to_owned()));
    let servers = config.servers.iter().filter_map(|server| {
        let key = format!("wake_mention of [[server]] {}", server.name);
        Some((server.wake_mention.as_ref()?, key))
    });
    let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, key) in common.into_iter().chain(servers) {
        if !matches!(id.as_str(), "here" | "channel") {
            named.entry(id.clone()).or_default().push(key);
        }
    }
    named
}

fn check(id: &str, keys: &str, standing: Result<MentionStanding, Error>) -> Check {
    let (what, off) = match id.starts_with(GROUP) {
        true => ("user group", "disabled"),
        false => ("user", "deactivated"),
    };
    let remedy = "correct the id, or write \"here\"";
    match standing {
        Ok(MentionStanding::Active) => {
            Check::pass(NAME, format!("Slack knows the {what} {id} ({keys})"))
        }
        Ok(MentionStanding::Off) => {
            let text = format!("{keys} mentions nobody: the {what} {id} is {off}");
            Check::fail(NAME, text, remedy)
        }
        Ok(MentionStanding::Missing) => {
            let text = format!("{keys} mentions nobody: Slack has no {what} {id}");
            Check::fail(NAME, text, remedy)
        }
        Ok(MentionStanding::Hidden) => {
            let text = format!(
                "{keys} may mention nobody: the Slack app cannot see the {what} {id}, as one of another workspace"
            );
            let remedy = "name a member of the app's own workspace, or write \"here\"";
            Check::warn(NAME, text, remedy)
        }
        Ok(MentionStanding::NoGroups) => {
            let text = format!(
                "{keys} mentions nobody: the plan of this Slack workspace has no user groups, so there is no {id}"
            );
            Check::fail(NAME, text, "name a user, or write \"here\"")
        }
        Err(error) => {
            if let Some(trouble) = trouble(&error) {
                return Check::fail(NAME, trouble, "");
            }
            let text = format!("{keys} was not checked, Slack does not show the {what}: {error}");
            Check::warn(NAME, text, "")
        }
    }
}
