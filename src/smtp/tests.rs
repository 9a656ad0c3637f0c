//! Replies, and relays of several addresses.

use super::*;
use proptest::prelude::*;

use crate::sim::smtp as sim;

const SHORT: Timeouts = Timeouts {
    greeting: Duration::from_millis(200),
    step: Duration::from_secs(8),
};

fn relay() -> sim::Relay {
    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster");
    let read = |name: &str| std::fs::read(format!("{FOLDER}/{name}")).expect("a file");
    sim::Relay::start(&read("server.crt"), &read("server.key")).expect("a relay")
}

fn address(of: &sim::Relay) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], of.port()))
}

async fn probe_at(addresses: &[SocketAddr]) -> Result<Relay, Failure> {
    probe_addresses("localhost", addresses, SHORT).await
}

/// What comes of a relay whose certificate nobody trusts, once it was reached.
const REACHED: Result<Relay, Failure> = Err(Failure::Certificate(CertificateError::UnknownIssuer));

#[tokio::test]
async fn each_address_is_tried_until_one_greets() {
    let (good, silent, busy) = (relay(), relay(), relay());
    silent.set_fault(Some(sim::Fault::Silent));
    busy.set_fault(Some(sim::Fault::Busy));
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let (good, silent, busy) = (address(&good), address(&silent), address(&busy));
    for before in [&[nobody][..], &[silent], &[busy], &[silent, nobody, busy]] {
        assert_eq!(
            probe_at(&[before, &[good]].concat()).await,
            REACHED,
            "{before:?}"
        );
    }
    // The first that greets is the relay.
    assert_eq!(probe_at(&[good, silent]).await, REACHED);
    let at_greeting = Failure::TimedOut(SmtpStep::Greeting);
    for (all, expected) in [
        (&[][..], Failure::NoAddress),
        (&[nobody], Failure::Refused),
        (&[nobody, silent], at_greeting),
        (&[silent, nobody], at_greeting),
        (&[busy, nobody], Failure::Code(SmtpStep::Greeting, 421)),
    ] {
        assert_eq!(probe_at(all).await, Err(expected), "{all:?}");
    }
}

#[tokio::test]
async fn a_greeting_may_take_longer_than_other_steps() {
    let slow = relay();
    slow.set_fault(Some(sim::Fault::Silent));
    let within = Timeouts {
        greeting: Duration::from_millis(600),
        step: Duration::from_millis(100),
    };
    let began = std::time::Instant::now();
    let found = probe_addresses("localhost", &[address(&slow)], within).await;
    assert_eq!(found, Err(Failure::TimedOut(SmtpStep::Greeting)));
    assert!(began.elapsed() >= within.greeting);
}

#[test]
fn a_reply_has_a_code_and_texts() {
    let reply = b"250-mail.example.com\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n";
    assert!(is_whole(reply) && !is_whole(&reply[..24]) && !is_whole(&reply[..20]));
    let (code, texts) = parse(reply).expect("a reply");
    assert_eq!((code, texts.len(), texts[1].as_str()), (250, 3, "STARTTLS"));
    assert_eq!(
        auth(&texts[2]),
        Some(vec!["PLAIN".to_owned(), "LOGIN".to_owned()])
    );
    assert_eq!(parse(b"220 a\r\n250 b\r\n"), None);
    assert_eq!(parse(b"HTTP/1.1 400 Bad Request\r\n"), None);
}

proptest! {
    #[test]
    fn any_reply_is_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), code in "[0-9]{0,4}[ -]?\\PC{0,20}\r?\n?") {
        for reply in [bytes.as_slice(), code.as_bytes()] {
            let (_, parsed) = (is_whole(reply), parse(reply));
            prop_assert!(parsed.is_none_or(|(code, _)| (200..600).contains(&code)));
            let _ = auth(&String::from_utf8_lossy(reply));
        }
    }
}
