use super::*;
use proptest::prelude::*;

fn answer(status: u16, body: &str) -> HttpResponse {
    HttpResponse {
        status,
        retry_after: None,
        body: Some(body.as_bytes().to_vec()),
    }
}

fn read_error(dialect: Dialect, status: u16, body: &str) -> Error {
    read(dialect, &answer(status, body)).expect_err("a refusal")
}

#[test]
fn an_accepted_message_has_its_place() {
    let body = r#"{"ok":true,"channel":"C012","ts":"1503435956.000247","message":{"text":"x"}}"#;
    let accepted = read(Dialect::Api, &answer(200, body)).expect("accepted");
    assert_eq!(accepted.channel.as_deref(), Some("C012"));
    assert_eq!(accepted.ts.as_deref(), Some("1503435956.000247"));
    assert_eq!(
        read(Dialect::Webhook, &answer(200, "ok\n")),
        Ok(Receipt::default())
    );
}

#[test]
fn the_api_refuses_with_status_200() {
    for (word, class) in [
        ("invalid_auth", RetryClass::Permanent),
        ("not_in_channel", RetryClass::Permanent),
        ("a_word_of_tomorrow", RetryClass::Permanent),
        ("invalid_blocks", RetryClass::BadPayload),
        ("ratelimited", RetryClass::Retry),
        ("message_limit_exceeded", RetryClass::Retry),
        ("fatal_error", RetryClass::Unconfirmed),
    ] {
        let error = read_error(
            Dialect::Api,
            200,
            &format!(r#"{{"ok":false,"error":"{word}"}}"#),
        );
        assert_eq!(error.class, class, "{word}");
        assert!(error.message.contains(word), "{}", error.message);
    }
}

#[test]
fn a_webhook_refuses_with_a_status_and_a_word() {
    for (status, word, class) in [
        (400, "invalid_payload", RetryClass::BadPayload),
        (400, "invalid_blocks", RetryClass::BadPayload),
        (400, "user_not_found", RetryClass::Permanent),
        (403, "action_prohibited", RetryClass::Permanent),
        (403, "invalid_token", RetryClass::Permanent),
        (404, "channel_not_found", RetryClass::Permanent),
        (404, "no_service", RetryClass::Permanent),
        (410, "channel_is_archived", RetryClass::Permanent),
        (410, "", RetryClass::Permanent),
        (429, "rate_limited", RetryClass::Retry),
        (500, "rollup_error", RetryClass::Retry),
        (503, "<html>busy</html>", RetryClass::Retry),
        (200, "no_text", RetryClass::BadPayload),
        (201, "no_service", RetryClass::Permanent),
        (
            200,
            r#"{"ok":false,"error":"invalid_token"}"#,
            RetryClass::Permanent,
        ),
        (200, r#"{"ok":false}"#, RetryClass::Permanent),
        (200, "<html>please log in</html>", RetryClass::Permanent),
        (
            200,
            "\u{feff}\r\n<!DOCTYPE html><title>Log in</title>",
            RetryClass::Permanent,
        ),
        (204, "<p>blocked</p>", RetryClass::Permanent),
        (300, "ok", RetryClass::Permanent),
    ] {
        assert_eq!(
            read_error(Dialect::Webhook, status, word).class,
            class,
            "{status} {word}"
        );
    }
}

#[test]
fn a_webhook_that_names_a_known_error_in_json_refuses_whatever_its_status() {
    for (body, code) in [
        (
            r#"{"error":"channel_not_found"}"#,
            Some(ErrorCode::ChannelNotFound),
        ),
        (
            r#"{"ok":null,"error":"invalid_auth"}"#,
            Some(ErrorCode::InvalidAuth),
        ),
        (
            r#"{"ok":"false","error":"channel_not_found"}"#,
            Some(ErrorCode::ChannelNotFound),
        ),
        (r#"{"ok":"false","error":"x"}"#, None),
    ] {
        let error = read_error(Dialect::Webhook, 200, body);
        assert_eq!(
            (error.class, error.code),
            (RetryClass::Permanent, code),
            "{body}"
        );
    }
    for body in [
        r#"{"ok":true,"error":"channel_not_found"}"#,
        r#"{"error":null}"#,
        r#"{"error":""}"#,
        r#"{"error":"a_word_of_tomorrow"}"#,
    ] {
        let read = read(Dialect::Webhook, &answer(200, body));
        assert_eq!(read, Ok(Receipt::default()), "{body}");
    }
}

#[test]
fn a_webhook_accepts_with_any_success_that_names_no_error() {
    for (status, body) in [
        (200, "ok"),
        (200, "ok\n"),
        (200, ""),
        (200, r#"{"ok":true}"#),
        (200, r#"{"id":"1","ok":"yes"}"#),
        (200, "Message queued."),
        (200, "a_word_of_tomorrow"),
        (201, "created"),
        (202, "1"),
        (204, ""),
    ] {
        let read = read(Dialect::Webhook, &answer(status, body));
        assert_eq!(read, Ok(Receipt::default()), "{status} {body}");
    }
}

#[test]
fn without_a_known_word_the_status_decides() {
    for (status, class) in [
        (302, RetryClass::Permanent),
        (401, RetryClass::Permanent),
        (404, RetryClass::Permanent),
        (408, RetryClass::Retry),
        (413, RetryClass::BadPayload),
        (429, RetryClass::Retry),
        (500, RetryClass::Retry),
        (504, RetryClass::Retry),
        (200, RetryClass::Permanent),
    ] {
        assert_eq!(
            read_error(Dialect::Api, status, "<html>").class,
            class,
            "{status}"
        );
    }
    let tomorrow = read_error(
        Dialect::Api,
        500,
        r#"{"ok":false,"error":"a_word_of_tomorrow"}"#,
    );
    assert_eq!(tomorrow.class, RetryClass::Retry);
}

#[test]
fn a_cut_answer_settles_nothing_unless_its_status_does() {
    let cut = |status| HttpResponse {
        body: None,
        ..answer(status, "")
    };
    for dialect in [Dialect::Api, Dialect::Webhook] {
        assert_eq!(
            read(dialect, &cut(200)).expect_err("cut").class,
            RetryClass::Unconfirmed
        );
        assert_eq!(
            read(dialect, &cut(503)).expect_err("cut").class,
            RetryClass::Retry
        );
    }
    assert_eq!(
        read_error(Dialect::Api, 200, r#"{"ok":tr"#).class,
        RetryClass::Unconfirmed
    );
    assert_eq!(
        read_error(Dialect::Api, 200, "{}").class,
        RetryClass::Unconfirmed
    );
}

#[test]
fn the_pause_slack_asks_for_is_handed_on() {
    let pause = Some(Duration::from_secs(30));
    let asked = HttpResponse {
        retry_after: pause,
        ..answer(429, r#"{"ok":false,"error":"ratelimited"}"#)
    };
    assert_eq!(
        read(Dialect::Api, &asked).expect_err("a pause").retry_after,
        pause
    );
}

#[test]
fn a_refusal_says_what_to_do() {
    let invite = read_error(
        Dialect::Api,
        200,
        r#"{"ok":false,"error":"not_in_channel"}"#,
    );
    assert_eq!(
        invite.to_string(),
        "cannot post to Slack: `not_in_channel`; invite the app to the channel with /invite @bot"
    );
    let scope = read_error(
        Dialect::Api,
        200,
        r#"{"ok":false,"error":"missing_scope","needed":"chat:write"}"#,
    );
    assert!(scope.message.contains("(chat:write)"), "{}", scope.message);
    let public = r#"{"ok":false,"error":"missing_scope","needed":"chat:write.public"}"#;
    let public = read_error(Dialect::Api, 200, public);
    assert_eq!(
        public.message,
        "cannot post to Slack: `missing_scope` (chat:write.public); give the app the scope chat:write.public and install it again"
    );
    let blocks = r#"{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["[ERROR] too long\n [json-pointer:/blocks/0]",7]}}"#;
    let blocks = read_error(Dialect::Api, 200, blocks);
    assert!(
        blocks
            .message
            .contains("([ERROR] too long [json-pointer:/blocks/0])"),
        "{}",
        blocks.message
    );
}

#[test]
fn nothing_that_was_sent_is_repeated_in_an_error() {
    let body = r#"{"ok":false,"error":"bad xoxb-1","needed":"xoxb-1","response_metadata":{"messages":["jane@example.com"]}}"#;
    let echo = read_error(Dialect::Api, 200, body);
    assert!(
        !echo.message.contains("xoxb") && !echo.message.contains("jane"),
        "{}",
        echo.message
    );
    let echo = read_error(Dialect::Webhook, 404, "no such path: /services/T0/B0/key");
    assert!(!echo.message.contains("services"), "{}", echo.message);
}

proptest! {
    #[test]
    fn any_answer_is_read_without_a_panic(status in 100u16..600, body in prop::collection::vec(any::<u8>(), 0..300)) {
        for dialect in [Dialect::Api, Dialect::Webhook] {
            let read = read(dialect, &HttpResponse { status, retry_after: None, body: Some(body.clone()) });
            let may_accept = match dialect {
                Dialect::Api => status == 200,
                Dialect::Webhook => (200..300).contains(&status),
            };
            prop_assert!(may_accept || read.is_err());
        }
    }

    #[test]
    fn any_shape_of_json_is_read_without_a_panic(
        ok in prop::sample::select(vec!["true", "false", "null", "1"]),
        other in prop::sample::select(vec!["null", "[]", "{}", "3", "\"x\"", "{\"messages\":\"x\"}", "{\"messages\":[{}]}"]),
    ) {
        let body = format!(r#"{{"ok":{ok},"error":{other},"channel":{other},"ts":{other},"needed":{other},"response_metadata":{other}}}"#);
        let read = read(Dialect::Api, &answer(200, &body));
        prop_assert_eq!(read.is_ok(), ok == "true");
    }
}
