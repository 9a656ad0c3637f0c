use super::*;
use crate::model::Timestamp;
use crate::sim::smtp::{Fault, Relay};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster");
const BODY: &str = r#"{"incident":"ektn6n35","at":"2026-03-04T08:00:00Z","transition":"opened","severity":"wake",
    "rule":"blind","server":"shop","stream":null,"text":"a test"}"#;

/// Beyond loopback nothing is handed over before the connection is encrypted and its certificate is trusted.
#[tokio::test]
async fn nothing_is_sent_over_a_connection_that_cannot_be_trusted() {
    let read = |name: &str| std::fs::read(format!("{FOLDER}/{name}")).expect("a file");
    let relay = Relay::start(&read("server.crt"), &read("server.key")).expect("a relay");
    let to = Destination {
        kind: crate::sink::SinkKind::Email,
        url: Secret::new(&format!("smtp://localhost:{}", relay.port())).expect("not empty"),
        credential: None,
        credential_key: "password_env",
        envelope: Some(MailRoute {
            from: "hushwatch@example.com".to_owned(),
            to: vec!["ops@example.com".to_owned()],
            username: None,
        }),
    };
    let client = MailClient::new(&to, Duration::from_secs(20)).expect("a client");
    let client = MailClient {
        encryption: Encryption::StartTls,
        ..client
    };
    let event = Event {
        key: "k",
        body: BODY,
        at: Timestamp(1_772_611_200_000),
    };
    assert_eq!(client.send(event).await, Err(unreachable_server()));
    relay.set_fault(Some(Fault::NoStarttls));
    let (class, why) = client.send(event).await.expect_err("refused");
    assert_eq!(class, RetryClass::Permanent, "{why}");
    let lines = relay.received_lines();
    assert_eq!(lines, ["EHLO [127.0.0.1]", "STARTTLS", "EHLO [127.0.0.1]"]);
}
