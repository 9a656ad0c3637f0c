use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::model::Timestamp;
use crate::retry::RetryClass;
use crate::secret::Secret;
use crate::sim::receiver::{Delivery, Receiver};
use crate::sim::{Fault, Plan};
use crate::sink::request::{Event, Request, build};
use crate::sink::{Destination, SinkClient, SinkKind, read_key};

const AT: Timestamp = Timestamp(1_772_611_200_000);
const KEY: &str = "00112233445566778899aabbccddeeff";

fn destination(kind: SinkKind, url: &str, credential: Option<&str>) -> Destination {
    Destination {
        kind,
        url: Secret::new(url).expect("not empty"),
        credential: credential.and_then(Secret::new),
        credential_key: kind.credential_keys()[0],
        envelope: None,
    }
}

fn transition(step: &str, severity: &str) -> String {
    let mark = match step {
        "resolved" => "✅ RESOLVED",
        "acknowledged" => "👀 ACKNOWLEDGED",
        _ => "🔴 WAKE",
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
    all_built(to, body).remove(0)
}

fn all_built(to: &Destination, body: &str) -> Vec<Request> {
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
        let steps = ["opened", "acknowledged", "resolved"].into_iter();
        let steps =
            steps.filter(|step| *step != "acknowledged" || to.kind.takes_acknowledgements());
        let requests = steps.flat_map(|step| all_built(&to, &transition(step, "wake")));
        let steps: Vec<_> = requests.map(|request| shown(&request)).collect();
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
    let request = build(&to, event).expect("a request").remove(0);
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

#[cfg(feature = "email")]
#[test]
fn mail_of_one_incident_forms_a_thread() {
    let envelope = crate::sink::MailRoute {
        from: "hushwatch@example.com".to_owned(),
        to: vec![
            "ops@example.com".to_owned(),
            "oncall@example.org".to_owned(),
        ],
        username: None,
    };
    let mails = ["opened", "resolved"].map(|step| {
        let mail = super::mail::composed(&envelope, KEY, &transition(step, "wake"), AT);
        mail.replace("\r\n", "\n")
    });
    assert_snapshot!("email", mails.join("\n"));
}

/// What the published description of `PagerDuty`'s Events API (`events-v2`) says of a body: names and types of the members that
/// may be there, which of them must be, and the values of enumerations.
const PAGERDUTY_EVENT: &[(&str, &str, bool)] = &[
    ("/routing_key", "text", true),
    ("/event_action", "trigger|acknowledge|resolve", true),
    ("/dedup_key", "text", false),
    ("/client", "text", false),
    ("/client_url", "text", false),
    ("/payload", "object", false),
];
/// The same of its `payload`.
const PAGERDUTY_PAYLOAD: &[(&str, &str, bool)] = &[
    ("/summary", "text", true),
    ("/source", "text", true),
    ("/severity", "critical|warning|error|info", true),
    ("/timestamp", "date-time", false),
    ("/component", "text", false),
    ("/group", "text", false),
    ("/class", "text", false),
    ("/custom_details", "object", false),
];

/// Returns what `object` has that its description does not allow, and what it lacks.
fn violations(object: &Value, description: &[(&str, &str, bool)]) -> Vec<String> {
    let members = object.as_object().expect("an object");
    let is_known = |name: &String| description.iter().any(|(known, ..)| known[1..] == **name);
    let unknown = members.keys().filter(|name| !is_known(name)).cloned();
    let wrong = description.iter().filter(|(path, kind, is_required)| {
        let is_of_kind = |value: &Value| match *kind {
            "object" => value.is_object(),
            "text" => value.is_string(),
            "date-time" => {
                let text = value.as_str();
                text.is_some_and(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok())
            }
            values => value
                .as_str()
                .is_some_and(|v| values.split('|').any(|known| known == v)),
        };
        object
            .pointer(path)
            .map_or(*is_required, |value| !is_of_kind(value))
    });
    unknown
        .chain(wrong.map(|(path, ..)| (*path).to_owned()))
        .collect()
}

/// A further trigger under the key of an open alert overwrites it, and its severity with it ("Dynamic Notifications" of `PagerDuty`'s
/// knowledge base; PagerDuty/pdpyras issue 45): another key would be a second incident.
#[test]
fn a_warning_that_becomes_a_wake_raises_the_severity_of_the_alert_that_pagerduty_has() {
    let to = destination(
        SinkKind::PagerDuty,
        "https://events.pagerduty.com",
        Some("R0KEY"),
    );
    let steps = [
        ("opened", "warn"),
        ("escalated", "wake"),
        ("reminded", "wake"),
        ("resolved", "wake"),
    ];
    let sent = steps.map(|(step, severity)| {
        let sent: Vec<Value> = all_built(&to, &transition(step, severity))
            .iter()
            .map(|request| serde_json::from_str(&request.body).expect("JSON"))
            .collect();
        let [one] = sent.as_slice() else {
            panic!("one event: {sent:?}");
        };
        let text = |pointer: &str| {
            let value = one.pointer(pointer).and_then(Value::as_str);
            value.unwrap_or("-").to_owned()
        };
        ["/event_action", "/dedup_key", "/payload/severity"].map(text)
    });
    let key = "hushwatch-ektn6n35";
    assert_eq!(
        sent,
        [
            ["trigger", key, "warning"],
            ["trigger", key, "critical"],
            ["trigger", key, "critical"],
            ["resolve", key, "-"],
        ]
    );
}

#[test]
fn every_event_of_pagerduty_is_one_by_its_published_description() {
    let to = destination(
        SinkKind::PagerDuty,
        "https://events.pagerduty.com",
        Some("R0KEY"),
    );
    for step in [
        "opened",
        "escalated",
        "reminded",
        "acknowledged",
        "resolved",
    ] {
        for stream in [json!("outbound"), Value::Null] {
            let mut body: Value = serde_json::from_str(&transition(step, "warn")).expect("JSON");
            body["stream"] = stream;
            let sent: Value =
                serde_json::from_str(&built(&to, &body.to_string()).body).expect("JSON");
            assert_eq!(violations(&sent, PAGERDUTY_EVENT), [""; 0], "{sent}");
            let is_trigger = sent["event_action"] == "trigger";
            assert_eq!(sent.get("payload").is_some(), is_trigger, "{sent}");
            if is_trigger {
                assert_eq!(
                    violations(&sent["payload"], PAGERDUTY_PAYLOAD),
                    [""; 0],
                    "{sent}"
                );
            } else {
                assert!(sent["dedup_key"].is_string(), "{sent}");
            }
        }
    }
    let odd = json!({ "routing_key": 1, "event_action": "open", "severity": "high" });
    assert_eq!(
        violations(&odd, PAGERDUTY_EVENT),
        ["severity", "/routing_key", "/event_action"]
    );
}

/// A client of a simulated sink of this kind.
fn client(receiver: &Receiver, kind: SinkKind) -> SinkClient {
    let to = destination(kind, &receiver.base_url(), Some("KEY"));
    let timeout = std::time::Duration::from_secs(20);
    SinkClient::new("bell", to, timeout).expect("a client")
}

/// What a sink got, as target, alias and priority.
fn gotten(deliveries: &[Delivery]) -> Vec<String> {
    let name = |delivery: &Delivery| {
        let json = delivery.json();
        let text = |key: &str| json[key].as_str().unwrap_or("-").to_owned();
        let (alias, priority) = (text("alias"), text("priority"));
        format!("{} {alias} {priority}", delivery.target)
    };
    deliveries.iter().map(name).collect()
}

#[tokio::test]
async fn a_warning_that_becomes_a_wake_is_an_alert_of_its_own_at_opsgenie() {
    let receiver = Receiver::start().expect("a receiver");
    let client = client(&receiver, SinkKind::Opsgenie);
    let close = |alias: &str| format!("/v2/alerts/{alias}/close?identifierType=alias - -");
    let (warning, wake) = ("hushwatch-ektn6n35", "hushwatch-ektn6n35-wake");
    for (step, severity, expected) in [
        ("opened", "warn", vec![format!("/v2/alerts {warning} P3")]),
        (
            "escalated",
            "wake",
            vec![format!("/v2/alerts {wake} P1"), close(warning)],
        ),
        ("resolved", "wake", vec![close(wake), close(warning)]),
        ("opened", "wake", vec![format!("/v2/alerts {wake} P1")]),
        ("resolved", "warn", vec![close(warning)]),
    ] {
        let sent = client.send(KEY, &transition(step, severity), AT).await;
        assert_eq!(sent, Ok(Vec::new()), "{step} {severity}");
        assert_eq!(gotten(&receiver.take()), expected, "{step} {severity}");
    }
    // What was taken in part is sent again, which is known by its alias.
    receiver.fail(Plan::next(1, Fault::Status(503)).on("/close"));
    let body = transition("escalated", "wake");
    let failed = client.send(KEY, &body, AT).await.expect_err("in trouble");
    assert_eq!(failed.class, RetryClass::Retry, "{failed}");
    assert_eq!(client.send(KEY, &body, AT).await, Ok(Vec::new()));
    assert_eq!(receiver.take().len(), 4);
}

#[tokio::test]
async fn what_is_wrong_with_a_credential_is_said_with_its_key() {
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let receiver = Receiver::start().expect("a receiver");
    let timeout = std::time::Duration::from_secs(20);
    for (kind, credential, statuses, class, why) in [
        (
            SinkKind::PagerDuty,
            Some("canary"),
            [400, 422],
            RetryClass::BadPayload,
            "it refuses the message or the key; correct what `routing_key_env` of its [[sink]] names: the integration key of an Events API v2 integration",
        ),
        (
            SinkKind::Opsgenie,
            Some("canary"),
            [400, 422],
            RetryClass::BadPayload,
            "it refuses the message or the key; correct what `api_key_env` of its [[sink]] names: the key of an API integration",
        ),
        (
            SinkKind::Opsgenie,
            Some("canary"),
            [401, 403],
            RetryClass::Permanent,
            "it refuses the credential; correct what `api_key_env` of its [[sink]] names",
        ),
        (
            SinkKind::Ntfy,
            None,
            [401, 403],
            RetryClass::Permanent,
            "it demands a credential; set `token_env` of its [[sink]]",
        ),
        (
            SinkKind::Webhook,
            Some(SECRET),
            [401, 403],
            RetryClass::Permanent,
            "it refuses the credential; correct what `secret_env` of its [[sink]] names, or its `url`",
        ),
        (
            SinkKind::Ntfy,
            None,
            [400, 422],
            RetryClass::BadPayload,
            "it refuses the message",
        ),
    ] {
        for status in statuses {
            receiver.fail(Plan::next(1, Fault::Status(status)));
            let url = format!("{}/mail", receiver.base_url());
            let to = destination(kind, &url, credential);
            let client = SinkClient::new("bell", to, timeout).expect("a client");
            let sent = client.send(KEY, &transition("opened", "wake"), AT).await;
            let error = sent.expect_err("refused");
            let said = format!("sink `bell`: {why} (HTTP status {status})");
            assert_eq!((error.class, error.message), (class, said), "{kind:?}");
        }
    }
    let mut to = destination(SinkKind::Opsgenie, &receiver.base_url(), Some("canary"));
    to.credential_key = "api_key_file";
    receiver.fail(Plan::next(1, Fault::Status(401)));
    let client = SinkClient::new("bell", to, timeout).expect("a client");
    let sent = client.send(KEY, &transition("opened", "wake"), AT).await;
    let error = sent.expect_err("refused").message;
    assert!(error.contains("`api_key_file`"), "{error}");
}
