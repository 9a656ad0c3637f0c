//! From three layers (built-in, file, environment) to a [`Config`], gathering every problem on the way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::NaiveTime;
use figment::value::Value;

use crate::config::keys::{KEYS, known_mistake, unknown_key_remedy};
use crate::config::layers::{FILE, Layers, find, layers, leaves, sets_anything};
use crate::config::problem::{ConfigProblem, ConfigWarning, Invalid};
use crate::config::rules::{self, keys_of, set};
use crate::config::server::{ACCOUNT_TOKEN, default_server, env_token, read_server};
use crate::config::{
    Config, Mode, PostmarkSettings, Schedule, ServerConfig, SlackSettings, SlackSink, names, values,
};
use crate::model::{DAY, MINUTE, Rule, Rules, SilenceRule, TokenPlace};
use crate::retry;
use crate::secret::Secret;

/// The minimum time limit for an answer.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);
/// The maximum wait for one answer, and between two attempts: beyond it, a cycle would hang on one request.
const MAX_WAIT: Duration = Duration::from_secs(10 * 60);
/// The maximum number of servers: each is evaluated in memory, and all must be polled within one cycle.
const MAX_SERVERS: usize = 2_000;

/// Where values come from, for tests as for the process.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config`, which must exist; else `monitor.toml` in the current folder, if it does.
    pub file: Option<PathBuf>,
    /// The environment, by variable.
    pub env: BTreeMap<String, String>,
}

impl Sources {
    /// Those of this process.
    pub fn of_process(file: Option<PathBuf>) -> Self {
        let text = |v: std::ffi::OsString| v.to_string_lossy().into_owned();
        Self {
            file,
            env: std::env::vars_os()
                .map(|(k, v)| (text(k), text(v)))
                .collect(),
        }
    }

    /// No file, and these variables.
    #[cfg(test)]
    pub(crate) fn of_env(env: &[(&str, &str)]) -> Self {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Self {
            file: None,
            env: env.collect(),
        }
    }

    /// A file that holds `text`, in a folder of its own, and these variables.
    #[cfg(test)]
    pub(crate) fn of_file<T: AsRef<[u8]> + ?Sized>(
        text: &T,
        env: &[(&str, &str)],
    ) -> (tempfile::TempDir, Self) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("monitor.toml");
        std::fs::write(&file, text).expect("written");
        let sources = Self {
            file: Some(file),
            ..Self::of_env(env)
        };
        (folder, sources)
    }

    /// Whether nothing says what to watch or whom to tell: no file that sets anything, no token and no Slack.
    pub fn is_empty(&self) -> bool {
        let names = [
            "POSTMARK_SERVER_TOKEN",
            ACCOUNT_TOKEN,
            "SLACK_BOT_TOKEN",
            "SLACK_OPERATOR_DM_CHANNEL",
            "SLACK_WEBHOOK_URL",
        ];
        let is_set = || sets_anything(self);
        names.iter().all(|name| self.var(name).is_none()) && !is_set()
    }

    /// Returns where a file with a secret is: a relative one is a systemd credential where there is one of that name, else beside the
    /// configuration, unless it is in the current folder alone.
    pub(super) fn secret_file(&self, path: PathBuf) -> PathBuf {
        if path.is_absolute() {
            return path;
        }
        let credentials = self.var("CREDENTIALS_DIRECTORY").map(Path::new);
        let credential = credentials.map(|folder| folder.join(&path));
        if let Some(credential) = credential.filter(|credential| credential.is_file()) {
            return credential;
        }
        let configuration = self.file.as_deref().and_then(Path::parent);
        match configuration.map(|folder| folder.join(&path)) {
            Some(beside) if beside.exists() || !path.exists() => beside,
            _ => path,
        }
    }

    /// The same, with the file of now: one that is gone later is a problem then, and not an empty configuration.
    #[must_use]
    pub fn pinned(self) -> Self {
        Self {
            file: self.file_path(),
            ..self
        }
    }

    /// Returns the file to read: the one that is named, or the one in the current folder.
    pub fn file_path(&self) -> Option<PathBuf> {
        let here = || Path::new(FILE).is_file().then(|| PathBuf::from(FILE));
        self.file.clone().or_else(here)
    }

    /// Returns the value of a variable, trimmed; `None` where it is empty or missing.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.env
            .get(name)
            .map(|v| v.trim())
            .filter(|v| !v.is_empty())
    }
}

/// Reads and checks everything.
///
/// # Errors
/// Every problem, each in one line that names the key and the remedy.
pub fn load(sources: &Sources) -> Result<Config, Vec<ConfigProblem>> {
    let (layers, problems) = layers(sources)?;
    let mut reader = Reader {
        layers,
        problems,
        warnings: Vec::new(),
    };
    reader.unknown_keys();
    let config = reader.config(sources);
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    Ok(Config {
        warnings: reader.warnings,
        ..config
    })
}

pub(super) struct Reader {
    pub(super) layers: Layers,
    pub(super) problems: Vec<ConfigProblem>,
    pub(super) warnings: Vec<ConfigWarning>,
}

impl Reader {
    fn unknown_keys(&mut self) {
        for key in leaves(&self.layers.merged, "") {
            if matches!(key.as_str(), "server" | "quiet" | "sink") || KEYS.contains(&key) {
                continue;
            }
            let from = self.layers.origin(&key);
            let of_rule = key
                .strip_prefix("rules.")
                .and_then(|rest| rest.split_once('.'));
            if let Some((name, of_rule)) = of_rule {
                let (what, remedy) = match Rule::from_name(name) {
                    Some(rule) => {
                        let what = format!("{from}: unknown key `{key}`");
                        (what, rules::unknown_key_remedy(rule, of_rule))
                    }
                    None => {
                        let what = format!("{from}: unknown rule `{name}` in `{key}`");
                        (what, rules::unknown_rule_remedy(name))
                    }
                };
                self.problems.push(ConfigProblem::new(what, remedy));
                continue;
            }
            if KEYS
                .iter()
                .any(|known| known.starts_with(&format!("{key}.")))
            {
                let remedy = format!("write [{key}], and its keys below that");
                let what = format!("{from}: `{key}` is not a table");
                self.problems.push(ConfigProblem::new(what, remedy));
                continue;
            }
            let remedy = known_mistake(&key).map(str::to_owned);
            self.problems.push(ConfigProblem::new(
                format!("{from}: unknown key `{key}`"),
                remedy.unwrap_or_else(|| unknown_key_remedy(&key, &KEYS)),
            ));
        }
    }

    /// The value of `key`; where it is wrong, that is noted and `instead` goes on.
    pub(super) fn read<T, E: Into<Invalid>>(
        &mut self,
        key: &str,
        instead: T,
        read: impl FnOnce(&Value) -> Result<T, E>,
    ) -> T {
        // Only what is no table and stands in the place of one hides a built-in key, which is noted as such.
        let Some(value) = find(&self.layers.merged, key).cloned() else {
            return instead;
        };
        match read(&value) {
            Ok(value) => value,
            Err(invalid) => {
                let subject = format!("{}: `{key}`", self.layers.origin(key));
                self.problems
                    .push(ConfigProblem::invalid(&subject, &invalid.into()));
                instead
            }
        }
    }

    pub(super) fn duration(&mut self, key: &str, least: Duration, most: Duration) -> Duration {
        self.read(key, least, |v| values::duration(v, least, most))
    }

    fn config(&mut self, sources: &Sources) -> Config {
        let hourly: Schedule = "0 0 * * * *"
            .parse()
            .expect("the built-in schedule is valid");
        let rules = self.rules();
        let slack = self.slack(sources);
        let time_zone = self.read("time_zone", crate::model::Zone::UTC, values::time_zone);
        let schedule = self.read("schedule", hourly, |v| {
            values::text(v).map_err(Invalid::from)?.parse::<Schedule>()
        });
        self.warnings.extend(schedule.warning("`schedule`"));
        if schedule.is_of_seconds() {
            self.warnings.push(ConfigWarning::EverySecond);
        }
        let flag = sources.var("FLAG_POSTMARK_DELIVERY_MONITOR");
        if flag.is_some_and(|flag| values::truth(&Value::from(flag)).is_err()) {
            self.warnings.push(ConfigWarning::UnknownFlag);
        }
        let postmark = PostmarkSettings {
            base_url: self.read("postmark.base_url", String::new(), values::base_url),
            requests_per_poll: self.read("postmark.requests_per_poll", 60, |v| {
                values::whole(v, 5, 10_000)
            }),
            timeout: self.duration("postmark.timeout", MIN_TIMEOUT, MAX_WAIT),
            poll_time: self.duration("postmark.poll_time", MIN_TIMEOUT, DAY),
            backfill_time: self.duration("postmark.backfill_time", Duration::ZERO, DAY),
        };
        let servers = self.servers(sources, &rules);
        if !matches!(slack.sink, SlackSink::Bot { .. }) {
            self.warnings
                .extend(servers.iter().flat_map(unused_channels));
        }
        let sinks = self.sinks(sources, &servers);
        Config {
            mode: self.read("mode", Mode::Alert, |v| {
                values::choice(v, [("alert", Mode::Alert), ("digest", Mode::Digest)])
            }),
            time_zone,
            quiet_hours: self.quiet_hours(time_zone),
            sinks,
            retry: retry::RetryPolicy {
                attempts: self.read("retry.attempts", 4, |v| values::whole(v, 1, 20)),
                initial: self.duration("retry.initial", Duration::ZERO, MAX_WAIT),
                longest: self.duration("retry.longest", Duration::ZERO, MAX_WAIT),
            },
            servers,
            account: sources
                .var(ACCOUNT_TOKEN)
                .map(|_| env_token(sources, ACCOUNT_TOKEN)),
            ignored: self.read("postmark.ignore_servers", Vec::new(), values::texts),
            slack,
            confidence_by_default: ["bounce_rate", "spam_rate"]
                .iter()
                .any(|rule| !self.layers.is_set(&format!("rules.{rule}.confidence"))),
            rules,
            digest_at: self.read("digest.at", NaiveTime::MIN, |v| {
                let wrong = "must be a time of day such as \"09:00\"".to_owned();
                NaiveTime::parse_from_str(&values::text(v)?, "%H:%M").map_err(|_| wrong)
            }),
            store: self.store(sources),
            heartbeat: self.heartbeat(),
            sentry: self.sentry(sources, &schedule, &postmark),
            schedule,
            postmark,
            doctor: self.doctor(),
            canary: self.canary(sources),
            page: self.page(sources),
            enabled: sources
                .var("FLAG_POSTMARK_DELIVERY_MONITOR")
                .is_none_or(|flag| values::truth(&Value::from(flag)) != Ok(false)),
            warnings: Vec::new(),
        }
    }

    /// Sets what `[rules.RULE]` says of each rule.
    fn rules(&mut self) -> Rules {
        let mut rules = Rules {
            silence: SilenceRule {
                false_alarms_per_year: self.read("silence.false_alarms_per_year", 4.0, |v| {
                    values::number(v, 0.01, 1000.0)
                }),
                min_history: self.duration("silence.min_history", DAY, values::TEN_YEARS),
            },
            ..Rules::default()
        };
        for rule in Rule::ALL {
            for key in keys_of(rule) {
                let path = format!("rules.{rule}.{key}");
                self.read(&path, (), |v| set(&mut rules, rule, key, v));
            }
        }
        rules
    }

    fn slack(&mut self, sources: &Sources) -> SlackSettings {
        let secret = |name| sources.var(name).and_then(Secret::new);
        let channel = sources.var("SLACK_OPERATOR_DM_CHANNEL");
        if channel.is_some() && secret("SLACK_BOT_TOKEN").is_none() {
            self.warnings.push(ConfigWarning::ChannelWithoutBot);
        }
        let sink = match (
            secret("SLACK_BOT_TOKEN"),
            channel,
            secret("SLACK_WEBHOOK_URL"),
        ) {
            (Some(token), Some(channel), _) => {
                let named = names::channel(channel);
                if named.is_none() {
                    let what = "SLACK_OPERATOR_DM_CHANNEL: is not a channel";
                    let problem = ConfigProblem::new(what, names::CHANNEL_REMEDY);
                    self.problems.push(problem);
                }
                SlackSink::Bot {
                    token,
                    channel: named.unwrap_or_default(),
                }
            }
            (Some(_), None, _) => {
                self.problems.push(ConfigProblem::new(
                    "SLACK_BOT_TOKEN: is set without SLACK_OPERATOR_DM_CHANNEL",
                    "set that to the id of the channel or person to post to",
                ));
                SlackSink::Print
            }
            (None, _, Some(url)) => {
                if let Err(invalid) = values::incoming_webhook(&Value::from(url.expose())) {
                    let problem = ConfigProblem::invalid("SLACK_WEBHOOK_URL:", &invalid);
                    self.problems.push(problem);
                }
                SlackSink::Webhook(url)
            }
            (None, _, None) => {
                self.warnings.push(ConfigWarning::NoSlack);
                SlackSink::Print
            }
        };
        let named = |read: fn(&str) -> Option<String>, remedy: &'static str| {
            move |value: &Value| match values::text(value)? {
                text if text.is_empty() => Ok(None),
                text => match read(&text) {
                    None => Err(Invalid::new("is not valid", remedy)),
                    named => Ok(named),
                },
            }
        };
        let channel = named(names::channel, names::CHANNEL_REMEDY);
        let wake_channel = self.read("slack.wake_channel", None, channel);
        let mention = named(names::mention, names::MENTION_REMEDY);
        let wake_mention = self.read("slack.wake_mention", None, mention);
        if wake_channel.is_some() && !matches!(sink, SlackSink::Bot { .. }) {
            self.warnings.push(ConfigWarning::UnusedWakeChannel);
        }
        SlackSettings {
            wake_channel,
            wake_mention,
            base_url: self.read("slack.base_url", String::new(), values::base_url),
            mask_addresses: self.read("slack.mask_addresses", true, values::truth),
            pictures: self.read("slack.pictures", true, values::truth),
            pace: self.duration("slack.pace", Duration::ZERO, MINUTE),
            timeout: self.duration("slack.timeout", MIN_TIMEOUT, MAX_WAIT),
            hello: self.read("slack.hello", true, values::truth),
            reactions: self.read("slack.reactions", true, values::truth),
            sink,
        }
    }

    fn servers(&mut self, sources: &Sources, rules: &Rules) -> Vec<ServerConfig> {
        let listed = match self.layers.merged.get("server").cloned() {
            None => Vec::new(),
            Some(Value::Array(_, servers)) => servers,
            Some(_) => {
                self.server_is_no_table();
                Vec::new()
            }
        };
        if listed.is_empty() {
            let discovers = sources.var(ACCOUNT_TOKEN).is_some();
            let named = sources.var("POSTMARK_SERVER_TOKEN").is_some();
            return if discovers && !named {
                Vec::new()
            } else {
                vec![default_server(sources)]
            };
        }
        if listed.len() > MAX_SERVERS {
            let from = self.layers.origin("server");
            self.problems.push(ConfigProblem::new(
                format!("{from}: more than {MAX_SERVERS} [[server]]"),
                "divide them between several processes, each with its own `store.path`",
            ));
            return Vec::new();
        }
        let (only, from) = (listed.len() == 1, self.layers.origin("server").to_owned());
        let mut servers: Vec<ServerConfig> = Vec::new();
        for (index, value) in listed.iter().enumerate() {
            let Value::Dict(_, table) = value else {
                self.server_is_no_table();
                continue;
            };
            match read_server(table, only, sources, rules) {
                Ok(server) if servers.iter().any(|s| s.name == server.name) => {
                    self.problems.push(ConfigProblem::new(
                        format!("{from}: two [[server]] are called `{}`", server.name),
                        "give each its own `name`",
                    ));
                }
                Ok(server) => {
                    self.problems.extend(same_token(&servers, &server, &from));
                    servers.push(server);
                }
                Err(problems) => {
                    let subject = format!("{from}: [[server]] number {}", index + 1);
                    let problem = |invalid| ConfigProblem::invalid(&subject, invalid);
                    self.problems.extend(problems.iter().map(problem));
                }
            }
        }
        servers
    }

    fn server_is_no_table(&mut self) {
        let from = self.layers.origin("server");
        self.problems.push(ConfigProblem::new(
            format!("{from}: `server` is not a list of tables"),
            "write each server as its own [[server]] table",
        ));
    }
}

/// Returns a warning for each channel of a server.
fn unused_channels(server: &ServerConfig) -> impl Iterator<Item = ConfigWarning> {
    let keys = [
        ("channel", &server.channel),
        ("wake_channel", &server.wake_channel),
    ];
    let set = keys.into_iter().filter(|(_, channel)| channel.is_some());
    set.map(|(key, _)| ConfigWarning::UnusedChannel {
        server: server.name.to_string(),
        key,
    })
}

/// Returns what is wrong where `server` has the token of one of `others`, and watches the same streams.
fn same_token(others: &[ServerConfig], server: &ServerConfig, from: &str) -> Option<ConfigProblem> {
    let place = server.token.place()?;
    let is_same = |other: &&ServerConfig| other.token.place().as_ref() == Some(&place);
    let other = others.iter().find(|o| is_same(o) && o.overlaps(server))?;
    let key = match place {
        TokenPlace::Variable(_) => "token_env",
        TokenPlace::File(_) => "token_file",
    };
    let (a, b) = (&other.name, &server.name);
    Some(ConfigProblem::new(
        format!(
            "{from}: `{a}` and `{b}` have the same `{key}`, so they are the same Postmark server"
        ),
        "give each the token of its own server, or keep one of them; where each watches a part, name its `streams`",
    ))
}
