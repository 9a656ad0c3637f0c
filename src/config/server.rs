//! One `[[server]]`.

use figment::value::{Dict, Value};

use crate::config::keys::{SERVER_KEYS, STREAM_KEYS, unknown_key_remedy};
use crate::config::problem::Invalid;
use crate::config::rules::override_rules;
use crate::config::{InstalledService, ServerConfig, Sources, TokenSource, names, values};
use crate::model::{Rules, ServerName, StreamId};
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
            ignored_streams: Vec::new(),
            channel: None,
            wake_channel: None,
            wake_mention: None,
            rules: None,
        }
    }
}

pub(super) fn env_token(sources: &Sources, name: &str) -> TokenSource {
    TokenSource::Env {
        name: name.to_owned(),
        value: sources.env.get(name).and_then(|v| Secret::new(v)),
        file: InstalledService::variables_of(sources),
    }
}

pub(super) fn is_variable_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

pub(super) fn read_server(
    table: &Dict,
    only: bool,
    sources: &Sources,
    common: &Rules,
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
    let (name, env, file) = (read("name"), read("token_env"), read("token_file"));
    let own = ["channel", "wake_channel", "wake_mention"].map(|key| (key, read(key)));
    let mut list = |key: &str| {
        let texts = table.get(key).map(values::texts)?;
        let invalid = |why: String| problems.push(invalid_key(key, &why));
        texts.map_err(invalid).ok()
    };
    let (own_domains, operators) = (list("own_domains"), list("operator_addresses"));
    let chosen = (list("streams"), list("ignore_streams"));
    let own_domains = normalize(own_domains, names::own_domain, &mut problems);
    let operators = normalize(operators, names::operator_address, &mut problems);
    let (streams, ignored) = choose_streams(chosen, &mut problems);
    let rules = own_rules(table, common, &mut problems);
    let [channel, wake_channel, wake_mention] = own.map(|(key, text)| {
        let (named, remedy) = match key {
            "wake_mention" => (names::mention(text.as_deref()?), names::MENTION_REMEDY),
            _ => (names::channel(text.as_deref()?), names::CHANNEL_REMEDY),
        };
        if named.is_none() {
            let why = format!("has a `{key}` that is not one");
            problems.push(Invalid::new(why, remedy));
        }
        named
    });
    let token = choose_token((env, file), only, sources);
    let name =
        name.ok_or_else(|| Invalid::new("has no `name`", "add one, such as name = \"shop\""));
    let name = name.and_then(|name| match name.starts_with('(') {
        true => Err(Invalid::new(
            "has a `name` that begins with `(`, as those of hushwatch's own do",
            "give it another, such as name = \"shop\"",
        )),
        false => Ok(name),
    });
    match (name, token) {
        (Ok(name), Ok(token)) if problems.is_empty() => Ok(ServerConfig {
            own_domains: own_domains.concat(),
            operator_addresses: operators.concat(),
            streams,
            ignored_streams: ignored,
            channel,
            wake_channel,
            wake_mention,
            rules,
            ..ServerConfig::new(&name, token)
        }),
        (name, token) => {
            problems.extend(name.err());
            problems.extend(token.err());
            Err(problems)
        }
    }
}

/// Returns the streams that alone are watched, and those that are not.
fn choose_streams(
    (streams, ignored): (Option<Vec<String>>, Option<Vec<String>>),
    problems: &mut Vec<Invalid>,
) -> (Option<Vec<StreamId>>, Vec<StreamId>) {
    if streams.as_ref().is_some_and(Vec::is_empty) {
        problems.push(Invalid::new(
            "has an empty `streams`, so nothing would be watched",
            "remove `streams` to watch all of them, or name some",
        ));
    }
    let streams = streams.map(|ids| {
        let id = |id: &str| names::stream("streams", id);
        normalize(Some(ids), id, problems)
    });
    let ignored = normalize(ignored, |id| names::stream("ignore_streams", id), problems);
    for both in streams.iter().flatten().filter(|id| ignored.contains(id)) {
        let why = format!("has `{both}` in both `streams` and `ignore_streams`");
        problems.push(Invalid::new(why, "keep it in one of them"));
    }
    (streams, ignored)
}

/// Returns where the token is read from: as `token_env` or `token_file` says, else from the account, else from the variable of
/// an `only` server.
fn choose_token(
    (env, file): (Option<String>, Option<String>),
    only: bool,
    sources: &Sources,
) -> Result<TokenSource, Invalid> {
    match (env, file) {
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
            Ok(path) => Ok(TokenSource::File(sources.secret_file(path))),
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
    }
}

/// Returns the rules with what a `[[server]]` and its `[[server.stream]]` change; `None` where they change nothing.
fn own_rules(table: &Dict, common: &Rules, problems: &mut Vec<Invalid>) -> Option<Rules> {
    let (of_server, of_streams) = (table.get("rules"), table.get("stream"));
    if of_server.is_none() && of_streams.is_none() {
        return None;
    }
    let mut rules = common.clone();
    if let Some(changes) = of_server {
        override_rules(&mut rules, changes, problems);
    }
    let base = rules.clone();
    for (index, stream) in list_of_tables(of_streams, problems).iter().enumerate() {
        let mut found = Vec::new();
        if let Some((id, own)) = own_stream_rules(stream, &base, &mut found)
            && rules.streams.insert(id.clone(), own).is_some()
        {
            let why = format!("is the second of stream `{id}`");
            found.push(Invalid::new(why, "write one table for each stream"));
        }
        let place = format!("[[server.stream]] number {}", index + 1);
        problems.extend(found.into_iter().map(|invalid| invalid.of_part(&place)));
    }
    Some(rules)
}

/// Returns the tables that `[[server.stream]]` is a list of.
fn list_of_tables<'v>(value: Option<&'v Value>, problems: &mut Vec<Invalid>) -> Vec<&'v Dict> {
    let items = match value {
        None => &[],
        Some(Value::Array(_, items)) => items.as_slice(),
        Some(single) => std::slice::from_ref(single),
    };
    let tables = items.iter().map(Value::as_dict);
    let is_list = matches!(value, None | Some(Value::Array(..)));
    match tables.collect::<Option<Vec<&Dict>>>() {
        Some(tables) if is_list => tables,
        _ => {
            problems.push(Invalid::new(
                "has a `stream` that is not a list of tables",
                "write each as its own [[server.stream]] table",
            ));
            Vec::new()
        }
    }
}

fn own_stream_rules(
    table: &Dict,
    base: &Rules,
    problems: &mut Vec<Invalid>,
) -> Option<(StreamId, Rules)> {
    let is_unknown = |key: &&String| !STREAM_KEYS.contains(&key.as_str());
    for key in table.keys().filter(is_unknown) {
        let remedy = match key.as_str() {
            "name" | "stream" => "write `id`".to_owned(),
            key => unknown_key_remedy(key, STREAM_KEYS),
        };
        problems.push(Invalid::new(format!("has an unknown key `{key}`"), remedy));
    }
    let mut rules = base.clone();
    if let Some(changes) = table.get("rules") {
        override_rules(&mut rules, changes, problems);
    }
    let id = match table.get("id").map(values::text) {
        None => Err(Invalid::new(
            "has no `id`",
            "add that of a stream, such as id = \"broadcast\"",
        )),
        Some(Err(why)) => Err(invalid_key("id", &why)),
        Some(Ok(id)) => names::stream("id", &id),
    };
    let id = id.map_err(|invalid| problems.push(invalid)).ok()?;
    Some((id, rules))
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
