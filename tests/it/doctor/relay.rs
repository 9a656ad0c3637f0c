//! The SMTP relay.

use hushwatch::sim::smtp::{Fault, Relay};

use super::{doctor, world};
use crate::world::World;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster");

/// A relay on `localhost`, whose certificate is trusted where `is_trusted`.
fn relay(is_trusted: bool) -> (World, Relay) {
    with("server.crt", is_trusted)
}

/// The same with a certificate that the one of [`relay`] signed.
fn with(certificate: &str, is_trusted: bool) -> (World, Relay) {
    let read = |name: &str| std::fs::read(format!("{FOLDER}/{name}")).expect("a file");
    let relay = Relay::start(&read(certificate), &read("server.key")).expect("a relay");
    let mut world = world("");
    // The environment wins over the file.
    let address = format!("localhost:{}", relay.port());
    world.env("HUSHWATCH_DOCTOR__SMTP", &address);
    if is_trusted {
        world.env("SSL_CERT_FILE", &format!("{FOLDER}/server.crt"));
    }
    (world, relay)
}

#[test]
fn a_relay_is_tried_up_to_auth_and_nothing_is_sent() {
    let (world, relay) = relay(true);
    let said = doctor(&world, &[]);
    said.passed();
    said.has(
        "✓ SMTP relay localhost:",
        &["STARTTLS, certificate verified, AUTH PLAIN, LOGIN, CRAM-MD5"],
    );
    let hello = "EHLO hushwatch.invalid";
    assert_eq!(relay.received_lines(), [hello, "STARTTLS", hello, "QUIT"]);
}

#[test]
fn a_certificate_that_is_not_to_be_trusted_is_told_with_why() {
    let (mut world, relay) = relay(false);
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.has(
        "✗ SMTP relay localhost:",
        &[
            "no authority that this machine trusts signed it",
            "SSL_CERT_FILE",
        ],
    );
    world.env("SSL_CERT_FILE", &format!("{FOLDER}/server.crt"));
    let by_number = format!("127.0.0.1:{}", relay.port());
    world.env("HUSHWATCH_DOCTOR__SMTP", &by_number);
    doctor(&world, &[]).has(
        "✗ SMTP relay 127.0.0.1:",
        &["it belongs to another host", "the name in the certificate"],
    );
    let (world, _relay) = with("expired.crt", true);
    doctor(&world, &[]).has(
        "✗ SMTP relay localhost:",
        &["it expired", "have its operator renew it"],
    );
    let (world, _relay) = with("early.crt", true);
    doctor(&world, &[]).has(
        "✗ SMTP relay localhost:",
        &["it is not valid yet", "this machine's clock"],
    );
}

#[test]
fn each_way_in_which_a_relay_is_of_no_use_is_told() {
    let (mut world, relay) = relay(true);
    for (fault, told, remedy) in [
        (
            Fault::NoStarttls,
            "it offers no STARTTLS",
            "sent in clear text",
        ),
        (
            Fault::NoAuth,
            "offers no AUTH after STARTTLS",
            "is it the relay",
        ),
        (
            Fault::Refuses,
            "it answered 554 at its greeting",
            "why it refuses this machine",
        ),
        (
            Fault::Busy,
            "it answered 421 at its greeting",
            "try again later",
        ),
        (Fault::Http, "is not an SMTP server", "port 465"),
        (
            Fault::HangsUp,
            "the connection failed at its greeting: unexpected end of file",
            "ask its operator",
        ),
        (
            Fault::NoHandshake,
            "the TLS handshake failed",
            "TLS versions and ciphers",
        ),
        (
            Fault::Silent,
            "it took too long at its greeting",
            "try again",
        ),
    ] {
        relay.set_fault(Some(fault));
        let said = doctor(&world, &[]);
        assert_eq!(said.code, 1, "{fault:?}");
        said.has("✗ SMTP relay localhost:", &[told, remedy]);
    }
    world.env("HUSHWATCH_DOCTOR__SMTP", "127.0.0.1:1");
    doctor(&world, &[]).has(
        "✗ SMTP relay 127.0.0.1:1",
        &["the connection was refused", "ask its operator"],
    );
}
