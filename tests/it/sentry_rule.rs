//! `sentry-rule` against a simulated Sentry with the traps of the real one.

use hushwatch::sim::sentry::{Sentry, TOKEN};
use hushwatch::sim::{Fault, Plan};
use serde_json::{Value, json};

use crate::world::{Cycle, Process, World};

const NAME: &str = "hushwatch: skipped_no_postmark_token";

fn world() -> (Sentry, World) {
    let sentry = Sentry::start().expect("a simulation");
    let mut world = World::new(Process::New, "");
    world.env("SENTRY_URL", &sentry.base_url());
    world.env("SENTRY_AUTH_TOKEN", TOKEN);
    (sentry, world)
}

fn rule(world: &World, more: &[&str]) -> Cycle {
    let all = [
        &["sentry-rule", "--org", "example", "--project", "mail"],
        more,
    ]
    .concat();
    let ended = world.run(&all);
    assert!(!ended.stderr.contains(TOKEN), "{}", ended.stderr);
    ended
}

fn out(ended: &Cycle) -> String {
    ended
        .report
        .as_str()
        .map_or_else(|| ended.report.to_string(), str::to_owned)
}

/// The requests that change something.
fn writes(sentry: &Sentry) -> Vec<String> {
    let mut all = sentry.requests();
    all.retain(|request| !request.starts_with("GET"));
    all
}

#[test]
fn it_is_created_once_and_then_kept_up_to_date() {
    let (sentry, world) = world();
    let created = rule(&world, &[]);
    assert_eq!(created.code, 0, "{}", created.stderr);
    assert_eq!(
        out(&created),
        format!("✓ Rule 701 \"{NAME}\" created, and read back as it should be\n")
    );
    let kept = &sentry.workflows()[0];
    assert_eq!(kept["detectorIds"], json!(["123"]));
    let again = rule(&world, &[]);
    assert_eq!(
        out(&again),
        format!("✓ Rule 701 \"{NAME}\" up to date, and read back as it should be\n")
    );
    assert_eq!(sentry.workflows().len(), 1);
    let workflows = "/api/0/organizations/example/workflows/";
    assert_eq!(
        writes(&sentry),
        [format!("POST {workflows}"), format!("PUT {workflows}701/")]
    );
    let checked = rule(&world, &["--check"]);
    assert_eq!(
        (checked.code, out(&checked)),
        (
            0,
            format!("✓ Rule 701 \"{NAME}\" is there as it should be\n")
        )
    );
}

#[test]
fn it_is_found_on_a_later_page_among_names_that_only_look_like_it() {
    let (sentry, world) = world();
    let workflow = |name: &str, detector: &str| json!({ "name": name, "detectorIds": [detector] });
    let own = sentry.add_workflow(workflow(NAME, "123"));
    sentry.add_workflow(workflow(NAME, "999"));
    for _ in 0..3 {
        sentry.add_workflow(workflow(&format!("{NAME} (copy)"), "123"));
    }
    let updated = rule(&world, &[]);
    assert_eq!(updated.code, 0, "{}", updated.stderr);
    assert!(
        out(&updated).contains(&format!("Rule {own} ")),
        "{}",
        out(&updated)
    );
    assert_eq!(sentry.workflows().len(), 5);
    assert_eq!(writes(&sentry).len(), 1);
}

#[test]
fn several_of_the_name_are_listed_and_none_is_touched() {
    let (sentry, world) = world();
    for _ in 0..3 {
        sentry.add_workflow(json!({ "name": NAME, "detectorIds": ["123"] }));
    }
    for more in [&[][..], &["--check"], &["--dry-run"]] {
        let refused = rule(&world, more);
        assert_eq!(refused.code, 1);
        assert_eq!(
            refused.stderr.trim(),
            format!(
                "hushwatch: 3 rules are called \"{NAME}\", so none was changed; delete all but one of them: 703, 702, 701"
            )
        );
    }
    assert_eq!(writes(&sentry), Vec::<String>::new());
}

#[test]
fn what_sentry_dropped_without_a_word_is_noticed() {
    let (sentry, world) = world();
    sentry.drop_detectors();
    let lost = rule(&world, &[]);
    assert_eq!(lost.code, 1, "{}", out(&lost));
    assert!(
        lost.stderr
            .contains("Sentry did not keep detectorIds, so it would not fire as it should"),
        "{}",
        lost.stderr
    );
}

#[test]
fn a_dry_run_prints_the_rule_and_changes_nothing() {
    let (sentry, mut world) = world();
    let dry = rule(&world, &["--dry-run"]);
    assert_eq!(dry.code, 0, "{}", dry.stderr);
    assert_eq!(dry.report["name"], NAME);
    assert_eq!(dry.report["detectorIds"], json!([123]));
    assert!(
        dry.stderr.contains("would create it; nothing was changed"),
        "{}",
        dry.stderr
    );
    world.env("SENTRY_AUTH_TOKEN", "");
    let without = rule(&world, &["--dry-run"]);
    assert_eq!(
        (without.code, &without.report["detectorIds"]),
        (0, &json!([]))
    );
    assert!(
        without.stderr.contains("nothing was looked up"),
        "{}",
        without.stderr
    );
    assert_eq!(writes(&sentry), Vec::<String>::new());
    let token = rule(&world, &[]);
    assert_eq!(token.code, 2);
    assert!(
        token.stderr.contains("SENTRY_AUTH_TOKEN is not set"),
        "{}",
        token.stderr
    );
}

#[test]
fn a_rule_that_is_missing_or_changed_wakes() {
    let (sentry, world) = world();
    let missing = rule(&world, &["--check"]);
    assert_eq!(missing.code, 1);
    assert!(
        missing
            .stderr
            .contains(&format!("WAKE the alert rule \"{NAME}\" is missing")),
        "{}",
        missing.stderr
    );
    sentry.add_workflow(json!({ "name": NAME, "detectorIds": ["123"], "enabled": false }));
    let changed = rule(&world, &["--check"]);
    assert_eq!(changed.code, 1);
    assert!(
        changed.stderr.contains("WAKE") && changed.stderr.contains("enabled"),
        "{}",
        changed.stderr
    );
    assert_eq!(writes(&sentry), Vec::<String>::new());
}

#[test]
fn an_old_sentry_has_rules_of_its_own() {
    let (sentry, world) = world();
    sentry.make_old();
    let refused = rule(&world, &[]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("use --legacy"),
        "{}",
        refused.stderr
    );
    for what in ["created", "up to date"] {
        let done = rule(&world, &["--legacy"]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert!(out(&done).contains(what), "{}", out(&done));
    }
    let rules = sentry.rules();
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0]["filters"][0]["value"], "skipped_no_postmark_token");
    assert_eq!(rule(&world, &["--legacy", "--check"]).code, 0);
}

#[test]
fn what_the_api_refuses_is_said_with_its_remedy() {
    let (sentry, mut world) = world();
    let gone = rule(&world, &["--legacy"]);
    assert_eq!(gone.code, 1);
    assert!(
        gone.stderr.contains("HTTP status 410") && gone.stderr.contains("leave --legacy out"),
        "{}",
        gone.stderr
    );
    assert_eq!(sentry.requests().len(), 1, "never asked again");
    for (fault, said) in [
        (Fault::Status(403), "scopes alerts:write and project:read"),
        (Fault::Status(500), "HTTP status 500"),
        (Fault::TooMany { retry_after: None }, "HTTP status 429"),
        (
            Fault::Redirect("https://canary.example.com/".to_owned()),
            "write the address that it redirects to",
        ),
        (Fault::Malformed, "cannot be read"),
        (Fault::Empty, "cannot be read"),
        (Fault::WrongType, "cannot be read"),
        (Fault::Reset, "cannot be reached"),
    ] {
        sentry.fail(Plan::always(fault.clone()));
        let refused = rule(&world, &[]);
        assert_eq!(refused.code, 1, "{fault:?}: {}", out(&refused));
        assert!(
            refused.stderr.contains(said),
            "{fault:?}: {}",
            refused.stderr
        );
        assert_eq!(
            refused.stderr.trim().lines().count(),
            1,
            "{}",
            refused.stderr
        );
        sentry.clear_faults();
    }
    sentry.remove_detectors();
    let none = rule(&world, &[]);
    assert!(
        none.stderr.contains("no monitor of errors"),
        "{}",
        none.stderr
    );
    let nowhere = world.run(&["sentry-rule", "--org", "example", "--project", "nowhere"]);
    assert!(
        nowhere.stderr.contains("correct --org and --project"),
        "{}",
        nowhere.stderr
    );
    world.env("SENTRY_AUTH_TOKEN", "wrong-canary");
    let refused = rule(&world, &["--check"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused
            .stderr
            .contains("WAKE Sentry refuses SENTRY_AUTH_TOKEN (HTTP status 401)")
            && !refused.stderr.contains("canary"),
        "{}",
        refused.stderr
    );
    world.env("SENTRY_URL", &sentry.dsn());
    let dsn = rule(&world, &[]);
    assert_eq!(dsn.code, 2);
    assert!(
        dsn.stderr.contains("SENTRY_URL holds a key"),
        "{}",
        dsn.stderr
    );
    assert_eq!(writes(&sentry), Vec::<String>::new());
}

#[test]
fn a_body_that_sentry_refuses_is_said_in_its_words() {
    let (sentry, world) = world();
    let message = "{\"config\":[\"frequency is not one of the valid choices\u{1b}[31m\"]}";
    let fault = Fault::StatusBody {
        code: 400,
        error_code: 0,
        message: message.to_owned(),
    };
    sentry.fail(Plan::always(fault).on("/workflows/").after(1));
    let refused = rule(&world, &[]);
    assert_eq!(refused.code, 1);
    assert!(
        refused
            .stderr
            .contains("Sentry refuses the rule (HTTP status 400)")
            && refused.stderr.contains("frequency is not one of")
            && !refused.stderr.contains('\u{1b}'),
        "{}",
        refused.stderr
    );
}

#[test]
fn it_needs_no_configuration() {
    let (_sentry, world) = world();
    std::fs::write(world.folder.path().join("monitor.toml"), "what = is this").expect("written");
    assert_eq!(rule(&world, &["--dry-run"]).code, 0);
    let _: Value = rule(&world, &["--dry-run"]).report;
}
