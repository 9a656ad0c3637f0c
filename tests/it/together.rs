//! What happens in many places at once is one message.

use hushwatch::model::Span;
use hushwatch::sim::postmark::Profile;
use hushwatch::sim::{Fault, Plan};

use crate::words::title;
use crate::world::{Process, World, at};

const TOKEN: &str = "account-token-that-nobody-may-see";

/// A world whose account holds so many servers that send all the time.
fn world(servers: usize) -> World {
    let mut world = World::new(Process::One, "");
    std::fs::write(world.folder.path().join("monitor.toml"), "").expect("written");
    world.env("POSTMARK_SERVER_TOKEN", "");
    world.env("POSTMARK_ACCOUNT_TOKEN", TOKEN);
    // So many at once may keep a busy machine longer than the other tests wait.
    world.env("HUSHWATCH_POSTMARK__TIMEOUT", "30s");
    world.postmark.set_account_token(TOKEN);
    let span = Span::new(at("2026-03-02T00:00:00Z"), at("2026-03-05T00:00:00Z"));
    let profile = Profile::constant(30.0).without_bounces();
    for n in 0..servers {
        let client = world.postmark.server(&format!("client-{n}"));
        client.generate("outbound", span, &profile);
    }
    world
}

#[test]
fn many_servers_that_cannot_be_seen_are_one_message_that_names_each() {
    let mut world = world(40);
    world.cycle(at("2026-03-03T10:00:00Z"));
    world
        .postmark
        .fail(Plan::always(Fault::Status(503)).on("/messages"));
    world.cycle(at("2026-03-03T11:00:00Z"));
    world.cycle(at("2026-03-03T12:00:00Z"));
    let posted = world.slack.take();
    assert_eq!(
        posted.len(),
        1,
        "{:#?}",
        posted.iter().map(|m| &m.plain).collect::<Vec<_>>()
    );
    assert_eq!(
        title(&posted[0].plain),
        "🟠 WARN 41 servers: hushwatch cannot read their mail from Postmark"
    );
    let cycle = world.cycle(at("2026-03-03T13:00:00Z"));
    let open = cycle.report["open_incidents"]
        .as_array()
        .expect("incidents")
        .clone();
    assert_eq!(open.len(), 41);
    for incident in open {
        let id = incident["incident"].as_str().expect("an id");
        assert!(posted[0].plain.contains(id), "{id} {}", posted[0].plain);
    }
}

#[test]
fn the_same_on_many_streams_is_one_message_with_a_line_for_each() {
    let mut world = world(6);
    let wave = Span::new(at("2026-03-03T10:00:00Z"), at("2026-03-03T12:00:00Z"));
    for n in 0..6 {
        let client = world.postmark.server(&format!("client-{n}"));
        client.bounce_wave("outbound", wave, 0.3, "Blocked");
    }
    world.hours("2026-03-03T10:00:00Z", "2026-03-03T12:00:00Z");
    let posted = world.slack.take();
    assert_eq!(posted.len(), 1, "{posted:#?}");
    insta::assert_snapshot!("many_streams_bounce", posted[0].plain);
    world.hours("2026-03-03T12:00:00Z", "2026-03-03T16:00:00Z");
    let posted = world.slack.take();
    assert_eq!(posted.len(), 1, "{posted:#?}");
    insta::assert_snapshot!("many_streams_are_well_again", posted[0].plain);
}

#[test]
fn servers_that_stop_together_are_one_incident_that_is_reported_early_and_once() {
    let mut world = World::new(Process::One, "");
    std::fs::write(world.folder.path().join("monitor.toml"), "").expect("written");
    world.env("POSTMARK_SERVER_TOKEN", "");
    world.env("POSTMARK_ACCOUNT_TOKEN", TOKEN);
    world.postmark.set_account_token(TOKEN);
    let span = Span::new(at("2026-01-26T00:00:00Z"), at("2026-03-12T00:00:00Z"));
    let (stop, back) = (at("2026-03-10T10:20:00Z"), at("2026-03-10T16:00:00Z"));
    for n in 0..5 {
        let client = world.postmark.server(&format!("client-{n}"));
        let profile = Profile::office_hours(4.0).without_bounces();
        client.generate("outbound", span, &profile);
        client.stop_sending("outbound", Span::new(stop, back));
    }
    world.hours("2026-03-09T09:00:00Z", "2026-03-10T10:00:00Z");
    assert_eq!(world.alerts(), Vec::<String>::new());
    let mute = [
        "mute", "--server", "client-3", "--for", "2d", "--reason", "moving",
    ];
    world.transcript(&[&mute[..], &["--now", "2026-03-10T10:30:00Z"]].concat());
    world.hours("2026-03-10T11:00:00Z", "2026-03-10T12:00:00Z");
    let posted = world.slack.take();
    insta::assert_snapshot!(
        "stopped_together",
        posted
            .iter()
            .map(|m| m.plain.clone())
            .collect::<Vec<_>>()
            .join("\n\n")
    );
    let cycle = world.hours("2026-03-10T13:00:00Z", "2026-03-10T15:00:00Z");
    assert_eq!(
        world.alerts(),
        Vec::<String>::new(),
        "no server is reported on its own"
    );
    let open = cycle.report["open_incidents"]
        .as_array()
        .expect("incidents");
    let of_all = open
        .iter()
        .find(|i| i["server"].is_null())
        .expect("of all servers");
    assert_eq!(
        of_all["streams"].as_array().expect("streams").len(),
        4,
        "{of_all}"
    );
    let id = of_all["incident"].as_str().expect("an id");
    // Its messages were delivered by the machine's clock.
    let explained = world.transcript(&["explain", id, "--now", "2026-03-10T15:00:00Z"]);
    let (explained, _) = explained.split_once("Messages").expect("messages");
    let status = world.transcript(&["status", "--now", "2026-03-10T15:00:00Z"]);
    let (_, open) = status.split_once("Open incidents").expect("incidents");
    let said = format!("{explained}\nOpen incidents{open}");
    insta::assert_snapshot!("explain_and_status_of_a_stop_together", said);
    world.hours("2026-03-10T16:00:00Z", "2026-03-10T20:00:00Z");
    assert_eq!(
        world.alerts(),
        ["✅ RESOLVED all servers: mail is being sent again"]
    );
}

#[test]
fn one_server_under_two_names_does_not_stop_together_with_itself() {
    let mut world = World::new(Process::One, "");
    let servers = "[[server]]\nname = \"shop\"\ntoken_env = \"POSTMARK_SERVER_TOKEN\"\n\
                   [[server]]\nname = \"store\"\ntoken_env = \"STORE_TOKEN\"\n";
    std::fs::write(world.folder.path().join("monitor.toml"), servers).expect("written");
    let token = world.shop.token();
    world.env("STORE_TOKEN", &token);
    let span = Span::new(at("2026-01-26T00:00:00Z"), at("2026-03-12T00:00:00Z"));
    let (stop, back) = (at("2026-03-10T10:20:00Z"), at("2026-03-10T16:00:00Z"));
    let profile = Profile::office_hours(4.0).without_bounces();
    world.shop.generate("outbound", span, &profile);
    world.shop.stop_sending("outbound", Span::new(stop, back));
    world.hours("2026-03-09T09:00:00Z", "2026-03-10T10:00:00Z");
    let cycle = world.hours("2026-03-10T11:00:00Z", "2026-03-10T15:00:00Z");
    let open = cycle.report["open_incidents"]
        .as_array()
        .expect("incidents");
    assert!(!open.is_empty());
    assert!(open.iter().all(|i| !i["server"].is_null()), "{open:?}");
    world.set_aside("the incidents are what is tested");
    let checked = world.transcript(&["config", "check"]);
    let note = "note: shop and store have the same token, so they are the same Postmark server: its mail counts once";
    assert!(checked.contains(note), "{checked}");
}
