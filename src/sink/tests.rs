use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::model::Timestamp;
use crate::secret::Secret;
use crate::sink::request::{Event, Request, build};
use crate::sink::{Destination, SinkKind, read_key};

const AT: Timestamp = Timestamp(1_772_611_200_000);
const KEY: &str = "00112233445566778899aabbccddeeff";

fn destination(kind: SinkKind, url: &str, credential: Option<&str>) -> Destination {
    Destination {
        kind,
        url: Secret::new(url).expect("not empty"),
        credential: credential.and_then(Secret::new),
    }
}

fn transition(step: &str, severity: &str) -> String {
    let mark = if step == "resolved" {
        "✅ RESOLVED"
    } else {
        "🔴 WAKE"
    };
    json!({
        "incident": "ektn6n35", "at": "2026-03-04T08:00:00Z", "transition": step, "told": true,
        "rule": "send_silence", "severity": severity, "server": "shop", "stream": "outbound",
        "tag": null, "numerator": null, "denominator": null, "rate": null,
        "text": format!("{mark} shop/outbound: no mail sent for 1 h 3 min\nLast message 09:57.\nhushwatch explain ektn6n35"),
    })
    .to_string()
}

fn built(to: &Destination, body: &str) -> Request {
    let event = Event {
        key: KEY,
        body,
        at: AT,
    };
    build(to, event).expect("a request")
}

fn shown(request: &Request) -> String {
    let mut text = format!("POST {}\n", request.url);
    for (name, value) in &request.headers {
        text += &format!("{name}: {value}\n");
    }
    let body: Value = serde_json::from_str(&request.body).expect("JSON");
    text + &serde_json::to_string_pretty(&body).expect("JSON")
}

#[test]
fn each_kind_is_told_in_its_own_form() {
    for (name, to) in [
        (
            "pagerduty",
            destination(
                SinkKind::PagerDuty,
                "https://events.pagerduty.com",
                Some("R0KEY"),
            ),
        ),
        (
            "opsgenie",
            destination(
                SinkKind::Opsgenie,
                "https://api.opsgenie.com",
                Some("G0KEY"),
            ),
        ),
        (
            "ntfy",
            destination(
                SinkKind::Ntfy,
                "https://ntfy.example.com/mail",
                Some("tk_1"),
            ),
        ),
        (
            "webhook",
            destination(
                SinkKind::Webhook,
                "https://alerts.example.com/hook?a=b",
                None,
            ),
        ),
    ] {
        let steps =
            ["opened", "resolved"].map(|step| shown(&built(&to, &transition(step, "wake"))));
        assert_snapshot!(name, steps.join("\n\n"));
    }
}

#[test]
fn an_address_may_be_a_base_or_whole() {
    for (kind, url, expected) in [
        (
            SinkKind::PagerDuty,
            "https://pager.example.com/",
            "https://pager.example.com/v2/enqueue",
        ),
        (
            SinkKind::PagerDuty,
            "https://pager.example.com/v2/enqueue",
            "https://pager.example.com/v2/enqueue",
        ),
        (
            SinkKind::Opsgenie,
            "https://alerts.example.com/og/",
            "https://alerts.example.com/og/v2/alerts",
        ),
        (
            SinkKind::Opsgenie,
            "https://alerts.example.com/v2/alerts",
            "https://alerts.example.com/v2/alerts",
        ),
        (
            SinkKind::Ntfy,
            "https://push.example.com/sub/mail",
            "https://push.example.com/sub/",
        ),
    ] {
        let request = built(
            &destination(kind, url, Some("key")),
            &transition("opened", "warn"),
        );
        assert_eq!(request.url.as_str(), expected, "{url}");
    }
}

/// Verified by the library of those who specify the form.
#[test]
fn a_webhook_is_signed_as_receivers_verify_it() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let to = destination(
        SinkKind::Webhook,
        "https://alerts.example.com/hook",
        Some(secret),
    );
    let body = transition("opened", "wake");
    let event = Event {
        key: KEY,
        body: &body,
        at: crate::clock::now(),
    };
    let request = build(&to, event).expect("a request");
    let mut headers = reqwest::header::HeaderMap::new();
    for (name, value) in &request.headers {
        headers.insert(*name, value.parse().expect("a value"));
    }
    let receiver = standardwebhooks::Webhook::new(secret).expect("a key");
    receiver
        .verify(request.body.as_bytes(), &headers)
        .expect("verified");
    let forged = request.body.replace("shop", "chop");
    assert!(receiver.verify(forged.as_bytes(), &headers).is_err());
    assert_eq!(request.body, body, "unchanged");
}

#[test]
fn what_is_wrong_is_said_without_the_secret() {
    for (kind, url, credential, why) in [
        (
            SinkKind::PagerDuty,
            "https://pager.example.com",
            None,
            "it has no routing key",
        ),
        (
            SinkKind::Opsgenie,
            "https://alerts.example.com",
            None,
            "it has no API key",
        ),
        (
            SinkKind::Ntfy,
            "https://ntfy.example.com",
            None,
            "its `url` does not end with a topic",
        ),
        (
            SinkKind::Webhook,
            "https://alerts.example.com",
            Some("hunter2"),
            "its secret is not `whsec_` and 24 to 64 bytes in base64",
        ),
    ] {
        let body = transition("opened", "warn");
        let event = Event {
            key: KEY,
            body: &body,
            at: AT,
        };
        let found = build(&destination(kind, url, credential), event);
        assert_eq!(found, Err(why.to_owned()));
    }
    assert!(read_key("whsec_c2hvcnQ=").is_none(), "too short");
}
