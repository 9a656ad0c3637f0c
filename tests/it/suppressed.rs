//! `suppressed_address`: an operator's own address on a list of suppressions, from the request to Slack.

use hushwatch::model::{DAY, HOUR, MINUTE, Timestamp};
use hushwatch::sim::Fault;
use hushwatch::sim::Plan;
use hushwatch::sim::postmark::{Mail, Quirks};

use crate::words::assert_line;
use crate::world::{Process, World, at, both};

const START: &str = "2026-03-03T10:00:00Z";
const OPS: &str = "ops@example.com";

both! {
    an_address_on_a_list_is_reported_and_reported_again_when_it_is_off
    it_is_asked_once_a_day_and_each_hour_while_it_is_suppressed
    a_bounce_is_reported_by_its_own_rule_and_what_stays_suppressed_is_reported_after_it
    an_answer_that_fails_is_unknown_and_makes_no_cycle_incomplete
}

fn world(process: Process) -> World {
    let world = World::new(process, "");
    world.postmark.set_quirks(Quirks {
        late_suppressions: false,
        ..Quirks::default()
    });
    world
}

fn suppress(world: &World, at: Timestamp) {
    let why = ("HardBounce", "Recipient");
    world.shop.suppress("outbound", OPS, why, at);
}

fn hour(n: u32) -> Timestamp {
    at(START) + HOUR * n
}

fn an_address_on_a_list_is_reported_and_reported_again_when_it_is_off(process: Process) {
    let mut world = world(process);
    suppress(&world, at("2026-03-01T08:00:00Z"));
    let cycle = world.cycle(hour(0));
    assert_eq!(cycle.steps(), ["suppressed_address opened"]);
    assert_eq!(cycle.code, 0, "{}", cycle.stderr);
    let said = world.slack.take();
    assert_eq!(said.len(), 1);
    assert_eq!(
        said[0].plain,
        "🟠 WARN shop/outbound: Postmark no longer sends to ops@example.com (HardBounce)\nOn the suppression list of outbound since Sun 1 Mar 08:00, checked 10:00.\n→ Check that the mailbox takes mail, then reactivate the address: hushwatch suppressions --server shop --reactivate ops@example.com\nhushwatch explain 1m9j71be · Tue 3 Mar 10:00 UTC"
    );
    assert_eq!(world.cycle(hour(1)).steps(), Vec::<String>::new());
    let ended = world.run(&["suppressions", "--reactivate", OPS, "--yes"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(
        world.cycle(hour(2)).steps(),
        ["suppressed_address resolved"]
    );
    assert_eq!(
        world.alerts(),
        ["✅ RESOLVED shop/outbound: Postmark sends to the operator's addresses again"]
    );
}

fn it_is_asked_once_a_day_and_each_hour_while_it_is_suppressed(process: Process) {
    let mut world = world(process);
    let asked = |world: &World| {
        let asked = world.postmark.take_requests();
        let dumps = asked
            .iter()
            .filter(|r| r.path.ends_with("/suppressions/dump"));
        dumps
            .map(|r| r.path.split('/').nth(2).unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    for n in 0..24 {
        world.cycle(hour(n));
    }
    assert_eq!(
        asked(&world),
        ["outbound", "broadcast"],
        "once for each stream"
    );
    suppress(&world, hour(20));
    world.cycle(hour(24));
    assert_eq!(asked(&world), ["outbound", "broadcast"]);
    world.cycle(hour(25));
    assert_eq!(asked(&world), ["outbound"], "where it stands");
    assert_eq!(
        world.posted(),
        [
            "📋 Daily digest, Wed 4 Mar: all quiet, nothing was sent",
            "🟠 WARN shop/outbound: Postmark no longer sends to ops@example.com (HardBounce)",
        ]
    );
}

fn a_bounce_is_reported_by_its_own_rule_and_what_stays_suppressed_is_reported_after_it(
    process: Process,
) {
    let mut world = world(process);
    world.cycle(hour(0));
    let sent = hour(0) + 20 * MINUTE;
    world
        .shop
        .push(Mail::new("outbound", sent, OPS).bounced("HardBounce", sent));
    let cycle = world.cycle(hour(1));
    assert_eq!(
        cycle.steps(),
        ["operator_bounce opened", "suppressed_address opened"]
    );
    assert_eq!(world.alerts().len(), 1, "one event, one message");
    for n in 2..25 {
        world.cycle(hour(n));
    }
    assert_eq!(world.alerts(), Vec::<String>::new());
    world.cycle(at(START) + DAY + HOUR);
    assert_eq!(
        world.alerts(),
        ["🟠 WARN shop/outbound: Postmark no longer sends to ops@example.com (HardBounce), day 2"]
    );
}

fn an_answer_that_fails_is_unknown_and_makes_no_cycle_incomplete(process: Process) {
    let mut world = world(process);
    suppress(&world, at("2026-03-01T08:00:00Z"));
    let plan = Plan::always(Fault::Status(503));
    world.shop.fail(plan.on("/suppressions/dump"));
    let cycle = world.cycle(hour(0));
    assert_eq!(
        (cycle.code, cycle.steps()),
        (0, Vec::new()),
        "{}",
        cycle.stderr
    );
    world.shop.clear_faults();
    assert_eq!(world.cycle(hour(1)).steps(), ["suppressed_address opened"]);
    assert_eq!(
        world.posted(),
        ["🟠 WARN shop/outbound: Postmark no longer sends to ops@example.com (HardBounce)",]
    );
}

#[test]
fn a_server_without_operator_addresses_costs_no_request() {
    let mut world = World::new(Process::New, "");
    let file = world.folder.path().join("monitor.toml");
    let text = std::fs::read_to_string(&file).expect("readable");
    let text = text.replace("operator_addresses = [\"ops@example.com\"]\n", "");
    std::fs::write(&file, text).expect("written");
    suppress(&world, at("2026-03-01T08:00:00Z"));
    assert_eq!(world.cycle(hour(0)).steps(), Vec::<String>::new());
    assert_eq!(world.postmark.count("/suppressions/dump"), 0);
}

#[test]
fn what_is_suppressed_stands_in_status_and_digest() {
    let mut world = World::new(Process::New, "mode = \"digest\"");
    suppress(&world, at("2026-03-01T08:00:00Z"));
    world.cycle(hour(0));
    assert_eq!(
        world.alerts(),
        Vec::<String>::new(),
        "a warning waits for the digest"
    );
    let status = world.run(&["status"]).report;
    assert_line(
        status.as_str().expect("text"),
        "1m9j71be warn shop/outbound since Sun 1 Mar 08:00: Postmark no longer sends to ops@example.com (HardBounce)",
    );
    let now = "2026-03-04T10:00:00Z";
    world.cycle(at(now));
    let digest = world.run(&["digest", "--print", "--now", now]).report;
    assert_line(
        digest.as_str().expect("text"),
        "🟠 shop/outbound: Postmark no longer sends to ops@example.com (HardBounce) · since Sun 1 Mar 08:00 · 1m9j71be",
    );
    assert_eq!(
        world.posted(),
        ["📋 Daily digest, Wed 4 Mar: 1 problem open",]
    );
}
