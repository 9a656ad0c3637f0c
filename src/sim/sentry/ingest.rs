//! Envelopes, checked as the developer documentation of Sentry describes events and check-ins.

use serde_json::{Value, json};

use crate::sim::http::{Reply, Request};

use super::{Item, KEY, PROJECT, State};

pub(super) fn answer(state: &mut State, request: &Request) -> Reply {
    if request.received.path != format!("/api/{PROJECT}/envelope/") {
        return Reply::json(404, r#"{"detail":"no such project"}"#);
    }
    let auth = request.header("x-sentry-auth").unwrap_or_default();
    let named = |name: &str| {
        let pairs = auth.strip_prefix("Sentry ")?.split(',');
        let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
        pairs
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned())
    };
    if named("sentry_version").as_deref() != Some("7") || named("sentry_client").is_none() {
        state
            .unexpected
            .push("an envelope without version or client".to_owned());
    }
    if named("sentry_key").as_deref() != Some(KEY) {
        return Reply::json(
            403,
            r#"{"detail":"event submission rejected with_reason: ProjectId"}"#,
        );
    }
    if let Some((status, limits)) = &state.limits
        && *status == 429
    {
        return Reply::json(429, r#"{"detail":"rate limited"}"#)
            .with_header("X-Sentry-Rate-Limits", limits);
    }
    let text = String::from_utf8_lossy(&request.body).into_owned();
    match read(&text) {
        Ok(item) => {
            let id = item.payload["event_id"].clone();
            state.items.push(item);
            let reply = Reply::json(200, json!({ "id": id }).to_string());
            match &state.limits {
                Some((_, limits)) => reply.with_header("X-Sentry-Rate-Limits", limits),
                None => reply,
            }
        }
        Err(why) => {
            state.unexpected.push(format!("{why}: {text}"));
            Reply::json(400, json!({ "detail": why }).to_string())
        }
    }
}

fn read(text: &str) -> Result<Item, &'static str> {
    let (header, rest) = text.split_once('\n').ok_or("no envelope header")?;
    let header: Value = serde_json::from_str(header).map_err(|_| "invalid envelope header")?;
    let (item, rest) = rest.split_once('\n').ok_or("no item header")?;
    let item: Value = serde_json::from_str(item).map_err(|_| "invalid item header")?;
    let length = item["length"].as_u64().ok_or("no length")?;
    let length = usize::try_from(length).map_err(|_| "invalid length")?;
    let payload = rest.get(..length).ok_or("cut off")?;
    if !matches!(&rest[length..], "" | "\n") {
        return Err("more than one item");
    }
    let payload: Value = serde_json::from_str(payload).map_err(|_| "invalid payload")?;
    let kind = item["type"].as_str().ok_or("no type")?.to_owned();
    match kind.as_str() {
        "event" if header["event_id"] != payload["event_id"] => Err("another event id"),
        "event" => check_event(&payload),
        "check_in" => check_check_in(&payload),
        "client_report" if payload["discarded_events"].is_array() => Ok(()),
        _ => Err("an unknown item"),
    }?;
    Ok(Item { kind, payload })
}

fn keys_within(value: &Value, known: &[&str]) -> Result<(), &'static str> {
    let keys = value.as_object().ok_or("no object")?.keys();
    match keys.clone().all(|key| known.contains(&key.as_str())) {
        true => Ok(()),
        false => Err("an unknown key"),
    }
}

fn is_id(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.len() == 32 && text.bytes().all(is_hex)
}

fn is_text(value: &Value, most: usize) -> bool {
    value.as_str().is_some_and(|text| {
        !text.is_empty() && text.chars().count() <= most && !text.contains('\n')
    })
}

fn ensure(holds: bool, why: &'static str) -> Result<(), &'static str> {
    holds.then_some(()).ok_or(why)
}

fn check_event(event: &Value) -> Result<(), &'static str> {
    keys_within(
        event,
        &[
            "event_id",
            "timestamp",
            "platform",
            "level",
            "logger",
            "release",
            "environment",
            "logentry",
            "tags",
            "fingerprint",
        ],
    )?;
    ensure(is_id(&event["event_id"]), "event_id")?;
    let at = event["timestamp"].as_str().unwrap_or_default();
    ensure(
        chrono::DateTime::parse_from_rfc3339(at).is_ok(),
        "timestamp",
    )?;
    ensure(event["platform"] == "other", "platform")?;
    let level = event["level"].as_str().unwrap_or_default();
    ensure(
        ["fatal", "error", "warning", "info", "debug"].contains(&level),
        "level",
    )?;
    keys_within(&event["logentry"], &["formatted"])?;
    ensure(is_text(&event["logentry"]["formatted"], 8_192), "message")?;
    ensure(is_text(&event["release"], 200), "release")?;
    check_environment(&event["environment"])?;
    let tags = event["tags"].as_object().ok_or("tags")?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    for (name, value) in tags {
        ensure(
            name.len() <= 32 && name.chars().all(is_name),
            "the name of a tag",
        )?;
        ensure(is_text(value, 200), "the value of a tag")?;
    }
    let fingerprint = event["fingerprint"].as_array().ok_or("fingerprint")?;
    ensure(fingerprint.iter().all(Value::is_string), "fingerprint")
}

fn check_environment(value: &Value) -> Result<(), &'static str> {
    let text = value.as_str().unwrap_or_default();
    let is_valid = is_text(value, 64) && !text.contains(['/', ' ']) && text != "None";
    ensure(is_valid, "environment")
}

fn check_check_in(check_in: &Value) -> Result<(), &'static str> {
    keys_within(
        check_in,
        &[
            "check_in_id",
            "monitor_slug",
            "status",
            "duration",
            "release",
            "environment",
            "monitor_config",
        ],
    )?;
    ensure(is_id(&check_in["check_in_id"]), "check_in_id")?;
    let slug = check_in["monitor_slug"].as_str().unwrap_or_default();
    let is_slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    let is_valid = (1..=50).contains(&slug.len())
        && slug.chars().all(is_slug)
        && !slug.bytes().all(|b| b.is_ascii_digit());
    ensure(is_valid, "monitor_slug")?;
    let status = check_in["status"].as_str().unwrap_or_default();
    ensure(["in_progress", "ok", "error"].contains(&status), "status")?;
    let duration = &check_in["duration"];
    let is_duration = duration.is_null() || duration.as_f64().is_some_and(|d| d >= 0.0);
    ensure(is_duration, "duration")?;
    check_environment(&check_in["environment"])?;
    let config = &check_in["monitor_config"];
    keys_within(
        config,
        &[
            "schedule",
            "checkin_margin",
            "max_runtime",
            "timezone",
            "failure_issue_threshold",
            "recovery_threshold",
            "owner",
        ],
    )?;
    for key in ["checkin_margin", "max_runtime"] {
        let minutes = config[key].as_u64().unwrap_or_default();
        ensure((1..=40_320).contains(&minutes), "minutes")?;
    }
    ensure(is_text(&config["timezone"], 64), "timezone")?;
    let schedule = &config["schedule"];
    keys_within(schedule, &["type", "value", "unit"])?;
    let value = &schedule["value"];
    let fields = value.as_str().map(|text| text.split(' ').count());
    let is_valid = match schedule["type"].as_str() {
        Some("crontab") => fields == Some(5) && schedule["unit"].is_null(),
        Some("interval") => {
            let unit = schedule["unit"].as_str().unwrap_or_default();
            value.as_u64().is_some_and(|n| n > 0)
                && ["year", "month", "week", "day", "hour", "minute"].contains(&unit)
        }
        _ => false,
    };
    ensure(is_valid, "schedule")
}
