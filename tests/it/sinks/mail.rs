//! The sink `email`, through a simulated mail server.

use hushwatch::sim::smtp::{Fault, Relay};

use super::cycle;
use crate::world::{Process, World};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster");

/// A mail server, and a world whose incidents go there too.
fn world(scheme: &str, rest: &str) -> (Relay, World) {
    let read = |name: &str| std::fs::read(format!("{FOLDER}/{name}")).expect("a file");
    let relay = Relay::start(&read("server.crt"), &read("server.key")).expect("a relay");
    let file = format!(
        "[[sink]]\nname = \"mail\"\ntype = \"email\"\nurl = \"{scheme}://localhost:{}\"\n\
         from = \"hushwatch@example.com\"\nto = [\"ops@example.com\", \"oncall@example.org\"]\n{rest}",
        relay.port()
    );
    let mut world = World::new(Process::New, &format!("[slack]\nreactions = true\n{file}"));
    world.env("SSL_CERT_FILE", &format!("{FOLDER}/server.crt"));
    (relay, world)
}

/// The value of a header of a message.
fn header<'m>(message: &'m str, name: &str) -> &'m str {
    let start = format!("{name}: ");
    let found = message.lines().find_map(|line| line.strip_prefix(&start));
    found.unwrap_or_else(|| panic!("{name} in {message}"))
}

#[test]
fn an_incident_and_its_end_are_mails_of_one_thread() {
    for (scheme, fault) in [("smtp", None), ("smtps", Some(Fault::ImplicitTls))] {
        let (relay, mut world) = world(scheme, "");
        relay.set_fault(fault);
        cycle(&mut world, 0, true);
        cycle(&mut world, 1, false);
        let mails = relay.take();
        assert_eq!(mails.len(), 2, "{scheme}: {mails:#?}");
        for mail in &mails {
            assert_eq!(header(mail, "From"), "hushwatch@example.com");
            assert_eq!(header(mail, "To"), "ops@example.com, oncall@example.org");
            assert_eq!(header(mail, "Auto-Submitted"), "auto-generated");
        }
        let thread = |mail: &str| header(mail, "References").to_owned();
        assert_eq!(thread(&mails[0]), thread(&mails[1]));
        assert_ne!(
            header(&mails[0], "Message-ID"),
            header(&mails[1], "Message-ID")
        );
        assert_eq!(header(&mails[0], "Importance"), "high");
        assert_eq!(world.alerts().len(), 2, "Slack too");
    }
}

#[test]
fn mail_that_is_not_accepted_waits_or_is_given_up_and_slack_is_as_ever() {
    const LOGIN: &str = "username = \"ops\"\npassword_env = \"MAIL_PASSWORD\"\n";
    for (fault, rest, why) in [
        (Fault::Busy, "", "it is in trouble (SMTP reply 421)"),
        (
            Fault::Refuses,
            "",
            "it refuses this machine (SMTP reply 554)",
        ),
        (Fault::HangsUp, "", "it cannot be reached"),
        (Fault::Silent, "", "it cannot be reached"),
        (Fault::Defers, "", "it is in trouble (SMTP reply 451)"),
        (
            Fault::RefusesRecipient,
            "",
            "it refuses every address of its `to`: ops@example.com (SMTP reply 550), oncall@example.org (SMTP reply 550); correct `to` of its [[sink]]",
        ),
        (
            Fault::RefusesLogin,
            LOGIN,
            "it refuses the user name or the password (SMTP reply 535)",
        ),
        (Fault::SilentAfterMessage, "", "it gave no answer"),
    ] {
        let (relay, mut world) = world("smtp", rest);
        world.env("MAIL_PASSWORD", "canary");
        relay.set_fault(Some(fault));
        let opened = cycle(&mut world, 0, true);
        assert_eq!(
            opened.report["notices"]["pending"], 1,
            "{fault:?}: {}",
            opened.report
        );
        assert!(
            opened.stderr.contains(&format!("sink `mail`: {why}")),
            "{fault:?}: {}",
            opened.stderr
        );
        assert!(!opened.stderr.contains("canary"), "{}", opened.stderr);
        assert_eq!(world.alerts().len(), 1, "{fault:?}");
        relay.set_fault((!rest.is_empty()).then_some(Fault::PlainAuth));
        relay.take();
        cycle(&mut world, 1, true);
        assert_eq!(relay.take().len(), 1, "{fault:?}");
        world.set_aside("Slack is told as ever");
    }
}

/// One dead address silences nobody else, and who has the mail does not get it again.
#[test]
fn who_is_refused_is_named_and_the_others_get_the_mail_once() {
    let (relay, mut world) = world("smtp", "");
    relay.set_fault(Some(Fault::RefusesOne));
    let opened = cycle(&mut world, 0, true);
    assert_eq!(relay.take().len(), 1, "{:#?}", relay.received_lines());
    let line = "sink `mail`: it refuses oncall@example.org (SMTP reply 550), and the others got the message; correct `to` of its [[sink]]";
    assert!(opened.stderr.contains(line), "{}", opened.stderr);
    let notices = &opened.report["notices"];
    assert_eq!(notices["pending"], 0, "{notices}");
    cycle(&mut world, 1, true);
    assert_eq!(relay.take(), Vec::<String>::new(), "no repeat");
    let tried = world.transcript(&["doctor", "--send-test"]);
    let warned = format!("! Sink mail (email) took a test, and its end — {line}");
    assert!(tried.lines().any(|found| found == warned), "{tried}");
    world.set_aside("Slack is told as ever");
}

/// A server may take a few recipients in one transaction only.
#[test]
fn whom_a_server_takes_later_gets_the_mail_in_another_transaction() {
    let (relay, mut world) = world("smtp", "");
    relay.set_fault(Some(Fault::TakesOneAtATime));
    let opened = cycle(&mut world, 0, true);
    assert_eq!(relay.take().len(), 2);
    let lines = relay.received_lines();
    let asked = lines.iter().filter(|line| line.starts_with("RCPT"));
    let asked: Vec<_> = asked.map(String::as_str).collect();
    let [first, second] = ["RCPT TO:<ops@example.com>", "RCPT TO:<oncall@example.org>"];
    assert_eq!(asked, [first, second, second]);
    let notices = &opened.report["notices"];
    assert_eq!(notices["pending"], 0, "{notices}");
    assert!(!opened.stderr.contains("refuses"), "{}", opened.stderr);
    world.set_aside("Slack is told as ever");
}

/// A repeat would be read twice: one is made, and then it is named as never confirmed.
#[test]
fn mail_that_nobody_confirms_is_sent_twice_at_most() {
    let (relay, mut world) = world("smtp", "");
    relay.set_fault(Some(Fault::SilentAfterMessage));
    for hours in 0..4 {
        cycle(&mut world, hours, true);
    }
    let lines = relay.received_lines();
    let sent = lines.iter().filter(|line| line.as_str() == "DATA").count();
    assert_eq!(sent, 2, "{lines:#?}");
    world.set_aside("Slack is told as ever");
}

#[test]
fn doctor_sends_a_test_and_names_what_is_wrong() {
    let (relay, world) = world("smtp", "");
    let tried = world.transcript(&["doctor", "--send-test"]);
    let line = "✓ Sink mail (email) took a test, and its end";
    assert!(tried.lines().any(|found| found == line), "{tried}");
    assert_eq!(relay.take().len(), 2);
    relay.set_fault(Some(Fault::RefusesRecipient));
    let refused = world.transcript(&["doctor", "--send-test"]);
    let line = "✗ Sink mail (email) did not take a test — sink `mail`: it refuses every address of its `to`: ops@example.com (SMTP reply 550), oncall@example.org (SMTP reply 550); correct `to` of its [[sink]]";
    assert!(refused.lines().any(|found| found == line), "{refused}");
    world.set_aside("the tests in Slack");
}
