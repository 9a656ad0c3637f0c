//! The alert rule as code: its bodies, and how what was read back is compared. Pure.

use serde_json::{Value, json};

use crate::sentry::NO_TOKEN;

/// The name by which the rule is found.
pub const RULE_NAME: &str = "hushwatch: skipped_no_postmark_token";
/// How often an issue is notified at most, in minutes.
const FREQUENCY_MINUTES: u64 = 60;

/// Returns the body of the workflow ("alert") that watches the detector ("monitor") of a project's errors.
///
/// The count is strictly above its value; the interval is one of Sentry's own list, and `logicType` of triggers has one value.
pub fn workflow_body(detector: u64) -> Value {
    json!({
        "name": RULE_NAME,
        "enabled": true,
        "environment": null,
        "config": { "frequency": FREQUENCY_MINUTES },
        "detectorIds": [detector],
        "triggers": {
            "logicType": "any-short",
            "conditions": [{
                "type": "event_frequency_count",
                "comparison": { "interval": "5m", "value": 0 },
                "conditionResult": true,
            }],
            "actions": [],
        },
        "actionFilters": [{
            "logicType": "all",
            "conditions": [{
                "type": "event_attribute",
                "comparison": { "attribute": "message", "match": "co", "value": NO_TOKEN },
                "conditionResult": true,
            }],
            "actions": [{
                "type": "email",
                "integrationId": null,
                "data": { "fallthroughType": "ActiveMembers" },
                "config": { "targetType": "issue_owners", "targetIdentifier": "", "targetDisplay": null },
                "status": "active",
            }],
        }],
    })
}

/// Returns the body of the rule of a self-hosted Sentry before 26.9.
pub fn legacy_body() -> Value {
    json!({
        "name": RULE_NAME,
        "actionMatch": "all",
        "filterMatch": "all",
        "frequency": FREQUENCY_MINUTES,
        "conditions": [{
            "id": "sentry.rules.conditions.event_frequency.EventFrequencyCondition",
            "value": 0,
            "interval": "5m",
            "comparisonType": "count",
        }],
        "filters": [{
            "id": "sentry.rules.filters.event_attribute.EventAttributeFilter",
            "attribute": "message",
            "match": "co",
            "value": NO_TOKEN,
        }],
        "actions": [{
            "id": "sentry.mail.actions.NotifyEmailAction",
            "targetType": "IssueOwners",
            "fallthroughType": "ActiveMembers",
        }],
    })
}

/// Returns the places where `found` lacks or changes what `wanted` says, such as `triggers.logicType`. What it has besides does not
/// matter; keys are compared without regard to how their words are joined, and numbers as texts.
pub fn differences(wanted: &Value, found: &Value) -> Vec<String> {
    let mut places = Vec::new();
    compare(wanted, found, "", &mut places);
    places
}

fn compare(wanted: &Value, found: &Value, place: &str, places: &mut Vec<String>) {
    let is_same = match (wanted, found) {
        (Value::Object(wanted), Value::Object(_) | Value::Null) => {
            for (key, value) in wanted {
                let dot = if place.is_empty() { "" } else { "." };
                let of_key = member(found, key);
                compare(value, of_key, &format!("{place}{dot}{key}"), places);
            }
            true
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            for (index, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                compare(wanted, found, &format!("{place}[{index}]"), places);
            }
            true
        }
        (wanted, Value::Null) => matches!(wanted, Value::Null) || wanted == "",
        (wanted, found) => plain(wanted) == plain(found),
    };
    if !is_same {
        places.push(place.to_owned());
    }
}

/// Returns the member of an object whose key has the same words.
pub(super) fn member<'v>(object: &'v Value, key: &str) -> &'v Value {
    let words = |key: &str| key.replace('_', "").to_ascii_lowercase();
    let mut members = object.as_object().into_iter().flatten();
    let found = members.find(|(other, _)| words(other) == words(key));
    found.map_or(&Value::Null, |(_, value)| value)
}

/// Returns a scalar as a text: ids come back as texts where they were written as numbers.
pub(super) fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bodies_are_as_sentry_wants_them() {
        let pretty = |body: &Value| serde_json::to_string_pretty(body).expect("JSON");
        insta::assert_snapshot!("workflow_body", pretty(&workflow_body(123)));
        insta::assert_snapshot!("legacy_body", pretty(&legacy_body()));
    }

    #[test]
    fn what_was_dropped_or_changed_is_named_and_what_was_added_is_not() {
        let wanted = workflow_body(123);
        let mut found = wanted.clone();
        found["id"] = json!("700");
        found["detectorIds"] = json!(["123"]);
        found["triggers"]["id"] = json!("9");
        let action = &mut found["actionFilters"][0]["actions"][0];
        action["config"] = json!({ "target_type": "issue_owners", "target_identifier": null });
        assert_eq!(differences(&wanted, &found), Vec::<String>::new());
        found["detectorIds"] = json!([]);
        found["enabled"] = json!(false);
        found["triggers"]["conditions"][0]["comparison"]["value"] = json!(1);
        found["actionFilters"] = json!([]);
        assert_eq!(
            differences(&wanted, &found),
            [
                "actionFilters",
                "detectorIds",
                "enabled",
                "triggers.conditions[0].comparison.value",
            ]
        );
        assert!(!differences(&wanted, &json!(null)).is_empty());
    }
}
