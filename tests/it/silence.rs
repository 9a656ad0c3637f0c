//! Nothing sent, or sent and not delivered.

use hushwatch::model::{DAY, HOUR, MINUTE, Span};
use hushwatch::sim::postmark::{Mail, Profile};

use crate::words::assert_line;
use crate::world::{Process, World, at};

#[test]
fn a_stop_on_a_tuesday_morning_is_reported_within_four_hours_and_a_weekend_is_not() {
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
        assert_eq!(
            alerts,
            [
                "🟠 WARN shop/outbound: no mail sent for 1 h 3 min",
                "🔴 WAKE worse shop/outbound: no mail sent for 2 h 3 min"
            ]
        );
    }
}

fn mail_that_is_sent_and_not_delivered_is_reported_within_three_cycles_though_most_is_never_proven(
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
    world.set_aside("before what is tested");
    world.hours("2026-03-03T11:00:00Z", "2026-03-03T13:00:00Z");
    let alerts = world.alerts();
    assert_eq!(
        alerts,
        ["🔴 WAKE shop/outbound: mail leaves Postmark's queue but is not delivered"]
    );
    world.hours("2026-03-03T14:00:00Z", "2026-03-03T20:00:00Z");
    let alerts = world.alerts();
    assert_eq!(
        alerts,
        ["✅ RESOLVED shop/outbound: mail is being delivered again"]
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
    mail_that_is_sent_and_not_delivered_is_reported_within_three_cycles_though_most_is_never_proven
    a_healthy_week_is_quiet
}

#[test]
fn mail_that_is_sent_in_the_very_second_of_the_poll_is_sampled_and_its_loss_is_reported() {
    let mut world = World::new(Process::One, "");
    let mut sent_at = at("2026-02-28T00:00:00Z");
    while sent_at < at("2026-03-04T00:00:00Z") {
        for number in 0..15 {
            let mail = Mail::new("outbound", sent_at, &format!("user{number}@example.com"));
            world.shop.push(mail.delivered_after(MINUTE / 3));
        }
        sent_at = sent_at + HOUR;
    }
    world.cycle(at("2026-03-03T06:00:00Z"));
    let asked = world.shop.count("/details");
    world.hours("2026-03-03T07:00:00Z", "2026-03-03T10:00:00Z");
    let asked = world.shop.count("/details") - asked;
    assert!((4..=20).contains(&asked), "{asked}");
    world.set_aside("before what is tested");
    let stop = Span::new(at("2026-03-03T11:00:00Z"), at("2026-03-04T00:00:00Z"));
    world.shop.stop_delivery("outbound", stop);
    world.hours("2026-03-03T11:00:00Z", "2026-03-03T15:00:00Z");
    let alerts = world.alerts();
    assert!(
        alerts.iter().any(|line| line.contains("is not delivered")),
        "{alerts:#?}"
    );
}

#[test]
fn a_tag_that_dies_while_other_mail_flows_is_reported_alone_and_again_when_it_is_back() {
    let mut world = World::new(Process::One, "");
    let span = Span::new(at("2026-01-26T00:00:00Z"), at("2026-03-18T00:00:00Z"));
    let newsletters = Profile::constant(20.0).without_bounces();
    world.shop.generate("outbound", span, &newsletters);
    let resets = |from: &str, until: &str| {
        let (mut now, until) = (at(from), at(until));
        while now < until {
            let mail = Mail::new("outbound", now, "someone@example.com").tag("password-reset");
            world.shop.push(mail);
            now = now + 2 * HOUR + 7 * MINUTE;
        }
    };
    resets("2026-01-26T00:30:00Z", "2026-03-10T10:00:00Z");
    resets("2026-03-12T09:10:00Z", "2026-03-14T00:00:00Z");
    world.hours("2026-03-09T00:00:00Z", "2026-03-10T12:00:00Z");
    assert_eq!(world.alerts(), Vec::<String>::new());
    let posted = world.hours("2026-03-10T13:00:00Z", "2026-03-11T12:00:00Z");
    let alerts = world.alerts();
    assert_eq!(
        alerts,
        ["🔴 WAKE shop/outbound tag \"password-reset\": no mail sent for 3 h 6 min"]
    );
    let open = &posted.report["open_incidents"][0];
    assert_eq!(open["tag"], "password-reset");
    assert_eq!(open["stream"], "outbound");
    world.hours("2026-03-11T13:00:00Z", "2026-03-12T20:00:00Z");
    assert_eq!(
        world.alerts(),
        [
            "🔴 WAKE still shop/outbound tag \"password-reset\": no mail sent for 27 h 6 min, day 2",
            "✅ RESOLVED shop/outbound tag \"password-reset\": mail is being sent again"
        ]
    );
    let status = world.run(&["status", "--now", "2026-03-12T20:10:00Z"]);
    let text = status.report.as_str().expect("text");
    assert_line(
        text,
        "tag \"password-reset\": last mail Thu 12 Mar 19:45; if mail stopped, the alert would come within 3 h 6 min",
    );
}

/// When what is kept of each series was learned.
fn learned_at(world: &World) -> Vec<String> {
    let sql = "SELECT CAST(at AS TEXT) FROM learned ORDER BY server, stream, tag";
    if let Some(url) = world.database() {
        return crate::store::texts(url, sql);
    }
    let file =
        rusqlite::Connection::open(world.folder.path().join("hushwatch.db")).expect("opened");
    let mut statement = file.prepare(sql).expect("valid");
    let rows = statement.query_map([], |row| row.get(0)).expect("asked");
    rows.map(|row| row.expect("text")).collect()
}

#[test]
fn what_is_normal_is_learned_once_and_again_where_it_was_lost() {
    for process in [Process::One, Process::New] {
        let mut world = World::new(process, "");
        let span = Span::new(at("2026-01-26T00:00:00Z"), at("2026-03-11T00:00:00Z"));
        let profile = Profile::office_hours(20.0).without_bounces();
        world.shop.generate("outbound", span, &profile);
        world.hours("2026-03-09T06:00:00Z", "2026-03-09T18:00:00Z");
        let learned = learned_at(&world);
        assert_eq!(learned.len(), 1, "one stream");
        world.hours("2026-03-09T19:00:00Z", "2026-03-10T09:00:00Z");
        assert_eq!(learned_at(&world), learned, "nothing is new within a week");
        if world.database().is_none() {
            let path = world.folder.path().join("hushwatch.db");
            let file = rusqlite::Connection::open(path).expect("opened");
            file.execute("UPDATE learned SET value = key", [])
                .expect("damaged");
        }
        world.hours("2026-03-10T10:00:00Z", "2026-03-10T11:00:00Z");
        let again = learned_at(&world);
        assert_eq!(again.len(), 1);
        assert_eq!(again == learned, world.database().is_some());
        assert_eq!(world.alerts(), Vec::<String>::new());
    }
}
