//! What must hold of the simulated Slack.

use serde_json::{Value, json};

use crate::sim::client::{self, Answer};
use crate::sim::fault;

use super::{CHANNEL, Fault, Plan, Slack, Via};

fn start() -> Slack {
    Slack::start().expect("a free port")
}

/// How a test posts: waiting for the answer, or not for long.
type Post = fn(&str, &[String], &str) -> std::io::Result<Answer>;

fn call(slack: &Slack, how: Post, body: &Value) -> std::io::Result<Answer> {
    let headers = [
        format!("Authorization: Bearer {}", slack.bot_token()),
        "Content-Type: application/json".to_owned(),
    ];
    let url = format!("{}/chat.postMessage", slack.base_url());
    how(&url, &headers, &body.to_string())
}

fn post(slack: &Slack, body: &Value) -> Value {
    call(slack, client::post, body).expect("an answer").json()
}

fn hello() -> Value {
    json!({ "channel": CHANNEL, "text": "hello" })
}

#[test]
fn a_message_is_taken_and_seen_as_a_person_sees_it() {
    let slack = start();
    let answer = post(
        &slack,
        &json!({
            "channel": CHANNEL,
            "text": "fallback",
            "blocks": [
                { "type": "header", "text": { "type": "plain_text", "text": "WARN shop" } },
                { "type": "section", "text": { "type": "mrkdwn", "text": "a &lt;b&gt; <https://example.com|open> <!channel>" } },
                { "type": "rich_text", "elements": [{ "type": "rich_text_section", "elements": [{ "type": "text", "text": "raw <!here>" }] }] },
                { "type": "context", "elements": [{ "type": "plain_text", "text": "footer" }] },
            ],
            "metadata": { "event_type": "alert", "event_payload": { "id": "a1" } },
        }),
    );
    assert_eq!(answer["ok"], true);
    let [message] = &slack.take()[..] else {
        panic!("one message");
    };
    assert_eq!(
        message.plain,
        "WARN shop\na <b> open !channel\nraw <!here>\nfooter"
    );
    assert_eq!(message.markup, ["<https://example.com|open>", "<!channel>"]);
    assert_eq!(
        (message.ts.as_str(), message.via),
        (answer["ts"].as_str().unwrap_or_default(), Via::Bot)
    );
    assert_eq!((slack.take().len(), slack.messages().len()), (0, 1));
}

#[test]
fn history_tells_of_metadata_to_those_who_ask() {
    let slack = start();
    for id in ["first", "second"] {
        let metadata = json!({ "event_type": "alert", "event_payload": { "id": id } });
        post(
            &slack,
            &json!({ "channel": CHANNEL, "text": id, "metadata": metadata }),
        );
    }
    let headers = [format!("Authorization: Bearer {}", slack.bot_token())];
    let ask = |more: &str| {
        let url = format!(
            "{}/conversations.history?channel={CHANNEL}{more}",
            slack.base_url()
        );
        client::get(&url, &headers).expect("an answer").json()
    };
    let first = ask("&limit=1");
    assert_eq!(first["messages"][0]["text"], "second");
    let cursor = first["response_metadata"]["next_cursor"].as_str();
    let rest = ask(&format!("&limit=1&cursor={}", cursor.unwrap_or_default()));
    assert_eq!(rest["messages"][0]["text"], "first");
    assert_eq!(
        (&rest["has_more"], rest.get("response_metadata")),
        (&json!(false), None)
    );
    assert_eq!(ask("")["messages"][0].get("metadata"), None);
    let all = ask("&include_all_metadata=true");
    assert_eq!(
        all["messages"][1]["metadata"]["event_payload"]["id"],
        "first"
    );
    slack.show_history(false);
    let refused = ask("");
    assert_eq!(
        (&refused["error"], &refused["needed"]),
        (&json!("missing_scope"), &json!("channels:history"))
    );
}

#[test]
fn tokens_and_channels_are_checked() {
    let slack = start();
    let mut elsewhere = hello();
    elsewhere["channel"] = json!("U0SOMEBODY");
    assert_eq!(post(&slack, &elsewhere)["error"], "channel_not_found");
    slack.add_channel("U0SOMEBODY");
    assert_eq!(post(&slack, &elsewhere)["channel"], "D0SOMEBODY");
    let url = format!("{}/auth.test", slack.base_url());
    let error = |headers: &[String]| {
        let answer = client::post(&url, headers, "").expect("an answer");
        answer.json()["error"].clone()
    };
    assert_eq!(error(&[]), "not_authed");
    assert_eq!(
        error(&["Authorization: Bearer xoxb-wrong".to_owned()]),
        "invalid_auth"
    );
    assert!(slack.unexpected().is_empty());
}

#[test]
fn what_slack_would_refuse_is_refused_and_remembered() {
    let text = |kind: &str, n: usize| json!({ "type": kind, "text": "x".repeat(n) });
    let section = |n| json!({ "type": "section", "text": text("mrkdwn", n) });
    let divider = json!({ "type": "divider" });
    let refused = [
        json!([section(0)]),
        json!([section(3_001)]),
        json!([
            section(2_600),
            section(2_600),
            section(2_600),
            section(2_600)
        ]),
        json!([{ "type": "header", "text": text("plain_text", 151) }]),
        json!([{ "type": "header", "text": text("mrkdwn", 10) }]),
        json!([{ "type": "context", "elements": [] }]),
        json!([{ "type": "section", "fields": vec![text("mrkdwn", 1); 11] }]),
        json!([{ "type": "image", "image_url": "https://example.com/a.png" }]),
        json!([{ "type": "divider", "block_id": "a" }, { "type": "divider", "block_id": "a" }]),
        json!([{ "type": "carousel" }]),
        json!(vec![divider; 51]),
    ];
    for blocks in refused {
        let slack = start();
        let mut payload = hello();
        payload["blocks"] = blocks;
        let answer = post(&slack, &payload);
        assert_eq!(answer["ok"], false, "{payload}");
        assert_eq!((slack.unexpected().len(), slack.messages().len()), (1, 0));
        let webhook =
            client::post(&slack.webhook_url(), &[], &payload.to_string()).expect("an answer");
        assert_eq!(webhook.status, 400);
    }
}

#[test]
fn the_webhook_says_ok_and_knows_its_own_path_alone() {
    let slack = start();
    let answer = client::post(&slack.webhook_url(), &[], r#"{"text":"hi"}"#).expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    assert_eq!(slack.messages()[0].via, Via::Webhook);
    let wrong = format!("{}x", slack.webhook_url());
    let answer = client::post(&wrong, &[], r#"{"text":"hi"}"#).expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (404, "no_service"));
}

#[test]
fn a_refusal_of_slack_is_200_for_a_bot_and_a_status_for_a_webhook() {
    let slack = start();
    slack.next(2, Fault::slack_error("channel_is_archived"));
    assert_eq!(post(&slack, &hello())["error"], "channel_is_archived");
    let answer = client::post(&slack.webhook_url(), &[], r#"{"text":"hi"}"#).expect("an answer");
    assert_eq!(answer.status, 410);
    assert!(slack.messages().is_empty());
}

#[test]
fn an_accepted_message_may_go_without_an_answer() {
    let slack = start();
    slack.next(1, Fault::AcceptThenHang);
    slack.next(1, Fault::AcceptThenReset);
    for _ in 0..2 {
        call(&slack, client::post_without_answer, &hello()).expect_err("no answer");
    }
    assert_eq!(slack.messages().len(), 2);
    slack.next(1, fault::Fault::Hang);
    call(&slack, client::post_without_answer, &hello()).expect_err("no answer");
    assert_eq!(slack.messages().len(), 2);
}

#[test]
fn too_many_is_worded_as_slack_words_it() {
    let slack = start();
    slack.next(
        1,
        fault::Fault::TooMany {
            retry_after: Some("3".to_owned()),
        },
    );
    let answer = call(&slack, client::post, &hello()).expect("an answer");
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (429, &json!("ratelimited"))
    );
    assert!(answer.head.contains("Retry-After: 3\r\n"));
}

#[test]
fn heartbeats_are_counted_and_fail_on_their_own() {
    let slack = start();
    slack.always(fault::Fault::Status(500));
    let ping = || {
        client::get(&slack.heartbeat_url(), &[])
            .expect("an answer")
            .status
    };
    assert_eq!(ping(), 200);
    slack.fail_pings(Plan::next(1, fault::Fault::Status(500)));
    assert_eq!((ping(), ping()), (500, 200));
    assert_eq!(
        slack.pings(),
        ["/heartbeat/hushwatch", "/heartbeat/hushwatch"]
    );
}
