use super::*;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

const KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

fn ours(key: &str) -> Value {
    let metadata = json!({"event_type": EVENT_TYPE, "event_payload": {"delivery": key}});
    json!({"type": "message", "ts": "1790000000.000200", "text": "x", "metadata": metadata})
}

fn page(messages: &[Value], next: &str) -> HttpResponse {
    answer(
        200,
        &json!({"ok": true, "messages": messages, "response_metadata": {"next_cursor": next}}),
    )
}

fn answer(status: u16, body: &Value) -> HttpResponse {
    HttpResponse {
        status,
        retry_after: None,
        body: Some(body.to_string().into_bytes()),
    }
}

#[test]
fn a_message_is_known_by_its_key_alone() {
    let mut of_another_app = ours(KEY);
    of_another_app["metadata"]["event_type"] = "other".into();
    let others = [json!({"text": KEY}), ours("another"), of_another_app];
    let without = Page::NotFound { next: None };
    assert_eq!(read(&page(&others, ""), "C012", KEY), Ok(without));
    let with = [others.as_slice(), &[ours(KEY)]].concat();
    assert_eq!(
        read(&page(&with, "more"), "C012", KEY),
        Ok(Page::Found(Receipt {
            channel: Some("C012".to_owned()),
            ts: Some("1790000000.000200".to_owned()),
        }))
    );
}

#[test]
fn a_page_names_the_next() {
    let next = Some("dGVhbTpDMDYx".to_owned());
    assert_eq!(
        read(&page(&[], "dGVhbTpDMDYx"), "C012", KEY),
        Ok(Page::NotFound { next })
    );
}

#[test]
fn what_cannot_be_read_is_for_later_or_for_a_person() {
    let refusal = |word: &str| answer(200, &json!({"ok": false, "error": word}));
    let cut = HttpResponse {
        body: None,
        ..refusal("")
    };
    for (class, answer) in [
        (RetryClass::Permanent, refusal("missing_scope")),
        (RetryClass::Permanent, refusal("channel_not_found")),
        (RetryClass::Permanent, refusal("a_word_of_tomorrow")),
        (RetryClass::Permanent, answer(404, &Value::Null)),
        (RetryClass::Retry, refusal("ratelimited")),
        (RetryClass::Retry, refusal("internal_error")),
        (RetryClass::Retry, answer(503, &Value::Null)),
        (RetryClass::Retry, answer(200, &json!({"ok": true}))),
        (RetryClass::Retry, cut),
    ] {
        let error = read(&answer, "C012", KEY).expect_err("no page");
        assert_eq!(error.class, class, "{error}");
    }
}

#[test]
fn a_missing_scope_is_named_and_a_pause_is_kept() {
    let body = json!({"ok": false, "error": "missing_scope", "needed": "channels:history"});
    let error = read(&answer(200, &body), "C012", KEY).expect_err("refused");
    assert!(
        error
            .message
            .contains("`missing_scope`; it needs channels:history"),
        "{error}"
    );
    let unnamed = json!({"ok": false, "error": "missing_scope"});
    let error = read(&answer(200, &unnamed), "C012", KEY).expect_err("refused");
    let scopes = "`missing_scope`; it needs channels:history (groups:history in a private channel, im:history in a direct message)";
    assert!(error.message.contains(scopes), "{error}");
    let pause = Some(Duration::from_secs(30));
    let limited = HttpResponse {
        retry_after: pause,
        ..answer(429, &json!({"ok": false, "error": "ratelimited"}))
    };
    let error = read(&limited, "C012", KEY).expect_err("refused");
    assert_eq!(error.retry_after, pause);
}

#[test]
fn metadata_are_asked_for_and_time_is_in_seconds() {
    let query = query("C012", None, Timestamp(1_790_000_000_045), "");
    assert!(query.contains(&("oldest", "1790000000.045000".to_owned())));
    assert!(query.contains(&("include_all_metadata", "true".to_owned())));
    assert!(query.iter().all(|(name, _)| *name != "cursor"));
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic_or_finds_what_is_not_there(
        status in 100u16..600,
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let answer = HttpResponse { status, retry_after: None, body: Some(body) };
        prop_assert!(!matches!(read(&answer, "C012", KEY), Ok(Page::Found(_))));
    }

    #[test]
    fn nothing_that_might_be_private_is_quoted(needed in ".{0,200}") {
        let body = json!({"ok": false, "error": needed, "needed": format!("xoxb-1@{needed}")});
        let error = read(&answer(200, &body), "C012", KEY).expect_err("refused");
        prop_assert!(!error.message.contains('@'), "{}", error.message);
    }
}
