//! The methods of the Web API that are called, each with the scope that it needs (docs.slack.dev): Slack's answer names the one that is
//! missing, but need not.

use serde_json::Value;

use crate::slack::error_code::ErrorCode;
use crate::slack::history::is_scope;

/// Where a method is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// A channel, of which the app must be a member.
    Channel,
    Workspace,
}

const POST: &str = "chat:write";
const LOOK_UP: &str =
    "channels:read (groups:read for a private channel, im:read for a direct message)";
const HISTORY: &str =
    "channels:history (groups:history in a private channel, im:history in a direct message)";
const UPLOAD: &str = "files:write";

const SCOPES: [(&str, &str, About); 10] = [
    ("chat.postMessage", POST, About::Channel),
    ("chat.update", POST, About::Channel),
    ("conversations.history", HISTORY, About::Channel),
    ("conversations.info", LOOK_UP, About::Channel),
    ("conversations.replies", HISTORY, About::Channel),
    ("files.completeUploadExternal", UPLOAD, About::Channel),
    ("files.getUploadURLExternal", UPLOAD, About::Channel),
    ("reactions.get", "reactions:read", About::Channel),
    ("usergroups.list", "usergroups:read", About::Workspace),
    ("users.info", "users:read", About::Workspace),
];

/// Returns the scope that `method` needs; `None` for one that needs none, as `auth.test` and `blocks.validate`.
pub(super) fn scope_of(method: &str) -> Option<&'static str> {
    SCOPES
        .iter()
        .find(|(name, ..)| *name == method)
        .map(|(_, scope, _)| *scope)
}

/// Returns the scope that an answer names as missing. Nothing else is quoted, as it may echo the request.
pub(super) fn needed(body: &Value) -> Option<&str> {
    body["needed"].as_str().filter(|needed| is_scope(needed))
}

/// Returns what to do where Slack refused `method` by `code` for what the app may do, `needed` being the scope that the answer names;
/// `None` where it refused for something else.
pub(super) fn permission_remedy(
    method: &str,
    code: Option<&str>,
    needed: Option<&str>,
) -> Option<String> {
    let code = code.and_then(ErrorCode::parse);
    let is_refused = matches!(
        code,
        Some(ErrorCode::MissingScope | ErrorCode::NoPermission)
    );
    if needed.is_none() && !is_refused {
        return None;
    }
    let Some(scope) = needed.or_else(|| scope_of(method)) else {
        return Some("install the app again".to_owned());
    };
    let is_about_channel = SCOPES
        .iter()
        .any(|(name, _, about)| *name == method && *about == About::Channel);
    Some(match code {
        Some(ErrorCode::NoPermission) if is_about_channel && needed.is_none() => format!(
            "invite the app to the channel with /invite @bot; if it is there, give it the scope {scope} and install it again"
        ),
        _ => format!("give the app the scope {scope} and install it again"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_asks_for_its_own_scope_where_slack_names_none() {
        let told = |method| permission_remedy(method, Some("missing_scope"), None);
        for (method, scope, _) in SCOPES {
            let remedy = format!("give the app the scope {scope} and install it again");
            assert_eq!(told(method), Some(remedy), "{method}");
        }
        assert_eq!(told("auth.test").as_deref(), Some("install the app again"));
    }

    #[test]
    fn what_slack_names_wins_and_other_errors_are_not_about_scopes() {
        let named = permission_remedy(
            "users.info",
            Some("missing_scope"),
            Some("users:read.email"),
        );
        let remedy = "give the app the scope users:read.email and install it again";
        assert_eq!(named.as_deref(), Some(remedy));
        assert_eq!(
            permission_remedy("users.info", Some("user_not_found"), None),
            None
        );
        assert_eq!(permission_remedy("users.info", None, None), None);
        let outside = permission_remedy("reactions.get", Some("no_permission"), None);
        let remedy = "invite the app to the channel with /invite @bot; if it is there, give it the scope reactions:read and install it again";
        assert_eq!(outside.as_deref(), Some(remedy));
        let of_users = permission_remedy("users.info", Some("no_permission"), None);
        let remedy = "give the app the scope users:read and install it again";
        assert_eq!(of_users.as_deref(), Some(remedy));
    }
}
