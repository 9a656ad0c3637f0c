//! One `[[server]]`.

use std::path::{Path, PathBuf};

use figment::value::Dict;

use crate::config::keys::{SERVER_KEYS, unknown_key_remedy};
use crate::config::problem::Invalid;
use crate::config::{ServerConfig, Sources, TokenSource, names, values};
use crate::model::ServerName;
use crate::secret::Secret;

/// The variable with the token of the account.
pub(super) const ACCOUNT_TOKEN: &str = "POSTMARK_ACCOUNT_TOKEN";

/// The server that is watched where the file names none.
pub(super) fn default_server(sources: &Sources) -> ServerConfig {
    ServerConfig::new("default", env_token(sources, "POSTMARK_SERVER_TOKEN"))
}

impl ServerConfig {
    /// A server of which nothing is set but its token.
    pub fn new(name: &str, token: TokenSource) -> Self {
        Self {
            name: ServerName::from(name),
            token,
            own_domains: Vec::new(),
            operator_addresses: Vec::new(),
            streams: None,
            channel: None,
        }
    }
}

pub(super) fn env_token(sources: &Sources, name: &str) -> TokenSource {
    TokenSource::Env {
        name: name.to_owned(),
        value: sources.env.get(name).and_then(|v| Secret::new(v)),
    }
}

fn is_variable_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

pub(super) fn read_server(
    table: &Dict,
    only: bool,
    sources: &Sources,
) -> Result<ServerConfig, Vec<Invalid>> {
    let mut problems = Vec::new();
    let is_unknown = |key: &&String| !SERVER_KEYS.contains(&key.as_str());
    for key in table.keys().filter(is_unknown) {
        let remedy = unknown_key_remedy(key, SERVER_KEYS);
        problems.push(Invalid::new(format!("has an unknown key `{key}`"), remedy));
    }
    let mut read = |key: &str| match table.get(key).map(values::text) {
        Some(Ok(text)) if text.is_empty() => {
            let remedy = format!("give `{key}` a value, or remove it");
            problems.push(Invalid::new(format!("has an empty `{key}`"), remedy));
            None
        }
        Some(Ok(text)) => Some(text),
        Some(Err(why)) => {
            problems.push(invalid_key(key, &why));
            None
        }
        None => None,
    };
    let (name, env, file, channel) = (
        read("name"),
        read("token_env"),
        read("token_file"),
        read("channel"),
    );
    let mut list = |key: &str| {
        let texts = table.get(key).map(values::texts)?;
        let invalid = |why: String| problems.push(invalid_key(key, &why));
        texts.map_err(invalid).ok()
    };
    let (own_domains, operators, streams) = (
        list("own_domains"),
        list("operator_addresses"),
        list("streams"),
    );
    if streams.as_ref().is_some_and(Vec::is_empty) {
        problems.push(Invalid::new(
            "has an empty `streams`, so nothing would be watched",
            "remove `streams` to watch all of them, or name some",
        ));
    }
    let own_domains = normalize(own_domains, names::own_domain, &mut problems);
    let operators = normalize(operators, names::operator_address, &mut problems);
    let streams = streams.map(|ids| normalize(Some(ids), names::stream, &mut problems));
    let channel = channel.and_then(|text| {
        let channel = names::channel(&text);
        if channel.is_none() {
            let why = "has a `channel` that is not one";
            problems.push(Invalid::new(why, names::CHANNEL_REMEDY));
        }
        channel
    });
    let token = match (env, file) {
        (Some(_), Some(_)) => Err(Invalid::new(
            "has both `token_env` and `token_file`",
            "keep one of them",
        )),
        (Some(name), None) if is_variable_name(&name) => Ok(env_token(sources, &name)),
        // Its value is not repeated: it may be the token itself.
        (Some(_), None) => Err(Invalid::new(
            "has a `token_env` that is not the name of an environment variable",
            "put the token into a variable such as POSTMARK_TOKEN_SHOP, and its name here",
        )),
        (None, Some(path)) => match values::path(path) {
            Ok(path) => Ok(TokenSource::File(token_path(sources, path))),
            Err(_) => Err(Invalid::new(
                "has a `token_file` that begins with what only a shell replaces by the home folder",
                "write the whole path, such as /home/ops/postmark.token",
            )),
        },
        (None, None) if sources.var(ACCOUNT_TOKEN).is_some() => Ok(TokenSource::Account(None)),
        (None, None) if only => Ok(env_token(sources, "POSTMARK_SERVER_TOKEN")),
        (None, None) => Err(Invalid::new(
            "names no token",
            "add `token_env` or `token_file`, or set POSTMARK_ACCOUNT_TOKEN for all servers",
        )),
    };
    let name =
        name.ok_or_else(|| Invalid::new("has no `name`", "add one, such as name = \"shop\""));
    match (name, token) {
        (Ok(name), Ok(token)) if problems.is_empty() => Ok(ServerConfig {
            own_domains: own_domains.concat(),
            operator_addresses: operators,
            streams,
            channel,
            ..ServerConfig::new(&name, token)
        }),
        (name, token) => {
            problems.extend(name.err());
            problems.extend(token.err());
            Err(problems)
        }
    }
}

/// Returns the values in the form that matches; a problem for each that never would.
fn normalize<T>(
    texts: Option<Vec<String>>,
    parse: fn(&str) -> Result<T, Invalid>,
    problems: &mut Vec<Invalid>,
) -> Vec<T> {
    let parsed = texts.unwrap_or_default().into_iter();
    let valid =
        parsed.filter_map(|text| parse(&text).map_err(|invalid| problems.push(invalid)).ok());
    valid.collect()
}

fn invalid_key(key: &str, requirement: &str) -> Invalid {
    Invalid::new(
        format!("has a `{key}` that is not valid"),
        format!("it {requirement}"),
    )
}

/// A relative file is a systemd credential where there is one of that name.
fn token_path(sources: &Sources, path: PathBuf) -> PathBuf {
    let credential = sources
        .var("CREDENTIALS_DIRECTORY")
        .map(|folder| Path::new(folder).join(&path));
    match credential {
        Some(credential) if path.is_relative() && credential.is_file() => credential,
        _ => path,
    }
}
