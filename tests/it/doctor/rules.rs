//! What the rules come to at the volume of a stream.

use hushwatch::clock;
use hushwatch::model::{DAY, HOUR, Span};
use hushwatch::sim::Fault;
use hushwatch::sim::postmark::Profile;

use super::{Said, doctor, world};
use crate::world::World;

/// So many messages an hour for the last `days`, and one cycle.
fn sending(per_hour: f64, days: u32, file: &str) -> World {
    let mut world = world(file);
    let now = clock::now().floor(HOUR);
    let profile = Profile::constant(per_hour).without_bounces();
    world
        .shop
        .generate("outbound", Span::new(now - days * DAY, now), &profile);
    // The domain that sends is not what these are about.
    world.shop.set_sender("sender@localhost");
    let ended = world.cycle(now);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    world
}

fn diagnose(world: &World) -> Said {
    let said = doctor(world, &[]);
    said.passed();
    said
}

#[test]
fn rules_that_can_never_fire_are_reported_with_the_busiest_hour() {
    let world = sending(1.0, 20, "");
    let said = diagnose(&world);
    said.has(
        "! shop/outbound: `bounce_rate` can never fire",
        &[
            "it needs 10 recipients in 1h; the busiest 1h of the last ",
            "; set `rules.bounce_rate.confidence = 0.95`: it then looks back up to 42 d, of which the busiest had ",
        ],
    );
    said.has(
        "! shop/outbound: `hard_bounce_wake` can never fire",
        &[
            "101 recipients in 24h",
            "; see to `bounce_rate`, which is made for a stream of this size",
        ],
    );
    said.has("✓ shop/broadcast: No mail so far", &[]);
}

#[test]
fn with_confidence_a_rule_that_looks_further_back_is_not_said_to_never_fire() {
    let said = diagnose(&sending(
        1.0,
        20,
        "[rules.bounce_rate]\nconfidence = 0.95\n",
    ));
    said.lacks("! shop/outbound: `bounce_rate` can never fire");
    said.has(
        "! shop/outbound: `hard_bounce_wake` can never fire",
        &["; nothing to do: `bounce_rate` watches a stream of this size"],
    );
}

#[test]
fn a_rule_that_fires_for_a_reason_is_reported_with_the_usual_rate() {
    let mut world = world("");
    let now = clock::now().floor(HOUR);
    let profile = Profile::constant(50.0).bouncing("HardBounce", 0.04);
    let span = Span::new(now - 20 * DAY, now);
    world.shop.generate("outbound", span, &profile);
    world.shop.set_sender("sender@localhost");
    world.cycle(now);
    doctor(&world, &[]).has(
        "! shop/outbound: `bounce_rate` fires most of the time: this stream's usual rate is ",
        &[", its threshold 1%; find out what goes wrong, or raise `rules.bounce_rate.threshold`"],
    );
    let _ = world.slack.take();
}

#[test]
fn rules_that_fire_in_healthy_weeks_are_reported_with_what_confidence_makes_of_it() {
    let said = diagnose(&sending(50.0, 20, ""));
    said.has(
        "! shop/outbound: `bounce_rate` would fire about",
        &[
            "a week while nothing is wrong",
            "rules.bounce_rate.confidence = 0.95",
            "about 0.",
        ],
    );
    let said = diagnose(&sending(
        50.0,
        20,
        "[rules.bounce_rate]\nconfidence = 0.95\n[rules.spam_rate]\nconfidence = 0.95\n",
    ));
    said.has("✓ shop/outbound: Every rate can fire", &[]);
    said.lacks("! shop/outbound");
}

#[test]
fn silence_is_reported_while_it_is_learned_and_how_soon_a_stop_is_noticed_afterwards() {
    let said = diagnose(&sending(20.0, 4, ""));
    said.has(
        "! shop/outbound: Silence detection is still learning",
        &["of 7 d of history"],
    );
    let mut world = sending(20.0, 30, "");
    diagnose(&world).has(
        "✓ shop/outbound: If mail stopped on Monday 10:00 UTC, the alert would come after",
        &["h"],
    );
    world.env("HUSHWATCH_TIME_ZONE", "Asia/Tokyo");
    diagnose(&world).has(
        "✓ shop/outbound: If mail stopped on Monday 19:00 Asia/Tokyo, the alert would come after",
        &[],
    );
    let said = diagnose(&sending(0.01, 40, ""));
    said.has(
        "! shop/outbound: If mail stopped on Monday 10:00 UTC, the alert would come after",
        &[" d", "silence.false_alarms_per_year"],
    );
    let strict = "[silence]\nfalse_alarms_per_year = 0.01\n";
    let said = diagnose(&sending(0.01, 40, strict));
    said.has(
        "! shop/outbound: Too little mail: if it stopped, no alert would come",
        &[],
    );
}

#[test]
fn of_a_server_that_is_not_read_no_alert_is_promised() {
    let mut world = sending(20.0, 30, "");
    world.shop.always(Fault::Status(503));
    let said = doctor(&world, &[]);
    let unreachable = "! shop/outbound: The server could not be read just now: nobody would hear of a stop while that lasts";
    said.has(unreachable, &["; see what its other checks say"]);
    said.lacks("✓ shop/outbound: If mail stopped");
    assert_eq!(world.cycle(clock::now()).code, 1);
    world.shop.clear_faults();
    let said = diagnose(&world);
    let not_read = "! shop/outbound: The server's last poll was not complete: nobody would hear of a stop before it is read again";
    said.has(not_read, &["; `hushwatch status` says why"]);
    said.lacks("✓ shop/outbound: If mail stopped");
    world.env("FLAG_POSTMARK_DELIVERY_MONITOR", "0");
    doctor(&world, &[]).has(
        "! shop/outbound: Monitoring is switched off: nobody would hear of a stop",
        &["; unset FLAG_POSTMARK_DELIVERY_MONITOR"],
    );
}

#[test]
fn a_stream_that_is_left_out_and_does_not_exist_is_named() {
    let world = world("");
    let file = world.folder.path().join("monitor.toml");
    let before = std::fs::read_to_string(&file).expect("read");
    let more = "ignore_streams = [\"outbond\", \"zzz\"]\n";
    std::fs::write(&file, format!("{before}{more}")).expect("written");
    let said = diagnose(&world);
    let names =
        |id: &str| format!("! shop: `ignore_streams` names {id}, which Postmark does not list");
    said.has(&names("outbond"), &["; did you mean `outbound`?"]);
    said.has(&names("zzz"), &["; correct the name, or take it out"]);
}
