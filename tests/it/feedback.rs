//! What a person says of an incident is kept, shown, and decides what is learned.

use hushwatch::model::Span;
use hushwatch::sim::postmark::Profile;

use crate::words::assert_line;
use crate::world::{Process, World, at};

fn a_person_says_whether_an_incident_was_real_and_may_take_it_back(process: Process) {
    let mut world = World::new(process, "");
    let span = Span::new(at("2026-02-02T00:00:00Z"), at("2026-03-05T00:00:00Z"));
    let profile = Profile::constant(60.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    let stop = Span::new(at("2026-03-03T08:00:00Z"), at("2026-03-03T12:00:00Z"));
    world.shop.stop_sending("outbound", stop);
    world.hours("2026-03-03T06:00:00Z", "2026-03-03T11:00:00Z");
    world.set_aside("that mail stopped");
    let status = world.run(&["status", "--json"]).report;
    let id = status["open_incidents"][0]["incident"].as_str();
    let id = id.expect("an open incident").to_owned();
    let say = |world: &World, now: &str, what: &str, by: &str, more: &[&str]| {
        let args = ["incident", &id, what, "--by", by, "--now", now];
        world.run(&[&args[..], more].concat())
    };
    let said = say(&world, "2026-03-03T11:10:00Z", "--false-alarm", "jane", &[]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let text = said.report.as_str().expect("text");
    assert_eq!(
        text,
        "a false alarm: xkjygrje send_silence on shop/outbound\nonce it is over, its time is learned as one normal pause: a pause like it may alert again until several are marked, and one of more than 1.2 times its length is judged without it\nit is still open: `hushwatch incident xkjygrje --close` closes it\n"
    );
    world.hours("2026-03-03T12:00:00Z", "2026-03-03T16:00:00Z");
    assert_eq!(
        world.alerts(),
        ["✅ RESOLVED shop/outbound: mail is being sent again"]
    );
    let explained = |world: &World| world.run(&["explain", &id, "--json"]).report;
    let incident = explained(&world);
    assert_eq!(incident["incident"]["verdict"], "false_alarm");
    let marked = &incident["learned_from"]["marked"][0];
    assert_eq!(marked["incident"], id.as_str());
    let json = say(
        &world,
        "2026-03-03T16:10:00Z",
        "--real",
        "john",
        &["--json"],
    )
    .report;
    assert_eq!(json["judged"]["verdict"], "real", "{json}");
    assert_eq!(json["judged"]["verdict_by"], "john");
    let text = world.run(&["explain", &id]);
    let text = text.report.as_str().expect("text");
    assert_line(text, "Real, as john said Tue 3 Mar 2026 16:10");
    assert_line(text, "Without 07:59–12:00 (xkjygrje): real, as john said");
    let unknown = world.run(&["incident", "nobody00", "--real"]);
    assert_eq!(unknown.code, 1, "{}", unknown.stderr);
    let both = world.run(&["incident", &id, "--real", "--close"]);
    assert_eq!(both.code, 2, "{}", both.stderr);
}

crate::world::both! {
    a_person_says_whether_an_incident_was_real_and_may_take_it_back
}
