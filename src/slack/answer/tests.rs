use super::*;
use proptest::prelude::*;

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        retry_after: None,
        body: Some(body.as_bytes().to_vec()),
    }
}

fn refusal(dialect: Dialect, status: u16, body: &str) -> Error {
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
        Ok(Accepted::default())
    );
}

#[test]
fn the_api_refuses_with_status_200() {
    for (word, class) in [
        ("invalid_auth", Class::Never),
        ("not_in_channel", Class::Never),
        ("a_word_of_tomorrow", Class::Never),
        ("invalid_blocks", Class::Payload),
        ("ratelimited", Class::Later),
        ("message_limit_exceeded", Class::Later),
        ("fatal_error", Class::Unknown),
    ] {
        let error = refusal(
            Dialect::Api,
            200,
            &format!(r#"{{"ok":false,"error":"{word}"}}"#),
        );
        assert_eq!(error.class, class, "{word}");
        assert!(error.what.contains(word), "{}", error.what);
    }
}

#[test]
fn a_webhook_refuses_with_a_status_and_a_word() {
    for (status, word, class) in [
        (400, "invalid_payload", Class::Payload),
        (400, "invalid_blocks", Class::Payload),
        (400, "user_not_found", Class::Never),
        (403, "action_prohibited", Class::Never),
        (403, "invalid_token", Class::Never),
        (404, "channel_not_found", Class::Never),
        (404, "no_service", Class::Never),
        (410, "channel_is_archived", Class::Never),
        (410, "", Class::Never),
        (429, "rate_limited", Class::Later),
        (500, "rollup_error", Class::Later),
        (503, "<html>busy</html>", Class::Later),
        (200, "no_text", Class::Payload),
        (201, "no_service", Class::Never),
        (200, r#"{"ok":false,"error":"invalid_token"}"#, Class::Never),
        (200, r#"{"ok":false}"#, Class::Never),
        (200, "<html>please log in</html>", Class::Never),
        (
            200,
            "\u{feff}\r\n<!DOCTYPE html><title>Log in</title>",
            Class::Never,
        ),
        (204, "<p>blocked</p>", Class::Never),
        (300, "ok", Class::Never),
    ] {
        assert_eq!(
            refusal(Dialect::Webhook, status, word).class,
            class,
            "{status} {word}"
        );
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
        assert_eq!(read, Ok(Accepted::default()), "{status} {body}");
    }
}

#[test]
fn without_a_known_word_the_status_decides() {
    for (status, class) in [
        (302, Class::Never),
        (401, Class::Never),
        (404, Class::Never),
        (408, Class::Later),
        (413, Class::Payload),
        (429, Class::Later),
        (500, Class::Later),
        (504, Class::Later),
        (200, Class::Never),
    ] {
        assert_eq!(
            refusal(Dialect::Api, status, "<html>").class,
            class,
            "{status}"
        );
    }
    let tomorrow = refusal(
        Dialect::Api,
        500,
        r#"{"ok":false,"error":"a_word_of_tomorrow"}"#,
    );
    assert_eq!(tomorrow.class, Class::Later);
}

#[test]
fn a_cut_answer_settles_nothing_unless_its_status_does() {
    let cut = |status| Answer {
        body: None,
        ..answer(status, "")
    };
    for dialect in [Dialect::Api, Dialect::Webhook] {
        assert_eq!(
            read(dialect, &cut(200)).expect_err("cut").class,
            Class::Unknown
        );
        assert_eq!(
            read(dialect, &cut(503)).expect_err("cut").class,
            Class::Later
        );
    }
    assert_eq!(
        refusal(Dialect::Api, 200, r#"{"ok":tr"#).class,
        Class::Unknown
    );
    assert_eq!(refusal(Dialect::Api, 200, "{}").class, Class::Unknown);
}

#[test]
fn the_pause_slack_asks_for_is_handed_on() {
    let pause = Some(Duration::from_secs(30));
    let asked = Answer {
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
    let invite = refusal(
        Dialect::Api,
        200,
        r#"{"ok":false,"error":"not_in_channel"}"#,
    );
    assert_eq!(
        invite.to_string(),
        "cannot post to Slack: `not_in_channel`; invite the app to the channel with /invite @bot"
    );
    let scope = refusal(
        Dialect::Api,
        200,
        r#"{"ok":false,"error":"missing_scope","needed":"chat:write"}"#,
    );
    assert!(scope.what.contains("(chat:write)"), "{}", scope.what);
    let blocks = r#"{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["[ERROR] too long\n [json-pointer:/blocks/0]",7]}}"#;
    let blocks = refusal(Dialect::Api, 200, blocks);
    assert!(
        blocks
            .what
            .contains("([ERROR] too long [json-pointer:/blocks/0])"),
        "{}",
        blocks.what
    );
}

#[test]
fn nothing_that_was_sent_is_repeated_in_an_error() {
    let body = r#"{"ok":false,"error":"bad xoxb-1","needed":"xoxb-1","response_metadata":{"messages":["jane@example.com"]}}"#;
    let echo = refusal(Dialect::Api, 200, body);
    assert!(
        !echo.what.contains("xoxb") && !echo.what.contains("jane"),
        "{}",
        echo.what
    );
    let echo = refusal(Dialect::Webhook, 404, "no such path: /services/T0/B0/key");
    assert!(!echo.what.contains("services"), "{}", echo.what);
}

proptest! {
    #[test]
    fn any_answer_is_read_without_a_panic(status in 100u16..600, body in prop::collection::vec(any::<u8>(), 0..300)) {
        for dialect in [Dialect::Api, Dialect::Webhook] {
            let read = read(dialect, &Answer { status, retry_after: None, body: Some(body.clone()) });
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
