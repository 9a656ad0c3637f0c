//! Mistakes of a new operator, each with its own answer.

use super::*;

/// What is said of a file and variables that cannot be used, a line each, without the folder.
fn said(file: &str, env: &[(&str, &str)]) -> String {
    let (folder, sources) = Sources::of_file(file, env);
    let problems = load(&sources).expect_err("a problem");
    let folder = format!("{}/", folder.path().display());
    let lines = problems.iter().map(|p| p.to_string().replace(&folder, ""));
    lines.collect::<Vec<_>>().join("\n")
}

/// What is noted of a file and variables that can be used, without that there is no Slack.
fn noted(file: &str, env: &[(&str, &str)]) -> Vec<String> {
    let warnings = config(file, env).warnings;
    let warnings = warnings.iter().filter(|of| **of != ConfigWarning::NoSlack);
    warnings.map(ToString::to_string).collect()
}

#[test]
fn an_unknown_variable_hides_no_other_mistake() {
    let env = [("HUSHWATCH_SCHEDUEL", "x"), ("HUSHWATCH_FOO", "1")];
    insta::assert_snapshot!(said("mode = \"loud\"\ncolour = \"blue\"", &env), @r#"
    HUSHWATCH_FOO: unknown variable; unset it; docs/configuration.md lists every key
    HUSHWATCH_SCHEDUEL: unknown variable; did you mean HUSHWATCH_SCHEDULE?
    monitor.toml: unknown key `colour`; remove it; docs/configuration.md lists every key
    monitor.toml: `mode` is not valid; it must be "alert" or "digest"
    "#);
}

#[test]
fn a_value_in_place_of_a_table_is_one_mistake() {
    assert_eq!(
        said("slack = 3", &[]),
        "monitor.toml: `slack` is not a table; write [slack], and its keys below that"
    );
    assert_eq!(
        said("[rules.silence]\nenabled = false", &[]),
        "monitor.toml: unknown rule `silence` in `rules.silence.enabled`; did you mean `send_silence`?"
    );
}

#[test]
fn a_schedule_without_seconds_is_told_as_it_is_read() {
    assert_eq!(
        noted("schedule = \"*/5 * * * *\"", &[]),
        [
            "`schedule` has five fields, so the seconds are taken for 0: it is read as \"0 */5 * * * *\"; write it so, with the seconds first"
        ]
    );
    assert_eq!(
        noted("[[quiet]]\nschedule = \"0 22 * * *\"\nfor = \"9h\"", &[]),
        [
            "`schedule` of [[quiet]] number 1 has five fields, so the seconds are taken for 0: it is read as \"0 0 22 * * *\"; write it so, \
             with the seconds first"
        ]
    );
    assert_eq!(
        noted("schedule = \"*/5 * * * * *\"", &[]),
        [
            "`schedule` polls more than once a minute: its first field is the second; write 0 there, such as \"0 */5 * * * *\" for every \
             five minutes"
        ]
    );
    let refused = said("schedule = \"0 0 * * * * 2026\"", &[]);
    assert!(refused.contains("write six fields"), "{refused}");
    assert_eq!(noted("schedule = \"0 */5 * * * *\"", &[]), [""; 0]);
}

#[test]
fn what_is_set_and_has_no_effect_is_noted() {
    let flag = [("FLAG_POSTMARK_DELIVERY_MONITOR", "disabled")];
    assert_eq!(
        noted("", &flag),
        [
            "FLAG_POSTMARK_DELIVERY_MONITOR is neither true nor false, so monitoring is on; set it to 0 to switch monitoring off, or unset it"
        ]
    );
    let channel = [("SLACK_OPERATOR_DM_CHANNEL", "C0123456789")];
    assert_eq!(
        noted("", &channel),
        [
            "SLACK_OPERATOR_DM_CHANNEL is not used: only a bot can post to it, and SLACK_BOT_TOKEN is not set; set SLACK_BOT_TOKEN, or unset it"
        ]
    );
}

#[test]
fn a_sink_without_its_secret_is_named() {
    let file = "[[sink]]\nname = \"pager\"\ntype = \"pagerduty\"\nrouting_key_env = \"PAGER_KEY\"";
    let missing = config(file, &[]).missing_secrets();
    assert_eq!(
        missing,
        ["sink `pager`: its secret is missing: set PAGER_KEY; until then it gets nothing"]
    );
    let set = config(file, &[("PAGER_KEY", "a")]).missing_secrets();
    assert_eq!(set, [""; 0]);
}

#[test]
fn a_pasted_assignment_or_header_is_a_secret_all_the_same() {
    let token = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    for pasted in [
        format!("POSTMARK_SERVER_TOKEN={token}"),
        format!("POSTMARK_SERVER_TOKEN=\"{token}\""),
        format!("Bearer {token}"),
    ] {
        let refused = said("", &[("SLACK_OPERATOR_DM_CHANNEL", &pasted)]);
        assert!(refused.contains("holds a Postmark token"), "{refused}");
        assert!(!refused.contains(token), "{refused}");
    }
}

#[test]
fn the_id_of_a_group_or_a_team_is_no_channel() {
    for id in ["S0123456789", "T0123456789"] {
        let refused = said(&format!("[slack]\nwake_channel = \"{id}\""), &[]);
        assert!(
            refused.contains("`slack.wake_channel` is not valid; write its id"),
            "{refused}"
        );
    }
    assert_eq!(
        config("[slack]\nwake_channel = \"C0123456789\"", &[])
            .slack
            .wake_channel
            .as_deref(),
        Some("C0123456789")
    );
}
