use super::*;
use crate::notify::Level;
use crate::notify::link::POSTMARK;
use crate::notify::samples::named_messages;
use proptest::prelude::*;
use std::path::Path;

/// The sum over all blocks that Slack is known to take (slackapi/bolt-js #2867), in characters.
const BLOCKS_CHARS: usize = 9_000;
const KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

fn envelope<'e>(incident: Option<&'e str>, key: Option<&'e str>) -> Envelope<'e> {
    Envelope {
        incident,
        key,
        ..Envelope::default()
    }
}

fn payload(message: &Message, incident: Option<&str>, key: &str) -> Value {
    super::payload(message, envelope(incident, Some(key)))
}

fn plain_payload(message: &Message, incident: Option<&str>, key: Option<&str>) -> Value {
    super::plain_payload(message, envelope(incident, key))
}

fn alert() -> Message {
    let lines = [
        "6 of 98 messages bounced in the last hour: 6.1 % (95 %: 2.3–12.9 %), limit 1 %",
        "since 14:05; last delivered 14:02; usual 0.4–1.1 %",
        "look at the bounces in Postmark, and stop the sender if they are one campaign's",
    ];
    let lines = lines.map(str::to_owned);
    Message::new(
        Level::Warn,
        "shop/outbound: bounce_rate 6.1 %",
        lines,
        "7k2m · Europe/Vienna",
    )
}

fn hostile() -> Message {
    let lines = vec![
        "<!channel> <!here> <@U012> <#C012> <http://example.com|Postmark login> &amp; :skull:"
            .to_owned(),
        "*bold* `code` ~gone~ http://example.com jane@example.com\u{202e}\u{1b}[31m\n> quoted"
            .to_owned(),
        "&<>".repeat(200),
    ];
    Message::new(Level::Wake, &"<!everyone> & ".repeat(30), lines, "<@U012>")
}

fn full() -> Message {
    let lines = vec!["&😀".repeat(300); 60];
    Message::new(Level::Resolved, &"😀".repeat(200), lines, &"&".repeat(400))
}

fn bare() -> Message {
    Message::new(Level::Info, "digest of 12 March: all quiet", [], "")
}

/// Every object with a `text` string: its `type`, and the text.
fn texts(value: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    match value {
        Value::Object(fields) => {
            if let Some(text) = fields.get("text").and_then(Value::as_str) {
                found.push((
                    fields["type"].as_str().unwrap_or_default().to_owned(),
                    text.to_owned(),
                ));
            }
            found.extend(fields.values().flat_map(texts));
        }
        Value::Array(items) => found.extend(items.iter().flat_map(texts)),
        _ => {}
    }
    found
}

/// The address of every link.
fn links(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) if fields.get("type") == Some(&json!("link")) => {
            vec![fields["url"].as_str().unwrap_or_default().to_owned()]
        }
        Value::Object(fields) => fields.values().flat_map(links).collect(),
        Value::Array(items) => items.iter().flat_map(links).collect(),
        _ => Vec::new(),
    }
}

/// What B4 of Slack's limits asks of any payload, and that nothing foreign stands where Slack parses.
fn assert_sound(payload: &Value) {
    let text = payload["text"].as_str().expect("a text");
    assert!((1..=MAX_TEXT_UNITS).contains(&text.encode_utf16().count()));
    assert!(!text.contains(['<', '>']), "{text}");
    assert!(
        !text
            .replace("&amp;", "")
            .replace("&lt;", "")
            .replace("&gt;", "")
            .contains('&'),
        "{text}"
    );
    for off in ["mrkdwn", "link_names", "unfurl_links", "unfurl_media"] {
        assert_eq!(payload[off], false, "{off}");
    }
    let Some(blocks) = payload.get("blocks") else {
        return;
    };
    assert!((1..=50).contains(&blocks.as_array().expect("a list").len()));
    assert_eq!(blocks[0]["type"], "header");
    let header = blocks[0]["text"]["text"].as_str().expect("a text");
    assert!((1..=MAX_HEADER_UNITS).contains(&header.encode_utf16().count()));
    let texts = texts(blocks);
    assert!(
        texts
            .iter()
            .map(|(_, text)| text.chars().count())
            .sum::<usize>()
            <= BLOCKS_CHARS
    );
    for (kind, text) in &texts {
        let is_text = kind == "plain_text" || kind == "text";
        assert!(is_text || kind == "link", "{kind} is parsed");
        assert!((1..=3_000).contains(&text.encode_utf16().count()));
    }
    let json = blocks.to_string();
    assert!(
        !json.contains("\"mrkdwn\"")
            && links(blocks).iter().all(|url| url.starts_with(POSTMARK))
            && !json.contains("\"emoji\":true")
    );
}

#[test]
fn an_alert_is_a_header_its_lines_and_small_print() {
    let payload = payload(&alert(), Some("7k2m"), KEY);
    assert_sound(&payload);
    let blocks = &payload["blocks"];
    assert_eq!(
        blocks[0]["text"]["text"],
        "🟠 WARN shop/outbound: bounce_rate 6.1 %"
    );
    assert_eq!(
        blocks[1]["elements"][0]["elements"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    assert_eq!(blocks[2]["elements"][0]["text"], "7k2m · Europe/Vienna");
    assert_eq!(
        payload["metadata"],
        json!({"event_type": "hushwatch", "event_payload": {"delivery": KEY, "incident": "7k2m"}})
    );
}

#[test]
fn a_notification_begins_with_severity_what_and_where() {
    let payload = payload(&alert(), None, KEY);
    let text = payload["text"].as_str().expect("a text");
    assert!(text.starts_with("🟠 WARN shop/outbound: bounce_rate 6.1 %\n6 of 98"));
}

#[test]
fn a_message_without_lines_is_a_header_alone() {
    let payload = payload(&bare(), None, KEY);
    assert_sound(&payload);
    assert_eq!(payload["blocks"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        payload["metadata"]["event_payload"],
        json!({"delivery": KEY}),
        "it can be found again without an incident"
    );
}

#[test]
fn the_incident_is_named_even_where_the_message_does_not() {
    let message = full();
    for payload in [
        payload(&message, Some("7k2m"), KEY),
        plain_payload(&message, Some("7k2m"), Some(KEY)),
    ] {
        assert_sound(&payload);
        assert!(
            payload["text"]
                .as_str()
                .is_some_and(|text| text.ends_with("incident 7k2m"))
        );
    }
    assert_eq!(
        payload(&bare(), Some("7k2m"), KEY)["blocks"][1]["elements"][0]["text"],
        "incident 7k2m"
    );
}

#[test]
fn an_id_within_another_word_does_not_name_the_incident() {
    let payload = payload(&alert(), Some("7k2"), KEY);
    assert_eq!(
        payload["blocks"][2]["elements"][0]["text"],
        "7k2m · Europe/Vienna · incident 7k2"
    );
}

#[test]
fn hostile_text_stays_text() {
    let payload = payload(&hostile(), Some("<!channel>\n"), KEY);
    assert_sound(&payload);
    assert!(
        payload["text"]
            .as_str()
            .is_some_and(|text| text.contains("&lt;!channel&gt; &lt;!here&gt;"))
    );
    assert_eq!(escape("&amp; <b>"), "&amp;amp; &lt;b&gt;");
}

#[test]
fn the_plain_form_has_no_blocks_and_metadata_only_with_a_key() {
    for key in [Some(KEY), None] {
        let payload = plain_payload(&alert(), Some("7k2m"), key);
        assert_sound(&payload);
        assert_eq!(payload.get("blocks"), None);
        assert_eq!(payload.get("metadata").is_some(), key.is_some());
    }
}

/// Every message of the catalogue, and those that test the limits, with the incident that its row names.
fn samples() -> Vec<(String, Message, Option<String>)> {
    let id = || Some("7k2m".to_owned());
    let limits = [("hostile", hostile()), ("full", full()), ("bare", bare())];
    let limits = limits.map(|(name, message)| (name.to_owned(), message, id()));
    named_messages().into_iter().chain(limits).collect()
}

#[test]
fn every_message_of_the_catalogue_is_sound() {
    for (name, message, incident) in samples() {
        let payload = payload(&message, incident.as_deref(), KEY);
        assert_sound(&payload);
        assert_sound(&plain_payload(&message, incident.as_deref(), Some(KEY)));
        let id = incident.unwrap_or_default();
        assert!(
            payload["text"]
                .as_str()
                .is_some_and(|text| text.contains(&id)),
            "{name}"
        );
    }
}

/// Not a fact but a door: with `HUSHWATCH_DUMP_DIR` set, samples are written there for an independent validator.
#[test]
fn samples_are_written_where_they_are_asked_for() {
    let Ok(dir) = std::env::var("HUSHWATCH_DUMP_DIR") else {
        return;
    };
    for (name, message, incident) in samples() {
        for (form, json) in [
            ("blocks", payload(&message, incident.as_deref(), KEY)),
            (
                "plain",
                plain_payload(&message, incident.as_deref(), Some(KEY)),
            ),
        ] {
            let path = Path::new(&dir).join(format!("{name}-{form}.json"));
            std::fs::write(path, json.to_string()).expect("a writable folder");
        }
    }
}

fn foreign() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "\\PC{0,200}",
        prop::sample::select(vec![
            "<!channel>",
            "<@U012>",
            "<#C012>",
            "<http://example.com|x>",
            "<!date^0^{date}|x>",
            "&lt;",
            "&",
            "<",
            ">",
            "😀",
            "\u{1b}[",
            "\u{202e}",
            "\n",
            "`",
            ":skull:",
            "http://example.com",
        ])
        .prop_map(String::from),
        prop::sample::select(vec!["&", "<", "😀", "x"]).prop_map(|text| text.repeat(700)),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_message_is_within_slacks_limits_and_cannot_mention_or_link(
        level in prop::sample::select(vec![Level::Wake, Level::Warn, Level::Resolved, Level::Closed, Level::Info]),
        headline in foreign(),
        lines in prop::collection::vec(foreign(), 0..60),
        footer in foreign(),
        incident in prop::option::of(foreign()),
    ) {
        let message = Message::new(level, &headline, lines, &footer);
        assert_sound(&payload(&message, incident.as_deref(), KEY));
        assert_sound(&plain_payload(&message, incident.as_deref(), Some(KEY)));
    }
}

#[test]
fn a_reply_names_its_thread_and_an_edit_replaces_every_block() {
    let reply = super::payload(
        &alert(),
        Envelope {
            thread: Some("1.2"),
            broadcast: true,
            ..Envelope::default()
        },
    );
    assert_eq!(reply["thread_ts"], "1.2");
    assert_eq!(reply["reply_broadcast"], true);
    assert_eq!(payload(&alert(), None, KEY)["thread_ts"], Value::Null);
    let [first, second] = ["one", "two"].map(|edit| edit_payload(&alert(), edit));
    assert_eq!(first["parse"], "none", "the default is to link names");
    assert_eq!(first["metadata"], Value::Null, "what was posted stays");
    let ids = |payload: &Value| -> Vec<String> {
        let blocks = payload["blocks"].as_array().expect("blocks").iter();
        blocks.map(|b| b["block_id"].to_string()).collect()
    };
    assert_eq!(ids(&first), ["\"one-0\"", "\"one-1\"", "\"one-2\""]);
    assert!(ids(&first).iter().all(|id| !ids(&second).contains(id)));
    assert_eq!(plain_edit_payload(&alert())["blocks"], json!([]));
}

#[test]
fn whoever_is_woken_is_mentioned_in_the_blocks_and_in_the_text() {
    for (mention, leaf, markup) in [
        (
            "here",
            json!({"type": "broadcast", "range": "here"}),
            "<!here>",
        ),
        (
            "U012345",
            json!({"type": "user", "user_id": "U012345"}),
            "<@U012345>",
        ),
        (
            "S012345",
            json!({"type": "usergroup", "usergroup_id": "S012345"}),
            "<!subteam^S012345>",
        ),
    ] {
        let envelope = Envelope {
            mention,
            ..Envelope::default()
        };
        let payload = super::payload(&full(), envelope);
        assert_eq!(
            payload["blocks"][2]["elements"][0]["elements"],
            json!([leaf])
        );
        let text = payload["text"].as_str().expect("text");
        assert!(text.contains(&format!("\n{markup}\n")), "{text}");
        let units: usize = text.encode_utf16().count();
        assert!(units <= MAX_TEXT_UNITS, "{units}");
    }
}
