//! The report: everything in one file.

use hushwatch::model::{DAY, HOUR, MINUTE, Span};
use hushwatch::sim::postmark::Profile;

use crate::words::assert_element;
use crate::world::{Process, World};

/// Weeks of mail up to this hour, since a report shows the time by the machine's clock; it stopped some hours ago.
fn stopped() -> World {
    let mut world = World::new(Process::New, "");
    let now = hushwatch::clock::now().floor(HOUR);
    let span = Span::new(now - 30 * DAY, now - HOUR * 5);
    world
        .shop
        .generate("outbound", span, &Profile::constant(60.0));
    world.cycle(now - HOUR * 6);
    world.cycle(now - HOUR);
    world.cycle(now);
    world.set_aside("that mail stopped is reported");
    world
}

#[test]
fn a_report_is_one_file_that_shows_what_is_wrong() {
    let world = stopped();
    let ended = world.run(&["report", "--html", "report.html"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let page = std::fs::read_to_string(world.folder.path().join("report.html")).expect("written");
    // To be looked at: HUSHWATCH_DUMP_DIR=…
    if let Ok(folder) = std::env::var("HUSHWATCH_DUMP_DIR") {
        std::fs::write(format!("{folder}/page_report.html"), &page).expect("written");
    }
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
    for text in [
        "shop/outbound: mail by hour",
        "shop/outbound: mail by day",
        "it has stopped",
        "Last proven delivery",
        "The same in figures, by hour",
        "The same in figures, by day",
    ] {
        assert_element(&page, text);
    }
    // How long, and the commands in the explanation, are of the machine's clock.
    for part in [
        ": no mail sent for ",
        "hushwatch messages --server shop --stream outbound",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for forbidden in ["<script", "http://", "https://", "href=\"/"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn a_report_that_cannot_be_written_names_what_is_wrong() {
    let mut world = World::new(Process::New, "");
    world.cycle(hushwatch::clock::now().floor(HOUR) - MINUTE);
    let wrong: &[&[&str]] = &[
        &["report"],
        &["report", "--html", "report.html", "--since", "5m"],
        &["report", "--html", "report.html", "--since", "500d"],
        &["report", "--html", "no/such/folder/report.html"],
    ];
    insta::assert_snapshot!("report_errors", world.transcripts(wrong));
}

#[test]
fn what_was_read_days_ago_is_not_called_fine() {
    let mut world = World::new(Process::New, "");
    world.cycle(hushwatch::clock::now().floor(HOUR) - 4 * DAY);
    world.set_aside("days ago");
    let ended = world.run(&["report", "--html", "report.html"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let page = std::fs::read_to_string(world.folder.path().join("report.html")).expect("written");
    assert_element(&page, " no problem found, but 1 server could not be read");
}
