//! A stop that ends in time which could not be read.

use super::*;

#[test]
fn a_stop_that_ends_unread_says_what_was_not_read() {
    let mut sent = office(75, |_| 30);
    let stop = days(60, 73);
    sent.retain(|at| !stop.contains(*at));
    let polls = days(58, 75);
    let hole = Span::new(
        start() + DAY * 64 + HOUR * 12,
        start() + DAY * 72 + HOUR * 6,
    );
    for is_read in [false, true] {
        let mut past = history(&sent, polls.until);
        if !is_read {
            past.messages = past.messages.without(hole);
            past.bounces = past.bounces.without(hole);
        }
        let server = ServerPast {
            server: "shop".into(),
            policy: Policy::new(false, Rules::default()),
            histories: [("outbound".into(), past)].into(),
            sampled: BTreeMap::new(),
        };
        let mut replay = Replay::new(vec![server], Policy::new(false, Rules::default()), 1);
        let hours = (0..17 * 24).map(|hour| polls.from + HOUR * hour);
        let steps: Vec<Transition> = hours.flat_map(|at| replay.poll(at)).collect();
        let shown: Vec<_> = steps.iter().map(|t| (t.at, t.step)).collect();
        let end = steps.last().expect("resolved");
        assert_eq!(end.step, Step::Resolved, "{shown:?}");
        assert_eq!(end.incident.unread, (!is_read).then_some(hole), "{shown:?}");
    }
}
