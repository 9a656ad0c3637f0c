//! `sentry-rule`: the alert rule of Sentry as code. Found by its exact name, created or brought up to date, read back and compared.

use std::io::Write;

use clap::Args;
use serde_json::Value;

use crate::commands::stdout::print;
use crate::commands::{CommandResult, INCOMPLETE, USAGE};
use crate::secret::Secret;
use crate::sentry::rule::{RULE_NAME, differences, legacy_body, workflow_body};
use crate::sentry::{ApiError, RuleKind, RulesApi};

const TOKEN: &str = "SENTRY_AUTH_TOKEN";
const URL: &str = "SENTRY_URL";
const DEFAULT_URL: &str = "https://sentry.io";

/// Arguments of `sentry-rule`.
#[derive(Debug, Args)]
pub struct SentryRuleArgs {
    /// Organization, by its slug
    #[arg(long, value_name = "ORG")]
    pub org: String,
    /// Project, by its slug or number
    #[arg(long, value_name = "PROJECT")]
    pub project: String,
    /// Print the rule and what would be done; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Check that the rule is there as it should be; change nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub check: bool,
    /// Use the rules of a self-hosted Sentry before 26.9
    #[arg(long)]
    pub legacy: bool,
}

/// What there is, and what there should be.
struct Found {
    kind: RuleKind,
    wanted: Value,
    /// The ids of the rules of the name.
    ids: Vec<String>,
}

pub(crate) async fn sentry_rule(args: &SentryRuleArgs) -> CommandResult {
    let var = |name| {
        std::env::var(name)
            .ok()
            .and_then(|value| Secret::new(&value))
    };
    let Some(token) = var(TOKEN) else {
        return match args.dry_run {
            // What it looks like needs no account.
            true => dry_run_without_token(args),
            false => Err((
                USAGE,
                format!(
                    "{TOKEN} is not set; set it to a token with the scopes alerts:write and project:read"
                ),
            )),
        };
    };
    let url = var(URL);
    let url = url.as_ref().map_or(DEFAULT_URL, Secret::expose);
    let api = RulesApi::new(url, token, &args.org, &args.project);
    let api = api.map_err(|error| (USAGE, error.to_string()))?;
    // That nobody knows whether the rule is there is as bad as that it is not.
    let wakes = |error: &ApiError| args.check && *error == ApiError::Unauthorized;
    let fail = |error: ApiError| match wakes(&error) {
        true => (INCOMPLETE, format!("WAKE {error}")),
        false => (INCOMPLETE, error.to_string()),
    };
    let found = find(&api, args.legacy).await.map_err(fail)?;
    if let [_, _, ..] = found.ids.as_slice() {
        return Err((
            INCOMPLETE,
            format!(
                "{} rules are called \"{RULE_NAME}\", so none was changed; delete all but one of them: {}",
                found.ids.len(),
                found.ids.join(", ")
            ),
        ));
    }
    let id = found.ids.first();
    if args.check {
        return check(&api, &found, id).await;
    }
    if args.dry_run {
        print(&format!("{}\n", pretty(&found.wanted)))?;
        return Ok(comment(&match id {
            None => "dry run: would create it; nothing was changed".to_owned(),
            Some(id) => format!("dry run: would bring rule {id} up to date; nothing was changed"),
        }));
    }
    let written = api.write(found.kind, id.map(String::as_str), &found.wanted);
    let written = written.await.map_err(fail)?;
    let now = api.read(found.kind, &written).await.map_err(fail)?;
    let lost = differences(&found.wanted, &now);
    if !lost.is_empty() {
        return Err((
            INCOMPLETE,
            format!(
                "rule {written} was written, but Sentry did not keep {}, so it would not fire as it should; look at it in Sentry",
                lost.join(", ")
            ),
        ));
    }
    let what = if id.is_some() {
        "up to date"
    } else {
        "created"
    };
    announce(&format!(
        "✓ Rule {written} \"{RULE_NAME}\" {what}, and read back as it should be"
    ))
}

/// Finds the rules of the name.
async fn find(api: &RulesApi, legacy: bool) -> Result<Found, ApiError> {
    let (kind, wanted, rules) = if legacy {
        let rules = api.legacy_rules(RULE_NAME).await?;
        (RuleKind::Legacy, legacy_body(), rules)
    } else {
        let (project, detector) = api.detector().await?;
        let rules = api.workflows(RULE_NAME, &project, detector).await?;
        (RuleKind::Workflow, workflow_body(detector), rules)
    };
    let id = |rule: &Value| match &rule["id"] {
        Value::String(id) => id.clone(),
        other => other.to_string(),
    };
    Ok(Found {
        kind,
        wanted,
        ids: rules.iter().map(id).collect(),
    })
}

/// Says whether the rule is there as it should be. That it is missing wakes somebody, as an API that refuses the token does.
async fn check(api: &RulesApi, found: &Found, id: Option<&String>) -> CommandResult {
    let Some(id) = id else {
        return Err((
            INCOMPLETE,
            format!(
                "WAKE the alert rule \"{RULE_NAME}\" is missing: nobody would notice that mail is skipped for want of a token; run `hushwatch sentry-rule` without --check"
            ),
        ));
    };
    let now = api.read(found.kind, id).await;
    let now = now.map_err(|error| (INCOMPLETE, error.to_string()))?;
    let lost = differences(&found.wanted, &now);
    match lost.is_empty() {
        true => announce(&format!(
            "✓ Rule {id} \"{RULE_NAME}\" is there as it should be"
        )),
        false => Err((
            INCOMPLETE,
            format!(
                "WAKE the alert rule \"{RULE_NAME}\" ({id}) differs in {}; run `hushwatch sentry-rule` without --check",
                lost.join(", ")
            ),
        )),
    }
}

fn dry_run_without_token(args: &SentryRuleArgs) -> CommandResult {
    let body = if args.legacy {
        legacy_body()
    } else {
        let mut body = workflow_body(0);
        body["detectorIds"] = serde_json::json!([]);
        body
    };
    print(&format!("{}\n", pretty(&body)))?;
    Ok(comment(&format!(
        "dry run: {TOKEN} is not set, so nothing was looked up; nothing was changed"
    )))
}

/// Prints what was done, on a line of its own.
fn announce(text: &str) -> CommandResult {
    print(&format!("{text}\n"))
}

/// Says what was not done beside the rule, which scripts read.
fn comment(text: &str) -> u8 {
    let _ = writeln!(std::io::stderr(), "{text}");
    0
}

fn pretty(body: &Value) -> String {
    serde_json::to_string_pretty(body).unwrap_or_default()
}
