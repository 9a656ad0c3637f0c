//! What an operator asks by hand, through the built binary.

mod bad_input;
mod letters;
mod partly;
mod stats;
mod suppressions;
mod terminal;

use crate::world::{Process, World, at};

/// The simulated present; what is relative to the machine's clock has tests of its own.
const NOW: &str = "2026-03-03T12:00:00Z";

/// A world with one server `shop`, at [`NOW`].
fn world() -> World {
    let world = World::new(Process::New, "time_zone = \"Europe/Berlin\"");
    world.postmark.set_now(at(NOW));
    world
}

/// What was printed, as text.
fn text(world: &World, args: &[&str]) -> String {
    let ended = world.run(args);
    assert_eq!(ended.code, 0, "{args:?}: {}", ended.stderr);
    ended.report.as_str().unwrap_or_default().to_owned()
}

/// The first line of an error, without the program's name.
fn error(stderr: &str) -> String {
    let line = stderr.lines().find_map(|l| l.strip_prefix("hushwatch: "));
    line.unwrap_or_default().to_owned()
}
