//! The three layers of configuration, merged by figment, and which of them set each key.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::path::Path;

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider};

use crate::config::installed::permission_remedy;
use crate::config::keys::{BUILT_IN, KEYS, SPECIAL, known_mistake, nearest};
use crate::config::misplaced::misplaced_secrets;
use crate::config::problem::io_reason;
use crate::config::{ConfigProblem, Sources};

/// The maximum size of a file: a thousand servers.
const MAX_FILE_BYTES: u64 = 256 << 10;
/// Read from the current folder where no other file is named.
pub(super) const FILE: &str = "monitor.toml";
pub(super) const PREFIX: &str = "HUSHWATCH_";

/// The merged layers, and which of them set each key.
pub(super) struct Layers {
    pub(super) merged: Dict,
    /// The last layer that set each key; none for the built-in file.
    origin: BTreeMap<String, String>,
}

/// Returns the merged layers, and a problem for each variable that is none of ours.
///
/// # Errors
/// What hides everything else.
pub(super) fn layers(
    sources: &Sources,
) -> Result<(Layers, Vec<ConfigProblem>), Vec<ConfigProblem>> {
    let mut problems = Vec::new();
    let mut figment = Figment::from(Toml::string(&BUILT_IN));
    let mut origin = BTreeMap::new();
    let file = own_file(sources).map_err(|problem| vec![problem])?;
    let (shown, own) = file
        .as_ref()
        .map_or(("", None), |(shown, own)| (shown.as_str(), Some(own)));
    let misplaced = misplaced_secrets(shown, own, sources);
    if !misplaced.is_empty() {
        // Other problems might repeat them.
        return Err(misplaced);
    }
    if let Some(own) = own {
        let keys = leaves(own, "").into_iter();
        origin.extend(keys.map(|key| (key, shown.to_owned())));
        figment = figment.merge(Serialized::defaults(own));
    }
    for (name, value) in &sources.env {
        let Some(rest) = name
            .strip_prefix(PREFIX)
            .filter(|_| !SPECIAL.contains(&name.as_str()))
        else {
            continue;
        };
        let key = rest.to_ascii_lowercase().replace("__", ".");
        if !KEYS.contains(&key) {
            let variable = |key: &str| {
                let name = key.to_ascii_uppercase().replace('.', "__");
                format!("did you mean {PREFIX}{name}?")
            };
            let remedy = known_mistake(&key).map(str::to_owned);
            let remedy = remedy.or_else(|| nearest(&key, &KEYS).map(variable));
            problems.push(ConfigProblem::new(
                format!("{name}: unknown variable"),
                remedy.unwrap_or_else(|| {
                    "unset it; docs/configuration.md lists every key".to_owned()
                }),
            ));
            continue;
        }
        figment = figment.merge(Serialized::default(&key, value.as_str()));
        origin.insert(key, name.clone());
    }
    for (name, key) in [
        (
            "POSTMARK_ALERT_MIN_DENOMINATOR_BOUNCE",
            "rules.bounce_rate.min_denominator",
        ),
        (
            "POSTMARK_ALERT_MIN_DENOMINATOR_SPAM",
            "rules.spam_rate.min_denominator",
        ),
    ] {
        if let Some(value) = sources.var(name) {
            figment = figment.merge(Serialized::default(key, value));
            origin.insert(key.to_owned(), name.to_owned());
        }
    }
    let merged = dict(&figment).map_err(|()| {
        vec![ConfigProblem::new(
            format!("{FILE}: its values contradict each other"),
            "compare it with docs/configuration.md",
        )]
    })?;
    Ok((Layers { merged, origin }, problems))
}

/// Returns the user's own file as it is named to people, and what it says; `None` where there is none.
fn own_file(sources: &Sources) -> Result<Option<(String, Dict)>, ConfigProblem> {
    let Some(path) = sources.file_path() else {
        return Ok(None);
    };
    let shown = path.display().to_string();
    let text = read(&path).map_err(|e| {
        let remedy = match e.kind() {
            ErrorKind::PermissionDenied => permission_remedy(&path),
            ErrorKind::NotFound => "put it there, or name another with `--config`".to_owned(),
            _ => "correct that file, or name another with `--config`".to_owned(),
        };
        let what = format!("{shown}: cannot be read: {}", io_reason(e.kind()));
        ConfigProblem::new(what, remedy)
    })?;
    let own = dict(&Figment::from(Toml::string(&text))).map_err(|()| {
        ConfigProblem::new(
            format!("{shown}: not valid TOML{}", wrong_at(&text)),
            "correct that line; the `monitor.toml` that comes with hushwatch has every key",
        )
    })?;
    Ok(Some((shown, own)))
}

/// Returns whether there is a file that sets anything; one that cannot be read counts as one.
pub(super) fn sets_anything(sources: &Sources) -> bool {
    own_file(sources).map_or(true, |file| file.is_some_and(|(_, own)| !own.is_empty()))
}

/// The text of a file, up to its limit: a device has no end.
fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

fn dict(figment: &Figment) -> Result<Dict, ()> {
    // figment's own errors print values, which may be secrets.
    let mut data = figment.data().map_err(|_| ())?;
    Ok(data.remove(&Profile::Default).unwrap_or_default())
}

/// Where and why TOML makes no sense, without the text itself: it may hold a token.
fn wrong_at(text: &str) -> String {
    let Err(error) = toml::from_str::<toml::Table>(text) else {
        return String::new();
    };
    let why = error.message().replace('\n', ", ");
    let before = error.span().and_then(|span| text.get(..span.start));
    let place = before.map_or_else(String::new, |before| {
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        format!(
            "line {}, column {column}: ",
            before.matches('\n').count() + 1
        )
    });
    format!(" ({place}{why})")
}

impl Layers {
    /// Returns the file or the variable that set `key`.
    pub(super) fn origin(&self, key: &str) -> &str {
        // A single table `server` is no leaf, and only the file can hold one.
        let unset = if matches!(key, "server" | "quiet" | "sink") {
            FILE
        } else {
            "built-in"
        };
        self.origin.get(key).map_or(unset, String::as_str)
    }

    /// Returns whether the file or a variable sets `key`.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.origin.contains_key(key)
    }
}

pub(super) fn leaves(dict: &Dict, prefix: &str) -> Vec<String> {
    dict.iter()
        .flat_map(|(key, value)| {
            let path = if prefix.is_empty() {
                key.clone()
            } else {
                format!("{prefix}.{key}")
            };
            match value {
                Value::Dict(_, inner) => leaves(inner, &path),
                _ => vec![path],
            }
        })
        .collect()
}

pub(super) fn find<'v>(dict: &'v Dict, key: &str) -> Option<&'v Value> {
    match key.split_once('.') {
        None => dict.get(key),
        Some((first, rest)) => match dict.get(first)? {
            Value::Dict(_, inner) => find(inner, rest),
            _ => None,
        },
    }
}
