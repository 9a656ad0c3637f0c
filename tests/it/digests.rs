//! The daily digest.

use hushwatch::model::{HOUR, Span};
use hushwatch::sim::postmark::Profile;

use crate::words::{assert_line, is_digest};
use crate::world::{Process, World, at};

#[test]
fn a_digest_comes_once_per_local_day_over_a_dst_night_whoever_comes_first() {
    for process in [Process::One, Process::New] {
        let mut world = World::new(process, "time_zone = \"Europe/Berlin\"");
        let span = Span::new(at("2026-03-20T00:00:00Z"), at("2026-04-01T00:00:00Z"));
        world
            .shop
            .generate("outbound", span, &Profile::constant(20.0).without_bounces());
        world.hours("2026-03-27T10:00:00Z", "2026-03-31T12:00:00Z");
        let digests: Vec<String> = world.slack.take().into_iter().map(|m| m.plain).collect();
        assert_eq!(digests.len(), 4, "{digests:#?}");
        assert!(digests.iter().all(|text| is_digest(text)), "{digests:#?}");
        assert!(
            digests.iter().all(|d| d.lines().count() <= 10),
            "{digests:#?}"
        );
        assert_line(
            &digests[1],
            "covered 100% · Sat 28 Mar 09:00 to Sun 29 Mar 09:00 Europe/Berlin",
        );
    }
}

/// It ends in the cycle that writes the digest, or in the one before.
#[test]
fn an_end_is_told_in_one_digest_with_its_time() {
    for back in ["2026-03-03T07:10:00Z", "2026-03-03T08:10:00Z"] {
        let mut world = World::new(Process::New, "");
        let span = Span::new(at("2026-02-10T00:00:00Z"), at("2026-03-06T00:00:00Z"));
        let mail = Profile::constant(60.0).without_bounces();
        world.shop.generate("outbound", span, &mail);
        let stop = Span::new(at("2026-03-03T04:00:00Z"), at(back));
        world.shop.stop_sending("outbound", stop);
        world.hours("2026-03-02T12:00:00Z", "2026-03-05T09:00:00Z");
        let told = world.slack.take().into_iter().map(|m| m.plain);
        let digests: Vec<String> = told.filter(|text| is_digest(text)).collect();
        let lines = digests.iter().flat_map(|text| text.lines());
        let ends: Vec<&str> = lines.filter(|line| line.starts_with('✅')).collect();
        assert_eq!(ends.len(), 1, "{digests:#?}");
        assert!(ends[0].contains("no mail sent "), "{digests:#?}");
        assert!(ends[0].contains(" 03:5"), "{digests:#?}");
        assert!(!ends[0].contains("after this period"), "{digests:#?}");
        let counted = digests.iter().filter(|text| text.contains("resolved"));
        assert_eq!(counted.count(), 1, "{digests:#?}");
    }
}

#[test]
fn its_numbers_are_those_of_the_ledger() {
    let mut world = World::new(Process::New, "");
    let span = Span::new(at("2026-02-20T00:00:00Z"), at("2026-03-05T00:00:00Z"));
    world
        .shop
        .generate("outbound", span, &Profile::constant(50.0));
    world.hours("2026-03-02T10:00:00Z", "2026-03-03T10:00:00Z");
    let printed = world.run(&["digest", "--print", "--now", "2026-03-03T10:00:00Z"]);
    let text = printed.report.as_str().expect("text").to_owned();
    let truth = world.shop.expected(
        "outbound",
        Span::new(at("2026-03-02T09:00:00Z"), at("2026-03-03T09:00:00Z")),
    );
    assert!(
        text.contains(&format!("outbound: {} sent", count(truth.sent))),
        "{text} {truth:?}"
    );
    let hard = Span::new(at("2026-03-02T09:00:00Z"), at("2026-03-03T09:00:00Z"));
    let bounced = world.shop.expected("outbound", hard).bounced;
    let line = text
        .split(" · ")
        .find(|part| part.contains(" hard bounces"));
    let said = line.and_then(|part| part.split(' ').next());
    assert_eq!(said, Some(count(bounced).as_str()), "{text} {truth:?}");
    assert_eq!(
        world.posted(),
        [
            "🟠 WARN shop/outbound: 1 of 61 recipients bounced in the last hour (1.6%)",
            "✅ RESOLVED shop/outbound: bounce rate is back to 0% (0 of 65)",
            "🟠 WARN shop/outbound: 1 of 55 recipients bounced in the last hour (1.8%)",
            "✅ RESOLVED shop/outbound: bounce rate is back to 0% (0 of 43)",
            "📋 Daily digest, Tue 3 Mar: nothing open, 2 problems resolved",
        ]
    );
}

fn count(number: u64) -> String {
    hushwatch::internals::count(number)
}

fn missed_days_are_one_digest_that_names_them(process: Process) {
    let mut world = World::new(process, "");
    let span = Span::new(at("2026-02-20T00:00:00Z"), at("2026-03-10T00:00:00Z"));
    world
        .shop
        .generate("outbound", span, &Profile::constant(20.0).without_bounces());
    world.hours("2026-03-02T10:00:00Z", "2026-03-03T10:00:00Z");
    world.set_aside("before what is tested");
    world.cycle(at("2026-03-06T10:00:00Z") + HOUR);
    let digests: Vec<String> = world
        .slack
        .take()
        .into_iter()
        .map(|m| m.plain)
        .filter(|text| is_digest(text))
        .collect();
    assert_eq!(digests.len(), 1, "{digests:#?}");
    assert_line(
        &digests[0],
        "No digest was sent on Wed 4 Mar and Thu 5 Mar.",
    );
}

crate::world::both! {
    missed_days_are_one_digest_that_names_them
}

#[test]
fn what_was_never_seen_is_not_called_quiet() {
    let world = World::new(Process::New, "");
    let printed = world.run(&["digest", "--print", "--now", "2026-03-03T10:00:00Z"]);
    let text = printed.report.as_str().expect("text").to_owned();
    insta::assert_snapshot!("digest_of_what_was_never_seen", text);
    let files = std::fs::read_dir(world.folder.path()).expect("read");
    assert_eq!(files.count(), 1, "no database was made");
}
