//! Alert rules: workflows and detectors, and the rules of an older Sentry.
//!
//! The traps of the real one: keys that it does not know are dropped without a word, names are not unique, lists come in pages that
//! `Link` leads through, and the old interface answers 410 for good.

use serde_json::{Value, json};

use crate::sim::http::{Reply, Request};

use super::{PROJECT, TOKEN};

/// How many entries a page has.
const PAGE: usize = 2;
/// The detector of errors of the project.
const DETECTOR: u64 = 123;
/// The organization and the slug of the project.
const ORG: &str = "example";
const SLUG: &str = "mail";

pub(super) struct Api {
    pub(super) workflows: Vec<Value>,
    pub(super) rules: Vec<Value>,
    pub(super) requests: Vec<String>,
    pub(super) is_old: bool,
    pub(super) has_detector: bool,
    pub(super) drops_detectors: bool,
    next_id: u64,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            workflows: Vec::new(),
            rules: Vec::new(),
            requests: Vec::new(),
            is_old: false,
            has_detector: true,
            drops_detectors: false,
            next_id: 700,
        }
    }
}

type Refusal = (u16, Value);

fn refuse(status: u16, text: &str) -> Refusal {
    (status, json!({ "detail": text }))
}

impl Api {
    pub(super) fn answer(&mut self, request: &Request) -> Reply {
        let (method, path) = (request.received.method.as_str(), &*request.received.path);
        self.requests.push(format!("{method} {path}"));
        let bearer = request.header("authorization").unwrap_or_default();
        if bearer != format!("Bearer {TOKEN}") {
            return Reply::json(401, r#"{"detail":"Invalid token"}"#);
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let result = match path.strip_prefix("/api/0/") {
            Some(path) => self.route(method, path, request, &body),
            None => Err(refuse(404, "not found")),
        };
        match result {
            Ok(reply) => reply,
            Err((status, body)) => Reply::json(status, body.to_string()),
        }
    }

    fn route(
        &mut self,
        method: &str,
        path: &str,
        request: &Request,
        body: &Value,
    ) -> Result<Reply, Refusal> {
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        if !path.ends_with('/') {
            return Err(refuse(404, "no trailing slash"));
        }
        match (method, parts.as_slice()) {
            ("GET", ["projects", ORG, SLUG | PROJECT]) => {
                Ok(ok(&json!({ "id": PROJECT, "slug": SLUG })))
            }
            (_, ["organizations", ORG, "detectors" | "workflows", ..]) if self.is_old => {
                Err(refuse(404, "The requested resource does not exist"))
            }
            ("GET", ["organizations", ORG, "detectors"]) => {
                let wanted = request.received.query("project") == Some(PROJECT)
                    && request.received.query("query") == Some("type:error");
                let all = match self.has_detector && wanted {
                    true => vec![
                        json!({ "id": DETECTOR.to_string(), "projectId": PROJECT, "type": "error" }),
                    ],
                    false => Vec::new(),
                };
                Ok(ok(&json!(all)))
            }
            ("GET", ["organizations", ORG, "workflows"]) => {
                let query = request.received.query("query").unwrap_or_default();
                // It finds parts of names, too.
                let is_found = |w: &&Value| w["name"].as_str().is_some_and(|n| n.contains(query));
                let found: Vec<Value> = self
                    .workflows
                    .iter()
                    .rev()
                    .filter(is_found)
                    .cloned()
                    .collect();
                Ok(page(&found, request))
            }
            ("POST", ["organizations", ORG, "workflows"]) => {
                let mut kept = keep_workflow(body)?;
                self.lose_detectors(&mut kept);
                let id = self.add_workflow(kept);
                let made = self.workflows.iter().find(|w| w["id"] == id.as_str());
                Ok(Reply::json(
                    201,
                    made.cloned().unwrap_or_default().to_string(),
                ))
            }
            ("GET", ["organizations", ORG, "workflows", id]) => {
                let found = self.workflows.iter().find(|w| w["id"] == *id);
                found.map(ok).ok_or_else(|| refuse(404, "no such workflow"))
            }
            ("PUT", ["organizations", ORG, "workflows", id]) => {
                let mut kept = keep_workflow(body)?;
                self.lose_detectors(&mut kept);
                kept["id"] = json!(id);
                let found = self.workflows.iter_mut().find(|w| w["id"] == *id);
                let found = found.ok_or_else(|| refuse(404, "no such workflow"))?;
                *found = kept;
                Ok(ok(found))
            }
            (_, ["projects", ORG, SLUG | PROJECT, "rules", ..]) if !self.is_old => {
                Err((410, json!({ "message": "This API no longer exists." })))
            }
            ("GET", ["projects", ORG, SLUG, "rules"]) => Ok(page(&self.rules.clone(), request)),
            ("POST", ["projects", ORG, SLUG, "rules"]) => {
                let mut rule = keep_rule(body)?;
                self.next_id += 1;
                rule["id"] = json!(self.next_id.to_string());
                self.rules.push(rule.clone());
                Ok(ok(&rule))
            }
            ("GET", ["projects", ORG, SLUG, "rules", id]) => {
                let found = self.rules.iter().find(|rule| rule["id"] == *id);
                found.map(ok).ok_or_else(|| refuse(404, "no such rule"))
            }
            ("PUT", ["projects", ORG, SLUG, "rules", id]) => {
                let mut rule = keep_rule(body)?;
                rule["id"] = json!(id);
                let found = self.rules.iter_mut().find(|rule| rule["id"] == *id);
                *found.ok_or_else(|| refuse(404, "no such rule"))? = rule.clone();
                Ok(ok(&rule))
            }
            _ => Err(refuse(404, "The requested resource does not exist")),
        }
    }

    pub(super) fn add_workflow(&mut self, mut body: Value) -> String {
        self.next_id += 1;
        let id = self.next_id.to_string();
        body["id"] = json!(id);
        self.workflows.push(body);
        id
    }

    fn lose_detectors(&self, workflow: &mut Value) {
        if self.drops_detectors {
            workflow["detectorIds"] = json!([]);
        }
    }
}

fn ok(body: &Value) -> Reply {
    Reply::json(200, body.to_string())
}

/// Returns the page that the cursor names, with the `Link` to the next one.
fn page(all: &[Value], request: &Request) -> Reply {
    let cursor = request.received.query("cursor").unwrap_or("0:0:0");
    let begin: usize = cursor
        .split(':')
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    let begin = begin.min(all.len());
    let end = (begin + PAGE).min(all.len());
    let host = request.header("host").unwrap_or_default();
    let address = |begin: usize| {
        let own = request
            .received
            .query
            .iter()
            .filter(|(name, _)| name != "cursor");
        let query: Vec<String> = own
            .map(|(name, value)| format!("{name}={}", value.replace(' ', "+").replace(':', "%3A")))
            .collect();
        let path = &request.received.path;
        format!(
            "<http://{host}{path}?{}&cursor=0:{begin}:0>",
            query.join("&")
        )
    };
    let has_more = end < all.len();
    let link = format!(
        "{}; rel=\"previous\"; results=\"{}\"; cursor=\"0:0:1\", {}; rel=\"next\"; results=\"{has_more}\"; cursor=\"0:{end}:0\"",
        address(0),
        begin > 0,
        address(end),
    );
    ok(&json!(all[begin..end])).with_header("Link", link)
}

/// Returns what is kept of a workflow.
fn keep_workflow(body: &Value) -> Result<Value, Refusal> {
    let wrong = |key: &str, why: &str| (400, json!({ key: [why] }));
    let name = body["name"].as_str().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| wrong("name", "This field is required."))?;
    let frequency = &body["config"]["frequency"];
    let known = [0, 5, 10, 30, 60, 180, 720, 1440].map(|minutes| json!(minutes));
    if !known.contains(frequency) {
        return Err(wrong("config", "frequency is not one of the valid choices"));
    }
    let triggers = &body["triggers"];
    if triggers["logicType"] != "any-short" {
        return Err(wrong("triggers", "logicType must be any-short"));
    }
    let filters = body["actionFilters"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let conditions = std::iter::once(triggers).chain(&filters);
    for condition in
        conditions.flat_map(|group| group["conditions"].as_array().into_iter().flatten())
    {
        check_condition(condition).map_err(|why| wrong("conditions", why))?;
    }
    for action in filters
        .iter()
        .flat_map(|group| group["actions"].as_array().into_iter().flatten())
    {
        let target = action["config"]["targetType"].as_str().unwrap_or_default();
        if !["issue_owners", "user", "team"].contains(&target) {
            return Err(wrong("actions", "targetType is not valid"));
        }
    }
    // Whatever else there is, is dropped without a word; and the answer is richer than what was written.
    let mut kept = json!({
        "name": name, "enabled": body["enabled"].as_bool().unwrap_or(true),
        "environment": body["environment"], "config": { "frequency": frequency },
        "detectorIds": texts(&body["detectorIds"]),
        "triggers": with_ids(triggers), "actionFilters": filters.iter().map(with_ids).collect::<Vec<_>>(),
        "createdBy": "1", "dateCreated": "2026-03-03T10:00:00Z", "lastTriggered": null, "owner": null,
    });
    kept["organizationId"] = json!("1");
    Ok(kept)
}

fn texts(ids: &Value) -> Vec<String> {
    let all = ids.as_array().into_iter().flatten();
    all.map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned))
        .collect()
}

/// Returns a group with the ids that the answer has.
fn with_ids(group: &Value) -> Value {
    let mut group = group.clone();
    group["id"] = json!("9");
    for key in ["conditions", "actions"] {
        for part in group[key].as_array_mut().into_iter().flatten() {
            part["id"] = json!("8");
        }
    }
    group
}

fn check_condition(condition: &Value) -> Result<(), &'static str> {
    let comparison = &condition["comparison"];
    let has_only = |keys: &[&str]| {
        let object = comparison.as_object();
        object.is_some_and(|o| o.len() == keys.len() && keys.iter().all(|key| o.contains_key(*key)))
    };
    match condition["type"].as_str() {
        Some("every_event") if comparison == &json!(true) => Ok(()),
        Some("event_frequency_count") => {
            let interval = comparison["interval"].as_str().unwrap_or_default();
            let is_known = ["1m", "5m", "15m", "1h", "1d", "1w", "30d"].contains(&interval);
            let is_valid = has_only(&["interval", "value"]) && comparison["value"].is_u64();
            (is_known && is_valid)
                .then_some(())
                .ok_or("event_frequency_count is not valid")
        }
        Some("event_attribute") => {
            let is_valid = has_only(&["attribute", "match", "value"])
                && comparison["attribute"] == "message"
                && comparison["match"] == "co";
            is_valid.then_some(()).ok_or("event_attribute is not valid")
        }
        _ => Err("type is not one of the valid choices"),
    }
}

/// Returns what is kept of a rule of the old kind.
fn keep_rule(body: &Value) -> Result<Value, Refusal> {
    let wrong = |key: &str| (400, json!({ key: ["This field is not valid."] }));
    let minutes = body["frequency"].as_u64().unwrap_or_default();
    if !(5..=43_200).contains(&minutes) {
        return Err(wrong("frequency"));
    }
    for key in ["conditions", "filters", "actions"] {
        let all = body[key].as_array().ok_or_else(|| wrong(key))?;
        if !all.iter().all(|part| {
            part["id"]
                .as_str()
                .is_some_and(|id| id.starts_with("sentry."))
        }) {
            return Err(wrong(key));
        }
    }
    let known = [
        "name",
        "actionMatch",
        "filterMatch",
        "frequency",
        "conditions",
        "filters",
        "actions",
    ];
    let kept = body.as_object().into_iter().flatten();
    let kept = kept.filter(|(key, _)| known.contains(&key.as_str()));
    let kept: serde_json::Map<String, Value> = kept.map(|(k, v)| (k.clone(), v.clone())).collect();
    let mut kept = Value::Object(kept);
    kept["status"] = json!("active");
    kept["environment"] = Value::Null;
    Ok(kept)
}
