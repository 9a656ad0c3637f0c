//! Faults of Slack on a later step of an incident: on the edit of its message, or on the reply.

use hushwatch::sim::Plan;
use hushwatch::sim::slack::{CHANNEL, Shown};

use super::cases::{self, SlackCase, Timing};
use super::scenario::{FAULTY_HOURS, FIRST_HOURS};
use super::{chosen, run_all, stored_state};
use crate::world::{Process, World, at};

#[test]
fn matrix_every_fault_of_slack_on_an_edit_or_a_reply_leaves_the_end_in_the_channel() {
    if crate::store::needs_a_file("faults, on copies of a file") {
        return;
    }
    let all = cases::slack().into_iter();
    let runs = all.flat_map(|case| {
        let methods = ["chat.update", "chat.postMessage"];
        methods.map(|method| (case.clone(), method))
    });
    let runs = chosen(runs.collect(), 9, |(case, _)| case.slow);
    run_all(
        "faults of Slack on a later step",
        &runs,
        |(case, method)| later_change(case, method),
    );
}

/// A fault of Slack in the cycle in which an incident ends, of one of the two requests that tell it.
fn later_change(case: &SlackCase, method: &str) -> Vec<String> {
    let mut world = World::new(Process::One, "");
    let (token, address) = (world.shop.token(), world.slack.base_url());
    world.env("POSTMARK_SERVER_TOKEN", "wrong");
    world.cycle(at(FIRST_HOURS[0]));
    world.env("POSTMARK_SERVER_TOKEN", &token);
    match &case.strike {
        Timing::Fault(fault) => world.slack.fail(Plan::always(fault.clone()).on(method)),
        Timing::BadEndpoint(place) => {
            world.env("HUSHWATCH_SLACK__BASE_URL", &place.base_url());
        }
    }
    world.cycle(at(FIRST_HOURS[1]));
    world.slack.clear_faults();
    world.env("HUSHWATCH_SLACK__BASE_URL", &address);
    stored_state::end_waits(world.folder.path());
    let cycle = world.cycle(at(FAULTY_HOURS[0]));
    world.set_aside("seen as the channel shows it");
    let shown = world.slack.channel(CHANNEL);
    let is_over = |m: &Shown| m.title().starts_with("✅ RESOLVED ");
    let replies: Vec<usize> = shown.iter().map(|m| m.replies.len()).collect();
    // Edited and replied to; or posted anew, if Slack refused what was not about the channel or the app.
    let is_reported = matches!(replies[..], [1] | [0 | 1, 0]) && shown.last().is_some_and(is_over);
    if is_reported && cycle.report["notices"]["pending"] == 0 {
        return Vec::new();
    }
    let name = &case.name;
    vec![format!("{name} on {method}: {shown:#?} {}", cycle.report)]
}
