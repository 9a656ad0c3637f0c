//! One value of a key: from what figment found to what it means. No error repeats a value: it may be a secret that went
//! into the wrong variable.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use figment::value::{Num, Value};

use crate::config::problem::Invalid;
use crate::config::services::Service;
use crate::model::{Zone, parse_duration_within};
use crate::tls::is_loopback;

/// A text; numbers and truth values are taken as they are written, since environment variables have no types.
pub(super) fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(_, text) => Ok(text.trim().to_owned()),
        Value::Char(_, c) => Ok(c.to_string()),
        Value::Bool(_, b) => Ok(b.to_string()),
        Value::Num(_, num) => Ok(number_text(*num)),
        _ => Err("must be a text in quotes".to_owned()),
    }
}

fn number_text(num: Num) -> String {
    match (num.to_i128(), num.to_u128(), num.to_f64()) {
        (Some(n), _, _) => n.to_string(),
        (_, Some(n), _) => n.to_string(),
        (_, _, Some(n)) => n.to_string(),
        _ => String::new(),
    }
}

pub(super) fn truth(value: &Value) -> Result<bool, String> {
    match text(value)?.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

pub(super) fn number(value: &Value, least: f64, most: f64) -> Result<f64, String> {
    match text(value)?.parse::<f64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        Ok(number) if number.is_finite() => Err(format!("must be from {least} to {most}")),
        _ => Err("must be a number".to_owned()),
    }
}

/// The one of `choices` that is named.
pub(super) fn choice<T: Copy>(value: &Value, choices: [(&str, T); 2]) -> Result<T, String> {
    let text = text(value)?;
    let found = choices.iter().find(|(name, _)| *name == text);
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let [(first, _), (second, _)] = choices;
        format!("must be \"{first}\" or \"{second}\"")
    })
}

/// A part of all mail, such as 0.01.
pub(super) fn share(value: &Value) -> Result<f64, Invalid> {
    let text = text(value)?;
    if text.ends_with('%') {
        return Err(percentage("0.01 for 1%"));
    }
    let share = text.parse::<f64>().ok();
    share
        .filter(|share| *share > 0.0 && *share < 1.0)
        .ok_or_else(|| {
            "must be a share above 0 and below 1, such as 0.01 for 1%"
                .to_owned()
                .into()
        })
}

/// The answer to a percentage.
pub(super) fn percentage(example: &str) -> Invalid {
    Invalid::new(
        "is written as a percentage",
        format!("write a share instead, such as {example}"),
    )
}

/// A time zone by its name in the IANA database.
pub(super) fn time_zone(value: &Value) -> Result<Zone, Invalid> {
    let text = text(value)?;
    let example = "such as \"UTC\" or \"Europe/Berlin\"";
    // These are in the database, as the zones of places without summer time.
    if ["EST", "MST", "HST"]
        .iter()
        .any(|zone| text.eq_ignore_ascii_case(zone))
    {
        return Err(Invalid::new(
            "is an abbreviation that has no summer time",
            "name the zone by its city, such as \"America/New_York\", \"America/Denver\" or \"Pacific/Honolulu\"",
        ));
    }
    let is_abbreviation =
        (2..=5).contains(&text.len()) && text.chars().all(|c| c.is_ascii_uppercase());
    Zone::named(&text).ok_or_else(|| {
        if is_abbreviation {
            Invalid::new(
                "is an abbreviation, which several zones share",
                format!("name the zone by its city, {example}"),
            )
        } else {
            format!("must be a time zone, {example}").into()
        }
    })
}

pub(super) fn whole<N>(value: &Value, least: N, most: N) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display + Copy,
{
    let whole = text(value)?.parse().ok();
    let whole = whole.filter(|n| (least..=most).contains(n));
    whole.ok_or_else(|| format!("must be a whole number from {least} to {most}"))
}

/// The longest duration where nothing shorter is sensible: ten years.
pub(super) const TEN_YEARS: Duration = Duration::from_secs(3653 * 86_400);

/// A duration as [`parse_duration_within`] reads it.
pub(super) fn duration(value: &Value, least: Duration, most: Duration) -> Result<Duration, String> {
    parse_duration_within(&text(value)?, least, most)
}

/// An address of a service that is sent a secret: https, or anything on loopback.
pub(super) fn base_url(value: &Value) -> Result<String, String> {
    service_url(value, ": tokens are sent there")
}

/// An address of a service, with `why` it must be https or on loopback.
pub(super) fn service_url(value: &Value, why: &str) -> Result<String, String> {
    let text = text(value)?;
    let url = reqwest::Url::parse(&text)
        .map_err(|_| "must be a URL such as https://example.com".to_owned())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or a password: it is shown in the log".to_owned());
    }
    if !url.has_host() {
        return Err("must be a URL with a host".to_owned());
    }
    if url.scheme() != "https" && !(is_loopback(&text) && url.scheme() == "http") {
        return Err(format!(
            "must begin with https:// (http only on loopback){why}"
        ));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Refuses the URL of a Slack workflow, which looks like an incoming webhook and is none, and that of another service.
pub(super) fn incoming_webhook(value: &Value) -> Result<String, Invalid> {
    let text = base_url(value)?;
    let url = reqwest::Url::parse(&text).ok();
    let service = url.as_ref().and_then(Service::from_url);
    if let Some(other) = service.filter(|service| *service != Service::Slack) {
        return Err(other.misplaced());
    }
    let first = url.as_ref().filter(|_| service.is_some());
    match first.and_then(|url| url.path_segments()?.next()) {
        Some(kind @ ("triggers" | "workflows")) => Err(Invalid::new(
            format!(
                "starts a workflow (hooks.slack.com/{kind}/…), which answers alike whether it posts or not"
            ),
            "create an incoming webhook (hooks.slack.com/services/…) and set its URL",
        )),
        _ => Ok(text),
    }
}

/// Refuses what only a shell understands.
pub(super) fn path(text: String) -> Result<PathBuf, Invalid> {
    if text == "~" || text.starts_with("~/") || text.starts_with("$HOME") {
        return Err(Invalid::new(
            "begins with what only a shell replaces by the home folder",
            "write the whole path, such as /home/ops/hushwatch.db",
        ));
    }
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c));
    // Its value is not repeated: a URL may hold a password.
    if is_scheme && (text.contains("://") || scheme.eq_ignore_ascii_case("sqlite")) {
        return Err(Invalid::new(
            "holds a URL, and not the path of a file",
            "write the path alone; the URL of a database goes into HUSHWATCH_DATABASE_URL",
        ));
    }
    Ok(PathBuf::from(text))
}

/// Texts in a list.
pub(super) fn texts(value: &Value) -> Result<Vec<String>, String> {
    match value {
        // As it is written in the environment, with or without brackets.
        Value::String(_, list) => {
            let list = list.trim();
            let within = |text: &str, from: char, to: char| -> String {
                let inner = text.strip_prefix(from).and_then(|t| t.strip_suffix(to));
                inner.unwrap_or(text).to_owned()
            };
            let bare = within(list, '[', ']');
            let items = bare.split(',').map(str::trim);
            let items = items.filter(|item| !item.is_empty());
            Ok(items.map(|item| within(item, '"', '"')).collect())
        }
        Value::Array(_, items) => items.iter().map(text).collect(),
        _ => Err("must be a list of texts such as [\"example.com\"]".to_owned()),
    }
}
