//! `[canary]`: mail of our own, by which a path without traffic is tried.

use figment::value::Value;

use crate::config::load::Reader;
use crate::config::problem::ConfigProblem;
use crate::config::server::{env_token, is_variable_name};
use crate::config::token::TokenSource;
use crate::config::{CanarySettings, Sources, names, values};
use crate::model::{DAY, HOUR};

const TOKEN_REMEDY: &str =
    "name the variable or the file with a token of the Postmark server that sends it";

impl Reader {
    /// Reads the canary; `None` where no token is named.
    pub(super) fn canary(&mut self, sources: &Sources) -> Option<CanarySettings> {
        let optional =
            |value: &Value| values::text(value).map(|text| Some(text).filter(|t| !t.is_empty()));
        let env = self.read("canary.token_env", None, |value| match optional(value)? {
            Some(name) if !is_variable_name(&name) => {
                Err("must be the name of an environment variable".to_owned())
            }
            name => Ok(name),
        });
        let file = self.read("canary.token_file", None, |value| {
            let path = optional(value)?;
            path.map(values::path).transpose()
        });
        let address = |value: &Value| {
            let wrong = || "must be a whole address such as canary@example.com".to_owned();
            let text = optional(value)?;
            text.map(|text| names::address(&text).ok_or_else(wrong))
                .transpose()
        };
        let from = self.read("canary.from", None, address);
        let to = self.read("canary.to", None, address);
        let stream = self.read("canary.stream", None, |value| {
            names::stream("canary.stream", &values::text(value)?).map(Some)
        });
        let every = self.duration("canary.every", HOUR, DAY);
        let key = if env.is_some() {
            "canary.token_env"
        } else {
            "canary.token_file"
        };
        let token = match (env, file) {
            (None, None) if from.is_none() => return None,
            (None, None) => {
                let what = "is set, and neither `canary.token_env` nor `canary.token_file`";
                return self.refuse("canary.from", what, TOKEN_REMEDY);
            }
            (Some(_), Some(_)) => {
                let what = "is set, and `canary.token_env` too";
                return self.refuse("canary.token_file", what, "keep one of them");
            }
            (Some(name), None) => env_token(sources, &name),
            (None, Some(path)) => TokenSource::File(sources.secret_file(path)),
        };
        let (Some(from), Some(to)) = (from, to) else {
            let what = "is set, and not both `canary.from` and `canary.to`";
            let remedy = "set `canary.from` to an address that Postmark lets this server send from, and `canary.to` to who gets it";
            return self.refuse(key, what, remedy);
        };
        Some(CanarySettings {
            token,
            stream: stream?,
            from,
            to,
            every,
        })
    }

    fn refuse(&mut self, key: &str, what: &str, remedy: &str) -> Option<CanarySettings> {
        let origin = self.layers.origin(key).to_owned();
        let problem = ConfigProblem::new(format!("{origin}: `{key}` {what}"), remedy);
        self.problems.push(problem);
        None
    }
}
