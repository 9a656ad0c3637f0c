//! What a `[[server]]` may say.

use super::*;

#[test]
fn one_token_for_two_servers_is_refused_unless_each_watches_a_part() {
    let two = |key: &str, of_second: &str| {
        let entry = |name| format!("[[server]]\nname = \"{name}\"\n{key}\n");
        format!("{}{}{of_second}", entry("shop"), entry("blog"))
    };
    for key in ["token_env = \"SHOP_TOKEN\"", "token_file = \"/run/shop\""] {
        let (name, _) = key.split_once(' ').expect("a key");
        let said = problems(&two(key, ""), &[]);
        assert!(
            said.ends_with(&format!(
                "`shop` and `blog` have the same `{name}`, so they are the same Postmark server; give each the token of its own \
                 server, or keep one of them; where each watches a part, name its `streams`"
            )),
            "{said}"
        );
        let part = |id| format!("streams = [\"{id}\"]\n");
        let divided = two(&format!("{key}\n{}", part("outbound")), "");
        assert!(problems(&divided, &[]).contains("the same"), "{divided}");
        let first = format!("[[server]]\nname = \"shop\"\n{key}\n{}", part("outbound"));
        let second = format!("[[server]]\nname = \"blog\"\n{key}\n{}", part("receipts"));
        assert_eq!(config(&format!("{first}{second}"), &[]).servers.len(), 2);
    }
}

#[test]
fn a_channel_of_a_server_that_only_a_bot_could_post_to_is_warned_of() {
    let file =
        "[[server]]\nname = \"shop\"\nchannel = \"C0123456789\"\nwake_channel = \"C9876543210\"\n";
    let warnings = |env: &[(&str, &str)]| {
        let (_folder, sources) = Sources::of_file(file, env);
        let warnings = load(&sources).expect("valid").warnings.into_iter();
        let warnings = warnings.map(|warning| warning.to_string());
        warnings
            .filter(|text| text.contains("channel` of"))
            .collect::<Vec<_>>()
    };
    let webhook = [(
        "SLACK_WEBHOOK_URL",
        "https://hooks.slack.com/services/T0/B0/secret",
    )];
    let said = |key: &str| {
        format!(
            "`{key}` of [[server]] `shop` is not used: only a bot can post to another channel, and SLACK_BOT_TOKEN is not set; set \
             SLACK_BOT_TOKEN and SLACK_OPERATOR_DM_CHANNEL, or remove it"
        )
    };
    assert_eq!(warnings(&webhook), ["channel", "wake_channel"].map(said));
    let bot = [
        ("SLACK_BOT_TOKEN", "xoxb-1-secret"),
        ("SLACK_OPERATOR_DM_CHANNEL", "C0123456789"),
    ];
    assert_eq!(warnings(&bot), Vec::<String>::new());
}

#[test]
fn what_can_be_the_id_of_no_stream_is_refused() {
    for wrong in ["*", "shop/outbound", "outbound,broadcast", "Default Stream"] {
        let file = format!("[[server]]\nname = \"shop\"\nstreams = [\"{wrong}\"]\n");
        let (_folder, sources) = Sources::of_file(&file, &[]);
        let problems = load(&sources).expect_err("refused");
        let said = problems[0].to_string();
        assert!(
            said.contains("is not the id of a stream"),
            "{wrong}: {said}"
        );
    }
}
