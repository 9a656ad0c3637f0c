//! Servers that are called otherwise than before, in the account or in the file, and those that leave the file.

use hushwatch::model::{HOUR, Span};
use serde_json::json;

use crate::account::{names, next_digest, world};
use crate::world::{Process, World, at, both};

/// The file that names a server with a token of its own.
fn name_in_file(world: &mut World, name: &str) {
    let file = format!("[[server]]\nname = \"{name}\"\ntoken_env = \"SHOP_TOKEN\"\n");
    std::fs::write(world.folder.path().join("monitor.toml"), file).expect("written");
    world.env("SHOP_TOKEN", &world.shop.token());
}

/// The file of a process that watches another server than `shop`.
fn name_alpha_in_file(world: &mut World) {
    let file = "[[server]]\nname = \"alpha\"\ntoken_env = \"ALPHA\"\n";
    std::fs::write(world.folder.path().join("monitor.toml"), file).expect("written");
    world.env("ALPHA", &world.postmark.server("alpha").token());
}

/// A wave of bounces that is reported at 12:00, and lasts.
fn wave(world: &mut World) {
    let wave = Span::new(at("2026-03-03T10:00:00Z"), at("2026-03-06T00:00:00Z"));
    world.shop.bounce_wave("outbound", wave, 0.02, "HardBounce");
    world.shop.bounce_wave("outbound", wave, 0.02, "Blocked");
    world.cycle(at("2026-03-03T10:00:00Z"));
    world.hours("2026-03-03T11:00:00Z", "2026-03-03T16:00:00Z");
    assert_eq!(world.alerts().len(), 1);
}

fn a_server_that_is_called_otherwise_keeps_its_history_and_its_incidents(process: Process) {
    let mut world = world(process, "");
    let wave = Span::new(at("2026-03-03T10:00:00Z"), at("2026-03-04T00:00:00Z"));
    let alpha = world.postmark.server("alpha");
    alpha.bounce_wave("outbound", wave, 0.3, "Blocked");
    world.cycle(at("2026-03-03T10:00:00Z"));
    let opened = world.cycle(at("2026-03-03T12:00:00Z"));
    let id = opened.report["open_incidents"][0]["incident"].clone();
    assert_eq!(world.alerts().len(), 1);
    world.postmark.rename_server("alpha", "omega");
    let asked = world.postmark.requests().len();
    let cycle = world.cycle(at("2026-03-03T13:00:00Z"));
    let asked = world.postmark.requests().len() - asked;
    assert_eq!((cycle.code, cycle.steps()), (0, vec![]), "{}", cycle.report);
    assert_eq!(names(&cycle), ["beta", "omega", "shop", "(account)"]);
    assert!(asked < 40, "nothing is read anew: {asked} requests");
    let open = &cycle.report["open_incidents"][0];
    assert_eq!((&open["incident"], &open["server"]), (&id, &json!("omega")));
    assert_eq!(world.alerts(), [""; 0]);
    let digest = next_digest(&mut world);
    insta::assert_snapshot!("digest_of_a_server_renamed_in_the_account", digest);
}

fn a_server_that_the_file_begins_to_call_otherwise_is_noted(process: Process) {
    let mut world = world(process, "");
    world.cycle(at("2026-03-03T10:00:00Z"));
    let file = "[[server]]\nname = \"mine\"\ntoken_env = \"SHOP_TOKEN\"\n";
    std::fs::write(world.folder.path().join("monitor.toml"), file).expect("written");
    world.env("SHOP_TOKEN", &world.shop.token());
    world.cycle(at("2026-03-03T11:00:00Z"));
    let digest = next_digest(&mut world);
    insta::assert_snapshot!("digest_of_a_server_renamed_in_the_file", digest);
}

/// As the first steps have it: a token in the environment, and later a name in the file.
fn a_server_that_gets_another_name_in_the_file_goes_on(process: Process) {
    let mut world = world(process, "");
    world.env("POSTMARK_ACCOUNT_TOKEN", "");
    world.env("POSTMARK_SERVER_TOKEN", &world.shop.token());
    wave(&mut world);
    name_in_file(&mut world, "mine");
    let asked = world.postmark.requests().len();
    let cycle = world.cycle(at("2026-03-03T17:00:00Z"));
    let asked = world.postmark.requests().len() - asked;
    assert_eq!((cycle.code, cycle.steps()), (0, vec![]), "{}", cycle.report);
    assert_eq!(names(&cycle), ["mine"]);
    assert!(asked < 25, "nothing is read anew: {asked} requests");
    assert_eq!(cycle.report["open_incidents"][0]["server"], "mine");
    let last = world.hours("2026-03-03T18:00:00Z", "2026-03-03T20:00:00Z");
    assert_eq!(
        last.report["open_incidents"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(world.alerts(), [""; 0], "neither a second one nor an end");
    let digest = next_digest(&mut world);
    let note = "mine was called default before; what is known of it goes on";
    assert!(digest.contains(note), "{digest}");
}

fn a_server_of_the_file_is_watched_on_whatever_the_account_calls_it(process: Process) {
    for ignored in ["", "[postmark]\nignore_servers = [\"shop\", \"store\"]\n"] {
        let mut world = world(process, "");
        name_in_file(&mut world, "shop");
        wave(&mut world);
        let path = world.folder.path().join("monitor.toml");
        let file = std::fs::read_to_string(&path).expect("text");
        std::fs::write(&path, format!("{ignored}{file}")).expect("written");
        world.postmark.rename_server("shop", "store");
        let last = world.hours("2026-03-03T17:00:00Z", "2026-03-03T19:00:00Z");
        assert_eq!(world.alerts(), [""; 0]);
        assert!(names(&last).contains(&"shop".to_owned()), "{}", last.report);
        assert_eq!(last.report["open_incidents"][0]["server"], "shop");
        let digest = next_digest(&mut world);
        assert!(!digest.contains("not watched any more"), "{digest}");
    }
}

fn what_is_open_on_a_server_that_left_the_file_ends_once_nobody_polled_it_twice(process: Process) {
    let mut world = world(process, "");
    world.env("POSTMARK_ACCOUNT_TOKEN", "");
    name_in_file(&mut world, "shop");
    wave(&mut world);
    name_alpha_in_file(&mut world);
    // Another process may poll it.
    world.hours("2026-03-03T17:00:00Z", "2026-03-03T18:00:00Z");
    assert_eq!(world.alerts(), [""; 0]);
    let next = at("2026-03-03T19:00:00Z");
    let ended = world.cycle(next);
    assert_eq!(ended.steps(), ["bounce_rate resolved"], "{}", ended.report);
    assert_eq!(
        world.alerts(),
        ["☑ CLOSED shop/outbound: no longer watched, the stream or its server is gone or left out"]
    );
    let listed = world
        .run(&["incidents", "--json", "--since", "2026-03-01"])
        .report;
    assert!(listed[0]["resolved_at"].is_string(), "{listed}");
    world.cycle(next + HOUR);
    assert_eq!(world.alerts(), [""; 0], "once");
}

/// Two processes with a configuration each share the database: what the other one watches stays open, whatever its schedule is, and
/// though both slept.
fn what_another_process_watches_stays_open(process: Process) {
    let mut world = world(process, "");
    world.env("POSTMARK_ACCOUNT_TOKEN", "");
    name_in_file(&mut world, "shop");
    wave(&mut world);
    name_alpha_in_file(&mut world);
    world.env("HUSHWATCH_SCHEDULE", "0 */5 * * * *");
    for minutes in ["05", "20", "35", "50", "55"] {
        let other = world.cycle(at(&format!("2026-03-03T16:{minutes}:00Z")));
        assert_eq!(other.steps(), [""; 0], "{minutes}: {}", other.report);
    }
    world.env("HUSHWATCH_SCHEDULE", "0 0 * * * *");
    let own = |world: &mut World, now: &str| {
        name_in_file(world, "shop");
        world.cycle(at(now))
    };
    own(&mut world, "2026-03-03T17:00:00Z");
    name_alpha_in_file(&mut world);
    world.cycle(at("2026-03-03T17:01:00Z"));
    // The host slept.
    let other = world.cycle(at("2026-03-03T21:00:00Z"));
    assert_eq!(other.steps(), [""; 0], "{}", other.report);
    let open = &other.report["open_incidents"];
    assert_eq!(open[0]["server"], "shop", "{open}");
    assert_eq!(world.alerts(), [""; 0]);
    // Who watches it tells the end that its mail has meanwhile.
    own(&mut world, "2026-03-03T21:01:00Z");
    let told = world.alerts();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("bounce rate is back to 0%"), "{told:?}");
}

both! {
    a_server_that_is_called_otherwise_keeps_its_history_and_its_incidents
    a_server_that_the_file_begins_to_call_otherwise_is_noted
    a_server_that_gets_another_name_in_the_file_goes_on
    a_server_of_the_file_is_watched_on_whatever_the_account_calls_it
    what_is_open_on_a_server_that_left_the_file_ends_once_nobody_polled_it_twice
    what_another_process_watches_stays_open
}
