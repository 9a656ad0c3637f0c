//! Pictures of what is stored.

use hushwatch::model::{DAY, HOUR, Span};
use hushwatch::sim::postmark::Profile;

use crate::world::{Process, World, at};

/// A month of mail up to this hour, since a picture shows the time by the machine's clock.
fn watched() -> World {
    let mut world = World::new(Process::New, "");
    let now = hushwatch::clock::now().floor(HOUR);
    let span = Span::new(now - 30 * DAY, now + HOUR);
    world
        .shop
        .generate("outbound", span, &Profile::constant(40.0));
    world
        .shop
        .generate("broadcast", span, &Profile::constant(5.0));
    let cycle = world.cycle(now);
    assert_eq!(cycle.code, 0, "{}", cycle.stderr);
    world.set_aside("the first messages are not what this is about");
    world
}

#[test]
fn a_picture_is_written_in_the_form_that_its_name_says() {
    let world = watched();
    let args = ["chart", "--server", "shop", "--since", "7d", "-o"];
    let write = |args: &[&str], name: &str| {
        let ended = world.run(&[args, &[name]].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        std::fs::read(world.folder.path().join(name)).expect("written")
    };
    let svg = String::from_utf8(write(&args, "week.svg")).expect("text");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
    assert!(svg.contains(">shop: mail by hour</title>") && svg.contains(">usual</text>"));
    assert!(!svg.contains(">not seen</text>"), "all of it was read");
    let png = write(&args, "week.PNG");
    assert!(png.starts_with(b"\x89PNG"));
    let stream = [
        "chart",
        "--server",
        "shop",
        "--stream",
        "broadcast",
        "--since",
        "60d",
        "-o",
    ];
    let svg = String::from_utf8(write(&stream, "stream.svg")).expect("text");
    assert!(svg.contains(">shop/broadcast: mail by day</title>"));
    assert!(svg.contains(">not seen</text>"), "history is a month long");
}

#[test]
fn a_picture_that_cannot_be_drawn_names_what_is_wrong() {
    let world = watched();
    let wrong: &[&[&str]] = &[
        &["chart"],
        &["chart", "-o", "week.gif"],
        &["chart", "-o", "week"],
        &["chart", "--server", "shpo", "-o", "week.svg"],
        &[
            "chart", "--server", "shop", "--stream", "inbound", "-o", "week.svg",
        ],
        &["chart", "--since", "500d", "-o", "week.svg"],
        &["chart", "--since", "tomorrow", "-o", "week.svg"],
        &["chart", "-o", "no/such/folder/week.svg"],
    ];
    insta::assert_snapshot!("chart_errors", world.transcripts(wrong));
    let missing = World::new(Process::New, "").run(&["chart", "-o", "week.svg"]);
    assert_eq!(
        missing.code,
        if missing.stderr.contains("no database") {
            2
        } else {
            0
        }
    );
}

#[test]
fn of_several_servers_the_worst_stands_first() {
    let two = "[[server]]\nname = \"blog\"\ntoken_env = \"NOT_SET\"";
    let mut world = World::new(Process::New, two);
    let now = at("2026-03-03T10:00:00Z");
    world.cycle(now);
    world.set_aside("a server without a token is reported");
    let ended = world.run(&["chart", "-o", "all.svg"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let svg = std::fs::read_to_string(world.folder.path().join("all.svg")).expect("written");
    let place = |name: &str| svg.find(&format!(">{name}</text>")).expect("a row");
    assert!(place("blog") < place("shop"));
    assert!(svg.contains(">2 servers, worst first</text>") && svg.contains(">WAKE</text>"));
}
