//! Looks up whom a message would mention. Nothing is posted.
//!
//! From `users.info` and `usergroups.list` (docs.slack.dev): a user is `deleted` where the account was deactivated, and of a user group
//! that is disabled `date_delete` is no zero. The list has no error for a group that is not in it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::slack::client::Slack;
use crate::slack::error::Error;
use crate::slack::error_code::ErrorCode;

/// Whether a mention reaches anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MentionStanding {
    Active,
    /// The user was deactivated, or the user group disabled.
    Off,
    /// The workspace has none of this id.
    Missing,
    /// The app cannot see the user, as one of another workspace.
    Hidden,
    /// The plan of the workspace has no user groups.
    NoGroups,
}

impl Slack {
    /// Fetches how the user `id` stands.
    ///
    /// # Errors
    /// If Slack does not show users to the app, or does not answer; a missing scope is named.
    pub async fn fetch_user_standing(&self, id: &str) -> Result<MentionStanding, Error> {
        match self.call("users.info", &[("user", id)]).await {
            Ok((_, body)) => Ok(standing(body["user"]["deleted"] == true)),
            Err(error) if error.code == Some(ErrorCode::UserNotFound) => {
                Ok(MentionStanding::Missing)
            }
            Err(error) if error.code == Some(ErrorCode::UserNotVisible) => {
                Ok(MentionStanding::Hidden)
            }
            Err(error) => Err(error),
        }
    }

    /// Fetches how each user group of the workspace stands, by its id; `None` where its plan has no user groups.
    ///
    /// # Errors
    /// As [`Self::fetch_user_standing`].
    pub async fn fetch_group_standings(
        &self,
    ) -> Result<Option<BTreeMap<String, MentionStanding>>, Error> {
        let query = [("include_disabled", "true")];
        match self.call("usergroups.list", &query).await {
            Ok((_, body)) => Ok(Some(read_groups(&body))),
            Err(error) if error.code == Some(ErrorCode::PlanUpgradeRequired) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Returns the user groups in the body of `usergroups.list`.
fn read_groups(body: &Value) -> BTreeMap<String, MentionStanding> {
    let groups = body["usergroups"].as_array().into_iter().flatten();
    let group = |group: &Value| {
        let id = group["id"].as_str()?.to_owned();
        let is_off = group["date_delete"].as_i64().is_some_and(|at| at != 0);
        Some((id, standing(is_off)))
    };
    groups.filter_map(group).collect()
}

const fn standing(is_off: bool) -> MentionStanding {
    if is_off {
        MentionStanding::Off
    } else {
        MentionStanding::Active
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_group_is_off_from_its_deletion_on() {
        let body = json!({ "ok": true, "usergroups": [
            { "id": "S0ONCALL", "date_delete": 0 }, { "id": "S0FORMER", "date_delete": 1_446_748_865 },
            { "id": "S0BARE" }, { "handle": "nobody" }, "?",
        ] });
        let expected = [
            ("S0BARE", MentionStanding::Active),
            ("S0FORMER", MentionStanding::Off),
            ("S0ONCALL", MentionStanding::Active),
        ];
        let expected = expected.map(|(id, standing)| (id.to_owned(), standing));
        assert_eq!(read_groups(&body), BTreeMap::from(expected));
        assert_eq!(read_groups(&Value::Null), BTreeMap::new());
    }

    proptest! {
        #[test]
        fn any_answer_is_read(id in any::<String>(), date in any::<f64>()) {
            let _ = read_groups(&json!({ "usergroups": [{ "id": id, "date_delete": date }, { "id": date }] }));
            let _ = read_groups(&json!({ "usergroups": id }));
        }
    }
}
