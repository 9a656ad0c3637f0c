//! The line of `doctor` on Sentry.

use hushwatch::sim::sentry::{KEY, Sentry};
use hushwatch::sim::{Fault, Plan};

use super::{doctor, world};

#[test]
fn it_is_tried_without_a_trace_or_with_an_event_that_says_so() {
    let sentry = Sentry::start().expect("a simulation");
    let mut world = world("");
    doctor(&world, &[]).lacks("✓ Sentry");
    world.env("SENTRY_DSN", &sentry.dsn());
    doctor(&world, &[]).says("✓ Sentry set up, and it takes what is sent (nothing shows there; --send-test sends an event)");
    let kinds: Vec<String> = sentry.take().into_iter().map(|item| item.kind).collect();
    assert_eq!(kinds, ["client_report"]);
    let tested = doctor(&world, &["--send-test"]);
    tested.says("✓ Sentry took a test event (level info, tag test: true; resolve its issue there)");
    let items = sentry.take();
    assert_eq!(items.len(), 1, "{items:?}");
    let event = &items[0].payload;
    assert_eq!(
        event["logentry"]["formatted"],
        "hushwatch doctor: a test, nothing is wrong"
    );
    assert_eq!(
        (&event["level"], &event["tags"]["test"]),
        (&"info".into(), &"true".into())
    );
    assert_eq!(sentry.unexpected(), Vec::<String>::new());
    world.set_aside("the test message in Slack");
}

#[test]
fn what_sentry_would_not_take_is_said() {
    let sentry = Sentry::start().expect("a simulation");
    let mut world = world("");
    world.env(
        "SENTRY_DSN",
        &sentry
            .dsn()
            .replace(KEY, "ffffffffffffffffffffffffffffffff"),
    );
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ Sentry set up, but it would take nothing; Sentry refuses the DSN (HTTP status 403); copy it anew from the project's settings into SENTRY_DSN");
    world.env("SENTRY_DSN", &sentry.dsn());
    sentry.limit(429, "60::organization");
    doctor(&world, &[]).says("! Sentry set up, but it takes nothing now; Sentry takes nothing for a while, since a rate limit or a quota is reached");
    sentry.clear_faults();
    sentry.fail(Plan::always(Fault::Reset));
    doctor(&world, &[]).says("✗ Sentry set up, but it would take nothing; Sentry cannot be reached; check SENTRY_DSN and the network");
}

#[test]
fn a_dsn_in_another_key_is_refused_with_the_name_of_its_own() {
    let sentry = Sentry::start().expect("a simulation");
    let mut world = world("");
    world.env("HUSHWATCH_HEARTBEAT__URL", &sentry.dsn());
    let said = doctor(&world, &[]);
    assert_eq!(said.code, 1);
    said.says("✗ Configuration: HUSHWATCH_HEARTBEAT__URL: holds a Sentry DSN; remove it there, and set SENTRY_DSN");
    assert!(!said.text.contains(KEY), "{}", said.text);
}
