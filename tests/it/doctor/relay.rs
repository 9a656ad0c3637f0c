//! The SMTP relay.

use hushwatch::sim::smtp::{Fault, Relay};

use super::{doctor, world};
use crate::world::World;

/// A relay on `localhost`, whose certificate is trusted where `is_trusted`.
fn relay(is_trusted: bool) -> (World, Relay) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster");
    let read = |name: &str| std::fs::read(format!("{folder}/{name}")).expect("a file");
    let relay = Relay::start(&read("server.crt"), &read("server.key")).expect("a relay");
    let mut world = world("");
    // The environment wins over the file.
    let address = format!("localhost:{}", relay.port());
    world.env("HUSHWATCH_DOCTOR__SMTP", &address);
    if is_trusted {
        world.env("SSL_CERT_FILE", &format!("{folder}/server.crt"));
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
    assert_eq!(relay.heard(), [hello, "STARTTLS", hello, "QUIT"]);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_told() {
    let (mut world, relay) = relay(false);
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.has(
        "✗ SMTP relay localhost:",
        &["nobody whom this machine trusts signed it"],
    );
    world.env(
        "SSL_CERT_FILE",
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/server.crt"),
    );
    world.env(
        "HUSHWATCH_DOCTOR__SMTP",
        &format!("127.0.0.1:{}", relay.port()),
    );
    doctor(&world, &[]).has("✗ SMTP relay 127.0.0.1:", &["it is another host's"]);
}

#[test]
fn each_way_in_which_a_relay_is_of_no_use_is_told() {
    let (mut world, relay) = relay(true);
    for (fault, told) in [
        (Fault::NoStarttls, "it offers no STARTTLS"),
        (Fault::NoAuth, "offers no AUTH after STARTTLS"),
        (Fault::Refuses, "it answered 554 at its greeting"),
        (Fault::Http, "does not speak SMTP"),
        (Fault::Silent, "it took too long at its greeting"),
    ] {
        relay.set_fault(Some(fault));
        let said = doctor(&world, &[]);
        assert_eq!(said.code, 1, "{fault:?}");
        said.has("✗ SMTP relay localhost:", &[told]);
    }
    world.env("HUSHWATCH_DOCTOR__SMTP", "127.0.0.1:1");
    doctor(&world, &[]).has("✗ SMTP relay 127.0.0.1:1", &["the connection was refused"]);
}
