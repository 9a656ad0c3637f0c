//! Slack's error codes, with the retry class and the remedy of each.
//!
//! From the error lists of `chat.postMessage`, `users.info` and `usergroups.list` (docs.slack.dev) and of incoming webhooks
//! (api.slack.com, changelog of 2016-05-17). They share codes, so there is one enum.

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as DecodeError, StrDeserializer};

use crate::retry::RetryClass;

/// An error code of the Web API or of an incoming webhook; variants are named after the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    // The credential.
    NotAuthed,
    InvalidAuth,
    TokenRevoked,
    TokenExpired,
    AccountInactive,
    NotAllowedTokenType,
    MissingScope,
    NoPermission,
    AccessDenied,
    #[serde(rename = "accesslimited")]
    AccessLimited,
    EkmAccessDenied,
    OrgLoginRequired,
    TwoFactorSetupRequired,
    TeamAccessNotGranted,
    EnterpriseIsRestricted,
    // The webhook.
    NoService,
    NoServiceId,
    NoTeam,
    TeamDisabled,
    InvalidToken,
    NoActiveHooks,
    NoChannel,
    // The method.
    MethodDeprecated,
    DeprecatedEndpoint,
    UnknownMethod,
    // The destination.
    ChannelNotFound,
    NotInChannel,
    IsArchived,
    ChannelIsArchived,
    UserNotFound,
    UserNotVisible,
    MessagesTabDisabled,
    CannotDmBot,
    TeamNotFound,
    RestrictedAction,
    RestrictedActionReadOnlyChannel,
    RestrictedActionThreadOnlyChannel,
    RestrictedActionNonThreadableChannel,
    RestrictedActionThreadLocked,
    ActionProhibited,
    PostingToGeneralChannelDenied,
    // The workspace.
    PlanUpgradeRequired,
    // The message that is edited, or in whose thread is posted.
    MessageNotFound,
    CantUpdateMessage,
    EditWindowClosed,
    IsInactive,
    BlockMismatch,
    UpdateFailed,
    StreamingStateConflict,
    ThreadNotFound,
    CannotReplyToMessage,
    CantBroadcastMessage,
    // Slack itself.
    FatalError,
    InternalError,
    #[serde(alias = "rate_limited")]
    Ratelimited,
    MessageLimitExceeded,
    ServiceUnavailable,
    RequestTimeout,
    TeamAddedToOrg,
    RollupError,
    // The payload.
    InvalidBlocks,
    InvalidBlocksFormat,
    MsgBlocksTooLong,
    MsgTooLong,
    NoText,
    MarkdownTextConflict,
    TooManyAttachments,
    InvalidAttachments,
    MissingTextOrFallbackOrAttachments,
    InvalidPayload,
    InvalidArguments,
    InvalidArgName,
    InvalidFormData,
    InvalidJson,
    JsonNotObject,
    InvalidPostType,
    MissingPostType,
    MetadataTooLarge,
    MetadataMustBeSentFromApp,
    /// Any code that begins with `invalid_metadata_`.
    #[serde(skip)]
    InvalidMetadata,
}

impl ErrorCode {
    /// Parses a code as Slack writes it; `None` for one that is not known here.
    pub fn parse(code: &str) -> Option<Self> {
        if code.starts_with("invalid_metadata_") {
            return Some(Self::InvalidMetadata);
        }
        let code: StrDeserializer<'_, DecodeError> = code.into_deserializer();
        Self::deserialize(code).ok()
    }

    /// Returns what the code means for the next attempt.
    pub const fn class(self) -> RetryClass {
        match self {
            // Slack: "some aspect of the operation" may have succeeded all the same.
            Self::FatalError | Self::InternalError => RetryClass::Unconfirmed,
            Self::Ratelimited
            | Self::MessageLimitExceeded
            | Self::ServiceUnavailable
            | Self::RequestTimeout
            | Self::TeamAddedToOrg
            | Self::RollupError => RetryClass::Retry,
            _ if self.is_about_payload() => RetryClass::BadPayload,
            _ => RetryClass::Permanent,
        }
    }

    /// Returns what to do about it, as the end of a sentence.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::NotAuthed
            | Self::InvalidAuth
            | Self::TokenRevoked
            | Self::TokenExpired
            | Self::AccountInactive => {
                "check SLACK_BOT_TOKEN: copy the bot token (xoxb-…) of the installed app again"
            }
            Self::NotAllowedTokenType => "SLACK_BOT_TOKEN must be a bot token (xoxb-…)",
            Self::MissingScope | Self::NoPermission => {
                "give the app the scope chat:write and install it again"
            }
            Self::NoService
            | Self::NoServiceId
            | Self::NoTeam
            | Self::TeamDisabled
            | Self::InvalidToken
            | Self::NoActiveHooks
            | Self::NoChannel => "create the webhook again and set SLACK_WEBHOOK_URL to its URL",
            Self::MethodDeprecated | Self::DeprecatedEndpoint | Self::UnknownMethod => {
                "check slack.base_url, then look for a newer hushwatch"
            }
            Self::ChannelNotFound => {
                "check the channel's id; invite the app with /invite @bot if the channel is private"
            }
            Self::NotInChannel => "invite the app to the channel with /invite @bot",
            Self::IsArchived | Self::ChannelIsArchived => "unarchive the channel or choose another",
            Self::UserNotFound
            | Self::MessagesTabDisabled
            | Self::CannotDmBot
            | Self::TeamNotFound => {
                "check the user's or channel's id, and that the app's messages tab is on"
            }
            Self::UserNotVisible => "name a member of the app's own workspace",
            Self::PlanUpgradeRequired => "the plan of this workspace does not have it",
            _ if self.is_about_message() => "the message is posted anew",
            Self::RestrictedAction
            | Self::RestrictedActionReadOnlyChannel
            | Self::RestrictedActionThreadOnlyChannel
            | Self::ActionProhibited
            | Self::PostingToGeneralChannelDenied => {
                "allow the app to post in the channel, or choose another"
            }
            Self::FatalError | Self::InternalError => "Slack does not say whether it was posted",
            Self::Ratelimited => "Slack asks to wait",
            Self::MessageLimitExceeded => "the workspace has used up its message limit",
            Self::ServiceUnavailable
            | Self::RequestTimeout
            | Self::TeamAddedToOrg
            | Self::RollupError => "Slack has a temporary fault",
            _ if self.is_about_payload() => "Slack rejected the layout of the message",
            _ => "ask an administrator of the workspace to let the app post",
        }
    }

    /// Returns whether the channel does not take messages, at least not from this app.
    pub const fn is_about_channel(self) -> bool {
        matches!(
            self,
            Self::ChannelNotFound
                | Self::NotInChannel
                | Self::IsArchived
                | Self::ChannelIsArchived
                | Self::UserNotFound
                | Self::MessagesTabDisabled
                | Self::CannotDmBot
                | Self::TeamNotFound
                | Self::RestrictedAction
                | Self::RestrictedActionReadOnlyChannel
                | Self::RestrictedActionThreadOnlyChannel
                | Self::ActionProhibited
                | Self::PostingToGeneralChannelDenied
        )
    }

    /// Returns whether the message that was to be edited, or to be replied to, is gone or takes no more of it.
    pub const fn is_about_message(self) -> bool {
        matches!(
            self,
            Self::MessageNotFound
                | Self::CantUpdateMessage
                | Self::EditWindowClosed
                | Self::IsInactive
                | Self::BlockMismatch
                | Self::UpdateFailed
                | Self::StreamingStateConflict
                | Self::ThreadNotFound
                | Self::CannotReplyToMessage
                | Self::CantBroadcastMessage
                | Self::RestrictedActionNonThreadableChannel
                | Self::RestrictedActionThreadLocked
        )
    }

    /// Returns whether Slack rejected the message's metadata.
    pub const fn is_about_metadata(self) -> bool {
        matches!(
            self,
            Self::MetadataTooLarge | Self::MetadataMustBeSentFromApp | Self::InvalidMetadata
        )
    }

    const fn is_about_payload(self) -> bool {
        self.is_about_metadata()
            || matches!(
                self,
                Self::InvalidBlocks
                    | Self::InvalidBlocksFormat
                    | Self::MsgBlocksTooLong
                    | Self::MsgTooLong
                    | Self::NoText
                    | Self::MarkdownTextConflict
                    | Self::TooManyAttachments
                    | Self::InvalidAttachments
                    | Self::MissingTextOrFallbackOrAttachments
                    | Self::InvalidPayload
                    | Self::InvalidArguments
                    | Self::InvalidArgName
                    | Self::InvalidFormData
                    | Self::InvalidJson
                    | Self::JsonNotObject
                    | Self::InvalidPostType
                    | Self::MissingPostType
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_class() {
        for (class, codes) in [
            (
                RetryClass::Permanent,
                "not_authed invalid_auth account_inactive token_revoked token_expired not_allowed_token_type missing_scope \
                 no_permission access_denied accesslimited ekm_access_denied org_login_required two_factor_setup_required \
                 team_access_not_granted enterprise_is_restricted no_service no_service_id no_team team_disabled \
                 invalid_token no_active_hooks no_channel method_deprecated deprecated_endpoint unknown_method \
                 channel_not_found not_in_channel is_archived channel_is_archived user_not_found user_not_visible \
                 plan_upgrade_required messages_tab_disabled \
                 cannot_dm_bot team_not_found restricted_action restricted_action_read_only_channel \
                 restricted_action_thread_only_channel restricted_action_non_threadable_channel \
                 restricted_action_thread_locked action_prohibited posting_to_general_channel_denied message_not_found \
                 cant_update_message edit_window_closed is_inactive block_mismatch update_failed streaming_state_conflict \
                 thread_not_found cannot_reply_to_message cant_broadcast_message",
            ),
            (
                RetryClass::Retry,
                "ratelimited rate_limited service_unavailable request_timeout message_limit_exceeded team_added_to_org \
                 rollup_error",
            ),
            (
                RetryClass::BadPayload,
                "invalid_blocks invalid_blocks_format msg_blocks_too_long msg_too_long no_text markdown_text_conflict \
                 metadata_too_large metadata_must_be_sent_from_app invalid_metadata_format invalid_metadata_schema \
                 too_many_attachments invalid_attachments missing_text_or_fallback_or_attachments invalid_payload \
                 invalid_arguments invalid_arg_name invalid_form_data invalid_json json_not_object invalid_post_type \
                 missing_post_type",
            ),
            (RetryClass::Unconfirmed, "fatal_error internal_error"),
        ] {
            for code in codes.split_whitespace() {
                let parsed = ErrorCode::parse(code);
                assert_eq!(parsed.map(ErrorCode::class), Some(class), "{code}");
            }
        }
        for unknown in ["a_code_of_tomorrow", "", "NotAuthed", "invalid_metadata"] {
            assert_eq!(ErrorCode::parse(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn codes_about_a_message_are_distinguished_from_those_about_its_channel() {
        let of = |code| ErrorCode::parse(code).expect("known");
        for code in [
            "message_not_found",
            "edit_window_closed",
            "thread_not_found",
        ] {
            assert!(of(code).is_about_message() && !of(code).is_about_channel());
        }
        for code in ["is_archived", "channel_not_found", "restricted_action"] {
            assert!(of(code).is_about_channel() && !of(code).is_about_message());
        }
        assert!(!of("invalid_auth").is_about_message() && !of("invalid_auth").is_about_channel());
    }

    #[test]
    fn codes_about_metadata_are_distinguished_from_other_payload_codes() {
        let is_about = |code| ErrorCode::parse(code).is_some_and(ErrorCode::is_about_metadata);
        assert!(is_about("metadata_too_large") && is_about("invalid_metadata_schema"));
        assert!(!is_about("invalid_blocks") && !is_about("missing_scope"));
    }
}
