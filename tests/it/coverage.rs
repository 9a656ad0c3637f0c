//! What was read completely, and what was not.

use hushwatch::model::{HOUR, MINUTE, Span};
use hushwatch::sim::postmark::Profile;
use hushwatch::sim::{Fault, Plan};

use crate::world::{Process, World, at};

fn mail_that_postmark_lists_late_is_found_by_reading_further_back(process: Process) {
    let mut world = World::new(process, "");
    let span = Span::new(at("2026-02-02T00:00:00Z"), at("2026-03-04T00:00:00Z"));
    let profile = Profile::constant(60.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    let late = Span::new(at("2026-03-03T10:20:00Z"), at("2026-03-03T11:00:00Z"));
    world
        .shop
        .delay_index("outbound", late, at("2026-03-03T11:40:00Z"));
    world.hours("2026-03-03T09:00:00Z", "2026-03-03T11:00:00Z");
    let mut pages = |now: &str| {
        world.postmark.take_requests();
        let cycle = world.cycle(at(now));
        (cycle, world.postmark.count("/messages/outbound?"))
    };
    let (found, asked) = pages("2026-03-03T12:00:00Z");
    assert_eq!(asked, 3, "of two streams, and once further back");
    let (_, asked) = pages("2026-03-03T13:00:00Z");
    assert_eq!(asked, 2, "nothing is late any more");
    let day = Span::new(at("2026-03-02T12:00:00Z"), at("2026-03-03T11:57:00Z"));
    let figures = found.stream("outbound");
    assert!(
        figures["sent"].as_u64() >= Some(world.shop.expected("outbound", day).sent),
        "{figures}"
    );
    world.set_aside("what the index held back is no silence of the stream, but looks like one");
}

fn a_failed_page_leaves_a_hole_which_the_next_poll_repairs(process: Process) {
    let mut world = World::new(process, "");
    let span = Span::new(at("2026-03-02T00:00:00Z"), at("2026-03-04T00:00:00Z"));
    world.shop.generate(
        "outbound",
        span,
        &Profile::constant(2200.0).without_bounces(),
    );
    let before = world.cycle(at("2026-03-03T10:00:00Z"));
    assert_eq!(
        before.stream("outbound")["covered_until"],
        "2026-03-03T10:00:00Z"
    );
    world
        .shop
        .fail(Plan::always(Fault::Status(500)).on("offset=1000"));
    let failed = world.cycle(at("2026-03-03T11:00:00Z"));
    assert_eq!(failed.code, 1);
    assert_eq!(
        failed.stream("outbound")["covered_until"],
        "2026-03-03T10:00:00Z",
        "the hole begins there"
    );
    assert_eq!(
        failed.steps(),
        Vec::<String>::new(),
        "what was not seen neither fires nor resolves"
    );
    world.shop.clear_faults();
    let repaired = world.cycle(at("2026-03-03T12:00:00Z"));
    assert_eq!(repaired.code, 0, "{}", repaired.report);
    assert_eq!(
        repaired.stream("outbound")["covered_until"],
        "2026-03-03T12:00:00Z"
    );
    let later = world.cycle(at("2026-03-03T13:00:00Z"));
    let day = Span::new(at("2026-03-02T13:00:00Z"), at("2026-03-03T12:00:00Z"));
    let known = later.stream("outbound")["sent"].as_u64().expect("a number");
    assert!(
        known >= world.shop.expected("outbound", day).sent,
        "{known}"
    );
}

#[test]
fn a_total_that_is_too_low_hides_no_page() {
    let mut world = World::new(Process::One, "");
    world.cycle(at("2026-03-03T10:00:00Z"));
    let busy = Span::new(at("2026-03-03T10:00:00Z"), at("2026-03-03T10:40:00Z"));
    world.shop.generate(
        "outbound",
        busy,
        &Profile::constant(1_800.0).without_bounces(),
    );
    for total in [0, 499] {
        world.shop.clear_faults();
        world
            .shop
            .fail(Plan::always(Fault::Miscount(total)).on("count="));
        let cycle = world.cycle(at("2026-03-03T11:00:00Z"));
        assert_eq!(cycle.code, 0, "{}", cycle.report);
        let truth = world.shop.expected("outbound", busy).sent;
        assert!(truth > 1_000, "three pages");
        assert_eq!(cycle.stream("outbound")["sent"], truth, "{total}");
    }
}

fn twenty_five_thousand_in_one_hour_are_counted_exactly(process: Process) {
    let mut world = World::new(process, "");
    let busy = Span::new(at("2026-03-03T10:00:00Z"), at("2026-03-03T11:00:00Z"));
    world.cycle(at("2026-03-03T10:00:00Z"));
    world.shop.generate(
        "outbound",
        busy,
        &Profile::constant(25_000.0).without_bounces(),
    );
    world.cycle(at("2026-03-03T11:00:00Z"));
    let cycle = world.cycle(at("2026-03-03T11:20:00Z"));
    assert_eq!(cycle.code, 0, "{}", cycle.report);
    let truth = world.shop.expected("outbound", busy).sent;
    assert!(truth > 24_000);
    assert_eq!(cycle.stream("outbound")["sent"], truth);
}

fn both_dst_nights_of_postmark_are_counted_exactly(process: Process) {
    for (night, day) in [
        ("2026-03-08T00:00:00Z", "Sun 8 Mar"),
        ("2026-11-01T00:00:00Z", "Sun 1 Nov"),
    ] {
        let mut world = World::new(process, "");
        let span = Span::new(at(night), at(night) + 14 * HOUR);
        world
            .shop
            .generate("outbound", span, &Profile::constant(30.0));
        let mut now = at(night);
        while now <= span.until + HOUR {
            assert_eq!(world.cycle(now).code, 0, "{now}");
            now = now + HOUR;
        }
        let cycle = world.cycle(span.until + HOUR + 15 * MINUTE);
        let truth = world.shop.expected("outbound", span);
        assert_eq!(cycle.stream("outbound")["sent"], truth.sent, "{night}");
        world.assert_all_normal(&[day]);
    }
}

fn a_healthy_small_server_costs_two_requests_a_stream_and_the_proof_of_its_new_mail(
    process: Process,
) {
    let mut world = World::new(process, "");
    let span = Span::new(at("2026-02-01T00:00:00Z"), at("2026-03-04T00:00:00Z"));
    world
        .shop
        .generate("outbound", span, &Profile::constant(3.0));
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T09:00:00Z");
    world.postmark.take_requests();
    world.cycle(at("2026-03-03T10:00:00Z"));
    let paths: Vec<String> = world
        .postmark
        .take_requests()
        .iter()
        .map(|r| r.path.clone())
        .collect();
    let details = paths.iter().filter(|p| p.ends_with("/details")).count();
    assert!(details <= 2, "{paths:?}");
    assert_eq!(
        paths.len() - details,
        4,
        "messages and bounces of two streams: {paths:?}"
    );
    world.assert_all_normal(&["Tue 3 Mar"]);
}

crate::world::both! {
    mail_that_postmark_lists_late_is_found_by_reading_further_back
    a_failed_page_leaves_a_hole_which_the_next_poll_repairs
    twenty_five_thousand_in_one_hour_are_counted_exactly
    both_dst_nights_of_postmark_are_counted_exactly
    a_healthy_small_server_costs_two_requests_a_stream_and_the_proof_of_its_new_mail
}
