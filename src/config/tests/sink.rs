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
        sink("type = \"ntfy\"\nurl = \"https://ntfy.example.com/\""),
        sink("type = \"pagerduty\""),
        sink("type = \"pagerduty\"\nsecret_env = \"PAGER_KEY\""),
        webhook("secret_env = \"whsec_canary==\""),
        webhook("secret_env = \"SHORT\""),
        webhook("secret_env = \"SHORT\"\nsecret_file = \"bell.key\""),
        webhook("rules = [\"silence\"]"),
        webhook("rules = []"),
        webhook("severities = [\"loud\"]"),
        webhook("rule = \"send_silence\""),
        webhook("secret_env = \"whsec_canaryMfKQ9r8GKYqrTwjUPD8ILPZIo2LaL\""),
        sink("type = \"webhook\"\nurl = \"https://hc-ping.com/canary\""),
        sink("type = \"pagerduty\"\nrouting_key_env = \"R0canary23456789ABCDEFGHIJKLMNOP\""),
        sink(
            "type = \"ntfy\"\nurl = \"https://ntfy.example.com/mail\"\ntoken_env = \"SLACK_TOKEN_OF_OURS\"",
        ),
        format!("{}\n{}", webhook(""), webhook("")),
    ];
    let told = files.map(|file| {
        let told = problems(
            &file,
            &[
                ("SHORT", "whsec_canary"),
                ("SLACK_TOKEN_OF_OURS", "xoxb-canary"),
            ],
        );
        assert!(!told.contains("canary"), "{told}");
        let lines = told.lines().map(|line| {
            line.split_once("monitor.toml: ")
                .map_or(line, |(_, rest)| rest)
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    insta::assert_snapshot!("sinks_that_are_wrong", told.join("\n"));
}

#[cfg(feature = "email")]
#[test]
fn mail_goes_to_whom_it_names_through_another_server() {
    let mail = |rest: &str| {
        format!(
            "[[sink]]\nname = \"mail\"\ntype = \"email\"\nurl = \"smtps://mail.example.com\"\n\
             from = \"Hushwatch <hushwatch@example.com>\"\n{rest}"
        )
    };
    let to = "to = [\"Ops <ops@example.com>\"]\n";
    let whole = config(&mail(to), &[]);
    let envelope = whole.sinks[0].envelope.as_ref().expect("one");
    assert_eq!(
        (envelope.from.as_str(), &envelope.to[..]),
        ("hushwatch@example.com", &["ops@example.com".to_owned()][..])
    );
    assert!(!whole.warnings.iter().any(through_postmark));
    let watched = mail(to).replace("mail.example.com", "smtp.postmarkapp.com");
    let watched = config(&watched, &[]);
    assert!(watched.warnings.iter().any(through_postmark));

    let files = [
        mail(""),
        mail("to = []"),
        mail("to = [\"ops\"]"),
        mail(to).replace("hushwatch@example.com", "hushwatch"),
        mail(to).replace("from =", "sender ="),
        mail(to).replace("smtps://", "https://"),
        mail(to).replace("smtps://", "smtps://ops:canary@"),
        mail(&format!("{to}username = \"ops\"")),
        mail(&format!("{to}password_env = \"MAIL_PASSWORD\"")),
        mail(to).replace("email", "webhook"),
        mail(to)
            .replace("email", "webhook")
            .replace("smtps", "https"),
    ];
    let said = files.map(|file| {
        let said = problems(&file, &[]);
        assert!(!said.contains("canary"), "{said}");
        let lines = said.lines().map(|line| {
            line.split_once("monitor.toml: ")
                .map_or(line, |(_, rest)| rest)
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    insta::assert_snapshot!("mail_sinks_that_are_wrong", said.join("\n"));
}

#[cfg(feature = "email")]
fn through_postmark(warning: &ConfigWarning) -> bool {
    matches!(warning, ConfigWarning::SinkThroughPostmark(name) if name == "mail")
}

#[cfg(not(feature = "email"))]
#[test]
fn a_build_that_sends_no_mail_says_so() {
    let file = "[[sink]]\nname = \"mail\"\ntype = \"email\"\nurl = \"smtps://mail.example.com\"\n\
                from = \"hushwatch@example.com\"\nto = [\"ops@example.com\"]";
    let said = problems(file, &[]);
    let expected = "[[sink]] number 1 is of type email, which this build cannot send; use a package, or a build with `--features full`";
    assert!(said.ends_with(expected), "{said}");
}

#[test]
fn a_server_that_no_server_is_called_is_warned_of_unless_the_account_may_have_it() {
    let file = "[[sink]]\nname = \"bell\"\ntype = \"webhook\"\nurl = \"https://alerts.example.com\"\nservers = [\"shopp\"]";
    let expected = ConfigWarning::UnknownServerOfSink {
        sink: "bell".to_owned(),
        server: "shopp".to_owned(),
    };
    assert!(config(file, &[]).warnings.contains(&expected));
    let account = [("POSTMARK_ACCOUNT_TOKEN", "account")];
    assert!(!config(file, &account).warnings.contains(&expected));
}
