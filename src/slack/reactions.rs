//! Reads the emoji below a message.
//!
//! From `reactions.get` and `users.info` (docs.slack.dev): the list of users may be cut short, and a skin tone stands behind the name
//! of its emoji.

use serde_json::Value;

use crate::model::{Answer, StandingAnswer};
use crate::slack::client::Slack;
use crate::slack::error::Error;
use crate::text::sanitize::{clean, truncate};

/// What each emoji says.
const EMOJI: [(&str, Answer); 4] = [
    ("eyes", Answer::Acknowledged),
    ("no_bell", Answer::Muted),
    ("white_check_mark", Answer::Real),
    ("x", Answer::FalseAlarm),
];
/// What stands between an emoji and its skin tone.
const SKIN_TONE: &str = "::";
/// The maximum number of characters of a name that are shown.
const MAX_NAME_CHARS: usize = 60;
/// The maximum length of a user's id. Slack's have about eleven.
const MAX_ID_LENGTH: usize = 24;

impl Slack {
    /// Fetches what people answered to message `ts` in `channel`, the id of a conversation; emoji of the user `own` do not count.
    ///
    /// # Errors
    /// If Slack does not show the message's emoji, or does not answer.
    pub async fn fetch_answers(
        &self,
        channel: &str,
        ts: &str,
        own: &str,
    ) -> Result<Vec<StandingAnswer>, Error> {
        let query = [("channel", channel), ("timestamp", ts), ("full", "true")];
        let (_, body) = self.call("reactions.get", &query).await?;
        Ok(read_answers(&body, own))
    }

    /// Fetches the name of a user; `None` where Slack does not say one.
    ///
    /// # Errors
    /// If Slack does not show the user, or does not answer.
    pub async fn fetch_user_name(&self, user: &str) -> Result<Option<String>, Error> {
        let (_, body) = self.call("users.info", &[("user", user)]).await?;
        Ok(read_name(&body))
    }
}

/// Returns the answers in the body of `reactions.get`, each once, in the order of [`Answer`].
fn read_answers(body: &Value, own: &str) -> Vec<StandingAnswer> {
    let mut answers: Vec<StandingAnswer> = Vec::new();
    for reaction in body["message"]["reactions"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let Some(given) = read_reaction(reaction, own) else {
            continue;
        };
        match answers.iter_mut().find(|a| a.answer == given.answer) {
            Some(known) if known.user.is_empty() => known.user = given.user,
            Some(_) => {}
            None => answers.push(given),
        }
    }
    answers.sort_by_key(|answer| answer.answer);
    answers
}

/// Returns the answer of one emoji; `None` for any other emoji, and where nobody but `own` set it.
fn read_reaction(reaction: &Value, own: &str) -> Option<StandingAnswer> {
    let name = reaction["name"].as_str()?;
    let name = name.split(SKIN_TONE).next()?;
    let (_, answer) = EMOJI.iter().find(|(emoji, _)| *emoji == name)?;
    let users = reaction["users"].as_array().into_iter().flatten();
    let users: Vec<&str> = users.filter_map(Value::as_str).collect();
    let user = users.iter().find(|user| **user != own);
    let count = reaction["count"].as_u64().unwrap_or(0);
    let is_cut_short = count > users.len() as u64;
    if user.is_none() && !is_cut_short {
        return None;
    }
    Some(StandingAnswer {
        answer: *answer,
        user: user.filter(|id| is_id(id)).map_or("", |id| id).to_owned(),
    })
}

fn is_id(text: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    !text.is_empty() && text.len() <= MAX_ID_LENGTH && text.bytes().all(is_part)
}

/// Returns the name in the body of `users.info` that people see in Slack.
fn read_name(body: &Value) -> Option<String> {
    let user = &body["user"];
    let profile = &user["profile"];
    let names = [
        &profile["display_name"],
        &profile["real_name"],
        &user["real_name"],
        &user["name"],
    ];
    let names = names.iter().filter_map(|name| name.as_str());
    let mut names = names.map(|name| truncate(&clean(name), MAX_NAME_CHARS));
    names.find(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const OWN: &str = "U0EXAMPLE";

    fn read(reactions: &Value) -> Vec<(Answer, String)> {
        let body = json!({ "ok": true, "message": { "reactions": reactions } });
        let answers = read_answers(&body, OWN).into_iter();
        answers.map(|a| (a.answer, a.user)).collect()
    }

    #[test]
    fn the_first_person_who_set_an_emoji_gave_the_answer() {
        let reactions = json!([
            { "name": "x", "users": ["U0AMY"], "count": 1 },
            { "name": "tada", "users": ["U0BOB"], "count": 1 },
            { "name": "eyes", "users": [OWN, "U0AMY", "U0BOB"], "count": 3 },
        ]);
        let found = [
            (Answer::Acknowledged, "U0AMY".to_owned()),
            (Answer::FalseAlarm, "U0AMY".to_owned()),
        ];
        assert_eq!(read(&reactions), found);
        assert_eq!(read(&Value::Null), [], "nobody answered");
    }

    #[test]
    fn a_skin_tone_does_not_matter_and_the_bot_does_not_count() {
        let toned = json!([{ "name": "eyes::skin-tone-2", "users": ["U0AMY"], "count": 1 }]);
        assert_eq!(read(&toned), [(Answer::Acknowledged, "U0AMY".to_owned())]);
        let own = json!([{ "name": "no_bell", "users": [OWN], "count": 1 }]);
        assert_eq!(read(&own), []);
        let both = json!([
            { "name": "eyes", "users": [OWN], "count": 2 },
            { "name": "eyes::skin-tone-5", "users": ["U0BOB"], "count": 1 },
        ]);
        assert_eq!(read(&both), [(Answer::Acknowledged, "U0BOB".to_owned())]);
    }

    #[test]
    fn a_list_that_is_cut_short_is_an_answer_of_somebody() {
        for users in [json!([]), json!([OWN]), json!("?"), json!(["<!channel>"])] {
            let cut = json!([{ "name": "eyes", "users": users, "count": 7 }]);
            assert_eq!(read(&cut), [(Answer::Acknowledged, String::new())], "{cut}");
        }
    }

    #[test]
    fn a_name_is_what_people_see_and_no_more() {
        let name = |user: Value| read_name(&json!({ "ok": true, "user": user }));
        let full = json!({ "name": "amy", "real_name": "Amy Example", "profile": { "display_name": "Amy" } });
        assert_eq!(name(full).as_deref(), Some("Amy"));
        let empty =
            json!({ "name": "amy", "profile": { "display_name": "", "real_name": "Amy Example" } });
        assert_eq!(name(empty).as_deref(), Some("Amy Example"));
        assert_eq!(
            name(json!({ "name": "a\u{202e}my\n" })).as_deref(),
            Some("amy")
        );
        assert_eq!(name(json!({ "name": 7 })), None);
    }

    proptest! {
        #[test]
        fn any_answer_is_read(name in "[a-z_:-]{0,30}", users in prop::collection::vec(".{0,12}", 0..4), count in any::<u64>()) {
            let _ = read(&json!([{ "name": name, "users": users, "count": count }, { "name": count }, users]));
        }
    }
}
