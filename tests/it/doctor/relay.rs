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
    said.says(&format!("✓ SMTP relay localhost:{} answers: STARTTLS, certificate verified, AUTH PLAIN, LOGIN, CRAM-MD5", relay.port()));
    let hello = "EHLO [127.0.0.1]";
    assert_eq!(relay.received_lines(), [hello, "STARTTLS", hello, "QUIT"]);
}

#[test]
fn a_certificate_that_is_not_to_be_trusted_is_reported_with_why() {
    let (mut world, relay) = relay(false);
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says(&format!("✗ SMTP relay localhost:{}: its certificate cannot be trusted: no authority that this machine trusts signed it; check this machine's root certificates (SSL_CERT_FILE), and whether a proxy in between poses as the relay", relay.port()));
    world.env("SSL_CERT_FILE", &format!("{FOLDER}/server.crt"));
    let by_number = format!("127.0.0.1:{}", relay.port());
    world.env("HUSHWATCH_DOCTOR__SMTP", &by_number);
    doctor(&world, &[]).says(&format!("✗ SMTP relay 127.0.0.1:{}: its certificate cannot be trusted: it belongs to another host; set `doctor.smtp` to the name in the certificate, and check where that name leads", relay.port()));
    let (world, relay) = with("expired.crt", true);
    doctor(&world, &[]).says(&format!("✗ SMTP relay localhost:{}: its certificate cannot be trusted: it expired; check this machine's clock; if it is right, have its operator renew it", relay.port()));
    let (world, relay) = with("early.crt", true);
    doctor(&world, &[]).says(&format!("✗ SMTP relay localhost:{}: its certificate cannot be trusted: it is not valid yet; check this machine's clock; if it is right, have its operator renew it", relay.port()));
    // What `openssl req -x509` makes where nothing else is asked for.
    let (world, relay) = with("authority.crt", true);
    doctor(&world, &[]).says(&format!("✗ SMTP relay localhost:{}: its certificate cannot be trusted: it is that of an authority, which no host may use as its own; have its operator issue a certificate for this host", relay.port()));
}

#[test]
fn each_way_in_which_a_relay_is_of_no_use_is_reported() {
    let (mut world, relay) = relay(true);
    for (fault, posted) in [
        (
            Fault::NoStarttls,
            ": it offers no STARTTLS; use a relay or a port with STARTTLS: without it the password is sent in clear text",
        ),
        (
            Fault::NoAuth,
            " offers no AUTH after STARTTLS, so nobody can log in; check `doctor.smtp`: is it the relay that the application uses?",
        ),
        (
            Fault::Refuses,
            ": it answered 554 at its greeting; ask its operator why it refuses this machine",
        ),
        (
            Fault::Busy,
            ": it answered 421 at its greeting; try again later; if that does not help, ask its operator",
        ),
        (
            Fault::Http,
            ": what answers there is not an SMTP server; set `doctor.smtp` to a port with STARTTLS such as 587: port 465 speaks TLS at once and cannot be checked",
        ),
        (
            Fault::HangsUp,
            ": the connection failed at its greeting: unexpected end of file; try again later; if that does not help, ask its operator",
        ),
        (
            Fault::NoHandshake,
            ": the TLS handshake failed; check the TLS versions and ciphers of the relay, and any proxy in between",
        ),
        (
            Fault::Alert,
            ": it ended the TLS handshake with the alert \"internal error\"; have its operator look into its log: the fault is the relay's own",
        ),
    ] {
        relay.set_fault(Some(fault));
        let said = doctor(&world, &[]);
        assert_eq!(said.code, 1, "{fault:?}");
        said.says(&format!("✗ SMTP relay localhost:{}{posted}", relay.port()));
    }
    world.env("HUSHWATCH_DOCTOR__SMTP", "127.0.0.1:1");
    doctor(&world, &[]).says("✗ SMTP relay 127.0.0.1:1: the connection was refused; check `doctor.smtp` and the firewall: many hosts block ports of mail; ask its operator where it listens");
}
