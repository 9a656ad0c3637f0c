use super::*;
use crate::model::{Rule, ServerName, Severity};
use crate::sink::SinkKind;

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[test]
fn a_sink_says_where_it_is_and_what_it_is_told() {
    let file = r#"
[[sink]]
name = "bell"
type = "webhook"
url = "https://alerts.example.com/hook"
secret_env = "BELL_SECRET"
rules = ["send_silence"]
severities = ["wake"]
servers = ["default"]
[[sink]]
name = "pager"
type = "pagerduty"
routing_key_env = "PAGER_KEY"
"#;
    let sinks = config(file, &[("BELL_SECRET", KEY)]).sinks;
    let [bell, pager] = &sinks[..] else {
        panic!("two of them: {sinks:?}");
    };
    assert_eq!(
        (bell.kind, bell.channel()),
        (SinkKind::Webhook, "sink:bell".to_owned())
    );
    assert_eq!(
        (&bell.rules[..], &bell.severities[..]),
        (&[Rule::SendSilence][..], &[Severity::Wake][..])
    );
    assert_eq!(bell.servers, [ServerName::from("default")]);
    let secret = bell.credential.read().expect("set").expect("one");
    assert_eq!(secret.expose(), KEY);
    assert_eq!(pager.url.expose(), "https://events.pagerduty.com");
    assert_eq!(
        pager.credential.read(),
        Err("its secret is missing: set PAGER_KEY".to_owned())
    );
    // One over several servers concerns each of them.
    assert!(pager.rules.is_empty() && pager.servers.is_empty());
}

#[test]
fn what_is_wrong_with_a_sink_is_told_with_its_remedy_and_without_its_secret() {
    let sink = |rest: &str| format!("[[sink]]\nname = \"bell\"\n{rest}");
    let webhook = |rest: &str| {
        sink(&format!(
            "type = \"webhook\"\nurl = \"https://alerts.example.com\"\n{rest}"
        ))
    };
    let files = [
        "sink = \"bell\"".to_owned(),
        "[[sink]]\ntype = \"webhook\"\nurl = \"https://alerts.example.com\"".to_owned(),
        "[[sink]]\nname = \"My Bell\"\ntype = \"ntfy\"\nurl = \"https://ntfy.example.com/mail\""
            .to_owned(),
        sink("url = \"https://alerts.example.com\""),
        sink("type = \"bell\""),
        sink("type = \"webhook\""),
        sink("type = \"webhook\"\nurl = \"http://alerts.example.com/canary\""),
        sink("type = \"webhook\"\nurl = \"https://events.pagerduty.com/canary\""),
        sink("type = \"webhook\"\nurl = \"https://hooks.slack.com/services/T0/B0/canary\""),
        sink("type = \"pagerduty\""),
        sink("type = \"pagerduty\"\nsecret_env = \"PAGER_KEY\""),
        webhook("secret_env = \"whsec_canary==\""),
        webhook("secret_env = \"SHORT\""),
        webhook("secret_env = \"SHORT\"\nsecret_file = \"bell.key\""),
        webhook("rules = [\"silence\"]"),
        webhook("rules = []"),
        webhook("severities = [\"loud\"]"),
        webhook("rule = \"send_silence\""),
        format!("{}\n{}", webhook(""), webhook("")),
    ];
    let told = files.map(|file| {
        let told = problems(&file, &[("SHORT", "whsec_canary")]);
        assert!(!told.contains("canary"), "{told}");
        let lines = told.lines().map(|line| {
            line.split_once("monitor.toml: ")
                .map_or(line, |(_, rest)| rest)
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    insta::assert_snapshot!("sinks_that_are_wrong", told.join("\n"));
}
