//! A stream that is newly chosen is judged from then on, also where the first poll that lists it is killed.

use hushwatch::model::{HOUR, MINUTE, Span};
use hushwatch::sim::postmark::{Profile, StreamType};

use crate::kill::crash_point::{
    CrashPoint, LIMIT_ROUNDING_BYTES, Runner, WAL_FRAME_BYTES, run_until_crash,
};
use crate::kill::matrix::instant;
use crate::kill::scenario::with_long_timeouts;
use crate::store::needs_a_file;
use crate::world::{Process, World};

/// Pages of the log within which the poll stores the list and what is known of its streams.
const PAGES: u64 = 24;

/// What the next digest says of the server.
fn notes(world: &World) -> Vec<String> {
    let path = world.folder.path().join("hushwatch.db");
    let file = rusqlite::Connection::open(path).expect("opened");
    let sql = "SELECT text FROM notes ORDER BY seq";
    let mut notes = file.prepare(sql).expect("a query");
    let texts = notes.query_map([], |row| row.get(0)).expect("read");
    texts.collect::<Result<_, _>>().expect("read")
}

#[test]
fn a_poll_that_is_killed_as_it_lists_a_stream_tells_nothing_of_before_it_was_chosen() {
    if needs_a_file("a death at a byte of the log") {
        return;
    }
    let mut scenario = World::new(Process::New, "");
    with_long_timeouts(&mut scenario);
    let now = instant();
    let all = Span::new(now - HOUR * 36, now + HOUR);
    scenario.shop.add_stream("news", StreamType::Broadcasts);
    for (stream, an_hour) in [("outbound", 60.0), ("news", 600.0)] {
        let profile = Profile::constant(an_hour).without_bounces();
        scenario.shop.generate(stream, all, &profile);
    }
    let before = Span::new(now - HOUR * 5 + MINUTE * 10, now - HOUR * 4 - MINUTE * 10);
    scenario.shop.bounce_wave("news", before, 0.1, "HardBounce");
    let file = scenario.folder.path().join("monitor.toml");
    let text = std::fs::read_to_string(&file).expect("read");
    let watch = |streams: &str| {
        std::fs::write(&file, format!("{text}streams = [{streams}]\n")).expect("written");
    };
    watch("\"outbound\"");
    for hours in [6, 5] {
        scenario.cycle(now - HOUR * hours);
    }
    watch("\"news\", \"outbound\"");
    let mut deaths = 0;
    for page in 0..PAGES {
        let mut world = scenario.fork_with_slack();
        let strike = CrashPoint::Write(page * WAL_FRAME_BYTES + 2 * LIMIT_ROUNDING_BYTES);
        deaths += u64::from(run_until_crash(&world, Runner::Check(now), strike));
        let next = world.cycle(now);
        assert_eq!(
            next.steps(),
            Vec::<String>::new(),
            "page {page}: {}",
            next.report
        );
        assert_eq!(
            notes(&world),
            ["stream news is new, and watched from now on"],
            "page {page}"
        );
        world.set_aside("the steps and the notes are what is tested");
    }
    assert_eq!(deaths, PAGES);
    scenario.set_aside("the steps are what is tested");
}
