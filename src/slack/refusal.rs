//! Slack's words for a refusal, and what each is answered with.
//!
//! From the error lists of `chat.postMessage` (docs.slack.dev) and of incoming webhooks (api.slack.com, changelog of
//! 2016-05-17). The two share words, so there is one table.

use crate::slack::error::Class;

/// What `word` means for the next attempt, and what to do about it; `None` for a word not known here.
pub(super) fn judge(word: &str) -> Option<(Class, &'static str)> {
    credential(word)
        .or_else(|| destination(word))
        .map(|remedy| (Class::Never, remedy))
        .or_else(|| passing(word))
        .or_else(|| {
            is_about_payload(word)
                .then_some((Class::Payload, "Slack refused the layout of the message"))
        })
}

/// The token or the webhook is not, or no longer, allowed to post.
fn credential(word: &str) -> Option<&'static str> {
    Some(match word {
        "not_authed" | "invalid_auth" | "token_revoked" | "token_expired" | "account_inactive" => {
            "check SLACK_BOT_TOKEN: copy the bot token (xoxb-…) of the installed app again"
        }
        "not_allowed_token_type" => "SLACK_BOT_TOKEN must be a bot token (xoxb-…)",
        "missing_scope" | "no_permission" => {
            "give the app the scope chat:write and install it again"
        }
        "access_denied"
        | "accesslimited"
        | "ekm_access_denied"
        | "org_login_required"
        | "two_factor_setup_required"
        | "team_access_not_granted"
        | "enterprise_is_restricted" => "ask an administrator of the workspace to let the app post",
        "no_service" | "no_service_id" | "no_team" | "team_disabled" | "invalid_token"
        | "no_active_hooks" | "no_channel" => {
            "create the webhook again and set SLACK_WEBHOOK_URL to its URL"
        }
        "method_deprecated" | "deprecated_endpoint" | "unknown_method" => {
            "check slack.base_url, then look for a newer hushwatch"
        }
        _ => return None,
    })
}

/// The channel cannot be posted to.
fn destination(word: &str) -> Option<&'static str> {
    Some(match word {
        "channel_not_found" => {
            "check the channel's id; invite the app with /invite @bot if the channel is private"
        }
        "not_in_channel" => "invite the app to the channel with /invite @bot",
        "is_archived" | "channel_is_archived" => "unarchive the channel or choose another",
        "user_not_found" | "messages_tab_disabled" | "cannot_dm_bot" | "team_not_found" => {
            "check the user's or channel's id, and that the app's messages tab is on"
        }
        "restricted_action"
        | "restricted_action_read_only_channel"
        | "restricted_action_thread_only_channel"
        | "restricted_action_non_threadable_channel"
        | "restricted_action_thread_locked"
        | "action_prohibited"
        | "posting_to_general_channel_denied" => {
            "allow the app to post in the channel, or choose another"
        }
        _ => return None,
    })
}

/// It may pass. With the first two, something may have been posted all the same.
fn passing(word: &str) -> Option<(Class, &'static str)> {
    Some(match word {
        "fatal_error" | "internal_error" => {
            (Class::Unknown, "Slack does not say whether it was posted")
        }
        "ratelimited" | "rate_limited" => (Class::Later, "Slack asks for a pause"),
        "message_limit_exceeded" => (Class::Later, "the workspace's limit of messages is used up"),
        "service_unavailable" | "request_timeout" | "team_added_to_org" | "rollup_error" => {
            (Class::Later, "Slack has a passing fault")
        }
        _ => return None,
    })
}

fn is_about_payload(word: &str) -> bool {
    matches!(
        word,
        "invalid_blocks"
            | "invalid_blocks_format"
            | "msg_blocks_too_long"
            | "msg_too_long"
            | "no_text"
            | "markdown_text_conflict"
            | "metadata_too_large"
            | "metadata_must_be_sent_from_app"
            | "too_many_attachments"
            | "invalid_attachments"
            | "missing_text_or_fallback_or_attachments"
            | "invalid_payload"
            | "invalid_arguments"
            | "invalid_arg_name"
            | "invalid_form_data"
            | "invalid_json"
            | "json_not_object"
            | "invalid_post_type"
            | "missing_post_type"
    ) || word.starts_with("invalid_metadata_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_has_its_class() {
        for (class, words) in [
            (
                Class::Never,
                "invalid_auth token_revoked missing_scope not_in_channel is_archived action_prohibited no_service",
            ),
            (
                Class::Later,
                "ratelimited rate_limited service_unavailable message_limit_exceeded rollup_error",
            ),
            (
                Class::Payload,
                "invalid_blocks msg_blocks_too_long invalid_metadata_format invalid_payload no_text",
            ),
            (Class::Unknown, "fatal_error internal_error"),
        ] {
            for word in words.split(' ') {
                assert_eq!(judge(word).map(|(class, _)| class), Some(class), "{word}");
            }
        }
        assert_eq!(judge("a_word_of_tomorrow"), None);
    }
}
