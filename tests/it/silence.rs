//! Nothing sent, or sent and not delivered.

use hushwatch::model::{DAY, HOUR, Span};
use hushwatch::sim::postmark::Profile;

use crate::world::{Process, World, at};

#[test]
fn a_stop_on_a_tuesday_morning_is_told_within_four_hours_and_a_weekend_is_not() {
    for process in [Process::One, Process::New] {
        let mut world = World::new(process, "");
        let span = Span::new(at("2026-01-26T00:00:00Z"), at("2026-03-11T00:00:00Z"));
        world.shop.generate(
            "outbound",
            span,
            &Profile::office_hours(20.0).without_bounces(),
        );
        world.shop.stop_sending(
            "outbound",
            Span::new(at("2026-03-10T10:00:00Z"), span.until),
        );
        world.hours("2026-03-06T06:00:00Z", "2026-03-10T10:00:00Z");
        assert_eq!(
            world.alerts(),
            Vec::<String>::new(),
            "the weekend is no silence"
        );
        world.hours("2026-03-10T11:00:00Z", "2026-03-10T14:00:00Z");
        let alerts = world.alerts();
        assert!(
            alerts.iter().any(|a| a.contains("no mail sent for")),
            "{alerts:?}"
        );
    }
}

fn mail_that_is_sent_and_not_delivered_is_told_within_three_cycles_though_most_is_never_proven(
    process: Process,
) {
    let mut world = World::new(process, "");
    let (stop, go) = (at("2026-03-03T10:20:00Z"), at("2026-03-03T16:00:00Z"));
    let span = Span::new(at("2026-02-28T00:00:00Z"), at("2026-03-04T00:00:00Z"));
    world
        .shop
        .generate("outbound", span, &Profile::constant(1000.0));
    world.shop.stop_delivery("outbound", Span::new(stop, go));
    let healthy = world.hours("2026-03-03T06:00:00Z", "2026-03-03T10:00:00Z");
    let figures = healthy.stream("outbound");
    assert!(
        figures["sampled"].as_u64().expect("a number") <= 30,
        "{figures}"
    );
    assert_eq!(
        world.shop.count("/details") as u64,
        figures["sampled"].as_u64().expect("a number")
    );
    world.slack.take();
    world.hours("2026-03-03T11:00:00Z", "2026-03-03T13:00:00Z");
    let alerts = world.alerts();
    assert!(
        alerts
            .iter()
            .any(|a| a.contains("WAKE") && a.contains("not delivered")),
        "{alerts:?}"
    );
    world.hours("2026-03-03T14:00:00Z", "2026-03-03T20:00:00Z");
    let alerts = world.alerts();
    assert!(
        alerts.iter().any(|a| a.contains("being delivered again")),
        "{alerts:?}"
    );
}

fn a_healthy_week_is_quiet(process: Process) {
    let mut world = World::new(process, "[rules.bounce_rate]\nconfidence = 0.95");
    let span = Span::new(at("2026-01-19T00:00:00Z"), at("2026-03-10T00:00:00Z"));
    world
        .shop
        .generate("outbound", span, &Profile::office_hours(600.0));
    let mut now = at("2026-03-02T00:00:00Z");
    while now < at("2026-03-02T00:00:00Z") + 7 * DAY {
        let cycle = world.cycle(now);
        assert_eq!(
            (cycle.code, cycle.steps()),
            (0, Vec::<String>::new()),
            "{now} {}",
            cycle.report
        );
        now = now + HOUR;
    }
    assert_eq!(
        world.slack.take().len(),
        7,
        "a digest a day and nothing else"
    );
}

crate::world::both! {
    mail_that_is_sent_and_not_delivered_is_told_within_three_cycles_though_most_is_never_proven
    a_healthy_week_is_quiet
}
