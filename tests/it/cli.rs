//! The binary: exit codes, bad input, and that no secret is ever written.

use hushwatch::model::Span;
use hushwatch::sim::postmark::{Mail, Profile};

use crate::words::assert_line;
use crate::world::{Process, World, at};

#[test]
fn a_configuration_that_cannot_be_understood_exits_2_before_anything_is_sent() {
    let mut said = Vec::new();
    for file in [
        "[rules.bounce_rate]\ntreshold = 0.02",
        "schedule = \"hourly\"",
        "time_zone = \"Nowhere\"",
        "[rules.spam_rate]\nthreshold = 2",
        "this is not toml",
    ] {
        let world = World::new(Process::New, file);
        said.push(format!("# {file}\n{}", world.transcript(&["check"])));
        let of_check = world.run(&["check"]).stderr;
        for args in [&["run"][..], &["digest"], &["config", "check"], &["status"]] {
            let ended = world.run(args);
            assert_eq!(
                (ended.code, ended.stderr),
                (2, of_check.clone()),
                "{args:?}"
            );
        }
        assert_eq!(
            world.postmark.requests().len() + world.slack.requests().len(),
            0,
            "{file}"
        );
    }
    insta::assert_snapshot!("configuration_errors", said.join("\n"));
}

#[test]
fn wrong_usage_exits_2() {
    let mut world = World::new(Process::New, "");
    world.cycle(at("2026-03-03T10:00:00Z"));
    let wrong: &[&[&str]] = &[
        &["chekc"],
        &["--verbose"],
        &["check", "--jsn"],
        &["check", "--now", "yesterday"],
        &["check", "--now", "2026-03-03T09:00:00Z"],
        &["check", "--config", "missing.toml"],
        &["check", "--log-format", "xml"],
        &["run", "--now", "2026-03-03T10:00:00Z"],
        &["digest", "--now"],
        &["digest", "monday"],
        &["status", "--now", "2026-03-03"],
        &["status", "shop"],
        &["recent", "--limit", "many"],
        &["backtest"],
        &["backtest", "--days", "0"],
        &["backtest", "events.ndjson", "--days", "3"],
        &["backtest", "events.ndjson", "--proof", "none"],
        &["backtest", "events.ndjson", "--format", "yaml"],
        &["explain"],
        &["explain", "a", "b"],
        &["messages", "--limit", "0"],
        &["messages", "--status", "lost"],
        &["message"],
        &["bounces", "--type", "HardBonce"],
        &["stats", "--by-week"],
        &["suppressions", "--reason", "spam"],
        &["suppressions", "--yes"],
        &["doctor", "--send"],
        &["mute"],
        &["mute", "--list", "--server", "shop"],
        &["unmute", "--for", "2h"],
        &["config"],
        &["config", "chekc"],
        &["migrate", "--force"],
    ];
    let usage = world.transcripts(wrong);
    assert_eq!(usage.matches("[exit code 2]").count(), wrong.len());
    insta::assert_snapshot!("usage_errors", usage);
    world.env("SLACK_OPERATOR_DM_CHANNEL", "");
    insta::assert_snapshot!("no_channel", world.transcript(&["check"]));
}

#[test]
fn the_flag_switches_it_off() {
    let mut world = World::new(Process::New, "");
    world.env("FLAG_POSTMARK_DELIVERY_MONITOR", "0");
    let said = world.transcripts(&[&["check"], &["digest"]]);
    insta::assert_snapshot!("switched_off", said);
    for verb in ["check", "digest"] {
        let ended = world.run(&[verb, "--json"]);
        assert_eq!(
            (ended.code, &ended.report["enabled"]),
            (0, &serde_json::json!(false))
        );
    }
    assert_eq!(world.postmark.requests().len(), 0);
}

#[test]
fn a_message_that_slack_refuses_stays_pending_and_is_reported_later() {
    let mut world = World::new(Process::New, "");
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    world.slack.remove_channel(hushwatch::sim::slack::CHANNEL);
    let cycle = world.cycle(at("2026-03-03T10:00:00Z"));
    assert_eq!(
        (cycle.code, &cycle.report["notices"]["pending"]),
        (1, &serde_json::json!(1)),
        "{}",
        cycle.stderr
    );
    world.slack.add_channel(hushwatch::sim::slack::CHANNEL);
    let cycle = world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!(cycle.report["notices"]["pending"], 0, "{}", cycle.stderr);
    assert_eq!(world.alerts().len(), 1);
}

#[test]
fn without_slack_messages_are_printed_and_the_start_says_so() {
    let mut world = World::new(Process::New, "");
    world.env("SLACK_BOT_TOKEN", "");
    world.env("POSTMARK_SERVER_TOKEN", "");
    world.postmark.set_now(at("2026-03-03T10:00:00Z"));
    let said = world.transcript(&["check", "--now", "2026-03-03T10:00:00Z"]);
    insta::assert_snapshot!("without_slack", said);
}

#[test]
fn recent_status_and_config_answer_after_a_cycle() {
    let mut world = World::new(Process::New, "");
    let span = Span::new(at("2026-03-01T00:00:00Z"), at("2026-03-04T00:00:00Z"));
    world
        .shop
        .generate("outbound", span, &Profile::constant(30.0));
    world.cycle(at("2026-03-03T10:00:00Z"));
    let recent = world.run(&["recent"]).report;
    assert!(
        recent["events"]
            .as_array()
            .is_some_and(|events| !events.is_empty() && events.len() <= 100),
        "{recent}"
    );
    let first = &recent["events"][0];
    for key in [
        "id",
        "event_type",
        "message_id",
        "recipient",
        "tag",
        "bounce_type",
        "bounce_description",
        "recorded_at",
    ] {
        assert!(first.get(key).is_some(), "{key}: {first}");
    }
    assert!(
        recent["counts_24h"]["delivered"].as_u64() > Some(500),
        "{recent}"
    );
    insta::assert_snapshot!(
        "status_after_a_cycle",
        world.transcript(&["status", "--now", "2026-03-03T10:10:00Z"])
    );
    assert!(world.run(&["status", "--json"]).report["servers"][0]["streams"].is_array());
    let shown = world.run(&["config", "show"]).report;
    let shown = shown.as_str().unwrap_or_default();
    let schedule = shown.lines().find(|line| line.starts_with("schedule"));
    assert_eq!(
        schedule,
        Some("schedule = 0 0 * * * *    (built-in)"),
        "{shown}"
    );
}

#[test]
fn a_database_that_is_not_made_yet_is_named_as_it_will_be() {
    if crate::store::needs_a_file("the name of a file that is not made yet") {
        return;
    }
    let world = World::new(Process::New, "");
    insta::assert_snapshot!("status_before_a_cycle", world.transcript(&["status"]));
    for (verb, code) in [("status", 0), ("recent", 2)] {
        let ended = world.run(&[verb]);
        assert_eq!(ended.code, code, "{verb}: {}", ended.stderr);
        let all = format!("{}{}", ended.report, ended.stderr);
        assert!(!all.contains(":memory:"), "{verb}: {all}");
    }
    let counted = world.run(&["recent"]).report;
    assert_eq!(counted, "", "what is missing is not zero");
    assert!(!world.folder.path().join("hushwatch.db").exists());
}

#[test]
fn one_complaint_is_one() {
    let mut world = World::new(Process::New, "");
    let sent = at("2026-03-03T09:00:00Z");
    let mail = Mail::new("outbound", sent, "jane@example.org");
    world.shop.push(mail.bounced("SpamComplaint", sent));
    world.cycle(at("2026-03-03T10:00:00Z"));
    insta::assert_snapshot!(
        "status_with_one_complaint",
        world.transcript(&["status", "--now", "2026-03-03T10:10:00Z"])
    );
}

#[test]
fn help_lists_the_rules_and_says_what_a_default_and_an_instant_are_of() {
    let world = World::new(Process::New, "");
    let rules = hushwatch::model::Rule::ALL.map(hushwatch::model::Rule::name);
    for args in [
        ["mute", "--help"],
        ["unmute", "--help"],
        ["unmute", "--rule=bounce"],
    ] {
        let ended = world.run(&args);
        let said = format!(
            "{}{}",
            ended.report.as_str().unwrap_or_default(),
            ended.stderr
        );
        assert!(
            rules.iter().all(|rule| said.contains(rule)),
            "{args:?}: {said}"
        );
        assert_eq!(ended.code == 2, args[1] != "--help", "{args:?}");
    }
    let help = world.run(&["mute", "--help"]).report;
    let help = help.as_str().unwrap_or_default();
    assert_line(
        help,
        "--by <NAME>        Your name, which messages show [default: $USER, else unknown]",
    );
    for verb in ["status", "explain"] {
        let help = world.run(&[verb, "--help"]).report;
        let help = help.as_str().unwrap_or_default();
        assert_line(
            help,
            "--now <RFC3339>  Show mutes as of this instant (RFC 3339) [default: the clock]",
        );
    }
}

#[test]
fn no_file_is_needed_and_a_webhook_will_do() {
    let mut world = World::new(Process::New, "");
    std::fs::remove_file(world.folder.path().join("monitor.toml")).expect("removed");
    world.env("SLACK_BOT_TOKEN", "");
    world.env("SLACK_OPERATOR_DM_CHANNEL", "");
    world.env("SLACK_WEBHOOK_URL", &world.slack.webhook_url());
    let span = Span::new(at("2026-03-01T00:00:00Z"), at("2026-03-04T00:00:00Z"));
    world
        .shop
        .generate("outbound", span, &Profile::constant(60.0).without_bounces());
    world.shop.bounce_wave(
        "outbound",
        Span::new(at("2026-03-03T10:00:00Z"), span.until),
        0.4,
        "HardBounce",
    );
    world.cycle(at("2026-03-03T10:00:00Z"));
    let cycle = world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!(
        (cycle.code, cycle.report["servers"][0]["name"].as_str()),
        (0, Some("default")),
        "{}",
        cycle.stderr
    );
    let alerts = world.alerts();
    insta::assert_snapshot!("alert_by_webhook", alerts.join("\n"));
}

/// What `hushwatch ARGS` prints, without any environment.
#[cfg(feature = "manual")]
fn printed(args: &[&str]) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_hushwatch"))
        .args(args)
        .env_clear()
        .output();
    let output = output.expect("the binary runs");
    assert!(output.status.success(), "{args:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[cfg(feature = "manual")]
#[test]
fn completions_name_every_verb() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        for verb in ["explain", "mute", "unmute", "check", "digest", "doctor"] {
            assert!(script.contains(verb), "{shell}: {verb}");
        }
    }
}

#[cfg(feature = "manual")]
#[test]
fn every_verb_has_a_man_page_with_its_examples() {
    let page = printed(&["man"]);
    assert!(page.contains("\n.TH hushwatch 1"), "{page:.200}");
    for section in [
        "NAME",
        "SYNOPSIS",
        "GLOBAL OPTIONS",
        "SUBCOMMANDS",
        "EXIT STATUS",
        "EXAMPLES",
    ] {
        let heading = format!("\n.SH {section}\n").replace("GLOBAL OPTIONS", "\"GLOBAL OPTIONS\"");
        let heading = heading.replace("EXIT STATUS", "\"EXIT STATUS\"");
        assert!(page.contains(&heading), "{section}: {page}");
    }
    let mute = printed(&["man", "mute"]);
    let examples = mute
        .split_once("\n.SH EXAMPLES\n.EX\n")
        .map(|(_, after)| after);
    let examples: Vec<&str> = examples.unwrap_or_default().lines().collect();
    assert_eq!(examples.len(), 5, "an example keeps its line: {mute}");
    assert!(
        examples[0].ends_with("everything: the emergency stop"),
        "{mute}"
    );
    assert_eq!(examples[4], ".EE");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("text");
    assert_eq!(printed(&["man", "--out", path]), "");
    let written = |name: &str| {
        let page = std::fs::read_to_string(folder.path().join(name));
        page.unwrap_or_else(|error| format!("{name}: {error}"))
    };
    assert_eq!(written("hushwatch.1"), page);
    assert_eq!(written("hushwatch-mute.1"), mute);
    assert_eq!(
        written("hushwatch-config-show.1"),
        printed(&["man", "config", "show"])
    );
    for verb in page.lines().filter(|line| line.starts_with("hushwatch\\-")) {
        let name = verb.replace("\\-", "-").replace("(1)", ".1");
        assert!(written(&name).contains("\n.SH NAME\n"), "{name}");
    }
    let world = World::new(Process::New, "");
    let ended = world.run(&["man", "chekc"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
}

#[test]
fn the_options_of_a_verb_stand_before_those_of_all_verbs() {
    let world = World::new(Process::New, "");
    for verb in [
        "check",
        "digest",
        "status",
        "recent",
        "backtest",
        "explain",
        "messages",
        "message",
        "bounces",
        "stats",
        "suppressions",
        "doctor",
        "mute",
        "unmute",
    ] {
        let help = world.run(&[verb, "--help"]).report;
        let help = help.as_str().unwrap_or_default();
        let own = help.split("\nGlobal options:\n").next().unwrap_or_default();
        assert!(own.len() < help.len(), "{verb}: {help}");
        assert!(
            own.contains("\nOptions:\n") && own.contains("--help"),
            "{verb}: {help}"
        );
        assert!(!own.contains("--log-format"), "{verb}: {help}");
        assert!(help.contains("Example"), "{verb}: {help}");
    }
}

/// Verbs that print something, once there was a cycle.
const PRINTING: [&[&str]; 17] = [
    &["status"],
    &["status", "--json"],
    &["recent"],
    &["check", "--json"],
    &["digest", "--print"],
    &["digest", "--force", "--json"],
    &["messages"],
    &["bounces", "--json"],
    &["stats"],
    &["suppressions"],
    &["mute", "--for", "1h", "--reason", "a test"],
    &["mute", "--list"],
    &["doctor", "--json"],
    &["config", "show"],
    &["migrate"],
    &["--version"],
    &["help"],
];

#[test]
fn output_that_is_lost_is_no_success_and_a_closed_pipe_stays_quiet() {
    let mut world = World::new(Process::New, "[doctor]\nsmtp = \"\"");
    world.cycle(at("2026-03-03T10:00:00Z"));
    world.env("RUST_LOG", "off");
    for args in PRINTING {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let mut command = world.command(args);
        command.stdout(full.expect("the device is there"));
        let ended = command.output().expect("the binary runs");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{args:?}: {said}");
        assert_eq!(
            said, "hushwatch: cannot write to standard output: no storage space\n",
            "{args:?}"
        );
    }
    world.set_aside("the digests are not what is tested");
    for args in [&["status"][..], &["--help"], &["config", "show"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = world.command(args);
        command.stdout(writer);
        let ended = command.output().expect("the binary runs");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(
            (ended.status.code(), said.as_str()),
            (Some(0), ""),
            "{args:?}"
        );
    }
}
