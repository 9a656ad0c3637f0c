use super::*;
use crate::model::{Evidence, Finding, HOUR, Rule, Severity, Verdict};

const FILE: &str = r#"
[rules.spam_complaint_external]
severity = "warn"
[rules.send_drop]
enabled = false
[rules.bounce_rate]
threshold = 0.02

[[server]]
name = "shop"
token_env = "TOKEN"
own_domains = ["example.com"]
ignore_streams = ["staging"]
[server.rules.bounce_rate]
window = "2h"
[server.rules.send_drop]
enabled = true
[[server.stream]]
id = "broadcast"
rules.send_silence.enabled = false
rules.bounce_rate.threshold = 0.05

[[server]]
name = "blog"
token_env = "BLOG_TOKEN"
"#;

#[test]
fn a_stream_has_the_rules_of_its_server_and_a_server_those_of_the_file() {
    let config = config(FILE, &[]);
    let [shop, blog] = [0, 1].map(|index| config.rules_for(&config.servers[index]));
    let broadcast = shop.for_stream(&StreamId::from("broadcast"));
    let outbound = shop.for_stream(&StreamId::from("outbound"));
    let rate = |rules: &Rules| (rules.bounce_rate.threshold, rules.bounce_rate.window);
    assert_eq!(rate(&blog), (0.02, HOUR));
    assert_eq!(rate(outbound), (0.02, 2 * HOUR));
    assert_eq!(rate(broadcast), (0.05, 2 * HOUR));
    let by_name = |name: &str| config.rules_by_name(&name.into()).bounce_rate.window;
    assert_eq!([by_name("shop"), by_name("nowhere")], [2 * HOUR, HOUR]);
    let on = |rules: &Rules| [Rule::SendDrop, Rule::SendSilence].map(|r| rules.is_enabled(r));
    assert_eq!(on(&blog), [false, true]);
    assert_eq!(on(outbound), [true, true]);
    assert_eq!(on(broadcast), [true, false]);
    assert_eq!(broadcast.own_domains, ["example.com"]);
    let of = |rules: &Rules| rules.severities.get(&Rule::SpamComplaintExternal).copied();
    assert_eq!(of(&blog), Some(Severity::Warn));
    assert_eq!(of(broadcast), Some(Severity::Warn));
    let watched = |id| config.servers[0].watches(&StreamId::from(id));
    assert_eq!([watched("staging"), watched("outbound")], [false, true]);
}

#[test]
fn a_finding_has_the_severity_that_is_chosen_where_it_is_and_none_where_its_rule_is_off() {
    let config = config(FILE, &[]);
    let rules = config.rules_for(&config.servers[0]);
    let tuned = |rule, stream: &str| {
        let evidence = Evidence::Suppressed {
            addresses: Vec::new(),
            asked_at: None,
        };
        let finding = Finding {
            stream: Some(StreamId::from(stream)),
            ..Finding::new(rule, Verdict::Breach, Severity::Wake, evidence)
        };
        rules.tune(finding).map(|finding| finding.severity)
    };
    assert_eq!(tuned(Rule::SendSilence, "broadcast"), None);
    assert_eq!(tuned(Rule::SendSilence, "outbound"), Some(Severity::Wake));
    let complaint = tuned(Rule::SpamComplaintExternal, "broadcast");
    assert_eq!(complaint, Some(Severity::Warn));
}

#[test]
fn a_variable_tunes_a_rule_and_an_empty_severity_leaves_it_to_the_rule() {
    let env = [
        ("HUSHWATCH_RULES__BLIND__ENABLED", "off"),
        ("HUSHWATCH_RULES__SEND_SILENCE__SEVERITY", "warn"),
        ("HUSHWATCH_RULES__BOUNCE_RATE__SEVERITY", ""),
    ];
    let rules = config("", &env).rules;
    assert_eq!(rules.disabled, [Rule::Blind].into());
    let chosen = [(Rule::SendSilence, Severity::Warn)].into();
    assert_eq!(rules.severities, chosen);
}

#[test]
fn what_is_wrong_with_a_rule_names_the_key_and_the_remedy() {
    let server = "[[server]]\nname = \"shop\"\ntoken_env = \"TOKEN\"\n";
    let of_server = |rest: &str| problems(&format!("{server}{rest}"), &[]);
    let found = [
        problems("[rules.send_silense]\nenabled = false", &[]),
        problems("[rules.blind]\nthreshold = 0.1", &[]),
        problems("[rules.blind]\nseverity = \"page\"", &[]),
        of_server("[server.rules.bounce_rat]\nthreshold = 0.1"),
        of_server("[server.rules.bounce_rate]\ntreshold = 0.1"),
        of_server("[server.rules.bounce_rate]\nthreshold = \"1%\""),
        of_server("[server.rules.send_drop]\nwindow = \"1h\""),
        of_server("[server.rules]\nsend_drop = false"),
        of_server("rules = false"),
        of_server("[[server.stream]]\nname = \"broadcast\""),
        of_server("[[server.stream]]\nid = \"a\"\nrules.send_drop.enabled = \"maybe\""),
        of_server("[[server.stream]]\nid = \"a\"\n[[server.stream]]\nid = \"a\""),
        of_server("[server.stream]\nid = \"a\""),
        of_server("streams = [\"a\"]\nignore_streams = [\"a\"]"),
    ];
    let without_folder = |text: &str| match text.split_once("monitor.toml: ") {
        Some((_, text)) => text.to_owned(),
        None => text.to_owned(),
    };
    let lines = found.iter().flat_map(|found| found.lines());
    let lines: Vec<String> = lines.map(without_folder).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_is_in_force_is_shown() {
    let (_folder, sources) = Sources::of_file(FILE, &[]);
    let config = load(&sources).expect("valid");
    let shown = show(&config, &sources);
    for line in [
        "rules.send_drop.enabled = false    (",
        "rules.blind.severity = (not set)    (built-in)",
        "server shop: ignore_streams = [\"staging\"]",
        "server shop: rules.bounce_rate.window = 2h",
        "server shop: rules.send_drop.enabled = true",
        "server shop, stream broadcast: rules.bounce_rate.threshold = 0.05",
        "server shop, stream broadcast: rules.send_silence.enabled = false",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert_eq!(
        describe_rules(&config),
        [
            "rules: send_drop off, spam_complaint_external warn",
            "rules of shop: spam_complaint_external warn",
            "rules of shop/broadcast: send_silence off, spam_complaint_external warn",
        ]
    );
}
